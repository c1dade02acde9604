"""The account of an issue: numbers that add up, times, and everybody who does not have it."""

import dataclasses
import datetime as dt
import gc
import tracemalloc
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.model.records import DeliveryRecord, IssueRecord, IssueState, OmittedRecord, ServedRecord
from distributor.delivery.model.states import State
from distributor.report.account import HAS_IT, SHARED_SHOWN, WORST_FIRST, Tally, account

OPENED = dt.datetime(2026, 3, 5, 2, 0, tzinfo=dt.UTC)
ISSUE = IssueRecord(
    id=1, uid="u", masthead="园区工作简报", number=4, total_number=60, year=2026, sequence=1, file="60.txt",
    content_sha256="", roster_sha256="", templates_sha256="", sender="s@example.org", opened_at=OPENED, opened_by="li",
    host="desk", state=IssueState.OPEN, state_reason=None, state_by=None, again_reason=None, unresolved=(),
)  # fmt: skip


def delivery(
    number: int, state: State = State.SENT, *, group: str = "送", units: tuple[str, ...] = ("市甲局",), seconds: int = 0
) -> DeliveryRecord:
    serves = tuple(ServedRecord("有关部门", unit, f"收文{number}", None) for unit in units)
    settled_at = OPENED + dt.timedelta(seconds=seconds) if state in HAS_IT else None
    return DeliveryRecord(number, group, 0, "mail", f"a{number}@example.org", state, 1, serves, settled_at=settled_at)


def test_the_numbers_of_groups_and_all() -> None:
    found = account(
        ISSUE,
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


def test_a_shared_mailbox_is_one_letter_and_everybody_it_serves() -> None:
    found = account(ISSUE, [delivery(1, units=("市甲局", "市乙局", "市乙局"))], [])
    assert found.totals.letters == {State.SENT: 1}
    assert found.totals.contacts == {State.SENT: 3}
    assert (found.totals.units, found.totals.units_reached) == (2, 2)
    assert (found.shared_total, [record.id for record in found.shared]) == (1, [1])


def test_of_many_shared_mailboxes_the_first_are_shown() -> None:
    found = account(ISSUE, [delivery(number, units=("甲", "乙")) for number in range(SHARED_SHOWN + 5)], [])
    assert found.shared_total == SHARED_SHOWN + 5
    assert [record.id for record in found.shared] == list(range(SHARED_SHOWN))


def test_one_unit_in_two_groups_is_one_unit() -> None:
    found = account(ISSUE, [delivery(1, group="送"), delivery(2, State.FAILED, group="发")], [])
    assert (found.groups["送"].units, found.groups["发"].units, found.totals.units) == (1, 1, 1)
    assert (found.groups["发"].units_reached, found.totals.units_reached) == (0, 1)


def test_groups_stand_in_the_order_of_precedence_whatever_came_first() -> None:
    records = [delivery(1, group="发"), delivery(2, group="报"), delivery(3, group="送")]
    assert list(account(ISSUE, records, []).groups) == ["报", "送", "发"]


def test_who_does_not_have_it_the_worst_first_then_by_group_and_unit() -> None:
    states = [State.QUEUED, State.FAILED, State.DEFERRED, State.UNCERTAIN, State.CANCELLED, State.BOUNCED, State.SENT]
    records = [delivery(number, state) for number, state in enumerate(states)]
    records += [
        delivery(10, State.FAILED, group="发", units=("乙",)),
        delivery(11, State.FAILED, group="发", units=("甲",)),
        delivery(12, State.FAILED, group="报", units=("丙",)),
    ]
    order = [(record.state.value, record.id) for record in account(ISSUE, records, []).not_sent]
    assert order == [
        ("uncertain", 3), ("failed", 12), ("failed", 1), ("failed", 10), ("failed", 11), ("bounced", 5),
        ("cancelled", 4), ("deferred", 2), ("queued", 0),
    ]  # fmt: skip


def test_every_state_is_either_having_it_or_has_a_place_among_the_others() -> None:
    assert sorted([*HAS_IT, *WORST_FIRST]) == sorted(State)


def test_when_the_first_half_most_and_last_were_sent() -> None:
    records = [delivery(number, seconds=number) for number in range(1, 101)]
    times = account(ISSUE, reversed(records), []).times
    assert times is not None
    assert [(moment - OPENED).seconds for moment in times] == [1, 50, 95, 100]


def test_the_times_of_one_letter_are_all_its_own() -> None:
    times = account(ISSUE, [delivery(1, seconds=7)], []).times
    assert times == (OPENED + dt.timedelta(seconds=7),) * 4


def test_before_anything_was_sent_there_are_no_times() -> None:
    found = account(ISSUE, [delivery(1, State.QUEUED)], [])
    assert found.times is None
    assert found.next_attempt is None


def test_the_next_attempt_is_the_earliest() -> None:
    later, sooner = (OPENED + dt.timedelta(minutes=minutes) for minutes in (9, 3))
    records = [
        dataclasses.replace(delivery(number, State.DEFERRED), next_attempt=due)
        for number, due in enumerate([later, sooner, None])
    ]
    assert account(ISSUE, records, []).next_attempt == sooner


def test_disabled_contacts_are_counted_where_they_would_have_got_it() -> None:
    omitted = [
        OmittedRecord("送", "某科", "市甲局", "a@example.org", "disabled", "机构调整"),
        OmittedRecord("发", "某科", "丙公司", "c@example.com", "disabled", "停用"),
        OmittedRecord("", "有关部们", None, None, "unresolved", ""),
    ]
    found = account(ISSUE, [], omitted)
    assert (found.disabled("送"), found.disabled("报"), found.disabled()) == (1, 0, 2)
    assert found.omitted == tuple(omitted)


def supplement(
    number: int, *who: tuple[str, str], email: str, audience: str = "有关部门", state: State = State.SENT, of: int = 1
) -> DeliveryRecord:
    """A delivery of supplement *of* that serves *who*, (unit, contact)."""
    serves = tuple(ServedRecord(audience, unit, contact, None) for unit, contact in who)
    return DeliveryRecord(number, "送", of, "mail", email, state, 1, serves)


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
def test_whom_a_supplement_reached_is_not_omitted_any_more(later: DeliveryRecord, left: list[str]) -> None:
    found = account(ISSUE, [delivery(1), later], OMITTED)
    assert [each.name for each in found.omitted] == left
    assert found.disabled() == len({"某科", "值班室"}.intersection(left))
    assert found.left_out == len({"有关单位", "待定单位"}.intersection(left))


def test_a_name_that_reached_nobody_is_somebody_without_it() -> None:
    assert account(ISSUE, [delivery(1)], OMITTED[:2]).everybody
    assert not account(ISSUE, [delivery(1)], OMITTED[2:3]).everybody
    assert not account(ISSUE, [delivery(1)], OMITTED[3:]).everybody


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
    records: list[DeliveryRecord], replaced: list[int]
) -> None:
    found = account(ISSUE, records, [])
    assert [record.id for record in found.replaced] == replaced
    assert not {record.id for record in found.not_sent} & set(replaced)
    assert found.totals.sent + len(found.not_sent) + len(found.replaced) == len(records)
    assert found.everybody == (not found.not_sent)


