"""What people put into one cell: texts with signs nobody sees, several audiences."""

import re

from distributor.recipients.faults import INVISIBLE
from distributor.recipients.formulas import restored

ERRORS = frozenset(["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!"])
"""What a cell shows whose formula has failed."""

NO = frozenset(["否", "无", "no", "n", "false", "off", "0"])
"""Answers that say a contact is not disabled."""

_UNSEEN = re.compile(f"[{INVISIBLE}]")
_BLANK = "".join(filter(re.compile(rf"[\s{INVISIBLE}]").match, map(chr, [*range(0x3001), 0xFEFF])))
_BREAK = re.compile(r"[^\S\n\r]*[\n\r\t\v\f\x85\u2028\u2029]+\s*")
_WIDE_CHARACTER = re.compile("[\u1100-\ufaff\uff00-\uffef\U00020000-\U0003fffd]")

_PAIRS = "“”‘’「」『』《》〈〉（）()〔〕【】［］[]"
_PAIRED = "|".join(
    rf"{re.escape(first)}[^{re.escape(first + last)}\n]*{re.escape(last)}"
    for first, last in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)
)
_SEPARATOR = "、，,；;\n"
_AUDIENCE = re.compile(rf'\s*(?:"((?:[^"]|"")+)"\s*(?=[{_SEPARATOR}]|\Z)|((?:{_PAIRED}|[^{_SEPARATOR}])+))')


def trimmed(text: str) -> str:
    """Without what nobody sees at either end: spaces of all kinds and signs of no width."""
    return text.strip(_BLANK)


def one_line(text: str) -> str:
    """*text*, which is trimmed, without invisible signs and in one line.

    Where a line was broken to fit the cell, Chinese goes on without a space, and other writing with one.
    """
    return text if text.isprintable() else _BREAK.sub(_joint, _UNSEEN.sub("", text))


def _joint(match: re.Match[str]) -> str:
    beside = match.string[match.start() - 1 : match.start()] + match.string[match.end() : match.end() + 1]
    return "" if _WIDE_CHARACTER.search(beside) else " "


def audiences(cell: str) -> tuple[str, ...]:
    """The names in *cell*, each once, separated as in an imprint: by 、 ， , ； ; or line breaks.

    Not inside quotes or brackets, and not at spaces or /, which names may hold. A name in straight quotes may hold
    anything; a quote in it is doubled.
    """
    names = (quoted.replace('""', '"') or plain for quoted, plain in _AUDIENCE.findall(cell))
    return tuple(dict.fromkeys(name for name in map(trimmed, names) if name))


def audience_cell(names: tuple[str, ...]) -> str:
    """A cell that audiences() reads as *names*, which are each of one line and different."""
    cell = "、".join(names)
    if audiences(cell) == names:
        return cell
    return "、".join('"{}"'.format(name.replace('"', '""')) for name in names)


def cleaned(cell: str) -> str:
    """*cell* trimmed, and without the apostrophe that kept it from being run as a formula."""
    text = trimmed(cell)
    return trimmed(restored(text)) if text.startswith("'") else text
