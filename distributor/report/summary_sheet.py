"""The first sheet of an account's workbook: numbers, a chart of them, reasons with next steps, facts."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from distributor.delivery.model.states import State
from distributor.i18n import _
from distributor.recipients.formulas import inert
from distributor.report import summary
from distributor.report.account import Account
from distributor.report.summary import Manner
from distributor.report.tables import Cell, Row, one_line

COLOURS = {
    State.SENT: "A9D18E",
    State.DELIVERED: "70AD47",
    State.UNCERTAIN: "D99BE0",
    State.FAILED: "F4978E",
    State.BOUNCED: "E8705F",
    State.SUPPRESSED: "BFBFBF",
    State.CANCELLED: "A6A6A6",
    State.DEFERRED: "FFD966",
    State.HANDING_OVER: "9DC3E6",
    State.CLAIMED: "BDD7EE",
    State.QUEUED: "DEEBF7",
}
"""Of each state, red, green and blue: behind black text, and in charts."""

_FONT = "Calibri"  # what openpyxl gives to cells that are not told theirs
_WIDTH_OF_NAMES, _WIDTH = 28, 13
_MOST_COLUMNS = 20
_CHART_ROWS, _CHART_CM = 15, (26, 7)
_BEFORE_STATES = 4  # group, units, contacts, letters


def fill(sheet: Any, account: Account, manner: Manner) -> None:
    """Write the summary of *account* on *sheet*, which is empty."""
    page = _Page(sheet)
    page.put([summary.title(account.issue)], size=16)
    first = page.table(_("Numbers"), summary.letters(account, manner.word))
    if account.groups:
        page.chart(_states_by_group(sheet, account, first))
    if account.shared_total:
        page.table(_("By contact served"), summary.contacts(account, manner.word))
    if account.reasons:
        page.table(_("Why, and what to do"), _on_two_rows(summary.reasons(account, manner.word)))
    page.table(_("The issue"), summary.facts(account, manner), headed=False)


def _on_two_rows(reasons: Iterable[Row]) -> Iterator[Row]:
    """The next step under the sentence: both are long, and go on over the empty cells beside them."""
    (*columns, step), *rows = reasons
    yield [*columns[:2], f"{columns[2]} → {step}"]
    for *what, step in rows:
        yield what
        if step:
            yield [None, None, f"→ {step}"]


class _Page:
    """Writes down a sheet, row by row."""

    def __init__(self, sheet: Any) -> None:
        from openpyxl.utils import get_column_letter  # noqa: PLC0415  with openpyxl, which is slow to load

        self._sheet = sheet
        self._line = 0
        sheet.title = _("Summary")
        for column in range(1, _MOST_COLUMNS):
            sheet.column_dimensions[get_column_letter(column)].width = _WIDTH if column > 1 else _WIDTH_OF_NAMES
        sheet.sheet_view.showGridLines = False
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.fitToHeight = 0
        sheet.sheet_properties.pageSetUpPr.fitToPage = True

    def table(self, title: str, rows: Iterable[Row], *, headed: bool = True) -> int:
        """*rows* under *title*; returns the number of the first of them."""
        self._line += 1
        self.put([title], size=13)
        first = self._line + 1
        listed = list(rows)
        if headed:
            self.put(listed.pop(0), size=11, numbers=[place for place, cell in enumerate(listed[0]) if _counts(cell)])
        for row in listed:
            self.put(row)
        return first

    def chart(self, chart: Any) -> None:
        """*chart* under what is there."""
        self._sheet.add_chart(chart, f"A{self._line + 2}")
        self._line += _CHART_ROWS

    def put(self, row: Row, *, size: int | None = None, numbers: Collection[int] = ()) -> None:
        """A row; in bold if a *size* is given. Titles of *numbers* stand over them, at the right."""
        from openpyxl.styles import Alignment, Font  # noqa: PLC0415

        self._line += 1
        for place, value in enumerate(row):
            cell = self._sheet.cell(self._line, place + 1, value)
            if isinstance(value, str):
                # A text stays one, whatever it begins with.
                cell.value, cell.data_type = one_line(value), "s"
                cell.quotePrefix = inert(value) != value
                cell.alignment = Alignment("right") if place in numbers else Alignment("left", indent=min(place, 1))
            if size:
                cell.font = Font(name=_FONT, bold=True, size=size)


def _counts(cell: Cell) -> bool:
    return isinstance(cell, int)


def _states_by_group(sheet: Any, account: Account, first: int) -> Any:
    """A chart of the numbers whose heading is row *first*: of each group a bar, of how much of it is in which state."""
    from openpyxl.chart import BarChart, Reference  # noqa: PLC0415

    states = summary.occurring(account.totals.letters)
    last = first + len(account.groups)
    chart = BarChart()
    chart.type, chart.grouping, chart.overlap, chart.gapWidth = "bar", "percentStacked", 100, 40
    chart.title = _("Letters by group and state")
    chart.width, chart.height = _CHART_CM
    chart.legend.position = "b"
    chart.x_axis.delete = chart.y_axis.delete = False
    chart.x_axis.scaling.orientation = "maxMin"  # the first group on top, as in the table,
    chart.y_axis.crosses = "max"  # and the scale under the last one
    chart.y_axis.number_format = "0%"
    numbers = {"min_row": first, "max_row": last}
    columns = {"min_col": _BEFORE_STATES + 1, "max_col": _BEFORE_STATES + len(states)}
    chart.add_data(Reference(sheet, **columns, **numbers), titles_from_data=True)
    chart.set_categories(Reference(sheet, min_col=1, min_row=first + 1, max_row=last))
    for series, state in zip(chart.series, states, strict=True):
        series.graphicalProperties.solidFill = COLOURS[state]
    return chart
