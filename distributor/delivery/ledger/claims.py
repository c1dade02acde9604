"""Claim, mark, record, sweep: what workers write. Every guard is a state and an attempt number in the UPDATE itself.

A worker holds one lease and keeps it alive; rows it claimed name that lease. Whoever lost the lease, or whose row was
claimed anew, has an old attempt number, and its marks and results change nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database, as_json
from distributor.delivery.ledger.schema import deliveries, events, issues, leases, waiting
from distributor.delivery.model.records import Actor, IssueState
from distributor.delivery.model.states import Event, State, sources, transition


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery in a worker's hand, with all that its message is made of. *age* is µs since opening or resend.

    *fields* is the JSON of its merge values; *uid* and *sender* are the issue's.
    """

    id: int
    issue_id: int
    letter_id: int
    attempt: int
    generation: int
    tries: int
    address: str
    fields: str
    age: int
    uid: str
    sender: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The intent to hand over attempt *attempt* of delivery *id*."""

    id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an attempt: *event* moves the delivery; *wait* is µs until the next attempt, only for DEFER."""

    id: int
    attempt: int
    event: Event
    phase: str
    code: int | None
    enhanced: str | None
    reply: str
    reason: str
    relay: str
    wait: int | None = None


def take_lease(database: Database, worker: str, seconds: float) -> int:
    """A lease for *worker* that lasts *seconds* unless renewed; returns its id."""
    with database.write() as connection:
        expires = database.beside(connection) + int(seconds * 1_000_000)
        insert = leases.insert().values(worker=worker, expires_at=expires).returning(leases.c.id)
        return int(connection.execute(insert).scalar_one())


def renew_lease(database: Database, lease: int, seconds: float) -> bool:
    """Keep *lease* alive; False: it expired and was swept, and what it claimed is no longer ours."""
    with database.write() as connection:
        expires = database.beside(connection) + int(seconds * 1_000_000)
        result = connection.execute(leases.update().where(leases.c.id == lease).values(expires_at=expires))
        return result.rowcount == 1


def claim(database: Database, lease: int, limit: int) -> list[Claim]:
    """Up to *limit* due deliveries for the holder of *lease*: urgent issues first, then fairly between issues.

    Inside an issue the longest due come first. A small issue opened behind a huge one gets its share of every slice.
    """
    with database.write() as connection:
        now = database.beside(connection)
        claimed: list[Claim] = []
        for urgency_class in _due_issues(connection, now):
            claimed += _claim_fairly(connection, lease, urgency_class, limit - len(claimed), now)
            if len(claimed) >= limit:
                break
        return claimed


def _due_issues(connection: Connection, now: int) -> list[list[int]]:
    """Ids of open issues with something due, in classes of equal urgency, the most urgent class first."""
    due = sa.exists().where(deliveries.c.issue_id == issues.c.id, *_due(now))
    query = sa.select(issues.c.id, issues.c.urgency).where(issues.c.state == IssueState.OPEN.value, due)
    classes: dict[int, list[int]] = {}
    for identity, urgency in connection.execute(query.order_by(issues.c.urgency.desc(), issues.c.id)):
        classes.setdefault(urgency, []).append(identity)
    return list(classes.values())


