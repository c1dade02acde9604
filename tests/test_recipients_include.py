"""CSV files of contacts: what they may look like, what is wrong with them, and that they are streamed."""

import errno
import os
from pathlib import Path

import pytest

from distributor.errors import InputError
from distributor.recipients.include import MOST_FAULTS, open_include
from distributor.recipients.loader import load
from distributor.recipients.model import Contact, Include, Unit
from tests.test_recipients import VALID, faults, replaced, said, written

WITH_INCLUDE = replaced(("units: [丙公司]", "units: [丙公司], include: m.csv"))
HEADER = "单位,联系人,邮箱,角色,称呼,停用,备注\n"
ROWS = """\
丁公司,办公室,office@delta.example.com,收文,丁公司办公室,,
丁公司,市场部,market@delta.example.com,,丁公司办公室,部门已撤并,老客户
戊公司,行政部,admin@epsilon.example.com,,,,
"""


def included(folder: Path, content: str | bytes, text: str = WITH_INCLUDE) -> Path:
    return written(folder, text, m=content)


def include_of(path: Path) -> Include:
    (include,) = load(path).audiences["各会员单位"].includes
    return include


def contacts(path: Path) -> list[Contact]:
    return [contact for unit in include_of(path).read() for contact in unit.contacts]


def rows_faults(folder: Path, *rows: str) -> list[str]:
    """Faults of a file with these rows under HEADER, as ``code line``."""
    found = faults(included(folder, HEADER + "".join(f"{row}\n" for row in rows)))
    return [fault.replace("m.csv:", "").replace(" m.csv", "") for fault in found]


# What is read


def test_a_file_is_read_as_units(tmp_path: Path) -> None:
    include = include_of(included(tmp_path, HEADER + ROWS))
    assert (include.file, include.contacts) == (str(tmp_path / "m.csv"), 3)
    units = list(include.read())
    assert [(unit.name, unit.salutation, len(unit.contacts)) for unit in units] == [
        ("丁公司", "丁公司办公室", 2),
        ("戊公司", "戊公司", 1),
    ]
    assert [(c.unit, c.name, c.email, c.role, c.disabled) for c in units[0].contacts] == [
        ("丁公司", "办公室", "office@delta.example.com", "收文", None),
        ("丁公司", "市场部", "market@delta.example.com", None, "部门已撤并"),
    ]
    assert [str(unit.place) for unit in units] == [f"{tmp_path / 'm.csv'}:{line}" for line in (2, 4)]
    assert [(c.line, c.phone, c.note) for u in units for c in u.contacts] == [
        (2, None, None),
        (3, None, "老客户"),
        (4, None, None),
    ]


@pytest.mark.parametrize(
    "data",
    [
        (HEADER + ROWS).encode(),
        (HEADER + ROWS).encode("utf-8-sig"),
        (HEADER + ROWS).encode("gb18030"),
        ("\ufeff" + HEADER + ROWS).encode("gb18030"),
        (HEADER + ROWS).replace("\n", "\r\n").encode("gb18030"),
        (HEADER + ROWS).rstrip("\n").encode(),
        (HEADER + "\n , ,\n" + ROWS.replace("\n", "\n\n")).encode(),
        (HEADER + ROWS).replace(",", " , ").encode(),
        (HEADER + ROWS).replace("办公室,office", '"办公室",office').encode("utf-8-sig"),
        ('"单位"' + HEADER.removeprefix("单位") + ROWS).encode("utf-8-sig"),
        ("Unit,CONTACT,E-Mail,Role,Salutation,Disabled,Note\n" + ROWS).encode(),
        ("单位名称,姓名,电子邮箱,职责,称呼,停用原因,备注\n" + ROWS).encode(),
        (HEADER + ROWS.replace("\n", ",,,\n")).encode(),
    ],
    ids=[
        "UTF-8", "UTF-8 with mark", "GB18030", "GB18030 with mark", "GB18030 CRLF", "no end of line", "blank rows",
        "spaces", "quotes", "quoted header", "English columns", "other columns", "more empty cells",
    ],
)  # fmt: skip
def test_a_file_may_be_written_in_several_ways(tmp_path: Path, data: bytes) -> None:
    found = [(c.unit, c.name, c.email, c.role, c.disabled) for c in contacts(included(tmp_path, data))]
    assert found == [
        ("丁公司", "办公室", "office@delta.example.com", "收文", None),
        ("丁公司", "市场部", "market@delta.example.com", None, "部门已撤并"),
        ("戊公司", "行政部", "admin@epsilon.example.com", None, None),
    ]


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    (contact,) = contacts(included(tmp_path, "邮箱,单位,联系人\na@example.org,丁公司,办公室\n"))
    assert (contact.unit, contact.name, contact.email) == ("丁公司", "办公室", "a@example.org")


