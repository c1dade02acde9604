"""An issue's whole account, row by row, for an archive: in one order for ever, so that the same account is the same."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.counts import Span, counts_of, span_of
from distributor.delivery.ledger.queries import moment
from distributor.delivery.ledger.schema import attachments, deliveries, events, issues, letters, omitted, served

Row: TypeAlias = dict[str, Any]

# Times of the tables, which are µs there and ISO 8601 here.
_TIMES = frozenset({"opened_at", "state_at", "pruned_at", "next_attempt", "waiting_since", "settled_at", "at", "began"})
# What changes without a change of the account, or belongs to this ledger alone.
_LEFT_OUT = frozenset({"content", "sources", "pruning_key", "claimed_from", "lease_id", "domain", "compiled"})


@dataclass(frozen=True, slots=True)
class Counted:
    """Numbers of an account: deliveries by group and state, and how many there are in all."""

    states: Mapping[str, Mapping[str, int]]
    deliveries: int


def issue_row(connection: Connection, issue_id: int) -> Row:
    """All columns of the issue but its bulletin and sources."""
    (row,) = _rows(connection, sa.select(*_kept(issues)).where(issues.c.id == issue_id))
    return row | {"unresolved": json.loads(row["unresolved"])}


def counted(connection: Connection, issue_id: int) -> Counted:
    """What its deliveries add up to."""
    letters_by = counts_of(connection, issue_id).letters
    states: dict[str, dict[str, int]] = {}
    for (group, state), number in sorted(letters_by.items()):
        states.setdefault(group, {})[state.value] = number
    return Counted(states, sum(letters_by.values()))


def content(connection: Connection, issue_id: int) -> tuple[bytes, str]:
    """The bulletin's bytes, and the JSON of templates and groups."""
    row = connection.execute(sa.select(issues.c.content, issues.c.sources).where(issues.c.id == issue_id)).one()
    return bytes(row.content), row.sources


def attachment_rows(connection: Connection, issue_id: int) -> Iterator[tuple[str, str, bytes]]:
    """(file name, content type, content)."""
    query = sa.select(attachments).where(attachments.c.issue_id == issue_id).order_by(attachments.c.position)
    for row in connection.execute(query):
        yield row.filename, row.content_type, bytes(row.content)


def tables(connection: Connection, issue_id: int) -> dict[str, Callable[[], Iterator[Row]]]:
    """Name of each table → its rows of the issue, streamed: by delivery where they are of one, then by id."""
    span = span_of(connection, issue_id)
    return {
        "letters": lambda: _letters(connection, issue_id),
        "deliveries": lambda: _deliveries(connection, span),
        "served": lambda: _served(connection, span),
        "events": lambda: _events(connection, span),
        "omitted": lambda: _omitted(connection, issue_id),
    }


def _letters(connection: Connection, issue_id: int) -> Iterator[Row]:
    query = sa.select(*_kept(letters), letters.c.compiled).where(letters.c.issue_id == issue_id).order_by(letters.c.id)
    for row in _rows(connection, query):
        row["compiled"] = b64encode(bytes(row["compiled"])).decode()
        yield row


def _deliveries(connection: Connection, span: Span) -> Iterator[Row]:
    for row in _rows(connection, sa.select(*_kept(deliveries)).where(*span.rows).order_by(deliveries.c.id)):
        row["fields"] = json.loads(row["fields"]) if row["fields"] else None
        yield row


def _served(connection: Connection, span: Span) -> Iterator[Row]:
    owner = sa.select(deliveries.c.id).where(deliveries.c.id == served.c.delivery_id, *span.rows).exists()
    query = sa.select(served).where(span.served, owner).order_by(served.c.delivery_id, served.c.position)
    return _rows(connection, query)


def _events(connection: Connection, span: Span) -> Iterator[Row]:
    """Those of the issue as a whole, then those of its deliveries."""
    of_all = (events.c.delivery_id.is_(None), events.c.issue_id == span.issue_id)
    of_one = (events.c.delivery_id.between(span.first, span.last), events.c.issue_id + 0 == span.issue_id)
    for mine in (of_all, of_one):
        query = sa.select(events).where(*mine).order_by(events.c.delivery_id, events.c.id)
        yield from _rows(connection, query)


def _omitted(connection: Connection, issue_id: int) -> Iterator[Row]:
    return _rows(connection, sa.select(omitted).where(omitted.c.issue_id == issue_id).order_by(omitted.c.id))


def _kept(table: sa.Table) -> list[sa.Column[Any]]:
    return [column for column in table.c if column.name not in _LEFT_OUT]


def _rows(connection: Connection, query: sa.Select[Any]) -> Iterator[Row]:
    names = [str(column.key) for column in query.selected_columns]
    times = [name for name in names if name in _TIMES]
    for values in connection.execute(query):
        row = dict(zip(names, values, strict=True))
        for name in times:
            if row[name] is not None:
                row[name] = moment(row[name]).isoformat(timespec="microseconds")
        yield row
