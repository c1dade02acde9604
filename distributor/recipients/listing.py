"""The list as rows: its contacts, units, audiences and groups, each with where it stands; included files streamed."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from distributor.endpoints import MAIL, Endpoint, channel_of
from distributor.recipients.draft import includes_of
from distributor.recipients.model import Contact, Group, Roster, Unit

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which contacts: of an *audience*, *disabled* ones, with *text* in unit, name, address, role, phone or note."""

    audience: str | None = None
    disabled: bool = False
    text: str | None = None

    def takes(self, contact: Contact) -> bool:
        """Whether *contact* is one of them; of its audience nothing is known here."""
        if self.disabled and contact.disabled is None:
            return False
        words = (contact.unit, contact.name, contact.email, contact.role, contact.phone, contact.note)
        return self.text is None or any(self.text.casefold() in word.casefold() for word in words if word)


def units_of(roster: Roster, audience: str | None = None) -> Iterator[Unit]:
    """Every unit, or those of *audience*; one that included files have comes once for each part of it."""
    chosen = roster.audiences[audience] if audience else None
    yield from (roster.units[name] for name in (roster.units if chosen is None else chosen.units))
    for include in includes_of(roster) if chosen is None else chosen.includes:
        yield from include.read()


def contact_rows(roster: Roster, wanted: Wanted) -> Iterator[Row]:
    """unit, name, email, role, phone, disabled, note, place."""
    for unit in units_of(roster, wanted.audience):
        for contact in unit.contacts:
            if wanted.takes(contact):
                yield contact_row(unit, contact)


def contact_row(unit: Unit, contact: Contact) -> Row:
    """A contact as a row; *place* is ``file:line``."""
    named = ("unit", "name", "email", "role", "phone", "disabled", "note")
    row: Row = {name: getattr(contact, name) for name in named}
    return row | {"place": f"{unit.place.file}:{contact.line}"}


def endpoints(roster: Roster) -> Iterator[Endpoint]:
    """The chat endpoints of enabled contacts, as often as they stand there."""
    for unit in units_of(roster):
        for contact in unit.contacts:
            if contact.disabled is None and channel_of(contact.email) != MAIL:
                yield Endpoint.parse(contact.email)


def unit_rows(roster: Roster, wanted: Wanted) -> Iterator[Row]:
    """unit, salutation, audiences, contacts, enabled, place; of units that have a contact that is wanted."""
    audiences = Audiences(roster)
    parts: dict[str, Row] = {}
    for unit in units_of(roster, wanted.audience):
        chosen = [contact for contact in unit.contacts if wanted.takes(contact)]
        if not chosen and (wanted.disabled or wanted.text is not None):
            continue
        row = parts.setdefault(unit.name, _unit_row(unit, audiences))
        row["contacts"] += len(unit.contacts)
        row["enabled"] += sum(contact.disabled is None for contact in unit.contacts)
    yield from parts.values()


def _unit_row(unit: Unit, audiences: "Audiences") -> Row:
    head = {"unit": unit.name, "salutation": unit.salutation, "audiences": audiences.of(unit)}
    return head | {"contacts": 0, "enabled": 0, "place": str(unit.place)}


class Audiences:
    """Which audiences a unit is of: those that name it, or that include the file where it stands."""

    def __init__(self, roster: Roster) -> None:
        self._file = roster.file
        self._of_units: dict[str, list[str]] = defaultdict(list)
        self._of_files: dict[str, list[str]] = defaultdict(list)
        for audience in roster.audiences.values():
            for unit in audience.units:
                self._of_units[unit].append(audience.name)
            for include in audience.includes:
                self._of_files[include.file].append(audience.name)

    def of(self, unit: Unit) -> list[str]:
        """The audiences of *unit*, as it stands in its file; in the order of the list."""
        file = unit.place.file
        return self._of_units.get(unit.name, []) if file == self._file else self._of_files.get(file, [])


def audience_rows(roster: Roster, wanted: Wanted) -> Iterator[Row]:
    """audience, only, units (their number), contacts, enabled, include, place."""
    for name, audience in roster.audiences.items():
        if wanted.audience in (None, name):
            counts = _counts(roster, name)
            yield {
                "audience": name, "only": audience.only, "units": counts["units"], "contacts": counts["contacts"],
                "enabled": counts["enabled"], "include": [include.file for include in audience.includes],
                "place": str(audience.place),
            }  # fmt: skip


def _counts(roster: Roster, audience: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    last = None
    for unit in units_of(roster, audience):
        counts["units"] += unit.name != last
        counts["contacts"] += len(unit.contacts)
        counts["enabled"] += sum(contact.disabled is None for contact in unit.contacts)
        last = unit.name
    return counts


def group_rows(roster: Roster, _wanted: Wanted) -> Iterator[Row]:
    """group, labels, template, subject, greeting, closing, reply_to, place."""
    return map(group_row, roster.groups.values())


def group_row(group: Group) -> Row:
    """A group as a row."""
    texts = {key: getattr(group, key) for key in ("template", "subject", "greeting", "closing", "reply_to")}
    return {"group": str(group.name), "labels": list(group.labels), **texts, "place": str(group.place)}


ROWS: dict[str, Callable[[Roster, Wanted], Iterator[Row]]] = {
    "contacts": contact_rows,
    "units": unit_rows,
    "audiences": audience_rows,
    "groups": group_rows,
}
"""The rows of each kind of thing."""
