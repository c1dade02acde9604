"""`distributor status`: how far the issues are."""

import click

from distributor.cli import flows, output
from distributor.cli.naming import find_issue
from distributor.cli.overview import document, page
from distributor.distribution.glance import glance
from distributor.distribution.site import open_site
from distributor.i18n import _


@click.command(
    help=_(
        "How far all issues are, or ISSUE alone, group by group: those that need you first, then those that move. "
        "Letters are counted per minute; an issue is at 100 % when every letter of it is final, and no sooner.\n\n"
        "--watch goes on showing it until nothing is left to send; q or Ctrl-C ends it before. Where there is no "
        "terminal it writes a line whenever something has changed. Exit code with --watch: 0 all sent; 1 some were "
        "not, or need your decision; 4 some are still waiting.\n\n"
        "--json gives distributor.status/1: issues[issue, standing, letters, sent, final, percent, per_minute, "
        "expected_end, groups, next_attempt], "
        "flows[kind, name, state, since, until, letters, reason, why, next_step, reply, relay]."
    )
)
@click.argument("issue", metavar="[ISSUE]", required=False)
@click.option("--watch", is_flag=True, help=_("show it as it goes, until nothing is left to send, q or Ctrl-C"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def status(site_name: str | None, issue: str | None, watch: bool, as_json: bool) -> int:
    if watch and as_json:
        raise click.UsageError(_("--watch or --json, not both"))
    with open_site(site_name) as site:
        chosen = find_issue(site, issue) if issue is not None else None
        if watch:
            from distributor.cli import watching  # noqa: PLC0415  what redraws is of no use to those who look once

            return watching.watch(site, chosen)
        seen = glance(site, chosen)
        if as_json:
            shown = {"issues": [document(each) for each in seen.seen]}
            output.put_json(
                {"schema": "distributor.status/1"} | shown | {"flows": [flows.document(each) for each in seen.barred]}
            )
        else:
            console = output.console()
            console.print(page(seen, site.settings, console, detailed=chosen is not None))
    return 0
