"""Everything suspicious on the list, with what the issues that were sent tell about it; and whom to disable for it."""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy.engine import Connection

from distributor.bulletin import reader
from distributor.delivery.ledger import past as ledger
from distributor.delivery.ledger import queries
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.past import Refusal
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.replies import blames_address
from distributor.distribution import chat
from distributor.distribution.site import Site, existing_ledger
from distributor.errors import InputError
from distributor.recipients import loader, suspicions
from distributor.recipients.addresses import address_key
from distributor.recipients.model import Roster
from distributor.recipients.past import Crowd, Failure, Past, Proposal, Since
from distributor.recipients.survey import MOST_DISABLED, survey
from distributor.recipients.suspicions import SHOWN, Examination, Mail
from distributor.report.reasons import explain_state
from distributor.report.tables import one_line
from distributor.settings import Settings

BULLETINS = 10
DAYS = 180
MOST_FAILED = 10_000
_MOST_OMITTED = 2 * MOST_DISABLED  # of one issue: the rest tells nothing

AskDomains = Callable[[Collection[str]], Mapping[str, Mail]]


def check_list(
    settings: Settings,
    *,
    bulletins: int = BULLETINS,
    days: int = DAYS,
    ask_domains: AskDomains | None = None,
    most: int | None = SHOWN,
) -> tuple[Examination, Past]:
    """Look at the site's list, and at its last *bulletins* if there is a ledger; none is made.

    Contacts are disabled for long after *days*. *ask_domains* tells which domains take no mail. *most*: how many
    findings of each code are kept, None for all.

    Raises:
        InputError: the list cannot be used; every fault of it.
        LedgerError: there is a ledger that cannot be used.
    """
    roster = loader.load(settings.recipients)
    surveyed = survey(roster)
    with existing_ledger(settings) as database:
        past = _past(database, settings, surveyed.disabled, bulletins, days) if database else Past()
    domains = ask_domains(surveyed.domains) if ask_domains else {}
    secretless = chat.without_secret(settings, surveyed.endpoints)
    return suspicions.examine(roster, surveyed, past, domains, also=secretless, most=most), past


def proposals(site: Site, roster: Roster, bulletins: int = BULLETINS) -> list[Proposal]:
    """The contacts of *roster* that should be disabled: by the last letter to them their own server says that the
    mailbox or its domain is none, or is closed for good."""
    with site.ledger.read() as connection:
        failures, _crowds = _failures(connection, _last(queries.find_issues(site.ledger), bulletins))
    return list(suspicions.proposals(roster, Past(failures=failures)))


def _past(
    database: Database, settings: Settings, disabled: Iterable[tuple[str, str]], bulletins: int, days: int
) -> Past:
    """What the ledger tells about today's list, of which *disabled* are the disabled contacts."""
    issues = queries.find_issues(database)
    last = _last(issues, bulletins)
    with database.read() as connection:
        now = queries.moment(database.clock(connection)).astimezone(settings.timezone)
        failures, crowds = _failures(connection, last)
        long = _disabled_before(connection, issues, disabled, now - dt.timedelta(days=days))
    named = _named(database, last) if _bulletins(issues) >= bulletins else None
    return Past(tuple(issue.ref for issue in last), failures, crowds, long, named, bulletins)


# The last bulletins


def _bulletin(issue: IssueRecord) -> tuple[object, ...]:
    """What the issues of one bulletin have in common: a repeat is none of its own, nor is a group sent later."""
    if issue.total_number is None and issue.number is None:
        return (issue.content_sha256,)
    return issue.masthead, issue.total_number, issue.year, issue.number


def _bulletins(issues: Iterable[IssueRecord]) -> int:
    return len({_bulletin(issue) for issue in issues})


def _last(issues: Sequence[IssueRecord], bulletins: int) -> list[IssueRecord]:
    """Those of *issues*, the newest first, that belong to the last so many bulletins."""
    chosen = set(islice(dict.fromkeys(map(_bulletin, issues)), bulletins))
    return [issue for issue in issues if _bulletin(issue) in chosen]


def _named(database: Database, issues: Iterable[IssueRecord]) -> frozenset[str]:
    """Every name that the imprints of *issues* use, as they were frozen."""
    contents = {issue.content_sha256: issue for issue in issues}
    return frozenset(name for issue in contents.values() for name in _imprint(database, issue))


def _imprint(database: Database, issue: IssueRecord) -> Iterator[str]:
    try:
        bulletin = reader.parse(queries.frozen_source(database, issue.id).content, issue.file)
    except InputError:  # it was sent by a version that could read it
        return
    for line in bulletin.routing:
        yield from (name.name for name in line.names)


# Letters that failed


def _failures(connection: Connection, last: Sequence[IssueRecord]) -> tuple[dict[str, Failure], tuple[Crowd, ...]]:
    """Addresses whose last letter of these issues failed, by their keys; issues of which too many did to name each."""
    failures: dict[str, Failure] = {}
    crowds = []
    for issue in reversed(last):
        for key in list(ledger.sent_to(connection, issue.id, failures)):
            del failures[key]
        if (failed := ledger.refused(connection, issue.id)) > MOST_FAILED:
            crowds.append(Crowd(issue.ref, failed))
        else:
            failures |= {refusal.key: _failure(refusal, issue) for refusal in ledger.refusals(connection, issue.id)}
    return failures, tuple(crowds)


def _failure(refusal: Refusal, issue: IssueRecord) -> Failure:
    sentence = explain_state(refusal.state, refusal.reason, issue.ref).sentence
    reply = one_line(" ".join(filter(None, (str(refusal.code or ""), refusal.enhanced, refusal.reply))))
    return Failure(issue.ref, sentence, reply, blames_address(refusal.reason))


# Contacts that have been disabled for long


def _disabled_before(
    connection: Connection, issues: Sequence[IssueRecord], disabled: Iterable[tuple[str, str]], before: dt.datetime
) -> dict[tuple[str, str], Since]:
    """Which of *disabled*, (address key, unit), every issue since one opened *before* did without, and which was first.

    *issues* are all there are, the newest first. One whose imprint does not reach a contact tells nothing of it; one
    that wrote to it says that it was enabled again. Times are in the zone of *before*.
    """
    wanted = set(disabled)
    since: dict[tuple[str, str], Since] = {}
    for issue in reversed(issues) if wanted else ():
        without = wanted.intersection(_keyed(ledger.disabled_in(connection, issue.id, _MOST_OMITTED)))
        others = {key for key, _unit in since.keys() - without}
        for contact in list(ledger.served_at(connection, issue.id, others)):
            since.pop(contact, None)
        for contact in without:
            since.setdefault(contact, Since(issue.opened_at.astimezone(before.tzinfo), issue.ref))
    return {contact: first for contact, first in since.items() if first.at < before}


def _keyed(contacts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((address_key(address), unit) for address, unit in contacts)
