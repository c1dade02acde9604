"""The HTML report as it comes from a ledger: its charts are counted right, it is one look, and it can be mailed."""

import contextlib
import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distributor import i18n
from distributor import settings as configuration
from distributor.delivery.ledger import acts, flows
from distributor.delivery.ledger.counts import span_of
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.channel import Phase, Reply
from distributor.delivery.model.flow import FlowKey, FlowKind
from distributor.delivery.model.records import DeliveryRecord, OmittedRecord
from distributor.delivery.model.states import HAS_IT, State
from distributor.distribution import charts, reporting_html
from distributor.distribution import site as sites
from distributor.distribution.by_hand import told
from distributor.distribution.reporting_html import html_report, mail_report
from distributor.errors import InputError
from distributor.report import html as pages
from distributor.report.html_facts import Charts
from tests import accounts, ledgers
from tests.report_pages import ISSUE, OMITTED, OPENED, REFUSED, delivery, read, rows, some
from tests.sites import Site, parse
from tests.smtpd import Smtpd

Open = Callable[..., sites.Site]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    i18n.activate("en")
    yield
    i18n.activate("en")


@contextlib.contextmanager
def opening(url: str, folder: Path) -> Iterator[Open]:
    """Makes the ledger at *url* hold an issue of which this became, and opens its site."""
    with ledgers.opened(url) as ledger:

        def holding(records: Iterable[DeliveryRecord], omitted: Sequence[OmittedRecord] = ()) -> sites.Site:
            accounts.store(ledger, ISSUE, records, omitted)
            return sites.Site(configuration.load(folder, environ={}), ledger, ledgers.PERSON)

        yield holding


@pytest.fixture
def holding(ledger_url: str, tmp_path: Path) -> Iterator[Open]:
    with opening(ledger_url, tmp_path) as found:
        yield found


def charts_of(site: sites.Site) -> Charts:
    with site.ledger.read() as connection:
        return charts.charts_of(connection, ISSUE, span_of(connection, ISSUE.id))


def page(site: sites.Site, *, everything: bool = False) -> str:
    with html_report(site, ISSUE, everything=everything) as pieces:
        return "".join(pieces)


def listed(text: str, section: str = "missing") -> list[str]:
    """The units in a list of contacts."""
    found = [each for each in read(text).all("section") if each.attributes["aria-labelledby"] == section]
    return [row[1] for row in rows(found[0].all("table")[0])] if found else []


# Progress

moments = st.lists(st.tuples(st.sampled_from(State), st.integers(-5, 400_000_000)), max_size=25)


def at(number: int, state: State, microseconds: int) -> DeliveryRecord:
    record = delivery(number, state)
    if record.settled_at is None:
        return record
    return dataclasses.replace(record, settled_at=OPENED + dt.timedelta(microseconds=microseconds))


def test_the_progress_is_what_had_been_sent_until_then_whatever_happened(holding: Open) -> None:
    @settings(max_examples=60, deadline=None)
    @given(moments)
    def is_true(chosen: list[tuple[State, int]]) -> None:
        records = [at(number, *each) for number, each in enumerate(chosen, 1)]
        sent = [each.settled_at for each in records if each.state in HAS_IT and each.settled_at]
        points = charts_of(holding(records)).progress
        if not sent:
            assert points == ()
            return
        assert points[0] == (OPENED, 0)
        assert len(points) <= charts.POINTS + 1
        assert [point.sent for point in points[1:]] == [
            sum(moment <= max(point.until, OPENED) for moment in sent) for point in points[1:]
        ]
        assert points[-1] == (max(*sent, OPENED), len(sent))
        assert list(points) == sorted(points)

    is_true()


def test_all_sent_in_one_moment_is_one_step(holding: Open) -> None:
    records = [at(number, State.SENT, 1) for number in (1, 2, 3)]
    assert charts_of(holding(records)).progress == ((OPENED, 0), (OPENED + dt.timedelta(microseconds=1), 3))


# Domains


