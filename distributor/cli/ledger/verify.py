"""`distributor ledger verify`: whether an archive of an issue's account is whole, and agrees with itself."""

from pathlib import Path

import click

from distributor.cli import output
from distributor.cli.ledger.bars import Bar
from distributor.distribution.archive.verifying import Verified
from distributor.distribution.archive.verifying import verify as check
from distributor.i18n import _, ngettext


@click.command(
    help=_(
        "Check FILE, an archive that `distributor ledger export` wrote, here or elsewhere: every file against the "
        "manifest's SHA-256 digests, and the account against itself: the states add up, every delivery serves somebody "
        "and has the events that led to its state. Nothing is unpacked, and no site or ledger is needed.\n\n"
        "--json gives distributor.verify/1: file, manifest_sha256, issue, rows. Exit code 2: something is wrong; it is "
        "named."
    )
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout, words on stderr"))
def verify(file: Path, as_json: bool) -> None:
    with Bar(_("bytes")) as shown:
        done = check(file, shown.advance, shown.begin)
    for line in _said(done):
        click.echo(line, err=as_json)
    if as_json:
        output.put_json(
            {
                "schema": "distributor.verify/1",
                "file": str(file),
                "manifest_sha256": done.sha256,
                "issue": done.head["issue"],
                "rows": dict(done.rows),
            }
        )


def _said(done: Verified) -> list[str]:
    issue, number = done.head["issue"], done.rows["deliveries"]
    letters = ngettext("{n} letter", "{n} letters", number).format(n=number)
    name = issue["total_number"] or issue["number"] or f"@{issue['id']}"
    return [
        _("Whole, and it agrees with itself: issue {ref} 《{masthead}》, {letters}").format(
            ref=name, masthead=issue["masthead"], letters=letters
        ),
        _("SHA-256 of its manifest: {digest}").format(digest=done.sha256),
    ]
