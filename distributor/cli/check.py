"""`distributor check`: what was read from a bulletin, whom it reaches, and everything that is wrong."""

from pathlib import Path

import click

from distributor import settings as configuration
from distributor.bulletin.model import Bulletin, as_json
from distributor.cli import output, planned
from distributor.delivery.ledger.staging import Staging
from distributor.distribution import planning
from distributor.distribution.planning import Plan
from distributor.errors import Finding, InputError, Severity
from distributor.i18n import _
from distributor.settings import Settings


@click.command(
    help=_(
        "Say what was read from BULLETIN, whom its imprint reaches by the list, and everything that is wrong, with "
        "file and line. Sends nothing and opens nothing. Exit code 0: it can be sent; 2: something must be mended "
        "first.\n\n"
        "--json gives distributor.check/1: bulletin, groups, letters, findings."
    )
)
@click.argument("bulletin", metavar="BULLETIN", type=click.Path(path_type=Path, readable=False))
@click.option("--json", "json_wanted", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def check(site_name: str | None, bulletin: Path, json_wanted: bool) -> int:
    settings = configuration.load(configuration.find_site(site_name))
    read = _readable(bulletin)
    try:
        with planning.plan(settings, bulletin) as plan:
            _tell(settings, read, plan, plan.findings, json_wanted=json_wanted)
    except InputError as error:
        _tell(settings, read, None, error.findings, json_wanted=json_wanted)
        return error.exit_code
    return 0


def _readable(file: Path) -> Bulletin | None:
    """The bulletin as far as it can be read; why it cannot is told together with all other faults."""
    try:
        return planning.read_bulletin(file)[1]
    except InputError:
        return None


def _tell(
    settings: Settings, bulletin: Bulletin | None, plan: Plan | None, found: tuple[Finding, ...], *, json_wanted: bool
) -> None:
    if json_wanted:
        output.put_json(
            {
                "schema": "distributor.check/1",
                "bulletin": as_json(bulletin) if bulletin else None,
                "groups": [planned.group_json(group) for group in plan.groups] if plan else None,
                "letters": plan.total if plan else None,
                "findings": [output.finding_json(finding) for finding in found],
            }
        )
        return
    if bulletin:
        _show_bulletin(bulletin, plan.staging if plan else None)
    if plan:
        planned.show_numbers(plan, output.console())
        planned.say_where_letters_go(plan, settings, output.console())
    output.findings(found)
    severities = {finding.severity for finding in found}
    if Severity.ERROR in severities:
        return
    if Severity.QUESTION in severities:
        output.say(_("It can be sent; `send` will ask you to confirm what is marked ?."), bold=True, colour="magenta")
    else:
        output.say(_("It can be sent."), bold=True, colour="green")


def _show_bulletin(bulletin: Bulletin, staging: Staging | None) -> None:
    console = output.console()
    console.print(planned.title(bulletin), style="bold")
    for name, value in _facts(bulletin):
        console.print("  " + output.said(name, value))
    for section in bulletin.sections:
        heading = f"〈 {section.name} 〉" if section.name else _("articles")
        console.print(f"  {heading}")
        for article in section.articles:
            source = f"（{article.source}）" if article.source else ""
            console.print(f"    {article.title}{source}", soft_wrap=True)
    for line in bulletin.routing:
        names = "、".join(_named(name.name, staging) for name in line.names)
        console.print(f"  {line.label}：{names}", soft_wrap=True)


def _facts(bulletin: Bulletin) -> list[tuple[str, str]]:
    facts = [(_("secrecy"), bulletin.secrecy), (_("signed by"), bulletin.signer)]
    facts += [(_("copies printed"), str(bulletin.copies) if bulletin.copies is not None else None)]
    return [(name, value) for name, value in facts if value]


def _named(name: str, staging: Staging | None) -> str:
    """The audience and how many of its units get a letter, where that is known."""
    return f"{name} ({staging.units_of(name)})" if staging else name
