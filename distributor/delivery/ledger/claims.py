"""Leases, and what is claimed under them. A worker holds one lease and keeps it alive; rows it claimed name it."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.schema import deliveries, issues, leases, waiting
from distributor.delivery.model.records import IssueState
from distributor.delivery.model.states import State


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
