"""Findings about the cells of one sheet; what is true of many rows together is said once."""

from distributor.errors import Finding, Severity
from distributor.i18n import _, ngettext
from distributor.recipients.sheets.grid import Grid
from distributor.recipients.sheets.model import Findings

_LONGEST_SHOWN = 80


class Teller:
    """Adds to *findings* what there is to say about the cells of *grid*. *takes_hidden*: hidden rows are read."""

    def __init__(self, grid: Grid, findings: Findings, *, takes_hidden: bool) -> None:
        self.grid = grid
        self._findings = findings
        self._takes_hidden = takes_hidden
        self._merges: dict[int, int] = {}
        self._hidden_rows = 0
        self._first_hidden = self._last_hidden = 0

    def say(
        self, severity: Severity, code: str, at: tuple[int, int | None], message: str, remedy: str | None = None
    ) -> None:
        """Something about the cell *at* (line and column)."""
        self._findings.add(Finding(severity, code, message, self.grid.place(*at), remedy))

    def merged(self, text: str, first: int, column: int) -> None:
        """A merged cell, which begins in the line *first*, gave its text to a row below."""
        if self._merges.get(column) != first:
            self._merges[column] = first
            message = _("{text} stands in a merged cell: it is taken for each row of that cell")
            self.say(Severity.NOTE, "merged-cell", (first, column), message.format(text=shown(text)))

    def hidden(self, line: int) -> None:
        """The row *line* is hidden."""
        self._first_hidden = self._first_hidden or line
        self._last_hidden = line
        self._hidden_rows += 1

    def seen(self) -> None:
        """A row that is not hidden follows, or the end: the hidden rows before it are told, all in one."""
        if not self._hidden_rows:
            return
        if self._takes_hidden:
            text = ngettext("{n} hidden row is read ({rows})", "{n} hidden rows are read ({rows})", self._hidden_rows)
            remedy = None
        else:
            text = ngettext(
                "{n} hidden row is passed over ({rows})", "{n} hidden rows are passed over ({rows})", self._hidden_rows
            )
            remedy = _("show them in the spreadsheet if they belong to the list, or take them too: --hidden")
        rows = str(self._first_hidden)
        if self._last_hidden > self._first_hidden:
            rows = f"{self._first_hidden}–{self._last_hidden}"
        message = text.format(n=self._hidden_rows, rows=rows)
        self.say(Severity.WARNING, "hidden-rows", (self._first_hidden, None), message, remedy)
        self._hidden_rows = self._first_hidden = 0


def shown(text: str) -> str:
    """*text* as a message quotes it: short, in one line, without signs that steer a terminal."""
    line = "".join(sign if sign.isprintable() else " " for sign in " ".join(text[: 2 * _LONGEST_SHOWN].split()))
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"
