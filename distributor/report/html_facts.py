"""What the HTML report of an issue is made of, beside its account: values."""

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

LISTED = 5_000  # letters that were not sent on one page, some 3 MB


class Point(NamedTuple):
    """*sent* letters had been sent *until* then (aware)."""

    until: dt.datetime
    sent: int


class DomainTimes(NamedTuple):
    """How long letters to *domain* took from the opening: half of them at most *half*, 95 % at most *most*."""

    domain: str
    letters: int
    half: dt.timedelta
    most: dt.timedelta


@dataclass(frozen=True, slots=True)
class Charts:
    """*progress* in the order of time, empty before anything was sent; the *slowest* domains, the slowest first."""

    progress: tuple[Point, ...]
    slowest: tuple[DomainTimes, ...]


class Obstacle(NamedTuple):
    """What *letters* wait for: *name* is a relay's or a destination's, in words; *reply* may be "".

    *until* (aware) is when it lets go by itself; None: when a person does, or at any moment.
    """

    name: str
    letters: int
    sentence: str
    next_step: str
    reply: str
    until: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Taken from the ledger at *taken_at* (aware). Times are shown in *zone*.

    *replaced* are the ids of deliveries that failed, and whose contacts have a later letter.
    """

    taken_at: dt.datetime
    zone: dt.tzinfo
    charts: Charts
    obstacles: tuple[Obstacle, ...] = ()
    replaced: frozenset[int] = frozenset()
