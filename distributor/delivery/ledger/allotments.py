"""What each flow allows a process in one claim, and what the claim used of it. All workers share it by this alone."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.schema import flows, grants, leases
from distributor.delivery.model.endpoints import LIMITS
from distributor.delivery.model.flow import LATE, FlowKey, FlowKind, Limits, Rules, Way
from distributor.endpoints import MAIL, Endpoint, channel_of

# Slots are granted so far ahead, µs: more than a worker needs between two claims, less than anybody would miss.
HORIZON = 3_000_000
# Deliveries at hand for each letter that may be on its way to a destination at once: enough for the fast, and what
# waits for a slow one is left to others.
AHEAD = 50
_UNBOUNDED = 1 << 60


@dataclass(frozen=True, slots=True)
class Ask:
    """What an engine wants of one relay: *room* deliveries into its stock, and *connections*.

    *room* is 0 while its stock is full, None while it carries nothing: it is away, or answers nothing. What it has open
    of *connections* then still counts.
    """

    way: Way
    room: int | None
    connections: int


@dataclass(frozen=True, slots=True)
class AtHand:
    """What a process has of a flow: *rows* in stock or on their way, how many of them can go soon as far as other flows
    let them, and the *slots* that it can still use or is using.
    """

    rows: int = 0
    movable: int = 0
    slots: int = 0


@dataclass(frozen=True, slots=True)
class Allotment:
    """What one flow allows a process now; None: no such limit.

    *connections* at once, *per_connection* messages, then a new one; *slots* (first, spacing, count): µs from now of
    the first, µs between two, how many; each may be used *late* µs after its time; *held* µs from now during which
    nothing may go; *blocked*: until a person releases it.
    """

    connections: int | None
    per_connection: int | None
    slots: tuple[int, int, int] | None
    late: int
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
    """One flow in one claim: *left* more rows may be taken, and take() counts them.

    *used* are the connections and messages that other living leases have of it. *late*: how late a slot may be used;
    *earliest*: when the first one is of use.
    """

    def __init__(  # noqa: PLR0917  all that it depends on
        self, key: FlowKey, limits: Limits, row: RowMapping | None, used: tuple[int, int], at_hand: AtHand,
        at: _Moment, late: int, earliest: int,
    ) -> None:  # fmt: skip
        self.key = key
        self.limits = limits
        self.at = at
        self.at_hand = at_hand
        self.late = late
        self.spacing = limits.spacing(late)
        # Later than any claim sets it: the clock was set back since.
        latest = at.now + HORIZON + (self.spacing or 0)
        # A slot that waits for the relay's anyway may be given out after its time: no time is lost between two claims.
        kept = row["next_slot"] if row and row["next_slot"] <= latest else 0
        self.next_slot = max(kept, at.now - (late - LATE), earliest)
        self.held = held_for(row, at.now) if row else 0
        self.probation = bool(row and row["hold"])
        self.blocked = bool(row and row["blocked_at"] is not None)
        # On trial it is a letter at a time, whoever sends it.
        self.connections = 1 if self.probation else limits.connections
        self.free = _UNBOUNDED
        if self.connections is not None:
            self.free = max(0, self.connections - used[0]) if at.alive else 0
        # A worker whose clock is a day behind the others' counts with them.
        spent = row["day_count"] if row and row["day"] and row["day"] >= at.today else 0
        self.quota = _UNBOUNDED
        if limits.per_day is not None:
            self.quota = limits.per_day - spent - used[1] - at_hand.rows if at.alive else 0
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
        bounds = [self.quota]
        if self.probation:
            bounds.append(1 - self.at_hand.rows)
        if self.connections is not None and self.key.kind is FlowKind.DESTINATION:
            bounds.append(AHEAD * self.free - self.at_hand.rows)
        if self.spacing is not None:
            bounds.append(self._slots_ahead() + self.at_hand.slots - self.at_hand.movable)
        return min(bounds)

    def _slots_ahead(self) -> int:
        spacing = self.spacing
        return _UNBOUNDED if spacing is None else max(0, (self.at.now + HORIZON - self.next_slot) // spacing + 1)

    def take(self, count: int) -> None:
        self.taken += count
        self.left -= count

    def allot(self, wanted: int | None) -> Allotment:
        """The share of what was taken; *wanted* connections, None: one for each delivery."""
        connections = min(self.free, self.at_hand.rows + self.taken if wanted is None else wanted)
        return Allotment(
            connections=None if self.connections is None else 0 if self.shut else connections,
            per_connection=self.limits.per_connection,
            slots=self._slots(0 if wanted == 0 else self.at_hand.movable + self.taken),
            late=self.late,
            held=self.held,
            blocked=self.blocked,
        )

    def _slots(self, wanted: int) -> tuple[int, int, int] | None:
        """As many new ones as deliveries at hand are short of. What is not used of them is lost."""
        if (spacing := self.spacing) is None:
            return None
        most = min(wanted, 1) if self.probation else wanted
        count = 0 if self.shut else max(0, min(most - self.at_hand.slots, self._slots_ahead()))
        return self.next_slot - self.at.now, spacing, count

    def after(self, allotment: Allotment) -> int | None:
        """The time of the next slot that nobody has been given, if any was given now."""
        if not (allotment.slots and allotment.slots[2]):
            return None
        _first, spacing, count = allotment.slots
        return self.next_slot + spacing * count

    @property
    def reserved(self) -> int:
        """Messages that the process may still send of the quota."""
        return 0 if self.limits.per_day is None else self.at_hand.rows + self.taken


class Allowances:
    """All flows in one claim. Ask it how much may be taken from where, tell it what was, then have it written."""

    def __init__(
        self, database: Database, connection: Connection, lease: int, asks: Sequence[Ask], rules: Rules,
        *, endpoints: Collection[str] = (), stock: Mapping[FlowKey, AtHand], day_of: Callable[[int], str],
    ) -> None:  # fmt: skip
        """*endpoints* are the chat lanes with something due or at hand."""
        self.connection = connection
        self.asks = asks
        self.rules = rules
        self._room = {ask.way.name: ask.room or 0 for ask in asks}
        self._away = {ask.way.name for ask in asks if ask.room is None}
        self._full: set[str] = set()  # channels with a relay that has no room in its stock
        limits = {ask.way.flow: ask.way.limits for ask in asks}
        limits |= {_destination(each.name): each.limits for each in rules.destinations}
        limits |= {_destination(name): LIMITS[Endpoint.parse(name).kind] for name in endpoints}
        rows = _rows(database, connection, [key for key, each in limits.items() if _is_shared(each)])
        self._used: dict[FlowKey, dict[int, tuple[int, int]]] = {}
        alive = False
        if rows:
            self._used, alive = _grants(database, connection, lease)
        # Read only now: others may have held the rows of shared flows until a moment ago.
        now = database.clock(connection) if rows else 0
        at = _Moment(now, day_of(now), lease, alive)
        self._flows: dict[FlowKey, _Flow] = {}
        for key in [*limits, *(key for key in rows if key not in limits and key.kind is FlowKind.DESTINATION)]:
            meets = key.kind is FlowKind.DESTINATION and channel_of(key.name) == MAIL
            late, earliest = self._meeting(now) if meets else (LATE, 0)
            self._flows[key] = _Flow(
                key, limits.get(key, Limits()), rows.get(key), self._used_by_others(key, lease),
                stock.get(key, AtHand()), at, late, earliest,
            )  # fmt: skip
        self._lease = lease
        self.lanes = self._lanes()

    def _meeting(self, now: int) -> tuple[int, int]:
        """How late slots of a destination may be used, and when the first one is of use.

        A letter goes where a slot of its destination and one of its relay meet: it waits for the next of the relay, and
        comes no earlier than that can.
        """
        relays = [self._flows[ask.way.flow] for ask in self.asks if ask.way.channel == MAIL]
        paced = [relay for relay in relays if relay.spacing is not None]
        wait = max((relay.spacing or 0 for relay in paced), default=0)
        first = min((relay.next_slot for relay in paced), default=now) if len(paced) == len(relays) else now
        return LATE + wait, first - wait

    def _used_by_others(self, key: FlowKey, lease: int) -> tuple[int, int]:
        theirs = [used for holder, used in self._used.get(key, {}).items() if holder != lease]
        return sum(connections for connections, _messages in theirs), sum(messages for _connections, messages in theirs)

    def _lanes(self) -> dict[str, str]:
        """The lane of each domain that has one of its own."""
        lanes = {domain: each.name for each in self.rules.destinations for domain in each.domains}
        troubled = (
            key.name
            for key, each in self._flows.items()
            if (each.probation or each.blocked) and channel_of(key.name) == MAIL
        )
        return {name: self.rules.destination_of(name) for name in troubled} | lanes

    def left(self, channel: str) -> int:
        """How many deliveries by *channel* may be taken, from wherever."""
        if channel in self._full:
            return 0
        return sum(self._left_of(ask.way) for ask in self.asks if ask.way.channel == channel)

    def draw(self, group: str, sender_domain: str, lane: str, most: int, rng: Random) -> list[str]:
        """The relays that the next deliveries of a queue are to go by, *most* of them at most; take() counts them.

        Weights say which: a relay that has no room in its stock gets no more, and nobody gets its share, or the shares
        would be those of the relays' speeds. What a relay may not take for its limits, the others take.
        """
        ways = self._ways(group, sender_domain, channel_of(lane))
        most = min(most, sum(map(self._left_of, ways)))
        if destination := self._destination_of(lane):
            most = min(most, destination.left)
        able = [way for way in ways if self._flows[way.flow].left > 0 and way.name not in self._away]
        if len(able) <= 1:
            return [way.name for way in able] * most
        return self._drawn(able, most, rng)

    def _drawn(self, able: list[Way], most: int, rng: Random) -> list[str]:
        drawn: list[str] = []
        counts = Counter[str]()
        while len(drawn) < most and able:
            (way,) = rng.choices(able, [way.weight for way in able])
            if counts[way.name] >= self._flows[way.flow].left:
                able = [other for other in able if other is not way]
                continue
            if counts[way.name] >= self._room[way.name]:
                self._full.add(way.channel)
                break
            counts[way.name] += 1
            drawn.append(way.name)
        return drawn

    def take(self, lane: str, relays: Sequence[str]) -> None:
        """Count deliveries of *lane* as taken, each by its relay."""
        if destination := self._destination_of(lane):
            destination.take(len(relays))
        for name, count in Counter(relays).items():
            self._room[name] -= count
            self._flows[FlowKey(FlowKind.RELAY, name)].take(count)

    def _ways(self, group: str, sender_domain: str, channel: str) -> list[Way]:
        return [ask.way for ask in self.asks if ask.way.carries(group, sender_domain, channel)]

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
            if (next_slot := self._flows[key].after(each)) is not None:
                self.connection.execute(flows.update().where(*is_flow(key)).values(next_slot=next_slot))
            self._keep_grant(key, each.connections or 0, self._flows[key].reserved)
        return allotments

    def _keep_grant(self, key: FlowKey, connections: int, messages: int) -> None:
        if (connections, messages) == self._used.get(key, {}).get(self._lease, (0, 0)):
            return
        mine = {"lease_id": self._lease, "kind": key.kind.value, "name": key.name}
        self.connection.execute(grants.delete().where(*(grants.c[name] == value for name, value in mine.items())))
        if connections or messages:
            self.connection.execute(grants.insert(), {**mine, "connections": connections, "messages": messages})


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


def _rows(database: Database, connection: Connection, shared: Sequence[FlowKey]) -> dict[FlowKey, RowMapping]:
    """The rows of all flows; those of *shared*, and those on trial, are locked until the transaction ends."""
    rows = _by_key(connection, sa.select(flows))
    if missing := [key for key in shared if key not in rows]:
        make_rows(connection, missing)
    locked = {*shared, *(key for key, row in rows.items() if row["hold"])}
    if not locked:
        return rows
    mine = sa.or_(*(sa.and_(*is_flow(key)) for key in sorted(locked)))
    # In Python's order, in which marks lock them too, so that no two wait for each other.
    by_octets = (lambda column: column) if database.dialect == "sqlite" else (lambda column: sa.collate(column, "C"))
    order = map(by_octets, (flows.c.kind, flows.c.name))
    return rows | _by_key(connection, sa.select(flows).where(mine).order_by(*order).with_for_update())


def _by_key(connection: Connection, query: sa.Select[Any]) -> dict[FlowKey, RowMapping]:
    found = connection.execute(query).mappings()
    return {FlowKey(FlowKind(row["kind"]), row["name"]): row for row in found}


def _grants(
    database: Database, connection: Connection, lease: int
) -> tuple[dict[FlowKey, dict[int, tuple[int, int]]], bool]:
    """The connections and messages of each flow by living lease, and whether *lease* is one."""
    query = (
        sa.select(leases.c.id, grants.c.kind, grants.c.name, grants.c.connections, grants.c.messages)
        .join_from(leases, grants, grants.c.lease_id == leases.c.id, isouter=True)
        .where(leases.c.expires_at >= database.clock(connection))
    )
    used: dict[FlowKey, dict[int, tuple[int, int]]] = {}
    alive = False
    for holder, kind, name, connections, messages in connection.execute(query):
        alive = alive or holder == lease
        if kind is not None:
            used.setdefault(FlowKey(FlowKind(kind), name), {})[holder] = (connections, messages)
    return used, alive
