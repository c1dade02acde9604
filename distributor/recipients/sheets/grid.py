"""Cells of one sheet, whatever kind of file it comes from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from distributor.errors import Place


class Oddity(Enum):
    """What a cell is besides its text."""

    NO_VALUE = "a formula without a stored value"
    DATE = "a date, written as a number"


class Record(NamedTuple):
    """A row that is not blank. Cells by column from 0, as written; an empty one may be missing.

    *line* is the number of the row, or the line of a text file where it begins. *above* gives for cells that a merge
    covers the text of its first cell and that cell's line. *broken* says why a row of a text file cannot be read.
    """

    line: int
    cells: Mapping[int, str]
    hidden: bool = False
    odd: Mapping[int, Oddity] = {}
    above: Mapping[int, tuple[str, int]] = {}
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of one sheet; *records* streams them afresh at each call. *name* is None in a text file.

    *loses_merges*: the kind of file has none, so that cells below a merged one come empty.
    """

    file: str
    name: str | None
    records: Callable[[], Iterator[Record]]
    loses_merges: bool = False

    def place(self, line: int | None = None, column: int | None = None) -> Place:
        """Where a cell is: by sheet and cell in a workbook, by line in a text file."""
        if self.name is None or line is None:
            return Place(self.file, line, self.name)
        return Place(self.file, line, f"{self.name}!{letters(column) if column is not None else ''}{line}")


def letters(column: int) -> str:
    """The name of a column, counted from 0: A, B … Z, AA."""
    name = ""
    number = column + 1
    while number:
        number, letter = divmod(number - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
