"""The short form of `make chaos`: a round of each kind of death, so that what is lost or repeated shows at once."""

from pathlib import Path

import pytest

from distributor.delivery.ledger.database import Database
from tests import chaos, ledgers
from tests.chaos import KINDS, play

SEED = 20190731


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_moment_nothing_is_lost_and_nothing_goes_twice(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    on_postgresql = kind in {"all workers", "redis", "connections"}
    ledger = request.getfixturevalue("postgres_url") if on_postgresql else f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    outcome = play(kind, ledger, 200, SEED, tmp_path)
    assert outcome.is_right, f"seed {SEED}: {outcome}"
    assert outcome.kills > 0


def test_what_is_wrong_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the rounds are judged by is able to condemn: one letter lost, one twice, one in doubt for no reason."""
    real = chaos._compare

    def with_a_liar(database: Database, relay: chaos.Relay, *counts: int) -> chaos.Outcome:
        lost, twice, doubted = (message.recipient for message in relay.messages[:3])
        relay.messages = [message for message in relay.messages if message.recipient != lost]
        relay.messages += [message for message in relay.messages if message.recipient == twice]
        relay.asked.remove(doubted)
        ledgers.execute(database, "UPDATE deliveries SET state = 'uncertain' WHERE address = :address", address=doubted)
        return real(database, relay, *counts)

    monkeypatch.setattr(chaos, "_compare", with_a_liar)
    monkeypatch.setattr(chaos, "KILLS", 0)
    outcome = play("send", f"sqlite:///{tmp_path / 'ledger.sqlite3'}", 20, SEED, tmp_path)
    assert (outcome.lost, outcome.twice, outcome.unasked) == (1, 1, 1)
    assert outcome.uncertain > outcome.in_flight == 0
    assert not outcome.is_right
