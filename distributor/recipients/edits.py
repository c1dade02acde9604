"""What an administrator does to the names of a list: units, audiences and groups of a draft come, go and change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributor.errors import InputError
from distributor.i18n import _
from distributor.recipients.addresses import address_key
from distributor.recipients.draft import CONTACT, Draft, Entry, check, did_you_mean, refusal
from distributor.recipients.model import GroupName

GROUP = ("labels", "template", "subject", "greeting", "closing", "reply_to")
"""What a group says of itself, in the order in which it is written."""


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A unit that is to be written; *salutation* None: its letters address it by its name."""

    salutation: str | None
    contacts: list[Mapping[str, str]]

    def value(self) -> dict[str, Any]:
        """As it stands in recipients.yaml."""
        head: dict[str, Any] = {"salutation": self.salutation} if self.salutation else {}
        return head | {"contacts": [_of_contact(contact) for contact in self.contacts]}


# Units


def add_unit(
    draft: Draft, name: str, audiences: Sequence[str], salutation: str | None, contacts: Sequence[Mapping[str, str]]
) -> None:
    """A new unit of *audiences* with *contacts*, behind the last unit that the first of them has in recipients.yaml.

    Where the first audience has its units in an included file, the contacts go there.

    Raises:
        InputError: there is such a unit, or no such audience; or texts that the list would not take.
    """
    check({"name": name} | ({"salutation": salutation} if salutation else {}))
    for contact in contacts:
        check(contact)
    if draft.knows_unit(name):
        raise refusal("unit-exists", _("there is a unit {name} already").format(name=name))
    need_audiences(draft, audiences)
    settle(draft, audiences[0], {name: NewUnit(salutation, list(contacts))}, home_of(draft, audiences[0]))
    for audience in audiences[1:]:
        join(draft, name, audience)


def rename_unit(draft: Draft, old: str, new: str) -> None:
    """Call a unit *new* wherever the list names it.

    Raises:
        InputError: there is no unit *old*, or there is one that is called *new*.
    """
    check({"name": new})
    need_unit(draft, old)
    if draft.knows_unit(new):
        raise refusal("unit-exists", _("there is a unit {name} already").format(name=new))
    draft.rename_unit(draft.of_unit(old), new)
    if old in draft.units:
        draft.data["units"] = _renamed(draft.units, old, new)
    for audience in draft.audiences:
        units = members(draft, audience)
        units[:] = [new if unit == old else unit for unit in units]


def remove_unit(draft: Draft, name: str) -> None:
    """Take a unit with all its contacts out of the list and of every audience.

    Raises:
        InputError: there is no such unit.
    """
    need_unit(draft, name)
    for entry in draft.of_unit(name):
        draft.remove(entry)
    draft.units.pop(name, None)
    for audience in draft.audiences:
        if name in members(draft, audience):
            leave(draft, name, audience)


def set_salutation(draft: Draft, name: str, salutation: str) -> None:
    """How letters address a unit; "": by its name.

    Raises:
        InputError: there is no such unit, or the text is none.
    """
    need_unit(draft, name)
    check({"salutation": salutation} if salutation else {})
    if name not in draft.units:
        for entry in draft.of_unit(name):
            draft.put(entry, {"salutation": salutation})
        return
    draft.units[name] = _with_first(draft.units[name], "salutation", salutation)


def join(draft: Draft, name: str, audience: str, *, after: str | None = None) -> None:
    """Let a unit that recipients.yaml defines be of *audience* too: last, or behind the unit *after*.

    Raises:
        InputError: there is no such unit or audience, or an included file has the unit.
    """
    need_audiences(draft, [audience])
    need_unit(draft, name)
    if name not in draft.units:
        message = _("{name} stands in an included file and belongs to the audience of that file")
        raise refusal("included-unit", message.format(name=name), _("move it: `distributor recipients move unit`"))
    units = [unit for unit in members(draft, audience) if unit != name]
    if after is not None and after not in units:
        raise _not_of(draft, after, audience)
    units.insert(len(units) if after is None else units.index(after) + 1, name)
    _members_of(draft, audience)[:] = units


def leave(draft: Draft, name: str, audience: str) -> None:
    """Take a unit out of an audience; it stays in the list.

    Raises:
        InputError: there is no such audience, or it does not name the unit.
    """
    need_audiences(draft, [audience])
    units = members(draft, audience)
    if name not in units:
        raise _not_of(draft, name, audience)
    units[:] = [unit for unit in units if unit != name]