def to(domain: str, number: int, seconds: float, **changes: Any) -> DeliveryRecord:
    settled = OPENED + dt.timedelta(seconds=seconds)
    record = delivery(number, address=f"office{number}@{domain}", settled_at=settled)
    return dataclasses.replace(record, **changes)


def test_the_slowest_domain_is_the_one_whose_95_percent_took_longest(holding: Open) -> None:
    even = [to("even.example.org", number, number) for number in range(1, 101)]
    uneven = [to("uneven.example.org", 200 + number, 1) for number in range(9)]
    slowest = charts_of(holding([*even, *uneven, to("uneven.example.org", 299, 600)])).slowest
    told = [(each.domain, each.letters, each.half.total_seconds(), each.most.total_seconds()) for each in slowest]
    assert told == [("uneven.example.org", 10, 1, 600), ("even.example.org", 100, 50, 95)]


def test_only_the_ten_slowest_are_told(holding: Open) -> None:
    slowest = charts_of(holding(to(f"d{number:02}.example.org", number, number) for number in range(1, 31))).slowest
    assert [each.domain for each in slowest] == [f"d{number}.example.org" for number in range(30, 20, -1)]


@pytest.mark.parametrize(
    "changes",
    [
        {"supplement": 1},
        {"state": State.FAILED, "reason": "policy"},
        {"state": State.UNCERTAIN, "reason": "no-answer"},
        {"reason": "no-answer"},  # a person said that it was sent
        {"state": State.CANCELLED, "reason": None},
    ],
)
def test_what_says_nothing_of_the_domain_is_left_out(holding: Open, changes: dict[str, Any]) -> None:
    records = [to("quick.example.org", 1, 2), to("quick.example.org", 2, 99_999, **changes)]
    (found,) = charts_of(holding(records)).slowest
    assert (found.letters, found.most.total_seconds()) == (1, 2)


def test_a_letter_that_a_person_sent_again_says_nothing_of_the_domain(holding: Open) -> None:
    site = holding([to("quick.example.org", 1, 2), to("slow.example.org", 2, 99_999)])
    ledgers.execute(site.ledger, "UPDATE deliveries SET generation = 2 WHERE id = 2")
    assert [each.domain for each in charts_of(site).slowest] == ["quick.example.org"]


paces = st.lists(st.tuples(st.sampled_from("abcdefghijkl"), st.integers(0, 500)), max_size=40)


