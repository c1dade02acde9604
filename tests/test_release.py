"""Relays and destinations that let nothing go: `send`, `status` and `report` tell, `release` lets go."""

import datetime as dt
import json
from collections.abc import Iterator

import pytest

from distributor.cli import bell
from distributor.delivery.ledger import acts, flows, queries
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.flow import FlowKey, FlowKind
from distributor.delivery.model.states import Event
from tests import ledgers
from tests.ledgers import PERSON, WORKER, execute
from tests.sites import Site, address_of

NOWHERE = "smtp://127.0.0.1:1"  # nothing listens there
GAMMA = FlowKey(FlowKind.DESTINATION, "gamma.example.com")
RELAY = FlowKey(FlowKind.RELAY, "relay")
SPF = {"reason": "spf-refused", "reply": "550 SPF check\x1b[2J failed", "relay": "relay.example:25"}
BUSY = {"reason": "rate-limited", "reply": "450 too many", "relay": "relay.example:25"}
RELAYS = """\
destinations:
  公司邮箱: {domains: [gamma.example.com, delta.example.com], limits: {per_day: 50}}
"""
COMPANIES = FlowKey(FlowKind.DESTINATION, "公司邮箱")


@pytest.fixture
def ledger(site: Site) -> Iterator[Database]:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as database:
        yield database


def block(ledger: Database, key: FlowKey = GAMMA) -> None:
    assert flows.block(ledger, key, actor=WORKER, **SPF)


def test_what_waits_for_a_block_ends_the_sending_and_goes_when_it_is_released(site: Site, ledger: Database) -> None:
    block(ledger)
    ran = site.send("--wait", "900")
    assert ran.code == 4
    assert {address_of(letter) for letter in site.letters()}.isdisjoint({"c@gamma.example.com"})
    assert len(site.letters()) == 5
    assert "gamma.example.com is blocked since" in ran.out
    assert "1 letter waits" in ran.out
    assert "does not list our relay as its own (SPF)" in ran.out
    assert "then `distributor release gamma.example.com` lets it go" in ran.out
    assert "550 SPF check" in ran.out
    assert "\x1b" not in ran.out, "the server's words are shown, and not obeyed"
    assert "1 letter is held back until you let it go" in ran.err
    assert "still wait" not in ran.err

    done = site.run("release", "Gamma.Example.COM")
    assert done.code == 0
    assert "1 letter is let go." in done.err
    assert "`distributor resume 60` sends those of issue 60 now." in done.err
    assert site.run("resume", "60").code == 0
    assert len(site.letters()) == 6
    kinds = [kind for (kind,) in ledgers.all_rows(ledger, "SELECT kind FROM events WHERE issue_id = 0")]
    assert kinds == ["blocked", "released"]


def test_a_blocked_relay_ends_it_at_once(site: Site, ledger: Database) -> None:
    site.setting(RELAY=NOWHERE, FROM="office@sender.example")
    block(ledger, RELAY)
    ran = site.send("--wait", "900", "--json")
    assert ran.code == 4
    (found,) = ran.json["flows"]
    assert (found["kind"], found["name"], found["state"], found["letters"]) == ("relay", "relay", "blocked", 6)
    assert (ran.json["ending"], ran.json["next_attempt"]) == ("waiting", None)
    assert "6 letters are held back" in ran.err
    assert "the relay is blocked" in site.run("release").out
    assert "6 letters are let go." in site.run("release", "relay").err


def test_a_hold_that_is_longer_than_the_wait_ends_it_and_says_when_it_goes_on(site: Site, ledger: Database) -> None:
    flows.slow(ledger, GAMMA, first=3600, most=3600, **BUSY)
    ran = site.send("--wait", "1", "--json")
    assert (ran.code, ran.json["ending"]) == (4, "waiting")
    (found,) = ran.json["flows"]
    (record,) = flows.troubled(ledger)
    assert record.held_until is not None
    assert found["until"] == ran.json["next_attempt"] == record.held_until.isoformat()
    assert "1 letter still waits; from 2" in ran.err
    assert "is left alone until" in ran.err
    assert "waiting until" in site.run("status", "60").out


