"""`distributor report --period`: statistics across the issues of a period, by issue, by unit and by failing address."""

import datetime as dt
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from distributor.cli import output
from distributor.cli.output import said
from distributor.distribution import across
from distributor.distribution.site import Site, open_site
from distributor.errors import Finding, InputError, Severity
from distributor.i18n import _, ngettext
from distributor.report import tables
from distributor.report.across import PeriodAccount, UnitTally, bars, by_name, trend, worst_first
from distributor.report.across_tables import (
    Sheet,
    Sheets,
    failing_json,
    issue_json,
    tally_json,
    trend_json,
    unit_json,
)
from distributor.report.across_words import last_answer, summary, why_failing, why_nothing
from distributor.report.circular import markdown
from distributor.report.durations import duration
from distributor.report.period import period as period_called

SORTS: Mapping[str, Callable[[Iterable[UnitTally]], list[UnitTally]]] = {"worst": worst_first, "name": by_name}
_LIST_MOST = 200
_FAILING_SHOWN = 20
_ANY_WIDTH = 10_000


@dataclass(frozen=True, slots=True)
class _Told:
    """The account of *site*'s issues in a period, and its *units* in the order in which they are told."""

    site: Site
    account: PeriodAccount
    units: Sequence[UnitTally]

    @property
    def zone(self) -> dt.tzinfo:
        return self.site.settings.timezone


def period_report(site_name: str | None, *, period: str, units: bool, fmt: str, out: str | None, sort: str) -> int:
    """Tell what became of the issues opened in *period*, with *units* of each unit too, sorted by a key of SORTS.

    *fmt* is table, json, csv or md; *out* is the file to write, None or ``-`` is stdout. Always 0: it only tells.

    Raises:
        InputError: there is no such period, or a period is not written as *fmt*.
    """
    if fmt not in _FORMATS:
        message = _("a period is not written as {format}").format(format=fmt)
        remedy = _("possible are: {keys}").format(keys=", ".join(_FORMATS))
        raise InputError([Finding(Severity.ERROR, "bad-format", message, remedy=remedy)])
    with open_site(site_name) as site:
        today = dt.datetime.now(site.settings.timezone).date()
        account = across.account_of(site, period_called(period, today), with_units=units)
        told = _Told(site, account, SORTS[sort](account.units or ()))
        if fmt == "table" and out in {None, "-"}:
            _show(told, output.console())
        else:
            with output.into(out) as stream:
                for piece in _FORMATS[fmt](told):
                    stream.write(piece.encode("utf-8", "replace"))
    return 0


# For programs


def _json(told: _Told) -> Iterator[str]:
    account = told.account
    document: dict[str, Any] = {
        "schema": "distributor.period/1",
        "period": {
            "first": account.period.first.isoformat(),
            "last": account.period.last.isoformat(),
            "timezone": str(told.zone),
        },
        "issues": [{"issue": output.issue_json(each.issue)} | issue_json(each) for each in account.issues],
        "cancelled": [{"issue": output.issue_json(each.issue)} | issue_json(each) for each in account.cancelled],
        "totals": tally_json(account.totals),
        "trend": trend_json(account, told.zone),
        "failing_total": account.failing_total,
        "failing": list(map(failing_json, account.failing)),
    }
    if account.units is None:
        return tables.json_text(document)
    document["nothing"] = [each.unit for each in account.nothing]
    return tables.json_text(document, units=map(unit_json, told.units))


def _csv(told: _Told) -> Iterator[str]:
    sheets = Sheets(told.account, told.zone, whole=True)
    sheet = sheets.issues() if told.account.units is None else sheets.units(told.units)
    return tables.csv_text(chain([sheet.heading], sheet.rows), told.zone)


def _md(told: _Told) -> Iterator[str]:
    return markdown(told.account, told.units, told.zone)


def _text(told: _Told) -> Iterator[str]:
    text = io.StringIO()
    _show(told, output.console(file=text))
    yield text.getvalue()


