"""A relay that is away, for a moment or for long: what the engine knows of it, what it keeps, and what it puts off."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest

from distributor.delivery.engine import engine as engine_module
from distributor.delivery.engine import reach as reach_module
from distributor.delivery.engine.reach import Reach
from distributor.delivery.ledger import acts, sweeping
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.channel import Hand, Parcel, Phase, Reply, SessionError
from distributor.delivery.model.states import Event, State
from distributor.errors import LedgerError
from tests import ledgers
from tests.ledgers import HOUR, PERSON, all_rows, open_sendable, open_small, row, states
from tests.test_engine import IN_AN_HOUR, Script, Step, accept, lose, make, run, said

REFUSED = said(Phase.CONNECT, None, "Connection refused")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"POLL": 0.02, "LINGER": 0.2, "GRACE": 1.0, "LAST_WRITES": 1.0}.items():
        monkeypatch.setattr(engine_module, name, seconds)
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 0.05)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


# What is known of the relay


def test_each_wait_is_twice_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 60.0)
    reach, now, tries = Reach(), 0.0, []
    for _each in range(9):
        while reach.waits(now):
            now += 1.0
        tries.append(now)
        reach.failed(now)
        reach.failed(now + 0.5)  # of a session that was begun together with it
    assert [after - before for before, after in pairwise(tries)] == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(("code", "begins_anew"), [(250, True), (450, True), (550, True), (421, False), (None, False)])
def test_only_an_answer_to_a_parcel_ends_the_waiting(code: int | None, begins_anew: bool) -> None:
    reach = Reach()
    reach.failed(0.0)
    reach.opened()
    assert reach.back_off, "a relay that greets may still be good for nothing"
    reach.answered(said(Phase.MAIL, code))
    assert (reach.back_off == 0.0) is begins_anew


@pytest.mark.parametrize(
    ("reply", "tried_at", "now", "briefly"),
    [
        (REFUSED, 100.0, 100.1, True),
        (REFUSED, 100.0, 119.0, True),
        (REFUSED, 100.0, 121.0, False),
        (said(Phase.GREETING, None), 100.0, 100.1, False),
        (said(Phase.CONNECT, 421), 100.0, 100.1, False),
    ],
)
def test_briefly_away_is_no_connection_for_a_short_time(
    reply: Reply, tried_at: float, now: float, briefly: bool
) -> None:
    reach = Reach()
    assert not reach.is_briefly_away(reply, tried_at, now), "never reached: it may not exist"
    reach.opened()
    assert reach.is_briefly_away(reply, tried_at, now) is briefly


def test_an_outage_is_counted_from_its_first_failure_and_ends_with_a_session() -> None:
    reach = Reach()
    reach.opened()
    assert [reach.is_briefly_away(REFUSED, at, at) for at in (0.0, 15.0, 31.0)] == [True, True, False]
    reach.opened()
    assert reach.is_briefly_away(REFUSED, 40.0, 40.0)


# What the engine does


def then_away(times: int) -> Step:
    """The letter is taken; then the session breaks, and no connection can be had *times* times."""

    async def step(script: Script, hand: Hand, parcel: Parcel) -> None:
        await accept(script, hand, parcel)
        script.refusals.extend([REFUSED] * times)
        raise SessionError(said(Phase.MAIL, None, "the relay closed the connection"))

    return step


async def test_through_a_short_outage_the_stock_is_kept(ledger: Database) -> None:
    open_sendable(ledger, 6)
    script = Script(ledger)
    script.on(2, then_away(3))
    await run(make(ledger, script, IN_AN_HOUR, connections=1))
    assert not script.refusals
    assert states(ledger) == {State.SENT: 6}
    assert all_rows(ledger, "SELECT DISTINCT tries FROM deliveries") == [(1,)], "an outage is no letter's attempt"


async def test_in_a_long_outage_the_stock_is_put_off_and_due_when_the_relay_is_back(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach_module, "SHORT_OUTAGE", 0.0)
    open_sendable(ledger, 6)
    script = Script(ledger)
    script.on(2, then_away(1))
    engine = make(ledger, script, IN_AN_HOUR, connections=1)
    running = asyncio.create_task(run(engine, idle=None))
    async with asyncio.timeout(20):
        while await asyncio.to_thread(states, ledger) != {State.SENT: 2, State.DEFERRED: 4}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert row(ledger, 6)["reason"] == "lost-connect"
        await asyncio.to_thread(open_sendable, ledger, 1, total=61)
        while await asyncio.to_thread(states, ledger) != {State.SENT: 7}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    engine.stop.set()
    await running


async def test_what_an_earlier_engine_put_off_is_due_when_the_next_has_a_session(ledger: Database) -> None:
    open_sendable(ledger, 5)
    script = Script(ledger)
    script.refusals.extend([REFUSED] * 3)
    await run(make(ledger, script, IN_AN_HOUR))
    assert states(ledger) == {State.DEFERRED: 5}
    open_sendable(ledger, 1, total=61)
    await run(make(ledger, script, IN_AN_HOUR))
    assert states(ledger) == {State.SENT: 6}


async def test_a_ledger_that_is_away_just_then_is_asked_again(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [LedgerError("the ledger is away"), LedgerError("the ledger is away")]
    real = sweeping.hasten_unconnected

    def failing(database: Database, channel: str) -> None:
        if faults:
            raise faults.pop()
        real(database, channel)

    monkeypatch.setattr(sweeping, "hasten_unconnected", failing)
    open_sendable(ledger, 5)
    script = Script(ledger)
    script.refusals.extend([REFUSED] * 3)
    await run(make(ledger, script, IN_AN_HOUR))
    open_sendable(ledger, 1, total=61)
    await run(make(ledger, script, IN_AN_HOUR))
    assert (faults, states(ledger)) == ([], {State.SENT: 6})


async def test_a_relay_that_drops_every_letter_is_asked_less_and_less(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 60.0)
    monkeypatch.setattr(Reach, "waits", lambda _self, _now: False)
    open_sendable(ledger, 4)
    script = Script(ledger)
    for number in (1, 2, 3, 4):
        script.on(number, lose(handed_over=False))
    engine = make(ledger, script, IN_AN_HOUR, connections=1)
    await run(engine)
    assert (states(ledger), engine.lines["relay"].reach.back_off) == ({State.DEFERRED: 4}, 8.0)


# What the ledger makes due


def test_only_what_lacked_a_connection_in_an_open_issue_is_made_due(ledger: Database) -> None:
    open_small(ledger, 3)
    paused = open_small(ledger, 1, total=61)
    _lease, taken = ledgers.claimed(ledger)
    reasons = {1: "lost-connect", 2: "greylisted", 3: "lost-connect", 4: "lost-connect"}
    ledgers.record(
        ledger, *(ledgers.result(claim, Event.DEFER, reason=reasons[claim.id], code=None) for claim in taken)
    )
    ledgers.execute(ledger, "UPDATE deliveries SET next_attempt = NULL WHERE id = 3")  # waits for a person
    acts.pause(ledger, paused.id, actor=PERSON, reason="")
    before = {number: row(ledger, number)["next_attempt"] for number in reasons}
    sweeping.hasten_unconnected(ledger)
    after = {number: row(ledger, number)["next_attempt"] for number in reasons}
    assert before[1] - after[1] > HOUR * 0.9
    assert {number for number in reasons if after[number] != before[number]} == {1}
