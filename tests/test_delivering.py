"""Delivering an issue here, as one of many workers, or watching others do it: when it ends, and how it is stopped."""

import datetime as dt
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from distributor import settings as configuration
from distributor.delivery.ledger import acts, queries, sweeping
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.ledger.sweeping import Swept
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import State
from distributor.distribution import delivering
from distributor.distribution.delivering import Ending, deliver, deliver_due, ending, watch_workers, work
from distributor.distribution.site import Site
from distributor.errors import LedgerError
from tests import ledgers
from tests.ledgers import PERSON, all_rows, open_sendable, states
from tests.smtpd import Smtpd, Wire


@pytest.fixture
def server() -> Iterator[Wire]:
    with Wire() as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, server: Wire) -> Iterator[Site]:
    environ = {
        "DISTRIBUTOR_RELAY": f"smtp://127.0.0.1:{server.relay.port}",
        "DISTRIBUTOR_FROM": "office@sender.example",
    }
    settings = configuration.load(tmp_path, environ=environ)
    with ledgers.opened(settings.ledger) as ledger:
        yield Site(settings, ledger, PERSON)


def with_settings(site: Site, tmp_path: Path, **values: object) -> Site:
    environ = {
        "DISTRIBUTOR_RELAY": f"smtp://{site.settings.relays[0]}",
        **{f"DISTRIBUTOR_{name}": str(value) for name, value in values.items()},
    }
    return Site(configuration.load(tmp_path, environ=environ), site.ledger, PERSON)


def nobody(_progress: Progress) -> None:
    """Who does not watch."""


def interrupt(number: int) -> None:
    os.kill(os.getpid(), number)


# When there is nothing more to wait for

NOW = 1_000_000_000_000
DUE_SOON, DUE_LATE = (dt.datetime.fromtimestamp(NOW / 1e6 + seconds, dt.UTC) for seconds in (60, 3600))


def issue_in(state: IssueState) -> IssueRecord:
    return IssueRecord(
        id=1, uid="u", masthead="", number=None, total_number=60, year=None, sequence=1, file="", content_sha256="",
        roster_sha256="", templates_sha256="", sender="", opened_at=DUE_SOON, opened_by="", host="", state=state,
        state_reason=None, state_by=None, again_reason=None, unresolved=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "counts", "due", "expected"),
    [
        pytest.param(IssueState.OPEN, {State.SENT: 3}, None, Ending.SETTLED, id="all sent"),
        pytest.param(IssueState.OPEN, {State.UNCERTAIN: 1, State.FAILED: 1}, None, Ending.SETTLED, id="none waits"),
        pytest.param(IssueState.PAUSED, {State.SENT: 3}, None, Ending.SETTLED, id="paused with nothing left"),
        pytest.param(IssueState.OPEN, {State.QUEUED: 1}, DUE_SOON, None, id="queued"),
        pytest.param(IssueState.OPEN, {State.DEFERRED: 2}, DUE_SOON, None, id="due within the wait"),
        pytest.param(IssueState.OPEN, {State.DEFERRED: 2}, DUE_LATE, Ending.WAITING, id="due later"),
        pytest.param(IssueState.OPEN, {State.DEFERRED: 2}, None, Ending.WAITING, id="held until released"),
        pytest.param(IssueState.OPEN, {State.DEFERRED: 2, State.CLAIMED: 1}, DUE_LATE, None, id="one still in hand"),
        pytest.param(IssueState.OPEN, {State.HANDING_OVER: 1}, None, None, id="one being handed over"),
        pytest.param(IssueState.PAUSED, {State.QUEUED: 1}, DUE_SOON, Ending.PAUSED, id="paused"),
        pytest.param(IssueState.CANCELLED, {State.HANDING_OVER: 1}, None, Ending.CANCELLED, id="cancelled"),
    ],
)
def test_the_ending(
    state: IssueState, counts: dict[State, int], due: dt.datetime | None, expected: Ending | None
) -> None:
    assert ending(issue_in(state), Progress({"送": counts}, due), NOW, wait=900) == expected


# Delivering here


def test_it_ends_as_soon_as_the_last_letter_is_recorded(site: Site, server: Wire) -> None:
    issue = open_sendable(site.ledger, 30)
    watched = deliver(site, issue, nobody)
    ended = time.time()
    assert (watched.ending, watched.progress.count(State.SENT)) == (Ending.SETTLED, 30)
    assert len(server.accepted) == 30
    ((last,),) = all_rows(site.ledger, "SELECT max(at) FROM events")
    assert ended - last / 1e6 < 1.0


def test_whoever_watches_is_shown_how_far_it_is(site: Site) -> None:
    issue = open_sendable(site.ledger, 10)
    seen: list[Progress] = []
    watched = deliver(site, issue, seen.append)
    assert seen[-1] == watched.progress
    assert {progress.total for progress in seen} == {10}


