"""Numbers and dates as bulletins print them: full-width, Chinese numerals, several kinds of zero."""

import datetime as dt
import re

# One character for one, so that what is found in the folded text stands at the same place in the printed one.
_FOLDED: dict[int, int | str] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FOLDED |= dict.fromkeys(map(ord, "\u3000\u00a0\t"), " ")
_FOLDED |= dict.fromkeys(map(ord, "〔【［"), "[") | dict.fromkeys(map(ord, "〕】］"), "]")
_FOLDED |= dict.fromkeys(map(ord, "∶﹕︰"), ":")

_ZEROS = "〇○◯零Oo"
_DIGITS = dict.fromkeys(_ZEROS, 0) | {digit: value for value, digit in enumerate("一二三四五六七八九", 1)}
_DIGITS |= {"两": 2} | {str(value): value for value in range(10)}
_UNITS = {"十": 10, "百": 100, "千": 1000}

_DIGIT = f"[0-9{_ZEROS}一二三四五六七八九]"
_SHORT = f"[0-9{_ZEROS}一二三四五六七八九十]{{1,3}}"
NUMERAL = f"[0-9{_ZEROS}一二三四五六七八九十百千两]{{1,9}}"
"""A number below 10**9 in folded text; `integer` says whether it is one."""
YEAR = f"{_DIGIT}{{4}}"
DATE = (
    rf"{YEAR}\s*年\s*{_SHORT}\s*月\s*{_SHORT}\s*[日号]"
    r"|(?<![0-9])[0-9]{4}(?:-[0-9]{1,2}-|/[0-9]{1,2}/|\.[0-9]{1,2}\.)[0-9]{1,2}(?![0-9])"
)
"""A date in folded text; `date_in` says whether a calendar has it."""
_DATE = re.compile(DATE)
_LONGEST_DATE = 40


def folded(text: str) -> str:
    """*text*, as long as before, with letters, digits, colons and blanks half-width and [ ] for 〔 〕 【 】 ［ ］."""
    return text.translate(_FOLDED)


def integer(numeral: str) -> int | None:
    """118, １１８, 二十三, 一百零五, 二〇二四 and 二0一七 as numbers; None for what is none (十十, 三百千)."""
    text = folded(numeral).strip()
    if text and all(character in _DIGITS for character in text):
        return int("".join(str(_DIGITS[character]) for character in text))
    return _composed(text)


def _composed(text: str) -> int | None:
    """The number that 十, 百 and 千 make, each smaller than the one before it."""
    total, digit, last_unit = 0, None, 10_000
    for character in text:
        if character in _UNITS:
            unit = _UNITS[character]
            if unit >= last_unit or digit == 0:
                return None
            total, digit, last_unit = total + (1 if digit is None else digit) * unit, None, unit
        elif character in _DIGITS and not digit:
            digit = _DIGITS[character]
        else:
            return None
    return total + (digit or 0) if text else None


def date_in(text: str) -> dt.date | None:
    """The date that *text* begins with: 2019年7月31日, 2024 年 1 月 31 日, 二〇二四年三月五日, 2019-07-31.

    None if there is none, or one that no calendar has (2月30日).
    """
    found = _DATE.match(folded(text[:_LONGEST_DATE]).lstrip())
    if found is None:
        return None
    year, month, day = (integer(part) or 0 for part in re.split(r"\s*[-./年月]\s*", found[0].rstrip("日号")))
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def is_date(text: str) -> bool:
    """Whether *text* is written as a date and nothing else, be it in the calendar or not."""
    return len(text) <= _LONGEST_DATE and _DATE.fullmatch(folded(text).strip()) is not None
