"""Which things of a sequence are which of another one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.recipients.alignment import paired

CASES = {
    "nothing changes": ("abc", "abc", [0, 1, 2]),
    "one comes": ("ac", "abc", [0, None, 1]),
    "one goes": ("abc", "ac", [0, 2]),
    "one becomes another": ("abc", "axc", [0, 1, 2]),
    "one becomes another, and one comes": ("abc", "axyc", [0, 1, None, 2]),
    "one becomes another, and one goes": ("abcd", "axd", [0, 1, 3]),
    "one changes places, and becomes no other": ("abcd", "bcda", [1, 2, 3, None]),
    "two change places, and become no others": ("abc", "cba", [None, None, 0]),
    "the same twice": ("aab", "aba", [0, None, 1]),
    "everything goes": ("ab", "", []),
    "everything comes": ("", "ab", [None, None]),
}


@pytest.mark.parametrize("name", CASES)
def test_pairs(name: str) -> None:
    olds, wanted, pairs = CASES[name]
    assert paired(olds, wanted, lambda _number, _position: True) == pairs


def test_what_may_not_become_another_goes() -> None:
    assert paired("abc", "axc", lambda number, position: (number, position) != (1, 1)) == [0, None, 2]


@given(st.text("abc", max_size=8), st.text("abcxy", max_size=8))
def test_numbers_only_rise_and_what_stays_is_what_it_was(olds: str, wanted: str) -> None:
    pairs = paired(olds, wanted, lambda number, position: olds[number] not in wanted and wanted[position] not in olds)
    numbers = [number for number in pairs if number is not None]
    assert numbers == sorted(set(numbers))
    for name, number in zip(wanted, pairs, strict=True):
        assert number is None or olds[number] == name or (olds[number] not in wanted and name not in olds)
