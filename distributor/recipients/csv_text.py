"""A CSV file of contacts with other rows: streamed, and every row that need not change keeps its bytes."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from distributor.recipients.columns import COLUMNS, REQUIRED, TITLES
from distributor.recipients.delimited import HEAD, encoding_of
from distributor.recipients.formulas import inert

MOST_SHOWN = 100

Cells = Mapping[str, str]
"""A row: texts by the names of COLUMNS, without those that are empty."""

# Of the audiences that an export names in each row, the list knows better: those cells stay as they are.
_FIELD_OF = {title: name for name, titles in COLUMNS.items() if name != "audience" for title in titles}


@dataclass(slots=True)
class RowChanges:
    """What becomes of the rows of one file, which are called by the line where they begin.

    *changed*: the new cells of a row, None to delete it. *added*: new rows that come after that of a line, 0: last.
    """

    changed: dict[int, Cells | None] = field(default_factory=dict)
    added: dict[int, list[Cells]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.changed or self.added)

    def new(self) -> Iterator[Cells]:
        """Every row that is written anew."""
        yield from (row for row in self.changed.values() if row is not None)
        for rows in self.added.values():
            yield from rows


def rewrite(path: Path, changes: RowChanges, target: BinaryIO) -> list[str]:
    """Write *path*, a file that the loader takes, with *changes* to *target*.

    Returns what differs, as the lines of a unified diff without context; of much, the first MOST_SHOWN rows.

    Raises:
        ValueError, csv.Error: it is no such file (any more).
    """
    with path.open("rb") as stream:
        encoding = encoding_of(stream.read(HEAD))
        stream.seek(0)
        table = _Table(encoding, changes)
        target.writelines(table.lines(_records(stream, encoding)))
    return table.diff


def create(rows: Sequence[Cells], target: BinaryIO) -> list[str]:
    """Write a new file of *rows* to *target*, in UTF-8, with the columns that they need; returns as rewrite()."""
    needed = [name for name in COLUMNS if name in REQUIRED or any(name in row for row in rows)]
    target.write(_line([TITLES[name] for name in needed], "utf-8", "\n"))
    written = (_line([inert(row.get(name, "")) for name in needed], "utf-8", "\n") for row in rows)
    diff: list[str] = []
    for line in written:
        target.write(line)
        if len(diff) < MOST_SHOWN:
            diff.append("+" + line.decode().rstrip("\r\n"))
    return diff


class _Table:
    """What the columns mean, and what is done to the rows below the header."""

    def __init__(self, encoding: str, changes: RowChanges) -> None:
        self.encoding = encoding
        self.changes = changes
        self.newline = "\n"
        self.columns: list[str | None] = []
        self.diff: list[str] = []

    def lines(self, found: Iterable[tuple[int, bytes, list[str]]]) -> Iterator[bytes]:
        """The whole file; what was the last line without a line break gets one if more follows."""
        unfinished = False
        for part in self._parts(found):
            if unfinished:
                yield self.newline.encode()
            yield part
            unfinished = not part.endswith(b"\n")

    def _parts(self, found: Iterable[tuple[int, bytes, list[str]]]) -> Iterator[bytes]:
        for line, raw, cells in found:
            new = [raw]
            if not self.columns and any(map(str.strip, cells)):
                new = [self._header(raw, cells)]
            elif line in self.changes.changed:
                row = self.changes.changed[line]
                new = [] if row is None else [self._row(row, cells)]
            new += map(self._row, self.changes.added.get(line, ()))
            if new != [raw]:
                self._show(line, raw, new)
            yield from new
        if last := list(map(self._row, self.changes.added.get(0, ()))):
            self._show(0, b"", last)
            yield from last

    def _show(self, line: int, old: bytes, new: list[bytes]) -> None:
        if len(self.diff) < MOST_SHOWN:
            kept = old in new
            self.diff.append(f"@@ {line} @@" if line else "@@")
            self.diff += [f"-{self._text(old)}"] if old and not kept else []
            self.diff += [f"+{self._text(each)}" for each in new if each != old]

    def _text(self, line: bytes) -> str:
        return line.decode(self.encoding).rstrip("\r\n")

    def _header(self, raw: bytes, cells: list[str]) -> bytes:
        """The header with the columns that are needed. Rows that are shorter than it have nothing there."""
        self.newline = "\r\n" if raw.endswith(b"\r\n") else "\n"
        self.columns = [_FIELD_OF.get(cell.strip().casefold()) for cell in cells]
        needed = {name for row in self.changes.new() for name in row}
        missing = [name for name in COLUMNS if name in needed.difference(self.columns)]
        if not missing:
            return raw
        self.columns += missing
        mark = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
        return mark + _line([*cells, *(TITLES[name] for name in missing)], self.encoding, self.newline)

    def _row(self, row: Cells, cells: Sequence[str] = ()) -> bytes:
        """*row*; in columns that it knows nothing of the old *cells* stay."""
        old = [*cells, *[""] * (len(self.columns) - len(cells))]
        names = zip(self.columns, old, strict=False)
        return _line([inert(row.get(name, "")) if name else kept for name, kept in names], self.encoding, self.newline)


def _line(cells: Sequence[str], encoding: str, newline: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # what ends a line is quoted in cells: both signs
    return (text.getvalue().removesuffix("\r\n") + newline).encode(encoding)


def _records(stream: BinaryIO, encoding: str) -> Iterator[tuple[int, bytes, list[str]]]:
    """Rows, blank ones too: the line where each begins, its bytes and its cells."""
    taken: list[bytes] = []

    def lines() -> Iterator[str]:
        for raw in stream:
            taken.append(raw)
            yield raw.removeprefix(codecs.BOM_UTF8).decode(encoding)

    reader, line = csv.reader(lines(), strict=True), 1
    for cells in reader:
        yield line, b"".join(taken), cells
        taken.clear()
        line = reader.line_num + 1
