"""A rate that two engines share, as the relay sees it: by the times at which a real server has the final dots."""

import asyncio
from collections.abc import Iterator
from time import monotonic

import pytest

from distributor.delivery.channels.smtp import SmtpChannel
from distributor.delivery.engine import engine as engine_module
from distributor.delivery.engine.engine import Engine
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.flow import LATE, MINUTE, Destination, Limits, Way
from distributor.delivery.model.states import State
from tests import ledgers
from tests.ledgers import open_sendable, states
from tests.smtpd import Message, Smtpd
from tests.test_engine import engine_of

RATE = 1200  # messages a minute
SECONDS = 10.0


@pytest.fixture
def ledgers_of_one(ledger_url: str) -> Iterator[list[Database]]:
    """The same ledger as two processes have it."""
    with ledgers.opened(ledger_url) as one, ledgers.opened(ledger_url) as other:
        yield [one, other]


class Stamped(list[Message]):
    """Keeps the time at which each came."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def append(self, message: Message) -> None:
        self.times.append(monotonic())
        super().append(message)


def engine_for(ledger: Database, server: Smtpd, limits: Limits, destinations: tuple[Destination, ...]) -> Engine:
    channel = SmtpChannel(server.relay, helo="client.example", timeout=5, deadline=60, ca_file=None)
    return engine_of(ledger, {Way("relay", limits=limits): channel}, connections=4, destinations=destinations)


async def for_a_while(engines: list[Engine]) -> None:
    running = [asyncio.create_task(engine.run()) for engine in engines]
    await asyncio.sleep(SECONDS)
    for engine in engines:
        engine.stop.set()
    await asyncio.gather(*running)


@pytest.mark.parametrize("of", ["relay", "destination"])
def test_never_over_the_rate_and_nearly_all_of_it_used(
    ledgers_of_one: list[Database], of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "POLL", 0.2)
    open_sendable(ledgers_of_one[0], round(RATE * SECONDS / 60) + 50)
    limits = Limits(per_minute=RATE)
    destinations = (Destination("one", frozenset({"example.org"}), limits),) if of == "destination" else ()
    stamped = Stamped()
    with Smtpd() as server:
        server.messages = stamped
        way = limits if of == "relay" else Limits()
        asyncio.run(for_a_while([engine_for(ledger, server, way, destinations) for ledger in ledgers_of_one]))
    assert states(ledgers_of_one[0])[State.SENT] == len(stamped)

    spacing = limits.spacing()
    assert spacing is not None
    # What is no more than this for any stretch of time is no more than the rate for a minute.
    assert (MINUTE + LATE) / spacing <= RATE
    for number, first in enumerate(stamped.times):
        for count, last in enumerate(stamped.times[number:]):
            assert count <= ((last - first) * 1_000_000 + LATE) / spacing
    span = stamped.times[-1] - stamped.times[0]
    assert span > SECONDS - 2
    assert len(stamped) - 1 >= RATE / 60 * span * 0.98 - 1
