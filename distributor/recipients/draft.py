"""A list while it is changed: contacts found by address or unit, in recipients.yaml or included files, changed there.

Only the contacts that are asked for are taken out of included files: a million others are streamed past. What comes of
a draft is the text of recipients.yaml (`text`) and what becomes of included rows (`rows`, `new_files`).
"""

import codecs
import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributor.endpoints import MAIL, Kind, channel_of
from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _
from distributor.recipients.addresses import address_key, is_like_address, not_an_address, why_not_address
from distributor.recipients.csv_text import Cells, RowChanges
from distributor.recipients.faults import is_reason, nearest, why_not_text
from distributor.recipients.loader import Loaded
from distributor.recipients.model import Include, Roster, Unit
from distributor.recipients.yaml_text import UnkeptError, rewrite, value_of

CONTACT = ("name", "email", "role", "phone", "disabled", "note")
"""What a contact says of itself, in the order in which it is written."""

_NEEDED = ("name", "email")


def as_known(contact: Mapping[str, Any]) -> dict[str, Any]:
    """A contact of recipients.yaml, its address under ``email`` whatever it is: of ``wecom: office`` wecom:office."""
    return {
        "email" if key in _KINDS else key: f"{key}:{value}" if key in _KINDS else value
        for key, value in contact.items()
    }  # fmt: skip


def as_written(contact: Mapping[str, Any]) -> dict[str, Any]:
    """A contact as recipients.yaml has it: what as_known() was made of."""
    kind = channel_of(contact["email"])
    if kind == MAIL:
        return dict(contact)
    name = contact["email"].partition(":")[2]
    return {kind if key == "email" else key: name if key == "email" else value for key, value in contact.items()}


_KINDS = frozenset(Kind)


@dataclass(slots=True, eq=False)
class Entry:
    """A contact where it stands: in *include*, a file, in the row that begins at *line*; "": in recipients.yaml.

    *fields* by the keys of CONTACT, without those that are empty; of a row also its ``salutation``. Change them by
    Draft.put().
    """

    unit: str
    fields: dict[str, str]
    include: str = ""
    line: int = 0

    @property
    def key(self) -> str:
        """The normalised address."""
        return address_key(self.fields["email"])


def refusal(code: str, message: str, remedy: str | None = None, place: Place | None = None) -> InputError:
    """What to raise where one thing is wrong."""
    return InputError([Finding(Severity.ERROR, code, message, place, remedy)])


