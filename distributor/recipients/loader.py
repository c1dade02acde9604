"""recipients.yaml → Roster: the schema of the list. Every fault is found in one pass and told with file and line."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _
from distributor.recipients.faults import Faults
from distributor.recipients.fields import ADDRESSES, Fields, entries_of, items_of, text_of, texts_of
from distributor.recipients.include import open_include
from distributor.recipients.model import Audience, Contact, Group, GroupName, Include, Roster, Unit
from distributor.recipients.yaml_tree import MAX_BYTES, Items, Node, Text, parse
from distributor.words import why

_LIST = frozenset({"groups", "audiences", "units"})
_GROUP = frozenset({"labels", "template", "subject", "greeting", "closing", "reply_to", "order"})
_TEXTS = ("template", "subject", "greeting", "closing")
_AUDIENCE = frozenset({"only", "units", "include"})
_UNIT = frozenset({"salutation", "contacts"})
_CONTACT = frozenset({"name", "role", "disabled", "phone", "note", *ADDRESSES})
_ORDER = {name: str(position) for position, name in enumerate(GroupName, 1)}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A list, the bytes of its own file, and their tree."""

    roster: Roster
    data: bytes
    tree: Node


def load(path: Path) -> Roster:
    """The recipient list in *path* and the CSV files it includes; these must lie in the same folder or below it.

    Raises:
        InputError: every fault of the list and its includes, by file and line.
    """
    return load_draft(path).roster


def load_draft(path: Path, instead: Mapping[Path, Path] = MappingProxyType({})) -> Loaded:
    """As load(), where some files, by their resolved paths, are read *instead* of others: drafts of what they will be.

    Raises:
        InputError: every fault, by the name of the file that was to be read.
    """
    faults = Faults(str(path))
    data = _read(instead.get(path.resolve(), path), faults)
    tree = parse(data, faults) if data is not None else None
    if data is None or tree is None:
        raise InputError(faults.findings())
    return Loaded(_ListReader(path, faults, instead).roster(tree, data), data, tree)


def _read(path: Path, faults: Faults) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        message = _("the list cannot be opened: {error}").format(error=why(error))
        faults.add("unreadable-list", None, message, _("check the file's name and that you may read it"))
        return None


def _regular_file(path: Path) -> Path | None:
    """The file behind *path* and its links; None if there is none (or a folder, a pipe, a circle of links)."""
    try:
        found = path.resolve(strict=True)
        return found if found.is_file() else None
    except (OSError, RuntimeError):
        return None