def test_a_short_hold_is_waited_for(site: Site, ledger: Database) -> None:
    flows.slow(ledger, GAMMA, first=1, most=3600, **BUSY)
    assert site.send("--wait", "60").code == 0
    assert len(site.letters()) == 6


def test_status_tells_of_all_or_of_one_issue(site: Site, ledger: Database) -> None:
    block(ledger)
    site.send()
    overview = site.run("status").out
    assert "held back" in overview
    assert "gamma.example.com is blocked since" in overview
    assert "550 SPF check" in overview
    document = site.run("status", "60", "--json").json
    assert document["issues"][0]["standing"] == "waiting"
    assert document["issues"][0]["next_attempt"] is None
    assert [(each["name"], each["letters"]) for each in document["flows"]] == [("gamma.example.com", 1)]
    flows.release(ledger, GAMMA, [GAMMA.name], actor=PERSON)
    document = site.run("status", "60", "--json").json
    assert (document["issues"][0]["standing"], document["flows"]) == ("sending", [])


def test_an_issue_that_waits_for_nothing_of_it_is_not_told(site: Site, ledger: Database) -> None:
    site.send()
    block(ledger)
    assert site.run("status", "60", "--json").json["flows"] == []
    assert "blocked" not in site.run("report", "60").out
    assert "gamma.example.com is blocked since" in site.run("status").out


def test_report_tells_it_to_people_and_programs(site: Site, ledger: Database) -> None:
    block(ledger)
    site.send()
    told = site.run("report", "60")
    assert told.code == 4
    assert "What letters wait for:" in told.out
    assert "1 letter is held back until you let it go" in told.out
    document = site.run("report", "60", "--json").json
    (found,) = document["flows"]
    assert (found["reason"], found["reply"], document["outcome"]) == ("spf-refused", SPF["reply"], 4)
    assert "(SPF)" in found["why"]
    assert found["since"]


def test_a_destination_of_several_domains_goes_by_its_name_or_by_one_of_them(site: Site, ledger: Database) -> None:
    (site.folder / "relays.yaml").write_text(RELAYS, "utf-8")
    block(ledger, COMPANIES)
    ledgers.open_to(
        ledger,
        [ledgers.candidate(n, email=f"{n}@{d}.example.com") for n, d in enumerate(("gamma", "delta", "epsilon"))],
    )
    listed = site.run("release").out
    assert "公司邮箱 is blocked since" in listed
    assert "2 letters wait" in listed
    assert "2 letters are let go." in site.run("release", "delta.example.com").err
    block(ledger, COMPANIES)
    assert "2 letters are let go." in site.run("release", "公司邮箱").err
    assert flows.troubled(ledger) == []


def test_a_used_up_quota_is_told_and_cannot_be_released(site: Site, ledger: Database) -> None:
    (site.folder / "relays.yaml").write_text(RELAYS, "utf-8")
    site.setting(TZ="Asia/Shanghai")
    today = dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()
    execute(ledger, f"INSERT INTO flows (kind, name, day, day_count) VALUES ('destination', '公司邮箱', '{today}', 50)")
    ledgers.open_to(ledger, [ledgers.candidate(1, email="1@delta.example.com")])
    assert "公司邮箱 has used up its quota, until" in site.run("release").out
    assert "waiting until" in site.run("status").out
    ran = site.run("release", "公司邮箱")
    assert ran.code == 2
    assert "nobody can release that" in ran.err
    assert "0 letters are let go." in site.run("release", "--all").err


def test_names_of_nothing_change_nothing(site: Site, ledger: Database) -> None:
    block(ledger)
    ran = site.run("release", "gamma.example.com", "beta.example.org", "77")
    assert ran.code == 2
    assert "nothing is held back for beta.example.org" in ran.err
    assert "nothing is held back for 77" in ran.err
    assert [record.key for record in flows.troubled(ledger)] == [GAMMA]
    assert site.run("release", "gamma.example.com", "--all").code == 2