class Draft:
    """A draft of the list that was *loaded*.

    *data* is the content of recipients.yaml as texts, lists and dicts: names and memberships are changed there.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.roster: Roster = loaded.roster
        self.data: Any = value_of(loaded.tree)
        for unit in self.units.values():
            unit["contacts"][:] = map(as_known, unit["contacts"])
        self.rows: dict[str, RowChanges] = defaultdict(RowChanges)
        self.new_files: dict[str, list[Cells]] = {}
        self.loaded = loaded
        self._by_key: dict[str, list[Entry]] = defaultdict(list)
        self._by_unit: dict[str, list[Entry]] = defaultdict(list)
        self._last_row: dict[str, tuple[str, int]] = {}
        self._taken: set[tuple[str, int]] = set()
        self._asked: tuple[set[str], set[str]] = set(), set()
        for unit, fields in self.units.items():
            for contact in fields["contacts"]:
                self._know(Entry(unit, contact))

    @property
    def file(self) -> str:
        """The name of the list in messages."""
        return self.roster.file

    @property
    def units(self) -> dict[str, Any]:
        """The units that recipients.yaml defines: what stands under ``units``, made when there is nothing yet."""
        found: dict[str, Any] = self.data.get("units", {})
        return found

    @property
    def audiences(self) -> dict[str, Any]:
        """What stands under ``audiences``."""
        found: dict[str, Any] = self.data["audiences"]
        return found

    @property
    def is_marked(self) -> bool:
        """Whether recipients.yaml has a byte order mark."""
        return self.loaded.data.startswith(codecs.BOM_UTF8)

    @property
    def sha256(self) -> str:
        """The digest of recipients.yaml as it was read."""
        return hashlib.sha256(self.loaded.data).hexdigest()

    @property
    def old_text(self) -> str:
        """recipients.yaml as it was read, without byte order mark."""
        return self.loaded.data.decode("utf-8-sig")

    def text(self) -> str:
        """recipients.yaml as it is to be, without byte order mark.

        Raises:
            InputError: it is written in a way that only a person can change.
        """
        try:
            return rewrite(self.old_text, self.loaded.tree, self.written)
        except UnkeptError as error:
            message = _("what stands here cannot be changed by a command")
            raise refusal("unkept", message, _("change it by hand"), Place(self.file, error.line)) from None

    @property
    def written(self) -> Any:
        """*data* as it stands in the file."""
        if "units" not in self.data:
            return self.data
        units = {
            name: unit | {"contacts": list(map(as_written, unit["contacts"]))} for name, unit in self.units.items()
        }
        return self.data | {"units": units}

    # Contacts

    def look(self, *, keys: Collection[str] = (), units: Collection[str] = ()) -> None:
        """Find the contacts with the normalised addresses *keys*, and of *units*: all at once, as files are long."""
        asked_keys, asked_units = self._asked
        new_keys, new_units = set(keys) - asked_keys, set(units) - asked_units
        if not new_keys and not new_units:
            return
        self._asked = asked_keys | new_keys, asked_units | new_units
        self._scan(lambda unit, key: unit in new_units or key in new_keys, new_units)

    def look_at_all(self) -> Iterator[Entry]:
        """Every contact, those of included files streamed: look for what is to be changed."""
        yield from (entry for entries in list(self._by_unit.values()) for entry in entries if not entry.include)
        for include, unit in self._included():
            for contact in unit.contacts:
                yield self._entry(include, unit, contact)

    def with_key(self, key: str) -> list[Entry]:
        """The contacts with this normalised address."""
        self.look(keys=[key])
        return list(self._by_key.get(key, ()))

    def of_unit(self, unit: str) -> list[Entry]:
        """The contacts of *unit*."""
        self.look(units=[unit])
        return list(self._by_unit.get(unit, ()))

    def knows_unit(self, unit: str) -> bool:
        """Whether recipients.yaml or an included file has *unit*."""
        return unit in self.units or bool(self.of_unit(unit))

    def put(self, entry: Entry, changes: Mapping[str, str | None]) -> None:
        """Change fields of a contact; None or "" takes one away.

        Raises:
            InputError: every text that the list would not take.
        """
        check({name: value or "" for name, value in changes.items() if value or name in _NEEDED})
        old = entry.key
        fields = entry.fields | {name: value for name, value in changes.items() if value}
        left = [name for name in fields if name not in changes or changes[name]]
        kept = {name: fields[name] for name in left}
        entry.fields.clear()
        entry.fields.update(kept)
        self._write(entry)
        if entry.key != old:
            self._by_key[old].remove(entry)
            self._by_key[entry.key].append(entry)

    def add(self, unit: str, fields: Mapping[str, str]) -> None:
        """A new contact of *unit*, which is known: behind the unit's others, in the file where they are.

        There it may have a ``salutation`` of its own; else it gets that of the others.

        Raises:
            InputError: every text that the list would not take.
        """
        given = {name: fields[name] for name in CONTACT if fields.get(name)}
        check(given)
        others = self.of_unit(unit)
        if unit in self.units:
            self.units[unit]["contacts"].append(given)
            self._know(Entry(unit, given))
        else:
            include, line = self._last_row[unit]
            salutation = fields.get("salutation") or next((other.fields.get("salutation") for other in others), None)
            self.add_row(include, unit, given | ({"salutation": salutation} if salutation else {}), after=line)

    def add_row(self, include: str, unit: str, fields: Mapping[str, str], *, after: int = 0) -> None:
        """A new contact of *unit* in *include*, after the row that begins at line *after*; 0: at its end.

        The draft does not find it again.
        """
        row = {"unit": unit, **fields}
        if include in self.new_files:
            self.new_files[include].append(row)
        else:
            self.rows[include].added.setdefault(after, []).append(row)
        self._last_row.setdefault(unit, (include, after))

    def remove(self, entry: Entry) -> None:
        """Take a contact out of the list."""
        if entry.include:
            self.rows[entry.include].changed[entry.line] = None
        else:
            contacts = self.units[entry.unit]["contacts"]
            contacts[:] = [contact for contact in contacts if contact is not entry.fields]
        self._by_key[entry.key].remove(entry)
        self._by_unit[entry.unit].remove(entry)

    def rename_unit(self, entries: Iterable[Entry], new: str) -> None:
        """Let the contacts of a unit be those of *new*; rows of included files are to say so."""
        for entry in list(entries):
            self._by_unit[entry.unit].remove(entry)
            entry.unit = new
            self._by_unit[new].append(entry)
            self._write(entry)

    def place_of(self, entry: Entry) -> Place:
        """Where a contact that was there from the beginning stands."""
        if entry.include:
            return Place(entry.include, entry.line)
        numbers = (n for n, fields in enumerate(self.units[entry.unit]["contacts"]) if fields is entry.fields)
        return Place(self.file, self.roster.units[entry.unit].contacts[next(numbers)].line)

    # How it is done

    def _know(self, entry: Entry) -> None:
        self._by_key[entry.key].append(entry)
        self._by_unit[entry.unit].append(entry)

    def _write(self, entry: Entry) -> None:
        if entry.include:
            self.rows[entry.include].changed[entry.line] = {"unit": entry.unit, **entry.fields}

    def _scan(self, wanted: Callable[[str, str], bool], units: Collection[str]) -> None:
        for include, unit in self._included():
            if unit.name in units:
                self._last_row[unit.name] = (include.file, unit.contacts[-1].line)
            for contact in unit.contacts:
                if wanted(unit.name, address_key(contact.email)) and (include.file, contact.line) not in self._taken:
                    self._taken.add((include.file, contact.line))
                    self._know(self._entry(include, unit, contact))

    def _included(self) -> Iterator[tuple[Include, Unit]]:
        for include in includes_of(self.roster):
            for unit in include.read():
                yield include, unit

    def _entry(self, include: Include, unit: Unit, contact: Any) -> Entry:
        fields = {name: getattr(contact, name) for name in CONTACT}
        shared = self.roster.units.get(unit.name)
        if unit.salutation not in (unit.name, shared and shared.salutation):
            fields["salutation"] = unit.salutation
        given = {name: value for name, value in fields.items() if value}
        return Entry(unit.name, given, include.file, contact.line)


def includes_of(roster: Roster) -> list[Include]:
    """Every included file once, in the order of the audiences."""
    found = (include for audience in roster.audiences.values() for include in audience.includes)
    return list({include.file: include for include in found}.values())


def path_of(draft: Draft, name: str) -> str:
    """The name in messages of an included file that recipients.yaml calls *name*."""
    return str(Path(draft.file).parent / name)


def check(fields: Mapping[str, str]) -> None:
    """Refuse texts that a list would not take.

    Raises:
        InputError: every one of them.
    """
    if found := list(_faults(fields)):
        raise InputError(found)


def _faults(fields: Mapping[str, str]) -> Iterator[Finding]:
    for name, value in fields.items():
        if name == "note":
            continue
        if why := why_not_text(value):
            message = _("{field}: {why}").format(field=name, why=why)
            yield Finding(Severity.ERROR, "bad-text", message)
        elif name == "email" and (why := why_not_address(value)):
            yield Finding(Severity.ERROR, "bad-address", not_an_address(value, why))
        elif name == "disabled" and not is_reason(value):
            message = _("{value} is no reason").format(value=value)
            yield Finding(Severity.ERROR, "no-reason", message, remedy=_("say why: --reason TEXT"))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A remedy that names the nearest of *known*; addresses all look somewhat alike."""
    near = nearest(word, known, 0.8 if is_like_address(word) else 0.5)
    return _("did you mean {names}?").format(names=" / ".join(near)) if near else None
