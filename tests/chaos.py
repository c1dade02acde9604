"""`make chaos`: kill -9 at random moments, real processes, and a relay that knows what it took.

A round opens an issue, lets it be delivered, kills what its kind says some times over, starts that anew, and compares
in the end what the relay accepted with what the ledger says. Leases of the dead are made to expire at once.
"""

import argparse
import contextlib
import os
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
from rich.table import Table

from distributor.delivery.ledger.database import Database
from distributor.delivery.model.states import UNSETTLED, State
from tests import ledgers, servers
from tests.sites import BULLETIN, ROOT, list_of
from tests.smtpd import Wire

KINDS = ("send", "one worker", "all workers", "redis", "everything")
SECONDS = 90.0
KILLS = 4
CONNECTIONS = 8
WORKERS = 2
_NOT_ENDED = ("the issue did not end", "the broker did not start")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of rounds: kills, and deliveries by what became of them. *arrived*: uncertain ones that the relay had taken."""

    rounds: int
    messages: int
    kills: int
    sent: int
    uncertain: int
    arrived: int
    lost: int
    twice: int

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def play(kind: str, ledger: str, messages: int, seed: int, folder: Path) -> Outcome:
    """One round of *kind* with a ledger at the URL *ledger*; what is wrong by itself is an AssertionError."""
    with Wire() as relay, contextlib.ExitStack() as stack:
        relay.on("dot", 0.002)
        site = _Site(folder, ledger, messages, relay, stack)
        with ledgers.opened(ledger) as database:
            luck = random.Random(seed)
            kills = _Deaths(kind, site, database, relay, luck).run()
            return _compare(database, relay, messages, kills)


def _compare(database: Database, relay: Wire, messages: int, kills: int) -> Outcome:
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
        arrived=sum(address in taken for address in doubtful),
        lost=sum(address not in taken for address in rows if address not in doubtful),
        twice=sum(count > 1 for count in taken.values()),
    )


class _Site:
    """A folder with a list, a bulletin and settings, and the processes that work for it."""

    def __init__(self, folder: Path, ledger: str, messages: int, relay: Wire, stack: contextlib.ExitStack) -> None:
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

    def redis(self) -> "subprocess.Popen[bytes]":
        program = servers.redis_program()
        options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self.folder))
        process = self.start(str(program), "--port", str(self.port), *options)
        until(lambda: servers.redis_answers(self.port), _NOT_ENDED[1])
        return process


class _Deaths:
    """Runs the issue through the deaths of one kind."""

    def __init__(self, kind: str, site: _Site, database: Database, relay: Wire, luck: random.Random) -> None:
        self.kind = kind
        self.site = site
        self.database = database
        self.relay = relay
        self.luck = luck
        self.kills = 0

    def run(self) -> int:
        """Returns how many processes were killed."""
        if self.kind == "send":
            self._sending()
        else:
            self._working()
        until(self._ended, f"{_NOT_ENDED[0]}: {ledgers.states(self.database)}")
        return self.kills

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
                self._kill(broker)
                broker = self.site.redis()
            if self.kind in {"all workers", "everything"}:
                self._kill(*workers)
                workers = self._workers(WORKERS)
            elif self.kind == "one worker":
                self._kill(workers.pop(self.luck.randrange(len(workers))))
                workers += self._workers(1)
        if self.kind == "redis":  # whoever was idle when the bell was lost would hear the next one in half a minute
            workers += self._workers(1)

    def _workers(self, count: int) -> "list[subprocess.Popen[bytes]]":
        return [self.site.distributor("worker") for _each in range(count)]

    def _wait_for_a_moment(self, *processes: "subprocess.Popen[bytes]") -> None:
        """Until so many letters more have gone out, some milliseconds later; or there is nobody left to send them."""
        unsettled = self._unsettled() or 2
        target = len(self.relay.messages) + self.luck.randint(0, max(1, unsettled // 2))
        dead = lambda: all(process.poll() is not None for process in processes)  # noqa: E731
        until(lambda: len(self.relay.messages) >= target or dead() or self._ended(), _NOT_ENDED[0])
        time.sleep(self.luck.random() * 0.01)

    def _kill(self, *processes: "subprocess.Popen[bytes]") -> None:
        for process in processes:
            self.kills += process.poll() is None
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
    """Play the rounds that the command line asks for; 1 where anything was lost or went twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--messages", type=int, default=2000, help="of each round (default: 2,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; the next ones count on")
    wish = parser.parse_args()
    totals: dict[tuple[str, str], Outcome] = {}
    plays = [(kind, dialect) for kind in KINDS for dialect in ("sqlite", "postgresql")]
    console = Console()
    with servers.postgres_server() as postgres:
        for number in range(wish.rounds):
            kind, dialect = plays[number % len(plays)]
            with tempfile.TemporaryDirectory(prefix="distributor-chaos-") as name:
                folder = Path(name)
                with ledger_of(dialect, folder, postgres, f"chaos{number}") as url:
                    outcome = play(kind, url, wish.messages, wish.seed + number, folder)
            totals[kind, dialect] = totals[kind, dialect] + outcome if (kind, dialect) in totals else outcome
            console.print(
                f"round {number + 1}, seed {wish.seed + number}: {kind}, {dialect}: {outcome}", soft_wrap=True
            )
    table = Table("killed", "ledger", *(each.name for each in fields(Outcome)))
    for (kind, dialect), outcome in totals.items():
        table.add_row(kind, dialect, *(f"{getattr(outcome, each.name):,}" for each in fields(Outcome)))
    console.print(table)
    return int(any(outcome.lost or outcome.twice for outcome in totals.values()))


if __name__ == "__main__":
    sys.exit(main())