def test_an_issue_is_opened_again_and_hastened_and_not_delivered(site: Site, ledger: Database) -> None:
    site.setting(RELAY=NOWHERE, RETRY_FIRST=3000, WAIT=0)
    assert site.send().code == 4
    (issue,) = queries.find_issues(ledger)
    acts.pause(ledger, issue.id, actor=PERSON, reason="the login")
    ran = site.run("release", "60")
    assert ran.code == 0
    assert "6 letters are let go." in ran.err
    assert "`distributor resume 60` sends those of issue 60 now." in ran.err
    (issue,) = queries.find_issues(ledger)
    assert issue.state == "open"
    ((due,),) = ledgers.all_rows(ledger, "SELECT count(*) FROM deliveries WHERE next_attempt > settled_at")
    assert due == 0
    assert site.letters() == []


def test_a_finished_or_cancelled_issue_has_nothing_to_let_go(site: Site, ledger: Database) -> None:
    site.send()
    assert "nothing is held back for 60" in site.run("release", "60").err
    issue = ledgers.open_small(ledger, total=61)
    acts.cancel(ledger, issue.id, actor=PERSON, reason="")
    ran = site.run("release", "61")
    assert (ran.code, "was cancelled" in ran.err) == (2, True)


def test_the_list_as_json(site: Site, ledger: Database) -> None:
    assert site.run("release", "--json").json == {
        "schema": "distributor.flows/1", "flows": [], "released": 0,
    }  # fmt: skip
    block(ledger)
    flows.slow(ledger, RELAY, first=600, most=3600, **BUSY)
    document = site.run("release", "--json").json
    assert [(each["name"], each["state"]) for each in document["flows"]] == [
        ("gamma.example.com", "blocked"), ("relay", "held"),
    ]  # fmt: skip
    done = json.loads(site.run("release", "--all", "--json").out)
    assert (done["flows"], done["released"]) == ([], 0)


def test_what_is_on_trial_is_said_to_be(site: Site, ledger: Database) -> None:
    flows.slow(ledger, GAMMA, first=600, most=3600, **BUSY)
    execute(ledger, "UPDATE flows SET held_until = held_until - 601000000")
    assert "is tried with a letter at a time" in site.run("release").out
    assert site.run("release", "gamma.example.com").code == 0
    assert flows.troubled(ledger) == []


def test_letters_that_no_relay_carries_any_more_are_told(site: Site, ledger: Database) -> None:
    (site.folder / "relays.yaml").write_text(
        'relays:\n  main: {address: "smtp://127.0.0.1:1", senders: [other.example]}\n', "utf-8"
    )
    site.setting(FROM="office@other.example")
    ledgers.open_small(ledger)
    assert "3 letters wait until a relay in relays.yaml carries their groups" in site.run("report", "60").out
    document = site.run("status", "60", "--json").json
    assert (document["issues"][0]["standing"], document["issues"][0]["next_attempt"]) == ("waiting", None)


def test_the_letters_that_were_refused_themselves_go_at_once_too(site: Site, ledger: Database) -> None:
    site.setting(RELAY=NOWHERE, FROM="office@sender.example")
    ledgers.open_small(ledger)
    _lease, (claim,) = ledgers.claimed(ledger, 1)
    ledgers.record(
        ledger, ledgers.result(claim, Event.DEFER, reason=SPF["reason"], relay=SPF["relay"], wait=3600_000_000)
    )
    block(ledger, RELAY)
    assert "`distributor release` lists it and lets it go." in site.run("report", "60").out
    assert "3 letters wait" in site.run("release").out
    assert "3 letters are let go." in site.run("release", "relay").err
    assert len(ledgers.claimed(ledger)[1]) == 3


def test_workers_are_woken_where_there_is_a_broker(
    site: Site, ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(bell, "ring", lambda _site, issue: rung.append(issue.ref))
    ledgers.open_small(ledger)
    block(ledger, FlowKey(FlowKind.DESTINATION, "example.org"))
    site.setting(BROKER="redis://127.0.0.1:1/0")
    ran = site.run("release", "example.org")
    assert "3 letters are let go." in ran.err
    assert "distributor resume" not in ran.err
    assert rung == ["60"]
