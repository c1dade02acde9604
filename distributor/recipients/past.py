"""What the issues that were sent tell about today's list, as plain values: whoever has the ledger fills them in."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from distributor.errors import Place
from distributor.i18n import _
from distributor.recipients.model import Contact, Unit


class Failure(NamedTuple):
    """The last letter to an address failed or bounced, in *issue*, and none of a later issue was sent to it.

    *sentence* says why in the reader's language, *reply* is what the server answered ("" for nothing). *bad*: the
    server found the mailbox or its domain to be none, or closed for good.
    """

    issue: str
    sentence: str
    reply: str
    bad: bool


class Since(NamedTuple):
    """When a contact was disabled, or, with an *issue*, which was the first that did without it and when.

    An aware time, in the zone that people read it in.
    """

    at: dt.datetime
    issue: str | None = None


class Crowd(NamedTuple):
    """An issue of which so many letters failed that the list can hardly be the reason."""

    issue: str
    failed: int


@dataclass(frozen=True, slots=True)
class Past:
    """*issues* are those looked at, by the names people use for them, the newest first.

    *failures* are by address key, *disabled* by address key and unit: those that have been so for long.
    *named* are the names that the imprints of the last bulletins use, *bulletins* how many there were; None: too few
    to say that a name is no longer used.
    """

    issues: tuple[str, ...] = ()
    failures: Mapping[str, Failure] = field(default_factory=dict)
    crowds: tuple[Crowd, ...] = ()
    disabled: Mapping[tuple[str, str], Since] = field(default_factory=dict)
    named: frozenset[str] | None = None
    bulletins: int = 0


class Proposal(NamedTuple):
    """A contact that should be disabled: its own server says that the mailbox is none. *email* as the list has it.

    *reason* is what to write beside `disabled`.
    """

    unit: str
    name: str
    email: str
    reason: str
    issue: str
    reply: str
    place: Place


def proposal(unit: Unit, contact: Contact, failure: Failure) -> Proposal:
    """That *contact*, found bad by *failure*, be disabled."""
    place = Place(unit.place.file, contact.line)
    reason = _("{why} (issue {issue})").format(why=failure.sentence.rstrip(".。"), issue=failure.issue)
    return Proposal(unit.name, contact.name, contact.email, reason, failure.issue, failure.reply, place)
