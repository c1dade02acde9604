"""The engine among limits, trouble and several relays: what each lets go, and what it keeps from nobody else."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from time import monotonic

import pytest

from distributor.delivery.engine import engine as engine_module
from distributor.delivery.engine import line as line_module
from distributor.delivery.engine import reach as reach_module
from distributor.delivery.engine.judge import RetryPolicy
from distributor.delivery.ledger import flows
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.channel import Hand, Parcel, Phase, SessionError
from distributor.delivery.model.flow import Destination, FlowKey, FlowKind, Limits, Way
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import State
from distributor.recipients.model import GroupName
from tests import ledgers
from tests.ledgers import (
    DAY,
    PERSON,
    TODAY,
    WORKER,
    all_rows,
    candidate,
    execute,
    finished_letters,
    new_issue,
    open_sendable,
    open_to,
    row,
    states,
)
from tests.test_engine import IN_AN_HOUR, Script, accept, current, engine_of, make, refuse, run, said, until

SLOWLY = RetryPolicy(first=60, most=3600, expire_after=2 * DAY)
SPF = "SPF check failed for mail.qq.com"  # as QQ says it
BUSY = "Ip frequency limited, see mail.qq.com"
BLOCKLISTED = "Client host 192.0.2.1 blocked using a list"
REFUSED = said(Phase.CONNECT, None, "Connection refused")
MAIL = FlowKey(FlowKind.DESTINATION, "mail.example")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"POLL": 0.02, "LINGER": 0.2, "GRACE": 1.0, "LAST_WRITES": 1.0}.items():
        monkeypatch.setattr(engine_module, name, seconds)
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 0.05)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


def open_mixed(ledger: Database, count: int = 40, total: int = 60, domain: str = "mail.example") -> IssueRecord:
    """Odd numbers at example.org, even ones at *domain*."""
    people = (
        candidate(number, **({} if number % 2 else {"email": f"office{number}@{domain}"}))
        for number in range(1, count + 1)
    )
    return open_to(ledger, people, new_issue(total), finished_letters)


def open_to_two_groups(ledger: Database, count: int = 20) -> IssueRecord:
    """Even numbers in 发, odd ones in 送."""
    groups = (GroupName.MEMBERS, GroupName.DEPARTMENTS)
    people = (candidate(number, group=groups[number % 2]) for number in range(1, count + 1))
    return open_to(ledger, people, new_issue(), finished_letters)


def domains(script: Script) -> set[str]:
    return {parcel.address.partition("@")[2] for parcel in script.messages}


def over(ledger: Database) -> None:
    """All back-offs are over."""
    execute(ledger, "UPDATE flows SET held_until = 1")


# Told to slow down, blocked, released


async def test_told_to_slow_down_it_leaves_that_destination_alone_and_the_rest_goes(ledger: Database) -> None:
    open_mixed(ledger)
    script = Script(ledger)
    script.steps["office2@mail.example"].append(refuse(450, BUSY))
    await run(make(ledger, script, SLOWLY, connections=1))
    assert domains(script) == {"example.org"}
    assert states(ledger) == {State.SENT: 20, State.DEFERRED: 1, State.QUEUED: 19}
    (found,) = flows.troubled(ledger)
    assert (found.key, found.blocked, found.reason, found.reply) == (
        MAIL, False, "rate-limited", f"450 {BUSY}",
    )  # fmt: skip
    assert row(ledger, 4)["tries"] == 0, "it was not tried itself"


async def test_after_the_wait_one_letter_shows_whether_the_others_may_go(ledger: Database) -> None:
    open_mixed(ledger)
    script = Script(ledger)
    script.steps["office2@mail.example"].append(refuse(450, BUSY))
    script.steps["office4@mail.example"].append(refuse(450, BUSY))
    await run(make(ledger, script, SLOWLY, connections=3))
    over(ledger)
    await run(make(ledger, script, SLOWLY, connections=3))
    assert states(ledger)[State.DEFERRED] == 2
    assert domains(script) == {"example.org"}, "the second wait began with the first letter"
    (hold,) = all_rows(ledger, "SELECT hold FROM flows")
    assert hold == (120_000_000,)
    over(ledger)
    await run(make(ledger, script, SLOWLY, connections=3))
    assert states(ledger) == {State.SENT: 38, State.DEFERRED: 2}
    assert flows.troubled(ledger) == []


async def test_another_process_than_the_one_that_was_slowed_down_finds_a_destination_healthy(ledger: Database) -> None:
    """With limits it is not told that the destination is on probation."""
    open_mixed(ledger, 10)
    flows.slow(ledger, MAIL, first=60, most=60, reason="rate-limited", reply=BUSY, relay="")
    over(ledger)
    limited = Destination("mail.example", frozenset({"mail.example"}), Limits(connections=5))
    await run(engine_of(ledger, {Way("relay"): Script(ledger)}, destinations=(limited,)))
    assert (states(ledger), flows.troubled(ledger)) == ({State.SENT: 10}, [])


async def test_a_refusal_of_our_domain_blocks_that_destination_until_a_person_releases_it(ledger: Database) -> None:
    open_mixed(ledger)
    script = Script(ledger)
    script.steps["office2@mail.example"].append(refuse(550, SPF, Phase.MAIL))
    await run(make(ledger, script, connections=1))
    assert domains(script) == {"example.org"}
    assert states(ledger) == {State.SENT: 20, State.DEFERRED: 1, State.QUEUED: 19}
    (found,) = flows.troubled(ledger)
    assert (found.key, found.blocked, found.reason, found.relay) == (MAIL, True, "spf-refused", "relay.example:25")
    assert all_rows(ledger, "SELECT count(*) FROM events WHERE kind = 'blocked'") == [(1,)]
    flows.release(ledger, MAIL, [MAIL.name], actor=PERSON)
    await run(make(ledger, script))
    assert states(ledger) == {State.SENT: 40}


async def test_the_domains_of_one_provider_are_blocked_together(ledger: Database) -> None:
    open_mixed(ledger)
    both = Destination("provider", frozenset({"mail.example", "example.org"}))
    script = Script(ledger)
    script.steps["office2@mail.example"].append(refuse(550, SPF, Phase.MAIL))
    await run(engine_of(ledger, {Way("relay"): script}, IN_AN_HOUR, 1, (both,)))
    assert [record.key.name for record in flows.troubled(ledger)] == ["provider"]
    assert len(script.messages) < 40
    assert states(ledger)[State.QUEUED] > 0


async def test_what_a_relay_is_refused_for_itself_the_others_carry(ledger: Database) -> None:
    open_mixed(ledger)
    listed, well = Script(ledger), Script(ledger)
    for number in range(1, 41):
        listed.steps[f"office{number}@{'example.org' if number % 2 else 'mail.example'}"].append(
            refuse(554, BLOCKLISTED)
        )
    await run(engine_of(ledger, {Way("listed"): listed, Way("well"): well}, connections=1))
    (found,) = flows.troubled(ledger)
    assert (found.key, found.blocked) == (FlowKey(FlowKind.RELAY, "listed"), True)
    assert states(ledger) == {State.SENT: 40}
    assert len(well.messages) == 40


async def test_the_only_relay_blocked_keeps_everything(ledger: Database) -> None:
    open_mixed(ledger, 10)
    script = Script(ledger)
    script.steps["office1@example.org"].append(refuse(554, BLOCKLISTED))
    await run(make(ledger, script, connections=1))
    assert states(ledger) == {State.DEFERRED: 1, State.QUEUED: 9}
    assert script.messages == []


async def test_a_relay_that_wants_a_new_connection_gets_one(ledger: Database) -> None:
    open_sendable(ledger, 6)
    script = Script(ledger)
    script.on(3, refuse(421, "come again by another connection"))
    await run(make(ledger, script, connections=1))
    assert (states(ledger), script.sessions) == ({State.SENT: 6}, 2)


# Several relays


async def test_weights_hold_for_more_than_one_stock(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However quick the lighter one is: it waits for the heavier, or the shares would be those of their speeds."""
    monkeypatch.setattr(engine_module, "SLICE", 20)
    open_sendable(ledger, 400)
    heavy, light = Script(ledger), Script(ledger)
    await run(engine_of(ledger, {Way("heavy", weight=3): heavy, Way("light"): light}))
    assert (len(heavy.messages) + len(light.messages), 60 < len(light.messages) < 140) == (400, True)


