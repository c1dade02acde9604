"""The whole trip with workers: the broker is a bell, the ledger the truth, and no letter goes out twice."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.sites import Site, address_of
from tests.smtpd import Smtpd

SECONDS = 60


@pytest.fixture
def workplace(site: Site, redis_url: str, postgres_url: str) -> Site:
    """A site with Redis for a bell and PostgreSQL for a ledger, its tables made."""
    site.setting(BROKER=redis_url, LEDGER=postgres_url)
    assert site.run("ledger", "upgrade").code == 0
    return site


@contextlib.contextmanager
def running(site: Site, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """A worker in a process of its own, stopped in order at the end."""
    with (site.folder / "worker.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=site.folder, env=dict(os.environ), text=True,
            stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail("the worker did not stop when it was told to")


def worker(site: Site) -> "contextlib.AbstractContextManager[subprocess.Popen[str]]":
    return running(site, "distributor", "worker")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.05)


def written_to(site: Site) -> Counter[str]:
    return Counter(map(address_of, site.letters()))


def many(count: int) -> dict[str, list[str]]:
    return {f"单位{number}": [f"office@unit{number}.example.org"] for number in range(count)}


def test_two_workers_deliver_each_letter_once(workplace: Site) -> None:
    workplace.write_list({"有关部门": many(700), "各会员单位": many(900)})
    with worker(workplace), worker(workplace):
        ran = workplace.send("--json")
    assert ran.code == 0, ran.err
    assert {group["group"]: group["letters"] for group in ran.json["groups"]} == {"送": 700, "发": 200}
    assert written_to(workplace) == Counter({f"office@unit{number}.example.org": 1 for number in range(900)})


def test_told_to_stop_a_busy_worker_gives_back_what_it_has_not_sent(workplace: Site, smtpd: Smtpd) -> None:
    """Whatever bells it has reserved: no letter leaves after it was told."""
    smtpd.on("dot", 0.02)
    workplace.setting(RELAY=f"smtp://{smtpd.relay}")
    workplace.write_list({"有关部门": many(1500), "各会员单位": {"丙公司": ["c@gamma.example.com"]}})
    assert workplace.send("--no-wait", "--group", "送").code == 0
    with worker(workplace) as process:
        until(lambda: len(smtpd.accepted) > 20)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert process.returncode == 0
    sent = len(smtpd.accepted)
    assert sent < 1500
    assert len(set(smtpd.accepted)) == sent
    (row,) = workplace.run("status", "60", "--json").json["issues"]
    assert row["groups"][0]["states"] == {"queued": 1500 - sent, "sent": sent}


def test_no_wait_leaves_at_once_and_the_workers_deliver(workplace: Site) -> None:
    ran = workplace.send("--no-wait", "--json")
    assert ran.code == 0, ran.err
    assert workplace.letters() == []
    with worker(workplace):
        until(lambda: len(workplace.letters()) == 6)
        until(lambda: workplace.run("report", "60").code == 0)


def test_plain_celery_does_as_well(workplace: Site) -> None:
    with running(workplace, "celery", "-A", "distributor.tasks", "worker"):
        ran = workplace.send()
    assert ran.code == 0, ran.err
    assert len(workplace.letters()) == 6


def test_a_broker_that_forgot_the_bell_changes_nothing_for_a_worker_that_starts(
    workplace: Site, redis_url: str
) -> None:
    assert workplace.send("--no-wait").code == 0
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    with worker(workplace):
        until(lambda: len(workplace.letters()) == 6)


def test_a_bell_that_nobody_heard_changes_only_the_timing(workplace: Site, redis_url: str) -> None:
    """Only the schedule, shortened here, makes the worker look again."""
    config = workplace.folder / "celeryconfig.py"
    text = config.read_text("utf-8")
    config.unlink()
    config.write_text(text.replace('"schedule": 30.0', '"schedule": 1.0'), "utf-8")
    with worker(workplace):
        assert workplace.send("--group", "送").code == 0
        workplace.setting(BROKER=f"{redis_url.removesuffix('/0')}/1")  # a broker that no worker listens to
        process = workplace.start("send", workplace.bulletin, "--group", "发", "--yes", "--no-wait")
        process.communicate(timeout=SECONDS)
        assert process.returncode == 0
        until(lambda: len(workplace.letters()) == 6)


def test_a_broker_that_is_away_is_told_and_the_issue_is_safe(workplace: Site) -> None:
    workplace.setting(BROKER="redis://127.0.0.1:1/0")
    process = workplace.start("send", workplace.bulletin, "--yes")  # a process has one Celery app, for one broker
    _out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 3
    assert "nothing of it is lost" in err
    assert workplace.run("status", "--json").json["issues"][0]["standing"] == "sending"


def test_a_postgresql_ledger_without_tables_says_what_to_run(site: Site, postgres_url: str) -> None:
    site.setting(LEDGER=postgres_url)
    ran = site.send()
    assert ran.code == 3
    assert "distributor ledger upgrade" in ran.err


def test_a_worker_without_a_broker_delivers_what_is_due(site: Site) -> None:
    site.setting(RELAY="smtp://127.0.0.1:1", RETRY_FIRST=1, WAIT=0)
    assert site.send().code == 4
    site.setting(RELAY="")
    with worker(site):
        until(lambda: len(site.letters()) == 6)
        until(lambda: site.run("report", "60").code == 0)


def test_a_worker_warns_of_a_redis_that_forgets(workplace: Site, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            with worker(workplace):
                log = Path(workplace.folder / "worker.log")
                until(lambda: "noeviction" in log.read_text("utf-8"))
        finally:
            client.config_set("maxmemory-policy", "noeviction")
