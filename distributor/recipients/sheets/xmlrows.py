"""The XML of a worksheet (ISO/IEC 29500-1, 18.3) → records, row by row."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from distributor.recipients.sheets.grid import Oddity, Record
from distributor.recipients.sheets.values import Shared, Texts, is_true, value

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384

Merges = Mapping[int, Iterable[tuple[int, int]]]
"""The row where a merge begins → its first column (from 0) and its last row."""


class Rows:
    """Told of elements and text, it gathers the rows that are not blank in *done*.

    Its methods raise ValueError and LookupError for what no worksheet says.
    """

    def __init__(self, shared: Shared, merges: Merges) -> None:
        self.done: list[Record] = []
        self._shared = shared
        self._merges = merges
        self._open: dict[int, tuple[str, int, int]] = {}
        self._texts = Texts()
        self._line = 0
        self._hidden = False
        self._cells: dict[int, str] = {}
        self._odd: dict[int, Oddity] = {}
        self._cell: dict[str, str] = {}
        self._column = -1
        self._formula = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._texts.start(tag)
        if tag == "c":
            self._begin_cell(attributes)
        elif tag == "row":
            self._begin_row(attributes)
        elif tag == "f":
            self._formula = True

    def end(self, tag: str) -> None:
        """An element ends."""
        self._texts.end(tag)
        if tag == "c":
            self._end_cell()
        elif tag == "row":
            self._end_row()

    def text(self, data: str) -> None:
        """Text, or a part of one."""
        self._texts.text(data)

    def _begin_row(self, attributes: dict[str, str]) -> None:
        line = int(attributes.get("r", self._line + 1))
        if not self._line < line <= MAX_ROWS:
            raise ValueError(f"row {line}")
        self._line = line
        self._hidden = is_true(attributes.get("hidden"))
        self._cells, self._odd, self._column = {}, {}, -1

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self._cell = attributes
        reference = attributes.get("r")
        self._column = column_of(reference.rstrip("0123456789")) if reference else self._column + 1
        self._formula = False
        self._texts.take()

    def _end_cell(self) -> None:
        kind, style = self._cell.get("t", "n"), int(self._cell.get("s", 0))
        raw = self._texts.take()
        if raw:
            text, odd = value(kind, style, raw, self._shared)
        else:  # an empty text is a value: of a formula such as =IF(A1="","",…), and has its type
            text, odd = "", Oddity.NO_VALUE if self._formula and kind == "n" else None
        if text:
            self._cells[self._column] = text
        if odd is not None:
            self._odd[self._column] = odd

    def _end_row(self) -> None:
        above = self._above() if self._merges else {}
        if self._cells or self._odd:
            self.done.append(Record(self._line, self._cells, self._hidden, self._odd, above))

    def _above(self) -> dict[int, tuple[str, int]]:
        """What merges say of this row. A text below the first cell of one is not seen in the sheet, and not taken."""
        self._open = {column: merge for column, merge in self._open.items() if merge[2] >= self._line}
        for column in self._open:
            self._cells.pop(column, None)
        covered = {column: (text, first) for column, (text, first, _last) in self._open.items()}
        for column, last in self._merges.get(self._line, ()):
            self._open[column] = (self._cells.get(column, ""), self._line, last)
        return covered


def vertical(reference: str) -> tuple[int, int, int] | None:
    """First row, first column and last row of the merge ``A2:B4``; None if it is one row high."""
    first, _colon, last = reference.partition(":")
    name = first.rstrip("0123456789")
    top, bottom = int(first[len(name) :]), int(last.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ") or 0)
    return (top, column_of(name), bottom) if bottom > top else None


@lru_cache(maxsize=1024)
def column_of(name: str) -> int:
    """The column ``AA``, counted from 0.

    Raises:
        ValueError: there is no such column.
    """
    number = 0
    for letter in name:
        number = number * 26 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(letter) + 1
    if not 0 < number <= MAX_COLUMNS:
        raise ValueError(f"column {name[:8]}")
    return number - 1
