"""Contacts as rows of the HTML report: what stands in each cell, as text. The template escapes it."""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from distributor.delivery.model.records import DeliveryRecord, OmittedRecord, ServedRecord
from distributor.delivery.model.states import State
from distributor.i18n import _
from distributor.report.html_facts import Facts
from distributor.report.html_summary import clock
from distributor.report.reasons import BLOCKING, Explanation, explain, explain_omitted
from distributor.report.states import state_word
from distributor.report.tables import one_line


class ContactRow(NamedTuple):
    """One contact that a delivery serves. *at* is *when* in ISO 8601, to sort by; both "" where nothing has happened.

    *state* is the slug, *word* what it is called.
    """

    group: str
    unit: str
    contact: str
    address: str
    state: str
    word: str
    sentence: str
    next_step: str
    reply: str
    attempts: int
    at: str
    when: str


class OmittedRow(NamedTuple):
    """One contact, or name of the imprint, that was not written to."""

    group: str
    unit: str
    name: str
    address: str
    word: str
    sentence: str
    next_step: str


def contact_rows(deliveries: Iterable[DeliveryRecord], facts: Facts, issue: str) -> Iterator[ContactRow]:
    """One row for each contact that a delivery serves, in their order."""
    words = {state: state_word(state) for state in State}
    told: dict[tuple[State, str | None], Explanation] = {}
    for record in deliveries:
        why = (record.state, record.reason)
        if why not in told:
            told[why] = explain(record, issue)
        sentence, step = told[why].sentence, told[why].next_step
        if record.id in facts.replaced:
            step = _("It was sent since to another address of the same contact.")
        rest = (
            one_line(record.address), record.state.value, words[record.state], sentence, step, said(record),
            record.attempts, *_when(record, facts.zone),
        )  # fmt: skip
        for served in record.serves:
            yield ContactRow(record.group, one_line(served.unit), contact_name(served), *rest)


def said(record: DeliveryRecord) -> str:
    """The server's own words, with its codes; "" where it said nothing."""
    return one_line(" ".join(filter(None, (str(record.code or ""), record.enhanced, record.reply))))


def contact_name(served: ServedRecord) -> str:
    """``收文员 (收文)``."""
    name = _("{name} ({role})").format(name=served.contact, role=served.role) if served.role else served.contact
    return one_line(name)


def _when(record: DeliveryRecord, zone: dt.tzinfo) -> tuple[str, str]:
    """When it was settled, or is tried again; not where a person must first release it."""
    if record.settled_at:
        return record.settled_at.astimezone(zone).isoformat(timespec="seconds"), clock(record.settled_at, zone)
    if record.next_attempt and record.reason not in BLOCKING:
        shown = _("next attempt {time}").format(time=clock(record.next_attempt, zone))
        return record.next_attempt.astimezone(zone).isoformat(timespec="seconds"), shown
    return "", ""


def omitted_rows(omitted: Iterable[OmittedRecord], issue: str) -> Iterator[OmittedRow]:
    """One row for each, in their order."""
    words = {"disabled": _("disabled"), "unresolved": _("not in the list"), "empty": _("reaches nobody")}
    for record in omitted:
        why = explain_omitted(record, issue)
        group, unit, name, address = map(one_line, (record.group, record.unit or "", record.name, record.address or ""))
        yield OmittedRow(group, unit, name, address, words[record.why], one_line(why.sentence), why.next_step)
