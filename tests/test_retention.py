"""`distributor ledger prune`: addresses, names and letters go, also out of the file; the account stays what it was."""

import datetime as dt
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distributor.cli.ledger.prune import before
from distributor.delivery.ledger import acts, claims, flows, pruning
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.opening import add_supplement
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.flow import FlowKey, FlowKind
from distributor.delivery.model.states import RESENDABLE, Event
from tests import ledgers
from tests.sites import Site

YEARS = 3 * 365 * 24 * 3600 * 1_000_000  # µs
SHANGHAI = dt.timezone(dt.timedelta(hours=8))
SECRETS = [
    b"@example.org",
    b"@gone.example",
    b"office1",
    b"office2",
    b"office hours",
    "收文".encode(),
    "办公室".encode(),
    b"User unknown",
    "请假".encode(),
]


@pytest.fixture
def path(site: Site) -> Path:
    return site.folder / "distributor.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Database]:
    with ledgers.opened(f"sqlite:///{path}") as database:
        yield database


def settle(ledger: Database, *events: Event) -> None:
    """Give those that are due these endings, in the order of their ids; the others go back."""
    lease, claimed = ledgers.claimed(ledger, 1000)
    mine = sorted(claimed, key=lambda claim: claim.id)[: len(events)]
    claims.release(ledger, lease, [claim.id for claim in mine])
    ledgers.mark(ledger, *mine)
    for claim, event in zip(mine, events, strict=True):
        reply = {"reply": f"<{claim.address}> User unknown", "code": 550, "reason": "no-such-mailbox"}
        ledgers.record(ledger, ledgers.result(claim, event, **({} if event is Event.ACCEPTED else reply)))


def age(ledger: Database, issue_id: int | None = None) -> None:
    """Make what there is three years older."""
    mine = "" if issue_id is None else f" WHERE id = {issue_id}"
    ledgers.execute(ledger, f"UPDATE issues SET opened_at = opened_at - {YEARS}{mine}")
    ledgers.execute(ledger, f"UPDATE deliveries SET settled_at = settled_at - {YEARS}{mine.replace('id', 'issue_id')}")
    ledgers.execute(ledger, f"UPDATE list_versions SET at = at - {YEARS}, noticed_at = noticed_at - {YEARS}")
    ledgers.execute(ledger, f"UPDATE events SET at = at - {YEARS} WHERE issue_id = 0")


def prune(site: Site, *arguments: str) -> Any:
    return site.run("ledger", "prune", "--older-than", "2y", *arguments)


EVENTS = [*[Event.ACCEPTED] * 20, *[Event.REFUSE] * 5, *[Event.LOSE] * 3, *[Event.ACCEPTED] * 12]


@pytest.fixture
def old(site: Site, ledger: Database) -> Site:
    """An issue of three years ago in which everything happened that its account tells of."""
    people = [ledgers.candidate(number) for number in range(1, 41)]
    people += [ledgers.candidate(50, email="office1@example.org", contact="值班")]
    people += [ledgers.candidate(60, email="a@gone.example", disabled="张三请假")]
    people += [ledgers.candidate(61, email="office2@example.org", contact="乙", disabled="请假")]
    ledgers.open_to(ledger, people, ledgers.new_issue(attachments=(("附件.txt", "text/plain", b"office hours"),)))
    settle(ledger, *EVENTS)
    acts.resolve(ledger, 1, ["office26@example.org"], actor=ledgers.PERSON, reason="office26@example.org 来电")
    with Staging([ledgers.candidate(21, email="office21new@example.org")]) as staging:
        letters = {letter.group: letter for letter in ledgers.letters_for(staging)}
        add_supplement(ledger, 1, letters.values(), staging, ledgers.PERSON)
    settle(ledger, Event.ACCEPTED)
    flow = FlowKey(FlowKind.DESTINATION, "gone.example")
    flows.block(ledger, flow, actor=ledgers.WORKER, reason="unknown", reply="a@gone.example", relay="relay.example:25")
    flows.release(ledger, flow, ["gone.example"], actor=ledgers.PERSON)
    age(ledger)
    return site


NAMING = {"address", "contact", "role", "name", "reply", "detail", "why"}


def without_names(document: Any) -> Any:
    """A report's JSON, less what names people."""
    if isinstance(document, dict):
        return {key: without_names(value) for key, value in document.items() if key not in {*NAMING, "pruned_at"}}
    return [without_names(each) for each in document] if isinstance(document, list) else document


