"""Names of an imprint → contacts of the list. Nothing is guessed: a name or label that the list lacks is an error."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _, sentences
from distributor.recipients.addresses import address_key
from distributor.recipients.faults import nearest
from distributor.recipients.model import Audience, Candidate, GroupName, Printed, Resolution, Roster, Unit


@dataclass(frozen=True, slots=True)
class _Route:
    """One name of the imprint that was found in the list."""

    group: GroupName
    label: str
    audience: Audience
    place: Place


def resolve(
    routing: Iterable[tuple[str, str, Place]],
    roster: Roster,
    *,
    allow_unresolved: bool = False,
    only: frozenset[GroupName] | None = None,
) -> Resolution:
    """Whom *routing*, rows of (label, name, where it is printed), reaches by *roster*.

    *only* chooses groups. The others' contacts are candidates all the same, so that an address keeps its highest
    group; what is wrong with the others' names is no more than a warning, as nothing is sent to them now.
    *allow_unresolved* leaves out names that the list does not have, with a warning for each.

    Raises:
        InputError: every label that no group has, name that is no audience, and audience that its `only` forbids
            to this group; also groups of *only* that the imprint does not have.
    """
    resolver = _Resolver(roster, allow_unresolved, only)
    for label, name, place in routing:
        resolver.add(label, name, place)
    return resolver.resolution()


class _Resolver:
    """Takes in one name of the imprint after the other."""

    def __init__(self, roster: Roster, allow_unresolved: bool, only: frozenset[GroupName] | None) -> None:
        self.roster = roster
        self.allow_unresolved = allow_unresolved
        self.only = only
        self.findings: list[Finding] = []
        self.routes: list[_Route] = []
        self.unresolved: list[str] = []
        self._labels = {label: group.name for group in roster.groups.values() for label in group.labels}
        self._reached: set[GroupName] = set()
        self._places: dict[str, tuple[GroupName, Place]] = {}
        self._unmapped: set[tuple[str, Place]] = set()

    def add(self, label: str, name: str, place: Place) -> None:
        group = self._labels.get(label)
        if group is None:
            self._unmapped_label(label, place)
        else:
            self._reached.add(group)
            self._add_name(group, label, name, place)

    def _chosen(self, group: GroupName) -> bool:
        return self.only is None or group in self.only

    def _add_name(self, group: GroupName, label: str, name: str, place: Place) -> None:
        audience = self.roster.audiences.get(name)
        if audience is None:
            self._unknown_audience(group, name, place)
        elif audience.only not in (None, group):
            self._contrary_label(group, audience, label, place)
        elif not self._is_repeated(group, name, place):
            if self._chosen(group):
                self._check_members(audience)
            self.routes.append(_Route(group, label, audience, place))

    def resolution(self) -> Resolution:
        self._groups_not_printed()
        if errors := [finding for finding in self.findings if finding.severity is Severity.ERROR]:
            raise InputError(errors)
        order = list(GroupName)
        routes = sorted(self.routes, key=lambda route: order.index(route.group))
        chosen = [route for route in routes if self._chosen(route.group)]
        units = self.roster.units
        return Resolution(
            lambda: _candidates(routes, units),
            tuple(dict.fromkeys(route.group for route in chosen)),
            tuple(Printed(route.group, route.audience.name, route.place) for route in chosen),
            tuple(dict.fromkeys(self.unresolved)),
            tuple(dict.fromkeys(self.findings)),
        )

    # Errors

    def _error(self, code: str, message: str, place: Place | None, remedy: str) -> None:
        self.findings.append(Finding(Severity.ERROR, code, message, place, remedy))

    def _unmapped_label(self, label: str, place: Place) -> None:
        if (label, place) in self._unmapped:
            return
        self._unmapped.add((label, place))
        message = _("no group has the label {label}").format(label=label)
        remedy = _("add {label} to the labels of a group in {file} ({known})")
        known = "; ".join(f"{group.name}: {', '.join(group.labels)}" for group in self.roster.groups.values())
        remedy = remedy.format(label=label, file=self.roster.file, known=known)
        self._error("unmapped-label", message, place, remedy)

    def _unknown_audience(self, group: GroupName, name: str, place: Place) -> None:
        message = _("the list has no audience {name}").format(name=name)
        if not self._chosen(group):
            self._warn("unknown-audience", _not_now(message, group), place)
        elif self.allow_unresolved:
            self.unresolved.append(name)
            self._warn("unresolved-name", _("{message}; it is left out").format(message=message), place)
        else:
            self._error("unknown-audience", message, place, self._how_to_know(name))

    def _how_to_know(self, name: str) -> str:
        if near := nearest(name, self.roster.audiences):
            hint = _("did you mean {names}?").format(names=" / ".join(near))
        elif name in self.roster.units:
            hint = _("there is a unit of this name: add the audience {name}: {{units: [{name}]}}").format(name=name)
        else:
            hint = _("add it to the audiences in {file}").format(file=self.roster.file)
        return sentences(hint, _("(--allow-unresolved sends to the others without it)"))

    def _contrary_label(self, group: GroupName, audience: Audience, label: str, place: Place) -> None:
        message = _("{name} stands after {label}, but the list allows it only for {only}")
        remedy = _("correct the bulletin, or delete `only` at {place}").format(place=audience.place)
        message = message.format(name=audience.name, label=label, only=audience.only)
        if self._chosen(group):
            self._error("contrary-label", message, place, remedy)
        else:
            self._warn("contrary-label", _not_now(message, group), place)

    def _groups_not_printed(self) -> None:
        for group in GroupName:
            if self.only is not None and group in self.only - self._reached:
                message = _("the imprint has nobody in the group {group}").format(group=group)
                self._error("group-not-printed", message, None, _("choose a group that the imprint has"))

    # Warnings

    def _warn(self, code: str, message: str, place: Place) -> None:
        self.findings.append(Finding(Severity.WARNING, code, message, place))

    def _is_repeated(self, group: GroupName, name: str, place: Place) -> bool:
        """Whether *name* was printed before for the same group; for another group it is reached twice on purpose."""
        if name not in self._places:
            self._places[name] = (group, place)
            return False
        first_group, first = self._places[name]
        if self._chosen(group):
            message = _("{name} is printed a second time (first at {place})").format(name=name, place=first)
            self._warn("repeated-audience", message, place)
        return group == first_group

    def _check_members(self, audience: Audience) -> None:
        for name in audience.units:
            unit = self.roster.units[name]
            if all(contact.disabled is not None for contact in unit.contacts):
                message = _("{name} has no enabled contact: it gets nothing").format(name=name)
                self._warn("silent-unit", message, unit.place)


def _not_now(message: str, group: GroupName) -> str:
    return _("{message}; {group} is not sent now").format(message=message, group=group)


def _candidates(routes: Iterable[_Route], units: Mapping[str, Unit]) -> Iterator[Candidate]:
    """Higher groups first, so that the first candidate of an address is the one whose letter it gets."""
    for route in routes:
        for unit in _members(route.audience, units):
            for _unit, name, email, role, disabled, _phone, _note, _line in unit.contacts:
                # In the order of Candidate's fields: a million of them are made.
                yield Candidate(
                    route.group, route.label, route.audience.name, unit.name, unit.salutation,
                    name, role, email, address_key(email), disabled,
                )  # fmt: skip


def _members(audience: Audience, units: Mapping[str, Unit]) -> Iterator[Unit]:
    for name in audience.units:
        yield units[name]
    for include in audience.includes:
        yield from include.read()
