"""What became of an issue in the last minutes: along the indexes, at the price of no more than those letters."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.queues import Lane
from distributor.delivery.ledger.schema import deferred, deliveries, settled
from distributor.delivery.model.states import State


def settled_since(
    connection: Connection, issue_id: int, cells: Iterable[tuple[str, State]], since: int
) -> tuple[int, int]:
    """How many deliveries of *cells*, groups and states that are settled, came to be so after *since*.

    Also when the first of them did; both times are µs UTC. (0, since): none.
    """
    total, first = 0, []
    for group, state in cells:
        query = sa.select(sa.func.count(), sa.func.min(deliveries.c.settled_at)).where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.state == state.value,
            deliveries.c.group_name == group,
            deliveries.c.settled_at > since,
            settled,
        )
        number, earliest = connection.execute(query).one()
        total += number
        first += [earliest] if number else []
    return total, min(first, default=since)


def last_deferral(connection: Connection, issue_id: int, lanes: Iterable[Lane]) -> int | None:
    """When the last of those that were put off is due: µs UTC; None: none was."""
    found = []
    for lane in lanes:
        if lane.deferred:
            query = sa.select(sa.func.max(deliveries.c.next_attempt)).where(
                deliveries.c.issue_id == issue_id,
                deliveries.c.group_name == lane.group,
                deliveries.c.lane == lane.lane,
                deferred,
            )
            found.append(int(connection.execute(query).scalar() or 0))
    return max(found, default=None)
