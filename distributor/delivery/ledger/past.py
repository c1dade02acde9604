"""What past issues tell about addresses: whose letters were refused, whose were sent, who was left out as disabled.

Every query keeps to one issue and one of its indexes, so that it costs the same however many issues there are.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.rows import some
from distributor.delivery.ledger.schema import deliveries, omitted, served, settled
from distributor.delivery.model.states import HAS_IT, REFUSED, State
from distributor.endpoints import MAIL


class Refusal(NamedTuple):
    """A delivery that failed or bounced: *code*, *enhanced* and *reply* are the last answer, *reason* its slug."""

    key: str
    state: State
    reason: str | None
    code: int | None
    enhanced: str | None
    reply: str | None


def refused(connection: Connection, issue_id: int) -> int:
    """How many of the issue's deliveries failed or bounced."""
    return int(connection.execute(sa.select(sa.func.count()).where(*_refused(issue_id))).scalar_one())


def refusals(connection: Connection, issue_id: int) -> Iterator[Refusal]:
    """The issue's deliveries that failed or bounced, in the order of opening."""
    columns = ("address_key", "state", "reason", "code", "enhanced", "reply")
    query = sa.select(*(deliveries.c[name] for name in columns)).where(*_refused(issue_id)).order_by(deliveries.c.id)
    for key, state, *said in connection.execute(query):
        yield Refusal(key, State(state), *said)


def sent_to(connection: Connection, issue_id: int, keys: Collection[str]) -> Iterator[str]:
    """Those of *keys*, normalised addresses, that the issue's letter was sent to."""
    for these in some(keys):
        query = sa.select(deliveries.c.address_key).where(
            *_with(issue_id, these), deliveries.c.state.in_(sorted(HAS_IT))
        )
        yield from connection.execute(query).scalars()


def served_at(connection: Connection, issue_id: int, keys: Collection[str]) -> Iterator[tuple[str, str]]:
    """The units, with the address, whom the issue has a letter for at one of *keys*: (key, unit)."""
    joined = deliveries.join(served, served.c.delivery_id == deliveries.c.id)
    for these in some(keys):
        query = sa.select(deliveries.c.address_key, served.c.unit).select_from(joined).where(*_with(issue_id, these))
        yield from (tuple(row) for row in connection.execute(query))


def disabled_in(connection: Connection, issue_id: int, limit: int) -> Iterator[tuple[str, str]]:
    """Whom the issue was opened without because the list had them disabled: (address as written, unit).

    The first *limit* of them, in the order of the list.
    """
    mine = (omitted.c.issue_id == issue_id, omitted.c.why == "disabled")
    query = sa.select(omitted.c.address, omitted.c.unit).where(*mine).order_by(omitted.c.id).limit(limit)
    yield from (tuple(row) for row in connection.execute(query))


def _refused(issue_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return deliveries.c.issue_id == issue_id, settled, deliveries.c.state.in_(sorted(REFUSED))


def _with(issue_id: int, keys: Collection[str]) -> tuple[sa.ColumnElement[bool], ...]:
    return deliveries.c.issue_id == issue_id, deliveries.c.channel == MAIL, deliveries.c.address_key.in_(keys)
