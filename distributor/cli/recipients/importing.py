"""`distributor recipients import`: a spreadsheet or a text of contacts, shown, asked about and taken into the list."""

from itertools import islice
from pathlib import Path
from typing import Any

import click

from distributor.cli import changes, output
from distributor.cli.recipients import editing
from distributor.cli.recipients.editing import Wish, edit_options
from distributor.distribution.editing import Edited
from distributor.errors import Severity
from distributor.i18n import _, ngettext
from distributor.recipients.draft import Draft
from distributor.recipients.importing import Mode, Taken, Terms, take

_MOST_LINES = 50
_MOST_FINDINGS = 50


@click.command(
    "import",
    help=_(
        "Take the contacts in FILE into the list: a workbook (.xlsx), CSV, a text with a contact on each line, or "
        "another recipients.yaml. Shows every problem by its cell and what would be added, changed and disabled, and "
        "asks.\n\n"
        "--mode add adds and changes; an empty cell says nothing. --mode sync makes the list as the file is: who "
        "stands in the list, in an audience that the file names (in all, where it names none), and not in the file is "
        "disabled, never removed.\n\n"
        "--json gives distributor.recipients-edit/1 with counts: added, changed, disabled, enabled, unchanged, bad."
    ),
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@click.option("--mode", type=click.Choice([mode.value for mode in Mode]), default=Mode.ADD.value, show_default=True)
@click.option("--to", "audience", metavar="AUDIENCE", help=_("the audience of new units, where FILE names none"))
@click.option("--unit", metavar="UNIT", help=_("the unit of rows that name none"))
@click.option("--into", metavar="CSV", help=_("the included file that gets new units; made if need be"))
@click.option("--sheet", metavar="NAME", help=_("only this sheet of the workbook"))
@click.option("--hidden", is_flag=True, help=_("take hidden rows, too"))
@click.option("--skip-bad", is_flag=True, help=_("leave out the rows that cannot be taken"))
@edit_options
def import_(
    wish: Wish, file: Path, *, audience: str | None, mode: str, into: str | None, skip_bad: bool, **options: Any
) -> int:
    from distributor.recipients.exchange import read  # noqa: PLC0415  other commands need no spreadsheets

    if skip_bad and mode == Mode.SYNC:
        raise click.UsageError(_("--mode sync needs every row: whom a bad row names would be disabled"))
    gone = _("not in {file}").format(file=file.name)
    terms = Terms(Mode(mode), gone, audience, into, skip_bad, bool(options["hidden"]))
    taken: list[Taken] = []

    def act(draft: Draft) -> None:
        taken[:] = [take(draft, read(file, **options), terms)]

    return editing.change(wish, act, show=lambda edited: _show(taken[0], edited), more=lambda: _counts(taken[0]))


def _show(taken: Taken, edited: Edited) -> None:
    """Problems first, then what would change, then the numbers."""
    output.findings(islice(taken.findings, _MOST_FINDINGS))
    if (more := len(taken.findings) - _MOST_FINDINGS) > 0:
        output.say(ngettext("… and {n} more remark", "… and {n} more remarks", more).format(n=more))
    for line in changes.lines(edited.changes, _MOST_LINES):
        output.say(f"  {line}")
    output.findings(edited.findings)
    output.say(_numbers(taken), bold=True)


def _numbers(taken: Taken) -> str:
    words = {
        "added": _("{n} added"),
        "changed": _("{n} changed"),
        "disabled": _("{n} disabled"),
        "enabled": _("{n} enabled"),
        "unchanged": _("{n} unchanged"),
        "bad": _("{n} not taken"),
    }
    counts = _counts(taken)
    return _(", ").join(text.format(n=counts[name]) for name, text in words.items() if counts[name] or name == "added")


def _counts(taken: Taken) -> dict[str, Any]:
    names = ("added", "changed", "disabled", "enabled", "unchanged")
    counts = {name: taken.counts.get(name, 0) for name in names} | {"bad": taken.bad}
    found = [output.finding_json(finding) for finding in taken.findings if finding.severity is not Severity.NOTE]
    return counts | {"remarks": found}
