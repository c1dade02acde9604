"""One line of a head (报头) as pieces: numbers, dates, labels, and the words between them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from distributor.bulletin.numbers import DATE, NUMERAL, YEAR, folded

# In folded text; of two that begin at the same character the upper one counts.
_FORMS = {
    "total": rf"\(\s*总\s*第?\s*{NUMERAL}\s*期[^()]{{0,30}}\)|总\s*第?\s*{NUMERAL}\s*期",
    "period": rf"(?:{DATE})\s*[-—–~至到]+\s*[0-9年月日]{{2,11}}",
    "date": rf"(?:{DATE})(?:\s*(?:印发|编印|出版|出刊)(?=\s|$))?",
    "year": rf"\[?\(?{YEAR}\s*年?[\])]?\s*年?(?=\s*(?:增\s*刊\s*)?\(?\s*(?:第\s*{NUMERAL}\s*期|总))",
    "number": rf"\(?第\s*{NUMERAL}\s*期\)?",
    "supplement": r"\(?\s*增\s*刊\s*\)?",
    "signer": r"签\s*发\s*人?\s*:",
    "by": r"(?:主办|编发|编印|出刊)(?:单位|机关|部门)?\s*:|(?:发布|印发|编制|主编)(?:单位|机关|部门)\s*:",
    "other": (
        r"(?:编\s*号|份\s*号|\b(?i:no)\.?)\s*:?\s*[0-9A-Za-z-]*[0-9]|(?:编\s*号|份\s*号)\s*:"
        r"|密\s*级\s*:\s*(?:无|公开)?|(?:特|加|平)\s*急(?=\s|$)|(?:注意|妥善)保[存管]|请?勿外传|\(?星期[一二三四五六日天]\)?"
    ),
}
_PIECE = re.compile("|".join(f"(?P<{kind}>{form})" for kind, form in _FORMS.items()))
_PERIODICAL = re.compile(
    ".*(?:[简快专要综摘周月日旬季预]报|内参|[快简通]讯|[专月季周期]刊|要情|舆情|动态|信息|参考|》)"
)
_OFFICE = re.compile(
    ".*(?:[局委办部厅处科室院所站队社会组馆台镇乡县市区街道]|中心|公司|集团|政府|学校|大学|中学|小学|银行|机构|基地)"
    "(?:主办|编印|编发|编制|印发|编)?"
)
_LONGEST_WORD = 40
_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Piece:
    """One of the forms above by its *kind*, folded, or a ``word`` between two as printed, and where it starts.

    *apart*: the line begins here, or blanks stand before it.
    """

    kind: str
    text: str
    start: int
    apart: bool


def pieces_of(text: str) -> list[Piece]:
    """The pieces of *text*; brackets and strokes that are left between them are none."""
    if len(text) > _LONGEST_LINE:
        return [Piece("word", text, 0, apart=True)]
    return list(_split(text))


def _split(text: str) -> Iterator[Piece]:
    end = 0
    for match in _PIECE.finditer(folded(text)):
        yield from _word(text, end, match.start())
        yield Piece(match.lastgroup or "", match[0], match.start(), _is_apart(text, match.start()))
        end = match.end()
    yield from _word(text, end, len(text))


def _word(text: str, start: int, end: int) -> Iterator[Piece]:
    word = text[start:end].strip()
    if word.strip("()（）[]〔〕【】｜|、 "):
        begin = text.index(word, start)
        yield Piece("word", word, begin, _is_apart(text, begin))


def _is_apart(text: str, start: int) -> bool:
    return start == 0 or text[start - 1].isspace()


def fit_head(pieces: Sequence[Piece]) -> bool:
    """Whether a line of *pieces* can stand in a head.

    Not if it is a sentence, a date is part of a longer word (2019年7月31日例会), or a number is (举办第5期培训班); but
    words may be set right behind a number that has its year or the running total beside it.
    """
    if is_tailed(pieces):
        return True
    before: Piece | None = None
    for piece in pieces:
        named = before is not None and before.kind in {"signer", "by"}
        if piece.kind == "word" and not named and not (is_word(piece.text) and _may_follow(piece, before)):
            return False
        if before is not None and before.kind == "word" and not (piece.apart or _may_touch(before.text)):
            return False
        before = piece
    return True


def is_tailed(pieces: Sequence[Piece]) -> bool:
    """Whether the text begins on this line, behind two numbers: 2025年第3期（总第27期）全省通报。"""
    kinds = [piece.kind for piece in pieces]
    numbers = kinds.index("word") if "word" in kinds else len(kinds)
    return 2 <= numbers < len(kinds) and set(kinds[:numbers]) <= {"year", "number", "total", "supplement"}


def _may_follow(piece: Piece, before: Piece | None) -> bool:
    if before is None or piece.text[0] in "·•・":
        return True
    if before.kind == "number":
        return piece.apart and is_office(piece.text)
    return piece.apart


def is_word(text: str) -> bool:
    """Whether *text* can be a name: short, and no sentence."""
    return (
        len(text) <= _LONGEST_WORD
        and not any(character in "。，；：！？,;:!?…" for character in text)
        and any(map(str.isalnum, text))
    )


def _may_touch(word: str) -> bool:
    return is_periodical(word) or is_office(word)


def is_periodical(word: str) -> bool:
    """Whether *word* ends like the name of a bulletin: 简报, 动态, 要情 …"""
    return len(word) <= _LONGEST_WORD and _PERIODICAL.fullmatch(word) is not None


def is_office(word: str) -> bool:
    """Whether *word* ends like the name of an office: 局, 协会, 中心 …"""
    return len(word) <= _LONGEST_WORD and _OFFICE.fullmatch(word) is not None
