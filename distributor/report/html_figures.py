"""Numbers as shapes: the geometry of the report's charts, in SVG's own units. No colours, no words."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from distributor.delivery.model.states import State
from distributor.report.html_facts import DomainTimes, Point

WIDTH = 1000  # of every chart; the page stretches it
HEIGHT = 100
_SEEN = 6  # no part of a bar is narrower: 5 of 100,000 must not vanish


class Part(NamedTuple):
    """One part of a bar: what state it is of, where it begins and how wide it is."""

    state: State
    x: int
    width: int


def line(progress: Sequence[Point], total: int) -> str:
    """The path of what was sent until when (SVG's ``d``): from 0 to *total* upwards, the time to the right."""
    return "M" + " ".join(f"{x} {y}" for x, y in _places(progress, total))


def area(progress: Sequence[Point], total: int) -> str:
    """What is below line()."""
    return f"{line(progress, total)} V{HEIGHT} H0 Z"


def _places(progress: Sequence[Point], total: int) -> Iterable[tuple[int, float]]:
    start = progress[0].until
    whole = max(progress[-1].until - start, dt.timedelta.resolution)
    for until, sent in progress:
        yield round((until - start) / whole * WIDTH), round(HEIGHT - sent / total * HEIGHT, 1)


def middle(start: dt.datetime, end: dt.datetime) -> dt.datetime:
    """The time halfway between the two."""
    return start + (end - start) / 2


def parts(counts: Iterable[tuple[State, int]]) -> list[Part]:
    """A whole bar: states by their *counts*, side by side in their shares. Whatever is present can be seen."""
    present = [(state, count) for state, count in counts if count]
    total = sum(count for _state, count in present)
    widths = [max(_SEEN, round(count / total * WIDTH)) for _state, count in present]
    if widths:
        largest = widths.index(max(widths))
        widths[largest] -= sum(widths) - WIDTH  # it pays for the others
    starts = [sum(widths[:number]) for number in range(len(widths))]
    return [Part(state, x, width) for (state, _count), x, width in zip(present, starts, widths, strict=True)]


def length(value: float, most: float) -> int:
    """How long the bar of *value* is where *most* fills the width."""
    return max(_SEEN, round(value / most * WIDTH)) if most else _SEEN


def spans(slowest: Sequence[DomainTimes]) -> list[tuple[int, int]]:
    """The bars of each domain's half and 95 %, on one scale."""
    most = max((each.most.total_seconds() for each in slowest), default=0)
    return [(length(each.half.total_seconds(), most), length(each.most.total_seconds(), most)) for each in slowest]
