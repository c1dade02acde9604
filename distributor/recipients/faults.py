"""The faults of one file of the list, gathered so that a person mends them all at once; and what a text must be."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

from distributor.errors import Finding, Place, Severity
from distributor.i18n import _, ngettext

MAX_TEXT = 10_000
_MOST_SUGGESTIONS = 20
_LONGEST_SUGGESTION = 100

# Line breaks and other controls (C0, C1, U+2028, U+2029) could forge a header; invisible characters make two names
# that look the same differ; U+FFFD and lone surrogates are what is left of a character that was damaged.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
INVISIBLE = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
_DAMAGED = r"\ufffd\ud800-\udfff"
_FORBIDDEN = re.compile(f"[{_CONTROL}{INVISIBLE}{_DAMAGED}]")
# Spaces, and quotes and brackets in all their forms.
_SIGNS = re.compile(r"[\s\"'“”‘’「」『』《》〈〉<>()\[\]〔〕【】·•・]")
# Answers to "is it disabled?"; a reason was asked for, and 否 taken as one would silently leave somebody out.
_YES_OR_NO = frozenset(["是", "否", "有", "无", "yes", "no", "y", "n", "true", "false", "on", "off", "0", "1"])


class Faults:
    """The faults of *file*: all are counted, the first *most* are kept with their lines."""

    def __init__(self, file: str, most: int = 1000) -> None:
        self.file = file
        self.most = most
        self.count = 0
        self._kept: list[Finding] = []
        self._suggestions = _MOST_SUGGESTIONS

    def __bool__(self) -> bool:
        return self.count > 0

    def add(self, code: str, line: int | None, message: str, remedy: str | None = None) -> None:
        """Note one fault; *line* counts from 1, None means the whole file."""
        self.count += 1
        if self.count <= self.most:
            self._kept.append(Finding(Severity.ERROR, code, message, Place(self.file, line), remedy))

    def findings(self) -> list[Finding]:
        """The faults kept, by line, and how many more there are."""
        found = sorted(self._kept, key=lambda finding: finding.place.line or 0 if finding.place else 0)
        if more := self.count - len(found):
            text = ngettext("and {n} more fault in this file", "and {n} more faults in this file", more)
            found.append(Finding(Severity.ERROR, "more-faults", text.format(n=more), Place(self.file)))
        return found

    def did_you_mean(self, word: str, known: Iterable[str]) -> str | None:
        """A remedy that names the nearest of *known*; None if nothing is near (or too much was asked already)."""
        self._suggestions -= 1
        if self._suggestions < 0:
            return None
        near = nearest(word, known)
        return _("did you mean {names}?").format(names=" / ".join(near)) if near else None


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> list[str]:
    """Up to three of *known* that look like *word*, the nearest first; *cutoff* 1: only what looks the same.

    Signs that are easily typed in another form (quotes, brackets, full-width letters) and spaces count for nothing.
    """
    if len(word) > _LONGEST_SUGGESTION:
        return []
    by_look: dict[str, list[str]] = {}
    for name in known:
        if len(name) <= _LONGEST_SUGGESTION:
            by_look.setdefault(look(name), []).append(name)
    near = difflib.get_close_matches(look(word), by_look, n=3, cutoff=cutoff)
    return [name for form in near for name in by_look[form]][:3]


def look(name: str) -> str:
    """*name* without what is easily typed in another form: names with the same look are taken for one."""
    return _SIGNS.sub("", unicodedata.normalize("NFKC", name)).casefold()


def why_not_text(value: str) -> str | None:
    """Why *value* cannot be a name or another text of one line; None if it can."""
    if value and value == value.strip() and len(value) <= MAX_TEXT and not _FORBIDDEN.search(value):
        return None
    if not value.strip():
        return _("there is no text")
    if value != value.strip():
        return _("there are spaces around the text")
    if len(value) > MAX_TEXT:
        return _("the text is longer than {most} characters").format(most=MAX_TEXT)
    return _why_forbidden(value)


def _why_forbidden(value: str) -> str:
    found = _FORBIDDEN.findall(value)[0]
    if found in "\n\r\x85\u2028\u2029":
        return _("there is a line break in the text")
    if re.match(f"[{_DAMAGED}]", found):
        return _("there is a damaged character in the text (wrong encoding?)")
    return _("there is an invisible character in the text ({code})").format(code=f"U+{ord(found):04X}")


def is_reason(value: str) -> bool:
    """Whether *value* says why a contact is disabled, instead of answering yes or no, or with a sign.

    That there is no text at all is told elsewhere.
    """
    return not value or (value.casefold() not in _YES_OR_NO and any(map(str.isalnum, value)))
