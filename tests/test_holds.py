"""What one refusal means for others: destinations that are put off or held back, and let go by a person."""

import json
from collections.abc import Iterator

import pytest

from distributor.delivery.engine import engine as engine_module
from distributor.delivery.engine import reach as reach_module
from distributor.delivery.engine.judge import RetryPolicy
from distributor.delivery.engine.reach import Pace
from distributor.delivery.ledger import acts, holds, queries
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.channel import Phase
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import Event, State
from tests import ledgers
from tests.ledgers import DAY, PERSON, WORKER, all_rows, candidate, finished_letters, new_issue, open_to, row, states
from tests.sites import Site
from tests.test_engine import Script, make, refuse, run

SLOWLY = RetryPolicy(first=60, most=3600, expire_after=2 * DAY)
SPF = "SPF check failed for mail.qq.com"  # as QQ says it
BUSY = "Ip frequency limited, see mail.qq.com"
SECOND = 1_000_000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"POLL": 0.02, "LINGER": 0.2, "GRACE": 1.0, "LAST_WRITES": 1.0}.items():
        monkeypatch.setattr(engine_module, name, seconds)
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 0.05)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


def open_mixed(ledger: Database, count: int = 10, total: int = 60) -> IssueRecord:
    """Odd numbers at example.org, even ones at mail.example."""
    people = (
        candidate(number, **({} if number % 2 else {"email": f"office{number}@mail.example"}))
        for number in range(1, count + 1)
    )
    return open_to(ledger, people, new_issue(total), finished_letters)


def told(reason: str = "spf-refused") -> ledgers.Result:
    claim = ledgers.Mark(1, 1)
    said = {"phase": "mail", "code": 550, "enhanced": None, "reply": SPF}
    return ledgers.result(claim, Event.DEFER, reason=reason, wait=None, **said)


def hold(ledger: Database, scope: str | None, wait: int | None = None) -> int:
    return holds.put_off(ledger, scope, wait, told(), [], actor=WORKER)


# The ledger


def test_one_destination_is_held_and_the_others_go_on(ledger: Database) -> None:
    open_mixed(ledger)
    assert hold(ledger, "mail.example") == 5
    found = row(ledger, 2)
    assert (found["state"], found["next_attempt"], found["reason"], found["reply"]) == (
        "deferred", None, "spf-refused", SPF,
    )  # fmt: skip
    assert found["tries"] == 0, "it was not tried itself"
    assert [claim.id for claim in ledgers.claimed(ledger)[1]] == [1, 3, 5, 7, 9]


def test_a_domain_that_only_ends_alike_is_another(ledger: Database) -> None:
    open_to(ledger, [candidate(1, email="a@mail.example"), candidate(2, email="a@web-mail.example")])
    assert hold(ledger, "mail.example") == 1
    assert hold(ledger, "_ail.example") == 0


def test_all_that_goes_by_the_relay_is_held(ledger: Database) -> None:
    open_mixed(ledger)
    assert hold(ledger, None) == 10
    assert ledgers.claimed(ledger)[1] == []


def test_what_others_have_in_stock_comes_back_and_what_is_on_its_way_goes_on(ledger: Database) -> None:
    open_mixed(ledger)
    _lease, claims = ledgers.claimed(ledger)
    second, fourth, sixth = claims[1], claims[3], claims[5]
    assert (second.id, fourth.id, sixth.id) == (2, 4, 6)
    ledgers.mark(ledger, second)
    assert holds.put_off(ledger, "mail.example", None, told(), [4], actor=WORKER) == 3
    assert [row(ledger, number)["state"] for number in (2, 4, 6)] == ["handing_over", "claimed", "deferred"]
    assert ledgers.mark(ledger, sixth) == set()
    assert ledgers.record(ledger, ledgers.result(second), ledgers.result(fourth, Event.REFUSE)) == 0


def test_put_off_for_a_while_nothing_comes_earlier_or_later_than_it_would(ledger: Database) -> None:
    open_mixed(ledger, 4)
    ledgers.execute(ledger, "UPDATE deliveries SET next_attempt = next_attempt + 7200000000 WHERE id = 4")
    late = row(ledger, 4)["next_attempt"]
    assert hold(ledger, "mail.example", 600 * SECOND) == 1
    assert row(ledger, 4)["next_attempt"] == late
    moved = row(ledger, 2)
    assert moved["state"] == "deferred"
    assert 590 < (moved["next_attempt"] - moved["waiting_since"]) / SECOND < 620


def test_held_for_long_it_does_not_become_too_old(ledger: Database) -> None:
    open_mixed(ledger, 2)
    hold(ledger, "mail.example")
    ledgers.execute(ledger, "UPDATE deliveries SET waiting_since = 0")
    assert ledgers.sweep(ledger).expired == 0
    assert row(ledger, 2)["state"] == "deferred"


def test_released_it_is_due_and_who_did_it_is_told(ledger: Database) -> None:
    issue = open_mixed(ledger)
    hold(ledger, "mail.example")
    assert holds.release(ledger, "example.org", actor=PERSON) == {}
    assert holds.release(ledger, "mail.example", actor=PERSON) == {issue.id: 5}
    assert len(ledgers.claimed(ledger)[1]) == 10
    events = [event for event in queries.history(ledger, issue.id) if event["kind"] in {"held", "released"}]
    assert [(event["kind"], event["who"], json.loads(event["text"])["letters"]) for event in events] == [
        ("held", WORKER.who, 5), ("released", PERSON.who, 5),
    ]  # fmt: skip


