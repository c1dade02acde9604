"""Flows in the ledger: what claims grant of rates, quotas and connections, to whatever workers share them."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from distributor.delivery.ledger import claims, flows, writing
from distributor.delivery.ledger.allotments import AHEAD, Allotment, Ask, AtHand
from distributor.delivery.ledger.claims import Granted
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.writing import Mark, Spending
from distributor.delivery.model.flow import LATE, Destination, FlowKey, FlowKind, Limits, Rules, Way
from distributor.delivery.model.states import Event
from distributor.recipients.model import GroupName
from tests import ledgers
from tests.ledgers import PERSON, TODAY, WORKER, all_rows, candidate, execute, new_issue, open_small, open_to

SECOND = 1_000_000
RELAY = FlowKey(FlowKind.RELAY, "relay")
QQ = FlowKey(FlowKind.DESTINATION, "QQ")
SAID = {"reason": "slow-down", "reply": "Ip frequency limited", "relay": "relay.example:25"}
QQ_DOMAINS = frozenset({"qq.example", "foxmail.example"})
PLAIN = Rules((Way("relay"),))


class Clock:
    """The ledger's clock, stopped: a test moves it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.read() as connection:
            self.now = database.clock(connection) + SECOND
        self.forward(0)

    def forward(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)
        self.database.now = f"CAST({self.now} AS BIGINT)"


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


@pytest.fixture
def clock(ledger: Database) -> Clock:
    return Clock(ledger)


def limited(**limits: float | None) -> Rules:
    return Rules((Way("relay", limits=Limits(**limits)),))  # type: ignore[arg-type]


def with_qq(**limits: float | None) -> Rules:
    return Rules(PLAIN.ways, (Destination("QQ", QQ_DOMAINS, Limits(**limits)),))  # type: ignore[arg-type]


def lease_of(database: Database, seconds: float = 60) -> int:
    return claims.take_lease(database, WORKER.who, seconds)


def claim(
    database: Database,
    rules: Rules = PLAIN,
    lease: int | None = None,
    *,
    room: int = 100,
    connections: int = 4,
    stock: Mapping[FlowKey, AtHand] | None = None,
    today: str = TODAY,
) -> Granted:
    lease = lease or lease_of(database)
    asks = [Ask(way, room, connections) for way in rules.ways]
    return claims.claim(database, lease, asks, rules, stock or {}, day_of=lambda _now: today, rng=random.Random(1))


def open_at(database: Database, *domains: str, total: int = 60) -> None:
    """An issue with one delivery at each of *domains*, in this order."""
    people = (candidate(number, email=f"a{number}@{domain}") for number, domain in enumerate(domains))
    open_to(database, people, new_issue(total))


def domains(granted: Granted) -> list[str]:
    return [each.address.partition("@")[2] for each in granted.claims]


# The usual case


def test_without_limits_nothing_is_told_and_nothing_kept(ledger: Database) -> None:
    open_small(ledger, 3)
    granted = claim(ledger)
    assert [(each.relay, each.lane) for each in granted.claims] == [("relay", "")] * 3
    assert granted.allotments == {}
    assert all_rows(ledger, "SELECT name FROM flows") == all_rows(ledger, "SELECT name FROM grants") == []


def test_a_limit_of_each_connection_alone_is_told_and_needs_no_row(ledger: Database) -> None:
    open_small(ledger, 3)
    granted = claim(ledger, limited(per_connection=50))
    assert granted.allotments == {RELAY: Allotment(None, 50, None, LATE, 0, False)}
    assert len(granted.claims) == 3
    assert all_rows(ledger, "SELECT name FROM flows") == []


# Rates


def test_slots_are_granted_three_seconds_ahead_and_rows_with_them(ledger: Database, clock: Clock) -> None:
    open_small(ledger, 10)
    granted = claim(ledger, limited(per_minute=60))
    assert granted.allotments[RELAY].slots == (0, 1_010_000, 3)
    assert len(granted.claims) == 3


def test_the_next_worker_gets_the_slots_after_those(ledger: Database, clock: Clock) -> None:
    open_small(ledger, 10)
    rules = limited(per_minute=60)
    claim(ledger, rules, room=2)
    granted = claim(ledger, rules)
    assert granted.allotments[RELAY].slots == (2_020_000, 1_010_000, 1)
    assert len(granted.claims) == 1
    third = claim(ledger, rules)
    assert (len(third.claims), third.allotments[RELAY].slots) == (0, (3_030_000, 1_010_000, 0))
    clock.forward(1)
    assert claim(ledger, rules).allotments[RELAY].slots == (2_030_000, 1_010_000, 1)


