"""CSV and plain text lists of recipients: encodings, delimiters, and lines as people write them."""

from pathlib import Path

import pytest

from distributor.recipients.sheets.reading import read
from tests.sheets import contacts, read_all, refusal, refused

CSV = "单位,联系人,邮箱,电话\n甲局,张三,a@example.org,022\n乙局,“李四”,b@example.org,\n"
BOTH = [("甲局", "张三", "a@example.org"), ("乙局", "“李四”", "b@example.org")]


def saved(folder: Path, content: str | bytes, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# CSV


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode(),
        CSV.encode("utf-8-sig"),
        CSV.encode("gb18030"),
        ("\ufeff" + CSV).encode("gb18030"),
        CSV.replace("\n", "\r\n").encode(),
        CSV.replace(",", ";").encode(),
        CSV.replace(",", "\t").encode(),
        ("sep=;\n" + CSV.replace(",", ";")).encode(),
        ("通讯录,,,\n,,,\n" + CSV).encode(),
        CSV.replace("甲局", '"甲局"').encode("gb18030"),
        CSV.replace(",", " , ").encode(),
        CSV.rstrip("\n").encode(),
        CSV.replace("\n", ",,,\n").encode(),
    ],
    ids=[
        "UTF-8", "UTF-8 with mark", "GB18030", "GB18030 with mark", "CRLF", "semicolons", "tabs", "Excel's sep=",
        "a title above", "quotes", "spaces", "no end of line", "more empty cells",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["list.csv", "list.txt", "list"])
def test_csv_may_be_written_in_several_ways(tmp_path: Path, content: bytes, name: str) -> None:
    path = saved(tmp_path, content, name)
    assert contacts(path) == BOTH
    assert read_all(path)[1] == []
    assert read(path).fields == {"unit", "name", "email", "phone"}


def test_a_place_is_file_and_line(tmp_path: Path) -> None:
    path = saved(tmp_path, '单位,联系人,邮箱,备注\n甲局,张三,a@example.org,"一\n二"\n乙局,李四,b@example.org,\n')
    rows, _found = read_all(path)
    assert [str(row.place) for row in rows] == [f"{path}:2", f"{path}:4"]
    assert rows[0].note == "一\n二"


def test_a_unit_that_was_merged_is_taken_from_above_with_a_warning(tmp_path: Path) -> None:
    """A spreadsheet leaves the cells below the first one of a merge empty when it writes CSV."""
    lines = [
        "分组,单位,称呼,联系人,邮箱",
        "有关部门,甲局,甲局办公室,张三,a@example.org",
        ",,,李四,b@example.org",
        ",乙局,,王五,c@example.org",
    ]
    rows, found = read_all(saved(tmp_path, "\n".join(lines)))
    assert [(row.unit, row.salutation, row.audiences) for row in rows] == [
        ("甲局", "甲局办公室", ("有关部门",)),
        ("甲局", "甲局办公室", ("有关部门",)),
        ("乙局", None, ()),
    ]
    assert found == ["warning unit-from-above 3"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("乙局,,", "warning no-contact 3"),
        ('"乙"局,李四,b@example.org', "error bad-csv 3"),
        ("乙\ufffd局,李四,b@example.org", "error bad-text 3"),
    ],
)
def test_no_unit_is_taken_from_beyond_a_row_that_may_name_another(tmp_path: Path, row: str, told: str) -> None:
    path = saved(tmp_path, f"单位,联系人,邮箱\n甲局,张三,a@example.org\n{row}\n,王五,c@example.org\n")
    rows, found = read_all(path)
    assert ([row.unit for row in rows], found) == (["甲局"], [told, "error missing-unit 4"])


def test_the_first_row_has_no_unit_to_take_from_above(tmp_path: Path) -> None:
    path = saved(tmp_path, "单位,联系人,邮箱\n,张三,a@example.org\n")
    assert read_all(path) == ([], ["error missing-unit 2"])
    assert contacts(path, unit="甲局") == [("甲局", "张三", "a@example.org")]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('"甲"局,张三,a@example.org', ["error bad-csv 2"]),
        ('"甲局,张三,a@example.org', ["error bad-csv 2"]),
        ("甲局,张三,#N/A", ["error error-value 2"]),
        ("甲局,张三,a@example", ["error bad-address 2"]),
        ("甲\x00局,张三,a@example.org", ["error bad-text 2"]),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path: Path, row: str, expected: list[str]) -> None:
    path = saved(tmp_path, "单位,联系人,邮箱\n" + "甲局,张三,a@example.org\n" * 3000)
    path.write_text(path.read_text("utf-8").replace("甲局,张三,a@example.org", row, 1), "utf-8", newline="")
    if "\x00" in row:  # a NUL near the beginning makes it no text at all
        assert refused(path) == ["error not-a-list"]
    else:
        assert read_all(path)[1] == expected


def test_a_line_that_could_be_either_decides_nothing(tmp_path: Path) -> None:
    text = "单位,联系人,邮箱\n石山,小石,a@a.example.org\n"
    assert text.encode("gb18030").splitlines()[1].decode("utf-8").startswith("ʯɽ")
    assert contacts(saved(tmp_path, text.encode("gb18030"))) == [("石山", "小石", "a@a.example.org")]


