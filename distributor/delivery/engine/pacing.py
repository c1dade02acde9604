"""When a delivery may go, by what the ledger granted to this process. Pure: it is told the time.

A flow that has a limit or is in trouble has a gate here; a delivery goes when the gates of its relay and of its
destination are both open. Times are seconds of one steady clock.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping

from distributor.delivery.ledger.allotments import Allotment
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.model.flow import GRACE, FlowKey, FlowKind

SECOND = 1_000_000  # µs
# Half of what a slot may be late is for waking up; the rest for the ledger's answer and for the way to the relay.
USABLE = GRACE / SECOND / 2


class Gate:
    """What one flow allows this process. It is shut until something was granted.

    *connections* (None: no limit) are sessions with a relay, or letters on their way to a destination at once: only
    those are counted here, as *under_way*. *is_shut*: held or blocked. *on_trial*: nothing went through since it was
    held, as far as is known here.
    """

    def __init__(self) -> None:
        self.connections: int | None = 0
        self.per_connection: int | None = None
        self.quota: int | None = None
        self.under_way = 0
        self.on_trial = True
        self._slots: deque[float] | None = None
        self._next_slot = -math.inf
        self.is_shut = True

    def grant(self, given: Allotment, now: float) -> None:
        """Take what a claim gave, *now* being when its answer came."""
        self.connections = given.connections
        self.per_connection = given.per_connection
        self.quota = None if given.quota is None else (self.quota or 0) + given.quota
        self.is_shut = given.blocked or given.held > 0
        self.on_trial = self.on_trial or self.is_shut
        if given.slots is None:
            self._slots = None
            return
        first, spacing, count = given.slots
        times = [now + (first + number * spacing) / SECOND for number in range(count + 1)]
        self._next_slot = times.pop()
        self._slots = deque([*self._usable(now), *times])

    def opens_at(self, now: float) -> float:
        """When the next delivery may pass: *now*, or a slot's time, or not before something else happens (infinity)."""
        if self.is_shut or self.quota == 0 or self._is_full:
            return math.inf
        if self._slots is None:
            return now
        slots = self._usable(now)
        return max(now, slots[0]) if slots else math.inf

    def passable(self, now: float, until: float) -> float:
        """How many deliveries may pass from *now* until *until*; infinity: any number."""
        if self.is_shut:
            return 0
        free = math.inf if self.connections is None else self.connections - self.under_way
        slots = math.inf if self._slots is None else sum(slot <= until for slot in self._usable(now))
        return max(0, min(free, slots, math.inf if self.quota is None else self.quota))

    def enter(self, now: float) -> None:
        """A delivery passes: the gate is open *now*."""
        if self._slots is not None:
            self._usable(now).popleft()
        if self.quota is not None:
            self.quota -= 1

    def return_quota(self) -> None:
        """A delivery that had passed was not tried: another may go instead. Its slot is over."""
        if self.quota is not None:
            self.quota += 1

    def unspent(self, now: float) -> int:
        """How many slots are left."""
        return len(self._usable(now))

    def surplus(self, in_stock: int) -> int:
        """How many messages of the quota nothing *in_stock* is there for; they are taken out of it."""
        extra = max(0, (self.quota or 0) - in_stock)
        if self.quota is not None:
            self.quota -= extra
        return extra

    def awaits_slot(self, now: float, within: float) -> bool:
        """Whether more slots can be had soon: nobody is idle meanwhile."""
        return not self.is_shut and self.quota != 0 and now < self._next_slot <= now + within

    @property
    def paced(self) -> bool:
        """Whether deliveries pass at set times."""
        return self._slots is not None

    @property
    def _is_full(self) -> bool:
        return self.connections is not None and self.under_way >= self.connections

    def _usable(self, now: float) -> deque[float]:
        """The slots that are not over yet."""
        slots = deque[float]() if self._slots is None else self._slots
        while slots and slots[0] + USABLE < now:
            slots.popleft()
        return slots


class Gates:
    """The gates of all flows that have one, by name. Where there are not *any*, everything may go."""

    def __init__(self) -> None:
        self.any = False  # no property: it is asked for every letter
        self.relays: dict[str, Gate] = {}
        self.destinations: dict[str, Gate] = {}

    def __iter__(self) -> Iterator[tuple[FlowKey, Gate]]:
        yield from ((FlowKey(FlowKind.RELAY, name), gate) for name, gate in self.relays.items())
        yield from ((FlowKey(FlowKind.DESTINATION, name), gate) for name, gate in self.destinations.items())

    def grant(self, given: Mapping[FlowKey, Allotment], under_way: Mapping[str, int], now: float) -> None:
        """Take what a claim gave to all flows; *under_way* counts the letters on their way to each destination."""
        before = dict(self)
        self.any = bool(given)
        self.relays, self.destinations = {}, {}
        for key, allotment in given.items():
            gate = before.get(key) or Gate()
            gate.grant(allotment, now)
            if key.kind is FlowKind.RELAY:
                self.relays[key.name] = gate
            else:
                gate.under_way = under_way.get(key.name, 0)
                self.destinations[key.name] = gate

    def of(self, claim: Claim) -> Iterator[tuple[FlowKey, Gate]]:
        """The gates that *claim* has to pass."""
        if (gate := self.relays.get(claim.relay)) is not None:
            yield FlowKey(FlowKind.RELAY, claim.relay), gate
        if (gate := self.destinations.get(claim.lane)) is not None:
            yield FlowKey(FlowKind.DESTINATION, claim.lane), gate

    def leave(self, claim: Claim, *, unused: bool) -> bool:
        """*claim* is on its way no more. *unused*: it was not tried. True: another may go now that could not before."""
        if unused:
            for _key, gate in self.of(claim):
                gate.return_quota()
        if (destination := self.destinations.get(claim.lane)) is None:
            return False
        destination.under_way -= 1
        return destination.connections is not None
