"""From a plan to an open issue: everything is frozen in one transaction, before anything is sent."""

import datetime as dt
import mimetypes
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from distributor.bulletin.model import Bulletin
from distributor.delivery.ledger import opening as ledger
from distributor.delivery.ledger import queries
from distributor.delivery.ledger.opening import AlreadyOpenedError, NewIssue, NewLetter
from distributor.delivery.ledger.queries import moment
from distributor.delivery.ledger.staging import Recipient
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.distribution.frozen import freeze, sha256
from distributor.distribution.planning import Plan, merge_fields
from distributor.distribution.site import Site
from distributor.endpoints import Kind
from distributor.errors import Finding, InputError, Place, RefusedError, Severity
from distributor.i18n import _, ngettext
from distributor.recipients.model import Group, GroupName
from distributor.render.letter import render_letter
from distributor.render.message import Attachment, Headers, compile_letter
from distributor.words import why

MAX_ATTACHMENT = 20 * 1024 * 1024
MAX_OWN_LETTERS = 200 * 1024 * 1024


def open_issue(
    site: Site, plan: Plan, *, again: str | None = None, attach: Sequence[Path] = (), urgency: int = 0
) -> IssueRecord:
    """Freeze *plan* as an issue and queue its deliveries; nothing is sent yet.

    Raises:
        RefusedError: the same bulletin was opened before for one of the groups and *again* gives no reason.
        InputError: an attachment cannot be read.
        LedgerError: the ledger cannot be written; nothing was opened.
    """
    attachments = read_attachments(attach)
    _check_own_letters(plan, attachments)
    bulletin = plan.bulletin
    issue = _new_issue(site, plan, again, attachments, urgency)

    def letters(opened_at: int) -> list[NewLetter]:
        headers = headers_for(site, site.settings.sender, bulletin, moment(opened_at))
        made = [_new_letter(plan, name, headers, attachments) for name in plan.letters]
        return made + new_posts(plan.posts)

    try:
        return ledger.open_issue(site.ledger, issue, letters, plan.staging)
    except AlreadyOpenedError as error:
        raise _refused(error.earlier, site) from None


def check_openable(site: Site, plan: Plan, *, again: str | None = None, attach: Sequence[Path] = ()) -> None:
    """Raise what open_issue would raise, so that a person is not asked first and refused afterwards."""
    attachments = read_attachments(attach)
    _check_own_letters(plan, attachments)
    if again is None:
        issue = _new_issue(site, plan, again, attachments, 0)
        with site.ledger.read() as connection:
            earlier = ledger.earlier_issues(connection, issue, set(plan.letters))
        if earlier:
            raise _refused(earlier, site)


def _check_own_letters(plan: Plan, attachments: Sequence[Attachment]) -> None:
    """A template that looks at the recipient makes a letter for each, attachments and all: in reason only."""
    size = sum(len(attachment.content) for attachment in attachments)
    for group in plan.groups:
        if plan.letters[GroupName(group.name)].per_recipient and group.addresses * size > MAX_OWN_LETTERS:
            text = _("{template} makes {n} different letters, and the attachments would be stored in each of them")
            template = plan.roster.groups[GroupName(group.name)].template
            message = text.format(template=template, n=group.addresses)
            remedy = _("let the template only show the merge fields, without `if` or filters; or send a link instead")
            raise InputError([Finding(Severity.ERROR, "large-own-letters", message, Place(template), remedy)])


def _new_issue(site: Site, plan: Plan, again: str | None, attachments: Sequence[Attachment], urgency: int) -> NewIssue:
    bulletin = plan.bulletin
    sources = freeze(plan.templates, plan.roster.groups)
    return NewIssue(
        uid=secrets.token_hex(8),
        masthead=bulletin.masthead or "",
        number=bulletin.number,
        total_number=bulletin.total_number,
        year=bulletin.year or (bulletin.date.year if bulletin.date else None),
        file=bulletin.file,
        content=plan.content,
        content_sha256=bulletin.sha256,
        roster_sha256=plan.roster.sha256,
        sources=sources,
        templates_sha256=sha256(sources),
        sender=site.settings.sender,
        opened_by=site.actor,
        again_reason=again,
        unresolved=plan.resolution.unresolved,
        attachments=tuple((file.filename, file.content_type, file.content) for file in attachments),
        urgency=urgency,
    )


