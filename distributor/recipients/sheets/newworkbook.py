"""Rows of text → a workbook (.xlsx; ISO/IEC 29500-1) of one sheet, streamed.

Written without openpyxl, which takes a second for 6,000 rows and keeps the sheet in a file of its own meanwhile.
Nothing in it is a number, a date or a formula.
"""

import io
import re
from collections.abc import Iterable, Sequence
from typing import IO
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from distributor.i18n import _
from distributor.recipients.formulas import inert
from distributor.recipients.sheets.grid import letters
from distributor.recipients.sheets.package import MAX_PART, refused
from distributor.recipients.sheets.telling import shown
from distributor.recipients.sheets.xmlrows import MAX_ROWS

_LONGEST_CELL = 32_767
# What XML cannot hold or would change, and what reads as if it stood for that (22.9.2.19).
_ESCAPED = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_TITLE, _TEXT, _QUOTED = 1, 2, 3  # the formats in _STYLES

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    # Number format 49 is text; quotePrefix keeps a text from becoming a formula when somebody edits it.
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="等线"/></font>'
    '<font><b/><sz val="11"/><name val="等线"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/>'
    '</fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/>'
    '<bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" '
    'borderId="0"/></cellStyleXfs><cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" quotePrefix="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}


def write_workbook(
    stream: IO[bytes],
    sheet: str,
    titles: Sequence[str],
    widths: Sequence[int],
    rows: Iterable[Sequence[str]],
    file: str,
) -> int:
    """Write a sheet with a frozen header and a filter to *stream*, and return how many rows there are under it.

    Raises:
        InputError: there are more rows, or longer texts, than a workbook holds.
    """
    with ZipFile(stream, "w") as zipped:
        for name, content in _PARTS.items():
            zipped.writestr(_part(name), _XML + content)
        book = f'<sheets><sheet name={quoteattr(sheet)} sheetId="1" r:id="rId1"/></sheets>'
        book = f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{book}</workbook>'
        zipped.writestr(_part("xl/workbook.xml"), _XML + book)
        with zipped.open(_part("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as part:
            return _Sheet(io.BufferedWriter(part, 1 << 18), file).write(titles, widths, rows)


def _part(name: str) -> ZipInfo:
    """A part of the same date always, so that the same list is the same file."""
    part = ZipInfo(name)
    part.compress_type = ZIP_DEFLATED
    part.external_attr = 0o644 << 16
    return part


class _Sheet:
    """The XML of the sheet, written to *stream*."""

    def __init__(self, stream: IO[bytes], file: str) -> None:
        self._stream = stream
        self._file = file
        self._size = 0

    def write(self, titles: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]) -> int:
        columns = "".join(
            f'<col min="{n}" max="{n}" width="{width}" customWidth="1"/>' for n, width in enumerate(widths, 1)
        )
        self._put(
            f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView tabSelected="1" workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            f"<cols>{columns}</cols><sheetData>"
        )
        names = [letters(column) for column in range(len(titles))]
        self._put(_row(1, [_cell(f"{name}1", _TITLE, title) for name, title in zip(names, titles, strict=True)]))
        line = 1
        for line, texts in enumerate(rows, 2):
            if line > MAX_ROWS:
                raise self._too_many(_("a workbook holds no more than {most} rows").format(most=MAX_ROWS - 1))
            cells = zip(names, texts, strict=True)
            self._put(_row(line, [self._text(f"{name}{line}", text) for name, text in cells if text]))
        self._put(f'</sheetData><autoFilter ref="A1:{names[-1]}{line}"/></worksheet>')
        self._stream.flush()
        return line - 1

    def _put(self, xml: str) -> None:
        self._size += self._stream.write(xml.encode())
        if self._size > MAX_PART:
            raise self._too_many(_("the workbook would be too large to be read again"))

    def _too_many(self, message: str) -> Exception:
        return refused(self._file, "too-large", message, _("write a .csv file"))

    def _text(self, reference: str, text: str) -> str:
        safe = inert(text)
        # The format serves as the apostrophe; but where reading would take one off, or see an error, there must be one.
        written = _ESCAPED.sub(_escape, safe if text[0] in "'#" else text)
        if len(written) > _LONGEST_CELL:
            message = _("the text {text} is too long for the cell of a workbook").format(text=shown(text))
            raise self._too_many(message)
        return _cell(reference, _TEXT if safe == text else _QUOTED, written)


def _row(line: int, cells: list[str]) -> str:
    return f'<row r="{line}">{"".join(cells)}</row>'


def _cell(reference: str, style: int, text: str) -> str:
    space = "" if text == text.strip() else ' xml:space="preserve"'
    return f'<c r="{reference}" s="{style}" t="inlineStr"><is><t{space}>{escape(text)}</t></is></c>'


def _escape(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04X}_"
