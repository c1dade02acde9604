"""`distributor recipients export`: the list as a spreadsheet, or as one recipients.yaml without included files."""

from pathlib import Path

import click

from distributor import settings as configuration
from distributor.cli import output
from distributor.i18n import _, ngettext
from distributor.recipients import loader


@click.command(
    help=_(
        "Write every contact of the list to FILE: a workbook (.xlsx), CSV, or a recipients.yaml that includes nothing. "
        "`distributor recipients import FILE` takes it back without a change. No cell is one that a spreadsheet would "
        "run as a formula.\n\n"
        "--json gives distributor.recipients-export/1: file, contacts."
    )
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, writable=False))
@click.option("--audience", metavar="NAME", help=_("only contacts of this audience"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def export(site_name: str | None, file: Path, audience: str | None, as_json: bool) -> int:
    from distributor.recipients.exchange import write  # noqa: PLC0415  other commands need no spreadsheets

    roster = loader.load(configuration.load(configuration.find_site(site_name)).recipients)
    count = write(file, roster, audience)
    text = ngettext("{n} contact is in {file}.", "{n} contacts are in {file}.", count)
    output.say(text.format(n=count, file=file), colour="green")
    if as_json:
        output.put_json({"schema": "distributor.recipients-export/1", "file": str(file), "contacts": count})
    return 0
