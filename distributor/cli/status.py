"""`distributor status`: how far the issues are, at a glance or as it goes."""

from collections.abc import Sequence
from time import sleep
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from distributor.cli import output
from distributor.cli.naming import find_issue
from distributor.cli.progress import settled, trouble
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import State
from distributor.distribution import issues
from distributor.distribution.site import Site, open_site
from distributor.i18n import _
from distributor.report.standing import Standing, standing
from distributor.settings import Settings

_LOOK_EVERY = 0.5
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
Row = tuple[IssueRecord, Progress]


@click.command(
    help=_(
        "How far all issues are, or ISSUE alone, group by group.\n\n"
        "--json gives distributor.status/1: issues[issue, standing, groups, next_attempt]."
    )
)
@click.argument("issue", metavar="[ISSUE]", required=False)
@click.option("--watch", is_flag=True, help=_("show it as it goes, until nothing is left to send or Ctrl-C"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def status(site_name: str | None, issue: str | None, watch: bool, as_json: bool) -> None:
    with open_site(site_name) as site:
        chosen = find_issue(site, issue) if issue else None
        if as_json:
            rows = _rows(site, chosen)
            output.put_json({"schema": "distributor.status/1", "issues": [_document(*row) for row in rows]})
        elif watch:
            _watch(site, chosen)
        else:
            output.console().print(_page(_rows(site, chosen), site.settings, detailed=chosen is not None))


def _rows(site: Site, chosen: IssueRecord | None) -> list[Row]:
    if chosen is None:
        return issues.overview(site)
    return [issues.progress_of(site, chosen)]


def _watch(site: Site, chosen: IssueRecord | None) -> None:
    console = output.console()
    rows = _rows(site, chosen)
    with Live(_page(rows, site.settings, detailed=chosen is not None), console=console, auto_refresh=False) as live:
        while any(_standing(*row) in _MOVING for row in rows):
            sleep(_LOOK_EVERY)
            rows = _rows(site, chosen)
            live.update(_page(rows, site.settings, detailed=chosen is not None), refresh=True)


def _standing(issue: IssueRecord, progress: Progress) -> Standing:
    return standing(issue.state, progress.by_state())


def _page(rows: Sequence[Row], settings: Settings, *, detailed: bool) -> RenderableType:
    if not rows:
        return _("Nothing has been sent from this site yet.")
    parts: list[RenderableType] = [_table(rows, settings)]
    if detailed:
        parts += [_groups(progress) for _issue, progress in rows]
    return Group(*parts)


def _table(rows: Sequence[Row], settings: Settings) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (_("issue"), _("bulletin"), _("opened"), _("settled"), "", _("standing"), _("trouble")):
        table.add_column(heading)
    for issue, progress in rows:
        stands = _standing(issue, progress)
        done = settled(progress.by_state())
        table.add_row(
            issue.ref,
            issue.masthead,
            output.local(issue.opened_at, settings),
            f"{done}/{progress.total}",
            ProgressBar(total=max(1, progress.total), completed=done, width=12),
            _word(stands, issue, progress, settings),
            trouble(progress.by_state()),
        )
    return table


def _word(stands: Standing, issue: IssueRecord, progress: Progress, settings: Settings) -> Text:
    words = {
        Standing.PAUSED: _("paused"),
        Standing.CANCELLED: _("cancelled"),
        Standing.SENDING: _("being sent"),
        Standing.WAITING: _("waiting"),
        Standing.DECISION: _("needs your decision"),
        Standing.INCOMPLETE: _("ended, not all sent"),
        Standing.COMPLETE: _("all sent"),
    }
    word = words[stands]
    if stands is Standing.WAITING and progress.next_attempt:
        word = _("waiting until {time}").format(time=output.local(progress.next_attempt, settings))
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


def _document(issue: IssueRecord, progress: Progress) -> dict[str, Any]:
    next_attempt = progress.next_attempt
    return {
        "issue": output.issue_json(issue),
        "standing": _standing(issue, progress).value,
        "groups": [
            {"group": group, "letters": sum(counts.values()), "states": {s.value: n for s, n in counts.items()}}
            for group, counts in progress.states.items()
        ],
        "next_attempt": next_attempt.isoformat() if next_attempt else None,
    }
