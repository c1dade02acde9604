"""What the HTML report of an issue says, that it adds up, and that a long one costs no memory."""

import dataclasses
import datetime as dt
from collections.abc import Iterator

import pytest

from distributor import i18n
from distributor.delivery.model.records import DeliveryRecord, IssueRecord, IssueState
from distributor.delivery.model.states import State
from distributor.report import html
from distributor.report.html_facts import LISTED, Obstacle
from tests import accounts
from tests.report_pages import (
    ISSUE,
    OMITTED,
    OPENED,
    REFUSED,
    SILENT,
    Element,
    delivery,
    facts,
    page,
    read,
    rows,
    some,
)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    i18n.activate("en")
    yield
    i18n.activate("en")


def headline(document: Element) -> str:
    return document.one("headline").text


def contacts(document: Element, section: str = "missing") -> list[list[str]]:
    """The rows of the list in *section*."""
    found = next(each for each in document.all("section") if each.attributes["aria-labelledby"] == section)
    return rows(found.all("table")[0])


# What it says


@pytest.mark.parametrize(
    ("records", "tone", "said"),
    [
        ([delivery(n) for n in range(1, 98)], "good", "All 97 letters were sent."),
        ([delivery(1)], "good", "The 1 letter was sent."),
        ([delivery(1), delivery(2), delivery(3, State.FAILED, **REFUSED)], "bad", "1 of 3 letters was not sent."),
        ([delivery(1, State.CANCELLED), delivery(2, State.BOUNCED)], "bad", "2 of 2 letters were not sent."),
        (
            [delivery(1), delivery(2, State.UNCERTAIN, **SILENT)],
            "doubt",
            "Of 1 of 2 letters nobody knows whether it arrived.",
        ),
        ([delivery(1, State.UNCERTAIN, **SILENT), delivery(2, State.FAILED)], "bad", "1 of 2 letters was not sent."),
        ([delivery(1), delivery(2, State.QUEUED)], "waiting", "1 of 2 letters have been sent so far."),
        ([], "doubt", "Nobody was written to."),
    ],
)
def test_one_sentence_says_how_it_stands(records: list[DeliveryRecord], tone: str, said: str) -> None:
    document = read(page(records))
    assert headline(document) == said
    (section,) = document.all("section", "headline")
    assert section.classes == ["headline", tone]


def test_a_name_that_reached_nobody_spoils_all_sent() -> None:
    document = read(page([delivery(1)], omitted=OMITTED))
    (section,) = document.all("section", "headline")
    assert section.classes == ["headline", "doubt"]
    assert "1 name of the imprint reached nobody." in section.text


def test_it_names_the_issue_and_where_it_comes_from() -> None:
    document = read(page(some(), issue=dataclasses.replace(ISSUE, sequence=2, again_reason="更正附件")))
    assert document.all("h1")[0].text == "《园区工作简报》第4期 总第60期"
    assert document.all("title")[0].text == "Delivery report 60/2 《园区工作简报》第4期 总第60期"
    told = {each.all("dt")[0].text: each.all("dd")[0] for each in document.all("section", "about")[0].all("div")}
    assert {label: dd.text.replace(" ", "") for label, dd in told.items()} == {
        "Opened": "2026-03-0509:00:00",
        "By": "liondesk.example",
        "Sender": "office@sender.example",
        "Bulletin": "60.txt",
        "List": "r" * 12,
        "Templates": "t" * 12,
        "Sent again": "更正附件",
    }
    assert told["List"].attributes["title"] == "r" * 64
    assert "As of 2026-03-05 10:00:00" in document.all("section", "headline")[0].text


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (IssueState.PAUSED, ["PAUSED by 王: 等通知", "`distributor resume 60`"]),
        (IssueState.CANCELLED, ["CANCELLED by 王: 等通知"]),
    ],
)
def test_a_decision_about_the_issue_is_told(state: IssueState, said: list[str]) -> None:
    issue = dataclasses.replace(ISSUE, state=state, state_by="王", state_reason="等通知")
    document = read(page([delivery(1), delivery(2, State.QUEUED)], issue=issue))
    text = document.all("section", "headline")[0].text
    for each in said:
        assert each.strip("`") in text


def test_what_is_put_off_says_when_it_is_tried_again() -> None:
    document = read(page(some()))
    assert "1 letter still waits. The next attempt is at 2026-03-06 09:00:08." in document.all("ul")[0].text
    (row,) = (row for row in contacts(document) if row[4] == "put off")
    assert row[7] == "next attempt 2026-03-06 09:00:08"


