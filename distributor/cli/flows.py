"""Relays and destinations that let nothing go: what, why, since when, how many letters wait, and what next."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from distributor.cli import output
from distributor.delivery.model.flow import FlowKind
from distributor.distribution.flows import Bar, Barred
from distributor.i18n import _, ngettext
from distributor.relays.model import LONE
from distributor.report.reasons import Explanation, explain_flow, explain_quota
from distributor.report.tables import one_line
from distributor.settings import Settings


def show(barred: Iterable[Barred], settings: Settings, console: Console) -> None:
    """Each flow as a paragraph."""
    for line in lines(barred, settings):
        console.print(line, soft_wrap=True)


def lines(barred: Iterable[Barred], settings: Settings) -> Iterator[Text]:
    """Of each flow its state, the reason, what to do, the server's own words."""
    for each in barred:
        why = explain(each)
        yield Text(title(each, settings), style="bold")
        yield Text(f"  {why.sentence}")
        yield Text(f"  → {why.next_step}")
        if said := one_line(each.reply):
            yield Text(f"      {said}", style="dim")


def explain(each: Barred) -> Explanation:
    """Why its letters wait, and what to do."""
    if each.bar is Bar.SPENT:
        return explain_quota(each.key.name)
    return explain_flow(each.key.name, each.reason, blocked=each.bar is Bar.BLOCKED)


def title(each: Barred, settings: Settings) -> str:
    """``QQ is blocked since 2026-03-05 09:12; 41 letters wait.``"""
    texts = {
        Bar.BLOCKED: _("{name} is blocked since {since}"),
        Bar.HELD: _("{name} is left alone until {until}, after trouble since {since}"),
        Bar.SPENT: _("{name} has used up its quota, until {until}"),
        Bar.TRIED: _("{name} is tried with a letter at a time, after trouble since {since}"),
    }
    since, until = (moment and output.local(moment, settings) for moment in (each.since, each.until))
    text = texts[each.bar].format(name=name_of(each), since=since, until=until)
    count = ngettext("{n} letter waits", "{n} letters wait", each.letters).format(n=each.letters)
    return _("{what}; {count}.").format(what=text, count=count) if each.letters else _("{what}.").format(what=text)


def name_of(each: Barred) -> str:
    """A destination by its name, a relay told as one."""
    if each.key.kind is FlowKind.DESTINATION:
        return each.key.name
    return _("the relay") if each.key.name == LONE else _("relay {name}").format(name=each.key.name)


def document(each: Barred) -> dict[str, Any]:
    """A flow as the JSON documents show it; times in ISO 8601, UTC."""
    why = explain(each)
    return {
        "kind": each.key.kind.value,
        "name": each.key.name,
        "state": each.bar.value,
        "since": each.since.isoformat() if each.since else None,
        "until": each.until.isoformat() if each.until else None,
        "letters": each.letters,
        "reason": each.reason or None,
        "why": why.sentence,
        "next_step": why.next_step,
        "reply": each.reply or None,
        "relay": each.relay or None,
    }
