"""What each flow allows a process in one claim, and what the claim used of it. All workers share it by this alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.schema import flows, grants, leases
from distributor.delivery.model.flow import GRACE, FlowKey, FlowKind, Limits, Rules, Way

# Slots are granted so far ahead, µs: more than a worker needs between two claims, less than anybody would miss.
HORIZON = 3_000_000
_UNBOUNDED = 1 << 60


@dataclass(frozen=True, slots=True)
class Ask:
    """What an engine wants of one relay: *room* deliveries into its stock, and *connections* (0: it is away)."""

    way: Way
    room: int
    connections: int


@dataclass(frozen=True, slots=True)
class Allotment:
    """What one flow allows a process now; None: no such limit.

    *connections* at once, *per_connection* messages, then a new one; *slots* (first, spacing, count): µs from now of
    the first, µs between two, how many; *quota* messages that this claim adds to what may go today; *held* µs from
    now during which nothing may go; *blocked*: until a person releases it.
    """

    connections: int | None
    per_connection: int | None
    slots: tuple[int, int, int] | None
    quota: int | None
    held: int
    blocked: bool


@dataclass(frozen=True, slots=True)
class _Moment:
    """What the flows of one claim have in common."""

    now: int
    today: str
    lease: int
    alive: bool


class _Flow:
    """One flow in one claim: *left* more rows may be taken, and take() counts them."""

    def __init__(
        self, limits: Limits, row: RowMapping | None, used: int, stock: tuple[int, int], at: _Moment,
        grid: tuple[int, int] | None,
    ) -> None:  # fmt: skip
        self.limits = limits
        self.at = at
        self.spacing = limits.spacing
        self.in_stock, self.unspent = stock
        # Later than any claim sets it: the clock was set back since.
        latest = at.now + HORIZON + (limits.spacing or 0)
        self.next_slot = row["next_slot"] if row and at.now < row["next_slot"] <= latest else at.now
        if grid is not None and self.spacing is not None:
            # A letter needs a slot of its relay and one of its destination at the same time, or both are lost.
            first, step = grid
            self.next_slot += (first - self.next_slot) % step
            self.spacing = -(-self.spacing // step) * step
        self.spent = row["day_count"] if row and row["day"] == at.today else 0
        self.held = held_for(row, at.now) if row else 0
        self.probation = bool(row and row["hold"])
        self.blocked = bool(row and row["blocked_at"] is not None)
        self.free = _UNBOUNDED
        if limits.connections is not None:
            self.free = max(0, limits.connections - used) if at.alive else 0
        self.taken = 0
        self.left = max(0, self._bound())

    @property
    def shut(self) -> bool:
        return self.blocked or self.held > 0

    @property
    def told(self) -> bool:
        """Whether the engine has to know of it."""
        return self.limits != Limits() or self.probation or self.blocked

    def _bound(self) -> int:
        if self.shut or self.free == 0:
            return 0
        bounds = [_UNBOUNDED]
        if self.probation:
            bounds.append(1 - self.in_stock)
        if self.spacing is not None:
            bounds.append(self._slots_ahead() + self.unspent - self.in_stock)
        if self.limits.per_day is not None:
            bounds.append(self.limits.per_day - self.spent)
        return min(bounds)

    def _slots_ahead(self) -> int:
        spacing = self.spacing
        return _UNBOUNDED if spacing is None else max(0, (self.at.now + HORIZON - self.next_slot) // spacing + 1)

    def take(self, count: int) -> None:
        self.taken += count
        self.left -= count

    def allot(self, wanted: int | None) -> Allotment:
        """The share of what was taken; *wanted* connections, None: one for each delivery."""
        at_hand = self.in_stock + self.taken
        connections = min(self.free, at_hand if wanted is None else wanted)
        return Allotment(
            connections=None if self.limits.connections is None else 0 if self.shut else connections,
            per_connection=self.limits.per_connection,
            slots=self._slots(0 if wanted == 0 else at_hand),
            quota=None if self.limits.per_day is None else self.taken,
            held=self.held,
            blocked=self.blocked,
        )

    def _slots(self, at_hand: int) -> tuple[int, int, int] | None:
        """As many new ones as deliveries at hand are short of. What is not used of them is lost."""
        if (spacing := self.spacing) is None:
            return None
        wanted = min(at_hand, 1) if self.probation else at_hand
        count = 0 if self.shut else max(0, min(wanted - self.unspent, self._slots_ahead()))
        return self.next_slot - self.at.now, spacing, count

    def changes(self, allotment: Allotment) -> dict[str, Any]:
        """What the flow's row must remember."""
        changed: dict[str, Any] = {}
        if allotment.slots and allotment.slots[2]:
            _first, spacing, count = allotment.slots
            changed["next_slot"] = self.next_slot + spacing * count
        if allotment.quota:
            changed |= {"day": self.at.today, "day_count": self.spent + allotment.quota}
        return changed


