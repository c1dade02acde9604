"""Text files of recipients: CSV with a header row, and lists with a contact in each line."""

import codecs
import csv
import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from distributor.i18n import _
from distributor.recipients.delimited import HEAD, encoding_of, lines_of, records, why_not_csv
from distributor.recipients.sheets.addressing import ADDRESS, LABEL, narrow
from distributor.recipients.sheets.cells import trimmed
from distributor.recipients.sheets.grid import Grid, Record
from distributor.recipients.sheets.header import SEARCHED, Header, find, titles_in
from distributor.recipients.sheets.package import explained, refused

LIST = Header(0, {"unit": (0,), "name": (), "email": (1,), "phone": (2,)})
"""What stands in a line of a list, as if it were a row; names stand beside the addresses."""

_DELIMITERS = ",;\t"
_MARKUP = re.compile(rb"\s*(<|%PDF|\{\\rtf)", re.IGNORECASE)
_PHONE = re.compile(r"(?<!\S)(?:电话|手机|tel)?[:：]?\s*(\+?[0-9][0-9-]{6,})(?!\S)", re.IGNORECASE)
_UNIT = re.compile(r"([^\s,:，：<（(]+)([\s,:，：]+)")


def open_text(path: Path, file: str) -> tuple[Grid, Header | None]:
    """The text file *path*, called *file* in messages; with a header if it is a list that needs none.

    Raises:
        InputError: it is no text, empty, or cannot be opened.
    """
    with explained(file), path.open("rb") as stream:
        head = stream.read(HEAD)
    _insist_on_text(head, file)
    encoding = encoding_of(head)
    grid = max((_csv(path, file, encoding, delimiter) for delimiter in _DELIMITERS), key=_resemblance)
    if path.suffix.lower() in {".csv", ".tsv"} or _resemblance(grid)[0]:
        return grid, None
    return Grid(file, None, partial(_contacts, path, file, encoding)), LIST


def _insist_on_text(head: bytes, file: str) -> None:
    utf8 = _("save it with the encoding UTF-8")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refused(file, "not-utf-8", _("the file is not UTF-8 text but UTF-16"), utf8)
    if (b"\0" in head and not head.startswith(codecs.BOM_UTF8)) or _MARKUP.match(head):
        remedy = _("open it in the program that made it and save it as .xlsx, or as CSV (UTF-8)")
        raise refused(file, "not-a-list", _("this is neither a workbook nor a text file"), remedy)
    if not trimmed(head.decode("utf-8", "replace")):
        raise refused(file, "empty-file", _("the file is empty"), _("check the file's name, and save the list into it"))


def _resemblance(grid: Grid) -> tuple[int, int]:
    """How many columns the header names if there is one, then how many cells there are: of delimiters the best wins."""
    sample = list(islice(grid.records(), SEARCHED))
    header = find(sample)
    return (titles_in(header) if header else 0), sum(len(record.cells) for record in sample)


def _csv(path: Path, file: str, encoding: str, delimiter: str) -> Grid:
    return Grid(file, None, partial(_rows, path, file, encoding, delimiter), loses_merges=True)


def _rows(path: Path, file: str, encoding: str, delimiter: str) -> Iterator[Record]:
    broken: list[Record] = []

    def bad(line: int, error: csv.Error) -> None:
        message = _("this row is not CSV: {problem}").format(problem=why_not_csv(error))
        broken.append(Record(line, {}, broken=message))

    with explained(file), path.open("rb") as stream:
        for line, cells in records(lines_of(stream, encoding), bad, delimiter):
            yield from broken
            broken.clear()
            yield Record(line, {column: text for column, text in enumerate(cells) if text})
        yield from broken


def _contacts(path: Path, file: str, encoding: str) -> Iterator[Record]:
    with explained(file), path.open("rb") as stream:
        for number, line in enumerate(lines_of(stream, encoding), 1):
            if (text := trimmed(line)) and not text.startswith("#"):
                yield Record(number, dict(enumerate(_contact(text))))


def _contact(line: str) -> tuple[str, str, str]:
    """Unit, addresses with their names, and phone of a line ``单位 联系人 地址``.

    Of words before the address the first is the unit if there is another one or a colon; a single one is a name, as
    are words that are all ASCII unless a comma or tab parts them: Zhang San <office@example.org>.
    """
    phone = _PHONE.search(line)
    text = trimmed(_PHONE.sub(" ", line).replace("\t", "，"))
    address = ADDRESS.search(narrow(text))
    if address is None:
        words = text.split(maxsplit=1)
        return (words[0] if words[1:] else "", words[-1], "") if re.search("[A-Za-z]", text) else (text, "", "")
    before = text[: address.start()]
    unit = _UNIT.match(before)
    if unit is None or LABEL.match(unit[1]) or not _is_unit(before, unit[2], before[unit.end() :]):
        return "", text, phone[1] if phone else ""
    return unit[1], text[unit.end() :], phone[1] if phone else ""


def _is_unit(before: str, separator: str, others: str) -> bool:
    if ":" in separator or "：" in separator:
        return True
    is_latin_name = before.isascii() and ("," not in before or "<" in before)
    return bool(re.search(r"\w", others)) and not is_latin_name
