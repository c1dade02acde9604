"""The names after a label of the imprint: separators, quotes, names that a line's end breaks."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from distributor.bulletin.lines import Line
from distributor.bulletin.model import RoutedName
from distributor.bulletin.numbers import folded

SEPARATORS = "、，,；;"
_ENDS = " \u3000。.．"
_CLOSERS = {"“": "”", "‘": "’", '"': '"', "(": ")", "《": "》", "「": "」", "[": "]", "〈": "〉"}
_COUNT = re.compile(r"\(\s{0,4}各?\s{0,4}[0-9]{1,5}\s{0,4}份\s{0,4}\)$")
_LONGEST_COUNT = 24
_FULL_LINE = 24


def names_of(lines: Sequence[Line]) -> tuple[RoutedName, ...]:
    """The names in the texts of *lines* (what stands after the label, and the lines below), each with its line.

    Separators are 、 ， , ； ; and line ends, but not inside quotes or brackets (市“三防、抗旱”办). A line's end does
    not separate where it breaks a name: when the line is full (24 characters or more), has separators, and does not
    end with one or with a full stop.
    """
    text, starts, numbers = _joined(lines)
    found = []
    for start, end in _spans(text):
        name = text[start:end]
        begin = start + len(name) - len(name.lstrip())
        if name := clean_name(name):
            found.append(RoutedName(name, numbers[bisect_right(starts, begin) - 1]))
    return tuple(found)


def clean_name(name: str) -> str:
    """*name* as a list spells it: no blanks between Chinese characters, no full stop, no number of copies （2份）."""
    name = name.strip(_ENDS)
    if count := _COUNT.search(folded(name[-_LONGEST_COUNT:])):
        name = name[: len(name) - (count.end() - count.start())].rstrip(_ENDS)
    first, *others = name.split() or [""]
    parts = [first]
    for part in others:
        parts += [part] if ord(parts[-1][-1]) > 0xFF and ord(part[0]) > 0xFF else [" ", part]
    return "".join(parts)


def _joined(lines: Sequence[Line]) -> tuple[str, list[int], list[int]]:
    """All the text, with "\\n" where a line's end separates; where each line starts in it, and the lines' numbers."""
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for line in lines:
        if parts and not _breaks_name(parts[-1]):
            parts.append("\n")
            length += 1
        starts.append(length)
        parts.append(line.text)
        length += len(line.text)
    return "".join(parts), starts, [line.number for line in lines]


def _breaks_name(text: str) -> bool:
    has_separators = any(separator in text for separator in SEPARATORS)
    return len(text) >= _FULL_LINE and has_separators and text[-1] not in SEPARATORS + "。"


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the text between separators begins and ends."""
    closed = _closed(text)
    start = position = 0
    while position < len(text):
        if position in closed:
            position = closed[position]
        elif text[position] in SEPARATORS or text[position] == "\n":
            yield start, position
            start = position + 1
        position += 1
    yield start, len(text)


def _closed(text: str) -> dict[int, int]:
    """Where each quote or bracket opens and closes, on one line. One that does not close there means nothing."""
    pairs: dict[int, int] = {}
    opened: list[tuple[str, int]] = []
    for position, character in enumerate(folded(text)):
        if character == "\n":
            opened.clear()
        elif opened and character == opened[-1][0]:
            pairs[opened.pop()[1]] = position
        elif character in _CLOSERS:
            opened.append((_CLOSERS[character], position))
    return pairs
