"""Lines → paragraphs: what the end of a line or page breaks is joined again.

Two facts decide, both of them visible: how a line ends (。！？：；… or a closing quote or bracket ends a paragraph),
and how long it is, for only lines that are full are broken.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from distributor.bulletin.labels import LabelKind, label_of
from distributor.bulletin.lines import Line, is_rule
from distributor.bulletin.numbers import folded
from distributor.bulletin.titles import has_comma, is_item, is_rest, marker_of

_ENDINGS = tuple("。！？…：；.!?:;”’」』）)】》〉]］\"'")
# A page ends with a full line; what is shorter than this was ended on purpose.
_SHORTEST_FULL = 20
# Wrapped text has no line wider than this, and at least so many lines that end near the right edge. In columns.
_WIDEST_WRAPPED = 100
_NARROWEST_WRAPPED = 40
_RAGGED = 6
_FEWEST_WRAPPED = 3

_LONGEST_SOURCE_WORD = 3
_SOURCE = re.compile(
    r"(?:^|(?P<open>\())(?:信息|资料|消息|稿件|文章|数据)?来源\s{0,4}:\s{0,4}"
    r"(?P<source>[^。\s][^。]{0,99}?)\s{0,4}(?(open)\))[。.]?$"
)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together; *gap*: a blank line or a rule stands above the first one."""

    gap: bool
    lines: list[Line]

    @property
    def parts(self) -> list[str]:
        return [line.text for line in self.lines]

    @property
    def text(self) -> str:
        return join(self.parts)


def right_edge(lines: Iterable[Line]) -> int | None:
    """The column that every full line of wrapped text reaches; None if the text is not wrapped."""
    reaches = [line.reach for line in lines if not is_rule(line.text)]
    widest = max(reaches, default=0)
    full = sum(reach >= widest - _RAGGED for reach in reaches)
    is_wrapped = full >= _FEWEST_WRAPPED and _NARROWEST_WRAPPED <= widest <= _WIDEST_WRAPPED
    return widest - _RAGGED if is_wrapped else None


def blocks_of(lines: Sequence[Line], edge: int | None) -> list[Block]:
    """The blocks of *lines*: each line is one, but of text wrapped at *edge* those are joined that a line's end broke.

    A full line is broken if it ends no sentence, or if the next one, unlike the paragraph's first, is not indented.
    """
    found: list[Block] = []
    gap = True
    for line in lines:
        if not line.text or is_rule(line.text):
            gap = True
        elif found and not gap and edge is not None and _is_broken(found[-1], line, edge):
            found[-1].lines.append(line)
        else:
            found.append(Block(gap, [line]))
            gap = False
    return found


def _is_broken(block: Block, line: Line, edge: int) -> bool:
    first, last = block.lines[0], block.lines[-1]
    if last.reach < edge or is_item(line.text) or marker_of(line.text) is not None:
        return False
    return not is_finished(last.text) or (first.indent > 0 and line.indent == 0)


def join(parts: Iterable[str]) -> str:
    """The parts of a broken paragraph without a blank between them, unless two Latin words meet."""
    joined: list[str] = []
    for part in parts:
        if joined and _is_latin(joined[-1][-1:]) and _is_latin(part[:1]):
            joined.append(" ")
        joined.append(part)
    return "".join(joined)


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalpha()


def is_finished(text: str) -> bool:
    """Whether a paragraph may end like *text*."""
    return text.endswith(_ENDINGS)


def continues(before: str, text: str) -> bool:
    """Whether *text*, no title, is the rest of the paragraph whose last line is *before*.

    It is if it begins with a mark that nothing can begin with, or if *before* broke off at the end of a full line or
    within a sentence that has a comma. Items of a list and labels (电话：) are no rest.
    """
    if is_rest(text):
        return True
    was_cut = len(before) >= _SHORTEST_FULL or has_comma(before)
    if not was_cut or is_finished(before) or is_item(text):
        return False
    label = label_of(text)
    return label is None or label.kind is LabelKind.UNKNOWN


def without_source(text: str) -> tuple[str, str | None]:
    """The paragraph without the source at its end, and the source: （来源：商务部）, (信息来源:…), or a line 来源：…"""
    plain = folded(text)
    # From here on, for a pattern that looks for the end would try every beginning.
    found = _SOURCE.search(plain, max(0, plain.rfind("来源") - _LONGEST_SOURCE_WORD))
    if found is None:
        return text, None
    return text[: found.start()].rstrip(), text[found.start("source") : found.end("source")].strip()
