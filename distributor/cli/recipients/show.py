"""`distributor recipients list` and `show`: what the list has."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import click
from rich.cells import cell_len

from distributor import settings as configuration
from distributor.cli import output
from distributor.errors import Finding, NotFoundError, Severity
from distributor.i18n import _, ngettext
from distributor.recipients import listing, loader
from distributor.recipients.addresses import address_key, is_like_address, why_not_address
from distributor.recipients.draft import did_you_mean
from distributor.recipients.listing import Row, Wanted
from distributor.recipients.model import GroupName, Roster, Unit

_COLUMNS = {
    "contacts": ("unit", "name", "email", "role", "disabled", "place"),
    "units": ("unit", "salutation", "audiences", "contacts", "enabled", "place"),
    "audiences": ("audience", "only", "units", "contacts", "enabled", "include", "place"),
    "groups": ("group", "labels", "template", "subject", "reply_to", "place"),
}
_BATCH = 1000
_JSON = click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))


@click.command(
    "list",
    help=_(
        "List the contacts of the list, or its units, audiences or groups.\n\n"
        "--json gives distributor.recipients-list/1: a row for each."
    ),
)
@click.argument("kind", type=click.Choice(list(_COLUMNS)), default="contacts")
@click.option("--audience", metavar="NAME", help=_("only of this audience"))
@click.option("--disabled", is_flag=True, help=_("only contacts that are disabled, or units that have one"))
@click.option("--find", metavar="TEXT", help=_("only contacts with this in unit, name, address, role, phone or note"))
@_JSON
@click.pass_obj
def list_(
    site_name: str | None, kind: str, audience: str | None, disabled: bool, find: str | None, as_json: bool
) -> int:
    roster = _roster(site_name)
    if audience is not None and audience not in roster.audiences:
        raise _unknown(audience, roster.audiences)
    rows = listing.ROWS[kind](roster, Wanted(audience, disabled, find))
    if as_json:
        output.put_json({"schema": "distributor.recipients-list/1", "kind": kind, "rows": list(rows)})
        return 0
    count = _show(rows, _COLUMNS[kind])
    output.say(ngettext("{n} row", "{n} rows", count).format(n=count))
    return 0


@click.command(
    help=_(
        "Show all about NAME: an audience, a unit, a group or an address.\n\n"
        "--json gives distributor.recipients-show/1: for each kind what has that name."
    )
)
@click.argument("name", metavar="NAME")
@_JSON
@click.pass_obj
def show(site_name: str | None, name: str, as_json: bool) -> int:
    roster = _roster(site_name)
    found = {kind: rows for kind, rows in _found(roster, name).items() if rows}
    if not found:
        raise _unknown(name, [*roster.audiences, *roster.units, *roster.groups])
    if as_json:
        output.put_json({"schema": "distributor.recipients-show/1", "name": name} | found)
        return 0
    for rows in found.values():
        for row in rows:
            _tell(row)
    return 0


def _roster(site_name: str | None) -> Roster:
    return loader.load(configuration.load(configuration.find_site(site_name)).recipients)


def _unknown(name: str, known: Any) -> NotFoundError:
    message = _("the list has nothing that is called {name}").format(name=name)
    return NotFoundError([Finding(Severity.ERROR, "unknown-name", message, remedy=did_you_mean(name, known))])


def _found(roster: Roster, name: str) -> dict[str, list[Row]]:
    if is_like_address(name) and not why_not_address(name):
        return {"contacts": list(_with_address(roster, address_key(name)))}
    return {
        "groups": [listing.group_row(roster.groups[GroupName(name)])] if name in roster.groups else [],
        "audiences": [row | {"members": _members(roster, name)} for row in listing.audience_rows(roster, Wanted(name))]
        if name in roster.audiences
        else [],
        "units": [_unit(roster, unit) for unit in listing.units_of(roster) if unit.name == name],
    }


def _with_address(roster: Roster, key: str) -> Iterator[Row]:
    audiences = listing.Audiences(roster)
    for unit in listing.units_of(roster):
        for contact in unit.contacts:
            if address_key(contact.email) == key:
                yield listing.contact_row(unit, contact) | {"audiences": audiences.of(unit)}


def _members(roster: Roster, audience: str) -> list[str]:
    """The units that recipients.yaml names for it; those of an included file are too many to name."""
    return list(roster.audiences[audience].units)


def _unit(roster: Roster, unit: Unit) -> Row:
    contacts = [listing.contact_row(unit, contact) for contact in unit.contacts]
    names = listing.Audiences(roster).of(unit)
    return {"unit": unit.name, "salutation": unit.salutation, "audiences": names, "contacts": contacts,
            "place": str(unit.place)}  # fmt: skip


def _tell(row: Row) -> None:
    """A line for each field that says something; contacts as a table."""
    console = output.console()
    contacts = row.pop("contacts") if isinstance(row.get("contacts"), list) else []
    for number, (key, value) in enumerate(row.items()):
        if value not in (None, [], ""):
            console.print(output.said(_heading(key), _cell(value)), style=None if number else "bold", soft_wrap=True)
    if contacts:
        _show(iter(contacts), _COLUMNS["contacts"][1:])


def _show(rows: Iterator[Row], columns: tuple[str, ...]) -> int:
    """Columns that line up, a thousand rows at a time: of a million none is held. (Rich's tables take ten times as
    long, and would break addresses in two.)"""
    count = 0
    widths = [0] * len(columns)
    heading = [[_heading(column) for column in columns]]
    while batch := [[_cell(row[column]) for column in columns] for row in islice(rows, _BATCH)]:
        lines = heading + batch
        widths = [
            max(width, *map(cell_len, cells)) for width, cells in zip(widths, zip(*lines, strict=True), strict=True)
        ]
        click.echo("\n".join(_line(cells, widths) for cells in lines))
        count, heading = count + len(batch), []
    return count


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    return "、".join(value) if isinstance(value, list) else "" if value is None else output.shown(str(value))


def _heading(key: str) -> str:
    return {
        "group": _("group"),
        "audience": _("audience"),
        "unit": _("unit"),
        "name": _("name"),
        "email": _("address"),
        "role": _("role"),
        "phone": _("phone"),
        "note": _("note"),
        "disabled": _("disabled"),
        "place": _("where"),
        "salutation": _("salutation"),
        "contacts": _("contacts"),
        "enabled": _("enabled"),
        "audiences": _("audiences"),
        "only": _("only"),
        "units": _("units"),
        "members": _("its units"),
        "include": _("includes"),
        "labels": _("labels"),
        "template": _("template"),
        "subject": _("subject"),
        "greeting": _("greeting"),
        "closing": _("closing"),
        "reply_to": _("answers to"),
    }[key]
