"""The engine: one lease, one journal, and a line of claimed deliveries and sessions for each relay.

How it fails: a session that breaks settles or gives back what it holds; a relay that cannot be reached leaves its
letters to the others; what only it may carry waits, longer each time: through a short outage in stock, in a long one
put off, until a session opens again; a lost lease means that everything in stock is somebody else's, and it is dropped
unsent. A ledger that hangs delays no stop. Killed at any moment, the ledger is right (delivery/model/states.py).
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

from distributor.delivery.engine.effects import Effects
from distributor.delivery.engine.journal import Journal
from distributor.delivery.engine.judge import RetryPolicy, judge
from distributor.delivery.engine.letters import Letters
from distributor.delivery.engine.line import Hand, Line
from distributor.delivery.engine.pacing import SECOND, Gates
from distributor.delivery.ledger import claims, sweeping
from distributor.delivery.ledger.allotments import HORIZON, AtHand
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.ledger.database import Database
from distributor.delivery.model import chat_replies
from distributor.delivery.model.channel import Channel, Reply
from distributor.delivery.model.flow import FlowKey, FlowKind, Rules, Way
from distributor.delivery.model.records import Actor
from distributor.delivery.model.replies import Effect, Outcome, Verdict, classify, provider_of
from distributor.endpoints import MAIL, Kind
from distributor.errors import DistributorError, LedgerError

log = logging.getLogger(__name__)

SLICE = 500
LEASE = 60.0
POLL = 0.5
LINGER = 5.0
GRACE = 20.0
LAST_WRITES = 10.0
# Nobody is idle who waits for a slot of a rate limit that comes so soon.
SOON = 60.0


class Engine:
    """One worker. Make it, ``await run(...)``; ``stop`` may be set from a signal handler of the same loop.

    *channels* has one for each way of *rules*, and for each chat service in use; *connections* is how many are kept to
    each of them at most; *day_of* gives the date by which quotas are counted, of the ledger's µs since 1970.
    """

    def __init__(  # noqa: PLR0913  all that it works with
        self, database: Database, channels: Sequence[tuple[Way, Channel]], rules: Rules,
        *, actor: Actor, connections: int, policy: RetryPolicy, day_of: Callable[[int], str],
    ) -> None:  # fmt: skip
        self.rules = rules
        self.policy = policy
        self.day_of = day_of
        self.journal = Journal(database, actor, self._sessions, day_of)
        self.stop = asyncio.Event()
        self.changed = asyncio.Event()
        self.letters = Letters()
        self.gates = Gates()
        self.lines = {
            way.name: Line(self, way, channel, most=connections, linger=LINGER, slice_=SLICE)
            for way, channel in channels
        }
        self.effects = Effects(self.journal, rules, policy, self._drop)
        self._limited = rules.with_quota()
        self._lease = 0
        self._served: dict[int, tuple[str, str]] = {}
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
            for line in self.lines.values():
                line.open_sessions()
            if self._is_busy():
                busy_at = monotonic()
            elif idle is not None and monotonic() - busy_at >= idle:
                return
            await self._something(self._pause())

    def _is_busy(self) -> bool:
        """A ledger that could not be asked has not said that nothing is due; nor has one whose slots are all used."""
        if self._unknown or not self.journal.settled or any(True for _claim in self._claims()):
            return True
        now = monotonic()
        return any(gate.awaits_slot(now, SOON) for _key, gate in self.gates)

    def _pause(self) -> float:
        """Seconds until the ledger is asked again: when a letter's destination opens, a slot of its relay is wanted."""
        now = monotonic()
        opens = min(line.stock.lanes_open_at(now) for line in self.lines.values())
        return min(POLL, opens - now) if opens > now else POLL

    async def _something(self, seconds: float) -> None:
        """Wait until the stock runs low, a session ends, stop is set, or *seconds* passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()

    async def _restock(self) -> None:
        try:
            await self.effects.done()  # or what they are about would be claimed meanwhile
            self._spare_stalled()
            await self._return_unknown()
            await self._hasten_put_off()
            await self._claim()
        except LedgerError as error:
            log.error("%s", error)
            self._unknown = True
            for line in self.lines.values():
                line.put_off = True

    async def _return_unknown(self) -> None:
        """Give back what the ledger may hold for us and we do not have."""
        if not self._unknown:
            return
        self._unknown = False
        keep = [*(claim.id for claim in self._claims()), *self.journal.unwritten()]
        await self.journal.do(claims.release, self._lease, keep)

    def _spare_stalled(self) -> None:
        """Give what waits behind letters that get no answer to the relays that may carry it too."""
        for line in self.lines.values():
            if line.is_stalled(monotonic()) and line.stock.drop(partial(_may_carry, self._others(line))):
                self._unknown = True

    async def _hasten_put_off(self) -> None:
        """A relay is there: what was put off for want of a connection to it need not wait for its time."""
        for line in self.lines.values():
            if line.put_off and line.is_open:
                line.put_off = False
                await self.journal.do(sweeping.hasten_unconnected, line.way.channel)

    async def _claim(self) -> None:
        asked = monotonic()
        asks = [line.ask(asked, spared=bool(self._others(line))) for line in self.lines.values()]
        if not (self.gates.any or any(ask.room for ask in asks)):
            return
        granted = await self.journal.do(
            claims.claim, self._lease, asks, self.rules, self._at_hand(asked), day_of=self.day_of, served=self._served
        )
        kept = [claim for claim in granted.claims if not self.effects.concern(claim)]
        self._unknown = self._unknown or len(kept) < len(granted.claims)
        for claim in kept:
            self._served.pop(claim.issue_id, None)
            self._served[claim.issue_id] = (claim.group, claim.lane)
        granted_at = monotonic()
        claimed = [self._in_lane(claim) for claim in kept]
        await self.letters.load(self.journal, [*self._claims(), *claimed])
        on_the_way = Counter(claim.lane for line in self.lines.values() for claim in line.in_hand())
        self.gates.grant(granted.allotments, on_the_way, asked, granted_at)
        for line in self.lines.values():
            line.stock.add(claim for claim in claimed if claim.relay == line.way.name)
        if claimed or granted.allotments:
            self.wake()

    def _in_lane(self, claim: Claim) -> Claim:
        """A lane may be named for a domain that people have made part of a destination since."""
        name = self.rules.destination_of(claim.lane) if claim.lane else ""
        return claim if name == claim.lane else claim._replace(lane=name)

    def _at_hand(self, now: float) -> Mapping[FlowKey, AtHand]:
        """What there is of each flow that has a gate."""
        if not self.gates.any:
            return {}
        stock = self._count(claim for line in self.lines.values() for claim in line.stock)
        hands = self._count(claim for line in self.lines.values() for claim in line.in_hand())
        movable = {line.way.flow: line.stock.movable(now, now + HORIZON / SECOND) for line in self.lines.values()}
        return {
            key: AtHand(
                stock[key] + hands[key], movable.get(key, stock[key]) + hands[key], gate.unspent(now) + hands[key]
            )
            for key, gate in self.gates
        }

    def _count(self, found: Iterable[Claim]) -> Counter[FlowKey]:
        """How many of *found* keep to each flow that has a gate."""
        return Counter(key for claim in found for key, _gate in self.gates.of(claim)) if self.gates.any else Counter()

    def _sessions(self) -> int:
        return sum(len(line.hands) for line in self.lines.values())

    def _claims(self) -> Iterator[Claim]:
        """Everything that is in stock or in hand."""
        for line in self.lines.values():
            yield from line.stock
            yield from line.in_hand()

    def _others(self, line: Line) -> list[Way]:
        """The ways that are there for what *line* cannot carry now."""
        return [
            other.way
            for other in self.lines.values()
            if other is not line and other.way.channel == line.way.channel and other.is_up
        ]

    def refused(self, line: Line, hand: Hand, reply: Reply) -> None:
        """The last session of *line* failed: others carry what they may, now; the rest waits, or is put off."""
        others = self._others(line)
        # Whatever it says to a session, it says of no letter: none of them fails for it.
        verdict = replace(self.verdict(reply, "", line.way.channel), outcome=Outcome.DEFER)
        spared = line.stock.drop(partial(_may_carry, others))
        if spared and verdict.effect is Effect.BLOCK:
            # Who knocks again and again with a login that is refused is locked out. What only this relay may carry
            # waits for it, and no issue is paused: the others go on.
            self.effects.block(line.way.flow, judge(spared[0], reply, verdict, self.policy, 0))
        if not hand.opened and not line.reach.is_briefly_away(reply, hand.began, monotonic()):
            line.put_off = True
            for claim in line.stock.drop(lambda _claim: True):
                self.record(claim, reply, verdict)
        self._unknown = True  # what the others carry goes back

    def verdict(self, reply: Reply, address: str, channel: str) -> Verdict:
        """What *reply* means, said to *address* ("" for the whole session) by a server of *channel*."""
        if channel != MAIL:
            return chat_replies.classify(reply, Kind(channel))
        if reply.code is not None and reply.code < 400:
            return classify(reply, "")  # whoever accepts, accepts in the same words
        return classify(reply, provider_of(reply.relay, address.rpartition("@")[2], reply.text))

    def record(self, claim: Claim, reply: Reply, verdict: Verdict, took: int | None = None) -> None:
        """Have the result of *claim*, which *took* so many µs, written, and what it means for others."""
        result = judge(claim, reply, verdict, self.policy, random.random())._replace(took=took)
        self.journal.record(result)
        if verdict.effect is not Effect.NONE:
            self.effects.act(claim, verdict, result)
        elif self.gates.any and verdict.outcome is Outcome.SENT:
            for key, gate in self.gates.of(claim):
                if gate.on_trial:
                    gate.on_trial = False
                    self.effects.ease(key)

    def quotas(self, claim: Claim) -> Sequence[FlowKey]:
        """The flows of *claim* that have a quota."""
        if not self._limited:
            return ()
        return [
            key
            for key in (FlowKey(FlowKind.RELAY, claim.relay), FlowKey(FlowKind.DESTINATION, claim.lane))
            if key in self._limited
        ]

    def forget(self, issue_id: int) -> None:
        """Drop the issue's claims from stock: they are not to be sent, or ours no more."""
        self._drop(lambda claim: claim.issue_id == issue_id)

    def _drop(self, concerned: Callable[[Claim], bool]) -> None:
        for line in self.lines.values():
            line.stock.drop(concerned)
        self._unknown = True
        self.changed.set()

    def wake(self) -> None:
        """Have the hands that wait look at their stock again."""
        for line in self.lines.values():
            line.wake()

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            try:
                if await self.journal.do(claims.renew_lease, self._lease, LEASE):
                    continue
                log.warning("the lease expired; what was claimed under it is dropped")
                self._drop(lambda _claim: True)
                self._lease = await self.journal.do(claims.take_lease, self.journal.actor.who, LEASE)
            except LedgerError as error:
                log.error("%s", error)

    async def _wind_down(self, writer: "asyncio.Task[None]") -> None:
        """Finish what is in flight within GRACE, write what became of it, give back the rest: in this order."""
        self.stop.set()
        self.wake()
        for line in self.lines.values():
            for task, hand in line.hands.items():
                if not hand.opened:
                    task.cancel()
        await _within(GRACE, *(task for line in self.lines.values() for task in line.hands))
        self._drop(lambda _claim: True)
        self.journal.close()
        # A ledger that hangs does not end the lease either: the sweep will.
        if await _within(LAST_WRITES, writer, *self.effects.writing.values()):
            await _within(LAST_WRITES, asyncio.create_task(self._end_lease()))

    async def _end_lease(self) -> None:
        with contextlib.suppress(DistributorError):
            await self.journal.do(claims.end_lease, self._lease)


def _may_carry(ways: Iterable[Way], claim: Claim) -> bool:
    return any(way.carries(claim.group, claim.sender.rpartition("@")[2]) for way in ways)


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
