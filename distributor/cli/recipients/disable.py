"""`distributor recipients disable` and `enable`: contacts that get nothing for a while, and why."""

import click

from distributor.cli.recipients import editing, targets
from distributor.cli.recipients.editing import Wish, edit_options
from distributor.i18n import _
from distributor.recipients.draft import Draft

_NAMES = click.argument("names", metavar="ADDRESS|UNIT...", nargs=-1, required=True)
_UNIT = click.option("--unit", metavar="UNIT", help=_("only the contact of this unit, of several with one address"))


@click.command(
    help=_(
        "Disable contacts, by address or all of a unit: they get no letter until they are enabled again, and reports "
        "name them with the reason. Who is disabled already keeps the old reason."
    )
)
@_NAMES
@click.option("--reason", metavar="TEXT", required=True, help=_("why; reports show it"))
@_UNIT
@edit_options
def disable(wish: Wish, names: tuple[str, ...], reason: str, unit: str | None) -> int:
    def act(draft: Draft) -> None:
        for entry in targets.contacts(draft, names, unit):
            if "disabled" not in entry.fields:
                draft.put(entry, {"disabled": reason})

    return editing.change(wish, act)


@click.command(help=_("Enable contacts again, by address or all of a unit."))
@_NAMES
@_UNIT
@edit_options
def enable(wish: Wish, names: tuple[str, ...], unit: str | None) -> int:
    def act(draft: Draft) -> None:
        for entry in targets.contacts(draft, names, unit):
            if "disabled" in entry.fields:
                draft.put(entry, {"disabled": None})

    return editing.change(wish, act)