async def test_relays_share_the_letters_by_their_weights(ledger: Database) -> None:
    open_sendable(ledger, 400)
    heavy, light = Script(ledger), Script(ledger)
    await run(engine_of(ledger, {Way("heavy", weight=3): heavy, Way("light"): light}))
    assert states(ledger) == {State.SENT: 400}
    assert 240 < len(heavy.messages) < 360


async def test_each_group_goes_by_its_own_relay(ledger: Database) -> None:
    open_to_two_groups(ledger)
    ways = Way("one", groups=frozenset({"送"})), Way("other", groups=frozenset({"发"}))
    one, other = Script(ledger), Script(ledger)
    await run(engine_of(ledger, dict(zip(ways, (one, other), strict=True))))
    assert states(ledger) == {State.SENT: 20}
    groups = dict(all_rows(ledger, "SELECT address, group_name FROM deliveries"))
    assert {groups[parcel.address] for parcel in one.messages} == {"送"}
    assert {groups[parcel.address] for parcel in other.messages} == {"发"}


async def test_a_relay_for_other_senders_carries_nothing(ledger: Database) -> None:
    open_sendable(ledger, 20)
    ours, theirs = Script(ledger), Script(ledger)
    ways = Way("ours", senders=frozenset({"sender.example"})), Way("theirs", senders=frozenset({"other.example"}))
    await run(engine_of(ledger, dict(zip(ways, (ours, theirs), strict=True))))
    assert (len(ours.messages), theirs.sessions) == (20, 0)