def test_the_account_is_the_same_but_for_names(old: Site, ledger: Database) -> None:
    before = old.run("report", "60", "--json", "--all").json
    assert (before["totals"]["letters"], before["replaced_total"], len(before["omitted"])) == (41, 1, 2)
    assert prune(old, "--yes").code == 0
    ran = old.run("report", "60", "--json", "--all")
    assert without_names(ran.json) | {"as_of": ""} == without_names(before) | {"as_of": ""}
    assert "was pruned on" in ran.err
    assert ran.json["issue"]["pruned_at"] is not None
    assert old.run("status", "--json").json["issues"][0]["standing"] == "decision"
    rows = ledgers.all_rows(ledger, "SELECT unit, contact FROM served WHERE delivery_id = 1 ORDER BY position")
    assert [unit for unit, _contact in rows] == ["单位1", "单位50"]
    assert len({contact for _unit, contact in rows}) == 2, "two contacts stay two"


def test_nothing_of_it_is_left_in_the_file(old: Site, path: Path) -> None:
    assert any(secret in path.read_bytes() or secret in wal(path) for secret in SECRETS)
    assert prune(old, "--yes").code == 0
    for file in path.parent.glob("distributor.sqlite3*"):
        content = file.read_bytes()
        assert [secret for secret in SECRETS if secret in content] == [], file.name


def wal(path: Path) -> bytes:
    log = path.with_name(path.name + "-wal")
    return log.read_bytes() if log.exists() else b""


def test_what_was_left_of_older_changes_is_gone_too(site: Site, ledger: Database, path: Path) -> None:
    """Freed room of the file holds what was never overwritten: pages that were split, rows that grew."""
    for total in range(60, 64):
        people = [ledgers.candidate(number * 7919 % 1000 + total * 1000) for number in range(1000)]
        ledgers.open_to(ledger, people, ledgers.new_issue(total))
        while ledgers.all_rows(ledger, "SELECT 1 FROM deliveries WHERE state = 'queued' LIMIT 1"):
            settle(ledger, *[Event.ACCEPTED] * len(ledgers.all_rows(ledger, queued())))
    age(ledger)
    assert prune(site, "--yes").code == 0
    assert b"@example.org" not in path.read_bytes()


def queued() -> str:
    return "SELECT id FROM deliveries WHERE state = 'queued' LIMIT 1000"


def test_it_is_recorded_with_who_did_it(old: Site, ledger: Database) -> None:
    prune(old, "--yes")
    ((text, who),) = ledgers.all_rows(ledger, "SELECT text, who FROM events WHERE kind = 'pruned' AND issue_id = 1")
    assert "附件.txt" in text
    assert who
    kept = "SELECT count(*), count(code), count(text) FROM events WHERE delivery_id IS NOT NULL AND kind <> 'resolve'"
    assert ledgers.all_rows(ledger, kept) == [(41, 41, 0)]
    assert ledgers.all_rows(ledger, "SELECT pruning_key FROM issues") == [(None,)]
    ((seal,),) = ledgers.all_rows(ledger, "SELECT DISTINCT compiled FROM letters")
    assert len(seal) < 200


def test_what_is_pruned_can_neither_be_sent_nor_shown_nor_compared(old: Site) -> None:
    prune(old, "--yes")
    for arguments in (
        ["resend", "60", "--failed", "--yes"], ["resend", "60", "--missing", "--yes"], ["recipients", "diff", "60"],
        ["show", "60", "office1@example.org"],
    ):  # fmt: skip
        ran = old.run(*arguments, "--json")
        assert (ran.code, ran.json["findings"][0]["code"]) == (2, "pruned"), arguments
    ran = old.run("resolve", "60", "--sent", "office1@example.org")
    assert (ran.code, "are not kept any more" in ran.err) == (2, True)


def test_the_ledger_itself_sends_nothing_of_it_again(old: Site, ledger: Database) -> None:
    prune(old, "--yes")
    assert acts.resend(ledger, 1, sorted(RESENDABLE), actor=ledgers.PERSON, reason="") == 0
    assert ledgers.sweep(ledger, resend_after=60, expire_after=10 * 365 * ledgers.DAY).resent == 0


