"""What became of all issues of a period together: by issue, by unit, and by address that fails again and again.

Values and judgements; no ledger is read. Numbers are those of the issues' own accounts (account.py), added up.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import NamedTuple, Self

from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import HAS_IT, UNSETTLED, State
from distributor.report.period import Period

# What letters are counted as; each state is of one kind.
KINDS: Mapping[str, frozenset[State]] = {
    "sent": HAS_IT,
    "failed": frozenset({State.FAILED}),
    "bounced": frozenset({State.BOUNCED}),
    "uncertain": frozenset({State.UNCERTAIN}),
    "waiting": UNSETTLED,
    "withheld": frozenset({State.CANCELLED, State.SUPPRESSED}),
}
KIND_OF: Mapping[State, str] = {state: kind for kind, states in KINDS.items() for state in states}
OFTEN = 2  # an address that failed in fewer issues is the business of their own accounts
_MOST_POINTS = 31
_BARS = "▁▂▃▄▅▆▇█"


class Tally(NamedTuple):
    """Of *letters* each is one of those below it, so that they add up; *contacts* are those whom the letters serve.

    *replaced* failed or bounced, and all whom they serve have a letter of a later supplement; *failed* and *bounced*
    are the others. *disabled* contacts were reached by the imprint, and nobody wrote to them.
    """

    letters: int = 0
    sent: int = 0
    replaced: int = 0
    failed: int = 0
    bounced: int = 0
    uncertain: int = 0
    waiting: int = 0
    withheld: int = 0
    contacts: int = 0
    contacts_sent: int = 0
    disabled: int = 0

    @classmethod
    def of(
        cls, letters: Mapping[str, int], replaced: Mapping[str, int], *, contacts: int, sent: int, disabled: int
    ) -> Self:
        """*letters* are by kind; those of them that are *replaced* are too. *sent* of the *contacts* have theirs."""
        kinds = {kind: letters.get(kind, 0) - replaced.get(kind, 0) for kind in KINDS}
        return cls(
            letters=sum(letters.values()), replaced=sum(replaced.values()), contacts=contacts, contacts_sent=sent,
            disabled=disabled, **kinds,
        )  # fmt: skip

    @property
    def missed(self) -> int:
        """How many letters were neither sent nor replaced."""
        return self.letters - self.sent - self.replaced


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them added up."""
    return Tally(*map(sum, zip(*tallies, strict=True)))


@dataclass(frozen=True, slots=True)
class IssueTally:
    """*left_out* names of the imprint reached nobody. *most*: how long after the opening 95 % of those sent were."""

    issue: IssueRecord
    tally: Tally
    left_out: int
    most: dt.timedelta | None


class UnitTally(NamedTuple):
    """What became of all letters that serve *unit*; one that serves several of its contacts is one letter.

    *issues* had a letter for it, and *issues_sent* one that was sent; *last* is the ref of the last of these.
    *half* and *most*: how long after the opening of its issue a half and 95 % of those sent were.
    """

    unit: str
    tally: Tally
    issues: int = 0
    issues_sent: int = 0
    last: str | None = None
    half: dt.timedelta | None = None
    most: dt.timedelta | None = None


@dataclass(frozen=True, slots=True)
class Failing:
    """An address whose letters failed or bounced in several of the *issues* that had one for it.

    *reasons* counts those. *address*, *units*, *last* (the ref of the issue), *at* and the answer are of the last one.
    """

    address: str
    units: tuple[str, ...]
    issues: int
    reasons: Mapping[tuple[State, str | None], int]
    last: str
    at: dt.datetime | None
    code: int | None
    enhanced: str | None
    reply: str | None

    @property
    def failed(self) -> int:
        """In how many issues."""
        return sum(self.reasons.values())


@dataclass(frozen=True, slots=True)
class PeriodAccount:
    """What became of the *issues* that were opened in *period*, in the order of opening.

    *cancelled* ones stand apart: they count neither in *totals*, nor for a unit, nor against an address.
    *units* are None where nobody asked; *failing* are the first of *failing_total*, those that fail most often first.
    """

    period: Period
    issues: tuple[IssueTally, ...]
    cancelled: tuple[IssueTally, ...]
    totals: Tally
    units: tuple[UnitTally, ...] | None
    failing: tuple[Failing, ...]
    failing_total: int

    @property
    def mastheads(self) -> list[str]:
        """The names of the bulletins, cancelled ones too, in the order of their first issues."""
        every = sorted((*self.issues, *self.cancelled), key=lambda each: each.issue.id)
        return list(dict.fromkeys(each.issue.masthead for each in every))

    @property
    def nothing(self) -> list[UnitTally]:
        """The units to which nothing was sent at all, though some issue was meant for them; the worst first."""
        return worst_first(each for each in self.units or () if not each.tally.sent)


def worst_first(units: Iterable[UnitTally]) -> list[UnitTally]:
    """By the share of their letters that they have, then by how many they miss, then the slowest, then by name."""
    return sorted(units, key=_badness)


def by_name(units: Iterable[UnitTally]) -> list[UnitTally]:
    """In the order of their names' characters."""
    return sorted(units, key=lambda each: each.unit)


def _badness(each: UnitTally) -> tuple[float, int, dt.timedelta, str]:
    tally = each.tally
    share = 1 - tally.missed / tally.letters if tally.letters else 0.0
    return share, -tally.missed, -(each.most or dt.timedelta()), each.unit


class Point(NamedTuple):
    """One place of the trend: an issue, or a month with the time of its slowest issue."""

    name: str
    letters: int = 0
    missed: int = 0
    most: dt.timedelta | None = None


def is_by_month(issues: Sequence[IssueTally]) -> bool:
    """Whether the trend of so many issues is shown month by month."""
    return len(issues) > _MOST_POINTS


def trend(issues: Sequence[IssueTally], zone: dt.tzinfo) -> list[Point]:
    """A point for each of *issues*; where these are too many, for each month from the first to the last."""
    if not is_by_month(issues):
        return [Point(each.issue.ref, each.tally.letters, each.tally.missed, each.most) for each in issues]

    def month(each: IssueTally) -> tuple[int, int]:
        opened = each.issue.opened_at.astimezone(zone)
        return opened.year, opened.month

    found = {when: list(group) for when, group in groupby(issues, month)}
    (year, first), (last_year, last) = min(found), max(found)
    months = (divmod(number, 12) for number in range(12 * year + first - 1, 12 * last_year + last))
    return [_point(f"{year}-{place + 1:02}", found.get((year, place + 1), ())) for year, place in months]


def _point(name: str, issues: Iterable[IssueTally]) -> Point:
    each = list(issues)
    times = [issue.most for issue in each if issue.most is not None]
    tally = total(issue.tally for issue in each)
    return Point(name, tally.letters, tally.missed, max(times, default=None))


def bars(values: Iterable[float | None]) -> str:
    """One character for each of *values*, in eighths of the largest; the lowest bar for 0 alone, a space for None."""
    heights = list(values)
    most = max((height for height in heights if height), default=1)
    return "".join(" " if height is None else _BARS[ceil(height / most * (len(_BARS) - 1))] for height in heights)
