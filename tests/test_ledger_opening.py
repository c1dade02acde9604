"""Opening an issue: frozen whole or not at all, each address once, each repeat under a number of its own."""

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from distributor.delivery.ledger import acts, queries
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.opening import AlreadyOpenedError, NewLetter, add_supplement, open_issue
from distributor.delivery.ledger.staging import Recipient, Staging
from distributor.delivery.model.records import IssueRecord, OmittedRecord, ServedRecord
from distributor.delivery.model.states import State
from distributor.recipients.model import Candidate, GroupName
from tests import ledgers
from tests.ledgers import PERSON, all_rows, candidate, letters_for, new_issue, open_small, open_to

TABLES = ("issues", "letters", "attachments", "deliveries", "served", "omitted", "events")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


def counts(database: Database) -> dict[str, int]:
    found = {table: all_rows(database, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}
    return {table: count for table, count in found.items() if count}


# What is frozen


def test_an_issue_is_frozen_whole(ledger: Database) -> None:
    files = (("附件.pdf", "application/pdf", b"\x00pdf"), ("b.txt", "text/plain", b"text"))
    people = [candidate(1), candidate(2, group=GroupName.MEMBERS), candidate(3, disabled="机构调整")]
    issue = open_to(ledger, people, new_issue(attachments=files, unresolved=("某某单位",), sources='{"t": 1}'))

    assert (issue.ref, issue.masthead, issue.opened_by, issue.host) == ("60", "园区工作简报", "li", "desk.example")
    source = queries.frozen_source(ledger, issue.id)
    assert (source.content.decode(), source.sources, source.attachments) == ("正文", '{"t": 1}', files)
    letters = queries.frozen_letters(ledger, issue.id)
    assert [(letter.group, letter.subject, letter.compiled) for letter in letters] == [
        ("送", "简报（送）", "letter 送".encode()),
        ("发", "简报（发）", "letter 发".encode()),
    ]
    assert [(record.group, record.address, record.state) for record in ledgers.account(ledger, issue.id)] == [
        ("送", "office1@example.org", State.QUEUED),
        ("发", "office2@example.org", State.QUEUED),
    ]
    with ledger.read() as connection:
        assert queries.omissions(connection, issue.id) == [
            OmittedRecord("送", "收文", "单位3", "office3@example.org", "disabled", "机构调整"),
            OmittedRecord("", "某某单位", None, None, "unresolved", ""),
        ]


def test_every_delivery_has_the_letter_of_its_group(ledger: Database) -> None:
    open_to(ledger, [candidate(1), candidate(2, group=GroupName.MEMBERS)])
    query = "SELECT address, compiled FROM deliveries JOIN letters ON letters.id = letter_id ORDER BY deliveries.id"
    found = [(address, bytes(compiled).decode()) for address, compiled in all_rows(ledger, query)]
    assert found == [("office1@example.org", "letter 送"), ("office2@example.org", "letter 发")]


def test_letters_are_dated_by_the_opening(ledger: Database) -> None:
    dates: list[int] = []

    def letters(opened_at: int) -> list[NewLetter]:
        dates.append(opened_at)
        return [NewLetter("送", "subject", b"letter")]

    with Staging([candidate(1)]) as staging:
        issue = open_issue(ledger, new_issue(), letters, staging)
    assert [queries.moment(date) for date in dates] == [issue.opened_at]


def test_a_letter_of_ones_own_for_every_recipient(ledger: Database) -> None:
    def own(recipient: Recipient) -> bytes:
        return f"for {recipient.fields['unit']}".encode()

    people = [candidate(1), candidate(2, group=GroupName.MEMBERS), candidate(3)]
    with Staging(people) as staging:
        made = [NewLetter("送", "s", b"", own), NewLetter("发", "s", b"shared")]
        issue = open_issue(ledger, new_issue(), lambda _now: made, staging)
    query = "SELECT address_key, compiled FROM deliveries JOIN letters ON letters.id = letter_id"
    assert {key: bytes(compiled).decode() for key, compiled in all_rows(ledger, query)} == {
        "office1@example.org": "for 单位1",
        "office2@example.org": "shared",
        "office3@example.org": "for 单位3",
    }
    assert [(letter.group, letter.per_recipient) for letter in queries.frozen_letters(ledger, issue.id)] == [
        ("送", True),
        ("发", False),
    ]


def test_one_address_gets_one_delivery_that_names_all_it_serves(ledger: Database) -> None:
    shared = "Shared@example.org"
    people = [
        candidate(1, email=shared, role="收文"),
        candidate(2, email="shared@EXAMPLE.org", contact="某科"),
        candidate(3, email="other@example.org"),
    ]
    issue = open_to(ledger, people)
    first, other = ledgers.account(ledger, issue.id)
    assert first.address == shared
    assert first.serves == (
        ServedRecord("有关部门", "单位1", "收文", "收文"),
        ServedRecord("有关部门", "单位2", "某科", None),
    )
    assert other.serves == (ServedRecord("有关部门", "单位3", "收文", None),)


def test_an_address_cannot_be_written_to_twice_by_any_way(ledger: Database) -> None:
    open_small(ledger, 1)
    columns = "issue_id, letter_id, group_name, supplement, channel, address_key, address, fields, state, waiting_since"
    copy = f"INSERT INTO deliveries (id, {columns}) SELECT id + 100, {columns} FROM deliveries"
    with pytest.raises(Exception, match=r"(?i)unique"):
        ledgers.execute(ledger, copy)


def test_a_large_issue_is_frozen_whole_and_in_order(ledger: Database) -> None:
    issue = open_small(ledger, 25_000)
    addresses = [record.address for record in ledgers.account(ledger, issue.id)]
    assert addresses == [f"office{number}@example.org" for number in range(1, 25_001)]
    assert all_rows(ledger, "SELECT count(*), count(DISTINCT delivery_id) FROM served") == [(25_000, 25_000)]


def test_who_opened_it_is_recorded(ledger: Database) -> None:
    issue = open_small(ledger, 2, again_reason="网络故障")
    (event,) = queries.history(ledger, issue.id)
    assert (event["kind"], event["who"], event["host"]) == ("opened", PERSON.who, PERSON.host)
    assert json.loads(event["text"]) == {"deliveries": 2, "again": "网络故障"}
    assert event["at"] == issue.opened_at


# All or nothing


class PowerFailsError(Exception):
    pass


def test_a_fault_while_opening_leaves_nothing(ledger: Database) -> None:
    def letters(_now: int) -> list[NewLetter]:
        def own(recipient: Recipient) -> bytes:
            if recipient.address == "office2@example.org":
                raise PowerFailsError
            return b"letter"

        return [NewLetter("送", "s", b"", own)]

    with Staging([candidate(1), candidate(2)]) as staging, pytest.raises(PowerFailsError):
        open_issue(ledger, new_issue(), letters, staging)
    assert counts(ledger) == {}


def test_a_recipient_whose_group_has_no_letter_is_not_left_out_in_silence(ledger: Database) -> None:
    with Staging([candidate(1), candidate(2, group=GroupName.MEMBERS)]) as staging, pytest.raises(KeyError):
        open_issue(ledger, new_issue(), lambda _now: [NewLetter("送", "s", b"letter")], staging)
    assert counts(ledger) == {}


KILLED_WHILE_OPENING = """
    import os, signal, sys
    from itertools import count
    from tests import ledgers
    from distributor.delivery.ledger import opening

    class Freeze(opening._Freeze):
        def event(self, *_arguments):  # the last step before the commit
            print(self.connection.exec_driver_sql("SELECT count(*) FROM deliveries").scalar(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    opening._Freeze = Freeze
    with ledgers.opened(sys.argv[1]) as database:
        ledgers.open_small(database, 500)
"""


def test_killed_before_the_commit_it_leaves_nothing(ledger: Database, ledger_url: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED_WHILE_OPENING), ledger_url],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "500\n"), killed.stderr
    assert counts(ledger) == {}
    assert open_small(ledger).ref == "60"


