"""Who sends: ours in its forms, and others. Each is a function from a task to what it took."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.processes import PYTHON, MissingError, cpu_of, find, peak_of, run, running, until
from benchmarks.servers import Servers

SENDER = "office@association.example.org"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Sample:
    """What it took to send all: seconds, CPU seconds (None: not known), peak memory in MB of the largest process."""

    seconds: float
    cpu: float | None
    peak: float | None


@dataclass(frozen=True, slots=True)
class Task:
    """Send the letter of *site* to its *messages* recipients, through the relay at *port*.

    *letters* is the same for peers (see ours.letter). *folder* is for whatever a run leaves.
    """

    folder: Path
    site: Path
    letters: Path
    messages: int
    port: int
    servers: Servers
    connections: int | None = None
    run: int = field(default_factory=lambda: next(_numbers))

    def environment(self, **settings: str) -> dict[str, str]:
        """That of a `distributor` command; *settings* are named without DISTRIBUTOR_. A ledger of this run's own."""
        usual = {
            "SITE": str(self.site),
            "RELAY": f"smtp://127.0.0.1:{self.port}",
            "FROM": SENDER,
            "LEDGER": f"sqlite:///{self.folder / f'{self.run}.sqlite3'}",
        }
        if self.connections:
            usual["CONNECTIONS"] = str(self.connections)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DISTRIBUTOR_")}
        return kept | {f"DISTRIBUTOR_{name}": value for name, value in {**usual, **settings}.items()}


def ours(*words: str) -> list[str]:
    """The command that does one step of ours."""
    return [PYTHON, "-m", "benchmarks.ours", *words]


def _embedded(synchronous: str) -> Callable[[Task], Sample]:
    def send(task: Task) -> Sample:
        run(ours("open"), task.environment())
        usage = run(ours("deliver", synchronous), task.environment())
        return Sample(usage.told["seconds"], usage.told["cpu"], usage.peak)

    return send


def _redis_sqlite(task: Task) -> Sample:
    return _by_workers(task, 1, task.environment(BROKER=f"{task.servers.redis}/0"))


def _redis_postgresql(workers: int) -> Callable[[Task], Sample]:
    def send(task: Task) -> Sample:
        with task.servers.database() as ledger:
            environment = task.environment(BROKER=f"{task.servers.redis}/0", LEDGER=ledger)
            run([PYTHON, "-m", "distributor", "ledger", "upgrade"], environment)
            return _by_workers(task, workers, environment)

    return send


def _by_workers(task: Task, workers: int, environment: dict[str, str]) -> Sample:
    with contextlib.ExitStack() as stack:
        pids = [stack.enter_context(_worker(task, environment, number)) for number in range(workers)]
        before = sum(map(cpu_of, pids))
        told = run(ours("workers"), environment).told
        cpu = sum(map(cpu_of, pids)) - before
        peaks = [peak for peak in map(peak_of, pids) if peak is not None]
        return Sample(told["seconds"], cpu, max(peaks, default=None))


@contextlib.contextmanager
def _worker(task: Task, environment: dict[str, str], number: int) -> Iterator[int]:
    """A worker that has looked at the ledger once and found nothing."""
    log = task.folder / f"{task.run}-worker{number}.log"
    with running([PYTHON, "-m", "distributor", "worker"], environment, log) as process:
        until(lambda: b"] succeeded in" in log.read_bytes(), "a worker")
        yield process.pid


def _smtplib(task: Task) -> Sample:
    return _peer(task, PYTHON, "-m", "benchmarks.peers.smtplib_loop")


def _aiosmtplib(task: Task) -> Sample:
    if importlib.util.find_spec("aiosmtplib") is None:
        raise MissingError("aiosmtplib is not installed")
    return _peer(task, PYTHON, "-m", "benchmarks.peers.aiosmtplib_pool")


def _nodemailer(task: Task) -> Sample:
    node = shutil.which("node")
    if node is None or not _succeeds([node, "-e", "require('nodemailer')"]):
        raise MissingError("no node, or no nodemailer for it (NODE_PATH)")
    return _peer(task, node, str(Path(__file__).parent / "peers" / "nodemailer_pool.cjs"))


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _peer(task: Task, *command: str) -> Sample:
    usage = run([*command, "127.0.0.1", str(task.port), str(task.letters)], task.environment())
    return Sample(usage.told["seconds"], usage.told["cpu"], usage.peak)


def _smtp_source(task: Task) -> Sample:
    program = find("smtp-source")
    if program is None:
        raise MissingError("no smtp-source of Postfix")
    # Connections are kept, as all others keep theirs; its messages are all alike.
    options = ["-d", "-s", "8", "-l", "13000", "-m", str(task.messages), "-f", SENDER, "-t", "office@unit.example.org"]
    usage = run([program, *options, f"127.0.0.1:{task.port}"], task.environment())
    return Sample(usage.seconds, usage.cpu, usage.peak)


@dataclass(frozen=True, slots=True)
class Contender:
    """One of those compared; *part* of the messages is enough to know its rate, where it is a slow one."""

    name: str
    text: str
    send: Callable[[Task], Sample]
    part: int = 1


CONTENDERS = (
    Contender("embedded", "ours, one process, SQLite FULL", _embedded("FULL")),
    Contender("embedded-normal", "ours, one process, SQLite NORMAL", _embedded("NORMAL")),
    Contender("redis-sqlite", "ours, Redis and a worker, SQLite FULL", _redis_sqlite),
    Contender("redis-postgresql", "ours, Redis and a worker, PostgreSQL", _redis_postgresql(1)),
    Contender("redis-postgresql-2", "ours, Redis and 2 workers, PostgreSQL", _redis_postgresql(2)),
    Contender("smtplib", "smtplib, an EmailMessage each", _smtplib, part=10),
    Contender("aiosmtplib", "aiosmtplib, 10 connections", _aiosmtplib, part=10),
    Contender("nodemailer", "nodemailer, pool of 10", _nodemailer, part=2),
    Contender("smtp-source", "Postfix's smtp-source, 8 sessions", _smtp_source),
)
BY_NAME = {contender.name: contender for contender in CONTENDERS}
