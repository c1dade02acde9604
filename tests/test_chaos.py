"""The short form of `make chaos`: a round of each kind of death, so that what is lost or repeated shows at once."""

from pathlib import Path

import pytest

from tests import chaos
from tests.chaos import CONNECTIONS, KINDS, play


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_moment_nothing_is_lost_and_nothing_goes_twice(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    on_postgresql = kind in {"all workers", "redis"}
    ledger = request.getfixturevalue("postgres_url") if on_postgresql else f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    outcome = play(kind, ledger, 200, 20190731, tmp_path)
    assert (outcome.lost, outcome.twice) == (0, 0), outcome
    assert outcome.uncertain <= outcome.kills * CONNECTIONS
    assert outcome.kills > 0


def test_a_letter_that_was_lost_or_went_twice_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the rounds are judged by is able to condemn."""
    real = chaos._compare

    def with_a_liar(database: chaos.Database, relay: chaos.Wire, messages: int, kills: int) -> chaos.Outcome:
        relay.messages.append(relay.messages.pop(0))
        relay.messages.append(relay.messages[0])
        del relay.messages[1]
        return real(database, relay, messages, kills)

    monkeypatch.setattr(chaos, "_compare", with_a_liar)
    outcome = play("send", f"sqlite:///{tmp_path / 'ledger.sqlite3'}", 20, 1, tmp_path)
    assert (outcome.lost, outcome.twice) == (1, 1)