class Allowances:
    """All flows in one claim. Ask it how much may be taken from where, tell it what was, then have it written."""

    def __init__(
        self, database: Database, connection: Connection, lease: int, asks: Sequence[Ask], rules: Rules,
        *, stock: Mapping[FlowKey, tuple[int, int]], today: str,
    ) -> None:  # fmt: skip
        self.connection = connection
        self.asks = asks
        self.rules = rules
        self.stock = stock
        self._room = {ask.way.name: ask.room for ask in asks}
        limits = {ask.way.flow: ask.way.limits for ask in asks}
        limits |= {_destination(each.name): each.limits for each in rules.destinations}
        self._rows = _rows(connection, [key for key, each in limits.items() if _is_shared(each)])
        self._used: dict[FlowKey, dict[int, int]] = {}
        alive = False
        if any(each.connections is not None for each in limits.values()):
            self._used, alive = _grants(database, connection, lease)
        # Read only now: others may have held the rows of shared flows until a moment ago.
        self._at = _Moment(database.clock(connection) if self._rows else 0, today, lease, alive)
        keys = [*limits, *(key for key in self._rows if key not in limits and key.kind is FlowKind.DESTINATION)]
        self._flows: dict[FlowKey, _Flow] = {}
        for key in keys:  # relays come first
            self._flows[key] = self._flow(key, limits.get(key, Limits()))
        self.lanes = self._lanes()

    def _flow(self, key: FlowKey, limits: Limits) -> _Flow:
        used = sum(count for lease, count in self._used.get(key, {}).items() if lease != self._at.lease)
        grid = self._grid() if key.kind is FlowKind.DESTINATION else None
        return _Flow(limits, self._rows.get(key), used, self.stock.get(key, (0, 0)), self._at, grid)

    def _grid(self) -> tuple[int, int] | None:
        """The next slot of the one relay, and the µs between two: where they are so rare that others seldom meet them.

        (With several relays it is not known which of their slots a letter will have.)
        """
        relays = [self._flows[ask.way.flow] for ask in self.asks]
        if len(relays) != 1 or relays[0].spacing is None or relays[0].spacing <= GRACE // 2:
            return None
        return relays[0].next_slot, relays[0].spacing

    def _lanes(self) -> dict[str, str]:
        """The lane of each domain that has one of its own."""
        lanes = {domain: each.name for each in self.rules.destinations for domain in each.domains}
        troubled = (key.name for key, each in self._flows.items() if each.probation or each.blocked)
        return {name: self.rules.destination_of(name) for name in troubled} | lanes

    def left(self) -> int:
        """How many deliveries may be taken, from wherever."""
        return sum(self._left_of(ask.way) for ask in self.asks)

    def left_for(self, group: str, sender_domain: str, lane: str) -> int:
        """How many deliveries may be taken from a queue."""
        ways = sum(self._left_of(way) for way in self._ways(group, sender_domain))
        return min(ways, destination.left) if (destination := self._destination_of(lane)) else ways

    def take(self, group: str, sender_domain: str, lane: str, count: int, rng: Random) -> list[str]:
        """Count *count* deliveries as taken, no more than are left; returns the relay that each is to go by."""
        if destination := self._destination_of(lane):
            destination.take(count)
        ways = self._ways(group, sender_domain)
        relays: list[str] = []
        while len(relays) < count:
            able = [way for way in ways if self._left_of(way) > 0]
            # All at once where there is no choice: the usual case.
            (way,) = able if len(able) == 1 else rng.choices(able, [way.weight for way in able])
            number = count - len(relays) if len(able) == 1 else 1
            self._room[way.name] -= number
            self._flows[way.flow].take(number)
            relays += [way.name] * number
        return relays

    def _ways(self, group: str, sender_domain: str) -> list[Way]:
        return [ask.way for ask in self.asks if ask.way.carries(group, sender_domain)]

    def _left_of(self, way: Way) -> int:
        return min(self._room[way.name], self._flows[way.flow].left)

    def _destination_of(self, lane: str) -> _Flow | None:
        """Also of a lane that is named for a domain which people have made part of a destination since."""
        return self._flows.get(_destination(self.rules.destination_of(lane))) if lane else None

    def grant(self) -> dict[FlowKey, Allotment]:
        """The allotments of all flows that have a limit, a back-off or a block, written down for the other workers."""
        asked = {ask.way.flow: ask.connections for ask in self.asks}
        told = {key: each for key, each in self._flows.items() if each.told}
        allotments = {key: each.allot(asked.get(key)) for key, each in told.items()}
        for key, each in allotments.items():
            if changed := self._flows[key].changes(each):
                self.connection.execute(flows.update().where(*is_flow(key)).values(changed))
            self._keep_grant(key, each.connections or 0)
        return allotments

    def _keep_grant(self, key: FlowKey, count: int) -> None:
        lease = self._at.lease
        before = self._used.get(key, {}).get(lease, 0)
        if count == before:
            return
        mine = {"lease_id": lease, "kind": key.kind.value, "name": key.name}
        self.connection.execute(grants.delete().where(*(grants.c[name] == value for name, value in mine.items())))
        if count:
            self.connection.execute(grants.insert(), {**mine, "connections": count})


