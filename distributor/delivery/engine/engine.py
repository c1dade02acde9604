"""The engine: keeps a stock of claimed deliveries, as many sessions as are of use, and one lease.

How it fails: a session that breaks settles or gives back what it holds; a relay that cannot be reached makes the
engine wait, longer each time: through a short outage with its stock in hand, in a long one the stock is put off, until
a session opens again; a lost lease means that everything in stock is somebody else's, and it is dropped unsent. A
ledger that hangs delays no stop. Killed at any moment, the ledger is right (see delivery/model/states.py).
"""

import asyncio
import contextlib
import json
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from time import monotonic
from typing import Any

from distributor.delivery.engine.effects import Effects
from distributor.delivery.engine.journal import Journal
from distributor.delivery.engine.judge import RetryPolicy, judge
from distributor.delivery.engine.reach import Pace, Reach
from distributor.delivery.ledger import claims, queries, sweeping
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.writing import Mark
from distributor.delivery.model.channel import Channel, Parcel, Phase, Reply, SessionError
from distributor.delivery.model.records import Actor
from distributor.delivery.model.replies import Effect, Outcome, Scope, Verdict, classify, provider_of
from distributor.errors import DistributorError, LedgerError
from distributor.render.message import CompiledLetter, message_id
from distributor.render.model import MergeFields

log = logging.getLogger(__name__)

SLICE = 500
LEASE = 60.0
POLL = 0.5
LINGER = 5.0
GRACE = 20.0
LAST_WRITES = 10.0
_NOT_MADE = Verdict(Outcome.FAIL_MESSAGE, Effect.NONE, Scope.RECIPIENT, "not-made")