async def test_what_a_relay_that_refuses_connections_had_goes_by_another_at_once(ledger: Database) -> None:
    open_sendable(ledger, 60)
    away, there = Script(ledger), Script(ledger)
    away.refusals.extend([REFUSED] * 1000)
    await run(engine_of(ledger, {Way("away", weight=9): away, Way("there"): there}, IN_AN_HOUR))
    assert states(ledger) == {State.SENT: 60}
    assert (len(there.messages), away.messages) == (60, [])
    assert all_rows(ledger, "SELECT DISTINCT tries FROM deliveries") == [(1,)], "nobody's attempt was spent on it"


async def test_what_waits_behind_a_relay_that_answers_nothing_goes_by_another(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "STALLED", 0.2)
    open_sendable(ledger, 40)
    frozen, well = Script(ledger), Script(ledger)
    thawed = asyncio.Event()

    async def freeze(script: Script, hand: Hand, parcel: Parcel) -> None:
        await thawed.wait()
        await accept(script, hand, parcel)

    for number in range(1, 41):
        frozen.on(number, freeze)
    running = asyncio.create_task(
        run(engine_of(ledger, {Way("frozen", weight=3): frozen, Way("well"): well}, connections=2))
    )
    await until(lambda: states(ledger)[State.SENT] == 38)
    assert len(well.messages) == 38
    thawed.set()
    await running
    assert states(ledger) == {State.SENT: 40}


async def test_a_relay_that_had_nothing_to_do_for_long_has_not_stalled(ledger: Database) -> None:
    open_sendable(ledger, 1)
    engine = make(ledger, Script(ledger))
    line = engine.lines["relay"]
    line.moved_at -= 60
    claims = ledgers.claimed(ledger)[1]
    await engine.letters.load(engine.journal, claims)
    line.stock.add(claims)
    hand = line_module.Hand(line)
    line.hands[asyncio.create_task(asyncio.sleep(0))] = hand
    assert hand.poll() is not None
    assert not line.is_stalled(monotonic())
    assert line.is_stalled(monotonic() + line_module.STALLED + 1)
    engine.journal.shutdown()