# The same bulletin again


def test_the_same_bulletin_again_is_refused_and_the_earlier_is_named(ledger: Database) -> None:
    first = open_small(ledger)
    with pytest.raises(AlreadyOpenedError) as refused:
        open_small(ledger, uid="other")
    assert [issue.id for issue in refused.value.earlier] == [first.id]
    assert counts(ledger)["issues"] == 1


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        pytest.param({}, {"content_sha256": "corrected"}, True, id="same name, other bytes"),
        pytest.param({}, {"total_number": 61, "masthead": "另一简报"}, True, id="same bytes, other name"),
        pytest.param({}, {"content_sha256": "c", "total_number": 61}, False, id="other total"),
        pytest.param({}, {"content_sha256": "c", "masthead": "另一简报"}, False, id="other masthead"),
        pytest.param({"total_number": None}, {"total_number": None, "content_sha256": "c"}, True, id="no totals"),
        pytest.param(
            {"total_number": None},
            {"total_number": None, "content_sha256": "c", "year": 2025},
            False,
            id="no totals, other year",
        ),
        pytest.param(
            {"total_number": None, "year": None},
            {"total_number": None, "year": None, "content_sha256": "c"},
            True,
            id="no totals, no years",
        ),
        pytest.param(
            {"total_number": None, "number": None},
            {"total_number": None, "number": None, "content_sha256": "c"},
            False,
            id="no numbers at all",
        ),
        pytest.param({"total_number": None}, {"content_sha256": "c"}, False, id="total found only now"),
    ],
)
def test_what_counts_as_the_same_bulletin(
    ledger: Database, first: dict[str, object], second: dict[str, object], same: bool
) -> None:
    open_small(ledger, **{"uid": "1", **first})
    again = {"content_sha256": "content 60", "total_number": 60, "uid": "2", **second}
    if same:
        with pytest.raises(AlreadyOpenedError):
            open_to(ledger, [candidate(1)], new_issue(**again))
    else:
        assert open_to(ledger, [candidate(1)], new_issue(**again)).sequence == 1


