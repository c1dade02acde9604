"""Rows for SQLite, many in one statement: to run a statement for each costs more than what it does."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, TypeAlias, TypeVar

Rows: TypeAlias = Iterable[tuple[Any, ...]]

Item = TypeVar("Item")

_TOGETHER = 200
_NAMED_TOGETHER = 500


def values(count: int, width: int) -> str:
    """The text of VALUES for so many rows of so many columns."""
    row = f"({', '.join('?' * width)})"
    return f"VALUES {', '.join([row] * count)}"


def batches(rows: Rows, width: int) -> Iterator[tuple[str, int, list[Any]]]:
    """*rows*, some at a time: their VALUES, how many they are, and what is in them."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, _TOGETHER)):
        yield values(len(chunk), width), len(chunk), list(chain.from_iterable(chunk))


def some(items: Iterable[Item]) -> Iterator[list[Item]]:
    """*items*, as many at a time as one statement may well name."""
    iterator = iter(items)
    while these := list(islice(iterator, _NAMED_TOGETHER)):
        yield these
