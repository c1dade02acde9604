"""`distributor status`: how far the issues are, at a glance or as it goes."""

from collections.abc import Sequence
from time import sleep
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from distributor.cli import flows, output
from distributor.cli.naming import find_issue
from distributor.cli.progress import settled, trouble
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import State
from distributor.distribution import flows as in_the_way
from distributor.distribution import issues
from distributor.distribution.flows import Barred
from distributor.distribution.site import Site, open_site
from distributor.i18n import _
from distributor.report.standing import Standing
from distributor.settings import Settings

_LOOK_EVERY = 0.5
_TIME = len("2026-03-05 12:00")
_FOLDED_NAME = 14
_ANY_WIDTH = 1000
_MOVING = (Standing.SENDING, Standing.WAITING)
_COLOURS = {
    Standing.PAUSED: "yellow",
    Standing.CANCELLED: "dim",
    Standing.SENDING: "cyan",
    Standing.WAITING: "yellow",
    Standing.DECISION: "bold red",
    Standing.INCOMPLETE: "red",
    Standing.COMPLETE: "green",
}
Row = tuple[IssueRecord, Progress, Standing]


@click.command(
    help=_(
        "How far all issues are, or ISSUE alone, group by group.\n\n"
        "--json gives distributor.status/1: issues[issue, standing, groups, next_attempt], "
        "flows[kind, name, state, since, until, letters, reason, why, next_step, reply, relay]."
    )
)
@click.argument("issue", metavar="[ISSUE]", required=False)
@click.option("--watch", is_flag=True, help=_("show it as it goes, until nothing is left to send or Ctrl-C"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def status(site_name: str | None, issue: str | None, watch: bool, as_json: bool) -> None:
    with open_site(site_name) as site:
        chosen = find_issue(site, issue) if issue is not None else None
        if as_json:
            output.put_json(
                {
                    "schema": "distributor.status/1",
                    "issues": [_document(*row) for row in _rows(site, chosen)],
                    "flows": [flows.document(each) for each in _barred(site, chosen)],
                }
            )
        elif watch:
            _watch(site, chosen)
        else:
            console = output.console()
            console.print(_page(site, chosen, _rows(site, chosen), console))


def _rows(site: Site, chosen: IssueRecord | None) -> list[Row]:
    rows = issues.overview(site) if chosen is None else [issues.progress_of(site, chosen)]
    return [(issue, progress, issues.standing_of(site, issue, progress)) for issue, progress in rows]


def _barred(site: Site, chosen: IssueRecord | None) -> Sequence[Barred]:
    """What letters wait for: those of the issue chosen, or all; of these also what is on trial."""
    return in_the_way.barred_now(site) if chosen is None else in_the_way.barred_for(site, chosen)


def _page(site: Site, chosen: IssueRecord | None, rows: Sequence[Row], console: Console) -> RenderableType:
    return page(rows, site.settings, console, detailed=chosen is not None, barred=_barred(site, chosen))


def _watch(site: Site, chosen: IssueRecord | None) -> None:
    console = output.console()
    rows = _rows(site, chosen)
    with Live(_page(site, chosen, rows, console), console=console, auto_refresh=False) as live:
        while any(stands in _MOVING for _issue, _progress, stands in rows):
            sleep(_LOOK_EVERY)
            rows = _rows(site, chosen)
            live.update(_page(site, chosen, rows, console), refresh=True)


def page(
    rows: Sequence[Row], settings: Settings, console: Console, *, detailed: bool, barred: Sequence[Barred] = ()
) -> RenderableType:
    """The issues as they fit on *console*, then what letters wait for; *detailed*: with the numbers of each group."""
    if not rows:
        return _("Nothing has been sent from this site yet.")
    parts: list[RenderableType] = [_overview(rows, settings, console)]
    if detailed:
        parts += [_groups(progress) for _issue, progress, _stands in rows]
    if barred:
        parts += ["", *flows.lines(barred, settings)]
    return Group(*parts)


def _overview(rows: Sequence[Row], settings: Settings, console: Console) -> Table:
    """A table; on a narrow terminal one without bars whose words are folded; on a phone's a list."""
    full, folded = _table(rows, settings, bars=True), _table(rows, settings, bars=False)
    unbound = console.options.update(width=_ANY_WIDTH)
    if console.measure(full, options=unbound).maximum <= console.width:
        return full
    fits = console.measure(folded, options=unbound).minimum <= console.width
    return folded if fits else _list(rows, settings)


def _table(rows: Sequence[Row], settings: Settings, *, bars: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(_("issue"), no_wrap=True)
    table.add_column(_("bulletin"), overflow="fold", max_width=None if bars else _FOLDED_NAME)
    table.add_column(_("opened"), no_wrap=True, min_width=_TIME)
    table.add_column(_("settled"), no_wrap=True)
    if bars:
        table.add_column()
    table.add_column(_("standing"), overflow="fold")
    table.add_column(_("trouble"), overflow="fold")
    for row in rows:
        *facts, stands, bad = _cells(row, settings)
        progress = row[1]
        bar = ProgressBar(total=max(1, progress.total), completed=settled(progress.by_state()), width=12)
        table.add_row(*facts, *([bar] if bars else []), stands, bad)
    return table


def _list(rows: Sequence[Row], settings: Settings) -> Table:
    """The cells of the table one below the other, an empty line between issues."""
    names = (_("issue"), _("bulletin"), _("opened"), _("settled"), _("standing"), _("trouble"))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for position, row in enumerate(rows):
        if position:
            grid.add_row()
        for name, cell in zip(names, _cells(row, settings), strict=True):
            if cell:
                grid.add_row(Text(name, style="dim"), cell)
    return grid


def _cells(row: Row, settings: Settings) -> tuple[str | Text, ...]:
    issue, progress, stands = row
    counts = progress.by_state()
    return (
        issue.ref,
        issue.masthead,
        output.local(issue.opened_at, settings),
        f"{settled(counts)}/{progress.total}",
        _word(stands, issue, progress, settings),
        trouble(counts),
    )


def _word(stands: Standing, issue: IssueRecord, progress: Progress, settings: Settings) -> Text:
    words = {
        Standing.PAUSED: _("paused"),
        Standing.CANCELLED: _("cancelled"),
        Standing.SENDING: _("being sent"),
        Standing.WAITING: _("waiting"),
        Standing.DECISION: _("needs your decision"),
        Standing.INCOMPLETE: _("ended, not everybody has it"),
        Standing.COMPLETE: _("all sent"),
    }
    word = words[stands]
    if stands is Standing.WAITING and progress.next_attempt:
        word = _("waiting until {time}").format(time=output.local(progress.next_attempt, settings))
    elif stands is Standing.WAITING:
        word = _("held back; `distributor release` tells why")
    if stands is Standing.PAUSED and issue.state_reason:
        word = _("paused: {reason}").format(reason=issue.state_reason)
    return Text(word, style=_COLOURS[stands])


def _groups(progress: Progress) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (_("group"), _("letters"), _("sent"), _("others")):
        table.add_column(heading)
    for group, counts in progress.states.items():
        sent = counts.get(State.SENT, 0) + counts.get(State.DELIVERED, 0)
        table.add_row(group, str(sum(counts.values())), str(sent), trouble(counts))
    return table


def _document(issue: IssueRecord, progress: Progress, stands: Standing) -> dict[str, Any]:
    next_attempt = progress.next_attempt
    return {
        "issue": output.issue_json(issue),
        "standing": stands.value,
        "groups": [
            {"group": group, "letters": sum(counts.values()), "states": {s.value: n for s, n in counts.items()}}
            for group, counts in progress.states.items()
        ],
        "next_attempt": next_attempt.isoformat() if next_attempt else None,
    }
