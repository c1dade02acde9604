"""What became of an issue: numbers that add up, and everybody who does not have it. One pass over its deliveries.

Of a hundred thousand deliveries only those that were not sent are kept. Deliveries come in the order of opening, so
that a supplement's (补发) follow those that it mends.
"""

import datetime as dt
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from distributor.delivery.model.records import DeliveryRecord, IssueRecord, OmittedRecord
from distributor.delivery.model.states import UNSETTLED, WAITING, State
from distributor.recipients.addresses import address_key
from distributor.recipients.model import GroupName

HAS_IT = frozenset({State.SENT, State.DELIVERED})
REFUSED = frozenset({State.FAILED, State.BOUNCED})
LEFT_OUT = frozenset({"unresolved", "empty"})  # omissions that are names of the imprint
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

    *not_sent* is every delivery that is neither sent nor delivered: the worst state first, then by group and unit. Not
    among them, *replaced*: those that failed or bounced, and all whom they serve have a letter of a later supplement.
    *omitted* are those whom no supplement has reached since.
    *shared* are the first deliveries that serve several contacts, *shared_total* how many there are. *times* is None
    before anything was sent.
    """

    issue: IssueRecord
    groups: Mapping[str, Numbers]
    totals: Numbers
    times: Times | None
    not_sent: tuple[DeliveryRecord, ...]
    replaced: tuple[DeliveryRecord, ...]
    shared: tuple[DeliveryRecord, ...]
    shared_total: int
    omitted: tuple[OmittedRecord, ...]

    @property
    def next_attempt(self) -> dt.datetime | None:
        """The earliest time at which a deferred letter is tried again."""
        return min((record.next_attempt for record in self.not_sent if record.next_attempt), default=None)

    @property
    def left_out(self) -> int:
        """How many names of the imprint nobody was written to for."""
        return sum(each.why in LEFT_OUT for each in self.omitted)

    @property
    def everybody(self) -> bool:
        """Whether everybody whom the imprint names has it."""
        return not self.not_sent and not self.left_out

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
        self._omissions = _Omissions(omissions)
        self._groups: dict[str, _Counts] = {}
        self._all = _Counts()
        self._sent_at = array("q")
        self._not_sent: list[DeliveryRecord] = []
        self._replacements = _Replacements()
        self._shared: list[DeliveryRecord] = []
        self._shared_total = 0

    @property
    def omissions(self) -> tuple[OmittedRecord, ...]:
        """Whom nobody was written to, as far as the deliveries were counted."""
        return self._omissions.left()

    def passing(self, deliveries: Iterable[DeliveryRecord]) -> Iterator[DeliveryRecord]:
        """Each of *deliveries* as it is, counted."""
        for record in deliveries:
            self.add(record)
            yield record

    def add(self, record: DeliveryRecord) -> None:
        """Count *record*."""
        self._groups.setdefault(record.group, _Counts()).add(record)
        self._all.add(record)
        self._omissions.add(record)
        self._replacements.add(record)
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
        not_sent = sorted(self._not_sent, key=_badness)
        replaced = tuple(filter(self._replacements.has, not_sent))
        mended = {record.id for record in replaced}
        return Account(
            issue=self.issue,
            groups={name: counts.numbers() for name, counts in in_order},
            totals=self._all.numbers(),
            times=_times(self._sent_at),
            not_sent=tuple(record for record in not_sent if record.id not in mended),
            replaced=replaced,
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


class _Omissions:
    """Those whom an issue was opened without, less those whom a supplement reaches."""

    def __init__(self, omitted: Iterable[OmittedRecord]) -> None:
        self._left = dict(enumerate(omitted))
        self._known_by: dict[tuple[str, ...], list[int]] = {}
        for number, record in self._left.items():
            for mark in _omitted_marks(record):
                self._known_by.setdefault(mark, []).append(number)

    def add(self, record: DeliveryRecord) -> None:
        if record.supplement and self._known_by:
            for mark in _reached_marks(record):
                for number in self._known_by.pop(mark, ()):
                    self._left.pop(number, None)

    def left(self) -> tuple[OmittedRecord, ...]:
        return tuple(self._left.values())


def _omitted_marks(record: OmittedRecord) -> Iterator[tuple[str, ...]]:
    """What it can be told by in a delivery: a name by its audience, a contact by its address or itself."""
    if record.why in LEFT_OUT:
        yield ("audience", record.name)
    else:
        yield ("contact", record.unit or "", record.name)
        yield ("address", address_key(record.address or ""))


def _reached_marks(record: DeliveryRecord) -> Iterator[tuple[str, ...]]:
    yield ("address", address_key(record.address))
    for served in record.serves:
        yield ("contact", served.unit, served.contact)
        for name in served.audience.split("、"):
            yield ("audience", name)


class _Replacements:
    """Contacts whose letter failed, and the last supplement that one of theirs was sent with."""

    def __init__(self) -> None:
        self._sent_with: dict[tuple[str, str], int] = {}

    def add(self, record: DeliveryRecord) -> None:
        if record.state in REFUSED:
            for contact in _contacts(record):
                self._sent_with.setdefault(contact, 0)
        elif record.supplement and record.state in HAS_IT:
            for contact in _contacts(record) & self._sent_with.keys():
                self._sent_with[contact] = record.supplement

    def has(self, failed: DeliveryRecord) -> bool:
        """Whether all whom *failed* serves have a letter of a later supplement."""
        return failed.state in REFUSED and all(
            self._sent_with[contact] > failed.supplement for contact in _contacts(failed)
        )


def _contacts(record: DeliveryRecord) -> set[tuple[str, str]]:
    return {(served.unit, served.contact) for served in record.serves}


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
