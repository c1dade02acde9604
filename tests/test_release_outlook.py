"""What letters wait for, and until when: the outlook as a table, then as watching and `status` heed it."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from distributor import settings as configuration
from distributor.delivery.ledger import acts, flows, queries
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.ledger.waits import Wait, spent, waits
from distributor.delivery.model.flow import Destination, FlowKey, FlowKind, Limits, Rules, Way
from distributor.delivery.model.states import Event
from distributor.distribution import flows as distribution
from distributor.distribution.delivering import Ending, watch_workers
from distributor.distribution.flows import Bar, Barred, Outlook, outlook
from distributor.distribution.site import Site
from distributor.recipients.model import GroupName
from tests import ledgers
from tests.ledgers import PERSON, WORKER, candidate, execute, new_issue, open_small, open_to, result

NOON = dt.datetime(2026, 3, 5, 4, tzinfo=dt.UTC)
LATER, LATEST = NOON + dt.timedelta(hours=1), NOON + dt.timedelta(hours=2)
QQ = FlowKey(FlowKind.DESTINATION, "QQ")
MAIN, SPARE = (FlowKey(FlowKind.RELAY, name) for name in ("main", "spare"))
SAID = {"reason": "spf-refused", "reply": "SPF check failed", "relay": "relay.example:25"}
DOMAINS = frozenset({"qq.example", "foxmail.example"})
ONE = Rules((Way("main"),), (Destination("QQ", DOMAINS),))
TWO = Rules((Way("main"), Way("spare")), ONE.destinations)
PARTED = Rules((Way("main", groups=frozenset("送")), Way("spare", senders=frozenset({"other.example"}))))

BLOCKED, HELD, TRIED = Bar.BLOCKED, Bar.HELD, Bar.TRIED


def wait(letters: int = 3, *, destination: str = "", group: str = "送") -> Wait:
    return Wait(group, destination, letters, NOON)


@pytest.mark.parametrize(
    ("waiting", "rules", "barred", "expected"),
    [
        pytest.param([wait()], ONE, [], Outlook(NOON, {}, 0, 0, 0), id="nothing in the way"),
        pytest.param(
            [wait(), wait(2, destination="QQ")], ONE, [Barred(QQ, BLOCKED, None)],
            Outlook(NOON, {QQ: 2}, 2, 2, 0), id="one destination blocked, the rest goes on",
        ),
        pytest.param(
            [wait(2, destination="QQ")], ONE, [Barred(QQ, BLOCKED, None)],
            Outlook(None, {QQ: 2}, 2, 2, 0), id="all wait for it",
        ),
        pytest.param(
            [wait(2, destination="qq.example")], ONE, [Barred(QQ, HELD, LATER)],
            Outlook(LATER, {QQ: 2}, 2, 0, 0), id="held for a while, in a lane named for the domain",
        ),
        pytest.param(
            [wait(2, destination="QQ")], ONE, [Barred(QQ, TRIED, None)],
            Outlook(NOON, {}, 0, 0, 0), id="on trial it may go",
        ),
        pytest.param(
            [wait()], ONE, [Barred(MAIN, BLOCKED, None)],
            Outlook(None, {MAIN: 3}, 3, 3, 0), id="the only relay blocked",
        ),
        pytest.param(
            [wait()], TWO, [Barred(MAIN, BLOCKED, None)],
            Outlook(NOON, {}, 0, 0, 0), id="another relay carries it",
        ),
        pytest.param(
            [wait()], TWO, [Barred(MAIN, BLOCKED, None), Barred(SPARE, HELD, LATER)],
            Outlook(LATER, {MAIN: 3, SPARE: 3}, 3, 0, 0), id="the other relay comes back first",
        ),
        pytest.param(
            [wait(2, destination="QQ")], ONE, [Barred(MAIN, HELD, LATER), Barred(QQ, HELD, LATEST)],
            Outlook(LATEST, {MAIN: 2, QQ: 2}, 2, 0, 0), id="relay and destination both must open",
        ),
        pytest.param(
            [wait(2, destination="QQ")], ONE, [Barred(MAIN, HELD, LATER), Barred(QQ, BLOCKED, None)],
            Outlook(None, {MAIN: 2, QQ: 2}, 2, 2, 0), id="the relay opens, the destination does not",
        ),
        pytest.param(
            [wait(), wait(4, group="发")], PARTED, [], Outlook(NOON, {}, 0, 0, 4), id="a group that no relay carries",
        ),
    ],
)  # fmt: skip
def test_the_outlook(waiting: list[Wait], rules: Rules, barred: list[Barred], expected: Outlook) -> None:
    assert outlook(waiting, "sender.example", rules, barred) == expected


# The ledger


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[queries.Database]:
    with ledgers.opened(ledger_url) as database:
        yield database


def test_what_waits_is_counted_by_group_and_destination(ledger: queries.Database) -> None:
    people = [
        candidate(1), candidate(2, email="a@qq.example"), candidate(3, email="b@foxmail.example"),
        candidate(4, group=GroupName.MEMBERS, email="c@qq.example"), candidate(5), candidate(6, email="d@qq.example"),
    ]  # fmt: skip
    issue = open_to(ledger, people)
    _lease, claims = ledgers.claimed(ledger)
    done = {claim.id: claim for claim in claims}
    ledgers.record(ledger, result(done[6], Event.DEFER))
    execute(ledger, "UPDATE deliveries SET state = 'queued' WHERE id < 5")
    execute(ledger, "UPDATE deliveries SET lane = 'QQ' WHERE id = 2")
    found = waits(ledger, issue.id, dict.fromkeys(("QQ", *DOMAINS), "QQ"))
    counted = Counter[tuple[str, str]]()
    for each in found:
        counted[each.group, each.destination] += each.letters
    assert counted == {("送", ""): 1, ("送", "QQ"): 3, ("发", "QQ"): 1}, "5 is in hand"


def test_a_quota_is_used_up_on_its_day_alone(ledger: queries.Database) -> None:
    rules = Rules((Way("main", limits=Limits(per_day=10)),), (Destination("QQ", DOMAINS, Limits(per_day=5)),))
    assert spent(ledger, rules, "2026-03-05") == []
    execute(ledger, "INSERT INTO flows (kind, name, day, day_count) VALUES ('relay', 'main', '2026-03-05', 10)")
    execute(ledger, "INSERT INTO flows (kind, name, day, day_count) VALUES ('destination', 'QQ', '2026-03-05', 4)")
    assert spent(ledger, rules, "2026-03-05") == [MAIN]
    assert spent(ledger, rules, "2026-03-06") == []
    assert spent(ledger, Rules((Way("main"),)), "2026-03-05") == []


# Watching: nobody delivers in these tests, so that it ends only for what the ledger says


QUOTAS = """\
relays:
  main: {address: "smtp://127.0.0.1:1", limits: {per_day: 2}}
