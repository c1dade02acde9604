"""A file of recipients as it comes, whatever made it → Sheet."""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from distributor.errors import Finding, InputError, Severity
from distributor.i18n import _
from distributor.recipients.faults import nearest
from distributor.recipients.sheets.grid import Grid
from distributor.recipients.sheets.header import SEARCHED, Header, find, understand, why_none
from distributor.recipients.sheets.model import Findings, Sheet, SheetRow
from distributor.recipients.sheets.package import explained, refused
from distributor.recipients.sheets.rows import RowReader
from distributor.recipients.sheets.text import open_text
from distributor.recipients.sheets.workbook import open_workbook

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_SEARCHED_FOR_A_LOCK = 64 * 1024**2


def read(path: Path, *, sheet: str | None = None, unit: str | None = None, hidden: bool = False) -> Sheet:
    """The recipients in *path*: a workbook (.xlsx, .xlsm), CSV with a header row, or plain text, a contact a line.

    The kind is known by the content. *sheet* chooses one sheet of a workbook by name; otherwise every visible one with
    a header row is read. *unit* is the unit of rows that name none. *hidden* rows are passed over unless asked for.

    Raises:
        InputError: the file cannot be read, is of another kind, is not what it claims to be, or has no header row.
    """
    findings = Findings(str(path))
    tables = _tables(path, sheet, findings, has_unit=unit is not None)
    readers = [RowReader(grid, header, findings, unit=unit, hidden=hidden) for grid, header in tables]
    fields = frozenset.intersection(*(header.fields for _grid, header in tables))
    return Sheet(str(path), fields, _rows(readers), findings)


def _rows(readers: Sequence[RowReader]) -> Iterator[SheetRow]:
    for reader in readers:
        yield from reader.rows()


def _tables(path: Path, sheet: str | None, findings: Findings, *, has_unit: bool) -> list[tuple[Grid, Header]]:
    """The sheets to read with their headers; at least one."""
    file = str(path)
    with explained(file), path.open("rb") as stream:
        head = stream.read(len(_OLE))
    if head == _OLE:
        raise _old_workbook(path, file)
    if head.startswith(_ZIP):
        return _understood(_grids(path, file, sheet, findings), findings, has_unit=has_unit)
    if sheet is not None:
        raise refused(file, "no-sheet", _("a text file has no sheets"), _("leave the name of the sheet out"))
    grid, header = open_text(path, file)
    return [(grid, header)] if header else _understood([grid], findings, has_unit=has_unit)


def _old_workbook(path: Path, file: str) -> InputError:
    """An OLE file: a workbook of old, or a new one that is locked (MS-OFFCRYPTO 2.3)."""
    with explained(file), path.open("rb") as stream:
        is_locked = _ENCRYPTED in stream.read(_SEARCHED_FOR_A_LOCK)
    if is_locked:
        remedy = _("open it in a spreadsheet program and save it without a password")
        return refused(file, "locked-workbook", _("the workbook is locked by a password"), remedy)
    remedy = _("open it in the program that made it and save it as .xlsx")
    return refused(file, "not-a-workbook", _("this is a workbook of an old kind (.xls, .et)"), remedy)


def _grids(path: Path, file: str, sheet: str | None, findings: Findings) -> list[Grid]:
    """The sheets of a workbook that are meant: the one called *sheet*, or all that are visible."""
    workbook = open_workbook(path, file)
    every = workbook.visible | workbook.hidden
    if sheet is not None:
        if sheet not in every:
            names = " / ".join(nearest(sheet, every) or every)
            message = _("there is no sheet {name}").format(name=sheet)
            raise refused(file, "no-sheet", message, _("possible are: {keys}").format(keys=names))
        return [every[sheet]]
    if not workbook.visible:
        raise refused(file, "no-sheet", _("the workbook has no sheet that is visible"), _("show the one with the list"))
    for grid in workbook.hidden.values():
        message, remedy = _("this sheet is hidden and not read"), _("name it if you mean it: --sheet NAME")
        findings.add(Finding(Severity.NOTE, "hidden-sheet", message, grid.place(), remedy))
    return list(workbook.visible.values())


def _understood(grids: Sequence[Grid], findings: Findings, *, has_unit: bool) -> list[tuple[Grid, Header]]:
    """The *grids* that have a header; what there is to say of them and of the others goes to *findings*."""
    tables: list[tuple[Grid, Header]] = []
    others: list[Finding] = []
    said: list[Finding] = []
    for grid in grids:
        sample = list(islice(grid.records(), SEARCHED))
        if (record := find(sample)) is not None:
            header, found = understand(record, grid, sample, has_unit=has_unit)
            tables.append((grid, header))
            said.extend(found)
        else:
            others.append(why_none(grid, sample))
    errors = [finding for finding in said if finding.severity is Severity.ERROR]
    if errors or not tables:
        raise InputError(errors or others)
    for finding in [*said, *map(_not_read, others)]:
        findings.add(finding)
    return tables


def _not_read(finding: Finding) -> Finding:
    """Why a sheet beside others has no header: a warning if it seems to be a list all the same."""
    severity = Severity.NOTE if finding.code == "no-list" else Severity.WARNING
    message = _("this sheet is not read: {why}").format(why=finding.message)
    remedy = None if severity is Severity.NOTE else finding.remedy
    return dataclasses.replace(finding, severity=severity, message=message, remedy=remedy)
