"""`distributor release`: what a server's refusal holds back, and letting it go when the reason is gone."""

from collections.abc import Sequence
from typing import Any

import click

from distributor.cli import bell, output
from distributor.delivery.ledger.holds import Held
from distributor.distribution import holds
from distributor.distribution.site import Site, open_site
from distributor.i18n import _, ngettext
from distributor.report.tables import one_line


@click.command(
    help=_(
        "Let go what is held back for each DOMAIN: letters that a server refuses for a reason that only a person can "
        "mend, such as SPF. Without DOMAIN it lists what is held back, and why. What is held of one issue alone is let "
        "go by `distributor resume ISSUE`.\n\n"
        "--json gives distributor.held/1: held[issue, domain, letters, reason, reply], released."
    )
)
@click.argument("domains", metavar="[DOMAIN]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help=_("let go all that is held back"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def release(site_name: str | None, domains: tuple[str, ...], everything: bool, as_json: bool) -> None:
    with open_site(site_name) as site:
        if not (domains or everything):
            _show(holds.held(site), as_json=as_json)
            return
        released = holds.release(site, None if everything else domains)
        _say_released(site, released)
        if as_json:
            output.put_json(_document(holds.held(site)) | {"released": sum(item.letters for item in released)})


def _show(held: Sequence[Held], *, as_json: bool) -> None:
    if as_json:
        output.put_json(_document(held) | {"released": 0})
        return
    console = output.console()
    if not held:
        console.print(_("Nothing is held back."))
    for item in held:
        text = ngettext(
            "{domain}: {n} letter of issue {ref} is held back.",
            "{domain}: {n} letters of issue {ref} are held back.",
            item.letters,
        )
        console.print(text.format(domain=item.domain, n=item.letters, ref=item.issue.ref), style="bold", soft_wrap=True)
        why = holds.explain(item)
        console.print(f"  {why.sentence}", soft_wrap=True)
        console.print(f"  → {why.next_step}", soft_wrap=True)
        if said := one_line(holds.raw(item)):
            console.print(f"      {said}", style="dim", soft_wrap=True)


def _say_released(site: Site, released: Sequence[Held]) -> None:
    """How many letters are due now, and who delivers them."""
    count = sum(item.letters for item in released)
    text = ngettext("{n} letter is let go.", "{n} letters are let go.", count).format(n=count)
    output.say(text, bold=True)
    for issue in {item.issue.id: item.issue for item in released}.values():
        if site.settings.broker is not None:
            bell.ring(site, issue)
        else:
            output.say(_("`distributor resume {ref}` sends those of issue {ref} now.").format(ref=issue.ref))


def _document(held: Sequence[Held]) -> dict[str, Any]:
    return {
        "schema": "distributor.held/1",
        "held": [
            {
                "issue": output.issue_json(item.issue),
                "domain": item.domain,
                "letters": item.letters,
                "reason": item.reason,
                "sentence": holds.explain(item).sentence,
                "code": item.code,
                "enhanced": item.enhanced,
                "reply": item.reply,
                "relay": item.relay,
            }
            for item in held
        ],
    }
