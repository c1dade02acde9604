"""Judgements on the numbers of a period: which units are the worst, and how it went from issue to issue."""

import datetime as dt

import pytest

from distributor.delivery.model.states import State
from distributor.report.across import KINDS, IssueTally, Point, Tally, UnitTally, bars, by_name, trend, worst_first
from tests.periods import issue


def test_each_state_is_of_one_kind() -> None:
    assert sorted(state for states in KINDS.values() for state in states) == sorted(State)


UNITS = [
    UnitTally("缺一半", Tally(letters=2, sent=1, failed=1), most=dt.timedelta(seconds=1)),
    UnitTally("都有慢", Tally(letters=2, sent=2), most=dt.timedelta(seconds=9)),
    UnitTally("没有", Tally(letters=1, failed=1)),
    UnitTally("停用", Tally(disabled=1)),
    UnitTally("缺得多", Tally(letters=4, sent=2, failed=2), most=dt.timedelta(seconds=1)),
    UnitTally("都有快", Tally(letters=2, sent=1, replaced=1), most=dt.timedelta(seconds=2)),
    UnitTally("都没有", Tally(letters=3, failed=3)),
    UnitTally("全有快", Tally(letters=9, sent=9), most=dt.timedelta(seconds=2)),
]


def test_units_the_worst_first() -> None:
    order = ["都没有", "没有", "停用", "缺得多", "缺一半", "都有慢", "全有快", "都有快"]
    assert [each.unit for each in worst_first(UNITS)] == order


def test_units_by_name() -> None:
    assert [each.unit for each in by_name(UNITS)] == sorted(each.unit for each in UNITS)


def told(number: int, *, day: int, letters: int = 10, sent: int = 10, most: int | None = 5) -> IssueTally:
    tally = Tally(letters=letters, sent=sent, failed=letters - sent)
    return IssueTally(issue(number, day=day), tally, 0, dt.timedelta(seconds=most) if most is not None else None)


def test_the_trend_of_few_issues_has_a_point_for_each() -> None:
    points = trend([told(1, day=1), told(2, day=9, sent=7, most=None)], dt.UTC)
    assert points == [Point("1", 10, 0, dt.timedelta(seconds=5)), Point("2", 10, 3, None)]


def test_the_trend_of_many_issues_has_a_point_for_each_month_even_an_empty_one() -> None:
    july = [told(number, day=1, sent=9, most=number) for number in range(1, 32)]
    points = trend([*july, told(32, day=65, most=None)], dt.UTC)
    assert points == [
        Point("2026-07", 310, 31, dt.timedelta(seconds=31)),
        Point("2026-08"),
        Point("2026-09", 10, 0, None),
    ]


def test_the_trend_passes_the_turn_of_the_year() -> None:
    found = [*(told(number, day=150) for number in range(1, 32)), told(32, day=190)]
    assert [point.name for point in trend(found, dt.UTC)] == ["2026-11", "2026-12", "2027-01"]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], ""),
        ([0], "▁"),
        ([0, 0], "▁▁"),
        ([5, 5], "██"),
        ([0, 1, 100], "▁▂█"),
        ([1, 2, 3, 4, 5, 6, 7], "▂▃▄▅▆▇█"),
        ([None, 3.5, None], " █ "),
        ([None], " "),
    ],
)
def test_bars(values: list[float | None], shown: str) -> None:
    assert bars(values) == shown
