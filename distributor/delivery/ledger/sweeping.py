"""The sweep: takes back what dead workers held, gives up what is too old. Safe to run anywhere, at any time, twice."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.claims import given_back
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queues import open_queues
from distributor.delivery.ledger.schema import deliveries, events, grants, issues, leases
from distributor.delivery.model.records import Actor, IssueState
from distributor.delivery.model.states import Event, State, transition
from distributor.endpoints import MAIL, channel_of

LEASE_MOST = 600_000_000  # µs; engines take theirs for a minute


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
        _heed_the_clock(connection, now, now + (resend_after or 0) * 1_000_000)
        connection.execute(leases.delete().where(leases.c.expires_at < now))
        connection.execute(grants.delete().where(grants.c.lease_id.not_in(sa.select(leases.c.id))))
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


def _heed_the_clock(connection: Connection, now: int, latest: int) -> None:
    """A clock that was set back must not make dead workers look alive, nor keep what is queued from its turn.

    Nothing is queued for a time after *latest*. (What is deferred was to wait; it comes late, never lost.)
    """
    most = now + LEASE_MOST
    connection.execute(leases.update().where(leases.c.expires_at > most).values(expires_at=most))
    for queue in open_queues(connection):
        late = (deliveries.c.next_attempt > latest, deliveries.c.state == State.QUEUED.value)
        connection.execute(deliveries.update().where(*queue.rows, *late).values(next_attempt=now))


def _resend_uncertain(connection: Connection, now: int, due: int, too_old: int, actor: Actor) -> int:
    is_open = sa.select(issues.c.id).where(issues.c.state == IssueState.OPEN.value, issues.c.pruned_at.is_(None))
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
    """Deferred deliveries that are too old and not due now.

    A due one gets its last attempt first: what is behind a flow that lets nothing go waits for that, however long.
    """
    too_late = (
        deliveries.c.state == State.DEFERRED.value,
        deliveries.c.next_attempt > now,
        deliveries.c.waiting_since < too_old,
    )
    update = (
        deliveries.update()
        .where(*too_late)
        .values(state=State.FAILED.value, reason="too-old", next_attempt=None, settled_at=now)
        .returning(deliveries.c.issue_id, deliveries.c.id, deliveries.c.attempt)
    )
    return sum(
        _logged(connection, update.where(*queue.rows), Event.TOO_OLD, now, actor) for queue in open_queues(connection)
    )


def _logged(connection: Connection, update: Any, event: Event, now: int, actor: Actor) -> int:
    rows = [
        {"issue_id": issue_id, "delivery_id": identity, "at": now, "kind": event.value,
         "who": actor.who, "host": actor.host, "attempt": attempt}
        for issue_id, identity, attempt in connection.execute(update)
    ]  # fmt: skip
    if rows:
        connection.execute(events.insert(), rows)
    return len(rows)


def hasten_unconnected(database: Database, channel: str = MAIL) -> None:
    """Make due now what open issues put off for want of a connection by *channel*.

    Rows that another worker is at are left to it.
    """
    with database.write() as connection:
        now = database.beside(connection)
        later = (
            deliveries.c.state == State.DEFERRED.value,
            deliveries.c.reason == ("lost-connect" if channel == MAIL else "chat-unreachable"),
            deliveries.c.next_attempt > now,
        )
        for queue in open_queues(connection):
            if channel_of(queue.lane) != channel:
                continue
            rows = sa.select(deliveries.c.id).where(*queue.rows, *later).order_by(deliveries.c.id)
            chosen = rows.with_for_update(skip_locked=True).cte("chosen")
            update = deliveries.update().where(deliveries.c.id.in_(sa.select(chosen.c.id)))
            connection.execute(update.values(next_attempt=now))
