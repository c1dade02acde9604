"""What people decide about an issue, and what they are told of it."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from distributor.delivery.ledger import acts, claims, queries, queues
from distributor.delivery.ledger.counts import span_of
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queues import Queue
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import RESENDABLE, Event, State
from tests import ledgers
from tests.ledgers import PERSON, all_rows, claimed, execute, mark, open_small, record, result, row, states


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


def current(database: Database, issue: IssueRecord) -> IssueRecord:
    (found,) = queries.find_issues(database, issue_id=issue.id)
    return found


def last_event(database: Database, issue: IssueRecord) -> dict[str, Any]:
    return queries.history(database, issue.id)[-1]


def one_of_each(database: Database) -> IssueRecord:
    """An issue with a delivery queued, deferred, claimed, being handed over, sent and uncertain."""
    issue = open_small(database, 6)
    _lease, taken = claimed(database, 5)
    deferred, _claimed, handing_over, sent, lost = taken
    mark(database, handing_over, sent, lost)
    record(
        database, result(deferred, Event.DEFER, code=451, reason="greylisted"), result(sent),
        result(lost, Event.LOSE, code=None),
    )  # fmt: skip
    return issue


def in_order(database: Database) -> list[str]:
    return [state for (state,) in all_rows(database, "SELECT state FROM deliveries ORDER BY id")]


# Pause and resume


def test_a_pause_takes_back_what_is_claimed_and_lets_the_rest_run_out(ledger: Database) -> None:
    issue = one_of_each(ledger)
    assert acts.pause(ledger, issue.id, actor=PERSON, reason="标题有误")
    assert in_order(ledger) == ["deferred", "queued", "handing_over", "sent", "uncertain", "queued"]
    found = current(ledger, issue)
    assert (found.state, found.state_by, found.state_reason) == (IssueState.PAUSED, "li", "标题有误")
    event = last_event(ledger, issue)
    assert (event["kind"], event["who"], event["host"]) == ("paused", "li", "desk.example")
    assert json.loads(event["text"]) == {"reason": "标题有误"}


def test_a_pause_is_heard_by_a_worker_that_had_claimed(ledger: Database) -> None:
    issue = open_small(ledger, 2)
    _lease, taken = claimed(ledger)
    acts.pause(ledger, issue.id, actor=PERSON, reason="")
    assert mark(ledger, *taken) == set()


def test_a_pause_leaves_other_issues_alone(ledger: Database) -> None:
    issue, _other = open_small(ledger, 1), open_small(ledger, 1, total=61)
    claimed(ledger)
    acts.pause(ledger, issue.id, actor=PERSON, reason="")
    assert in_order(ledger) == ["queued", "claimed"]


def test_resumed_an_issue_goes_on(ledger: Database) -> None:
    issue = open_small(ledger, 2)
    acts.pause(ledger, issue.id, actor=PERSON, reason="稍候")
    assert acts.resume(ledger, issue.id, actor=PERSON)
    found = current(ledger, issue)
    assert (found.state, found.state_reason) == (IssueState.OPEN, None)
    assert last_event(ledger, issue)["kind"] == "resumed"
    assert len(claimed(ledger)[1]) == 2


@pytest.mark.parametrize("way", ["pause", "resume", "cancel"])
def test_an_act_that_does_not_apply_changes_nothing(ledger: Database, way: str) -> None:
    issue = open_small(ledger, 2)
    if way == "pause":
        acts.pause(ledger, issue.id, actor=PERSON, reason="first")
    if way == "cancel":
        acts.cancel(ledger, issue.id, actor=PERSON, reason="first")
    before = (current(ledger, issue), queries.history(ledger, issue.id), in_order(ledger))
    if way == "pause":
        assert not acts.pause(ledger, issue.id, actor=PERSON, reason="second")
    if way == "resume":
        assert not acts.resume(ledger, issue.id, actor=PERSON)
    if way == "cancel":
        assert acts.cancel(ledger, issue.id, actor=PERSON, reason="second") is None
        assert not acts.pause(ledger, issue.id, actor=PERSON, reason="second")
        assert not acts.resume(ledger, issue.id, actor=PERSON)
    assert (current(ledger, issue), queries.history(ledger, issue.id), in_order(ledger)) == before


def test_of_two_who_pause_at_once_one_is_told_that_it_was_done(ledger: Database) -> None:
    issue = open_small(ledger, 50)
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda n: acts.pause(ledger, issue.id, actor=PERSON, reason=str(n)), range(2)))
    assert sorted(done) == [False, True]


# Cancel


def test_what_was_not_handed_over_is_never_sent_after_a_cancel(ledger: Database) -> None:
    issue = one_of_each(ledger)
    assert acts.cancel(ledger, issue.id, actor=PERSON, reason="撤回") == 3
    assert in_order(ledger) == ["cancelled", "cancelled", "handing_over", "sent", "uncertain", "cancelled"]
    deferred = row(ledger, 1)
    assert (deferred["reason"], deferred["next_attempt"], deferred["lease_id"]) == (None, None, None)
    assert deferred["settled_at"] is not None
    assert current(ledger, issue).state is IssueState.CANCELLED
    assert json.loads(last_event(ledger, issue)["text"]) == {"reason": "撤回"}
    assert claimed(ledger)[1] == []


def test_a_paused_issue_can_be_cancelled(ledger: Database) -> None:
    issue = open_small(ledger, 2)
    acts.pause(ledger, issue.id, actor=PERSON, reason="")
    assert acts.cancel(ledger, issue.id, actor=PERSON, reason="") == 2


def test_while_workers_write_a_cancel_never_meets_a_deadlock(ledger: Database) -> None:
    """Deadlocks are found after a second; a bulk act beside group commits would run into them in any order of rows."""
    issue = open_small(ledger, 400)
    _lease, taken = claimed(ledger, 400)

    def work(part: int) -> None:
        for start in range(0, 100, 10):
            mine = taken[part * 100 + start : part * 100 + start + 10]
            record(ledger, *(result(claim, Event.REFUSE) for claim in reversed(mine)))

    with ThreadPoolExecutor(5) as threads:
        working = [threads.submit(work, part) for part in range(4)]
        stopped = threads.submit(acts.cancel, ledger, issue.id, actor=PERSON, reason="").result()
        for each in working:
            each.result()
    assert states(ledger) == Counter({State.CANCELLED: stopped, State.FAILED: 400 - (stopped or 0)})


# Resend


def put(database: Database, identity: int, state: State) -> None:
    execute(
        database,
        "UPDATE deliveries SET state = :state, settled_at = 1, waiting_since = 1, attempt = 3, tries = 3,"
        " reason = 'no-such-mailbox' WHERE id = :id",
        state=state.value,
        id=identity,
    )


def test_hastened_what_was_put_off_is_due_now_and_nothing_else_moves(ledger: Database) -> None:
    open_small(ledger, 3)
    lease, (put_off, sent, _queued) = claimed(ledger)
    record(ledger, result(put_off, Event.DEFER))
    mark(ledger, sent)
    record(ledger, result(sent, Event.ACCEPTED))
    claims.release(ledger, lease)
    before = all_rows(ledger, "SELECT id, state FROM deliveries ORDER BY id")
    assert acts.hasten(ledger, 1, actor=PERSON) == 1
    assert acts.hasten(ledger, 1, actor=PERSON) == 0
    assert all_rows(ledger, "SELECT id, state FROM deliveries ORDER BY id") == before
    assert put_off.id in {claim.id for claim in claimed(ledger)[1]}
    events = all_rows(ledger, "SELECT issue_id, who, host FROM events WHERE kind = 'hastened'")
    assert events == [(1, PERSON.who, PERSON.host)]


@pytest.mark.parametrize("state", sorted(RESENDABLE))
def test_resent_a_delivery_is_a_new_message_but_for_the_uncertain(ledger: Database, state: State) -> None:
    issue = open_small(ledger, 1)
    put(ledger, 1, state)
    assert acts.resend(ledger, issue.id, [state], actor=PERSON, reason="已更正地址") == 1
    _lease, (claim,) = claimed(ledger)
    assert claim.generation == (1 if state is State.UNCERTAIN else 2)
    assert (claim.attempt, claim.age < 60_000_000) == (4, True)
    found = row(ledger, 1)
    assert (found["settled_at"], found["reason"]) == (None, None)
    (event,) = queries.history(ledger, issue.id, 1)
    assert (event["kind"], event["who"], event["host"], event["attempt"]) == ("resend", "li", "desk.example", 3)
    assert json.loads(event["text"]) == {"reason": "已更正地址"}


def test_only_what_was_asked_for_is_resent(ledger: Database) -> None:
    issue = open_small(ledger, 4)
    for identity, state in enumerate((State.FAILED, State.UNCERTAIN, State.BOUNCED, State.SENT), 1):
        put(ledger, identity, state)
    assert acts.resend(ledger, issue.id, [State.FAILED, State.BOUNCED], actor=PERSON, reason="") == 2
    assert in_order(ledger) == ["queued", "uncertain", "queued", "sent"]


@pytest.mark.parametrize("state", sorted(set(State) - RESENDABLE))
def test_what_is_not_settled_or_was_sent_cannot_be_resent(ledger: Database, state: State) -> None:
    issue = open_small(ledger, 1)
    put(ledger, 1, state)
    before = row(ledger, 1)
    assert acts.resend(ledger, issue.id, [state], actor=PERSON, reason="") == 0
    assert row(ledger, 1) == before


def test_a_cancelled_issue_resends_nothing(ledger: Database) -> None:
    issue = open_small(ledger, 1)
    put(ledger, 1, State.FAILED)
    acts.cancel(ledger, issue.id, actor=PERSON, reason="")
    assert acts.resend(ledger, issue.id, [State.FAILED], actor=PERSON, reason="") == 0
    assert in_order(ledger) == ["failed"]


# What people are told


def test_progress_counts_by_group_and_state(ledger: Database) -> None:
    issue = one_of_each(ledger)
    progress = queries.progress(ledger, issue.id)
    assert progress.states == {
        "送": dict.fromkeys(
            (State.DEFERRED, State.CLAIMED, State.HANDING_OVER, State.SENT, State.UNCERTAIN, State.QUEUED), 1
        )
    }
    assert (progress.total, progress.unsettled, progress.waiting) == (6, 4, 2)
    assert progress.next_attempt == queries.moment(row(ledger, 6)["next_attempt"])


def test_an_issue_is_unsettled_while_anything_waits_or_is_in_hand(ledger: Database) -> None:
    issue = open_small(ledger, 1)
    assert [each.id for each in queries.unsettled_issues(ledger)] == [issue.id]
    lease, (claim,) = claimed(ledger)
    assert [each.id for each in queries.unsettled_issues(ledger)] == [issue.id]
    mark(ledger, claim)
    assert [each.id for each in queries.unsettled_issues(ledger)] == [issue.id]
    claims.end_lease(ledger, lease)
    ledgers.sweep(ledger)
    assert queries.unsettled_issues(ledger) == []


def every(_queue: Queue) -> bool:
    return True


def test_what_is_due_is_counted_no_further_than_asked(ledger: Database) -> None:
    held, _open = open_small(ledger, 5), open_small(ledger, 5, total=61)
    assert [queues.count_due(ledger, at_most, every) for at_most in (3, 20)] == [3, 10]
    assert queues.count_due(ledger, 20, lambda queue: queue.issue_id == held.id) == 5
    acts.pause(ledger, held.id, actor=PERSON, reason="")
    record(ledger, *(result(claim, Event.DEFER) for claim in claimed(ledger, 2)[1]))
    assert queues.count_due(ledger, 20, every) == 3


def test_issues_are_found_by_what_people_call_them(ledger: Database) -> None:
    first = open_small(ledger, 1, year=2025)
    second = open_small(ledger, 1, uid="2", again_reason="更正")
    third = open_small(ledger, 1, total=61, number=5)

    def found(**wanted: Any) -> list[int]:
        return [issue.id for issue in queries.find_issues(ledger, **wanted)]

    assert found() == [third.id, second.id, first.id]
    assert found(total_number=60) == [second.id, first.id]
    assert found(total_number=60, sequence=1) == [first.id]
    assert found(year=2026, number=5) == [third.id]
    assert found(content_sha256="content 61") == [third.id]
    assert found(total_number=99) == []


def test_the_addresses_an_issue_has(ledger: Database) -> None:
    issue = open_small(ledger, 2)
    open_small(ledger, 3, total=61)
    assert sorted(queries.address_keys(ledger, issue.id)) == ["office1@example.org", "office2@example.org"]


def test_an_account_is_of_one_moment(ledger: Database) -> None:
    """A report that is read while workers write adds up."""
    issue = open_small(ledger, 20)
    with ledger.read() as connection:
        account = queries.all_deliveries(connection, span_of(connection, issue.id))
        first = next(account)
        claimed(ledger)
        assert {first.state, *(record.state for record in account)} == {State.QUEUED}
    assert {record.state for record in ledgers.account(ledger, issue.id)} == {State.CLAIMED}
