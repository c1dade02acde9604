"""Markdown for minutes, as a reader of GitHub's dialect takes it."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from distributor import i18n
from distributor.delivery.model.records import DeliveryRecord, OmittedRecord, ServedRecord
from distributor.delivery.model.states import State
from distributor.report import tables
from distributor.report.markdown import escaped, markdown
from distributor.report.summary import Manner
from tests.accounts import plain
from tests.test_report_account import ISSUE, OPENED, delivery

MANNER = Manner(str, ZoneInfo("Asia/Shanghai"), OPENED + dt.timedelta(hours=1))
FAILED = dataclasses.replace(
    delivery(1, State.FAILED, units=("市甲局", "市乙局"), seconds=61),
    code=550, enhanced="5.1.1", reply="User | unknown\n*here*", reason="no-such-mailbox",
)  # fmt: skip
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def text(records: Sequence[DeliveryRecord], omitted: Sequence[OmittedRecord] = (), *, lacking: bool = True) -> str:
    rows = [*tables.contact_rows(records, "60", str), *tables.omitted_rows(omitted, "60")]
    return "".join(markdown(plain(ISSUE, records, omitted), iter(rows), MANNER, lacking=lacking))


def cells_of(text: str) -> list[list[list[str]]]:
    """Each table's rows of cells, as they are seen."""
    found: list[list[list[str]]] = []
    for token in READER.parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and token.level == 4:
            assert {each.type for each in token.children or ()} <= {"text", "text_special"}, "nothing is marked up"
            found[-1][-1].append("".join(each.content for each in token.children or ()))
    return found


def test_facts_have_the_colon_of_the_language() -> None:
    i18n.activate("zh")
    try:
        assert "- 发件地址：" in text([FAILED])
    finally:
        i18n.activate("en")


def test_the_tables_of_an_account() -> None:
    numbers, by_contact, reasons, contacts = cells_of(text([FAILED, delivery(2)]))
    assert numbers[0] == ["group", "units", "contacts", "letters", "sent", "failed", "(disabled)"]
    assert numbers[1] == ["送", "2", "3", "2", "1", "1", "0"]
    assert by_contact[1] == ["送", "3", "1", "2"]
    assert reasons[1][:3] == ["failed", "1", "There is no such mailbox."]
    assert "`distributor resend 60 --missing`" in reasons[1][3]
    assert contacts[0] == [
        "group", "unit", "contact", "address", "state", "attempts", "settled at", "next attempt", "answer", "why",
    ]  # fmt: skip
    assert contacts[1] == [
        "送", "市甲局", "收文1", "a1@example.org", "failed", "1", "2026-03-05 10:01:01", "",
        "550 5.1.1 User | unknown *here*", "There is no such mailbox.",
    ]  # fmt: skip
    assert [row[1] for row in contacts[1:]] == ["市甲局", "市乙局", "市甲局"]


def test_titles_and_facts() -> None:
    written = text([FAILED])
    assert written.startswith("# 《园区工作简报》 第4期 总第60期 (60)\n\n## Numbers\n\n| group |")
    assert "\n## Who does not have it\n\n" in written
    assert "\n## Contacts\n\n" in text([FAILED], lacking=False)
    assert written.endswith("- SHA-256 of the list: \n- SHA-256 of the templates: \n")
    assert "\n- as of: 2026-03-05 11:00\n- opened: 2026-03-05 10:00\n- by: li on desk\n" in written


def test_what_is_empty_is_left_out() -> None:
    written = text([])
    for title in ("By contact served", "Why, and", "Who does not"):
        assert title not in written


def test_a_name_that_reached_nobody_stands_where_units_do() -> None:
    *_before, contacts = cells_of(text([FAILED], [OmittedRecord("", "有关部们", None, None, "unresolved", "")]))
    assert contacts[-1][:6] == ["", "有关部们", "", "", "not in the list", ""]


signs = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"]) | st.sampled_from("|\\`*_[]<>&#!~-+:@ "), max_size=30
)


@settings(deadline=None)
@given(signs, signs)
def test_every_sign_is_seen_as_it_is(unit: str, reply: str) -> None:
    record = dataclasses.replace(FAILED, serves=(ServedRecord("a", unit, reply, None),))
    *_before, contacts = cells_of(text([record]))
    assert contacts[1][1:3] == [" ".join(unit.split()) or "a", " ".join(reply.split())]


@given(st.text(max_size=60))
def test_nothing_leaves_its_line(written: str) -> None:
    assert len(escaped(written).splitlines()) <= 1
