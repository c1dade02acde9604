"""The head of a bulletin (报头): name, number, running total, publisher, date, signer; and where the head ends.

The head is read line by line until something does not fit: a section, a sentence, a rule below the number, a title.
Nothing that stands lower is looked at, so a date or number of the text is never taken for the bulletin's.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from distributor.bulletin.labels import LabelKind, label_of
from distributor.bulletin.lines import Line, is_rule, section_name, tight
from distributor.bulletin.markings import is_marking
from distributor.bulletin.numbers import NUMERAL, YEAR, date_in, integer
from distributor.bulletin.pieces import Piece, fit_head, is_office, is_periodical, is_tailed, pieces_of
from distributor.bulletin.titles import is_like_title, marker_of

_IMPRESSUM = re.compile(r"\s*(?:主办|编印|编发|编制|印发|编)$")
_ONCE = ("number", "total", "date", "signer")
_MOST_WORDS = 4
_DATE_WITHIN = 3


@dataclass(slots=True)
class Head:
    """What the head says. The body begins at position *end*; *rest* is what of that line belongs to it.

    *signer_line* is where 签发人 is printed, *bad_date* a line whose date no calendar has; *unread* are words of which
    nobody knows what they are.
    """

    masthead: str | None = None
    number: int | None = None
    total_number: int | None = None
    year: int | None = None
    publisher: str | None = None
    date: dt.date | None = None
    signer: str | None = None
    supplement: bool = False
    end: int = 0
    rest: Line | None = None
    signer_line: Line | None = None
    bad_date: Line | None = None
    unread: list[Line] = field(default_factory=list)


def read_head(lines: Sequence[Line]) -> Head:
    """The head at the top of *lines*; an empty one that ends at 0 if they begin with the body."""
    return _HeadReader(lines).read()


class _HeadReader:
    """Takes in one line after the other.

    *loose* are the words above the first number or date, with their positions: once there is one, the bulletin's name
    is among them, and perhaps an *office*, which is the publisher if none is printed below. *seen*: the forms so far.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.head = Head(end=len(lines))
        self.loose: list[tuple[int, Line]] = []
        self.office: Line | None = None
        self.seen: set[str] = set()

    def read(self) -> Head:
        for position, line in enumerate(self.lines):
            rest = self._take(position, line) if line.text else None
            if rest is not None:
                self.head.end, self.head.rest = position, Line(line.number, rest)
                break
        if not self.seen:
            self._give_back()
        elif self.office is not None and self.head.publisher is None:
            self._publish(self.office.text)
        elif self.office is not None:
            self.head.unread.append(self.office)
        return self.head

    def _take(self, position: int, line: Line) -> str | None:
        """What of the line belongs to the body ("": it is a rule that ends the head); None if the head goes on."""
        if is_rule(line.text):
            return "" if self.seen else None
        if is_marking(line.text):
            return None
        pieces = pieces_of(line.text)
        kinds = [piece.kind for piece in pieces]
        if section_name(line.text) and "word" in kinds:
            return line.text
        if _is_editorial(line) or (kinds == ["word"] and fit_head(pieces)):
            return self._take_words(position, line)
        if not fit_head(pieces) or any(kind in self.seen for kind in kinds if kind in _ONCE):
            return line.text
        return self._take_pieces(position, line, pieces)

    # Words

    def _take_words(self, position: int, line: Line) -> str | None:
        if not self.seen and len(self.loose) < _MOST_WORDS:
            self.loose.append((position, line))
        elif not self.seen:
            return line.text
        elif _is_editorial(line):
            self.head.unread.append(line)
        elif (distance := self._lines_to_date(position)) is not None:
            self._publish_or_pass(line, is_certain=distance == 1 or is_office(tight(line.text)))
        elif self.head.publisher is None and is_office(tight(line.text)) and not self._is_title(position):
            self._publish(line.text)
        else:
            return line.text
        return None

    def _lines_to_date(self, position: int) -> int | None:
        """How many lines below the first date or signer stands, if only words stand between and no date above."""
        if self.head.date is not None:
            return None
        below = islice((line.text for line in self.lines[position + 1 : position + 30] if line.text), _DATE_WITHIN)
        for distance, text in enumerate(below, 1):
            pieces = pieces_of(text)
            if section_name(text) or not fit_head(pieces):
                return None
            if any(piece.kind in {"date", "signer"} for piece in pieces):
                return distance
        return None

    def _is_title(self, position: int) -> bool:
        """Whether this line may be the title of what stands below, and no publisher.

        It is not if a section or nothing stands there, nor if it belongs to the lines above, a title being below it.
        """
        lines = self.lines
        below = next((line.text for line in lines[position + 1 : position + 30] if line.text), "")
        if below == "" or section_name(below) or is_rule(below):
            return False
        belongs = lines[position - 1].text != "" and lines[position + 1].text == ""
        return not (belongs and is_like_title(below) and marker_of(below) is None)

    def _publish(self, text: str) -> None:
        self.head.publisher = _IMPRESSUM.sub("", tight(text)) or None

    def _publish_or_pass(self, line: Line, is_certain: bool) -> None:
        if is_certain and self.head.publisher is None:
            self._publish(line.text)
        else:
            self.head.unread.append(line)

    def _settle(self) -> None:
        """Find the masthead, and perhaps an office, among the words above the first number or date."""
        words = [line for _position, line in self.loose if not _is_editorial(line)]
        named = next((line for line in words if is_periodical(tight(line.text))), words[0] if words else None)
        for _position, line in self.loose:
            if line is named:
                self.head.masthead = _name(line.text)
            elif self.office is None and line in words and is_office(tight(line.text)):
                self.office = line
            else:
                self.head.unread.append(line)

    def _give_back(self) -> None:
        """Without number and date only a periodical's name, or words right above a section, are a head."""
        by_section = self.head.rest is not None and section_name(self.head.rest.text) is not None
        for count, (position, line) in enumerate(self.loose):
            is_last = count == len(self.loose) - 1
            if count == 0 and (is_periodical(tight(line.text)) or by_section):
                self.head.masthead = _name(line.text)
            elif count == 1 and is_office(tight(line.text)) and (by_section or not is_last):
                self._publish(line.text)
            else:
                self.head.end, self.head.rest = position, line
                return

    # Pieces

    def _take_pieces(self, position: int, line: Line, pieces: Sequence[Piece]) -> str | None:
        tailed = is_tailed(pieces)
        for place, piece in enumerate(pieces):
            before = pieces[place - 1].kind if place else ""
            after = pieces[place + 1].kind if place + 1 < len(pieces) else ""
            if piece.kind != "word":
                self._take_form(line, piece)
            elif tailed and not (is_office(piece.text) and piece.apart) and piece.text[0] not in "·•・":
                return line.text[piece.start :]
            else:
                self._take_part(position, Line(line.number, piece.text), before, after)
        return None

    def _take_part(self, position: int, words: Line, before: str, after: str) -> None:
        """Words that share their line with a form: a signer's or publisher's name, or the masthead."""
        dated = {before, after} & {"date", "signer"}
        if before == "signer":
            self.head.signer = tight(re.split(r"\s{2,}", words.text)[0])
        elif before == "by":
            office = Line(words.number, re.split(r"\s{2,}", words.text)[0])
            self._publish_or_pass(office, is_certain=True)
        elif not self.seen and not (dated and (self.loose or is_office(words.text))):
            self.loose.append((position, words))
        else:
            self._publish_or_pass(words, is_certain=bool(dated) or is_office(words.text))

    def _take_form(self, line: Line, piece: Piece) -> None:
        head = self.head
        if not self.seen and piece.kind != "other":
            self._settle()
        if piece.kind == "number":
            head.number = _numeral(piece.text)
        elif piece.kind == "total":
            head.total_number = _numeral(piece.text)
        elif piece.kind == "year":
            head.year = integer(re.findall(YEAR, piece.text)[0])
        elif piece.kind == "date":
            head.date = date_in(piece.text)
            head.bad_date = None if head.date else line
        elif piece.kind == "signer":
            head.signer, head.signer_line = "", line
        elif piece.kind == "period":
            head.unread.append(line)
        head.supplement = head.supplement or "增刊" in "".join(piece.text.split())
        if piece.kind != "other":
            self.seen.add(piece.kind)


def _is_editorial(line: Line) -> bool:
    """Whether the line names somebody who made the bulletin, but neither signed nor published it: 责任编辑：张三."""
    label = label_of(line.text)
    return label is not None and label.kind is LabelKind.STAFF and pieces_of(line.text)[0].kind == "word"


def _numeral(text: str) -> int | None:
    found = re.search(rf"第?\s*({NUMERAL})\s*期", text)
    return integer(found[1]) if found else None


def _name(text: str) -> str:
    """The bulletin's name without 《》 around it, and not spaced out."""
    name = tight(text)
    return name[1:-1].strip() if name.startswith("《") and name.endswith("》") and name.count("《") == 1 else name
