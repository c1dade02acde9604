"""Stretches of the calendar by the names that people give them."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from distributor.errors import InputError
from distributor.report.period import Period, period

TODAY = dt.date(2026, 3, 5)


def days(first: str, last: str) -> Period:
    return Period(dt.date.fromisoformat(first), dt.date.fromisoformat(last))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019", days("2019-01-01", "2019-12-31")),
        ("2019-Q1", days("2019-01-01", "2019-03-31")),
        ("2019-q3", days("2019-07-01", "2019-09-30")),
        ("2019Q4", days("2019-10-01", "2019-12-31")),
        ("2019-07", days("2019-07-01", "2019-07-31")),
        ("2019-7", days("2019-07-01", "2019-07-31")),
        ("2020-02", days("2020-02-01", "2020-02-29")),
        ("2019-12", days("2019-12-01", "2019-12-31")),
        ("2019-07-05", days("2019-07-05", "2019-07-05")),
        ("2019-07-01..2019-08-15", days("2019-07-01", "2019-08-15")),
        ("2019-07..2019-Q3", days("2019-07-01", "2019-09-30")),
        ("2018..last-month", days("2018-01-01", "2026-02-28")),
        (" 2019-07 ", days("2019-07-01", "2019-07-31")),
        ("this-month", days("2026-03-01", "2026-03-31")),
        ("last-month", days("2026-02-01", "2026-02-28")),
        ("this-quarter", days("2026-01-01", "2026-03-31")),
        ("last-quarter", days("2025-10-01", "2025-12-31")),
        ("this-year", days("2026-01-01", "2026-12-31")),
        ("last-year", days("2025-01-01", "2025-12-31")),
    ],
)
def test_the_days_of_a_period(text: str, expected: Period) -> None:
    assert period(text, TODAY) == expected


def test_the_month_before_january() -> None:
    assert period("last-month", dt.date(2026, 1, 31)) == days("2025-12-01", "2025-12-31")


@pytest.mark.parametrize(
    "text",
    [
        "", "..", "July", "2019-13", "2019-00", "2019-Q5", "2019-Q0", "2019-02-30", "2019-07-", "19-07", "0000", "9999",
        "2019-07..", "..2019", "2019..2020..2021", "next-month", "last-week", "２０１９", "2019-07\n2019-08", "60/2",
    ],
)  # fmt: skip
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(InputError) as caught:
        period(text, TODAY)
    (finding,) = caught.value.findings
    assert finding.code == "bad-period"
    assert repr(text) in finding.message
    assert "2019-Q3" in str(finding.remedy)


def test_a_period_that_ends_before_it_begins() -> None:
    with pytest.raises(InputError, match=r"the period '2019-08\.\.2019-07' ends before it begins"):
        period("2019-08..2019-07", TODAY)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("2019", "2019"),
        ("2019-01..2019-12", "2019"),
        ("2019-Q3", "2019-Q3"),
        ("2019-07..2019-09", "2019-Q3"),
        ("2019-08..2019-10", "2019-08-01 to 2019-10-31"),
        ("2019-7", "2019-07"),
        ("2019-07-05", "2019-07-05"),
        ("2019-07-01..2019-08-15", "2019-07-01 to 2019-08-15"),
        ("2018..2019", "2018-01-01 to 2019-12-31"),
    ],
)
def test_a_period_is_called_as_shortly_as_it_can(text: str, title: str) -> None:
    assert period(text, TODAY).title == title


def test_a_period_begins_and_ends_at_the_midnights_of_its_zone() -> None:
    begins, ends = period("2019-07", TODAY).bounds(ZoneInfo("Asia/Shanghai"))
    assert begins == dt.datetime(2019, 6, 30, 16, tzinfo=dt.UTC)
    assert ends == dt.datetime(2019, 7, 31, 16, tzinfo=dt.UTC)


def test_a_month_in_which_clocks_change_has_its_own_length() -> None:
    begins, ends = period("2019-03", TODAY).bounds(ZoneInfo("Europe/Berlin"))
    assert ends.astimezone(dt.UTC) - begins.astimezone(dt.UTC) == dt.timedelta(days=31, hours=-1)
