"""What an ended issue still lacks, in the numbers that its standing needs, over both kinds of ledger."""

from collections.abc import Iterator

import pytest

from distributor.delivery.ledger import gaps
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.opening import add_supplement
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import Event
from distributor.recipients.model import Candidate
from tests import ledgers


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


def settle(ledger: Database, *endings: Event) -> None:
    """The deliveries that are due end so, in the order of their ids."""
    _lease, claims = ledgers.claimed(ledger, len(endings))
    ledgers.mark(ledger, *claims)
    ledgers.record(ledger, *(ledgers.result(claim, event) for claim, event in zip(claims, endings, strict=True)))


def supplement(ledger: Database, issue: IssueRecord, *people: Candidate) -> None:
    with Staging(people) as staging:
        letters = {letter.group: letter for letter in ledgers.letters_for(staging)}
        add_supplement(ledger, issue.id, letters.values(), staging, ledgers.PERSON)


def test_a_letter_is_replaced_when_all_it_serves_have_a_later_one(ledger: Database) -> None:
    shared = ledgers.candidate(3, email="office2@example.org")
    issue = ledgers.open_to(ledger, [ledgers.candidate(1), ledgers.candidate(2), shared])
    settle(ledger, Event.REFUSE, Event.REFUSE)
    assert gaps.replaced(ledger, issue.id) == 0
    supplement(ledger, issue, *(ledgers.candidate(n, email=f"new{n}@example.org") for n in (1, 2)))
    assert gaps.replaced(ledger, issue.id) == 0, "not sent yet"
    settle(ledger, Event.ACCEPTED, Event.ACCEPTED)
    assert gaps.replaced(ledger, issue.id) == 1, "the other one serves two"
    supplement(ledger, issue, ledgers.candidate(3, email="new3@example.org"))
    settle(ledger, Event.ACCEPTED)
    assert gaps.replaced(ledger, issue.id) == 2


def test_a_name_is_left_out_until_a_supplement_reaches_it(ledger: Database) -> None:
    issue = ledgers.open_to(ledger, [ledgers.candidate(1)], ledgers.new_issue(unresolved=("某局", "某会")))
    assert gaps.left_out(ledger, issue.id) == 2
    supplement(ledger, issue, ledgers.candidate(2), ledgers.candidate(3, audience="某局、各单位"))
    assert gaps.left_out(ledger, issue.id) == 1


def test_other_issues_have_no_part_in_it(ledger: Database) -> None:
    issue = ledgers.open_small(ledger, 1)
    settle(ledger, Event.REFUSE)
    other = ledgers.open_small(ledger, 1, 61, unresolved=("某局",))
    settle(ledger, Event.ACCEPTED)
    supplement(ledger, other, ledgers.candidate(1, email="new@example.org"))
    settle(ledger, Event.ACCEPTED)
    assert (gaps.replaced(ledger, issue.id), gaps.left_out(ledger, issue.id)) == (0, 0)