def test_a_slot_of_a_destination_waits_for_one_of_its_relay(ledger: Database, clock: Clock) -> None:
    """Neither is spent in vain: it may be used later by one step of the relay, and is so much rarer for it."""
    rules = Rules(limited(per_minute=60).ways, with_qq(per_minute=20).destinations)
    open_at(ledger, *["a.example"] * 10, *["qq.example"] * 10)
    execute(ledger, "UPDATE deliveries SET lane = 'QQ' WHERE address_key LIKE '%qq.example'")
    lease = lease_of(ledger)
    first = claim(ledger, rules, lease)
    step, late = 1_010_000, LATE + 1_010_000
    assert sorted(domains(first)) == ["a.example", "a.example", "qq.example"]
    assert first.allotments[QQ].late == late
    spacing = 3 * (60 * SECOND + late) // 60
    assert first.allotments[QQ].slots == (-step, spacing, 1), "the relay has one at once"
    clock.forward(2)
    second = claim(ledger, rules, lease)
    assert second.allotments[RELAY].slots is not None
    relay_first, _step, _count = second.allotments[RELAY].slots
    assert second.allotments[QQ].slots == (max(spacing - step - 2 * SECOND, relay_first - step), spacing, 1)


def test_slots_that_nobody_took_in_time_are_not_made_up_for(ledger: Database, clock: Clock) -> None:
    open_small(ledger, 10)
    rules = limited(per_minute=60)
    claim(ledger, rules)
    clock.forward(600)
    assert claim(ledger, rules).allotments[RELAY].slots == (0, 1_010_000, 3)


def test_stock_and_unspent_slots_count(ledger: Database, clock: Clock) -> None:
    open_small(ledger, 20)
    rules = limited(per_minute=60)
    assert len(claim(ledger, rules, stock={RELAY: AtHand(3, 3, 0)}).claims) == 0
    assert claim(ledger, rules).allotments[RELAY].slots == (3_030_000, 1_010_000, 0), "those went to the stock"
    assert len(claim(ledger, rules, stock={RELAY: AtHand(1, 1, 3)}).claims) == 2
    clock.forward(60)
    granted = claim(ledger, rules, room=2, stock={RELAY: AtHand(1, 1, 3)})
    assert (len(granted.claims), granted.allotments[RELAY].slots) == (2, (0, 1_010_000, 0)), "it has three for three"


def test_a_relay_that_is_away_gets_no_slots(ledger: Database, clock: Clock) -> None:
    open_small(ledger, 3)
    granted = claim(ledger, limited(per_minute=60), room=0, connections=0, stock={RELAY: AtHand(3, 3, 0)})
    assert granted.allotments[RELAY].slots == (0, 1_010_000, 0)


def test_a_clock_that_was_set_back_stalls_no_rate_and_no_back_off(ledger: Database, clock: Clock) -> None:
    rules = with_qq(per_minute=60)
    open_at(ledger, *["qq.example"] * 10)
    claim(ledger, rules)
    claim(ledger, rules)
    flows.slow(ledger, RELAY, first=60, most=3600, **SAID)
    clock.forward(-3600)
    execute(ledger, "UPDATE deliveries SET next_attempt = 0 WHERE state = 'queued'")
    granted = claim(ledger, rules)
    assert granted.allotments[QQ].slots == (0, 1_010_000, 1)
    assert len(granted.claims) == 1, "the relay is on probation"
    assert flows.slow(ledger, RELAY, first=60, most=3600, **SAID) == 120 * SECOND
    clock.forward(120)
    assert flows.ease(ledger, RELAY)


# Quotas


def spend(ledger: Database, granted: Granted, count: int, today: str = TODAY) -> None:
    """Mark *count* of what was *granted*, as the journal does."""
    marks = [Mark(each.id, each.attempt) for each in granted.claims[:count]]
    spending = Spending({mark: [RELAY] for mark in marks}, lambda _now: today)
    assert writing.write(ledger, marks, [], WORKER, spending)[0] == set(marks)


def counted(ledger: Database) -> tuple[str, int]:
    ((day, count),) = all_rows(ledger, "SELECT day, day_count FROM flows")
    return day, count


