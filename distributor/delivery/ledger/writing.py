"""Marks and results: what an engine writes while it hands over. Every guard is a state and an attempt number.

Whoever lost the lease, or whose row was claimed anew, has an old attempt number, and its marks and results change
nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from distributor.delivery.ledger.database import Database, Found, Run
from distributor.delivery.model.flow import FlowKey
from distributor.delivery.model.records import Actor
from distributor.delivery.model.states import Event, State, sources, transition


class Mark(NamedTuple):
    """The intent to hand over attempt *attempt* of delivery *id*."""

    id: int
    attempt: int


class Result(NamedTuple):
    """What became of an attempt: *event* moves the delivery; *wait* is µs until the next attempt, only for DEFER.

    *took*: since so many µs its letter was in hand; None: it never was.
    """

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
    took: int | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """Of which flows' quotas each mark takes one message, and *day_of* the ledger's µs, by which they are counted."""

    flows: Mapping[Mark, Sequence[FlowKey]]
    day_of: Callable[[int], str]


def write(
    database: Database, marks: Sequence[Mark], results: Sequence[Result], actor: Actor, spending: Spending | None = None
) -> tuple[set[Mark], int]:
    """One durable commit of everything that is ready: results of finished attempts and marks of those that begin.

    Returns the marks that were accepted (the others are ours no more: send no body), and how many results were refused
    because a person or a sweep had moved the delivery on.
    """
    with database.short() as (now, run):
        recorded = [
            _record(run, event, [result for result in results if result.event is event], now, actor)
            for event in dict.fromkeys(result.event for result in results)
        ]
        marked = run(_MARKING, Mark._fields, marks) if marks else list
        if spending is not None:
            accepted = (Mark(*row) for row in marked())
            _spend(run, Counter(key for mark in accepted for key in spending.flows.get(mark, ())), spending.day_of(now))
    return {Mark(*row) for row in marked()}, len(results) - sum(len(found()) for found in recorded)


_MARKING = (
    "UPDATE deliveries SET state = 'handing_over' FROM v WHERE deliveries.id = v.id AND deliveries.attempt = v.attempt"
    # Already marked by us is marked: a commit whose answer was lost is repeated.
    " AND deliveries.state IN ('claimed', 'handing_over') RETURNING deliveries.id, deliveries.attempt"
)
# The day never goes back: a worker whose clock is a day behind the others' counts with them.
_SPENDING = (
    "UPDATE flows SET day_count = CASE WHEN day >= v.today THEN day_count ELSE 0 END + v.spent,"
    " day = CASE WHEN day >= v.today THEN day ELSE v.today END FROM v WHERE flows.kind = v.kind AND flows.name = v.name"
)
_KEPT = ("phase", "code", "enhanced", "reply", "reason", "relay")
_RESULT = ("id", "attempt", "now", "wait", *_KEPT)
_EVENT = ("id", "attempt", "now", "took", "who", "host", *_KEPT)


def _spend(run: Run, counts: Mapping[FlowKey, int], today: str) -> None:
    for key, count in sorted(counts.items()):  # one by one, in the order in which claims lock them
        run(_SPENDING, ("kind", "name", "today", "spent"), [(key.kind.value, key.name, today, count)])


def _record(run: Run, event: Event, results: Sequence[Result], now: int, actor: Actor) -> Found:
    """Apply *event* to the deliveries of *results* that it still applies to; those are found."""
    told, rows = [], []
    for each in results:
        kept = (each.phase, each.code, each.enhanced, each.reply, each.reason, each.relay)
        told.append((each.id, each.attempt, now, each.took, actor.who, actor.host, *kept))
        rows.append((each.id, each.attempt, now, each.wait, *kept))
    run(_telling(event), _EVENT, told)
    found = run(_recording(event), _RESULT, rows)
    if _target(event) is State.DEFERRED:
        run(_CANCELLING, ("id", "attempt", "now"), [(each.id, each.attempt, now) for each in results])
    return found


@cache
def _applies(event: Event) -> str:
    states = ", ".join(f"'{state.value}'" for state in sources(event))
    return f"deliveries.id = v.id AND deliveries.attempt = v.attempt AND deliveries.state IN ({states})"


@cache
def _telling(event: Event) -> str:
    # Before the delivery is moved, while it can be seen that it will be: nobody comes between (Database.short).
    return (
        "INSERT INTO events"
        " (issue_id, delivery_id, at, began, kind, who, host, attempt, phase, code, enhanced, text, relay)"
        f" SELECT deliveries.issue_id, v.id, v.now, v.now - v.took, '{event.value}', v.who, v.host, v.attempt,"
        f" v.phase, v.code, v.enhanced, v.reply, v.relay FROM v JOIN deliveries ON {_applies(event)}"
    )


@cache
def _recording(event: Event) -> str:
    target = _target(event)
    settled = "NULL" if target is State.DEFERRED else "v.now"
    kept = ", ".join(f"{name} = v.{name}" for name in _KEPT)
    return (
        f"UPDATE deliveries SET state = '{target.value}', {kept}, next_attempt = v.now + v.wait,"
        # An attempt whose answer comes late was counted when it became uncertain.
        " tries = tries + CASE state WHEN 'uncertain' THEN 0 ELSE 1 END,"
        f" settled_at = {settled}, lease_id = NULL, claimed_from = NULL FROM v"
        f" WHERE {_applies(event)} RETURNING deliveries.id"
    )


# What was in flight when its issue was cancelled, and came back deferred, is cancelled now.
_CANCELLING = (
    "UPDATE deliveries SET state = 'cancelled', next_attempt = NULL, settled_at = v.now FROM v, issues"
    " WHERE deliveries.id = v.id AND deliveries.attempt = v.attempt AND deliveries.state = 'deferred'"
    " AND issues.id = deliveries.issue_id AND issues.state = 'cancelled'"
)


@cache
def _target(event: Event) -> State:
    """The one state that *event* leads to, whichever of its sources the delivery is in."""
    targets = {transition(state, event) for state in sources(event)}
    (target,) = targets
    return target
