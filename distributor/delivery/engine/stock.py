"""What a line has claimed and not sent yet, by lane: a destination that is shut keeps nobody else waiting."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from distributor.delivery.engine.pacing import Gate, Gates
from distributor.delivery.ledger.claims import Claim

MAIN = ""


class Stock:
    """The stock of the line that goes by *relay*. Times are those of the gates."""

    def __init__(self, relay: str, gates: Gates) -> None:
        self.relay = relay
        self.gates = gates
        self.main: deque[Claim] = deque()
        self._lanes: dict[str, deque[Claim]] = {MAIN: self.main}

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def __iter__(self) -> Iterator[Claim]:
        for claims in self._lanes.values():
            yield from claims

    def add(self, claims: Iterable[Claim]) -> None:
        """Put *claims* behind what is there."""
        for claim in claims:
            self._lanes.setdefault(claim.lane, deque()).append(claim)

    def put_back(self, claim: Claim) -> None:
        """Put *claim*, which was taken and not tried, in front."""
        self._lanes.setdefault(claim.lane, deque()).appendleft(claim)

    def drop(self, concerned: Callable[[Claim], bool]) -> list[Claim]:
        """Take out all that *concerned* is true of."""
        dropped = [claim for claim in self if concerned(claim)]
        if dropped:
            gone = {claim.id for claim in dropped}
            for lane, claims in self._lanes.items():
                kept = [claim for claim in claims if claim.id not in gone]
                self._lanes[lane].clear()
                self._lanes[lane].extend(kept)
        return dropped

    def take(self, now: float, *, behind: bool = False) -> Claim | None:
        """One that may go *now*. *behind* another letter, whose end nobody knows: one that is bound to no time."""
        if not self.gates.any and self.main:
            return self.main.popleft()
        if self._is_open(self.gates.relays.get(self.relay), now, behind):
            for lane, claims in self._lanes.items():
                if claims and self._is_open(self.gates.destinations.get(lane), now, behind):
                    return self._pass(lane, now)
        return None

    def _is_open(self, gate: Gate | None, now: float, behind: bool) -> bool:
        return gate is None or (not (behind and gate.paced) and gate.opens_at(now) <= now)

    def _pass(self, lane: str, now: float) -> Claim:
        claims = self._lanes.pop(lane)
        claim = claims.popleft()
        if claims or lane == MAIN:
            self._lanes[lane] = claims  # behind the others: lanes take turns
        for _key, gate in self.gates.of(claim):
            gate.enter(now)
        if (destination := self.gates.destinations.get(lane)) is not None:
            destination.under_way += 1
        return claim

    def opens_at(self, now: float) -> float:
        """When the next may go; infinity: not before something else happens."""
        relay = self.gates.relays.get(self.relay)
        soonest = self.lanes_open_at(now)
        return soonest if relay is None else max(soonest, relay.opens_at(now))

    def lanes_open_at(self, now: float) -> float:
        """As opens_at, as far as the destinations let it go."""
        lanes = (self.gates.destinations.get(lane) for lane, claims in self._lanes.items() if claims)
        return min((now if gate is None else gate.opens_at(now) for gate in lanes), default=math.inf)

    def near(self, now: float, until: float) -> float:
        """How many may go from *now* until *until*."""
        relay = self.gates.relays.get(self.relay)
        count = self.movable(now, until)
        return count if relay is None else min(count, relay.passable(now, until))

    def movable(self, now: float, until: float) -> int:
        """How many may go from *now* until *until* as far as their destinations let them."""
        count = 0
        for lane, claims in self._lanes.items():
            gate = self.gates.destinations.get(lane)
            count += len(claims) if gate is None else int(min(len(claims), gate.passable(now, until)))
        return count

    def has(self, lane: str) -> bool:
        """Whether anything waits in *lane*."""
        return bool(self._lanes.get(lane))
