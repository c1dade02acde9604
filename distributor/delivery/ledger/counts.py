"""An issue's deliveries, counted where they lie: along the indexes, and never by reading each of them out.

Each delivery is in one of three indexes: it waits, it is held under a lease, or it is settled.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.queues import Lane, lanes
from distributor.delivery.ledger.schema import another, deliveries, held, served, settled, waiting
from distributor.delivery.model.states import HAS_IT, WAITING, State

_IN_HAND = frozenset({State.CLAIMED, State.HANDING_OVER})
_HAS_IT = deliveries.c.state.in_(sorted(HAS_IT))

Cell = tuple[str, State]


@dataclass(frozen=True, slots=True)
class Counts:
    """*letters* are deliveries by group and state; *lanes* those of them that wait."""

    issue_id: int
    letters: Mapping[Cell, int]
    lanes: tuple[Lane, ...]

    @property
    def due(self) -> int | None:
        """When the first of those that wait is due: µs UTC."""
        return min((lane.due for lane in self.lanes), default=None)

    @property
    def groups(self) -> list[str]:
        return sorted({group for group, _state in self.letters})

    def cells(self, states: Collection[State]) -> Iterator[Cell]:
        """Those of *states*."""
        return (cell for cell in self.letters if cell[1] in states)


@dataclass(frozen=True, slots=True)
class Span:
    """Where an issue's deliveries lie: their ids are from *first* to *last*, and those of others may be among them."""

    issue_id: int
    first: int
    last: int

    @property
    def rows(self) -> tuple[sa.ColumnElement[bool], ...]:
        """The conditions that a delivery is of the issue, for what reads all of them in the order of their ids.

        An index on the issue would lead SQLite all over the table.
        """
        return deliveries.c.id.between(self.first, self.last), deliveries.c.issue_id + 0 == self.issue_id

    @property
    def served(self) -> sa.ColumnElement[bool]:
        """The condition that a row of `served` may be one of the issue's."""
        return served.c.delivery_id.between(self.first, self.last)


@dataclass(frozen=True, slots=True)
class Shared:
    """Deliveries that serve several contacts: *total* of them, the *first* ids, and *others* than a letter's first."""

    total: int
    first: tuple[int, ...]
    others: Mapping[Cell, int]


def counts_of(connection: Connection, issue_id: int) -> Counts:
    """The issue's deliveries by group and state."""
    return _counts(connection, issue_id).get(issue_id, Counts(issue_id, {}, ()))


def counts_of_all(connection: Connection) -> dict[int, Counts]:
    """The same of every issue that has any, by its id: in as many statements."""
    return _counts(connection, None)


def _counts(connection: Connection, issue_id: int | None) -> dict[int, Counts]:
    letters: defaultdict[int, Counter[Cell]] = defaultdict(Counter)
    waits: defaultdict[int, list[Lane]] = defaultdict(list)
    for owner, group, state, number in chain(connection.execute(_settled(issue_id)), _in_hand(connection, issue_id)):
        letters[owner][group, State(state)] += number
    for lane in lanes(connection, issue_id):
        queued = lane.letters - lane.deferred
        letters[lane.issue_id] += Counter(
            {(lane.group, State.QUEUED): queued, (lane.group, State.DEFERRED): lane.deferred}
        )
        waits[lane.issue_id].append(lane)
    return {owner: Counts(owner, mine, tuple(waits[owner])) for owner, mine in letters.items()}


def _settled(issue_id: int | None) -> sa.Select[Any]:
    owner, group, state = deliveries.c.issue_id, deliveries.c.group_name, deliveries.c.state
    mine = (settled,) if issue_id is None else (settled, owner == issue_id)
    return sa.select(owner, group, state, sa.func.count()).where(*mine).group_by(owner, state, group)


def _in_hand(connection: Connection, issue_id: int | None) -> Iterator[tuple[int, str, str, int]]:
    """Read one by one: there are few, of all issues together."""
    found = sa.select(deliveries.c.issue_id, deliveries.c.group_name, deliveries.c.state).where(held)
    for owner, group, state in connection.execute(found):
        if issue_id in {None, owner} and state in _IN_HAND:
            yield owner, group, state, 1


def span_of(connection: Connection, issue_id: int) -> Span:
    """The ids of the issue's deliveries."""
    (span,) = spans_of(connection, [issue_id])
    return span


def spans_of(connection: Connection, issue_ids: Collection[int]) -> list[Span]:
    """The ids of each issue's deliveries, in the order of *issue_ids*.

    They are grouped for PostgreSQL, which would look for the least id of an issue from the first of the ledger on.
    """
    owner, first, last = deliveries.c.issue_id, sa.func.min(deliveries.c.id), sa.func.max(deliveries.c.id)
    query = sa.select(owner, first, last).where(owner.in_(issue_ids)).group_by(owner)
    found = {span.issue_id: span for span in (Span(*row) for row in connection.execute(query))}
    return [found.get(identity, Span(identity, 1, 0)) for identity in issue_ids]


