"""CSV files of contacts, streamed: a million rows take no more memory than a hundred.

A file is checked once, when the list is loaded (`open_include`); `Include.read` then trusts it, and raises if it is
no longer the same. No verdicts are kept on disk between runs: of planning an issue for 100,000 rows their addresses
take a twentieth, and the rows are read, hashed and staged all the same.

RFC 4180 with a header row. UTF-8 with or without byte order mark, or GB18030 (what spreadsheets write in China). It may
be what `recipients export` wrote; the audiences that are named there are those of the list, and not read here.
"""

import codecs
import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _
from distributor.recipients.addresses import address_key, why_not_address
from distributor.recipients.columns import COLUMNS, REQUIRED, TITLES
from distributor.recipients.delimited import HEAD, Record, encoding_of, lines_of, records, why_not_csv
from distributor.recipients.faults import Faults, is_reason, why_not_text
from distributor.recipients.fields import bad_address, not_a_reason
from distributor.recipients.formulas import restored
from distributor.recipients.model import Contact, Include, Unit
from distributor.words import why

MOST_FAULTS = 100
_FIELD_OF = {name: field for field, names in COLUMNS.items() for name in names}
_NEIGHBOURS = 1000  # contacts of one unit that are kept together; more of them come as a second unit of that name
_NOT_CSV = {
    b"PK\x03\x04": "xlsx",
    b"\xd0\xcf\x11\xe0": "xls",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class Row(NamedTuple):
    """One contact as the file has it, without surrounding spaces; "" where nothing stands. A note may say anything."""

    unit: str
    name: str
    email: str
    role: str
    salutation: str
    disabled: str
    phone: str
    note: str


_TITLES = [TITLES[field] for field in COLUMNS if field in Row._fields]


@dataclass(frozen=True, slots=True)
class _Header:
    """What the columns of a file mean. *get* picks the fields of a Row; cell number *width* stands for no column.

    *blanks* are as many empty cells as a row may lack, that one included.
    """

    width: int
    get: Callable[[Sequence[str]], tuple[str, ...]]
    blanks: tuple[str, ...]

    def fields(self, cells: list[str]) -> tuple[str, ...]:
        """What is in a Row. (Of a million rows hardly one is looked at by name.)"""
        there = cells[: self.width]
        row = self.get((*map(str.strip, there), *self.blanks[len(there) :]))
        return tuple(map(restored, row)) if "'" in "".join(row) else row

    def has_more(self, cells: list[str]) -> bool:
        """Whether there is text in cells beyond the last column."""
        return len(cells) > self.width and any(map(str.strip, cells[self.width :]))


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the rows come from: *draft* until it is put in the place of *path*.

    *salutations* are those that recipients.yaml gives to units of the same name.
    """

    path: Path
    draft: Path | None
    file: str
    encoding: str
    salutations: Mapping[str, str]

    def open(self) -> BinaryIO:
        """The file as it is read now."""
        return (self.draft if self.draft and self.draft.exists() else self.path).open("rb")


def open_include(path: Path, file: str, salutations: Mapping[str, str], draft: Path | None = None) -> Include:
    """Check every row of the CSV file *path*, called *file* in messages; *draft* is what it will be, if there is one.

    A unit may be defined in recipients.yaml too: its contacts add up, and its salutation holds where a row gives none.

    Raises:
        InputError: the faults of the file by line, the first MOST_FAULTS of them and the number of the rest.
    """
    faults = Faults(file, MOST_FAULTS)
    digest = hashlib.sha256()
    contacts = 0
    try:
        with (draft or path).open("rb") as stream:
            source = _Source(path, draft, file, _encoding(stream, faults), salutations)
            if not faults:
                contacts = _check(_lines(stream, source.encoding, digest), faults)
    except OSError as error:
        message = _("the file cannot be opened: {error}").format(error=why(error))
        faults.add("unreadable-include", None, message, _("check that you may read it"))
    if faults:
        raise InputError(faults.findings())
    sha256 = digest.hexdigest()
    return Include(file, sha256, contacts, lambda: _read(source, sha256))


def _encoding(stream: BinaryIO, faults: Faults) -> str:
    head = stream.read(HEAD)
    stream.seek(0)
    for magic, kind in _NOT_CSV.items():
        if head.startswith(magic):
            message = _("this is no CSV file but {kind}").format(kind=kind)
            faults.add("not-csv", None, message, _("save it as CSV with the encoding UTF-8"))
    return encoding_of(head)


class _Hashed(io.RawIOBase):
    """The bytes of *stream*; they go to *digest* as they are read."""

    def __init__(self, stream: BinaryIO, digest: Any) -> None:
        self._stream = stream
        self._digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        self._digest.update(memoryview(buffer)[:count])
        return int(count)


def _lines(stream: BinaryIO, encoding: str, digest: Any) -> Iterator[str]:
    return lines_of(io.BufferedReader(_Hashed(stream, digest), HEAD), encoding)


def _records(lines: Iterator[str], faults: Faults) -> Iterator[Record]:
    return records(lines, partial(_bad_csv, faults))


def _bad_csv(faults: Faults, line: int, error: csv.Error) -> None:
    remedy = _('close every quote; a quote inside a text is written twice: ""')
    faults.add("bad-csv", line, _("this row is not CSV: {problem}").format(problem=why_not_csv(error)), remedy)


def _check(lines: Iterator[str], faults: Faults) -> int:
    """How many contacts there are; what is wrong with them goes to *faults*."""
    records = _records(lines, faults)
    header = _header(next(records, None), faults)
    if header is None:
        return 0
    contacts = 0
    for line, cells in records:
        contacts += 1
        row = header.fields(cells)
        if header.has_more(cells):
            message = _("this row has more cells than there are columns")
            faults.add("too-many-cells", line, message, _("put quotes around a text that holds a comma"))
        elif not _fine(row):
            _explain(Row(*row), line, faults)
    return contacts


def _header(record: Record | None, faults: Faults) -> _Header | None:
    """The meaning of the first row. None after a fault."""
    if record is None:
        faults.add("empty-file", None, _("the file is empty"), _columns_remedy())
        return None
    line, cells = record
    names = [cell.strip().casefold() for cell in cells]
    fields = [_FIELD_OF.get(name) for name in names]
    for name, field in zip(names, fields, strict=True):
        if name and field is None:
            message = _("there is no column {name}").format(name=name)
            faults.add("unknown-column", line, message, faults.did_you_mean(name, _FIELD_OF) or _columns_remedy())
    for field in COLUMNS:
        if fields.count(field) > 1:
            message = _("two columns mean the same: {names}")
            twice = ", ".join(name for name, which in zip(names, fields, strict=True) if which == field)
            faults.add("duplicate-column", line, message.format(names=twice), _("delete one of them"))
    for field in REQUIRED:
        if field not in fields:
            message = _("the column {name} is missing").format(name=TITLES[field])
            faults.add("missing-column", line, message, _columns_remedy())
    if faults:
        return None
    places = [fields.index(name) if name in fields else len(fields) for name in Row._fields]
    return _Header(len(fields), itemgetter(*places), ("",) * (len(fields) + 1))


def _columns_remedy() -> str:
    text = _("the first row names the columns, separated by commas: {columns}")
    return text.format(columns=",".join(_TITLES))


def _fine(row: tuple[str, ...]) -> bool:
    unit, name, email, _role, _salutation, disabled, *_others, _note = row
    return (
        bool(unit and name and email)
        and why_not_address(email) is None
        and why_not_text("".join(row[:-1])) is None
        and (not disabled or is_reason(disabled))
    )


def _explain(row: Row, line: int, faults: Faults) -> None:
    """Everything that is wrong with a row."""
    for field, value in zip(Row._fields, row, strict=True):
        column = TITLES[field]
        if not value and field in REQUIRED:
            faults.add("missing-cell", line, _("the cell in the column {name} is empty").format(name=column))
        elif value and field != "note" and (why := why_not_text(value)):
            faults.add("bad-text", line, _("column {name}: {why}").format(name=column, why=why))
        elif value and field == "email" and (why := why_not_address(value)):
            bad_address(value, why, line, faults)
        elif value and field == "disabled" and not is_reason(value):
            not_a_reason(value, line, faults)


def _read(source: _Source, sha256: str) -> Iterator[Unit]:
    """The units of a file that has been checked; neighbouring rows of a unit come together.

    Raises:
        InputError: the file is gone, or is not the one that was checked.
    """
    digest = hashlib.sha256()
    try:
        with source.open() as stream:
            unexpected = Faults(source.file, MOST_FAULTS)
            records = _records(_lines(stream, source.encoding, digest), unexpected)
            header = _header(next(records, None), unexpected)
            if header is not None:
                yield from _units(source, header, records)
    except OSError:
        raise _changed(source) from None
    if digest.hexdigest() != sha256:
        raise _changed(source)


def _changed(source: _Source) -> InputError:
    message = _("the file was changed while it was read")
    place = Place(source.file)
    return InputError([Finding(Severity.ERROR, "changed-include", message, place, _("run the command again"))])


def _units(source: _Source, header: _Header, records: Iterator[Record]) -> Iterator[Unit]:
    contacts: list[Contact] = []
    head, begins = ("", ""), 0
    for line, cells in records:
        name, contact, email, role, salutation, disabled, phone, note = header.fields(cells)
        addressed = (name, salutation or source.salutations.get(name, name))
        if addressed != head or len(contacts) == _NEIGHBOURS:
            if contacts:
                yield Unit(*head, tuple(contacts), Place(source.file, begins))
            contacts, head, begins = [], addressed, line
        if not email.isascii():
            _insist_on_key(source, email)
        contacts.append(
            Contact(name, contact, email, role or None, disabled or None, phone or None, note or None, line)
        )
    if contacts:
        yield Unit(*head, tuple(contacts), Place(source.file, begins))


def _insist_on_key(source: _Source, email: str) -> None:
    """The hash would tell, but only at the end of the file."""
    try:
        address_key(email)
    except ValueError:
        raise _changed(source) from None
