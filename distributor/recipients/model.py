"""The recipient list: groups (how they are written to), audiences (names an imprint may use), units and contacts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from distributor.errors import Finding, Place


class GroupName(StrEnum):
    """What the recipients are to the sender; an address in two groups gets the letter of the first in this order."""

    SUPERIORS = "报"
    DEPARTMENTS = "送"
    MEMBERS = "发"


@dataclass(frozen=True, slots=True)
class Group:
    """How one kind of reader is written to. Texts may use merge fields and bulletin fields as the templates do.

    *places* says where each key stands (``subject``); *place* is where the group begins.
    """

    name: GroupName
    labels: tuple[str, ...]
    template: str
    subject: str
    greeting: str
    closing: str
    reply_to: str | None
    place: Place
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)

    def place_of(self, key: str) -> Place:
        """Where the text *key* stands; a group that does not say so, or has no such key, is pointed at as a whole."""
        return self.places.get(key, self.place)


class Contact(NamedTuple):
    """One mailbox of a unit, or one chat endpoint: then *email* is that, as ``wecom:office``; an address as written.

    *disabled* is the reason, None for an enabled contact.

    *phone* and *note* are for the administrators alone: no letter shows them. *line* is where it begins in its unit's
    file.
    """

    unit: str
    name: str
    email: str
    role: str | None
    disabled: str | None
    phone: str | None
    note: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Unit:
    """An organisation; *salutation* is how its letters address it (default: its name)."""

    name: str
    salutation: str
    contacts: tuple[Contact, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Audience:
    """A name that an imprint may use. *only* restricts it to one group. *included* streams the units of its CSV."""

    name: str
    only: GroupName | None
    units: tuple[str, ...]
    includes: tuple["Include", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Include:
    """A CSV file of contacts. *read* streams it in file order, a unit's neighbouring rows together."""

    file: str
    sha256: str
    contacts: int
    read: Callable[[], Iterator[Unit]]


@dataclass(frozen=True, slots=True)
class Roster:
    """The whole list. *sha256* covers the file and every include: an issue says which list it was sent by."""

    file: str
    sha256: str
    groups: Mapping[GroupName, Group]
    audiences: Mapping[str, Audience]
    units: Mapping[str, Unit]
    findings: tuple[Finding, ...] = ()


class Candidate(NamedTuple):
    """One contact that the imprint reaches, before addresses are made unique.

    *key* is the normalised address: what makes two deliveries one. *disabled* contacts are listed, never sent to.
    """

    group: GroupName
    label: str
    audience: str
    unit: str
    salutation: str
    contact: str
    role: str | None
    email: str
    key: str
    disabled: str | None


@dataclass(frozen=True, slots=True)
class Printed:
    """A name of the imprint that is an audience, the group of its label, and where it is printed."""

    group: GroupName
    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the imprint means by this list.

    *candidates* streams afresh at each call, groups in the order of GroupName, inside a group in the order of the
    imprint and the list; those of groups that are not chosen as well, since an address belongs to its highest group
    whatever is sent now. *groups* are the chosen ones that the imprint reaches, *names* what it prints for them.
    *unresolved* are the names left out because the person allowed it.
    """

    candidates: Callable[[], Iterator[Candidate]]
    groups: tuple[GroupName, ...]
    names: tuple[Printed, ...]
    unresolved: tuple[str, ...]
    findings: tuple[Finding, ...]
