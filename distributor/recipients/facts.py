"""A list as facts: plain tuples of text that together say all of it, so that two of its states can be compared.

A fact is its kind, then the values that NAMES has for the kind; "" stands for nothing. Lines, comments and the order of
entries are no facts.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import TypeAlias

from distributor.recipients.model import Include, Roster, Unit

Fact: TypeAlias = tuple[str, ...]

NAMES: Mapping[str, tuple[str, ...]] = {
    "group": ("name", "labels", "template", "subject", "greeting", "closing", "reply_to"),
    "audience": ("name", "only"),
    # A unit of the audience called *name*, and a file that it includes.
    "member": ("name", "unit"),
    "include": ("name", "file"),
    "unit": ("unit", "salutation"),
    # *salutation*: of this row of *file*, where it differs from its unit's. *file* "": the list itself.
    "contact": ("unit", "name", "email", "role", "phone", "note", "disabled", "salutation", "file"),
    # One whom a bulletin reaches, in a group.
    "reader": ("unit", "name", "email", "group"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a list: "" is the list itself. *facts* streams afresh at each call.

    Two parts of the same *file* and *sha256* have the same facts.
    """

    file: str
    sha256: str
    facts: Callable[[], Iterator[Fact]]


def parts(roster: Roster) -> Iterator[Part]:
    """The list, then every file that it includes, each once and named as seen from the list's folder.

    Raises (while facts are read):
        InputError: an included file has changed since *roster* was loaded.
    """
    yield Part("", roster.sha256, partial(_of_list, roster))
    salutations = {name: unit.salutation for name, unit in roster.units.items() if unit.salutation != name}
    # They hold for the rows of included files too, where these give none.
    depends_on = json.dumps(salutations, sort_keys=True)
    for file, include in _includes(roster).items():
        sha256 = hashlib.sha256(f"{include.sha256} {depends_on}".encode()).hexdigest()
        yield Part(file, sha256, partial(_of_file, file, include, salutations))


def facts(roster: Roster) -> Iterator[Fact]:
    """Everything that *roster* says."""
    for part in parts(roster):
        yield from part.facts()


def contacts(roster: Roster) -> int:
    """How many contacts the list has, with those that it includes."""
    own = sum(len(unit.contacts) for unit in roster.units.values())
    return own + sum(include.contacts for include in _includes(roster).values())


def _includes(roster: Roster) -> dict[str, Include]:
    folder = PurePath(roster.file).parent
    included = (include for audience in roster.audiences.values() for include in audience.includes)
    return {PurePath(include.file).relative_to(folder).as_posix(): include for include in included}


def _of_list(roster: Roster) -> Iterator[Fact]:
    folder = PurePath(roster.file).parent
    for group in roster.groups.values():
        texts = (group.template, group.subject, group.greeting, group.closing, group.reply_to or "")
        yield "group", group.name.value, " ".join(group.labels), *texts
    for audience in roster.audiences.values():
        yield "audience", audience.name, audience.only.value if audience.only else ""
        for member in audience.units:
            yield "member", audience.name, member
        for include in audience.includes:
            yield "include", audience.name, PurePath(include.file).relative_to(folder).as_posix()
    for unit in roster.units.values():
        yield "unit", unit.name, "" if unit.salutation == unit.name else unit.salutation
        yield from _of_contacts(unit, "", "")


def _of_file(file: str, include: Include, salutations: Mapping[str, str]) -> Iterator[Fact]:
    for unit in include.read():
        usual = salutations.get(unit.name, unit.name)
        yield from _of_contacts(unit, "" if unit.salutation == usual else unit.salutation, file)


def _of_contacts(unit: Unit, salutation: str, file: str) -> Iterator[Fact]:
    for _unit, name, email, role, disabled, phone, note, _line in unit.contacts:
        # A million of them are made.
        yield (
            "contact", unit.name, name, email, role or "", phone or "", note or "", disabled or "", salutation, file,
        )  # fmt: skip
