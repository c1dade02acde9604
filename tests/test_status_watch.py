"""`distributor status --watch`: as a person at a terminal sees and ends it, and as a log file gets it."""

import subprocess
from collections.abc import Iterator

import pytest

from distributor.delivery.ledger import acts, claims
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.states import Event
from tests import ledgers
from tests.sites import Site
from tests.terminals import terminal

CTRL_C = "\x03"
CURSOR_UP, CLEAR_SCREEN = "\x1b[1A", "\x1b[2J"


@pytest.fixture
def ledger(site: Site) -> Iterator[Database]:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as database:
        yield database


def settle(ledger: Database, count: int, event: Event = Event.ACCEPTED) -> None:
    """Give the first *count* that are due their ending; the rest goes back."""
    lease, claimed = ledgers.claimed(ledger, count)
    ledgers.mark(ledger, *claimed)
    ledgers.record(ledger, *(ledgers.result(claim, event) for claim in claimed))
    claims.end_lease(ledger, lease)


def test_on_a_terminal_it_is_redrawn_in_place_until_all_is_sent(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 3)
    with terminal(site.folder, "status", "--watch") as screen:
        screen.wait_for("0/3")
        settle(ledger, 2)
        screen.wait_for("2/3")
        assert " 66 %" in screen.shown
        assert " 100 %" not in screen.shown
        settle(ledger, 1)
        screen.wait_for("all sent")
        assert screen.end() == 0
    assert CURSOR_UP in screen.shown
    assert CLEAR_SCREEN not in screen.shown


@pytest.mark.parametrize("key", ["q", "Q", "xq", CTRL_C])
def test_a_person_who_has_seen_enough_ends_it_and_the_letters_still_wait(
    site: Site, ledger: Database, key: str
) -> None:
    ledgers.open_small(ledger, 3)
    with terminal(site.folder, "status", "60", "--watch") as screen:
        screen.wait_for("0/3")
        screen.press(key)
        assert screen.end() == 4
    assert "Traceback" not in screen.shown
    assert "nothing was done" not in screen.shown


def test_other_keys_end_nothing(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 1)
    with terminal(site.folder, "status", "--watch") as screen:
        screen.wait_for("0/1")
        screen.press("x\n")
        settle(ledger, 1)
        screen.wait_for("all sent")
        assert screen.end() == 0


def test_what_failed_while_it_was_watched_makes_the_exit_code_1(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 2)
    with terminal(site.folder, "status", "--watch") as screen:
        screen.wait_for("0/2")
        settle(ledger, 1, Event.REFUSE)
        settle(ledger, 1)
        screen.wait_for("ended, not everybody has it")
        assert screen.end() == 1


def test_what_failed_before_is_no_matter_of_the_watching(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 1)
    settle(ledger, 1, Event.REFUSE)
    assert site.run("status", "--watch").code == 0
    assert site.run("status", "60", "--watch").code == 1, "but it is, where the issue was asked for"


def test_a_paused_issue_ends_it_as_only_a_person_goes_on(site: Site, ledger: Database) -> None:
    issue = ledgers.open_small(ledger, 2)
    with terminal(site.folder, "status", "60", "--watch") as screen:
        screen.wait_for("0/2")
        acts.pause(ledger, issue.id, actor=ledgers.PERSON, reason="等通知")
        screen.wait_for("paused: 等通知")
        assert screen.end() == 1


def start(site: Site) -> "subprocess.Popen[str]":
    return site.start("status", "--watch")


def test_where_there_is_no_terminal_it_writes_a_line_for_what_changed(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger, 1, total=59)
    settle(ledger, 1)
    issue = ledgers.open_small(ledger, 3)
    process = start(site)
    assert process.stdout is not None
    assert process.stdout.readline().split() == ["60", "being", "sent", "0/3", "(0", "%)", "0/min"]
    acts.pause(ledger, issue.id, actor=ledgers.PERSON, reason="等通知")
    assert process.stdout.readline().split() == ["60", "paused:", "等通知", "0/3", "(0", "%)"]
    assert process.communicate() == ("", "")
    assert process.returncode == 1


def test_a_log_is_not_flooded_with_mere_progress(site: Site, ledger: Database) -> None:
    """A line every few seconds at most; but how it ended is told at once."""
    ledgers.open_small(ledger, 200)
    process = start(site)
    assert process.stdout is not None
    assert "0/200" in process.stdout.readline()
    for _each in range(200):
        settle(ledger, 1)
    lines, _err = process.communicate()
    assert "all sent  200/200 (100 %)" in lines
    assert len(lines.splitlines()) < 10
    assert process.returncode == 0


def test_watching_and_json_are_two_things(site: Site) -> None:
    assert site.run("status", "--watch", "--json").json["findings"][0]["code"] == "usage"


def test_with_nothing_sent_yet_there_is_nothing_to_watch(site: Site) -> None:
    assert site.run("status", "--watch").code == 0
