"""Recipients → .xlsx or .csv, such that read() gives back the same rows."""

import csv
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from distributor.i18n import _
from distributor.recipients.columns import TITLES
from distributor.recipients.formulas import inert
from distributor.recipients.sheets.cells import audience_cell
from distributor.recipients.sheets.model import SheetRow
from distributor.recipients.sheets.newworkbook import write_workbook
from distributor.recipients.sheets.package import refused
from distributor.words import why

_FIELDS = ("audience", "unit", "salutation", "name", "email", "role", "phone", "disabled", "note")
_WIDTHS = (18, 28, 28, 14, 32, 12, 18, 14, 30)
_SHEET = "收件人"


def write(path: Path, rows: Iterable[SheetRow]) -> int:
    """Write *rows* to *path*, .xlsx or .csv by its suffix, and return how many. It is there in full or not at all.

    read() gives the same rows again, but for spaces around a note.

    Raises:
        InputError: the suffix is another one, or the file cannot be written or cannot hold the rows.
    """
    write_rows = _WRITERS.get(path.suffix.lower())
    if write_rows is None:
        message = _("files of the kind {suffix} are not written").format(suffix=path.suffix or path.name)
        kinds = [*_WRITERS, ".yaml"]  # which exchange writes
        raise refused(str(path), "unknown-kind", message, _("possible are: {keys}").format(keys=", ".join(kinds)))
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
    return write_workbook(stream, _SHEET, [TITLES[field] for field in _FIELDS], _WIDTHS, rows, file)


_WRITERS: dict[str, Callable[[IO[bytes], Iterable[list[str]], str], int]] = {
    ".xlsx": _write_workbook,
    ".csv": _write_csv,
}
