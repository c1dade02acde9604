"""Issues as they fit on a terminal: a table with bars, one without, or a list."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from distributor.cli import flows, output
from distributor.cli.progress import trouble
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.model.states import HAS_IT
from distributor.distribution.glance import Glance, Seen, by_urgency
from distributor.i18n import _
from distributor.report.pace import Done, Pace
from distributor.report.standing import Standing
from distributor.settings import Settings

_TIME = len("2026-03-05 12:00")
_FOLDED_NAME = 14
_ANY_WIDTH = 1_000
_ROOMY = 100
_BAR = 12
_FEW = 10
_NEAR = 20
_COLOURS = {
    Standing.PAUSED: "yellow",
    Standing.CANCELLED: "dim",
    Standing.SENDING: "cyan",
    Standing.WAITING: "yellow",
    Standing.DECISION: "bold red",
    Standing.INCOMPLETE: "red",
    Standing.COMPLETE: "green",
}


def page(glance: Glance, settings: Settings, console: Console, *, detailed: bool) -> RenderableType:
    """The issues as they fit on *console*, then what letters wait for; *detailed*: with the numbers of each group."""
    if not glance.seen:
        return _("Nothing has been sent from this site yet.")
    seen = by_urgency(glance.seen)
    parts: list[RenderableType] = [_overview(seen, settings, console)]
    if detailed:
        parts += [_groups(each.progress) for each in seen]
    if glance.barred:
        parts += ["", *flows.lines(glance.barred, settings)]
    return Group(*parts)


def line(seen: Seen, settings: Settings) -> str:
    """An issue on one line, for a log: ``60  being sent  412/1000 (41 %)  1240/min  3 failed``."""
    facts = [seen.issue.ref, word(seen, settings).plain, f"{_sent(seen.done)} ({seen.done.percent} %)"]
    return "  ".join(filter(None, (*facts, speed(seen.pace), _end(seen, settings), trouble(seen.progress.by_state()))))


def _overview(seen: Sequence[Seen], settings: Settings, console: Console) -> Table:
    """A table; on a narrow terminal one without bars whose words are folded; on a phone's a list."""
    full, folded = _table(seen, settings, wide=True), _table(seen, settings, wide=False)
    unbound = console.options.update(width=_ANY_WIDTH)
    least, most = console.measure(full, options=unbound)
    if most <= console.width or least <= console.width >= _ROOMY:
        return full
    fits = console.measure(folded, options=unbound).minimum <= console.width
    return folded if fits else _list(seen, settings)


