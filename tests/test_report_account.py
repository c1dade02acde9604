"""The account of an issue: numbers that add up, times, and those who do not have it.

Every account here is taken twice: as the ledger counts it, and plainly, record by record; they must be the same.
"""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from distributor import settings as configuration
from distributor.delivery.ledger import queries
from distributor.delivery.ledger.opening import add_supplement
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.records import DeliveryRecord, IssueRecord, IssueState, OmittedRecord, ServedRecord
from distributor.delivery.model.states import HAS_IT, UNSETTLED, State
from distributor.distribution import accounting
from distributor.distribution.site import Site
from distributor.report.account import LISTED, SHARED_SHOWN, WORST_FIRST, Account
from tests import accounts, ledgers

OPENED = dt.datetime(2026, 3, 5, 2, 0, tzinfo=dt.UTC)
ISSUE = IssueRecord(
    id=1, uid="u", masthead="园区工作简报", number=4, total_number=60, year=2026, sequence=1, file="60.txt",
    content_sha256="", roster_sha256="", templates_sha256="", sender="s@example.org", opened_at=OPENED, opened_by="li",
    host="desk", state=IssueState.OPEN, state_reason=None, state_by=None, again_reason=None, unresolved=(),
)  # fmt: skip

Take = Callable[[Iterable[DeliveryRecord], Sequence[OmittedRecord]], Account]


@contextlib.contextmanager
def taking(url: str, folder: Path) -> Iterator[Take]:
    """Takes the account of records by a ledger at *url* that holds them, and counts after it."""
    with ledgers.opened(url) as ledger:
        site = Site(configuration.load(folder, environ={}), ledger, ledgers.PERSON)

        def take(records: Iterable[DeliveryRecord], omitted: Sequence[OmittedRecord]) -> Account:
            kept = list(records)
            accounts.store(ledger, ISSUE, kept, omitted)
            found = accounting.account_of(site, ISSUE)
            assert found == accounts.plain(ISSUE, kept, omitted)
            with accounting.account_and_deliveries(site, ISSUE) as (same, deliveries):
                assert (same, list(deliveries)) == (found, sorted(kept, key=lambda record: record.id))
            return found

        yield take


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Take]:
    folder = tmp_path_factory.mktemp("accounts")
    with taking(f"sqlite:///{folder / 'ledger.sqlite3'}", folder) as take:
        yield take


def delivery(
    number: int, state: State = State.SENT, *, group: str = "送", units: tuple[str, ...] = ("市甲局",), seconds: int = 0
) -> DeliveryRecord:
    serves = tuple(ServedRecord("有关部门", unit, f"收文{number}", None) for unit in units)
    return DeliveryRecord(number, group, 0, "mail", f"a{number}@example.org", state, 1, serves, **when(state, seconds))


def when(state: State, seconds: int = 0) -> dict[str, dt.datetime]:
    """What is settled was so after *seconds*; what is put off is tried again a day after that."""
    moment = OPENED + dt.timedelta(seconds=seconds)
    if state is State.DEFERRED:
        return {"next_attempt": moment + dt.timedelta(days=1)}
    return {} if state in UNSETTLED else {"settled_at": moment}


def test_the_numbers_of_groups_and_all(account: Take) -> None:
    found = account(
        [
            delivery(1, group="发", units=("丙公司",)),
            delivery(2, State.FAILED, group="发", units=("丁公司",)),
            delivery(3, State.DEFERRED, group="发", units=("丙公司",)),
            delivery(4, units=("市甲局", "市乙局")),
        ],
        [],
    )
    assert list(found.groups) == ["送", "发"]
    members = found.groups["发"]
    assert (members.units, members.units_reached, members.contacts_total, members.total) == (2, 1, 3, 3)
    assert members.letters == {State.SENT: 1, State.FAILED: 1, State.DEFERRED: 1}
    assert (members.sent, members.unsettled, members.waiting) == (1, 1, 1)
    assert (found.totals.units, found.totals.units_reached, found.totals.total) == (4, 3, 4)


def test_a_shared_mailbox_is_one_letter_and_everybody_it_serves(account: Take) -> None:
    found = account([delivery(1, units=("市甲局", "市乙局", "市乙局"))], [])
    assert found.totals.letters == {State.SENT: 1}
    assert found.totals.contacts == {State.SENT: 3}
    assert (found.totals.units, found.totals.units_reached) == (2, 2)
    assert (found.shared_total, [record.id for record in found.shared]) == (1, [1])