class Engine:
    """One worker. Make it, ``await run(...)``; ``stop`` may be set from a signal handler of the same loop."""

    def __init__(
        self, database: Database, channel: Channel, *, actor: Actor, connections: int, policy: RetryPolicy
    ) -> None:
        self.channel = channel
        self.connections = connections
        self.policy = policy
        self.journal = Journal(database, actor)
        self.stop = asyncio.Event()
        self.stock: deque[Claim] = deque()
        self.hands: dict[asyncio.Task[None], _Hand] = {}
        self.changed = asyncio.Event()
        self.reach = Reach()
        self.effects = Effects(self.journal, Pace(policy.first, policy.most), self._drop, self._in_hand)
        # Compiled when first used, so that a damaged letter is a fault of its own deliveries.
        self._letters: dict[int, CompiledLetter | bytes] = {}
        self._lease = 0
        # The ledger may hold what was put off only because no connection could be had, by us or by others before us.
        self._put_off = True
        # The ledger may hold claims for us that we do not have: an answer was lost, or we dropped some.
        self._unknown = False

    async def run(self, *, idle: float | None = None) -> None:
        """Deliver what is due until ``stop``, or until nothing was due or in hand for *idle* seconds.

        Raises:
            LedgerError: the ledger cannot be used at the start. Later faults are waited out.
        """
        try:
            self._lease = await self.journal.do(claims.take_lease, self.journal.actor.who, LEASE)
            writer = self._helper(self.journal.run())
            heartbeat = self._helper(self._keep_lease())
            try:
                await self._until_stop(self._supervise(idle, writer, heartbeat))
            finally:
                await self._wind_down(writer)
                heartbeat.cancel()
        finally:
            self.journal.shutdown()

    def _helper(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """A task whose end, which only a fault of ours can be, wakes the supervisor."""
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _task: self.changed.set())
        return task

    async def _until_stop(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work*, and leave it where it is when ``stop`` is set: it may be waiting for a ledger that hangs."""
        working, stopped = asyncio.create_task(work), asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
        finally:
            working.cancel()
            stopped.cancel()
            await asyncio.wait([working, stopped])

    async def _supervise(self, idle: float | None, *helpers: "asyncio.Task[None]") -> None:
        busy_at = monotonic()
        while not self.stop.is_set():
            self.changed.clear()
            for helper in helpers:
                if helper.done():
                    helper.result()
            await self._restock()
            self._open_sessions()
            # A ledger that could not be asked has not said that nothing is due.
            if self._unknown or self._claims() or not self.journal.settled:
                busy_at = monotonic()
            elif idle is not None and monotonic() - busy_at >= idle:
                return
            await self._something(POLL)

    async def _something(self, seconds: float) -> None:
        """Wait until the stock runs low, a session ends, stop is set, or *seconds* passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()

    async def _restock(self) -> None:
        try:
            await self._return_unknown()
            await self._hasten_put_off()
            if len(self.stock) > SLICE // 2 or (self.reach.waits(monotonic()) and not self.hands):
                return
            claimed = await self.journal.do(claims.claim, self._lease, SLICE)
            await self._load_letters(claimed)
        except LedgerError as error:
            log.error("%s", error)
            self._unknown = self._put_off = True
            return
        self.stock.extend(claimed)
        if claimed:
            self._wake_hands()

    async def _return_unknown(self) -> None:
        """Give back what the ledger may hold for us and we do not have."""
        if self._unknown:
            self._unknown = False
            keep = [*(claim.id for claim in self._claims()), *self.journal.unwritten()]
            await self.journal.do(claims.release, self._lease, keep)

    async def _hasten_put_off(self) -> None:
        """The relay is there: what was put off for want of a connection need not wait for its time."""
        if self._put_off and any(hand.opened for hand in self.hands.values()):
            self._put_off = False
            await self.journal.do(sweeping.hasten_unconnected)

    def _claims(self) -> list[Claim]:
        """Everything that is in stock or in hand."""
        return [*self.stock, *(claim for hand in self.hands.values() for claim in hand.parcels.values())]

    def _in_hand(self) -> list[int]:
        """The deliveries that are on their way."""
        return [claim.id for hand in self.hands.values() for claim in hand.parcels.values()]

    async def _load_letters(self, claimed: list[Claim]) -> None:
        needed = {claim.letter_id for claim in (*self._claims(), *claimed)}
        kept = {identity: letter for identity, letter in self._letters.items() if identity in needed}
        if missing := needed - kept.keys():
            kept |= await self.journal.do(queries.compiled_letters, missing)
        self._letters = kept

    def _open_sessions(self) -> None:
        if self.reach.waits(monotonic()):
            return
        wanted = min(self.connections, len(self.stock) + sum(bool(hand.parcels) for hand in self.hands.values()))
        for _each in range(len(self.hands), wanted):
            hand = _Hand(self)
            task = asyncio.create_task(self.channel.session(hand))
            self.hands[task] = hand
            task.add_done_callback(self._session_ended)

    def _session_ended(self, task: asyncio.Task[None]) -> None:
        hand = self.hands.pop(task)
        self.changed.set()
        error = None if task.cancelled() else task.exception()
        hand.let_go("cut off while stopping" if task.cancelled() else f"internal error: {error!r}")
        if isinstance(error, SessionError):
            self._session_failed(hand, error.reply)
        elif error is not None:
            log.error("a session broke", exc_info=error)
            self.reach.failed(monotonic())

    def _session_failed(self, hand: "_Hand", reply: Reply) -> None:
        """A relay that takes some of our sessions is only full; one that takes none is in the way of everything."""
        log.warning("%s: %s %s", reply.phase, reply.code or "", reply.text)
        self.reach.failed(monotonic())
        if hand.opened or self.hands or self.reach.is_briefly_away(reply, hand.began, monotonic()):
            return
        self._put_off = True
        # Whatever it says to a session, it says of no letter: none of them fails for it.
        verdict = replace(self.verdict(reply, ""), outcome=Outcome.DEFER)
        refused, self.stock = self.stock, deque()
        for claim in refused:
            self.record(claim, reply, verdict)

    def verdict(self, reply: Reply, address: str) -> Verdict:
        """What *reply* means, said to *address* ("" for the whole session)."""
        if reply.code is not None and reply.code < 400:
            return classify(reply, "")  # whoever accepts, accepts in the same words
        return classify(reply, provider_of(reply.relay, address.rpartition("@")[2], reply.text))

    def record(self, claim: Claim, reply: Reply, verdict: Verdict) -> None:
        """Have the result of *claim* written, and what it means for others."""
        result = judge(claim, reply, verdict, self.policy, random.random())
        self.journal.record(result)
        if verdict.effect is not Effect.NONE:
            self.effects.act(claim, verdict, result)
        elif verdict.outcome is Outcome.SENT:
            self.effects.accepted(claim.address)

    def forget(self, issue_id: int) -> None:
        """Drop the issue's claims from stock: they are not to be sent, or ours no more."""
        self._drop(lambda claim: claim.issue_id == issue_id)

    def _drop(self, concerned: Callable[[Claim], bool]) -> None:
        self.stock = deque(claim for claim in self.stock if not concerned(claim))
        self._unknown = True
        self.changed.set()

    def return_to_stock(self, claim: Claim) -> None:
        """*claim* was not tried; another session may take it."""
        self.stock.appendleft(claim)
        self._wake_hands()
        self.changed.set()

    def next_parcel(self) -> tuple[Claim, Parcel] | None:
        """The next of the stock with its message."""
        while self.stock and not self.stop.is_set():
            claim = self.stock.popleft()
            if len(self.stock) == SLICE // 2:
                self.changed.set()
            try:
                return claim, self._parcel(claim)
            except (ValueError, TypeError, KeyError) as error:
                # No session may break for it: another letter may be on its way there, and would be in doubt.
                log.error("delivery %d: the letter cannot be made", claim.id, exc_info=error)
                self.record(claim, Reply(Phase.MAIL, None, None, str(error)), _NOT_MADE)
        self.changed.set()
        return None

    def _parcel(self, claim: Claim) -> Parcel:
        """The message of *claim*, spliced from its group's frozen letter."""
        letter = self._letters[claim.letter_id]
        if isinstance(letter, bytes):
            letter = self._letters[claim.letter_id] = CompiledLetter.from_bytes(letter)
        message = letter.message(
            delivery_id=claim.id,
            message_id=message_id(claim.uid, claim.id, claim.generation, claim.sender.rpartition("@")[2]),
            address=claim.address,
            fields=MergeFields(**json.loads(claim.fields)),
        )
        return Parcel(claim.id, claim.attempt, claim.sender, claim.address, message)

    def _wake_hands(self) -> None:
        for hand in self.hands.values():
            hand.arrived.set()

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            try:
                if await self.journal.do(claims.renew_lease, self._lease, LEASE):
                    continue
                log.warning("the lease expired; what was claimed under it is dropped")
                self.stock.clear()
                self._lease = await self.journal.do(claims.take_lease, self.journal.actor.who, LEASE)
            except LedgerError as error:
                log.error("%s", error)

    async def _wind_down(self, writer: "asyncio.Task[None]") -> None:
        """Finish what is in flight within GRACE, write what became of it, give back the rest: in this order."""
        self.stop.set()
        self._wake_hands()
        for task, hand in self.hands.items():
            if not hand.opened:
                task.cancel()
        await _within(GRACE, *self.hands)
        self.stock.clear()
        self.journal.close()
        # A ledger that hangs does not end the lease either: the sweep will.
        if await _within(LAST_WRITES, writer, *self.effects.writing.values()):
            await _within(LAST_WRITES, asyncio.create_task(self._end_lease()))

    async def _end_lease(self) -> None:
        with contextlib.suppress(DistributorError):
            await self.journal.do(claims.end_lease, self._lease)


class _Hand:
    """The engine's side of one session (delivery/model/channel.py, Hand)."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.parcels: dict[Mark, Claim] = {}
        self.marked: set[Mark] = set()
        self.arrived = asyncio.Event()
        self.began = monotonic()
        self.opened = False
        self.ends = False  # the relay wants a new connection: this one takes no more

    async def take(self) -> Parcel | None:
        if not self.opened:
            self.opened = True
            self.engine.reach.opened()
            self.engine.changed.set()
        until = asyncio.get_running_loop().time() + LINGER
        while (parcel := self.poll()) is None and not (self.ends or self.engine.stop.is_set()):
            self.arrived.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self.arrived.wait()
            except TimeoutError:
                return None
        return parcel

    def poll(self) -> Parcel | None:
        if self.ends or (made := self.engine.next_parcel()) is None:
            return None
        claim, parcel = made
        self.parcels[_mark_of(parcel)] = claim
        return parcel

    async def mark(self, parcel: Parcel) -> bool:
        mark = _mark_of(parcel)
        if await self.engine.journal.mark(mark):
            self.marked.add(mark)
            return True
        # Paused, cancelled or taken back: the rest of its issue may be no more ours than this.
        self.engine.forget(self.parcels.pop(mark).issue_id)
        return False

    def settle(self, parcel: Parcel, reply: Reply) -> None:
        claim = self.parcels.pop(_mark_of(parcel))
        self.marked.discard(_mark_of(parcel))
        self.engine.reach.answered(reply)
        verdict = self.engine.verdict(reply, claim.address)
        self.ends = self.ends or verdict.effect is Effect.RECONNECT
        self.engine.record(claim, reply, verdict)

    def give_back(self, parcel: Parcel) -> None:
        self.engine.return_to_stock(self.parcels.pop(_mark_of(parcel)))

    def let_go(self, why: str) -> None:
        """Account for what a session left behind: in doubt if it was marked, else tried again later."""
        for mark, claim in self.parcels.items():
            handed_over = mark in self.marked
            reply = Reply(Phase.DOT if handed_over else Phase.MAIL, None, None, why, handed_over)
            self.engine.record(claim, reply, self.engine.verdict(reply, claim.address))
        self.parcels.clear()


def _mark_of(parcel: Parcel) -> Mark:
    return Mark(parcel.delivery_id, parcel.attempt)


async def _within(seconds: float, *tasks: "asyncio.Task[None]") -> bool:
    """Wait for *tasks*; cancel those that take longer than *seconds*. True: none did."""
    if not tasks:
        return True
    _done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)
    return not late
