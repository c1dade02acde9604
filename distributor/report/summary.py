"""What an account says of an issue as a whole, as rows: the same in the terminal, in Markdown and in a workbook.

The first row of each table is its heading.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import State
from distributor.i18n import _
from distributor.report.account import WORST_FIRST, Account, Numbers
from distributor.report.durations import duration
from distributor.report.reasons import explain_state
from distributor.report.tables import Row, one_line

Fact = tuple[str, str]
_SHOWN = (State.SENT, State.DELIVERED, *WORST_FIRST)


@dataclass(frozen=True, slots=True)
class Manner:
    """How an account is told: a *word* for each state, times in *zone*; *as_of* is the moment it is of (aware)."""

    word: Callable[[State], str]
    zone: dt.tzinfo
    as_of: dt.datetime


def title(issue: IssueRecord) -> str:
    """``《园区工作简报》 第4期 总第60期 (60)``."""
    parts = [f"《{issue.masthead}》"]
    parts += [f"第{issue.number}期"] if issue.number is not None else []
    parts += [f"总第{issue.total_number}期"] if issue.total_number is not None else []
    return " ".join([*parts, f"({issue.ref})"])


def state_of(issue: IssueRecord) -> str:
    """What a person decided about *issue* and why; "" for one that is open."""
    if issue.state is IssueState.OPEN:
        return ""
    text = _("PAUSED by {who}: {reason}") if issue.state is IssueState.PAUSED else _("CANCELLED by {who}: {reason}")
    return text.format(who=issue.state_by, reason=one_line(issue.state_reason or "") or _("no reason given"))


def facts(account: Account, manner: Manner) -> Iterator[Fact]:
    """Who opened the issue, what it was made from, and when its letters were sent."""
    issue, zone = account.issue, manner.zone
    yield _("as of"), _minute(manner.as_of, zone)
    yield _("opened"), _minute(issue.opened_at, zone)
    yield _("by"), _("{who} on {host}").format(who=issue.opened_by, host=issue.host)
    yield _("sender"), issue.sender
    if state := state_of(issue):
        yield _("state"), state
    if issue.again_reason:
        yield _("sent again"), issue.again_reason
    yield _("bulletin"), issue.file
    yield _("SHA-256 of the bulletin"), issue.content_sha256
    yield _("SHA-256 of the list"), issue.roster_sha256
    yield _("SHA-256 of the templates"), issue.templates_sha256
    labels = (_("first sent"), _("half sent"), _("95 percent sent"), _("last sent"))
    yield from zip(labels, sent_after(account, zone), strict=False)


def sent_after(account: Account, zone: dt.tzinfo) -> list[str]:
    """How long after the opening, and when, the letters of Times were sent; empty before any was."""
    text = _("after {span} ({time})")
    return [
        text.format(
            span=duration(moment - account.issue.opened_at), time=f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        )
        for moment in account.times or ()
    ]


def _minute(moment: dt.datetime, zone: dt.tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def letters(account: Account, word: Callable[[State], str]) -> Iterator[Row]:
    """Letters by group and state: the states that occur add up to the letters."""
    states = occurring(account.totals.letters)
    headings = [_("group"), _("units"), _("contacts"), _("letters"), *map(word, states), _("(disabled)")]
    yield headings
    for group, numbers in groups(account):
        facts = (numbers.units, numbers.contacts_total, numbers.total)
        disabled = account.disabled(group)
        yield [group or _("all"), *facts, *(numbers.letters.get(state, 0) for state in states), disabled]


def contacts(account: Account, word: Callable[[State], str]) -> Iterator[Row]:
    """Contacts by group and the state of the letter that serves them: they add up too."""
    states = occurring(account.totals.contacts)
    yield [_("group"), _("contacts"), *map(word, states)]
    for group, numbers in groups(account):
        yield [group or _("all"), numbers.contacts_total, *(numbers.contacts.get(state, 0) for state in states)]


def groups(account: Account) -> Iterator[tuple[str | None, Numbers]]:
    """Each group's numbers; where there are several, at None those of all together."""
    yield from account.groups.items()
    if len(account.groups) > 1:
        yield None, account.totals


def occurring(counts: Mapping[State, int]) -> list[State]:
    """The states that occur in *counts*, and the one that all should be in."""
    return [state for state in _SHOWN if counts.get(state) or state is State.SENT]


def reasons(account: Account, word: Callable[[State], str]) -> Iterator[Row]:
    """Why letters were not sent, how many, and what to do."""
    yield [_("state"), _("letters"), _("why"), _("what next")]
    for (state, reason), number in account.reasons.items():
        why = explain_state(state, reason, account.issue.ref)
        yield [word(state), number, why.sentence, why.next_step]