def test_the_next_bulletin_is_not_compared_with_what_was_pruned(old: Site) -> None:
    prune(old, "--yes")
    ran = old.run("recipients", "diff", "--bulletin", old.bulletin, "--json")
    assert (ran.code, ran.json["findings"][0]["code"]) == (2, "no-issue")


# What is left alone


@pytest.mark.parametrize("state", ["queued", "deferred", "claimed", "handing_over"])
def test_an_issue_with_unsettled_letters_is_never_touched(site: Site, ledger: Database, state: str) -> None:
    ledgers.open_small(ledger, 2)
    settle(ledger, Event.ACCEPTED)
    if state != "queued":
        lease = "1" if state in {"claimed", "handing_over"} else "NULL"
        ledgers.execute(ledger, f"UPDATE deliveries SET state = '{state}', lease_id = {lease} WHERE id = 2")
    age(ledger)
    ran = prune(site, "--yes", "--json")
    assert (ran.json["issues"], ran.json["kept"][0]["why"]) == ([], "unsettled")
    assert pruning.begin(ledger, 1, actor=ledgers.PERSON) is False
    assert len(ledgers.all_rows(ledger, "SELECT 1 FROM deliveries WHERE address LIKE '%@example.org'")) == 2


def test_an_issue_that_was_sent_again_lately_is_recent(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 2)
    settle(ledger, Event.ACCEPTED, Event.ACCEPTED)
    ledgers.execute(ledger, f"UPDATE issues SET opened_at = opened_at - {YEARS}")
    ran = prune(site, "--yes", "--json")
    assert (ran.json["issues"], ran.json["kept"][0]["why"]) == ([], "recent")


def test_younger_issues_keep_everything(old: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 2, 61)
    settle(ledger, Event.ACCEPTED, Event.ACCEPTED)
    assert prune(old, "--yes").code == 0
    assert len(ledgers.all_rows(ledger, "SELECT 1 FROM deliveries WHERE address LIKE '%@example.org'")) == 2
    assert old.run("show", "61", "office1@example.org").code == 0


def test_a_dry_run_only_tells(old: Site, ledger: Database) -> None:
    ran = prune(old, "--dry-run")
    assert (ran.code, "60  《园区工作简报》" in ran.out, "41 letters" in ran.out) == (0, True, True)
    assert ledgers.all_rows(ledger, "SELECT pruned_at FROM issues") == [(None,)]
    document = prune(old, "--dry-run", "--json").json
    assert (document["schema"], document["dry_run"], document["complete"]) == ("distributor.prune/1", True, False)
    assert [each["letters"] for each in document["issues"]] == [41]


def test_nobody_is_surprised(old: Site, ledger: Database) -> None:
    ran = prune(old)
    assert ran.code == 2
    assert "nobody can be asked here: Take the addresses, names and letters out of 1 issue (41 letters)" in ran.err
    assert ledgers.all_rows(ledger, "SELECT pruned_at FROM issues") == [(None,)]


def test_when_all_is_pruned_there_is_nothing_left_to_do(old: Site) -> None:
    prune(old, "--yes")
    ran = prune(old, "--yes", "--json")
    assert (ran.code, ran.json["issues"], ran.json["complete"]) == (0, [], True)


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        (2, "y", "2022-02-28"),
        (4, "y", "2020-02-29"),
        (18, "m", "2022-08-29"),
        (1, "m", "2024-01-29"),
        (2, "m", "2023-12-29"),
        (1, "w", "2024-02-22"),
        (60, "d", "2023-12-31"),
    ],
)
def test_ages_are_counted_by_the_calendar(number: int, unit: str, expected: str) -> None:
    found = before(dt.datetime(2024, 2, 29, 12, tzinfo=SHANGHAI), (number, unit))
    assert found.isoformat() == f"{expected}T12:00:00+08:00"


@pytest.mark.parametrize("text", ["2", "0d", "-1y", "2 years", "9999y", "y", "２y"])
def test_what_is_no_age_is_refused(site: Site, text: str) -> None:
    ran = site.run("ledger", "prune", "--older-than", text, "--yes", "--json")
    assert (ran.code, ran.json["findings"][0]["code"]) == (2, "usage")


# Interruptions and company


def pruned_letters(ledger: Database) -> int:
    return len(ledgers.all_rows(ledger, "SELECT 1 FROM deliveries WHERE fields = ''"))