def move_unit(draft: Draft, name: str, *, to: str, source: str | None = None, after: str | None = None) -> None:
    """Take a unit out of the audience *source* (default: the only one that has it) and put it into *to*.

    A unit of an included file goes to the file of *to*, or into recipients.yaml where that has none.

    Raises:
        InputError: no such unit or audience, it is not of *source*, or there are several audiences that it could leave.
    """
    need_unit(draft, name)
    need_audiences(draft, [to, *([source] if source else [])])
    if name in draft.units:
        if source is None:
            source = _only_audience(draft, name, to)
        if source is not None and source != to:
            leave(draft, name, source)
        join(draft, name, to, after=after)
        return
    entries = draft.of_unit(name)
    if source is not None and not any(entry.include in included(draft, source) for entry in entries):
        raise _not_of(draft, name, source)
    if after is None and all(entry.include in included(draft, to) for entry in entries):
        return
    for entry in entries:
        draft.remove(entry)
    salutation = next((entry.fields["salutation"] for entry in entries if "salutation" in entry.fields), None)
    settle(draft, to, {name: NewUnit(salutation, [entry.fields for entry in entries])}, home_of(draft, to))
    if after is not None:
        join(draft, name, to, after=after)


def settle(draft: Draft, audience: str, new: Mapping[str, NewUnit], file: str | None) -> None:
    """Write units of *audience* that stand nowhere yet into the included *file*, None: into recipients.yaml.

    Raises:
        InputError: a unit without a contact, where a row needs one.
    """
    if file is not None:
        _settle_in_file(draft, audience, new, file)
        return
    before = set(members(draft, audience))
    last = max((number for number, unit in enumerate(draft.units) if unit in before), default=len(draft.units) - 1)
    entries = list(draft.units.items())
    entries[last + 1 : last + 1] = [(name, unit.value()) for name, unit in new.items()]
    draft.data["units"] = dict(entries)
    _members_of(draft, audience).extend(new)


def home_of(draft: Draft, audience: str) -> str | None:
    """The included file where *audience* has its units; None: they stand in recipients.yaml."""
    files = included(draft, audience)
    return files[-1] if files and not members(draft, audience) else None


def _settle_in_file(draft: Draft, audience: str, new: Mapping[str, NewUnit], file: str) -> None:
    for name, unit in new.items():
        if not unit.contacts:
            message = _("the units of {audience} stand in {file}: a unit there needs a contact")
            message = message.format(audience=audience, file=file)
            raise refusal("no-contact", message, _('add --contact "NAME <ADDRESS>"'))
        head = {"salutation": unit.salutation} if unit.salutation else {}
        for contact in unit.contacts:
            draft.add_row(file, name, head | _of_contact(contact))


def _of_contact(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in CONTACT if fields.get(name)}


def _only_audience(draft: Draft, name: str, to: str) -> str | None:
    found = [audience for audience in draft.audiences if name in members(draft, audience) and audience != to]
    if len(found) > 1:
        message = _("{name} is in several audiences: {names}").format(name=name, names="、".join(found))
        raise refusal("which-audience", message, _("say which one it leaves: --from AUDIENCE"))
    return found[0] if found else None


# Contacts


def add_contact(draft: Draft, unit: str, fields: Mapping[str, str]) -> None:
    """A new contact of *unit*.

    Raises:
        InputError: the list has no such unit, or the unit has the address already.
    """
    need_unit(draft, unit)
    check(fields)
    _need_new_address(draft, unit, fields["email"])
    draft.add(unit, fields)


def set_contact(draft: Draft, contact: Entry, fields: Mapping[str, str]) -> None:
    """Change what the list says of a contact; "" takes a text away.

    Raises:
        InputError: texts that the list would not take, or its unit has the new address already.
    """
    if email := fields.get("email"):
        check({"email": email})
        if address_key(email) != contact.key:
            _need_new_address(draft, contact.unit, email)
    draft.put(contact, fields)


def _need_new_address(draft: Draft, unit: str, address: str) -> None:
    key = address_key(address)
    if any(entry.key == key for entry in draft.of_unit(unit)):
        message = _("{unit} has a contact with the address {address} already")
        raise refusal("contact-exists", message.format(unit=unit, address=address))


# Audiences


def add_audience(draft: Draft, name: str, only: str | None) -> None:
    """A new name that an imprint may use.

    Raises:
        InputError: there is such an audience.
    """
    check({"name": name})
    if name in draft.audiences:
        raise refusal("audience-exists", _("there is an audience {name} already").format(name=name))
    draft.audiences[name] = ({"only": only} if only else {}) | {"units": []}


