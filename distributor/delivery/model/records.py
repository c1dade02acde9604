"""Rows of the ledger as values: what the ledger hands to the reports, so that reports need no ledger."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from distributor.delivery.model.states import State


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something and on which machine: a login name, or the name of a worker."""

    who: str
    host: str


class IssueState(StrEnum):
    """What people decided about an issue. Whether it is settled is computed from its deliveries."""

    OPEN = "open"
    PAUSED = "paused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class IssueRecord:
    """One issue as opened. *sequence* counts repeats (2 is shown as 60/2). Times are aware, UTC.

    *repeated*: the same bulletin was opened more than once; *ambiguous*: another bulletin has the same number.
    *pruned_at*: since then its addresses, names and letters are not kept any more (None: they are).
    """

    id: int
    uid: str
    masthead: str
    number: int | None
    total_number: int | None
    year: int | None
    sequence: int
    file: str
    content_sha256: str
    roster_sha256: str
    templates_sha256: str
    sender: str
    opened_at: dt.datetime
    opened_by: str
    host: str
    state: IssueState
    state_reason: str | None
    state_by: str | None
    again_reason: str | None
    unresolved: tuple[str, ...]
    repeated: bool = False
    ambiguous: bool = False
    pruned_at: dt.datetime | None = None

    @property
    def ref(self) -> str:
        """How people name it and it alone: ``60``, ``60/2``; year and number where there is no total; else ``@id``."""
        if self.ambiguous:
            return f"@{self.id}"
        if self.total_number is not None:
            base = str(self.total_number)
        elif self.number is not None and self.year is not None:
            base = f"{self.year}-{self.number}"
        else:
            return f"@{self.id}"
        return f"{base}/{self.sequence}" if self.repeated or self.sequence > 1 else base


@dataclass(frozen=True, slots=True)
class ServedRecord:
    """One contact that a delivery serves; *audience* joins by 、 the names by which the imprint reached it."""

    audience: str
    unit: str
    contact: str
    role: str | None


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery: one issue to one address over one channel. *attempts* counts attempts that had a result.

    *phase*, *code*, *enhanced*, *reply*, *relay* are those of the last result; *reason* is its verdict's slug.
    *next_attempt* is set only while deferred.
    """

    id: int
    group: str
    supplement: int
    channel: str
    address: str
    state: State
    attempts: int
    serves: tuple[ServedRecord, ...]
    next_attempt: dt.datetime | None = None
    settled_at: dt.datetime | None = None
    phase: str | None = None
    code: int | None = None
    enhanced: str | None = None
    reply: str | None = None
    reason: str | None = None
    relay: str | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that happened *at* a time, to a delivery or (*delivery_id* None) to a whole issue or flow.

    *kind* is a state's Event, or what people did: opened, supplement, paused … Of an attempt: *began* when its letter
    was taken up (None: it never was), its number, and the answer as in a DeliveryRecord; else *text* is JSON.
    """

    id: int
    issue_id: int
    delivery_id: int | None
    at: dt.datetime
    kind: str
    who: str
    host: str
    attempt: int | None = None
    phase: str | None = None
    code: int | None = None
    enhanced: str | None = None
    text: str | None = None
    relay: str | None = None
    began: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class OmittedRecord:
    """A contact or name that the imprint reached and nobody wrote to. *why* is disabled | unresolved | empty."""

    group: str
    name: str
    unit: str | None
    address: str | None
    why: str
    detail: str
