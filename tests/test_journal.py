"""The journal: one commit for whatever is ready, repeated until it succeeds; a mark is true only when it is durable."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from distributor.delivery.engine import journal as journal_module
from distributor.delivery.engine.journal import Journal
from distributor.delivery.ledger import writing
from distributor.delivery.ledger.writing import Mark, Result
from distributor.delivery.model.states import Event
from distributor.errors import LedgerError
from tests import ledgers
from tests.ledgers import WORKER


class Written:
    """In place of the ledger's `write`: keeps the commits, and waits or fails as it is told."""

    def __init__(self) -> None:
        self.commits: list[tuple[list[Mark], list[Result]]] = []
        self.faults: list[Exception] = []
        self.refused: set[Mark] = set()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(
        self, _database: Any, marks: Sequence[Mark], results: Sequence[Result], actor: Any, spending: object = None
    ) -> tuple[set[Mark], int]:
        assert actor == WORKER
        assert self.gate.wait(10)
        if self.faults:
            raise self.faults.pop(0)
        self.commits.append((list(marks), list(results)))
        return set(marks) - self.refused, 0


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    fake = Written()
    monkeypatch.setattr(writing, "write", fake)
    monkeypatch.setattr(journal_module, "REPEAT_AFTER", 0.01)
    return fake


def word(identity: int) -> Result:
    return ledgers.result(Mark(identity, 1), Event.ACCEPTED)


def journal_of(company: int = 1) -> Journal:
    return Journal(None, WORKER, lambda: company, ledgers.today)  # type: ignore[arg-type]


async def ended(journal: Journal, running: "asyncio.Task[None]") -> None:
    journal.close()
    await asyncio.wait_for(running, 10)
    journal.shutdown()


async def test_a_mark_is_true_when_its_commit_has_ended(written: Written) -> None:
    journal = journal_of()
    running = asyncio.create_task(journal.run())
    written.gate.clear()
    future = journal.mark(Mark(1, 1))
    await asyncio.sleep(0.02)
    assert not future.done()
    written.gate.set()
    assert await future
    assert written.commits == [([Mark(1, 1)], [])]
    await ended(journal, running)


async def test_a_refused_mark_is_false(written: Written) -> None:
    journal = journal_of()
    running = asyncio.create_task(journal.run())
    written.refused = {Mark(2, 1)}
    assert await asyncio.gather(journal.mark(Mark(1, 1)), journal.mark(Mark(2, 1))) == [True, False]
    await ended(journal, running)


async def test_what_gathers_during_a_commit_shares_the_next(written: Written) -> None:
    journal = journal_of()
    running = asyncio.create_task(journal.run())
    written.gate.clear()
    journal.record(word(1))
    await asyncio.sleep(0.02)
    journal.record(word(2))
    future = journal.mark(Mark(3, 1))
    journal.record(word(4))
    assert sorted(journal.unwritten()) == [1, 2, 4]
    assert not journal.settled
    written.gate.set()
    await future
    assert written.commits == [([], [word(1)]), ([Mark(3, 1)], [word(2), word(4)])]
    assert journal.settled
    assert journal.unwritten() == []
    await ended(journal, running)


async def test_a_commit_waits_for_the_marks_of_all_sessions(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "GATHER", 3600)
    journal = journal_of(company=3)
    running = asyncio.create_task(journal.run())
    marks = [Mark(1, 1), Mark(2, 1), Mark(3, 1)]
    first = journal.mark(marks[0])
    await asyncio.sleep(0.02)
    assert written.commits == []
    await asyncio.gather(first, journal.mark(marks[1]), journal.mark(marks[2]))
    assert written.commits == [(marks, [])]
    journal.record(word(4))
    await asyncio.sleep(0.02)
    await ended(journal, running)
    assert written.commits[1:] == [([], [word(4)])], "whoever closes it waits for nobody"


async def test_whoever_must_come_after_the_results_waits_for_them(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "GATHER", 3600)
    journal = journal_of(company=3)
    running = asyncio.create_task(journal.run())
    await asyncio.wait_for(journal.written(), 10)
    assert written.commits == [], "there was nothing to wait for"
    journal.record(word(1))
    await asyncio.sleep(0.02)
    await asyncio.wait_for(journal.written(), 10)
    assert written.commits == [([], [word(1)])]
    await ended(journal, running)
    await asyncio.wait_for(journal.written(), 10)


async def test_a_commit_waits_no_longer_than_a_moment(written: Written) -> None:
    journal = journal_of(company=3)
    running = asyncio.create_task(journal.run())
    assert await journal.mark(Mark(1, 1))
    await ended(journal, running)


async def test_a_commit_that_fails_is_repeated_whole(written: Written) -> None:
    journal = journal_of()
    running = asyncio.create_task(journal.run())
    written.faults = [LedgerError("away"), LedgerError("away")]
    future = journal.mark(Mark(1, 1))
    journal.record(word(2))
    assert await future
    assert written.commits == [([Mark(1, 1)], [word(2)])]
    await ended(journal, running)


async def test_closed_it_writes_what_is_left_and_returns(written: Written) -> None:
    journal = journal_of()
    for identity in (1, 2, 3):
        journal.record(word(identity))
    await ended(journal, asyncio.create_task(journal.run()))
    assert written.commits == [([], [word(1), word(2), word(3)])]


async def test_whoever_waits_for_a_mark_may_give_up(written: Written) -> None:
    journal = journal_of()
    running = asyncio.create_task(journal.run())
    written.gate.clear()
    given_up, other = journal.mark(Mark(1, 1)), journal.mark(Mark(2, 1))
    await asyncio.sleep(0.02)
    given_up.cancel()
    written.gate.set()
    assert await other
    await ended(journal, running)


async def test_a_fault_of_our_own_ends_it(written: Written) -> None:
    journal = journal_of()
    written.faults = [ZeroDivisionError()]
    journal.record(word(1))
    with pytest.raises(ZeroDivisionError):
        await journal.run()
    assert journal.unwritten() == [1]
    journal.shutdown()


async def test_everything_of_the_ledger_goes_one_after_the_other(written: Written) -> None:
    """One writer per process: SQLite's lock is never fought over inside."""
    journal = journal_of()
    inside, most = 0, 0

    def step(_database: object) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threading.Event().wait(0.002)
        inside -= 1

    await asyncio.gather(*(journal.do(step) for _each in range(10)))
    assert most == 1
    journal.shutdown()


async def test_a_ledger_that_hangs_delays_no_shutdown(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "LAST_TRANSACTION", 0.05)
    journal = journal_of()
    hangs, goes_on, ran = threading.Event(), threading.Event(), threading.Event()
    hanging = asyncio.create_task(journal.do(lambda _database: hangs.set() or goes_on.wait(10)))
    assert await asyncio.to_thread(hangs.wait, 5)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "ledger")
    assert thread.daemon, "or the process could not end before it"
    behind = asyncio.create_task(journal.do(lambda _database: ran.set()))
    await asyncio.sleep(0)
    for task in (hanging, behind):
        task.cancel()
    await asyncio.wait([hanging, behind])
    journal.shutdown()
    assert thread.is_alive()
    goes_on.set()
    await asyncio.to_thread(thread.join, 5)
    assert not thread.is_alive()
    assert not ran.is_set(), "nobody waits for it any more"