def _new_letter(plan: Plan, name: GroupName, headers: Headers, attachments: Sequence[Attachment]) -> NewLetter:
    letter, group = plan.letters[name], plan.roster.groups[name]
    if letter.per_recipient:
        return NewLetter(name, plan.subject(name), b"", _own_letter(plan, group, headers, attachments))
    return NewLetter(name, plan.subject(name), compile_letter(letter, headers, attachments).to_bytes())


def new_posts(posts: Mapping[GroupName, Mapping[Kind, bytes]]) -> list[NewLetter]:
    """*posts* of each group by service, to be frozen."""
    return [
        NewLetter(name, "", post, channel=kind.value)
        for name, by_kind in posts.items()
        for kind, post in by_kind.items()
    ]


def _own_letter(
    plan: Plan, group: Group, headers: Headers, attachments: Sequence[Attachment]
) -> Callable[[Recipient], bytes]:
    def compiled(recipient: Recipient) -> bytes:
        letter = render_letter(plan.bulletin, group, plan.templates, merge_fields(recipient))
        return compile_letter(letter, headers, attachments).to_bytes()

    return compiled


def headers_for(site: Site, sender: str, bulletin: Bulletin, date: dt.datetime) -> Headers:
    """The headers that all of an issue's letters share."""
    domain = sender.rpartition("@")[2]
    return Headers(
        sender=sender,
        sender_name=bulletin.publisher or bulletin.masthead or "",
        list_id=f"bulletin.{domain}",
        date=date.astimezone(site.settings.timezone),
        domain=domain,
    )


def read_attachments(paths: Iterable[Path]) -> list[Attachment]:
    """The files as attachments, in order.

    Raises:
        InputError: files that cannot be read or are together larger than MAX_ATTACHMENT bytes.
    """
    attachments: list[Attachment] = []
    findings = []
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            text = _("the attachment cannot be opened: {error}").format(error=why(error))
            findings.append(Finding(Severity.ERROR, "unreadable-attachment", text, Place(str(path))))
            continue
        guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        attachments.append(Attachment(path.name, guessed, content))
    size = sum(len(attachment.content) for attachment in attachments)
    if size > MAX_ATTACHMENT:
        text = _("the attachments are {size} MB together; at most {most} MB can be sent")
        message = text.format(size=size // 1024**2, most=MAX_ATTACHMENT // 1024**2)
        findings.append(Finding(Severity.ERROR, "large-attachments", message, remedy=_("send a link instead")))
    if findings:
        raise InputError(findings)
    return attachments


def _refused(earlier: list[IssueRecord], site: Site) -> RefusedError:
    newest = earlier[-1]
    message = _("this bulletin was opened before: issue {ref}, {when}, by {who}").format(
        ref=newest.ref,
        when=newest.opened_at.astimezone(site.settings.timezone).strftime("%Y-%m-%d %H:%M"),
        who=newest.opened_by,
    )
    waiting = queries.progress(site.ledger, newest.id).unsettled
    if waiting and newest.state is not IssueState.CANCELLED:
        text = ngettext(
            "{n} letter of it is still to be sent: `distributor resume {ref}` goes on with it",
            "{n} letters of it are still to be sent: `distributor resume {ref}` goes on with them",
            waiting,
        )
        return RefusedError(
            [Finding(Severity.ERROR, "sent-before", message, remedy=text.format(n=waiting, ref=newest.ref))]
        )
    remedy = _(
        "see `distributor report {ref}`; to reach only those it has missed: `distributor resend {ref} --missing`; "
        "to send it to everybody once more: --again REASON"
    ).format(ref=newest.ref)
    return RefusedError([Finding(Severity.ERROR, "sent-before", message, remedy=remedy)])
