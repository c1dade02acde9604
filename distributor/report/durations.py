"""How long something took, as people say it."""

import datetime as dt

from distributor.i18n import _


def duration(span: dt.timedelta) -> str:
    """``3 min 20 s``: the two largest units that *span* fills, full seconds; less than one is ``0 s``."""
    words = (_("{n} d"), _("{n} h"), _("{n} min"), _("{n} s"))
    seconds = max(0, int(span.total_seconds()))
    hours, minutes = divmod(seconds // 60, 60)
    numbers = (*divmod(hours, 24), minutes, seconds % 60)
    first = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
    parts = [(words[place], numbers[place]) for place in range(first, min(first + 2, len(numbers)))]
    return " ".join(word.format(n=number) for word, number in parts if number or seconds == 0)
