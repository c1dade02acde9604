"""Which contacts are listed: filters, and that they leave the numbers alone."""

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import click
import pytest

from distributor import i18n
from distributor.cli.since import moment
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.opening import add_supplement
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.states import State
from distributor.recipients.model import GroupName
from distributor.report import html_summary
from distributor.report.durations import duration
from tests import ledgers
from tests.sites import Site

MEMBERS = GroupName.MEMBERS
ENDINGS = {1: State.SENT, 2: State.FAILED, 3: State.DEFERRED, 4: State.SENT, 5: State.FAILED, 6: State.QUEUED}
HOUR = 3_600_000_000
UNKNOWN = "The reason is not one that this program knows; see the server's own words."
NEW, OLD = 3 * HOUR, 9 * HOUR  # how long ago something happened


@pytest.fixture
def ledger(site: Site) -> Iterator[Database]:
    """Letters 1–3 to departments, 4–6 to members; letter 1 serves two units; 7 is disabled. 1–3 and 6 are new."""
    people = [
        *map(ledgers.candidate, (1, 2, 3)), *(ledgers.candidate(n, group=MEMBERS) for n in (4, 5, 6)),
        ledgers.candidate(8, email="office1@example.org"), ledgers.candidate(7, group=MEMBERS, disabled="停用"),
    ]  # fmt: skip
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as database:
        ledgers.open_to(database, people, ledgers.new_issue(unresolved=("有关单位",)))
        for number, state in ENDINGS.items():
            settle(database, number, state)
        yield database


def settle(database: Database, number: int, state: State) -> None:
    """Of what is not settled an event says when it happened, as of what was put off."""
    now = "(SELECT opened_at FROM issues)"
    at = f"{now} - {NEW if number in {1, 2, 3, 6} else OLD}"
    settled = at if state in {State.SENT, State.FAILED} else "NULL"
    ledgers.execute(
        database, f"UPDATE deliveries SET state = :state, tries = 1, settled_at = {settled} WHERE address = :address",
        state=state.value, address=f"office{number}@example.org",
    )  # fmt: skip
    ledgers.execute(
        database,
        "INSERT INTO events (issue_id, delivery_id, at, kind, who, host)"
        f" SELECT issue_id, id, {at}, 'defer', 'w', 'h' FROM deliveries WHERE address = :address",
        address=f"office{number}@example.org",
    )


def listed(site: Site, *filters: str) -> list[int]:
    """The numbers of the letters that are listed in JSON."""
    found = site.run("report", "60", "--json", *filters).json["deliveries"]
    return [int(re.sub(r"\D", "", each["address"])) for each in found]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (["--all"], [1, 2, 3, 4, 5, 6]),
        (["--state", "failed"], [2, 5]),
        (["--state", "failed", "--state", "sent"], [1, 2, 4, 5]),
        (["--group", "发"], [5, 6]),
        (["--group", "发", "--all"], [4, 5, 6]),
        (["--group", "发", "--group", "送"], [2, 3, 5, 6]),
        (["--group", "报"], []),
        (["--unit", "单位4"], [4]),
        (["--unit", "单位4", "--unit", "单位2"], [2, 4]),
        (["--unit", "单位8"], [1]),
        (["--unit", "单位7"], []),
        (["--unit", "单位2", "--group", "发"], []),
        (["--since", "6h"], [2, 3, 6]),
        (["--since", "6h", "--all"], [1, 2, 3, 6]),
        (["--since", "1d"], [2, 3, 5, 6]),
        (["--since", "1h", "--all"], []),
        (["--since", "2999-01-01"], []),
        (["--since", "6h", "--state", "failed", "--group", "送"], [2]),
    ],
)
def test_what_a_filter_takes(site: Site, ledger: Database, filters: list[str], numbers: list[int]) -> None:
    assert listed(site, *filters) == numbers


