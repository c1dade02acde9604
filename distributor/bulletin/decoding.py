"""Bytes → text: UTF-8 with or without BOM, UTF-16 with BOM, GB18030. What is no text is named for what it is."""

import codecs
from collections.abc import Callable

from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _

MAX_BYTES = 10_000_000
"""The largest file that is read."""
MAX_BREAKS = 300_000
"""The most line and page ends that are read; CRLF counts as two."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ZIP, _OLE = b"pk\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Files that people take for text: how they begin (in lower case), and what else must be in them.
_KINDS: tuple[tuple[bytes, bytes, Callable[[], str]], ...] = (
    (_ZIP, b"word/", lambda: _("a Word document")),
    (_ZIP, b"xl/", lambda: _("an Excel workbook")),
    (_ZIP, b"OFD.xml", lambda: _("an OFD document")),
    (_ZIP, b"", lambda: _("a packed file (zip)")),
    (_OLE, "WordDocument".encode("utf-16-le"), lambda: _("a Word document")),
    (_OLE, "Workbook".encode("utf-16-le"), lambda: _("an Excel workbook")),
    (_OLE, b"", lambda: _("an Office document")),
    (b"{\\rtf", b"", lambda: _("a Word document (RTF)")),
    (b"%pdf-", b"", lambda: _("a PDF")),
    (b"\x89png", b"", lambda: _("a picture")),
    (b"\xff\xd8\xff", b"", lambda: _("a picture")),
    (b"<!doctype html", b"", lambda: _("a web page")),
    (b"<html", b"", lambda: _("a web page")),
)
_BREAKS = "\n\r\v\f\x85\u2028\u2029"
# Controls that text may hold: an escape, the end-of-file mark of DOS. They are dropped later, as others are.
_HARMLESS = f"\t{_BREAKS}\x1a\x1b"
_BLANKS = f"\ufeff\x1a \u3000\xa0\t{_BREAKS}"


def decode(content: bytes, file: str) -> str:
    """The text of *content*.

    Raises:
        InputError: it is empty, too large, no text, or text in no encoding that is known.
    """
    if len(content) > MAX_BYTES:
        message = _("the file is larger than {most} MB; a bulletin is not")
        raise _too_large(file, message.format(most=MAX_BYTES // 1_000_000))
    if kind := _kind(content):
        raise _no_text(file, kind)
    text = _decoded(content, file)
    if _is_binary(text):
        raise _no_text(file, _("a binary file"))
    if not text.strip(_BLANKS):
        message, remedy = _("the file is empty"), _("check the file's name, and save the text into it")
        raise _fault(file, "empty-bulletin", message, remedy)
    if sum(map(text.count, _BREAKS)) > MAX_BREAKS:
        raise _too_large(file, _("the file has more lines than a bulletin can have"))
    return text


def _fault(file: str, code: str, message: str, remedy: str, line: int | None = None) -> InputError:
    return InputError([Finding(Severity.ERROR, code, message, Place(file, line), remedy)])


def _too_large(file: str, message: str) -> InputError:
    remedy = _("check that this is the bulletin's text; pictures do not go into it")
    return _fault(file, "too-large", message, remedy)


def _no_text(file: str, kind: str) -> InputError:
    remedy = _("open it in the program that made it and save it as plain text (纯文本, UTF-8)")
    return _fault(file, "not-text", _("this is {kind}, not plain text").format(kind=kind), remedy)


def _kind(content: bytes) -> str | None:
    """What the file is by its first bytes; None if it may be text."""
    head = content[:64].lstrip().lower()
    return next((name() for start, inside, name in _KINDS if head.startswith(start) and inside in content), None)


def _decoded(content: bytes, file: str) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strictly(content[len(mark) :], encoding, file)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _strictly(content, "utf-8" if _is_damaged_utf8(content) else "gb18030", file)


def _is_damaged_utf8(content: bytes) -> bool:
    """Whether nearly all of it is UTF-8: read as GB18030 it might pass, as other characters than were written."""
    text = content.decode("utf-8", errors="replace")
    beyond_ascii = len(text) - len(text.encode("ascii", errors="ignore"))
    return beyond_ascii > 10 * text.count("\ufffd")


def _strictly(content: bytes, encoding: str, file: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, errors="replace")
    if _is_binary(before) or (b"\0" in content and not encoding.startswith("utf-16")):
        raise _no_text(file, _("a binary file"))
    message = _("there are characters here that are neither UTF-8 nor GB18030")
    remedy = _("save the text again with the encoding UTF-8, and look at this line")
    raise _fault(file, "unknown-encoding", message, remedy, before.count("\n") + 1)


def _is_binary(text: str) -> bool:
    """Whether *text* has a NUL, as no text has, or more than one other control in a hundred characters."""
    controls = sum(text.count(chr(code)) for code in range(32) if chr(code) not in _HARMLESS)
    return "\0" in text or controls * 100 > len(text)
