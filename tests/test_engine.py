"""The engine over a channel in this process, whose faults each test scripts: what the ledger then holds."""

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest

from distributor.delivery.engine import engine as engine_module
from distributor.delivery.engine import journal as journal_module
from distributor.delivery.engine import reach as reach_module
from distributor.delivery.engine.engine import Engine
from distributor.delivery.engine.judge import RetryPolicy
from distributor.delivery.ledger import acts, claims, queries, writing
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.channel import Channel, Hand, Parcel, Phase, Reply, SessionError
from distributor.delivery.model.flow import Destination, Rules, Way
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import State
from distributor.errors import LedgerError
from tests import ledgers
from tests.ledgers import DAY, PERSON, WORKER, all_rows, execute, open_sendable, row, states, today

AT_ONCE = RetryPolicy(first=0, most=0, expire_after=2 * DAY)
IN_AN_HOUR = RetryPolicy(first=3600, most=3600, expire_after=2 * DAY)
RELAY = "relay.example:25"
Step = Callable[["Script", Hand, Parcel], Awaitable[None]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's patience, shortened: no test waits for a clock."""
    for name, seconds in {"POLL": 0.02, "LINGER": 0.2, "GRACE": 1.0, "LAST_WRITES": 1.0}.items():
        monkeypatch.setattr(engine_module, name, seconds)
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 0.05)
    monkeypatch.setattr(journal_module, "REPEAT_AFTER", 0.02)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


def said(phase: Phase, code: int | None, text: str = "", *, handed_over: bool = False) -> Reply:
    return Reply(phase, code, None, text, handed_over, RELAY)


class Script:
    """A relay that takes everything, but for what is scripted for an address; each step is used once."""

    name = "mail"

    def __init__(self, ledger: Database) -> None:
        self.ledger = ledger
        self.steps: dict[str, deque[Step]] = defaultdict(deque)
        self.refusals: deque[Reply | None] = deque()
        self.messages: list[Parcel] = []
        self.sessions = self.open = self.most_open = 0
        self.taken = asyncio.Event()

    @property
    def addresses(self) -> list[str]:
        return sorted(parcel.address for parcel in self.messages)

    def on(self, number: int, *steps: Step) -> None:
        self.steps[f"office{number}@example.org"].extend(steps)

    async def session(self, hand: Hand) -> None:
        self.sessions += 1
        if self.refusals and (refusal := self.refusals.popleft()) is not None:
            raise SessionError(refusal)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while (parcel := await hand.take()) is not None:
                self.taken.set()
                scripted = self.steps[parcel.address]
                await (scripted.popleft() if scripted else accept)(self, hand, parcel)
        finally:
            self.open -= 1


async def hand_over(script: Script, hand: Hand, parcel: Parcel) -> bool:
    if not await hand.mark(parcel):
        return False
    found = await asyncio.to_thread(row, script.ledger, parcel.delivery_id)
    assert (found["state"], found["attempt"]) == ("handing_over", parcel.attempt), "no body before its mark is durable"
    script.messages.append(parcel)
    return True


async def accept(script: Script, hand: Hand, parcel: Parcel) -> None:
    if await hand_over(script, hand, parcel):
        hand.settle(parcel, said(Phase.DOT, 250, "queued", handed_over=True))


def refuse(code: int, text: str = "", phase: Phase = Phase.RCPT) -> Step:
    async def step(_script: Script, hand: Hand, parcel: Parcel) -> None:
        hand.settle(parcel, said(phase, code, text))

    return step


def lose(*, handed_over: bool) -> Step:
    async def step(script: Script, hand: Hand, parcel: Parcel) -> None:
        await hand_over(script, hand, parcel)
        hand.settle(parcel, said(Phase.DOT, None, "connection reset", handed_over=handed_over))
        raise SessionError(said(Phase.DOT, None, "connection reset"))

    return step


def engine_of(
    ledger: Database, channels: Mapping[Way, Channel], policy: RetryPolicy = AT_ONCE, connections: int = 3,
    destinations: tuple[Destination, ...] = (), day_of: Callable[[int], str] = today,
) -> Engine:  # fmt: skip
    return Engine(
        ledger, list(channels.items()), Rules(tuple(channels), destinations),
        actor=WORKER, connections=connections, policy=policy, day_of=day_of,
    )  # fmt: skip