def test_a_short_row_has_nothing_in_its_last_columns(tmp_path: Path) -> None:
    (contact,) = contacts(included(tmp_path, HEADER + "丁公司,办公室,a@example.org\n"))
    assert (contact.role, contact.disabled) == (None, None)


def test_a_text_in_quotes_may_hold_commas_and_quotes(tmp_path: Path) -> None:
    (contact,) = contacts(included(tmp_path, HEADER + '"丁公司,""北方""部",办公室,a@example.org\n'))
    assert contact.unit == '丁公司,"北方"部'


def test_a_line_break_in_quotes_keeps_the_lines_of_later_rows_right(tmp_path: Path) -> None:
    """A note may have several lines; it is not read, but counted."""
    path = included(tmp_path, HEADER + '丁公司,甲,a@example.org,,,,"一\n二\n三"\n戊公司,乙,b@example.org\n')
    assert [unit.place.line for unit in include_of(path).read()] == [2, 5]


def test_a_row_without_salutation_takes_that_of_the_list(tmp_path: Path) -> None:
    text = WITH_INCLUDE.replace("  丙公司:\n", "  丙公司:\n    salutation: 丙公司办公室\n")
    path = included(tmp_path, HEADER + "丙公司,甲,a@example.org\n丙公司,乙,b@example.org,,丙公司乙部\n", text)
    assert [unit.salutation for unit in include_of(path).read()] == ["丙公司办公室", "丙公司乙部"]


def test_several_files_and_audiences_share_them(tmp_path: Path) -> None:
    text = replaced(("units: [丙公司]", "include: [m.csv, n.csv]"), ("甲局, 乙局]", "甲局, 乙局], include: m.csv"))
    path = written(tmp_path, text, m=HEADER + ROWS, n=HEADER + "己公司,甲,a@example.org\n")
    audiences = load(path).audiences
    assert [include.contacts for include in audiences["各会员单位"].includes] == [3, 1]
    assert audiences["有关部门"].includes[0] is audiences["各会员单位"].includes[0]


def test_a_file_in_a_folder_below_is_found(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/m.csv").write_text(HEADER + ROWS, "utf-8")
    path = written(tmp_path, WITH_INCLUDE.replace("include: m.csv", "include: lists/m.csv"))
    assert include_of(path).contacts == 3


def test_a_list_of_includes_alone_needs_no_units(tmp_path: Path) -> None:
    text = VALID[: VALID.index("audiences")] + "audiences:\n  各会员单位: {include: m.csv}\n"
    assert len(contacts(included(tmp_path, HEADER + ROWS, text))) == 3


def test_a_unit_of_thousands_comes_in_parts(tmp_path: Path) -> None:
    """So that memory does not grow with the largest unit."""
    rows = "".join(f"丁公司,联系人{number},a{number}@example.org\n" for number in range(2500))
    units: list[Unit] = list(include_of(included(tmp_path, HEADER + rows)).read())
    assert [len(unit.contacts) for unit in units] == [1000, 1000, 500]
    assert {unit.name for unit in units} == {"丁公司"}


# Which file


@pytest.mark.parametrize("name", ["n.csv", ".", "lists", "m.csv/x", "x" * 300 + ".csv"])
def test_a_missing_file_is_told_with_the_line_of_the_list(tmp_path: Path, name: str) -> None:
    (tmp_path / "lists").mkdir()
    path = included(tmp_path, HEADER + ROWS, WITH_INCLUDE.replace("m.csv", name))
    assert faults(path) == ["missing-include recipients.yaml:6"]


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.csv")
    assert faults(written(tmp_path, WITH_INCLUDE)) == ["missing-include recipients.yaml:6"]


def test_a_circle_of_links_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "m.csv").symlink_to(tmp_path / "n.csv")
    (tmp_path / "n.csv").symlink_to(tmp_path / "m.csv")
    assert faults(written(tmp_path, WITH_INCLUDE)) == ["missing-include recipients.yaml:6"]


