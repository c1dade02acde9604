"""Recipients → .xlsx or .csv, such that read() gives back the same rows."""

import csv
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from distributor.i18n import _
from distributor.recipients.columns import TITLES
from distributor.recipients.formulas import inert
from distributor.recipients.sheets.cells import audience_cell
from distributor.recipients.sheets.grid import letters
from distributor.recipients.sheets.model import SheetRow
from distributor.recipients.sheets.package import refused
from distributor.recipients.sheets.telling import shown
from distributor.recipients.sheets.xmlrows import MAX_ROWS
from distributor.words import why

_FIELDS = ("audience", "unit", "salutation", "name", "email", "role", "phone", "disabled", "note")
_WIDTHS = (18, 28, 28, 14, 32, 12, 18, 14, 30)
_LETTERS = [letters(column) for column in range(len(_FIELDS))]
_SHEET = "收件人"
_LONGEST_CELL = 32_767
# What XML cannot hold or would change, and what reads as if it stood for that (ISO/IEC 29500-1, 22.9.2.19).
_ESCAPED = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def write(path: Path, rows: Iterable[SheetRow]) -> int:
    """Write *rows* to *path*, .xlsx or .csv by its suffix, and return how many. It is there in full or not at all.

    read() gives the same rows again, but for spaces around a note.

    Raises:
        InputError: the suffix is another one, or the file cannot be written or cannot hold the rows.
    """
    write_rows = _WRITERS.get(path.suffix.lower())
    if write_rows is None:
        message = _("files of the kind {suffix} are not written").format(suffix=path.suffix or path.name)
        raise refused(str(path), "unknown-kind", message, _("possible are: {keys}").format(keys=", ".join(_WRITERS)))
    with beside(path) as stream:
        return write_rows(stream, map(_cells, rows), str(path))


def _cells(row: SheetRow) -> list[str]:
    texts = (row.unit, row.salutation, row.name, row.email, row.role, row.phone, row.disabled, row.note)
    return [audience_cell(row.audiences), *(text or "" for text in texts)]


@contextmanager
def beside(path: Path) -> Iterator[IO[bytes]]:
    """A new file that becomes *path* at the end; after an error *path* is as it was."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:100]}.", delete=False) as stream:
            try:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                os.chmod(stream.fileno(), _mode(path))
                os.replace(stream.name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(stream.name)
                raise
    except OSError as error:
        message = _("the file cannot be written: {error}").format(error=why(error))
        raise refused(str(path), "unwritable-file", message, _("choose another name or folder")) from None


def _mode(path: Path) -> int:
    """The mode that *path* has, or a new file would have."""
    with suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _write_csv(stream: IO[bytes], rows: Iterable[list[str]], _file: str) -> int:
    """RFC 4180, with the byte order mark without which Excel takes it for the local encoding."""
    stream.write("\ufeff".encode())
    writer = csv.writer(_Encoded(stream))
    writer.writerow([TITLES[field] for field in _FIELDS])
    count = 0
    for cells in rows:
        writer.writerow(map(inert, cells))
        count += 1
    return count


class _Encoded:
    """The file that csv wants, over one of bytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, line: str) -> int:
        return self._stream.write(line.encode())


def _write_workbook(stream: IO[bytes], rows: Iterable[list[str]], file: str) -> int:
    """One sheet of texts: nothing in it is a number, a date or a formula."""
    from openpyxl import Workbook  # noqa: PLC0415  a quarter of a second, and nothing else wants it

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(_SHEET)
    sheet.freeze_panes = "A2"
    for letter, width in zip(_LETTERS, _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    cells = _TextCells(sheet, file)
    sheet.append(cells.titles())
    count = 0
    for texts in rows:
        count += 1
        if count >= MAX_ROWS:
            message = _("a workbook holds no more than {most} rows").format(most=MAX_ROWS - 1)
            raise refused(file, "too-many-rows", message, _("write a .csv file"))
        sheet.append(cells.row(texts))
    sheet.auto_filter.ref = f"A1:{_LETTERS[-1]}{count + 1}"
    workbook.save(stream)
    return count


class _TextCells:
    """Cells of *sheet* typed and shown as text. They are the same in each row, since they are written at once."""

    def __init__(self, sheet: Any, file: str) -> None:
        self._file = file
        self._plain = [_text_cell(sheet) for _field in _FIELDS]
        self._quoted = [_text_cell(sheet, quoted=True) for _field in _FIELDS]
        self._titles = [_text_cell(sheet) for _field in _FIELDS]

    def titles(self) -> list[Any]:
        """The header."""
        from openpyxl.styles import Font  # noqa: PLC0415

        for cell, field in zip(self._titles, _FIELDS, strict=True):
            cell.value, cell.font = TITLES[field], Font(bold=True)
        return self._titles

    def row(self, texts: list[str]) -> list[Any]:
        """A row; what begins like a formula is marked as text, so that it is none even after it was edited."""
        return [self._cell(place, text) if text else None for place, text in enumerate(texts)]

    def _cell(self, place: int, text: str) -> Any:
        safe = inert(text)
        cell = (self._plain if safe == text else self._quoted)[place]
        # The mark serves as the apostrophe, but where reading would take one off, or see an error, there has to be one.
        written = _ESCAPED.sub(_escape, safe if text[0] in "'#" else text)
        if len(written) > _LONGEST_CELL:
            message = _("the text {text} is too long for the cell of a workbook").format(text=shown(text))
            raise refused(self._file, "too-long", message, _("write a .csv file"))
        cell.value, cell.data_type = written, "s"
        return cell


def _text_cell(sheet: Any, *, quoted: bool = False) -> Any:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

    cell = WriteOnlyCell(sheet)
    cell.number_format = "@"
    cell.quotePrefix = quoted
    return cell


def _escape(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04X}_"


_WRITERS: dict[str, Callable[[IO[bytes], Iterable[list[str]], str], int]] = {
    ".xlsx": _write_workbook,
    ".csv": _write_csv,
}
