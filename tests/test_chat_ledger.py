"""Posts in the ledger: rows and lanes of their own, claimed by their own ways, at the pace that each robot takes."""

from collections import Counter
from collections.abc import Iterator

import pytest

from distributor.delivery.ledger import claims, flows, queries, sweeping
from distributor.delivery.ledger.allotments import HORIZON, Ask
from distributor.delivery.ledger.claims import Granted
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.opening import NewLetter
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.flow import FlowKey, FlowKind, Rules, Way
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import Event
from tests import ledgers
from tests.ledgers import (
    ONE_WAY,
    PERSON,
    WORKER,
    all_rows,
    candidate,
    letters_for,
    mark,
    new_issue,
    open_small,
    open_to,
    record,
    result,
    row,
    today,
)

WECOM = Way.of_chat("wecom")
FEISHU = Way.of_chat("feishu")
ROBOT = FlowKey(FlowKind.DESTINATION, "wecom:office")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


def with_posts(staging: Staging) -> list[NewLetter]:
    kinds = {(group.name, each.kind.value) for group in staging.groups() for each in staging.endpoints(group.name)}
    posts = [NewLetter(group, "", f'{{"to":"{kind}"}}'.encode(), channel=kind) for group, kind in sorted(kinds)]
    return [*letters_for(staging), *posts]


def open_with(database: Database, *endpoints: str, mail: int = 2, total: int = 60) -> IssueRecord:
    people = [candidate(number) for number in range(1, mail + 1)]
    people += [candidate(100 + number, email=email) for number, email in enumerate(endpoints)]
    return open_to(database, people, new_issue(total), with_posts)


def take(database: Database, *ways: Way, room: int = 100) -> Granted:
    lease = claims.take_lease(database, WORKER.who, 60)
    asks = [Ask(way, room, 4) for way in ways]
    return claims.claim(database, lease, asks, ONE_WAY, day_of=today)


def test_each_endpoint_has_a_row_and_a_lane_of_its_own_and_mail_the_main_one(ledger: Database) -> None:
    open_with(ledger, "wecom:office", "feishu:desk")
    rows = all_rows(ledger, "SELECT channel, address, lane FROM deliveries ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("mail", "office1@example.org", ""),
        ("mail", "office2@example.org", ""),
        ("wecom", "wecom:office", "wecom:office"),
        ("feishu", "feishu:desk", "feishu:desk"),
    ]


def test_each_way_carries_what_is_of_its_channel_alone(ledger: Database) -> None:
    open_with(ledger, "wecom:office", "feishu:desk")
    (mail,) = ONE_WAY.ways
    taken = take(ledger, mail, WECOM, FEISHU).claims
    assert {(claim.address, claim.relay) for claim in taken} == {
        ("office1@example.org", mail.name), ("office2@example.org", mail.name),
        ("wecom:office", "wecom"), ("feishu:desk", "feishu"),
    }  # fmt: skip


def test_a_worker_without_a_way_to_a_service_leaves_its_posts_alone(ledger: Database) -> None:
    open_with(ledger, "wecom:office")
    assert Counter(claim.lane for claim in take(ledger, *ONE_WAY.ways).claims) == {"": 2}
    assert [claim.address for claim in take(ledger, WECOM).claims] == ["wecom:office"]


def test_a_letter_is_its_group_s_and_a_post_that_of_its_service(ledger: Database) -> None:
    issue = open_with(ledger, "wecom:office")
    taken = {claim.lane: claim for claim in take(ledger, *ONE_WAY.ways, WECOM).claims}
    letters = queries.compiled_letters(ledger, [claim.letter_id for claim in taken.values()])
    assert letters[taken["wecom:office"].letter_id] == b'{"to":"wecom"}'
    assert [letter.compiled for letter in queries.frozen_letters(ledger, issue.id)] == [letters[taken[""].letter_id]]


def test_mail_has_its_whole_room_whatever_waits_for_chat(ledger: Database) -> None:
    for total in (60, 61):
        open_with(ledger, "wecom:one", "wecom:two", mail=10, total=total)
    taken = take(ledger, *ONE_WAY.ways, WECOM, room=4).claims
    mail = Counter(claim.issue_id for claim in taken if not claim.lane)
    assert sorted(mail.values()) == [2, 2], "shared fairly between the issues"
    assert sorted(claim.lane for claim in taken if claim.lane) == ["wecom:one", "wecom:two"], "at their own pace"


def test_all_workers_together_keep_to_what_a_robot_takes_in_a_minute(ledger: Database) -> None:
    for total in range(60, 75):
        open_with(ledger, "wecom:office", mail=0, total=total)
    granted = [take(ledger, WECOM) for _worker in range(3)]
    at_once = HORIZON // 3_000_000 + 1  # 20 a minute are three seconds apart
    assert sum(len(each.claims) for each in granted) <= at_once
    assert all(ROBOT in each.allotments for each in granted)
    slots = [each.allotments[ROBOT].slots for each in granted]
    assert sum(count for _first, _spacing, count in filter(None, slots)) <= at_once


def test_a_blocked_robot_keeps_no_other_waiting_and_goes_on_when_it_is_released(ledger: Database) -> None:
    open_with(ledger, "wecom:office", "wecom:other")
    flows.block(ledger, ROBOT, actor=PERSON, reason="robot-stopped", reply="93004", relay="wecom")
    assert {claim.lane for claim in take(ledger, *ONE_WAY.ways, WECOM).claims} == {"", "wecom:other"}
    assert flows.release(ledger, ROBOT, Rules(ONE_WAY.ways).domains_of("wecom:office"), actor=PERSON)
    assert [claim.lane for claim in take(ledger, WECOM).claims] == ["wecom:office"]


def test_what_had_no_connection_is_due_again_once_its_own_service_is_there(ledger: Database) -> None:
    open_with(ledger, "wecom:office", mail=0)
    (claim,) = take(ledger, WECOM).claims
    mark(ledger, claim)
    record(ledger, result(claim, Event.DEFER, reason="chat-unreachable", phase="connect"))
    due = row(ledger, claim.id)["next_attempt"]
    sweeping.hasten_unconnected(ledger, "mail")
    sweeping.hasten_unconnected(ledger, "feishu")
    assert row(ledger, claim.id)["next_attempt"] == due
    sweeping.hasten_unconnected(ledger, "wecom")
    assert row(ledger, claim.id)["next_attempt"] < due


def test_mail_alone_makes_no_row_of_a_flow(ledger: Database) -> None:
    open_small(ledger, 3)
    take(ledger, *ONE_WAY.ways, WECOM)
    assert all_rows(ledger, "SELECT * FROM flows") == []
