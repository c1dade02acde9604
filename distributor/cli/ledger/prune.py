"""`distributor ledger prune`: addresses, names and letters of old issues are not kept for ever."""

import calendar
import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import Any

import click

from distributor.cli import output
from distributor.cli.asking import ask
from distributor.cli.ledger.bars import Bar
from distributor.delivery.ledger.pruning import Candidate
from distributor.distribution import retention
from distributor.distribution.retention import Pruned, Retention
from distributor.distribution.site import Site, open_site
from distributor.i18n import _, ngettext
from distributor.settings import Settings

_AGE = re.compile(r"([1-9][0-9]{0,3})([ymwd])")
_LISTED = 20
_UNFINISHED = 4


def _age(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, str]:
    if match := _AGE.fullmatch(value.strip().lower()):
        return int(match[1]), match[2]
    raise click.BadParameter(_("write a number and y, m, w or d: 2y, 18m, 26w, 400d"))


def before(now: dt.datetime, age: tuple[int, str]) -> dt.datetime:
    """The time so many years, months, weeks or days before *now*, by the calendar.

    Raises:
        OverflowError, ValueError: there was no such year.
    """
    number, unit = age
    if unit in "wd":
        return now - dt.timedelta(days=number * (7 if unit == "w" else 1))
    months = now.year * 12 + now.month - 1 - number * (12 if unit == "y" else 1)
    year, month = months // 12, months % 12 + 1
    return now.replace(year=year, month=month, day=min(now.day, calendar.monthrange(year, month)[1]))


@click.command(
    help=_(
        "Take addresses, names, merge fields, the servers' own words and the letters out of every issue that was "
        "opened and settled longer ago than AGE, and out of the history of the list. Numbers, states, reasons, times, "
        "units and hashes stay: `report` still tells what became of the issue, but nothing of it can be sent again. "
        "It cannot be undone; `distributor ledger export ISSUE` keeps the whole account elsewhere.\n\n"
        "Issues with letters that still wait are never touched. Others may work meanwhile; a SQLite file is written "
        "anew at the end, and whoever sends waits for that moment. Whatever interrupts it, the same command goes on."
        "\n\n--json gives distributor.prune/1: before, dry_run, issues[issue, letters, begun], kept[issue, letters, "
        "why], list_versions, complete. Exit code 4: it is not complete; repeat it."
    )
)
@click.option(
    "--older-than", "age", metavar="AGE", required=True, callback=_age,
    help=_("so many years, months, weeks or days: 2y, 18m, 26w, 400d"),
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help=_("only say what would be pruned"))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout, words on stderr"))
@click.pass_obj
def prune(site_name: str | None, age: tuple[int, str], dry_run: bool, yes: bool, as_json: bool) -> int:
    with open_site(site_name) as site:
        found = retention.look(site, _before(site.settings, age))
        for line in _plan(found, site.settings):
            click.echo(line, err=as_json)
        done = None
        if not dry_run and not found.is_empty:
            ask(_question(found), yes=yes)
            done = _prune(site, found)
            _say_done(done)
        if as_json:
            output.put_json(_document(found, done, dry_run=dry_run))
    return 0 if dry_run or _is_complete(found, done) else _UNFINISHED


def _before(settings: Settings, age: tuple[int, str]) -> dt.datetime:
    try:
        return before(dt.datetime.now(settings.timezone), age).astimezone(dt.UTC)
    except (OverflowError, ValueError):
        raise click.BadParameter(_("nothing is so old"), param_hint="--older-than") from None


def _plan(found: Retention, settings: Settings) -> Iterator[str]:
    """What would be pruned, and what is kept though it is old, and why."""
    day = output.local(found.before, settings)
    if found.is_empty:
        yield _("Nothing is to be pruned that was settled before {time}.").format(time=day)
    if found.issues:
        yield _("To be pruned, as they were opened and settled before {time}:").format(time=day)
        yield from _listed(found.issues, settings)
    for kept, why in ((found.unsettled, _("letters still wait")), (found.recent, _("settled since then"))):
        if kept:
            yield _("Kept ({why}):").format(why=why)
            yield from _listed(kept, settings)
    if found.versions:
        text = ngettext(
            "The history of the list: {n} change of it.", "The history of the list: {n} changes of it.",
            len(found.versions),
        )  # fmt: skip
        yield text.format(n=len(found.versions))


def _listed(found: Sequence[Candidate], settings: Settings) -> Iterator[str]:
    for each in found[:_LISTED]:
        letters = ngettext("{n} letter", "{n} letters", each.letters).format(n=each.letters)
        opened = output.local(each.issue.opened_at, settings)
        begun = "  " + _("(begun before, and not complete)") if each.begun else ""
        yield f"  {each.issue.ref}  《{each.issue.masthead}》  {opened}  {letters}{begun}"
    if (more := len(found) - _LISTED) > 0:
        yield "  " + _("and {n} more").format(n=more)


def _question(found: Retention) -> str:
    text = ngettext(
        "Take the addresses, names and letters out of {n} issue ({letters} letters), for ever?",
        "Take the addresses, names and letters out of {n} issues ({letters} letters), for ever?",
        len(found.issues),
    )
    return text.format(n=len(found.issues), letters=found.letters)


def _prune(site: Site, found: Retention) -> Pruned | None:
    """None: a person stopped it."""
    with Bar(_("letters"), found.letters) as shown:
        try:
            return retention.prune(site, found, shown.advance)
        except KeyboardInterrupt:
            return None


def _is_complete(found: Retention, done: Pruned | None) -> bool:
    return found.is_empty or (done is not None and done.clean)


def _say_done(done: Pruned | None) -> None:
    if done is None:
        output.say(
            "\n" + _("Stopped: a part is pruned, the rest is not. The same command goes on where it was."), bold=True
        )
        return
    text = ngettext("{n} issue is pruned.", "{n} issues are pruned.", len(done.issues)).format(n=len(done.issues))
    output.say(text, bold=True)
    for each in done.moved:
        output.say(_("Issue {ref} was kept: letters of it wait again.").format(ref=each.issue.ref))
    if not done.clean:
        output.say(
            _(
                "Somebody reads an old state of the ledger, and what was pruned can still be read in its log. Repeat "
                "the command when `report`, `ledger export` or a backup that is under way has ended."
            ),
            colour="yellow",
        )


def _document(found: Retention, done: Pruned | None, *, dry_run: bool) -> dict[str, Any]:
    moved = done.moved if done else ()
    kept = [(found.unsettled, "unsettled"), (found.recent, "recent"), (moved, "unsettled")]
    return {
        "schema": "distributor.prune/1",
        "before": found.before.isoformat(),
        "dry_run": dry_run,
        "issues": [_candidate(each) | {"begun": each.begun} for each in found.issues if each not in moved],
        "kept": [_candidate(each) | {"why": why} for some, why in kept for each in some],
        "list_versions": len(found.versions),
        "complete": _is_complete(found, done),
    }


def _candidate(each: Candidate) -> dict[str, Any]:
    return {"issue": output.issue_json(each.issue), "letters": each.letters}
