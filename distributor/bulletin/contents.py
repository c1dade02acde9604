"""The table of contents (本期要目, 目录): its lines repeat the titles and must not become articles."""

import re
from collections.abc import Sequence
from itertools import islice

from distributor.bulletin.lines import Line, is_rule, section_name
from distributor.bulletin.titles import is_like_title

_CONTENTS = frozenset(
    [
        "要目",
        "本期要目",
        "目录",
        "本期目录",
        "目次",
        "本期目次",
        "导读",
        "本期导读",
        "本期导览",
        "内容提要",
        "本期内容",
        "本期提要",
    ]
)
_DETAILS = frozenset(["详情", "本期详情", "正文", "本期正文", "详细内容"])
_MARK = re.compile(r"(?:[(（]?(?:[一二三四五六七八九十]{1,3}|[0-9]{1,2})[)）]?[、.．]?|[★■●◆☆▲◇○□※•◎])\s*")
_LEADER = "0123456789 \u3000.…·—-"
_NEAR_THE_TOP = 5


def contents_span(lines: Sequence[Line]) -> tuple[int, int]:
    """Where the contents begin and end in *lines*, their heading included; (0, 0) if there are none.

    Their heading is among the first lines. They end with a heading called 正文 or 详情, or above a rule, a heading
    framed like their own (≡园区动态≡ below ≡本期要目≡), the first title that is repeated (with the sections right above
    it), or the first title that has a paragraph below it. Contents that reach to the end are none, for then nothing
    would be left of the body.
    """
    top = islice((position for position, line in enumerate(lines) if line.text), _NEAR_THE_TOP)
    start = next((position for position in top if _name(lines[position].text) in _CONTENTS), None)
    if start is None:
        return 0, 0
    end = _end(lines, start)
    return (start, end) if any(line.text for line in lines[end:]) else (0, 0)


def _name(text: str) -> str:
    return section_name(text) or "".join(text.split()) if len(text) <= 20 else ""


def _end(lines: Sequence[Line], start: int) -> int:
    last_heading = {section_name(line.text): position for position, line in enumerate(lines)}
    frame = lines[start].text[0] if section_name(lines[start].text) else None
    seen: set[str] = set()
    last = start
    for position in range(start + 1, len(lines)):
        text, key = lines[position].text, _key(lines[position].text)
        section = section_name(text)
        if is_rule(text) or _name(text) in _DETAILS:
            return position if is_rule(text) else position + 1
        if section and text[0] == frame and last_heading[section] == position:
            return position
        if key in seen:
            return _with_sections_above(lines, position, start)
        if key and not section and not is_like_title(text):
            return last if last > start else position
        if key:
            seen.add(key)
            last = position
    return len(lines)


def _with_sections_above(lines: Sequence[Line], position: int, start: int) -> int:
    while position - 1 > start and (not lines[position - 1].text or section_name(lines[position - 1].text)):
        position -= 1
    return position


def _key(text: str) -> str:
    """What a title and its line in the contents have in common: no mark before it, no dots and page behind it."""
    name = section_name(text)
    bare = f"[{name}]" if name else _MARK.sub("", text[:200], count=1).rstrip(_LEADER)
    return bare if any(map(str.isalnum, bare)) else ""
