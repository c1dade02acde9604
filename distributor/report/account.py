"""What became of an issue: numbers that add up, and everybody who does not have it. One pass over its deliveries.

Of a hundred thousand deliveries only those that were not sent are kept.
"""

import datetime as dt
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from distributor.delivery.model.records import DeliveryRecord, IssueRecord, OmittedRecord
from distributor.delivery.model.states import UNSETTLED, WAITING, State
from distributor.recipients.model import GroupName

HAS_IT = frozenset({State.SENT, State.DELIVERED})
WORST_FIRST = (
    State.UNCERTAIN,
    State.FAILED,
    State.BOUNCED,
    State.SUPPRESSED,
    State.CANCELLED,
    State.DEFERRED,
    State.HANDING_OVER,
    State.CLAIMED,
    State.QUEUED,
)
SHARED_SHOWN = 20
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_GROUPS = {name.value: position for position, name in enumerate(GroupName)}


@dataclass(frozen=True, slots=True)
class Numbers:
    """*letters* are deliveries by state; *contacts* those they serve, each in the state of its letter.

    *units* have at least one contact here; *units_reached* those of them with a contact whose letter was sent.
    """

    letters: Mapping[State, int]
    contacts: Mapping[State, int]
    units: int
    units_reached: int

    @property
    def total(self) -> int:
        return sum(self.letters.values())

    @property
    def contacts_total(self) -> int:
        return sum(self.contacts.values())

    def count(self, *states: State) -> int:
        """How many letters are in any of *states*."""
        return sum(self.letters.get(state, 0) for state in states)

    @property
    def sent(self) -> int:
        return self.count(*HAS_IT)

    @property
    def unsettled(self) -> int:
        return self.count(*UNSETTLED)

    @property
    def waiting(self) -> int:
        return self.count(*WAITING)


class Times(NamedTuple):
    """When letters were sent: the first, the one that completed a half and 95 % of those sent, the last. Aware, UTC."""

    first: dt.datetime
    half: dt.datetime
    most: dt.datetime
    last: dt.datetime


@dataclass(frozen=True, slots=True)
class Account:
    """What became of *issue*. *groups* are in the order 报 送 发; *totals* are over all of them.

    *not_sent* is every delivery that is neither sent nor delivered: the worst state first, then by group and unit.
    *shared* are the first deliveries that serve several contacts, *shared_total* how many there are. *times* is None
    before anything was sent.
    """

    issue: IssueRecord
    groups: Mapping[str, Numbers]
    totals: Numbers
    times: Times | None
    not_sent: tuple[DeliveryRecord, ...]
    shared: tuple[DeliveryRecord, ...]
    shared_total: int
    omitted: tuple[OmittedRecord, ...]

    @property
    def next_attempt(self) -> dt.datetime | None:
        """The earliest time at which a deferred letter is tried again."""
        return min((record.next_attempt for record in self.not_sent if record.next_attempt), default=None)

    def disabled(self, group: str | None = None) -> int:
        """How many disabled contacts the imprint reached (in *group*)."""
        return sum(each.why == "disabled" and group in (None, each.group) for each in self.omitted)


def account(issue: IssueRecord, deliveries: Iterable[DeliveryRecord], omissions: Sequence[OmittedRecord]) -> Account:
    """What became of every one of *deliveries*."""
    tally = Tally(issue, omissions)
    for record in deliveries:
        tally.add(record)
    return tally.account()


class Tally:
    """An account in the making, for whoever reads the deliveries for something else as well."""

    def __init__(self, issue: IssueRecord, omissions: Sequence[OmittedRecord]) -> None:
        self.issue = issue
        self.omissions = tuple(omissions)
        self._groups: dict[str, _Counts] = {}
        self._all = _Counts()
        self._sent_at = array("q")
        self._not_sent: list[DeliveryRecord] = []
        self._shared: list[DeliveryRecord] = []
        self._shared_total = 0

    def passing(self, deliveries: Iterable[DeliveryRecord]) -> Iterator[DeliveryRecord]:
        """Each of *deliveries* as it is, counted."""
        for record in deliveries:
            self.add(record)
            yield record

    def add(self, record: DeliveryRecord) -> None:
        """Count *record*."""
        self._groups.setdefault(record.group, _Counts()).add(record)
        self._all.add(record)
        if record.state not in HAS_IT:
            self._not_sent.append(record)
        elif record.settled_at is not None:
            self._sent_at.append((record.settled_at - _EPOCH) // dt.timedelta(microseconds=1))
        if len(record.serves) > 1:
            self._shared_total += 1
            if self._shared_total <= SHARED_SHOWN:
                self._shared.append(record)

    def account(self) -> Account:
        """The account of all that was added."""
        in_order = sorted(self._groups.items(), key=lambda item: group_order(item[0]))
        return Account(
            issue=self.issue,
            groups={name: counts.numbers() for name, counts in in_order},
            totals=self._all.numbers(),
            times=_times(self._sent_at),
            not_sent=tuple(sorted(self._not_sent, key=_badness)),
            shared=tuple(self._shared),
            shared_total=self._shared_total,
            omitted=self.omissions,
        )


class _Counts:
    def __init__(self) -> None:
        self.letters: Counter[State] = Counter()
        self.contacts: Counter[State] = Counter()
        self.units: set[str] = set()
        self.reached: set[str] = set()

    def add(self, record: DeliveryRecord) -> None:
        self.letters[record.state] += 1
        self.contacts[record.state] += len(record.serves)
        units = {served.unit for served in record.serves}
        self.units |= units
        if record.state in HAS_IT:
            self.reached |= units

    def numbers(self) -> Numbers:
        return Numbers(dict(self.letters), dict(self.contacts), len(self.units), len(self.reached))


def group_order(group: str) -> int:
    """The place of *group* among 报 送 发; anything else comes last."""
    return _GROUPS.get(group, len(_GROUPS))


def _badness(record: DeliveryRecord) -> tuple[int, int, str, int]:
    unit = record.serves[0].unit if record.serves else ""
    return WORST_FIRST.index(record.state), group_order(record.group), unit, record.id


def _times(sent_at: "array[int]") -> Times | None:
    if not sent_at:
        return None
    ordered = sorted(sent_at)

    def moment(percent: int) -> dt.datetime:
        """When so many of the letters sent had been sent: nearest rank, so a real letter's time."""
        rank = -(-len(ordered) * percent // 100)
        return _EPOCH + dt.timedelta(microseconds=ordered[max(rank, 1) - 1])

    return Times(moment(0), moment(50), moment(95), moment(100))
