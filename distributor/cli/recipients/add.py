"""`distributor recipients add`: groups, audiences, units and contacts that the list does not have yet."""

from typing import Any

import click

from distributor.cli.recipients import editing
from distributor.cli.recipients.editing import Wish, edit_options
from distributor.cli.recipients.fields import (
    CONTACT_OPTIONS,
    GROUP_OPTIONS,
    GROUPS,
    contact_of,
    options,
    said,
    without_empty,
)
from distributor.i18n import _
from distributor.recipients import edits
from distributor.recipients.model import GroupName


@click.group(help=_("Add a group, an audience, a unit or a contact to the list."))
def add() -> None:
    pass


@add.command(help=_("Add the group GROUP, one of 报, 送 and 发, if the list does not have it yet."))
@click.argument("name", metavar="GROUP", type=GROUPS)
@options(GROUP_OPTIONS)
@edit_options
def group(wish: Wish, name: str, **given: Any) -> int:
    return editing.change(wish, lambda draft: edits.add_group(draft, GroupName(name), without_empty(said(given))))


@add.command(help=_("Add the audience NAME: a name that an imprint may use."))
@click.argument("name", metavar="NAME")
@click.option("--only", type=GROUPS, help=_("the group whose labels alone may stand before it"))
@edit_options
def audience(wish: Wish, name: str, only: str | None) -> int:
    return editing.change(wish, lambda draft: edits.add_audience(draft, name, only))


@add.command(
    help=_(
        "Add the unit NAME to one or more audiences.\n\n"
        '`distributor recipients add unit 某某公司 --to 各会员单位 --contact "办公室 <office@example.org>"`'
    )
)
@click.argument("name", metavar="NAME")
@click.option("--to", "audiences", metavar="AUDIENCE", multiple=True, required=True, help=_("the audience it is of"))
@click.option("--salutation", metavar="TEXT", help=_("how letters address it (default: by its name)"))
@click.option("--contact", "contacts", metavar='"NAME <ADDRESS>"', multiple=True, help=_("a contact of it"))
@edit_options
def unit(wish: Wish, name: str, audiences: tuple[str, ...], salutation: str | None, contacts: tuple[str, ...]) -> int:
    people = [contact_of(text) for text in contacts]
    return editing.change(wish, lambda draft: edits.add_unit(draft, name, audiences, salutation, people))


@add.command(help=_("Add a contact with ADDRESS to UNIT."))
@click.argument("unit", metavar="UNIT")
@click.argument("address", metavar="ADDRESS")
@click.option("--name", metavar="TEXT", required=True, help=_("who reads it: an office, better than a person"))
@options(CONTACT_OPTIONS)
@edit_options
def contact(wish: Wish, unit: str, address: str, name: str, **given: Any) -> int:
    fields = without_empty({"name": name, "email": address, **said(given)})
    return editing.change(wish, lambda draft: edits.add_contact(draft, unit, fields))
