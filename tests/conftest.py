"""What tests of several rooms share: servers, fresh databases, the browser."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests import servers

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


@pytest.fixture
def chromium() -> Path:
    """A headless browser, for the few tests that look at letters."""
    return servers.find_chromium()