def test_with_a_reason_it_is_60_2_then_60_3(ledger: Database) -> None:
    opened = [open_small(ledger, uid=str(n), again_reason="更正" if n else None) for n in range(3)]
    assert [issue.ref for issue in opened] == ["60", "60/2", "60/3"]
    assert [issue.again_reason for issue in opened] == [None, "更正", "更正"]


def test_another_group_of_the_same_bulletin_needs_no_reason_and_has_its_own_name(ledger: Database) -> None:
    open_to(ledger, [candidate(1)], new_issue(uid="1"))
    second = open_to(ledger, [candidate(2, group=GroupName.MEMBERS)], new_issue(uid="2"))
    assert second.ref == "60/2"
    with pytest.raises(AlreadyOpenedError) as refused:
        open_to(ledger, [candidate(1), candidate(2, group=GroupName.MEMBERS)], new_issue(uid="3"))
    assert [issue.ref for issue in refused.value.earlier] == ["60/1", "60/2"]


def at_once(database: Database, reason: str | None) -> list[IssueRecord | AlreadyOpenedError]:
    def open_one(number: int) -> IssueRecord | AlreadyOpenedError:
        try:
            return open_small(database, 50, uid=str(number), again_reason=reason)
        except AlreadyOpenedError as refused:
            return refused

    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(open_one, range(4)))


def test_of_several_openings_at_once_one_wins(ledger: Database) -> None:
    outcomes = at_once(ledger, None)
    assert sum(isinstance(outcome, IssueRecord) for outcome in outcomes) == 1
    assert counts(ledger)["deliveries"] == 50


def test_several_openings_at_once_with_a_reason_get_numbers_of_their_own(ledger: Database) -> None:
    outcomes = at_once(ledger, "再发")
    assert sorted(outcome.ref for outcome in outcomes if isinstance(outcome, IssueRecord)) == [
        "60", "60/2", "60/3", "60/4",
    ]  # fmt: skip
    assert counts(ledger)["deliveries"] == 200


# Supplements


def supplement(database: Database, issue: IssueRecord, people: list[Candidate]) -> int:
    with Staging(people) as staging:
        frozen = {letter.group: letter for letter in letters_for(staging)}
        return add_supplement(database, issue.id, frozen.values(), staging, PERSON)


def test_a_supplement_reaches_those_who_were_missed_and_nobody_else(ledger: Database) -> None:
    issue = open_small(ledger, 2)
    assert supplement(ledger, issue, [candidate(number) for number in range(1, 5)]) == 2
    assert [(record.address, record.supplement) for record in ledgers.account(ledger, issue.id)] == [
        ("office1@example.org", 0),
        ("office2@example.org", 0),
        ("office3@example.org", 1),
        ("office4@example.org", 1),
    ]
    assert supplement(ledger, issue, [candidate(5)]) == 1
    assert [record.supplement for record in ledgers.account(ledger, issue.id)] == [0, 0, 1, 1, 2]
    acts_of_people = [(event["kind"], event["who"]) for event in queries.history(ledger, issue.id)]
    assert acts_of_people == [("opened", "li"), ("supplement", "li"), ("supplement", "li")]


def test_a_supplement_of_nobody_leaves_no_trace(ledger: Database) -> None:
    issue = open_small(ledger, 2)
    before = counts(ledger)
    assert supplement(ledger, issue, [candidate(1), candidate(2)]) == 0
    assert counts(ledger) == before


def test_a_cancelled_issue_takes_no_supplement(ledger: Database) -> None:
    issue = open_small(ledger, 2)
    acts.cancel(ledger, issue.id, actor=PERSON, reason="")
    assert supplement(ledger, issue, [candidate(3)]) == 0
    assert counts(ledger)["deliveries"] == 2


def test_two_supplements_at_once_write_to_nobody_twice(ledger: Database) -> None:
    issue = open_small(ledger, 1)
    with ThreadPoolExecutor(2) as threads:
        added = threads.map(lambda _n: supplement(ledger, issue, [candidate(n) for n in range(1, 4)]), range(2))
    assert sorted(added) == [0, 2]
