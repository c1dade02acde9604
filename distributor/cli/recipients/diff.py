"""`distributor recipients diff`: who is new, gone or changed since an issue."""

from pathlib import Path

import click

from distributor.cli import changes, output
from distributor.cli.naming import find_issue
from distributor.distribution import issues, lists, planning
from distributor.distribution.since import Since, since_issue, since_last_of
from distributor.distribution.site import Site, open_site
from distributor.errors import Finding, NotFoundError, Severity
from distributor.i18n import _
from distributor.recipients import loader

_MOST = 50


@click.command(
    help=_(
        "Say who is new (+), gone (−) or changed (~) among those whom ISSUE went to, if it were sent by today's list; "
        "and warn of every unit that got it and would get nothing now. Without ISSUE it is the last one.\n\n"
        "--bulletin compares what FILE's imprint reaches with the last issue of the same masthead, as `send` does.\n\n"
        "--json gives distributor.recipients-diff/1: issues (compared with), new, gone, changed (counts), changes, "
        "left_out (units), findings."
    )
)
@click.argument("issue", metavar="[ISSUE]", required=False)
@click.option(
    "--bulletin", metavar="FILE", type=click.Path(path_type=Path, readable=False),
    help=_("a bulletin that is to be sent next"),
)  # fmt: skip
@click.option("--all", "everything", is_flag=True, help=_("every line, not the first fifty of a kind"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def diff(site_name: str | None, issue: str | None, bulletin: Path | None, everything: bool, as_json: bool) -> int:
    if issue is not None and bulletin is not None:
        raise click.UsageError(_("ISSUE or --bulletin, not both"))
    with open_site(site_name) as site:
        since = _since_bulletin(site, bulletin) if bulletin else _since_issue(site, issue)
    if as_json:
        head = {"schema": "distributor.recipients-diff/1"}
        body = changes.since_document(since, None if everything else changes.JSON_MOST)
        output.put_json(head | body | {"findings": [output.finding_json(finding) for finding in since.findings]})
        return 0
    click.secho(changes.numbers(since), bold=True)
    for line in changes.lines(since.changes, None if everything else _MOST):
        click.echo(f"  {line}")
    output.findings(since.findings)
    return 0


def _since_bulletin(site: Site, file: Path) -> Since:
    _content, bulletin = planning.read_bulletin(file)
    roster = loader.load(site.settings.recipients)
    lists.notice(site, roster)
    if (since := since_last_of(site, bulletin, roster)) is None:
        message = _("no issue of 《{masthead}》 has been sent from this site yet").format(
            masthead=bulletin.masthead or ""
        )
        raise NotFoundError([Finding(Severity.ERROR, "no-issue", message)])
    return since


def _since_issue(site: Site, name: str | None) -> Since:
    issue = find_issue(site, name) if name else issues.last(site)
    roster = loader.load(site.settings.recipients)
    lists.notice(site, roster)
    return since_issue(site, issue, roster)