def test_of_many_shared_mailboxes_the_first_are_shown(account: Take) -> None:
    found = account([delivery(number, units=("甲", "乙")) for number in range(1, SHARED_SHOWN + 6)], [])
    assert found.shared_total == SHARED_SHOWN + 5
    assert [record.id for record in found.shared] == list(range(1, SHARED_SHOWN + 1))


def test_one_unit_in_two_groups_is_one_unit(account: Take) -> None:
    found = account([delivery(1, group="送"), delivery(2, State.FAILED, group="发")], [])
    assert (found.groups["送"].units, found.groups["发"].units, found.totals.units) == (1, 1, 1)
    assert (found.groups["发"].units_reached, found.totals.units_reached) == (0, 1)


def test_groups_stand_in_the_order_of_precedence_whatever_came_first(account: Take) -> None:
    records = [delivery(1, group="发"), delivery(2, group="报"), delivery(3, group="送")]
    assert list(account(records, []).groups) == ["报", "送", "发"]


def test_who_does_not_have_it_the_worst_first_then_by_group_and_opening(account: Take) -> None:
    states = [State.QUEUED, State.FAILED, State.DEFERRED, State.UNCERTAIN, State.CANCELLED, State.BOUNCED, State.SENT]
    records = [delivery(number, state) for number, state in enumerate(states, 1)]
    records += [
        delivery(10, State.FAILED, group="发", units=("乙",)),
        delivery(11, State.FAILED, group="发", units=("甲",)),
        delivery(12, State.FAILED, group="报", units=("丙",)),
    ]
    order = [(record.state.value, record.id) for record in account(records, []).not_sent]
    assert order == [
        ("uncertain", 4), ("failed", 12), ("failed", 2), ("failed", 10), ("failed", 11), ("bounced", 6),
        ("cancelled", 5), ("deferred", 3), ("queued", 1),
    ]  # fmt: skip


def test_every_state_is_either_having_it_or_has_a_place_among_the_others() -> None:
    assert sorted([*HAS_IT, *WORST_FIRST]) == sorted(State)


def test_when_the_first_half_most_and_last_were_sent(account: Take) -> None:
    records = [delivery(number, seconds=number) for number in range(1, 101)]
    times = account(reversed(records), []).times
    assert times is not None
    assert [(moment - OPENED).seconds for moment in times] == [1, 50, 95, 100]


def test_the_times_of_one_letter_are_all_its_own(account: Take) -> None:
    times = account([delivery(1, seconds=7)], []).times
    assert times == (OPENED + dt.timedelta(seconds=7),) * 4


def test_before_anything_was_sent_there_are_no_times(account: Take) -> None:
    found = account([delivery(1, State.QUEUED)], [])
    assert found.times is None
    assert found.next_attempt is None


def test_the_next_attempt_is_the_earliest(account: Take) -> None:
    later, sooner = (OPENED + dt.timedelta(minutes=minutes) for minutes in (9, 3))
    records = [
        dataclasses.replace(delivery(number, State.DEFERRED), next_attempt=due)
        for number, due in enumerate([later, sooner], 1)
    ]
    assert account(records, []).next_attempt == sooner


def test_disabled_contacts_are_counted_where_they_would_have_got_it(account: Take) -> None:
    omitted = [
        OmittedRecord("送", "某科", "市甲局", "a@example.org", "disabled", "机构调整"),
        OmittedRecord("发", "某科", "丙公司", "c@example.com", "disabled", "停用"),
        OmittedRecord("", "有关部们", None, None, "unresolved", ""),
    ]
    found = account([], omitted)
    assert (found.disabled("送"), found.disabled("报"), found.disabled()) == (1, 0, 2)
    assert found.omitted == tuple(omitted)


def supplement(
    number: int, *who: tuple[str, str], email: str, audience: str = "有关部门", state: State = State.SENT, of: int = 1
) -> DeliveryRecord:
    """A delivery of supplement *of* that serves *who*, (unit, contact)."""
    serves = tuple(ServedRecord(audience, unit, contact, None) for unit, contact in who)
    return DeliveryRecord(number, "送", of, "mail", email, state, 1, serves, **when(state))


OMITTED = [
    OmittedRecord("送", "某科", "市甲局", "K@alpha.example.org", "disabled", "机构调整"),
    OmittedRecord("送", "值班室", "市乙局", "duty@beta.example.org", "disabled", "停用"),
    OmittedRecord("", "有关单位", None, None, "unresolved", ""),
    OmittedRecord("发", "待定单位", None, None, "empty", ""),
]