_FORMATS: Mapping[str, Callable[[_Told], Iterator[str]]] = {"table": _text, "json": _json, "csv": _csv, "md": _md}


# For people


def _show(told: _Told, console: Console) -> None:
    account, sheets = told.account, Sheets(told.account, told.zone)
    for line in summary(account):
        console.print(line, style="bold", soft_wrap=True)
    if account.issues:
        _show_sheet(sheets.issues(), console)
    if account.cancelled:
        console.print("\n" + _("Cancelled:"), style="yellow")
        _show_sheet(sheets.cancelled(), console)
    _show_trend(told, console)
    _show_units(told, sheets, console)
    _show_failing(account, console)


def _show_sheet(sheet: Sheet, console: Console) -> None:
    """A table; where that is too wide a list."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column, heading in enumerate(sheet.heading):
        table.add_column(heading, justify="left" if column < sheet.texts else "right", no_wrap=True)
    rows = list(sheet.rows)
    for row in rows:
        table.add_row(*row)
    if console.measure(table, options=console.options.update(width=_ANY_WIDTH)).maximum <= console.width:
        console.print(table)
        return
    for row in rows:
        console.print(*filter(None, row[: sheet.texts]))
        numbers = list(zip(sheet.heading, row, strict=True))[sheet.texts :]
        told = _("; ").join(said(heading, cell) for heading, cell in numbers if cell not in {"", "0"})
        console.print(Padding(told, (0, 0, 0, 4), expand=False))


def _show_trend(told: _Told, console: Console) -> None:
    """A bar for each point, and between what the bars are."""
    points = trend(told.account.issues, told.zone)
    if len(points) < 2:
        return
    console.print("\n" + _("From {first} to {last}:").format(first=points[0].name, last=points[-1].name))
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, numbers in (
        (_("letters"), [point.letters for point in points]),
        (_("not sent"), [point.missed for point in points]),
    ):
        grid.add_row(name, bars(numbers), _least_to_most(str(min(numbers)), str(max(numbers))))
    times = [point.most for point in points]
    if known := [each for each in times if each is not None]:
        heights = bars(each.total_seconds() if each is not None else None for each in times)
        grid.add_row(_("95 % after"), heights, _least_to_most(duration(min(known)), duration(max(known))))
    console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def _least_to_most(least: str, most: str) -> str:
    return _("{first} to {last}").format(first=least, last=most) if least != most else least


def _show_failing(account: PeriodAccount, console: Console) -> None:
    if not account.failing:
        return
    console.print("\n" + _("Addresses that failed repeatedly:"), style="red")
    for each in account.failing[:_FAILING_SHOWN]:
        text = _("failed in {failed} of {n} issues, last in {issue}")
        times = text.format(failed=each.failed, n=each.issues, issue=each.last)
        units = _(", ").join(each.units)
        console.print(f"  {each.address}  {units}  {times}", soft_wrap=True)
        console.print(f"      {why_failing(each)}", soft_wrap=True)
        if answer := last_answer(each):
            console.print(f"      {answer}", style="dim", soft_wrap=True)
    _say_more(account.failing_total - _FAILING_SHOWN, "json", console)


def _show_units(told: _Told, sheets: Sheets, console: Console) -> None:
    if not told.units:
        return
    console.print()
    _show_sheet(sheets.units(told.units[:_LIST_MOST]), console)
    _say_more(len(told.units) - _LIST_MOST, "csv", console)
    if nothing := told.account.nothing:
        console.print("\n" + _("Units that got nothing:"), style="red")
        for each in nothing[:_LIST_MOST]:
            console.print("  " + said(each.unit, why_nothing(each)), soft_wrap=True)
        _say_more(len(nothing) - _LIST_MOST, "csv", console)


def _say_more(count: int, fmt: str, console: Console) -> None:
    if count > 0:
        text = ngettext(
            "  … and {n} more; `--format {format}` lists all.",
            "  … and {n} more; `--format {format}` lists all.",
            count,
        )
        console.print(text.format(n=count, format=fmt))
