"""The spreadsheet and the JSON document."""

import csv
import dataclasses
import datetime as dt
import io
import json
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.model.records import DeliveryRecord, OmittedRecord, ServedRecord
from distributor.delivery.model.states import State
from distributor.delivery.model.wanted import Wanted
from distributor.report.tables import (
    Cell,
    Listing,
    account_json,
    contact_rows,
    csv_text,
    delivery_json,
    heading,
    json_text,
    omitted_rows,
    one_line,
)
from tests.accounts import plain
from tests.test_report_account import ISSUE, OPENED, delivery

SHANGHAI = ZoneInfo("Asia/Shanghai")
FAILED = DeliveryRecord(
    id=7, group="送", supplement=0, channel="mail", address="x@alpha.example.org", state=State.FAILED, attempts=2,
    serves=(ServedRecord("有关部门", "市甲局", "收文员", "收文"), ServedRecord("有关部门", "市乙局", "办公室", None)),
    settled_at=OPENED + dt.timedelta(seconds=61), phase="rcpt", code=550, enhanced="5.1.1", reply="User unknown\nhere",
    reason="no-such-mailbox", relay="relay.example:25",
)  # fmt: skip
DISABLED = OmittedRecord("送", "某科", "市甲局", "k@alpha.example.org", "disabled", "机构调整")
UNRESOLVED = OmittedRecord("", "有关部们", None, None, "unresolved", "")
EMPTY = OmittedRecord("发", "待定单位", None, None, "empty", "")


def rows_of(*records: DeliveryRecord) -> list[dict[str, str]]:
    rows = contact_rows(records, "60", lambda state: state.value.upper())
    return list(csv.DictReader(io.StringIO(written(heading(), *rows).removeprefix("\ufeff"))))


def written(*rows: Sequence[Cell]) -> str:
    return "".join(csv_text(rows, SHANGHAI))


def test_one_row_for_each_contact_that_a_letter_serves() -> None:
    first, second = rows_of(FAILED)
    assert first == {
        "group": "送", "audience": "有关部门", "unit": "市甲局", "contact": "收文员", "role": "收文",
        "address": "x@alpha.example.org", "state": "FAILED", "attempts": "2", "settled at": "2026-03-05 10:01:01",
        "next attempt": "", "code": "550", "enhanced code": "5.1.1", "answer": "User unknown here",
        "why": "There is no such mailbox.",
        "what next": "Ask the unit for an address that works, correct the list, then "
        "`distributor resend 60 --missing`.",
    }  # fmt: skip
    assert second == first | {"unit": "市乙局", "contact": "办公室", "role": ""}


def test_only_contacts_of_the_units_that_are_wanted_have_rows() -> None:
    rows = contact_rows([FAILED], "60", str, Wanted(units=frozenset({"市乙局"})))
    assert [row[2] for row in rows] == ["市乙局"]


def test_a_row_has_numbers_and_times_as_such() -> None:
    (row,) = contact_rows([dataclasses.replace(FAILED, serves=FAILED.serves[:1])], "60", str)
    cells = dict(zip(heading(), row, strict=True))
    assert (cells["attempts"], cells["code"], cells["settled at"]) == (2, 550, FAILED.settled_at)
    assert (cells["next attempt"], cells["enhanced code"]) == (None, "5.1.1")


def test_times_are_in_the_site_s_zone() -> None:
    due = dt.datetime(2026, 3, 5, 16, 30, tzinfo=dt.UTC)
    (row,) = rows_of(dataclasses.replace(delivery(1, State.DEFERRED), next_attempt=due))
    assert (row["next attempt"], row["settled at"]) == ("2026-03-06 00:30:00", "")


def test_those_who_were_not_written_to_have_their_rows() -> None:
    disabled, unresolved, empty = (
        dict(zip(heading(), row, strict=True)) for row in omitted_rows([DISABLED, UNRESOLVED, EMPTY], "60")
    )
    assert (disabled["unit"], disabled["contact"], disabled["state"]) == ("市甲局", "某科", "disabled")
    assert disabled["address"] == "k@alpha.example.org"
    assert "机构调整" in str(disabled["why"])
    assert (unresolved["audience"], unresolved["unit"], unresolved["state"]) == ("有关部们", None, "not in the list")
    assert "60" in str(unresolved["what next"])
    assert (empty["group"], empty["audience"], empty["unit"], empty["state"]) == (
        "发",
        "待定单位",
        None,
        "reaches nobody",
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "#", "'="])
def test_no_cell_is_run_as_a_formula(start: str) -> None:
    cell = f"{start}HYPERLINK(1)"
    (read,) = csv.reader(io.StringIO(written([cell, "a=b", None]).removeprefix("\ufeff"), newline=""))
    assert read == [f"'{cell}", "a=b", ""]


