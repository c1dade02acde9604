"""Whether an issue's account, row by row, agrees with itself. Pure: rows in, faults out, one delivery at a time.

A row is what an archive has on a line, with its number (from 1): delivery rows in the order of their ids, those of whom
they serve and of what happened in the order of the deliveries. A row of another shape raises MalformedError.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NoReturn, TypeAlias

from distributor.delivery.model.states import State
from distributor.i18n import _

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Iterable[tuple[int, Row]]

_RESULTS = frozenset({"accepted", "defer", "refuse", "lose", "lease_expiry"})
# What a delivery in a state must have been through last; None: nothing yet. Of a pause in between nothing is recorded.
_WAITED = frozenset({None, "resend", "defer"})
_LAST: Mapping[State, frozenset[str | None]] = {
    State.QUEUED: frozenset({None, "resend"}),
    State.CLAIMED: _WAITED,
    State.HANDING_OVER: _WAITED,
    State.DEFERRED: frozenset({"defer"}),
    State.SENT: frozenset({"accepted", "resolve"}),
    State.FAILED: frozenset({"refuse", "too_old"}),
    State.UNCERTAIN: frozenset({"lose", "lease_expiry"}),
    State.DELIVERED: frozenset({"success_report"}),
    State.BOUNCED: frozenset({"failure_report"}),
}


class MalformedError(ValueError):
    """A row that is none: *file* and *line* say which."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(message)
        self.file = file
        self.line = line


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not agree: a stable *code*, and where."""

    code: str
    message: str
    file: str
    line: int | None = None


@dataclass(slots=True)
class Account:
    """What is checked. *states* is what the issue says its deliveries add up to: group → state → number.

    *letters* are the ids of the frozen letters. The rest is read once, side by side.
    """

    deliveries_total: int
    states: Mapping[str, Mapping[str, int]]
    letters: frozenset[int]
    deliveries: Rows
    served: Rows
    events: Rows
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)


def faults(account: Account) -> Iterator[Fault]:
    """Everything that does not agree.

    Raises:
        MalformedError: a row is none.
    """
    served = _Following("served.jsonl", account.served)
    events = _Following("events.jsonl", account.events)
    of_all = [row for _line, row in events.until(None)]
    cancelled = "cancelled" in map(_kind, of_all)
    last = 0
    for line, row in account.deliveries:
        identity = _number("deliveries.jsonl", line, row, "id")
        if identity <= last:
            raise MalformedError("deliveries.jsonl", line, _("delivery {id} is not in order").format(id=identity))
        last = identity
        yield from _strays(served, identity)
        yield from _strays(events, identity)
        yield from _delivery(account, line, row, cancelled=cancelled)
        yield from _whom(line, identity, served.until(identity))
        yield from _what_happened(line, row, [event for _at, event in events.until(identity)])
    yield from _strays(served, None)
    yield from _strays(events, None)
    yield from _sums(account, of_all)


class _Following:
    """Rows of another file, read as far as the deliveries have come."""

    def __init__(self, file: str, rows: Rows) -> None:
        self.file = file
        self._groups = groupby(rows, self._owner)
        self._next: tuple[int | None, list[tuple[int, Row]]] | None = None
        self._advance()

    def _owner(self, numbered: tuple[int, Row]) -> int | None:
        line, row = numbered
        return None if row.get("delivery_id") is None else _number(self.file, line, row, "delivery_id")

    def _advance(self) -> None:
        found = next(self._groups, None)
        self._next = None if found is None else (found[0], list(found[1]))

    def until(self, identity: int | None) -> list[tuple[int, Row]]:
        """The rows of delivery *identity* (None: of none), if they are the next."""
        if self._next is None or self._next[0] != identity:
            return []
        rows = self._next[1]
        self._advance()
        return rows

    def strays(self, before: int | None) -> Iterator[tuple[int, Row]]:
        """Rows of deliveries that are none: all that come before those of *before* (None: all that are left)."""
        while self._next is not None and (before is None or self._next[0] is None or self._next[0] < before):
            yield from self._next[1]
            self._advance()


def _strays(following: _Following, before: int | None) -> Iterator[Fault]:
    for line, row in following.strays(before):
        message = _("it belongs to delivery {id}, which is not there").format(id=row.get("delivery_id"))
        yield Fault("stray-row", message, following.file, line)


def _delivery(account: Account, line: int, row: Row, *, cancelled: bool) -> Iterator[Fault]:
    state = str(row.get("state"))
    if state not in set(State):
        yield _of(line, row, "unknown-state", _("its state is unknown: {state}").format(state=state))
    account.counted[str(row.get("group_name")), state] += 1
    if _number("deliveries.jsonl", line, row, "letter_id") not in account.letters:
        yield _of(line, row, "no-letter", _("its letter is not there"))
    if state == State.CANCELLED and not cancelled:
        yield _of(line, row, "not-cancelled", _("it is cancelled, and nobody has cancelled the issue"))


def _whom(line: int, identity: int, rows: list[tuple[int, Row]]) -> Iterator[Fault]:
    positions = [row.get("position") for _line, row in rows]
    if positions != list(range(len(rows))) or not rows:
        message = _("delivery {id}: whom it serves is not complete").format(id=identity)
        yield Fault("not-served", message, "deliveries.jsonl", line)


def _what_happened(line: int, row: Row, events: list[Row]) -> Iterator[Fault]:
    """Whether its events lead to its state, and are as many as its attempts."""
    tries = _number("deliveries.jsonl", line, row, "tries")
    attempts = {str(event.get("attempt")) for event in events if _kind(event) in _RESULTS}
    if len(attempts) != tries:
        text = _("it has had {tries} attempts, and events of {n}")
        yield _of(line, row, "missing-events", text.format(tries=tries, n=len(attempts)))
    state, kind = str(row.get("state")), _kind(events[-1]) if events else None
    if state in _LAST and kind not in _LAST[State(state)]:
        text = _("it is {state}, and the last that happened to it is {kind}")
        yield _of(line, row, "wrong-state", text.format(state=state, kind=kind or _("nothing")))


def _sums(account: Account, of_all: list[Row]) -> Iterator[Fault]:
    said = {(group, state): number for group, states in account.states.items() for state, number in states.items()}
    for group, state in sorted(said.keys() | account.counted.keys()):
        there, told = account.counted[group, state], said.get((group, state), 0)
        if there != told:
            text = _("{group}: {told} are said to be {state}, and {n} are there")
            yield Fault("states", text.format(group=group, told=told, state=state, n=there), "issue.json")
    if account.counted.total() != account.deliveries_total:
        text = _("{told} deliveries are said to be there, and {n} are")
        message = text.format(told=account.deliveries_total, n=account.counted.total())
        yield Fault("total", message, "issue.json")
    if "opened" not in map(_kind, of_all):
        yield Fault("not-opened", _("nothing says who opened the issue, and when"), "events.jsonl")


def _of(line: int, row: Row, code: str, message: str) -> Fault:
    text = _("delivery {id}: {text}").format(id=row.get("id"), text=message)
    return Fault(code, text, "deliveries.jsonl", line)


def _kind(event: Row) -> str:
    return str(event.get("kind"))


def _number(file: str, line: int, row: Row, name: str) -> int:
    value = row.get(name)
    if type(value) is not int:
        _malformed(file, line, name)
    return value


def _malformed(file: str, line: int, name: str) -> NoReturn:
    raise MalformedError(file, line, _("{name} is no number").format(name=name))