def _table(seen: Sequence[Seen], settings: Settings, *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(_("issue"), no_wrap=True)
    table.add_column(_("bulletin"), overflow="fold", max_width=None if wide else _FOLDED_NAME)
    table.add_column(_("opened"), no_wrap=True, min_width=_TIME)
    table.add_column(_("sent"), no_wrap=True)
    if wide:
        table.add_column(no_wrap=True)
    table.add_column(_("standing"), overflow="fold")
    moving = any(each.pace for each in seen)
    for heading in ([_("speed"), _("expected end")] if wide else [_("speed, end")]) if moving else []:
        table.add_column(heading, overflow="fold")
    table.add_column(_("trouble"), overflow="fold")
    for each in seen:
        ref, name, opened, sent, stands, fast, end, bad = _cells(each, settings)
        bar = [_bar(each.done)] if wide else []
        pace = ([fast, end] if wide else [f"{fast} {end}".strip()]) if moving else []
        shown: list[str | Text] = [ref, name, opened, sent, *bar, stands, *pace, bad]
        table.add_row(*shown)
    return table


def _list(seen: Sequence[Seen], settings: Settings) -> Table:
    """The cells of the table one below the other, an empty line between issues."""
    names = (
        _("issue"), _("bulletin"), _("opened"), _("sent"), _("standing"), _("speed"), _("expected end"), _("trouble"),
    )  # fmt: skip
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for position, each in enumerate(seen):
        if position:
            grid.add_row()
        cells: Sequence[str | Text] = _cells(each, settings)
        for name, cell in zip(names, cells, strict=True):
            if cell:
                grid.add_row(Text(name, style="dim"), cell)
    return grid


def _cells(seen: Seen, settings: Settings) -> tuple[str | Text, ...]:
    return (
        seen.issue.ref,
        seen.issue.masthead,
        output.local(seen.issue.opened_at, settings),
        _sent(seen.done),
        word(seen, settings),
        speed(seen.pace),
        _end(seen, settings),
        trouble(seen.progress.by_state()),
    )


def _sent(done: Done) -> str:
    return f"{done.sent}/{done.total}"


def _bar(done: Done) -> Text:
    """What was sent, what is final otherwise, the rest; and how much is final. Full only if all is."""
    sent, others = done.cells(_BAR)
    bar = Text().append("━" * sent, style="green").append("━" * others, style="red")
    return bar.append("─" * (_BAR - sent - others), style="dim").append(f" {done.percent:3} %")


def word(seen: Seen, settings: Settings) -> Text:
    """How it stands, in its colour."""
    issue, stands, next_attempt = seen.issue, seen.standing, seen.progress.next_attempt
    words = {
        Standing.PAUSED: _("paused"),
        Standing.CANCELLED: _("cancelled"),
        Standing.SENDING: _("being sent"),
        Standing.WAITING: _("waiting"),
        Standing.DECISION: _("needs your decision"),
        Standing.INCOMPLETE: _("ended, not everybody has it"),
        Standing.COMPLETE: _("all sent"),
    }
    text = words[stands]
    if stands is Standing.WAITING and next_attempt:
        text = _("waiting until {time}").format(time=output.local(next_attempt, settings))
    elif stands is Standing.WAITING:
        text = _("held back; `distributor release` tells why")
    if stands is Standing.PAUSED and issue.state_reason:
        text = _("paused: {reason}").format(reason=issue.state_reason)
    return Text(text, style=_COLOURS[stands])


def speed(pace: Pace | None) -> str:
    """``1240/min``, ``2.5/min``; ``3/h`` where there are fewer; "" where nobody can say."""
    if pace is None:
        return ""
    if 0 < pace.per_minute < 1:
        return _("{n}/h").format(n=f"{pace.per_minute * 60:.0f}")
    number = f"{pace.per_minute:.0f}" if pace.per_minute >= _FEW else f"{pace.per_minute:.1f}".removesuffix(".0")
    return _("{n}/min").format(n=number)


def _end(seen: Seen, settings: Settings) -> str:
    """The time alone if it is the next one that the clock shows."""
    if seen.end is None:
        return ""
    text = output.local(seen.end, settings)
    is_near = seen.end - dt.datetime.now(dt.UTC) < dt.timedelta(hours=_NEAR)
    return text.partition(" ")[2] if is_near else text


def _groups(progress: Progress) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (_("group"), _("letters"), _("sent"), _("others")):
        table.add_column(heading)
    for group, counts in progress.states.items():
        sent = sum(counts.get(state, 0) for state in HAS_IT)
        table.add_row(group, str(sum(counts.values())), str(sent), trouble(counts))
    return table


def document(seen: Seen) -> dict[str, Any]:
    """An issue as the JSON document shows it; times in ISO 8601, UTC."""
    done, next_attempt = seen.done, seen.progress.next_attempt
    return {
        "issue": output.issue_json(seen.issue),
        "standing": seen.standing.value,
        "letters": done.total,
        "sent": done.sent,
        "final": done.final,
        "percent": done.percent,
        "per_minute": round(seen.pace.per_minute, 1) if seen.pace else None,
        "expected_end": seen.end.isoformat() if seen.end else None,
        "groups": [
            {"group": group, "letters": sum(counts.values()), "states": {s.value: n for s, n in counts.items()}}
            for group, counts in seen.progress.states.items()
        ],
        "next_attempt": next_attempt.isoformat() if next_attempt else None,
    }