destinations:
  Example: {domains: [example.org], limits: {rate: 1/hour}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "relays.yaml").write_text(QUOTAS, "utf-8")
    environ = {"DISTRIBUTOR_WAIT": "900", "DISTRIBUTOR_TZ": "Asia/Shanghai"}
    settings = configuration.load(tmp_path, environ=environ)
    with ledgers.opened(settings.ledger) as ledger:
        yield Site(settings, ledger, PERSON)


EXAMPLE = FlowKey(FlowKind.DESTINATION, "Example")


def nobody(_progress: Progress) -> None:
    """Who does not watch."""


def test_letters_behind_a_block_end_the_watching(site: Site) -> None:
    issue = open_small(site.ledger)
    flows.block(site.ledger, EXAMPLE, actor=WORKER, **SAID)
    watched = watch_workers(site, issue, nobody)
    assert (watched.ending, watched.progress.next_attempt) == (Ending.WAITING, None)


def test_a_relay_held_for_longer_than_people_wait_ends_it(site: Site) -> None:
    issue = open_small(site.ledger)
    flows.slow(site.ledger, MAIN, first=1800, most=3600, **SAID)
    watched = watch_workers(site, issue, nobody)
    (record,) = flows.troubled(site.ledger)
    assert (watched.ending, watched.progress.next_attempt) == (Ending.WAITING, record.held_until)


