"""Rows and cells of a worksheet as they are written (ISO/IEC 29500-1, 18.3)."""

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape

from distributor.i18n import _
from distributor.recipients.formulas import inert
from distributor.recipients.sheets.package import refused
from distributor.recipients.sheets.telling import shown
from distributor.recipients.sheets.xmlrows import MAX_ROWS

_LONGEST_CELL = 32_767
# What XML cannot hold or would change, and what reads as if it stood for that (22.9.2.19).
_ESCAPED = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def row(line: int, cells: Iterable[str]) -> str:
    """Row *line*, from 1; cells without content may be left out."""
    return f'<row r="{line}">{"".join(cells)}</row>'


class TextCells:
    """Cells of texts that no spreadsheet runs as a formula, in the formats *plain* and *quoted* (quotePrefix).

    They raise InputError, which names *file*, for a text that no cell can hold.
    """

    def __init__(self, file: str, plain: int, quoted: int) -> None:
        self._file = file
        self._plain = plain
        self._quoted = quoted

    def cell(self, reference: str, text: str) -> str:
        """*text*, which is not empty, at *reference* (``B7``)."""
        safe = inert(text)
        # The format serves as the apostrophe; but where reading would take one off, or see an error, there must be one.
        written = _ESCAPED.sub(_escape, safe if text[0] in "'#" else text)
        if len(written) > _LONGEST_CELL:
            message = _("the text {text} is too long for the cell of a workbook").format(text=shown(text))
            raise too_large(self._file, message)
        return text_cell(reference, self._plain if safe == text else self._quoted, written)


def text_cell(reference: str, style: int, text: str) -> str:
    """*text* as it stands, which XML can hold."""
    space = "" if text == text.strip() else ' xml:space="preserve"'
    return f'<c r="{reference}" s="{style}" t="inlineStr"><is><t{space}>{escape(text)}</t></is></c>'


def check_row(file: str, line: int) -> None:
    """Raise InputError for a row that is under the last one."""
    if line > MAX_ROWS:
        raise too_large(file, _("a workbook holds no more than {most} rows").format(most=MAX_ROWS - 1))


def too_large(file: str, message: str) -> Exception:
    """An InputError: no workbook holds so much."""
    return refused(file, "too-large", message, _("write a .csv file"))


def _escape(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04X}_"
