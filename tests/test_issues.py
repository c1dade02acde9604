"""Issues by their names; pause, resume, cancel, resend; status: as a person uses them."""

import signal
import sqlite3
from pathlib import Path

import pytest

from tests.sites import BULLETIN, DEPARTMENTS, MEMBERS, Site, address_of

NOWHERE = "smtp://127.0.0.1:1"  # nothing listens there


@pytest.fixture
def waiting(site: Site) -> Site:
    """A site whose issue 60 is open, with every letter put off since the relay cannot be reached."""
    site.setting(RELAY=NOWHERE, RETRY_FIRST=3000, WAIT=0)
    assert site.send().code == 4
    site.setting(RELAY="")
    return site


def states(site: Site, issue: str = "60") -> dict[str, int]:
    counts: dict[str, int] = {}
    for group in site.run("status", issue, "--json").json["issues"][0]["groups"]:
        for state, count in group["states"].items():
            counts[state] = counts.get(state, 0) + count
    return counts


def test_each_of_two_issues_of_one_bulletin_has_a_name_of_its_own(site: Site) -> None:
    assert site.send("--json").json["issue"]["ref"] == "60"
    site.send("--again", "日期有误")
    refs = [row["issue"]["ref"] for row in site.run("status", "--json").json["issues"]]
    assert refs == ["60/2", "60/1"]


@pytest.mark.parametrize("name", ["60", "60/1", "2026-4", "@1"])
def test_an_issue_s_names(site: Site, name: str) -> None:
    site.send()
    assert site.run("report", name, "--json").json["issue"]["id"] == 1


def test_its_file_is_a_name_too(site: Site) -> None:
    site.send()
    assert site.run("report", site.bulletin, "--json").json["issue"]["id"] == 1


@pytest.mark.parametrize("name", ["61", "2026-5", "@2", "60/2", "nothing.txt", "六十", "-1", ""])
def test_a_name_that_no_issue_has(site: Site, name: str) -> None:
    site.send()
    ran = site.run("report", "--", name)
    assert ran.code == 2
    assert "60" in ran.err


def test_before_the_first_issue_that_is_said(site: Site) -> None:
    assert "nothing has been sent" in site.run("report", "60").err
    assert "Nothing has been sent" in site.run("status").out


def test_two_mastheads_with_one_number_are_listed(site: Site) -> None:
    site.send()
    other = site.write_bulletin("other.txt", text=BULLETIN.replace("园区工作简报", "园区统计简报"))
    site.run("send", other, "--yes")
    ran = site.run("report", "60")
    assert ran.code == 2
    assert "园区工作简报" in ran.err
    assert "园区统计简报" in ran.err
    assert site.run("report", "@2", "--json").json["issue"]["masthead"] == "园区统计简报"
    assert {row["issue"]["ref"] for row in site.run("status", "--json").json["issues"]} == {"@1", "@2"}


def test_put_off_letters_wait_and_the_next_attempt_is_told(site: Site) -> None:
    site.setting(RELAY=NOWHERE, RETRY_FIRST=3000, WAIT=0)
    ran = site.send("--json")
    assert ran.code == 4
    assert ran.json["ending"] == "waiting"
    assert ran.json["next_attempt"]
    assert "distributor resume 60" in ran.err
    assert states(site) == {"deferred": 6}


def test_wait_says_how_long_to_wait(site: Site) -> None:
    site.setting(RELAY=NOWHERE, RETRY_FIRST=3000)
    assert site.send("--wait", "1").code == 4


def test_waiting_ends_although_attempts_go_on(site: Site) -> None:
    site.setting(RELAY=NOWHERE, RETRY_FIRST=1, RETRY_MOST=1)
    assert site.send("--wait", "2").code == 4


def test_the_same_bulletin_again_is_told_to_resume(waiting: Site) -> None:
    ran = waiting.send()
    assert ran.code == 2
    assert "6 letters of it are still to be sent: `distributor resume 60`" in ran.err
    assert "--again" not in ran.err


def test_resend_to_nobody_sends_nothing_else_either(waiting: Site) -> None:
    the_time_comes(waiting)
    ran = waiting.run("resend", "60", "--missing", "--yes")
    assert ran.code == 4
    assert "nobody" in ran.err
    assert waiting.letters() == []


