"""The engine: keeps a stock of claimed deliveries, as many sessions as are of use, and one lease.

How it fails: a session that breaks settles or gives back what it holds; a relay that cannot be reached makes the
engine wait, longer each time, while the ledger keeps the queue; a lost lease means that everything in stock is
somebody else's, and it is dropped unsent. Killed at any moment, the ledger is right (see delivery/model/states.py).
"""

import asyncio
import contextlib
import json
import logging
import random
from collections import deque
from time import monotonic

from distributor.delivery.engine.journal import Journal
from distributor.delivery.engine.judge import RetryPolicy, judge
from distributor.delivery.ledger import acts, claims, queries
from distributor.delivery.ledger.claims import Claim, Mark
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.channel import Channel, Parcel, Phase, Reply, SessionError
from distributor.delivery.model.records import Actor
from distributor.delivery.model.replies import Effect, Scope, Verdict, classify, provider_of
from distributor.errors import DistributorError, LedgerError
from distributor.render.letter import MergeFields
from distributor.render.message import CompiledLetter, message_id

log = logging.getLogger(__name__)

SLICE = 500
LEASE = 60.0
POLL = 0.5
LINGER = 5.0
GRACE = 20.0
BACK_OFF_MOST = 60.0


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
        self._letters: dict[int, CompiledLetter] = {}
        self._pausing: set[asyncio.Task[None]] = set()
        self._lease = 0
        self._back_off = 0.0
        self._not_before = 0.0

    async def run(self, *, idle: float | None = None) -> None:
        """Deliver what is due until ``stop``, or until nothing was due or in hand for *idle* seconds.

        Raises:
            LedgerError: the ledger cannot be used at the start. Later faults are waited out.
        """
        self._lease = await self.journal.do(claims.take_lease, self.journal.actor.who, LEASE)
        writer = asyncio.create_task(self.journal.run())
        heartbeat = asyncio.create_task(self._keep_lease())
        try:
            await self._supervise(idle)
        finally:
            heartbeat.cancel()
            await self._wind_down()
            await _within(GRACE, writer)
            self.journal.shutdown()

    async def _supervise(self, idle: float | None) -> None:
        busy_at = monotonic()
        while not self.stop.is_set():
            self.changed.clear()
            await self._restock()
            self._open_sessions()
            if self.stock or any(hand.parcels for hand in self.hands.values()) or not self.journal.settled:
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
        if len(self.stock) > SLICE // 2 or monotonic() < self._not_before:
            return
        try:
            claimed = await self.journal.do(claims.claim, self._lease, SLICE)
            await self._load_letters({claim.letter_id for claim in claimed})
        except LedgerError as error:
            log.error("%s", error)
            return
        self.stock.extend(claimed)
        if claimed:
            self._wake_hands()

    async def _load_letters(self, wanted: set[int]) -> None:
        still = {claim.letter_id for claim in self.stock}
        self._letters = {key: letter for key, letter in self._letters.items() if key in still | wanted}
        for identity in wanted - self._letters.keys():
            frozen = await self.journal.do(queries.frozen_letter, identity)
            self._letters[identity] = CompiledLetter.from_bytes(frozen)

    def _open_sessions(self) -> None:
        if monotonic() < self._not_before:
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
            self._wait_for_relay()

    def _session_failed(self, hand: "_Hand", reply: Reply) -> None:
        """A relay that takes some of our sessions is only full; one that takes none is in the way of everything."""
        log.warning("%s: %s %s", reply.phase, reply.code or "", reply.text)
        self._wait_for_relay()
        if hand.opened or any(other.opened for other in self.hands.values()):
            return
        refused, self.stock = self.stock, deque()
        verdict = self.verdict(reply, "")
        if verdict.effect is Effect.BLOCK and verdict.scope is Scope.ISSUE:
            self.pause({claim.issue_id for claim in refused}, reply)
        for claim in refused:
            self.record(claim, reply, verdict)

    def _wait_for_relay(self) -> None:
        self._back_off = min(BACK_OFF_MOST, max(1.0, self._back_off * 2))
        self._not_before = monotonic() + self._back_off

    def verdict(self, reply: Reply, address: str) -> Verdict:
        """What *reply* means, said to *address* ("" for the whole session)."""
        return classify(reply, provider_of(reply.relay, address.rpartition("@")[2], reply.text))

    def record(self, claim: Claim, reply: Reply, verdict: Verdict) -> None:
        """Have the result of *claim* written."""
        self.journal.record(judge(claim, reply, verdict, self.policy, random.random()))

    def pause(self, issue_ids: set[int], reply: Reply) -> None:
        """Our relay refuses our login or our sender: nothing of these issues can go until a person mends it."""
        reason = f"{reply.code or ''} {reply.text}".strip()
        for issue_id in issue_ids:
            task = asyncio.create_task(self._pause(issue_id, reason))
            self._pausing.add(task)
            task.add_done_callback(self._pausing.discard)

    async def _pause(self, issue_id: int, reason: str) -> None:
        try:
            await self.journal.do(acts.pause, issue_id, actor=self.journal.actor, reason=reason)
        except LedgerError as error:
            log.error("%s", error)

    def parcel(self, claim: Claim) -> Parcel:
        """The message of *claim*, spliced from its group's frozen letter."""
        domain = claim.sender.rpartition("@")[2]
        letter = self._letters[claim.letter_id]
        message = letter.message(
            delivery_id=claim.id,
            message_id=message_id(claim.uid, claim.id, claim.generation, domain),
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

    async def _wind_down(self) -> None:
        """Finish what is in flight within GRACE, give back the rest."""
        self.stop.set()
        self._wake_hands()
        await _within(GRACE, *self.hands)
        await _within(GRACE, *self._pausing)
        self.journal.close()
        self.stock.clear()
        with contextlib.suppress(DistributorError):
            await self.journal.do(claims.end_lease, self._lease)


class _Hand:
    """The engine's side of one session (delivery/model/channel.py, Hand)."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.parcels: dict[int, Claim] = {}
        self.marked: set[int] = set()
        self.arrived = asyncio.Event()
        self.opened = False

    async def take(self) -> Parcel | None:
        self.opened = True
        self.engine._back_off = 0.0
        until = monotonic() + LINGER
        while True:
            parcel = self.poll()
            if parcel is not None or self.engine.stop.is_set():
                return parcel
            self.arrived.clear()
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + until - monotonic()):
                    await self.arrived.wait()
            except TimeoutError:
                return None

    def poll(self) -> Parcel | None:
        engine = self.engine
        if not engine.stock or engine.stop.is_set():
            engine.changed.set()
            return None
        claim = engine.stock.popleft()
        if len(engine.stock) == SLICE // 2:
            engine.changed.set()
        self.parcels[claim.id] = claim
        return engine.parcel(claim)

    async def mark(self, parcel: Parcel) -> bool:
        if await self.engine.journal.mark(Mark(parcel.delivery_id, parcel.attempt)):
            self.marked.add(parcel.delivery_id)
            return True
        del self.parcels[parcel.delivery_id]
        return False

    def settle(self, parcel: Parcel, reply: Reply) -> None:
        claim = self.parcels.pop(parcel.delivery_id)
        self.marked.discard(claim.id)
        verdict = self.engine.verdict(reply, claim.address)
        if verdict.effect is Effect.BLOCK and verdict.scope is Scope.ISSUE:
            self.engine.pause({claim.issue_id}, reply)
        self.engine.record(claim, reply, verdict)

    def give_back(self, parcel: Parcel) -> None:
        self.engine.stock.appendleft(self.parcels.pop(parcel.delivery_id))
        self.engine.changed.set()

    def let_go(self, why: str) -> None:
        """Account for what a session left behind: in doubt if it was marked, else tried again later."""
        for claim in self.parcels.values():
            handed_over = claim.id in self.marked
            reply = Reply(Phase.DOT if handed_over else Phase.MAIL, None, None, why, handed_over)
            self.engine.record(claim, reply, self.engine.verdict(reply, claim.address))
        self.parcels.clear()


async def _within(seconds: float, *tasks: "asyncio.Task[None]") -> None:
    """Wait for *tasks*; cancel those that take longer than *seconds*."""
    if not tasks:
        return
    _done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)