async def test_a_relay_that_is_back_carries_again(ledger: Database) -> None:
    away, there = Script(ledger), Script(ledger)
    away.refusals.append(REFUSED)
    engine = engine_of(ledger, {Way("away", weight=9): away, Way("there"): there}, IN_AN_HOUR, 1)
    running = asyncio.create_task(run(engine, idle=None))
    await asyncio.to_thread(open_sendable, ledger, 10)
    await until(lambda: states(ledger) == {State.SENT: 10})
    assert away.sessions
    await asyncio.to_thread(open_sendable, ledger, 40, total=61)
    await until(lambda: states(ledger) == {State.SENT: 50})
    await asyncio.to_thread(open_sendable, ledger, 40, total=62)
    await until(lambda: states(ledger) == {State.SENT: 90})
    engine.stop.set()
    await running
    assert away.messages


async def test_only_what_no_other_relay_may_carry_is_put_off(ledger: Database) -> None:
    open_to_two_groups(ledger)
    away, there = Script(ledger), Script(ledger)
    away.refusals.extend([REFUSED] * 1000)
    ways = Way("away"), Way("there", groups=frozenset({"发"}))
    await run(engine_of(ledger, dict(zip(ways, (away, there), strict=True)), IN_AN_HOUR))
    found = Counter(all_rows(ledger, "SELECT group_name, state, reason FROM deliveries"))
    assert found == {("发", "sent", "sent"): 10, ("送", "deferred", "lost-connect"): 10}


async def test_what_a_relay_that_breaks_every_session_had_goes_by_another(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 60.0)
    open_sendable(ledger, 40)

    async def breaks(_script: Script, hand: Hand, parcel: Parcel) -> None:
        hand.settle(parcel, said(Phase.MAIL, None, "connection reset"))
        raise SessionError(said(Phase.MAIL, None, "connection reset"))

    broken, well = Script(ledger), Script(ledger)
    for number in range(1, 41):
        broken.on(number, breaks)
    await run(engine_of(ledger, {Way("broken", weight=9): broken, Way("well"): well}, IN_AN_HOUR))
    assert states(ledger) == {State.SENT: 40 - broken.sessions, State.DEFERRED: broken.sessions}
    assert broken.sessions <= 3


async def test_with_no_relay_there_everything_is_put_off(ledger: Database) -> None:
    open_sendable(ledger, 20)
    one, other = Script(ledger), Script(ledger)
    one.refusals.extend([REFUSED] * 1000)
    other.refusals.extend([REFUSED] * 1000)
    await run(engine_of(ledger, {Way("one"): one, Way("other"): other}, IN_AN_HOUR))
    assert states(ledger) == {State.DEFERRED: 20}


async def test_a_relay_that_refuses_our_login_is_blocked_and_no_issue_paused_while_another_carries(
    ledger: Database,
) -> None:
    issue = open_sendable(ledger, 40)
    refusing, well = Script(ledger), Script(ledger)
    refusing.refusals.extend([said(Phase.AUTH, 535, "5.7.8 bad credentials")] * 1000)
    await run(engine_of(ledger, {Way("refusing"): refusing, Way("well"): well}, IN_AN_HOUR))
    assert (states(ledger), current(ledger, issue).state) == ({State.SENT: 40}, IssueState.OPEN)
    (found,) = flows.troubled(ledger)
    assert (found.key.name, found.blocked, found.reason) == ("refusing", True, "login-refused")
    assert refusing.sessions <= 3, "nobody is locked out for it"


async def test_nor_is_it_paused_where_some_letters_have_no_other_relay(ledger: Database) -> None:
    issue = open_to_two_groups(ledger)
    refusing, well = Script(ledger), Script(ledger)
    refusing.refusals.extend([said(Phase.AUTH, 535, "5.7.8 bad credentials")] * 1000)
    ways = Way("refusing", weight=9), Way("well", groups=frozenset({"发"}))
    await run(engine_of(ledger, dict(zip(ways, (refusing, well), strict=True)), IN_AN_HOUR))
    assert current(ledger, issue).state is IssueState.OPEN
    found = Counter(all_rows(ledger, "SELECT group_name, state FROM deliveries"))
    assert found == {("发", "sent"): 10, ("送", "queued"): 10}


# Limits


