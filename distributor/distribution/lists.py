"""What became of the list of recipients: every change is recorded by whoever first uses the list after it."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from distributor.delivery.ledger import list_state
from distributor.delivery.ledger import lists as ledger
from distributor.delivery.ledger.list_state import Comparison
from distributor.delivery.ledger.lists import NewVersion, Recorded, Version
from distributor.delivery.ledger.queries import moment
from distributor.delivery.model.records import Actor
from distributor.distribution.site import Site
from distributor.errors import Finding, InputError, Severity
from distributor.i18n import _
from distributor.recipients import loader
from distributor.recipients.addresses import address_key, why_not_address
from distributor.recipients.changes import Change, changes, difference
from distributor.recipients.facts import Fact, contacts, parts
from distributor.recipients.model import Roster
from distributor.recipients.store import if_unlocked


def notice(site: Site, roster: Roster) -> Version | None:
    """Record the list as it is, if it was changed by hand since it was seen last; None if not.

    While a command changes it, that command will say how it was changed: None as well.

    Raises:
        InputError: an included file has changed since *roster* was loaded.
        LedgerError: the ledger cannot be written.
    """
    with if_unlocked(site.settings.recipients) as unlocked:
        return record(site, roster) if unlocked else None


def record(site: Site, roster: Roster, *, how: str | None = None, who: str | None = None) -> Version | None:
    """As notice(), for whoever has the lock of the list.

    *how* is the command that has just changed it, None if nobody here did: then it was changed by hand. *who* is the
    person's name, the login name without it. Two that notice at once record it once.

    Raises:
        InputError: an included file has changed since *roster* was loaded.
        LedgerError: the ledger cannot be written.
    """
    actor = Actor(who or site.actor.who, site.actor.host)
    while (last := ledger.newest(site.ledger)) is None or last.sha256 != roster.sha256:
        if how is None and last is not None and _is_outdated(roster, last):
            return None
        state = list_state.compare(site.ledger, parts(roster))
        told = [_first_seen(roster)] if last is None else _changes(site, state)
        new = NewVersion(roster.sha256, how, actor, _modified(roster) if how is None else None)
        if version := ledger.record(site.ledger, new, told, state, after=last):
            return version
    return None


def look(site: Site) -> tuple[Roster | None, tuple[Finding, ...]]:
    """The list as it is, noticed; None if it cannot be used, and its faults as warnings, for what can do without."""
    try:
        roster = loader.load(site.settings.recipients)
        notice(site, roster)
    except InputError as error:
        return None, tuple(replace(finding, severity=Severity.WARNING) for finding in error.findings)
    return roster, ()


def history(
    site: Site, *, since: dt.datetime | None, limit: int | None, unit: str | None, address: str | None, most: int | None
) -> list[Recorded]:
    """The last versions of the list, made *since* then, newest first, each with its first *most* changes.

    With *unit* or *address* only the changes that touch it; a unit under its former names as well.

    Raises:
        InputError: *address* is none.
    """
    touching = None
    if unit is not None:
        touching = ledger.touches_unit(ledger.former_names(site.ledger, [unit]))
    elif address is not None:
        touching = ledger.touches(keys=[key_of(address)])
    return ledger.history(site.ledger, since=since, touching=touching, limit=limit, most=most)


def key_of(address: str) -> str:
    """The normalised form of an address that a person gave.

    Raises:
        InputError: it is none.
    """
    if why := why_not_address(address):
        message = _("{email} is not an e-mail address: {why}").format(email=address, why=why)
        raise InputError([Finding(Severity.ERROR, "bad-address", message)])
    return address_key(address)


def _first_seen(roster: Roster) -> Change:
    return Change("list", "first", fields={"contacts": (None, str(contacts(roster)))})


def _changes(site: Site, state: Comparison) -> list[Change]:
    def before() -> Iterator[Fact]:
        return list_state.facts(site.ledger, state.gone)

    def after() -> Iterator[Fact]:
        return chain.from_iterable(chunk.facts() for chunk in state.new)

    return changes(difference(before, after))


def _modified(roster: Roster) -> dt.datetime | None:
    """When the newest of the list's files was written; None if one of them is gone."""
    includes = (include.file for audience in roster.audiences.values() for include in audience.includes)
    try:
        return moment(max(Path(file).stat().st_mtime_ns for file in {roster.file, *includes}) // 1000)
    except OSError:
        return None


def _is_outdated(roster: Roster, last: Version) -> bool:
    """Whether somebody else has changed the list since *roster* was loaded, and has recorded that.

    Only then are its files older than the last version; or a copy with its old time was put there, which is the list.
    """
    modified = _modified(roster)
    if modified is None or modified > last.noticed_at:
        return False
    try:
        return loader.load(Path(roster.file)).sha256 != roster.sha256
    except InputError:
        return True
