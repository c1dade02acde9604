"""States of a delivery and every event that moves one. Any other pair is refused.

``handing_over`` is the only state in which a crash leaves a doubt: it is committed before the write that holds the
final dot, so whatever is in any other state has certainly not been handed over, or has certainly been answered for.
"""

from enum import StrEnum


class State(StrEnum):
    """Where one delivery stands. See README, "What the states mean"."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    HANDING_OVER = "handing_over"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"


class Event(StrEnum):
    """What happens to a delivery. The first block is the engine's, the second the far side's, the third a person's."""

    CLAIM = "claim"
    MARK = "mark"
    ACCEPTED = "accepted"
    DEFER = "defer"
    REFUSE = "refuse"
    LOSE = "lose"
    RELEASE = "release"
    LEASE_EXPIRY = "lease_expiry"
    TOO_OLD = "too_old"

    SUCCESS_REPORT = "success_report"
    FAILURE_REPORT = "failure_report"

    CANCEL = "cancel"
    RESEND = "resend"
    RESOLVE = "resolve"


class IllegalTransitionError(ValueError):
    """The event does not apply to a delivery in this state."""


UNSETTLED = frozenset({State.QUEUED, State.CLAIMED, State.HANDING_OVER, State.DEFERRED})
WAITING = frozenset({State.QUEUED, State.DEFERRED})
HAS_IT = frozenset({State.SENT, State.DELIVERED})
REFUSED = frozenset({State.FAILED, State.BOUNCED})
RESENDABLE = frozenset(
    {State.FAILED, State.UNCERTAIN, State.DELIVERED, State.BOUNCED, State.CANCELLED, State.SUPPRESSED}
)

_TABLE: dict[tuple[State, Event], State] = {
    (State.QUEUED, Event.CLAIM): State.CLAIMED,
    (State.QUEUED, Event.CANCEL): State.CANCELLED,
    (State.DEFERRED, Event.CLAIM): State.CLAIMED,
    (State.DEFERRED, Event.TOO_OLD): State.FAILED,
    (State.DEFERRED, Event.CANCEL): State.CANCELLED,
    (State.CLAIMED, Event.MARK): State.HANDING_OVER,
    (State.CLAIMED, Event.DEFER): State.DEFERRED,
    (State.CLAIMED, Event.REFUSE): State.FAILED,
    (State.CLAIMED, Event.CANCEL): State.CANCELLED,
    (State.HANDING_OVER, Event.ACCEPTED): State.SENT,
    (State.HANDING_OVER, Event.DEFER): State.DEFERRED,
    (State.HANDING_OVER, Event.REFUSE): State.FAILED,
    (State.HANDING_OVER, Event.LOSE): State.UNCERTAIN,
    (State.HANDING_OVER, Event.LEASE_EXPIRY): State.UNCERTAIN,
    (State.UNCERTAIN, Event.ACCEPTED): State.SENT,
    (State.UNCERTAIN, Event.DEFER): State.DEFERRED,
    (State.UNCERTAIN, Event.REFUSE): State.FAILED,
    (State.UNCERTAIN, Event.SUCCESS_REPORT): State.DELIVERED,
    (State.UNCERTAIN, Event.FAILURE_REPORT): State.BOUNCED,
    (State.UNCERTAIN, Event.RESOLVE): State.SENT,
    (State.SENT, Event.SUCCESS_REPORT): State.DELIVERED,
    (State.SENT, Event.FAILURE_REPORT): State.BOUNCED,
    (State.DELIVERED, Event.FAILURE_REPORT): State.BOUNCED,
    **{(state, Event.RESEND): State.QUEUED for state in RESENDABLE},
}
_GIVES_BACK = frozenset({Event.RELEASE, Event.LEASE_EXPIRY})


def transition(state: State, event: Event, claimed_from: State = State.QUEUED) -> State:
    """The state after *event*. A claimed delivery that is given back returns to *claimed_from*.

    Raises:
        IllegalTransitionError: the event does not apply; the caller logs it and changes nothing.
    """
    if state is State.CLAIMED and event in _GIVES_BACK:
        return claimed_from
    try:
        return _TABLE[state, event]
    except KeyError:
        raise IllegalTransitionError(f"{event} does not apply to a delivery that is {state}") from None


def sources(event: Event) -> tuple[State, ...]:
    """The states that *event* applies to: the guard of every UPDATE the ledger runs for it."""
    return tuple(state for state in State if _applies(state, event))


def _applies(state: State, event: Event) -> bool:
    return (state, event) in _TABLE or (state is State.CLAIMED and event in _GIVES_BACK)
