"""What past issues tell about addresses, in both dialects."""

from collections.abc import Iterator

import pytest

from distributor.delivery.ledger import past
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import Event, State
from tests import ledgers
from tests.ledgers import candidate

MANY = 1200  # more than are asked about in one statement


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


@pytest.fixture
def issue(ledger: Database) -> IssueRecord:
    """Of five letters the first was sent and the second and third refused; two wait. Two more are disabled."""
    shared = candidate(9, email="office1@example.org", unit="单位9")
    disabled = [candidate(number, disabled="退休") for number in (6, 7)]
    opened = ledgers.open_to(ledger, [*map(candidate, range(1, 6)), shared, *disabled])
    claims = sorted(ledgers.claimed(ledger, 3)[1], key=lambda claim: claim.id)
    ledgers.mark(ledger, *claims)
    said = {"phase": "rcpt", "code": 550, "enhanced": "5.1.1", "reply": "User unknown", "reason": "no-such-mailbox"}
    ledgers.record(
        ledger, ledgers.result(claims[0]), *(ledgers.result(claim, Event.REFUSE, **said) for claim in claims[1:])
    )
    return opened


def test_refusals_with_what_the_server_said(ledger: Database, issue: IssueRecord) -> None:
    other = ledgers.open_small(ledger, total=61)
    with ledger.read() as connection:
        assert past.refused(connection, issue.id) == 2
        first, second = past.refusals(connection, issue.id)
        assert past.refused(connection, other.id) == 0
        assert list(past.refusals(connection, other.id)) == []
    assert first == ("office2@example.org", State.FAILED, "no-such-mailbox", 550, "5.1.1", "User unknown")
    assert second.key == "office3@example.org"


def test_to_whom_the_letter_was_sent(ledger: Database, issue: IssueRecord) -> None:
    keys = [f"office{number}@example.org" for number in range(1, MANY)]
    with ledger.read() as connection:
        assert list(past.sent_to(connection, issue.id, keys)) == ["office1@example.org"]
        assert list(past.sent_to(connection, issue.id, keys[1:])) == []
        assert list(past.sent_to(connection, issue.id, [])) == []


def test_whom_a_letter_serves_at_an_address(ledger: Database, issue: IssueRecord) -> None:
    keys = [f"office{number}@example.org" for number in range(MANY, 0, -1) if number != 4]
    with ledger.read() as connection:
        served = set(past.served_at(connection, issue.id, keys))
    expected = {(f"office{number}@example.org", f"单位{number}") for number in (1, 2, 3, 5)}
    assert served == {*expected, ("office1@example.org", "单位9")}


def test_whom_the_issue_was_opened_without(ledger: Database, issue: IssueRecord) -> None:
    with ledger.read() as connection:
        both = [("office6@example.org", "单位6"), ("office7@example.org", "单位7")]
        assert list(past.disabled_in(connection, issue.id, 10)) == both
        assert list(past.disabled_in(connection, issue.id, 1)) == both[:1]
