"""What a reply means for everybody else: an issue paused, a destination put off or held. Written in the background."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TypeAlias

from distributor.delivery.engine.journal import Journal
from distributor.delivery.engine.judge import is_held
from distributor.delivery.engine.reach import Pace
from distributor.delivery.ledger import acts, holds
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.writing import Result
from distributor.delivery.model.channel import Phase
from distributor.delivery.model.replies import Effect, Scope, Verdict
from distributor.errors import LedgerError
from distributor.recipients.addresses import address_key

log = logging.getLogger(__name__)

Concerned: TypeAlias = Callable[[Claim], bool]
_OF_THE_SESSION = frozenset({Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.AUTH})


class Effects:
    """*drop* takes out of stock what the given function is true of; *in_hand* are the deliveries on their way."""

    def __init__(
        self, journal: Journal, pace: Pace, drop: Callable[[Concerned], None], in_hand: Callable[[], list[int]]
    ) -> None:
        self.journal = journal
        self.pace = pace
        self.drop = drop
        self.in_hand = in_hand
        self.writing: dict[object, asyncio.Task[None]] = {}

    def accepted(self, address: str) -> None:
        """A letter went through to *address*."""
        if self.pace.is_set:
            now = monotonic()
            self.pace.accepted(domain_of(address), now)
            self.pace.accepted(None, now)

    def act(self, claim: Claim, verdict: Verdict, result: Result) -> None:
        """Do what *verdict*, said of *claim*, asks of others in its scope."""
        if verdict.effect is Effect.BLOCK and verdict.scope is Scope.ISSUE:
            # Our relay refuses our login or our sender: a person must mend it.
            reason = f"{result.code or ''} {result.reply}".strip()
            pause = partial(acts.pause, issue_id=claim.issue_id, actor=self.journal.actor, reason=reason)
            self._do(claim.issue_id, lambda other: other.issue_id == claim.issue_id, pause)
            return
        # What is said to a session, or by the relay of itself, is said of all that goes by it.
        to_a_session = result.phase in _OF_THE_SESSION
        scope = None if verdict.scope is Scope.RELAY or to_a_session else domain_of(claim.address)
        if is_held(verdict):
            self._put_off(scope, None, result)
        elif verdict.effect is Effect.SLOW and not to_a_session:  # the engine does not hurry back to such a relay
            wait = self.pace.slow(scope, verdict.after or 0, monotonic())
            if wait is not None:
                self._put_off(scope, round(wait * 1_000_000), result)

    def _put_off(self, scope: str | None, wait: int | None, told: Result) -> None:
        spared = [*self.in_hand(), *self.journal.unwritten()]
        put_off = partial(holds.put_off, scope=scope, wait=wait, told=told, spared=spared, actor=self.journal.actor)
        self._do((scope, wait is None), lambda other: scope is None or domain_of(other.address) == scope, put_off)

    def _do(self, key: object, concerned: Concerned, act: Callable[[Database], object]) -> None:
        """Have *act* written once, however many replies ask for it meanwhile."""
        if key not in self.writing:
            self.drop(concerned)
            task = self.writing[key] = asyncio.create_task(self._write(concerned, act))
            task.add_done_callback(lambda _task: self.writing.pop(key))

    async def _write(self, concerned: Concerned, act: Callable[[Database], object]) -> None:
        try:
            await self.journal.do(act)
            self.drop(concerned)  # claimed again meanwhile
        except LedgerError as error:
            log.error("%s", error)


def domain_of(address: str) -> str:
    """The domain as the ledger's address keys have it."""
    return address_key(address).rpartition("@")[2]
