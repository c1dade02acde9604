"""Rows of text → a workbook (.xlsx; ISO/IEC 29500-1) of one sheet, streamed.

Written without openpyxl, which takes a second for 6,000 rows and keeps the sheet in a file of its own meanwhile.
Nothing in it is a number, a date or a formula.
"""

from collections.abc import Iterable, Sequence
from typing import IO
from xml.sax.saxutils import quoteattr

from distributor.i18n import _
from distributor.recipients.sheets.grid import letters
from distributor.recipients.sheets.newpackage import new_package
from distributor.recipients.sheets.package import MAX_PART
from distributor.recipients.sheets.xmlcells import TextCells, check_row, row, text_cell, too_large

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
    with new_package(stream) as package:
        for name, content in _PARTS.items():
            package.put(name, _XML + content)
        book = f'<sheets><sheet name={quoteattr(sheet)} sheetId="1" r:id="rId1"/></sheets>'
        book = f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{book}</workbook>'
        package.put("xl/workbook.xml", _XML + book)
        with package.streamed("xl/worksheets/sheet1.xml") as part:
            return _Sheet(part, file).write(titles, widths, rows)


class _Sheet:
    """The XML of the sheet, written to *stream*."""

    def __init__(self, stream: IO[bytes], file: str) -> None:
        self._stream = stream
        self._file = file
        self._texts = TextCells(file, _TEXT, _QUOTED)
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
        self._put(row(1, [text_cell(f"{name}1", _TITLE, title) for name, title in zip(names, titles, strict=True)]))
        line = 1
        for line, texts in enumerate(rows, 2):
            check_row(self._file, line)
            cells = zip(names, texts, strict=True)
            self._put(row(line, [self._texts.cell(f"{name}{line}", text) for name, text in cells if text]))
        self._put(f'</sheetData><autoFilter ref="A1:{names[-1]}{line}"/></worksheet>')
        return line - 1

    def _put(self, xml: str) -> None:
        self._size += self._stream.write(xml.encode())
        if self._size > MAX_PART:
            raise too_large(self._file, _("the workbook would be too large to be read again"))
