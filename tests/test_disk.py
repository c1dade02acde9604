"""A disk that runs full under the ledger: the send waits, and goes on when there is room again."""

import contextlib
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sites import Site
from tests.smtpd import Smtpd

SECONDS = 60


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("only root can mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room that is left; returns the file that has it."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.02)


def test_a_full_disk_is_told_and_waited_out_and_nothing_goes_twice(site: Site, smtpd: Smtpd, small_disk: Path) -> None:
    smtpd.on("dot", 0.01)
    members = {f"单位{number}": [f"office@unit{number}.example.org"] for number in range(1500)}
    site.write_list({"有关部门": {"某局": ["office@bureau.example.org"]}, "各会员单位": members})
    site.setting(LEDGER=f"sqlite:///{small_disk / 'ledger.sqlite3'}", RELAY=f"smtp://{smtpd.relay}")
    process = site.start("send", site.bulletin, "--yes")
    assert process.stderr is not None
    told: list[str] = []
    listening = threading.Thread(target=told.extend, args=[process.stderr])
    listening.start()
    try:
        until(lambda: len(smtpd.accepted) > 50)
        filler = fill(small_disk)
        until(lambda: any("make room on the disk" in line for line in told))
        before = len(smtpd.accepted)
        assert before < 1501
        filler.unlink()
        assert process.wait(SECONDS) == 0, told
    finally:
        process.kill()
        listening.join(SECONDS)
        process.communicate()
    assert Counter(smtpd.accepted).most_common(1)[0][1] == 1
    assert len(smtpd.accepted) == 1501
