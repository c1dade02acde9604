"""`distributor pause` and `distributor cancel`: what a person decides about an issue."""

import click

from distributor.cli.asking import ask
from distributor.cli.naming import find_issue
from distributor.distribution import issues
from distributor.distribution.site import open_site
from distributor.i18n import _, ngettext

_REASON = click.option("--reason", default="", metavar="TEXT", help=_("why, for the record"))
_ISSUE = click.argument("issue", metavar="ISSUE")


@click.command(help=_("Hold ISSUE: nothing more is handed over until `distributor resume`."))
@_ISSUE
@_REASON
@click.pass_obj
def pause(site_name: str | None, issue: str, reason: str) -> None:
    with open_site(site_name) as site:
        found = find_issue(site, issue)
        issues.pause(site, found, reason)
        click.echo(_("Issue {ref} is paused. `distributor resume {ref}` goes on with it.").format(ref=found.ref))


@click.command(help=_("Stop ISSUE for good: whatever was not handed over yet is never sent."))
@_ISSUE
@_REASON
@click.option("--yes", is_flag=True, help=_("do not ask"))
@click.pass_obj
def cancel(site_name: str | None, issue: str, reason: str, yes: bool) -> None:
    with open_site(site_name) as site:
        found = find_issue(site, issue)
        ask(_("Cancel issue {ref} for good?").format(ref=found.ref), yes=yes)
        stopped = issues.cancel(site, found, reason)
        text = ngettext(
            "Issue {ref} is cancelled; {n} letter was not sent.",
            "Issue {ref} is cancelled; {n} letters were not sent.",
            stopped,
        )
        click.echo(text.format(ref=found.ref, n=stopped))
