"""Workbooks of recipients as offices keep them: what is read, and that every surprise is named by its cell."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH

from distributor.cli.output import finding_json
from distributor.errors import Finding, Place, Severity
from distributor.recipients.sheets.model import SheetRow
from distributor.recipients.sheets.reading import read
from tests.sheets import TITLES, contacts, read_all, refusal, refused, workbook

LIBRE_OFFICE = Path(__file__).parent / "data/sheets/members.xlsx"
A = ["甲局", "办公室", "a@example.org"]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "list.xlsx"


# What is read


def test_a_row_has_every_column(book: Path) -> None:
    titles = ["分组", "单位", "称呼", "联系人", "邮箱", "职责", "电话", "停用", "备注"]
    workbook(
        book,
        titles,
        ["有关部门、各会员单位", "甲局", "甲局办公室", "张三", "a@example.org", "收文", "022-1", "调走", "一\n二"],
    )
    (row,), found = read_all(book)
    assert row == SheetRow(
        "甲局", "张三", "a@example.org", "收文", "甲局办公室", "022-1", ("有关部门", "各会员单位"), "调走", "一\n二",
        Place(str(book), 2, "表1!E2"),
    )  # fmt: skip
    assert found == []


def test_a_file_says_nothing_of_the_columns_it_does_not_have(book: Path) -> None:
    workbook(book, TITLES, A)
    assert read(book).fields == {"unit", "name", "email"}
    assert read_all(book)[0][0][3:9] == (None, None, None, (), None, None)


@pytest.mark.parametrize(
    ("title", "field"),
    [
        ("单 位", "unit"), ("单位名称", "unit"), ("企业名称", "unit"), ("部门", "unit"), ("公司", "unit"),
        ("Organisation", "unit"), ("COMPANY", "unit"), ("单位（全称）", "unit"), ("*单位", "unit"),
        ("姓名", "name"), ("收件人", "name"), ("Contact Person", "name"), ("联系人\n姓名", "name"),
        ("Ｅ－ｍａｉｌ", "email"), ("E-mail", "email"), ("电子邮箱（必填）", "email"), ("邮箱地址：", "email"),
        ("邮箱/Email", "email"), ("Email 邮箱", "email"), ("邮箱1", "email"), (" 邮　箱 ", "email"), ("mail", "email"),
        ("手机", "phone"), ("联系电话", "phone"), ("Mobile", "phone"), ("职务", "role"), ("称呼", "salutation"),
        ("组别", "audience"), ("发送范围", "audience"), ("Group", "audience"), ("停用原因", "disabled"),
        ("Remarks", "note"), ("备注\u200b", "note"),
    ],
)  # fmt: skip
def test_a_title_may_be_written_in_many_ways(book: Path, title: str, field: str) -> None:
    titles = {"unit": "单位", "name": "联系人", "email": "邮箱"} | {field: title}
    workbook(book, list(titles.values()), ["甲局", "张三", "a@example.org", "某"][: len(titles)])
    assert read(book).fields == set(titles)
    assert contacts(book) == [("甲局", "张三", "a@example.org")]


@pytest.mark.parametrize("blanks", [0, 1, 15])
def test_the_header_may_stand_below_a_title(book: Path, blanks: int) -> None:
    workbook(book, ["2026年通讯录", None, "单位负责人填写"], *[[]] * blanks, TITLES, A)
    assert contacts(book) == [tuple(A)]


def test_a_header_of_two_rows_is_read_by_its_second(book: Path) -> None:
    made = workbook(
        book, ["单位", "联系人", "联系方式", None], [None, None, "电话", "邮箱"], ["甲局", "张三", "022", A[2]]
    )
    for cells in ("A1:A2", "B1:B2", "C1:D1"):
        made.active.merge_cells(cells)
    made.save(book)
    (row,), found = read_all(book)
    assert (row.unit, row.name, row.phone, row.email) == ("甲局", "张三", "022", A[2])
    assert found == []


def test_a_header_that_is_printed_again_on_each_page_is_no_contact(book: Path) -> None:
    workbook(book, TITLES, A, ["单位", "联系人", "邮箱"], ["乙局", "李四", "b@example.org"])
    assert [row[0] for row in contacts(book)] == ["甲局", "乙局"]


def test_libre_office_s_workbook_is_read_with_its_surprises() -> None:
    rows, found = read_all(LIBRE_OFFICE)
    read_as = [(r.unit, r.name, r.email, r.phone, r.audiences, r.note, r.place and r.place.cell) for r in rows]
    departments = ("有关部门",)
    assert read_as == [
        ("甲局", "办公室", "office@alpha.example.org", "13800138000", departments, None, "通讯录!D4"),
        ("甲局", "张三", "zhang@alpha.example.org", "022-60000001", departments, "周一至周五\n上午", "通讯录!D5"),
        ("甲局", "李四", "li@alpha.example.org", None, departments, None, "通讯录!D6"),
        ("甲局", "李四", "li2@alpha.example.org", None, departments, None, "通讯录!D6"),
        (
            "丙公司",
            "行政部",
            "admin@gamma.example.com",
            "60000002",
            ("各会员单位", "理事单位"),
            "2026-03-01",
            "通讯录!D8",
        ),
    ]
    assert found == [
        "note hidden-sheet 旧名单",
        "note no-list 说明",
        "note merged-cell 通讯录!B4",
        "note merged-cell 通讯录!F4",
        "note mended-address 通讯录!D5",
        "note several-addresses 通讯录!D6",
        "warning hidden-rows 通讯录!7",
        "note date-cell 通讯录!G8",
        "error error-value 通讯录!D9",
        "warning no-contact 通讯录!B10",
    ]


def test_a_finding_is_printed_with_file_and_cell(book: Path) -> None:
    workbook(book, TITLES, ["甲局", "张三", "a.example.org"])
    sheet = read(book)
    assert list(sheet.rows) == []
    (finding,) = sheet.findings
    assert str(finding).startswith(
        f"{book} 表1!C2: a.example.org is not an e-mail address: there is no @ in it\n    → "
    )
    document = finding_json(finding)
    assert (document["file"], document["line"], document["cell"]) == (str(book), 2, "表1!C2")


def test_a_finding_of_a_text_file_has_no_cell() -> None:
    assert "cell" not in finding_json(Finding(Severity.ERROR, "x", "x", Place("list.csv", 2)))


# Surprises, each named by its cell

SURPRISES: dict[str, tuple[list[Any], list[str], list[tuple[str, ...]]]] = {
    "full-width signs": (["甲局", "张三", "ａ＠example．org"], ["note mended-address 表1!C2"],
                         [("甲局", "张三", A[2])]),
    "a Chinese full stop": (["甲局", "张三", "a@example。org"], ["note mended-address 表1!C2"],
                            [("甲局", "张三", A[2])]),
    "spaces around": (["　甲局 ", "\xa0张三\u200b", " a@example.org\ufeff"], [], [("甲局", "张三", A[2])]),
    "an invisible sign inside": (["甲\u200b局", "张三", "a\u200b@example.org"],
                                 ["note mended-text 表1!A2", "note mended-address 表1!C2"], [("甲局", "张三", A[2])]),
    "a name beside the address": (["甲局", None, "张三 <a@example.org>"], ["note name-beside 表1!C2"],
                                  [("甲局", "张三", A[2])]),
    "another name beside the address": (["甲局", "办公室", "张三 <a@example.org>"], ["note words-left-out 表1!C2"],
                                        [("甲局", "办公室", A[2])]),
    "mailto": (["甲局", "张三", "mailto:a@example.org"], [], [("甲局", "张三", A[2])]),
    "no name": (["甲局", " ", "a@example.org"], ["note no-name 表1!B2"], [("甲局", "收件人", A[2])]),
    "several addresses": (["甲局", "张三", "a@example.org；b@example.org"], ["note several-addresses 表1!C2"],
                          [("甲局", "张三", A[2]), ("甲局", "张三", "b@example.org")]),
    "several addresses without a name": (["甲局", None, "a@example.org；b@example.org"],
                                         ["note several-addresses 表1!C2", "note no-name 表1!B2"],
                                         [("甲局", "收件人", A[2]), ("甲局", "收件人", "b@example.org")]),
    "as many names": (["甲局", "张三、李四", "a@example.org\nb@example.org"], ["note several-addresses 表1!C2"],
                      [("甲局", "张三", A[2]), ("甲局", "李四", "b@example.org")]),
    "one of several is wrong": (["甲局", "张三", "a@example.org; b@example"],
                                ["note several-addresses 表1!C2", "error bad-address 表1!C2"], []),
    "an address torn by a space": (["甲局", "张三", "zhang san@example.org"], ["error bad-address 表1!C2"], []),
    "no address": (["甲局", "张三", None], ["error missing-address 表1!C2"], []),
    "无 for an address": (["甲局", "张三", "无"], ["error bad-address 表1!C2"], []),
    "no unit": ([None, "张三", "a@example.org"], ["error missing-unit 表1!A2"], []),
    "a name broken to fit the cell": (["天津市\n甲局", "Zhang\nSan", "a@example.org"],
                                      ["note mended-text 表1!A2", "note mended-text 表1!B2"],
                                      [("天津市甲局", "Zhang San", A[2])]),
    "a failed formula": (["#N/A", "张三", "a@example.org"], ["error error-value 表1!A2"], []),
    "a failed formula for a name": (["甲局", "#REF!", "a@example.org"],
                                    ["warning error-value 表1!B2", "note no-name 表1!B2"], [("甲局", "收件人", A[2])]),
    "a formula without its value": (["甲局", "张三", '="a"&"@example.org"'], ["error no-value 表1!C2"], []),
    "a name's formula without its value": (["甲局", '="张"&"三"', "a@example.org"],
                                           ["warning no-value 表1!B2", "note no-name 表1!B2"],
                                           [("甲局", "收件人", A[2])]),
    "a date": (["甲局", dt.date(2026, 3, 1), "a@example.org"], ["note date-cell 表1!B2"],
               [("甲局", "2026-03-01", A[2])]),
    "a number": ([211, 3.5, "a@example.org"], [], [("211", "3.5", A[2])]),
    "a section's heading": (["一、委办局", None, None], ["warning no-contact 表1!A2"], []),
    "a sum": (["合计", "35 家", None], ["warning no-contact 表1!A2"], []),
    "a text too long": (["甲" * 10_001, "张三", "a@example.org"], ["error bad-text 表1!A2"], []),
    "a damaged character": (["甲\ufffd局", "张三", "a@example.org"], ["error bad-text 表1!A2"], []),
    "everything at once": ([None, "张\ufffd", "a@"], ["error missing-unit 表1!A2", "error bad-address 表1!C2",
                                                      "error bad-text 表1!B2"], []),
}  # fmt: skip


@pytest.mark.parametrize(("row", "expected", "read_as"), SURPRISES.values(), ids=SURPRISES)
def test_a_surprise_is_named_by_its_cell(
    book: Path, row: list[Any], expected: list[str], read_as: list[tuple[str, ...]]
) -> None:
    workbook(book, TITLES, row, ["丙局", "王五", "c@example.org"])
    rows, found = read_all(book)
    assert found == expected
    assert [row[:3] for row in rows] == [*read_as, ("丙局", "王五", "c@example.org")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (13800138000, "13800138000"),
        (13800138000.0, "13800138000"),
        (2.26e9, "2260000000"),
        ("02260000000", "02260000000"),
        ("+86 22 6000", "+86 22 6000"),
        ("'+86 22 6000", "+86 22 6000"),
        (True, "TRUE"),
        (0, "0"),
        (1.38e-7, "1.38e-07"),
    ],
)
def test_a_phone_keeps_its_digits(book: Path, value: Any, expected: str) -> None:
    workbook(book, [*TITLES, "电话"], [*A, value])
    assert read_all(book)[0][0].phone == expected


def test_a_number_that_was_shortened_by_a_spreadsheet_is_told(book: Path) -> None:
    workbook(book, [*TITLES, "电话"], [*A, "1.38E+10"])
    rows, found = read_all(book)
    assert ([row.phone for row in rows], found) == (["1.38E+10"], ["warning shortened-number 表1!D2"])


@pytest.mark.parametrize("epoch", [WINDOWS_EPOCH, MAC_EPOCH])
@pytest.mark.parametrize(
    ("moment", "number_format", "expected"),
    [
        (dt.date(2026, 3, 1), "yyyy-mm-dd", "2026-03-01"),
        (dt.date(2026, 3, 1), 'yyyy"年"m"月"d"日"', "2026-03-01"),
        (dt.date(2026, 3, 1), "[$-804]aaaa", "2026-03-01"),
        (dt.datetime.fromisoformat("2026-03-01T09:30"), "yyyy/m/d h:mm", "2026-03-01 09:30"),
    ],
)
def test_a_date_is_read_as_a_date(book: Path, epoch: Any, moment: Any, number_format: str, expected: str) -> None:
    made = workbook(book, [*TITLES, "备注"], A)
    made.epoch = epoch
    made.active["D2"] = moment
    made.active["D2"].number_format = number_format
    made.save(book)
    rows, found = read_all(book)
    assert ([row.note for row in rows], found) == ([expected], ["note date-cell 表1!D2"])


@pytest.mark.parametrize("number_format", ["0.00", "#,##0", '0"套"', "[Red]0", "0.00E+00", "G/通用格式", "@"])
def test_a_number_of_any_format_is_no_date(book: Path, number_format: str) -> None:
    made = workbook(book, [*TITLES, "备注"], [*A, 46_000])
    made.active["D2"].number_format = number_format
    made.save(book)
    assert read_all(book)[0][0].note == "46000"


@pytest.mark.parametrize(
    ("value", "reason", "expected"),
    [
        ("机构调整", "机构调整", []),
        ("否", None, []),
        ("无", None, []),
        (False, None, []),
        (None, None, []),
        ("是", None, ["error no-reason 表1!D2"]),
        (1, None, ["error no-reason 表1!D2"]),
        ("√", None, ["error no-reason 表1!D2"]),
        ("—", None, ["error no-reason 表1!D2"]),
    ],
)
def test_disabled_wants_a_reason(book: Path, value: Any, reason: str | None, expected: list[str]) -> None:
    workbook(book, [*TITLES, "停用"], [*A, value])
    rows, found = read_all(book)
    assert found == expected
    assert [row.disabled for row in rows] == ([] if expected else [reason])


def test_a_contact_may_have_several_columns_of_addresses_and_phones(book: Path) -> None:
    workbook(
        book,
        ["单位", "姓名", "邮箱1", "邮箱2", "办公电话", "手机"],
        ["甲局", "张三", A[2], "b@example.org", "022", 138],
    )
    rows, found = read_all(book)
    assert [(row.email, row.phone, row.place and row.place.cell) for row in rows] == [
        (A[2], "022、138", "表1!C2"),
        ("b@example.org", "022、138", "表1!D2"),
    ]
    assert found == []


# Columns

COLUMNS: dict[str, tuple[list[Any], list[str]]] = {
    "one that says nothing to us": ([*TITLES, "邮编"], ["note unknown-column 表1!D1"]),
    "a number of the row": (["序号", *TITLES], []),
    "two for the unit": (["部门", *TITLES], ["warning duplicate-column 表1!A1"]),
    "no name": (["单位", "邮箱"], ["note no-name 表1!1"]),
}


@pytest.mark.parametrize(("titles", "expected"), COLUMNS.values(), ids=COLUMNS)
def test_columns_that_are_not_read_are_named(book: Path, titles: list[Any], expected: list[str]) -> None:
    values = dict(zip(TITLES, A, strict=True))
    workbook(book, titles, [values.get(title, "x") for title in titles])
    assert read_all(book)[1] == expected
    assert contacts(book)[0][2] == A[2]


def test_a_column_of_addresses_that_is_not_read_is_a_warning(book: Path) -> None:
    workbook(book, [*TITLES, "备用", None], [*A, "x@example.org", "y@example.org"])
    rows, found = read_all(book)
    assert [row.email for row in rows] == [A[2]]
    assert found == ["warning unread-addresses 表1!D1", "warning unread-addresses 表1!E1"]


NO_HEADER: dict[str, tuple[list[list[Any]], list[str]]] = {
    "no unit": ([["联系人", "邮箱"], ["张三", "a@example.org"]], ["error missing-column 表1!1"]),
    "no address": ([["单位", "联系人", "电话"], ["甲局", "张三", "022"]], ["error missing-column 表1!1"]),
    "two units": ([["单位", "单 位", "邮箱"], ["甲局", "乙局", "a@example.org"]], ["error duplicate-column 表1!B1"]),
    "only addresses": ([["甲局", "张三", "a@example.org"]], ["error no-header 表1!C1"]),
    "a letter": ([["关于报送名单的通知"], ["请各单位报送。"]], ["error no-list 表1"]),
    "nothing": ([], ["error no-list 表1"]),
    "a header too far down": ([*[[f"第{n}行"] for n in range(20)], TITLES, A], ["error no-list 表1"]),
}


@pytest.mark.parametrize(("rows", "expected"), NO_HEADER.values(), ids=NO_HEADER)
def test_a_sheet_that_is_no_list_says_why(book: Path, rows: list[list[Any]], expected: list[str]) -> None:
    workbook(book, *rows)
    assert refused(book) == expected
    assert all(finding.remedy for finding in refusal(book).findings)


def test_the_caller_may_know_the_unit(book: Path) -> None:
    workbook(book, ["联系人", "邮箱"], ["张三", "a@example.org"])
    assert contacts(book, unit="甲局") == [("甲局", "张三", "a@example.org")]
    assert read(book, unit="甲局").fields == {"name", "email"}
