"""The imprint (报尾): the distribution list and what stands around it at the end of a bulletin.

Only the *trailing region* counts: from its first line on, the file holds nothing but labels, names that wrap, numbers
of copies, rules, blank lines and at most three short closing remarks that are no sentences. So a 主送 at the head of a
letter, with the letter below it, and an 抄送 inside the text are text; the same words at the end are the imprint.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from distributor.bulletin.labels import LabelKind, label_of
from distributor.bulletin.lines import Line, is_rule, section_name, tight
from distributor.bulletin.markings import is_marking
from distributor.bulletin.model import RoutingLine
from distributor.bulletin.names import SEPARATORS, names_of
from distributor.bulletin.numbers import folded
from distributor.bulletin.titles import is_item, marker_of

_PRINTED = r"\(?\s{0,4}共?\s{0,4}印(?:制|发|刷|数)?\s{0,4}:?\s{0,4}([0-9]{1,6})\s{0,4}份\s{0,4}\)?"
_COPIES = re.compile(_PRINTED)
_ISSUED = re.compile(rf".*[0-9〇○一二三四五六七八九十]\s{{0,4}}[日号]\s{{0,4}}(?:印发|编印|印制|印)(?:\s*{_PRINTED})?")
_FIELD = r"\s*:\s*(.*?)(?:\s{2}|\s[^\s:]{1,8}:|$)"
_HANDLER = re.compile(r"承\s*办(?:\s*单\s*位)?" + _FIELD)
_SIGNER = re.compile(r"签\s*发\s*人?" + _FIELD)
_LONGEST_NAME = 40
_LONGEST_FIELDS = 200
_LONGEST_COPIES = 80
_TAIL = 60
_MOST_REMARKS = 3


@dataclass(slots=True)
class Imprint:
    """What the imprint says; *start* is the position of its first line.

    *routing* has every label that may name readers, known or not; *remarks* are the lines that were left out.
    """

    start: int
    routing: list[RoutingLine] = field(default_factory=list)
    copies: int | None = None
    handler: str | None = None
    signer: str | None = None
    signer_line: Line | None = None
    remarks: list[Line] = field(default_factory=list)


class _Role(StrEnum):
    BLANK = "blank"
    LABEL = "label"
    NAMES = "names"
    COPIES = "copies"
    REMARK = "remark"


def read_imprint(lines: Sequence[Line]) -> Imprint:
    """The imprint at the end of *lines*; one that starts behind them if there is none."""
    imprint = Imprint(_start(lines))
    entries: list[list[Line]] = []
    for role, line in _roles(lines[imprint.start :]):
        if role is _Role.LABEL:
            entries.append([line])
        elif role is _Role.NAMES:
            entries[-1].append(line)
        elif role is _Role.REMARK:
            imprint.remarks.append(line)
        elif role is _Role.COPIES:
            _without_copies(imprint, line)
    for entry in entries:
        _take(imprint, entry)
    return imprint


def _take(imprint: Imprint, entry: Sequence[Line]) -> None:
    """Take in a line that begins with a label, and the lines of names below it."""
    first, *others = entry
    label = label_of(first.text)
    if label is not None and label.kind in {LabelKind.ROUTING, LabelKind.UNKNOWN}:
        names = [_without_copies(imprint, line) for line in (Line(first.number, label.text), *others)]
        imprint.routing.append(RoutingLine(label.name, names_of(names), first.number))
    else:
        _take_staff(imprint, first)


def _take_staff(imprint: Imprint, line: Line) -> None:
    """Several may share a line: 承办单位：某科    签发：某人."""
    _without_copies(imprint, line)
    text = folded(line.text[:_LONGEST_FIELDS])
    if (found := _HANDLER.search(text)) and imprint.handler is None:
        imprint.handler = line.text[found.start(1) : found.end(1)].strip() or None
    if (found := _SIGNER.search(text)) and imprint.signer is None:
        imprint.signer, imprint.signer_line = tight(line.text[found.start(1) : found.end(1)].strip()), line


def _without_copies(imprint: Imprint, line: Line) -> Line:
    """*line* without （共印5份） at its end, which is noted."""
    tail = max(0, len(line.text) - _TAIL)
    for found in _COPIES.finditer(folded(line.text[tail:])):
        if not line.text[tail + found.end() :].strip("。. "):
            imprint.copies = int(found[1]) if imprint.copies is None else imprint.copies
            return Line(line.number, line.text[: tail + found.start()].rstrip())
    return line


# Where it starts


def _start(lines: Sequence[Line]) -> int:
    """The topmost line with which an imprint may open and below which everything fits.

    Looked for from the end upwards, one stretch between two such lines after the other: each line is seen once.
    """
    start = len(lines)
    for position in range(len(lines) - 1, -1, -1):
        if _opens(lines[position].text):
            if not _fits(lines[position:start], is_last=start == len(lines)):
                break
            start = position
    while 0 < start < len(lines) and _is_unknown(lines[start - 1].text):
        start -= 1
    return start


def _opens(text: str) -> bool:
    """Whether an imprint may begin so: with readers, staff or copies. A label that is not known may only if it stands
    right above one that is."""
    label = label_of(text)
    if label is None:
        return _is_copies(text)
    return label.kind is LabelKind.STAFF or (label.kind is LabelKind.ROUTING and not _is_prose(label.text))


def _is_unknown(text: str) -> bool:
    label = label_of(text)
    return label is not None and label.kind is LabelKind.UNKNOWN and not _is_prose(label.text)


def _fits(stretch: Sequence[Line], is_last: bool) -> bool:
    remarks = [line.text for role, line in _roles(stretch) if role is _Role.REMARK]
    if not remarks:
        return True
    return is_last and len(remarks) <= _MOST_REMARKS and all(map(_is_remark, remarks))


def _roles(lines: Iterable[Line]) -> Iterator[tuple[_Role, Line]]:
    """What each line is. Names stand right below a label or other names, or behind a separator at a line's end."""
    above: Line | None = None
    for line in lines:
        role = _role(line, above)
        if role in {_Role.LABEL, _Role.NAMES}:
            above = line
        elif role is not _Role.BLANK:
            above = None
        yield role, line


