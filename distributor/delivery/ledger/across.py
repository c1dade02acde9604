"""Many issues together, by unit and by address: added up in the database, however many deliveries there are."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.counts import Span
from distributor.delivery.ledger.queries import issue_from, issue_query
from distributor.delivery.ledger.rows import some
from distributor.delivery.ledger.schema import deliveries, issues, served, settled
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import REFUSED, State
from distributor.endpoints import CHANNELS


class UnitRow(NamedTuple):
    """A unit's letters that are in *state*, and how many of its contacts they serve.

    Of each of *letters* the issue's id and when it was settled, in µs UTC; 0: it is not.
    """

    unit: str
    state: State
    contacts: int
    letters: list[tuple[int, int]]


class Letter(NamedTuple):
    """One letter to an address: as a DeliveryRecord has it, but for *settled_at*, which is in µs UTC."""

    key: str
    id: int
    issue_id: int
    address: str
    state: State
    reason: str | None
    code: int | None
    enhanced: str | None
    reply: str | None
    settled_at: int | None


def opened_between(connection: Connection, begins: int, ends: int) -> list[IssueRecord]:
    """The issues opened from *begins* on and before *ends*, µs UTC, in the order of opening."""
    query = issue_query().where(issues.c.opened_at >= begins, issues.c.opened_at < ends).order_by(issues.c.id)
    return [issue_from(row) for row in connection.execute(query)]


def by_unit(connection: Connection, spans: Collection[Span]) -> Iterator[UnitRow]:
    """Every unit that the issues of *spans* have letters for; the rows of one unit follow one another.

    All between the first and the last of these issues is read, in the order of the ids, as Span.rows has it: by the
    index on issues it would take three times as long.
    """
    # An issue without deliveries is nowhere.
    if not (taken := [span for span in spans if span.first <= span.last]):
        return
    first, last = min(span.first for span in taken), max(span.last for span in taken)
    other = served.alias()
    same = (other.c.delivery_id == served.c.delivery_id, other.c.unit == served.c.unit)
    # Two contacts of a unit may share a letter: the first stands for it.
    is_first = sa.case(
        (served.c.position == 0, sa.true()), else_=~sa.exists().where(*same, other.c.position < served.c.position)
    )
    letter = _text(deliveries.c.issue_id) + " " + _text(sa.func.coalesce(deliveries.c.settled_at, 0))
    query = (
        sa.select(
            served.c.unit,
            deliveries.c.state,
            sa.func.count(),
            sa.func.aggregate_strings(letter, " ").filter(is_first),
        )
        .select_from(served.join(deliveries, deliveries.c.id == served.c.delivery_id))
        .where(served.c.delivery_id.between(first, last), deliveries.c.id.between(first, last))
        .where((deliveries.c.issue_id + 0).in_([span.issue_id for span in taken]))
        .group_by(served.c.unit, deliveries.c.state)
        .order_by(served.c.unit, deliveries.c.state)
    )
    for unit, state, contacts, letters in connection.execute(query):
        numbers = map(int, letters.split())
        yield UnitRow(unit, State(state), contacts, list(zip(numbers, numbers, strict=True)))


def _text(number: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.cast(number, sa.Text)


def units_of(connection: Connection, ids: Collection[int]) -> Iterator[tuple[int, str]]:
    """The units that each of the deliveries with *ids* serves, each once: (id, unit)."""
    columns = (served.c.delivery_id, served.c.unit)
    for these in some(ids):
        query = sa.select(*columns).where(served.c.delivery_id.in_(these)).group_by(*columns)
        yield from (tuple(row) for row in connection.execute(query.order_by(*columns)))


def failing(connection: Connection, issue_ids: Collection[int], often: int, limit: int) -> tuple[list[str], int]:
    """The addresses, normalised, whose letters failed or bounced in *often* or more of the issues; how many they are.

    The first *limit* of them: those that failed most often, then most recently.
    """
    refused = (settled, deliveries.c.state.in_(sorted(REFUSED)))
    letters = sa.func.count()
    query = (
        sa.select(deliveries.c.address_key, sa.func.count().over())
        .where(deliveries.c.issue_id.in_(issue_ids), *refused)
        .group_by(deliveries.c.address_key)
        .having(letters >= often)
        .order_by(letters.desc(), sa.func.max(deliveries.c.issue_id).desc(), deliveries.c.address_key)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    return [key for key, _total in rows], rows[0][1] if rows else 0


def letters_to(connection: Connection, issue_ids: Collection[int], keys: Collection[str]) -> Iterator[Letter]:
    """Every letter of the issues to *keys*, normalised addresses; those of one address together, by issue."""
    columns = [deliveries.c[name] for name in ("address_key", *Letter._fields[1:])]
    mine = (deliveries.c.issue_id.in_(issue_ids), deliveries.c.channel.in_(CHANNELS))
    for these in some(keys):
        query = sa.select(*columns).where(*mine, deliveries.c.address_key.in_(these))
        for row in connection.execute(query.order_by(deliveries.c.address_key, deliveries.c.issue_id)):
            yield Letter(*row)._replace(state=State(row.state))
