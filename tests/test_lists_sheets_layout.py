"""Merged cells, hidden rows and several sheets of a workbook; and findings without number."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl.worksheet.worksheet import Worksheet

from distributor.errors import Severity
from distributor.recipients.sheets.model import MOST_OF_A_KIND
from distributor.recipients.sheets.reading import read
from tests.sheets import TITLES, contacts, read_all, refusal, refused, told, workbook

A = ["甲局", "办公室", "a@example.org"]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "list.xlsx"


# Merged cells and hidden rows


def changed(book: Path, change: Callable[[Worksheet], None], *rows: list[Any]) -> Path:
    made = workbook(book, TITLES, *rows)
    change(made.active)
    made.save(book)
    return book


def test_a_merged_unit_holds_for_all_its_rows(book: Path) -> None:
    rows = [[None, "张三", "b@example.org"], [None, "李四", "c@example.org"], [None, "王五", "d@example.org"]]
    changed(book, lambda sheet: sheet.merge_cells("A2:A4"), A, *rows)
    read_as, found = read_all(book)
    assert [(row.unit, row.email) for row in read_as] == [("甲局", f"{who}@example.org") for who in "abc"]
    assert found == ["note merged-cell 表1!A2", "error missing-unit 表1!A5"]


def test_a_merged_address_holds_for_all_its_contacts(book: Path) -> None:
    changed(book, lambda sheet: sheet.merge_cells("C2:C3"), A, ["甲局", "李四", None])
    assert contacts(book) == [("甲局", "办公室", A[2]), ("甲局", "李四", A[2])]


def test_rows_of_a_merged_cell_that_are_empty_are_no_contacts(book: Path) -> None:
    changed(book, lambda sheet: sheet.merge_cells("A2:A9"), A, [None, "张三", "b@example.org"])
    rows, found = read_all(book)
    assert (len(rows), found) == (2, ["note merged-cell 表1!A2"])


def hide(*numbers: int) -> Callable[[Worksheet], None]:
    def change(sheet: Worksheet) -> None:
        for number in numbers:
            sheet.row_dimensions[number].hidden = True

    return change


def test_hidden_rows_are_passed_over_and_told_together(book: Path) -> None:
    rows = [[f"单位{number}", "收文", f"u{number}@example.org"] for number in range(2, 9)]
    changed(book, hide(3, 4, 5, 8), *rows)
    read_as, found = read_all(book)
    assert [row.unit for row in read_as] == ["单位2", "单位6", "单位7"]
    assert found == ["warning hidden-rows 表1!3", "warning hidden-rows 表1!8"]
    assert "3 hidden rows are passed over (3–5)" in str(next(iter(read_findings(book))))


def read_findings(book: Path) -> list[Any]:
    sheet = read(book)
    list(sheet.rows)
    return list(sheet.findings)


def test_hidden_rows_are_taken_if_asked_for(book: Path) -> None:
    changed(book, hide(3), A, ["乙局", "收文", "b@example.org"])
    rows, found = read_all(book, hidden=True)
    assert [(row.unit, row.hidden) for row in rows] == [("甲局", False), ("乙局", True)]
    assert found == ["warning hidden-rows 表1!3"]


# Sheets


@pytest.fixture
def sheets(book: Path) -> Path:
    made = workbook(book, TITLES, A, sheet="市直")
    for name, rows in {"说明": [["由办公室填写"]], "区县": [TITLES, ["乙局", "李四", "b@example.org"]]}.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    old = made.create_sheet("去年")
    old.append(TITLES)
    old.append(["丁局", "赵六", "d@example.org"])
    old.sheet_state = "hidden"
    made.create_chartsheet("图")
    made.save(book)
    return book


def test_every_visible_sheet_with_a_header_is_read(sheets: Path) -> None:
    rows, found = read_all(sheets)
    assert [(row.unit, row.place and row.place.cell) for row in rows] == [("甲局", "市直!C2"), ("乙局", "区县!C2")]
    assert found == ["note hidden-sheet 去年", "note no-list 说明"]


@pytest.mark.parametrize(("name", "unit"), [("区县", "乙局"), ("去年", "丁局")])
def test_one_sheet_may_be_chosen_by_name(sheets: Path, name: str, unit: str) -> None:
    rows, found = read_all(sheets, sheet=name)
    assert ([row.unit for row in rows], found) == ([unit], [])


def test_a_sheet_that_is_not_there_is_told_with_those_that_are(sheets: Path) -> None:
    assert refused(sheets, sheet="区县局") == ["error no-sheet"]
    assert "possible are: 区县" in str(refusal(sheets, sheet="区县局"))


def test_a_list_without_a_header_beside_others_is_a_warning(book: Path) -> None:
    made = workbook(book, TITLES, A)
    made.create_sheet("补充").append(["乙局", "李四", "b@example.org"])
    made.save(book)
    assert read_all(book)[1] == ["warning no-header 补充!C1"]


# Many findings


def test_of_a_kind_of_findings_the_first_are_kept_and_the_rest_counted(book: Path) -> None:
    workbook(book, TITLES, *[["甲局", "张三", "无"]] * (MOST_OF_A_KIND + 5), [None, "张三", "a@example.org"])
    sheet = read(book)
    list(sheet.rows)
    found = list(sheet.findings)
    assert told(found[MOST_OF_A_KIND - 1 : MOST_OF_A_KIND + 1]) == [
        f"error bad-address 表1!C{MOST_OF_A_KIND + 1}",
        f"error missing-unit 表1!A{MOST_OF_A_KIND + 7}",
    ]
    assert str(found[-1]) == f"{book}: and 5 more of the kind bad-address"
    assert sheet.findings.count(Severity.ERROR) == MOST_OF_A_KIND + 6
