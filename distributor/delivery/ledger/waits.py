"""What decides when an issue's waiting deliveries may go, counted; and the daily quotas that are used up."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queries import moment
from distributor.delivery.ledger.queues import Lane, in_queue, lanes
from distributor.delivery.ledger.schema import deliveries, flows, in_main_lane, waiting
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


def waits(
    database: Database, issue_id: int, domains: Mapping[str, str], counted: Sequence[Lane] | None = None
) -> list[Wait]:
    """All that waits of an issue; *domains* (domain → destination) are those in which it may keep to a flow.

    *counted* are its lanes, where somebody has counted them already.
    """
    with database.read() as connection:
        found = lanes(connection, issue_id) if counted is None else counted
        behind = _behind(connection, issue_id, domains) if any(not lane.lane for lane in found) else {}
        return [wait for lane in found for wait in _parted(connection, issue_id, lane, domains, behind)]


Behind = Mapping[str, Sequence[tuple[str, int, int]]]


def _behind(connection: Connection, issue_id: int, domains: Collection[str]) -> Behind:
    """Of the main lane those in *domains*, by group: (domain, number, first due time).

    Along an index: no address is read. (With a condition for the group SQLite would take another one, and read all.)
    """
    if not domains:
        return {}
    group, domain, first = deliveries.c.group_name, deliveries.c.domain, sa.func.min(deliveries.c.next_attempt)
    mine = (deliveries.c.issue_id == issue_id, domain.in_(sorted(domains)), in_main_lane)
    query = sa.select(group, domain, sa.func.count(), sa.func.coalesce(first, 0)).where(*mine).group_by(group, domain)
    behind: dict[str, list[tuple[str, int, int]]] = {}
    for name, *counted in connection.execute(query):
        behind.setdefault(name, []).append(tuple(counted))
    return behind


def _parted(
    connection: Connection, issue_id: int, lane: Lane, domains: Mapping[str, str], behind: Behind
) -> Iterator[Wait]:
    """A lane is one destination's; in the main lane are those in *domains* whom no claim has moved out of it yet."""
    if lane.lane or lane.group not in behind:
        yield _wait(lane.group, domains.get(lane.lane, lane.lane), lane.letters, lane.due)
        return
    rest = lane.letters
    for domain, letters, due in behind[lane.group]:
        rest -= letters
        yield _wait(lane.group, domains[domain], letters, due)
    if rest > 0:
        first = connection.execute(_first_besides(issue_id, lane.group, domains)).scalar()
        yield _wait(lane.group, "", rest, lane.due if first is None else first)


def _wait(group: str, destination: str, letters: int, due: int) -> Wait:
    return Wait(group, destination, letters, moment(due))


def _first_besides(issue_id: int, group: str, domains: Collection[str]) -> sa.Select[Any]:
    """When the first of the main lane that is in none of *domains* is due; those before it are passed by."""
    others = deliveries.c.domain.not_in(sorted(domains))
    order = (deliveries.c.next_attempt, deliveries.c.id)
    return sa.select(order[0]).where(*in_queue(issue_id, group, ""), waiting, others).order_by(*order).limit(1)


def place_of(domains: Collection[str]) -> sa.ColumnElement[str]:
    """A delivery's lane; of what no claim has moved out of the main lane yet its domain, if it is one of *domains*."""
    domain = deliveries.c.domain
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
