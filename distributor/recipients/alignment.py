"""Which things of a sequence are which of another one, so that as little as possible need be touched."""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from itertools import pairwise


def paired(olds: Sequence[str], wanted: Sequence[str], may_become: Callable[[int, int], bool]) -> list[int | None]:
    """For each wanted thing the number of the old one that becomes it, None for a new one; numbers only rise.

    Things are known by their texts: the most that can do so stay without changing places. Between two that stay, those
    that go become those that come, one by one, if the old one of that number *may_become* the new one at that position.
    """
    places: dict[str, deque[int]] = defaultdict(deque)
    for number, old in enumerate(olds):
        places[old].append(number)
    found = [places[name].popleft() if places.get(name) else None for name in wanted]
    kept = _rising(found)
    pairs = [number if position in kept else None for position, number in enumerate(found)]
    going = set(range(len(olds))).difference(found)
    anchors = [(-1, -1), *((p, n) for p, n in enumerate(pairs) if n is not None), (len(pairs), len(olds))]
    for (place, number), (next_place, next_number) in pairwise(anchors):
        come = (position for position in range(place + 1, next_place) if found[position] is None)
        go = (each for each in range(number + 1, next_number) if each in going)
        for position, each in zip(come, go, strict=False):
            if may_become(each, position):
                pairs[position] = each
    return pairs


def _rising(numbers: Sequence[int | None]) -> set[int]:
    """The positions of the longest rising part of *numbers*."""
    tails: list[int] = []
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for position, number in enumerate(numbers):
        if number is None:
            continue
        length = bisect_left(tails, number)
        before[position] = ends[length - 1] if length else None
        tails[length : length + 1] = [number]
        ends[length : length + 1] = [position]
    rising = set()
    at = ends[-1] if ends else None
    while at is not None:
        rising.add(at)
        at = before[at]
    return rising
