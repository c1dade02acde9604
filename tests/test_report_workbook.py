"""The workbook of an account, as a spreadsheet program finds it: summary, chart, contacts."""

import dataclasses
import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distributor.delivery.model.records import DeliveryRecord, OmittedRecord, ServedRecord
from distributor.delivery.model.states import State
from distributor.errors import InputError
from distributor.recipients.sheets import xmlcells
from distributor.report import tables, workbook
from distributor.report.summary import Manner
from distributor.report.summary_sheet import COLOURS
from tests.accounts import plain
from tests.test_report_account import ISSUE, OPENED, delivery

SHANGHAI = ZoneInfo("Asia/Shanghai")
MANNER = Manner(str, SHANGHAI, OPENED + dt.timedelta(hours=1))
FAILED = DeliveryRecord(
    id=7, group="送", supplement=0, channel="mail", address="x@alpha.example.org", state=State.FAILED, attempts=2,
    serves=(ServedRecord("有关部门", "市甲局", "收文员", "收文"), ServedRecord("有关部门", "市乙局", "办公室", None)),
    settled_at=OPENED + dt.timedelta(seconds=61), phase="rcpt", code=550, enhanced="5.1.1", reply="User unknown\nhere",
    reason="no-such-mailbox", relay="relay.example:25",
)  # fmt: skip
OTHERS = [delivery(1), delivery(2, State.DEFERRED, group="发"), delivery(3, group="报"), delivery(4, State.UNCERTAIN)]
OMITTED = [OmittedRecord("送", "某科", "市丙局", "k@alpha.example.org", "disabled", "机构调整")]


def written(records: Sequence[DeliveryRecord], omitted: Sequence[OmittedRecord] = ()) -> bytes:
    stream = io.BytesIO()
    rows = [*tables.contact_rows(records, "60", str), *tables.omitted_rows(omitted, "60")]
    workbook.write(stream, plain(ISSUE, records, omitted), iter(rows), MANNER, "account.xlsx")
    return stream.getvalue()


@pytest.fixture(scope="module")
def content() -> bytes:
    return written([FAILED, *OTHERS], OMITTED)


@pytest.fixture(scope="module")
def book(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def rows_of(sheet: Any) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def column(sheet: Any, title: str) -> list[Any]:
    """The cells under *title*."""
    titles = [cell.value for cell in sheet[1]]
    return [row[titles.index(title)] for row in sheet.iter_rows(min_row=2)]


def test_contacts_are_what_the_other_spreadsheet_has(book: openpyxl.Workbook) -> None:
    heading, *rows = rows_of(book["Contacts"])
    assert heading == tables.heading()
    expected = [*tables.contact_rows([FAILED, *OTHERS], "60", str), *tables.omitted_rows(OMITTED, "60")]
    assert len(rows) == len(expected) == 7
    for row, cells in zip(rows, expected, strict=True):
        told = [cell.strftime("%Y-%m-%d %H:%M:%S") if isinstance(cell, dt.datetime) else cell for cell in row]
        wanted = [tables.text_of(cell, SHANGHAI) if isinstance(cell, dt.datetime) else cell or None for cell in cells]
        # A number that is 0 is one.
        assert told == [0 if cell == 0 else each for each, cell in zip(wanted, cells, strict=True)]


def test_numbers_are_numbers_and_times_are_times_of_the_site_s_zone(book: openpyxl.Workbook) -> None:
    sheet = book["Contacts"]
    assert [(cell.value, cell.data_type) for cell in column(sheet, "code")[:2]] == [(550, "n"), (550, "n")]
    assert column(sheet, "settled at")[0].value == dt.datetime(2026, 3, 5, 10, 1, 1)  # noqa: DTZ001
    assert column(sheet, "settled at")[0].is_date


def test_contacts_can_be_filtered_under_a_header_that_stays(book: openpyxl.Workbook) -> None:
    sheet = book["Contacts"]
    assert sheet.auto_filter.ref == "A1:O8"
    assert sheet.freeze_panes == "A2"
    assert all(cell.font.bold for cell in sheet[1])
    assert all(sheet.column_dimensions[cell.column_letter].width >= 8 for cell in sheet[1])
    assert [str(name) for name in sheet.defined_names] == ["_xlnm._FilterDatabase"] or sheet.print_title_rows == "$1:$1"


def test_states_have_their_colours(book: openpyxl.Workbook) -> None:
    found = {cell.value: cell.fill.fgColor.rgb for cell in column(book["Contacts"], "state")}
    assert found == {
        state.value: f"00{COLOURS[state]}" for state in (State.FAILED, State.SENT, State.DEFERRED, State.UNCERTAIN)
    } | {"disabled": "00D9D9D9"}


def test_every_state_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(State)
    assert len(set(COLOURS.values())) == len(State)


def test_the_summary_adds_up(book: openpyxl.Workbook) -> None:
    rows = rows_of(book["Summary"])
    assert rows[0][0] == "《园区工作简报》 第4期 总第60期 (60)"
    assert rows[2][0] == "Numbers"
    states = ["sent", "uncertain", "failed", "deferred"]
    assert rows[3][:9] == ["group", "units", "contacts", "letters", *states, "(disabled)"]
    numbers = {row[0]: row[1:8] for row in rows[4:8]}
    assert numbers["all"] == [2, 6, 5, 2, 1, 1, 1]
    assert numbers["送"] == [2, 4, 3, 1, 1, 1, 0]
    by_contact = rows[[row[0] for row in rows].index("By contact served") + 2]
    assert by_contact[:6] == ["报", 1, 1, 0, 0, 0]


def test_the_summary_says_why_what_to_do_and_of_when_it_is(book: openpyxl.Workbook) -> None:
    rows = [[cell for cell in row if cell is not None] for row in rows_of(book["Summary"])]
    reason = rows.index(["failed", 1, "There is no such mailbox."])
    assert rows[reason + 1][0].startswith("→ Ask the unit for an address that works")
    assert ["as of", "2026-03-05 11:00"] in rows
    assert ["opened", "2026-03-05 10:00"] in rows
    assert ["by", "li on desk"] in rows


def test_the_chart_shows_the_states_of_each_group(book: openpyxl.Workbook) -> None:
    (chart,) = book["Summary"]._charts
    assert (chart.type, chart.grouping, chart.overlap) == ("bar", "percentStacked", 100)
    assert [series.val.numRef.f for series in chart.series] == [
        f"'Summary'!${letter}$5:${letter}$7" for letter in "EFGH"
    ]
    assert {series.cat.numRef.f for series in chart.series} == {"'Summary'!$A$5:$A$7"}
    colours = [series.graphicalProperties.solidFill.srgbClr for series in chart.series]
    assert colours == [COLOURS[state] for state in (State.SENT, State.UNCERTAIN, State.FAILED, State.DEFERRED)]


def test_an_issue_without_letters_has_a_workbook() -> None:
    book = openpyxl.load_workbook(io.BytesIO(written([])))
    assert rows_of(book["Contacts"]) == [tables.heading()]
    assert book["Summary"]._charts == []


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "#N/A", "'=1", "'"])
def test_no_cell_is_run_as_a_formula(name: str) -> None:
    record = dataclasses.replace(FAILED, serves=(ServedRecord(name, name, name, name),), reply=name)
    content = written([record])
    sheet = openpyxl.load_workbook(io.BytesIO(content))["Contacts"]
    for title in ("audience", "unit", "contact", "role", "answer"):
        (cell,) = column(sheet, title)
        assert cell.data_type == "s"
        assert cell.value in (name, f"'{name}")
        assert cell.quotePrefix or cell.value == name == "'"
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        assert all(b"<f>" not in zipped.read(part) for part in zipped.namelist() if "worksheets" in part)


