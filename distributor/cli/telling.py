"""One delivery's story, as people read it and as JSON."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from distributor.cli import accounts, output
from distributor.cli.output import said
from distributor.delivery.model.records import DeliveryRecord, EventRecord
from distributor.delivery.model.states import HAS_IT, UNSETTLED
from distributor.distribution.stories import Story
from distributor.i18n import _
from distributor.report.reasons import BLOCKING, explain, explain_omitted
from distributor.report.states import state_word
from distributor.report.story import ATTEMPTS, Step
from distributor.report.tables import delivery_json, omitted_json
from distributor.settings import Settings


def outcome(story: Story) -> int:
    """The exit code."""
    if story.record is None:
        return accounts.NEEDS_DECISION
    if story.record.state in UNSETTLED:
        return accounts.STILL_WAITING
    return accounts.ALL_SENT if story.record.state in HAS_IT else accounts.NEEDS_DECISION


def tell(story: Story, settings: Settings, console: Console) -> None:
    """Who, what, how it stands; then step by step."""

    def line(text: str, style: str | None = None) -> None:
        console.print(Text(text, style=style or ""), soft_wrap=True)

    line(story.record.address if story.record else story.address, "bold")
    line(_("issue {ref} 《{masthead}》").format(ref=story.issue.ref, masthead=story.issue.masthead))
    if story.record and story.addressed:
        line(said(_("letter"), f"{story.record.group}  {story.addressed.subject}"))
        for served in story.record.serves:
            who = f"{served.unit} {served.contact}"
            who = _("{name} ({role})").format(name=who, role=served.role) if served.role else who
            line(said(_("for"), f"{who}  {served.audience}"))
        _stands(story.record, story.issue.ref, settings, line)
    for each in story.left_out:
        why = explain_omitted(each, story.issue.ref)
        line(said(f"{each.unit or ''} {each.name}".strip(), why.sentence), "yellow")
        line(f"  → {why.next_step}")
    if story.steps:
        line("")
    for step in story.steps:
        for position, text in enumerate(_lines(step, settings)):
            line(f"    {text}" if position else text, None if position else "bold")


def _stands(record: DeliveryRecord, ref: str, settings: Settings, line: Any) -> None:
    why = explain(record, ref)
    style = "green" if record.state in HAS_IT else "yellow" if record.state in UNSETTLED else "red"
    line(said(state_word(record.state), why.sentence), style)
    if record.next_attempt and record.reason not in BLOCKING:
        line("  → " + _("next attempt {time}").format(time=output.local(record.next_attempt, settings)))
    if why.next_step:
        line(f"  → {why.next_step}")


def _lines(step: Step, settings: Settings) -> Iterator[str]:
    """The time and what happened; then the server's own words, all of them; then what they mean."""
    event = step.event
    yield f"{_when(event, settings)}  {_what(step)}"
    if event.kind in ATTEMPTS:
        yield from _answer(event)
    if step.sentence and event.kind in ATTEMPTS:
        yield step.sentence


def _what(step: Step) -> str:
    event = step.event
    if event.kind not in ATTEMPTS:
        return _("{what} ({who} on {host})").format(what=step.sentence, who=event.who, host=event.host)
    texts = {
        True: _("Attempt {n} by {relay}: {state} ({who} on {host})"),
        False: _("Attempt {n}: {state} ({who} on {host})"),
    }
    word = state_word(step.state) if step.state else event.kind
    return texts[bool(event.relay)].format(
        n=event.attempt, relay=event.relay, state=word, who=event.who, host=event.host
    )


def _answer(event: EventRecord) -> Iterator[str]:
    """``rcpt: 550 5.1.1 User unknown``, further lines below; control characters (they steer terminals) left out."""
    first, *others = (event.text or "").splitlines() or [""]
    head = " ".join(filter(None, (str(event.code or ""), event.enhanced, _printable(first))))
    yield said(event.phase or "", head or _("no answer"))
    yield from (f"  {_printable(text)}" for text in others)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _when(event: EventRecord, settings: Settings) -> str:
    """From when to when, if that is known."""
    end = _time(event.at, settings)
    if event.began is None:
        return end
    start = _time(event.began, settings)
    day, _space, clock = end.partition(" ")
    return f"{start} – {clock if start.startswith(day) else end}"


def _time(moment: dt.datetime, settings: Settings) -> str:
    local = moment.astimezone(settings.timezone)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}"


def document(story: Story) -> dict[str, Any]:
    """distributor.show/1; times in ISO 8601, UTC."""
    ref = story.issue.ref
    return {
        "schema": "distributor.show/1",
        "issue": output.issue_json(story.issue),
        "delivery": delivery_json(story.record, ref) if story.record else None,
        "subject": story.addressed.subject if story.addressed else None,
        "steps": [_step_json(step) for step in story.steps],
        "left_out": [omitted_json(each, ref) for each in story.left_out],
        "outcome": outcome(story),
    }


def _step_json(step: Step) -> dict[str, Any]:
    event = step.event
    return {
        "at": event.at.isoformat(),
        "began": event.began.isoformat() if event.began else None,
        "what": event.kind,
        "state": step.state.value if step.state else None,
        "attempt": event.attempt,
        "who": event.who,
        "host": event.host,
        "relay": event.relay,
        "phase": event.phase,
        "code": event.code,
        "enhanced": event.enhanced,
        "reply": event.text if event.kind in ATTEMPTS else None,
        "reason": step.reason,
        "sentence": step.sentence,
    }
