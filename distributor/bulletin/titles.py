"""Which paragraph is a title? Decided by how it looks and by what stands around it."""

import re
from collections.abc import Iterator, Sequence

from distributor.bulletin.labels import LabelKind, label_of
from distributor.bulletin.numbers import folded

_ITEM = re.compile(r"[(（](?:[0-9]{1,2}|[一二三四五六七八九十]{1,3})[)）]|[0-9]{1,2}[.、．)）](?![0-9])|[①-⑳⑴-⒇]")
_MARKERS = (
    re.compile(r"[一二三四五六七八九十]{1,3}[、.．]"),
    re.compile(r"[★■●◆☆▲◇○□※•◎►▶]"),
    re.compile(r"[0-9]{1,2}[.、．](?![0-9])"),
)
_NEWS = re.compile("(?:[0-9]{4}年)?[0-9]{1,2}月(?:[0-9]{1,2}日)?[,、至]|[0-9]{1,2}日,|[近当同]日,|日前|近期,")
_NEVER_FIRST = "，。、；：！？”’）》」』】,;:!?)"
_NEVER_LAST = "。：；，、,;:…"
_LONGEST = 50
_LONGEST_WITH_COMMA = 36


def is_item(text: str) -> bool:
    """Whether *text* is an item of a list inside an article: （一）, (1), 1., ①."""
    return _ITEM.match(text) is not None


def marker_of(text: str) -> int | None:
    """Which kind of mark stands before the title *text*: 0 一、, 1 ★ or another sign, 2 1.; None without."""
    return next((kind for kind, marker in enumerate(_MARKERS) if marker.match(text)), None)


def is_rest(text: str) -> bool:
    """Whether *text* begins with a mark that nothing can begin with, so that something was broken above it."""
    return text[0] in _NEVER_FIRST


def has_comma(text: str) -> bool:
    """Whether *text* is made of clauses, as titles seldom are."""
    return "，" in text or "," in text


def is_like_title(text: str) -> bool:
    """Whether *text* could be a title: short, without a full stop, with no stop at its end, not in brackets, not begun
    by a label (附件：), nor as news are (7月16日，…; 日前，…)."""
    if not 2 <= len(text) <= (_LONGEST_WITH_COMMA if has_comma(text) else _LONGEST):
        return False
    if "。" in text or text[0] in "（([〔—" or text[-1] in _NEVER_LAST or _NEWS.match(folded(text)):
        return False
    label = label_of(text)
    return sum(map(str.isalnum, text)) >= 2 and (label is None or label.kind is LabelKind.UNKNOWN)


def titled(texts: Sequence[str], gaps: Sequence[bool]) -> Iterator[bool]:
    """Of each of the *texts* of one section, whether it is a title; *gaps*: whether a blank line stands above it.

    Where the first text is a title with a mark (一、, ★, 1.), titles are those with that kind of mark. Elsewhere the
    first text is one if it looks like it. So is a later one if moreover a paragraph begins below it and, where most
    texts have a blank line above them, it has one, too, or a mark. Right below a title, what has a comma is none.
    """
    looks = [is_like_title(text) for text in texts]
    mark = marker_of(texts[0]) if texts and looks[0] else None
    is_spaced = sum(gaps[1:]) * 2 >= len(texts)
    was_title = False
    for position, text in enumerate(texts):
        if mark is not None:
            was_title = looks[position] and marker_of(text) == mark
        elif position > 0:
            apart = gaps[position] or not is_spaced or marker_of(text) is not None
            alone = position + 1 == len(texts) or looks[position + 1] or is_rest(texts[position + 1])
            second = is_item(text) or (was_title and has_comma(text))
            was_title = looks[position] and apart and not alone and not second
        else:
            was_title = looks[0]
        yield was_title