@pytest.mark.parametrize("way", ["above", "absolute", "link", "linked folder"])
def test_no_file_outside_the_folder_of_the_list_is_read(tmp_path: Path, way: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "site"
    outside.mkdir()
    folder.mkdir()
    (outside / "m.csv").write_text(HEADER + ROWS, "utf-8")
    (folder / "link.csv").symlink_to(outside / "m.csv")
    (folder / "linked").symlink_to(outside)
    names = {"above": "../outside/m.csv", "absolute": str(outside / "m.csv"), "link": "link.csv"}
    path = written(folder, WITH_INCLUDE.replace("m.csv", names.get(way, "linked/m.csv")))
    assert faults(path) == ["outside-include recipients.yaml:6"]


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "m.csv").symlink_to("2026.csv")
    (tmp_path / "2026.csv").write_text(HEADER + ROWS, "utf-8")
    assert include_of(written(tmp_path, WITH_INCLUDE)).contacts == 3


def test_the_folder_itself_may_be_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "site").symlink_to("real")
    assert include_of(included(tmp_path / "site", HEADER + ROWS)).contacts == 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", "bad-yaml"), (" ", "not-text"), ("{a: b}", "wrong-shape"), ("[[m.csv]]", "wrong-shape"), ("[~]", "not-text")],
)
def test_an_include_that_names_no_file_is_a_fault(tmp_path: Path, value: str, expected: str) -> None:
    path = included(tmp_path, HEADER + ROWS, WITH_INCLUDE.replace("include: m.csv", f"include:{value and ' ' + value}"))
    assert faults(path) == [f"{expected} recipients.yaml:6"]


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run as root, whom no mode keeps out."""

    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"m\.csv: the file cannot be opened: Permission denied"):
        open_include(tmp_path / "m.csv", "m.csv", {})


# The file as a whole

WHOLE: dict[str, tuple[bytes, list[str], str]] = {
    "empty": (b"", ["empty-file m.csv"], "单位,联系人,邮箱"),
    "only blank lines": (b"\n\n , \n", ["empty-file m.csv"], "the file is empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", ["empty-file m.csv"], "the file is empty"),
    "Excel's file renamed": (b"PK\x03\x04\x14\x00\x06\x00", ["not-csv m.csv"], "no CSV file but xlsx"),
    "old Excel's file renamed": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ["not-csv m.csv"], "no CSV file but xls"),
    "UTF-16": ((HEADER + ROWS).encode("utf-16"), ["not-csv m.csv"], "save it as CSV with the encoding UTF-8"),
    "semicolons": (b"unit;name;email\na;b;c@example.org\n",
                   ["unknown-column m.csv:1", *["missing-column m.csv:1"] * 3], "separated by commas"),
    "no header": (ROWS.encode(), [*["unknown-column m.csv:1"] * 5, *["missing-column m.csv:1"] * 3], "first row names"),
    "column missing": ("单位,邮箱\n".encode(), ["missing-column m.csv:1"], "the column 联系人 is missing"),
    "column twice": ("单位,联系人,邮箱,email\n".encode(), ["duplicate-column m.csv:1"], "邮箱, email"),
    "column misspelt": ("单位,联系人,邮箱,称呼语\n".encode(), ["unknown-column m.csv:1"], "did you mean 称呼?"),
    "header later": (b"\n\nunit,name\n", ["missing-column m.csv:3"], "the column 邮箱 is missing"),
    "old Mac's line breaks": (b"unit,name,email\ra,b,c@example.org\r", ["bad-csv m.csv:1", "empty-file m.csv"],
                              "this row is not CSV"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "expected", "words"), WHOLE.values(), ids=WHOLE)
def test_a_file_that_is_no_list_of_contacts_says_why(
    tmp_path: Path, data: bytes, expected: list[str], words: str
) -> None:
    path = included(tmp_path, data)
    assert sorted(faults(path)) == sorted(expected)
    assert words in said(path)


def test_a_column_without_a_name_is_passed_over(tmp_path: Path) -> None:
    (contact,) = contacts(included(tmp_path, ",单位,联系人,邮箱,\n1,丁公司,甲,a@example.org,x\n"))
    assert contact.unit == "丁公司"


def test_a_header_alone_has_no_contacts(tmp_path: Path) -> None:
    assert include_of(included(tmp_path, HEADER)).contacts == 0


# Rows

GOOD = "丁公司,甲,a@example.org"
BAD_ROWS: dict[str, tuple[str, list[str]]] = {
    "no unit": (",甲,a@example.org", ["missing-cell 3"]),
    "no name": ("丁公司,,a@example.org", ["missing-cell 3"]),
    "no address": ("丁公司,甲", ["missing-cell 3"]),
    "nothing needed is there": (",,,收文", ["missing-cell 3"] * 3),
    "bad address": ("丁公司,甲,a＠example.org", ["bad-address 3"]),
    "two addresses": ('丁公司,甲,"a@example.org, b@example.org"', ["bad-address 3"]),
    "disabled: yes": ("丁公司,甲,a@example.org,,,是", ["no-reason 3"]),
    "disabled: 0": ("丁公司,甲,a@example.org,,,0", ["no-reason 3"]),
    "a cell too many": ("丁公司,甲,a@example.org,,,,,多", ["too-many-cells 3"]),
    "a line break in a name": ('"丁\n公司",甲,a@example.org', ["bad-text 3"]),
    "an invisible character": ("丁\u200b公司,甲,a@example.org", ["bad-text 3"]),
    "NUL": ("丁\x00公司,甲,a@example.org", ["bad-text 3"]),
    "a huge field": (f"{'丁' * 10_001},甲,a@example.org", ["bad-text 3"]),
    "a field beyond csv's limit": (f"{'丁' * 140_000},甲,a@example.org", ["bad-csv 3"]),
    "a quote that ends too early": ('"丁"公司,甲,a@example.org', ["bad-csv 3"]),
    "several faults": (",甲,a＠example.org,,,是", ["bad-address 3", "missing-cell 3", "no-reason 3"]),
}


@pytest.mark.parametrize(("row", "expected"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_told_with_its_line(tmp_path: Path, row: str, expected: list[str]) -> None:
    assert sorted(rows_faults(tmp_path, GOOD, row, GOOD)) == expected


def test_a_line_longer_than_any_gives_one_fault_and_the_next_row_is_read(tmp_path: Path) -> None:
    found = rows_faults(tmp_path, "丁" * 1_000_000, "丁公司,甲,无")
    assert found[0] == "bad-csv 2"
    assert found[-1].startswith("bad-address")


def test_an_open_quote_names_the_row_where_it_was_opened(tmp_path: Path) -> None:
    assert rows_faults(tmp_path, GOOD, '"丁公司,甲,a@example.org', GOOD, GOOD) == ["bad-csv 3"]


def test_a_damaged_byte_spoils_one_name_not_the_encoding(tmp_path: Path) -> None:
    """Whether a file is UTF-8 or GB18030 is settled by most of its lines."""
    rows = "".join(f"单位{number},甲,a@example.org\n" for number in range(20))
    data = (HEADER + rows).encode().replace("单位7,".encode(), b"\xe5\x8d,")
    assert faults(included(tmp_path, data)) == ["bad-text m.csv:9"]
    assert "wrong encoding?" in said(included(tmp_path, data))


def test_a_file_that_turns_to_gb18030_late_says_so_by_line(tmp_path: Path) -> None:
    data = (HEADER + GOOD + "\n" * 70_000).encode() + "戊公司,乙,b@example.org\n".encode("gb18030")
    assert faults(included(tmp_path, data)) == ["bad-text m.csv:70002", "bad-text m.csv:70002"]


def test_the_first_hundred_faults_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    path = included(tmp_path, HEADER + "丁公司,甲,无\n" * (MOST_FAULTS + 7))
    found = faults(path)
    assert found[:MOST_FAULTS] == [f"bad-address m.csv:{line}" for line in range(2, MOST_FAULTS + 2)]
    assert found[MOST_FAULTS:] == ["more-faults m.csv"]
    assert "and 7 more faults in this file" in said(path)


def test_faults_of_the_list_and_of_its_files_are_told_together(tmp_path: Path) -> None:
    text = replaced(
        ("units: [丙公司]", "units: [丙公司], include: [m.csv, n.csv, o.csv]"),
        ("name: 办公室", "name: 007"),
        ("labels: [发]", "labels: [发, 送]"),
    )
    path = written(
        tmp_path, text, m=f"{HEADER}丁公司,甲,无\n{GOOD}\n丁公司,乙,无\n", n=f"{HEADER}{GOOD}\n", o="单位,邮箱\n"
    )
    assert faults(path) == [
        "repeated-label recipients.yaml:3",
        "not-text recipients.yaml:15",
        "bad-address m.csv:2",
        "bad-address m.csv:4",
        "missing-column o.csv:1",
    ]


# A file that changes after it was checked

CHANGES = {
    "another row": (HEADER + ROWS + "己公司,甲,f@example.org\n").encode(),
    "another address": (HEADER + ROWS).replace("admin@", "office@").encode(),
    "no address any more": (HEADER + ROWS).replace("admin@epsilon.example.com", "办@").encode(),
    "another header": ("单位,联系人\n" + ROWS).encode(),
    "empty": b"",
    "an open quote": (HEADER + ROWS).replace("戊公司", '"戊公司').encode(),
    "another encoding": (HEADER + ROWS).encode("gb18030"),
}


@pytest.mark.parametrize("data", CHANGES.values(), ids=CHANGES)
def test_a_file_that_has_changed_is_not_trusted(tmp_path: Path, data: bytes) -> None:
    include = include_of(included(tmp_path, HEADER + ROWS))
    (tmp_path / "m.csv").write_bytes(data)
    with pytest.raises(InputError, match=r"m\.csv: the file was changed"):
        list(include.read())


def test_a_file_that_is_gone_is_not_trusted(tmp_path: Path) -> None:
    include = include_of(included(tmp_path, HEADER + ROWS))
    (tmp_path / "m.csv").unlink()
    with pytest.raises(InputError, match=r"m\.csv: the file was changed"):
        list(include.read())


def test_a_file_can_be_read_again_and_again(tmp_path: Path) -> None:
    include = include_of(included(tmp_path, HEADER + ROWS))
    assert list(include.read()) == list(include.read())


# What the export of the list writes


def test_the_audiences_of_an_exported_file_are_not_read(tmp_path: Path) -> None:
    content = "分组,单位,称呼,联系人,邮箱,职责,电话,停用,备注\n各会员单位,丁公司,丁公司办公室,甲,a@example.org,,,,\n"
    (contact,) = contacts(included(tmp_path, content))
    assert (contact.unit, contact.name, contact.email) == ("丁公司", "甲", "a@example.org")


def test_an_apostrophe_that_keeps_a_cell_from_being_run_is_taken_off(tmp_path: Path) -> None:
    content = "单位,联系人,邮箱,电话,备注\n丁公司,甲,'+a@example.org,'+86 22 1234,'不是公式\n"
    (contact,) = contacts(included(tmp_path, content))
    assert (contact.email, contact.phone, contact.note) == ("+a@example.org", "+86 22 1234", "'不是公式")
