"""Secrecy markings (密级): where they stand, and whether they forbid sending or ask for a person's word."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from distributor.bulletin.lines import Line
from distributor.bulletin.numbers import folded
from distributor.bulletin.titles import is_like_title

_Form = tuple[Callable[[str], re.Match[str] | None], bool]

_SECRET = ("绝密", "机密", "秘密")
_INTERNAL = (
    *(f"内部{kind}" for kind in ("资料", "刊物", "文件", "材料", "参考", "参阅", "情况", "信息", "使用", "交流")),
    *("内部发行", "内部传阅", "内部掌握", "工作秘密", "内部"),
)
# Traditional characters, and the quotes and brackets that one sets around a marking, one character for one.
_PLAIN = str.maketrans("機絕祕級內資參閱傳發長「」『』“”‘’﹝﹞〖〗", '机绝秘级内资参阅传发长""""""""[][]')


def _spaced(words: Iterable[str]) -> str:
    """Any of *words*, whose characters may stand apart: 秘　密."""
    return "|".join(r"\s{0,8}".join(word) for word in words)


_LABEL = r"[\[(]?\s{0,8}密\s{0,8}级\s{0,8}(?:[\])]\s{0,8}:?|:)\s{0,8}"
_LEVEL = rf"[\[(\"]?\s{{0,8}}(?P<name>{_spaced(_SECRET)})\s{{0,8}}[级件]?\s{{0,8}}[\])\"]?"
_PERIOD = r"\s*(?:[★☆*·•].{0,20}|(?:[0-9]{1,2}|[一二三四五六七八九十]{1,3})\s{0,4}[年月]|长期)?"
_LIMITS = "注意|妥善|请|不得|严禁|禁止|仅供|未经|切勿|勿|限|免费|使用|交流|参考|保存|[0-9]"
_ONLY_SECRET = re.compile(
    rf"[★☆*]?\s*[\[(]?\s*[★☆*]?\s*(?:{_LABEL}|密\s{{0,8}}级\s*)?{_LEVEL}{_PERIOD}\s*[\])]?[★☆*。]?"
)
_ONLY_INTERNAL = re.compile(
    rf"[\[(]?\s*(?P<name>{_spaced(_INTERNAL)})\s*[\])]?[\s,、;·★*]*(?:(?:{_LIMITS}).{{0,24}})?\s*[\])!。]?"
)
# Where a line says 密级：, its level is a marking whatever follows it: 密级：机密    编号：003.
_LABELLED_SECRET = re.compile(rf"{_LABEL}{_LEVEL}")
# 关于某事的通知（秘密）.
_TITLE_S_END = re.compile(rf".*[\[(]\s*[★☆*]?\s*(?P<name>{_spaced(_SECRET)})\s*[级件]?{_PERIOD}\s*[\])]{_PERIOD}")
# In the head a marking may share its line with other things: 机密★1年    编号：003.
_BEGIN, _END = r"(?:^|[\s\[(★☆*])", r"(?=$|[\s\])★☆*·•:])"
_SECRET_WORD = re.compile(rf"{_BEGIN}(?:{_LABEL})?{_LEVEL}{_END}")
_INTERNAL_WORD = re.compile(rf"{_BEGIN}(?P<name>{_spaced(_INTERNAL)}){_END}")

_ALONE: tuple[_Form, ...] = (
    (_ONLY_SECRET.fullmatch, True),
    (_LABELLED_SECRET.match, True),
    (_ONLY_INTERNAL.fullmatch, False),
)
_IN_TITLE: tuple[_Form, ...] = ((_TITLE_S_END.fullmatch, True),)
_IN_HEAD: tuple[_Form, ...] = ((_SECRET_WORD.search, True), (_INTERNAL_WORD.search, False))
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Marking:
    """*name* without blanks, in simplified characters: 绝密, 机密 or 秘密 (*secret*), or 内部资料 and its like."""

    name: str
    secret: bool
    line: Line


def find_marking(head: Iterable[Line], others: Iterable[Line]) -> Marking | None:
    """The gravest and topmost marking: in the *head* on any part of a line, among *others* on a line of its own or in
    brackets at the end of a title.

    So no sentence that speaks of a 秘密 counts, but a marking does that was moved to the end by whatever made text of
    the file, or that is repeated on every page. Brackets that end a title (…通知（秘密）) are perhaps no marking, and
    are taken for one all the same: a bulletin refused in vain goes another way, a secret once sent does not come back.
    """
    marks = [mark for line in head for mark in _marks(line, _ALONE + _IN_TITLE + _IN_HEAD)]
    for line in others:
        marks += _marks(line, _ALONE + _IN_TITLE if is_like_title(line.text) else _ALONE)
    return min(marks, key=lambda mark: (not mark.secret, mark.line.number), default=None)


def is_marking(text: str) -> bool:
    """Whether a marking is all that the line says."""
    return any(_marks(Line(0, text), _ALONE))


def _marks(line: Line, forms: Iterable[_Form]) -> Iterator[Marking]:
    if 2 <= len(line.text) <= _LONGEST:
        text = folded(line.text).translate(_PLAIN)
        for match, secret in forms:
            if found := match(text):
                yield Marking("".join(found["name"].split()), secret, line)
