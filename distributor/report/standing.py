"""How an issue stands as a whole, in one word: pure."""

from collections.abc import Mapping
from enum import StrEnum

from distributor.delivery.model.records import IssueState
from distributor.delivery.model.states import HAS_IT, State


class Standing(StrEnum):
    """Never "complete" before every delivery is final and as it should be."""

    PAUSED = "paused"
    CANCELLED = "cancelled"
    SENDING = "sending"
    WAITING = "waiting"
    DECISION = "decision"
    INCOMPLETE = "incomplete"
    COMPLETE = "complete"


_MOVING = (State.QUEUED, State.CLAIMED, State.HANDING_OVER)


def standing(state: IssueState, counts: Mapping[State, int], replaced: int = 0) -> Standing:
    """How an issue with *counts* deliveries in each state stands.

    *replaced* of them failed, and those whom they serve have another letter. WAITING: all that is left was put off.
    DECISION: nothing moves any more, and nobody knows of some whether they arrived. INCOMPLETE: all are final, and some
    were not sent. Names of the imprint that no delivery stands for are not seen here.
    """
    present = {each for each, count in counts.items() if count}
    if state is IssueState.CANCELLED and not present & {State.HANDING_OVER}:
        return Standing.CANCELLED
    if state is IssueState.PAUSED and present & {*_MOVING, State.DEFERRED}:
        return Standing.PAUSED
    if present & set(_MOVING):
        return Standing.SENDING
    if State.DEFERRED in present:
        return Standing.WAITING
    if State.UNCERTAIN in present:
        return Standing.DECISION
    not_sent = sum(count for each, count in counts.items() if each not in HAS_IT)
    return Standing.INCOMPLETE if not_sent > replaced else Standing.COMPLETE
