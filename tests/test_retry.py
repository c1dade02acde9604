"""When a deferred delivery is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.model.retry import SECOND, next_attempt

MINUTE, HOUR, DAY = 60, 3600, 86400


def waits(tries: int, jitter: float = 0.0, *, age: int = 0, after: int | None = None) -> float | None:
    """Seconds until the next attempt with the default settings: 1 min to 1 h, 2 days."""
    now = 1_700_000_000 * SECOND
    due = next_attempt(
        tries, now, now - age * SECOND, first=MINUTE, most=HOUR, expire_after=2 * DAY, jitter=jitter, after=after
    )
    return None if due is None else (due - now) / SECOND


@pytest.mark.parametrize(
    ("tries", "least", "most"),
    [
        (1, 1 * MINUTE, 2 * MINUTE),
        (2, 2 * MINUTE, 4 * MINUTE),
        (3, 4 * MINUTE, 8 * MINUTE),
        (4, 8 * MINUTE, 16 * MINUTE),
        (5, 16 * MINUTE, 32 * MINUTE),
        (6, 30 * MINUTE, HOUR),
        (7, 30 * MINUTE, HOUR),
        (1000, 30 * MINUTE, HOUR),
    ],
)
def test_the_wait_doubles_up_to_the_longest(tries: int, least: float, most: float) -> None:
    assert waits(tries, 0.0) == least
    assert waits(tries, 0.5) == (least + most) / 2
    assert waits(tries, 0.999999) == pytest.approx(most, abs=0.01)


@pytest.mark.parametrize(
    ("after", "wait"),
    [(None, MINUTE), (0, MINUTE), (30, MINUTE), (15 * MINUTE, 15 * MINUTE), (DAY, DAY)],
)
def test_a_server_s_wish_is_the_least_wait(after: int | None, wait: float) -> None:
    assert waits(1, after=after) == wait


@pytest.mark.parametrize(
    ("age", "tries", "expected"),
    [
        (2 * DAY - MINUTE, 1, MINUTE),  # on the very last second
        (2 * DAY - MINUTE + 1, 1, None),
        (2 * DAY - 31 * MINUTE, 9, 30 * MINUTE),
        (2 * DAY - 29 * MINUTE, 9, None),
        (3 * DAY, 1, None),
        (-DAY, 1, MINUTE),  # the clock was set back
    ],
)
def test_too_old_is_given_up(age: int, tries: int, expected: float | None) -> None:
    assert waits(tries, age=age) == expected


def test_a_wish_beyond_the_age_is_given_up_at_once() -> None:
    assert waits(1, after=3 * DAY) is None


@pytest.mark.parametrize(("first", "most", "wait"), [(0, 0, 0), (0, HOUR, 0), (HOUR, MINUTE, MINUTE), (7, 7, 7)])
def test_settings_at_their_edges(first: int, most: int, wait: int) -> None:
    due = next_attempt(3, 0, 0, first=first, most=most, expire_after=DAY, jitter=0.0, after=None)
    assert due == wait * SECOND


@given(
    tries=st.integers(1, 10**6),
    now=st.integers(0, 2**62),
    age=st.integers(0, 10**12),
    first=st.integers(0, 10**5),
    longer=st.integers(0, 10**5),
    expire_after=st.integers(0, 10**6),
    jitter=st.floats(0, 1, exclude_max=True),
    after=st.none() | st.integers(0, 10**6),
)
def test_bounds_hold_for_all_settings(
    *, tries: int, now: int, age: int, first: int, longer: int, expire_after: int, jitter: float, after: int | None
) -> None:
    most, since = first + longer, now - age
    due = next_attempt(tries, now, since, first=first, most=most, expire_after=expire_after, jitter=jitter, after=after)
    longest = now + max(most, after or 0) * SECOND
    if due is None:
        assert longest > since + expire_after * SECOND
        return
    assert now + max(first, after or 0) * SECOND <= due <= longest
    assert due <= since + expire_after * SECOND


@given(st.integers(1, 40), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_later_attempt_never_waits_less_than_an_earlier_one_could(tries: int, one: float, other: float) -> None:
    sooner, later = waits(tries, min(one, other)), waits(tries + 1, max(one, other))
    assert sooner is not None
    assert later is not None
    assert sooner <= later
