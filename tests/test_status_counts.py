"""What waits, and behind what: counted along indexes, and the same as if every row were looked at."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from distributor.delivery.ledger import queries, recent
from distributor.delivery.ledger.counts import counts_of, counts_of_all
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queries import moment
from distributor.delivery.ledger.waits import waits
from distributor.delivery.model.states import State
from distributor.recipients.model import GroupName
from tests import ledgers

DOMAINS = {"QQ": "QQ", "qq.example": "QQ", "foxmail.example": "QQ", "b.example": "b.example"}
LANES = ("", "", "QQ", "b.example", "other.example")
STATES = ("queued", "deferred", "claimed", "handing_over", "sent", "failed", "uncertain")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


@pytest.fixture
def shuffled(ledger: Database) -> Database:
    """Three issues with rows in all states, lanes and groups."""
    chance = random.Random(5)
    for total in (60, 61, 62):
        people = [
            ledgers.candidate(
                number, group=chance.choice(list(GroupName)),
                email=f"a{number}@{chance.choice(['qq', 'foxmail', 'b', 'c', 'd'])}.example",
            )
            for number in range(60)
        ]  # fmt: skip
        ledgers.open_to(ledger, people, ledgers.new_issue(total))
    for (identity,) in ledgers.all_rows(ledger, "SELECT id FROM deliveries"):
        state = chance.choice(STATES)
        is_waiting, has_it, is_over = (state in some for some in (STATES[:2], STATES[2:4], STATES[4:]))
        at = chance.randrange(1, 50)
        values: dict[str, Any] = {
            "due": at if is_waiting else None,
            "lease": 1 if has_it else None,
            "at": at if is_over else None,
        }
        values |= {"state": state, "lane": chance.choice(LANES)}
        text = "state = :state, lane = :lane, next_attempt = :due, lease_id = :lease, settled_at = :at"
        ledgers.execute(ledger, f"UPDATE deliveries SET {text} WHERE id = :id", id=identity, **values)
    return ledger


def rows(ledger: Database, issue_id: int) -> list[Any]:
    names = "group_name, lane, domain, state, next_attempt, settled_at"
    return ledgers.all_rows(ledger, f"SELECT {names} FROM deliveries WHERE issue_id = {issue_id}")


def test_the_counts_are_those_of_the_rows(shuffled: Database) -> None:
    with shuffled.read() as connection:
        together = counts_of_all(connection)
        alone = {issue_id: counts_of(connection, issue_id) for issue_id in (1, 2, 3)}
    assert together == alone
    for issue_id, counted in alone.items():
        mine = rows(shuffled, issue_id)
        assert counted.letters == Counter((group, State(state)) for group, _lane, _domain, state, *_times in mine)
        assert counted.due == min(due for *_names, state, due, _at in mine if state in {"queued", "deferred"})


@pytest.mark.parametrize("domains", [{}, DOMAINS, {"nobody.example": "nobody.example"}])
def test_what_waits_is_parted_by_what_it_waits_behind(shuffled: Database, domains: dict[str, str]) -> None:
    for issue_id in (1, 2, 3):
        letters: Counter[tuple[str, str]] = Counter()
        due: dict[tuple[str, str], int] = {}
        for group, lane, domain, state, at, _settled in rows(shuffled, issue_id):
            if state in {"queued", "deferred"}:
                place = group, domains.get(lane, lane) if lane else domains.get(domain, "")
                letters[place] += 1
                due[place] = min(due.get(place, at), at)
        found: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], Any] = {}
        for wait in waits(shuffled, issue_id, domains):
            place = wait.group, wait.destination
            found[place] += wait.letters
            first[place] = min(first.get(place, wait.due), wait.due)
        assert found == letters
        assert first == {place: moment(at) for place, at in due.items()}


def test_the_last_minutes_are_those_of_the_rows(shuffled: Database) -> None:
    for issue_id in (1, 2, 3):
        mine = rows(shuffled, issue_id)
        with shuffled.read() as connection:
            counts = counts_of(connection, issue_id)
            found = recent.settled_since(connection, issue_id, counts.letters, 25)
            last = recent.last_deferral(connection, issue_id, counts.lanes)
        later = [at for *_rest, at in mine if at is not None and at > 25]
        assert found == (len(later), min(later))
        assert last == max(due for *_names, state, due, _at in mine if state == "deferred")


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_nobody_s_address_is_read_to_count_who_is_behind_a_block(ledger: Database) -> None:
    ledgers.open_small(ledger, 3)
    progress = queries.progress(ledger, 1)
    run: list[tuple[str, Any]] = []

    @sa.event.listens_for(ledger.engine, "before_cursor_execute")
    def listen(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        run.append((statement, parameters))

    (wait,) = waits(ledger, 1, {"example.org": "example.org"}, progress.lanes)
    assert (wait.destination, wait.letters) == ("example.org", 3)
    ((statement, given),) = [*run]
    assert "address" not in statement
    with ledger.engine.connect() as connection:
        (step,) = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, given).all()
    assert "INDEX deliveries_domains (issue_id=? AND domain=?)" in str(step[-1])