def set_only(draft: Draft, name: str, only: str | None) -> None:
    """Bind an audience to a group; None: any label may stand before it.

    Raises:
        InputError: there is no such audience.
    """
    need_audiences(draft, [name])
    draft.audiences[name] = _with_first(draft.audiences[name], "only", only)


def set_includes(draft: Draft, name: str, files: Sequence[str]) -> None:
    """The CSV files that an audience includes, as recipients.yaml calls them.

    Raises:
        InputError: there is no such audience.
    """
    need_audiences(draft, [name])
    value = files[0] if len(files) == 1 else list(files)
    changed = draft.audiences[name] | {"include": value}
    draft.audiences[name] = {key: value for key, value in changed.items() if key != "include" or files}


def rename_audience(draft: Draft, old: str, new: str) -> None:
    """Call an audience *new*: as bulletins are to print it from now on.

    Raises:
        InputError: there is no audience *old*, or there is one that is called *new*.
    """
    check({"name": new})
    need_audiences(draft, [old])
    if new in draft.audiences:
        raise refusal("audience-exists", _("there is an audience {name} already").format(name=new))
    draft.data["audiences"] = _renamed(draft.audiences, old, new)


def remove_audience(draft: Draft, name: str) -> None:
    """Take an audience out of the list; its units stay.

    Raises:
        InputError: there is no such audience.
    """
    need_audiences(draft, [name])
    del draft.audiences[name]


def members(draft: Draft, audience: str) -> list[str]:
    """The units that recipients.yaml names for *audience*; none, and not to be changed, where it names no units."""
    found: list[str] = draft.audiences[audience].get("units", [])
    return found


def included(draft: Draft, audience: str) -> list[str]:
    """The names in messages of the files that *audience* includes."""
    files = names_of_includes(draft, audience)
    return [str(Path(draft.file).parent / name) for name in files]


def names_of_includes(draft: Draft, audience: str) -> list[str]:
    """As recipients.yaml calls them."""
    found = draft.audiences[audience].get("include", [])
    return [found] if isinstance(found, str) else list(found)


def _members_of(draft: Draft, audience: str) -> list[Any]:
    found: list[Any] = draft.audiences[audience].setdefault("units", [])
    return found


# Groups


def add_group(draft: Draft, name: GroupName, fields: Mapping[str, Any]) -> None:
    """A group that the list does not have yet.

    Raises:
        InputError: it has it.
    """
    if name in draft.data["groups"]:
        raise refusal("group-exists", _("the list has the group {name} already").format(name=name))
    draft.data["groups"][str(name)] = {key: fields[key] for key in GROUP if fields.get(key)}


def set_group(draft: Draft, name: GroupName, fields: Mapping[str, Any]) -> None:
    """Change what a group says; "" takes a text away.

    Raises:
        InputError: the list has no such group.
    """
    need_group(draft, name)
    changed = draft.data["groups"][name] | fields
    draft.data["groups"][name] = {key: value for key, value in changed.items() if value}


def remove_group(draft: Draft, name: GroupName) -> None:
    """Take a group out of the list: its labels are errors from now on.

    Raises:
        InputError: the list has no such group.
    """
    need_group(draft, name)
    del draft.data["groups"][name]


# What must be there


def need_unit(draft: Draft, name: str) -> None:
    """Raises InputError where the list has no unit *name*."""
    if not draft.knows_unit(name):
        message = _("the list has no unit {name}").format(name=name)
        raise refusal("unknown-unit", message, did_you_mean(name, draft.units))


def need_audiences(draft: Draft, names: Iterable[str]) -> None:
    """Raises InputError where the list lacks one of the audiences *names*."""
    for name in names:
        if name not in draft.audiences:
            message = _("the list has no audience {name}").format(name=name)
            raise refusal("unknown-audience", message, did_you_mean(name, draft.audiences))


def _not_of(draft: Draft, unit: str, audience: str) -> InputError:
    message = _("{audience} has no unit {name}").format(audience=audience, name=unit)
    return refusal("unknown-unit", message, did_you_mean(unit, members(draft, audience)))


def need_group(draft: Draft, name: GroupName) -> None:
    """Raises InputError where the list has no group *name*."""
    if name not in draft.data["groups"]:
        raise refusal("unknown-group", _("the list has no group {name}").format(name=name))


def _with_first(entries: Mapping[str, Any], key: str, value: str | None) -> dict[str, Any]:
    """*entries* with another *value*, in its place or else before the others; without *key* where there is no value."""
    head = {} if key in entries or not value else {key: value}
    return head | {name: value if name == key else kept for name, kept in entries.items() if name != key or value}


def _renamed(entries: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in entries.items()}
