"""Limits as people say them."""

from distributor.delivery.model.flow import Limits
from distributor.i18n import _, ngettext


def in_words(limits: Limits) -> str:
    """``at most 20 a minute, 2 connections``; "" without limits."""
    words = [_rate(limits.per_minute)] if limits.per_minute is not None else []
    if (most := limits.connections) is not None:
        words.append(ngettext("{n} connection", "{n} connections", most).format(n=most))
    if (most := limits.per_connection) is not None:
        words.append(_("{n} a connection").format(n=most))
    if (most := limits.per_day) is not None:
        words.append(_("{n} a day").format(n=most))
    return _("at most {limits}").format(limits=", ".join(words)) if words else ""


def _rate(per_minute: float) -> str:
    """In the unit in which it is a whole number."""
    if per_minute < 1 or not float(per_minute).is_integer():
        return _("{n} an hour").format(n=round(per_minute * 60))
    if per_minute >= 60 and per_minute % 60 == 0:
        return _("{n} a second").format(n=round(per_minute / 60))
    return _("{n} a minute").format(n=round(per_minute))
