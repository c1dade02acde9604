"""What the ledger holds, as records: issues, progress, and the account of every delivery, streamed."""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from distributor.delivery.ledger.counts import Counts, Span, counts_of, counts_of_all
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queues import Lane
from distributor.delivery.ledger.schema import (
    attachments,
    deliveries,
    events,
    issues,
    letters,
    omitted,
    served,
    supplementary,
    waiting,
)
from distributor.delivery.model.records import DeliveryRecord, IssueRecord, IssueState, OmittedRecord, ServedRecord
from distributor.delivery.model.states import UNSETTLED, WAITING, State
from distributor.recipients.model import GroupName

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_RECORD = (
    "id", "group_name", "supplement", "channel", "address", "state", "tries",
    "next_attempt", "settled_at", "phase", "code", "enhanced", "reply", "reason", "relay",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an issue is: *states* counts deliveries by group and state; *next_attempt* is the earliest due time.

    *lanes* are those that wait, by what they wait behind.
    """

    states: dict[str, dict[State, int]]
    next_attempt: dt.datetime | None
    lanes: tuple[Lane, ...] = ()

    @property
    def total(self) -> int:
        return sum(sum(by_state.values()) for by_state in self.states.values())

    def count(self, *states: State) -> int:
        """How many deliveries are in any of *states*."""
        return sum(by_state.get(state, 0) for by_state in self.states.values() for state in states)

    def by_state(self) -> dict[State, int]:
        """Counts by state, all groups together."""
        counts: dict[State, int] = {}
        for by_state in self.states.values():
            for state, count in by_state.items():
                counts[state] = counts.get(state, 0) + count
        return counts

    @property
    def unsettled(self) -> int:
        return self.count(*UNSETTLED)

    @property
    def waiting(self) -> int:
        return self.count(*WAITING)


@dataclass(frozen=True, slots=True)
class FrozenLetter:
    """One group's letter as the issue froze it; *per_recipient* letters serve one recipient each."""

    id: int
    group: str
    subject: str
    compiled: bytes
    per_recipient: bool


@dataclass(frozen=True, slots=True)
class FrozenSource:
    """What the issue was made from: the bulletin's bytes, the JSON of templates and groups, the attachments.

    *attachments* are (file name, content type, content).
    """

    content: bytes
    sources: str
    attachments: tuple[tuple[str, str, bytes], ...]


def moment(microseconds: int) -> dt.datetime:
    """µs since 1970 UTC as an aware time."""
    return _EPOCH + dt.timedelta(microseconds=microseconds)


def microseconds(time: dt.datetime) -> int:
    """An aware time as the tables have it."""
    return (time - _EPOCH) // dt.timedelta(microseconds=1)


def maybe(microseconds: int | None) -> dt.datetime | None:
    """As moment(), where there may be none."""
    return None if microseconds is None else moment(microseconds)


def last_id(connection: Connection, table: sa.Table) -> int:
    """The largest id of *table*, 0 when empty."""
    return int(connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0)


def issue_query() -> sa.Select[Any]:
    """Issues, with what issue_from needs; whether other issues share a name decides how each is called."""
    kept = [column for column in issues.c if column.name not in {"content", "sources", "pruning_key"}]
    other = issues.alias()
    same_name = sa.and_(
        other.c.id != issues.c.id,
        other.c.total_number.is_not_distinct_from(issues.c.total_number),
        sa.or_(
            issues.c.total_number.is_not(None),
            sa.and_(other.c.number == issues.c.number, other.c.year == issues.c.year),
        ),
    )
    repeated = sa.exists().where(same_name, other.c.masthead == issues.c.masthead)
    ambiguous = sa.exists().where(same_name, other.c.masthead != issues.c.masthead)
    return sa.select(*kept, repeated.label("repeated"), ambiguous.label("ambiguous"))


def issue_from(row: Row[Any]) -> IssueRecord:
    """A row of issue_query() as a record."""
    return IssueRecord(
        id=row.id,
        uid=row.uid,
        masthead=row.masthead,
        number=row.number,
        total_number=row.total_number,
        year=row.year,
        sequence=row.sequence,
        file=row.file,
        content_sha256=row.content_sha256,
        roster_sha256=row.roster_sha256,
        templates_sha256=row.templates_sha256,
        sender=row.sender,
        opened_at=moment(row.opened_at),
        opened_by=row.opened_by,
        host=row.host,
        state=IssueState(row.state),
        state_reason=row.state_reason,
        state_by=row.state_by,
        again_reason=row.again_reason,
        unresolved=tuple(json.loads(row.unresolved)),
        repeated=bool(row.repeated),
        ambiguous=bool(row.ambiguous),
        pruned_at=maybe(row.pruned_at),
    )


def find_issues(
    database: Database,
    *,
    total_number: int | None = None,
    year: int | None = None,
    number: int | None = None,
    sequence: int | None = None,
    content_sha256: str | None = None,
    issue_id: int | None = None,
) -> list[IssueRecord]:
    """Issues that match everything given, newest first."""
    wanted = {
        "total_number": total_number,
        "year": year,
        "number": number,
        "sequence": sequence,
        "content_sha256": content_sha256,
        "id": issue_id,
    }
    query = issue_query().order_by(issues.c.id.desc())
    for name, value in wanted.items():
        if value is not None:
            query = query.where(issues.c[name] == value)
    with database.read() as connection:
        return [issue_from(row) for row in connection.execute(query)]


def progress(database: Database, issue_id: int) -> Progress:
    """Counts of one issue's deliveries by group and state."""
    with database.read() as connection:
        return _progress(counts_of(connection, issue_id))


def progress_of_all(database: Database) -> list[tuple[IssueRecord, Progress]]:
    """Every issue with its progress, newest first, all from one state of the ledger."""
    with database.read() as connection:
        counts = counts_of_all(connection)
        found = [issue_from(row) for row in connection.execute(issue_query().order_by(issues.c.id.desc()))]
    return [(issue, _progress(counts.get(issue.id, Counts(issue.id, {}, ())))) for issue in found]


def _progress(counts: Counts) -> Progress:
    by_group: dict[str, dict[State, int]] = {name.value: {} for name in GroupName}
    for (group, state), number in counts.letters.items():
        by_group.setdefault(group, {})[state] = number
    present = {group: states for group, states in by_group.items() if states}
    return Progress(present, maybe(counts.due), counts.lanes)


def unsettled_issues(database: Database) -> list[IssueRecord]:
    """Open or paused issues that still have deliveries to settle, oldest first."""
    is_waiting = sa.exists().where(waiting, deliveries.c.issue_id == issues.c.id)
    is_in_hand = issues.c.id.in_(sa.select(deliveries.c.issue_id).where(deliveries.c.lease_id.is_not(None)))
    query = (
        issue_query()
        .where(sa.or_(is_waiting, is_in_hand), issues.c.state != IssueState.CANCELLED.value)
        .order_by(issues.c.id)
    )
    with database.read() as connection:
        return [issue_from(row) for row in connection.execute(query)]


def all_deliveries(connection: Connection, span: Span, *chosen: sa.ColumnElement[bool]) -> Iterator[DeliveryRecord]:
    """Every delivery of an issue with all it serves, or those that are *chosen*: in the order of opening, streamed."""
    return _deliveries(connection, [*span.rows, *chosen], span.served)


def these_deliveries(connection: Connection, ids: Collection[int]) -> list[DeliveryRecord]:
    """The deliveries with *ids*, some hundreds at most, in their order."""
    found = _deliveries(connection, [deliveries.c.id.in_(ids)], served.c.delivery_id.in_(ids))
    by_id = {record.id: record for record in found}
    return [by_id[identity] for identity in ids]


def supplements(connection: Connection, issue_id: int) -> Iterator[DeliveryRecord]:
    """Every delivery of the issue that came by a supplement."""
    mine = (deliveries.c.issue_id == issue_id, supplementary)
    return _deliveries(connection, mine, served.c.delivery_id.in_(sa.select(deliveries.c.id).where(*mine)))


def _deliveries(
    connection: Connection, chosen: Iterable[sa.ColumnElement[bool]], whom: sa.ColumnElement[bool]
) -> Iterator[DeliveryRecord]:
    """The *chosen* deliveries in the order of their ids; *whom* are the rows of `served` of these, or more."""
    rows = sa.select(*(deliveries.c[name] for name in _RECORD)).where(*chosen).order_by(deliveries.c.id)
    who = sa.select(served).where(whom).order_by(served.c.delivery_id, served.c.position)
    with connection.execute(who) as everybody, connection.execute(rows) as found:
        serves = groupby(everybody, lambda row: row.delivery_id)
        for row in found:
            mine = next(group for identity, group in serves if identity == row.id)
            people = (ServedRecord(each.audience, each.unit, each.contact, each.role) for each in mine)
            yield _delivery_from(row, tuple(people))


def _delivery_from(row: Row[Any], serves: tuple[ServedRecord, ...]) -> DeliveryRecord:
    state = State(row.state)
    return DeliveryRecord(
        id=row.id,
        group=row.group_name,
        supplement=row.supplement,
        channel=row.channel,
        address=row.address,
        state=state,
        attempts=row.tries,
        serves=serves,
        next_attempt=maybe(row.next_attempt) if state is State.DEFERRED else None,
        settled_at=maybe(row.settled_at),
        phase=row.phase,
        code=row.code,
        enhanced=row.enhanced,
        reply=row.reply,
        reason=row.reason,
        relay=row.relay,
    )


def address_keys(database: Database, issue_id: int) -> list[str]:
    """The normalised addresses that the issue has a delivery for."""
    with database.read() as connection:
        return list(
            connection.execute(sa.select(deliveries.c.address_key).where(deliveries.c.issue_id == issue_id)).scalars()
        )


def omissions(connection: Connection, issue_id: int) -> list[OmittedRecord]:
    """Whom the imprint reached and the issue was opened without."""
    query = sa.select(omitted).where(omitted.c.issue_id == issue_id).order_by(omitted.c.id)
    return [omitted_from(row) for row in connection.execute(query)]


def omitted_from(row: Row[Any]) -> OmittedRecord:
    """A row of the table as a record."""
    return OmittedRecord(row.group_name, row.name, row.unit, row.address, row.why, row.detail)


def frozen_letters(database: Database, issue_id: int) -> list[FrozenLetter]:
    """The issue's letters, one a group (a per-recipient group is represented by its first). Posts stand behind them."""
    first = sa.select(sa.func.min(letters.c.id)).where(letters.c.issue_id == issue_id).group_by(letters.c.group_name)
    query = sa.select(letters).where(letters.c.id.in_(first)).order_by(letters.c.id)
    with database.read() as connection:
        return [
            FrozenLetter(row.id, row.group_name, row.subject, bytes(row.compiled), row.per_recipient)
            for row in connection.execute(query)
        ]


def compiled_letters(database: Database, ids: Iterable[int]) -> dict[int, bytes]:
    """The compiled letters with these ids."""
    query = sa.select(letters.c.id, letters.c.compiled).where(letters.c.id.in_(list(ids)))
    with database.read() as connection:
        return {row.id: bytes(row.compiled) for row in connection.execute(query)}


def frozen_source(database: Database, issue_id: int) -> FrozenSource:
    """What the issue was made from."""
    query = sa.select(issues.c.content, issues.c.sources).where(issues.c.id == issue_id)
    files = sa.select(attachments).where(attachments.c.issue_id == issue_id).order_by(attachments.c.position)
    with database.read() as connection:
        row = connection.execute(query).one()
        attached = ((file.filename, file.content_type, bytes(file.content)) for file in connection.execute(files))
        return FrozenSource(bytes(row.content), row.sources, tuple(attached))


def history(database: Database, issue_id: int, delivery_id: int | None = None) -> list[dict[str, Any]]:
    """The events of an issue, or of one of its deliveries, in order; ``at`` is an aware time."""
    query = sa.select(events).where(events.c.issue_id == issue_id).order_by(events.c.id)
    if delivery_id is not None:
        query = query.where(events.c.delivery_id == delivery_id)
    with database.read() as connection:
        return [{**row._mapping, "at": moment(row.at)} for row in connection.execute(query)]
