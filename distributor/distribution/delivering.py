"""Delivering what is open: in this process, or by watching the workers do it."""

import asyncio
import contextlib
import logging
import math
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import TypeAlias

from distributor.delivery.engine.engine import SLICE, Engine
from distributor.delivery.engine.judge import RetryPolicy
from distributor.delivery.ledger import queries, sweeping
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.ledger.sweeping import Swept
from distributor.delivery.model.channel import Channel
from distributor.delivery.model.flow import Way
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import State
from distributor.distribution import flows
from distributor.distribution.site import Site, worker
from distributor.distribution.ways import all_channels, mail_channels
from distributor.errors import LedgerError
from distributor.settings import Settings

log = logging.getLogger(__name__)

Channels: TypeAlias = Sequence[tuple[Way, Channel]]
LOOK_EVERY = 0.2
SWEEP_EVERY = 30.0
PATIENCE = 60.0
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending(StrEnum):
    """Why watching an issue ended."""

    SETTLED = "settled"
    WAITING = "waiting"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Watched:
    """How an issue stood when watching ended."""

    ending: Ending
    progress: Progress


def ending(issue: IssueRecord, progress: Progress, since_us: float, wait: int) -> Ending | None:
    """Whether there is nothing to wait for: pure.

    *wait* seconds are counted from *since_us*, µs since 1970 UTC: when there was first nothing to do but to wait
    (infinity: not yet).
    """
    if progress.unsettled == 0:
        return Ending.SETTLED
    if issue.state is IssueState.PAUSED:
        return Ending.PAUSED
    if issue.state is IssueState.CANCELLED:
        return Ending.CANCELLED
    later = progress.next_attempt is None or progress.next_attempt.timestamp() * 1e6 > since_us + wait * 1e6
    return Ending.WAITING if progress.waiting == progress.unsettled and later else None


def deliver(site: Site, issue: IssueRecord, watch: Callable[[Progress], None]) -> Watched:
    """Deliver in this process everything that is due, this issue or any other, until *issue* has nothing to wait for.

    Ctrl-C and SIGTERM stop in order: what is in flight is finished, the rest stays queued.
    """
    with all_channels(site) as channels:
        return asyncio.run(_deliver(site, issue, channels, watch))


async def _deliver(site: Site, issue: IssueRecord, channels: Channels, watch: Callable[[Progress], None]) -> Watched:
    engine = make_engine(site, channels)
    with _stopped_by_signals(engine.stop):
        running = asyncio.create_task(engine.run())
        watching = asyncio.create_task(_watch(site, issue, engine.stop, watch))
        await asyncio.wait([running, watching], return_when=asyncio.FIRST_COMPLETED)
        engine.stop.set()
        await running
        why = (await watching).ending
        return Watched(why, await asyncio.to_thread(look, site, issue, watch))


async def _watch(site: Site, issue: IssueRecord, stop: asyncio.Event, watch: Callable[[Progress], None]) -> Watched:
    """Look at the ledger until the issue's ending; sweep now and then, as a worker would."""
    watching = _Watching(site, issue, watch)
    sweep_at = monotonic()
    while True:
        if monotonic() >= sweep_at:
            await asyncio.to_thread(_sweep_if_possible, site)
            sweep_at = monotonic() + SWEEP_EVERY
        if (why := await asyncio.to_thread(watching.look)) is not None:
            return Watched(why, watching.progress)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(watching.pause):
                await stop.wait()
        if stop.is_set():
            return Watched(Ending.STOPPED, watching.progress)


def watch_workers(site: Site, issue: IssueRecord, watch: Callable[[Progress], None]) -> Watched:
    """Watch other processes deliver *issue* until there is nothing to wait for. Ctrl-C ends the watching only."""
    watching = _Watching(site, issue, watch)
    stopped = threading.Event()
    with _setting_on_signals(stopped):
        while (why := watching.look()) is None:
            if stopped.wait(watching.pause):
                return Watched(Ending.STOPPED, watching.progress)
    return Watched(why, watching.progress)


class _Watching:
    """Looks at an issue for somebody who waits. *pause*: seconds until the next look, so that looking costs little."""

    def __init__(self, site: Site, issue: IssueRecord, watch: Callable[[Progress], None]) -> None:
        self.site = site
        self.issue = issue
        self.watch = watch
        self.progress = Progress({}, None)
        self.pause = LOOK_EVERY
        self._seen_at = monotonic()
        self._since = math.inf

    def look(self) -> Ending | None:
        """Why there is nothing more to wait for; None: there is, or the ledger was away for a moment.

        Raises:
            LedgerError: it has been away for longer than PATIENCE.
        """
        started = monotonic()
        try:
            self.progress = look(self.site, self.issue, self.watch)
            why = self._ending()
        except LedgerError as error:
            if monotonic() - self._seen_at > PATIENCE:
                raise
            log.warning("%s", error)
            return None
        self._seen_at = monotonic()
        self.pause = max(LOOK_EVERY, 9 * (self._seen_at - started))
        return why

    def _ending(self) -> Ending | None:
        (current,) = queries.find_issues(self.site.ledger, issue_id=self.issue.id)
        put_off = self.progress.count(State.DEFERRED) == self.progress.unsettled
        if self._since == math.inf and (put_off or flows.rests(self.site, self.progress)):
            with self.site.ledger.read() as connection:
                self._since = self.site.ledger.clock(connection)
        return ending(current, self.progress, self._since, self.site.settings.wait)


