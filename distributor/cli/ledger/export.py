"""`distributor ledger export`: an issue's whole account in a file that stands by itself."""

from pathlib import Path

import click

from distributor.cli import output
from distributor.cli.ledger.bars import Bar
from distributor.cli.naming import find_issue
from distributor.delivery.ledger import queries
from distributor.distribution.archive.exporting import Exported
from distributor.distribution.archive.exporting import export as write
from distributor.distribution.site import open_site
from distributor.i18n import _, ngettext

# Of each letter the archive has a row, one for whom it serves, and one for what happened.
_ROWS = 3


@click.command(
    help=_(
        "Write the whole account of ISSUE into FILE, a ZIP archive: the issue, every delivery, whom it serves and "
        "everything that happened to it, who was left out, the bulletin, the letters with what they were made from, "
        "and the attachments; with a manifest of SHA-256 digests. The same account always gives the same bytes. It "
        "holds addresses and names: keep it accordingly.\n\n"
        "--json gives distributor.export/1: issue, file, manifest_sha256, rows[letters, deliveries, served, events, "
        "omitted]."
    )
)
@click.argument("issue", metavar="ISSUE")
@click.option(
    "-o", "--out", metavar="FILE", required=True, type=click.Path(path_type=Path, readable=False),
    help=_("the archive to write; never an existing file"),
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout, words on stderr"))
@click.pass_obj
def export(site_name: str | None, issue: str, out: Path, as_json: bool) -> None:
    with open_site(site_name) as site:
        found = find_issue(site, issue)
        letters = queries.progress(site.ledger, found.id).total
        with Bar(_("rows"), letters * _ROWS) as shown:
            done = write(site, found, out, shown.advance)
    for line in _said(done):
        click.echo(line, err=as_json)
    if as_json:
        output.put_json(
            {
                "schema": "distributor.export/1",
                "issue": output.issue_json(found),
                "file": str(out),
                "manifest_sha256": done.sha256,
                "rows": dict(done.rows),
            }
        )


def _said(done: Exported) -> list[str]:
    letters = ngettext("{n} letter", "{n} letters", done.rows["deliveries"]).format(n=done.rows["deliveries"])
    events = ngettext("{n} event", "{n} events", done.rows["events"]).format(n=done.rows["events"])
    return [
        _("Written: {file}").format(file=done.path) + f"  {letters}, {events}",
        _("SHA-256 of its manifest, to be kept elsewhere: {digest}").format(digest=done.sha256),
    ]
