"""The same Celery task three times at once: a bell rung thrice wakes three, and no letter goes twice."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from celery import Celery

from distributor.delivery.ledger.database import Database
from tests import ledgers
from tests.chaos import until
from tests.sites import Site
from tests.smtpd import Wire
from tests.test_workers import many

SECONDS = 60
LETTERS = 1100  # more than two slices: there is work for three
TASK = "the-same-bell"


class Worker:
    """`celery worker` in a process of its own, with *threads* that run tasks; its log tells what it was given."""

    def __init__(self, site: Site, number: int, threads: int) -> None:
        self.log = site.folder / f"worker{number}.log"
        options = ["--loglevel", "INFO", "--hostname", f"worker{number}@host.example", "--concurrency", str(threads)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "distributor.tasks", "worker", *options],
                cwd=site.folder, env=dict(os.environ), stdout=log, stderr=log,
            )  # fmt: skip

    def said(self, words: str) -> int:
        return self.log.read_text("utf-8", "replace").count(words)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail("the worker did not stop when it was told to")


@contextlib.contextmanager
def idle_workers(site: Site, count: int, threads: int) -> Iterator[list[Worker]]:
    """Workers that have looked at the empty ledger once, as each does when it starts, and now wait for a bell."""
    with contextlib.ExitStack() as stack:
        workers = [Worker(site, number, threads) for number in range(count)]
        for worker in workers:
            stack.callback(worker.stop)
        until(lambda: all(worker.said("ready.") for worker in workers), "the workers start")
        until(lambda: sum(worker.said("succeeded in") for worker in workers) == count, "the workers are idle")
        yield workers


def leases(ledger: Database) -> int:
    """How many engines are at work."""
    ((count,),) = ledgers.all_rows(ledger, "SELECT count(*) FROM leases")
    return int(count)


def test_three_workers_with_the_same_task_send_each_letter_once(
    site: Site, wire: Wire, redis_url: str, postgres_url: str
) -> None:
    site.setting(LEDGER=postgres_url)
    send_by_three(site, wire, redis_url, postgres_url, workers=3, threads=1)


def test_one_worker_with_the_same_task_three_times_sends_each_letter_once(
    site: Site, wire: Wire, redis_url: str
) -> None:
    """Three threads, though the site's celeryconfig.py has one, and SQLite."""
    url = f"sqlite:///{site.folder / 'ledger.sqlite3'}"
    site.setting(LEDGER=url)
    send_by_three(site, wire, redis_url, url, workers=1, threads=3)


def send_by_three(site: Site, wire: Wire, redis_url: str, url: str, *, workers: int, threads: int) -> None:
    wire.on("dot", 0.01)
    site.setting(BROKER=redis_url, RELAY=f"smtp://{wire.relay}")
    site.write_list({"有关部门": many(LETTERS), "各会员单位": {}})
    with ledgers.opened(url) as ledger, idle_workers(site, workers, threads) as idle:
        # Opened under a broker that no worker listens to: our own bells are the first that they hear of it.
        site.setting(BROKER=f"{redis_url.removesuffix('/0')}/1")
        process = site.start("send", site.bulletin, "--yes", "--no-wait", "--group", "送")
        process.communicate(timeout=SECONDS)
        assert process.returncode == 0
        bell = Celery(broker=redis_url)
        for _each in range(3):
            bell.send_task("distributor.deliver", task_id=TASK, queue="distributor")
        until(lambda: leases(ledger) == 3, "all three at once")
        until(lambda: sum(worker.said(f"[{TASK}] succeeded") for worker in idle) == 3, "three tasks end")
        assert not any(worker.said("Traceback") for worker in idle)
    assert Counter(wire.accepted) == {f"office@unit{number}.example.org": 1 for number in range(LETTERS)}
    (row,) = site.run("status", "60", "--json").json["issues"]
    assert row["groups"][0]["states"] == {"sent": LETTERS}
