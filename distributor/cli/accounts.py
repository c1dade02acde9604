"""An issue's account, as people read it and as JSON; for `report` and at the end of `send`, `resume` and `resend`."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from distributor.cli import flows, output
from distributor.cli.listing import Listing, by_unit, contact_name
from distributor.cli.output import said
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import REFUSED, State
from distributor.distribution.flows import Hindered
from distributor.i18n import _, ngettext, sentences
from distributor.report import summary
from distributor.report.account import Account
from distributor.report.reasons import explain_omitted, explain_state
from distributor.report.standing import Standing, standing
from distributor.report.states import state_word
from distributor.report.tables import account_json
from distributor.settings import Settings

ALL_SENT = 0
NEEDS_DECISION = 1
STILL_WAITING = 4
LIST_MOST = 200
_HASH_SHOWN = 12
_WAITING = (Standing.SENDING, Standing.WAITING)


def outcome(account: Account) -> int:
    """The exit code: 4 as long as letters wait and go by themselves, 0 only if everybody who was named has it, else 1.

    A paused issue, a letter in doubt and a name of the imprint that reached nobody need a person.
    """
    if standing(account.issue.state, account.totals.letters) in _WAITING:
        return STILL_WAITING
    return ALL_SENT if account.everybody else NEEDS_DECISION


def document(account: Account, hindered: Hindered) -> dict[str, Any]:
    """The JSON of an account, distributor.report/1."""
    head = {"schema": "distributor.report/1", "issue": _issue_json(account.issue)}
    body = account_json(account) | {"flows": [flows.document(each) for each in hindered.barred]}
    if hindered.barred:
        next_attempt = hindered.outlook.next_attempt
        body["next_attempt"] = next_attempt.isoformat() if next_attempt else None
    return head | body | {"outcome": outcome(account)}


def _issue_json(issue: IssueRecord) -> dict[str, Any]:
    """Who it is from, and the hashes (SHA-256, hexadecimal) of all that it was made from."""
    return output.issue_json(issue) | {
        "host": issue.host,
        "sender": issue.sender,
        "content_sha256": issue.content_sha256,
        "list_sha256": issue.roster_sha256,
        "templates_sha256": issue.templates_sha256,
    }


def show(account: Account, hindered: Hindered, settings: Settings, console: Console) -> None:
    """Who opened it, the numbers, why some do not have it and what is to be done, then each of those by unit."""
    show_summary(account, settings, console)
    _show_shared(account, console)
    listing = Listing(account, settings, console)
    _show_not_sent(account, listing, console)
    _show_replaced(account, listing, console)
    _show_omitted(account, listing, console)
    _show_hindered(hindered, settings, console)
    for line in _closing(account):
        console.print(line, style="bold", soft_wrap=True)


def show_summary(account: Account, settings: Settings, console: Console) -> None:
    """Who opened it and what it was made from, the numbers, the times."""
    _show_issue(account.issue, settings, console)
    console.print(_letters(account))
    if account.shared_total:
        console.print(_contacts(account))
    _show_times(account, settings, console)


def _show_issue(issue: IssueRecord, settings: Settings, console: Console) -> None:
    console.print(summary.title(issue), style="bold")
    opened = _("Opened {time} by {who} on {host}, from {sender}")
    when = output.local(issue.opened_at, settings)
    console.print(opened.format(time=when, who=issue.opened_by, host=issue.host, sender=issue.sender), soft_wrap=True)
    console.print(_made_from(issue), soft_wrap=True)
    if issue.again_reason:
        console.print(_("Sent again: {reason}").format(reason=issue.again_reason), soft_wrap=True)
    if state := summary.state_of(issue):
        console.print(state, style="yellow", soft_wrap=True)


def _made_from(issue: IssueRecord) -> str:
    """The beginnings of the hashes: enough to see whether two issues had the same list; JSON has all of them."""
    text = _("Made from {file} ({content}), the list {list} and the templates {templates}; SHA-256")
    hashes = (issue.content_sha256, issue.roster_sha256, issue.templates_sha256)
    content, roster, templates = (digest[:_HASH_SHOWN] for digest in hashes)
    return text.format(file=issue.file, content=content, list=roster, templates=templates)


def _letters(account: Account) -> Table:
    """A row a group. The states that occur stand side by side and add up to the letters."""
    headings, *rows = summary.letters(account, state_word)
    table = _table("", *headings[1:4], "", *headings[4:])
    for row in rows:
        group, *numbers, disabled = map(str, row)
        table.add_row(group, *numbers[:3], "=", *numbers[3:], f"({disabled})" if disabled != "0" else "")
    return table


def _contacts(account: Account) -> Table:
    """The same by contact, each in the state of its letter: they are more than the letters where they share one."""
    headings, *rows = summary.contacts(account, state_word)
    table = _table("", headings[1], "", *headings[2:])
    for row in rows:
        group, total, *numbers = map(str, row)
        table.add_row(group, total, "=", *numbers)
    return table


def _table(*headings: Any) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left")
    return table


def _show_times(account: Account, settings: Settings, console: Console) -> None:
    if account.times:
        first, half, most, last = summary.sent_after(account, settings.timezone)
        text = _("Sent: the first {first}, half {half}, 95 % {most}, the last {last}")
        console.print(text.format(first=first, half=half, most=most, last=last), soft_wrap=True)


def _show_shared(account: Account, console: Console) -> None:
    if not account.shared:
        return
    console.print("\n" + _("One letter for several contacts, as they share a mailbox:"))
    for record in account.shared:
        who = _("; ").join(f"{served.unit} {contact_name(served)}" for served in record.serves)
        console.print("  " + said(record.address, who), soft_wrap=True)
    _say_more(account.shared_total - len(account.shared), account.issue.ref, console)


def _show_not_sent(account: Account, listing: Listing, console: Console) -> None:
    if account.reasons:
        console.print("\n" + _("Why, and what to do:"))
        listing.show_steps(account.reasons.items())
        console.print("\n" + _("Who does not have it:"))
        listed = account.not_sent[:LIST_MOST]
        listing.show(by_unit(listed))
        _say_more(account.not_sent_total - len(listed), account.issue.ref, console)


def _show_replaced(account: Account, listing: Listing, console: Console) -> None:
    if account.replaced:
        console.print("\n" + _("Failed, and sent since to another address of the same contact:"))
        listing.show(by_unit(account.replaced[:LIST_MOST]))
        _say_more(account.replaced_total - LIST_MOST, account.issue.ref, console)


def _say_more(count: int, ref: str, console: Console) -> None:
    if count > 0:
        text = ngettext(
            "  … and {n} more; `distributor report {ref} -o FILE.xlsx` lists everybody.",
            "  … and {n} more; `distributor report {ref} -o FILE.xlsx` lists everybody.",
            count,
        )
        console.print(text.format(n=count, ref=ref), soft_wrap=True)


def _show_omitted(account: Account, listing: Listing, console: Console) -> None:
    """Whom the imprint reached and nobody wrote to, and why."""
    if not account.omitted:
        return
    console.print("\n" + _("Not written to:"), style="yellow")
    listing.show_omitted(account.omitted[:LIST_MOST])
    _say_more(len(account.omitted) - LIST_MOST, account.issue.ref, console)
    steps = [explain_omitted(record, account.issue.ref).next_step for record in account.omitted]
    for step in dict.fromkeys(steps):
        console.print(f"  → {step}", soft_wrap=True)


def _show_hindered(hindered: Hindered, settings: Settings, console: Console) -> None:
    if hindered.barred:
        console.print("\n" + _("What letters wait for:"), style="yellow")
        flows.show(hindered.barred, settings, console)


def _closing(account: Account) -> Iterator[str]:
    """What is to be done, the most urgent first; or that all is done."""
    totals = account.totals
    yield ""
    if totals.sent == totals.total:
        yield ngettext("The {n} letter was sent.", "All {n} letters were sent.", totals.total).format(n=totals.total)
    elif account.everybody:
        text = ngettext(
            "Everybody has it: {n} letter was sent.", "Everybody has it: {n} letters were sent.", totals.sent
        )
        yield text.format(n=totals.sent)
    if uncertain := totals.count(State.UNCERTAIN):
        text = ngettext(
            "{n} letter may have arrived or not and needs your decision, see above.",
            "{n} letters may have arrived or not and need your decision, see above.",
            uncertain,
        )
        yield text.format(n=uncertain)
    yield from _failures(account)
    if account.left_out:
        text = ngettext(
            "{n} name of the imprint reached nobody, see above.",
            "{n} names of the imprint reached nobody, see above.",
            account.left_out,
        )
        yield text.format(n=account.left_out)


def _failures(account: Account) -> Iterator[str]:
    """How many failed letters each next step mends; the steps stand above, and name commands in every language."""
    ref = account.issue.ref
    refused = {why: letters for why, letters in account.reasons.items() if why[0] in REFUSED}
    steps = [(explain_state(*why, ref).next_step, letters) for why, letters in refused.items()]
    again = sum(letters for step, letters in steps if "--failed" in step)
    address = sum(letters for step, letters in steps if "--missing" in step)
    if address:
        text = ngettext(
            "{n} letter needs an address that works: correct the list, then `distributor resend {ref} --missing`.",
            "{n} letters need an address that works: correct the list, then `distributor resend {ref} --missing`.",
            address,
        )
        yield text.format(n=address, ref=ref)
    if again:
        text = ngettext(
            "{n} letter failed: see above what to mend; `distributor resend {ref} --failed` sends it once more.",
            "{n} letters failed: see above what to mend; `distributor resend {ref} --failed` sends them once more.",
            again,
        )
        yield text.format(n=again, ref=ref)
    if other := sum(refused.values()) - address - again:
        text = ngettext("{n} letter failed: see above what to do.", "{n} letters failed: see above what to do.", other)
        yield text.format(n=other)


def waiting(account: Account, hindered: Hindered, settings: Settings) -> str | None:
    """How many letters still wait, until when, and what makes them go; None where none does."""
    count, ref = account.totals.unsettled, account.issue.ref
    if not count or account.issue.state is IssueState.CANCELLED:
        return None
    if account.issue.state is IssueState.PAUSED:
        text = ngettext(
            "{n} letter waits, as the issue is paused. `distributor resume {ref}` goes on.",
            "{n} letters wait, as the issue is paused. `distributor resume {ref}` goes on.",
            count,
        )
        return text.format(n=count, ref=ref)
    view = hindered.outlook
    going = count - view.held - view.uncarried
    if hindered.barred and view.next_attempt:
        going_on = _later(going, ref, view.next_attempt, settings)
    else:
        going_on = _waiting(going, ref, account.next_attempt, settings)
    return sentences(*going_on, *_held(view.held), *_uncarried(view.uncarried, account.issue))


def _later(count: int, ref: str, opens: dt.datetime, settings: Settings) -> Iterator[str]:
    """Of letters that no command sends before their flow lets them go."""
    text = ngettext(
        "{n} letter still waits; from {time} on `distributor resume {ref}`, any later send or a worker delivers it.",
        "{n} letters still wait; from {time} on `distributor resume {ref}`, any later send or a worker delivers them.",
        count,
    )
    yield text.format(n=count, ref=ref, time=output.local(opens, settings))


def _waiting(count: int, ref: str, next_attempt: dt.datetime | None, settings: Settings) -> Iterator[str]:
    if count:
        text = ngettext(
            "{n} letter still waits; `distributor resume {ref}`, any later send or a worker delivers it.",
            "{n} letters still wait; `distributor resume {ref}`, any later send or a worker delivers them.",
            count,
        )
        yield text.format(n=count, ref=ref)
    if count and next_attempt:
        yield _("The next attempt is at {time}.").format(time=output.local(next_attempt, settings))


def _held(count: int) -> Iterator[str]:
    if count:
        text = ngettext(
            "{n} letter is held back until you let it go; `distributor release` tells why.",
            "{n} letters are held back until you let them go; `distributor release` tells why.",
            count,
        )
        yield text.format(n=count)


def _uncarried(count: int, issue: IssueRecord) -> Iterator[str]:
    if count:
        text = ngettext(
            "{n} letter waits until a relay in relays.yaml carries its group from {sender}.",
            "{n} letters wait until a relay in relays.yaml carries their groups from {sender}.",
            count,
        )
        yield text.format(n=count, sender=issue.sender)
