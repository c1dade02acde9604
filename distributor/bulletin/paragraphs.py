"""Lines → paragraphs: what a line's end breaks is joined, and each paragraph is told from a title.

Three facts decide, all of them visible: how a line ends (。！？：；… a closing quote or bracket ends a paragraph), how
long it is (a page or a line ends full), and what stands around it (a title has a paragraph below it).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from distributor.bulletin.labels import LabelKind, label_of
from distributor.bulletin.lines import Line, is_rule
from distributor.bulletin.numbers import folded

_ENDINGS = "。！？…：；.!?:;”’」』）)】》〉]］\"'"
_CONTINUING = "，。、；：！？”’）》」』】,;:!?)"
_ITEM = re.compile(r"[(（](?:[0-9]{1,2}|[一二三四五六七八九十]{1,3})[)）]|[0-9]{1,2}[.、．)）](?![0-9])|[①-⑳⑴-⒇]")
_MARKERS = (
    re.compile(r"[一二三四五六七八九十]{1,3}[、.．]"),
    re.compile(r"[★■●◆☆▲◇○□※•◎►▶]"),
    re.compile(r"[0-9]{1,2}[.、．](?![0-9])"),
)
_LONGEST_TITLE = 50
_LONGEST_TITLE_WITH_COMMA = 36
# A page or a wrapped line ends near the right edge; what is shorter than this was ended on purpose.
_SHORTEST_FULL = 20
# Lines of wrapped text are no longer than this; where one is, each line is a paragraph.
_LONGEST_WRAPPED = 60
_RAGGED = 3


@dataclass(slots=True)
class Block:
    """Lines that belong together; *gap*: a blank line or a rule stands above. *last* is the last line's text."""

    line: int
    gap: bool
    parts: list[str] = field(default_factory=list)
    indented: bool = False

    @property
    def text(self) -> str:
        return join(self.parts)

    @property
    def last(self) -> str:
        return self.parts[-1]


def blocks_of(lines: Sequence[Line]) -> list[Block]:
    """The blocks of *lines*. Lines are joined only where they are wrapped: all are short, this one is full to the
    right edge, and either it ends no sentence or the next one, unlike the paragraph's first, is not indented."""
    edge = max((len(line.text) for line in lines), default=0)
    edge = 0 if edge > _LONGEST_WRAPPED else edge
    found: list[Block] = []
    gap = True
    for line in lines:
        if not line.text or is_rule(line.text):
            gap = True
        elif found and not gap and edge and _is_wrapped(found[-1], line, edge):
            found[-1].parts.append(line.text)
        else:
            found.append(Block(line.number, gap, [line.text], line.indented))
            gap = False
    return found


def _is_wrapped(block: Block, line: Line, edge: int) -> bool:
    if len(block.last) < max(edge - _RAGGED, _SHORTEST_FULL) or is_item(line.text) or marker_of(line.text) is not None:
        return False
    return not is_finished(block.last) or (block.indented and not line.indented)


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
    return text.endswith(tuple(_ENDINGS))


def is_item(text: str) -> bool:
    """Whether *text* is an item of a list inside an article: （一）, (1), 1., ①."""
    return _ITEM.match(text) is not None


def marker_of(text: str) -> int | None:
    """Which kind of mark stands before the title *text*: 0 一、, 1 ★ or another sign, 2 1.; None without."""
    return next((kind for kind, marker in enumerate(_MARKERS) if marker.match(text)), None)


def is_like_title(text: str) -> bool:
    """Whether *text* could be a title: one short line, no full stop in it and no stop at its end, not in brackets."""
    longest = _LONGEST_TITLE_WITH_COMMA if "，" in text or "," in text else _LONGEST_TITLE
    if not 2 <= len(text) <= longest or "。" in text or text[0] in "（([〔—":
        return False
    return not text.endswith(tuple("。：；，、,;:…")) and sum(map(str.isalnum, text)) >= 2


def continues(before: str, text: str) -> bool:
    """Whether *text* is the rest of the paragraph that *before* began: that one broke off at the end of a full line,
    or *text* begins with a mark that nothing can begin with. Items and labels (电话：) do not continue anything."""
    if text[0] in _CONTINUING:
        return True
    if len(before) < _SHORTEST_FULL or is_finished(before) or is_item(text):
        return False
    label = label_of(text)
    return label is None or label.kind is LabelKind.UNKNOWN


def without_source(text: str) -> tuple[str, str | None]:
    """The paragraph without the source at its end, and the source: （来源：商务部）, (信息来源:…), or a line 来源：…"""
    plain = folded(text)
    found = plain.rfind("来源")
    match = _SOURCE.match(plain, found) if found >= 0 else None
    if match is None:
        return text, None
    start = found - len("信息") if plain[max(0, found - 2) : found] in _SOURCE_WORDS else found
    opened = plain[max(0, start - 1) : start] == "("
    if not opened and start > 0:
        return text, None
    begin, end = match.span(1)
    source = text[begin:end].strip()
    if opened:
        if not source.endswith((")", "）")):
            return text, None
        source, start = source[:-1].strip(), start - 1
    return text[:start].rstrip(), source or None


_SOURCE = re.compile(r"来源\s{0,4}:([^。]{1,100}?)\s{0,4}[。.]?$")
_SOURCE_WORDS = ("信息", "资料", "消息", "稿件", "文章", "数据")


def titled(texts: Sequence[Block]) -> Iterator[bool]:
    """Of each block of one section, whether it is a title.

    Where the first block is a marked title (一、, ★, 1.), titles are the blocks with that kind of mark. Elsewhere the
    first block is one if it looks like it, and a later one if moreover a paragraph stands below it and, where blank
    lines separate the paragraphs, one stands above it.
    """
    looks = [is_like_title(block.text) for block in texts]
    mark = marker_of(texts[0].text) if texts and looks[0] else None
    spaced = any(block.gap for block in texts[1:])
    for position, block in enumerate(texts):
        if mark is not None:
            yield looks[position] and marker_of(block.text) == mark
        elif position == 0:
            yield looks[0]
        else:
            has_text = position + 1 < len(texts) and not looks[position + 1]
            yield looks[position] and has_text and not is_item(block.text) and (block.gap or not spaced)
