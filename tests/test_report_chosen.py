"""The deliveries that are wanted, as either ledger finds them and as anybody would pick them one by one."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distributor import settings as configuration
from distributor.delivery.ledger import schema
from distributor.delivery.model.records import DeliveryRecord, OmittedRecord, ServedRecord
from distributor.delivery.model.states import HAS_IT, State
from distributor.delivery.model.wanted import EVERYBODY, Wanted
from distributor.distribution import accounting
from distributor.distribution.site import Site
from distributor.errors import NotFoundError
from tests import accounts, ledgers
from tests.test_report_account import ISSUE, OPENED, supplement, when

UNITS = ("甲", "乙", "丙")
LATEST = 9


@pytest.fixture
def site(ledger_url: str, tmp_path: Path) -> Iterator[Site]:
    with ledgers.opened(ledger_url) as ledger:
        yield Site(configuration.load(tmp_path, environ={}), ledger, ledgers.PERSON)


def store(site: Site, records: list[DeliveryRecord]) -> None:
    """With an event for each, an hour of its number after the opening."""
    accounts.store(site.ledger, ISSUE, records, [])
    with site.ledger.write() as connection:
        for record in records:
            event = {
                "issue_id": ISSUE.id, "delivery_id": record.id, "at": accounts.microseconds(happened(record)),
                "kind": "defer", "who": "w", "host": "h",
            }  # fmt: skip
            connection.execute(schema.events.insert(), event)


def happened(record: DeliveryRecord) -> dt.datetime:
    return OPENED + dt.timedelta(hours=record.id)


def picked(records: list[DeliveryRecord], wanted: Wanted) -> list[int]:
    sent = [record for record in records if record.state in HAS_IT]

    def takes(record: DeliveryRecord) -> bool:
        since = wanted.since
        return (
            (not wanted.units or any(each.unit in wanted.units for each in record.serves))
            and (not wanted.groups or record.group in wanted.groups)
            and (not wanted.states or record.state in wanted.states)
            and (since is None or (record.settled_at or happened(record)) >= since)
            and not (wanted.lacking and (record.state in HAS_IT or accounts.is_replaced(record, sent)))
        )

    return [record.id for record in records if takes(record)]


drafts = st.lists(
    st.tuples(
        st.sampled_from(State),
        st.sampled_from("报送发"),
        st.lists(st.sampled_from(UNITS), min_size=1, max_size=3, unique=True),
        st.integers(0, 2),
    ),
    max_size=LATEST,
)
filters = st.builds(
    Wanted,
    units=st.sets(st.sampled_from(UNITS), max_size=2).map(frozenset),
    groups=st.sets(st.sampled_from("报送发"), max_size=2).map(frozenset),
    states=st.sets(st.sampled_from(State), max_size=4).map(frozenset),
    since=st.none() | st.integers(-1, LATEST + 1).map(lambda hours: OPENED + dt.timedelta(hours=hours)),
    lacking=st.booleans(),
)


def drawn(number: int, state: State, group: str, units: list[str], of: int) -> DeliveryRecord:
    people = [(unit, "收文") for unit in units]
    usual = supplement(number, *people, email=f"a{number}@example.org", state=state, of=of)
    return dataclasses.replace(usual, group=group, **when(state, 1800 * number))


def test_the_ledger_finds_what_anybody_would_pick(site: Site) -> None:
    @settings(max_examples=80, deadline=None)
    @given(drafts, filters)
    def finds(chosen: list[tuple[State, str, list[str], int]], wanted: Wanted) -> None:
        records = [drawn(number, *draft) for number, draft in enumerate(chosen, 1)]
        store(site, records)
        known = {unit for record in records for unit in (each.unit for each in record.serves)}
        asked = dataclasses.replace(wanted, units=wanted.units & known)
        with accounting.account_and_deliveries(site, ISSUE, asked) as (account, deliveries):
            assert [record.id for record in deliveries] == picked(records, asked)
            assert account.totals.total == len(records), "the account is that of all"

    finds()


def test_other_issues_have_no_part_in_it(site: Site) -> None:
    issues = [ledgers.open_small(site.ledger, 3, total) for total in (60, 61)]
    for wanted in (
        EVERYBODY,
        Wanted(units=frozenset({"单位2"})),
        Wanted(lacking=True),
        Wanted(states=frozenset(State)),
    ):
        for issue in issues:
            with accounting.account_and_deliveries(site, issue, wanted) as (_account, deliveries):
                assert len(list(deliveries)) == (1 if wanted.units else 3)


def test_every_unit_that_is_unknown_is_named_at_once(site: Site) -> None:
    issue = ledgers.open_small(site.ledger, 2)
    unknown = Wanted(units=frozenset({"单位1", "单位9", "市商务局"}))
    with (
        pytest.raises(NotFoundError, match="单位9") as caught,
        accounting.account_and_deliveries(site, issue, unknown),
    ):
        pass
    assert [finding.code for finding in caught.value.findings] == ["unknown-unit"] * 2


ONE = ServedRecord("有关部门", "甲", "收文", None)
OTHER = ServedRecord("有关部门", "乙", "收文", None)


@pytest.mark.parametrize(("names", "left"), [((), (ONE, OTHER)), (("甲",), (ONE,)), (("甲", "乙"), (ONE, OTHER))])
def test_of_a_shared_letter_only_contacts_of_wanted_units(names: tuple[str, ...], left: tuple[ServedRecord]) -> None:
    record = DeliveryRecord(1, "送", 0, "mail", "a@example.org", State.SENT, 1, (ONE, OTHER))
    assert Wanted(units=frozenset(names)).contacts(record) == left


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (EVERYBODY, True),
        (Wanted(lacking=True), True),
        (Wanted(units=frozenset({"甲"})), True),
        (Wanted(units=frozenset({"乙"})), False),
        (Wanted(groups=frozenset({"发"})), False),
        (Wanted(states=frozenset({State.FAILED})), False),
        (Wanted(since=OPENED), False),
    ],
)
def test_who_was_not_written_to(wanted: Wanted, taken: bool) -> None:
    assert wanted.takes_omitted(OmittedRecord("送", "某科", "甲", "a@example.org", "disabled", "停用")) == taken
