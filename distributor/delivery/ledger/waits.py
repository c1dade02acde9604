"""What decides when an issue's waiting deliveries may go, counted; and the daily quotas that are used up."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queries import moment
from distributor.delivery.ledger.schema import deliveries, flows, waiting
from distributor.delivery.model.flow import FlowKey, FlowKind, Rules


@dataclass(frozen=True, slots=True)
class Wait:
    """Waiting deliveries of one issue to *group* that keep to the flow of *destination*; '': of none that is asked for.

    The first of the *letters* is *due* (aware).
    """

    group: str
    destination: str
    letters: int
    due: dt.datetime


def waits(database: Database, issue_id: int, domains: Mapping[str, str]) -> list[Wait]:
    """All that waits of an issue; *domains* (domain → destination) are those in which it may keep to a flow."""
    place = place_of(database, domains).label("place")
    query = (
        sa.select(deliveries.c.group_name, place, sa.func.count(), sa.func.min(deliveries.c.next_attempt))
        .where(deliveries.c.issue_id == issue_id, waiting)
        .group_by(deliveries.c.group_name, place)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [Wait(group, domains.get(found, found), letters, moment(first)) for group, found, letters, first in rows]


def place_of(database: Database, domains: Collection[str]) -> sa.ColumnElement[str]:
    """A delivery's lane; of what no claim has moved out of the main lane yet its domain, if it is one of *domains*."""
    if not domains:
        return deliveries.c.lane
    key = deliveries.c.address_key
    domain = (
        sa.func.substr(key, sa.func.instr(key, "@") + 1)
        if database.dialect == "sqlite"
        else sa.func.split_part(key, "@", 2)
    )
    return sa.case((deliveries.c.lane != "", deliveries.c.lane), (domain.in_(sorted(domains)), domain), else_="")


def spent(database: Database, rules: Rules, today: str) -> list[FlowKey]:
    """The flows whose quota of *today* is used up."""
    limits = {way.flow: way.limits for way in rules.ways}
    limits |= {FlowKey(FlowKind.DESTINATION, each.name): each.limits for each in rules.destinations}
    quotas = {key: each.per_day for key, each in limits.items() if each.per_day is not None}
    if not quotas:
        return []
    query = sa.select(flows.c.kind, flows.c.name, flows.c.day_count).where(flows.c.day >= today)
    with database.read() as connection:
        counted = {FlowKey(FlowKind(kind), name): count for kind, name, count in connection.execute(query)}
    return [key for key, quota in quotas.items() if counted.get(key, 0) >= quota]
