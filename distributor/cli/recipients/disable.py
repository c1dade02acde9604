"""`distributor recipients disable` and `enable`: contacts that get nothing for a while, and why."""

from functools import partial

import click

from distributor.cli.recipients import editing, targets
from distributor.cli.recipients.editing import Wish, edit_options
from distributor.distribution.checking import proposals
from distributor.distribution.site import open_site
from distributor.i18n import _
from distributor.recipients import loader
from distributor.recipients.addresses import address_key
from distributor.recipients.draft import Draft
from distributor.recipients.past import Proposal

_UNIT = click.option("--unit", metavar="UNIT", help=_("only the contact of this unit, of several with one address"))


@click.command(
    help=_(
        "Disable contacts, by address or all of a unit: they get no letter until they are enabled again, and reports "
        "name them with the reason. Who is disabled already keeps the old reason."
    )
)
@click.argument("names", metavar="[ADDRESS|UNIT]...", nargs=-1)
@click.option("--reason", metavar="TEXT", help=_("why; reports show it"))
@click.option("--bad", is_flag=True, help=_("whom `recipients check` proposes: their own server has no such mailbox"))
@_UNIT
@edit_options
def disable(wish: Wish, names: tuple[str, ...], *, reason: str | None, bad: bool, unit: str | None) -> int:
    if bad:
        if names or unit or reason:
            raise click.UsageError(_("--bad finds addresses and reasons by itself; name none"))
        return editing.change(wish, partial(_as_proposed, _proposals(wish)))
    if not names or reason is None:
        raise click.UsageError(_("say whom, and why: disable ADDRESS|UNIT --reason TEXT; or --bad"))

    def act(draft: Draft) -> None:
        for entry in targets.contacts(draft, names, unit):
            if "disabled" not in entry.fields:
                draft.put(entry, {"disabled": reason})

    return editing.change(wish, act)


def _proposals(wish: Wish) -> list[Proposal]:
    with open_site(wish.site_name) as site:
        return proposals(site, loader.load(site.settings.recipients))


def _as_proposed(proposed: list[Proposal], draft: Draft) -> None:
    draft.look(keys=[address_key(each.email) for each in proposed])
    for each in proposed:
        for entry in draft.with_key(address_key(each.email)):
            if entry.unit == each.unit and "disabled" not in entry.fields:
                draft.put(entry, {"disabled": each.reason})


@click.command(help=_("Enable contacts again, by address or all of a unit."))
@click.argument("names", metavar="ADDRESS|UNIT...", nargs=-1, required=True)
@_UNIT
@edit_options
def enable(wish: Wish, names: tuple[str, ...], unit: str | None) -> int:
    def act(draft: Draft) -> None:
        for entry in targets.contacts(draft, names, unit):
            if "disabled" in entry.fields:
                draft.put(entry, {"disabled": None})

    return editing.change(wish, act)