def test_killed_in_the_middle_it_goes_on_where_it_was(site: Site, ledger: Database, path: Path) -> None:
    ledgers.open_small(ledger, 20_000)
    ledgers.execute(ledger, "UPDATE deliveries SET state = 'sent', tries = 1, settled_at = 1, next_attempt = NULL")
    age(ledger)
    process = site.start("ledger", "prune", "--older-than", "2y", "--yes")
    until = time.monotonic() + 60
    while not (1000 <= pruned_letters(ledger) < 19_000):
        assert time.monotonic() < until
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = pruned_letters(ledger)
    assert 1000 <= done < 20_000
    assert site.run("resend", "60", "--failed", "--yes", "--json").json["findings"][0]["code"] == "pruned"
    assert site.run("status", "--json").json["issues"][0]["sent"] == 20_000
    ran = prune(site, "--yes", "--json")
    assert (ran.code, ran.json["issues"][0]["begun"], ran.json["complete"]) == (0, True, True)
    assert pruned_letters(ledger) == 20_000
    assert len(ledgers.all_rows(ledger, "SELECT 1 FROM events WHERE kind = 'pruned'")) == 1
    assert b"@example.org" not in path.read_bytes() + wal(path)


def test_whoever_stops_it_is_told_that_it_is_not_complete(old: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pruning, "begin", stopped)
    ran = prune(old, "--yes", "--json")
    assert (ran.code, ran.json["complete"]) == (4, False)
    assert "The same command goes on where it was." in ran.err


def test_others_work_meanwhile(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 20_000)
    ledgers.execute(ledger, "UPDATE deliveries SET state = 'sent', tries = 1, settled_at = 1, next_attempt = NULL")
    age(ledger)
    process = site.start("ledger", "prune", "--older-than", "2y", "--yes")
    sent = 0
    longest = 0.0
    while process.poll() is None and sent < 100:
        began = time.monotonic()
        ledgers.open_small(ledger, 1, 100 + sent)
        settle(ledger, Event.ACCEPTED)
        longest = max(longest, time.monotonic() - began)
        sent += 1
    _out, err = process.communicate()
    assert process.returncode == 0, err
    assert sent > 5
    assert longest < 10
    assert len(ledgers.all_rows(ledger, "SELECT 1 FROM deliveries WHERE state = 'sent'")) == 20_000 + sent


def test_a_reader_of_an_old_state_is_said_to_keep_it(
    old: Site, ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the file's log can be cut off it is not complete, and the command says how it gets so."""
    monkeypatch.setattr("distributor.delivery.ledger.database.BUSY_SECONDS", 0.2)
    with ledger.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM deliveries").scalar()
        ran = prune(old, "--yes", "--json")
        assert (ran.code, ran.json["complete"]) == (4, False)
        assert "Repeat the command" in ran.err
    ran = prune(old, "--yes", "--json")
    assert (ran.code, ran.json["complete"], ran.json["issues"][0]["begun"]) == (0, True, True)


def test_the_same_over_each_database(ledger_url: str) -> None:
    with ledgers.opened(ledger_url) as database:
        people = [*map(ledgers.candidate, range(1, 8)), ledgers.candidate(9, disabled="请假")]
        ledgers.open_to(database, people)
        settle(database, *[Event.ACCEPTED] * 6, Event.REFUSE)
        age(database)
        (found,) = pruning.candidates(
            database, ledgers.all_rows(database, "SELECT max(opened_at) + 1 FROM issues")[0][0]
        )
        assert (found.letters, found.unsettled, found.begun) == (7, False, False)
        assert pruning.begin(database, 1, actor=ledgers.PERSON)
        assert sum(pruning.prune(database, 1)) == 7
        assert sum(pruning.prune(database, 1)) == 0, "safe to repeat"
        assert database.compact()
        pruning.finish(database, [1])
        assert ledgers.all_rows(database, "SELECT address, fields, domain, reply FROM deliveries WHERE id = 3") == [
            ("#3@pruned.invalid", "", "", None)
        ]
        assert ledgers.all_rows(database, "SELECT address, detail FROM omitted") == [("#o1@pruned.invalid", "")]
        assert ledgers.all_rows(database, "SELECT count(*), count(text) FROM events WHERE delivery_id > 0") == [(7, 0)]
        assert pruning.candidates(database, 1 << 60) == []
