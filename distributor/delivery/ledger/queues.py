"""The queues of waiting deliveries, one for each issue, group and lane, found and searched along one index.

There are few queues, however many wait in them: whatever is asked of each costs the same beside a million rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.schema import Time, deferred, deliveries, issues, waiting
from distributor.delivery.model.records import IssueState


@dataclass(frozen=True, slots=True)
class Queue:
    """Deliveries of one issue to one group that keep to one lane."""

    issue_id: int
    uid: str
    sender: str
    urgency: int
    group_name: str
    lane: str

    @property
    def sender_domain(self) -> str:
        return self.sender.rpartition("@")[2]

    @property
    def rows(self) -> tuple[sa.ColumnElement[bool], ...]:
        """The conditions that a delivery waits in this queue."""
        return waiting, *in_queue(self.issue_id, self.group_name, self.lane)


@dataclass(frozen=True, slots=True)
class Lane:
    """What waits of an issue in one queue: so many *letters*, some of them *deferred*; the first is *due* (µs UTC)."""

    issue_id: int
    group: str
    lane: str
    letters: int
    deferred: int
    due: int


def lanes(connection: Connection, issue_id: int | None) -> list[Lane]:
    """All that waits of an issue, open or not, by group and lane; None: of all issues."""
    query, given = (_LANES_OF_ALL, {}) if issue_id is None else (_LANES_OF_ONE, {"issue": issue_id})
    return [Lane(*row) for row in connection.execute(query, given)]


def open_queues(connection: Connection) -> list[Queue]:
    """The queues of open issues: the most urgent first, then by issue."""
    return [Queue(*row) for row in connection.execute(_OPEN)]


def open_lanes(database: Database) -> set[str]:
    """The lanes in which something of an open issue waits."""
    with database.read() as connection:
        return {queue.lane for queue in open_queues(connection)}


def due_queues(connection: Connection, now: int) -> list[Queue]:
    """Those of open_queues() with something due."""
    return [Queue(*row) for row in connection.execute(_DUE, {"now": now})]


def count_due(database: Database, at_most: int, counts: Callable[[Queue], bool]) -> int:
    """How many deliveries of open issues are due now in the queues that *counts*; counting stops at *at_most*."""
    found = 0
    with database.read() as connection:
        now = database.clock(connection)
        for queue in filter(counts, due_queues(connection, now)):
            due = sa.select(deliveries.c.id).where(*queue.rows, deliveries.c.next_attempt <= now)
            count = sa.select(sa.func.count()).select_from(due.limit(at_most - found).subquery())
            found += int(connection.execute(count).scalar_one())
            if found >= at_most:
                break
    return found


def in_queue(issue_id: Any, group_name: Any, lane: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions that a delivery is one of a queue, waiting or not."""
    return deliveries.c.issue_id == issue_id, deliveries.c.group_name == group_name, deliveries.c.lane == lane


def is_due(now: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions that a delivery waits and is due."""
    return waiting, deliveries.c.next_attempt <= now


def _heads(of_issues: sa.ColumnElement[bool]) -> sa.CTE:
    """The first waiting row of each queue of the issues, found by a step or two along the index for each queue."""
    of_issue = deliveries.c.issue_id == issues.c.id
    first = sa.select(_head_where(of_issue).label("id")).select_from(issues).where(of_issues)
    heads = first.cte("heads", recursive=True)
    head = deliveries.alias("head")
    of_issue = deliveries.c.issue_id == head.c.issue_id
    # Not by one comparison of pairs: SQLite would read the rest of the group for it.
    lane = _head_where(of_issue, deliveries.c.group_name == head.c.group_name, deliveries.c.lane > head.c.lane)
    group = _head_where(of_issue, deliveries.c.group_name > head.c.group_name)
    step = sa.select(sa.func.coalesce(lane, group)).join_from(heads, head, head.c.id == heads.c.id)
    return heads.union_all(step)


def _head_where(*conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    order = (deliveries.c.group_name, deliveries.c.lane, deliveries.c.next_attempt, deliveries.c.id)
    query = sa.select(deliveries.c.id).where(waiting, *conditions).order_by(*order).limit(sa.literal_column("1"))
    return query.scalar_subquery()


def _open_query() -> tuple[sa.Select[Any], sa.FromClause]:
    """The query of all queues; and their first rows, by which it can be narrowed."""
    heads, head = _heads(issues.c.state == IssueState.OPEN.value), deliveries.alias("head")
    found = (issues.c.id, issues.c.uid, issues.c.sender, issues.c.urgency, head.c.group_name, head.c.lane)
    query = (
        sa.select(*found)
        .join_from(heads, head, head.c.id == heads.c.id)
        .join(issues, issues.c.id == head.c.issue_id)
        .order_by(issues.c.urgency.desc(), issues.c.id, head.c.group_name, head.c.lane)
    )
    return query, head


def _due_query() -> sa.Select[Any]:
    query, head = _open_query()
    # A scalar subquery, and no EXISTS: that PostgreSQL may answer by a pass over all that waits.
    due = (
        sa.select(deliveries.c.next_attempt)
        .where(*in_queue(head.c.issue_id, head.c.group_name, head.c.lane), *is_due(sa.bindparam("now", type_=Time)))
        .order_by(deliveries.c.next_attempt, deliveries.c.id)
        .limit(sa.literal_column("1"))
        .scalar_subquery()
    )
    return query.where(due.is_not(None))


def _lanes_query(heads: sa.CTE) -> sa.Select[Any]:
    head = deliveries.alias("head")
    here = in_queue(head.c.issue_id, head.c.group_name, head.c.lane)
    counts = [sa.select(sa.func.count()).where(*here, which).scalar_subquery() for which in (waiting, deferred)]
    first = sa.select(sa.func.min(deliveries.c.next_attempt)).where(*here, waiting).scalar_subquery()
    return (
        sa.select(head.c.issue_id, head.c.group_name, head.c.lane, *counts, sa.func.coalesce(first, 0))
        .join_from(heads, head, head.c.id == heads.c.id)
        .order_by(head.c.issue_id, head.c.group_name, head.c.lane)
    )


_OPEN, _DUE = _open_query()[0], _due_query()
_LANES_OF_ONE = _lanes_query(_heads(issues.c.id == sa.bindparam("issue")))
_LANES_OF_ALL = _lanes_query(_heads(sa.true()))
