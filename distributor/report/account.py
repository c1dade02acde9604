"""What became of an issue: numbers that add up, and those who do not have it. Values and judgements; no ledger is read.

Of a million deliveries only the first few are kept of each kind that people read one by one.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from distributor.delivery.model.records import DeliveryRecord, IssueRecord, OmittedRecord
from distributor.delivery.model.states import HAS_IT, UNSETTLED, WAITING, State
from distributor.recipients.addresses import address_key
from distributor.recipients.model import GroupName

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
LISTED = 1_000
SHARED_SHOWN = 20
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

    *reasons* counts every delivery that is neither sent nor delivered by state and reason, the worst state first;
    None: the state says it all. Not among them, *replaced_total*: those that failed or bounced, and all whom they serve
    have a letter of a later supplement. *not_sent* and *replaced* are the first LISTED of these: the worst state first,
    then by group, then in the order of opening.
    *omitted* are those whom no supplement has reached since.
    *shared* are the first deliveries that serve several contacts, *shared_total* how many there are. *times* is None
    before anything was sent. *next_attempt* is the earliest time at which a deferred letter is tried again.
    """

    issue: IssueRecord
    groups: Mapping[str, Numbers]
    totals: Numbers
    times: Times | None
    next_attempt: dt.datetime | None
    reasons: Mapping[tuple[State, str | None], int]
    not_sent: tuple[DeliveryRecord, ...]
    replaced: tuple[DeliveryRecord, ...]
    replaced_total: int
    shared: tuple[DeliveryRecord, ...]
    shared_total: int
    omitted: tuple[OmittedRecord, ...]

    @property
    def not_sent_total(self) -> int:
        """How many deliveries are neither sent, nor delivered, nor replaced."""
        return sum(self.reasons.values())

    @property
    def left_out(self) -> int:
        """How many names of the imprint nobody was written to for."""
        return sum(each.why in LEFT_OUT for each in self.omitted)

    @property
    def everybody(self) -> bool:
        """Whether everybody whom the imprint names has it."""
        return not self.not_sent_total and not self.left_out

    def disabled(self, group: str | None = None) -> int:
        """How many disabled contacts the imprint reached (in *group*)."""
        return sum(each.why == "disabled" and group in (None, each.group) for each in self.omitted)


def group_order(group: str) -> int:
    """The place of *group* among 报 送 发; anything else comes last."""
    return _GROUPS.get(group, len(_GROUPS))


def badness(state: State, group: str) -> tuple[int, int]:
    """What those who do not have it are sorted by: the worst state first, then by group."""
    return WORST_FIRST.index(state), group_order(group)


def ranks(sent: int) -> tuple[int, int, int, int]:
    """Which of *sent* letters, in the order of sending, Times are those of: nearest rank, so each a real letter's."""
    return 1, -(-sent * 50 // 100), -(-sent * 95 // 100), sent


def still_omitted(omitted: Iterable[OmittedRecord], supplements: Iterable[DeliveryRecord]) -> tuple[OmittedRecord, ...]:
    """Those whom an issue was opened without, less those whom a delivery of its *supplements* reaches."""
    left = dict(enumerate(omitted))
    known_by: dict[tuple[str, ...], list[int]] = {}
    for number, record in left.items():
        for mark in _omitted_marks(record):
            known_by.setdefault(mark, []).append(number)
    for delivery in supplements if left else ():
        for mark in _reached_marks(delivery):
            for number in known_by.pop(mark, ()):
                left.pop(number, None)
    return tuple(left.values())


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