def test_a_quota_is_shared_and_begins_anew_each_day(ledger: Database) -> None:
    open_small(ledger, 20)
    rules, lease = limited(per_day=5), lease_of(ledger)
    first, second, third = (claim(ledger, rules, room=3, lease=each) for each in (lease, 0, 0))
    assert [len(each.claims) for each in (first, second, third)] == [3, 2, 0], (
        "what one has at hand the others have not"
    )
    spend(ledger, first, 3)
    spend(ledger, second, 2)
    claim(ledger, rules, lease=lease)
    assert counted(ledger) == (TODAY, 5)
    assert claim(ledger, rules).claims == []
    execute(ledger, "DELETE FROM leases")
    tomorrow = claim(ledger, rules, today="2026-03-06")
    assert len(tomorrow.claims) == 5
    spend(ledger, tomorrow, 1, "2026-03-06")
    assert counted(ledger) == ("2026-03-06", 1)


def test_a_dead_worker_has_used_what_it_marked_and_no_more(ledger: Database, clock: Clock) -> None:
    open_small(ledger, 20)
    rules = limited(per_day=5)
    granted = claim(ledger, rules)
    spend(ledger, granted, 2)
    assert claim(ledger, rules).claims == []
    clock.forward(61)
    ledgers.sweep(ledger)
    assert len(claim(ledger, rules).claims) == 3


def test_a_worker_whose_clock_is_a_day_behind_counts_with_the_others(ledger: Database) -> None:
    open_small(ledger, 20)
    rules = limited(per_day=5)
    spend(ledger, claim(ledger, rules, room=2, today="2026-03-06"), 2, "2026-03-06")
    execute(ledger, "DELETE FROM leases")
    behind = claim(ledger, rules)
    assert len(behind.claims) == 3
    spend(ledger, behind, 3)
    assert counted(ledger) == ("2026-03-06", 5)


def test_a_mark_that_is_refused_uses_no_quota(ledger: Database) -> None:
    open_small(ledger, 3)
    granted = claim(ledger, limited(per_day=5))
    mark = Mark(granted.claims[0].id, 99)
    assert writing.write(ledger, [mark], [], WORKER, Spending({mark: [RELAY]}, lambda _now: TODAY)) == (set(), 0)
    assert counted(ledger) == (None, 0)


def test_what_waits_for_a_slow_destination_leaves_the_relay_to_others(ledger: Database) -> None:
    rules = Rules(
        (Way("relay", limits=Limits(per_minute=60)),), (Destination("QQ", QQ_DOMAINS, Limits(connections=1)),)
    )
    open_at(ledger, *["qq.example"] * 200, *["a.example"] * 5)
    granted = claim(ledger, rules, stock={RELAY: AtHand(20, 0, 0), QQ: AtHand(20, 20, 0)})
    assert len(granted.claims) == 3, "what cannot move takes no slots"
    execute(ledger, "UPDATE deliveries SET state = 'queued', lease_id = NULL")
    plain = Rules(PLAIN.ways, rules.destinations)
    execute(ledger, "DELETE FROM leases")
    assert Counter(domains(claim(ledger, plain, room=500)))["qq.example"] == AHEAD


def test_the_smallest_slices_are_shared_too(ledger: Database, clock: Clock) -> None:
    """A relay with a low rate gives one at a time: that is not always the first group's of the first issue."""
    rules = limited(per_minute=6)
    for total in (60, 61):
        people = [candidate(n, group=list(GroupName)[n % 2]) for n in range(80)]
        open_to(ledger, people, new_issue(total))
    taken = Counter[tuple[int, str]]()
    served: dict[int, tuple[str, str]] = {}
    for _each in range(8):
        asks = [Ask(rules.ways[0], 500, 4)]
        granted = claims.claim(ledger, lease_of(ledger), asks, rules, {}, day_of=lambda _now: TODAY, served=served)
        for each in granted.claims:
            served.pop(each.issue_id, None)
            served[each.issue_id] = (each.group, each.lane)
        taken.update((each.issue_id, each.group) for each in granted.claims)
        clock.forward(11)
    assert sorted(taken.values()) == [2, 2, 2, 2]


# Connections