def test_what_is_held_is_listed_by_issue_and_domain(ledger: Database) -> None:
    first, second = open_mixed(ledger), open_mixed(ledger, 4, total=61)
    hold(ledger, "mail.example")
    found = [
        (item.issue.id, item.domain, item.letters, item.reason, item.code, item.reply) for item in holds.held(ledger)
    ]
    assert found == [
        (first.id, "mail.example", 5, "spf-refused", 550, SPF),
        (second.id, "mail.example", 2, "spf-refused", 550, SPF),
    ]


def test_a_cancelled_issue_is_left_alone_and_a_resumed_one_goes_on(ledger: Database) -> None:
    first, second = open_mixed(ledger, 2), open_mixed(ledger, 2, total=61)
    acts.cancel(ledger, first.id, actor=PERSON, reason="")
    assert hold(ledger, "mail.example") == 1
    acts.hasten(ledger, second.id, actor=PERSON)
    assert len(ledgers.claimed(ledger)[1]) == 2


# The engine


async def test_a_refusal_of_our_domain_holds_that_destination_and_the_rest_goes(ledger: Database) -> None:
    open_mixed(ledger, 40)
    script = Script(ledger)
    script.steps["office2@mail.example"].append(refuse(550, SPF, Phase.MAIL))
    await run(make(ledger, script, connections=1))
    assert {parcel.address.partition("@")[2] for parcel in script.messages} == {"example.org"}
    assert states(ledger) == {State.SENT: 20, State.DEFERRED: 20}
    assert all_rows(ledger, "SELECT DISTINCT next_attempt, reason FROM deliveries WHERE state = 'deferred'") == [
        (None, "spf-refused")
    ]
    assert row(ledger, 2)["tries"] == 1
    (event,) = all_rows(ledger, "SELECT count(*) FROM events WHERE kind = 'held'")
    assert event == (1,)

    holds.release(ledger, "mail.example", actor=PERSON)
    await run(make(ledger, script))
    assert states(ledger) == {State.SENT: 40}


async def test_told_to_slow_down_it_leaves_that_destination_alone_for_a_while(ledger: Database) -> None:
    open_mixed(ledger, 40)
    script = Script(ledger)
    script.steps["office2@mail.example"].append(refuse(550, BUSY))
    await run(make(ledger, script, SLOWLY, connections=1))
    assert states(ledger) == {State.SENT: 20, State.DEFERRED: 20}
    reasons = all_rows(ledger, "SELECT DISTINCT reason, next_attempt IS NULL FROM deliveries WHERE state = 'deferred'")
    assert [(reason, bool(held)) for reason, held in reasons] == [("rate-limited", False)]


async def test_a_relay_that_is_blocklisted_holds_everything(ledger: Database) -> None:
    open_mixed(ledger, 10)
    script = Script(ledger)
    script.steps["office1@example.org"].append(refuse(554, "Client host 192.0.2.1 blocked using a list"))
    await run(make(ledger, script, connections=1))
    assert states(ledger) == {State.DEFERRED: 10}
    assert {item.reason for item in holds.held(ledger)} == {"relay-blocklisted"}


def test_each_wait_for_a_destination_is_twice_the_one_before() -> None:
    pace, now, waits = Pace(60, 300), 0.0, []
    for _each in range(4):
        waits.append(pace.slow("mail.example", 0, now))
        assert pace.slow("mail.example", 0, now + 1) is None, "said of what was on its way already"
        now += 1000
    assert waits == [60, 120, 240, 300]
    assert pace.slow("example.org", 900, now) == 900
    pace.accepted("mail.example", now)
    assert pace.slow("mail.example", 0, now) == 60


# The command


def test_the_secretary_sees_what_is_held_and_lets_it_go(site: Site) -> None:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as ledger:
        open_mixed(ledger)
        assert "Nothing is held back" in site.run("release").out
        hold(ledger, "mail.example")
        listed = site.run("release").out
        assert "mail.example: 5 letters of issue 60 are held back." in listed
        assert SPF in listed
        assert "distributor release mail.example" in listed
        document = json.loads(site.run("release", "--json").out)
        assert (document["schema"], document["held"][0]["letters"], document["released"]) == (
            "distributor.held/1",
            5,
            0,
        )

        told_of = site.run("report", "60").out
        assert "5 letters still wait" in told_of
        assert "5 letters are held back until you let them go" in told_of
        assert "being sent" in site.run("status").out

        wrong = site.run("release", "mail.example", "nobody.example")
        assert wrong.code == 2
        assert "nothing is held back for nobody.example" in wrong.err
        assert holds.held(ledger)

        done = site.run("release", "Mail.Example")
        assert (done.code, holds.held(ledger)) == (0, [])
        assert "5 letters are let go." in done.err
        hold(ledger, None)
        assert "10 letters are let go." in site.run("release", "--all").err
