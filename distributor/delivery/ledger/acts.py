"""What people decide about an issue: pause, resume, cancel, resend, resolve. Each act is one transaction, and told."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.claims import given_back
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.gaps import replaced_letters
from distributor.delivery.ledger.schema import deliveries, events, issues, waiting
from distributor.delivery.model.records import Actor, IssueState
from distributor.delivery.model.states import RESENDABLE, Event, State, sources


def pause(database: Database, issue_id: int, *, actor: Actor, reason: str) -> bool:
    """Stop claiming for the issue and take back what is claimed; what is being handed over runs out.

    False: the issue was not open, and nothing changed.
    """
    with database.write() as connection:
        now = database.alone(connection)
        if not _turn(connection, issue_id, [IssueState.OPEN], _state(IssueState.PAUSED, now, actor, reason)):
            return False
        connection.execute(given_back().where(deliveries.c.issue_id == issue_id))
        connection.execute(events.insert(), _event(issue_id, now, "paused", actor, reason))
        return True


def resume(database: Database, issue_id: int, *, actor: Actor) -> bool:
    """Open a paused issue again; the time it stood still does not count towards the age of its deliveries.

    False: the issue was not paused, and nothing changed.
    """
    with database.write() as connection:
        now = database.alone(connection)
        since = connection.execute(sa.select(issues.c.state_at).where(issues.c.id == issue_id)).scalar()
        if not _turn(connection, issue_id, [IssueState.PAUSED], _state(IssueState.OPEN, now, actor, None)):
            return False
        stood_still = now - (since or now)
        connection.execute(
            deliveries.update()
            .where(deliveries.c.issue_id == issue_id, deliveries.c.settled_at.is_(None))
            .values(waiting_since=deliveries.c.waiting_since + stood_still)
        )
        connection.execute(events.insert(), _event(issue_id, now, "resumed", actor, ""))
        return True


def hasten(database: Database, issue_id: int, *, actor: Actor) -> int:
    """Make what waits of the issue due now, as a person who mended something wants; returns how many.

    What is queued is due already, unless the clock was set back.
    """
    with database.write() as connection:
        now = database.alone(connection)
        update = deliveries.update().where(
            deliveries.c.issue_id == issue_id,
            waiting,
            deliveries.c.next_attempt > now,
        )
        hastened = connection.execute(update.values(next_attempt=now)).rowcount
        if hastened:
            connection.execute(events.insert(), _event(issue_id, now, "hastened", actor, ""))
        return hastened


def cancel(database: Database, issue_id: int, *, actor: Actor, reason: str) -> int | None:
    """End the issue: whatever was not handed over is never sent. Returns how many; None: cancelled before."""
    with database.write() as connection:
        now = database.alone(connection)
        both = [IssueState.OPEN, IssueState.PAUSED]
        if not _turn(connection, issue_id, both, _state(IssueState.CANCELLED, now, actor, reason)):
            return None
        stopped = connection.execute(
            deliveries.update()
            .where(deliveries.c.issue_id == issue_id, deliveries.c.state.in_(_names(sources(Event.CANCEL))))
            .values(
                state=State.CANCELLED.value, reason=None, next_attempt=None, lease_id=None, claimed_from=None,
                settled_at=now,
            )
        ).rowcount  # fmt: skip
        connection.execute(events.insert(), _event(issue_id, now, "cancelled", actor, reason))
        return stopped


def resend(database: Database, issue_id: int, states: Sequence[State], *, actor: Actor, reason: str) -> int:
    """Queue again the deliveries of the issue that are in *states*; returns how many.

    None where it is cancelled or pruned.

    Left out are those that failed and whose contacts have a letter of a later supplement, at another address. A
    delivery that the far side refused travels as a new message; one whose fate is unknown keeps its Message-ID, so
    that a mailbox which has it already can drop the copy.
    """
    with database.write() as connection:
        now = database.alone(connection)
        kept = deliveries.c.state == State.UNCERTAIN.value
        sendable = sa.select(issues.c.id).where(
            issues.c.state != IssueState.CANCELLED.value, issues.c.pruned_at.is_(None)
        )
        update = (
            deliveries.update()
            .where(
                deliveries.c.issue_id == issue_id,
                deliveries.c.issue_id.in_(sendable),
                deliveries.c.state.in_(_names(RESENDABLE.intersection(states))),
                deliveries.c.id.not_in(list(replaced_letters(connection, issue_id))),
            )
            .values(
                state=State.QUEUED.value,
                generation=deliveries.c.generation + sa.case((kept, 0), else_=1),
                next_attempt=now,
                waiting_since=now,
                settled_at=None,
                reason=None,
            )
            .returning(deliveries.c.id, deliveries.c.attempt)
        )
        rows = connection.execute(update).all()
        events_of = [
            _event(issue_id, now, "resend", actor, reason) | {"delivery_id": identity, "attempt": attempt}
            for identity, attempt in rows
        ]
        if events_of:
            connection.execute(events.insert(), events_of)
        return len(rows)


def resolve(database: Database, issue_id: int, address_keys: Iterable[str], *, actor: Actor, reason: str) -> set[str]:
    """Settle uncertain deliveries as sent, since a person learnt that they arrived: all of *address_keys*, or none.

    Returns those of *address_keys* that are in no doubt in this issue; if there are any, nothing is changed.
    """
    wanted = set(address_keys)
    with database.write() as connection:
        now = database.alone(connection)
        in_doubt = (
            deliveries.c.issue_id == issue_id,
            deliveries.c.address_key.in_(wanted),
            deliveries.c.state.in_(_names(sources(Event.RESOLVE))),
        )
        query = sa.select(deliveries.c.id, deliveries.c.attempt, deliveries.c.address_key).where(*in_doubt)
        rows = connection.execute(query).all()
        if unknown := wanted - {row.address_key for row in rows}:
            return unknown
        connection.execute(deliveries.update().where(*in_doubt).values(state=State.SENT.value, settled_at=now))
        events_of = [
            _event(issue_id, now, Event.RESOLVE.value, actor, reason) | {"delivery_id": row.id, "attempt": row.attempt}
            for row in rows
        ]
        connection.execute(events.insert(), events_of)
        return set()


def _state(state: IssueState, now: int, actor: Actor, reason: str | None) -> dict[str, Any]:
    return {"state": state.value, "state_at": now, "state_by": actor.who, "state_reason": reason}


def _turn(connection: Connection, issue_id: int, allowed: Sequence[IssueState], state: dict[str, Any]) -> bool:
    update = issues.update().where(issues.c.id == issue_id, issues.c.state.in_(_names(allowed))).values(**state)
    return connection.execute(update).rowcount == 1


def _names(states: Iterable[State | IssueState]) -> list[str]:
    return [state.value for state in states]


def _event(issue_id: int, now: int, kind: str, actor: Actor, reason: str) -> dict[str, Any]:
    text = json.dumps({"reason": reason}, ensure_ascii=False)
    return {"issue_id": issue_id, "at": now, "kind": kind, "who": actor.who, "host": actor.host, "text": text}
