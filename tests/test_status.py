"""`distributor status`: what is done, how fast it goes, when it may end; trouble first; never too much is promised."""

import datetime as dt
import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from distributor.cli.overview import page, speed
from distributor.delivery.ledger import claims, flows, queries
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.flow import FlowKey, FlowKind
from distributor.delivery.model.records import IssueState
from distributor.delivery.model.states import UNSETTLED, Event, State
from distributor.distribution.glance import Glance, Seen
from distributor.report.pace import Pace, done, expected_end
from distributor.report.standing import Standing, standing
from tests import ledgers
from tests.sites import Site
from tests.test_cli import issue as some_issue

NOON = dt.datetime(2026, 3, 5, 4, tzinfo=dt.UTC)
COUNTS = st.dictionaries(st.sampled_from(sorted(State)), st.integers(0, 1_000_000))
EARLY = UNSETTLED | {State.UNCERTAIN}

# Pure


@given(COUNTS, st.integers(1, 200))
def test_nothing_is_shown_as_done_before_every_letter_is_final(counts: dict[State, int], width: int) -> None:
    found = done(counts)
    open_letters = sum(counts.get(state, 0) for state in EARLY)
    sent, others = found.cells(width)
    assert (found.percent == 100) is (open_letters == 0)
    assert (sent + others == width) is (open_letters == 0)
    assert min(sent, others) >= 0
    assert found.total == sum(counts.values())
    if open_letters:
        assert standing(IssueState.OPEN, counts) not in {Standing.COMPLETE, Standing.INCOMPLETE}


@given(COUNTS)
def test_no_bar_is_full_of_green_unless_all_were_sent(counts: dict[State, int]) -> None:
    found = done(counts)
    assert (found.cells(12)[0] == 12) is (found.sent == found.total)


@settings(deadline=None)
@given(COUNTS, st.integers(0, 10_000), st.floats(1, 1800))
def test_a_page_never_says_that_all_is_done_before_it_is(
    counts: dict[State, int], letters: int, seconds: float
) -> None:
    """As it is rendered: no "100 %", nor a bar without a gap."""
    progress = queries.Progress({"送": counts}, None)
    stands = standing(IssueState.OPEN, counts)
    file = io.StringIO()
    console = Console(file=file, width=400, markup=False, highlight=False, emoji=False)
    seen = Seen(some_issue(), progress, stands, Pace(letters, seconds))
    console.print(page(Glance((seen,), ()), load_nothing(), console, detailed=False))
    is_final = not sum(counts.get(state, 0) for state in EARLY)
    assert ("100 %" in file.getvalue()) is is_final
    assert ("─" not in file.getvalue()) is is_final


def load_nothing() -> Any:
    """Settings of which only the time zone is asked for."""

    class Zoned:
        timezone = dt.UTC

    return Zoned()


@pytest.mark.parametrize(
    ("counts", "pace", "put_off", "minutes"),
    [
        pytest.param({State.QUEUED: 100}, Pace(60, 60), None, 100 / 60, id="so many at that speed"),
        pytest.param({State.QUEUED: 50, State.CLAIMED: 40, State.HANDING_OVER: 10}, Pace(10, 6), None, 1, id="all"),
        pytest.param({State.QUEUED: 100}, Pace(0, 60), None, None, id="nothing moves: nobody can say"),
        pytest.param({State.QUEUED: 100}, None, None, None, id="nobody has counted"),
        pytest.param({State.SENT: 9, State.DEFERRED: 1}, Pace(9, 60), 5, None, id="only the put off are left"),
        pytest.param({State.QUEUED: 60, State.DEFERRED: 1}, Pace(60, 60), 30, 30, id="not before the last put off"),
        pytest.param({State.QUEUED: 60, State.DEFERRED: 1}, Pace(6, 60), 5, 10, id="the put off come in between"),
    ],
)
def test_the_expected_end(
    counts: dict[State, int], pace: Pace | None, put_off: float | None, minutes: float | None
) -> None:
    until = NOON + dt.timedelta(minutes=put_off) if put_off else None
    end = NOON + dt.timedelta(minutes=minutes) if minutes else None
    assert expected_end(counts, pace, NOON, until) == end


@pytest.mark.parametrize(
    ("pace", "text"),
    [
        (None, ""),
        (Pace(0, 60), "0/min"),
        (Pace(1240, 60), "1240/min"),
        (Pace(5, 60), "5/min"),
        (Pace(5, 120), "2.5/min"),
        (Pace(1, 1800), "2/h"),
    ],
)
def test_speed_in_words(pace: Pace | None, text: str) -> None:
    assert speed(pace) == text


# Over a ledger


