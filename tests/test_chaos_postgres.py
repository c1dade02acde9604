"""PostgreSQL restarted while letters are on their way: whoever sends waits until it is back, and nothing goes twice."""

import contextlib
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests import servers
from tests.chaos import until
from tests.sites import Site
from tests.smtpd import Wire
from tests.test_workers import many, worker

SECONDS = 60
LETTERS = 500


@dataclass
class Postgres:
    """A server of this test's own, that can be stopped and started again at its port."""

    url: str
    data: Path
    command: list[str]
    pid: int
    began: subprocess.Popen[bytes] | None = None

    def stop(self, how: signal.Signals) -> None:
        """SIGINT ends its sessions in order, SIGQUIT breaks all off and leaves it to recover from its log."""
        os.kill(self.pid, how)
        until(lambda: not self.answers(), "PostgreSQL ends")
        until(lambda: not (self.data / "postmaster.pid").exists(), "PostgreSQL ends")

    def start(self) -> None:
        folder = self.data.parent
        with (folder / "log").open("ab") as log:
            self.began = subprocess.Popen(self.command, stdout=log, stderr=log, **servers._as(folder))
        self.pid = self.began.pid
        until(self.answers, "PostgreSQL begins")

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"{self.url}/postgres", connect_timeout=2).close()
            return True
        return False

    def close(self) -> None:
        if self.began is not None:
            self.began.send_signal(signal.SIGINT)
            self.began.wait(SECONDS)


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with servers.postgres_server() as url:
        with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
            assert row is not None
            connection.execute("CREATE DATABASE ledger TEMPLATE template0")
        data = Path(row[0])
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        # As it was started; the port that was found for it is among its arguments.
        command = Path(f"/proc/{pid}/cmdline")
        if not command.exists():
            pytest.skip("only Linux tells how a process was started")
        server = Postgres(url, data, command.read_text().rstrip("\0").split("\0"), pid)
        try:
            yield server
        finally:
            server.close()


@pytest.mark.parametrize(
    ("deliverer", "how"),
    [("send", signal.SIGINT), ("worker", signal.SIGQUIT)],
    ids=["send, in order", "a worker, broken off"],
)
def test_restarted_in_the_middle_everything_is_sent_once(
    site: Site, wire: Wire, postgres: Postgres, redis_url: str, deliverer: str, how: signal.Signals
) -> None:
    wire.on("dot", 0.01)
    ledger = postgres.url.replace("postgresql://", "postgresql+psycopg://", 1)
    site.setting(LEDGER=f"{ledger}/ledger", RELAY=f"smtp://{wire.relay}")
    site.write_list({"有关部门": many(LETTERS), "各会员单位": {}})
    assert site.run("ledger", "upgrade").code == 0
    with contextlib.ExitStack() as stack:
        if deliverer == "worker":
            site.setting(BROKER=redis_url)
            stack.enter_context(worker(site))
        sending = site.start("send", site.bulletin, "--yes", "--group", "送")
        stack.callback(sending.kill)
        until(lambda: len(wire.messages) > LETTERS // 10, "letters go out")
        postgres.stop(how)
        assert len(wire.messages) < LETTERS, "in the middle"
        postgres.start()
        out, err = sending.communicate(timeout=SECONDS)
        assert sending.returncode == 0, (out, err)
    assert Counter(wire.accepted) == {f"office@unit{number}.example.org": 1 for number in range(LETTERS)}
    (row,) = site.run("status", "60", "--json").json["issues"]
    assert row["groups"][0]["states"] == {"sent": LETTERS}
