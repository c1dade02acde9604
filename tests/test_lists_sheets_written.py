"""Spreadsheets that we write: read back as they were, safe to open, there in full or not at all."""

import csv
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distributor.errors import InputError
from distributor.recipients.faults import is_reason, why_not_text
from distributor.recipients.sheets import newworkbook, xmlcells
from distributor.recipients.sheets.model import SheetRow
from distributor.recipients.sheets.reading import read
from distributor.recipients.sheets.writing import write
from tests.sheets import read_all

ROW = SheetRow(
    "甲局", "张三", "a@example.org", "收文", "甲局办公室", "022-6000", ("有关部门", "各会员单位"), None, "一\n二"
)
SIGNS = "=+-@＝＋－＠#'\"“”（）,;、；\t\r\n\x0b\u3000\xa0_x005F_甲aA0 .<>&]"

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
kinds = pytest.mark.parametrize("name", ["list.csv", "list.xlsx"])


def is_text(text: str) -> bool:
    return why_not_text(text) is None


characters = st.characters(exclude_categories=["Cs"]) | st.sampled_from(SIGNS)
lines = st.text(characters, min_size=1, max_size=20).map(str.strip).filter(is_text)
prose = st.text(characters, min_size=1, max_size=40).filter(lambda text: text == trim(text) != "")
local_parts = st.text(st.sampled_from("ab09.!#$%&'*+/=?^_`{|}~-"), min_size=1, max_size=9)
emails = local_parts.map(lambda local: f"x{local.strip('.').replace('..', '.')}@example.org") | local_parts.filter(
    lambda local: "." not in local
).map(lambda local: f"{local}@example.org")
rows_of = st.builds(
    SheetRow,
    unit=lines,
    name=lines,
    email=emails,
    role=st.none() | lines,
    salutation=st.none() | lines,
    phone=st.none() | lines,
    audiences=st.lists(lines, max_size=3, unique=True).map(tuple),
    disabled=st.none() | lines.filter(lambda text: is_reason(text) and any(map(str.isalnum, text))),
    note=st.none() | prose,
    place=st.none(),
    hidden=st.just(False),
)


def trim(text: str) -> str:
    """Notes come back without what nobody sees around them."""
    return text.strip().strip("\u200b\ufeff\u00ad\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064").strip()


def written(path: Path, *rows: SheetRow) -> list[SheetRow]:
    """What is read back, without the places."""
    assert write(path, rows) == len(rows)
    read_back, found = read_all(path)
    assert [each for each in found if not each.startswith("note")] == []
    return [row._replace(place=None) for row in read_back]


# What is written is read


@kinds
def test_a_row_comes_back(tmp_path: Path, name: str) -> None:
    least = SheetRow("乙局", "收件人", "b@example.org")
    path = tmp_path / name
    assert written(path, ROW, least) == [ROW, least]
    assert read(path).fields == {
        "audience", "unit", "salutation", "name", "email", "role", "phone", "disabled", "note"
    }  # fmt: skip


@kinds
@one_folder
@given(st.lists(rows_of, max_size=4))
def test_whatever_the_list_may_hold_comes_back(tmp_path: Path, name: str, rows: list[SheetRow]) -> None:
    assert written(tmp_path / name, *rows) == rows


@pytest.mark.parametrize(
    "text", ["_x000D_", "_x005F_x000D_", "_x0041", "a\r\nb", "a\x00b", "\ufffe", "]]>", "&lt;", "😀"]
)
@kinds
def test_a_note_keeps_what_xml_cannot_hold(tmp_path: Path, name: str, text: str) -> None:
    row = ROW._replace(note=f"<{text}>")
    assert written(tmp_path / name, row) == [row]


@kinds
def test_nothing_is_a_list_too(tmp_path: Path, name: str) -> None:
    assert written(tmp_path / name) == []


# What it is for other programs


def test_csv_is_what_spreadsheets_expect(tmp_path: Path) -> None:
    write(tmp_path / "list.csv", [ROW])
    assert (tmp_path / "list.csv").read_bytes().decode() == (
        "\ufeff分组,单位,称呼,联系人,邮箱,职责,电话,停用,备注\r\n"
        '有关部门、各会员单位,甲局,甲局办公室,张三,a@example.org,收文,022-6000,,"一\n二"\r\n'
    )


FORMULAS = SheetRow(
    "=1+1", "@SUM", "+a@example.org", "-1", "＝1", "+86 22 0012", ("=A",), "=HYPERLINK(1)", "=cmd|'x'!A1"
)