def test_the_numbers_add_up_by_letter_and_by_contact() -> None:
    document = read(page(some(), omitted=OMITTED))
    table = document.all("table", "numbers")[0]
    assert [cell.text for cell in table.all("thead")[0].all("th")] == ["报", "送", "发", "All"]
    numbers = {}
    for body, name in zip(table.all("tbody"), ["units", "letters", "contacts", "disabled"], strict=True):
        numbers[name] = [[cell.text for cell in row.all("td")] for row in body.all("tr")]
    assert numbers["disabled"] == [["0", "1", "0", "1"]]
    for name, totals in (("letters", ["1", "4", "5", "10"]), ("contacts", ["1", "5", "5", "11"])):
        total, *parts = numbers[name]
        assert total == totals
        assert [str(sum(map(int, column))) for column in zip(*parts, strict=True)] == totals
    assert numbers["units"] == [["1", "5", "5", "11"], ["1", "3", "3", "7"]]


def test_contacts_are_not_counted_twice_where_each_has_a_letter() -> None:
    document = read(page([delivery(1), delivery(2)]))
    table = document.all("table", "numbers")[0]
    assert len(table.all("tbody")) == 2
    assert "Every letter serves one contact" in document.all("main")[0].text
    assert [cell.text for cell in table.all("thead")[0].all("th")] == ["送"], "one group needs no sum"


def test_every_reason_has_its_count_and_its_next_step() -> None:
    document = read(page(some()))
    (table,) = document.all("table", "steps")
    assert [row[:2] for row in rows(table)] == [
        ["1", "uncertain : It was handed over, and no clear answer came back: it may have arrived, or not."],
        ["2", "failed : There is no such mailbox."],
        ["1", "put off : The server asked us to try again later."],
    ]
    assert [code.text for code in table.all("code")] == [
        "distributor resolve 60 --sent ADDRESS",
        "distributor resend 60 --uncertain",
        "distributor resend 60 --missing",
    ]
    widths = [int(bar.attributes["width"]) for bar in table.all("rect")]
    assert widths == [500, 1000, 500]


def test_who_does_not_have_it_with_reason_step_reply_attempts_and_time() -> None:
    found = contacts(read(page(some())))
    assert [row[1] for row in found] == ["市丁局", "市丙局", "戊公司", "己公司"], "the worst first, then by group"
    assert [cell.replace("@ ", "@") for cell in found[1]] == [
        "送", "市丙局", "收文员", "office3@example.org", "failed",
        "There is no such mailbox. Ask the unit for an address that works, correct the list, then "
        "distributor resend 60 --missing . 550 5.1.1 User unknown",
        "1", "2026-03-05 09:00:03",
    ]  # fmt: skip


def test_only_those_without_it_unless_all_are_asked_for() -> None:
    assert "everybody" not in page(some())
    document = read(page(some(), everybody=True))
    assert len(contacts(document)) == 4
    found = contacts(document, "everybody")
    assert [row[1] for row in found][:4] == ["单位1", "市甲局", "市乙局", "市丙局"]
    assert [row[2] for row in found][1] == "收文员 (收文)"
    assert len(found) == 11


def test_a_letter_replaced_since_says_so_instead_of_asking_for_it_again() -> None:
    later = dataclasses.replace(delivery(2, address="new@example.org", unit="单位1"), supplement=1)
    document = read(page([delivery(1, State.FAILED, **REFUSED), later], replaced=frozenset({1})))
    assert headline(document) == "Everybody has it: 1 letter was sent."
    assert "1 letter failed, and was sent since to another address" in document.all("ul")[0].text
    (row,) = contacts(document)
    assert "sent since to another address of the same contact" in row[5]
    assert "resend" not in row[5]


def test_whom_nobody_wrote_to() -> None:
    (table,) = read(page(some(), omitted=OMITTED)).all("table", "omitted")
    assert [[*row[:3], row[4]] for row in rows(table)] == [
        ["送", "市甲局", "某科", "disabled"],
        ["", "", "有关单位", "not in the list"],
    ]
    assert "机构调整" in rows(table)[0][5]


def test_what_letters_wait_for() -> None:
    until = OPENED + dt.timedelta(hours=2)
    waits = Obstacle("QQ", 41, "The server takes only so many letters.", "It is tried again.", "421 <slow>", until)
    document = read(page(some(), obstacles=(waits,)))
    (found,) = rows(document.all("table", "steps")[1])
    assert found[0] == "41"
    assert found[1].startswith("QQ : The server takes only so many letters. until 2026-03-05 11:00:00")
    assert found[1].endswith("421 <slow>")


