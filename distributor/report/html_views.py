"""What the sections of the HTML report show: an account's numbers, put beside their words and shapes."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import State
from distributor.i18n import _
from distributor.report import html_figures as figures
from distributor.report.account import Account, Numbers
from distributor.report.html_facts import Charts, Point
from distributor.report.html_figures import Part
from distributor.report.html_summary import STATES, breakdown, clock, duration, figure
from distributor.report.reasons import explain_state
from distributor.report.states import state_word
from distributor.report.tables import one_line

_SHORT = 12  # characters of a hash


class Fact(NamedTuple):
    """One thing about the issue; *whole* is the text in full, where *text* is short for it."""

    label: str
    text: str
    whole: str | None = None


class Step(NamedTuple):
    """Of how many *letters* one reason keeps from being sent, why, and what next; *width* is that of their bar."""

    state: State
    word: str
    letters: int
    sentence: str
    next_step: str
    width: int


class StateRow(NamedTuple):
    """How many are in a state: one count for each column."""

    state: State
    word: str
    counts: list[int]


class Table(NamedTuple):
    """The numbers, one column for each of *groups*: *letters* add up to a column's letters, *contacts* to its contacts.

    No *contacts*: they are as many as the letters. No *disabled*: nobody was.
    """

    groups: list[str]
    columns: list[Numbers]
    letters: list[StateRow]
    contacts: list[StateRow]
    disabled: list[int]


class Share(NamedTuple):
    """A group's letters as a bar."""

    group: str
    sent: int
    total: int
    told: str
    parts: list[Part]


class Moment(NamedTuple):
    """A time that matters, and how long after the opening it was."""

    label: str
    time: str
    after: str


class Curve(NamedTuple):
    """What was sent until when: the paths, three times along the axis, the points at which it rises, all in words."""

    line: str
    area: str
    across: list[str]
    rises: list[Point]
    told: str


def about(issue: IssueRecord, zone: dt.tzinfo) -> list[Fact]:
    """When it was opened, by whom, from what."""
    who = _("{who} on {host}").format(who=one_line(issue.opened_by), host=one_line(issue.host))
    told = [
        Fact(_("Opened"), clock(issue.opened_at, zone)),
        Fact(_("By"), who),
        Fact(_("Sender"), one_line(issue.sender)),
        Fact(_("Bulletin"), one_line(issue.file), issue.content_sha256),
        Fact(_("List"), issue.roster_sha256[:_SHORT], issue.roster_sha256),
        Fact(_("Templates"), issue.templates_sha256[:_SHORT], issue.templates_sha256),
    ]
    return [*told, Fact(_("Sent again"), one_line(issue.again_reason))] if issue.again_reason else told


def steps(account: Account) -> list[Step]:
    """Every state and reason of those not sent, the worst first."""
    most = max(account.reasons.values(), default=0)
    told = []
    for (state, reason), letters in account.reasons.items():
        why = explain_state(state, reason, account.issue.ref)
        width = figures.length(letters, most)
        told.append(Step(state, state_word(state), letters, why.sentence, why.next_step, width))
    return told


def table(account: Account, all_word: str) -> Table:
    """The numbers of each group, and of all together, if there are several."""
    named = _columns(account, all_word)
    columns = list(named.values())
    shown = [state for state in STATES if account.totals.letters.get(state) or state is State.SENT]
    letters = _by_state(shown, [each.letters for each in columns])
    contacts = _by_state(shown, [each.contacts for each in columns])
    same = account.totals.contacts_total == account.totals.total
    disabled = [*map(account.disabled, account.groups), account.disabled()][: len(columns)]
    return Table(list(named), columns, letters, [] if same else contacts, disabled if account.disabled() else [])


def _by_state(shown: Iterable[State], columns: Sequence[Mapping[State, int]]) -> list[StateRow]:
    return [StateRow(state, state_word(state), [counts.get(state, 0) for counts in columns]) for state in shown]


def shares(account: Account, all_word: str) -> list[Share]:
    """A bar for each group, and for all together, if there are several."""
    return [
        Share(
            group,
            numbers.sent,
            numbers.total,
            breakdown(numbers.letters),
            figures.parts((state, numbers.letters.get(state, 0)) for state in STATES),
        )
        for group, numbers in _columns(account, all_word).items()
        if numbers.total
    ]


def _columns(account: Account, all_word: str) -> dict[str, Numbers]:
    return {**account.groups} if len(account.groups) == 1 else {**account.groups, all_word: account.totals}


def moments(account: Account, zone: dt.tzinfo) -> list[Moment]:
    """When letters were sent; nothing before any was."""
    if account.times is None:
        return []
    labels = (_("The first"), _("Half of them"), _("95 %"), _("The last"))
    opened = account.issue.opened_at
    after = (duration(max(moment - opened, dt.timedelta())) for moment in account.times)
    return [
        Moment(label, clock(moment, zone), _("{duration} after opening").format(duration=length))
        for label, moment, length in zip(labels, account.times, after, strict=True)
    ]


def curve(account: Account, charts: Charts, zone: dt.tzinfo) -> Curve | None:
    """The progress; None before any was sent."""
    points, total = charts.progress, account.totals.total
    if not points:
        return None
    first, last = points[0].until, points[-1].until
    across = [clock(moment, zone) for moment in (first, figures.middle(first, last), last)]
    told = _("{sent} of {total} letters were sent from {start} to {end}.").format(
        sent=figure(points[-1].sent), total=figure(total), start=across[0], end=across[-1]
    )
    rises = [point for point, before in zip(points[1:], points, strict=False) if point.sent > before.sent]
    return Curve(figures.line(points, total), figures.area(points, total), across, rises, told)
