"""The cells of one row by the fields that they stand for."""

import re
from collections.abc import Iterator

from distributor.errors import Place, Severity
from distributor.i18n import _
from distributor.recipients.columns import TITLES
from distributor.recipients.faults import MAX_TEXT, is_reason, why_not_text
from distributor.recipients.sheets.cells import ERRORS, NO, audiences, cleaned, one_line, trimmed
from distributor.recipients.sheets.grid import Oddity, Record
from distributor.recipients.sheets.header import Header
from distributor.recipients.sheets.telling import Teller, shown

_NEEDED = frozenset(["unit", "email"])
_SHORTENED = re.compile(r"[1-9](\.[0-9]+)?E\+[0-9]{2,}", re.IGNORECASE)  # as spreadsheets write it


class RowCells:
    """What stands in the cells of *record*; what is wrong with it is told, and makes the row bad if it is an error.

    *filled* are the cells of its own that are not empty, by column; "" for a formula whose value is unknown.
    """

    def __init__(self, record: Record, header: Header, teller: Teller) -> None:
        self.record = record
        self.is_bad = False
        self._header = header
        self._teller = teller
        cells, odd = record.cells, record.odd
        texts = ((column, cleaned(cells.get(column, ""))) for column in header.order)
        self.filled = {column: text for column, text in texts if text or odd.get(column) is Oddity.NO_VALUE}

    def has_address(self) -> bool:
        """Whether something stands where an address belongs, be it in a merged cell."""
        above = self.record.above
        return any(column in self.filled or above.get(column, ("", 0))[0] for column in self.columns("email"))

    def columns(self, field: str) -> tuple[int, ...]:
        """The columns that stand for *field*."""
        return self._header.columns.get(field, ())

    def column(self, field: str) -> int | None:
        """The first of them."""
        return next(iter(self.columns(field)), None)

    def say(self, severity: Severity, code: str, column: int | None, message: str, remedy: str | None = None) -> None:
        """Something about a cell of this row; an error makes it bad."""
        self.is_bad |= severity is Severity.ERROR
        self._teller.say(severity, code, (self.record.line, column), message, remedy)

    def values(self, field: str) -> Iterator[tuple[int, str]]:
        """The texts of the columns that stand for *field*, as they are; empty ones left out."""
        for column in self.columns(field):
            if text := self._value(field, column):
                yield column, text

    def _value(self, field: str, column: int) -> str:
        record = self.record
        if column in record.odd:
            self._explain_odd(field, column)
        if column in record.above and (text := cleaned(record.above[column][0])):
            self._teller.merged(text, record.above[column][1], column)
            return text
        text = self.filled.get(column, "")
        if text not in ERRORS or trimmed(record.cells[column]) != text:
            return text  # an apostrophe before it says that it is no error
        self._lost(field, column, "error-value", _("the formula here has failed: {text}").format(text=text))
        return ""

    def _explain_odd(self, field: str, column: int) -> None:
        if self.record.odd[column] is Oddity.NO_VALUE:
            self._lost(field, column, "no-value", _("the formula here has no stored value"))
        else:
            message = _("here is a date; it is read as {text}").format(text=self.filled.get(column, ""))
            self.say(Severity.NOTE, "date-cell", column, message)

    def _lost(self, field: str, column: int, code: str, message: str) -> None:
        severity = Severity.ERROR if field in _NEEDED else Severity.WARNING
        remedy = _("open the file in a spreadsheet program, see that a text stands there, and save it")
        self.say(severity, code, column, message, remedy)

    def text(self, field: str) -> str:
        """The line of text for *field*; "" without one."""
        return "、".join([self.line(field, column, text) for column, text in self.values(field)])

    def line(self, field: str, column: int, text: str) -> str:
        """*text*, which stands in *column*, as one line for *field*."""
        line = one_line(text)
        if line != text:
            message = _("{title} is read as {text}").format(title=TITLES[field], text=shown(line))
            self.say(Severity.NOTE, "mended-text", column, message)
        self._check(field, column, line)
        return line

    def _check(self, field: str, column: int, line: str) -> None:
        if why := why_not_text(line):
            message = _("column {name}: {why}").format(name=TITLES[field], why=why)
            self.say(Severity.ERROR, "bad-text", column, message, _("write it anew"))

    def phone(self) -> str | None:
        """The phone numbers."""
        phone = self.text("phone")
        if _SHORTENED.fullmatch(phone):
            message = _("a spreadsheet has shortened this number, and digits are lost: {text}").format(text=phone)
            remedy = _("write it anew, in a cell of the format text")
            self.say(Severity.WARNING, "shortened-number", self.column("phone"), message, remedy)
        return phone or None

    def audiences(self) -> tuple[str, ...]:
        """The audiences that the row names."""
        names: list[str] = []
        for column, text in self.values("audience"):
            for name in map(one_line, audiences(text)):
                self._check("audience", column, name)
                names.append(name)
        return tuple(dict.fromkeys(names))

    def disabled(self) -> str | None:
        """The reason why the contact is disabled; None if it is not."""
        reason = self.text("disabled")
        if not reason or reason.casefold() in NO:
            return None
        if not is_reason(reason) or not any(map(str.isalnum, reason)):
            message = _("disabled says {value}, but must give the reason").format(value=shown(reason))
            remedy = _("write why, or leave the cell empty for a contact that is to get letters")
            self.say(Severity.ERROR, "no-reason", self.column("disabled"), message, remedy)
        return reason

    def note(self) -> str | None:
        """The note, which may have several lines."""
        note = "\n".join(text for _column, text in self.values("note"))
        if len(note) > MAX_TEXT:
            message = _("the text is longer than {most} characters").format(most=MAX_TEXT)
            self.say(Severity.ERROR, "bad-text", self.column("note"), message)
        return note or None

    def place(self, column: int) -> Place:
        """Where a cell is."""
        return self._teller.grid.place(self.record.line, column)
