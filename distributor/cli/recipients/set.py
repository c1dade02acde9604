"""`distributor recipients set`: other texts for what the list has."""

from typing import Any

import click

from distributor.cli.recipients import editing, targets
from distributor.cli.recipients.editing import Wish, edit_options
from distributor.cli.recipients.fields import CONTACT_OPTIONS, GROUP_OPTIONS, GROUPS, options, said
from distributor.i18n import _
from distributor.recipients import edits
from distributor.recipients.draft import Draft
from distributor.recipients.model import GroupName

_ANY = "any"


@click.group("set", help=_('Change what the list says of a group, audience, unit or contact. "" deletes a text.'))
def set_() -> None:
    pass


def _something(given: dict[str, Any]) -> dict[str, Any]:
    if not given:
        raise click.UsageError(_("say what to set; --help lists what can be set"))
    return given


@set_.command(help=_("Change texts of the group GROUP. The labels given replace all that it has."))
@click.argument("name", metavar="GROUP", type=GROUPS)
@options(GROUP_OPTIONS)
@edit_options
def group(wish: Wish, name: str, **given: Any) -> int:
    fields = _something(said(given))
    return editing.change(wish, lambda draft: edits.set_group(draft, GroupName(name), fields))


@set_.command(help=_("Change which labels may stand before the audience NAME, or which CSV files it includes."))
@click.argument("name", metavar="NAME")
@click.option("--only", type=click.Choice([*GROUPS.choices, _ANY]), help=_("the group whose labels may; any: all"))
@click.option("--include", metavar="FILE", multiple=True, help=_("a CSV file beside the list; all of them"))
@click.option("--no-include", is_flag=True, help=_("include no file any more"))
@edit_options
def audience(wish: Wish, name: str, only: str | None, include: tuple[str, ...], no_include: bool) -> int:
    given = _something(said({"only": only, "include": include, "none": no_include or None}))

    def act(draft: Draft) -> None:
        if only is not None:
            edits.set_only(draft, name, None if only == _ANY else only)
        if "include" in given or no_include:
            edits.set_includes(draft, name, include)

    return editing.change(wish, act)


@set_.command(help=_("Change how letters address UNIT, or which audiences it is of."))
@click.argument("name", metavar="UNIT")
@click.option("--salutation", metavar="TEXT", help=_('how letters address it; "": by its name'))
@click.option("--join", metavar="AUDIENCE", multiple=True, help=_("an audience that it shall be of, too"))
@click.option("--leave", metavar="AUDIENCE", multiple=True, help=_("an audience that it shall not be of any more"))
@edit_options
def unit(wish: Wish, name: str, salutation: str | None, join: tuple[str, ...], leave: tuple[str, ...]) -> int:
    _something(said({"salutation": salutation, "join": join, "leave": leave}))

    def act(draft: Draft) -> None:
        if salutation is not None:
            edits.set_salutation(draft, name, salutation)
        for audience in join:
            edits.join(draft, name, audience)
        for audience in leave:
            edits.leave(draft, name, audience)

    return editing.change(wish, act)


@set_.command(help=_("Change the contact with ADDRESS."))
@click.argument("address", metavar="ADDRESS")
@click.option("--unit", metavar="UNIT", help=_("whose contact, where several units share the address"))
@click.option("--email", metavar="ADDRESS", help=_("its new address"))
@click.option("--name", metavar="TEXT", help=_("who reads it"))
@options(CONTACT_OPTIONS)
@edit_options
def contact(wish: Wish, address: str, unit: str | None, **given: Any) -> int:
    fields = _something(said(given))
    return editing.change(wish, lambda draft: edits.set_contact(draft, targets.contact(draft, address, unit), fields))
