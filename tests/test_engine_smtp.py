"""The engine over real SMTP: what a relay does, and what the ledger then holds; and the engine killed in the middle."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distributor.delivery.channels.smtp import SmtpChannel
from distributor.delivery.engine import engine as engine_module
from distributor.delivery.engine import reach as reach_module
from distributor.delivery.engine.engine import Engine
from distributor.delivery.engine.judge import RetryPolicy
from distributor.delivery.engine.reach import Reach
from distributor.delivery.ledger import queries
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.flow import Way
from distributor.delivery.model.records import Actor, IssueState
from distributor.delivery.model.states import State
from distributor.settings import Relay
from tests import ledgers
from tests.ledgers import DAY, all_rows, execute, open_sendable, row, states
from tests.smtpd import Act, Do, Server, Smtpd, Wire
from tests.test_engine import engine_of

AT_ONCE = RetryPolicy(first=0, most=0, expire_after=2 * DAY)
IN_AN_HOUR = RetryPolicy(first=3600, most=3600, expire_after=2 * DAY)
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"POLL": 0.02, "LINGER": 0.2, "GRACE": 2.0}.items():
        monkeypatch.setattr(engine_module, name, seconds)
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 0.05)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Database]:
    with ledgers.opened(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as database:
        yield database


@pytest.fixture(params=[Smtpd, Wire], ids=["one command at a time", "pipelined"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with request.param() as running:
        yield running


@pytest.fixture
def pipelined() -> Iterator[Wire]:
    with Wire() as running:
        yield running


def engine_for(ledger: Database, relay: Relay, policy: RetryPolicy = AT_ONCE, connections: int = 3) -> Engine:
    channel = SmtpChannel(relay, helo="client.example", timeout=5, deadline=60, ca_file=None)
    return engine_of(ledger, {Way("relay"): channel}, policy, connections)


def run(ledger: Database, server: Server, policy: RetryPolicy = AT_ONCE, connections: int = 3) -> None:
    async def until_idle() -> None:
        await asyncio.wait_for(engine_for(ledger, server.relay, policy, connections).run(idle=0.1), 40)

    asyncio.run(until_idle())
    assert all_rows(ledger, "SELECT count(*) FROM leases") == [(0,)]


def address(number: int) -> str:
    return f"office{number}@example.org"


def addresses(*numbers: int) -> list[str]:
    return sorted(map(address, numbers))


def test_every_letter_arrives_once(ledger: Database, server: Server) -> None:
    open_sendable(ledger, 60)
    run(ledger, server)
    assert sorted(server.accepted) == addresses(*range(1, 61))
    assert states(ledger) == {State.SENT: 60}
    assert len({message.data.split(b"Message-ID: ")[1].split()[0] for message in server.messages}) == 60


def test_one_is_refused_another_put_off_once(ledger: Database, server: Server) -> None:
    issue = open_sendable(ledger, 5)
    server.on("rcpt", "550 5.1.1 no such user", to=address(2))
    server.on("rcpt", "451 4.7.1 come back", to=address(4), times=1)
    run(ledger, server)
    assert states(ledger) == {State.SENT: 4, State.FAILED: 1}
    assert sorted(server.accepted) == addresses(1, 3, 4, 5)
    account = {record.address: record for record in ledgers.account(ledger, issue.id)}
    refused, late = account[address(2)], account[address(4)]
    assert (refused.code, refused.enhanced, refused.reason) == (550, "5.1.1", "no-such-mailbox")
    assert late.attempts == 2


def test_a_letter_refused_at_the_dot_fails_with_what_was_said(ledger: Database, server: Server) -> None:
    open_sendable(ledger, 2)
    server.on("dot", "554 5.7.1 looks like spam", to=address(1))
    run(ledger, server)
    found = row(ledger, 1)
    assert (found["state"], found["phase"], found["code"], found["reply"]) == ("failed", "dot", 554, "looks like spam")


@pytest.mark.parametrize("do", [Do.DROP, Do.RESET])
def test_lost_before_the_final_dot_it_is_sent_at_the_next_attempt(ledger: Database, server: Server, do: Do) -> None:
    open_sendable(ledger, 5)
    server.on("rcpt", do, to=address(3), times=1)
    run(ledger, server)
    assert states(ledger) == {State.SENT: 5}
    assert sorted(server.accepted) == addresses(1, 2, 3, 4, 5)


@pytest.mark.parametrize("do", [Do.DROP, Do.RESET])
def test_lost_after_the_final_dot_it_is_uncertain(ledger: Database, server: Server, do: Do) -> None:
    open_sendable(ledger, 5)
    server.on("dot", do, to=address(3), times=1)
    run(ledger, server)
    assert states(ledger) == {State.SENT: 4, State.UNCERTAIN: 1}
    assert row(ledger, 3)["state"] == "uncertain"
    assert Counter(message.recipient for message in server.messages) == dict.fromkeys(addresses(1, 2, 3, 4, 5), 1)


@pytest.mark.parametrize("act", ["421 4.7.0 too many messages on this connection", Do.DROP], ids=str)
def test_a_relay_that_closes_after_so_many_letters_delays_none(ledger: Database, server: Server, act: Act) -> None:
    open_sendable(ledger, 10)
    for after in (1, 3, 4):
        server.on("mail", act, after=after, times=1)
    run(ledger, server, IN_AN_HOUR, connections=1)
    assert len(server.heard) == 4
    assert states(ledger) == {State.SENT: 10}
    assert sorted(server.accepted) == addresses(*range(1, 11))
    assert all_rows(ledger, "SELECT DISTINCT tries FROM deliveries") == [(1,)]


@pytest.mark.parametrize("connections", [1, 3])
def test_a_letter_that_ends_every_session_is_put_off_and_the_others_go(
    ledger: Database, server: Server, connections: int
) -> None:
    open_sendable(ledger, 30)
    server.on("rcpt", Do.DROP, to=address(3))
    run(ledger, server, IN_AN_HOUR, connections)
    assert states(ledger) == {State.SENT: 29, State.DEFERRED: 1}
    assert (row(ledger, 3)["state"], row(ledger, 3)["tries"]) == ("deferred", 1)
    assert len(server.heard) < 30


def test_a_relay_that_takes_no_letter_is_not_asked_again_and_again(
    ledger: Database, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 60.0)
    monkeypatch.setattr(Reach, "waits", lambda _self, _now: False)
    open_sendable(ledger, 4)
    server.on("mail", Do.DROP)

    async def until_idle() -> Engine:
        engine = engine_for(ledger, server.relay, IN_AN_HOUR, 1)
        await asyncio.wait_for(engine.run(idle=0.1), 20)
        return engine

    assert asyncio.run(until_idle()).lines["relay"].reach.back_off == 8.0
    assert states(ledger) == {State.DEFERRED: 4}


def test_a_relay_that_wants_another_connection_gets_one(ledger: Database, server: Server) -> None:
    open_sendable(ledger, 6)
    server.on("rcpt", "452 4.5.3 too many recipients on this connection", to=address(3), times=1)
    run(ledger, server, connections=1)
    assert states(ledger) == {State.SENT: 6}
    first, *others = [heard.decode() for heard in server.heard]
    assert others
    assert address(3) in first
    assert address(6) not in first


def test_nobody_listens_at_the_relay(ledger: Database) -> None:
    open_sendable(ledger, 3)
    with Smtpd() as gone:
        pass
    run(ledger, gone, IN_AN_HOUR)
    assert states(ledger) == {State.DEFERRED: 3}
    found = row(ledger, 1)
    assert (found["phase"], found["code"], found["reason"], found["tries"]) == ("connect", None, "lost-connect", 1)
    assert found["reply"]


def test_a_refused_sender_pauses_the_issue(ledger: Database, server: Server) -> None:
    issue = open_sendable(ledger, 30)
    server.on("mail", "553 5.1.8 sender address rejected: not owned by user")
    run(ledger, server)
    (found,) = queries.find_issues(ledger, issue_id=issue.id)
    assert found.state is IssueState.PAUSED
    assert "not owned by user" in (found.state_reason or "")
    assert server.messages == []


def test_stopped_in_the_middle_nothing_is_lost_and_the_next_engine_goes_on(ledger: Database, server: Server) -> None:
    open_sendable(ledger, 200)

    async def stop_in_the_middle() -> None:
        engine = engine_for(ledger, server.relay)
        running = asyncio.create_task(engine.run())
        while len(server.messages) < 20:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        engine.stop.set()
        await asyncio.wait_for(running, 10)

    asyncio.run(stop_in_the_middle())
    counted = states(ledger)
    assert counted == {State.SENT: len(server.accepted), State.QUEUED: 200 - len(server.accepted)}
    run(ledger, server)
    assert sorted(server.accepted) == addresses(*range(1, 201))


# Killed


WORKER_PROCESS = """
    import asyncio, sys
    from distributor.settings import Relay
    from tests import ledgers, test_engine_smtp
    with ledgers.opened(sys.argv[1]) as database:
        engine = test_engine_smtp.engine_for(database, Relay("127.0.0.1", int(sys.argv[2]), tls=False), connections=4)
        asyncio.run(engine.run())