def _claim_fairly(connection: Connection, lease: int, issue_ids: list[int], limit: int, now: int) -> list[Claim]:
    claimed: list[Claim] = []
    for position, issue_id in enumerate(issue_ids):
        # What one issue leaves of its share goes to those after it.
        share = -(-(limit - len(claimed)) // (len(issue_ids) - position))
        claimed += _claim_from(connection, lease, issue_id, share, now)
    return claimed


_CLAIMED = ("id", "issue_id", "letter_id", "attempt", "generation", "tries", "address", "fields")


def _claim_from(connection: Connection, lease: int, issue_id: int, limit: int, now: int) -> list[Claim]:
    if limit <= 0:
        return []
    chosen = (
        sa.select(deliveries.c.id)
        .where(deliveries.c.issue_id == issue_id, *_due(now))
        .order_by(deliveries.c.next_attempt, deliveries.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")  # evaluated once: inside IN (…) PostgreSQL may run it, and lock, more than once
    )
    update = (
        deliveries.update()
        .where(deliveries.c.id.in_(sa.select(chosen.c.id)))
        .values(
            state=State.CLAIMED.value,
            claimed_from=deliveries.c.state,
            attempt=deliveries.c.attempt + 1,
            lease_id=lease,
        )
        .returning(*(deliveries.c[name] for name in (*_CLAIMED, "waiting_since", "next_attempt")))
    )
    issue = connection.execute(sa.select(issues.c.uid, issues.c.sender).where(issues.c.id == issue_id)).one()
    rows = sorted(connection.execute(update).mappings(), key=lambda row: (row["next_attempt"], row["id"]))
    return [
        Claim(
            **{name: row[name] for name in _CLAIMED},
            age=now - row["waiting_since"],
            uid=issue.uid,
            sender=issue.sender,
        )
        for row in rows
    ]


def _due(now: int) -> tuple[sa.ColumnElement[bool], ...]:
    return waiting, deliveries.c.next_attempt <= now


def write(database: Database, marks: Sequence[Mark], results: Sequence[Result], actor: Actor) -> tuple[set[Mark], int]:
    """One durable commit of everything that is ready: results of finished attempts and marks of those that begin.

    Returns the marks that were accepted (the others are ours no more: send no body), and how many results were refused
    because a person or a sweep had moved the delivery on.
    """
    with database.write() as connection:
        now = database.beside(connection)
        written = sum(
            _record(database, connection, event, [result for result in results if result.event is event], now, actor)
            for event in dict.fromkeys(result.event for result in results)
        )
        return _mark(database, connection, marks), len(results) - written


def _mark(database: Database, connection: Connection, marks: Sequence[Mark]) -> set[Mark]:
    if not marks:
        return set()
    wanted = as_json({"id": mark.id, "attempt": mark.attempt} for mark in marks)
    rows = connection.execute(_marking(database.rows("id", "attempt")), {"rows": wanted})
    return {Mark(*row) for row in rows}


@cache  # the same statement every time: compiled once, and prepared once by the driver
def _marking(rows: str) -> sa.TextClause:
    return sa.text(
        f"UPDATE deliveries SET state = 'handing_over' FROM {rows}"
        " WHERE deliveries.id = v.id AND deliveries.attempt = v.attempt"
        # Already marked by us is marked: a commit whose answer was lost is repeated.
        " AND deliveries.state IN ('claimed', 'handing_over')"
        " RETURNING deliveries.id, deliveries.attempt"
    )


_KEPT = ("phase", "code", "enhanced", "reply", "reason", "relay")
_REPORTED = ("id", "attempt", "wait", *_KEPT)
_RESULT = (
    "issue_id", "delivery_id", "at", "kind", "who", "host", "attempt", "phase", "code", "enhanced", "text", "relay",
)  # fmt: skip


def _record(
    database: Database,
    connection: Connection,
    event: Event,
    results: Sequence[Result],
    now: int,
    actor: Actor,
) -> int:
    """Apply *event* to the deliveries of *results* that it still applies to; returns how many."""
    statement = _recording(event, database.rows(*_REPORTED))
    reported = as_json({name: getattr(result, name) for name in _REPORTED} for result in results)
    rows = connection.execute(statement, {"rows": reported, "now": now})
    moved = {(identity, attempt): issue_id for identity, attempt, issue_id in rows}
    if _target(event) is State.DEFERRED:
        _cancel_deferred(connection, [identity for identity, _attempt in moved], now)
    database.insert(
        connection,
        events,
        _RESULT,
        (
            (
                moved[result.id, result.attempt], result.id, now, event.value, actor.who, actor.host, result.attempt,
                result.phase, result.code, result.enhanced, result.reply, result.relay,
            )
            for result in results
            if (result.id, result.attempt) in moved
        ),
    )  # fmt: skip
    return len(moved)


@cache
def _recording(event: Event, rows: str) -> sa.TextClause:
    target = _target(event)
    now = "CAST(:now AS bigint)"
    settled = "NULL" if target is State.DEFERRED else now
    states = ", ".join(f"'{state.value}'" for state in sources(event))
    kept = ", ".join(f"{name} = v.{name}" for name in _KEPT)
    return sa.text(
        f"UPDATE deliveries SET state = '{target.value}', {kept}, next_attempt = {now} + v.wait,"
        # An attempt whose answer comes late was counted when it became uncertain.
        " tries = tries + CASE state WHEN 'uncertain' THEN 0 ELSE 1 END,"
        f" settled_at = {settled}, lease_id = NULL, claimed_from = NULL"
        f" FROM {rows}"
        f" WHERE deliveries.id = v.id AND deliveries.attempt = v.attempt AND deliveries.state IN ({states})"
        " RETURNING deliveries.id, deliveries.attempt, deliveries.issue_id"
    )


@cache
def _target(event: Event) -> State:
    """The one state that *event* leads to, whichever of its sources the delivery is in."""
    targets = {transition(state, event) for state in sources(event)}
    (target,) = targets
    return target


def _cancel_deferred(connection: Connection, ids: list[int], now: int) -> None:
    """What was in flight when its issue was cancelled, and came back deferred, is cancelled now."""
    cancelled = sa.select(issues.c.id).where(issues.c.state == IssueState.CANCELLED.value)
    connection.execute(
        deliveries.update()
        .where(deliveries.c.id.in_(ids), deliveries.c.issue_id.in_(cancelled))
        .values(state=State.CANCELLED.value, next_attempt=None, settled_at=now)
    )


def release(database: Database, lease: int, keep: Iterable[int] = ()) -> int:
    """Give back what is claimed under *lease* and was not marked, but for the deliveries *keep*; returns how many."""
    with database.write() as connection:
        database.beside(connection)
        mine = deliveries.c.lease_id == lease
        return connection.execute(given_back().where(mine, deliveries.c.id.not_in(list(keep)))).rowcount


def end_lease(database: Database, lease: int) -> None:
    """Give back what is claimed under *lease* and forget it; what is still being handed over is left for the sweep."""
    with database.write() as connection:
        database.beside(connection)
        connection.execute(given_back().where(deliveries.c.lease_id == lease))
        connection.execute(leases.delete().where(leases.c.id == lease))


def given_back() -> sa.Update:
    """The UPDATE that returns claimed deliveries to where they came from; the caller says which."""
    return (
        deliveries.update()
        .where(deliveries.c.state == State.CLAIMED.value)
        .values(state=deliveries.c.claimed_from, claimed_from=None, lease_id=None)
    )


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found: rows of dead workers *released* or now *uncertain*; *expired* and *resent* by settings."""

    released: int
    uncertain: int
    expired: int
    resent: int


def sweep(database: Database, *, actor: Actor, expire_after: int, resend_after: int | None = None) -> Swept:
    """Take back what dead workers held, and give up deferred deliveries older than *expire_after* seconds.

    Never handed over → where it came from; marked → uncertain, since the relay may have it. With *resend_after* (the
    policy ``resend``) uncertain deliveries that are not too old are queued again, due in so many seconds, the same
    bytes under the same Message-ID. Safe to run anywhere, at any time, twice at once.
    """
    with database.write() as connection:
        now = database.alone(connection)
        too_old = now - expire_after * 1_000_000
        connection.execute(leases.delete().where(leases.c.expires_at < now))
        # Whatever is held under no lease, however it came to that.
        held_by_nobody = sa.and_(
            deliveries.c.lease_id.is_not(None), deliveries.c.lease_id.not_in(sa.select(leases.c.id))
        )
        released = connection.execute(given_back().where(held_by_nobody)).rowcount
        uncertain = _doubt(connection, held_by_nobody, now, actor)
        resent = 0
        if resend_after is not None:
            resent = _resend_uncertain(connection, now, now + resend_after * 1_000_000, too_old, actor)
        return Swept(released, uncertain, _expire(connection, now, too_old, actor), resent)


def _resend_uncertain(connection: Connection, now: int, due: int, too_old: int, actor: Actor) -> int:
    is_open = sa.select(issues.c.id).where(issues.c.state == IssueState.OPEN.value)
    update = (
        deliveries.update()
        .where(
            deliveries.c.state == State.UNCERTAIN.value,
            deliveries.c.issue_id.in_(is_open),
            deliveries.c.waiting_since >= too_old,
        )
        .values(state=transition(State.UNCERTAIN, Event.RESEND).value, next_attempt=due, settled_at=None)
        .returning(deliveries.c.issue_id, deliveries.c.id, deliveries.c.attempt)
    )
    return _logged(connection, update, Event.RESEND, now, actor)


def _doubt(connection: Connection, mine: sa.ColumnElement[bool], now: int, actor: Actor) -> int:
    update = (
        deliveries.update()
        .where(mine, deliveries.c.state == State.HANDING_OVER.value)
        .values(
            state=State.UNCERTAIN.value, reason="lease-expired", phase="dot", code=None, enhanced=None, reply="",
            tries=deliveries.c.tries + 1, settled_at=now, next_attempt=None, lease_id=None, claimed_from=None,
        )
        .returning(deliveries.c.issue_id, deliveries.c.id, deliveries.c.attempt)
    )  # fmt: skip
    return _logged(connection, update, Event.LEASE_EXPIRY, now, actor)


def _expire(connection: Connection, now: int, too_old: int, actor: Actor) -> int:
    """Deferred deliveries that are too old and not due now (a due one gets its last attempt first)."""
    not_due = sa.or_(deliveries.c.next_attempt.is_(None), deliveries.c.next_attempt > now)
    is_open = sa.select(issues.c.id).where(issues.c.state == IssueState.OPEN.value)
    update = (
        deliveries.update()
        .where(
            waiting,
            deliveries.c.state == State.DEFERRED.value,
            deliveries.c.issue_id.in_(is_open),
            not_due,
            deliveries.c.waiting_since < too_old,
        )
        .values(state=State.FAILED.value, reason="too-old", next_attempt=None, settled_at=now)
        .returning(deliveries.c.issue_id, deliveries.c.id, deliveries.c.attempt)
    )
    return _logged(connection, update, Event.TOO_OLD, now, actor)


def _logged(connection: Connection, update: Any, event: Event, now: int, actor: Actor) -> int:
    rows = [
        {"issue_id": issue_id, "delivery_id": identity, "at": now, "kind": event.value,
         "who": actor.who, "host": actor.host, "attempt": attempt}
        for issue_id, identity, attempt in connection.execute(update)
    ]  # fmt: skip
    if rows:
        connection.execute(events.insert(), rows)
    return len(rows)


def hasten_unconnected(database: Database) -> None:
    """Make due now what open issues put off for want of a connection; rows that another worker is at are left to it."""
    with database.write() as connection:
        now = database.beside(connection)
        chosen = (
            sa.select(deliveries.c.id)
            .where(
                waiting,
                deliveries.c.state == State.DEFERRED.value,
                deliveries.c.reason == "lost-connect",
                deliveries.c.next_attempt > now,
                deliveries.c.issue_id.in_(sa.select(issues.c.id).where(issues.c.state == IssueState.OPEN.value)),
            )
            .order_by(deliveries.c.id)
            .with_for_update(skip_locked=True)
            .cte("chosen")
        )
        update = deliveries.update().where(deliveries.c.id.in_(sa.select(chosen.c.id)))
        connection.execute(update.values(next_attempt=now))
