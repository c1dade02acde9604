"""What stands in a cell's XML → its text, as the spreadsheet shows it or nearly so."""

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from distributor.recipients.sheets.grid import Oddity

EPOCH, EPOCH_1904 = dt.datetime(1899, 12, 30), dt.datetime(1904, 1, 1)  # noqa: DTZ001  cells know no time zone
LONGEST_TEXT = 1024**2

_BUILT_IN_DATES = frozenset([*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)])
_NOT_OF_A_DATE = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.|General', re.IGNORECASE)
_OF_A_DATE = re.compile("[ymdhs]|aaa", re.IGNORECASE)
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_MOST_DIGITS = 21


@dataclass(slots=True)
class Shared:
    """What the sheets of a workbook refer to: texts, the styles that show a date, and the day that dates count from."""

    strings: list[str]
    dates: frozenset[int]
    epoch: dt.datetime = EPOCH


def is_true(value: str | None) -> bool:
    """The truth of an attribute (xsd:boolean)."""
    return value in ("1", "true")


def is_date_format(number: int, code: str) -> bool:
    """Whether the number format *number* (ISO/IEC 29500-1, 18.8.30), or its *code* where it has one, shows a date."""
    return number in _BUILT_IN_DATES or _OF_A_DATE.search(_NOT_OF_A_DATE.sub("", code)) is not None


def value(kind: str, style: int, raw: str, shared: Shared) -> tuple[str, Oddity | None]:
    """The text of a cell of the type *kind* (18.18.11) that is not empty.

    Raises:
        ValueError, IndexError: *raw* is no value of that type.
    """
    if kind == "s":
        return shared.strings[_index(raw)], None
    if kind in {"inlineStr", "str"}:
        return unescaped(raw), None
    if kind == "b":
        return ("TRUE" if is_true(raw) else "FALSE"), None
    if kind == "n":
        return _number(raw, shared.epoch if style in shared.dates else None)
    return raw, (Oddity.DATE if kind == "d" else None)


def _index(raw: str) -> int:
    if (index := int(raw)) < 0:
        raise IndexError(raw)
    return index


def unescaped(raw: str) -> str:
    """The characters that XML cannot hold, and CR, are written by their numbers: ``_x000D_`` (22.9.2.19)."""
    if "_x" not in raw:
        return raw
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), raw)
    # Pairs of surrogates make one character, as in UTF-16; a lone one is damage.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _number(raw: str, epoch: dt.datetime | None) -> tuple[str, Oddity | None]:
    if epoch is not None:
        try:
            moment = epoch + dt.timedelta(days=round(float(raw) * 86400) / 86400)
        except OverflowError:
            return raw, None
        midnight = (moment.hour, moment.minute) == (0, 0)
        return moment.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M"), Oddity.DATE
    return plain_number(raw), None


def plain_number(raw: str) -> str:
    """A whole number by all its digits: 13800138000, not 1.3800138E10 or 13800138000.0."""
    try:
        number = Decimal(raw)
    except InvalidOperation:
        raise ValueError(raw) from None
    if number.is_finite() and number.adjusted() < _MOST_DIGITS and number == number.to_integral_value():
        return f"{number:.0f}"
    return raw


class Texts:
    """Gathers the text of an item of the shared strings, or of a cell: its runs, without phonetic guides."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._gathers = False
        self._phonetic = False

    def start(self, tag: str) -> None:
        """An element begins: only in ``t`` and ``v`` there is text."""
        self._phonetic |= tag == "rPh"
        self._gathers = tag in {"t", "v"} and not self._phonetic

    def end(self, tag: str) -> None:
        """An element ends."""
        self._gathers = False
        self._phonetic &= tag != "rPh"

    def text(self, data: str) -> None:
        """Some text. Beyond LONGEST_TEXT, a hundred times what a cell may hold, it is passed over."""
        if self._gathers and self._length < LONGEST_TEXT:
            self._parts.append(data)
            self._length += len(data)

    def take(self) -> str:
        """What was gathered since the last time."""
        text = "".join(self._parts)
        self._parts.clear()
        self._length = 0
        return text
