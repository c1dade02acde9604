"""`distributor recipients check`, as people and programs read it, on sites with and without past issues."""

import contextlib

import pytest

from distributor.delivery.ledger import migrate
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.providers import patterns
from distributor.delivery.model.replies import blames_address
from distributor.delivery.model.verdicts import Outcome
from distributor.distribution.checking import proposals
from distributor.distribution.site import open_site
from distributor.recipients import loader
from tests import ledgers
from tests.sites import BULLETIN, DEPARTMENTS, MEMBERS, Ran, Site
from tests.smtpd import Smtpd

GONE = "b2@beta.example.org"
NO_SUCH = "550 5.1.1 no such user here"


@pytest.fixture
def relayed(site: Site, smtpd: Smtpd) -> Site:
    """A site whose letters go to the scripted server."""
    site.setting(RELAY=f"smtp://{smtpd.relay}", RETRY_FIRST=1, WAIT=30)
    return site


def send(site: Site, total: int, text: str = BULLETIN) -> Ran:
    return site.run("send", site.write_bulletin(f"{total}.txt", number=total, total=total, text=text), "--yes")


def check(site: Site, *arguments: str) -> Ran:
    return site.run("recipients", "check", *arguments)


def codes(ran: Ran) -> list[str]:
    return [finding["code"] for finding in ran.json["findings"]]


def disable(site: Site, address: str) -> None:
    path = site.folder / "recipients.yaml"
    path.write_text(path.read_text("utf-8").replace(f"email: {address}", f"email: {address}, disabled: 退休"), "utf-8")


# Without past issues


def test_a_list_with_nothing_wrong(site: Site) -> None:
    ran = check(site)
    assert (ran.code, ran.out, ran.err) == (0, "6 contacts, 5 units, 2 audiences: 0 warnings, 0 notes\n", "")


def test_checking_makes_no_ledger(site: Site) -> None:
    before = sorted(site.folder.iterdir())
    assert check(site, "--json").json["issues"] == []
    assert sorted(site.folder.iterdir()) == before


def test_a_database_without_tables_is_no_ledger_yet(site: Site, postgres_url: str) -> None:
    site.setting(LEDGER=postgres_url)
    assert check(site).code == 0
    with contextlib.closing(Database(postgres_url)) as database:
        assert migrate.version(database) is None


@pytest.mark.parametrize("ledger", ["nonsense", "mysql://host/name"])
def test_a_ledger_that_cannot_be_used_is_told(site: Site, ledger: str) -> None:
    site.setting(LEDGER=ledger)
    ran = check(site, "--json")
    assert ran.code == 3
    assert codes(ran) == ["bad-ledger"]


def test_notes_alone_need_no_decision(site: Site) -> None:
    site.write_list({"有关部门": {"市甲局": ["a@alpha.example.org"], "市乙局": ["A@alpha.example.org"]}})
    ran = check(site)
    assert ran.code == 0
    assert ran.out.startswith("· ")
    assert ran.out.splitlines()[-1] == "2 contacts, 2 units, 1 audience: 0 warnings, 1 note"


def test_warnings_need_a_decision_and_come_first(site: Site) -> None:
    site.write_list({"有关部门": {"市甲局": ["a@alpha.example.org"], "市乙局": ["A@alpha.example.org", "b@136.com"]}})
    ran = check(site)
    assert ran.code == 1
    first, remedy, second, summary = ran.out.splitlines()
    assert first.startswith("! ")
    assert "b@136.com: 136.com looks like a slip of 163.com" in first
    assert remedy == "    → if so: `distributor recipients set contact b@136.com --email b@163.com`"
    assert second.startswith("· ")
    assert summary == "3 contacts, 2 units, 1 audience: 1 warning, 1 note"


def test_a_list_that_cannot_be_used_is_told_with_all_its_faults(site: Site) -> None:
    path = site.folder / "recipients.yaml"
    broken = path.read_text("utf-8").replace("a@alpha.example.org", "a@alpha").replace("c@gamma.example.com", "c gamma")
    path.write_text(broken, "utf-8")
    ran = check(site, "--json")
    assert ran.code == 2
    assert ran.json["schema"] == "distributor.error/1"
    assert codes(ran) == ["bad-address", "bad-address"]


