"""Spreadsheets made for a test, and what is read from them in a form that is easily compared."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from distributor.errors import Finding, InputError
from distributor.recipients.sheets.model import SheetRow
from distributor.recipients.sheets.reading import read

TITLES = ["单位", "联系人", "邮箱"]


def workbook(path: Path, *rows: Sequence[Any], sheet: str = "表1") -> openpyxl.Workbook:
    """A workbook of one sheet, saved as *path*; save it again after changing it."""
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    book.save(path)
    return book


def read_all(path: Path, **options: Any) -> tuple[list[SheetRow], list[str]]:
    """The rows of *path*, and its findings as ``error bad-address 表1!C2``, or with a line for text."""
    sheet = read(path, **options)
    rows = list(sheet.rows)
    return rows, told(sheet.findings)


def told(findings: Iterable[Finding]) -> list[str]:
    """Findings as ``error bad-address 表1!C2``."""
    return [f"{each.severity} {each.code} {where(each)}".strip() for each in findings]


def where(finding: Finding) -> str:
    """Cell or line."""
    place = finding.place
    assert place is not None
    return place.cell or str(place.line or "")


def contacts(path: Path, **options: Any) -> list[tuple[str, str, str]]:
    """Unit, name and address of each row."""
    return [(row.unit, row.name, row.email) for row in read_all(path, **options)[0]]


def refusal(path: Path, **options: Any) -> InputError:
    """Why *path* is not read at all, or not to its end."""
    with pytest.raises(InputError) as caught:
        read_all(path, **options)
    assert all(each.place is not None and each.place.file == str(path) for each in caught.value.findings)
    return caught.value


def refused(path: Path, **options: Any) -> list[str]:
    """The same as told() gives it."""
    return told(refusal(path, **options).findings)