def test_a_spreadsheet_takes_it_for_utf_8() -> None:
    assert written(["组", 'say "no", please'], ["送", ""]) == '\ufeff组,"say ""no"", please"\r\n送,\r\n'


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), min_size=1, max_size=4), max_size=5))
def test_what_is_written_is_read_again(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(written(*rows).removeprefix("\ufeff"), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a\nb\r\n  c", "a b c"),
        ("\x1b[2Jboo\x07", "[2Jboo"),
        ("\u202e5.1.1\x00", "5.1.1"),
        ("该用户不存在", "该用户不存在"),
        ("", ""),
    ],
)
def test_what_a_server_said_is_shown_on_one_line_and_steers_nothing(said: str, shown: str) -> None:
    assert one_line(said) == shown


def test_a_delivery_as_json() -> None:
    document = delivery_json(FAILED, "60")
    assert document["serves"][1] == {"audience": "有关部门", "unit": "市乙局", "contact": "办公室", "role": None}
    assert document["settled_at"] == "2026-03-05T02:01:01+00:00"
    assert (document["state"], document["reason"], document["why"]) == (
        "failed", "no-such-mailbox", "There is no such mailbox.",
    )  # fmt: skip
    assert document["reply"] == "User unknown\nhere"


def test_an_account_as_json() -> None:
    found = plain(ISSUE, [FAILED, delivery(1, group="发", units=("丙公司",), seconds=5)], [DISABLED, UNRESOLVED])
    document = account_json(found)
    assert [group["group"] for group in document["groups"]] == ["送", "发"]
    assert document["groups"][0] == {
        "group": "送", "units": 2, "units_reached": 0, "contacts": 2, "letters": 1, "sent": 0,
        "states": {"failed": 1}, "contact_states": {"failed": 2}, "disabled": 1,
    }  # fmt: skip
    assert (document["totals"]["letters"], document["totals"]["disabled"]) == (2, 1)
    assert document["sent"]["first"] == document["sent"]["last"] == "2026-03-05T02:00:05+00:00"
    assert [each["address"] for each in document["not_sent"]] == ["x@alpha.example.org"]
    assert document["not_sent_total"] == 1
    (reason,) = document["reasons"]
    assert (reason["state"], reason["reason"], reason["letters"]) == ("failed", "no-such-mailbox", 1)
    assert (reason["why"], reason["next_step"]) == ("There is no such mailbox.", document["not_sent"][0]["next_step"])
    assert [(each["group"], each["name"], each["reason"]) for each in document["omitted"]] == [
        ("送", "某科", "disabled"),
        (None, "有关部们", "unresolved"),
    ]


def test_a_failed_letter_that_was_replaced_has_a_place_of_its_own() -> None:
    corrected = dataclasses.replace(FAILED, id=8, supplement=1, address="y@alpha.example.org", state=State.SENT)
    document = account_json(plain(ISSUE, [FAILED, corrected], []))
    assert (document["not_sent"], document["not_sent_total"], document["replaced_total"]) == ([], 0, 1)
    assert [each["address"] for each in document["replaced"]] == ["x@alpha.example.org"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_document_in_pieces_is_one_document(count: int) -> None:
    rows = [delivery_json(delivery(number), "60") for number in range(count)]
    pieces = list(json_text({"schema": "x/1", "totals": {"letters": count}}, deliveries=iter(rows)))
    assert json.loads("".join(pieces)) == {"schema": "x/1", "totals": {"letters": count}, "deliveries": rows}
    assert sum('"a' in piece for piece in pieces) == count, "each delivery is a piece of its own"


def test_a_document_without_deliveries_is_one_document() -> None:
    assert json.loads("".join(json_text({"schema": "x/1"}))) == {"schema": "x/1"}


def test_what_was_listed_is_known_after_it() -> None:
    wanted = Wanted(units=frozenset({"市乙局"}), states=frozenset({State.FAILED}), since=OPENED.astimezone(SHANGHAI))
    listing = Listing([FAILED, delivery(1, State.FAILED, units=("市乙局",))], wanted, "60")
    document = json.loads("".join(json_text({"schema": "x/1"}, deliveries=listing, listed=listing.document)))
    assert [each["id"] for each in document["deliveries"]] == [7, 1]
    assert document["listed"] == {
        "units": ["市乙局"], "groups": [], "states": ["failed"], "since": "2026-03-05T02:00:00+00:00", "lacking": False,
        "letters": 2, "contacts": 2,
    }  # fmt: skip
