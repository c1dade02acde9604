"""Leases, and what is claimed under them. A worker holds one lease and keeps it alive; rows it claimed name it."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import ReturningUpdate

from distributor.delivery.ledger.allotments import Allotment, Allowances, Ask, AtHand
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queues import Queue, due_queues, in_queue, is_due
from distributor.delivery.ledger.schema import Time, deliveries, grants, leases
from distributor.delivery.model.flow import FlowKey, FlowKind, Rules
from distributor.delivery.model.states import State
from distributor.endpoints import MAIL, channel_of

T = TypeVar("T")
# Of each issue the group and lane that a process was given last; the issue that it was given last is the last key.
Served: TypeAlias = Mapping[int, tuple[str, str]]
_RANDOM = Random()
# How many rows of the main lane are looked at for those that belong elsewhere; more where all of them do.
_LOOK = (500, 2_000, 8_000)


class Claim(NamedTuple):
    """One delivery in a worker's hand, with all that its message is made of. *age* is µs since opening or resend.

    *fields* is the JSON of its merge values; *uid* and *sender* are the issue's. It is of *group*, goes by *relay* (a
    Way's name) and keeps to the flow of *lane*, a destination; '' is no destination's.
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
    relay: str
    lane: str
    group: str


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


@dataclass(frozen=True, slots=True)
class Granted:
    """What a claim gave: deliveries, and what each flow that has a limit or trouble allows this process."""

    claims: list[Claim]
    allotments: dict[FlowKey, Allotment]


def claim(
    database: Database, lease: int, asks: Sequence[Ask], rules: Rules,
    stock: Mapping[FlowKey, AtHand] = MappingProxyType({}),
    *, day_of: Callable[[int], str], served: Served = MappingProxyType({}), rng: Random = _RANDOM,
) -> Granted:  # fmt: skip
    """Due deliveries for the holder of *lease*, as many as *asks* have room and the flows allow.

    Urgent issues come first, then it is shared fairly between issues, then between the queues of an issue (its groups
    and lanes); inside a queue the longest due come first. A small issue opened behind a huge one gets its share of
    every slice; where a slice is too small to be shared they take turns: it begins behind what was *served* last.
    *stock* is what the process has of each flow; *day_of* gives the date by which quotas are counted, of the ledger's
    µs since 1970.
    """
    with database.write() as connection:
        now = database.beside(connection)
        channels = _by_channel(due_queues(connection, now))
        endpoints = _endpoints(stock).union(queue.lane for name in channels if name != MAIL for queue in channels[name])
        allowed = Allowances(
            database, connection, lease, asks, rules, endpoints=endpoints, stock=stock, day_of=day_of
        )  # fmt: skip
        slice_ = _Slice(connection, lease, allowed, rng, served, now)
        for channel, queues in channels.items():
            slice_.fill(channel, _by_urgency(queues))
        return Granted(slice_.claims, allowed.grant())


def _by_channel(queues: Iterable[Queue]) -> dict[str, list[Queue]]:
    """*queues* by channel, mail last: what was *served* last is then of the one with many queues."""
    found: dict[str, list[Queue]] = {}
    for queue in queues:
        found.setdefault(channel_of(queue.lane), []).append(queue)
    return dict(sorted(found.items(), key=lambda each: each[0] == MAIL))


def _endpoints(stock: Mapping[FlowKey, AtHand]) -> set[str]:
    """The chat lanes of which a process has something."""
    return {
        key.name
        for key, each in stock.items()
        if (each.rows or each.slots) and key.kind is FlowKind.DESTINATION and channel_of(key.name) != MAIL
    }


def _by_urgency(queues: Iterable[Queue]) -> list[list[list[Queue]]]:
    """*queues* by issue, in classes of equal urgency."""
    by_issue = [list(mine) for _issue, mine in groupby(queues, lambda queue: queue.issue_id)]
    return [list(equal) for _urgency, equal in groupby(by_issue, lambda mine: mine[0].urgency)]


def _first_query() -> sa.Select[int, str]:
    queue = in_queue(*(sa.bindparam(name) for name in ("of_issue", "of_group", "in_lane")))
    return (
        sa.select(deliveries.c.id, deliveries.c.address_key)
        .where(*queue, *is_due(sa.bindparam("until", type_=Time)))
        .order_by(deliveries.c.next_attempt, deliveries.c.id)
        .limit(sa.bindparam("limit"))
        .with_for_update(skip_locked=True)
    )


def _claiming(chosen: sa.ColumnElement[bool]) -> ReturningUpdate[Any]:
    return (
        deliveries.update()
        .where(chosen)
        .values(
            state=State.CLAIMED.value,
            claimed_from=deliveries.c.state,
            attempt=deliveries.c.attempt + 1,
            lease_id=sa.bindparam("lease"),
        )
        .returning(*(deliveries.c[name] for name in _CLAIMED))
    )


