"""The clock set back an hour while workers send.

The ledger's clock is the machine's, which tests leave alone: the ledger's own times are moved ahead by an hour instead,
which is what they look like after the clock went back.
"""

import contextlib
from collections import Counter

import pytest

from tests import ledgers
from tests.chaos import until
from tests.ledgers import HOUR, execute
from tests.sites import Site
from tests.smtpd import Wire
from tests.test_workers import many, worker

SECONDS = 60
LETTERS = 1000


@pytest.fixture
def url(request: pytest.FixtureRequest, ledger_url: str, site: Site, wire: Wire) -> str:
    """A ledger with an issue of LETTERS that nobody delivers yet."""
    wire.on("dot", 0.01)
    # A broker that no worker listens to, so that `send` leaves it to workers; these have none and look for themselves.
    site.setting(LEDGER=ledger_url, RELAY=f"smtp://{wire.relay}", BROKER=request.getfixturevalue("redis_url"))
    site.write_list({"有关部门": many(LETTERS), "各会员单位": {}})
    assert site.run("ledger", "upgrade").code == 0
    sending = site.start("send", site.bulletin, "--yes", "--no-wait", "--group", "送")
    _out, err = sending.communicate(timeout=SECONDS)
    assert sending.returncode == 0, err
    site.setting(BROKER="")
    return ledger_url


def test_set_back_while_a_worker_sends_what_is_queued_waits_for_no_hour(site: Site, wire: Wire, url: str) -> None:
    with ledgers.opened(url) as ledger, contextlib.ExitStack() as stack:
        stack.enter_context(worker(site))
        until(lambda: len(wire.messages) > 50, "letters go out")
        execute(
            ledger,
            f"UPDATE deliveries SET next_attempt = next_attempt + {HOUR}, waiting_since = waiting_since + {HOUR}",
        )
        execute(ledger, f"UPDATE leases SET expires_at = expires_at + {HOUR}")
        assert len(wire.messages) < LETTERS, "in the middle"
        # Whoever sweeps next puts it right; a worker does when it starts, and every half a minute.
        stack.enter_context(worker(site))
        until(lambda: len(wire.accepted) >= LETTERS, "everything is sent")
        until(lambda: ledgers.states(ledger) == {"sent": LETTERS}, "everything is recorded")
    assert Counter(wire.accepted) == {f"office@unit{number}.example.org": 1 for number in range(LETTERS)}