def test_a_filter_changes_no_number(site: Site, ledger: Database) -> None:
    whole = site.run("report", "60", "--json").json
    chosen = site.run("report", "60", "--json", "--unit", "单位8").json
    listing = {name: chosen.pop(name) for name in ("deliveries", "listed")}
    assert (chosen.pop("as_of"), whole.pop("as_of")) != (None, None)
    assert chosen == whole
    assert listing["listed"] == {
        "units": ["单位8"], "groups": [], "states": [], "since": None, "lacking": False, "letters": 1, "contacts": 1,
    }  # fmt: skip
    assert len(listing["deliveries"][0]["serves"]) == 2, "a letter is told in full"


def test_who_was_mended_by_a_supplement_is_not_among_those_who_lack_it(site: Site, ledger: Database) -> None:
    with Staging([ledgers.candidate(2, email="office9@example.org")]) as staging:
        letters = {letter.group: letter for letter in ledgers.letters_for(staging)}
        add_supplement(ledger, 1, letters.values(), staging, ledgers.PERSON)
    settle(ledger, 9, State.SENT)
    assert listed(site, "--group", "送") == [3]
    assert listed(site, "--state", "failed") == [2, 5]


def test_everybody_in_the_terminal_by_unit(site: Site, ledger: Database) -> None:
    out = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME", site.run("report", "60", "--all").out)
    shown = out[out.index("\n\n") + 2 :].splitlines()
    assert shown[:11] == [
        "送  单位1",
        "  收文  office1@example.org  sent  TIME",
        "送  单位8",
        "  收文  office1@example.org  sent  TIME",
        "送  单位2",
        f"  收文  office2@example.org  failed: {UNKNOWN}",
        "      1 attempt; TIME",
        "送  单位3",
        f"  收文  office3@example.org  put off: {UNKNOWN}",
        "      1 attempt; next attempt TIME",
        "发  单位4",
    ]
    assert "  发  单位7 收文  office7@example.org: The list has it as disabled: 停用" in shown
    assert f"2 failed: {UNKNOWN}" in shown
    assert shown[-1] == "Listed: 7 of 7 contacts."


def test_a_unit_in_the_terminal_with_what_to_do(site: Site, ledger: Database) -> None:
    out = site.run("report", "60", "--unit", "单位2").out
    assert "单位1" not in out
    assert "单位7" not in out
    assert "\n1 failed: The reason is not one" in out
    assert out.index("送  单位2\n") < out.index("  → Show them to the administrator")
    assert out.endswith("Listed: 1 of 7 contacts.\n")
    assert re.search(r"\nall +7 +7 +6 +=", out), "the numbers stay those of the issue"


@pytest.mark.parametrize(
    ("filters", "omitted"),
    [
        (["--all"], ["停用", "有关单位"]),
        (["--group", "发"], ["停用"]),
        (["--unit", "单位7"], ["停用"]),
        (["--unit", "单位2"], []),
        (["--state", "failed"], []),
        (["--since", "1d"], []),
    ],
)
def test_who_was_not_written_to_is_listed_where_the_filter_allows(
    site: Site, ledger: Database, filters: list[str], omitted: list[str]
) -> None:
    for form in ([], ["--format", "csv"], ["--format", "md"]):
        out = site.run("report", "60", *filters, *form).out
        assert [word for word in ("停用", "有关单位") if word in out] == omitted


@pytest.mark.parametrize(
    ("name", "near"),
    [("单位", "单位1 / 单位2 / 单位3 / 单位4 / 单位5"), ("单位２", "单位2"), ("某某总公司", None)],
)
def test_a_unit_that_the_issue_does_not_reach(site: Site, ledger: Database, name: str, near: str | None) -> None:
    ran = site.run("report", "60", "--json", "--unit", name)
    assert (ran.code, ran.json["findings"][0]["code"]) == (2, "unknown-unit")
    remedy = ran.json["findings"][0]["remedy"]
    assert remedy is None if near is None else near in remedy


