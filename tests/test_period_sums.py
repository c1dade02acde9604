"""The sums of a period are those of its issues' own accounts, over both kinds of ledger, and how they are found."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from distributor.delivery.ledger import across
from distributor.delivery.ledger.counts import spans_of
from distributor.delivery.model.records import DeliveryRecord, IssueState, OmittedRecord
from distributor.delivery.model.states import State
from distributor.report.across import total
from tests import ledgers
from tests.periods import Kept, Take, delivery, issue, taking

PEOPLE = [(unit, contact) for unit in "甲乙丙" for contact in ("收文", "办公室")]
OMITTED = [
    OmittedRecord("送", "收文", "甲", "a1@example.org", "disabled", "停用"),
    OmittedRecord("送", "值班室", "丁", "duty@example.org", "disabled", "停用"),
    OmittedRecord("", "有关单位", None, None, "unresolved", ""),
    OmittedRecord("发", "待定单位", None, None, "empty", ""),
]
drafts = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(State),
        st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True),
        st.integers(0, 100),
        st.integers(0, 2),
        st.sampled_from([None, "no-such-mailbox", "policy"]),
        st.integers(1, 4),
    ),
    max_size=40,
)
issue_drafts = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 5, 40]), st.sampled_from(IssueState), st.lists(st.sampled_from(OMITTED), unique=True)
    ),
    min_size=4,
    max_size=4,
)


@pytest.fixture
def account_of_either(ledger_url: str, tmp_path: Path) -> Iterator[Take]:
    with taking(ledger_url, tmp_path) as take:
        yield take


def test_the_period_s_sums_are_those_of_its_issues_whatever_happened(account_of_either: Take) -> None:
    """The deliveries of the issues lie among one another's; no issue has an address twice."""

    @settings(max_examples=60, deadline=None)
    @given(issue_drafts, drafts)
    def adds_up(chosen: list[Any], letters: list[Any]) -> None:
        issues = [issue(number, day=day, state=state) for number, (day, state, _o) in enumerate(chosen, 1)]
        records: dict[tuple[int, int], DeliveryRecord] = {}
        for number, (owner, state, who, seconds, of, reason, mailbox) in enumerate(letters, 7):
            records[owner, mailbox] = delivery(
                number, state, *who, of=issues[owner], seconds=seconds, supplement=of, reason=reason,
                address=f"a{mailbox}@example.org",
            )  # fmt: skip
        kept = [
            Kept(each, [record for (owner, _m), record in records.items() if owner == place], omitted)
            for place, (each, (_day, _state, omitted)) in enumerate(zip(issues, chosen, strict=True))
        ]
        found = account_of_either(kept)
        units = total(each.tally for each in found.units or ())
        assert units.contacts == found.totals.contacts
        assert units.contacts_sent == found.totals.contacts_sent
        assert units.disabled == found.totals.disabled
        for tally in (found.totals, *(each.tally for each in found.units or ())):
            assert tally.letters == tally.sent + tally.replaced + tally.missed
            assert tally.missed == tally.failed + tally.bounced + tally.uncertain + tally.waiting + tally.withheld

    adds_up()


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_units_are_read_along_the_ids_and_addresses_by_indexes(ledger_url: str) -> None:
    with ledgers.opened(ledger_url) as ledger:
        for number in (1, 2):
            ledgers.open_small(ledger, 3, number)
        run: list[tuple[str, Any]] = []

        @sa.event.listens_for(ledger.engine, "before_cursor_execute")
        def listen(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
            run.append((statement, parameters))

        with ledger.read() as connection:
            spans = spans_of(connection, [1, 2])
            list(across.by_unit(connection, spans))
            across.failing(connection, [1, 2], 2, 10)
            list(across.letters_to(connection, [1, 2], ["a@example.org"]))
        with ledger.engine.connect() as connection:
            plans = [connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text, given).all() for text, given in [*run]]
    ids, units, failing, letters = ([str(row[-1]) for row in plan] for plan in plans)
    assert "COVERING INDEX" in ids[0]
    assert len(ids) == 1, "nothing is sorted"
    assert units[:3] == [
        "SEARCH served USING PRIMARY KEY (delivery_id>? AND delivery_id<?)",
        "SEARCH deliveries USING INTEGER PRIMARY KEY (rowid=?)",
        "USE TEMP B-TREE FOR GROUP BY",
    ]
    assert not any("ORDER BY" in step for step in units)
    assert any("INDEX deliveries_settled (issue_id=? AND state=?)" in step for step in failing)
    assert any("(issue_id=? AND channel=? AND address_key=?)" in step for step in letters)
