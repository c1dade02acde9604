"""When deliveries may go by what was granted: told the time, for any times."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.engine.pacing import MARGIN, SECOND, Gate, Gates
from distributor.delivery.engine.stock import Stock
from distributor.delivery.ledger.allotments import Allotment
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.model.flow import LATE, FlowKey, FlowKind

QQ = FlowKey(FlowKind.DESTINATION, "QQ")
RELAY = FlowKey(FlowKind.RELAY, "relay")


def allotment(
    *, connections: int | None = None, per_connection: int | None = None,
    slots: tuple[int, int, int] | None = None, late: int = LATE, held: int = 0, blocked: bool = False,
) -> Allotment:  # fmt: skip
    return Allotment(connections, per_connection, slots, late, held, blocked)


def gate(given_: Allotment, now: float = 0.0) -> Gate:
    made = Gate()
    made.grant(given_, now, now)
    return made


def claim(number: int, lane: str = "") -> Claim:
    return Claim(
        id=number, issue_id=1, letter_id=1, attempt=1, generation=1, tries=0, address=f"office{number}@qq.example",
        fields="{}", age=0, uid="u", sender="s@example.org", relay="relay", lane=lane, group="送",
    )  # fmt: skip


def slots(first: float, spacing: float, count: int) -> tuple[int, int, int]:
    return round(first * SECOND), round(spacing * SECOND), count


# One gate


def test_before_anything_was_granted_nothing_passes() -> None:
    assert Gate().opens_at(0.0) == math.inf


@pytest.mark.parametrize(
    ("given_", "opens"),
    [
        (allotment(), 5.0),
        (allotment(blocked=True), math.inf),
        (allotment(held=1), math.inf),
        (allotment(connections=0), math.inf),
        (allotment(connections=1), 5.0),
        (allotment(slots=slots(0, 1, 1)), 5.0),
        (allotment(slots=slots(2, 1, 1)), 7.0),
        (allotment(slots=slots(0, 1, 0)), math.inf),
    ],
)
def test_it_opens_when_all_that_limits_it_allows(given_: Allotment, opens: float) -> None:
    assert gate(given_, 5.0).opens_at(5.0) == opens


USABLE = LATE / SECOND - MARGIN


def test_half_of_what_a_slot_may_be_late_is_left_for_the_way_to_the_relay() -> None:
    assert LATE / SECOND / 2 == MARGIN


def test_a_slot_that_may_be_later_is_usable_for_longer() -> None:
    one = gate(allotment(slots=slots(0, 1, 1), late=LATE + 2 * SECOND))
    assert one.opens_at(2.0 + USABLE) == 2.0 + USABLE
    assert one.opens_at(2.01 + USABLE) == math.inf


def test_a_late_answer_makes_no_slot_later() -> None:
    """Nobody knows when the ledger looked at its clock: no later than its answer, no earlier than it was asked."""
    one = Gate()
    one.grant(allotment(slots=slots(0, 1, 2)), 0.0, USABLE + 0.1)
    assert one.opens_at(USABLE + 0.1) == pytest.approx(USABLE + 1.1)
    one = Gate()
    one.grant(allotment(slots=slots(0, 1, 1)), 0.0, 0.1)
    assert (one.opens_at(0.1), one.opens_at(USABLE)) == (0.1, USABLE)
    assert one.opens_at(USABLE + 0.01) == math.inf


def test_a_slot_that_was_missed_is_lost() -> None:
    one = gate(allotment(slots=slots(1, 1, 2)))
    assert one.opens_at(1.0 + USABLE) == 1.0 + USABLE
    assert one.opens_at(1.01 + USABLE) == 2.0
    assert one.opens_at(2.01 + USABLE) == math.inf


def test_what_was_granted_is_kept_with_what_is_granted_next() -> None:
    one = gate(allotment(slots=slots(1, 1, 2)))
    one.grant(allotment(slots=slots(2.5, 1, 1)), 0.5, 0.5)
    assert one.unspent(0.5) == 3


def test_a_limit_that_is_taken_away_limits_no_more() -> None:
    one = gate(allotment(slots=slots(9, 1, 1), connections=0))
    one.grant(allotment(), 0.0, 0.0)
    assert (one.opens_at(0.0), one.paced) == (0.0, False)


@pytest.mark.parametrize(
    ("given_", "waits"),
    [
        (allotment(slots=slots(30, 60, 0)), True),
        (allotment(slots=slots(90, 60, 0)), False),
        (allotment(slots=slots(0, 60, 0)), False),
        (allotment(slots=slots(30, 60, 0), blocked=True), False),
        (allotment(), False),
    ],
)
def test_who_waits_for_a_slot_that_comes_soon_is_not_idle(given_: Allotment, waits: bool) -> None:
    assert gate(given_).awaits_slot(0.0, 60.0) is waits


@given(
    first=st.floats(0, 3), spacing=st.floats(0.001, 2), count=st.integers(0, 40),
    waits=st.lists(st.floats(0, 0.5), max_size=80),
)  # fmt: skip
def test_no_more_pass_than_were_granted_and_none_before_or_long_after_its_slot(
    first: float, spacing: float, count: int, waits: list[float]
) -> None:
    one, now, passed = gate(allotment(slots=slots(first, spacing, count))), 0.0, []
    for wait in waits:
        now += wait
        if one.opens_at(now) <= now:
            one.enter(now)
            passed.append(now)
    assert len(passed) <= count
    times = [round(first * SECOND) / SECOND + number * round(spacing * SECOND) / SECOND for number in range(count)]
    for at in passed:
        mine = next(time for time in times if at <= time + USABLE + 1e-6)
        times.remove(mine)
        assert mine <= at + 1e-6


@given(st.integers(0, 9), st.integers(0, 9), st.floats(0, 9))
def test_passable_is_what_can_pass_until_then(connections: int, count: int, until: float) -> None:
    one = gate(allotment(connections=connections, slots=slots(0, 1, count)))
    due = sum(number <= until for number in range(count))
    assert one.passable(0.0, until) == min(connections, due)


# Gates and stock


def gated(**flows: Allotment) -> Gates:
    gates = Gates()
    keys = {"relay": RELAY, "qq": QQ}
    gates.grant({keys[name]: given_ for name, given_ in flows.items()}, {}, 0.0, 0.0)
    return gates


def stocked(gates: Gates, *claims: Claim) -> Stock:
    stock = Stock("relay", gates)
    stock.add(claims)
    return stock


def taken(stock: Stock, now: float = 0.0, *, behind: bool = False) -> list[int]:
    found = []
    while (one := stock.take(now, behind=behind)) is not None:
        found.append(one.id)
    return found


def test_without_gates_everything_goes_in_its_order() -> None:
    stock = stocked(Gates(), *map(claim, range(1, 6)))
    assert (stock.near(0.0, 0.0), stock.opens_at(7.0)) == (5, 7.0)
    assert taken(stock) == [1, 2, 3, 4, 5]
    assert stock.opens_at(7.0) == math.inf


def test_a_destination_that_is_shut_keeps_nobody_else_waiting() -> None:
    stock = stocked(gated(qq=allotment(blocked=True)), claim(1, "QQ"), claim(2), claim(3, "QQ"), claim(4))
    assert (stock.near(0.0, 9.0), taken(stock), len(stock)) == (2, [2, 4], 2)
    assert stock.opens_at(0.0) == math.inf


def test_a_relay_that_is_shut_keeps_all_waiting() -> None:
    assert taken(stocked(gated(relay=allotment(connections=0)), claim(1), claim(2, "QQ"))) == []


def test_both_gates_must_be_open_and_each_loses_a_slot() -> None:
    gates = gated(relay=allotment(slots=slots(0, 1, 2)), qq=allotment(slots=slots(1, 1, 2)))
    stock = stocked(gates, claim(1, "QQ"), claim(2, "QQ"))
    assert taken(stock, 0.0) == []
    assert stock.opens_at(0.0) == 1.0
    assert taken(stock, 1.0) == [1], "the relay's first slot was lost by then"
    assert [each.unspent(1.0) for _key, each in gates] == [0, 1]


def test_lanes_take_turns() -> None:
    stock = stocked(Gates(), claim(1), claim(2), claim(3, "QQ"), claim(4, "QQ"))
    stock.gates.grant({QQ: allotment(connections=9)}, {}, 0.0, 0.0)
    assert taken(stock) == [1, 3, 2, 4]


def test_behind_another_letter_goes_only_what_is_bound_to_no_time() -> None:
    stock = stocked(gated(qq=allotment(slots=slots(0, 1, 9))), claim(1, "QQ"), claim(2))
    assert (taken(stock, behind=True), taken(stock)) == ([2], [1])


def test_no_more_are_on_their_way_than_a_destination_takes_at_once() -> None:
    gates = gated(qq=allotment(connections=2))
    stock = stocked(gates, *(claim(number, "QQ") for number in (1, 2, 3)))
    first = stock.take(0.0)
    assert first is not None
    assert taken(stock) == [2]
    assert gates.leave(first), "another may go now"
    assert taken(stock) == [3]


def test_what_was_on_its_way_before_there_was_a_gate_is_counted() -> None:
    gates = Gates()
    gates.grant({QQ: allotment(connections=1)}, {"QQ": 1}, 0.0, 0.0)
    stock = stocked(gates, claim(2, "QQ"))
    assert taken(stock) == []
    assert gates.leave(claim(1, "QQ"))
    assert taken(stock) == [2]


def test_what_was_not_tried_comes_first_again() -> None:
    stock = stocked(gated(relay=allotment()), claim(1), claim(2))
    one = stock.take(0.0)
    assert one is not None
    stock.put_back(one)
    assert taken(stock) == [1, 2]


def test_what_waits_for_a_slow_destination_is_not_about_to_move() -> None:
    gates = gated(relay=allotment(slots=slots(0, 1, 9)), qq=allotment(connections=1))
    stock = stocked(gates, *(claim(number, "QQ") for number in range(1, 6)), claim(6))
    assert (stock.movable(0.0, 9.0), stock.near(0.0, 0.5), stock.has("QQ"), stock.has("other")) == (2, 1, True, False)


def test_what_is_dropped_is_told_and_the_rest_keeps_its_order() -> None:
    stock = stocked(Gates(), *map(claim, range(1, 6)), claim(6, "QQ"))
    assert [each.id for each in stock.drop(lambda each: each.id % 2 == 0)] == [2, 4, 6]
    assert taken(stock) == [1, 3, 5]


def test_a_gate_that_is_told_of_no_more_is_gone() -> None:
    gates = gated(relay=allotment(), qq=allotment(blocked=True))
    assert [key for key, _gate in gates] == [RELAY, QQ]
    gates.grant({}, {}, 0.0, 0.0)
    assert (gates.any, list(gates)) == (False, [])
