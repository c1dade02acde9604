"""What is said of the rows of a file that is imported, by line or cell."""

import datetime as dt
from typing import Any

from distributor.recipients import importing
from tests.examples_recipients.includes import HEADER
from tests.examples_recipients.spreadsheets import ROW, TITLES
from tests.recipients_bench import Content, Example, Section, listed, workbook

_IMPORT = "recipients import new.csv --to 各会员单位"
_BOOK = "recipients import new.xlsx --to 各会员单位"


def _rows(*rows: str, more: str = "") -> dict[str, Content]:
    """new.csv with the usual columns and *more*."""
    return {"new.csv": HEADER.strip() + more + "\n" + "".join(f"{row}\n" for row in rows)}


def _book(*rows: list[Any], more: tuple[str, ...] = (), **options: Any) -> dict[str, Content]:
    return {"new.xlsx": workbook([*TITLES, *more], *rows, **options)}


def _formula(sheet: Any) -> None:
    sheet["B2"].data_type, sheet["B2"].value = "e", "#REF!"


def _merge(sheet: Any) -> None:
    sheet.merge_cells("A2:A3")


def _hide(sheet: Any) -> None:
    sheet.row_dimensions[3].hidden = True


ERRORS = Section(
    (
        "Rows that cannot be taken",
        "不能采用的行",
    ),
    (
        "Nothing is written while there is one, unless `--skip-bad` leaves them out. In a workbook the cell is named, "
        "in a text the line.",
        "只要有一行，就什么也不写入；加 `--skip-bad` 可以略去这些行。工作簿指明单元格，文本指明行号。",
    ),
    [
        Example("bad-address", _IMPORT, _rows("丁公司,办公室,d.delta.example.com")),
        Example("missing-address", _IMPORT, _rows("丁公司,办公室,")),
        Example("missing-unit", _BOOK, _book(["", "办公室", "d@delta.example.com"])),
        Example("no-reason", _IMPORT, _rows("丁公司,办公室,d@delta.example.com,是", more=",停用")),
        Example("bad-text", _IMPORT, _rows("丁公司,办\ufffd室,d@delta.example.com")),
        Example("bad-csv", _IMPORT, _rows('丁公司,"办公室,d@delta.example.com')),
        Example(
            "unknown-audience",
            "recipients import new.csv",
            _rows("丁公司,办公室,d@delta.example.com,会员单位", more=",分组"),
        ),
        Example(
            "unknown-audience",
            "recipients import new.csv",
            listed(("units: [丙公司]}\n", "units: [丙公司]}\n  理事单位: {only: 发, units: []}\n"))
            | _rows("丁公司,办公室,d@delta.example.com,发", more=",分组"),
        ),
        Example("no-audience", "recipients import new.csv", _rows("丁公司,办公室,d@delta.example.com")),
        Example(
            "hidden-in-sync",
            "recipients import new.xlsx --mode sync",
            _book(["丙公司", "办公室", "c@gamma.example.com"], ROW, change=_hide),
        ),
        Example("no-rows", "recipients import new.csv --mode sync", _rows()),
        Example(
            "two-homes",
            "recipients import new.csv --into members.csv",
            listed(
                ("units: [丙公司]}\n", "units: [丙公司], include: members.csv}\n  理事单位: {only: 发, units: []}\n")
            )
            | {"members.csv": "单位,联系人,邮箱\n己公司,办公室,f@zeta.example.com\n"}
            | _rows("丁公司,办公室,d@delta.example.com,各会员单位、理事单位", more=",分组"),
        ),
        Example("file-exists", f"{_IMPORT} --into new.csv", _rows("丁公司,办公室,d@delta.example.com")),
        Example(
            "too-many",
            _IMPORT,
            _rows(*(f"单位{n},办公室,office@{n}.example.org" for n in range(importing.MOST_IN_LIST + 1))),
        ),
    ],
)

REMARKS = Section(
    (
        "Rows that are taken, and how",
        "已采用的行，以及怎样采用",
    ),
    (
        "Warnings (!) say what was guessed or passed over, notes (·) what was mended. Look through them before you say "
        "yes; `--dry-run` shows them and stops.",
        "警告（!）说明哪些是推断的或者略过的，提示（·）说明改正了什么。同意之前请看一遍；加 `--dry-run` "
        "只列出，不写入。",
    ),
    [
        Example("no-contact", _IMPORT, _rows("丁公司,办公室,d@delta.example.com", "合计一家,,")),
        Example("hidden-rows", _BOOK, _book(ROW, ["戊公司", "办公室", "e@epsilon.example.com"], change=_hide)),
        Example("unit-from-above", _IMPORT, _rows("丁公司,办公室,d@delta.example.com", ",财务,d2@delta.example.com")),
        Example("merged-cell", _BOOK, _book(ROW, ["", "财务", "d2@delta.example.com"], change=_merge)),
        Example("several-addresses", _IMPORT, _rows("丁公司,办公室,d@delta.example.com；d2@delta.example.com")),
        Example("mended-address", _IMPORT, _rows("丁公司,办公室,d＠delta．example.com")),
        Example("mended-text", _BOOK, _book(["丁公司", "办公\n室", "d@delta.example.com"])),
        Example("name-beside", _IMPORT, _rows("丁公司,,李明 <d@delta.example.com>")),
        Example("words-left-out", _IMPORT, _rows("丁公司,办公室,李明 <d@delta.example.com>")),
        Example("no-name", _IMPORT, _rows("丁公司,,d@delta.example.com")),
        Example("error-value", _BOOK, _book(["丁公司", "甲", "d@delta.example.com"], change=_formula)),
        Example("no-value", _BOOK, _book(["丁公司", "=A2", "d@delta.example.com"])),
        Example("date-cell", _BOOK, _book([*ROW, dt.date(2026, 3, 5)], more=("备注",))),
        Example("shortened-number", _IMPORT, _rows("丁公司,办公室,d@delta.example.com,1.38E+10", more=",电话")),
        Example(
            "repeated-contact",
            _IMPORT,
            _rows("丁公司,办公室,d@delta.example.com", "丁公司,办公室,d@delta.example.com"),
        ),
    ],
)
