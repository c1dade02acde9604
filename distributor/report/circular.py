"""The account of a period as Markdown, to be put into a circular (通报)."""

import datetime as dt
from collections.abc import Iterator, Sequence

from distributor.i18n import _, sentences
from distributor.report.across import PeriodAccount, UnitTally, is_by_month
from distributor.report.across_tables import Row, Sheet, Sheets
from distributor.report.across_words import summary, why_nothing
from distributor.report.markdown import escaped


def markdown(account: PeriodAccount, units: Sequence[UnitTally], zone: dt.tzinfo) -> Iterator[str]:
    """The page in pieces: what there is to say of the issues, of *units* in their order, and of failing addresses."""
    sheets = Sheets(account, zone)
    title = _("Distribution of bulletins, {period}").format(period=account.period.title)
    yield f"# {title}\n\n{escaped(sentences(*summary(account)))}\n"
    if account.issues:
        yield from _section(_("Issues"), sheets.issues())
    if account.cancelled:
        yield from _section(_("Cancelled issues"), sheets.cancelled())
    if is_by_month(account.issues):
        yield from _section(_("By month"), sheets.trend())
    if units:
        yield from _section(_("Units"), sheets.units(units))
    if account.nothing:
        yield _heading(_("Units that got nothing"))
        name_and_why = _("{name}: {text}")
        for each in account.nothing:
            yield f"- {escaped(name_and_why.format(name=each.unit, text=why_nothing(each)))}\n"
    if account.failing:
        yield from _section(_("Addresses that failed repeatedly"), sheets.failing())


def _section(title: str, sheet: Sheet) -> Iterator[str]:
    numbers = len(sheet.heading) - sheet.texts
    yield _heading(title)
    yield _line(sheet.heading)
    yield f"| {' | '.join(['---'] * sheet.texts + ['--:'] * numbers)} |\n"
    yield from map(_line, sheet.rows)


def _heading(title: str) -> str:
    return f"\n## {title}\n\n"


def _line(cells: Row) -> str:
    return f"| {' | '.join(map(escaped, cells))} |\n"
