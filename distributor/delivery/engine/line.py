"""One relay's line: its stock, its sessions, and what is known of reaching it."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Protocol

from distributor.delivery.engine.journal import Journal
from distributor.delivery.engine.letters import Letters
from distributor.delivery.engine.pacing import Gates
from distributor.delivery.engine.reach import Reach
from distributor.delivery.engine.stock import Stock
from distributor.delivery.ledger.allotments import Ask
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.ledger.writing import Mark
from distributor.delivery.model.channel import Channel, Parcel, Phase, Reply, SessionError
from distributor.delivery.model.flow import FlowKey, Way
from distributor.delivery.model.replies import Effect, Outcome, Scope, Verdict
from distributor.endpoints import MAIL

log = logging.getLogger(__name__)

# Sessions are opened so many seconds before there is something for them to do.
AHEAD = 2.0
# A relay that answers nothing for so many seconds, while all that it may have is under way, is not waited for by what
# others may carry. (The letters under way are: RFC 5321 4.5.3.2 says how long.)
STALLED = 20.0
_NOT_MADE = Verdict(Outcome.FAIL_MESSAGE, Effect.NONE, Scope.RECIPIENT, "not-made")


class Owner(Protocol):
    """What the lines of an engine have in common."""

    stop: asyncio.Event
    changed: asyncio.Event
    journal: Journal
    letters: Letters
    gates: Gates

    def wake(self) -> None:
        """Have the hands that wait look at their stock again."""

    def verdict(self, reply: Reply, address: str, channel: str) -> Verdict:
        """What *reply* means, said to *address* by a server of *channel*."""

    def record(self, claim: Claim, reply: Reply, verdict: Verdict, took: int | None = None) -> None:
        """Have the result of *claim*, which *took* so many µs, written, and what it means for others."""

    def quotas(self, claim: Claim) -> Sequence[FlowKey]:
        """The flows of *claim* that have a quota."""

    def forget(self, issue_id: int) -> None:
        """Drop the issue's claims from stock."""

    def refused(self, line: "Line", hand: "Hand", reply: Reply) -> None:
        """A session of *line* failed with *reply*, and it has no other."""


class Line:
    """At most *most* sessions at once, each kept for *linger* seconds without work; a claim is of *slice_* at most."""

    def __init__(self, owner: Owner, way: Way, channel: Channel, *, most: int, linger: float, slice_: int) -> None:
        self.owner = owner
        self.way = way
        self.channel = channel
        self.most = most
        self.linger = linger
        self.slice = slice_
        self.reach = Reach()
        self.stock = Stock(way.name, owner.gates)
        self.hands: dict[asyncio.Task[None], Hand] = {}
        self.moved_at = monotonic()
        # The ledger may hold what was put off only because no connection could be had, by us or by others before us.
        self.put_off = True

    @property
    def is_mail(self) -> bool:
        """Whether its sessions begin with a greeting; those of chat connect when there is something to post."""
        return self.way.channel == MAIL

    @property
    def is_open(self) -> bool:
        """Whether the relay has let us in."""
        return any(hand.opened for hand in self.hands.values())

    @property
    def is_up(self) -> bool:
        """Whether letters may go by it, and would, as far as is known here."""
        gate = self.owner.gates.relays.get(self.way.name)
        is_there = (self.is_open or not self.reach.back_off) and not self.is_stalled(monotonic())
        return is_there and (gate is None or not gate.is_shut)

    def is_stalled(self, now: float) -> bool:
        """Whether all its sessions have letters under way, and nothing moved for too long."""
        busy = bool(self.hands) and all(hand.parcels for hand in self.hands.values())
        return busy and now - self.moved_at > STALLED

    def is_away(self, now: float) -> bool:
        """Whether the relay could not be reached, and it is too early to try again."""
        return self.reach.waits(now) and not self.hands

    def in_hand(self) -> Iterator[Claim]:
        """What is on its way."""
        return (claim for hand in self.hands.values() for claim in hand.parcels.values())

    def ask(self, now: float, *, spared: bool) -> Ask:
        """What to claim for it. *spared*: others are there for its letters while nobody knows whether it is back."""
        if self.is_away(now):
            return Ask(self.way, None, 0)
        gated = self.owner.gates.any
        # Mail in other lanes than the main one is bounded by their gates; an endpoint need not have one.
        held = len(self.stock.main) if self.is_mail else len(self.stock)
        room = max(0, self.slice - held) if gated else self.slice
        if not gated and len(self.stock) > self.slice // 2:
            room = 0
        if spared and self.is_stalled(now):
            return Ask(self.way, None, len(self.hands))
        if spared and self.reach.back_off:
            room = min(room, self.most)
        return Ask(self.way, room, max(self.most, len(self.hands)))

    def open_sessions(self) -> None:
        """Open as many as are of use soon, and no more than are allowed."""
        now = monotonic()
        if self.reach.waits(now):
            return
        busy = sum(bool(hand.parcels) for hand in self.hands.values())
        for _each in range(len(self.hands), int(min(self._allowed(), busy + self.stock.near(now, now + AHEAD)))):
            hand = Hand(self)
            task = asyncio.create_task(self.channel.session(hand))
            self.hands[task] = hand
            task.add_done_callback(self._session_ended)

    def _allowed(self) -> int:
        gate = self.owner.gates.relays.get(self.way.name)
        return self.most if gate is None or gate.connections is None else min(self.most, gate.connections)

    def _session_ended(self, task: asyncio.Task[None]) -> None:
        hand = self.hands.pop(task)
        self.owner.changed.set()
        error = None if task.cancelled() else task.exception()
        hand.let_go("cut off while stopping" if task.cancelled() else f"internal error: {error!r}")
        if isinstance(error, SessionError):
            self._session_failed(hand, error.reply)
        elif error is not None:
            log.error("a session broke", exc_info=error)
            self.reach.failed(monotonic())

    def _session_failed(self, hand: "Hand", reply: Reply) -> None:
        """A relay that takes some of our sessions is only full; one that takes none is in the way of everything."""
        log.warning("%s: %s: %s %s", self.way.name, reply.phase, reply.code or "", reply.text)
        self.reach.failed(monotonic())
        if not self.hands:
            self.owner.refused(self, hand, reply)

    def next_parcel(self, *, behind: bool) -> tuple[Claim, Parcel] | None:
        """The next of the stock that may go, with its message."""
        now = monotonic()
        while not self.owner.stop.is_set() and (claim := self.stock.take(now, behind=behind)) is not None:
            self.moved_at = now
            if len(self.stock.main) == self.slice // 2 or not self.stock.has(claim.lane):
                self.owner.changed.set()
            try:
                return claim, self.owner.letters.parcel(claim)
            except (ValueError, TypeError, KeyError) as error:
                # No session may break for it: another letter may be on its way there, and would be in doubt.
                log.error("delivery %d: the letter cannot be made", claim.id, exc_info=error)
                self.passed(claim)
                self.owner.record(claim, Reply(Phase.MAIL, None, None, str(error)), _NOT_MADE)
        if self.is_mail and not self.stock.main:
            self.owner.changed.set()
        return None

    def passed(self, claim: Claim) -> None:
        """*claim* is on its way no more."""
        self.moved_at = monotonic()
        if self.owner.gates.any and self.owner.gates.leave(claim):
            self.owner.wake()

    def return_to_stock(self, claim: Claim) -> None:
        """*claim* was not tried; another session may take it."""
        self.passed(claim)
        self.stock.put_back(claim)
        self.owner.wake()
        self.owner.changed.set()

    def wake(self) -> None:
        for hand in self.hands.values():
            hand.arrived.set()


