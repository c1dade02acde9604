"""A first pass over everybody on the list: numbers, and what a second pass is to look at more closely.

A million contacts must not fill memory: of what is unique only hashes are kept. Two texts may share one, so the second
pass compares the texts themselves.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from distributor.endpoints import Endpoint
from distributor.recipients.addresses import address_key
from distributor.recipients.faults import look
from distributor.recipients.model import Audience, Include, Roster, Unit

MOST_DOMAINS = 100_000
MOST_DISABLED = 10_000


def everybody(roster: Roster) -> Iterator[tuple[Unit, tuple[Audience, ...]]]:
    """Every unit with the audiences that reach it, the list's own first, then those of each included file.

    Raises:
        InputError: an included file has changed.
    """
    of_unit: dict[str, list[Audience]] = {}
    of_include: dict[str, tuple[Include, list[Audience]]] = {}
    for audience in roster.audiences.values():
        for name in audience.units:
            of_unit.setdefault(name, []).append(audience)
        for include in audience.includes:
            of_include.setdefault(include.file, (include, []))[1].append(audience)
    for unit in roster.units.values():
        yield unit, tuple(of_unit.get(unit.name, ()))
    for include, audiences in of_include.values():
        reached_by = tuple(audiences)
        for unit in include.read():
            yield unit, reached_by


class Repeats:
    """Texts of which it is only asked which came more than once: eight bytes for each."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, text: str) -> None:
        self._hashes.append(hash(text))

    def found(self) -> frozenset[int]:
        """The hashes of the texts that came more than once."""
        return frozenset(first for first, second in pairwise(sorted(self._hashes)) if first == second)


@dataclass(slots=True)
class Survey:
    """What one pass over the list has counted.

    *domains* are those of enabled contacts, in IDNA's ASCII form, with how many contacts each has; of more than
    MOST_DOMAINS the others' contacts are *uncounted*. *disabled* are the first MOST_DISABLED disabled contacts as
    (address key, unit). *reached* are the audiences that reach an enabled contact.
    *endpoints* are the chat endpoints of enabled contacts, in order.
    *shared* and *similar* are the hashes of the address keys that came more than once, and of the looks that several
    names of units have; *silent* those of the names of units without an enabled contact.
    """

    contacts: int = 0
    units: int = 0
    audiences: int = 0
    roles: bool = False
    domains: Counter[str] = field(default_factory=Counter)
    uncounted: int = 0
    endpoints: dict[Endpoint, None] = field(default_factory=dict)
    disabled: list[tuple[str, str]] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    shared: frozenset[int] = frozenset()
    similar: frozenset[int] = frozenset()
    silent: frozenset[int] = frozenset()


def survey(roster: Roster) -> Survey:
    """Count everybody on the list.

    Raises:
        InputError: an included file has changed.
    """
    found = Survey(audiences=len(roster.audiences))
    keys, looks = Repeats(), Repeats()
    reached_by: tuple[Audience, ...] = ()
    enabled: dict[int, bool] = {}  # by the hash of a unit's name: whether any of its contacts is enabled
    for unit, audiences in everybody(roster):
        name = hash(unit.name)
        if name not in enabled:
            enabled[name] = False
            looks.add(look(unit.name))
        if _count(unit, found, keys):
            enabled[name] = True
            if audiences is not reached_by:
                reached_by = audiences
                found.reached.update(audience.name for audience in audiences)
    found.units = len(enabled)
    found.shared, found.similar = keys.found(), looks.found()
    found.silent = frozenset(name for name, is_enabled in enabled.items() if not is_enabled)
    return found


def _count(unit: Unit, found: Survey, keys: Repeats) -> bool:
    """Count the unit's contacts; returns whether one of them is enabled."""
    any_enabled = False
    domains = found.domains
    for of_unit, _name, email, role, disabled, *_others in unit.contacts:
        key = address_key(email)
        keys.add(key)
        if role:
            found.roles = True
        if disabled is not None:
            if len(found.disabled) < MOST_DISABLED:
                found.disabled.append((key, of_unit))
            continue
        any_enabled = True
        at = key.rfind("@")
        if at < 0:
            found.endpoints[Endpoint.parse(key)] = None
            continue
        domain = key[at + 1 :]
        if domain in domains:
            domains[domain] += 1
        elif len(domains) < MOST_DOMAINS:
            domains[domain] = 1
        else:
            found.uncounted += 1
    found.contacts += len(unit.contacts)
    return any_enabled
