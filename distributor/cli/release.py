"""`distributor release`: what a server's refusal holds back, and letting it go when the reason is gone."""

import click

from distributor.cli import bell, flows, output
from distributor.distribution import releasing
from distributor.distribution.flows import barred_now
from distributor.distribution.releasing import Released
from distributor.distribution.site import Site, open_site
from distributor.i18n import _, ngettext


@click.command(
    help=_(
        "Let go what is held back under each NAME: a destination or domain, a relay, or an issue. Letters are held "
        "back when a server refuses them for a reason that only a person can mend, such as SPF, or for a while when "
        "it wants fewer. Without NAME it lists what is held back, and why. It delivers nothing itself: that is done "
        "by workers, or by `distributor resume ISSUE`.\n\n"
        "--json gives distributor.flows/1: flows[kind, name, state, since, until, letters, reason, why, next_step, "
        "reply, relay], released (letters)."
    )
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help=_("let go all that is held back"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def release(site_name: str | None, names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    if names and everything:
        raise click.UsageError(_("NAME or --all, not both"))
    with open_site(site_name) as site:
        released = None
        if names or everything:
            released = releasing.release(site, None if everything else names)
            _say_released(site, released)
        barred = barred_now(site)
        if as_json:
            found = [flows.document(each) for each in barred]
            output.put_json(
                {"schema": "distributor.flows/1", "flows": found, "released": released.letters if released else 0}
            )
        elif barred and not released:
            flows.show(barred, site.settings, output.console())
        elif not released:
            output.console().print(_("Nothing is held back."))


def _say_released(site: Site, released: Released) -> None:
    """How many letters no longer wait, and who delivers them."""
    text = ngettext("{n} letter is let go.", "{n} letters are let go.", released.letters).format(n=released.letters)
    output.say(text, bold=True)
    if not released.issues:
        return
    if site.settings.broker is not None:
        bell.ring(site, released.issues[0])
        return
    for issue in released.issues:
        output.say(_("`distributor resume {ref}` sends those of issue {ref} now.").format(ref=issue.ref))
