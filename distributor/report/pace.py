"""How fast an issue goes, how much of it is done, and when it may end: pure, and never too much is promised."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from distributor.delivery.model.states import HAS_IT, UNSETTLED, State

# Minutes over which letters are counted: the first that holds ENOUGH of them, else the last.
WINDOWS = (1, 5, 30)
ENOUGH = 10
_NOT_FINAL = UNSETTLED | {State.UNCERTAIN}
_ON_THEIR_WAY = UNSETTLED - {State.DEFERRED}


@dataclass(frozen=True, slots=True)
class Pace:
    """So many *letters* were settled within so many *seconds*."""

    letters: int
    seconds: float

    @property
    def per_minute(self) -> float:
        return self.letters * 60 / self.seconds


@dataclass(frozen=True, slots=True)
class Done:
    """Of *total* letters so many are *final*, and so many were *sent*. One in doubt is not final: a person decides."""

    total: int
    final: int
    sent: int

    @property
    def percent(self) -> int:
        """Rounded down: 100 only if every letter is final."""
        return 100 * self.final // self.total if self.total else 100

    def cells(self, width: int) -> tuple[int, int]:
        """Of a bar *width* cells long: how many stand for what was sent, how many for what is final otherwise."""
        if not self.total:
            return width, 0
        sent = width * self.sent // self.total
        return sent, width * self.final // self.total - sent


def done(counts: Mapping[State, int]) -> Done:
    """How much of an issue with *counts* deliveries in each state is done."""
    final = sum(count for state, count in counts.items() if state not in _NOT_FINAL)
    return Done(sum(counts.values()), final, sum(counts.get(state, 0) for state in HAS_IT))


def expected_end(
    counts: Mapping[State, int], pace: Pace | None, now: dt.datetime, put_off_until: dt.datetime | None
) -> dt.datetime | None:
    """When the last letter is tried if it goes on at *pace*; None: nobody can say.

    The last of those that were put off is due at *put_off_until*, and it ends no sooner.
    """
    moving = sum(counts.get(state, 0) for state in _ON_THEIR_WAY)
    if pace is None or not pace.letters or not moving:
        return None
    end = now + dt.timedelta(minutes=moving / pace.per_minute)
    return max(end, put_off_until) if put_off_until else end
