"""How an issue stands as a whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.model.records import IssueState
from distributor.delivery.model.states import HAS_IT, UNSETTLED, State
from distributor.report.standing import Standing, standing

OPEN, PAUSED, CANCELLED = IssueState.OPEN, IssueState.PAUSED, IssueState.CANCELLED


@pytest.mark.parametrize(
    ("issue", "present", "expected"),
    [
        (OPEN, [State.SENT, State.DELIVERED], Standing.COMPLETE),
        (OPEN, [State.SENT, State.FAILED], Standing.INCOMPLETE),
        (OPEN, [State.SENT, State.BOUNCED], Standing.INCOMPLETE),
        (OPEN, [State.SENT, State.SUPPRESSED], Standing.INCOMPLETE),
        (OPEN, [State.SENT, State.FAILED, State.UNCERTAIN], Standing.DECISION),
        (OPEN, [State.UNCERTAIN, State.DEFERRED], Standing.WAITING),
        (OPEN, [State.SENT, State.DEFERRED, State.QUEUED], Standing.SENDING),
        (OPEN, [State.CLAIMED], Standing.SENDING),
        (OPEN, [State.HANDING_OVER], Standing.SENDING),
        (PAUSED, [State.SENT, State.QUEUED], Standing.PAUSED),
        (PAUSED, [State.DEFERRED], Standing.PAUSED),
        (PAUSED, [State.HANDING_OVER], Standing.PAUSED),
        (PAUSED, [State.SENT], Standing.COMPLETE),  # nothing is left to hold
        (CANCELLED, [State.SENT, State.CANCELLED], Standing.CANCELLED),
        (CANCELLED, [State.HANDING_OVER, State.CANCELLED], Standing.SENDING),  # what is on its way runs out
        (OPEN, [], Standing.COMPLETE),
    ],
)
def test_in_one_word(issue: IssueState, present: list[State], expected: Standing) -> None:
    assert standing(issue, dict.fromkeys(present, 1)) is expected


@pytest.mark.parametrize(("replaced", "expected"), [(1, Standing.INCOMPLETE), (2, Standing.COMPLETE)])
def test_what_failed_and_was_replaced_lacks_nothing(replaced: int, expected: Standing) -> None:
    assert standing(OPEN, {State.SENT: 3, State.FAILED: 1, State.BOUNCED: 1}, replaced=replaced) is expected


@pytest.mark.parametrize("state", [State.UNCERTAIN, State.DEFERRED, State.QUEUED])
def test_replacements_settle_nothing_else(state: State) -> None:
    assert standing(OPEN, {State.FAILED: 1, state: 1}, replaced=1) is standing(OPEN, {state: 1})


@given(st.sampled_from(IssueState), st.dictionaries(st.sampled_from(State), st.integers(0, 3)))
def test_complete_is_said_only_if_everybody_has_it(issue: IssueState, counts: dict[State, int]) -> None:
    present = {state for state, count in counts.items() if count}
    stands = standing(issue, counts)
    if stands is Standing.COMPLETE:
        assert present <= HAS_IT
    if stands in (Standing.COMPLETE, Standing.INCOMPLETE, Standing.DECISION):
        assert not present & UNSETTLED
