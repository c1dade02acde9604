"""The addresses in one cell, as people put them there: several, with names, with signs of the wrong width."""

import re
import unicodedata
from itertools import pairwise
from typing import NamedTuple

from distributor.i18n import _
from distributor.recipients.addresses import why_not_address
from distributor.recipients.faults import INVISIBLE
from distributor.recipients.sheets.cells import trimmed

_UNSEEN = re.compile(f"[{INVISIBLE}]")
_EDGES = "\"'“”‘’`.。"
_NOT_IN_ONE = r"\s@,;:、，；<>()\[\]{}【】《》“”‘’\""
ADDRESS = re.compile(f"(?!/)[^{_NOT_IN_ONE}]+@[^{_NOT_IN_ONE}/]+")
_SEPARATOR = re.compile(r"[,;、\n\r/|]")
_AROUND = " \t\r\n\u3000\xa0,;:、/|<>\"'，；：＜＞／—–-"
_OPEN, _CLOSED = "(（[［{【《“‘", ")）]］}】》”’"
LABEL = re.compile(r"(?:mailto|e-?mail|mail|电子邮箱|电子邮件|邮箱|邮件)\Z", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9._@+-]")


class Address(NamedTuple):
    """An address of a cell, and the words beside it ("" without). *why* it is none; *mended* if a sign was changed."""

    email: str
    name: str = ""
    why: str | None = None
    mended: bool = False


def narrow(text: str) -> str:
    """*text* with full-width letters, digits and signs made narrow, each in its place; 。 is a full stop."""
    if text.isascii():
        return text
    forms = (unicodedata.normalize("NFKC", character).replace("。", ".") for character in text)
    return "".join(form if len(form) == 1 else character for form, character in zip(forms, text, strict=True))


def addresses(cell: str) -> list[Address]:
    """What stands in *cell*, which is trimmed and not empty. What is an address as it stands is taken as it stands."""
    if why_not_address(cell) is None:
        return [Address(cell)]
    seen = trimmed(_UNSEEN.sub("", cell))
    text = narrow(seen)
    found = list(ADDRESS.finditer(text))
    if not found:
        return [Address(cell, why=why_not_address(text) or _("there is no @ in it"))]
    words = _words(seen, text, found)
    return [_address(cell, match, *beside) for match, beside in zip(found, words, strict=True)]


def _address(cell: str, match: re.Match[str], before: str, after: str) -> Address:
    email = match.group().strip(_EDGES)
    if _is_torn(before, after):
        shown = trimmed(before + match.group() + after)
        return Address(shown, why=_("it is not clear what belongs to the address, and what is a name"))
    name = _name(before) or _name(after)
    return Address(email, name, why_not_address(email), mended=email not in cell)


def _words(cell: str, text: str, found: list[re.Match[str]]) -> list[tuple[str, str]]:
    """What stands before and after each address and belongs to it.

    Between two, a separator divides; without one it belongs to the second, unless it is in brackets: then to the first.
    """
    before = [cell[: found[0].start()]]
    after = []
    for first, second in pairwise(found):
        between = text[first.end() : second.start()]
        separator = _SEPARATOR.search(between)
        whole = len(between) if between.lstrip().startswith(tuple(_OPEN)) else 0
        cut = first.end() + (separator.start() if separator else whole)
        after.append(cell[first.end() : cut])
        before.append(cell[cut : second.start()])
    return list(zip(before, [*after, cell[found[-1].end() :]], strict=True))


def _is_torn(before: str, after: str) -> bool:
    """Whether a word stands beside the address that may be a part of it: "li si@example.org", "a@example .org"."""
    head, tail = before.rstrip()[-1:], after.lstrip()[:1]
    return bool(_WORD.match(head) or _WORD.match(tail)) or "@" in narrow(before + after)


def _name(words: str) -> str:
    """The name in what stands beside an address; "" for a label such as 邮箱：."""
    name = words.strip(_AROUND).rstrip(_OPEN).lstrip(_CLOSED).strip(_AROUND)
    if name and name[0] in _OPEN and name.endswith(_CLOSED[_OPEN.index(name[0])]):
        name = name[1:-1].strip(_AROUND)
    return "" if LABEL.match(name) else name
