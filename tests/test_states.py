"""States of a delivery: every state with every event, as the plan's table says, and walks at random."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.model.states import (
    RESENDABLE,
    UNSETTLED,
    WAITING,
    Event,
    IllegalTransitionError,
    State,
    sources,
    transition,
)

# One line a state: what may happen to it, and where that leads. Whatever is not here is refused.
MOVES: dict[State, dict[Event, State]] = {
    State.QUEUED: {Event.CLAIM: State.CLAIMED, Event.CANCEL: State.CANCELLED},
    State.CLAIMED: {
        Event.MARK: State.HANDING_OVER,
        Event.DEFER: State.DEFERRED,
        Event.REFUSE: State.FAILED,
        Event.CANCEL: State.CANCELLED,
        Event.RELEASE: State.QUEUED,
        Event.LEASE_EXPIRY: State.QUEUED,
    },
    State.HANDING_OVER: {
        Event.ACCEPTED: State.SENT,
        Event.DEFER: State.DEFERRED,
        Event.REFUSE: State.FAILED,
        Event.LOSE: State.UNCERTAIN,
        Event.LEASE_EXPIRY: State.UNCERTAIN,
    },
    State.SENT: {Event.SUCCESS_REPORT: State.DELIVERED, Event.FAILURE_REPORT: State.BOUNCED},
    State.DEFERRED: {Event.CLAIM: State.CLAIMED, Event.TOO_OLD: State.FAILED, Event.CANCEL: State.CANCELLED},
    State.FAILED: {Event.RESEND: State.QUEUED},
    State.UNCERTAIN: {
        Event.ACCEPTED: State.SENT,
        Event.DEFER: State.DEFERRED,
        Event.REFUSE: State.FAILED,
        Event.SUCCESS_REPORT: State.DELIVERED,
        Event.FAILURE_REPORT: State.BOUNCED,
        Event.RESOLVE: State.SENT,
        Event.RESEND: State.QUEUED,
    },
    State.DELIVERED: {Event.FAILURE_REPORT: State.BOUNCED, Event.RESEND: State.QUEUED},
    State.BOUNCED: {Event.RESEND: State.QUEUED},
    State.CANCELLED: {Event.RESEND: State.QUEUED},
    State.SUPPRESSED: {Event.RESEND: State.QUEUED},
}
EVERY_PAIR = list(itertools.product(State, Event))
GIVES_BACK = (Event.RELEASE, Event.LEASE_EXPIRY)


def test_the_table_names_every_state() -> None:
    assert set(MOVES) == set(State)


@pytest.mark.parametrize(("state", "event"), EVERY_PAIR, ids=[f"{state}-{event}" for state, event in EVERY_PAIR])
def test_every_state_with_every_event(state: State, event: Event) -> None:
    if event in MOVES[state]:
        assert transition(state, event) is MOVES[state][event]
        return
    with pytest.raises(IllegalTransitionError, match=f"{event} does not apply .* {state}"):
        transition(state, event)


@pytest.mark.parametrize("event", GIVES_BACK)
@pytest.mark.parametrize("claimed_from", sorted(WAITING))
def test_what_is_given_back_is_where_it_was(event: Event, claimed_from: State) -> None:
    assert transition(State.CLAIMED, event, claimed_from) is claimed_from


@pytest.mark.parametrize("state", [state for state in State if state is not State.CLAIMED])
def test_where_it_was_claimed_from_matters_only_while_it_is_claimed(state: State) -> None:
    for event in MOVES[state]:
        assert transition(state, event, State.DEFERRED) is MOVES[state][event]


@pytest.mark.parametrize("event", Event)
def test_the_sources_of_an_event_are_the_states_that_allow_it(event: Event) -> None:
    assert sources(event) == tuple(state for state in State if event in MOVES[state])


@pytest.mark.parametrize("event", [event for event in Event if event not in GIVES_BACK])
def test_an_event_has_one_target_whatever_its_source(event: Event) -> None:
    """The ledger writes one target for many rows at once."""
    assert len({transition(state, event) for state in sources(event)}) == 1


def test_only_a_person_moves_what_is_final() -> None:
    for state in RESENDABLE - {State.UNCERTAIN, State.DELIVERED}:
        assert list(MOVES[state]) == [Event.RESEND]


def test_every_state_that_is_not_settled_can_be_left_without_a_person() -> None:
    people = {Event.CANCEL, Event.RESEND, Event.RESOLVE}
    assert {state for state in State if set(MOVES[state]) - people} >= UNSETTLED


def test_pause_and_cancel_do_not_touch_what_is_being_handed_over() -> None:
    assert not {Event.CANCEL, Event.RELEASE} & set(MOVES[State.HANDING_OVER])


@given(st.lists(st.sampled_from(Event), max_size=60))
def test_a_walk_never_breaks_the_promises(events: list[Event]) -> None:
    """Refused events are skipped, as the ledger skips them. The body may have left only after a mark."""
    state, claimed_from, handed_over, resent = State.QUEUED, State.QUEUED, False, False
    for event in events:
        try:
            after = transition(state, event, claimed_from)
        except IllegalTransitionError:
            continue
        if event is Event.CLAIM:
            claimed_from = state
        handed_over |= event is Event.MARK
        resent |= event is Event.RESEND
        if state in (State.SENT, State.DELIVERED, State.BOUNCED):
            assert after in (State.DELIVERED, State.BOUNCED) or event is Event.RESEND, "sent twice by itself"
        if after in (State.SENT, State.UNCERTAIN, State.DELIVERED, State.BOUNCED):
            assert handed_over, "called sent, or in doubt, before it left"
        if state is State.UNCERTAIN and after is State.QUEUED:
            assert event is Event.RESEND
        if after is State.CLAIMED:
            assert claimed_from in WAITING
        state = after
