"""Issues by the names people use for them, how they stand, and what people decide about them."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from distributor.delivery.ledger import acts, gaps, queries
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import State
from distributor.distribution import flows
from distributor.distribution.site import Site
from distributor.errors import Finding, InputError, NotFoundError, RefusedError, Severity
from distributor.i18n import _
from distributor.recipients.addresses import address_key
from distributor.report.standing import Standing, standing

FAILED = (State.FAILED, State.BOUNCED)
UNCERTAIN = (State.UNCERTAIN,)
_REF = re.compile(r"(?:@(?P<id>\d+)|(?P<year>\d{4})-(?P<number>\d+)|(?P<total>\d+))(?:/(?P<sequence>\d+))?")


@dataclass(frozen=True, slots=True)
class Found:
    """The issue meant, and the *others* that the same name could mean (older ones of the same bulletin)."""

    issue: IssueRecord
    others: tuple[IssueRecord, ...]


def find(site: Site, name: str) -> Found:
    """The issue called *name*: total number (60, 60/2), year-number (2019-4), @id, or the bulletin's file.

    Raises:
        NotFoundError: no issue has that name, or issues of several mastheads have it; the choices are listed.
    """
    matches = _matches(site, name)
    if not matches:
        raise NotFoundError([_unknown(site, name)])
    if len({issue.masthead for issue in matches}) > 1:
        raise NotFoundError([_ambiguous(name, matches)])
    return Found(matches[0], tuple(matches[1:]))


def _matches(site: Site, name: str) -> list[IssueRecord]:
    if match := _REF.fullmatch(name):
        part = {key: int(text) for key, text in match.groupdict().items() if text}
        return queries.find_issues(
            site.ledger,
            issue_id=part.get("id"),
            year=part.get("year"),
            number=part.get("number"),
            total_number=part.get("total"),
            sequence=part.get("sequence"),
        )
    path = Path(name)
    if not path.is_file():
        return []
    return queries.find_issues(site.ledger, content_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _unknown(site: Site, name: str) -> Finding:
    known = ", ".join(f"{issue.ref} 《{issue.masthead}》" for issue in recent(site)[:5])
    message = _("there is no issue {name!r}").format(name=name)
    remedy = _("known issues: {known}").format(known=known) if known else _("nothing has been sent from this site yet")
    return Finding(Severity.ERROR, "no-issue", message, remedy=remedy)


def _ambiguous(name: str, matches: Sequence[IssueRecord]) -> Finding:
    choices = "; ".join(f"@{issue.id} 《{issue.masthead}》 ({issue.opened_at:%Y-%m-%d})" for issue in matches)
    message = _("{name} may mean several issues: {choices}").format(name=name, choices=choices)
    return Finding(Severity.ERROR, "ambiguous-issue", message, remedy=_("name one of them by its @number"))


def recent(site: Site) -> list[IssueRecord]:
    """All issues, newest first."""
    return queries.find_issues(site.ledger)


def last(site: Site) -> IssueRecord:
    """The newest issue that was not cancelled.

    Raises:
        NotFoundError: there is none.
    """
    for issue in recent(site):
        if issue.state is not IssueState.CANCELLED:
            return issue
    raise NotFoundError([Finding(Severity.ERROR, "no-issue", _("nothing has been sent from this site yet"))])


def progress_of(site: Site, issue: IssueRecord) -> tuple[IssueRecord, Progress]:
    """*issue* as it is now, and its progress."""
    return current(site, issue), flows.in_truth(site, issue, queries.progress(site.ledger, issue.id))


def standing_of(site: Site, issue: IssueRecord, progress: Progress, incomplete: Collection[int]) -> Standing:
    """How *issue* stands with *progress*: complete if and only if its account has everybody.

    *incomplete* are the issues that were opened without a name of the imprint (gaps.with_names_left_out).
    """
    counts = progress.by_state()
    stands = standing(issue.state, counts)
    if stands is Standing.SENDING and flows.rests(site, progress):
        return Standing.WAITING
    if stands is Standing.INCOMPLETE:
        stands = standing(issue.state, counts, replaced=gaps.replaced(site.ledger, issue.id))
    if stands is Standing.COMPLETE and issue.id in incomplete and gaps.left_out(site.ledger, issue.id):
        return Standing.INCOMPLETE
    return stands


def unsettled(site: Site) -> list[IssueRecord]:
    """Issues that still have deliveries to settle, oldest first."""
    return queries.unsettled_issues(site.ledger)


def pause(site: Site, issue: IssueRecord, reason: str) -> None:
    """Stop sending *issue* until it is resumed; what is being handed over runs out.

    Raises:
        RefusedError: it is not open, or nothing of it is left to be sent.
    """
    _refuse_settled(site, issue)
    if not acts.pause(site.ledger, issue.id, actor=site.actor, reason=reason):
        raise _wrong_state(site, issue)


def resume(site: Site, issue: IssueRecord) -> bool:
    """Let *issue* go on now: open it again if it was paused (True), and try what was put off without waiting.

    Raises:
        RefusedError: it is cancelled.
    """
    reopened = acts.resume(site.ledger, issue.id, actor=site.actor)
    if not reopened and current(site, issue).state is not IssueState.OPEN:
        raise _wrong_state(site, issue)
    acts.hasten(site.ledger, issue.id, actor=site.actor)
    return reopened


def cancel(site: Site, issue: IssueRecord, reason: str) -> int:
    """Never send what is left of *issue*; returns how many deliveries that stopped.

    Raises:
        RefusedError: it is cancelled already, or nothing of it is left to be sent.
    """
    _refuse_settled(site, issue)
    stopped = acts.cancel(site.ledger, issue.id, actor=site.actor, reason=reason)
    if stopped is None:
        raise _wrong_state(site, issue)
    return stopped


def resend(site: Site, issue: IssueRecord, states: Sequence[State], reason: str) -> int:
    """Queue again the deliveries of *issue* that are in *states*; returns how many.

    Raises:
        RefusedError: the issue is cancelled, or was pruned.
    """
    refuse_closed(site, issue)
    return acts.resend(site.ledger, issue.id, states, actor=site.actor, reason=reason)


def count_to_resend(site: Site, issue: IssueRecord, states: Sequence[State]) -> int:
    """How many deliveries resend() would queue."""
    replaced = gaps.replaced(site.ledger, issue.id) if State.FAILED in states else 0
    return queries.progress(site.ledger, issue.id).count(*states) - replaced


def resolve(site: Site, issue: IssueRecord, addresses: Sequence[str], reason: str) -> None:
    """Settle the uncertain letters to *addresses* as sent.

    Raises:
        InputError: addresses that are in no doubt, or *issue* was pruned; nothing was changed.
    """
    if (found := current(site, issue)).pruned_at is not None:
        raise RefusedError([pruned(site, found)])
    given = {address_key(address): address for address in addresses}
    unknown = acts.resolve(site.ledger, issue.id, given, actor=site.actor, reason=reason)
    if unknown:
        message = _("{address} has no letter of issue {ref} that is uncertain")
        remedy = _("`distributor report {ref}` lists those that are").format(ref=issue.ref)
        texts = [message.format(address=given[key], ref=issue.ref) for key in sorted(unknown)]
        raise InputError([Finding(Severity.ERROR, "not-uncertain", text, remedy=remedy) for text in texts])


def current(site: Site, issue: IssueRecord) -> IssueRecord:
    """*issue* as it is now."""
    (found,) = queries.find_issues(site.ledger, issue_id=issue.id)
    return found


def refuse_closed(site: Site, issue: IssueRecord) -> None:
    """Raises RefusedError if nothing of *issue* can be sent any more: it is cancelled, or was pruned."""
    found = current(site, issue)
    if found.pruned_at is not None:
        raise RefusedError([pruned(site, found)])
    if found.state is IssueState.CANCELLED:
        raise _wrong_state(site, issue)


def pruned(site: Site, issue: IssueRecord) -> Finding:
    """That addresses, names and letters of *issue*, which was pruned, are not kept any more."""
    when = issue.pruned_at.astimezone(site.settings.timezone) if issue.pruned_at else None
    message = _("issue {ref} was pruned on {day}: its addresses, names and letters are not kept any more").format(
        ref=issue.ref, day=f"{when:%Y-%m-%d}"
    )
    remedy = _("`distributor report {ref}` still has its numbers, states, reasons and times").format(ref=issue.ref)
    return Finding(Severity.ERROR, "pruned", message, remedy=remedy)


def _refuse_settled(site: Site, issue: IssueRecord) -> None:
    """What was sent cannot be called back; and an issue cancelled for nothing could not be sent to those it missed."""
    current, progress = progress_of(site, issue)
    if current.state is IssueState.OPEN and not progress.unsettled:
        message = _("nothing of issue {ref} is left to be sent").format(ref=current.ref)
        remedy = _("`distributor report {ref}` tells what became of it").format(ref=current.ref)
        raise RefusedError([Finding(Severity.ERROR, "settled", message, remedy=remedy)])


def _wrong_state(site: Site, issue: IssueRecord) -> RefusedError:
    found = current(site, issue)
    texts = {
        IssueState.OPEN: (_("issue {ref} is open"), _("nothing needs to be done")),
        IssueState.PAUSED: (_("issue {ref} is paused already"), _("`distributor resume {ref}` goes on with it")),
        IssueState.CANCELLED: (
            _("issue {ref} was cancelled and stays so"),
            _("to send the bulletin after all, open it again: `distributor send FILE --again REASON`"),
        ),
    }
    message, remedy = (text.format(ref=found.ref) for text in texts[found.state])
    return RefusedError([Finding(Severity.ERROR, f"issue-{found.state}", message, remedy=remedy)])