def look(site: Site, issue: IssueRecord, watch: Callable[[Progress], None]) -> Progress:
    """The issue's progress now, shown to *watch*; its next attempt is when flows and quotas let one go."""
    progress = flows.in_truth(site, issue, queries.progress(site.ledger, issue.id))
    watch(progress)
    return progress


def deliver_due(
    site: Site, *, idle: float, on_start: Callable[[Callable[[], None]], None] = lambda _stop: None
) -> None:
    """Deliver everything that is due until nothing was due for *idle* seconds: one Celery task.

    *on_start* is given a function that stops it in order, from any thread.
    """
    with all_channels(site) as channels:
        asyncio.run(_deliver_due(site, channels, idle, on_start))


async def _deliver_due(
    site: Site, channels: Channels, idle: float, on_start: Callable[[Callable[[], None]], None]
) -> None:
    engine = make_engine(site, channels)
    loop = asyncio.get_running_loop()
    on_start(lambda: _stop_from_outside(loop, engine.stop))
    # The schedule's own sweep waits behind this task, which may take hours.
    await _sweeping(site, asyncio.create_task(engine.run(idle=idle)), lambda _swept: None)


def check_way_out(site: Site) -> None:
    """Make sure, before an issue is opened, that letters can leave this process: CA file, sink and outbox.

    Raises:
        ConfigurationError: they cannot.
    """
    with mail_channels(site.settings):
        pass


def is_anything_due(site: Site) -> bool:
    """Whether a delivery of any open issue is due now, and may go."""
    return flows.count_due(site, at_most=1) > 0


def is_work_for_two(site: Site) -> bool:
    """Whether more is due than one worker claims at once."""
    return flows.count_due(site, at_most=SLICE + 1) > SLICE


def _stop_from_outside(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(stop.set)


def work(site: Site, on_sweep: Callable[[Swept], None]) -> None:
    """A worker without a broker: deliver what is due and sweep, until SIGTERM or Ctrl-C."""
    with all_channels(site) as channels:
        asyncio.run(_work(site, channels, on_sweep))


async def _work(site: Site, channels: Channels, on_sweep: Callable[[Swept], None]) -> None:
    engine = make_engine(site, channels)
    with _stopped_by_signals(engine.stop):
        await _sweeping(site, asyncio.create_task(engine.run()), on_sweep)


async def _sweeping(site: Site, running: "asyncio.Task[None]", on_sweep: Callable[[Swept], None]) -> None:
    """Wait for *running*; sweep at once, and now and then."""
    while not running.done():
        if (swept := await asyncio.to_thread(_sweep_if_possible, site)) is not None:
            on_sweep(swept)
        await asyncio.wait([running], timeout=SWEEP_EVERY)
    await running


def sweep(site: Site) -> Swept:
    """Take back what dead workers held; expire what is too old; by policy, send the uncertain again."""
    settings = site.settings
    resend_after = settings.retry_first if settings.uncertain == "resend" else None
    return sweeping.sweep(site.ledger, actor=worker(), expire_after=settings.expire_after, resend_after=resend_after)


def _sweep_if_possible(site: Site) -> Swept | None:
    """The engine waits until the ledger is back; so does the sweep."""
    try:
        return sweep(site)
    except LedgerError as error:
        log.warning("%s", error)
        return None


def make_engine(site: Site, channels: Channels) -> Engine:
    """An engine for this process. It must be made inside the loop that runs it."""
    settings = site.settings
    return Engine(
        site.ledger, channels, site.rules, actor=worker(), connections=settings.connections,
        policy=retry_policy(settings), day_of=settings.day_of,
    )  # fmt: skip


def retry_policy(settings: Settings) -> RetryPolicy:
    return RetryPolicy(first=settings.retry_first, most=settings.retry_most, expire_after=settings.expire_after)


def _heeded() -> list[signal.Signals]:
    """What stops us. What whoever started us has us ignore (nohup: the end of the terminal) stays ignored."""
    return [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]


@contextlib.contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    loop, numbers = asyncio.get_running_loop(), _heeded()
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _setting_on_signals(stopped: threading.Event) -> Iterator[None]:
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in _heeded()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