def _in(issue_id: int, cell: Cell) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions that a delivery is of the issue's *cell*."""
    group, state = cell
    mine = (deliveries.c.group_name == group, deliveries.c.state == state.value)
    if state in _IN_HAND:
        return *mine, held, deliveries.c.issue_id + 0 == issue_id
    return *mine, waiting if state in WAITING else settled, deliveries.c.issue_id == issue_id


def next_retry(connection: Connection, counts: Counts) -> int | None:
    """When the first of those that are deferred is tried again: µs UTC."""
    first = sa.select(sa.func.min(deliveries.c.next_attempt))
    found = [
        connection.execute(first.where(*_in(counts.issue_id, cell))).scalar_one()
        for cell in counts.cells({State.DEFERRED})
    ]
    return min(found, default=None)


def sent_at(connection: Connection, counts: Counts, ranks: Iterable[int]) -> Iterator[int]:
    """When those were sent that are the first (1), second, … to have been: µs UTC."""
    runs = [
        sa.select(deliveries.c.settled_at).where(*_in(counts.issue_id, cell)) for cell in sorted(counts.cells(HAS_IT))
    ]
    # Each is a run of the index: they are merged, not sorted.
    merged = sa.union_all(*runs).order_by("settled_at")
    for rank in ranks:
        yield int(connection.execute(merged.limit(1).offset(rank - 1)).scalar_one())


def units(connection: Connection, span: Span, groups: Sequence[str]) -> dict[str | None, tuple[int, int]]:
    """How many units each of *groups* has, and how many of them were reached; at None of all together."""
    if not groups:
        return {None: (0, 0)}
    # Of one unit in one group: 0 it is not in it, 1 it is, 2 a letter to it was sent.
    stands = [sa.func.max(sa.case((deliveries.c.group_name != group, 0), (_HAS_IT, 2), else_=1)) for group in groups]
    each = (
        sa.select(*(value.label(f"group{number}") for number, value in enumerate(stands)))
        .select_from(served.join(deliveries, deliveries.c.id == served.c.delivery_id))
        .where(span.served, *span.rows)
        .group_by(served.c.unit)
        .subquery()
    )
    numbers = [sa.func.count(), sa.func.count().filter(sa.or_(*(value == 2 for value in each.c)))]
    for value in each.c:
        numbers += sa.func.count().filter(value > 0), sa.func.count().filter(value == 2)
    row = connection.execute(sa.select(*numbers).select_from(each)).one()
    pairs = zip(row[::2], row[1::2], strict=True)
    return dict(zip([None, *groups], pairs, strict=True))


def shared(connection: Connection, span: Span, limit: int) -> Shared:
    """The issue's letters to mailboxes that several contacts share."""
    joined = served.join(deliveries, deliveries.c.id == served.c.delivery_id)
    mine = (another, span.served, *span.rows)
    columns = (deliveries.c.group_name, deliveries.c.state)
    second = served.c.position == 1
    query = sa.select(*columns, sa.func.count(), sa.func.count().filter(second)).select_from(joined).where(*mine)
    rows = connection.execute(query.group_by(*columns)).all()
    first = sa.select(served.c.delivery_id).select_from(joined).where(*mine, second)
    found = connection.execute(first.order_by(served.c.delivery_id).limit(limit)).scalars()
    others = {(group, State(state)): number for group, state, number, _letters in rows}
    return Shared(sum(letters for *_others, letters in rows), tuple(found), others)


def reasons(connection: Connection, counts: Counts, states: Collection[State]) -> Counter[tuple[State, str | None]]:
    """How many deliveries are in each of *states* for what reason."""
    found: Counter[tuple[State, str | None]] = Counter()
    for group, state in counts.cells(states):
        mine = _in(counts.issue_id, (group, state))
        query = sa.select(deliveries.c.reason, sa.func.count()).where(*mine).group_by(deliveries.c.reason)
        for reason, number in connection.execute(query):
            found[state, reason] += number
    return found


def first_of(connection: Connection, counts: Counts, cells: Sequence[Cell], limit: int) -> list[int]:
    """The ids of the first *limit* deliveries of *cells*: cell after cell, in each in the order of opening."""
    found: list[int] = []
    for cell in cells:
        if len(found) < limit and counts.letters.get(cell):
            query = sa.select(deliveries.c.id).where(*_in(counts.issue_id, cell)).order_by(deliveries.c.id)
            found += connection.execute(query.limit(limit - len(found))).scalars()
    return found
