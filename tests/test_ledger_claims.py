"""Claims, marks and results: who may take what, and whose word still counts."""

import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from distributor.delivery.ledger import acts, claims, queries, sweeping, writing
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.writing import Mark
from distributor.delivery.model.states import Event, State
from tests import ledgers
from tests.ledgers import (
    DAY,
    PERSON,
    WORKER,
    all_rows,
    candidate,
    claimed,
    execute,
    mark,
    new_issue,
    open_small,
    open_to,
    record,
    result,
    row,
    states,
    sweep,
)

ROOT = Path(__file__).parent.parent


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


def ids(taken: list[Claim]) -> list[int]:
    return [claim.id for claim in taken]


# What is claimed, and in which order


def test_a_claim_has_all_that_its_message_is_made_of(ledger: Database) -> None:
    issue = open_small(ledger, 1)
    (claim,) = claimed(ledger)[1]
    assert (claim.issue_id, claim.address, claim.attempt, claim.generation, claim.tries) == (
        issue.id, "office1@example.org", 1, 1, 0,
    )  # fmt: skip
    assert (claim.uid, claim.sender) == ("uid60", "office@sender.example")
    assert '"salutation":"单位1办公室"' in claim.fields
    assert 0 <= claim.age < 60_000_000
    assert queries.compiled_letters(ledger, [claim.letter_id]) == {claim.letter_id: "letter 送".encode()}


def test_a_claim_takes_no_more_than_its_limit(ledger: Database) -> None:
    open_small(ledger, 5)
    assert ids(claimed(ledger, 2)[1]) == [1, 2]
    assert ids(claimed(ledger, 2)[1]) == [3, 4]
    assert ids(claimed(ledger, 2)[1]) == [5]
    assert ids(claimed(ledger, 2)[1]) == []


def test_the_oldest_due_comes_first(ledger: Database) -> None:
    open_small(ledger, 4)
    execute(ledger, "UPDATE deliveries SET next_attempt = next_attempt - id WHERE id <> 1")
    assert ids(claimed(ledger, 2)[1]) == [4, 3]
    assert ids(claimed(ledger)[1]) == [2, 1]


def test_what_is_not_due_yet_is_left(ledger: Database) -> None:
    open_small(ledger, 2)
    _lease, taken = claimed(ledger)
    record(ledger, result(taken[0], Event.DEFER), result(taken[1], Event.DEFER, wait=-1))
    assert ids(claimed(ledger)[1]) == [2]


def test_a_deferral_without_a_due_time_waits_for_a_person(ledger: Database) -> None:
    open_small(ledger, 1)
    _lease, taken = claimed(ledger)
    record(ledger, result(taken[0], Event.DEFER, wait=None))
    assert claimed(ledger)[1] == []


def test_the_urgent_issue_comes_first(ledger: Database) -> None:
    usual, urgent = open_small(ledger, 3), open_small(ledger, 3, total=61, urgency=1)
    _lease, taken = claimed(ledger, 4)
    assert [claim.issue_id for claim in taken] == [urgent.id] * 3 + [usual.id]


def test_issues_of_equal_urgency_share_fairly(ledger: Database) -> None:
    for total, count in ((60, 100), (61, 100), (62, 2)):
        open_to(
            ledger,
            (candidate(number) for number in range(count)),
            new_issue(total, uid=str(total)),
        )
    shares = Counter(claim.issue_id for claim in claimed(ledger, 30)[1])
    assert (shares.total(), shares[3]) == (30, 2)
    assert min(shares[1], shares[2]) >= 10
    assert sorted(Counter(claim.issue_id for claim in claimed(ledger, 31)[1]).values()) == [15, 16]


def test_a_small_issue_leaves_its_share_to_those_behind_it(ledger: Database) -> None:
    open_small(ledger, 1)
    open_small(ledger, 50, total=61)
    assert Counter(claim.issue_id for claim in claimed(ledger, 20)[1]) == {1: 1, 2: 19}


