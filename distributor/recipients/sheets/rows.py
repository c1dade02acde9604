"""The rows of a sheet → one SheetRow for each address."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from distributor.errors import Severity
from distributor.i18n import _, ngettext
from distributor.recipients.sheets.addressing import Address, addresses
from distributor.recipients.sheets.cells import trimmed
from distributor.recipients.sheets.grid import Grid
from distributor.recipients.sheets.header import Header, meaning_of
from distributor.recipients.sheets.model import DEFAULT_NAME, Findings, SheetRow
from distributor.recipients.sheets.rowcells import RowCells
from distributor.recipients.sheets.telling import Teller, shown

_NAMES = re.compile(r"[、，,；;/\n]")
_FOOT = re.compile("合计|总计|小计|共计|填表|制表|total", re.IGNORECASE)


class _Head(NamedTuple):
    """What the rows of a unit have in common: in text files, where merges are lost, its first row says it for all."""

    unit: str
    salutation: str | None
    audiences: tuple[str, ...]


class RowReader:
    """Reads one sheet. *unit* is that of rows which name none; hidden rows are taken only if *hidden* says so."""

    def __init__(self, grid: Grid, header: Header, findings: Findings, *, unit: str | None, hidden: bool) -> None:
        self._grid = grid
        self._header = header
        self._unit = unit
        self._takes_hidden = hidden
        self._teller = Teller(grid, findings, takes_hidden=hidden)
        self._above: _Head | None = None

    def rows(self) -> Iterator[SheetRow]:
        """The rows that can be taken.

        Raises:
            InputError: the file is damaged, or gone.
        """
        for record in self._grid.records():
            if record.line > self._header.line:
                yield from self._contacts(RowCells(record, self._header, self._teller))
        self._teller.seen()

    def _takes(self, row: RowCells) -> bool:
        if row.record.hidden:
            self._teller.hidden(row.record.line)
            return self._takes_hidden
        self._teller.seen()
        return True

    def _contacts(self, row: RowCells) -> Iterator[SheetRow]:
        if row.record.broken:
            remedy = _("close every quote, and double it inside a text")
            row.say(Severity.ERROR, "bad-csv", None, row.record.broken, remedy)
        elif not row.filled or not self._takes(row):
            return
        if row.is_bad or _is_no_contact(row):
            self._above = None  # what stands here may be the unit of the rows below
            return
        head = self._head(row)
        role, phone = row.text("role") or None, row.phone()
        disabled, note = row.disabled(), row.note()
        found = list(_addresses(row))
        names = self._names(row, found)
        if row.is_bad:
            return
        for (column, address), name in zip(found, names, strict=True):
            yield SheetRow(
                head.unit, name, address.email, role, head.salutation, phone, head.audiences,
                disabled, note, row.place(column), row.record.hidden,
            )  # fmt: skip

    def _head(self, row: RowCells) -> _Head:
        head = _Head(row.text("unit"), row.text("salutation") or None, row.audiences())
        if not head.unit and not row.is_bad:
            head = self._without_unit(head, row)
        self._above = None if row.is_bad else head
        return head

    def _without_unit(self, head: _Head, row: RowCells) -> _Head:
        column = row.column("unit")
        if column is not None and self._grid.loses_merges and (above := self._above) is not None:
            message = _("the unit is empty here, and taken from above: {unit}").format(unit=above.unit)
            remedy = _("write the unit into each row if it is another one")
            row.say(Severity.WARNING, "unit-from-above", column, message, remedy)
            return _Head(above.unit, head.salutation or above.salutation, head.audiences or above.audiences)
        if self._unit is None:
            remedy = _("write it, or merge the cells that it stands for, or name it for all: --unit NAME")
            row.say(Severity.ERROR, "missing-unit", column, _("there is no unit here"), remedy)
        return head._replace(unit=self._unit or "")

    def _names(self, row: RowCells, found: Sequence[tuple[int, Address]]) -> list[str]:
        """A name for each address: the cell's, or each its own of as many; else the words beside the address."""
        column, text = next(row.values("name"), (None, ""))
        if column is None:
            return self._names_beside(row, found)
        parts = list(filter(None, map(trimmed, _NAMES.split(text)))) if len(found) > 1 else []
        if parts and len(parts) == len(found):
            return [row.line("name", column, part) for part in parts]
        for where, address in found:
            if address.name and address.name != text:
                message = _("{words} beside the address is not read").format(words=shown(address.name))
                row.say(Severity.NOTE, "words-left-out", where, message)
        return [row.line("name", column, text)] * len(found)

    def _names_beside(self, row: RowCells, found: Sequence[tuple[int, Address]]) -> list[str]:
        column = row.column("name")
        if column is not None and self._header.line and not all(address.name for _column, address in found):
            message = _("there is no name here: the contact is called {default}").format(default=DEFAULT_NAME)
            row.say(Severity.NOTE, "no-name", column, message)
        return [self._name_beside(row, *each) if each[1].name else DEFAULT_NAME for each in found]

    def _name_beside(self, row: RowCells, column: int, address: Address) -> str:
        if self._header.line:
            message = _("{name} beside the address is read as the contact's name").format(name=shown(address.name))
            row.say(Severity.NOTE, "name-beside", column, message)
        return row.line("name", column, address.name)


def _is_no_contact(row: RowCells) -> bool:
    """Whether this is a heading between the rows, a line below them, or the header once more."""
    filled = row.filled
    if row.has_address():
        emails = [filled.get(column, "") for column in row.columns("email")]
        return not any("@" in text for text in emails) and all(meaning_of(text) == "email" for text in emails)
    column, text = next(iter(filled.items()))
    if len(filled) > 1 and not _FOOT.match(text):
        return False
    message = _("this row is passed over: beside {text} there is no address").format(text=shown(text))
    row.say(Severity.WARNING, "no-contact", column, message, _("write the address if it is a recipient"))
    return True


def _addresses(row: RowCells) -> Iterator[tuple[int, Address]]:
    """The addresses of a row, each with its column."""
    empty = True
    for column, text in row.values("email"):
        empty = False
        found = addresses(text)
        if len(found) > 1:
            message = ngettext("{n} address in a cell", "{n} addresses in a cell: each is a contact", len(found))
            row.say(Severity.NOTE, "several-addresses", column, message.format(n=len(found)))
        for address in found:
            _explain(row, column, address)
            yield column, address
    if empty and not row.is_bad:
        remedy = _("write one, or delete the row")
        row.say(Severity.ERROR, "missing-address", row.column("email"), _("there is no address here"), remedy)


def _explain(row: RowCells, column: int, address: Address) -> None:
    if address.why is not None:
        message = _("{email} is not an e-mail address: {why}").format(email=shown(address.email), why=address.why)
        remedy = _("write addresses such as office@example.org, with ； between several")
        row.say(Severity.ERROR, "bad-address", column, message, remedy)
    elif address.mended:
        message = _("the address is read as {email}").format(email=address.email)
        row.say(Severity.NOTE, "mended-address", column, message)
