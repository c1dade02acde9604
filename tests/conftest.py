"""What tests of several rooms share: servers, fresh databases, the browser."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests import servers, sites

pytest_plugins = ["tests.smtpd"]

_databases = itertools.count(1)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    with servers.redis_server() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """``redis://…/0`` of an empty Redis."""
    url = f"{redis_server}/0"
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with servers.postgres_server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """``postgresql+psycopg://…`` of an empty database of this test's own."""
    with servers.postgres_database(postgres_server, f"test_{next(_databases)}") as url:
        yield url.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each dialect: a test that takes it runs once over each."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them; the program speaks English."""
    for name in [name for name in os.environ if name.startswith("DISTRIBUTOR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.delenv("LANGUAGE", raising=False)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> sites.Site:
    """A new site with five units in two groups, whose letters stay in its outbox."""
    return sites.Site(tmp_path / "site", monkeypatch, capsys)