def test_the_document(site: Site) -> None:
    site.write_list({"有关部门": {f"单位{i}": [f"office{i}@gmial.com"] for i in range(9)} | {"空": []}})
    ran = check(site, "--json")
    assert ran.err == ""
    document = ran.json
    assert {key: document[key] for key in document if key not in {"findings", "list"}} == {
        "schema": "distributor.recipients-check/1",
        "contacts": 9,
        "units": 10,
        "audiences": 1,
        "counts": {"severity": {"warning": 10, "note": 0}, "code": {"misspelt-domain": 9, "silent-unit": 1}},
        "issues": [],
        "proposals": [],
        "outcome": 1,
    }
    assert document["list"] == str(site.folder / "recipients.yaml")
    assert codes(ran) == ["misspelt-domain"] * 9 + ["silent-unit"]
    assert document["findings"][0]["line"] is not None


def test_twenty_of_a_kind_are_shown_and_all_with_all(site: Site) -> None:
    site.write_list({"有关部门": {f"空{i}": [] for i in range(25)} | {"市甲局": ["a@alpha.example.org"]}})
    shown, everything = check(site), check(site, "--all")
    assert shown.out.count("has no enabled contact") == 20
    assert "and 5 more of the kind silent-unit" in shown.out
    assert "--all" in shown.out
    assert everything.out.count("has no enabled contact") == 25
    assert "more of the kind" not in everything.out
    assert len(check(site, "--all", "--json").json["findings"]) == 25


# With past issues


