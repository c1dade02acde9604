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
_NEWS = re.compile("(?:[0-9]{4}年)?[0-9]{1,2}月(?:[0-9]{1,2}日)?[,、至]|[0-9]{1,2}日,|[近当同]日,|日前|近期,")
_LONGEST_TITLE = 50
_LONGEST_TITLE_WITH_COMMA = 36
_LONGEST_SOURCE_WORD = 3
_SOURCE = re.compile(
    r"(?:^|(?P<open>\())(?:信息|资料|消息|稿件|文章|数据)?来源\s{0,4}:\s{0,4}"
    r"(?P<source>[^。\s][^。]{0,99}?)\s{0,4}(?(open)\))[。.]?$"
)
# A page or a wrapped line ends near the right edge; what is shorter than this was ended on purpose.
_SHORTEST_FULL = 20
# Lines of wrapped text are no longer than this; where one is, each line is a paragraph.
_LONGEST_WRAPPED = 60
_RAGGED = 3
_INDENT = 2


@dataclass(slots=True)
class Block:
    """Lines that belong together; *gap*: a blank line or a rule stands above. *reach* is where the last line ends."""

    line: int
    gap: bool
    indented: bool
    reach: int = 0
    parts: list[str] = field(default_factory=list)

    def add(self, line: Line) -> None:
        self.parts.append(line.text)
        self.reach = len(line.text) + (_INDENT if line.indented else 0)

    @property
    def text(self) -> str:
        return join(self.parts)


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
            found[-1].add(line)
        else:
            found.append(Block(line.number, gap, line.indented))
            found[-1].add(line)
            gap = False
    return found


def _is_wrapped(block: Block, line: Line, edge: int) -> bool:
    if block.reach < max(edge - _RAGGED, _SHORTEST_FULL) or is_item(line.text) or marker_of(line.text) is not None:
        return False
    return not is_finished(block.parts[-1]) or (block.indented and not line.indented)


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
    """Whether *text* could be a title: short, without a full stop, with no stop at its end, not in brackets, and not
    begun as news are (7月16日，…; 日前，…)."""
    longest = _LONGEST_TITLE_WITH_COMMA if _has_comma(text) else _LONGEST_TITLE
    if not 2 <= len(text) <= longest or "。" in text or text[0] in "（([〔—":
        return False
    if text.endswith(tuple("。：；，、,;:…")) or _NEWS.match(folded(text)):
        return False
    return sum(map(str.isalnum, text)) >= 2


def _has_comma(text: str) -> bool:
    return "，" in text or "," in text


def continues(before: str, text: str) -> bool:
    """Whether *text* is the rest of the paragraph that *before* began: that one broke off at the end of a full line or
    within a sentence that has a comma, or *text* begins with a mark that nothing can begin with. Items of a list and
    labels (电话：) do not continue anything."""
    if text[0] in _CONTINUING:
        return True
    is_line = len(before) < _SHORTEST_FULL and not _has_comma(before)
    if is_line or is_finished(before) or is_item(text):
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


def titled(texts: Sequence[Block]) -> Iterator[bool]:
    """Of each block of one section, whether it is a title.

    Where the first block is a marked title (一、, ★, 1.), titles are the blocks with that kind of mark. Elsewhere the
    first block is one if it looks like it, and a later one if moreover a paragraph begins below it and, where most
    blocks have a blank line above them, this one has. Right below a title, what has a comma is no second title.
    """
    looks = [is_like_title(block.text) for block in texts]
    mark = marker_of(texts[0].text) if texts and looks[0] else None
    is_spaced = sum(block.gap for block in texts[1:]) * 2 >= len(texts)
    was_title = False
    for position, block in enumerate(texts):
        if mark is not None:
            was_title = looks[position] and marker_of(block.text) == mark
        elif position > 0:
            below = texts[position + 1].text if position + 1 < len(texts) else ""
            begins = below != "" and not looks[position + 1] and below[0] not in _CONTINUING
            apart = (block.gap or not is_spaced) and not (was_title and _has_comma(block.text))
            was_title = looks[position] and begins and apart and not is_item(block.text)
        else:
            was_title = looks[0]
        yield was_title