def make(ledger: Database, script: Script, policy: RetryPolicy = AT_ONCE, connections: int = 3) -> Engine:
    return engine_of(ledger, {Way("relay"): script}, policy, connections)


async def run(engine: Engine, idle: float | None = 0.1) -> None:
    await asyncio.wait_for(engine.run(idle=idle), 30)
    assert all_rows(engine.journal.database, "SELECT count(*) FROM leases") == [(0,)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  the ledger rings no bell
            await asyncio.sleep(0.01)


def delivery(ledger: Database, number: int) -> dict[str, Any]:
    return row(ledger, number)


# The usual way


async def test_every_letter_goes_out_once_and_is_recorded(ledger: Database) -> None:
    issue = open_sendable(ledger, 50)
    script = Script(ledger)
    await run(make(ledger, script))
    assert script.addresses == sorted(f"office{number}@example.org" for number in range(1, 51))
    assert states(ledger) == {State.SENT: 50}
    (first, *_others) = ledgers.account(ledger, issue.id)
    assert (first.code, first.reply, first.relay, first.attempts) == (250, "queued", RELAY, 1)


async def test_the_message_is_the_frozen_letter_with_the_recipients_values(ledger: Database) -> None:
    open_sendable(ledger, 2)
    script = Script(ledger)
    await run(make(ledger, script))
    message = next(parcel for parcel in script.messages if parcel.address == "office2@example.org")
    assert message.sender == "office@sender.example"
    assert b"<uid60.2.1@sender.example>" in message.message
    assert b"office2@example.org" in message.message


async def test_no_more_sessions_than_wanted_and_no_more_than_of_use(ledger: Database) -> None:
    open_sendable(ledger, 2)
    script = Script(ledger)
    await run(make(ledger, script, connections=4))
    assert script.most_open <= 2
    open_sendable(ledger, 200, total=61)
    await run(make(ledger, script, connections=4))
    assert script.most_open == 4


async def test_more_than_a_slice_is_claimed_in_good_time(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "SLICE", 10)
    open_sendable(ledger, 95)
    script = Script(ledger)
    await run(make(ledger, script))
    assert states(ledger) == {State.SENT: 95}


async def test_what_is_opened_meanwhile_is_delivered_by_the_same_engine(ledger: Database) -> None:
    script = Script(ledger)
    engine = make(ledger, script)
    running = asyncio.create_task(run(engine, idle=None))
    await asyncio.to_thread(open_sendable, ledger, 3)
    await until(lambda: states(ledger) == {State.SENT: 3})
    await asyncio.to_thread(open_sendable, ledger, 3, total=61)
    await until(lambda: states(ledger) == {State.SENT: 6})
    engine.stop.set()
    await running


async def test_with_nothing_to_do_it_ends_soon_and_opens_no_session(ledger: Database) -> None:
    script = Script(ledger)
    await run(make(ledger, script), idle=0.05)
    assert script.sessions == 0


# Refused, put off, lost


async def test_one_is_refused_another_put_off_once(ledger: Database) -> None:
    issue = open_sendable(ledger, 4)
    script = Script(ledger)
    script.on(2, refuse(550, "5.1.1 no such user"))
    script.on(3, refuse(451, "4.7.1 try again"))
    await run(make(ledger, script))
    assert states(ledger) == {State.SENT: 3, State.FAILED: 1}
    account = {record.address: record for record in ledgers.account(ledger, issue.id)}
    assert (account["office2@example.org"].code, account["office2@example.org"].phase) == (550, "rcpt")
    assert account["office3@example.org"].attempts == 2
    assert [event["kind"] for event in queries.history(ledger, issue.id, 3)] == ["defer", "accepted"]


async def test_lost_before_the_final_dot_it_is_put_off(ledger: Database) -> None:
    open_sendable(ledger, 1)
    script = Script(ledger)
    script.on(1, lose(handed_over=False))
    await run(make(ledger, script, IN_AN_HOUR))
    found = delivery(ledger, 1)
    assert (found["state"], found["reply"], found["lease_id"]) == ("deferred", "connection reset", None)


async def test_lost_after_the_final_dot_it_is_uncertain_and_not_sent_again(ledger: Database) -> None:
    open_sendable(ledger, 5)
    script = Script(ledger)
    script.on(1, lose(handed_over=True))
    await run(make(ledger, script))
    assert states(ledger) == {State.UNCERTAIN: 1, State.SENT: 4}
    assert script.addresses.count("office1@example.org") == 1
    assert delivery(ledger, 1)["reason"] == "no-answer"


async def test_a_relay_that_cannot_be_reached_puts_everything_off_and_is_named(ledger: Database) -> None:
    issue = open_sendable(ledger, 5)
    script = Script(ledger)
    script.refusals.extend([said(Phase.CONNECT, None, "Connection refused")] * 3)
    await run(make(ledger, script, IN_AN_HOUR))
    assert states(ledger) == {State.DEFERRED: 5}
    for record in ledgers.account(ledger, issue.id):
        assert (record.phase, record.reply, record.attempts) == ("connect", "Connection refused", 1)
        assert record.next_attempt is not None


async def test_after_a_while_it_tries_the_relay_again(ledger: Database) -> None:
    open_sendable(ledger, 5)
    script = Script(ledger)
    script.refusals.extend([said(Phase.CONNECT, None, "Connection refused")] * 6)
    await run(make(ledger, script))
    assert states(ledger) == {State.SENT: 5}


async def test_a_relay_that_refuses_for_good_fails_no_letter(ledger: Database) -> None:
    open_sendable(ledger, 2)
    script = Script(ledger)
    script.refusals.append(said(Phase.GREETING, 554, "no service here"))
    await run(make(ledger, script, IN_AN_HOUR, connections=1))
    assert states(ledger) == {State.DEFERRED: 2}


async def test_a_relay_that_takes_only_some_sessions_delays_nothing(ledger: Database) -> None:
    open_sendable(ledger, 30)
    script = Script(ledger)
    script.refusals.extend([said(Phase.GREETING, 421, "too many connections"), None, said(Phase.GREETING, 421, "full")])
    await run(make(ledger, script, IN_AN_HOUR))
    assert states(ledger) == {State.SENT: 30}


async def test_sessions_that_fail_together_are_one_failure(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 60.0)
    open_sendable(ledger, 8)
    script = Script(ledger)
    script.refusals.extend([said(Phase.CONNECT, None, "Connection refused")] * 4)
    engine = make(ledger, script, IN_AN_HOUR, connections=4)
    await run(engine)
    assert (script.sessions, engine.lines["relay"].reach.back_off) == (4, 1.0)


def current(ledger: Database, issue: IssueRecord) -> IssueRecord:
    return queries.find_issues(ledger, issue_id=issue.id)[0]


async def test_a_refused_login_pauses_the_issue_and_says_why(ledger: Database) -> None:
    issue = open_sendable(ledger, 5)
    script = Script(ledger)
    script.refusals.extend([said(Phase.AUTH, 535, "authentication failed")] * 3)
    await run(make(ledger, script))
    found = current(ledger, issue)
    assert (found.state, found.state_reason) == (IssueState.PAUSED, "535 authentication failed")
    assert script.messages == []
    assert set(states(ledger)) <= {State.QUEUED, State.DEFERRED}


async def test_a_refused_sender_pauses_its_issue_and_the_others_go_on(ledger: Database) -> None:
    issue = open_sendable(ledger, 300, sender="nobody@sender.example")
    other = open_sendable(ledger, 20, total=61)
    script = Script(ledger)
    for number in range(1, 301):
        script.on(number, refuse(553, "5.1.8 sender refused", Phase.MAIL))
    tried: list[str] = []

    async def by_sender(self: Script, hand: Hand, parcel: Parcel) -> None:
        if parcel.sender.startswith("nobody"):
            tried.append(parcel.address)
            hand.settle(parcel, said(Phase.MAIL, 553, "5.1.8 sender address rejected"))
        else:
            await accept(self, hand, parcel)

    script.steps = defaultdict(lambda: deque([by_sender]))
    await run(make(ledger, script))
    assert (current(ledger, issue).state, current(ledger, other).state) == (IssueState.PAUSED, IssueState.OPEN)
    assert len(script.messages) == 20
    assert len(tried) < 50, "the relay is not asked again and again"
    assert all_rows(ledger, "SELECT count(*) FROM deliveries WHERE state = 'claimed'") == [(0,)]


async def test_a_session_that_breaks_leaves_nothing_unaccounted(
    ledger: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def break_after_mark(script: Script, hand: Hand, parcel: Parcel) -> None:
        await hand_over(script, hand, parcel)
        raise ZeroDivisionError

    async def break_before_mark(_script: Script, _hand: Hand, _parcel: Parcel) -> None:
        raise ZeroDivisionError

    open_sendable(ledger, 3)
    script = Script(ledger)
    script.on(1, break_after_mark)
    script.on(2, break_before_mark)
    await run(make(ledger, script, IN_AN_HOUR))
    assert [delivery(ledger, number)["state"] for number in (1, 2, 3)] == ["uncertain", "deferred", "sent"]
    assert "ZeroDivisionError" in caplog.text


async def test_a_parcel_given_back_goes_by_another_session_with_its_own_letter(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when nothing else of its issue was in stock, and at once, though the other session waits for work."""
    monkeypatch.setattr(engine_module, "SLICE", 1)
    monkeypatch.setattr(engine_module, "LINGER", 60.0)
    all_others_sent = asyncio.Event()

    async def hold_then_give_back(_script: Script, hand: Hand, parcel: Parcel) -> None:
        await all_others_sent.wait()
        hand.give_back(parcel)
        raise SessionError(said(Phase.MAIL, 421, "closing"))

    open_sendable(ledger, 1)
    open_sendable(ledger, 5, total=61)
    script = Script(ledger)
    script.on(1, hold_then_give_back)
    engine = make(ledger, script, connections=2)
    running = asyncio.create_task(run(engine))
    await until(lambda: states(ledger)[State.SENT] == 5)
    await asyncio.sleep(0.1)  # the engine has looked for more, and found that nothing is due
    all_others_sent.set()
    await asyncio.wait_for(running, 10)
    assert [(row(ledger, number)["state"], row(ledger, number)["tries"]) for number in range(1, 7)] == [("sent", 1)] * 6


async def test_a_letter_that_cannot_be_made_fails_alone(ledger: Database) -> None:
    issue = open_sendable(ledger, 4)
    execute(ledger, "UPDATE deliveries SET fields = '{}' WHERE id = 2")
    script = Script(ledger)
    await run(make(ledger, script))
    assert states(ledger) == {State.SENT: 3, State.FAILED: 1}
    failed = [
        (record.id, record.reason) for record in ledgers.account(ledger, issue.id) if record.state is State.FAILED
    ]
    assert failed == [(2, "not-made")]


async def test_a_damaged_letter_fails_the_deliveries_that_want_it(ledger: Database) -> None:
    open_sendable(ledger, 2)
    open_sendable(ledger, 2, total=61)
    execute(ledger, "UPDATE letters SET compiled = :damaged WHERE issue_id = 1", damaged=b"not a letter")
    script = Script(ledger)
    await run(make(ledger, script))
    assert states(ledger) == {State.SENT: 2, State.FAILED: 2}


# People decide meanwhile


@pytest.mark.parametrize("act", [acts.pause, acts.cancel])
async def test_what_a_person_stops_is_heard_at_once(ledger: Database, act: Callable[..., object]) -> None:
    issue = open_sendable(ledger, 200)
    script = Script(ledger)

    async def stop_here(script: Script, hand: Hand, parcel: Parcel) -> None:
        await accept(script, hand, parcel)
        await asyncio.to_thread(act, ledger, issue.id, actor=PERSON, reason="有误")

    script.on(10, stop_here)
    await run(make(ledger, script))
    counted = states(ledger)
    assert 10 <= counted[State.SENT] == len(script.messages) < 40
    left = State.QUEUED if act is acts.pause else State.CANCELLED
    assert counted == {State.SENT: len(script.messages), left: 200 - len(script.messages)}


async def test_a_mark_that_is_refused_sends_no_body_and_drops_the_rest_of_its_issue(ledger: Database) -> None:
    issue = open_sendable(ledger, 100)
    refused: list[str] = []

    async def pause_before_mark(script: Script, hand: Hand, parcel: Parcel) -> None:
        await asyncio.to_thread(acts.pause, ledger, issue.id, actor=PERSON, reason="")
        await count_refused(script, hand, parcel)

    async def count_refused(script: Script, hand: Hand, parcel: Parcel) -> None:
        if await hand.mark(parcel):
            script.messages.append(parcel)
            hand.settle(parcel, said(Phase.DOT, 250, "queued", handed_over=True))
        else:
            refused.append(parcel.address)

    script = Script(ledger)
    script.steps = defaultdict(lambda: deque([count_refused]))
    script.on(1, pause_before_mark)
    script.steps["office1@example.org"] = deque([pause_before_mark])
    await run(make(ledger, script, connections=1))
    assert refused == ["office1@example.org"]
    assert states(ledger) == {State.QUEUED: 100}


# Stopping


async def test_stopped_it_finishes_what_is_in_flight_and_gives_back_the_rest(ledger: Database) -> None:
    open_sendable(ledger, 100)
    script = Script(ledger)
    engine = make(ledger, script)

    async def stop_meanwhile(script: Script, hand: Hand, parcel: Parcel) -> None:
        assert await hand_over(script, hand, parcel)
        engine.stop.set()
        await asyncio.sleep(0.05)
        hand.settle(parcel, said(Phase.DOT, 250, "queued", handed_over=True))

    script.on(20, stop_meanwhile)
    await run(engine, idle=None)
    counted = states(ledger)
    assert counted == {State.SENT: len(script.messages), State.QUEUED: 100 - len(script.messages)}
    assert 20 <= counted[State.SENT] < 30


async def test_a_refusal_while_stopping_is_not_forgotten(ledger: Database) -> None:
    """Results are written before the lease ends: else a delivery that was never marked would go back to the queue."""
    open_sendable(ledger, 3)
    script = Script(ledger)
    engine = make(ledger, script)

    all_in_hand = asyncio.Barrier(3)

    async def refuse_while_stopping(_script: Script, hand: Hand, parcel: Parcel) -> None:
        await all_in_hand.wait()
        engine.stop.set()
        await asyncio.sleep(0.02)
        hand.settle(parcel, said(Phase.RCPT, 550, "5.1.1 no such user"))

    for number in (1, 2, 3):
        script.on(number, refuse_while_stopping)
    await run(engine, idle=None)
    assert states(ledger) == {State.FAILED: 3}


async def test_who_takes_too_long_to_stop_is_cut_off_and_in_doubt(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "GRACE", 0.05)
    open_sendable(ledger, 2)
    script = Script(ledger)
    engine = make(ledger, script)

    async def never_answered(script: Script, hand: Hand, parcel: Parcel) -> None:
        await hand_over(script, hand, parcel)
        engine.stop.set()
        await asyncio.Event().wait()

    async def never_asked(script: Script, _hand: Hand, _parcel: Parcel) -> None:
        await asyncio.Event().wait()

    script.on(1, never_answered)
    script.on(2, never_asked)
    await run(engine, idle=None)
    assert [delivery(ledger, number)["state"] for number in (1, 2)] == ["uncertain", "deferred"]


async def test_a_session_that_is_still_connecting_delays_no_stop(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "GRACE", 60.0)

    class Unreachable(Script):
        async def session(self, hand: Hand) -> None:
            self.taken.set()
            await asyncio.Event().wait()

    open_sendable(ledger, 2)
    script = Unreachable(ledger)
    engine = make(ledger, script)
    running = asyncio.create_task(engine.run())
    await script.taken.wait()
    engine.stop.set()
    await asyncio.wait_for(running, 5)
    assert states(ledger) == {State.QUEUED: 2}


async def test_given_back_while_stopping_it_stays_queued(ledger: Database) -> None:
    open_sendable(ledger, 2)
    script = Script(ledger)
    engine = make(ledger, script)

    async def give_back(_script: Script, hand: Hand, parcel: Parcel) -> None:
        engine.stop.set()
        await asyncio.sleep(0)
        hand.give_back(parcel)

    script.on(1, give_back)
    script.on(2, give_back)
    await run(engine, idle=None)
    assert states(ledger) == {State.QUEUED: 2}
    assert [row(ledger, number)["tries"] for number in (1, 2)] == [0, 0]


# A ledger that fails


class Failing:
    """Makes one of the ledger's functions fail, before or after it did its work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *, times: int, late: bool) -> None:
        self.left = times
        real = getattr(module, name)

        def function(*arguments: Any, **options: Any) -> Any:
            failing, self.left = self.left > 0, self.left - 1
            if failing and not late:
                raise LedgerError("the ledger is away")
            outcome = real(*arguments, **options)
            if failing:
                raise LedgerError("the answer was lost")
            return outcome

        monkeypatch.setattr(module, name, function)


@pytest.mark.parametrize("late", [False, True], ids=["not written", "written, answer lost"])
@pytest.mark.parametrize(
    ("module", "name"), [(claims, "claim"), (writing, "write"), (queries, "compiled_letters"), (claims, "release")]
)
async def test_a_ledger_that_is_away_for_a_moment_costs_nothing(
    ledger: Database, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, late: bool
) -> None:
    open_sendable(ledger, 20)
    script = Script(ledger)
    failing = Failing(monkeypatch, module, name, times=2, late=late)
    if name == "release":
        Failing(monkeypatch, claims, "claim", times=2, late=True)
    await run(make(ledger, script))
    assert failing.left <= 0
    assert states(ledger) == {State.SENT: 20}
    assert len(script.messages) == 20


async def test_a_result_that_is_not_written_yet_is_not_lost_when_claims_are_given_back(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal before the mark leaves its delivery claimed until the journal has written it."""
    issue = open_sendable(ledger, 1)
    script = Script(ledger)
    engine = make(ledger, script)

    async def refuse_and_drop_the_issue(_script: Script, hand: Hand, parcel: Parcel) -> None:
        Failing(monkeypatch, writing, "write", times=5, late=False)
        hand.settle(parcel, said(Phase.RCPT, 550, "5.1.1 no such user"))
        engine.forget(issue.id)

    script.on(1, refuse_and_drop_the_issue)
    await run(engine)
    assert (states(ledger), script.messages) == ({State.FAILED: 1}, [])


async def test_stopped_while_the_ledger_is_away_it_ends_all_the_same(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "LAST_WRITES", 0.1)
    monkeypatch.setattr(engine_module, "GRACE", 0.1)
    open_sendable(ledger, 3)
    script = Script(ledger)
    engine = make(ledger, script, connections=1)

    async def the_ledger_goes_away(script: Script, hand: Hand, parcel: Parcel) -> None:
        await hand_over(script, hand, parcel)
        Failing(monkeypatch, writing, "write", times=10**9, late=False)
        Failing(monkeypatch, claims, "end_lease", times=10**9, late=False)
        hand.settle(parcel, said(Phase.DOT, 250, "queued", handed_over=True))
        engine.stop.set()

    script.on(1, the_ledger_goes_away)
    await asyncio.wait_for(engine.run(), 10)
    monkeypatch.undo()
    assert states(ledger) == {State.HANDING_OVER: 1, State.CLAIMED: 2}
    execute(ledger, "UPDATE leases SET expires_at = 0")
    ledgers.sweep(ledger)
    assert states(ledger) == {State.UNCERTAIN: 1, State.QUEUED: 2}


@pytest.mark.parametrize("name", ["write", "claim", "renew_lease", "end_lease"])
async def test_stopped_while_the_ledger_hangs_it_ends_all_the_same(
    ledger: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for where, patience in (
        (engine_module, "GRACE"),
        (engine_module, "LAST_WRITES"),
        (journal_module, "LAST_TRANSACTION"),
    ):
        monkeypatch.setattr(where, patience, 0.1)
    monkeypatch.setattr(engine_module, "LEASE", 0.06)
    monkeypatch.setattr(engine_module, "SLICE", 2)
    hangs, goes_on, ended = threading.Event(), threading.Event(), threading.Event()
    module = writing if name == "write" else claims
    real = getattr(module, name)

    def hanging(*arguments: Any, **options: Any) -> Any:
        hangs.set()
        goes_on.wait(20)
        try:
            return real(*arguments, **options)
        finally:
            ended.set()

    open_sendable(ledger, 30)
    engine = make(ledger, Script(ledger))
    monkeypatch.setattr(module, name, hanging)
    running = asyncio.create_task(engine.run())
    if name != "end_lease":
        assert await asyncio.to_thread(hangs.wait, 10)
    engine.stop.set()
    await asyncio.wait_for(running, 5)
    assert not ended.is_set()
    goes_on.set()
    assert await asyncio.to_thread(ended.wait, 10)
    ledgers.sweep(ledger)
    assert sum(states(ledger).values()) == 30


async def test_without_a_ledger_it_does_not_start(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    Failing(monkeypatch, claims, "take_lease", times=1, late=False)
    with pytest.raises(LedgerError):
        await make(ledger, Script(ledger)).run(idle=0.1)


async def test_a_fault_of_our_own_in_the_journal_is_not_waited_out(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine_module, "GRACE", 0.1)
    open_sendable(ledger, 3)
    monkeypatch.setattr(writing, "write", broken)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(make(ledger, Script(ledger)).run(), 10)


# Leases


async def test_a_lease_is_kept_alive(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "LEASE", 0.3)
    open_sendable(ledger, 1)
    script = Script(ledger)

    async def slow(script: Script, hand: Hand, parcel: Parcel) -> None:
        await hand_over(script, hand, parcel)
        for _each in range(10):
            await asyncio.sleep(0.1)
            await asyncio.to_thread(ledgers.sweep, ledger)
        hand.settle(parcel, said(Phase.DOT, 250, "queued", handed_over=True))

    script.on(1, slow)
    await run(make(ledger, script))
    assert all_rows(ledger, "SELECT kind FROM events WHERE delivery_id = 1") == [("accepted",)]


async def test_with_its_lease_it_loses_its_stock_and_sends_nothing_that_is_anothers(
    ledger: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine_module, "LEASE", 0.3)
    open_sendable(ledger, 50)
    script = Script(ledger)

    async def sleep_too_long(script: Script, hand: Hand, parcel: Parcel) -> None:
        execute(ledger, "UPDATE leases SET expires_at = 0")
        ledgers.sweep(ledger)
        _lease, others = ledgers.claimed(ledger, 100)
        assert len(others) >= 48
        await asyncio.sleep(0.3)
        await accept(script, hand, parcel)

    script.on(1, sleep_too_long)
    engine = make(ledger, script, connections=2)
    running = asyncio.create_task(engine.run())
    await script.taken.wait()
    await until(lambda: "the lease expired" in caplog.text)
    engine.stop.set()
    await asyncio.wait_for(running, 10)
    counted = states(ledger)
    assert counted[State.CLAIMED] >= 48, "the other worker holds them still"
    assert len(script.messages) == counted[State.SENT] <= 2


async def test_the_late_answer_of_a_delivery_that_was_swept_meanwhile_counts(ledger: Database) -> None:
    open_sendable(ledger, 1)
    script = Script(ledger)

    async def swept_before_the_answer(script: Script, hand: Hand, parcel: Parcel) -> None:
        await hand_over(script, hand, parcel)
        execute(ledger, "UPDATE leases SET expires_at = 0")
        assert ledgers.sweep(ledger).uncertain == 1
        hand.settle(parcel, said(Phase.DOT, 250, "queued", handed_over=True))

    script.on(1, swept_before_the_answer)
    await asyncio.wait_for(make(ledger, script).run(idle=0.1), 30)
    assert states(ledger) == {State.SENT: 1}
    assert len(script.messages) == 1


# Cost of waiting


async def test_it_rests_while_there_is_nothing_to_do(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "POLL", 0.1)
    looks = 0
    real = claims.claim

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal looks
        looks += 1
        return real(*arguments, **options)

    monkeypatch.setattr(claims, "claim", counted)
    open_sendable(ledger, 3)
    script = Script(ledger)
    engine = make(ledger, script)
    running = asyncio.create_task(engine.run())
    await until(lambda: states(ledger) == {State.SENT: 3})
    before = looks
    await asyncio.sleep(1.0)
    assert looks - before <= 12
    engine.stop.set()
    await asyncio.wait_for(running, 5)
