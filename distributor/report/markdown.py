"""An account in GitHub-flavoured Markdown (github.github.com/gfm), to be pasted into minutes."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from distributor.i18n import _
from distributor.report import summary
from distributor.report.account import Account
from distributor.report.summary import Manner
from distributor.report.tables import Row, heading, text_of

# What starts or ends anything in a line (GFM 6; | parts cells, & begins an entity); any punctuation may be escaped.
_SIGNS = re.compile(r"[\\`*_\[\]<>|~&!#]")


def markdown(account: Account, contacts: Iterable[Row], manner: Manner, *, lacking: bool) -> Iterator[str]:
    """Numbers, reasons, *contacts* (rows for spreadsheets) and facts of *account*; *lacking*: who do not have it."""
    word, zone = manner.word, manner.zone
    yield f"# {escaped(summary.title(account.issue))}\n"
    yield from _section(_("Numbers"), summary.letters(account, word), zone)
    if account.shared_total:
        yield from _section(_("By contact served"), summary.contacts(account, word), zone)
    yield from _section(_("Why, and what to do"), summary.reasons(account, word), zone)
    columns = heading()
    listed = map(_narrow, chain([[*columns[:10], None, None, *columns[12:]]], contacts))
    yield from _section(_("Who does not have it") if lacking else _("Contacts"), listed, zone)
    yield f"\n## {escaped(_('The issue'))}\n\n"
    for label, value in summary.facts(account, manner):
        yield "- " + _("{name}: {text}").format(name=escaped(label), text=escaped(value)) + "\n"


def _narrow(row: Row) -> Row:
    """*row* as minutes have room for it; a name of the imprint that reached nobody stands in place of a unit."""
    group, audience, unit, contact, _role, address, *tried, code, enhanced, answer, why, _step = row
    said = " ".join(str(cell) for cell in (code, enhanced, answer) if cell)
    return [group, unit or audience, contact, address, *tried, said, why]


def _section(title: str, rows: Iterable[Row], zone: dt.tzinfo) -> Iterator[str]:
    """A table under its title, numbers at the right; without rows under its heading, nothing."""
    found = iter(rows)
    columns, first = next(found), next(found, None)
    if first is None:
        return
    yield f"\n## {escaped(title)}\n\n{_line(columns, zone)}"
    yield "|" + "|".join(" --: " if isinstance(cell, int) else " :-- " for cell in first) + "|\n"
    for row in chain([first], found):
        yield _line(row, zone)


def _line(row: Row, zone: dt.tzinfo) -> str:
    return "| " + " | ".join(escaped(text_of(cell, zone)) for cell in row) + " |\n"


def escaped(text: str) -> str:
    """*text* on one line, every sign of it as it is."""
    return _SIGNS.sub(r"\\\g<0>", " ".join(text.split()))
