"""Whom earlier issues went to: all of one, as facts, to be compared with the list; and one address, of all issues."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.counts import span_of
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queries import issue_from, issue_query, omitted_from, these_deliveries
from distributor.delivery.ledger.schema import deliveries, issues, letters, omitted, served, supplementary
from distributor.delivery.model.records import DeliveryRecord, IssueRecord, IssueState, OmittedRecord
from distributor.endpoints import channel_of
from distributor.recipients.facts import Fact

Contact = tuple[str, str, str]

_TOGETHER = 500


def last_issues(database: Database, masthead: str, groups: Iterable[str]) -> dict[str, IssueRecord]:
    """For each of *groups* the newest issue of *masthead* that went to it; none that was cancelled or pruned."""
    found = {}
    with database.read() as connection:
        for group in groups:
            went_there = sa.exists().where(letters.c.issue_id == issues.c.id, letters.c.group_name == group)
            whole = (issues.c.state != IssueState.CANCELLED.value, issues.c.pruned_at.is_(None))
            mine = (issues.c.masthead == masthead, *whole, went_there)
            query = issue_query().where(*mine).order_by(issues.c.id.desc()).limit(1)
            if (row := connection.execute(query).one_or_none()) is not None:
                found[group] = issue_from(row)
    return found


def has_supplements(database: Database, issue_id: int) -> bool:
    """Whether the issue has gone to people who were not its first recipients."""
    query = sa.select(sa.exists().where(deliveries.c.issue_id == issue_id, supplementary))
    with database.read() as connection:
        return bool(connection.execute(query).scalar())


def readers(database: Database, issue_id: int, groups: Collection[str]) -> Iterator[Fact]:
    """The contacts in *groups* that the issue was sent to, streamed in the order of opening.

    Where a supplement went to another address of a contact, that one stands for it.
    """
    with database.read() as connection:
        if not (later := _supplemented(connection, issue_id)):
            yield from map(tuple, connection.execute(_readers(connection, issue_id, groups)))
            return
        for *fact, supplement in connection.execute(
            _readers(connection, issue_id, groups).add_columns(deliveries.c.supplement)
        ):
            if supplement == later.get((fact[1], fact[2]), 0):
                yield tuple(fact)


def _readers(connection: Connection, issue_id: int, groups: Collection[str]) -> sa.Select[Any]:
    span = span_of(connection, issue_id)
    columns = (served.c.unit, served.c.contact, deliveries.c.address, deliveries.c.group_name)
    return (
        sa.select(sa.literal_column("'reader'"), *columns)
        .select_from(served.join(deliveries, deliveries.c.id == served.c.delivery_id))
        .where(span.served, *span.rows, deliveries.c.group_name.in_(groups))
        .order_by(served.c.delivery_id, served.c.position)
    )


def disabled(database: Database, issue_id: int) -> Iterator[tuple[Contact, str]]:
    """The contacts (unit, name, address) that the issue left out since they were disabled, and why; streamed."""
    columns = (omitted.c.unit, omitted.c.name, omitted.c.address, omitted.c.detail)
    query = sa.select(*columns).where(omitted.c.issue_id == issue_id, omitted.c.why == "disabled")
    with database.read() as connection:
        for unit, name, address, why in connection.execute(query):
            yield (unit, name, address), why


def sent_to(database: Database, key: str) -> dict[int, DeliveryRecord]:
    """What became of every letter to the normalised address *key*, by the id of its issue."""
    mine = (
        deliveries.c.issue_id == issues.c.id,
        deliveries.c.channel == channel_of(key),
        deliveries.c.address_key == key,
    )
    query = sa.select(issues.c.id, deliveries.c.id).select_from(issues.join(deliveries, sa.and_(*mine)))
    with database.read() as connection:
        found = [tuple(row) for row in connection.execute(query.order_by(issues.c.id.desc()))]
        records: dict[int, DeliveryRecord] = {}
        for some in (found[start : start + _TOGETHER] for start in range(0, len(found), _TOGETHER)):
            ids = [delivery for _issue, delivery in some]
            records |= zip((issue for issue, _delivery in some), these_deliveries(connection, ids), strict=True)
        return records


def left_out(database: Database, forms: Collection[str]) -> list[tuple[int, OmittedRecord]]:
    """The disabled contacts with an address in one of *forms* (lower case) of every issue's opening, with its id."""
    query = sa.select(omitted).where(omitted.c.why == "disabled", sa.func.lower(omitted.c.address).in_(forms))
    with database.read() as connection:
        return [(row.issue_id, omitted_from(row)) for row in connection.execute(query.order_by(omitted.c.id))]


def _supplemented(connection: Connection, issue_id: int) -> dict[tuple[str, str], int]:
    """The last supplement of each contact that has any."""
    contact = (served.c.unit, served.c.contact)
    query = (
        sa.select(*contact, sa.func.max(deliveries.c.supplement))
        .select_from(served.join(deliveries, deliveries.c.id == served.c.delivery_id))
        .where(deliveries.c.issue_id == issue_id, supplementary)
        .group_by(*contact)
    )
    return {(unit, name): supplement for unit, name, supplement in connection.execute(query)}
