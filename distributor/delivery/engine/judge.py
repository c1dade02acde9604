"""From a reply to what the ledger writes: pure."""

from dataclasses import dataclass

from distributor.delivery.ledger.claims import Claim
from distributor.delivery.ledger.writing import Result
from distributor.delivery.model.channel import Reply
from distributor.delivery.model.replies import Effect, Outcome, Scope, Verdict, decides
from distributor.delivery.model.retry import next_attempt
from distributor.delivery.model.states import Event

TOO_OLD = "too-old"
LOST_AFTER_HANDING_OVER = "no-answer"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds: the first wait, the longest wait, and the age at which a deferral becomes a failure."""

    first: int
    most: int
    expire_after: int


def judge(claim: Claim, reply: Reply, verdict: Verdict, policy: RetryPolicy, jitter: float) -> Result:
    """What became of this attempt. *jitter* in [0, 1) spreads the retries.

    What our side did decides, not the exception: no reply before the write that holds the final dot is a deferral; no
    reply from then on, or one that decides nothing, is uncertain.
    """
    if reply.handed_over and not decides(reply):
        return _result(claim, reply, Event.LOSE, LOST_AFTER_HANDING_OVER)
    if verdict.outcome is Outcome.SENT:
        return _result(claim, reply, Event.ACCEPTED, verdict.reason)
    if verdict.outcome is Outcome.DEFER and is_blocking(verdict):
        # Due, so that it never is too old: its flow keeps it until a person releases that, or another relay takes it.
        return _result(claim, reply, Event.DEFER, verdict.reason, 0)
    if verdict.outcome is Outcome.DEFER:
        return _deferred(claim, reply, verdict, policy, jitter)
    return _result(claim, reply, Event.REFUSE, verdict.reason)


def is_blocking(verdict: Verdict) -> bool:
    """Whether the flow in the verdict's scope waits for a person. (Of a whole issue it is the issue that is paused.)"""
    return verdict.effect is Effect.BLOCK and verdict.scope in {Scope.DOMAIN, Scope.RELAY}


def _deferred(claim: Claim, reply: Reply, verdict: Verdict, policy: RetryPolicy, jitter: float) -> Result:
    due = next_attempt(
        claim.tries + 1,
        claim.age,
        0,
        first=policy.first,
        most=policy.most,
        expire_after=policy.expire_after,
        jitter=jitter,
        after=verdict.after,
    )
    if due is None:
        return _result(claim, reply, Event.REFUSE, TOO_OLD)
    return _result(claim, reply, Event.DEFER, verdict.reason, due - claim.age)


def _result(claim: Claim, reply: Reply, event: Event, reason: str, wait: int | None = None) -> Result:
    return Result(
        id=claim.id,
        attempt=claim.attempt,
        event=event,
        phase=reply.phase.value,
        code=reply.code,
        enhanced=reply.enhanced,
        reply=_storable(reply.text),
        reason=reason,
        relay=reply.relay,
        wait=wait,
    )


def _storable(text: str) -> str:
    """A server may say anything; PostgreSQL's text holds no NUL, and UTF-8 no lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
