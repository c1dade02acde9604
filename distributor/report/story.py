"""The story of one delivery: which events belong to it, and what each of them says in words. Pure."""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from distributor.delivery.model.channel import Phase, Reply
from distributor.delivery.model.flow import FlowKind
from distributor.delivery.model.records import DeliveryRecord, EventRecord
from distributor.delivery.model.replies import Outcome, classify, provider_of
from distributor.delivery.model.states import State
from distributor.i18n import _
from distributor.report.reasons import explain_state

# What a result leaves its delivery in; after the states in _STILL it waits on.
_AFTER = {
    "accepted": State.SENT,
    "defer": State.DEFERRED,
    "refuse": State.FAILED,
    "too_old": State.FAILED,
    "lose": State.UNCERTAIN,
    "lease_expiry": State.UNCERTAIN,
    "success_report": State.DELIVERED,
    "failure_report": State.BOUNCED,
    "resolve": State.SENT,
    "resend": State.QUEUED,
    "cancelled": State.CANCELLED,
}
_STILL = {State.DEFERRED, State.QUEUED}
_KNOWN_REASONS = {"lose": "no-answer", "lease_expiry": "lease-expired", "too_old": "too-old"}
_ALWAYS = {"pruned"}
ATTEMPTS = frozenset({"accepted", "defer", "refuse", "lose"})


@dataclass(frozen=True, slots=True)
class Step:
    """An event and what it says: *state* it left the delivery in (None: as it was), *reason*'s slug where one is known.

    *sentence* is in the reader's language; *flow* names the relay or destination that it is about.
    """

    event: EventRecord
    state: State | None
    reason: str | None
    sentence: str


def steps(record: DeliveryRecord, events: Iterable[EventRecord], flows: Collection[str]) -> list[Step]:
    """What happened to *record*: of *events* (in order) those that concern it. *flows* are the destinations of it."""
    mine = list(_concerning(record, events, flows))
    results = [event for event in mine if event.kind in ATTEMPTS or event.kind in _KNOWN_REASONS]
    last = results[-1] if results else None
    return [_step(event, record, is_last=event is last) for event in mine]


def _concerning(record: DeliveryRecord, events: Iterable[EventRecord], flows: Collection[str]) -> Iterator[EventRecord]:
    """Its own, its opening, and what befell the whole issue, a relay or its destination while it waited."""
    waits = False
    for event in events:
        if event.delivery_id is not None or event.kind in _ALWAYS:
            yield event
        elif event.kind in {"opened", "supplement"}:
            if detail(event).get("supplement", 0) != record.supplement:
                continue
            yield event
            waits = True
        elif waits and _touches(event, flows):
            yield event
        if event.kind in _AFTER and (event.delivery_id is not None or waits):
            waits = _AFTER[event.kind] in _STILL


def _touches(event: EventRecord, flows: Collection[str]) -> bool:
    """Whether an event of a whole issue or flow is about what such a delivery waits behind."""
    about = detail(event)
    return "flow" not in about or about["flow"] == FlowKind.RELAY or about["name"] in flows


def detail(event: EventRecord) -> dict[str, str]:
    """What people and the program wrote of an act; {} of an attempt."""
    if event.kind in ATTEMPTS or not event.text:
        return {}
    try:
        found = json.loads(event.text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _step(event: EventRecord, record: DeliveryRecord, *, is_last: bool) -> Step:
    state = _AFTER.get(event.kind)
    if event.kind in ATTEMPTS or event.kind in _KNOWN_REASONS:
        reason = record.reason if is_last and record.reason else _reason(event, record)
        sentence = explain_state(state, reason).sentence if state and reason else ""
        return Step(event, state, reason, sentence)
    return Step(event, state, None, _act(event))


def _reason(event: EventRecord, record: DeliveryRecord) -> str | None:
    """As it was judged then: the ledger keeps the slug of the last result alone, and the words of all."""
    if event.kind in _KNOWN_REASONS:
        return _KNOWN_REASONS[event.kind]
    if event.kind == "accepted":
        return "sent"
    if event.phase is None:
        return None
    reply = Reply(Phase(event.phase), event.code, event.enhanced, event.text or "", relay=event.relay or "")
    verdict = classify(reply, provider_of(reply.relay, record.address.rpartition("@")[2], reply.text))
    if event.kind == "refuse" and verdict.outcome is Outcome.DEFER:
        return "too-old" if event.code else None  # without an answer it was too old, or could not be made
    return verdict.reason


def _act(event: EventRecord) -> str:
    """What people or the program did, in words."""
    texts = {
        "opened": _("The issue was opened, and the letter queued."),
        "supplement": _("The letter was added to the issue later, and queued."),
        "paused": _("The issue was paused."),
        "resumed": _("The issue was resumed."),
        "hastened": _("What had been put off was to be tried at once."),
        "cancelled": _("The issue was cancelled."),
        "resend": _("The letter was queued once more."),
        "resolve": _("It was settled as sent: a person learnt that it had arrived."),
        "success_report": _("The far side confirmed that it arrived."),
        "failure_report": _("The far side sent it back."),
        "blocked": _("{name} was blocked: nothing goes there until a person releases it."),
        "released": _("{name} was released."),
        "pruned": _("Addresses, names and letters of the issue were taken out of the ledger."),
    }
    about = detail(event)
    text = texts.get(event.kind, event.kind).format(name=about.get("name", ""))
    return _("{text} Reason: {reason}").format(text=text, reason=about["reason"]) if about.get("reason") else text
