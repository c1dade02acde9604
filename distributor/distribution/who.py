"""All that is known of one address: where it stands in the list, what changed of it, and every issue that it was sent.

The list is read through once, and holds no more than a few of its contacts in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from distributor.delivery.ledger import lists as ledger
from distributor.delivery.ledger import queries, readers
from distributor.delivery.ledger.lists import Recorded
from distributor.delivery.model.records import DeliveryRecord, IssueRecord, OmittedRecord
from distributor.distribution import lists
from distributor.distribution.lists import key_of
from distributor.distribution.site import Site
from distributor.errors import Finding, NotFoundError, Place, Severity
from distributor.i18n import _
from distributor.recipients.addresses import address_key, written_forms
from distributor.recipients.model import Contact, Include, Roster, Unit

_CHOICE = 2000  # addresses to look for the nearest among
_NEAR = 0.8  # alike enough to be one of them misspelt: hosts have long endings in common


@dataclass(frozen=True, slots=True)
class Standing:
    """A contact of today's list, where it stands there, and the names by which an imprint reaches it."""

    contact: Contact
    audiences: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Sending:
    """An issue, and what became of the letter to the address, or why its contacts had none."""

    issue: IssueRecord
    record: DeliveryRecord | OmittedRecord


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of *address*: *history* and *sendings* newest first. *findings* say why there is no list, if so."""

    address: str
    key: str
    standings: tuple[Standing, ...]
    history: tuple[Recorded, ...]
    sendings: tuple[Sending, ...]
    findings: tuple[Finding, ...]


def who(site: Site, address: str) -> Known:
    """What is known of *address*, in whichever form it is written.

    Raises:
        NotFoundError: it is nowhere; names the nearest of the list.
        InputError: it is no address.
    """
    key = key_of(address)
    roster, findings = lists.look(site)
    search = _Search(address, key)
    standings = tuple(search.standings(roster)) if roster else ()
    history = tuple(_history(site, key, {standing.contact.unit for standing in standings}))
    sendings = tuple(_sendings(site, address, key))
    if not (standings or sendings or any(_is_of(key, each) for each in history)):
        raise NotFoundError([search.nowhere(), *findings])
    return Known(address, key, standings, history, sendings, findings)


def _history(site: Site, key: str, units: set[str]) -> list[Recorded]:
    """Changes of the address, of the units that it stands or stood in, and of the list as a whole."""
    of_address = ledger.history(site.ledger, touching=ledger.touches(keys=[key]))
    for recorded in of_address:
        for change in recorded.changes:
            units |= {change.unit, *filter(None, change.fields.get("unit", ()))} - {""}
    names = ledger.former_names(site.ledger, units)
    return ledger.history(site.ledger, touching=ledger.touches(keys=[key], units=names)) if names else of_address


def _is_of(key: str, recorded: Recorded) -> bool:
    emails = (email for change in recorded.changes for email in (change.email, change.former_email) if email)
    return key in map(address_key, emails)


def _sendings(site: Site, address: str, key: str) -> Iterator[Sending]:
    found: list[tuple[int, DeliveryRecord | OmittedRecord]] = [*readers.sent_to(site.ledger, key).items()]
    found += readers.left_out(site.ledger, written_forms(address))
    issues = {issue.id: issue for issue in queries.find_issues(site.ledger)} if found else {}
    for issue_id, record in sorted(found, key=lambda each: each[0], reverse=True):
        yield Sending(issues[issue_id], record)


class _Search:
    """Goes through a list once; remembers some addresses that look like the one that is looked for."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self.key = key
        self._local, _at, self._domain = key.rpartition("@")
        self._alike: dict[str, str] = {}
        self._others: dict[str, str] = {}

    def standings(self, roster: Roster) -> Iterator[Standing]:
        for unit, include in _units(roster):
            for contact in unit.contacts:
                key = address_key(contact.email)
                if key == self.key:
                    place = Place(unit.place.file, contact.line)
                    yield Standing(contact, _reached_as(roster, unit, include), place)
                else:
                    self._remember(key, contact.email)

    def _remember(self, key: str, email: str) -> None:
        local, _at, domain = key.rpartition("@")
        remembered = self._alike if local == self._local or domain == self._domain else self._others
        if len(remembered) < _CHOICE:
            remembered[key] = email

    def nowhere(self) -> Finding:
        remembered = self._alike | self._others
        near = get_close_matches(self.key, remembered, n=1, cutoff=_NEAR)
        remedy = _("did you mean {names}?").format(names=remembered[near[0]]) if near else None
        message = _("{address} is not in the list, nor has it ever been sent anything").format(address=self.address)
        return Finding(Severity.ERROR, "unknown-address", message, remedy=remedy)


def _units(roster: Roster) -> Iterator[tuple[Unit, Include | None]]:
    """Every unit of the list, then those of each file that it includes."""
    for unit in roster.units.values():
        yield unit, None
    includes = {include.file: include for each in roster.audiences.values() for include in each.includes}
    for include in includes.values():
        for unit in include.read():
            yield unit, include


def _reached_as(roster: Roster, unit: Unit, include: Include | None) -> tuple[str, ...]:
    """The audiences that this mention of *unit* is in."""
    return tuple(
        each.name
        for each in roster.audiences.values()
        if (unit.name in each.units if include is None else include in each.includes)
    )
