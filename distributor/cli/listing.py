"""The contacts of an issue one by one, by unit: what became of each, why, when, and what the server said."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

import click
from rich.console import Console

from distributor.cli import output
from distributor.cli.output import said
from distributor.delivery.model.records import DeliveryRecord, OmittedRecord, ServedRecord
from distributor.delivery.model.states import HAS_IT, State
from distributor.delivery.model.wanted import Wanted
from distributor.i18n import _, ngettext
from distributor.report.account import Account
from distributor.report.reasons import BLOCKING, explain, explain_omitted, explain_state, telling
from distributor.report.states import state_word
from distributor.report.tables import one_line
from distributor.settings import Settings

# A contact and its letter.
Contact = tuple[ServedRecord, DeliveryRecord]
_COLOURS = {State.UNCERTAIN: "red", State.FAILED: "red", State.BOUNCED: "red", State.DEFERRED: "yellow"}


class Listing:
    """Writes contacts to *console*; 100,000 of them in seconds, which is why it leaves the console's layout aside."""

    def __init__(self, account: Account, settings: Settings, console: Console) -> None:
        self._ref = account.issue.ref
        self._settings = settings
        self._file = console.file
        self._coloured = console.is_terminal

    def show(self, contacts: Iterable[Contact]) -> None:
        """One after the other; those that follow one another and are of one unit and group under its name."""
        for (group, unit), members in groupby(contacts, lambda contact: (contact[1].group, contact[0].unit)):
            self._put(f"{group}  {unit}", bold=True)
            for served, record in members:
                self._show_contact(served, record)

    def _show_contact(self, served: ServedRecord, record: DeliveryRecord) -> None:
        state, answer = state_word(record.state), _answer(record)
        who = f"  {contact_name(served)}  {record.address}  "
        if record.state in HAS_IT:
            self._put(who + "  ".join(filter(None, (state, self._time(record), answer))))
            return
        self._put(who + said(state, explain(record, self._ref).sentence), fg=_COLOURS.get(record.state))
        if tried := _("; ").join(self._tried(record)):
            self._put("      " + (said(tried, answer) if answer else tried), dim=True)

    def _tried(self, record: DeliveryRecord) -> Iterator[str]:
        """How often, until when, and when again."""
        if record.attempts:
            yield ngettext("{n} attempt", "{n} attempts", record.attempts).format(n=record.attempts)
        if settled := self._time(record):
            yield settled
        if record.next_attempt and record.reason not in BLOCKING:
            yield _("next attempt {time}").format(time=output.local(record.next_attempt, self._settings))

    def _time(self, record: DeliveryRecord) -> str:
        return output.local(record.settled_at, self._settings) if record.settled_at else ""

    def show_omitted(self, omitted: Iterable[OmittedRecord]) -> None:
        """Whom the imprint reached and nobody wrote to, and why."""
        for record in omitted:
            self._put("  " + said(_omitted_name(record), explain_omitted(record, self._ref).sentence))

    def show_steps(self, reasons: Iterable[tuple[tuple[State, str | None], int]]) -> None:
        """How many letters stand so for each of *reasons*, and what to do."""
        for (state, reason), letters in reasons:
            why = explain_state(state, reason, self._ref)
            number = _("{n} {state}").format(n=letters, state=state_word(state))
            self._put(said(number, why.sentence), fg=_COLOURS.get(state))
            if why.next_step:
                self._put(f"  → {why.next_step}")

    def _put(self, line: str, *, fg: str | None = None, bold: bool = False, dim: bool = False) -> None:
        styled = self._coloured and (fg or bold or dim)
        self._file.write((click.style(line, fg=fg, bold=bold or None, dim=dim or None) if styled else line) + "\n")


def by_unit(records: Iterable[DeliveryRecord]) -> list[Contact]:
    """The contacts that some *records* serve, each unit's in each group together, in the order of their first ones."""
    found: dict[tuple[str, str], list[Contact]] = {}
    for record in records:
        for served in record.serves:
            found.setdefault((record.group, served.unit), []).append((served, record))
    return [contact for contacts in found.values() for contact in contacts]


def show_chosen(
    account: Account, deliveries: Iterable[DeliveryRecord], wanted: Wanted, settings: Settings, console: Console
) -> None:
    """The contacts that were asked for, why they stand as they do, and how many of how many they are."""
    listing = Listing(account, settings, console)
    letters: Counter[tuple[State, str | None]] = Counter()
    shown = 0

    def contacts() -> Iterator[Contact]:
        nonlocal shown
        for record in deliveries:
            letters[telling(record)] += record.state not in HAS_IT
            for served in wanted.contacts(record):
                shown += 1
                yield served, record

    console.print()
    listing.show(contacts())
    listing.show_omitted(filter(wanted.takes_omitted, account.omitted))
    console.print()
    listing.show_steps((+letters).most_common())
    total = account.totals.contacts_total
    text = ngettext("Listed: {n} of {total} contact.", "Listed: {n} of {total} contacts.", total)
    console.print(text.format(n=shown, total=total), style="bold")


def contact_name(served: ServedRecord) -> str:
    """``name (role)``."""
    return _("{name} ({role})").format(name=served.contact, role=served.role) if served.role else served.contact


def _answer(record: DeliveryRecord) -> str:
    """What the server said, on one line."""
    return one_line(" ".join(filter(None, (str(record.code or ""), record.enhanced, record.reply))))


def _omitted_name(record: OmittedRecord) -> str:
    return "  ".join(filter(None, (record.group, f"{record.unit or ''} {record.name}".strip(), record.address)))
