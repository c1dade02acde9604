"""Addresses that stand on the list more than once, and what that means: one letter, whatever the list intends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from distributor.errors import Place, Severity
from distributor.i18n import _, ngettext
from distributor.recipients.gathering import Gathered, seen_from
from distributor.recipients.model import Audience, Contact, GroupName, Unit

MOST_ADDRESSES = 10_000
_MOST_PLACES = 100  # of one address
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Entry:
    """One contact at the address; *audiences* by the group that they are restricted to."""

    unit: str
    email: str
    disabled: bool
    place: Place
    audiences: dict[GroupName, str]


class Repeated:
    """Takes in the contacts whose addresses came more than once, and tells of each address.

    Of more than MOST_ADDRESSES the others are only counted; of one address the first entries count.
    """

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._entries: dict[str, list[_Entry]] = {}

    def add(self, key: str, unit: Unit, contact: Contact, audiences: Sequence[Audience]) -> None:
        """Take in a contact whose address is one of those."""
        if key not in self._entries and len(self._entries) == MOST_ADDRESSES:
            return
        entries = self._entries.setdefault(key, [])
        if len(entries) < _MOST_PLACES:
            place = Place(unit.place.file, contact.line)
            entries.append(_Entry(unit.name, contact.email, contact.disabled is not None, place, restricted(audiences)))

    def tell(self, addresses: int) -> None:
        """Add the findings; *addresses* is how many came more than once."""
        for entries in self._entries.values():
            enabled = [entry for entry in entries if not entry.disabled]
            self._within_units(enabled)
            self._across_units(enabled)
            if enabled and len(enabled) < len(entries):
                self._partly_disabled(next(entry for entry in entries if entry.disabled), enabled)
        if more := addresses - len(self._entries):
            text = ngettext(
                "{n} more address stands on the list more than once; it was not looked at closely",
                "{n} more addresses stand on the list more than once; they were not looked at closely",
                more,
            )
            self._gathered.add(Severity.WARNING, "many-repeated", text.format(n=more))

    def _within_units(self, entries: Sequence[_Entry]) -> None:
        first: dict[str, _Entry] = {}
        for entry in entries:
            earlier = first.setdefault(entry.unit, entry)
            if earlier is not entry:
                message = _("{address} stands in {unit} a second time (first: {place}): one is superfluous")
                message = message.format(
                    address=entry.email, unit=entry.unit, place=seen_from(entry.place, earlier.place)
                )
                remedy = _("delete one of the two")
                self._gathered.add(Severity.WARNING, "repeated-address", message, entry.place, remedy)

    def _across_units(self, entries: Sequence[_Entry]) -> None:
        units: dict[str, _Entry] = {}
        audiences: dict[GroupName, str] = {}
        for entry in entries:
            units.setdefault(entry.unit, entry)
            audiences |= {group: name for group, name in entry.audiences.items() if group not in audiences}
        # Where each entry is in both groups, that is said of its unit or its file.
        if len(audiences) > 1 and any(entry.audiences.keys() != audiences.keys() for entry in entries):
            message = _("{address} is the address of {names}, and is reached {ways}: {outcome}")
            message = message.format(
                address=entries[0].email, names=_names(units), ways=ways(audiences), outcome=one_letter(audiences)
            )
            remedy = _("if both letters are wanted, give one of the two another address")
            self._gathered.add(Severity.WARNING, "two-groups", message, entries[0].place, remedy)
        elif len(units) > 1:
            message = _("{address} is the address of {names}: it gets one letter")
            message = message.format(address=entries[0].email, names=_names(units))
            self._gathered.add(Severity.NOTE, "shared-address", message, entries[0].place)

    def _partly_disabled(self, disabled: _Entry, enabled: Sequence[_Entry]) -> None:
        message = _("{address} is disabled here, and gets letters by {unit} ({place})")
        message = message.format(
            address=disabled.email, unit=enabled[0].unit, place=seen_from(disabled.place, enabled[0].place)
        )
        remedy = _("if nobody reads it any more, disable it there too")
        self._gathered.add(Severity.NOTE, "partly-disabled", message, disabled.place, remedy)


def _names(units: Mapping[str, _Entry]) -> str:
    """``市甲局 (line 20), 市乙局 (line 24)``: the first of them, and that there are more."""
    first, *others = units.values()
    text = _("{name} ({place})")
    rest = [text.format(name=each.unit, place=seen_from(first.place, each.place)) for each in others[: _SHOWN - 1]]
    return _(", ").join([first.unit, *rest]) + (" …" if len(units) > _SHOWN else "")


def restricted(audiences: Sequence[Audience]) -> dict[GroupName, str]:
    """The groups that *audiences* are restricted to, each with the first audience that is."""
    found: dict[GroupName, str] = {}
    for audience in audiences:
        if audience.only is not None:
            found.setdefault(audience.only, audience.name)
    return found


def ways(audiences: dict[GroupName, str]) -> str:
    """``as 送 by 有关部门 and as 发 by 会员单位``."""
    order = list(GroupName)
    each = [
        _("as {group} by {audience}").format(group=group, audience=name)
        for group, name in sorted(audiences.items(), key=lambda item: order.index(item[0]))
    ]
    return _(" and ").join(each)


def one_letter(audiences: dict[GroupName, str]) -> str:
    """Which letter somebody gets who is in several groups."""
    first = min(audiences, key=list(GroupName).index)
    return _("where an imprint names both, it gets the letter of {group} alone").format(group=first)