async def test_a_destination_with_a_low_rate_stalls_nobody(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "SLICE", 20)
    monkeypatch.setattr(engine_module, "SOON", 0.0)
    open_mixed(ledger, 400)
    slow = Destination("slow", frozenset({"mail.example"}), Limits(per_minute=1))
    script = Script(ledger)
    await run(engine_of(ledger, {Way("relay"): script}, destinations=(slow,)))
    assert Counter(parcel.address.partition("@")[2] for parcel in script.messages) == {
        "example.org": 200, "mail.example": 1,
    }  # fmt: skip
    assert states(ledger) == {State.SENT: 201, State.QUEUED: 199}


async def test_a_connection_is_left_after_so_many_letters(ledger: Database) -> None:
    open_sendable(ledger, 20)
    script = Script(ledger)
    await run(engine_of(ledger, {Way("relay", limits=Limits(per_connection=3)): script}, connections=1))
    assert (states(ledger), script.sessions) == ({State.SENT: 20}, 7)


def counted_at_once(script: Script, count: int) -> Counter[str]:
    """How many of *count* letters to mail.example are on their way "now", and were at "most"."""
    at_once: Counter[str] = Counter()

    async def slowly(script: Script, hand: Hand, parcel: Parcel) -> None:
        at_once["now"] += 1
        at_once["most"] = max(at_once["most"], at_once["now"])
        await asyncio.sleep(0.01)
        at_once["now"] -= 1
        await accept(script, hand, parcel)

    for number in range(1, count + 1):
        script.steps[f"office{2 * number}@mail.example"].append(slowly)
    return at_once


class Counting(Script):
    """Counts connections of all engines together, and takes its time."""

    def __init__(self, ledger: Database, among: Counter[str]) -> None:
        super().__init__(ledger)
        self.among = among

    async def session(self, hand: Hand) -> None:
        self.among["open"] += 1
        self.among["most"] = max(self.among["most"], self.among["open"])
        try:
            await super().session(hand)
        finally:
            self.among["open"] -= 1


async def test_engines_share_the_connections_of_a_relay(ledger: Database) -> None:
    open_sendable(ledger, 120)
    among: Counter[str] = Counter()
    way = Way("relay", limits=Limits(connections=2))
    engines = [engine_of(ledger, {way: Counting(ledger, among)}, connections=3) for _each in range(2)]
    await asyncio.gather(*(asyncio.wait_for(engine.run(idle=0.3), 30) for engine in engines))
    assert (states(ledger), among["most"]) == ({State.SENT: 120}, 2)
    assert all_rows(ledger, "SELECT count(*) FROM grants") == [(0,)]


async def test_a_destination_gets_no_more_letters_at_once_than_it_takes(ledger: Database) -> None:
    open_mixed(ledger)
    shy = Destination("shy", frozenset({"mail.example"}), Limits(connections=2))
    script = Script(ledger)
    at_once = counted_at_once(script, 20)
    await run(engine_of(ledger, {Way("relay"): script}, connections=6, destinations=(shy,)))
    assert (states(ledger), at_once["most"]) == ({State.SENT: 40}, 2)


async def test_letters_in_the_lane_of_a_domain_keep_to_the_destination_that_has_it_now(ledger: Database) -> None:
    open_mixed(ledger, 20)
    script = Script(ledger)
    script.steps["office2@mail.example"].append(refuse(450, BUSY))
    await run(make(ledger, script, SLOWLY, connections=1))
    assert all_rows(ledger, "SELECT count(*) FROM deliveries WHERE lane = 'mail.example' AND state = 'queued'") == [
        (9,)
    ]
    flows.release(ledger, MAIL, [MAIL.name], actor=PERSON)
    provider = Destination("provider", frozenset({"mail.example"}), Limits(connections=1))
    at_once = counted_at_once(script, 10)
    await run(engine_of(ledger, {Way("relay"): script}, destinations=(provider,)))
    assert (states(ledger), at_once["most"]) == ({State.SENT: 20}, 1)