@pytest.mark.parametrize("act", [acts.pause, acts.cancel])
def test_a_paused_or_cancelled_issue_gives_nothing(ledger: Database, act: object) -> None:
    held, other = open_small(ledger, 3), open_small(ledger, 3, total=61)
    act(ledger, held.id, actor=PERSON, reason="有误")  # type: ignore[operator]
    assert {claim.issue_id for claim in claimed(ledger)[1]} == {other.id}


# No two holders


def take_all(database: Database, limit: int) -> list[int]:
    taken: list[int] = []
    lease = claims.take_lease(database, WORKER.who, 60)
    while slice_ := ledgers.claim(database, lease, limit):
        taken += ids(slice_)
    return taken


def test_claimers_at_once_never_get_the_same_row(ledger: Database) -> None:
    open_small(ledger, 300)
    open_small(ledger, 300, total=61)
    with ThreadPoolExecutor(4) as threads:
        taken = [identity for part in threads.map(lambda _n: take_all(ledger, 7), range(4)) for identity in part]
    assert sorted(taken) == list(range(1, 601))


CLAIMER = """
    import sys
    from tests import ledgers, test_ledger_claims
    with ledgers.opened(sys.argv[1]) as database:
        print(*test_ledger_claims.take_all(database, 7))
"""


def test_processes_that_claim_at_once_never_get_the_same_row(ledger: Database, ledger_url: str) -> None:
    open_small(ledger, 500)
    command = [sys.executable, "-c", textwrap.dedent(CLAIMER), ledger_url]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _each in range(3)]
    taken = [int(word) for process in processes for word in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(taken) == list(range(1, 501))


def test_a_claimer_does_not_wait_for_another_to_finish(postgres_url: str) -> None:
    """SKIP LOCKED: what another transaction is about to claim is passed over."""
    with ledgers.opened(postgres_url) as ledger:
        open_small(ledger, 4)
        with ledger.write() as connection:
            ledger.beside(connection)
            first = (
                connection.exec_driver_sql("SELECT id FROM deliveries ORDER BY id LIMIT 2 FOR UPDATE").scalars().all()
            )
            with ThreadPoolExecutor(1) as another:
                second = another.submit(claimed, ledger, 2).result(timeout=10)[1]
    assert (sorted(first), ids(second)) == ([1, 2], [3, 4])


# Marks


def test_only_a_claimed_delivery_can_be_marked_and_only_by_its_own_attempt(ledger: Database) -> None:
    open_small(ledger, 2)
    _lease, (first, second) = claimed(ledger)
    wrong = Mark(second.id, second.attempt + 1)
    right = Mark(first.id, first.attempt)
    assert writing.write(ledger, [right, wrong], [], WORKER)[0] == {right}
    assert states(ledger) == {State.HANDING_OVER: 1, State.CLAIMED: 1}


def test_a_mark_whose_answer_was_lost_may_be_repeated(ledger: Database) -> None:
    open_small(ledger, 1)
    _lease, (claim,) = claimed(ledger)
    assert mark(ledger, claim) == mark(ledger, claim) == {Mark(claim.id, claim.attempt)}


def test_results_and_marks_of_one_commit_are_written_together(ledger: Database) -> None:
    open_small(ledger, 3)
    _lease, (first, second, third) = claimed(ledger)
    mark(ledger, first)
    results = [result(first), result(third, Event.REFUSE, code=550, reason="no-such-mailbox")]
    assert writing.write(ledger, [Mark(second.id, second.attempt)], results, WORKER) == (
        {Mark(second.id, second.attempt)},
        0,
    )
    assert states(ledger) == {State.SENT: 1, State.HANDING_OVER: 1, State.FAILED: 1}


def test_nothing_to_write_writes_nothing(ledger: Database) -> None:
    assert writing.write(ledger, [], [], WORKER) == (set(), 0)


# Results


def test_a_result_is_kept_with_the_delivery_and_as_an_event(ledger: Database) -> None:
    issue = open_small(ledger, 1)
    _lease, (claim,) = claimed(ledger)
    mark(ledger, claim)
    record(ledger, result(claim, reply="OK queued as 4F\n第二行"))
    (delivery,) = ledgers.account(ledger, issue.id)
    assert (delivery.state, delivery.attempts, delivery.phase, delivery.code) == (State.SENT, 1, "dot", 250)
    assert (delivery.enhanced, delivery.reply, delivery.reason) == ("2.0.0", "OK queued as 4F\n第二行", "sent")
    assert delivery.relay == "relay.example:25"
    assert delivery.settled_at is not None
    (event,) = queries.history(ledger, issue.id, claim.id)
    assert event["at"] == delivery.settled_at
    wanted = {
        "kind": "accepted", "who": WORKER.who, "host": WORKER.host, "attempt": 1, "phase": "dot", "code": 250,
        "enhanced": "2.0.0", "text": "OK queued as 4F\n第二行", "relay": "relay.example:25",
    }  # fmt: skip
    assert wanted.items() <= event.items()


def test_a_deferral_says_when_it_is_tried_again(ledger: Database) -> None:
    issue = open_small(ledger, 1)
    _lease, (claim,) = claimed(ledger)
    record(ledger, result(claim, Event.DEFER, wait=90_000_000))
    (delivery,) = ledgers.account(ledger, issue.id)
    (event,) = queries.history(ledger, issue.id, claim.id)
    assert delivery.next_attempt is not None
    assert (delivery.next_attempt - event["at"]).total_seconds() == 90
    assert (delivery.state, delivery.settled_at) == (State.DEFERRED, None)
    assert queries.progress(ledger, issue.id).next_attempt == delivery.next_attempt


def test_the_next_claim_knows_how_often_it_was_tried(ledger: Database) -> None:
    open_small(ledger, 1)
    for tries in range(3):
        _lease, (claim,) = claimed(ledger)
        assert (claim.tries, claim.attempt) == (tries, tries + 1)
        record(ledger, result(claim, Event.DEFER, wait=-1))


def test_the_word_of_an_old_attempt_changes_nothing(ledger: Database) -> None:
    open_small(ledger, 1)
    _dead, (old,) = claimed(ledger, seconds=-1)
    sweep(ledger)
    _lease, (new,) = claimed(ledger)
    before = row(ledger, new.id)
    assert mark(ledger, old) == set()
    for event in (Event.DEFER, Event.REFUSE):
        assert record(ledger, result(old, event)) == 1
    mark(ledger, new)
    for event in (Event.ACCEPTED, Event.LOSE, Event.DEFER, Event.REFUSE):
        assert record(ledger, result(old, event)) == 1
    assert row(ledger, new.id) == before | {"state": "handing_over"}
    assert record(ledger, result(new)) == 0
    assert all_rows(ledger, "SELECT attempt, kind FROM events WHERE delivery_id = 1") == [(2, "accepted")]


def test_words_of_two_attempts_in_one_commit_are_told_apart(ledger: Database) -> None:
    open_small(ledger, 1)
    _dead, (old,) = claimed(ledger, seconds=-1)
    sweep(ledger)
    _lease, (new,) = claimed(ledger)
    assert record(ledger, result(old, Event.REFUSE, code=550), result(new, Event.REFUSE, code=551)) == 1
    assert all_rows(ledger, "SELECT attempt, code FROM events WHERE kind = 'refuse'") == [(2, 551)]


@pytest.mark.parametrize(
    ("event", "state"),
    [(Event.ACCEPTED, State.SENT), (Event.DEFER, State.DEFERRED), (Event.REFUSE, State.FAILED)],
)
def test_the_late_true_reply_of_an_uncertain_attempt_is_accepted(ledger: Database, event: Event, state: State) -> None:
    open_small(ledger, 1)
    _dead, (claim,) = claimed(ledger, seconds=-1)
    mark(ledger, claim)
    assert sweep(ledger).uncertain == 1
    assert record(ledger, result(claim, event)) == 0
    assert (states(ledger), row(ledger, claim.id)["tries"]) == ({state: 1}, 1)


def test_the_late_reply_of_an_attempt_that_is_being_repeated_is_not(ledger: Database) -> None:
    open_small(ledger, 1)
    _dead, (old,) = claimed(ledger, seconds=-1)
    mark(ledger, old)
    sweep(ledger)
    acts.resend(ledger, 1, [State.UNCERTAIN], actor=PERSON, reason="")
    assert record(ledger, result(old)) == 1
    claimed(ledger)
    assert record(ledger, result(old)) == 1
    assert states(ledger) == {State.CLAIMED: 1}


def test_a_result_whose_answer_was_lost_may_be_repeated(ledger: Database) -> None:
    open_small(ledger, 1)
    _lease, (claim,) = claimed(ledger)
    mark(ledger, claim)
    assert [record(ledger, result(claim)), record(ledger, result(claim))] == [0, 1]
    assert all_rows(ledger, "SELECT tries FROM deliveries") == [(1,)]
    assert all_rows(ledger, "SELECT count(*) FROM events WHERE kind = 'accepted'") == [(1,)]


def test_what_comes_back_deferred_to_a_cancelled_issue_is_cancelled(ledger: Database) -> None:
    issue = open_small(ledger, 2)
    _lease, (first, second) = claimed(ledger)
    mark(ledger, first, second)
    acts.cancel(ledger, issue.id, actor=PERSON, reason="")
    record(ledger, result(first, Event.DEFER), result(second))
    assert states(ledger) == {State.CANCELLED: 1, State.SENT: 1}
    assert queries.progress(ledger, issue.id).unsettled == 0


# Giving back


def test_given_back_a_delivery_returns_to_where_it_came_from(ledger: Database) -> None:
    open_small(ledger, 2)
    _lease, (first, _second) = claimed(ledger)
    record(ledger, result(first, Event.DEFER, wait=-1))
    due = row(ledger, first.id)["next_attempt"]
    lease, _taken = claimed(ledger)
    assert claims.release(ledger, lease) == 1
    found = row(ledger, first.id)
    assert (found["state"], found["next_attempt"], found["lease_id"]) == ("deferred", due, None)
    assert row(ledger, 2)["state"] == "claimed"


def test_some_may_be_kept_while_the_rest_is_given_back(ledger: Database) -> None:
    open_small(ledger, 4)
    lease, taken = claimed(ledger)
    mark(ledger, taken[3])
    assert claims.release(ledger, lease, keep=[1]) == 2
    assert [row(ledger, n)["state"] for n in range(1, 5)] == ["claimed", "queued", "queued", "handing_over"]


def test_the_end_of_a_lease_gives_back_what_is_claimed_and_leaves_the_rest_to_the_sweep(ledger: Database) -> None:
    open_small(ledger, 2)
    lease, taken = claimed(ledger)
    mark(ledger, taken[0])
    claims.end_lease(ledger, lease)
    assert states(ledger) == {State.HANDING_OVER: 1, State.QUEUED: 1}
    assert sweep(ledger).uncertain == 1


# Leases and the sweep


def test_the_sweep_takes_back_what_dead_workers_held(ledger: Database) -> None:
    issue = open_small(ledger, 4)
    record(ledger, *(result(claim, Event.DEFER, wait=-1) for claim in claimed(ledger, 2)[1]))
    _dead, taken = claimed(ledger, seconds=-1)
    mark(ledger, taken[0], taken[3])
    assert [claim.id for claim in taken] == [3, 4, 1, 2]
    assert sweep(ledger) == sweeping.Swept(released=2, uncertain=2, expired=0, resent=0)
    assert [row(ledger, n)["state"] for n in range(1, 5)] == ["deferred", "uncertain", "uncertain", "queued"]
    uncertain = row(ledger, 3)
    assert (uncertain["reason"], uncertain["tries"], uncertain["lease_id"]) == ("lease-expired", 1, None)
    (event,) = queries.history(ledger, issue.id, 3)
    assert (event["kind"], event["attempt"], event["who"], event["host"]) == (
        "lease_expiry", 1, WORKER.who, WORKER.host,
    )  # fmt: skip
    assert all_rows(ledger, "SELECT count(*) FROM leases WHERE expires_at < 1000000") == [(0,)]


def test_the_living_keep_what_they_hold(ledger: Database) -> None:
    open_small(ledger, 2)
    _lease, taken = claimed(ledger)
    mark(ledger, taken[0])
    assert sweep(ledger) == sweeping.Swept(0, 0, 0, 0)
    assert states(ledger) == {State.HANDING_OVER: 1, State.CLAIMED: 1}


def test_a_lease_lives_by_the_clock_of_the_database(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    lease, _taken = claimed(ledger, seconds=1000)
    (expires,) = all_rows(ledger, "SELECT expires_at FROM leases")[0]
    with ledger.read() as connection:
        left = expires - ledger.clock(connection)
    assert 990_000_000 < left <= 1_000_000_000
    assert claims.renew_lease(ledger, lease, 2000)
    assert all_rows(ledger, "SELECT expires_at FROM leases")[0][0] > expires


def test_a_lease_that_was_swept_cannot_be_renewed(ledger: Database) -> None:
    lease, _taken = claimed(ledger, seconds=-1)
    sweep(ledger)
    assert not claims.renew_lease(ledger, lease, 60)


def test_a_lease_is_never_taken_for_an_earlier_one(ledger: Database) -> None:
    old, _taken = claimed(ledger, seconds=-1)
    sweep(ledger)
    new, _taken = claimed(ledger)
    assert new != old
    assert not claims.renew_lease(ledger, old, 60)


def test_what_was_claimed_under_a_lease_that_is_gone_is_found_all_the_same(ledger: Database) -> None:
    """A worker that slept too long claims before it notices."""
    open_small(ledger, 2)
    lease, _taken = claimed(ledger, 1, seconds=-1)
    sweep(ledger)
    late = ledgers.claim(ledger, lease, 2)
    mark(ledger, late[0])
    assert sweep(ledger) == sweeping.Swept(released=1, uncertain=1, expired=0, resent=0)


def test_a_sweep_twice_is_a_sweep_once(ledger: Database) -> None:
    open_small(ledger, 3)
    _dead, taken = claimed(ledger, seconds=-1)
    mark(ledger, taken[0])
    assert sweep(ledger) == sweeping.Swept(released=2, uncertain=1, expired=0, resent=0)
    assert sweep(ledger) == sweeping.Swept(0, 0, 0, 0)


def test_two_sweeps_at_once_find_everything_once(ledger: Database) -> None:
    open_small(ledger, 200)
    _dead, taken = claimed(ledger, 200, seconds=-1)
    mark(ledger, *taken[:50])
    with ThreadPoolExecutor(3) as threads:
        swept = list(threads.map(lambda _n: sweep(ledger), range(3)))
    assert sum(part.released for part in swept) == 150
    assert sum(part.uncertain for part in swept) == 50
    assert all_rows(ledger, "SELECT count(*) FROM events WHERE kind = 'lease_expiry'") == [(50,)]


def test_a_sweep_waits_for_a_commit_under_way_and_a_commit_for_no_other(postgres_url: str) -> None:
    """Whoever is alone waits for workers' transactions: as on SQLite."""
    with ledgers.opened(postgres_url) as ledger, ledger.write() as connection:
        ledger.beside(connection)
        with ledger.write() as other:
            other.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
            ledger.beside(other)
        with ledger.write() as other:
            other.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                ledger.alone(other)
            other.rollback()


# The clock

HOUR = 3_600_000_000


def test_set_back_an_hour_what_is_queued_goes_and_a_dead_worker_is_found(ledger: Database) -> None:
    """The ledger's clock is the machine's: its own times, moved ahead, are what it looks like afterwards."""
    open_small(ledger, 3)
    lease, taken = claimed(ledger, 1)
    ahead = "UPDATE deliveries SET next_attempt = next_attempt + 3600000000, waiting_since = waiting_since + 3600000000"
    execute(ledger, ahead)
    execute(ledger, "UPDATE leases SET expires_at = expires_at + 3600000000")
    assert claimed(ledger)[1] == []
    sweep(ledger)
    assert [claim.id for claim in claimed(ledger)[1]] == [2, 3]
    (expires,) = all_rows(ledger, f"SELECT expires_at FROM leases WHERE id = {lease}")
    with ledger.read() as connection:
        assert expires[0] < ledger.clock(connection) + HOUR / 5
    assert mark(ledger, *taken), "its worker may be alive"


def test_by_policy_queued_for_later_it_waits_until_then(ledger: Database) -> None:
    open_small(ledger, 1)
    _lease, (claim,) = claimed(ledger)
    mark(ledger, claim)
    record(ledger, result(claim, Event.LOSE, code=None))
    assert sweep(ledger, resend_after=60).resent == 1
    sweep(ledger, resend_after=60)
    assert claimed(ledger)[1] == []


# Age


def age(database: Database, days: float) -> None:
    execute(database, "UPDATE deliveries SET waiting_since = waiting_since - :age", age=int(days * DAY * 1_000_000))


def test_what_was_put_off_too_long_fails(ledger: Database) -> None:
    issue = open_small(ledger, 3)
    taken = claimed(ledger)[1]
    record(
        ledger, result(taken[0], Event.DEFER), result(taken[1], Event.DEFER, wait=None), result(taken[2], Event.DEFER)
    )
    age(ledger, 3)
    execute(ledger, "UPDATE deliveries SET waiting_since = waiting_since + 200000000000 WHERE id = 3")
    assert sweep(ledger).expired == 1, "the second is held for a person, however long; the third is not old enough"
    assert states(ledger) == {State.FAILED: 1, State.DEFERRED: 2}
    failed = row(ledger, 1)
    assert (failed["reason"], failed["next_attempt"], failed["code"]) == ("too-old", None, 250)
    assert queries.history(ledger, issue.id, 1)[-1]["kind"] == "too_old"
    assert sweep(ledger).expired == 0


def test_a_last_attempt_is_made_before_it_fails_for_its_age(ledger: Database) -> None:
    open_small(ledger, 2)
    record(ledger, *(result(claim, Event.DEFER, wait=-1) for claim in claimed(ledger, 1)[1]))
    age(ledger, 3)
    assert sweep(ledger).expired == 0
    assert sorted(ids(claimed(ledger)[1])) == [1, 2]


def test_the_time_an_issue_is_paused_makes_nothing_older(ledger: Database) -> None:
    issue = open_small(ledger, 1)
    record(ledger, *(result(claim, Event.DEFER) for claim in claimed(ledger)[1]))
    acts.pause(ledger, issue.id, actor=PERSON, reason="")
    age(ledger, 3)
    execute(ledger, "UPDATE issues SET state_at = state_at - :pause", pause=int(2.5 * DAY * 1_000_000))
    assert sweep(ledger).expired == 0
    acts.resume(ledger, issue.id, actor=PERSON)
    assert sweep(ledger).expired == 0
    assert sweep(ledger, expire_after=DAY // 4).expired == 1


# Uncertain


def test_by_policy_the_uncertain_are_sent_again_as_the_same_message(ledger: Database) -> None:
    open_small(ledger, 2)
    _dead, taken = claimed(ledger, seconds=-1)
    mark(ledger, *taken)
    assert sweep(ledger).resent == 0
    swept = sweep(ledger, resend_after=3600)
    assert (swept.resent, states(ledger)) == (2, {State.QUEUED: 2})
    assert claimed(ledger)[1] == []
    execute(ledger, "UPDATE deliveries SET next_attempt = 0")
    assert [(claim.generation, claim.attempt) for claim in claimed(ledger)[1]] == [(1, 2), (1, 2)]


@pytest.mark.parametrize("held_by", ["age", "pause"])
def test_what_is_too_old_or_paused_stays_uncertain(ledger: Database, held_by: str) -> None:
    issue = open_small(ledger, 1)
    _dead, taken = claimed(ledger, seconds=-1)
    mark(ledger, *taken)
    if held_by == "age":
        age(ledger, 3)
    else:
        acts.pause(ledger, issue.id, actor=PERSON, reason="")
    assert sweep(ledger, resend_after=60).resent == 0
    assert states(ledger) == {State.UNCERTAIN: 1}
