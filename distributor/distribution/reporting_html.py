"""An issue's report as a page, and as a letter to oneself."""

import asyncio
import contextlib
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path

from sqlalchemy.engine import Connection

from distributor.delivery.ledger import counts as counting
from distributor.delivery.ledger import gaps, queries
from distributor.delivery.ledger.counts import counts_of, span_of
from distributor.delivery.ledger.queries import moment
from distributor.delivery.model.channel import Parcel
from distributor.delivery.model.flow import FlowKind
from distributor.delivery.model.records import DeliveryRecord, IssueRecord
from distributor.distribution import flows
from distributor.distribution.accounting import account_in
from distributor.distribution.by_hand import hand_over, told
from distributor.distribution.charts import charts_of
from distributor.distribution.flows import Bar, Barred
from distributor.distribution.site import Site
from distributor.distribution.ways import mail_channels
from distributor.errors import Finding, InputError, Severity
from distributor.i18n import _, language_tag
from distributor.recipients.addresses import why_not_mailbox
from distributor.recipients.model import GroupName
from distributor.relays.model import LONE
from distributor.relays.reader import domain_of
from distributor.render.headers import header_address
from distributor.render.message import message_id
from distributor.report import html, html_summary
from distributor.report.account import WORST_FIRST, Account, badness
from distributor.report.html_facts import LISTED, Facts, Obstacle
from distributor.report.reasons import Explanation, explain_flow, explain_quota
from distributor.report.tables import one_line

_TOGETHER = 500


@contextlib.contextmanager
def html_report(site: Site, issue: IssueRecord, *, everything: bool) -> Iterator[Iterator[str]]:
    """The page in pieces, to be read inside the block: the account, charts, and the first LISTED who do not have it.

    *everything*: and then every contact. All of it is one state of the ledger; nothing of it is kept in memory.
    """
    with _looked_at(site, issue) as (connection, account, facts):
        everybody = queries.all_deliveries(connection, span_of(connection, issue.id)) if everything else None
        yield html.page(account, facts, _not_sent(connection, issue.id, facts.replaced), everybody)


@contextlib.contextmanager
def _looked_at(site: Site, issue: IssueRecord) -> Iterator[tuple[Connection, Account, Facts]]:
    obstacles = tuple(map(_obstacle, flows.hindered(site, issue).barred))
    with site.ledger.read() as connection:
        span = span_of(connection, issue.id)
        account = account_in(connection, issue, span)
        facts = Facts(
            taken_at=moment(site.ledger.clock(connection)),
            zone=site.settings.timezone,
            charts=charts_of(connection, issue, span),
            obstacles=obstacles,
            replaced=frozenset(gaps.replaced_letters(connection, issue.id)),
        )
        yield connection, account, facts


def _not_sent(connection: Connection, issue_id: int, replaced: Collection[int]) -> Iterator[DeliveryRecord]:
    """The first LISTED: the worst state first, then by group, then in the order of opening; last those *replaced*."""
    counts = counts_of(connection, issue_id)
    cells = sorted(counts.cells(WORST_FIRST), key=lambda cell: badness(cell[1], cell[0]))
    first = counting.first_of(connection, counts, cells, LISTED + len(replaced))
    ids = [*(identity for identity in first if identity not in replaced), *sorted(replaced)][:LISTED]
    for start in range(0, len(ids), _TOGETHER):
        yield from queries.these_deliveries(connection, ids[start : start + _TOGETHER])


def _obstacle(each: Barred) -> Obstacle:
    why = _explained(each)
    return Obstacle(_name_of(each), each.letters, why.sentence, why.next_step, each.reply, each.until)


def _explained(each: Barred) -> Explanation:
    if each.bar is Bar.SPENT:
        return explain_quota(each.key.name)
    return explain_flow(each.key.name, each.reason, blocked=each.bar is Bar.BLOCKED)


def _name_of(each: Barred) -> str:
    """A destination by its name, a relay told as one."""
    if each.key.kind is FlowKind.DESTINATION:
        return each.key.name
    return _("the relay") if each.key.name == LONE else _("relay {name}").format(name=each.key.name)


@dataclass(frozen=True, slots=True)
class MailedReport:
    """What became of a report's letter; *reply* is the relay's, *outbox* is set where it stayed on this machine."""

    subject: str
    sent: bool
    reply: str
    outbox: Path | None


def mail_report(site: Site, issue: IssueRecord, address: str) -> MailedReport:
    """Send *issue*'s page to *address* alone, attached to its summary, by the first relay that takes our sender's mail.

    Raises:
        InputError: *address* is none.
    """
    if why := why_not_mailbox(address):
        said = _("{email} is not an e-mail address: {why}").format(email=address, why=why)
        raise InputError([Finding(Severity.ERROR, "bad-address", said)])
    letter = _letter(site, issue, address)
    sender = site.settings.sender
    with mail_channels(site.settings) as (channels, outbox):
        domain = domain_of(sender)
        carrying = (channel for way, channel in channels if any(way.carries(group, domain) for group in GroupName))
        replies = asyncio.run(hand_over(next(carrying), [Parcel(1, 1, sender, address, letter.as_bytes())]))
    return MailedReport(str(letter["Subject"]), *told(replies[1], address), outbox)


def _letter(site: Site, issue: IssueRecord, address: str) -> EmailMessage:
    """The summary with the page attached; both tell of one state of the ledger."""
    name = f"report-{issue.ref.removeprefix('@').replace('/', '-')}.html"
    with _looked_at(site, issue) as (connection, account, facts):
        page = "".join(html.page(account, facts, _not_sent(connection, issue.id, facts.replaced)))
    sender, to = header_address(site.settings.sender), header_address(address)
    letter = EmailMessage(policy=SMTP if f"{sender}{to}".isascii() else SMTPUTF8)
    letter["From"] = Address(one_line(issue.masthead), addr_spec=sender)
    letter["To"] = to
    letter["Subject"] = html_summary.subject(account)
    letter["Date"] = facts.taken_at.astimezone(facts.zone)
    letter["Message-ID"] = message_id(secrets.token_hex(8), 0, 1, domain_of(sender))
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834
    letter["Content-Language"] = language_tag()
    letter.set_content(html_summary.letter(account, facts.zone, name), cte="base64")
    letter.add_attachment(page.encode(), maintype="text", subtype="html", filename=name, params={"charset": "utf-8"})
    return letter
