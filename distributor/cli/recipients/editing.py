"""What all commands that change the list have in common: show the difference, ask, write, say what was done."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import click

from distributor.cli import changes, output
from distributor.cli.asking import ask
from distributor.cli.root import ARGUMENTS
from distributor.distribution import editing
from distributor.distribution.editing import Act, Edited
from distributor.distribution.site import open_site
from distributor.i18n import _, ngettext
from distributor.recipients.draft import Draft

_MOST_LINES = 200
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_BARE = re.compile(r"[\w@%+=:,./-]+")
_UNSAID = frozenset({"--yes", "--json"})


@dataclass(frozen=True, slots=True)
class Wish:
    """The options that every such command has."""

    site_name: str | None
    how: str
    who: str | None
    yes: bool
    dry_run: bool
    as_json: bool


def edit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--yes, --dry-run, --as and --json; the command gets them as *wish*, its first argument."""

    @click.option("--yes", is_flag=True, help=_("do not ask"))
    @click.option("--dry-run", is_flag=True, help=_("show what would change and write nothing"))
    @click.option("--as", "who", metavar="NAME", help=_("who does this, for the record (default: the login name)"))
    @click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
    @click.pass_context
    def wrapped(
        ctx: click.Context, /, *, yes: bool, dry_run: bool, who: str | None, as_json: bool, **rest: Any
    ) -> int | None:
        wish = Wish(ctx.obj, _how(ctx), who, yes, dry_run, as_json)
        code: int | None = command(wish, **rest)
        return code

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__dict__.update(getattr(command, "__dict__", {}) | wrapped.__dict__)
    return wrapped


def _how(ctx: click.Context) -> str:
    """The command as it was typed, for the record; quotes only where a shell needs them, not around every 局."""
    words = [word for word in ctx.meta[ARGUMENTS] if word not in _UNSAID]
    return " ".join(word if _BARE.fullmatch(word) else shlex.quote(word) for word in words)


def show_diff(edited: Edited) -> None:
    """The difference in the files, and what the list would warn of."""
    for line in islice(edited.diff, _MOST_LINES):
        colour = None if line.startswith(("---", "+++")) else _COLOURS.get(line[:1])
        click.secho(output.shown(line), err=True, fg=colour)
    if (more := len(edited.diff) - _MOST_LINES) > 0:
        output.say(ngettext("… and {n} more line", "… and {n} more lines", more).format(n=more))
    output.findings(edited.findings)


def change(
    wish: Wish,
    act: Callable[[Draft], object],
    *,
    show: Callable[[Edited], None] = show_diff,
    more: Callable[[], Mapping[str, Any]] = dict,
) -> int:
    """Change the list by *act*; 0 also where there was nothing to change.

    *show* tells the person what would be written; *more* is what the JSON document has besides.
    """

    def confirm(edited: Edited) -> None:
        show(edited)
        ask(_("Write this?"), yes=wish.yes)

    with open_site(wish.site_name) as site:
        wanted = Act(act, wish.how, wish.who, tells_changes=wish.as_json or show is not show_diff)
        if wish.dry_run:
            edited = editing.preview(site, wanted)
        else:
            edited = editing.edit(site, wanted, confirm, at_once=wish.yes)
    if wish.dry_run or not edited.diff:
        show(edited)
    _tell(edited, wish, more())
    return 0


def _tell(edited: Edited, wish: Wish, more: Mapping[str, Any]) -> None:
    if not edited.diff:
        output.say(_("The list says so already; nothing was changed."))
    elif wish.dry_run:
        output.say(_("Nothing was written (--dry-run)."))
    else:
        output.say(_("Written. `distributor recipients history` shows who changed what."), colour="green")
    if wish.as_json:
        output.put_json(
            {
                "schema": "distributor.recipients-edit/1",
                "written": bool(edited.diff) and not wish.dry_run,
                "changes": [changes.document(each) for each in edited.changes[: changes.JSON_MOST]],
                "diff": list(edited.diff),
                "findings": [output.finding_json(finding) for finding in edited.findings],
                **more,
            }
        )
