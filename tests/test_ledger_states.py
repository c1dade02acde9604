"""The SQL keeps to the table of states: every state × every event, and random lives of an issue under two workers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from distributor.delivery.ledger import acts, claims, queries, writing
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.schema import metadata
from distributor.delivery.model.records import IssueState
from distributor.delivery.model.states import UNSETTLED, Event, IllegalTransitionError, State, sources, transition
from tests import ledgers
from tests.ledgers import DAY, PERSON, WORKER, all_rows, execute, open_small, record, result, states, sweep

RESULTS = (Event.ACCEPTED, Event.DEFER, Event.REFUSE, Event.LOSE)
HELD = (State.CLAIMED, State.HANDING_OVER)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


def after(state: State, event: Event, claimed_from: State = State.QUEUED) -> State:
    """The state that the pure table leads to; where it refuses, nothing changes."""
    try:
        return transition(state, event, claimed_from)
    except IllegalTransitionError:
        return state


# Every state × every event. One row for each state; `claimed` twice, since it goes back to where it came from.

ROWS = [
    *((state, None) for state in State if state is not State.CLAIMED),
    *((State.CLAIMED, s) for s in sources(Event.CLAIM)),
]
LEASE = 7


def written(database: Database, event: Event) -> None:
    record(database, *(result(writing.Mark(identity, 1), event) for identity in range(1, len(ROWS) + 1)))


def mark_all(database: Database) -> None:
    writing.write(database, [writing.Mark(identity, 1) for identity in range(1, len(ROWS) + 1)], [], WORKER)


def expire_lease(database: Database) -> None:
    execute(database, "UPDATE leases SET expires_at = 0")
    sweep(database)


def too_old(database: Database) -> None:
    execute(database, "UPDATE deliveries SET waiting_since = 0, next_attempt = next_attempt + 3600000000")
    sweep(database)


def resolve_all(database: Database) -> None:
    """One by one, since one that is in no doubt would leave all as they are."""
    for key in queries.address_keys(database, 1):
        acts.resolve(database, 1, [key], actor=PERSON, reason="")


WAYS: dict[Event, Callable[[Database], object]] = {
    Event.CLAIM: lambda database: ledgers.claim(database, LEASE, 100),
    Event.MARK: mark_all,
    Event.ACCEPTED: lambda database: written(database, Event.ACCEPTED),
    Event.DEFER: lambda database: written(database, Event.DEFER),
    Event.REFUSE: lambda database: written(database, Event.REFUSE),
    Event.LOSE: lambda database: written(database, Event.LOSE),
    Event.RELEASE: lambda database: claims.release(database, LEASE),
    Event.LEASE_EXPIRY: expire_lease,
    Event.TOO_OLD: too_old,
    Event.CANCEL: lambda database: acts.cancel(database, 1, actor=PERSON, reason=""),
    Event.RESOLVE: resolve_all,
    Event.RESEND: lambda database: acts.resend(database, 1, list(State), actor=PERSON, reason=""),
}
# What the far side reports has no way into the ledger yet.
LATER = {Event.SUCCESS_REPORT, Event.FAILURE_REPORT}


def test_every_event_is_tested() -> None:
    assert WAYS.keys() | LATER == set(Event)


@pytest.mark.parametrize("event", WAYS)
def test_the_ledger_moves_what_the_table_of_states_moves(ledger: Database, event: Event) -> None:
    open_small(ledger, len(ROWS))
    execute(ledger, f"INSERT INTO leases (id, worker, expires_at) VALUES ({LEASE}, 'w', 9000000000000000)")
    for identity, (state, claimed_from) in enumerate(ROWS, 1):
        execute(
            ledger,
            "UPDATE deliveries SET state = :state, claimed_from = :origin, attempt = 1, lease_id = :lease,"
            " settled_at = :settled WHERE id = :id",
            id=identity, state=state.value, origin=claimed_from and claimed_from.value,
            lease=LEASE if state in HELD else None, settled=None if state in UNSETTLED else 1,
        )  # fmt: skip
    WAYS[event](ledger)
    found = [State(state) for (state,) in all_rows(ledger, "SELECT state FROM deliveries ORDER BY id")]
    labels = [f"{state} from {origin}" if origin else str(state) for state, origin in ROWS]
    wanted = [after(state, event, origin or State.QUEUED) for state, origin in ROWS]
    assert dict(zip(labels, found, strict=True)) == dict(zip(labels, wanted, strict=True))


# Random lives


class Life(RuleBasedStateMachine):
    """Two issues under two workers, persons and sweeps. The model is the pure table and who holds what."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        with self.database.write() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        self.taken: list[Claim] = []
        self.rows: dict[int, dict[str, Any]] = {}
        self.events: list[tuple[Any, ...]] = []
        self.issues = [IssueState.OPEN, IssueState.OPEN]
        self.leases = [0, 0]

    @initialize(counts=st.tuples(st.integers(1, 4), st.integers(1, 4)))
    def open(self, counts: tuple[int, int]) -> None:
        for total, count in zip((60, 61), counts, strict=True):
            open_small(self.database, count, total=total)
        self.rows = self.table()
        self.total = sum(counts)
        for worker in (0, 1):
            self.take_lease(worker)

    def table(self) -> dict[int, dict[str, Any]]:
        query = (
            "SELECT id, issue_id, state, claimed_from, attempt, tries, lease_id, settled_at, generation FROM deliveries"
        )
        names = query.removeprefix("SELECT ").partition(" FROM")[0].split(", ")
        rows = (dict(zip(names, found, strict=True)) for found in all_rows(self.database, query))
        return {each["id"]: each | {"state": State(each["state"])} for each in rows}

    def move(self, identity: int, event: Event) -> bool:
        """Move the model's row; False: the table of states refuses."""
        each = self.rows[identity]
        try:
            each["state"] = transition(each["state"], event, State(each["claimed_from"] or "queued"))
        except IllegalTransitionError:
            return False
        return True

    def take_lease(self, worker: int) -> None:
        self.leases[worker] = claims.take_lease(self.database, f"worker {worker}", 600)

    workers = st.integers(0, 1)
    one_issue = st.integers(0, 1)

    @rule(worker=workers, limit=st.integers(1, 5))
    def claim(self, worker: int, limit: int) -> None:
        got = ledgers.claim(self.database, self.leases[worker], limit)
        assert len(got) <= limit
        for claim in got:
            each = self.rows[claim.id]
            assert self.issues[claim.issue_id - 1] is IssueState.OPEN
            assert claim.attempt == each["attempt"] + 1
            each["claimed_from"] = each["state"].value
            assert self.move(claim.id, Event.CLAIM), "somebody else holds it"
            each["attempt"] = claim.attempt
        self.taken += got

    @rule(data=st.data())
    def mark(self, data: st.DataObject) -> None:
        if self.taken:
            claim = data.draw(st.sampled_from(self.taken))
            each = self.rows[claim.id]
            ours = claim.attempt == each["attempt"] and each["state"] in HELD
            assert ledgers.mark(self.database, claim) == ({writing.Mark(claim.id, claim.attempt)} if ours else set())
            if ours:
                each["state"] = State.HANDING_OVER

    @rule(data=st.data(), event=st.sampled_from(RESULTS), wait=st.sampled_from([-1, 10**12, None]))
    def record(self, data: st.DataObject, event: Event, wait: int | None) -> None:
        """Any worker's word about any attempt it ever made, however late."""
        if self.taken:
            claim = data.draw(st.sampled_from(self.taken))
            ours = claim.attempt == self.rows[claim.id]["attempt"] and self.move(claim.id, event)
            word = result(claim, event, wait=wait if event is Event.DEFER else None)
            assert record(self.database, word) == (0 if ours else 1)
            if self.issues[claim.issue_id - 1] is IssueState.CANCELLED:
                self.move(claim.id, Event.CANCEL)

    @rule(worker=workers)
    def release(self, worker: int) -> None:
        self.move_held(self.leases[worker], Event.RELEASE)
        claims.release(self.database, self.leases[worker])

    @rule(worker=workers, kind=st.sampled_from(["dies", "ends", "sleeps"]))
    def stop_working(self, worker: int, kind: str) -> None:
        """Dies: nobody renews its lease. Ends: it gives back. Sleeps: swept, and then it goes on under a dead lease."""
        lease = self.leases[worker]
        if kind == "ends":
            claims.end_lease(self.database, lease)
            self.move_held(lease, Event.RELEASE)
        else:
            execute(self.database, "UPDATE leases SET expires_at = 0 WHERE id = :id", id=lease)
        if kind != "sleeps":
            self.take_lease(worker)

    def move_held(self, lease: int, event: Event) -> None:
        for identity, each in self.rows.items():
            if each["lease_id"] == lease:
                self.move(identity, event)

    @rule(again=st.booleans())
    def sweep(self, again: bool) -> None:
        alive = {lease for (lease,) in all_rows(self.database, "SELECT id FROM leases WHERE expires_at > 0")}
        for each in list(self.rows.values()):
            if each["lease_id"] is not None and each["lease_id"] not in alive:
                self.move(each["id"], Event.LEASE_EXPIRY)
        swept = sweep(self.database, resend_after=0 if again else None, expire_after=10 * DAY)
        assert swept.expired == 0
        for each in self.rows.values():
            is_open = self.issues[each["issue_id"] - 1] is IssueState.OPEN
            if again and is_open and each["state"] is State.UNCERTAIN:
                self.move(each["id"], Event.RESEND)

    @rule(issue=one_issue)
    def pause(self, issue: int) -> None:
        if acts.pause(self.database, issue + 1, actor=PERSON, reason=""):
            assert self.issues[issue] is IssueState.OPEN
            self.issues[issue] = IssueState.PAUSED
            self.move_issue(issue, Event.RELEASE)

    @rule(issue=one_issue)
    def resume(self, issue: int) -> None:
        if acts.resume(self.database, issue + 1, actor=PERSON):
            assert self.issues[issue] is IssueState.PAUSED
            self.issues[issue] = IssueState.OPEN

    @rule(issue=one_issue, sure=st.integers(0, 3))
    def cancel(self, issue: int, sure: int) -> None:
        if not sure and acts.cancel(self.database, issue + 1, actor=PERSON, reason="") is not None:
            self.issues[issue] = IssueState.CANCELLED
            self.move_issue(issue, Event.CANCEL)

    @rule(issue=one_issue, which=st.sets(st.sampled_from(State)))
    def resend(self, issue: int, which: set[State]) -> None:
        acts.resend(self.database, issue + 1, list(which), actor=PERSON, reason="")
        for each in self.rows.values():
            is_meant = each["issue_id"] == issue + 1 and each["state"] in which
            if is_meant and self.issues[issue] is not IssueState.CANCELLED:
                self.move(each["id"], Event.RESEND)

    @rule(issue=one_issue)
    def hasten(self, issue: int) -> None:
        acts.hasten(self.database, issue + 1, actor=PERSON)

    def move_issue(self, issue: int, event: Event) -> None:
        for each in self.rows.values():
            if each["issue_id"] == issue + 1:
                self.move(each["id"], event)

    @rule()
    def time_passes(self) -> None:
        execute(self.database, "UPDATE deliveries SET next_attempt = 0 WHERE next_attempt IS NOT NULL")

    @invariant()
    def the_ledger_is_where_the_model_is(self) -> None:
        found = self.table()
        assert {n: each["state"] for n, each in found.items()} == {n: each["state"] for n, each in self.rows.items()}
        for identity, each in found.items():
            before = self.rows[identity]
            assert each["attempt"] == before["attempt"]
            assert each["tries"] >= before["tries"]
            assert each["generation"] >= before["generation"]
            assert (each["lease_id"] is not None) == (each["state"] in HELD)
            assert (each["claimed_from"] is not None) == (each["state"] in HELD)
            assert (each["settled_at"] is None) == (each["state"] in UNSETTLED)
        self.rows = found

    @invariant()
    def the_states_add_up(self) -> None:
        if self.rows:
            assert sum(states(self.database).values()) == self.total
            progress = [queries.progress(self.database, issue) for issue in (1, 2)]
            assert sum(each.total for each in progress) == self.total
            unsettled = {issue.id for issue in queries.unsettled_issues(self.database)}
            for number, (each, state) in enumerate(zip(progress, self.issues, strict=True), 1):
                assert (number in unsettled) == (each.unsettled > 0 and state is not IssueState.CANCELLED)

    @invariant()
    def events_are_only_ever_added(self) -> None:
        found = all_rows(self.database, "SELECT * FROM events ORDER BY id")
        assert found[: len(self.events)] == self.events
        self.events = found


@pytest.mark.timeout(300)
def test_whatever_happens_the_states_add_up(ledger: Database) -> None:
    class LifeHere(Life):
        database = ledger

    chosen = settings(
        max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    run_state_machine_as_test(LifeHere, settings=chosen)