def _role(line: Line, above: Line | None) -> _Role:
    if not line.text or is_rule(line.text):
        return _Role.BLANK
    if label_of(line.text) is not None:
        return _Role.LABEL
    if _is_copies(line.text):
        return _Role.COPIES
    return _Role.NAMES if above is not None and _continues(line, above) else _Role.REMARK


def _continues(line: Line, above: Line) -> bool:
    is_open = above.text[-1] in SEPARATORS + ":：∶"
    is_below = line.number - above.number <= 1 and not above.text.endswith(("。", "份）", "份)"))
    return (is_open or is_below) and _are_names(line.text)


def _are_names(text: str) -> bool:
    """Whether *text* may be names that wrap: none too long, no sentence, no colon, no title."""
    if _is_prose(text) or ":" in folded(text) or _is_heading(text):
        return False
    return all(len(name) <= _LONGEST_NAME for name in re.split("[、，,；;]", text))


def _is_prose(text: str) -> bool:
    """Whether a sentence ends in *text* before its end."""
    bare = _COPIES.sub("", folded(text)).rstrip("。. ")
    return any(character in "。!?" for character in bare)


def _is_remark(text: str) -> bool:
    return is_marking(text) or (len(text) <= _LONGEST_NAME and "。" not in text and not _is_heading(text))


def _is_heading(text: str) -> bool:
    return section_name(text) is not None or is_item(text) or marker_of(text) is not None


def _is_copies(text: str) -> bool:
    """（共印16份）, or who printed it and when: 某某办公室 2019年8月1日印发."""
    plain = folded(text[: _LONGEST_COPIES + 1])
    return len(plain) <= _LONGEST_COPIES and any(form.fullmatch(plain) for form in (_COPIES, _ISSUED))
