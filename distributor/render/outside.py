"""What of a page reaches beyond it: pictures, sheets and frames from elsewhere, scripts. No letter may have any.

Mail programs block or strip it all, a remote picture tells who reads what, and an office that keeps a letter keeps the
whole of it. A link that a person may follow is something else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

_TAGS = frozenset(
    {"script", "link", "iframe", "frame", "frameset", "object", "embed", "applet", "base", "form", "audio", "video"}
    | {"svg", "math", "portal"}
)
# Attributes that load or lead to what they name (HTML Standard, "Attributes"; the older ones too).
_LOADING = frozenset(
    {"src", "background", "poster", "data", "action", "formaction", "lowsrc", "dynsrc", "classid", "codebase"}
    | {"archive", "ping", "manifest"}
)
_LOADING_SEVERAL = frozenset({"srcset", "imagesrcset"})
_LINKS = frozenset({"a", "area"})
_CARRIED = re.compile(r"\s*(?:data:image/(?!svg)|cid:|#|$)", re.IGNORECASE)
_LINK = re.compile(r"\s*(?:https?://|mailto:|tel:|#|$)", re.IGNORECASE)
# A string in CSS may stand for an address, too: @import "…", image-set("…").
_CSS = re.compile(
    r"@import\b[^;}]*|(?:\burl|\bsrc)\(\s*(?![\s\"']*(?:data:image/(?!svg)|cid:|#|\)))[^)]*\)?"
    r"|\b(?:-webkit-)?image-set\(|\bexpression\(|\bbehavior\s*:|-moz-binding\b",
    re.IGNORECASE,
)
_CSS_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?|\\(.)")
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Outside:
    """One such thing: as it is *shown* to a person, and the words by which it is found where it was *written*."""

    shown: str
    written: str


def outside_of(page: str) -> tuple[Outside, ...]:
    """Everything in the HTML *page* that loads, runs or embeds something, each once, in order.

    Links that a person may follow (http, https, mailto, tel, #) are none; nor are pictures that the letter carries
    (data:, cid:). What stands in conditional comments is looked at as well, for Outlook obeys it.
    """
    reader = _PageReader()
    reader.feed(page)
    reader.close()
    return tuple(dict.fromkeys(reader.found))


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Outside] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        values = [(name, value or "") for name, value in attrs]
        if tag in _TAGS or any(_reaches_out(tag, name, value) for name, value in values):
            written = self.get_starttag_text() or ""
            self.found.append(Outside(_short(written), written))

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found += _outside_of_css(data)

    def handle_comment(self, data: str) -> None:
        if data.lstrip().startswith("[if"):
            self.found += outside_of(data.partition(">")[2])


def _reaches_out(tag: str, name: str, value: str) -> bool:
    local = name.rpartition(":")[2]
    if local == "style":
        return _CSS.search(_CSS_ESCAPE.sub(_unescaped, value)) is not None
    if local == "http-equiv":
        return value.strip().lower() == "refresh"
    if local == "href":
        return not (_LINK if tag in _LINKS else _CARRIED).match(value)
    if local in _LOADING:
        return not _CARRIED.match(value)
    return local in _LOADING_SEVERAL or re.match("on[a-z]", local) is not None


def _outside_of_css(text: str) -> Iterator[Outside]:
    for match in _CSS.finditer(_CSS_ESCAPE.sub(_unescaped, text)):
        words = match[0].strip()
        yield Outside(_short(words), words)


def _unescaped(escape: re.Match[str]) -> str:
    if escape[2]:
        return escape[2]
    code = int(escape[1], 16)
    return chr(code) if code < 0x110000 else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