def test_other_issues_that_are_due_are_delivered_as_well(site: Site, server: Wire) -> None:
    open_sendable(site.ledger, 5)
    issue = open_sendable(site.ledger, 5, total=61)
    deliver(site, issue, nobody)
    assert states(site.ledger)[State.SENT] == len(server.accepted) >= 5


def test_it_waits_for_a_second_attempt_that_is_near(site: Site, server: Wire, tmp_path: Path) -> None:
    site = with_settings(site, tmp_path, RETRY_FIRST=0, RETRY_MOST=0)
    server.on("rcpt", "451 4.7.1 come back", to="office2@example.org", times=1)
    watched = deliver(site, open_sendable(site.ledger, 3), nobody)
    assert (watched.ending, watched.progress.count(State.SENT)) == (Ending.SETTLED, 3)


def test_it_does_not_wait_for_one_that_is_far(site: Site, server: Wire, tmp_path: Path) -> None:
    site = with_settings(site, tmp_path, RETRY_FIRST=3600, WAIT=60)
    server.on("rcpt", "451 4.7.1 come back", to="office2@example.org")
    watched = deliver(site, open_sendable(site.ledger, 3), nobody)
    assert (watched.ending, watched.progress.count(State.DEFERRED)) == (Ending.WAITING, 1)
    assert watched.progress.next_attempt is not None


@pytest.mark.parametrize(("act", "expected"), [(acts.pause, Ending.PAUSED), (acts.cancel, Ending.CANCELLED)])
def test_it_ends_when_somebody_stops_the_issue(
    site: Site, server: Wire, act: Callable[..., object], expected: Ending
) -> None:
    server.on("mail", 0.05)
    issue = open_sendable(site.ledger, 300)

    def stop(progress: Progress) -> None:
        if progress.count(State.SENT):
            act(site.ledger, issue.id, actor=PERSON, reason="")

    watched = deliver(site, issue, stop)
    assert watched.ending is expected
    assert states(site.ledger)[State.CLAIMED] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_in_order(site: Site, server: Wire, number: int) -> None:
    server.on("mail", 0.02)
    issue = open_sendable(site.ledger, 300)

    def stop(progress: Progress) -> None:
        if progress.count(State.SENT):
            interrupt(number)

    watched = deliver(site, issue, stop)
    assert watched.ending is Ending.STOPPED
    counted = states(site.ledger)
    assert counted == {State.SENT: len(server.accepted), State.QUEUED: 300 - len(server.accepted)}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    server.faults.clear()
    assert deliver(site, issue, nobody).progress.count(State.SENT) == 300
    assert len(server.accepted) == len(set(server.accepted)) == 300


def test_what_a_dead_worker_held_is_taken_back_first(site: Site) -> None:
    issue = open_sendable(site.ledger, 4)
    _dead, taken = ledgers.claimed(site.ledger, seconds=-1)
    ledgers.mark(site.ledger, taken[0])
    watched = deliver(site, issue, nobody)
    assert watched.progress.by_state() == {State.SENT: 3, State.UNCERTAIN: 1}


def away(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, times: int) -> None:
    real, left = getattr(module, name), times

    def function(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise LedgerError("the ledger is away")
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, function)


@pytest.mark.parametrize(("module", "name"), [(queries, "progress"), (queries, "find_issues"), (sweeping, "sweep")])
def test_a_ledger_that_is_away_for_a_moment_ends_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    issue = open_sendable(site.ledger, 5)
    away(monkeypatch, module, name, times=1)
    assert deliver(site, issue, nobody).ending is Ending.SETTLED