def test_a_damaged_byte_spoils_one_name_not_the_encoding(tmp_path: Path) -> None:
    rows = "".join(f"单位{number},甲,a@example.org\n" for number in range(20))
    path = saved(tmp_path, ("单位,联系人,邮箱\n" + rows).encode().replace("单位7,".encode(), b"\xe5\x8d,"))
    assert read_all(path)[1] == ["error bad-text 9"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty-file"),
        (b"\xef\xbb\xbf \n\n", "empty-file"),
        (CSV.encode("utf-16"), "not-utf-8"),
        (CSV.encode("utf-16-be"), "not-a-list"),
        (b"%PDF-1.7", "not-a-list"),
        (b"<html><table>", "not-a-list"),
        (b"\n<?xml version='1.0'?><Workbook/>", "not-a-list"),
        ("甲局,张三,a@example.org\n".encode(), "no-header 1"),
        ("单位,联系人,电话\n甲局,张三,022\n".encode(), "missing-column 1"),
        ("联系人,邮箱\n张三,a@example.org\n".encode(), "missing-column 1"),
        ("关于名单的通知\n".encode(), "no-list"),
    ],
)
def test_a_file_that_is_no_list_says_why(tmp_path: Path, content: bytes, expected: str) -> None:
    path = saved(tmp_path, content)
    assert refused(path) == [f"error {expected}"]
    assert all(finding.remedy for finding in refusal(path).findings)


def test_a_text_file_has_no_sheets(tmp_path: Path) -> None:
    assert refused(saved(tmp_path, CSV), sheet="表1") == ["error no-sheet"]


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    assert refused(tmp_path / "list.csv") == ["error unreadable-file"]
    assert refused(tmp_path) == ["error unreadable-file"]


# Plain text

LINES: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "unit, name and address": ("乙局 李四 b@example.org", [("乙局", "李四", "b@example.org")]),
    "with tabs": ("乙局\t李四\tb@example.org", [("乙局", "李四", "b@example.org")]),
    "with commas": ("乙局，李四，b@example.org", [("乙局", "李四", "b@example.org")]),
    "a Latin name after a comma": ("ACME,Li Si,b@example.org", [("ACME", "Li Si", "b@example.org")]),
    "a unit with a colon": ("乙局：b@example.org、c@example.org",
                            [("乙局", "收件人", "b@example.org"), ("乙局", "收件人", "c@example.org")]),
    "a phone": ("乙局 李四 13800138000 b@example.org", [("乙局", "李四", "b@example.org")]),
    "an address alone": ("b@example.org", [("甲局", "收件人", "b@example.org")]),
    "a name": ("李四 b@example.org", [("甲局", "李四", "b@example.org")]),
    "a name and <>": ("李四 <b@example.org>", [("甲局", "李四", "b@example.org")]),
    "a Latin name and <>": ("Li Si <b@example.org>", [("甲局", "Li Si", "b@example.org")]),
    "a Latin name in quotes": ('"Si, Li" <b@example.org>', [("甲局", "Si, Li", "b@example.org")]),
    "a label": ("邮箱：b@example.org", [("甲局", "收件人", "b@example.org")]),
    "several": ("李四 <b@example.org>；王五<c@example.org>, d@example.org",
                [("甲局", "李四", "b@example.org"), ("甲局", "王五", "c@example.org"),
                 ("甲局", "收件人", "d@example.org")]),
    "full-width signs": ("乙局　李四　ｂ＠example．org", [("乙局", "李四", "b@example.org")]),
    "a comment": ("# 旧名单 b@example.org", []),
    "an empty line": ("　", []),
}  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), LINES.values(), ids=LINES)
def test_a_line_is_a_contact(tmp_path: Path, line: str, expected: list[tuple[str, str, str]]) -> None:
    path = saved(tmp_path, f"{line}\n丙局 赵六 z@example.org\n", "list.txt")
    rows, found = read_all(path, unit="甲局")
    assert [row[:3] for row in rows] == [*expected, ("丙局", "赵六", "z@example.org")]
    assert [each for each in found if each.startswith(("error", "warning"))] == []


def test_a_phone_in_a_line_is_no_part_of_the_name(tmp_path: Path) -> None:
    rows, _found = read_all(saved(tmp_path, "乙局 李四 b@example.org 022-60000001\n", "list.txt"))
    assert [(row.name, row.phone) for row in rows] == [("李四", "022-60000001")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("李四 b@example.org", "error missing-unit 1"),
        ("乙局 李四 b#example.org", "error bad-address 1"),
        ("乙局 李四 b@example", "error bad-address 1"),
        ("乙局 Li Si b@example.org", "error bad-address 1"),
        ("二〇二六年通讯录", "warning no-contact 1"),
    ],
)
def test_a_line_that_is_no_contact_is_told(tmp_path: Path, line: str, expected: str) -> None:
    path = saved(tmp_path, f"{line}\n丙局 赵六 z@example.org\n", "list.txt")
    rows, found = read_all(path)
    assert ([row.unit for row in rows], found) == (["丙局"], [expected])


def test_lines_say_nothing_of_other_fields(tmp_path: Path) -> None:
    path = saved(tmp_path, "丙局 赵六 z@example.org\n", "list.txt")
    assert read(path).fields == {"unit", "name", "email"}
