"""From the names that a person gave to the contacts that are meant."""

from collections.abc import Iterable, Iterator, Sequence

import click

from distributor.errors import Finding, InputError, Severity
from distributor.i18n import _
from distributor.recipients.addresses import address_key, is_like_address, not_an_address, why_not_address
from distributor.recipients.draft import Draft, Entry, did_you_mean, refusal


def contact(draft: Draft, address: str, unit: str | None) -> Entry:
    """The contact with *address*, of *unit* where several units share it.

    Raises:
        InputError: there is none, or there are several.
    """
    found = [entry for entry in _with_address(draft, address) if unit in (None, entry.unit)]
    if not found:
        raise InputError([_unknown(draft, address, unit)])
    if len({entry.unit for entry in found}) == 1 < len(found):
        return _of_one_unit(draft, address, found)
    if len(found) > 1:
        names = "、".join(f"{entry.unit} {entry.fields['name']}" for entry in found)
        message = _("{address} is the address of several contacts: {names}").format(address=address, names=names)
        units = {entry.unit for entry in found}
        remedy = _("say of which unit: --unit UNIT") if len(units) > 1 else _("delete one of them by hand")
        raise refusal("which-contact", message, remedy)
    return found[0]


def _of_one_unit(draft: Draft, address: str, found: Sequence[Entry]) -> Entry:
    """The one of several contacts of a unit whose address is written just so."""
    same = [entry for entry in found if entry.fields["email"] == address]
    if len(same) == 1:
        return same[0]
    message = _("{unit} has several contacts with the address {address}").format(unit=found[0].unit, address=address)
    places = ", ".join(str(draft.place_of(entry)) for entry in found)
    raise refusal("which-contact", message, _("change them by hand: {places}").format(places=places))


def contacts(draft: Draft, names: Iterable[str], unit: str | None = None) -> list[Entry]:
    """The contacts with these addresses, and all of these units.

    Raises:
        InputError: every name that the list does not have.
    """
    given = list(names)
    if unit is not None and not all(map(is_like_address, given)):
        raise click.UsageError(_("--unit says whose contact an address is; name addresses, and no units"))
    addresses = [name for name in given if is_like_address(name) and not why_not_address(name)]
    units = [name for name in given if not is_like_address(name)]
    draft.look(keys=[address_key(name) for name in addresses], units=units)
    found: dict[Entry, None] = {}
    faults: list[Finding] = []
    for name in given:
        entries = [entry for entry in _meant(draft, name) if unit in (None, entry.unit)]
        found.update(dict.fromkeys(entries))
        faults += [] if entries else [_unknown(draft, name, unit)]
    if faults:
        raise InputError(faults)
    return list(found)


def _meant(draft: Draft, name: str) -> list[Entry]:
    return _with_address(draft, name) if is_like_address(name) else draft.of_unit(name)


def _with_address(draft: Draft, address: str) -> list[Entry]:
    if why := why_not_address(address):
        message = not_an_address(address, why)
        raise refusal("bad-address", message)
    return draft.with_key(address_key(address))


def _unknown(draft: Draft, name: str, unit: str | None) -> Finding:
    if is_like_address(name) and unit is not None and (others := _with_address(draft, name)):
        message = _("{unit} has no contact with the address {address}").format(unit=unit, address=name)
        remedy: str | None = _("possible are: {keys}").format(keys=" / ".join(entry.unit for entry in others))
    elif is_like_address(name):
        message = _("the list has no contact with the address {address}").format(address=name)
        remedy = did_you_mean(name, _addresses(draft))
    else:
        message = _("the list has no unit {name}, or no contact of it").format(name=name)
        remedy = did_you_mean(name, draft.units)
    return Finding(Severity.ERROR, "unknown-name", message, remedy=remedy)


def _addresses(draft: Draft) -> Iterator[str]:
    return (contact["email"] for fields in draft.units.values() for contact in fields["contacts"])
