"""A ledger of the first version, with deliveries in it, is brought up to this one and goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from distributor.delivery.ledger import migrate
from distributor.delivery.ledger.database import Database
from tests.ledgers import all_rows, claimed, mark, open_small, record, result


@pytest.fixture
def first_version(ledger_url: str) -> Iterator[Database]:
    database = Database(ledger_url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    try:
        with database.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
        yield database
    finally:
        database.close()


def test_a_ledger_of_the_first_version_goes_on(first_version: Database) -> None:
    open_small(first_version, 3)
    assert migrate.version(first_version) == "0001"
    assert migrate.upgrade(first_version)
    assert migrate.version(first_version) == migrate.HEAD
    assert all_rows(first_version, "SELECT DISTINCT lane FROM deliveries") == [("",)]
    _lease, taken = claimed(first_version)
    assert len(mark(first_version, *taken)) == 3
    assert record(first_version, *map(result, taken)) == 0
    assert not migrate.upgrade(first_version)
