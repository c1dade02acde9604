"""When a delivery may go, by what the ledger granted to this process. Pure: it is told the time.

A flow that has a limit or is in trouble has a gate here; a delivery goes when the gates of its relay and of its
destination are both open. Times are seconds of one steady clock.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping

from distributor.delivery.ledger.allotments import Allotment
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.model.flow import LATE, FlowKey, FlowKind

SECOND = 1_000_000  # µs
# Of what a slot may be late so much is kept for the way to the relay.
MARGIN = LATE / SECOND / 2


class Gate:
    """What one flow allows this process. It is shut until something was granted.

    *connections* (None: no limit) are sessions with a relay, or letters on their way to a destination at once: only
    those are counted here, as *under_way*. *is_shut*: held or blocked. *on_trial*: nothing went through since it was
    held, as far as is known here.
    """

    def __init__(self) -> None:
        self.connections: int | None = 0
        self.per_connection: int | None = None
        self.under_way = 0
        self.on_trial = True
        self._slots: deque[tuple[float, float]] | None = None  # from when until when each may be used
        self._next_slot = -math.inf
        self.is_shut = True

    def grant(self, given: Allotment, asked: float, now: float) -> None:
        """Take what a claim gave that was *asked* for then and answered *now*: the slots' times are from in between."""
        self.connections = given.connections
        self.per_connection = given.per_connection
        self.is_shut = given.blocked or given.held > 0
        self.on_trial = self.on_trial or self.is_shut
        if given.slots is None:
            self._slots = None
            return
        first, spacing, count = given.slots
        times = [(first + number * spacing) / SECOND for number in range(count + 1)]
        self._next_slot = now + times.pop()
        usable = given.late / SECOND - MARGIN
        self._slots = deque([*self._usable(now), *((now + time, asked + time + usable) for time in times)])

    def opens_at(self, now: float) -> float:
        """When the next delivery may pass: *now*, or a slot's time, or not before something else happens (infinity)."""
        if self.is_shut or self._is_full:
            return math.inf
        if self._slots is None:
            return now
        slots = self._usable(now)
        return max(now, slots[0][0]) if slots else math.inf

    def passable(self, now: float, until: float) -> float:
        """How many deliveries may pass from *now* until *until*; infinity: any number."""
        if self.is_shut:
            return 0
        free = math.inf if self.connections is None else self.connections - self.under_way
        slots = math.inf if self._slots is None else sum(opens <= until for opens, _closes in self._usable(now))
        return max(0, min(free, slots))

    def enter(self, now: float) -> None:
        """A delivery passes: the gate is open *now*."""
        if self._slots is not None:
            self._usable(now).popleft()

    def unspent(self, now: float) -> int:
        """How many slots are left."""
        return len(self._usable(now))

    def awaits_slot(self, now: float, within: float) -> bool:
        """Whether more slots can be had soon: nobody is idle meanwhile."""
        return not self.is_shut and now < self._next_slot <= now + within

    @property
    def paced(self) -> bool:
        """Whether deliveries pass at set times."""
        return self._slots is not None

    @property
    def _is_full(self) -> bool:
        return self.connections is not None and self.under_way >= self.connections

    def _usable(self, now: float) -> deque[tuple[float, float]]:
        """The slots that are not over yet."""
        slots = deque[tuple[float, float]]() if self._slots is None else self._slots
        while slots and slots[0][1] < now:
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

    def grant(self, given: Mapping[FlowKey, Allotment], under_way: Mapping[str, int], asked: float, now: float) -> None:
        """Take what a claim gave to all flows; *under_way* counts the letters on their way to each destination."""
        before = dict(self)
        self.any = bool(given)
        self.relays, self.destinations = {}, {}
        for key, allotment in given.items():
            gate = before.get(key) or Gate()
            gate.grant(allotment, asked, now)
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

    def leave(self, claim: Claim) -> bool:
        """*claim* is on its way no more. True: another may go now that could not before."""
        if (destination := self.destinations.get(claim.lane)) is None:
            return False
        destination.under_way -= 1
        return destination.connections is not None
