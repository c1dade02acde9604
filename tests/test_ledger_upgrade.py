"""A ledger of the first version, with deliveries in it, is brought up to this one and goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from distributor.delivery.ledger import migrate
from distributor.delivery.ledger.database import Database
from tests.ledgers import all_rows, claimed, execute, mark, record, result

# As the first version wrote them.
ISSUE = """\
INSERT INTO issues (
  id, uid, masthead, sequence, file, content, content_sha256, roster_sha256, sources, templates_sha256, sender, urgency,
  opened_at, opened_by, host, state, unresolved
) VALUES (1, 'uid', '园区工作简报', 1, '60.txt', '', '', '', '{}', '', 'office@sender.example', 0, 1, 'li', 'desk', 'open', '[]')
"""  # noqa: E501
LETTER = """\
INSERT INTO letters (id, issue_id, group_name, subject, compiled, per_recipient) VALUES (1, 1, '送', '简报', '', false)
"""
DELIVERIES = """\
INSERT INTO deliveries (
  id, issue_id, letter_id, group_name, supplement, channel, address_key, address, fields, state, next_attempt,
  waiting_since
) VALUES
  (1, 1, 1, '送', 0, 'mail', 'a@alpha.example', 'A@alpha.example', '{}', 'queued', 1, 1),
  (2, 1, 1, '送', 0, 'mail', 'b@beta.example', 'b@beta.example', '{}', 'queued', 1, 1)
"""


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
    for statement in (ISSUE, LETTER, DELIVERIES):
        execute(first_version, statement)
    assert migrate.version(first_version) == "0001"
    assert migrate.upgrade(first_version)
    assert migrate.version(first_version) == migrate.HEAD
    assert all_rows(first_version, "SELECT lane, domain FROM deliveries ORDER BY id") == [
        ("", "alpha.example"),
        ("", "beta.example"),
    ]
    _lease, taken = claimed(first_version)
    assert len(mark(first_version, *taken)) == 2
    assert record(first_version, *map(result, taken)) == 0
    assert not migrate.upgrade(first_version)
