"""The account of a period: which issues, their units, the addresses that fail again and again, and the trend.

Every account here is taken twice: as the ledger adds it up, and plainly, record by record; they must be the same.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from distributor import settings as configuration
from distributor.delivery.ledger.opening import add_supplement
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.records import IssueState, OmittedRecord
from distributor.delivery.model.states import State
from distributor.distribution import across
from distributor.distribution.site import Site
from distributor.report.account import LISTED
from distributor.report.across import (
    PeriodAccount,
    Tally,
    UnitTally,
    by_name,
)
from tests import accounts, ledgers
from tests.periods import FIRST, JULY, OPENED, Kept, Take, delivery, issue, taking


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Take]:
    folder = tmp_path_factory.mktemp("periods")
    with taking(f"sqlite:///{folder / 'ledger.sqlite3'}", folder) as take:
        yield take


# Which issues


def test_the_issues_opened_in_the_period_by_the_site_s_calendar(account: Take) -> None:
    edges = [
        ("2026-06-30T15:59:59", False),
        ("2026-06-30T16:00:00", True),
        ("2026-07-31T15:59:59", True),
        ("2026-07-31T16:00:00", False),
    ]
    kept = [
        Kept(issue(number, opened_at=dt.datetime.fromisoformat(f"{time}+00:00")), [])
        for number, (time, _inside) in enumerate(edges, 1)
    ]
    assert [told.issue.id for told in account(kept).issues] == [2, 3]


def test_cancelled_issues_stand_apart_and_count_for_nobody(account: Take) -> None:
    cancelled = issue(2, state=IssueState.CANCELLED)
    kept = [
        Kept(FIRST, [delivery(1)]),
        Kept(
            cancelled,
            [
                delivery(2, State.SENT, of=cancelled),
                delivery(3, State.CANCELLED, of=cancelled),
                delivery(4, State.FAILED, of=cancelled, address="a1@example.org"),
            ],
        ),
    ]
    found = account(kept)
    assert [told.issue.id for told in found.issues] == [1]
    (told,) = found.cancelled
    assert (told.tally.letters, told.tally.sent, told.tally.withheld, told.tally.failed) == (3, 1, 1, 1)
    assert (found.totals.letters, found.failing_total) == (1, 0)
    (unit,) = found.units or ()
    assert (unit.issues, unit.tally.letters) == (1, 1)


def test_a_paused_issue_counts(account: Take) -> None:
    paused = issue(1, state=IssueState.PAUSED)
    assert account([Kept(paused, [delivery(1, State.QUEUED)])]).totals.waiting == 1


def test_a_period_without_issues(account: Take) -> None:
    found = account([Kept(issue(1, day=40), [delivery(1)])])
    assert (found.issues, found.cancelled, found.units, found.failing) == ((), (), (), ())
    assert found.totals == Tally()


def test_units_are_told_only_where_they_are_asked_for(tmp_path: Path) -> None:
    with ledgers.opened(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger:
        site = Site(configuration.load(tmp_path, environ={}), ledger, ledgers.PERSON)
        accounts.store_all(ledger, [Kept(FIRST, [delivery(1, State.FAILED)])])
        found = across.account_of(site, JULY, with_units=False)
        assert (found.units, found.nothing) == (None, [])
        assert found.totals.failed == 1


# Units


def unit_of(found: PeriodAccount, name: str) -> UnitTally:
    (unit,) = [each for each in found.units or () if each.unit == name]
    return unit


def test_a_unit_s_letters_over_several_issues(account: Take) -> None:
    second, third = issue(2), issue(3)
    found = account(
        [
            Kept(FIRST, [delivery(1, seconds=10), delivery(2, State.BOUNCED)]),
            Kept(
                second, [delivery(3, State.UNCERTAIN, of=second), delivery(4, State.DELIVERED, of=second, seconds=20)]
            ),
            Kept(third, [delivery(5, State.FAILED, of=third), delivery(6, State.QUEUED, of=third)]),
        ]
    )
    unit = unit_of(found, "市甲局")
    assert unit.tally == Tally(
        letters=6, sent=2, failed=1, bounced=1, uncertain=1, waiting=1, contacts=6, contacts_sent=2
    )
    assert (unit.issues, unit.issues_sent, unit.last) == (3, 2, "2")
    assert (unit.half, unit.most) == (dt.timedelta(seconds=10), dt.timedelta(seconds=20))


def test_a_letter_for_two_units_counts_for_each_of_them(account: Take) -> None:
    found = account([Kept(FIRST, [delivery(1, State.SENT, ("市甲局", "收文"), ("市乙局", "收文"))])])
    assert [unit_of(found, unit).tally.letters for unit in ("市甲局", "市乙局")] == [1, 1]
    assert (found.totals.letters, found.totals.contacts) == (1, 2)


def test_a_letter_for_two_contacts_of_a_unit_is_one_letter(account: Take) -> None:
    who = [("市甲局", "收文"), ("市乙局", "收文"), ("市甲局", "办公室"), ("市甲局", "值班室")]
    found = account([Kept(FIRST, [delivery(1, State.SENT, *who, seconds=7), delivery(2, State.SENT, seconds=9)])])
    unit = unit_of(found, "市甲局")
    assert (unit.tally.letters, unit.tally.contacts) == (2, 4)
    assert (unit.half, unit.most) == (dt.timedelta(seconds=7), dt.timedelta(seconds=9))


def test_a_letter_that_a_supplement_replaced_does_not_count_as_missed(account: Take) -> None:
    kept = [Kept(FIRST, [delivery(1, State.FAILED), delivery(2, seconds=90, supplement=1)])]
    unit = unit_of(account(kept), "市甲局")
    assert (unit.tally.letters, unit.tally.sent, unit.tally.replaced, unit.tally.failed) == (2, 1, 1, 0)
    assert (unit.tally.missed, unit.issues, unit.issues_sent) == (0, 1, 1)


def test_a_supplement_is_timed_from_the_opening_of_its_issue(account: Take) -> None:
    found = account([Kept(FIRST, [delivery(1, supplement=1, seconds=86_400)])])
    assert unit_of(found, "市甲局").most == dt.timedelta(days=1)


def test_units_that_got_nothing(account: Take) -> None:
    disabled = OmittedRecord("送", "收文", "市丙局", "c@example.org", "disabled", "停用")
    names = OmittedRecord("", "有关单位", None, None, "unresolved", "")
    records = [
        delivery(1),
        delivery(2, State.FAILED, ("市乙局", "收文")),
        delivery(3, State.FAILED),
        delivery(4, State.FAILED, ("市丁局", "收文")),
        delivery(5, State.SENT, ("市丁局", "收文"), supplement=1),
    ]
    found = account([Kept(FIRST, records, [disabled, names])])
    assert [each.unit for each in by_name(found.nothing)] == ["市丙局", "市乙局"]
    assert unit_of(found, "市丙局") == UnitTally("市丙局", Tally(disabled=1))
    assert found.issues[0].left_out == 1


def test_the_deliveries_of_other_issues_have_no_part_in_it(tmp_path: Path) -> None:
    """They lie before, between (a supplement's after them) and behind."""
    with ledgers.opened(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger:
        site = Site(configuration.load(tmp_path, environ={}), ledger, ledgers.PERSON)
        opened = [ledgers.open_small(ledger, count, 60 + count) for count in (2, 3, 1, 4)]
        with Staging([ledgers.candidate(9)]) as staging:
            letters = {letter.group: letter for letter in ledgers.letters_for(staging)}
            add_supplement(ledger, opened[1].id, letters.values(), staging, ledgers.PERSON)
        for number, each in enumerate(opened):
            when = accounts.microseconds(OPENED + dt.timedelta(days=0 if number in {1, 3} else 60))
            ledgers.execute(ledger, "UPDATE issues SET opened_at = :when WHERE id = :id", when=when, id=each.id)
        found = across.account_of(site, JULY, with_units=True)
        numbers = {"单位1": 2, "单位2": 2, "单位3": 2, "单位4": 1, "单位9": 1}
        assert {each.unit: each.issues for each in found.units or ()} == numbers


# Addresses


def test_an_address_that_failed_in_two_issues_with_its_last_answer(account: Take) -> None:
    issues = [issue(number) for number in (1, 2, 3)]
    states = [State.FAILED, State.SENT, State.BOUNCED]
    said = [("mailbox-full", "full"), (None, "OK"), ("no-such-mailbox", "unknown")]
    units = ["市甲局", "市甲局", "市乙局"]
    found = account(
        [
            Kept(
                each,
                [
                    delivery(
                        number, state, (unit, "收文"), (unit, "办公室"), of=each, address="Dead@example.org", code=550,
                        enhanced="5.1.1", reason=why, reply=reply, seconds=number,
                    )
                ],
            )
            for number, (each, state, (why, reply), unit) in enumerate(zip(issues, states, said, units, strict=True), 1)
        ]
    )  # fmt: skip
    (failing,) = found.failing
    assert (failing.address, failing.units, failing.issues, failing.failed) == ("Dead@example.org", ("市乙局",), 3, 2)
    assert (failing.last, failing.code, failing.enhanced, failing.reply) == ("3", 550, "5.1.1", "unknown")
    assert failing.at == issues[2].opened_at + dt.timedelta(seconds=3)
    assert failing.reasons == {(State.FAILED, "mailbox-full"): 1, (State.BOUNCED, "no-such-mailbox"): 1}


def test_an_address_that_failed_in_one_issue_of_the_period_is_not_told(account: Take) -> None:
    outside = issue(2, day=40)
    kept = [
        Kept(FIRST, [delivery(1, State.FAILED)]),
        Kept(outside, [delivery(2, State.FAILED, of=outside, address="a1@example.org")]),
    ]
    assert account(kept).failing == ()


def test_addresses_that_fail_most_often_and_most_recently_come_first(account: Take) -> None:
    failed_in = {"a": (1, 2), "b": (1, 2, 3), "c": (2, 3), "d": (2, 3)}
    kept = []
    for number in (1, 2, 3):
        each = issue(number)
        records = [
            delivery(10 * number + place, State.FAILED, of=each, address=f"{name}@example.org")
            for place, (name, numbers) in enumerate(failed_in.items())
            if number in numbers
        ]
        kept.append(Kept(each, records))
    assert [each.address[0] for each in account(kept).failing] == ["b", "c", "d", "a"]


def test_of_very_many_failing_addresses_the_first_are_told_and_all_are_counted(tmp_path: Path) -> None:
    with ledgers.opened(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger:
        site = Site(configuration.load(tmp_path, environ={}), ledger, ledgers.PERSON)
        for total_number in (1, 2):
            ledgers.open_small(ledger, LISTED + 7, total_number)
        ledgers.execute(ledger, "UPDATE deliveries SET state = 'failed', settled_at = 1, next_attempt = NULL")
        when = accounts.microseconds(OPENED)
        ledgers.execute(ledger, "UPDATE issues SET opened_at = :when", when=when)
        found = across.account_of(site, JULY, with_units=False)
        assert (len(found.failing), found.failing_total) == (LISTED, LISTED + 7)