def test_a_bad_mailbox_is_told_with_the_server_s_words_and_proposed(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("rcpt", NO_SUCH, to=GONE)
    assert send(relayed, 60).code == 1
    ran = check(relayed)
    assert ran.code == 1
    assert f"{GONE}, of issue 60, did not arrive: There is no such mailbox. ({NO_SUCH})" in ran.out
    assert f"`distributor recipients disable {GONE} --reason …`" in ran.out
    assert "6 contacts, 5 units, 2 audiences, the last 1 issue: 1 warning, 0 notes" in ran.out
    assert ran.out.splitlines()[-1].startswith("1 contact has an address that its own server calls bad: `distributor")
    document = check(relayed, "--json").json
    assert document["issues"] == ["60"]
    (proposed,) = document["proposals"]
    assert proposed == {
        "unit": "市乙局",
        "name": "收文2",
        "email": GONE,
        "reason": "There is no such mailbox (issue 60)",
        "issue": "60",
        "reply": NO_SUCH,
        "file": str(relayed.folder / "recipients.yaml"),
        "line": document["findings"][0]["line"],
    }


def test_what_the_server_refused_for_another_reason_is_no_proposal(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("dot", "550 5.7.1 not wanted here", to=GONE)
    send(relayed, 60)
    document = check(relayed, "--json")
    assert codes(document) == ["failed-lately"]
    assert "550 5.7.1 not wanted here" in document.json["findings"][0]["message"]
    assert document.json["proposals"] == []


def test_a_later_letter_that_was_sent_ends_the_suspicion(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("rcpt", NO_SUCH, to=GONE, times=1)
    send(relayed, 60)
    assert send(relayed, 61).code == 0
    assert codes(check(relayed, "--json")) == []


def test_an_earlier_letter_that_was_sent_does_not(relayed: Site, smtpd: Smtpd) -> None:
    send(relayed, 60)
    smtpd.on("rcpt", NO_SUCH, to=GONE)
    send(relayed, 61)
    send(relayed, 62)
    (finding,) = check(relayed, "--json").json["findings"]
    assert "of issue 62" in finding["message"]


def test_one_that_failed_long_ago_and_got_nothing_since(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("rcpt", NO_SUCH, to=GONE)
    send(relayed, 60)
    only_members = BULLETIN.replace("送：有关部门\n", "")
    send(relayed, 61, only_members)
    assert codes(check(relayed, "--issues", "2", "--json")) == ["bad-mailbox"]
    assert codes(check(relayed, "--issues", "1", "--json")) == ["unused-audience"]


def test_one_that_is_disabled_or_gone_is_told_no_more(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("rcpt", NO_SUCH, to=GONE)
    send(relayed, 60)
    disable(relayed, GONE)
    assert codes(check(relayed, "--json")) == []
    relayed.write_list({"有关部门": {**DEPARTMENTS, "市乙局": ["b@beta.example.org"]}, "各会员单位": MEMBERS})
    assert codes(check(relayed, "--json")) == []


def test_the_proposals_for_another_command(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("rcpt", NO_SUCH, to=GONE)
    smtpd.on("dot", "550 5.7.1 not wanted here", to="c@gamma.example.com")
    send(relayed, 60)
    with open_site() as site:
        (proposed,) = proposals(site, loader.load(site.settings.recipients))
    assert (proposed.unit, proposed.email, proposed.issue) == ("市乙局", GONE, "60")


def test_too_many_failures_to_blame_the_list(relayed: Site, smtpd: Smtpd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distributor.distribution.checking.MOST_FAILED", 5)
    smtpd.on("rcpt", NO_SUCH)
    send(relayed, 60)
    ran = check(relayed, "--json")
    assert codes(ran) == ["many-failed"]
    assert ran.json["proposals"] == []
    assert "6 letters of issue 60" in ran.json["findings"][0]["message"]


# Audiences and contacts of no use


def test_an_audience_is_unused_only_after_enough_bulletins(site: Site) -> None:
    only_members = BULLETIN.replace("送：有关部门\n", "")
    send(site, 60)
    for total in (61, 62):
        send(site, total, only_members)
    assert codes(check(site, "--json")) == []
    assert codes(check(site, "--issues", "3", "--json")) == []
    (finding,) = check(site, "--issues", "2", "--json").json["findings"]
    assert finding["message"] == "none of the last 2 bulletins names 有关部门"


def test_a_bulletin_opened_twice_is_one(site: Site) -> None:
    only_members = BULLETIN.replace("送：有关部门\n", "")
    send(site, 60)
    send(site, 61, only_members)
    site.run("send", site.folder / "61.txt", "--yes", "--again", "更正")
    assert codes(check(site, "--issues", "2", "--json")) == []
    assert codes(check(site, "--issues", "1", "--json")) == ["unused-audience"]


def at(site: Site, **opened: str) -> None:
    """Let issues have been opened on these days (or at these times UTC): i60="2025-01-02"."""
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as ledger:
        for name, day in opened.items():
            ledgers.execute(
                ledger,
                "UPDATE issues SET opened_at = CAST(strftime('%s', :day) AS INTEGER) * 1000000 WHERE total_number = :n",
                day=day, n=int(name[1:]),
            )  # fmt: skip


def test_a_contact_disabled_for_long_by_the_first_issue_without_it(site: Site) -> None:
    send(site, 54)
    disable(site, GONE)
    for total in (55, 56):
        send(site, total)
    at(site, i54="2025-01-15", i55="2025-03-01", i56="2025-03-15")
    (finding,) = check(site, "--json").json["findings"]
    assert finding["code"] == "long-disabled"
    assert finding["message"] == "收文2 of 市乙局 has been disabled since issue 55 of 2025-03-01 at the latest (退休)"
    assert codes(check(site, "--days", "100000", "--json")) == []


def test_one_that_got_letters_in_between_was_not_disabled_all_the_time(site: Site) -> None:
    disable(site, GONE)
    send(site, 55)
    site.write_list({"有关部门": DEPARTMENTS, "各会员单位": MEMBERS})
    send(site, 56)
    disable(site, GONE)
    send(site, 57)
    at(site, i55="2025-03-01", i56="2025-03-15", i57="2025-04-02")
    (finding,) = check(site, "--json").json["findings"]
    assert "since issue 57 of 2025-04-02" in finding["message"]


def test_an_issue_that_does_not_reach_a_contact_tells_nothing_of_it(site: Site) -> None:
    disable(site, GONE)
    send(site, 55)
    send(site, 56, BULLETIN.replace("送：有关部门\n", ""))
    send(site, 57)
    at(site, i55="2025-03-01", i56="2025-03-15", i57="2025-04-02")
    (finding,) = check(site, "--json").json["findings"]
    assert "since issue 55 of 2025-03-01" in finding["message"]


def test_the_day_is_that_of_the_site_s_calendar(site: Site) -> None:
    disable(site, GONE)
    send(site, 55)
    at(site, i55="2025-02-28 20:00:00")
    assert "of 2025-03-01 at the latest" in check(site).out


def test_one_disabled_lately_is_not_told(site: Site) -> None:
    disable(site, GONE)
    send(site, 60)
    assert codes(check(site, "--json")) == []


# The class of replies that may suppress


def test_a_reason_blames_the_address_exactly_where_its_verdict_does() -> None:
    for pattern in patterns():
        verdict = pattern.verdict
        assert blames_address(verdict.reason) == (verdict.outcome is Outcome.FAIL_ADDRESS), verdict.reason
    assert blames_address("no-such-domain")
    assert not blames_address("policy")
    assert not blames_address("too-old")
    assert not blames_address(None)