def test_sheets_hold_everybody_and_what_a_filter_takes(site: Site, ledger: Database) -> None:
    def units(*filters: str) -> list[str]:
        out = site.run("report", "60", "--format", "csv", *filters).out
        return [row["unit"] for row in csv.DictReader(io.StringIO(out.removeprefix("\ufeff")))]

    assert units() == ["单位1", "单位8", "单位2", "单位3", "单位4", "单位5", "单位6", "单位7", ""]
    assert units("--unit", "单位8") == ["单位8"]
    assert units("--group", "发") == ["单位4", "单位5", "单位6", "单位7"]


@pytest.mark.parametrize(
    "arguments",
    [["--state", "lost"], ["--group", "抄"], ["--since", "yesterday"], ["--since", ""], ["--since", "2026-02-30"]],
)
def test_a_filter_that_makes_no_sense(site: Site, ledger: Database, arguments: list[str]) -> None:
    ran = site.run("report", "60", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert arguments[0] in ran.err


SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = dt.datetime(2026, 3, 5, 4, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("2h", "2026-03-05T02:00+00:00"),
        (" 90 min ", "2026-03-05T02:30+00:00"),
        ("30m", "2026-03-05T03:30+00:00"),
        ("2D", "2026-03-03T04:00+00:00"),
        ("1w", "2026-02-26T04:00+00:00"),
        ("2026-03-05", "2026-03-04T16:00+00:00"),
        ("2026-03-05 09:30", "2026-03-05T01:30+00:00"),
        ("2026-03-05T09:30:15", "2026-03-05T01:30:15+00:00"),
        ("2026-03-05T09:30Z", "2026-03-05T09:30+00:00"),
        ("2026-03-05T09:30+02:00", "2026-03-05T07:30+00:00"),
    ],
)
def test_moments_as_people_give_them(text: str, then: str) -> None:
    assert moment(text, NOW, SHANGHAI) == dt.datetime.fromisoformat(then)


@pytest.mark.parametrize("text", ["", "h", "2", "2 years", "-2h", "999999w", "1.5h", "05.03.2026", "今天"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no time"):
        moment(text, NOW, SHANGHAI)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"), (0, "0 s"), (0.9, "0 s"), (1, "1 s"), (59.9, "59 s"), (60, "1 min"), (200, "3 min 20 s"),
        (3599, "59 min 59 s"), (3600, "1 h"), (3601, "1 h"), (3660, "1 h 1 min"), (86_400, "1 d"),
        (90_061, "1 d 1 h"), (86_460, "1 d"), (90 * 86_400, "90 d"),
    ],
)  # fmt: skip
def test_how_long_something_took(seconds: float, said: str) -> None:
    assert duration(dt.timedelta(seconds=seconds)) == said


@pytest.mark.parametrize("seconds", [10, 59.9, 155.8, 3600, 90_061])
def test_the_page_says_a_length_as_the_terminal_does(seconds: float) -> None:
    length = dt.timedelta(seconds=seconds)
    assert html_summary.duration(length) == duration(length)


def test_attempts_and_times_are_parted_as_the_language_does(site: Site, ledger: Database) -> None:
    i18n.activate("zh")
    try:
        assert "已试 1 次；下次发送 " in site.run("report", "60").out
    finally:
        i18n.activate("en")


@pytest.mark.parametrize("forced", [True, False])
def test_colours_are_for_terminals(site: Site, ledger: Database, monkeypatch: pytest.MonkeyPatch, forced: bool) -> None:
    if forced:
        monkeypatch.setenv("FORCE_COLOR", "1")
    out = site.run("report", "60", "--all").out
    assert ("\x1b[31m  收文  office2@example.org  failed: " in out) == forced
    assert ("\x1b[1m送  单位1\x1b[0m\n" in out) == forced
    assert "送  单位1" in out
