"""The account of a period as data: parts of the JSON document, and tables for people and for spreadsheets."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.i18n import _
from distributor.report.across import Failing, IssueTally, PeriodAccount, Tally, UnitTally, total, trend
from distributor.report.across_words import headings, last_answer, why_failing
from distributor.report.durations import duration
from distributor.report.reasons import explain_state

# JSON


def tally_json(tally: Tally) -> dict[str, int]:
    """The numbers by name."""
    return tally._asdict() | {"missed": tally.missed}


def issue_json(each: IssueTally) -> dict[str, Any]:
    """An issue's numbers."""
    return tally_json(each.tally) | {"left_out": each.left_out, "seconds_to_most": _seconds(each.most)}


def unit_json(unit: UnitTally) -> dict[str, Any]:
    """A unit's numbers."""
    return {
        "unit": unit.unit,
        "issues": unit.issues,
        "issues_sent": unit.issues_sent,
        "last": unit.last,
        **tally_json(unit.tally),
        "seconds_to_half": _seconds(unit.half),
        "seconds_to_most": _seconds(unit.most),
    }


def failing_json(failing: Failing) -> dict[str, Any]:
    """An address that fails again and again."""
    return {
        "address": failing.address,
        "units": list(failing.units),
        "issues": failing.issues,
        "failed": failing.failed,
        "reasons": [
            {"state": state.value, "reason": reason, "issues": issues, "why": explain_state(state, reason).sentence}
            for (state, reason), issues in failing.reasons.items()
        ],
        "last": failing.last,
        "at": failing.at.isoformat() if failing.at else None,
        "code": failing.code,
        "enhanced": failing.enhanced,
        "reply": failing.reply,
    }


def trend_json(account: PeriodAccount, zone: dt.tzinfo) -> list[dict[str, Any]]:
    """The points of the trend."""
    return [
        {"name": each.name, "letters": each.letters, "missed": each.missed, "seconds_to_most": _seconds(each.most)}
        for each in trend(account.issues, zone)
    ]


def _seconds(span: dt.timedelta | None) -> float | None:
    return span.total_seconds() if span is not None else None


# Tables


Row = list[str]


class Sheet(NamedTuple):
    """A table; its first *texts* columns are words, the others numbers."""

    heading: Row
    rows: Iterable[Row]
    texts: int


@dataclass(frozen=True, slots=True)
class Sheets:
    """The tables of *account*, times in *zone*.

    *whole*: every column there is, and durations in seconds, for spreadsheets; else what there is something to say of.
    """

    account: PeriodAccount
    zone: dt.tzinfo
    whole: bool = False

    def issues(self) -> Sheet:
        """A row an issue, and one of their sums. A whole table has the cancelled ones in their places, and no sums."""
        told, totals = self.account.issues, self.account.totals
        if self.whole:
            return self._of_issues(sorted([*told, *self.account.cancelled], key=lambda each: each.issue.id), totals)
        sheet = self._of_issues(told, totals)
        sums = [_("all"), *[""] * (sheet.texts - 1), *_cells(totals, self._shown(totals)), ""]
        return sheet._replace(rows=[*sheet.rows, sums]) if len(told) > 1 else sheet

    def cancelled(self) -> Sheet:
        """A row a cancelled issue."""
        told = self.account.cancelled
        return self._of_issues(told, total(each.tally for each in told))

    def _of_issues(self, issues: Sequence[IssueTally], totals: Tally) -> Sheet:
        shown, words = self._shown(totals), headings()
        texts = {"ref": _("issue"), "masthead": _("bulletin"), "opened": _("opened"), "state": _("state")}
        if not self.whole:
            del texts["state"]
            if len(self.account.mastheads) == 1:
                del texts["masthead"]
        rows = [[*self._texts(each.issue, texts), *_cells(each.tally, shown), self._took(each.most)] for each in issues]
        return Sheet([*texts.values(), *(words[name] for name in shown), self._most], rows, len(texts))

    def _texts(self, issue: IssueRecord, names: Iterable[str]) -> Iterator[str]:
        opened = issue.opened_at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")
        states = {IssueState.OPEN: _("open"), IssueState.PAUSED: _("paused"), IssueState.CANCELLED: _("cancelled")}
        texts = {"ref": issue.ref, "masthead": issue.masthead, "opened": opened, "state": states[issue.state]}
        return map(texts.__getitem__, names)

    def units(self, units: Iterable[UnitTally]) -> Sheet:
        """A row for each of *units*. What no issue has no unit has either."""
        shown, words = self._shown(self.account.totals), headings()
        issues = [_("issues"), _("issues sent")] if self.whole else [_("issues")]
        numbers = [*issues, *(words[name] for name in shown), self._time(_("half after")), self._most]
        return Sheet([_("unit"), *numbers, _("last issue")], (self._unit(each, shown) for each in units), 1)

    def _unit(self, each: UnitTally, shown: Sequence[str]) -> Row:
        meant, sent = str(each.issues), str(each.issues_sent)
        issues = [meant, sent] if self.whole else [f"{sent}/{meant}"]
        times = (self._took(each.half), self._took(each.most))
        return [each.unit, *issues, *_cells(each.tally, shown), *times, each.last or ""]

    def failing(self) -> Sheet:
        """A row for each address that fails again and again."""
        heading = [_("address"), _("unit"), _("why"), _("answer"), _("last issue"), _("failed")]
        rows = (
            [
                each.address, _(", ").join(each.units), why_failing(each), last_answer(each), each.last,
                f"{each.failed}/{each.issues}",
            ]
            for each in self.account.failing
        )  # fmt: skip
        return Sheet(heading, rows, 5)

    def trend(self) -> Sheet:
        """A row for each point of the trend."""
        heading = [_("month or issue"), _("letters"), _("not sent"), self._most]
        points = trend(self.account.issues, self.zone)
        rows = [[each.name, str(each.letters), str(each.missed), self._took(each.most)] for each in points]
        return Sheet(heading, rows, 1)

    def _shown(self, totals: Tally) -> list[str]:
        """The names of the numbers that have a column where they add up to *totals*."""
        present = {"letters", "sent", "failed", "uncertain"}.union(
            n for n, number in totals._asdict().items() if number
        )
        present -= {"contacts_sent", *(["contacts"] if totals.contacts == totals.letters else [])}
        return [name for name in headings() if self.whole or name in present]

    @property
    def _most(self) -> str:
        return self._time(_("95 % after"))

    def _time(self, heading: str) -> str:
        return _("{heading} (s)").format(heading=heading) if self.whole else heading

    def _took(self, span: dt.timedelta | None) -> str:
        if span is None:
            return ""
        return f"{span.total_seconds():.1f}" if self.whole else duration(span)


def _cells(tally: Tally, shown: Sequence[str]) -> Iterator[str]:
    return (str(getattr(tally, name)) for name in shown)
