"""A ledger that may not be written any further, as on a full disk, also where nobody is root."""

import resource
import sys
import threading
from collections import Counter

import pytest

from tests.chaos import until
from tests.sites import Site
from tests.smtpd import Wire
from tests.test_workers import many

SECONDS = 60
LETTERS = 400


def test_a_ledger_that_may_not_grow_is_told_and_waited_out_and_nothing_goes_twice(site: Site, wire: Wire) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux changes the limits of a process that runs")
    wire.on("dot", 0.01)
    site.setting(LEDGER=f"sqlite:///{site.folder / 'ledger.sqlite3'}", RELAY=f"smtp://{wire.relay}")
    site.write_list({"有关部门": many(LETTERS), "各会员单位": {}})
    process = site.start("send", site.bulletin, "--yes", "--group", "送")
    assert process.stderr is not None
    told: list[str] = []
    listening = threading.Thread(target=told.extend, args=[process.stderr])
    listening.start()
    try:
        until(lambda: len(wire.messages) > 50, "letters go out")
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        # Of files, not of pipes: no page of the ledger or of its log but the first can be written now.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, hard))
        until(lambda: any("the ledger cannot be used" in line for line in told), "it is told")
        assert len(wire.messages) < LETTERS
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        assert process.wait(SECONDS) == 0, told
    finally:
        process.kill()
        listening.join(SECONDS)
        process.communicate()
    assert Counter(wire.accepted) == {f"office@unit{number}.example.org": 1 for number in range(LETTERS)}
