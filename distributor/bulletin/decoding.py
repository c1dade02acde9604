"""Bytes → text: UTF-8 with or without BOM, UTF-16 with BOM, GB18030. What is no text is named for what it is."""

import codecs
from collections.abc import Callable

from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _

MAX_BYTES = 10_000_000
"""The largest file that is read."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# How files begin that people take for text (first bytes), and what else must be in them.
_KINDS: tuple[tuple[bytes, bytes, Callable[[], str]], ...] = (
    (b"PK\x03\x04", b"word/", lambda: _("a Word document")),
    (b"PK\x03\x04", b"xl/", lambda: _("an Excel workbook")),
    (b"PK\x03\x04", b"OFD.xml", lambda: _("an OFD document")),
    (b"PK\x03\x04", b"", lambda: _("a packed file (zip)")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"W\0o\0r\0k\0b\0o\0o\0k\0", lambda: _("an Excel workbook")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", lambda: _("a Word document")),
    (b"{\\rtf", b"", lambda: _("a Word document (RTF)")),
    (b"%PDF-", b"", lambda: _("a PDF")),
    (b"\x89PNG", b"", lambda: _("a picture")),
    (b"\xff\xd8\xff", b"", lambda: _("a picture")),
    (b"<!doctype html", b"", lambda: _("a web page")),
    (b"<html", b"", lambda: _("a web page")),
)
_TEXT_CONTROLS = "\t\n\r\v\f\x1a\x1b"


def decode(content: bytes, file: str) -> str:
    """The text of *content*.

    Raises:
        InputError: it is empty, larger than MAX_BYTES, no text, or text in no encoding that is known.
    """
    if len(content) > MAX_BYTES:
        most = MAX_BYTES // 1_000_000
        message = _("the file is larger than {most} MB; a bulletin is not").format(most=most)
        raise _error(
            file, "too-large", message, _("check that this is the bulletin's text; pictures do not go into it")
        )
    if kind := _kind(content):
        message = _("this is {kind}, not plain text").format(kind=kind)
        raise _error(file, "not-text", message, _as_text())
    text = _decoded(content, file)
    if _is_binary(text):
        raise _error(file, "not-text", _("this is a binary file, not plain text"), _as_text())
    if not text.strip("\ufeff\x1a \t\r\n\v\f\u3000\xa0"):
        raise _error(
            file, "empty-bulletin", _("the file is empty"), _("check the file's name, and save the text into it")
        )
    return text


def _as_text() -> str:
    return _("open it in the program that made it and save it as plain text (纯文本, UTF-8)")


def _kind(content: bytes) -> str | None:
    head = content[:64].lstrip().lower()
    for magic, inside, name in _KINDS:
        if head.startswith(magic.lower()) and inside in content:
            return name()
    return None


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
        if b"\0" in content and not encoding.startswith("utf-16"):
            raise _error(file, "not-text", _("this is a binary file, not plain text"), _as_text()) from None
        line = content.count(b"\n", 0, error.start) + 1
        message = _("the characters cannot be read: the text is neither whole UTF-8 nor whole GB18030")
        raise _error(
            file, "unknown-encoding", message, _("save the text again with the encoding UTF-8"), line
        ) from None


def _is_binary(text: str) -> bool:
    """NUL is in no text; a few other controls (an escape, the old end-of-file mark) are, and are dropped later."""
    if "\0" in text:
        return True
    controls = sum(text.count(chr(code)) for code in range(32) if chr(code) not in _TEXT_CONTROLS)
    return controls * 100 > len(text)


def _error(file: str, code: str, message: str, remedy: str, line: int | None = None) -> InputError:
    return InputError([Finding(Severity.ERROR, code, message, Place(file, line), remedy)])