def test_a_masthead_is_no_formula_either() -> None:
    stream = io.BytesIO()
    issue = dataclasses.replace(ISSUE, masthead="", file="=1+1", opened_by="=2", sender="\x1b=3")
    workbook.write(stream, plain(issue, [FAILED], []), iter([]), MANNER, "a.xlsx")
    sheet = openpyxl.load_workbook(stream)["Summary"]
    (found,) = [row[1] for row in sheet.iter_rows() if row[0].value == "bulletin"]
    assert (found.value, found.data_type, found.quotePrefix) == ("=1+1", "s", True)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_text_comes_back_as_it_was(name: str) -> None:
    record = dataclasses.replace(FAILED, serves=(ServedRecord("a", name, "c", None),))
    sheet = openpyxl.load_workbook(io.BytesIO(written([record])))["Contacts"]
    (cell,) = column(sheet, "unit")
    read = openpyxl.utils.escape.unescape(cell.value)
    assert read in (name, f"'{name}")


@pytest.mark.parametrize(
    ("name", "most", "words"), [("MAX_ROWS", 3, "holds no more than 2 rows"), ("_LONGEST_CELL", 40, "too long")]
)
def test_what_a_workbook_cannot_hold_is_sent_to_csv(
    monkeypatch: pytest.MonkeyPatch, name: str, most: int, words: str
) -> None:
    monkeypatch.setattr(xmlcells, name, most)
    with pytest.raises(InputError, match=words) as caught:
        written([FAILED, *OTHERS])
    assert "account.xlsx" in str(caught.value)
    assert "write a .csv file" in str(caught.value)


def test_it_is_told_by_its_beginning_and_every_part_is_named_once(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        names = zipped.namelist()
        types = zipped.read("[Content_Types].xml").decode()
        assert zipped.testzip() is None
    assert names[0] == "[Content_Types].xml"
    assert len(names) == len(set(names))
    assert {"xl/charts/chart1.xml", "xl/worksheets/sheet2.xml", "xl/styles.xml"} <= set(names)
    assert all(f"/{name}" in types for name in names if name.startswith("xl/worksheets/sheet"))
