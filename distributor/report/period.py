"""A stretch of the calendar, by the names that people give it. Pure: today is an argument."""

import datetime as dt
import re
from dataclasses import dataclass

from distributor.errors import Finding, InputError, Severity
from distributor.i18n import _

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_NAMED = re.compile(r"(?P<which>this|last)-(?P<unit>month|quarter|year)")
_DATED = re.compile(
    r"(?P<year>[12]\d{3})(?:-?[Qq](?P<quarter>[1-4])|-(?P<month>0?[1-9]|1[0-2])(?:-(?P<day>\d{1,2}))?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Period:
    """The days from *first* to *last*, both included."""

    first: dt.date
    last: dt.date

    def bounds(self, zone: dt.tzinfo) -> tuple[dt.datetime, dt.datetime]:
        """When it begins, and when it is over, by the calendar of *zone*."""
        midnight, after = dt.time(tzinfo=zone), self.last + dt.timedelta(days=1)
        return dt.datetime.combine(self.first, midnight), dt.datetime.combine(after, midnight)

    @property
    def title(self) -> str:
        """As short as it can be said in the reader's language: ``2019``, ``2019-Q3``, ``2019-07``; else its days."""
        year, month = self.first.year, self.first.month
        if self == _months(year, 1, 12):
            return _("{year}").format(year=year)
        if month % 3 == 1 and self == _months(year, month, 3):
            return _("{year}-Q{quarter}").format(year=year, quarter=month // 3 + 1)
        if self == _months(year, month, 1):
            return _("{year}-{month:02}").format(year=year, month=month)
        if self.first == self.last:
            return _day(self.first)
        return _("{first} to {last}").format(first=_day(self.first), last=_day(self.last))


def period(text: str, today: dt.date) -> Period:
    """The period called *text*: 2019, 2019-Q3, 2019-07, 2019-07-01; two of them with .. between; last-month, this-year.

    *today* is the date that "this" and "last" count from.

    Raises:
        InputError: there is no such period, or it ends before it begins.
    """
    begin, dots, end = text.strip().partition("..")
    try:
        first = _one(begin, today)
        last = _one(end, today) if dots else first
    except ValueError:
        raise _bad(_("{text!r} is no period").format(text=text)) from None
    if last.last < first.first:
        raise _bad(_("the period {text!r} ends before it begins").format(text=text))
    return Period(first.first, last.last)


def _bad(message: str) -> InputError:
    remedy = _(
        "write a year, quarter, month or day as 2019, 2019-Q3, 2019-07 or 2019-07-01, two of them with .. between "
        "them, or this-month, last-month, this-quarter, last-quarter, this-year, last-year"
    )
    return InputError([Finding(Severity.ERROR, "bad-period", message, remedy=remedy)])


def _one(text: str, today: dt.date) -> Period:
    """Raises ValueError for what is none."""
    if named := _NAMED.fullmatch(text):
        length = _MONTHS[named["unit"]]
        begun = (today.month - 1) // length * length
        return _months(today.year, begun + 1 - (length if named["which"] == "last" else 0), length)
    dated = _DATED.fullmatch(text)
    if dated is None:
        raise ValueError(text)
    part = {name: int(number) for name, number in dated.groupdict().items() if number}
    if "day" in part:
        date = dt.date(**part)
        return Period(date, date)
    if "quarter" in part:
        return _months(part["year"], 3 * part["quarter"] - 2, 3)
    return _months(part["year"], part.get("month", 1), 1 if "month" in part else 12)


def _months(year: int, month: int, count: int) -> Period:
    """So many months from one on; months are counted on beyond a year's."""
    return Period(_first_of(year, month), _first_of(year, month + count) - dt.timedelta(days=1))


def _first_of(year: int, month: int) -> dt.date:
    more, month = divmod(month - 1, 12)
    return dt.date(year + more, month + 1, 1)


def _day(date: dt.date) -> str:
    return _("{year}-{month:02}-{day:02}").format(year=date.year, month=date.month, day=date.day)
