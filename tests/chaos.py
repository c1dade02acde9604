"""`make chaos`: kill -9 at random moments, real processes, and a relay that knows what it took.

A round opens an issue, lets it be delivered, kills what its kind says some times over, starts that anew, and compares
in the end what the relay accepted with what the ledger says. Leases of the dead are made to expire at once. The same
seed chooses the same moments, counted in letters sent; what the machine does in between is its own.
"""

import argparse
import contextlib
import datetime as dt
import logging
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from distributor.delivery.ledger.database import Database
from distributor.delivery.model.states import UNSETTLED, State
from tests import ledgers, servers
from tests.sites import BULLETIN, ROOT, list_of
from tests.smtpd import Act, Do, Wire

KINDS = ("send", "one worker", "all workers", "redis", "everything", "celery", "connections")
DIALECTS = ("sqlite", "postgresql")
SECONDS = 90.0
KILLS = 4
CONNECTIONS = 8
WORKERS = 2
HANG_UPS = 4
README = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- killed: written by python -m tests.chaos --write -->", "<!-- end of killed -->"
_NOT_ENDED = ("the issue did not end", "the broker did not start")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of rounds: kills, and deliveries by what became of them.

    *in_flight*: how many letters the killed had in flight at most, one for each connection, and those that the relay
    left unanswered itself. Of the *uncertain* the relay had taken those that *arrived*; *unasked* are those to which it
    never said 354, so that they cannot have been handed over.
    """

    rounds: int
    messages: int
    kills: int
    sent: int
    uncertain: int
    in_flight: int
    arrived: int
    unasked: int
    lost: int
    twice: int

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def is_right(self) -> bool:
        """Of one round: whether the ledger kept its word."""
        return self.lost == self.twice == self.unasked == 0 and self.uncertain <= self.in_flight


class Relay(Wire):
    """A relay that takes its time and remembers to whose letters it said 354."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def act(self, step: str, address: str | None = None) -> Act | None:
        if step == "data" and address is not None:
            self.asked.add(address)
        return super().act(step, address)

    def hang_up(self, luck: random.Random, messages: int) -> int:
        """Close connections in every part of the dialogue; returns how many letters that leaves in doubt."""
        for step in ("mail", "rcpt", "body", "dot"):
            for _each in range(HANG_UPS):
                self.on(step, luck.choice([Do.DROP, Do.RESET]), times=1, after=luck.randrange(messages // 2))
        return 2 * HANG_UPS  # in the body and after it


def play(kind: str, ledger: str, messages: int, seed: int, folder: Path) -> Outcome:
    """One round of *kind* with a ledger at the URL *ledger*; what is wrong by itself is an AssertionError."""
    luck = random.Random(seed)
    with Relay() as relay, contextlib.ExitStack() as stack, _named(f"kind {kind}, seed {seed}"):
        left_in_doubt = relay.hang_up(luck, messages) if kind == "connections" else 0
        relay.on("dot", 0.002)
        site = _Site(folder, ledger, messages, relay, stack)
        with ledgers.opened(ledger) as database:
            deaths = _Deaths(kind, site, database, relay, luck)
            deaths.run()
            return _compare(database, relay, messages, deaths.kills, deaths.in_flight + left_in_doubt)


@contextlib.contextmanager
def _named(round_: str) -> Iterator[None]:
    """Whatever is wrong in the block says which round it was."""
    try:
        yield
    except AssertionError as error:
        error.add_note(round_)
        raise


def _compare(database: Database, relay: Relay, messages: int, kills: int, in_flight: int) -> Outcome:
    rows = dict(ledgers.all_rows(database, "SELECT address, state FROM deliveries"))
    counts = Counter(rows.values())
    assert sum(counts.values()) == messages, counts
    assert set(counts) <= {State.SENT.value, State.UNCERTAIN.value}, counts
    taken = Counter(message.recipient for message in relay.messages)
    doubtful = {address for address, state in rows.items() if state == State.UNCERTAIN.value}
    return Outcome(
        rounds=1,
        messages=messages,
        kills=kills,
        sent=counts[State.SENT.value],
        uncertain=len(doubtful),
        in_flight=in_flight,
        arrived=sum(address in taken for address in doubtful),
        unasked=len(doubtful - relay.asked),
        lost=len(rows.keys() - doubtful - set(relay.accepted)),  # said to be sent, and the relay said no 250
        twice=sum(count > 1 for count in taken.values()),
    )


class _Site:
    """A folder with a list, a bulletin and settings, and the processes that work for it."""

    def __init__(self, folder: Path, ledger: str, messages: int, relay: Relay, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        for name in ("templates", "celeryconfig.py"):
            (folder / name).symlink_to(ROOT / name)
        members = {f"单位{number}": [f"office@unit{number}.example.org"] for number in range(messages - 1)}
        audiences = {"有关部门": {"某局": ["office@bureau.example.org"]}, "各会员单位": members}
        (folder / "recipients.yaml").write_text(list_of(audiences), "utf-8")
        (folder / "60.txt").write_text(BULLETIN.format(number=4, total=60), "utf-8")
        self.port = servers.free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DISTRIBUTOR_")}
        settings = {"SITE": folder, "LEDGER": ledger, "RELAY": f"smtp://{relay.relay}", "CONNECTIONS": CONNECTIONS}
        settings |= {"RETRY_FIRST": 1, "RETRY_MOST": 1}
        self.environment = kept | {f"DISTRIBUTOR_{name}": str(value) for name, value in settings.items()}

    def ring_by(self, port: int) -> None:
        self.environment["DISTRIBUTOR_BROKER"] = f"redis://127.0.0.1:{port}/0"

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        """*command* in a process group of its own, ended with the round."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self.stack.callback(kill, process)
        return process

    def distributor(self, *words: str) -> "subprocess.Popen[bytes]":
        return self.start(sys.executable, "-m", "distributor", *words)

    def celery(self) -> "subprocess.Popen[bytes]":
        """A worker as plain Celery starts it."""
        return self.start(sys.executable, "-m", "celery", "-A", "distributor.tasks", "worker")

    def redis(self) -> "subprocess.Popen[bytes]":
        program = servers.redis_program()
        options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self.folder))
        process = self.start(str(program), "--port", str(self.port), *options)
        until(lambda: servers.redis_answers(self.port), _NOT_ENDED[1])
        return process


class _Deaths:
    """Runs the issue through the deaths of one kind."""

    def __init__(self, kind: str, site: _Site, database: Database, relay: Relay, luck: random.Random) -> None:
        self.kind = kind
        self.site = site
        self.database = database
        self.relay = relay
        self.luck = luck
        self.kills = 0
        self.in_flight = 0

    def run(self) -> None:
        if self.kind == "send":
            self._sending()
        else:
            self._working()
        until(self._ended, f"{_NOT_ENDED[0]}: {ledgers.states(self.database)}")

    def _sending(self) -> None:
        words = ["send", "60.txt", "--yes"]
        for _each in range(KILLS):
            process = self.site.distributor(*words)
            self._wait_for_a_moment(process)
            self._kill(process)
            if ledgers.all_rows(self.database, "SELECT count(*) FROM issues") == [(1,)]:
                words = ["resume", "60"]
        assert self.site.distributor(*words).wait(SECONDS) in {0, 1}

    def _working(self) -> None:
        broker = self.site.redis()
        self.site.ring_by(self.site.port)
        assert self.site.distributor("send", "60.txt", "--yes", "--no-wait").wait(SECONDS) == 0
        workers = self._workers(WORKERS)
        for _each in range(KILLS):
            self._wait_for_a_moment(*workers)
            if self.kind in {"redis", "everything"}:
                self.kills += 1
                kill(broker)
                broker = self.site.redis()
            if self.kind in {"all workers", "everything"}:
                self._kill(*workers)
                workers = self._workers(WORKERS)
            elif self.kind != "redis":
                self._kill(workers.pop(self.luck.randrange(len(workers))))
                workers += self._workers(1)
        if self.kind == "redis":  # whoever was idle when the bell was lost would hear the next one in half a minute
            workers += self._workers(1)

    def _workers(self, count: int) -> "list[subprocess.Popen[bytes]]":
        start = self.site.celery if self.kind == "celery" else lambda: self.site.distributor("worker")
        return [start() for _each in range(count)]

    def _wait_for_a_moment(self, *processes: "subprocess.Popen[bytes]") -> None:
        """Until so many letters more have gone out, some milliseconds later; or there is nobody left to send them."""
        unsettled = self._unsettled() or 2
        target = len(self.relay.messages) + self.luck.randint(0, max(1, unsettled // 2))
        dead = lambda: all(process.poll() is not None for process in processes)  # noqa: E731
        until(lambda: len(self.relay.messages) >= target or dead() or self._ended(), _NOT_ENDED[0])
        time.sleep(self.luck.random() * 0.01)

    def _kill(self, *processes: "subprocess.Popen[bytes]") -> None:
        for process in processes:
            if process.poll() is None:
                self.kills += 1
                self.in_flight += CONNECTIONS
            kill(process)
        for process in processes:
            ledgers.execute(
                self.database, "UPDATE leases SET expires_at = 0 WHERE worker = :name", name=f"worker {process.pid}"
            )

    def _unsettled(self) -> int:
        states = ledgers.states(self.database)
        return sum(states[state] for state in UNSETTLED)

    def _ended(self) -> bool:
        return self._unsettled() == 0 and ledgers.states(self.database).total() > 0


def kill(process: "subprocess.Popen[bytes]") -> None:
    """kill -9 of the whole process group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)


@contextlib.contextmanager
def ledger_of(dialect: str, folder: Path, postgres: str, name: str) -> Iterator[str]:
    """The URL of a fresh ledger."""
    if dialect == "sqlite":
        yield f"sqlite:///{folder / 'ledger.sqlite3'}"
        return
    with servers.postgres_database(postgres, name) as url:
        yield url.replace("postgresql://", "postgresql+psycopg://", 1)


def main() -> int:
    """Play the rounds that the command line asks for, until Ctrl-C; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--messages", type=int, default=2000, help="of each round (default: 2,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; the next ones count on")
    parser.add_argument("--write", action="store_true", help="put the counts into benchmarks/README.md")
    wish = parser.parse_args()
    # asyncio has much to say of conversations that the relay breaks off, as it is told to.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    totals: dict[tuple[str, str], Outcome] = {}
    wrong: list[str] = []
    console = Console()
    with contextlib.suppress(KeyboardInterrupt):
        _play_all(wish, totals, wrong, console)
    Console(width=max(console.width, 130)).print(_table(totals))  # a line a kind, also into a file
    console.print(*wrong, sep="\n", soft_wrap=True)
    if wish.write:
        _write(wish, totals, wrong)
    return int(bool(wrong) or not totals)


def _play_all(
    wish: argparse.Namespace, totals: dict[tuple[str, str], Outcome], wrong: list[str], console: Console
) -> None:
    """Add to *totals*, kind by kind; in *wrong* say which rounds have to be looked at."""
    plays = [(kind, dialect) for kind in KINDS for dialect in DIALECTS]
    with servers.postgres_server() as postgres:
        for number in track(range(wish.rounds), "rounds", console=console):
            kind, dialect = plays[number % len(plays)]
            seed = wish.seed + number
            try:
                outcome = _play_alone(kind, dialect, postgres, wish.messages, seed)
            except AssertionError as error:
                wrong.append(f"{kind}, {dialect}, seed {seed}: {error}")
                continue
            if not outcome.is_right:
                wrong.append(f"{kind}, {dialect}, seed {seed}: {outcome}")
            totals[kind, dialect] = totals[kind, dialect] + outcome if (kind, dialect) in totals else outcome


def _play_alone(kind: str, dialect: str, postgres: str, messages: int, seed: int) -> Outcome:
    """A round in a folder and with a ledger of its own."""
    with tempfile.TemporaryDirectory(prefix="distributor-chaos-") as name:
        folder = Path(name)
        with ledger_of(dialect, folder, postgres, f"chaos{seed}") as url:
            return play(kind, url, messages, seed, folder)


def _columns() -> list[str]:
    return ["killed", "ledger", *(each.name.replace("_", " ") for each in fields(Outcome))]


def _rows(totals: dict[tuple[str, str], Outcome]) -> list[list[str]]:
    return [
        [kind, dialect, *(f"{getattr(outcome, each.name):,}" for each in fields(Outcome))]
        for (kind, dialect), outcome in totals.items()
    ]


def _table(totals: dict[tuple[str, str], Outcome]) -> Table:
    table = Table(box=None)
    for name in _columns():
        table.add_column(name, no_wrap=True)
    for row in _rows(totals):
        table.add_row(*row)
    return table


def _write(wish: argparse.Namespace, totals: dict[tuple[str, str], Outcome], wrong: list[str]) -> None:
    """Put the counts in the place of the old ones in benchmarks/README.md."""
    before, _begin, rest = README.read_text("utf-8").partition(BEGIN)
    _old, end, after = rest.partition(END)
    columns = _columns()
    lines = [columns, [":--", ":--", *("--:" for _each in columns[2:])], *_rows(totals)]
    if totals:
        everything = sum(list(totals.values())[1:], start=next(iter(totals.values())))
        lines += _rows({("all", ""): everything})
    rounds = sum(outcome.rounds for outcome in totals.values())
    today = dt.datetime.now().astimezone().date()
    told = (
        f"{today}: {rounds} rounds of {wish.messages:,} letters (seeds from {wish.seed}), "
        f"{os.cpu_count()} cores, Python {platform.python_version()}; rounds with anything wrong: {len(wrong)}."
    )
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    README.write_text(f"{before}{BEGIN}\n\n{told}\n\n{table}\n{end or END}{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
