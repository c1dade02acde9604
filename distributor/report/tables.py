"""An account as data: the JSON document, and rows for spreadsheets, one delivery or contact at a time."""

import csv
import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from distributor.delivery.model.records import DeliveryRecord, OmittedRecord
from distributor.delivery.model.states import State
from distributor.delivery.model.wanted import EVERYBODY, Wanted
from distributor.i18n import _
from distributor.recipients.formulas import inert
from distributor.report.account import Account, Numbers
from distributor.report.reasons import explain, explain_omitted, explain_state, telling

# JSON


def account_json(account: Account) -> dict[str, Any]:
    """Numbers, times and who does not have it; times in ISO 8601, UTC."""
    times, ref = account.times, account.issue.ref
    return {
        "groups": [
            {"group": name} | _numbers_json(numbers) | {"disabled": account.disabled(name)}
            for name, numbers in account.groups.items()
        ],
        "totals": _numbers_json(account.totals) | {"disabled": account.disabled()},
        "sent": {name: _iso(moment) for name, moment in times._asdict().items()} if times else None,
        "next_attempt": _iso(account.next_attempt),
        "reasons": [_reason_json(*why, letters, ref) for why, letters in account.reasons.items()],
        "not_sent_total": account.not_sent_total,
        "not_sent": [delivery_json(record, ref) for record in account.not_sent],
        "replaced_total": account.replaced_total,
        "replaced": [delivery_json(record, ref) for record in account.replaced],
        "omitted": [omitted_json(record, ref) for record in account.omitted],
    }


def delivery_json(record: DeliveryRecord, issue: str) -> dict[str, Any]:
    """One delivery with everybody it serves, and why it stands as it does."""
    explanation = explain(record, issue)
    return {
        "group": record.group,
        "address": record.address,
        "state": record.state.value,
        "serves": [
            {"audience": each.audience, "unit": each.unit, "contact": each.contact, "role": each.role}
            for each in record.serves
        ],
        "attempts": record.attempts,
        "settled_at": _iso(record.settled_at),
        "next_attempt": _iso(record.next_attempt),
        "reason": record.reason,
        "why": explanation.sentence,
        "next_step": explanation.next_step,
        "phase": record.phase,
        "code": record.code,
        "enhanced": record.enhanced,
        "reply": record.reply,
        "relay": record.relay,
        "channel": record.channel,
        "supplement": record.supplement,
        "id": record.id,
    }


def _numbers_json(numbers: Numbers) -> dict[str, Any]:
    return {
        "units": numbers.units,
        "units_reached": numbers.units_reached,
        "contacts": numbers.contacts_total,
        "letters": numbers.total,
        "sent": numbers.sent,
        "states": _by_state(numbers.letters),
        "contact_states": _by_state(numbers.contacts),
    }


def _by_state(counts: Mapping[State, int]) -> dict[str, int]:
    return {state.value: counts[state] for state in State if counts.get(state)}


def _reason_json(state: State, reason: str | None, letters: int, issue: str) -> dict[str, Any]:
    explanation = explain_state(state, reason, issue)
    return {
        "state": state.value,
        "reason": reason,
        "letters": letters,
        "why": explanation.sentence,
        "next_step": explanation.next_step,
    }


def omitted_json(record: OmittedRecord, issue: str) -> dict[str, Any]:
    """A contact or name that was not written to, as the JSON documents show it."""
    explanation = explain_omitted(record, issue)
    return {
        "group": record.group or None,
        "name": record.name,
        "unit": record.unit,
        "address": record.address,
        "reason": record.why,
        "why": explanation.sentence,
        "next_step": explanation.next_step,
    }


