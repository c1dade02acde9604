"""Text files of contacts: their encoding, their lines, and the rows of CSV (RFC 4180) with their lines; streamed."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO

from distributor.i18n import _

HEAD = 64 * 1024
"""How much of a file `encoding_of` wants to see."""

_THREE_BYTES = "\u0800"  # the first character that takes so many in UTF-8; all Chinese ones do
_LONGEST_LINE = 1024 * 1024

Record = tuple[int, list[str]]
"""The line where a row begins, and its cells."""


def encoding_of(head: bytes) -> str:
    """UTF-8, or GB18030 if more lines are no UTF-8 than are surely that.

    The majority decides, so that one damaged byte in a file of UTF-8 does not make nonsense of all its names. A line is
    no sure sign if it could be either: 石山 in GB18030 are two valid characters of UTF-8, of two bytes each.
    """
    lines = head.split(b"\n")
    whole = lines if len(head) < HEAD else lines[:-1] or lines
    texts = [_as_utf8(line) for line in whole if not line.isascii()]
    sure = sum(text is not None and max(text) >= _THREE_BYTES for text in texts)
    return "utf-8" if head.startswith(codecs.BOM_UTF8) or sure >= texts.count(None) else "gb18030"


def _as_utf8(line: bytes) -> str | None:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return None


def lines_of(stream: IO[bytes], encoding: str) -> Iterator[str]:
    """Lines of text; what cannot be decoded becomes U+FFFD, which no name and no address may hold.

    *stream* is closed after the last one.
    """
    with io.TextIOWrapper(stream, encoding, errors="replace", newline="\n") as text:
        if first := text.readline(_LONGEST_LINE).removeprefix("\ufeff"):
            yield first
        yield from iter(partial(text.readline, _LONGEST_LINE), "")


def why_not_csv(error: csv.Error) -> str:
    """What is wrong with a row, in words; what is rare keeps those of the csv module."""
    words = {
        "unexpected end of data": _("a quote that was opened is not closed"),
        "expected after '\"'": _("text stands behind a closing quote"),
    }
    return next((text for sign, text in words.items() if sign in str(error)), str(error))


def records(lines: Iterator[str], bad: Callable[[int, csv.Error], None], delimiter: str = ",") -> Iterator[Record]:
    """Rows that are not blank. *bad* is told the line of a row that is no CSV; the next one is read all the same."""
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            bad(line, error)
            continue
        if cells and any(map(str.strip, cells)):
            yield line, cells
