"""Secrecy markings (密级): where they stand, and whether they forbid sending or ask for a person's word."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from distributor.bulletin.lines import Line
from distributor.bulletin.numbers import folded

_Form = tuple[Callable[[str], re.Match[str] | None], bool]

_SECRET = ("绝密", "机密", "秘密")
_INTERNAL = (
    *(f"内部{kind}" for kind in ("资料", "刊物", "文件", "材料", "参考", "参阅", "情况", "信息", "使用", "交流")),
    *("内部发行", "内部传阅", "内部掌握", "工作秘密", "内部"),
)


def _spaced(words: Iterable[str]) -> str:
    """Any of *words*, whose characters may stand apart: 秘　密."""
    return "|".join(r"\s{0,8}".join(word) for word in words)


_LEVEL = rf"(?:密\s{{0,8}}级\s*:?\s*)?(?P<name>{_spaced(_SECRET)})\s{{0,8}}[级件]?"
_PERIOD = r"\s*(?:[★☆*·•].{0,20}|(?:[0-9]{1,2}|[一二三四五六七八九十]{1,3})\s{0,4}[年月]|长期)?"
_LIMITS = "注意|妥善|请|不得|严禁|禁止|仅供|未经|切勿|勿|限|免费|使用|交流|参考|保存|[0-9]"
_ONLY_SECRET = re.compile(rf"[\[(]?\s*{_LEVEL}{_PERIOD}\s*[\])]?")
_ONLY_INTERNAL = re.compile(
    rf"[\[(]?\s*(?P<name>{_spaced(_INTERNAL)})\s*[\])]?[\s,、;·★*]*(?:(?:{_LIMITS}).{{0,24}})?\s*[\])!。]?"
)
# In the head a marking may share its line with other things: 机密★1年    编号：003.
_BEGIN, _END = r"(?:^|[\s\[(])", r"(?=$|[\s\])★☆*·•:])"
_SECRET_WORD = re.compile(rf"{_BEGIN}{_LEVEL}{_END}")
_INTERNAL_WORD = re.compile(rf"{_BEGIN}(?P<name>{_spaced(_INTERNAL)}){_END}")

_ALONE: tuple[_Form, ...] = ((_ONLY_SECRET.fullmatch, True), (_ONLY_INTERNAL.fullmatch, False))
_ANYWHERE: tuple[_Form, ...] = (*_ALONE, (_SECRET_WORD.search, True), (_INTERNAL_WORD.search, False))
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Marking:
    """*name* without blanks: 绝密, 机密 or 秘密 (*secret*), or 内部资料 and its like."""

    name: str
    secret: bool
    line: Line


def find_marking(head: Iterable[Line], others: Iterable[Line]) -> Marking | None:
    """The gravest and topmost marking: in the *head* on any part of a line, among *others* on a line of its own.

    So no sentence that speaks of a 秘密 counts, but a marking does that was moved to the end by whatever made text of
    the file, or that is repeated on every page.
    """
    marks = [mark for line in head for mark in _marks(line, _ANYWHERE)]
    marks += [mark for line in others for mark in _marks(line, _ALONE)]
    return min(marks, key=lambda mark: (not mark.secret, mark.line.number), default=None)


def is_marking(text: str) -> bool:
    """Whether a marking is all that the line says."""
    return any(_marks(Line(0, text), _ALONE))


def _marks(line: Line, forms: Iterable[_Form]) -> Iterator[Marking]:
    if 2 <= len(line.text) <= _LONGEST:
        text = folded(line.text)
        for match, secret in forms:
            if found := match(text):
                yield Marking("".join(found["name"].split()), secret, line)