def is_flow(key: FlowKey) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition that a row of `flows` is that of *key*."""
    return flows.c.kind == key.kind.value, flows.c.name == key.name


def held_for(row: RowMapping, now: int) -> int:
    """How many µs a flow is held from *now*. Longer than it was to be: the clock was set back, and it is over."""
    rest = int(row["held_until"] - now)
    return rest if 0 < rest <= row["hold"] else 0


def make_rows(connection: Connection, keys: Iterable[FlowKey]) -> None:
    """Make the rows of *keys* that are missing; in order, so that no two wait for each other."""
    insert = sa.text("INSERT INTO flows (kind, name) VALUES (:kind, :name) ON CONFLICT DO NOTHING")
    connection.execute(insert, [{"kind": key.kind.value, "name": key.name} for key in sorted(keys)])


def _destination(name: str) -> FlowKey:
    return FlowKey(FlowKind.DESTINATION, name)


def _is_shared(limits: Limits) -> bool:
    """Whether workers must count together (messages per connection are each one's own)."""
    return (limits.per_minute, limits.connections, limits.per_day) != (None, None, None)


def _rows(connection: Connection, shared: Sequence[FlowKey]) -> dict[FlowKey, RowMapping]:
    """The rows of all flows; those of *shared* are there, and locked until the transaction ends."""
    rows = _by_key(connection, sa.select(flows))
    if not shared:
        return rows
    if missing := [key for key in shared if key not in rows]:
        make_rows(connection, missing)
    mine = sa.or_(*(sa.and_(*is_flow(key)) for key in shared))
    return rows | _by_key(
        connection, sa.select(flows).where(mine).order_by(flows.c.kind, flows.c.name).with_for_update()
    )


def _by_key(connection: Connection, query: sa.Select[Any]) -> dict[FlowKey, RowMapping]:
    found = connection.execute(query).mappings()
    return {FlowKey(FlowKind(row["kind"]), row["name"]): row for row in found}


def _grants(database: Database, connection: Connection, lease: int) -> tuple[dict[FlowKey, dict[int, int]], bool]:
    """The connections of each flow by living lease, and whether *lease* is one."""
    query = (
        sa.select(leases.c.id, grants.c.kind, grants.c.name, grants.c.connections)
        .join_from(leases, grants, grants.c.lease_id == leases.c.id, isouter=True)
        .where(leases.c.expires_at >= database.clock(connection))
    )
    used: dict[FlowKey, dict[int, int]] = {}
    alive = False
    for holder, kind, name, count in connection.execute(query):
        alive = alive or holder == lease
        if kind is not None:
            used.setdefault(FlowKey(FlowKind(kind), name), {})[holder] = count
    return used, alive