class Hand:
    """The engine's side of one session (delivery/model/channel.py, Hand)."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.parcels: dict[Mark, Claim] = {}
        self.taken_up: dict[Mark, float] = {}
        self.marked: set[Mark] = set()
        self.arrived = asyncio.Event()
        self.began = monotonic()
        self.opened = False
        self.ends = False  # the relay wants a new connection: this one takes no more
        self.taken = 0

    async def take(self) -> Parcel | None:
        if self.line.is_mail:
            self._has_opened()
        until = monotonic() + self.line.linger
        while (parcel := self._next(behind=False)) is None and not (self.ends or self.line.owner.stop.is_set()):
            self.arrived.clear()
            now = monotonic()
            if now >= until:
                return None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(until, self.line.stock.opens_at(now)) - now):
                    await self.arrived.wait()
        return parcel

    def _has_opened(self) -> None:
        if not self.opened:
            self.opened = True
            self.line.reach.opened()
            self.line.owner.changed.set()

    def poll(self) -> Parcel | None:
        return self._next(behind=True)

    def _next(self, *, behind: bool) -> Parcel | None:
        if self.ends or (made := self.line.next_parcel(behind=behind)) is None:
            return None
        claim, parcel = made
        mark = _mark_of(parcel)
        self.parcels[mark], self.taken_up[mark] = claim, monotonic()
        self.taken += 1
        gate = self.line.owner.gates.relays.get(claim.relay)
        self.ends = gate is not None and gate.per_connection is not None and self.taken >= gate.per_connection
        return parcel

    async def mark(self, parcel: Parcel) -> bool:
        mark = _mark_of(parcel)
        self._has_opened()  # of chat only now: the mark is asked for once the connection stands
        if await self.line.owner.journal.mark(mark, self.line.owner.quotas(self.parcels[mark])):
            self.marked.add(mark)
            return True
        # Paused, cancelled or taken back: the rest of its issue may be no more ours than this.
        claim = self._pop(mark)[0]
        self.line.passed(claim)
        self.line.owner.forget(claim.issue_id)
        return False

    def _pop(self, mark: Mark) -> tuple[Claim, int]:
        """What is in hand no more, and for how long (µs) it was."""
        return self.parcels.pop(mark), round((monotonic() - self.taken_up.pop(mark)) * 1_000_000)

    def settle(self, parcel: Parcel, reply: Reply) -> None:
        mark = _mark_of(parcel)
        claim, took = self._pop(mark)
        self.marked.discard(mark)
        self.line.passed(claim)
        self.line.reach.answered(reply)
        verdict = self.line.owner.verdict(reply, claim.address, self.line.way.channel)
        self.ends = self.ends or verdict.effect is Effect.RECONNECT
        self.line.owner.record(claim, reply, verdict, took)

    def give_back(self, parcel: Parcel) -> None:
        self.line.return_to_stock(self._pop(_mark_of(parcel))[0])

    def let_go(self, why: str) -> None:
        """Account for what a session left behind: in doubt if it was marked, else tried again later."""
        for mark in list(self.parcels):
            claim, took = self._pop(mark)
            handed_over = mark in self.marked
            reply = Reply(Phase.DOT if handed_over else Phase.MAIL, None, None, why, handed_over)
            self.line.passed(claim)
            verdict = self.line.owner.verdict(reply, claim.address, self.line.way.channel)
            self.line.owner.record(claim, reply, verdict, took)


def _mark_of(parcel: Parcel) -> Mark:
    return Mark(parcel.delivery_id, parcel.attempt)
