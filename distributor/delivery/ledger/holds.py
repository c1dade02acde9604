"""What a server's word means for the others: a destination's letters put off for a while, or held for a person.

A *scope* is a domain (lower case, ASCII), or None for everything that goes by the relay. Rows are moved, nothing is
remembered beside them: a letter that is opened later finds out by itself, and then its scope is held anew.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.claims import given_back
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queries import issue_from, issue_query
from distributor.delivery.ledger.schema import deliveries, events, issues, waiting
from distributor.delivery.ledger.writing import Result
from distributor.delivery.model.records import Actor, IssueRecord, IssueState
from distributor.delivery.model.states import State


@dataclass(frozen=True, slots=True)
class Held:
    """Letters of one issue to one domain that wait for a person, and why: the server's words of the last refusal."""

    issue: IssueRecord
    domain: str
    letters: int
    reason: str
    code: int | None
    enhanced: str | None
    reply: str
    relay: str


def put_off(
    database: Database, scope: str | None, wait: int | None, told: Result, spared: Collection[int], *, actor: Actor
) -> int:
    """Let what waits to be sent to *scope* wait *wait* µs from now at least, None: until release(); returns how many.

    *told* is the result that says why. What is claimed and not marked comes back first, but for *spared*, deliveries
    that are on their way.
    """
    with database.write() as connection:
        now = database.alone(connection)
        connection.execute(given_back().where(_in(scope), deliveries.c.id.not_in(list(spared))))
        due = None if wait is None else now + wait
        earlier = waiting if due is None else sa.and_(waiting, deliveries.c.next_attempt < due)
        update = (
            deliveries.update()
            .where(earlier, _in(scope), deliveries.c.issue_id.in_(_not_cancelled()))
            .values(
                state=State.DEFERRED.value, next_attempt=due, reason=told.reason, phase=told.phase, code=told.code,
                enhanced=told.enhanced, reply=told.reply, relay=told.relay,
            )
            .returning(deliveries.c.issue_id)
        )  # fmt: skip
        moved = connection.execute(update).scalars().all()
        detail = {"scope": scope, "reason": told.reason, "reply": told.reply, "code": told.code}
        _tell(connection, "held" if wait is None else "put off", moved, now, actor, detail)
        return len(moved)


def release(database: Database, scope: str | None, *, actor: Actor) -> dict[int, int]:
    """Make due now what is held for *scope*; returns how many letters of each issue that were."""
    with database.write() as connection:
        now = database.alone(connection)
        update = (
            deliveries.update()
            .where(waiting, deliveries.c.next_attempt.is_(None), _in(scope))
            .values(next_attempt=now)
            .returning(deliveries.c.issue_id)
        )
        moved = connection.execute(update).scalars().all()
        return _tell(connection, "released", moved, now, actor, {"scope": scope})


def held(database: Database) -> list[Held]:
    """All that is held, by issue, domain and reason."""
    domain = _domain(database).label("domain")
    said = (
        domain, deliveries.c.reason, deliveries.c.code, deliveries.c.enhanced, deliveries.c.reply, deliveries.c.relay,
    )  # fmt: skip
    query = (
        sa.select(deliveries.c.issue_id, *said, sa.func.count().label("letters"))
        .where(waiting, deliveries.c.next_attempt.is_(None))
        .group_by(deliveries.c.issue_id, *said)
        .order_by(deliveries.c.issue_id, sa.desc("letters"), domain)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
        found = issue_query().where(issues.c.id.in_({row.issue_id for row in rows}))
        by_id = {issue.id: issue for issue in map(issue_from, connection.execute(found))}
    return [
        Held(
            by_id[row.issue_id], row.domain, row.letters, row.reason or "unknown",
            row.code, row.enhanced, row.reply or "", row.relay or "",
        )
        for row in rows
    ]  # fmt: skip


def _in(scope: str | None) -> sa.ColumnElement[bool]:
    return sa.true() if scope is None else deliveries.c.address_key.endswith(f"@{scope}", autoescape=True)


def _domain(database: Database) -> sa.ColumnElement[str]:
    key = deliveries.c.address_key
    if database.dialect == "sqlite":
        return sa.func.substr(key, sa.func.instr(key, "@") + 1)
    return sa.func.split_part(key, "@", 2)


def _not_cancelled() -> sa.Select[tuple[int]]:
    return sa.select(issues.c.id).where(issues.c.state != IssueState.CANCELLED.value)


def _tell(
    connection: Connection, kind: str, moved: Sequence[int], now: int, actor: Actor, detail: Mapping[str, object]
) -> dict[int, int]:
    """One event for each issue; returns how many of *moved* are each's."""
    counts = Counter(moved)
    rows = [
        {"issue_id": issue_id, "at": now, "kind": kind, "who": actor.who, "host": actor.host,
         "text": json.dumps({**detail, "letters": count}, ensure_ascii=False)}
        for issue_id, count in sorted(counts.items())
    ]  # fmt: skip
    if rows:
        connection.execute(events.insert(), rows)
    return counts
