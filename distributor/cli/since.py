"""Moments as people give them on the command line."""

import datetime as dt
import re

import click

from distributor.i18n import _

_AGO = re.compile(r"(\d{1,6})\s*(min|[mhdw])")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """``2h`` (also m, d, w) before *now*, or an ISO 8601 date or time, which is in *zone* if it names none; aware.

    Raises:
        BadParameter: it is neither.
    """
    if ago := _AGO.fullmatch(text.strip().lower()):
        try:
            return now - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        except OverflowError:
            pass
    try:
        given = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        message = _("{text} is no time: write 2h, 3d, 2026-03-05 or 2026-03-05T09:30").format(text=text)
        raise click.BadParameter(message, param_hint="--since") from None
    return given if given.tzinfo else given.replace(tzinfo=zone)
