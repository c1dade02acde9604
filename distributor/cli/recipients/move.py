"""`distributor recipients move`, `rename` and `remove`."""

import click

from distributor.cli.recipients import editing, targets
from distributor.cli.recipients.editing import Wish, edit_options
from distributor.cli.recipients.fields import GROUPS
from distributor.i18n import _
from distributor.recipients import edits
from distributor.recipients.draft import Draft
from distributor.recipients.model import GroupName

_WHOSE = click.option("--unit", metavar="UNIT", help=_("whose contact, where several units share the address"))


@click.group(help=_("Move a contact to another unit, or a unit to another audience or place."))
def move() -> None:
    pass


@move.command("contact", help=_("Move the contact with ADDRESS to another unit."))
@click.argument("address", metavar="ADDRESS")
@click.option("--to", metavar="UNIT", required=True, help=_("the unit that it goes to"))
@_WHOSE
@edit_options
def move_contact(wish: Wish, address: str, to: str, unit: str | None) -> int:
    def act(draft: Draft) -> None:
        entry = targets.contact(draft, address, unit)
        if entry.unit != to:
            draft.remove(entry)
            edits.add_contact(draft, to, entry.fields)

    return editing.change(wish, act)


@move.command("unit", help=_("Move UNIT to another audience, or to another place in its audience."))
@click.argument("name", metavar="UNIT")
@click.option("--to", metavar="AUDIENCE", required=True, help=_("the audience that it goes to"))
@click.option("--from", "source", metavar="AUDIENCE", help=_("the one that it leaves, where it is of several"))
@click.option("--after", metavar="UNIT", help=_("the unit that it comes after (default: the last)"))
@edit_options
def move_unit(wish: Wish, name: str, to: str, source: str | None, after: str | None) -> int:
    return editing.change(wish, lambda draft: edits.move_unit(draft, name, to=to, source=source, after=after))


@click.group(help=_("Give an audience, a unit or a contact another name, wherever the list has it."))
def rename() -> None:
    pass


@rename.command("audience", help=_("Call the audience OLD NEW, as imprints will print it from now on."))
@click.argument("old")
@click.argument("new")
@edit_options
def rename_audience(wish: Wish, old: str, new: str) -> int:
    return editing.change(wish, lambda draft: edits.rename_audience(draft, old, new))


@rename.command("unit", help=_("Call the unit OLD NEW."))
@click.argument("old")
@click.argument("new")
@edit_options
def rename_unit(wish: Wish, old: str, new: str) -> int:
    return editing.change(wish, lambda draft: edits.rename_unit(draft, old, new))


@rename.command("contact", help=_("Call the contact with ADDRESS NAME."))
@click.argument("address", metavar="ADDRESS")
@click.argument("name", metavar="NAME")
@_WHOSE
@edit_options
def rename_contact(wish: Wish, address: str, name: str, unit: str | None) -> int:
    return editing.change(wish, lambda draft: draft.put(targets.contact(draft, address, unit), {"name": name}))


@click.group(
    help=_(
        "Take a group, an audience, a unit or a contact out of the list. Who only pauses is better disabled: the "
        "reason stays on record."
    )
)
def remove() -> None:
    pass


@remove.command("group", help=_("Take the group GROUP out of the list: its labels are errors from then on."))
@click.argument("name", metavar="GROUP", type=GROUPS)
@edit_options
def remove_group(wish: Wish, name: str) -> int:
    return editing.change(wish, lambda draft: edits.remove_group(draft, GroupName(name)))


@remove.command("audience", help=_("Take the audience NAME out of the list. Its units stay."))
@click.argument("name", metavar="NAME")
@edit_options
def remove_audience(wish: Wish, name: str) -> int:
    return editing.change(wish, lambda draft: edits.remove_audience(draft, name))


@remove.command("unit", help=_("Take UNIT with all its contacts out of the list and every audience."))
@click.argument("name", metavar="UNIT")
@edit_options
def remove_unit(wish: Wish, name: str) -> int:
    return editing.change(wish, lambda draft: edits.remove_unit(draft, name))


@remove.command("contact", help=_("Take the contact with ADDRESS out of the list."))
@click.argument("address", metavar="ADDRESS")
@_WHOSE
@edit_options
def remove_contact(wish: Wish, address: str, unit: str | None) -> int:
    return editing.change(wish, lambda draft: draft.remove(targets.contact(draft, address, unit)))
