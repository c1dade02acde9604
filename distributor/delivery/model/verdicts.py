"""What a reply can mean: for its delivery, and for everybody else."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a reply means for its delivery. fail_address: a bad mailbox; fail_message: this message was not wanted."""

    SENT = "sent"
    DEFER = "defer"
    FAIL_ADDRESS = "fail_address"
    FAIL_MESSAGE = "fail_message"


class Effect(StrEnum):
    """What a reply asks of everybody else in its scope. block: wait until a person releases them."""

    NONE = "none"
    SLOW = "slow"
    RECONNECT = "reconnect"
    BLOCK = "block"


class Scope(StrEnum):
    """Whom the effect concerns."""

    RECIPIENT = "recipient"
    DOMAIN = "domain"
    RELAY = "relay"
    ISSUE = "issue"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply means.

    *after* is the wait in seconds that a pattern asks for, None for the usual schedule. *reason* is the stable slug of
    what was recognised, the same for every answer that says the same (``unknown`` where nothing was); every slug has
    its words in report/reasons.py.
    """

    outcome: Outcome
    effect: Effect
    scope: Scope
    reason: str
    after: int | None = None