@pytest.fixture
def ledger(site: Site) -> Iterator[Database]:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as database:
        yield database


def settle(ledger: Database, *events: Event) -> None:
    """Give those that are due these endings, in order; the others go back."""
    lease, claimed = ledgers.claimed(ledger, len(events))
    ledgers.mark(ledger, *claimed)
    ledgers.record(ledger, *(ledgers.result(each, event) for each, event in zip(claimed, events, strict=True)))
    claims.end_lease(ledger, lease)


def row(site: Site, *arguments: str) -> dict[str, Any]:
    (found,) = site.run("status", *arguments, "--json").json["issues"]
    return dict(found)


def test_numbers_for_programs(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 20)
    settle(ledger, *[Event.ACCEPTED] * 10, Event.REFUSE, Event.DEFER)
    found = row(site)
    assert (found["standing"], found["letters"], found["sent"], found["final"]) == ("sending", 20, 10, 11)
    assert found["percent"] == 55
    assert found["per_minute"] == 11 * 60, "in the first second: it is not divided by less"
    put_off = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=50)
    assert dt.datetime.fromisoformat(found["expected_end"]) > put_off


def test_few_letters_are_counted_over_a_longer_time(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 20)
    ledgers.execute(ledger, "UPDATE issues SET opened_at = opened_at - 7200000000")
    settle(ledger, *[Event.ACCEPTED] * 3)
    ledgers.execute(ledger, "UPDATE deliveries SET settled_at = settled_at - 600000000 WHERE state = 'sent'")
    assert row(site)["per_minute"] == pytest.approx(3 / 30, abs=0.01)


def test_what_was_resumed_this_minute_is_not_slow(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 30)
    ledgers.execute(ledger, "UPDATE issues SET opened_at = opened_at - 7200000000")
    settle(ledger, *[Event.ACCEPTED] * 20)
    ledgers.execute(ledger, "UPDATE deliveries SET settled_at = settled_at - 2000000 * id WHERE state = 'sent'")
    assert row(site)["per_minute"] == pytest.approx(30, abs=5), "one in two seconds, and not 20 a minute"


def test_who_waits_behind_a_block_has_no_end(site: Site, ledger: Database) -> None:
    ledgers.open_to(ledger, [ledgers.candidate(i, email=f"a{i}@{'qq' if i % 2 else 'b'}.example") for i in range(40)])
    settle(ledger, *[Event.ACCEPTED] * 10)
    assert row(site)["expected_end"] is not None
    key = FlowKey(FlowKind.DESTINATION, "qq.example")
    flows.block(ledger, key, actor=ledgers.WORKER, reason="spf-refused", reply="550 SPF", relay="relay.example:25")
    found = site.run("status", "--json").json
    assert found["issues"][0]["expected_end"] is None
    assert [(each["name"], each["letters"]) for each in found["flows"]] == [("qq.example", 15)]


STATES = {
    60: ("uncertain", "open", "decision"),
    61: ("queued", "paused", "paused"),
    62: ("failed", "open", "incomplete"),
    63: ("sent", "open", "complete"),
    64: ("queued", "open", "sending"),
    65: ("cancelled", "cancelled", "cancelled"),
    66: ("deferred", "open", "waiting"),
}


def test_whoever_needs_a_person_stands_first(site: Site, ledger: Database) -> None:
    for total, (state, issue_state, _standing) in STATES.items():
        issue = ledgers.open_small(ledger, 1, total)
        settled_at = "NULL" if state in {"queued", "deferred"} else "1"
        due = "next_attempt + 3600000000" if state == "deferred" else "next_attempt"
        values = f"state = '{state}', settled_at = {settled_at}, next_attempt = {due}"
        ledgers.execute(ledger, f"UPDATE deliveries SET {values} WHERE issue_id = {issue.id}")
        ledgers.execute(ledger, f"UPDATE issues SET state = '{issue_state}' WHERE id = {issue.id}")
    found = site.run("status", "--json").json["issues"]
    assert [each["issue"]["ref"] for each in found] == ["66", "65", "64", "63", "62", "61", "60"], "newest first"
    assert {int(each["issue"]["ref"]): each["standing"] for each in found} == {
        total: standing for total, (_state, _issue, standing) in STATES.items()
    }
    shown = [line.split()[0] for line in site.run("status").out.splitlines()[1:]]
    assert shown == ["60", "61", "66", "64", "62", "63", "65"]
    ledgers.execute(ledger, "UPDATE issues SET pruned_at = 1 WHERE total_number IN (60, 62)")
    shown = [line.split()[0] for line in site.run("status").out.splitlines()[1:]]
    assert shown == ["61", "66", "64", "63", "65", "62", "60"], "of what was pruned nothing can be mended"
