"""An account as a workbook (.xlsx): a summary with a chart, and a sheet of contacts to be filtered and sorted.

openpyxl makes the workbook without contacts. Their rows are put into its XML as they come, since by openpyxl 100,000 of
them take a minute. A cell holds a text, a number or a time; none is run as a formula.
"""

import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, NamedTuple
from zipfile import ZipFile

from distributor.delivery.model.states import State
from distributor.i18n import _
from distributor.recipients.sheets.grid import letters
from distributor.recipients.sheets.newpackage import new_package
from distributor.recipients.sheets.xmlcells import TextCells, check_row, row, text_cell
from distributor.report.account import Account
from distributor.report.summary import Manner
from distributor.report.summary_sheet import COLOURS, fill
from distributor.report.tables import Cell, Row, heading, omitted_words

_WIDTHS = (8, 18, 28, 14, 12, 32, 14, 10, 20, 20, 8, 14, 50, 50, 50)
_LETTERS = [letters(column) for column in range(len(_WIDTHS))]
_STATE = 6  # the column that has the state's colour
_GREY = "D9D9D9"
_TIME = "yyyy-mm-dd hh:mm:ss"
# A workbook's times are days since then, without a zone (ISO/IEC 29500-1, 18.17.4.1).
_EPOCH = dt.datetime(1899, 12, 30, tzinfo=dt.UTC)
_DAY = dt.timedelta(days=1)
_CONTACTS = "xl/worksheets/sheet2.xml"
_TYPES = "[Content_Types].xml"
_END = b"</sheetData>"


class _Formats(NamedTuple):
    """Numbers of cell formats in the workbook's styles; *states* by the word for the state."""

    text: int
    quoted: int
    number: int
    time: int
    states: Mapping[str, int]


def write(stream: IO[bytes], account: Account, contacts: Iterable[Row], manner: Manner, file: str) -> None:
    """Write *account* and *contacts*, rows for spreadsheets, to *stream*; no more than one row is in memory.

    Raises:
        InputError: there are more rows, or longer texts, than a workbook holds; *file* is named.
    """
    parts, formats = _workbook(account, manner, last_row=1)
    rows = _Rows(formats, manner.zone, file)
    with new_package(stream) as package:
        # First, as programs expect that tell what a file is by its beginning.
        package.put(_TYPES, parts[_TYPES])
        with package.streamed(_CONTACTS) as sheet:
            sheet.write(parts[_CONTACTS].partition(_END)[0])
            last_row = 1
            for last_row, cells in enumerate(contacts, 2):
                sheet.write(rows.xml(last_row, cells).encode())
            parts, _formats = _workbook(account, manner, last_row)
            sheet.write(_END + parts[_CONTACTS].partition(_END)[2])
        for name, content in parts.items():
            if name not in {_TYPES, _CONTACTS}:
                package.put(name, content)


def _workbook(account: Account, manner: Manner, last_row: int) -> tuple[dict[str, bytes], _Formats]:
    """The parts of the workbook with no contact in it, its filter down to *last_row*; and the formats for contacts."""
    from openpyxl import Workbook  # noqa: PLC0415  a quarter of a second, and the other formats do not want it

    workbook = Workbook()
    workbook.properties.creator = "distributor"
    workbook.properties.created = workbook.properties.modified = manner.as_of.replace(tzinfo=None)
    fill(workbook.active, account, manner)
    sheet = workbook.create_sheet(_("Contacts"))
    _lay_out(sheet, last_row)
    formats = _formats(sheet, manner)
    kept = io.BytesIO()
    workbook.save(kept)
    with ZipFile(kept) as zipped:
        parts = {name: zipped.read(name) for name in zipped.namelist()}
    # How far the sheet goes: not known yet, and need not be said.
    parts[_CONTACTS] = re.sub(rb"<dimension [^>]*/>", b"", parts[_CONTACTS])
    return parts, formats


def _lay_out(sheet: Any, last_row: int) -> None:
    from openpyxl.styles import Font  # noqa: PLC0415

    sheet.append(heading())
    for cell in sheet[1]:
        cell.font = Font(name="Calibri", bold=True)
    for letter, width in zip(_LETTERS, _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{_LETTERS[-1]}{last_row}"
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation = "landscape"


def _formats(sheet: Any, manner: Manner) -> _Formats:
    colours = {manner.word(state): COLOURS[state] for state in State} | dict.fromkeys(omitted_words().values(), _GREY)
    states = {word: _format(sheet, number_format="@", colour=colour) for word, colour in colours.items()}
    text, quoted = _format(sheet, number_format="@"), _format(sheet, number_format="@", quoted=True)
    return _Formats(text, quoted, _format(sheet), _format(sheet, number_format=_TIME), states)


def _format(sheet: Any, *, number_format: str = "General", quoted: bool = False, colour: str | None = None) -> int:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415  a cell that is on no sheet
    from openpyxl.styles import PatternFill  # noqa: PLC0415

    cell = WriteOnlyCell(sheet)
    cell.number_format = number_format
    cell.quotePrefix = quoted
    if colour:
        cell.fill = PatternFill("solid", fgColor=colour)
    return int(cell.style_id)


class _Rows:
    """Rows as XML, each cell in the format of what it holds."""

    def __init__(self, formats: _Formats, zone: dt.tzinfo, file: str) -> None:
        self._formats = formats
        self._zone = zone
        self._file = file
        self._texts = TextCells(file, formats.text, formats.quoted)

    def xml(self, line: int, cells: Row) -> str:
        """*cells* as row *line*."""
        check_row(self._file, line)
        return row(line, self._cells(str(line), cells))

    def _cells(self, line: str, cells: Row) -> Iterator[str]:
        for column, cell in enumerate(cells):
            if cell is None or cell == "":
                continue
            reference = _LETTERS[column] + line
            if column == _STATE:
                yield text_cell(reference, self._formats.states[str(cell)], str(cell))
            else:
                yield self._cell(reference, cell)

    def _cell(self, reference: str, cell: Cell) -> str:
        if isinstance(cell, dt.datetime):
            local = cell.astimezone(self._zone).replace(tzinfo=dt.UTC)
            return f'<c r="{reference}" s="{self._formats.time}"><v>{(local - _EPOCH) / _DAY:.9f}</v></c>'
        if isinstance(cell, int):
            return f'<c r="{reference}" s="{self._formats.number}"><v>{cell}</v></c>'
        return self._texts.cell(reference, str(cell))
