"""The account of an issue in a few sentences: what the report begins with, and the whole of the letter it comes in."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import State
from distributor.i18n import _, ngettext, sentences
from distributor.report import durations
from distributor.report.account import WORST_FIRST, Account
from distributor.report.reasons import explain_state
from distributor.report.standing import Standing, standing
from distributor.report.states import state_word
from distributor.report.tables import one_line

STATES = (State.SENT, State.DELIVERED, *WORST_FIRST)
_UNDER_WAY = (Standing.SENDING, Standing.WAITING, Standing.PAUSED)


class Headline(NamedTuple):
    """The one sentence; *tone* is good, waiting, doubt or bad."""

    tone: str
    text: str


def title(issue: IssueRecord) -> str:
    """``《园区工作简报》第4期 总第60期``."""
    parts = [f"第{issue.number}期"] if issue.number is not None else []
    parts += [f"总第{issue.total_number}期"] if issue.total_number is not None else []
    return f"《{one_line(issue.masthead)}》{' '.join(parts)}"


def figure(number: int) -> str:
    """A number as people read it: ``100,000``."""
    return f"{number:,}"


def headline(account: Account) -> Headline:
    """How the issue stands."""
    totals, missing = account.totals, account.not_sent_total
    uncertain = totals.count(State.UNCERTAIN)
    total = figure(totals.total)
    if not totals.total:
        return Headline("doubt", _("Nobody was written to."))
    if not missing:
        return Headline("doubt" if account.left_out else "good", _everybody(account))
    if standing(account.issue.state, totals.letters, account.replaced_total) in _UNDER_WAY:
        text = _("{n} of {total} letters have been sent so far.")
        return Headline("waiting", text.format(n=figure(totals.sent), total=total))
    if missing == uncertain:
        text = ngettext(
            "Of {n} of {total} letters nobody knows whether it arrived.",
            "Of {n} of {total} letters nobody knows whether they arrived.",
            uncertain,
        )
        return Headline("doubt", text.format(n=figure(uncertain), total=total))
    text = ngettext(
        "{n} of {total} letters was not sent.", "{n} of {total} letters were not sent.", missing - uncertain
    )
    return Headline("bad", text.format(n=figure(missing - uncertain), total=total))


def _everybody(account: Account) -> str:
    sent = account.totals.sent
    if sent == account.totals.total:
        text = ngettext("The {n} letter was sent.", "All {n} letters were sent.", sent)
    else:
        text = ngettext("Everybody has it: {n} letter was sent.", "Everybody has it: {n} letters were sent.", sent)
    return text.format(n=figure(sent))


def breakdown(letters: Mapping[State, int]) -> str:
    """``92 sent, 1 uncertain, 4 failed``: they add up to the letters."""
    present = (state for state in STATES if letters.get(state))
    return _(", ").join(_("{n} {state}").format(n=figure(letters[state]), state=state_word(state)) for state in present)


def notices(account: Account, zone: dt.tzinfo) -> list[str]:
    """What a person should know beside the headline."""
    return [*_decided(account.issue), *_waiting(account, zone), *_counted(account)]


def _decided(issue: IssueRecord) -> Iterator[str]:
    if issue.state is IssueState.OPEN:
        return
    text = _("PAUSED by {who}: {reason}") if issue.state is IssueState.PAUSED else _("CANCELLED by {who}: {reason}")
    yield text.format(
        who=one_line(issue.state_by or ""), reason=one_line(issue.state_reason or "") or _("no reason given")
    )


def _waiting(account: Account, zone: dt.tzinfo) -> Iterator[str]:
    waiting, issue = account.totals.unsettled, account.issue
    if not waiting or issue.state is IssueState.CANCELLED:
        return
    if issue.state is IssueState.PAUSED:
        text = ngettext(
            "{n} letter waits, as the issue is paused. `distributor resume {ref}` goes on.",
            "{n} letters wait, as the issue is paused. `distributor resume {ref}` goes on.",
            waiting,
        )
        yield text.format(n=figure(waiting), ref=issue.ref)
        return
    text = ngettext("{n} letter still waits.", "{n} letters still wait.", waiting).format(n=figure(waiting))
    due = account.next_attempt
    yield sentences(text, _("The next attempt is at {time}.").format(time=clock(due, zone)) if due else "")


def _counted(account: Account) -> Iterator[str]:
    if uncertain := account.totals.count(State.UNCERTAIN):
        text = ngettext(
            "{n} letter may have arrived or not: it needs your decision.",
            "{n} letters may have arrived or not: they need your decision.",
            uncertain,
        )
        yield text.format(n=figure(uncertain))
    if replaced := account.replaced_total:
        text = ngettext(
            "{n} letter failed, and was sent since to another address of the same contact.",
            "{n} letters failed, and were sent since to another address of the same contact.",
            replaced,
        )
        yield text.format(n=figure(replaced))
    if left_out := account.left_out:
        text = ngettext("{n} name of the imprint reached nobody.", "{n} names of the imprint reached nobody.", left_out)
        yield text.format(n=figure(left_out))


def clock(moment: dt.datetime, zone: dt.tzinfo) -> str:
    """``2026-03-05 09:12:33``."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def duration(length: dt.timedelta) -> str:
    """As the other formats say it, ``2 h 5 min``; less than ten seconds in tenths."""
    if length < dt.timedelta(seconds=10):
        return _("{n} s").format(n=f"{length.total_seconds():.1f}")
    return durations.duration(length)


def subject(account: Account) -> str:
    """What the report's letter is called: the issue, and how it stands."""
    name = f"{_('Delivery report')} {account.issue.ref}"
    return _("{name}: {text}").format(name=name, text=headline(account).text)


def letter(account: Account, zone: dt.tzinfo, attached: str) -> str:
    """The report as the text of the letter that it is attached to, as the file *attached*."""
    lines = [f"{title(account.issue)} ({account.issue.ref})", "", headline(account).text]
    lines += notices(account, zone)
    lines.append("")
    numbers = [*account.groups.items(), *([(_("all"), account.totals)] if len(account.groups) > 1 else [])]
    lines += [
        _("{name}: {total} = {states}").format(name=name, total=figure(each.total), states=breakdown(each.letters))
        for name, each in numbers
    ]
    lines += ["", *_steps(account)]
    lines.append(_("The report is attached: open {file} in a browser.").format(file=attached))
    return "\n".join(lines) + "\n"


def _steps(account: Account) -> Iterator[str]:
    for (state, reason), letters in account.reasons.items():
        why = explain_state(state, reason, account.issue.ref)
        said = _("{n} {state}").format(n=figure(letters), state=state_word(state))
        yield _("{name}: {text}").format(name=said, text=why.sentence)
        if why.next_step:
            yield f"  → {why.next_step}"
    if account.reasons:
        yield ""