"""


@contextlib.contextmanager
def worker_process(url: str, server: Server) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", textwrap.dedent(WORKER_PROCESS), url, str(server.relay.port)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("count", [1, 60])
def test_killed_it_loses_nothing_and_repeats_nothing(ledger_url: str, pipelined: Wire, count: int) -> None:
    connections, total = 4, 300
    with ledgers.opened(ledger_url) as ledger:
        open_sendable(ledger, total)
        with worker_process(ledger_url, pipelined) as process:
            until(lambda: len(pipelined.messages) >= count)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert sum(states(ledger).values()) == total
        execute(ledger, "UPDATE leases SET expires_at = 0")
        other = Actor("worker 2", "other.example")
        swept = ledgers.sweep(ledger, actor=other)
        assert swept.uncertain <= connections
        run(ledger, pipelined)

        counted = states(ledger)
        assert counted == Counter({State.SENT: total - swept.uncertain, State.UNCERTAIN: swept.uncertain})
        heard = Counter(message.recipient for message in pipelined.messages)
        assert set(heard.values()) == {1}, "nobody got it twice"
        rows = all_rows(ledger, "SELECT address, state FROM deliveries")
        assert {to for to, state in rows if state == "sent"} <= set(pipelined.accepted)
        assert set(addresses(*range(1, total + 1))) - set(heard) <= {to for to, state in rows if state == "uncertain"}


def test_two_processes_share_an_issue_and_no_letter_goes_twice(ledger_url: str, pipelined: Wire) -> None:
    with ledgers.opened(ledger_url) as ledger:
        open_sendable(ledger, 400)
        with worker_process(ledger_url, pipelined), worker_process(ledger_url, pipelined):
            until(lambda: states(ledger) == {State.SENT: 400})
        assert Counter(pipelined.accepted) == dict.fromkeys(addresses(*range(1, 401)), 1)
