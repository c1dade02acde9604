"""`distributor resolve`: a person asked, and knows now what became of a letter."""

import click

from distributor.cli.naming import find_issue
from distributor.distribution import issues
from distributor.distribution.site import open_site
from distributor.i18n import _, ngettext


@click.command(
    help=_(
        "Settle letters of ISSUE that are uncertain: handed over, with no answer that could be read. For those that "
        "are to be sent once more see `distributor resend ISSUE --uncertain`."
    )
)
@click.argument("issue", metavar="ISSUE")
@click.option(
    "--sent", "sent", multiple=True, required=True, metavar="ADDRESS",
    help=_("the letter to this address arrived; may be repeated"),
)  # fmt: skip
@click.option("--reason", default="", metavar="TEXT", help=_("how you know, for the record"))
@click.pass_obj
def resolve(site_name: str | None, issue: str, sent: tuple[str, ...], reason: str) -> None:
    with open_site(site_name) as site:
        found = find_issue(site, issue)
        issues.resolve(site, found, sent, reason)
        count = len(set(sent))
        text = ngettext("{n} letter of issue {ref} counts as sent.", "{n} letters of issue {ref} count as sent.", count)
        click.echo(text.format(n=count, ref=found.ref))
