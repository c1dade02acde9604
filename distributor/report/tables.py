"""An account as data: the JSON document and the spreadsheet, one delivery or contact at a time."""

import csv
import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from distributor.delivery.model.records import DeliveryRecord, OmittedRecord, ServedRecord
from distributor.delivery.model.states import State
from distributor.i18n import _
from distributor.report.account import Account, Numbers
from distributor.report.reasons import explain, explain_omitted, explain_state

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


def json_text(document: Mapping[str, Any], **arrays: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """*document* with *arrays* at its end, in pieces: no more than one row of these is in memory."""
    yield _json(document, indent=2).removesuffix("\n}")
    for name, rows in arrays.items():
        yield f',\n  "{name}": ['
        separator = "\n    "
        for row in rows:
            yield separator + _json(row)
            separator = ",\n    "
        yield "\n  ]"
    yield "\n}\n"


def _json(document: Mapping[str, Any], indent: int | None = None) -> str:
    return json.dumps(document, ensure_ascii=False, indent=indent)


# Spreadsheet

Row = list[str]
# A cell that begins so is run as a formula by Excel or WPS, full-width forms in East Asian settings included.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_BOM = "\ufeff"  # Excel takes a file without it for one in the local encoding


def heading() -> Row:
    """The first row, in the reader's language."""
    return [
        _("group"), _("audience"), _("unit"), _("contact"), _("role"), _("address"), _("state"), _("attempts"),
        _("settled at"), _("next attempt"), _("code"), _("enhanced code"), _("answer"), _("why"), _("what next"),
    ]  # fmt: skip


def contact_rows(
    deliveries: Iterable[DeliveryRecord], issue: str, zone: dt.tzinfo, state_word: Callable[[State], str]
) -> Iterator[Row]:
    """One row for each contact that a delivery serves; times in *zone*."""
    for record in deliveries:
        explanation = explain(record, issue)
        what = [
            record.address,
            state_word(record.state),
            str(record.attempts),
            _local(record.settled_at, zone),
            _local(record.next_attempt, zone),
            str(record.code or ""),
            record.enhanced or "",
            one_line(record.reply or ""),
            explanation.sentence,
            explanation.next_step,
        ]
        for served in record.serves:
            yield [record.group, *_who(served), *what]


def omitted_rows(omitted: Iterable[OmittedRecord], issue: str) -> Iterator[Row]:
    """One row for each contact or name that was not written to."""
    words = {"disabled": _("disabled"), "unresolved": _("not in the list"), "empty": _("reaches nobody")}
    for record in omitted:
        explanation = explain_omitted(record, issue)
        # A name of the imprint is an audience's; a disabled contact has its unit.
        who = [record.name, "", ""] if record.unit is None else ["", record.unit, record.name]
        what = [record.address or "", words[record.why], *[""] * 6, explanation.sentence, explanation.next_step]
        yield [record.group, *who, "", *what]


def csv_text(rows: Iterable[Row]) -> Iterator[str]:
    """*rows* as CSV for spreadsheets (RFC 4180, with a byte order mark): no cell is run as a formula."""
    writer = csv.writer(_Echo())
    yield _BOM
    for row in rows:
        yield writer.writerow([_inert(cell) for cell in row])


class _Echo:
    """The file that csv wants: gives back each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _who(served: ServedRecord) -> Row:
    return [served.audience, served.unit, served.contact, served.role or ""]


def _local(moment: dt.datetime | None, zone: dt.tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def one_line(text: str) -> str:
    """What a server said, safe to show: lines joined, control characters (they steer terminals) left out."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