@pytest.mark.parametrize("act", [("pause", "60"), ("cancel", "60", "--yes")])
def test_what_was_sent_cannot_be_held_or_stopped(site: Site, act: tuple[str, ...]) -> None:
    site.send()
    ran = site.run(*act)
    assert ran.code == 2
    assert "nothing of issue 60 is left to be sent" in ran.err
    assert site.run("report", "60").code == 0


def test_resume_delivers_what_was_put_off(waiting: Site) -> None:
    assert waiting.run("resume", "60").code == 0
    assert len(waiting.letters()) == 6


def the_time_comes(site: Site) -> None:
    """All that was put off is due."""
    with sqlite3.connect(site.folder / "distributor.sqlite3") as ledger:
        ledger.execute("UPDATE deliveries SET next_attempt = 0")
    ledger.close()


def test_any_later_send_delivers_it_too_and_says_so(waiting: Site) -> None:
    the_time_comes(waiting)
    other = waiting.write_bulletin("61.txt", number=5, total=61)
    ran = waiting.run("send", other, "--yes")
    assert ran.code == 0, ran.err
    assert "60" in ran.err
    assert len(waiting.letters()) == 12
    assert waiting.run("report", "60").code == 0


def test_a_paused_issue_goes_nowhere_until_it_is_resumed(waiting: Site) -> None:
    the_time_comes(waiting)
    assert waiting.run("pause", "60", "--reason", "等通知").code == 0
    other = waiting.write_bulletin("61.txt", number=5, total=61)
    waiting.run("send", other, "--yes")
    assert len(waiting.letters()) == 6
    assert "等通知" in waiting.run("status").out
    assert waiting.run("pause", "60").code == 2
    assert waiting.run("resume", "60").code == 0
    assert len(waiting.letters()) == 12


def test_a_cancelled_issue_stays_cancelled(waiting: Site) -> None:
    ran = waiting.run("cancel", "60", "--reason", "内容有误", "--yes")
    assert ran.code == 0
    assert "6 letters were not sent" in ran.out
    for refused in (
        ("resume", "60"),
        ("cancel", "60", "--yes"),
        ("resend", "60", "--failed", "--yes"),
        ("pause", "60"),
    ):
        assert waiting.run(*refused).code == 2, refused
    assert states(waiting) == {"cancelled": 6}
    assert waiting.letters() == []
    assert waiting.send("--again", "改正后重发").code == 0


def test_resend_missing_reaches_those_who_came_later(site: Site) -> None:
    site.write_list({"有关部门": {"市甲局": ["a@alpha.example.org"]}, "各会员单位": MEMBERS})
    site.send()
    site.write_list({"有关部门": DEPARTMENTS, "各会员单位": MEMBERS})
    ran = site.run("resend", "60", "--missing", "--yes")
    assert ran.code == 0, ran.err
    assert "b2@beta.example.org" in ran.err
    letters = site.letters()
    assert len(letters) == 6
    assert len({letter["Date"] for letter in letters}) == 1
    again = site.run("resend", "60", "--missing", "--yes")
    assert "nobody" in again.err
    assert len(site.letters()) == 6


def test_resend_wants_to_know_to_whom(site: Site) -> None:
    site.send()
    assert site.run("resend", "60").code == 2


def test_status_shows_all_issues_and_one_by_group(site: Site) -> None:
    site.send()
    shown = site.run("status").out
    assert "60" in shown
    assert "6/6" in shown
    assert "all sent" in shown
    assert "送" in site.run("status", "60").out


def test_status_watch_ends_when_there_is_nothing_left_to_watch(site: Site) -> None:
    site.send()
    assert site.run("status", "60", "--watch").code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_it_leaves_everything_queued_and_resume_goes_on(site: Site, number: signal.Signals) -> None:
    site.setting(RELAY=NOWHERE, RETRY_FIRST=3000, WAIT=9999)
    process = site.start("send", site.bulletin, "--yes")
    assert process.stderr is not None
    said = ""
    while "deferred" not in said and "put off" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(number)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "resume 60" in err
    assert sum(states(site).values()) == 6
    assert not {"claimed", "handing_over"} & set(states(site))


def test_the_sites_of_two_folders_do_not_meet(site: Site, tmp_path: Path) -> None:
    site.send()
    other = tmp_path / "other"
    assert site.run("init", other).code == 0
    assert site.run("--site", other, "status", "--json").json["issues"] == []


def test_letters_sent_before_are_not_sent_again_by_resume(site: Site) -> None:
    site.send()
    assert site.run("resume", "60").code == 0
    assert len(site.letters()) == 6
    assert len({address_of(letter) for letter in site.letters()}) == 6