def _iso(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment else None


Part = Iterable[Mapping[str, Any]] | Callable[[], Mapping[str, Any]]


def json_text(document: Mapping[str, Any], **parts: Part) -> Iterator[str]:
    """*document* with *parts* at its end, in pieces: arrays, of which no more than one row is in memory.

    A part that is called is an object that is known only after those before it.
    """
    yield _json(document, indent=2).removesuffix("\n}")
    for name, part in parts.items():
        yield f',\n  "{name}": '
        if callable(part):
            yield _json(part())
        else:
            yield from _array(part)
    yield "\n}\n"


class Listing:
    """The JSON of the *deliveries* that are *wanted*, one at a time and once; then it knows how many they were."""

    def __init__(self, deliveries: Iterable[DeliveryRecord], wanted: Wanted, issue: str) -> None:
        self._deliveries = deliveries
        self._wanted = wanted
        self._issue = issue
        self._letters = self._contacts = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for record in self._deliveries:
            self._letters += 1
            self._contacts += len(self._wanted.contacts(record))
            yield delivery_json(record, self._issue)

    def document(self) -> dict[str, Any]:
        """What was asked for, and how many letters and contacts that were."""
        wanted = self._wanted
        return {
            "units": sorted(wanted.units),
            "groups": sorted(wanted.groups),
            "states": [state.value for state in State if state in wanted.states],
            "since": _iso(wanted.since.astimezone(dt.UTC) if wanted.since else None),
            "lacking": wanted.lacking,
            "letters": self._letters,
            "contacts": self._contacts,
        }


def _array(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield "["
    separator = "\n    "
    for row in rows:
        yield separator + _json(row)
        separator = ",\n    "
    yield "\n  ]"


def _json(document: Mapping[str, Any], indent: int | None = None) -> str:
    return json.dumps(document, ensure_ascii=False, indent=indent)


# Rows for spreadsheets

Cell = str | int | dt.datetime | None
Row = Sequence[Cell]
_BOM = "\ufeff"  # Excel takes a file without it for one in the local encoding


def heading() -> list[str]:
    """The first row, in the reader's language."""
    return [
        _("group"), _("audience"), _("unit"), _("contact"), _("role"), _("address"), _("state"), _("attempts"),
        _("settled at"), _("next attempt"), _("code"), _("enhanced code"), _("answer"), _("why"), _("what next"),
    ]  # fmt: skip


def contact_rows(
    deliveries: Iterable[DeliveryRecord], issue: str, state_word: Callable[[State], str], wanted: Wanted = EVERYBODY
) -> Iterator[Row]:
    """One row for each contact that is *wanted* and served by *deliveries*; times are aware, UTC."""
    explained = cache(partial(explain_state, issue=issue))
    for record in deliveries:
        explanation = explained(*telling(record))
        what: list[Cell] = [
            record.address,
            state_word(record.state),
            record.attempts,
            record.settled_at,
            record.next_attempt,
            record.code,
            record.enhanced,
            one_line(record.reply or ""),
            explanation.sentence,
            explanation.next_step,
        ]
        for served in wanted.contacts(record):
            yield [record.group, served.audience, served.unit, served.contact, served.role, *what]


def omitted_rows(omitted: Iterable[OmittedRecord], issue: str) -> Iterator[Row]:
    """One row for each contact or name that was not written to."""
    words = omitted_words()
    for record in omitted:
        explanation = explain_omitted(record, issue)
        # A name of the imprint is an audience's; a disabled contact has its unit.
        who = [record.name, None, None] if record.unit is None else [None, record.unit, record.name]
        what: Row = [record.address, words[record.why], *[None] * 6, explanation.sentence, explanation.next_step]
        yield [record.group, *who, None, *what]


def omitted_words() -> dict[str, str]:
    """What stands in place of a state for those who were not written to."""
    return {"disabled": _("disabled"), "unresolved": _("not in the list"), "empty": _("reaches nobody")}


def csv_text(rows: Iterable[Row], zone: dt.tzinfo) -> Iterator[str]:
    """*rows* as CSV for spreadsheets (RFC 4180, with a byte order mark): no cell is run as a formula.

    Times are in *zone*.
    """
    writer = csv.writer(_Echo())
    yield _BOM
    for row in rows:
        yield writer.writerow([inert(text_of(cell, zone)) for cell in row])


class _Echo:
    """The file that csv wants: gives back each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def text_of(cell: Cell, zone: dt.tzinfo) -> str:
    """*cell* as people read it; a time in *zone*."""
    if isinstance(cell, dt.datetime):
        return cell.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    return "" if cell is None else str(cell)


def one_line(text: str) -> str:
    """What a server said, safe to show: lines joined, control characters (they steer terminals) left out."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
