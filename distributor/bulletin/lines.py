"""Decoded text as lines, clean of what must not get into headers and HTML; and what a single line looks like."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from distributor.bulletin.numbers import NUMERAL, folded

# Controls, bidirectional overrides, zero-width and other invisible characters, noncharacters, lone surrogates.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_LINE_END = re.compile(r"\r\n|\r|\n")
# Breaks that editors do not number as lines: Word's manual line break, pages, NEL, line and paragraph separators.
_SOFT_BREAK = re.compile("[\x0b\x0c\x85\u2028\u2029]")
_RULE = frozenset("_＿—―─━═-=＝*＊~～ ")
_PAGE = re.compile(
    rf"[-—–―─·•]+\s*[0-9]{{1,4}}\s*[-—–―─·•]+|第\s*{NUMERAL}\s*页(?:[\s,/]*共\s*{NUMERAL}\s*页)?"
    rf"|共\s*{NUMERAL}\s*页[\s,/]*第\s*{NUMERAL}\s*页"
)
_BARE_NUMBER = re.compile("[0-9]{1,3}")
_PAIRS = {"〈": "〉", "<": ">", "＜": "＞", "﹤": "﹥", "【": "】", "[": "]", "［": "］", "〔": "〕", "〖": "〗"}
_FRAMES = "≡=＝※◆●■★☆◎━═─—*＊▲△◇□~～"
_LETTER_SPACED = re.compile(r"\S(?:\s+\S)+")
_LONGEST_SECTION = 40


@dataclass(frozen=True, slots=True)
class Line:
    """A line without the blanks around it; *number* counts from 1 as editors do, *indent* the columns before it."""

    number: int
    text: str
    indent: int = 0

    @property
    def reach(self) -> int:
        """The column where the line ends; characters beyond ASCII take two."""
        return self.indent + columns(self.text)


def lines_of(text: str) -> list[Line]:
    """The lines of *text*, blank ones included; no line holds a control or an invisible character."""
    return [
        Line(number, part.strip(), columns(part[: len(part) - len(part.lstrip())]))
        for number, raw in enumerate(_LINE_END.split(text), 1)
        for part in _parts(raw)
    ]


def _parts(raw: str) -> Iterator[str]:
    for part in _SOFT_BREAK.split(raw):
        yield _INVISIBLE.sub("", part.replace("\t", "  "))


def columns(text: str) -> int:
    """How wide *text* is in columns of half-width characters."""
    return 2 * len(text) - len(text.encode("ascii", errors="ignore"))


def is_rule(text: str) -> bool:
    """Whether the line is drawn, not written: ________."""
    return len(text) >= 3 and _RULE.issuperset(text)


def without_page_numbers(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """*lines* without those that only number a page, and these: — 3 —, -3-, 第3页; 3 only with blank lines around."""
    kept: list[Line] = []
    numbers: list[Line] = []
    for position, line in enumerate(lines):
        alone = not (position and lines[position - 1].text) and not any(
            x.text for x in lines[position + 1 : position + 2]
        )
        (numbers if _numbers_page(line.text, alone) else kept).append(line)
    return kept, numbers


def _numbers_page(text: str, alone: bool) -> bool:
    if not text or len(text) > 30:
        return False
    plain = folded(text)
    return _PAGE.fullmatch(plain) is not None or (alone and _BARE_NUMBER.fullmatch(plain) is not None)


def section_name(text: str) -> str | None:
    """The name in the heading of a 栏目 (〈 本市动态 〉, <…>, 【…】, ［…］, ≡…≡, ◆…◆); None if the line is none."""
    if not 3 <= len(text) <= _LONGEST_SECTION:
        return None
    first, last = text[0], text[-1]
    if _PAIRS.get(first) == last:
        name = text[1:-1].strip()
        if first in name or last in name:
            return None
    elif first == last and first in _FRAMES:
        name = text.strip(first + " \u3000")
    else:
        return None
    sentence = any(character in "。，；！？" for character in name)
    return tight(name) if any(map(str.isalpha, name)) and not sentence else None


def tight(text: str) -> str:
    """A word that is spaced out letter by letter (秘 密, 工　作　简　报) without its blanks; anything else as it is."""
    if len(text) <= 200 and _LETTER_SPACED.fullmatch(text) and not text.isascii():
        return "".join(text.split())
    return text
