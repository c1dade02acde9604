"""Marks and results: what an engine writes while it hands over. Every guard is a state and an attempt number.

Whoever lost the lease, or whose row was claimed anew, has an old attempt number, and its marks and results change
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database, as_json
from distributor.delivery.ledger.schema import deliveries, events, issues
from distributor.delivery.model.records import Actor, IssueState
from distributor.delivery.model.states import Event, State, sources, transition


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
