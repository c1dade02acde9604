"""Workers that share a rate: never over it in any minute, and nearly all of it used. Simulated in the ledger's time."""

from collections import deque
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distributor.delivery.ledger import claims
from distributor.delivery.ledger.allotments import Ask, AtHand
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.flow import LATE, MINUTE, FlowKey, FlowKind, Limits, Rules, Way
from tests import ledgers
from tests.ledgers import execute, open_small, today

SECOND = 1_000_000
ROWS = 1_500
RELAY = FlowKey(FlowKind.RELAY, "relay")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        open_small(database, ROWS)
        yield database


class Worker:
    """Uses its slots a little late, and asks for more every now and then."""

    def __init__(self, database: Database, rules: Rules, random: Random, now: int) -> None:
        self.database = database
        self.rules = rules
        self.random = random
        self.lease = claims.take_lease(database, "w", 3600)
        self.next_poll = now + random.randrange(SECOND)
        self.stock = 0
        self.slots: deque[int] = deque()

    def poll(self, now: int) -> list[int]:
        """Ask for more; returns when the letters went that had their slots before *now*."""
        sent = []
        while self.slots and self.slots[0] <= now:
            slot = self.slots.popleft()
            if self.stock:
                self.stock -= 1
                sent.append(slot + self.random.randrange(LATE))
        granted = claims.claim(
            self.database, self.lease, [Ask(self.rules.ways[0], 100, 4)], self.rules,
            {RELAY: AtHand(self.stock, self.stock, len(self.slots))}, day_of=today,
        )  # fmt: skip
        self.stock += len(granted.claims)
        first, spacing, count = granted.allotments[RELAY].slots or (0, 0, 0)
        self.slots.extend(now + first + spacing * number for number in range(count))
        self.next_poll = now + self.random.randrange(SECOND // 5, SECOND * 3 // 2)
        return sent


def simulated(database: Database, per_minute: int, workers: int, seconds: int, seed: int) -> list[int]:
    """When letters went, µs from the beginning."""
    random, rules = Random(seed), Rules((Way("relay", limits=Limits(per_minute=per_minute)),))
    start = 2_000_000_000 * SECOND
    database.now = f"CAST({start} AS BIGINT)"
    execute(database, "DELETE FROM flows")
    execute(database, "DELETE FROM leases")
    execute(database, "UPDATE deliveries SET state = 'queued', lease_id = NULL, next_attempt = 0")
    crew = [Worker(database, rules, random, start) for _each in range(workers)]
    sent: list[int] = []
    while (worker := min(crew, key=lambda each: each.next_poll)).next_poll < start + seconds * SECOND:
        database.now = f"CAST({worker.next_poll} AS BIGINT)"
        sent += worker.poll(worker.next_poll)
    return sorted(time - start for time in sent)


@given(per_minute=st.integers(1, 500), workers=st.integers(1, 4), seed=st.integers(0, 1000))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_over_the_rate_in_any_minute_and_nearly_all_of_it_used(
    ledger: Database, per_minute: int, workers: int, seed: int
) -> None:
    sent = simulated(ledger, per_minute, workers, 130, seed)
    for number, first in enumerate(sent):
        assert sum(time < first + MINUTE for time in sent[number:]) <= per_minute
    used = sum(5 * SECOND <= time < 125 * SECOND for time in sent)
    assert used >= 2 * per_minute * 0.98 - 1