def test_a_mailbox_that_several_share_names_all_of_them() -> None:
    (table,) = read(page(some())).all("table", "shared")
    assert rows(table)[0][1] == "市甲局 收文员 (收文); 市乙局 收文员"


# Charts


def test_the_curve_begins_at_nothing_and_ends_with_what_was_sent() -> None:
    document = read(page([delivery(n) for n in (1, 2, 4)] + [delivery(8, State.FAILED, **REFUSED)]))
    (line,) = (each.attributes["d"] for each in document.all("path", "line"))
    assert line == "M0 100.0 250 75.0 500 50.0 1000 25.0"
    assert (
        "3 of 4 letters were sent from 2026-03-05 09:00:00 to 2026-03-05 09:00:04."
        in document.one("progress-desc").text
    )
    (table,) = document.all("details")[0].all("table")
    assert rows(table) == [
        ["2026-03-05 09:00:01", "1"], ["2026-03-05 09:00:02", "2"], ["2026-03-05 09:00:04", "3"],
    ]  # fmt: skip


def test_every_chart_is_named_described_and_there_as_a_table() -> None:
    document = read(page(some()))
    pictures = [each for each in document.all("svg") if each.attributes.get("role") == "img"]
    assert len(pictures) == 5, "a bar for each group and all, and the curve"
    for picture in pictures:
        name, description = map(document.one, picture.attributes["aria-labelledby"].split())
        assert name.text
        assert description.text
        assert picture.all("title")
        assert picture.all("desc")
    others = [each for each in document.all("svg") if "role" not in each.attributes]
    assert {each.attributes["aria-hidden"] for each in others} == {"true"}
    in_tables = [each for table in document.all("table") for each in table.all("svg")]
    assert len(in_tables) == len(others), "what is not named stands beside its number"


def test_the_slowest_domains_in_words_and_bars() -> None:
    (table,) = read(page(some())).all("table", "domains")
    assert [row[1:] for row in rows(table)] == [["4", "15 min 32 s", "31 min 5 s"], ["2", "2.5 s", "2.5 s"]]
    assert [int(bar.attributes["width"]) for bar in table.all("rect")] == [1000, 500, 6, 6]


def test_before_anything_was_sent_there_are_no_charts_of_time() -> None:
    document = read(page([delivery(1, State.QUEUED)]))
    assert not document.all("figure")
    assert not document.all("table", "domains")


# Many


def test_a_long_list_is_written_while_it_is_read() -> None:
    read_so_far = 0

    def everybody() -> Iterator[DeliveryRecord]:
        nonlocal read_so_far
        for number in range(1, 5_001):
            read_so_far = number
            yield delivery(number)

    account = accounts.plain(ISSUE, [delivery(1)], [])
    lags = []
    for piece in html.page(account, facts(), [], everybody()):
        if "<tr><td>送</td>" in piece:
            lags.append(read_so_far)
    assert len(lags) > 50
    assert lags[0] < 100, "the first rows are written long before the last are read"


def test_as_many_as_a_page_lists_are_not_too_large_to_mail() -> None:
    records = [
        delivery(
            number, State.FAILED, unit=f"某某经济技术开发区管理委员会{number}", code=550, enhanced="5.7.1",
            reply="Message rejected by the recipient's policy, please see https://mail.example/help " + "x" * 80,
            reason="policy",
        )
        for number in range(1, LISTED + 1)
    ]  # fmt: skip
    account = accounts.plain(ISSUE, [*records, delivery(LISTED + 1, State.FAILED)], [])
    text = "".join(html.page(account, facts(), records))
    assert len(text.encode()) < 5_000_000
    assert f"These are the first {LISTED:,} of {LISTED + 1:,} letters" in text
    assert "These are the first" not in page(some())


def test_a_wide_issue_shows_separated_thousands() -> None:
    many = dataclasses.replace(accounts.plain(ISSUE, some(), []))
    sent = dataclasses.replace(many.totals, letters={State.SENT: 100_000})
    text = "".join(html.page(dataclasses.replace(many, totals=sent, reasons={}, not_sent=()), facts(), []))
    assert headline(read(text)) == "All 100,000 letters were sent."


def test_an_issue_without_a_number_is_called_by_its_name_alone() -> None:
    issue: IssueRecord = dataclasses.replace(ISSUE, number=None, total_number=None)
    document = read(page(some(), issue=issue))
    assert document.all("h1")[0].text == "《园区工作简报》"
    assert "Delivery report @1" in document.all("title")[0].text