def test_an_issue_without_deliveries_has_an_account() -> None:
    found = account(ISSUE, [], [])
    assert (found.totals.total, found.groups, found.not_sent) == (0, {}, ())


def test_a_tally_passes_on_what_it_counts() -> None:
    records = [delivery(1), delivery(2, State.FAILED)]
    tally = Tally(ISSUE, [])
    assert list(tally.passing(records)) == records
    assert tally.account() == account(ISSUE, records, [])


deliveries = st.builds(
    delivery,
    st.integers(0, 99),
    st.sampled_from(State),
    group=st.sampled_from("报送发"),
    units=st.lists(st.sampled_from(["甲", "乙", "丙", "丁"]), min_size=1, max_size=3).map(tuple),
    seconds=st.integers(0, 10**6),
)


@given(st.lists(deliveries, max_size=40))
def test_the_numbers_add_up_whatever_happened(records: list[DeliveryRecord]) -> None:
    found = account(ISSUE, records, [])
    assert found.totals.total == len(records) == sum(numbers.total for numbers in found.groups.values())
    assert found.totals.sent + len(found.not_sent) == len(records)
    assert found.totals.contacts_total == sum(len(record.serves) for record in records)
    for name, numbers in found.groups.items():
        mine = [record for record in records if record.group == name]
        assert numbers.letters == Counter(record.state for record in mine)
        assert numbers.units_reached <= numbers.units
    if found.times:
        assert list(found.times) == sorted(found.times)


@pytest.mark.parametrize("count", [100_000])
def test_letters_that_were_sent_are_not_kept(count: int) -> None:
    def stream() -> Iterator[DeliveryRecord]:
        for number in range(count):
            yield delivery(number, State.FAILED if number % 10_000 == 0 else State.SENT, seconds=number)

    gc.collect()
    tracemalloc.start()
    try:
        found = account(ISSUE, stream(), [])
        kept, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.totals.total == count
    assert len(found.not_sent) == 10
    assert kept < 200_000
