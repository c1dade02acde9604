"""Group commit: marks and results gather while another commit is under way, and for a moment besides.

A mark is durable when its future is done, and only then may a session write the final dot. Results are never dropped:
a commit that fails is repeated until it succeeds or the engine is told to give up, and then the rows stay
``handing_over`` for the sweep to find: in doubt, never lied about.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from distributor.delivery.ledger import writing
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.writing import Mark, Result, Spending
from distributor.delivery.model.flow import FlowKey
from distributor.delivery.model.records import Actor
from distributor.errors import LedgerError

log = logging.getLogger(__name__)
T = TypeVar("T")
# How long a commit waits for the marks of other sessions, s. A commit costs as much as three letters do, and sessions
# that were answered together are ready together again; over a network it is a small part of a round trip.
GATHER = 0.001
REPEAT_AFTER = 1.0
LAST_TRANSACTION = 1.0


class Journal:
    """The engine's only way to the ledger: one thread, one transaction at a time.

    *company* tells how many marks may come together: one from each session; *day_of* the date of the ledger's µs.
    """

    def __init__(
        self, database: Database, actor: Actor, company: Callable[[], int], day_of: Callable[[int], str]
    ) -> None:
        self.database = database
        self.actor = actor
        self.company = company
        self.day_of = day_of
        self._thread = _LedgerThread()
        self._marks: list[tuple[Mark, asyncio.Future[bool]]] = []
        self._quotas: dict[Mark, Sequence[FlowKey]] = {}
        self._results: list[Result] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._being_written: list[Result] = []
        self._ready = asyncio.Event()
        self._complete = asyncio.Event()
        self._writing = False
        self._closing = False

    async def do(self, function: Callable[..., T], *arguments: object, **options: object) -> T:
        """Run one of the ledger's functions in the journal's thread."""
        return await asyncio.wrap_future(self._thread.submit(lambda: function(self.database, *arguments, **options)))

    def mark(self, mark: Mark, quotas: Sequence[FlowKey] = ()) -> asyncio.Future[bool]:
        """True once the mark is durable, and counted for *quotas*; False: the delivery is ours no more."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._marks.append((mark, future))
        if quotas:
            self._quotas[mark] = quotas
        self._ready.set()
        if len(self._marks) >= self.company():
            self._complete.set()
        return future

    def record(self, result: Result) -> None:
        """Have *result* written with the next commit."""
        self._results.append(result)
        self._ready.set()

    def written(self) -> "asyncio.Future[None]":
        """Done when all that was recorded until now is in the ledger."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closing and self.settled:  # run() may have returned
            future.set_result(None)
        self._waiters.append(future)
        self._ready.set()
        self._complete.set()
        return future

    def unwritten(self) -> list[int]:
        """The deliveries whose results are not in the ledger yet."""
        return [result.id for result in (*self._being_written, *self._results)]

    @property
    def settled(self) -> bool:
        """Nothing waits to be written."""
        return not (self._marks or self._results or self._writing)

    async def run(self) -> None:
        """Write until close(); then write what is left and return."""
        while True:
            if not (self._marks or self._results):
                self._tell(self._waiters)
                if self._closing:
                    return
                self._ready.clear()
                await self._ready.wait()
                continue
            await self._gather()
            await self._commit()

    async def _gather(self) -> None:
        if self._closing or self._waiters or len(self._marks) >= self.company():
            return
        self._complete.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATHER):
                await self._complete.wait()

    def close(self) -> None:
        """Let run() return when all is written."""
        self._closing = True
        self._ready.set()
        self._complete.set()

    def shutdown(self) -> None:
        """End the thread. The transaction under way has a moment for its end; a ledger that hangs keeps nobody."""
        self._thread.end(LAST_TRANSACTION)

    async def _commit(self) -> None:
        marks, self._marks = self._marks, []
        spending = Spending(self._quotas, self.day_of) if self._quotas else None
        self._quotas = {}
        self._being_written, self._results = self._results, []
        self._writing = True
        waiters, self._waiters = self._waiters, []
        accepted, refused = await self._write([mark for mark, _future in marks], self._being_written, spending)
        self._writing, self._being_written = False, []
        self._tell(waiters)
        if refused:
            log.warning("%d results came too late: their deliveries had been moved on", refused)
        for mark, future in marks:
            if not future.done():
                future.set_result(mark in accepted)

    def _tell(self, waiters: list["asyncio.Future[None]"]) -> None:
        for future in waiters:
            if not future.done():
                future.set_result(None)
        waiters.clear()

    async def _write(
        self, marks: list[Mark], results: list[Result], spending: Spending | None
    ) -> tuple[set[Mark], int]:
        while True:
            try:
                return await self.do(writing.write, marks, results, actor=self.actor, spending=spending)
            except LedgerError as error:
                log.error("%s", error)
                await asyncio.sleep(REPEAT_AFTER)


class _LedgerThread:
    """Runs what it is given in turn. A daemon, as an executor's threads are not: those keep the process from ending."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], T]) -> "Future[T]":
        """What *job* returns or raises; cancelled before its turn came, it is not run."""
        future: Future[T] = Future()
        self._jobs.put((future, job))
        return future

    def end(self, seconds: float) -> None:
        """Take no more jobs, and wait *seconds* for the one that is running."""
        self._jobs.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (given := self._jobs.get()) is not None:
            future, job = given
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)