@pytest.mark.parametrize(
    ("later", "left"),
    [
        (supplement(9, ("市丙局", "收文"), email="new@example.org"), ["某科", "值班室", "有关单位", "待定单位"]),
        (supplement(9, ("市丙局", "收文"), email="k@Alpha.example.org"), ["值班室", "有关单位", "待定单位"]),
        (supplement(9, ("市乙局", "值班室"), email="new@example.org"), ["某科", "有关单位", "待定单位"]),
        (supplement(9, ("市乙局", "某科"), email="new@example.org"), ["某科", "值班室", "有关单位", "待定单位"]),
        (
            supplement(9, ("丙", "收文"), email="new@example.org", audience="有关单位"),
            ["某科", "值班室", "待定单位"],
        ),
        (supplement(9, ("丙", "收文"), email="new@example.org", audience="有关单位、待定单位"), ["某科", "值班室"]),
        (
            supplement(9, ("市甲局", "某科"), email="k@alpha.example.org", state=State.FAILED),
            ["值班室", "有关单位", "待定单位"],
        ),
        # A mailbox that was written to from the start, for others: the contact was and is disabled.
        (
            supplement(9, ("市丙局", "收文"), email="k@alpha.example.org", of=0),
            ["某科", "值班室", "有关单位", "待定单位"],
        ),
    ],
)
def test_whom_a_supplement_reached_is_not_omitted_any_more(
    account: Take, later: DeliveryRecord, left: list[str]
) -> None:
    found = account([delivery(1), later], OMITTED)
    assert [each.name for each in found.omitted] == left
    assert found.disabled() == len({"某科", "值班室"}.intersection(left))
    assert found.left_out == len({"有关单位", "待定单位"}.intersection(left))


def test_a_name_that_reached_nobody_is_somebody_without_it(account: Take) -> None:
    assert account([delivery(1)], OMITTED[:2]).everybody
    assert not account([delivery(1)], OMITTED[2:3]).everybody
    assert not account([delivery(1)], OMITTED[3:]).everybody


def failed(*who: tuple[str, str], state: State = State.FAILED) -> DeliveryRecord:
    return supplement(1, *who, email="dead@example.org", state=state, of=0)


ONE, OTHER = ("市甲局", "收文"), ("市乙局", "收文")


@pytest.mark.parametrize(
    ("records", "replaced"),
    [
        ([failed(ONE), supplement(2, ONE, email="new@example.org")], [1]),
        ([failed(ONE, state=State.BOUNCED), supplement(2, ONE, email="new@example.org")], [1]),
        ([failed(ONE), supplement(2, ONE, email="new@example.org", state=State.DELIVERED)], [1]),
        ([failed(ONE), supplement(2, ONE, email="new@example.org", state=State.UNCERTAIN)], []),
        ([failed(ONE, state=State.UNCERTAIN), supplement(2, ONE, email="new@example.org")], []),
        ([failed(ONE), supplement(2, OTHER, email="new@example.org")], []),
        ([failed(ONE, OTHER), supplement(2, ONE, email="new@example.org")], []),
        (
            [
                failed(ONE, OTHER),
                supplement(2, ONE, email="a@example.org"),
                supplement(3, OTHER, email="b@example.org"),
            ],
            [1],
        ),
        # Another mailbox of a contact, written to at the same time: nobody put it in the place of this one.
        ([failed(ONE), supplement(2, ONE, email="new@example.org", of=0)], []),
        # The correction failed as well, and was corrected.
        (
            [
                failed(ONE),
                supplement(2, ONE, email="b@example.org", state=State.FAILED),
                supplement(3, ONE, email="c@example.org", of=2),
            ],
            [1, 2],
        ),
    ],
)
def test_a_failed_letter_is_replaced_when_all_it_serves_have_a_later_one(
    account: Take, records: list[DeliveryRecord], replaced: list[int]
) -> None:
    found = account(records, [])
    assert [record.id for record in found.replaced] == replaced
    assert not {record.id for record in found.not_sent} & set(replaced)
    assert found.totals.sent + found.not_sent_total + found.replaced_total == len(records)
    assert found.everybody == (not found.not_sent)


def test_an_issue_without_deliveries_has_an_account(account: Take) -> None:
    found = account([], [])
    assert (found.totals.total, found.groups, found.not_sent) == (0, {}, ())