async def test_no_more_go_in_a_day_than_the_quota_and_what_is_not_used_is_given_back(ledger: Database) -> None:
    open_sendable(ledger, 12)
    script = Script(ledger)
    ways = {Way("relay", limits=Limits(per_day=5)): script}
    engine = engine_of(ledger, ways, connections=1)

    async def stop(script: Script, hand: Hand, parcel: Parcel) -> None:
        engine.stop.set()
        await accept(script, hand, parcel)

    script.on(2, stop)
    await run(engine)
    assert all_rows(ledger, "SELECT day_count, day FROM flows") == [(2, TODAY)]
    await run(engine_of(ledger, ways))
    assert states(ledger) == {State.SENT: 5, State.QUEUED: 7}
    await run(engine_of(ledger, ways, day_of=lambda _now: "2026-03-06"))
    assert states(ledger) == {State.SENT: 10, State.QUEUED: 2}


async def test_at_midnight_a_quota_begins_anew_for_what_was_at_hand_too(ledger: Database) -> None:
    open_sendable(ledger, 12)
    script = Script(ledger)
    days = [TODAY]

    async def midnight(script: Script, hand: Hand, parcel: Parcel) -> None:
        days[0] = "2026-03-06"
        await accept(script, hand, parcel)

    script.on(3, midnight)
    ways = {Way("relay", limits=Limits(per_day=5)): script}
    await run(engine_of(ledger, ways, connections=1, day_of=lambda _now: days[0]))
    assert states(ledger) == {State.SENT: 7, State.QUEUED: 5}
    assert all_rows(ledger, "SELECT day_count, day FROM flows") == [(5, "2026-03-06")]


async def test_letters_that_are_given_back_use_no_quota(ledger: Database) -> None:
    open_sendable(ledger, 5)
    script = Script(ledger)

    async def leave(_script: Script, hand: Hand, parcel: Parcel) -> None:
        hand.give_back(parcel)
        raise SessionError(said(Phase.MAIL, None, "the relay closed the connection"))

    script.on(1, leave)
    await run(engine_of(ledger, {Way("relay", limits=Limits(per_day=5)): script}, connections=1))
    assert states(ledger) == {State.SENT: 5}


async def test_letters_of_a_rate_go_at_their_times(ledger: Database) -> None:
    open_sendable(ledger, 12)
    times: list[float] = []

    async def noted(script: Script, hand: Hand, parcel: Parcel) -> None:
        times.append(asyncio.get_running_loop().time())
        await accept(script, hand, parcel)

    script = Script(ledger)
    for number in range(1, 13):
        script.on(number, noted)
    limits = Limits(per_minute=1200)
    await run(engine_of(ledger, {Way("relay", limits=limits): script}, connections=2))
    assert states(ledger) == {State.SENT: 12}
    assert times[-1] - times[0] >= 11 * 60 / 1200 - 0.31
    assert min(after - before for before, after in pairwise(times)) >= 0


async def test_where_relay_and_destination_have_a_low_rate_both_are_used(ledger: Database) -> None:
    """A letter needs a slot of each at the same time."""
    open_mixed(ledger, 24)
    slow = Destination("slow", frozenset({"mail.example"}), Limits(per_minute=30))
    script = Script(ledger)
    engine = engine_of(ledger, {Way("relay", limits=Limits(per_minute=60)): script}, destinations=(slow,))
    running = asyncio.create_task(run(engine, idle=None))
    await until(lambda: len(script.messages) >= 9)
    engine.stop.set()
    await running
    assert 2 <= sum(parcel.address.endswith("@mail.example") for parcel in script.messages) <= 5


async def test_an_engine_is_not_idle_while_it_waits_for_a_slot(ledger: Database) -> None:
    open_sendable(ledger, 3)
    script = Script(ledger)
    await run(engine_of(ledger, {Way("relay", limits=Limits(per_minute=120)): script}), idle=0.05)
    assert states(ledger) == {State.SENT: 3}


def test_the_actor_of_a_block_is_the_worker(ledger: Database) -> None:
    open_sendable(ledger, 2)
    script = Script(ledger)
    script.on(1, refuse(550, SPF, Phase.MAIL))
    asyncio.run(run(make(ledger, script, connections=1)))
    assert all_rows(ledger, "SELECT who FROM events WHERE kind = 'blocked'") == [(WORKER.who,)]