def test_connections_are_shared_and_without_one_nothing_is_claimed(ledger: Database) -> None:
    open_small(ledger, 20)
    rules = limited(connections=3)
    first, second, third = lease_of(ledger), lease_of(ledger), lease_of(ledger)
    got = [claim(ledger, rules, lease, room=2, connections=2) for lease in (first, second, third)]
    assert [each.allotments[RELAY].connections for each in got] == [2, 1, 0]
    assert [len(each.claims) for each in got] == [2, 2, 0]
    again = claim(ledger, rules, first, room=2, connections=1)
    assert again.allotments[RELAY].connections == 1, "its own do not count against it"
    assert claim(ledger, rules, third, connections=2).allotments[RELAY].connections == 1


def test_a_dead_lease_gives_its_connections_back(ledger: Database) -> None:
    open_small(ledger, 20)
    rules = limited(connections=2)
    dead, living = lease_of(ledger), lease_of(ledger)
    claim(ledger, rules, dead)
    assert claim(ledger, rules, living).allotments[RELAY].connections == 0
    execute(ledger, "UPDATE leases SET expires_at = 0 WHERE id = :id", id=dead)
    assert claim(ledger, rules, living).allotments[RELAY].connections == 2
    assert claim(ledger, rules, dead).allotments[RELAY].connections == 0, "it may have been given to others"
    ledgers.sweep(ledger)
    assert all_rows(ledger, "SELECT lease_id, connections FROM grants") == [(living, 2)]
    claims.end_lease(ledger, living)
    assert all_rows(ledger, "SELECT lease_id FROM grants") == []


def test_a_renewed_lease_keeps_its_connections(ledger: Database, clock: Clock) -> None:
    open_small(ledger, 20)
    rules = limited(connections=2)
    mine, other = lease_of(ledger), lease_of(ledger, 600)
    claim(ledger, rules, mine)
    clock.forward(50)
    assert claims.renew_lease(ledger, mine, 60)
    clock.forward(50)
    assert claim(ledger, rules, other).allotments[RELAY].connections == 0


def test_of_a_destination_a_process_takes_no_more_connections_than_it_has_letters(ledger: Database) -> None:
    open_at(ledger, *["qq.example"] * 4)
    rules = with_qq(connections=3)
    assert claim(ledger, rules).allotments[QQ].connections == 0, "moved to their lane"
    first, second = claim(ledger, rules, room=1), claim(ledger, rules)
    assert [each.allotments[QQ].connections for each in (first, second)] == [1, 2]


# Lanes


def test_rows_of_a_destination_are_moved_to_its_lane(ledger: Database) -> None:
    open_at(ledger, "qq.example", "a.example", "foxmail.example", "sub.qq.example")
    rules = with_qq(per_day=1)
    assert domains(claim(ledger, rules)) == ["a.example", "sub.qq.example"]
    granted = claim(ledger, rules)
    assert [(each.address, each.lane) for each in granted.claims] == [("a0@qq.example", "QQ")]
    assert claim(ledger, rules).claims == []


def test_twenty_thousand_limited_rows_in_front_stall_nobody(ledger: Database) -> None:
    open_at(ledger, *["qq.example"] * 20_000, *["a.example"] * 5)
    rules = with_qq(per_day=3)
    got: Counter[str] = Counter()
    for _each in range(3):
        got.update(domains(claim(ledger, rules)))
    assert got == {"qq.example": 3, "a.example": 5}


