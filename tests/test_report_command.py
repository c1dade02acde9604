"""`distributor report`, as a person and as a program read it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from distributor.delivery.ledger import acts, claims
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.opening import add_supplement
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import Event
from distributor.recipients.model import GroupName
from tests import ledgers
from tests.sites import Site

MEMBERS = GroupName.MEMBERS
NO_SUCH = {
    "phase": "rcpt",
    "code": 550,
    "enhanced": "5.1.1",
    "reply": "\x1b[2JUser unknown",
    "reason": "no-such-mailbox",
}
BUSY = {"phase": "rcpt", "code": 451, "enhanced": None, "reply": "later", "reason": "temporary"}
SILENCE = {"code": None, "enhanced": None, "reply": "connection reset", "reason": "no-answer"}


@pytest.fixture
def ledger(site: Site) -> Iterator[Database]:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as database:
        yield database


Ending = tuple[Event, dict[str, Any]]
Settle = Callable[..., None]


@pytest.fixture
def settle(ledger: Database) -> Settle:
    """Give the deliveries that are due their endings, in the order of their ids; more than that wait on."""

    def settle(*endings: Ending) -> None:
        lease, claimed = ledgers.claimed(ledger, 1000)
        mine = sorted(claimed, key=lambda claim: claim.id)[: len(endings)]
        claims.release(ledger, lease, [claim.id for claim in mine])
        ledgers.mark(ledger, *mine)
        for claim, (event, said) in zip(mine, endings, strict=True):
            ledgers.record(ledger, ledgers.result(claim, event, **said))

    return settle


SENT: Ending = (Event.ACCEPTED, {})
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
STEPS = ("no-such-mailbox", "policy", "too-old", "too-large")  # what mends each of them is another


def supplement(ledger: Database, issue: IssueRecord, *people: Any) -> None:
    """`resend --missing`: *people* are on the list by now."""
    with Staging(people) as staging:
        letters = {letter.group: letter for letter in ledgers.letters_for(staging)}
        assert add_supplement(ledger, issue.id, letters.values(), staging, ledgers.PERSON) == len(people)


def everybody(*more: Any) -> list[Any]:
    """Two departments and two members; then *more*."""
    return [*map(ledgers.candidate, (1, 2)), *(ledgers.candidate(n, group=MEMBERS) for n in (3, 4)), *more]


def test_all_sent(site: Site, ledger: Database, settle: Settle) -> None:
    ledgers.open_to(ledger, everybody())
    settle(SENT, SENT, SENT, SENT)
    ran = site.run("report", "60")
    assert ran.code == 0
    assert "《园区工作简报》 第4期 总第60期 (60)" in ran.out
    assert "by li on desk.example, from office@sender.example" in ran.out
    assert ran.out.rstrip().endswith("All 4 letters were sent.")
    assert "@example.org" not in ran.out, "nobody is listed who has it"


def test_the_numbers_add_up_before_the_reader_s_eyes(site: Site, ledger: Database, settle: Settle) -> None:
    ledgers.open_to(ledger, everybody())
    settle(SENT, (Event.REFUSE, NO_SUCH), (Event.LOSE, SILENCE), (Event.DEFER, BUSY))
    lines = [line.split() for line in site.run("report", "60").out.splitlines()]
    table = {line[0]: line[1:] for line in lines if "=" in line}
    assert table == {
        "送": ["2", "2", "2", "=", "1", "0", "1", "0"],
        "发": ["2", "2", "2", "=", "0", "1", "0", "1"],
        "all": ["4", "4", "4", "=", "1", "1", "1", "1"],
    }
    assert ["units", "contacts", "letters", "sent", "uncertain", "failed", "put", "off", "(disabled)"] in lines


def test_who_does_not_have_it_why_and_what_next(site: Site, ledger: Database, settle: Settle) -> None:
    ledgers.open_to(ledger, everybody())
    settle((Event.REFUSE, NO_SUCH), SENT, (Event.LOSE, SILENCE), (Event.REFUSE, NO_SUCH))
    ran = site.run("report", "60")
    assert ran.code == 1
    shown = TIME.sub("TIME", ran.out[ran.out.index("Why, and") :])
    assert shown.splitlines() == [
        "Why, and what to do:",
        "1 uncertain: It was handed over, and no clear answer came back: it may have arrived, or not.",
        "  → Ask the unit. If it has the letter: `distributor resolve 60 --sent ADDRESS`; if not, or nobody can be "
        "asked, `distributor resend 60 --uncertain` sends it again.",
        "2 failed: There is no such mailbox.",
        "  → Ask the unit for an address that works, correct the list, then `distributor resend 60 --missing`.",
        "",
        "Who does not have it:",
        "发  单位3",
        "  收文  office3@example.org  uncertain: It was handed over, and no clear answer came back: it may have "
        "arrived, or not.",
        "      1 attempt; TIME: connection reset",
        "送  单位1",
        "  收文  office1@example.org  failed: There is no such mailbox.",
        "      1 attempt; TIME: 550 5.1.1 [2JUser unknown",
        "发  单位4",
        "  收文  office4@example.org  failed: There is no such mailbox.",
        "      1 attempt; TIME: 550 5.1.1 [2JUser unknown",
        "",
        "1 letter may have arrived or not and needs your decision, see above.",
        "2 letters need an address that works: correct the list, then `distributor resend 60 --missing`.",
    ]


def test_each_failed_letter_is_counted_with_the_step_that_mends_it(
    site: Site, ledger: Database, settle: Settle
) -> None:
    ledgers.open_to(ledger, everybody(ledgers.candidate(5)))
    settle(SENT, *((Event.REFUSE, NO_SUCH | {"reason": reason}) for reason in STEPS))
    assert site.run("report", "60").out.splitlines()[-3:] == [
        "1 letter needs an address that works: correct the list, then `distributor resend 60 --missing`.",
        "2 letters failed: see above what to mend; `distributor resend 60 --failed` sends them once more.",
        "1 letter failed: see above what to do.",
    ]


def test_what_is_put_off_has_its_next_attempt(site: Site, ledger: Database, settle: Settle) -> None:
    ledgers.open_to(ledger, everybody())
    settle(SENT, SENT, SENT, (Event.DEFER, BUSY))
    ledgers.execute(ledger, "UPDATE deliveries SET next_attempt = 1772728200000000 WHERE state = 'deferred'")
    ran = site.run("report", "60")
    assert ran.code == 4
    assert "1 put off: The server asked us to try again later.\n  → It is tried again by itself." in ran.out
    assert "office4@example.org  put off: The server asked us to try again later.\n" in ran.out
    assert "      1 attempt; next attempt 2026-03-06 00:30: 451 later\n" in ran.out
    assert ran.out.rstrip().endswith("The next attempt is at 2026-03-06 00:30.")


def test_letters_and_contacts_add_up_where_mailboxes_are_shared(site: Site, ledger: Database, settle: Settle) -> None:
    ledgers.open_to(ledger, everybody(ledgers.candidate(5, email="office1@example.org")))
    settle((Event.REFUSE, NO_SUCH), SENT, SENT, SENT)
    lines = [line.split() for line in site.run("report", "60").out.splitlines()]
    assert [line for line in lines if "=" in line] == [
        ["送", "3", "3", "2", "=", "1", "1"],
        ["发", "2", "2", "2", "=", "2", "0"],
        ["all", "5", "5", "4", "=", "3", "1"],
        ["送", "3", "=", "1", "2"],
        ["发", "2", "=", "2", "0"],
        ["all", "5", "=", "3", "2"],
    ]


def test_contacts_are_not_counted_twice_where_no_mailbox_is_shared(site: Site, ledger: Database) -> None:
    ledgers.open_to(ledger, everybody())
    assert site.run("report", "60").out.count(" = ") == 3


def test_what_it_was_made_from_and_how_long_it_took(site: Site, ledger: Database, settle: Settle) -> None:
    digests = {"content_sha256": "c" * 64, "roster_sha256": "a" * 64, "templates_sha256": "b" * 64}
    ledgers.open_to(ledger, everybody(), ledgers.new_issue(**digests))
    settle(SENT, SENT, SENT, SENT)
    opened = "(SELECT opened_at FROM issues)"
    ledgers.execute(ledger, f"UPDATE deliveries SET settled_at = {opened} + 75000000 * id")
    out = site.run("report", "60").out
    assert "Made from 60.txt (cccccccccccc), the list aaaaaaaaaaaa and the templates bbbbbbbbbbbb; SHA-256" in out
    assert re.search(
        r"Sent: the first after 1 min 15 s \(.*\), half after 2 min 30 s \(.*\), 95 % after 5 min \(.*\), the last", out
    )
    issue = site.run("report", "60", "--json").json["issue"]
    assert (issue["content_sha256"], issue["list_sha256"], issue["templates_sha256"]) == ("c" * 64, "a" * 64, "b" * 64)
    assert (issue["sender"], issue["host"]) == ("office@sender.example", "desk.example")


def test_before_anything_was_tried(site: Site, ledger: Database) -> None:
    ledgers.open_to(ledger, everybody())
    ran = site.run("report", "60")
    assert ran.code == 4
    assert "4 queued: It waits for its turn." in ran.out
    assert "  收文  office1@example.org  queued: It waits for its turn.\n  " not in ran.out, "nothing was tried"
    assert "4 letters still wait" in ran.out


def test_a_paused_issue_says_so_and_how_to_go_on(site: Site, ledger: Database) -> None:
    issue = ledgers.open_to(ledger, everybody())
    acts.pause(ledger, issue.id, actor=ledgers.PERSON, reason="等通知")
    ran = site.run("report", "60")
    assert ran.code == 1
    assert "PAUSED by li: 等通知" in ran.out
    assert "`distributor resume 60` goes on" in ran.out


def test_a_cancelled_issue_says_so(site: Site, ledger: Database, settle: Settle) -> None:
    issue = ledgers.open_to(ledger, everybody())
    settle(SENT, SENT, SENT)
    acts.cancel(ledger, issue.id, actor=ledgers.PERSON, reason="")
    ran = site.run("report", "60")
    assert ran.code == 1
    assert "CANCELLED by li: no reason given" in ran.out
    assert "cancelled: The issue was cancelled before this letter was sent." in ran.out
    assert "resume" not in ran.out


def test_cancelling_what_everybody_has_changes_nothing(site: Site, ledger: Database, settle: Settle) -> None:
    issue = ledgers.open_to(ledger, everybody())
    settle(SENT, SENT, SENT, SENT)
    acts.cancel(ledger, issue.id, actor=ledgers.PERSON, reason="迟了")
    ran = site.run("report", "60")
    assert ran.code == 0
    assert "All 4 letters were sent." in ran.out


def test_one_mailbox_for_two_units_names_both(site: Site, ledger: Database, settle: Settle) -> None:
    ledgers.open_to(ledger, everybody(ledgers.candidate(5, email="OFFICE1@example.org", role="收文")))
    settle((Event.REFUSE, NO_SUCH), SENT, SENT, SENT)
    out = site.run("report", "60").out
    assert "  office1@example.org: 单位1 收文; 单位5 收文 (收文)" in out
    assert "送  单位1\n  收文  office1@example.org  failed: There is no such mailbox.\n" in out
    assert "送  单位5\n  收文 (收文)  office1@example.org  failed: There is no such mailbox.\n" in out


def test_who_was_not_written_to_is_listed(site: Site, ledger: Database, settle: Settle) -> None:
    disabled = ledgers.candidate(5, disabled="机构调整")
    ledgers.open_to(ledger, everybody(disabled), ledgers.new_issue(unresolved=("有关部们",)))
    settle(SENT, SENT, SENT, SENT)
    ran = site.run("report", "60")
    assert ran.code == 1, "a name that was left out is somebody who does not have it"
    assert "送  单位5 收文  office5@example.org: The list has it as disabled: 机构调整" in ran.out
    assert "有关部们: The list has no audience of this name" in ran.out
    assert "(1)" in ran.out
    assert ran.out.rstrip().endswith("1 name of the imprint reached nobody, see above.")


@pytest.mark.parametrize("form", [[], ["--json"], ["--format", "csv"], ["--format", "md"]])
def test_who_was_reached_by_a_supplement_is_not_listed_as_not_written_to(
    site: Site, ledger: Database, settle: Settle, form: list[str]
) -> None:
    disabled = ledgers.candidate(5, contact="某科", disabled="机构调整")
    issue = ledgers.open_to(ledger, everybody(disabled), ledgers.new_issue(unresolved=("有关单位",)))
    settle(SENT, SENT, SENT, SENT)
    assert "机构调整" in site.run("report", "60", *form).out
    supplement(ledger, issue, ledgers.candidate(5, contact="某科"), ledgers.candidate(6, audience="有关单位"))
    settle(SENT, SENT)
    ran = site.run("report", "60", *form)
    assert ran.code == 0
    for gone in ("机构调整", "no audience of this name", "(1)", '"disabled": 1', "Not written to"):
        assert gone not in ran.out


def test_a_corrected_address_replaces_the_dead_one(site: Site, ledger: Database, settle: Settle) -> None:
    issue = ledgers.open_to(ledger, everybody())
    settle((Event.REFUSE, NO_SUCH), SENT, SENT, SENT)
    assert site.run("report", "60").code == 1
    supplement(ledger, issue, ledgers.candidate(1, email="new@example.org"))
    settle(SENT)
    ran = site.run("report", "60")
    assert ran.code == 0
    assert TIME.sub("TIME", ran.out[ran.out.index("Failed, and") :]).splitlines() == [
        "Failed, and sent since to another address of the same contact:",
        "送  单位1",
        "  收文  office1@example.org  failed: There is no such mailbox.",
        "      1 attempt; TIME: 550 5.1.1 [2JUser unknown",
        "",
        "Everybody has it: 4 letters were sent.",
    ]


REFUSED: Ending = (Event.REFUSE, NO_SUCH)
CORRECTED = ledgers.candidate(1, email="new@example.org")


UNKNOWN = ("有关单位",)
NAMED = ledgers.candidate(9, audience="有关单位、其他")


@pytest.mark.parametrize(
    ("unresolved", "first", "later", "standing"),
    [
        ((), SENT, [], "complete"),
        ((), REFUSED, [], "incomplete"),
        ((), (Event.LOSE, SILENCE), [], "decision"),
        ((), REFUSED, [(CORRECTED, SENT)], "complete"),
        ((), REFUSED, [(CORRECTED, REFUSED)], "incomplete"),
        ((), REFUSED, [(ledgers.candidate(9), SENT)], "incomplete"),
        (UNKNOWN, SENT, [], "incomplete"),
        (UNKNOWN, SENT, [(ledgers.candidate(9), SENT)], "incomplete"),
        (UNKNOWN, SENT, [(NAMED, SENT)], "complete"),
        (UNKNOWN, REFUSED, [(CORRECTED, SENT)], "incomplete"),
        (UNKNOWN, REFUSED, [(CORRECTED, SENT), (NAMED, SENT)], "complete"),
    ],
)
def test_status_and_report_agree(
    site: Site, settle: Settle, unresolved: tuple[str, ...], first: Ending, later: list[Any], standing: str
) -> None:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as ledger:
        issue = ledgers.open_to(ledger, [ledgers.candidate(1)], ledgers.new_issue(unresolved=unresolved))
        settle(first)
        for person, ending in later:
            supplement(ledger, issue, person)
            settle(ending)
    assert site.run("status", "--json").json["issues"][0]["standing"] == standing
    assert site.run("report", "60").code == (0 if standing == "complete" else 1)


def test_a_disabled_contact_alone_is_no_failure(site: Site, ledger: Database, settle: Settle) -> None:
    ledgers.open_to(ledger, everybody(ledgers.candidate(5, disabled="机构调整")))
    settle(SENT, SENT, SENT, SENT)
    assert site.run("report", "60").code == 0


def test_a_long_list_ends_and_says_where_all_of_it_is(site: Site, ledger: Database, settle: Settle) -> None:
    ledgers.open_small(ledger, 205)
    settle(*[(Event.REFUSE, NO_SUCH)] * 205)
    out = site.run("report", "60").out
    assert out.count("1 attempt") == 200
    assert "… and 5 more; `distributor report 60 -o FILE.xlsx`" in out


def test_the_account_as_json(site: Site, ledger: Database, settle: Settle) -> None:
    ledgers.open_to(ledger, everybody(ledgers.candidate(5, disabled="机构调整")))
    settle(SENT, (Event.REFUSE, NO_SUCH), SENT, (Event.DEFER, BUSY))
    ran = site.run("report", "60", "--json")
    assert (ran.code, ran.err) == (4, "")
    document = ran.json
    assert (document["schema"], document["issue"]["ref"], document["outcome"]) == ("distributor.report/1", "60", 4)
    assert "deliveries" not in document
    assert [each["address"] for each in document["not_sent"]] == ["office2@example.org", "office4@example.org"]
    assert document["totals"]["states"] == {"sent": 2, "deferred": 1, "failed": 1}
    assert document["next_attempt"] == document["not_sent"][1]["next_attempt"]
    assert [each["name"] for each in document["omitted"]] == ["收文"]


def test_what_is_summed_up_is_what_is_listed(site: Site, ledger: Database) -> None:
    """Deliveries and totals come from one look at the ledger, though letters go on being sent."""
    ledgers.open_small(ledger, 30)
    document = site.run("report", "60", "--json", "--all").json
    assert document["totals"]["letters"] == len(document["deliveries"]) == 30
    assert [each["address"] for each in document["deliveries"]] == [f"office{n}@example.org" for n in range(1, 31)]


def test_the_help_names_the_exit_codes(site: Site) -> None:
    ran = site.run("report", "--help")
    assert ran.code == 0
    assert "Exit code 0: all sent; 1:" in " ".join(ran.out.split())