def test_a_ledger_that_stays_away_is_said_to_be(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    issue = open_sendable(site.ledger, 5)
    away(monkeypatch, queries, "progress", times=10**9)
    monkeypatch.setattr(delivering, "PATIENCE", 0.3)
    with pytest.raises(LedgerError):
        deliver(site, issue, nobody)
    assert states(site.ledger)[State.CLAIMED] == 0


def test_looking_costs_little_however_large_the_issue(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = delivering._Watching(site, open_sendable(site.ledger, 1), lambda _progress: time.sleep(0.1))
    watching.look()
    assert 0.9 <= watching.pause < 2


# As a worker


def test_a_task_ends_when_nothing_was_due_for_a_while(site: Site, server: Wire) -> None:
    open_sendable(site.ledger, 20)
    deliver_due(site, idle=0.1)
    assert (states(site.ledger), len(server.accepted)) == ({State.SENT: 20}, 20)
    assert all_rows(site.ledger, "SELECT count(*) FROM leases") == [(0,)]


def test_a_task_takes_back_what_a_dead_worker_held(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is at work no other task of its worker is: the schedule's sweep may come hours later."""
    monkeypatch.setattr(delivering, "SWEEP_EVERY", 0.05)
    open_sendable(site.ledger, 5)
    ledgers.claimed(site.ledger, 2, seconds=-1)
    deliver_due(site, idle=0.5)
    assert states(site.ledger) == {State.SENT: 5}


def test_a_task_can_be_stopped_from_another_thread(site: Site, server: Wire) -> None:
    server.on("mail", 0.02)
    open_sendable(site.ledger, 300)
    stops: list[Callable[[], None]] = []
    task = threading.Thread(target=deliver_due, args=(site,), kwargs={"idle": 60.0, "on_start": stops.append})
    task.start()
    until(lambda: len(server.accepted) > 0)
    stops[0]()
    task.join(20)
    assert not task.is_alive()
    assert states(site.ledger) == {State.SENT: len(server.accepted), State.QUEUED: 300 - len(server.accepted)}
    stops[0]()  # too late, and harmless


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_under_nohup_the_end_of_the_terminal_stops_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert delivering._heeded() == [signal.SIGINT, signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_worker_delivers_and_sweeps_until_it_is_told_to_stop(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "SWEEP_EVERY", 0.05)
    open_sendable(site.ledger, 5)
    _dead, taken = ledgers.claimed(site.ledger, 2, seconds=-1)
    ledgers.mark(site.ledger, taken[0])
    sweeps: list[Swept] = []

    def stop_when_done(swept: Swept) -> None:
        sweeps.append(swept)
        if states(site.ledger) == {State.SENT: 4, State.UNCERTAIN: 1}:
            interrupt(signal.SIGTERM)

    work(site, stop_when_done)
    assert sweeps[0] == Swept(released=1, uncertain=1, expired=0, resent=0)


def test_a_worker_outlives_a_sweep_that_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "SWEEP_EVERY", 0.05)
    away(monkeypatch, sweeping, "sweep", times=2)
    sweeps: list[Swept] = []

    def stop(swept: Swept) -> None:
        sweeps.append(swept)
        interrupt(signal.SIGINT)

    work(site, stop)
    assert len(sweeps) >= 1


@pytest.mark.parametrize(("policy", "expected"), [("hold", State.UNCERTAIN), ("resend", State.SENT)])
def test_what_becomes_of_the_uncertain_is_a_setting(
    site: Site, server: Wire, tmp_path: Path, policy: str, expected: State
) -> None:
    site = with_settings(site, tmp_path, UNCERTAIN=policy, RETRY_FIRST=0)
    open_sendable(site.ledger, 1)
    _dead, taken = ledgers.claimed(site.ledger, seconds=-1)
    ledgers.mark(site.ledger, *taken)
    delivering.sweep(site)
    deliver_due(site, idle=0.1)
    assert states(site.ledger) == {expected: 1}
    if policy == "resend":
        assert b"<uid60.1.1@sender.example>" in server.messages[0].data


def test_more_than_one_workers_slice_is_work_for_two(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "SLICE", 10)
    open_sendable(site.ledger, 10)
    assert not delivering.is_work_for_two(site)
    open_sendable(site.ledger, 1, total=61)
    assert delivering.is_work_for_two(site)


# Watching others


def test_others_are_watched_until_they_are_done(site: Site) -> None:
    issue = open_sendable(site.ledger, 20)
    worker = threading.Thread(target=deliver_due, args=(site,), kwargs={"idle": 0.1})
    worker.start()
    watched = watch_workers(site, issue, nobody)
    worker.join()
    assert (watched.ending, watched.progress.count(State.SENT)) == (Ending.SETTLED, 20)


def test_ctrl_c_ends_the_watching_and_nothing_else(site: Site) -> None:
    issue = open_sendable(site.ledger, 3)
    before = signal.getsignal(signal.SIGINT)
    watched = watch_workers(site, issue, lambda _progress: interrupt(signal.SIGINT))
    assert (watched.ending, states(site.ledger)) == (Ending.STOPPED, {State.QUEUED: 3})
    assert signal.getsignal(signal.SIGINT) is before


def test_without_a_relay_letters_stay_in_the_outbox(tmp_path: Path) -> None:
    settings = configuration.load(tmp_path, environ={})
    with ledgers.opened(settings.ledger) as ledger:
        site = Site(settings, ledger, PERSON)
        watched = deliver(site, open_sendable(ledger, 3), nobody)
        assert watched.progress.count(State.SENT) == 3
    assert len(list((tmp_path / "outbox" / "new").iterdir())) == 3


def test_a_relay_that_wants_a_login_pauses_the_issue(tmp_path: Path) -> None:
    with Smtpd() as server:
        server.on("mail", "530 5.7.0 authentication required")
        settings = configuration.load(tmp_path, environ={"DISTRIBUTOR_RELAY": f"smtp://{server.relay}"})
        with ledgers.opened(settings.ledger) as ledger:
            issue = open_sendable(ledger, 3)
            watched = deliver(Site(settings, ledger, PERSON), issue, nobody)
            (found,) = queries.find_issues(ledger, issue_id=issue.id)
    assert (watched.ending, found.state) == (Ending.PAUSED, IssueState.PAUSED)
    assert found.state_reason == "530 authentication required"
