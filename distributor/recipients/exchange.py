"""Files that contacts come from and go to: spreadsheets and texts (sheets/), and other lists."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from distributor.errors import Place
from distributor.i18n import _
from distributor.recipients import listing
from distributor.recipients.columns import COLUMNS
from distributor.recipients.draft import CONTACT, as_written, did_you_mean, refusal
from distributor.recipients.edits import GROUP
from distributor.recipients.loader import load
from distributor.recipients.model import Contact, Roster, Unit
from distributor.recipients.sheets import reading, writing
from distributor.recipients.sheets.model import Findings, Sheet, SheetRow
from distributor.recipients.yaml_style import Style, block

MOST_IN_LIST = 50_000
"""Contacts that one recipients.yaml may have without included files."""


def read(file: Path, *, sheet: str | None = None, unit: str | None = None, hidden: bool = False) -> Sheet:
    """The contacts in *file*: what reading.read() knows, or a list.

    Raises:
        InputError: it is none of these, or a list with faults.
    """
    if file.suffix.lower() not in writing.LISTS:
        return reading.read(file, sheet=sheet, unit=unit, hidden=hidden)
    # A unit of several salutations was written with the first of them: that it gives none says nothing.
    fields = frozenset(COLUMNS) - {"salutation"}
    return Sheet(str(file), fields, rows_of(load(file)), Findings(str(file)))


def write(file: Path, roster: Roster, audience: str | None = None) -> int:
    """Write the contacts of *roster* (of *audience*) to *file*, as its suffix says; returns how many.

    Raises:
        InputError: the suffix is of no known kind, the list has no *audience*, or the file cannot be written, or too
            much for it.
    """
    if audience is not None and audience not in roster.audiences:
        message = _("the list has no audience {name}").format(name=audience)
        raise refusal("unknown-audience", message, did_you_mean(audience, roster.audiences))
    if file.suffix.lower() not in writing.LISTS:
        return writing.write(file, rows_of(roster, audience))
    value = _value(roster, audience)
    count = sum(len(unit["contacts"]) for unit in value["units"].values())
    if count > MOST_IN_LIST:
        message = _("{n} contacts are too many for one recipients.yaml").format(n=count)
        raise refusal("too-many", message, _("export them as .csv"), Place(str(file)))
    with writing.beside(file) as stream:
        stream.write(f"{block(value, 0, Style())}\n".encode())
    return count


def rows_of(roster: Roster, audience: str | None = None) -> Iterator[SheetRow]:
    """Every contact (of *audience*) as a row, in the order of the list."""
    audiences = listing.Audiences(roster)
    for unit in listing.units_of(roster, audience):
        salutation = None if unit.salutation == unit.name else unit.salutation
        for contact in unit.contacts:
            yield _row(unit, contact, salutation, audiences.of(unit))


def _row(unit: Unit, contact: Contact, salutation: str | None, audiences: Iterable[str]) -> SheetRow:
    return SheetRow(
        unit.name, contact.name, contact.email, contact.role, salutation, contact.phone, tuple(audiences),
        contact.disabled, contact.note, Place(unit.place.file, contact.line),
    )  # fmt: skip


def _value(roster: Roster, audience: str | None) -> dict[str, Any]:
    """The content of a list that says the same and includes nothing."""
    chosen = {name: each for name, each in roster.audiences.items() if audience in (None, name)}
    audiences: dict[str, Any] = {}
    for name, each in chosen.items():
        members = dict.fromkeys(unit.name for unit in listing.units_of(roster, name))
        audiences[name] = ({"only": str(each.only)} if each.only else {}) | {"units": list(members)}
    groups = {str(name): _texts(group, GROUP) for name, group in roster.groups.items()}
    return {"groups": groups, "audiences": audiences, "units": _units(roster, audience)}


def _units(roster: Roster, audience: str | None) -> dict[str, Any]:
    units: dict[str, Any] = {}
    for unit in listing.units_of(roster, audience):
        if unit.name not in units:
            head = {} if unit.salutation == unit.name else {"salutation": unit.salutation}
            units[unit.name] = head | {"contacts": []}
        units[unit.name]["contacts"] += [as_written(_texts(contact, CONTACT)) for contact in unit.contacts]
    return units


def _texts(thing: Any, names: Iterable[str]) -> dict[str, Any]:
    found = {name: getattr(thing, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items() if value}
