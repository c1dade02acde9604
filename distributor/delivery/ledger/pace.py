"""How an issue went in time, counted where it lies: what was sent until when, and the domains that took longest.

What comes out is bounded, however many deliveries there are.
"""

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.counts import Span
from distributor.delivery.ledger.schema import deliveries, settled
from distributor.delivery.model.states import HAS_IT

_HAS_IT = deliveries.c.state.in_(sorted(HAS_IT))
_TAKEN = "sent"  # the reason beside a relay's 250; a letter that a person settled keeps the reason of its doubt


class DomainPace(NamedTuple):
    """Of the *letters* sent to *domain*: when half of them had been sent, and 95 %, by nearest rank (µs UTC)."""

    domain: str
    letters: int
    half: int
    most: int


def sent_until(connection: Connection, issue_id: int, start: int, points: int) -> Iterator[tuple[int, int]]:
    """Until when how many letters were sent: *points* times at most (µs UTC), evenly from *start* to the last letter.

    Nothing, where none was sent.
    """
    mine = (deliveries.c.issue_id == issue_id, settled, _HAS_IT)
    last = connection.execute(sa.select(sa.func.max(deliveries.c.settled_at)).where(*mine)).scalar_one()
    if last is None:
        return
    width = max(1, -(-(last - start) // points))
    # The end of a stretch belongs to it; what was sent before *start*, by another clock, to the first.
    stretch = sa.case((deliveries.c.settled_at <= start, 0), else_=(deliveries.c.settled_at - start - 1) // width)
    query = sa.select(stretch.label("stretch"), sa.func.count()).where(*mine).group_by("stretch")
    found = {int(number): count for number, count in connection.execute(query)}
    sent = 0
    for number in range(max(found) + 1):
        sent += found.get(number, 0)
        yield min(start + (number + 1) * width, max(last, start)), sent


def slowest_domains(connection: Connection, span: Span, limit: int) -> list[DomainPace]:
    """The *limit* domains whose letters took longest, by their 95 %.

    Only letters that the relay took at the first sending: one that a person sent again, or settled, or added later,
    tells of people.
    """
    key = deliveries.c.address_key
    at = sa.func.instr(key, "@") if connection.dialect.name == "sqlite" else sa.func.strpos(key, "@")
    domain = sa.func.substr(key, at + 1).label("domain")
    in_order = sa.func.row_number().over(partition_by=domain, order_by=deliveries.c.settled_at).label("place")
    ranked = (
        sa.select(domain, deliveries.c.settled_at, in_order, sa.func.count().over(partition_by=domain).label("letters"))
        .where(
            *span.rows,
            _HAS_IT,
            deliveries.c.reason == _TAKEN,
            deliveries.c.generation == 1,
            deliveries.c.supplement == 0,
        )
        .subquery()
    )
    half, most = (_at(ranked, share).label(f"at{share}") for share in (50, 95))
    query = (
        sa.select(ranked.c.domain, ranked.c.letters, half, most)
        .group_by(ranked.c.domain, ranked.c.letters)
        .order_by(sa.desc("at95"), sa.desc("at50"), ranked.c.domain)
        .limit(limit)
    )
    return [DomainPace(*row) for row in connection.execute(query)]


def _at(ranked: sa.Subquery, share: int) -> sa.ColumnElement[int]:
    """When *share* % of a domain's letters had been sent."""
    rank = (ranked.c.letters * share + 99) // 100
    return sa.func.max(sa.case((ranked.c.place == rank, ranked.c.settled_at)))