def test_no_cell_of_csv_is_run(tmp_path: Path) -> None:
    write(tmp_path / "list.csv", [FORMULAS])
    with (tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.reader(file))[1]
    assert all(cell.startswith("'") for cell in cells)
    assert written(tmp_path / "list.csv", FORMULAS) == [FORMULAS]


def test_no_cell_of_a_workbook_is_run_even_after_it_was_edited(tmp_path: Path) -> None:
    """As another program sees it: texts, of the format text, and quoted where they look like formulas."""
    path = tmp_path / "list.xlsx"
    write(path, [FORMULAS, ROW])
    sheet = openpyxl.load_workbook(path).active
    cells, others = list(sheet.iter_rows(min_row=2, max_row=3))
    assert [cell.value for cell in cells] == [
        "=A", "=1+1", "＝1", "@SUM", "+a@example.org", "-1", "+86 22 0012", "=HYPERLINK(1)", "=cmd|'x'!A1"
    ]  # fmt: skip
    assert {(cell.data_type, cell.number_format, bool(cell.quotePrefix)) for cell in cells} == {("s", "@", True)}
    assert {(cell.number_format, bool(cell.quotePrefix)) for cell in others if cell.value} == {("@", False)}


def test_a_workbook_is_ready_to_be_worked_with(tmp_path: Path) -> None:
    write(tmp_path / "list.xlsx", [ROW, ROW])
    sheet = openpyxl.load_workbook(tmp_path / "list.xlsx").active
    assert [cell.value for cell in sheet[1]] == [
        "分组",
        "单位",
        "称呼",
        "联系人",
        "邮箱",
        "职责",
        "电话",
        "停用",
        "备注",
    ]
    assert all(cell.font.bold for cell in sheet[1])
    assert (sheet.title, sheet.freeze_panes, sheet.auto_filter.ref) == ("收件人", "A2", "A1:I3")
    assert sheet.column_dimensions["E"].width == 32


@kinds
def test_the_same_list_is_the_same_file(tmp_path: Path, name: str) -> None:
    one, other = tmp_path / f"1{name}", tmp_path / f"2{name}"
    write(one, [ROW])
    write(other, [ROW])
    assert one.read_bytes() == other.read_bytes()


# What cannot be written


def failing() -> Iterator[SheetRow]:
    yield ROW
    raise KeyError("the list")


@kinds
def test_a_file_is_there_in_full_or_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for before in (None, b"before"):
        if before is not None:
            path.write_bytes(before)
        with pytest.raises(KeyError):
            write(path, failing())
        assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


@kinds
def test_a_file_keeps_its_mode_and_a_new_one_has_the_usual(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write(path, [ROW])
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(0o600)
    write(path, [ROW])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def refused(path: Path, *rows: SheetRow) -> str:
    with pytest.raises(InputError) as caught:
        write(path, rows)
    assert all(finding.remedy for finding in caught.value.findings)
    return f"{caught.value.findings[0].code} {caught.value.findings[0].message}"


@pytest.mark.parametrize("name", ["list.xls", "list", "list.txt", ".csv"])
def test_only_two_kinds_are_written(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path / name, ROW).startswith("unknown-kind")


@kinds
def test_a_folder_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path / "no" / name, ROW).startswith("unwritable-file the file cannot be written: No such file")


@pytest.mark.parametrize(
    ("module", "name", "most", "words"),
    [
        (xmlcells, "MAX_ROWS", 2, "holds no more than 1 rows"),
        (newworkbook, "MAX_PART", 500, "too large"),
        (xmlcells, "_LONGEST_CELL", 5, "too long"),
    ],
)
def test_what_a_workbook_cannot_hold_is_sent_to_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, most: int, words: str
) -> None:
    monkeypatch.setattr(module, name, most)
    path = tmp_path / "list.xlsx"
    assert words in refused(path, ROW, ROW)
    assert list(tmp_path.iterdir()) == []
    assert written(path.with_suffix(".csv"), ROW, ROW) == [ROW, ROW]


def test_the_parts_of_a_workbook_are_packed(tmp_path: Path) -> None:
    write(tmp_path / "list.xlsx", [ROW])
    with zipfile.ZipFile(tmp_path / "list.xlsx") as zipped:
        assert zipped.testzip() is None
        assert {info.compress_type for info in zipped.infolist()} == {zipfile.ZIP_DEFLATED}


@kinds
def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path, name: str) -> None:
    link = tmp_path / name
    link.symlink_to("/dev/null")
    assert write(link, iter([ROW])) == 1
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert sorted(tmp_path.iterdir()) == [link]


@kinds
def test_a_link_stays_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / name
    link.symlink_to(Path("real") / name)
    assert write(link, iter([ROW])) == 1
    assert link.is_symlink()
    assert read_all(link)[0]