def test_reasons_are_counted_the_worst_and_the_most_frequent_first(account: Take) -> None:
    why = ["policy", "no-such-mailbox", "no-such-mailbox"]
    records = [dataclasses.replace(delivery(n, State.FAILED), reason=reason) for n, reason in enumerate(why, 1)]
    records += [dataclasses.replace(delivery(4, State.DEFERRED), reason="greylisted")]
    # A letter that is queued again has nothing to do with what kept it back before.
    records += [dataclasses.replace(delivery(5, State.QUEUED), reason="policy"), delivery(6)]
    assert list(account(records, []).reasons.items()) == [
        ((State.FAILED, "no-such-mailbox"), 2),
        ((State.FAILED, "policy"), 1),
        ((State.DEFERRED, "greylisted"), 1),
        ((State.QUEUED, None), 1),
    ]


def test_of_many_that_were_not_sent_the_first_are_listed_and_all_counted(account: Take) -> None:
    states = [State.QUEUED] * LISTED + [State.FAILED] * 3
    found = account([delivery(number, state) for number, state in enumerate(states, 1)], [])
    assert found.not_sent_total == LISTED + 3
    assert [record.id for record in found.not_sent] == [LISTED + 1, LISTED + 2, LISTED + 3, *range(1, LISTED - 2)]


PEOPLE = [(unit, contact) for unit in "甲乙丙" for contact in ("收文", "办公室")]
drafts = st.lists(
    st.tuples(
        st.sampled_from(State),
        st.sampled_from("报送发"),
        st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True),
        st.integers(0, 100),
        st.integers(0, 2),
        st.sampled_from([None, "no-such-mailbox", "policy", "lost-connect"]),
    ),
    max_size=30,
)


@pytest.fixture
def account_of_either(ledger_url: str, tmp_path: Path) -> Iterator[Take]:
    with taking(ledger_url, tmp_path) as take:
        yield take


def test_the_numbers_add_up_whatever_happened(account_of_either: Take) -> None:
    @settings(max_examples=60, deadline=None)
    @given(drafts, st.lists(st.sampled_from(OMITTED), unique=True))
    def adds_up(chosen: list[Any], omitted: list[OmittedRecord]) -> None:
        records = [
            dataclasses.replace(
                supplement(number, *who, email=f"a{number}@example.org", state=state, of=of),
                group=group, reason=reason, **when(state, seconds),
            )
            for number, (state, group, who, seconds, of, reason) in enumerate(chosen, 7)
        ]  # fmt: skip
        found = account_of_either(records, omitted)
        assert found.totals.total == len(records) == sum(numbers.total for numbers in found.groups.values())
        assert found.totals.sent + found.not_sent_total + found.replaced_total == len(records)
        assert found.totals.contacts_total == sum(len(record.serves) for record in records)
        assert found.totals.units <= sum(numbers.units for numbers in found.groups.values())

    adds_up()


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_what_status_asks_is_answered_by_indexes_alone(ledger_url: str) -> None:
    with ledgers.opened(ledger_url) as ledger:
        ledgers.open_small(ledger, 3)
        run: list[tuple[str, Any]] = []

        @sa.event.listens_for(ledger.engine, "before_cursor_execute")
        def listen(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
            run.append((statement, parameters))

        queries.progress(ledger, 1)
        with ledger.engine.connect() as connection:
            plans = [connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text, given).all() for text, given in [*run]]
    steps = [str(row[-1]) for plan in plans for row in plan]
    reading = [step for step in steps if "deliveries_" in step]
    for name in ("settled", "leased", "waiting", "deferred"):
        assert any(f"INDEX deliveries_{name}" in step for step in reading), name
    assert [step for step in steps if "SCAN deliveries" in step] == []
    assert [
        step for step in reading if "COVERING" not in step and "leased" not in step and "deferred" not in step
    ] == []


def test_other_issues_have_no_part_in_it(tmp_path: Path) -> None:
    """Their deliveries lie before, between (a supplement's after them) and behind."""
    with ledgers.opened(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger:
        site = Site(configuration.load(tmp_path, environ={}), ledger, ledgers.PERSON)
        first, second, third = (ledgers.open_small(ledger, count, 60 + count) for count in (2, 3, 1))
        with Staging([ledgers.candidate(9)]) as staging:
            letters = {letter.group: letter for letter in ledgers.letters_for(staging)}
            add_supplement(ledger, first.id, letters.values(), staging, ledgers.PERSON)
        ledgers.claimed(ledger, 100)
        for issue, count in ((first, 3), (second, 3), (third, 1)):
            with accounting.account_and_deliveries(site, issue) as (found, deliveries):
                assert (found.totals.total, found.totals.units, found.totals.contacts_total) == (count, count, count)
                assert [record.serves[0].unit for record in deliveries][:2] == ["单位1", "单位2"][:count]