def test_a_quota_that_is_used_up_ends_it_until_tomorrow(site: Site) -> None:
    issue = open_small(site.ledger)
    today = dt.datetime.now(site.settings.timezone).date()
    spend = f"INSERT INTO flows (kind, name, day, day_count) VALUES ('relay', 'main', '{today}', 2)"
    execute(site.ledger, spend)
    if (dt.datetime.now(site.settings.timezone) + dt.timedelta(minutes=20)).date() > today:
        pytest.skip("it is nearly midnight: tomorrow would be waited for")
    watched = watch_workers(site, issue, nobody)
    assert watched.ending is Ending.WAITING
    assert watched.progress.next_attempt is not None
    opens = watched.progress.next_attempt.astimezone(site.settings.timezone)
    assert (opens.date(), opens.time()) == (today + dt.timedelta(days=1), dt.time())
    assert [each.bar for each in distribution.barred(site)] == [Bar.SPENT]


@pytest.mark.parametrize("trouble", ["a rate", "a short hold", "one destination of two"])
def test_what_goes_on_by_itself_is_watched_on(site: Site, trouble: str) -> None:
    people = [candidate(1), candidate(2, email="a@mail.example")]
    issue = open_to(site.ledger, people, new_issue())
    if trouble == "a rate":
        execute(site.ledger, "INSERT INTO flows (kind, name, next_slot) VALUES ('destination', 'Example', 1 << 60)")
    elif trouble == "a short hold":
        flows.slow(site.ledger, MAIN, first=600, most=3600, **SAID)
    else:
        flows.block(site.ledger, EXAMPLE, actor=WORKER, **SAID)
    looks = 0

    def cancelling(_progress: Progress) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            acts.cancel(site.ledger, issue.id, actor=PERSON, reason="")

    assert watch_workers(site, issue, cancelling).ending is Ending.CANCELLED
    assert looks == 3


def test_what_moves_meanwhile_is_not_taken_for_standing_still(site: Site) -> None:
    """The counts are read before what waits is: a claim between the two leaves only what is behind the block."""
    people = [candidate(1), candidate(2, email="a@mail.example")]
    issue = open_to(site.ledger, people, new_issue())
    flows.block(site.ledger, EXAMPLE, actor=WORKER, **SAID)
    progress = queries.progress(site.ledger, issue.id)
    (claim,) = [claim for claim in ledgers.claimed(site.ledger)[1] if claim.id == 2]
    execute(site.ledger, "UPDATE deliveries SET state = 'queued' WHERE id = 1")
    assert distribution.in_truth(site, issue, progress) == progress
    ledgers.record(site.ledger, result(claim, Event.ACCEPTED))
    progress = queries.progress(site.ledger, issue.id)
    assert distribution.in_truth(site, issue, progress).next_attempt is None


def test_what_is_due_and_may_not_go_calls_no_worker(site: Site) -> None:
    open_to(site.ledger, [candidate(1), candidate(2, email="a@mail.example")], new_issue())
    flows.block(site.ledger, EXAMPLE, actor=WORKER, **SAID)
    assert distribution.count_due(site, 9) == 2, "nothing has looked at the main lane yet"
    execute(site.ledger, "UPDATE deliveries SET lane = 'Example' WHERE id = 1")
    assert distribution.count_due(site, 9) == 1
    flows.block(site.ledger, MAIN, actor=WORKER, **SAID)
    assert distribution.count_due(site, 9) == 0
