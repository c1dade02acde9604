"""The deliveries of an issue that are wanted, streamed; and whom it knows by name."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.counts import Span
from distributor.delivery.ledger.queries import all_deliveries, microseconds
from distributor.delivery.ledger.schema import deliveries, events, omitted, served
from distributor.delivery.model.records import DeliveryRecord
from distributor.delivery.model.states import HAS_IT
from distributor.delivery.model.wanted import Wanted


def chosen_deliveries(connection: Connection, span: Span, wanted: Wanted) -> Iterator[DeliveryRecord]:
    """Those that are *wanted*, in the order of opening; of replaced ones nothing is known here."""
    return all_deliveries(connection, span, *_conditions(span, wanted))


def _conditions(span: Span, wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.units:
        serving = sa.select(served.c.delivery_id).where(span.served, served.c.unit.in_(sorted(wanted.units)))
        yield deliveries.c.id.in_(serving)
    if wanted.groups:
        yield deliveries.c.group_name.in_(sorted(wanted.groups))
    if wanted.states:
        yield deliveries.c.state.in_(sorted(wanted.states))
    if wanted.lacking:
        yield deliveries.c.state.not_in(sorted(HAS_IT))
    if wanted.since:
        yield _changed_since(microseconds(wanted.since))


def _changed_since(time: int) -> sa.ColumnElement[bool]:
    """Of what is not settled, events tell: there are few of it, and an index leads to each one's."""
    happened = sa.exists().where(events.c.delivery_id == deliveries.c.id, events.c.at >= time)
    return sa.or_(deliveries.c.settled_at >= time, sa.and_(deliveries.c.settled_at.is_(None), happened))


def units_of(connection: Connection, span: Span) -> set[str]:
    """The units that the issue reaches, those whose contacts are all disabled too."""
    serving = sa.select(served.c.unit).where(
        span.served, served.c.delivery_id.in_(sa.select(deliveries.c.id).where(*span.rows))
    )
    without = sa.select(omitted.c.unit).where(omitted.c.issue_id == span.issue_id, omitted.c.unit.is_not(None))
    return set(connection.execute(serving.union(without)).scalars())