def test_half_and_95_percent_are_those_of_real_letters(holding: Open) -> None:
    @settings(max_examples=40, deadline=None)
    @given(paces)
    def is_true(chosen: list[tuple[str, int]]) -> None:
        by_domain: dict[str, list[int]] = defaultdict(list)
        for name, seconds in chosen:
            by_domain[f"{name}.example.org"].append(seconds)
        expected = []
        for domain, seconds_each in by_domain.items():
            ordered, count = sorted(seconds_each), len(seconds_each)
            half, most = (ordered[-(-count * share // 100) - 1] for share in (50, 95))
            expected.append((domain, count, half, most))
        expected.sort(key=lambda each: (-each[3], -each[2], each[0]))
        records = [to(f"{name}.example.org", number, seconds) for number, (name, seconds) in enumerate(chosen, 1)]
        found = charts_of(holding(records)).slowest
        told = [(each.domain, each.letters, each.half.total_seconds(), each.most.total_seconds()) for each in found]
        assert told == expected[: charts.DOMAINS]

    is_true()


# The page


def test_the_page_tells_what_the_ledger_holds(holding: Open) -> None:
    site = holding(some(), OMITTED)
    text = page(site)
    assert read(text).one("headline").text == "6 of 10 letters have been sent so far."
    assert listed(text) == ["市丁局", "市丙局", "戊公司", "己公司"]
    assert listed(text, "everybody") == []
    assert len(listed(page(site, everything=True), "everybody")) == 11


def test_those_replaced_since_come_last(holding: Open) -> None:
    later = dataclasses.replace(delivery(3, address="new@example.org", unit="甲"), supplement=1)
    records = [delivery(1, State.FAILED, unit="甲", **REFUSED), delivery(2, State.FAILED, unit="乙", **REFUSED), later]
    text = page(holding(records))
    assert listed(text) == ["乙", "甲"]
    assert "It was sent since to another address of the same contact." in text


def test_of_many_the_first_are_listed_and_that_is_said(holding: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reporting_html, pages):
        monkeypatch.setattr(module, "LISTED", 3)
    monkeypatch.setattr(reporting_html, "_TOGETHER", 2)
    site = holding(delivery(number, State.FAILED, **REFUSED) for number in range(1, 6))
    text = page(site)
    assert listed(text) == ["单位1", "单位2", "单位3"]
    assert "These are the first 3 of 5 letters; with --all the report lists everybody." in text


def test_all_of_it_is_one_look_at_the_ledger(holding: Open) -> None:
    site = holding([delivery(1), delivery(2, State.QUEUED)])
    with html_report(site, ISSUE, everything=True) as pieces:
        acts.cancel(site.ledger, ISSUE.id, actor=ledgers.PERSON, reason="迟了")
        text = "".join(pieces)
    assert read(text).one("headline").text == "1 of 2 letters have been sent so far."
    assert "cancelled" not in "".join(cell.text for cell in read(text).all("td"))


def test_what_the_letters_wait_for_is_told(holding: Open) -> None:
    site = holding([delivery(1), delivery(2, State.QUEUED, address="a@slow.example")])
    key = FlowKey(FlowKind.DESTINATION, "slow.example")
    assert flows.block(
        site.ledger, key, actor=ledgers.WORKER, reason="spf-refused", reply="550 SPF\x1b[2J", relay="relay.example:25"
    )
    tables = read(page(site)).all("table", "steps")
    (found,) = rows(tables[1])
    assert found[0] == "1"
    assert found[1] == "slow.example : The sender's domain does not list our relay as its own (SPF). 550 SPF [2J"
    assert "distributor release slow.example" in found[2]


# By mail


@pytest.fixture
def office(site: Site) -> Iterator[Database]:
    """The ledger of a site in which some were sent."""
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as ledger:
        accounts.store(ledger, ISSUE, some(), OMITTED)
        yield ledger


def mailed(address: str = "me@association.example") -> reporting_html.MailedReport:
    with sites.open_site() as site:
        return mail_report(site, ISSUE, address)


@pytest.mark.usefixtures("office")
def test_without_a_relay_the_report_stays_in_the_outbox(site: Site) -> None:
    done = mailed()
    assert (done.sent, done.outbox) == (True, site.folder / "outbox")
    assert done.subject == "Delivery report 60: 6 of 10 letters have been sent so far."
    (letter,) = site.letters()
    assert letter["Subject"] == done.subject
    assert letter["To"] == "me@association.example"
    assert letter["From"].addresses[0].display_name == "园区工作简报"
    assert letter["Auto-Submitted"] == "auto-generated"
    (attachment,) = letter.iter_attachments()
    assert attachment.get_filename() == "report-60.html"
    assert attachment.get_content_type() == "text/html"
    assert listed(attachment.get_content()) == ["市丁局", "市丙局", "戊公司", "己公司"]


def test_a_refusal_of_the_letter_is_told_with_both_codes() -> None:
    sent, said = told(Reply(Phase.RCPT, 550, "5.1.1", "User unknown"), "me@association.example")
    assert (sent, said) == (False, "There is no such mailbox. (550 5.1.1 User unknown)")


@pytest.mark.usefixtures("office")
def test_the_letter_says_in_its_text_what_is_to_be_known(site: Site) -> None:
    mailed()
    (letter,) = site.letters()
    body = letter.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == [
        "《园区工作简报》第4期 总第60期 (60)",
        "",
        "6 of 10 letters have been sent so far.",
        "1 letter still waits. The next attempt is at 2026-03-06 09:00:08.",
        "1 letter may have arrived or not: it needs your decision.",
        "1 name of the imprint reached nobody.",
        "",
        "报: 1 = 1 sent",
        "送: 4 = 2 sent, 1 uncertain, 1 failed",
        "发: 5 = 3 sent, 1 failed, 1 put off",
        "all: 10 = 6 sent, 1 uncertain, 2 failed, 1 put off",
        "",
        "1 uncertain: It was handed over, and no clear answer came back: it may have arrived, or not.",
        "  → Ask the unit. If it has the letter: `distributor resolve 60 --sent ADDRESS`; if not, or nobody can be "
        "asked, `distributor resend 60 --uncertain` sends it again.",
        "2 failed: There is no such mailbox.",
        "  → Ask the unit for an address that works, correct the list, then `distributor resend 60 --missing`.",
        "1 put off: The server asked us to try again later.",
        "  → It is tried again by itself. If it lasts: show the answer to the administrator of the relay.",
        "",
        "The report is attached: open report-60.html in a browser.",
    ]


@pytest.mark.usefixtures("office")
def test_by_a_relay_it_goes_to_that_address_alone(site: Site, smtpd: Smtpd) -> None:
    site.setting(RELAY=f"smtp://{smtpd.relay}", FROM="bulletin@association.example")
    done = mailed()
    assert (done.sent, done.outbox) == (True, None)
    assert smtpd.accepted == ["me@association.example"]
    (message,) = smtpd.messages
    assert b"\r\n" in message.data
    assert max(map(len, message.data.split(b"\r\n"))) <= 998, "RFC 5321 4.5.3.1.6"
    assert parse(message.data)["From"].addresses[0].addr_spec == "bulletin@association.example"


@pytest.mark.usefixtures("office")
def test_a_relay_that_carries_nothing_of_ours_is_not_asked(site: Site, smtpd: Smtpd) -> None:
    site.setting(FROM="bulletin@association.example")
    relays = f"""\
relays:
  other: {{address: "smtp://127.0.0.1:1", senders: [other.example]}}
  ours: {{address: "smtp://{smtpd.relay}"}}
"""
    (site.folder / "relays.yaml").write_text(relays, "utf-8")
    assert mailed().sent
    assert smtpd.accepted == ["me@association.example"]


@pytest.mark.usefixtures("office")
def test_a_relay_that_refuses_is_told_with_its_words(site: Site, smtpd: Smtpd) -> None:
    site.setting(RELAY=f"smtp://{smtpd.relay}", FROM="bulletin@association.example")
    smtpd.on("rcpt", "550 5.1.1 no such user")
    done = mailed()
    assert not done.sent
    assert done.reply.startswith("There is no such mailbox. (550")
    assert smtpd.accepted == []


@pytest.mark.usefixtures("office")
def test_a_relay_that_is_not_there_is_told(site: Site) -> None:
    site.setting(RELAY="smtp://127.0.0.1:1", FROM="bulletin@association.example")
    done = mailed()
    assert not done.sent
    assert "There was no connection to the relay." in done.reply


@pytest.mark.usefixtures("office")
def test_it_wants_an_address(site: Site) -> None:
    with pytest.raises(InputError) as caught:
        mailed("me")
    assert [finding.code for finding in caught.value.findings] == ["bad-address"]
    assert site.letters() == []


@pytest.mark.usefixtures("office")
def test_an_address_in_other_letters_than_ascii_gets_it_too(site: Site) -> None:
    assert mailed("收文@机关.example").sent
    (file,) = (site.folder / "outbox" / "new").iterdir()
    assert "\nTo: 收文@xn--".encode() in file.read_bytes().replace(b"\r\n", b"\n"), "RFC 6532, as the envelope has it"


def test_hostile_words_stay_in_their_place_in_the_letter(site: Site, office: Database) -> None:
    issue = dataclasses.replace(ISSUE, masthead='简报\r\nBcc: all@example.org, "x" <y@example.org>', sequence=2)
    with sites.open_site() as opened:
        assert mail_report(opened, issue, "me@association.example").sent
    (letter,) = site.letters()
    assert letter["Bcc"] is None
    assert [each.addr_spec for each in letter["From"].addresses] == ["bulletin@distributor.example"]
    (attachment,) = letter.iter_attachments()
    assert attachment.get_filename() == "report-60-2.html"
