"""What a reply means for everybody else: an issue paused, a flow slowed, blocked or eased. Done in the background."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from distributor.delivery.engine.journal import Journal
from distributor.delivery.engine.judge import RetryPolicy, is_blocking
from distributor.delivery.ledger import acts, flows
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.writing import Result
from distributor.delivery.model.channel import Phase
from distributor.delivery.model.flow import FlowKey, FlowKind, Rules
from distributor.delivery.model.replies import Effect, Scope, Verdict
from distributor.errors import LedgerError
from distributor.recipients.addresses import address_key

log = logging.getLogger(__name__)

Concerned: TypeAlias = Callable[[Claim], bool]
_OF_THE_SESSION = frozenset({Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.AUTH})


class Effects:
    """*drop* takes out of stock, for the ledger, what the given function is true of."""

    def __init__(
        self, journal: Journal, rules: Rules, policy: RetryPolicy, drop: Callable[[Concerned], object]
    ) -> None:
        self.journal = journal
        self.rules = rules
        self.policy = policy
        self.drop = drop
        self.writing: dict[object, asyncio.Task[None]] = {}
        self._concerned: dict[object, Concerned] = {}

    def act(self, claim: Claim, verdict: Verdict, result: Result) -> None:
        """Do what *verdict*, said of *claim*, asks of others in its scope."""
        if verdict.effect is Effect.BLOCK and verdict.scope is Scope.ISSUE:
            # Our relay refuses our login or our sender: a person must mend it.
            reason = f"{result.code or ''} {result.reply}".strip()
            pause = partial(acts.pause, issue_id=claim.issue_id, actor=self.journal.actor, reason=reason)
            self._do(claim.issue_id, pause, lambda other: other.issue_id == claim.issue_id)
            return
        # What is said to a session, or by the relay of itself, is said of all that goes by it.
        to_a_session = result.phase in _OF_THE_SESSION
        by_relay = verdict.scope is Scope.RELAY or to_a_session
        key = FlowKey(FlowKind.RELAY, claim.relay) if by_relay else self._destination(claim)
        if is_blocking(verdict):
            self.block(key, result)
        elif verdict.effect is Effect.SLOW and not to_a_session:  # the engine does not hurry back to such a relay
            self._slow(key, verdict.after or 0, result)

    def concern(self, claim: Claim) -> bool:
        """Whether something that is not written yet is about *claim*: it may have been claimed just before."""
        return any(concerned(claim) for concerned in self._concerned.values())

    async def done(self) -> None:
        """Wait until all that was asked for is written, or could not be."""
        if self.writing:
            await asyncio.wait(self.writing.values())

    def block(self, key: FlowKey, said: Result) -> None:
        """Let nothing go by *key* until a person releases it."""
        block = partial(
            flows.block, key=key, actor=self.journal.actor,
            reason=said.reason, reply=_words(said), relay=said.relay,
        )  # fmt: skip
        self._do((key, "block"), block, self._of(key))

    def ease(self, key: FlowKey) -> None:
        """A letter went through: *key* is healthy again, if it was on probation."""
        self._do((key, "ease"), partial(flows.ease, key=key))

    def _slow(self, key: FlowKey, after: int, said: Result) -> None:
        slow = partial(
            flows.slow, key=key, first=max(after, self.policy.first), most=self.policy.most,
            reason=said.reason, reply=_words(said), relay=said.relay,
        )  # fmt: skip
        self._do((key, "slow"), slow, self._of(key))

    def _destination(self, claim: Claim) -> FlowKey:
        return FlowKey(FlowKind.DESTINATION, claim.lane or self.rules.destination_of(domain_of(claim.address)))

    def _of(self, key: FlowKey) -> Concerned:
        if key.kind is FlowKind.RELAY:
            return lambda claim: claim.relay == key.name
        return lambda claim: self._destination(claim) == key

    def _do(self, key: object, act: Callable[[Database], object], concerned: Concerned | None = None) -> None:
        """Have *act* written once, however many replies ask for it meanwhile."""
        if key not in self.writing:
            if concerned is not None:
                self._concerned[key] = concerned
                self.drop(concerned)
            task = self.writing[key] = asyncio.create_task(self._write(act, concerned))
            task.add_done_callback(lambda _task: (self.writing.pop(key), self._concerned.pop(key, None)))

    async def _write(self, act: Callable[[Database], object], concerned: Concerned | None) -> None:
        try:
            await self.journal.written()  # to pause an issue gives back what is claimed of it: no result would be kept
            await self.journal.do(act)
            if concerned is not None:
                self.drop(concerned)  # claimed again meanwhile
        except LedgerError as error:
            log.error("%s", error)


def _words(result: Result) -> str:
    """What the server said, as it said it."""
    return " ".join(filter(None, (str(result.code or ""), result.enhanced, result.reply)))


def domain_of(address: str) -> str:
    """The domain as the ledger's address keys have it."""
    return address_key(address).rpartition("@")[2]
