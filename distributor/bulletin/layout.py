"""The three parts of a bulletin: the imprint, looked for from the end, the head from the top, and the body between."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from distributor.bulletin.body import read_body
from distributor.bulletin.imprint import Imprint, read_imprint
from distributor.bulletin.lines import Line, lines_of, section_name, without_page_numbers
from distributor.bulletin.markings import Marking, find_marking, is_marking
from distributor.bulletin.masthead import Head, read_head
from distributor.bulletin.model import Section
from distributor.bulletin.numbers import date_in, is_date

_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Layout:
    """What was found where. *body* are the lines between head and imprint; *contents* and *page_numbers* are left out
    of the sections. *dated* is the line right above the imprint that bears the bulletin's date, if the head has none.
    """

    lines: Sequence[Line]
    head: Head
    body: Sequence[Line]
    imprint: Imprint
    sections: tuple[Section, ...]
    contents: Sequence[Line]
    page_numbers: Sequence[Line]
    marking: Marking | None
    dated: Line | None

    @property
    def signer(self) -> tuple[str | None, Line | None]:
        """Who signed, and the line that says so, in the head or else in the imprint."""
        part = self.imprint if self.head.signer is None else self.head
        return part.signer, part.signer_line

    @property
    def date(self) -> dt.date | None:
        return date_in(self.dated.text) if self.dated else self.head.date


def lay_out(text: str) -> Layout:
    """The parts of the bulletin in *text*."""
    lines, page_numbers = without_page_numbers(lines_of(text))
    imprint = read_imprint(lines)
    above = lines[: imprint.start]
    head = read_head(above)
    body = [head.rest, *above[head.end + 1 :]] if head.rest else above[head.end :]
    dated = _date_below(body) if head.date is None and head.bad_date is None and imprint.start < len(lines) else None
    sections, contents = read_body([line for line in body if line is not dated])
    top = max(head.end, _above_text(lines))
    marking = find_marking(lines[:top], lines[top:])
    return Layout(lines, head, body, imprint, sections, contents, page_numbers, marking, dated)


def _date_below(body: Sequence[Line]) -> Line | None:
    """The last line of *body* if it is a date and nothing else."""
    last = next((line for line in reversed(body) if line.text), None)
    return last if last is not None and is_date(last.text) else None


def _above_text(lines: Sequence[Line]) -> int:
    """How many lines stand above the first section or sentence: there markings may stand, though no head be found."""
    for position, line in enumerate(lines):
        if (section_name(line.text) and not is_marking(line.text)) or "。" in line.text or len(line.text) > _LONGEST:
            return position
    return len(lines)