class _ListReader:
    """Reads one list; remembers what its parts say about one another."""

    def __init__(self, path: Path, faults: Faults, instead: Mapping[Path, Path]) -> None:
        self.path = path
        self.faults = faults
        self.instead = instead
        self.units: dict[str, Unit] = {}
        self.includes: dict[str, Include | None] = {}
        self.include_findings: list[Finding] = []
        self.warnings: list[Finding] = []
        self.units_are_defined = False

    def roster(self, tree: Node, data: bytes) -> Roster:
        top = Fields(tree, _LIST, self.faults)
        groups = dict(self._groups(top.required("groups")))
        if (units := top.node("units")) is not None:
            self.units_are_defined = True
            self.units.update(self._units(units))
        audiences = dict(self._audiences(top.required("audiences")))
        if any(audience.units for audience in audiences.values()):
            top.required("units")
        if self.faults or self.include_findings:
            raise InputError([*self.faults.findings(), *self.include_findings])
        self._unused(audiences)
        findings = tuple(self.warnings)
        return Roster(str(self.path), self._sha256(data), groups, audiences, self.units, findings)

    def _sha256(self, data: bytes) -> str:
        digest = hashlib.sha256(data)
        for name, include in sorted(self.includes.items()):
            digest.update(f"\n{name} {include.sha256 if include else ''}".encode())
        return digest.hexdigest()

    def _named(self, node: Node | None) -> Iterator[tuple[str, Text, Node]]:
        """Entries whose keys are names that people chose."""
        if node is not None:
            for key, value in entries_of(node, self.faults).values():
                # Text that YAML misreads has been reported while parsing; an empty or unclean name has not.
                if text_of(Text(key.value, key.line, plain=False), self.faults):
                    yield key.value, key, value

    def _place(self, line: int) -> Place:
        return Place(str(self.path), line)

    # Groups

    def _groups(self, node: Node | None) -> Iterator[tuple[GroupName, Group]]:
        labels: dict[str, int] = {}
        for name, key, value in self._named(node):
            if (group := self._group_name(name, key.line)) is not None:
                yield group, self._group(group, value, labels)

    def _group_name(self, name: str, line: int) -> GroupName | None:
        if name in set(GroupName):
            return GroupName(name)
        message = _("there is no group {name}").format(name=name)
        self.faults.add("unknown-group", line, message, _("possible are: {keys}").format(keys=", ".join(GroupName)))
        return None

    def _group(self, name: GroupName, node: Node, labels: dict[str, int]) -> Group:
        fields = Fields(node, _GROUP, self.faults)
        self._check_order(name, fields.node("order"))
        return Group(
            name=name,
            labels=tuple(self._labels(fields.required("labels"), labels)),
            template=fields.text("template"),
            subject=fields.text("subject"),
            greeting=fields.prose("greeting"),
            closing=fields.prose("closing"),
            reply_to=fields.address("reply_to", required=False),
            place=self._place(node.line),
            places={key: self._place(text.line) for key in _TEXTS if (text := fields.node(key)) is not None},
        )

    def _check_order(self, name: GroupName, node: Node | None) -> None:
        """A list may spell out which group comes first when an address is in two, but not change it."""
        if node is not None and not (isinstance(node, Text) and node.value == _ORDER[name]):
            order = " ".join(f"{group} {position}" for group, position in _ORDER.items())
            message = _("the order of the groups is fixed: {order}").format(order=order)
            self.faults.add("wrong-order", node.line, message, _("delete it, or write that number"))

    def _labels(self, node: Node | None, seen: dict[str, int]) -> Iterator[str]:
        for text in texts_of(node, self.faults) if node is not None else ():
            if text.value in seen:
                message = _("the label {name} stands here a second time (first in line {line})")
                message = message.format(name=text.value, line=seen[text.value])
                remedy = _("a label belongs to one group: delete it here or there")
                self.faults.add("repeated-label", text.line, message, remedy)
            seen.setdefault(text.value, text.line)
            yield text.value

    # Audiences

    def _audiences(self, node: Node | None) -> Iterator[tuple[str, Audience]]:
        for name, key, value in self._named(node):
            fields = Fields(value, _AUDIENCE, self.faults)
            yield (
                name,
                Audience(
                    name=name,
                    only=self._only(fields.node("only")),
                    units=tuple(self._members(fields.node("units"))),
                    includes=tuple(self._includes(fields.node("include"))),
                    place=self._place(key.line),
                ),
            )

    def _only(self, node: Node | None) -> GroupName | None:
        if node is None or not (name := text_of(node, self.faults)):
            return None
        return self._group_name(name, node.line)

    def _members(self, node: Node | None) -> Iterator[str]:
        seen: dict[str, int] = {}
        for text in texts_of(node, self.faults) if node is not None else ():
            if text.value in seen:
                message = _("{name} stands here a second time (first in line {line})")
                message = message.format(name=text.value, line=seen[text.value])
                self._warn("repeated-unit", message, self._place(text.line), _("delete one of the two"))
                continue
            seen[text.value] = text.line
            if self.units_are_defined and text.value not in self.units:
                self._unknown_unit(text)
            yield text.value

    def _unknown_unit(self, text: Text) -> None:
        message = _("the unit {name} is not defined").format(name=text.value)
        remedy = self.faults.did_you_mean(text.value, self.units)
        self.faults.add("unknown-unit", text.line, message, remedy or _("define it under units"))

    def _includes(self, node: Node | None) -> Iterator[Include]:
        if node is None:
            return
        for item in items_of(node, self.faults) if isinstance(node, Items) else [node]:
            if name := text_of(item, self.faults):
                if name not in self.includes:
                    self.includes[name] = self._include(name, item.line)
                if (include := self.includes[name]) is not None:
                    yield include

    def _include(self, name: str, line: int) -> Include | None:
        folder = self.path.parent.resolve()
        wanted = folder / name
        if (path := wanted if wanted in self.instead else _regular_file(wanted)) is None:
            message = _("there is no file {name} beside the list").format(name=name)
            self.faults.add("missing-include", line, message, _("check the file's name"))
            return None
        if not path.is_relative_to(folder):
            message = _("{name} lies outside the folder of the list").format(name=name)
            self.faults.add("outside-include", line, message, _("put the file beside the list"))
            return None
        try:
            return open_include(path, str(self.path.parent / name), self._salutations(), self.instead.get(path))
        except InputError as error:
            self.include_findings.extend(error.findings)
            return None

    def _salutations(self) -> Mapping[str, str]:
        return {name: unit.salutation for name, unit in self.units.items() if unit.salutation != name}

    # Units

    def _units(self, node: Node) -> Iterator[tuple[str, Unit]]:
        for name, key, value in self._named(node):
            fields = Fields(value, _UNIT, self.faults)
            salutation = fields.optional_text("salutation") or name
            contacts = tuple(self._contacts(name, fields.required("contacts")))
            yield name, Unit(name, salutation, contacts, self._place(key.line))

    def _contacts(self, unit: str, node: Node | None) -> Iterator[Contact]:
        for item in items_of(node, self.faults) if node is not None else ():
            fields = Fields(item, _CONTACT, self.faults)
            yield Contact(
                unit=unit,
                name=fields.text("name"),
                email=fields.destination() or "",
                role=fields.optional_text("role"),
                disabled=fields.reason("disabled"),
                phone=fields.optional_text("phone"),
                note=fields.prose("note") or None,
                line=item.line,
            )

    def _unused(self, audiences: Mapping[str, Audience]) -> None:
        used = {name for audience in audiences.values() for name in audience.units}
        for name, unit in self.units.items():
            if name not in used:
                message = _("no audience names the unit {name}: its contacts here get nothing").format(name=name)
                remedy = _("put it into an audience: `distributor recipients set unit NAME --join AUDIENCE`")
                self._warn("unused-unit", message, unit.place, remedy)

    def _warn(self, code: str, message: str, place: Place, remedy: str) -> None:
        self.warnings.append(Finding(Severity.WARNING, code, message, place, remedy))