# In the order in which _Slice takes them apart.
_CLAIMED = (
    "id", "issue_id", "letter_id", "attempt", "generation", "tries", "address", "fields",
    "lane", "waiting_since", "next_attempt",
)  # fmt: skip
_BY_TIME = itemgetter(_CLAIMED.index("next_attempt"), _CLAIMED.index("id"))
_FIRST = _first_query()
# A CTE is evaluated once: inside IN (…) PostgreSQL may run it, and lock, more than once.
_CLAIM_FIRST = _claiming(deliveries.c.id.in_(sa.select(_FIRST.cte("chosen").c.id)))
_CLAIM_THESE = _claiming(deliveries.c.id.in_(sa.bindparam("ids", expanding=True)))


class _Slice:
    """What one claim has taken so far."""

    def __init__(
        self, connection: Connection, lease: int, allowed: Allowances, rng: Random, served: Served, now: int
    ) -> None:
        self.connection = connection
        self.lease = lease
        self.allowed = allowed
        self.rng = rng
        self.served = served
        self.now = now
        self.claims: list[Claim] = []
        self.exhausted: set[Queue] = set()  # they, or their flows, have no more to give

    def fill(self, channel: str, classes: Iterable[list[list[Queue]]]) -> None:
        """Take from the queues of *channel*, the most urgent class first."""
        for urgency_class in classes:
            if self.allowed.left(channel) <= 0:
                break
            self._take_fairly(channel, urgency_class)
            self._take_fairly(channel, urgency_class)  # what queues left whose flows allow less

    def _take_fairly(self, channel: str, by_issue: list[list[Queue]]) -> None:
        """Take fairly from issues of equal urgency. What one leaves of its share goes to those after it."""
        left = [[queue for queue in queues if queue not in self.exhausted] for queues in by_issue]
        there = [queues for queues in left if queues]
        for position, queues in enumerate(_behind(there, next(reversed(self.served), 0), _issue_of)):
            end = len(self.claims) + _share(self.allowed.left(channel), len(there) - position)
            for index, queue in enumerate(_behind(queues, self.served.get(queues[0].issue_id, ("", "")), _place_of)):
                self._take(queue, _share(end - len(self.claims), len(queues) - index))

    def _take(self, queue: Queue, share: int) -> None:
        relays = self.allowed.draw(queue.group_name, queue.sender_domain, queue.lane, share, self.rng)
        rows = sorted(self._claim(queue, len(relays)), key=_BY_TIME) if relays else []
        self.allowed.take(queue.lane, relays[: len(rows)])
        if len(rows) < share:
            self.exhausted.add(queue)
        self.claims += [
            Claim(
                identity, issue_id, letter_id, attempt, generation, tries, address, fields,
                self.now - since, queue.uid, queue.sender, relay, lane, queue.group_name,
            )
            for (identity, issue_id, letter_id, attempt, generation, tries, address, fields, lane, since, _), relay
            in zip(rows, relays, strict=False)
        ]  # fmt: skip

    def _claim(self, queue: Queue, limit: int) -> Sequence[Any]:
        if self.allowed.lanes and not queue.lane:
            chosen = {"ids": self._cleared(queue, limit)}
            statement = _CLAIM_THESE
        else:
            chosen = self._first(queue, limit)
            statement = _CLAIM_FIRST
        return self.connection.execute(statement, {**chosen, "lease": self.lease}).all()

    def _first(self, queue: Queue, limit: int) -> dict[str, Any]:
        where = {"of_issue": queue.issue_id, "of_group": queue.group_name, "in_lane": queue.lane}
        return {**where, "until": self.now, "limit": limit}

    def _cleared(self, queue: Queue, limit: int) -> list[int]:
        """Ids of the main lane's first rows, *limit* at most, after those that belong to other lanes were moved there.

        Bounded work: where only such rows are in front, some thousands are moved, and the next claim goes on.
        """
        for size in _LOOK:
            lanes: dict[str, list[int]] = {}
            for identity, key in self.connection.execute(_FIRST, self._first(queue, max(size, limit))):
                lanes.setdefault(self.allowed.lanes.get(key.rpartition("@")[2], ""), []).append(identity)
            here = lanes.pop("", [])
            for lane, moved in lanes.items():
                self.connection.execute(deliveries.update().where(deliveries.c.id.in_(moved)).values(lane=lane))
            if here or not lanes:
                return here[:limit]
        return []


def _behind(items: list[T], last: Any, key: Callable[[T], Any]) -> list[T]:
    """*items*, which are in the order of *key*, from the first behind *last* on."""
    start = bisect_right(items, last, key=key)
    return items[start:] + items[:start]


def _issue_of(queues: list[Queue]) -> int:
    return queues[0].issue_id


def _place_of(queue: Queue) -> tuple[str, str]:
    return queue.group_name, queue.lane


def _share(total: int, parts: int) -> int:
    return -(-total // parts)


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
        connection.execute(grants.delete().where(grants.c.lease_id == lease))
        connection.execute(leases.delete().where(leases.c.id == lease))


def given_back() -> sa.Update:
    """The UPDATE that returns claimed deliveries to where they came from; the caller says which."""
    return (
        deliveries.update()
        .where(deliveries.c.state == State.CLAIMED.value)
        .values(state=deliveries.c.claimed_from, claimed_from=None, lease_id=None)
    )
