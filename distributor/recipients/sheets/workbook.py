"""Workbooks (.xlsx, .xlsm; ISO/IEC 29500-1, SpreadsheetML) → grids of text.

Read by expat and not by openpyxl, since a list needs what that does not tell while streaming (hidden rows, merged
cells, formulas without a stored value), and needs nothing of the themes, styles and drawings that it would stumble on.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from distributor.i18n import _
from distributor.recipients.sheets.grid import Grid, Record
from distributor.recipients.sheets.package import Package, Start, opened, parse, pieces, refused, too_large
from distributor.recipients.sheets.values import EPOCH_1904, Shared, Texts, is_date_format, is_true, unescaped
from distributor.recipients.sheets.xmlrows import Merges, Rows, vertical

MAX_STRINGS = 128 * 1024**2  # bytes; the texts are held in memory
_MOST_STRINGS = 5_000_000
_MOST_MERGES = 200_000
_MAX_SMALL_PART = 32 * 1024**2
_OTHERS = {
    "Word": re.compile(r"word/"),
    "PowerPoint": re.compile(r"ppt/"),
    "Excel (.xlsb)": re.compile(r"xl/workbook\.bin"),
    "OpenDocument": re.compile(r"content\.xml|mimetype"),
}

_Related = dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Workbook:
    """The sheets of a workbook in their order, by name."""

    visible: dict[str, Grid]
    hidden: dict[str, Grid]


def open_workbook(path: Path, file: str) -> Workbook:
    """The sheets of *path*, called *file* in messages. Their rows are read later.

    Raises:
        InputError: it is no workbook, damaged, or hostile.
    """
    with opened(path, file) as package:
        main = _main_part(package)
        related = package.related(main)
        shared = Shared(_strings(package, related), _date_styles(package, related))
        workbook = Workbook({}, {})

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag == "workbookPr" and is_true(attributes.get("date1904")):
                shared.epoch = EPOCH_1904
            elif tag == "sheet":
                kind, part = related.get(_relation(attributes), ("", ""))
                grids = workbook.hidden if attributes.get("state", "visible") != "visible" else workbook.visible
                if kind == "worksheet":
                    name = attributes["name"]
                    grids[name] = Grid(file, name, _Part(path, file, part, shared).records)

        _parse(package, main, start)
    return workbook


def _relation(attributes: dict[str, str]) -> str:
    """``r:id``, whatever the prefix."""
    return next((text for name, text in attributes.items() if name.endswith(":id")), "")


def _parse(package: Package, part: str, start: Start) -> None:
    with package.open(part, _MAX_SMALL_PART) as stream:
        parse(stream, start)


def _main_part(package: Package) -> str:
    main = next((part for kind, part in package.related("").values() if kind == "officeDocument"), "xl/workbook.xml")
    other = next((kind for kind, sign in _OTHERS.items() if any(map(sign.match, package.names))), None)
    if other is None and main in package:
        return main
    message = _("this is no Excel workbook but a file of {kind}").format(kind=other or "zip")
    remedy = _("open it in the program that made it and save it as .xlsx")
    raise refused(package.file, "not-a-workbook", message, remedy)


def _part_of(kind: str, related: _Related) -> str | None:
    return next((part for which, part in related.values() if which == kind), None)


def _strings(package: Package, related: _Related) -> list[str]:
    """The shared strings (18.4)."""
    strings: list[str] = []
    texts = Texts()

    def end(tag: str) -> None:
        texts.end(tag)
        if tag == "si":
            strings.append(unescaped(texts.take()))

    if part := _part_of("sharedStrings", related):
        with package.open(part, MAX_STRINGS) as stream:
            for _piece in pieces(stream, lambda tag, _attributes: texts.start(tag), end, texts.text):
                if len(strings) > _MOST_STRINGS:
                    raise too_large(package.file, _("there are more than {most} texts").format(most=_MOST_STRINGS))
    return strings


def _date_styles(package: Package, related: _Related) -> frozenset[int]:
    """The numbers of the cell formats (18.8.10) that show a date."""
    codes: dict[int, str] = {}
    numbers: list[int] = []
    inside = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        if tag in {"cellXfs", "cellStyleXfs", "cellStyles", "dxfs"}:
            inside = tag
        elif tag == "numFmt":
            codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
        elif tag == "xf" and inside == "cellXfs":
            numbers.append(int(attributes.get("numFmtId", 0)))

    if (part := _part_of("styles", related)) and part in package:
        _parse(package, part, start)
    return frozenset(style for style, number in enumerate(numbers) if is_date_format(number, codes.get(number, "")))


class _Part:
    """The part of a workbook that holds one sheet."""

    def __init__(self, path: Path, file: str, part: str, shared: Shared) -> None:
        self.path = path
        self.file = file
        self.part = part
        self.shared = shared

    def records(self) -> Iterator[Record]:
        """The rows that are not blank."""
        rows = Rows(self.shared, self._merges)
        with opened(self.path, self.file) as package, package.open(self.part) as stream:
            for _piece in pieces(stream, rows.start, rows.end, rows.text):
                yield from rows.done
                rows.done.clear()

    @cached_property
    def _merges(self) -> Merges:
        """They stand behind the rows, so that the sheet is gone through twice; damage comes to light the first time."""
        merges: dict[int, list[tuple[int, int]]] = {}
        count = 0

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal count
            if tag == "mergeCell" and (merge := vertical(attributes["ref"])):
                count += 1
                merges.setdefault(merge[0], []).append(merge[1:])
                if count > _MOST_MERGES:
                    raise too_large(self.file, _("there are more than {most} merged cells").format(most=_MOST_MERGES))

        with opened(self.path, self.file) as package, package.open(self.part) as stream:
            parse(stream, start)
        return merges