def test_however_many_wait_they_are_found_by_the_index(ledger: Database) -> None:
    open_at(ledger, *["qq.example"] * 20_000, *["a.example"] * 5)
    execute(ledger, "UPDATE deliveries SET lane = 'QQ' WHERE address_key LIKE '%qq.example'")
    execute(ledger, "ANALYZE")
    run: list[tuple[str, Any]] = []

    @sa.event.listens_for(ledger.engine, "before_cursor_execute")
    def listen(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        run.append((statement, parameters))

    assert len(claim(ledger, with_qq(per_day=1)).claims) == 6
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[ledger.dialect]
    plans = []
    with ledger.write() as connection:
        for statement, parameters in [each for each in run if "deliveries" in each[0]]:
            found = connection.exec_driver_sql(explain + statement, parameters).all()
            plans.append("\n".join(str(row[-1]) for row in found))
    assert len(plans) == 4, "the queues, one lane, what is first in the other, its claim"
    assert sum("deliveries_waiting" in plan for plan in plans) == 3
    for plan in plans:
        assert "Seq Scan on deliveries" not in plan
        assert "SCAN deliveries" not in plan


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_claim_takes_as_long_beside_many_as_beside_few(ledger: Database) -> None:
    """Counted, not timed: SQLite tells of the steps of its machine."""
    counts = []
    for number, total in ((200, 60), (20_000, 61)):
        open_at(ledger, *["qq.example"] * number, *["a.example"] * 5, total=total)
        execute(ledger, "UPDATE deliveries SET lane = 'QQ' WHERE address_key LIKE '%qq.example'")
        execute(ledger, "UPDATE issues SET state = 'paused' WHERE total_number <> :total", total=total)
        execute(ledger, "DELETE FROM leases")
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        with ledger.engine.connect() as connection:
            connection.connection.dbapi_connection.set_progress_handler(count, 10)  # type: ignore[union-attr]
        assert len(claim(ledger, with_qq(per_day=1)).claims) == 6
        with ledger.engine.connect() as connection:
            connection.connection.dbapi_connection.set_progress_handler(None, 10)  # type: ignore[union-attr]
        counts.append(steps)
    assert counts[1] <= counts[0] * 1.5


def test_it_is_shared_fairly_between_issues_and_then_between_their_queues(ledger: Database) -> None:
    for total in (60, 61):
        people = (
            candidate(number, group=list(GroupName)[number % 2], email=f"a{number}@{domain}")
            for number, domain in enumerate(["qq.example", "qq.example", "a.example", "a.example"] * 20)
        )
        open_to(ledger, people, new_issue(total))
    rules = with_qq(per_day=1000)
    claim(ledger, rules, room=4)
    taken = claim(ledger, rules, room=80).claims
    assert Counter(each.issue_id for each in taken) == {1: 40, 2: 40}
    assert Counter((each.issue_id, each.lane) for each in taken) == {
        (1, "QQ"): 20,
        (1, ""): 20,
        (2, "QQ"): 20,
        (2, ""): 20,
    }


def test_what_a_limited_lane_leaves_of_its_share_goes_to_the_main_lane(ledger: Database) -> None:
    open_at(ledger, *["qq.example"] * 50, *["a.example"] * 50)
    rules = with_qq(per_day=2)
    claim(ledger, rules, room=1)
    assert Counter(domains(claim(ledger, rules, room=30))) == {"qq.example": 2, "a.example": 28}


def test_a_lane_named_for_a_domain_keeps_to_the_destination_that_has_it_now(ledger: Database) -> None:
    open_at(ledger, *["qq.example"] * 9)
    flows.block(ledger, FlowKey(FlowKind.DESTINATION, "qq.example"), actor=WORKER, **SAID)
    assert claim(ledger).claims == []
    flows.release(ledger, FlowKey(FlowKind.DESTINATION, "qq.example"), ["qq.example"], actor=PERSON)
    assert all_rows(ledger, "SELECT DISTINCT lane FROM deliveries") == [("qq.example",)]
    assert len(claim(ledger, with_qq(per_day=2)).claims) == 2


def test_a_lane_that_nothing_is_known_of_any_more_is_a_queue_like_others(ledger: Database) -> None:
    open_at(ledger, *["qq.example"] * 3)
    claim(ledger, with_qq(per_day=1))
    execute(ledger, "DELETE FROM flows")
    assert len(claim(ledger).claims) == 3


# Several relays


def two(**changes: Way) -> Rules:
    return Rules((changes.get("a", Way("a")), changes.get("b", Way("b"))))


def relays(granted: Granted) -> Counter[str]:
    return Counter(each.relay for each in granted.claims)


def test_a_relay_that_carries_nothing_keeps_the_connections_that_it_has_open(ledger: Database) -> None:
    """Or other workers would open theirs beside them, and the relay would have more than its limit."""
    open_small(ledger, 20)
    rules = two(a=Way("a", weight=9, limits=Limits(connections=4)))
    asks = [Ask(rules.ways[0], None, 3), Ask(rules.ways[1], 100, 4)]
    granted = claims.claim(ledger, lease_of(ledger), asks, rules, {}, day_of=ledgers.today)
    assert relays(granted) == {"b": 20}
    assert granted.allotments[rules.ways[0].flow].connections == 3
    assert claim(ledger, rules).allotments[rules.ways[0].flow].connections == 1


def test_relays_share_by_weight(ledger: Database) -> None:
    open_small(ledger, 1000)
    shares = relays(claim(ledger, two(a=Way("a", weight=3)), room=1000))
    assert 700 < shares["a"] < 800
    assert shares.total() == 1000


def test_a_relay_carries_its_groups_and_senders_alone(ledger: Database) -> None:
    people = (candidate(number, group=list(GroupName)[number % 2]) for number in range(10))
    open_to(ledger, people)
    first, *_others = (group.value for group in GroupName)
    only = two(a=Way("a", groups=frozenset({first})), b=Way("b", senders=frozenset({"elsewhere.example"})))
    assert relays(claim(ledger, only)) == {"a": 5}
    both = two(a=Way("a", groups=frozenset({first})), b=Way("b", senders=frozenset({"sender.example"})))
    assert relays(claim(ledger, both)) == {"b": 5}


def test_what_one_relay_may_not_take_goes_by_the_other(ledger: Database) -> None:
    open_small(ledger, 30)
    rules = two(a=Way("a", limits=Limits(per_day=4)))
    assert relays(claim(ledger, rules, room=10)) == {"a": 4, "b": 10}
    flows.block(ledger, FlowKey(FlowKind.RELAY, "b"), actor=WORKER, **SAID)
    assert relays(claim(ledger, rules, room=10)) == {}
    assert claim(ledger, rules).allotments[FlowKey(FlowKind.RELAY, "b")].blocked


# Two workers at once


def test_workers_that_claim_at_once_share_slots_rows_and_connections(postgres_url: str) -> None:
    with ledgers.opened(postgres_url) as ledger:
        domain_names = ["qq.example", "a.example", "foxmail.example", "b.example"] * 150
        open_at(ledger, *domain_names)
        limits = Limits(per_minute=6000, connections=3, per_day=200)
        rules = Rules((Way("relay", limits=limits),), with_qq(per_day=60).destinations)
        Clock(ledger)
        leases = [lease_of(ledger, 600) for _each in range(4)]

        def worker(lease: int) -> list[Granted]:
            got: list[Granted] = []
            for _each in range(20):
                mine = [each for granted in got for each in granted.claims]
                stock = {RELAY: len(mine), QQ: sum(bool(each.lane) for each in mine)}
                at_hand = {key: AtHand(count, count, count) for key, count in stock.items()}
                got.append(claim(ledger, rules, lease, room=9, connections=1, stock=at_hand))
            return got

        with ThreadPoolExecutor(4) as threads:
            got = [granted for mine in threads.map(worker, leases) for granted in mine]
        taken = [each.id for granted in got for each in granted.claims]
        slots = [
            first + spacing * number
            for granted in got
            for first, spacing, count in [granted.allotments[RELAY].slots or (0, 0, 0)]
            for number in range(count)
        ]
        assert len(taken) == len(set(taken)) == len(slots) == 200
        assert all(later - earlier >= 10_100 for earlier, later in pairwise(sorted(slots)))
        assert sum(bool(each.lane) for granted in got for each in granted.claims) <= 60
        assert all_rows(ledger, "SELECT sum(connections) FROM grants WHERE kind = 'relay'") <= [(3,)]


# Back-off


def test_a_flow_that_is_slowed_down_gets_nothing_then_one_until_it_is_eased(ledger: Database, clock: Clock) -> None:
    open_at(ledger, *["qq.example"] * 9, "a.example")
    key = FlowKey(FlowKind.DESTINATION, "qq.example")
    assert flows.slow(ledger, key, first=60, most=3600, **SAID) == 60 * SECOND
    assert not flows.ease(ledger, key), "that was on its way before"
    clock.forward(20)
    granted = claim(ledger)
    assert domains(granted) == ["a.example"]
    assert granted.allotments[key] == Allotment(0, None, None, LATE, 40 * SECOND, False)
    clock.forward(40)
    granted = claim(ledger)
    assert domains(granted) == ["qq.example"]
    assert granted.allotments[key].held == 0
    assert claim(ledger, stock={key: AtHand(1, 1, 0)}).claims == []
    assert flows.ease(ledger, key)
    assert len(claim(ledger).claims) == 8
    assert claim(ledger).allotments == {}
    assert not flows.ease(ledger, key)


def test_a_back_off_doubles_each_time_up_to_the_most(ledger: Database, clock: Clock) -> None:
    held = []
    for _each in range(5):
        held.append(flows.slow(ledger, RELAY, first=60, most=300, **SAID) // SECOND)
        clock.forward(held[-1])
    assert held == [60, 120, 240, 300, 300]
    assert flows.ease(ledger, RELAY)
    assert flows.slow(ledger, RELAY, first=60, most=300, **SAID) == 60 * SECOND


def test_more_of_the_same_while_it_is_held_changes_nothing(ledger: Database, clock: Clock) -> None:
    flows.slow(ledger, RELAY, first=60, most=3600, **SAID)
    clock.forward(10)
    assert flows.slow(ledger, RELAY, first=20, most=3600, **SAID) == 50 * SECOND
    assert flows.slow(ledger, RELAY, first=900, most=3600, **SAID) == 900 * SECOND, "the server asks for longer"


def test_held_relay_gives_no_slots_for_its_stock(ledger: Database, clock: Clock) -> None:
    open_small(ledger, 5)
    flows.slow(ledger, RELAY, first=60, most=3600, **SAID)
    granted = claim(ledger, limited(per_minute=60, connections=2), stock={RELAY: AtHand(2, 2, 0)})
    assert granted.claims == []
    assert granted.allotments[RELAY] == Allotment(0, None, (0, 1_010_000, 0), LATE, 60 * SECOND, False)


# Blocks


def test_what_is_blocked_waits_for_a_person(ledger: Database, clock: Clock) -> None:
    rules = with_qq()
    open_at(ledger, "qq.example", "foxmail.example", "a.example")
    assert flows.block(ledger, QQ, actor=WORKER, **SAID)
    assert not flows.block(ledger, QQ, actor=WORKER, reason="other", reply="", relay="")
    assert domains(claim(ledger, rules)) == ["a.example"]
    assert not flows.ease(ledger, QQ)
    flows.slow(ledger, QQ, first=1, most=1, reason="other", reply="", relay="")
    clock.forward(3600)
    assert claim(ledger, rules).claims == []
    (record,) = flows.troubled(ledger)
    assert (record.key, record.blocked) == (QQ, True)
    assert (record.reason, record.reply, record.relay) == tuple(SAID.values())
    assert flows.release(ledger, QQ, QQ_DOMAINS, actor=PERSON)
    assert not flows.release(ledger, QQ, QQ_DOMAINS, actor=PERSON)
    assert flows.troubled(ledger) == []
    assert len(claim(ledger, rules).claims) == 2
    told = all_rows(ledger, "SELECT issue_id, kind, who FROM events ORDER BY id")
    assert told[-2:] == [(0, "blocked", WORKER.who), (0, "released", PERSON.who)]


def test_released_everything_behind_it_is_due_and_no_older_for_the_time_it_stood(
    ledger: Database, clock: Clock
) -> None:
    rules = with_qq()
    open_at(ledger, "qq.example", "foxmail.example", "a.example")
    deferred = claim(ledger, rules, room=1).claims[0]
    ledgers.record(ledger, ledgers.result(deferred, Event.DEFER, wait=ledgers.DAY * SECOND))
    clock.forward(60)
    flows.block(ledger, QQ, actor=WORKER, **SAID)
    clock.forward(9 * ledgers.DAY)
    assert ledgers.sweep(ledger).expired == 0
    assert flows.release(ledger, QQ, QQ_DOMAINS, actor=PERSON)
    ages = {each.address.rpartition("@")[2]: each.age // SECOND for each in claim(ledger, rules).claims}
    assert ages == {"qq.example": 60, "foxmail.example": 60, "a.example": 60 + 9 * ledgers.DAY}


def test_trouble_is_told_with_its_times(ledger: Database, clock: Clock) -> None:
    flows.slow(ledger, RELAY, first=60, most=3600, **SAID)
    (record,) = flows.troubled(ledger)
    assert record.held_until is not None
    assert (record.held_until - record.since).total_seconds() == 60
    assert (record.key, record.blocked) == (RELAY, False)


def test_a_deferred_row_keeps_its_lane(ledger: Database) -> None:
    rules = with_qq(per_day=9)
    open_at(ledger, "qq.example")
    claim(ledger, rules)
    (taken,) = claim(ledger, rules).claims
    ledgers.mark(ledger, taken)
    ledgers.record(ledger, ledgers.result(taken, Event.DEFER, wait=-1))
    (again,) = claim(ledger, rules).claims
    assert (again.id, again.lane) == (taken.id, "QQ")
