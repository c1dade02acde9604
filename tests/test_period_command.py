"""`distributor report --period`, as a person and as a program read it."""

import csv
import gettext
import io
import re
from collections.abc import Iterator, Sequence

import pytest

from distributor import i18n
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.records import IssueState, OmittedRecord
from distributor.delivery.model.states import State
from tests import accounts, ledgers
from tests.periods import FIRST, Kept, delivery, issue
from tests.sites import Site

REFUSED = {"code": 550, "enhanced": "5.1.1", "reply": "\x1b[2JUser | unknown", "reason": "no-such-mailbox"}
FULL = {"code": 452, "enhanced": "4.2.2", "reply": "full", "reason": "mailbox-full"}
ALPHA, BETA, GAMMA = ("市甲局", "收文"), ("市乙局", "收文"), ("丙公司", "收文")


@pytest.fixture
def ledger(site: Site) -> Iterator[Database]:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as database:
        yield database


def three_issues() -> list[Kept]:
    """Two of July and a cancelled one: 市乙局 fails in both, 丙公司 is disabled, 市甲局 has everything."""
    second, third = issue(2), issue(3, state=IssueState.CANCELLED)
    dead = "dead@example.org"
    disabled = OmittedRecord("发", "收文", "丙公司", "c@example.org", "disabled", "停用")
    return [
        Kept(
            FIRST, [delivery(1, State.SENT, ALPHA, seconds=80), delivery(2, State.FAILED, BETA, address=dead, **FULL)]
        ),
        Kept(
            second,
            [
                delivery(3, State.SENT, ALPHA, of=second, seconds=200),
                delivery(4, State.BOUNCED, BETA, of=second, address=dead, **REFUSED),
            ],
            [disabled],
        ),
        Kept(third, [delivery(5, State.CANCELLED, ALPHA, of=third)]),
    ]


@pytest.fixture
def july(ledger: Database) -> Database:
    accounts.store_all(ledger, three_issues())
    return ledger


def table(text: str, first: str) -> list[list[str]]:
    """The table whose heading begins with *first*, as words."""
    lines = text.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.split()[:1] == [first])
    rows = []
    for line in lines[begin:]:
        if not line.strip():
            break
        rows.append(re.split(r" {2,}", line.strip()))
    return rows


def test_a_period_of_cancelled_issues_alone_is_not_called_empty(site: Site, ledger: Database) -> None:
    accounts.store_all(ledger, three_issues()[2:])
    out = site.run("report", "--period", "2026-07").out
    assert out.startswith("1 issue was cancelled and counts in no sum.\n")


def test_a_period_at_a_glance(site: Site, july: Database) -> None:
    ran = site.run("report", "--period", "2026-07")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[:2] == [
        "《园区工作简报》, 2026-07: 2 issues, 4 letters, 2 of them sent (50.0 %).",
        "1 issue was cancelled and counts in no sum.",
    ]
    assert table(ran.out, "issue") == [
        ["issue", "opened", "letters", "sent", "failed", "bounced", "uncertain", "(disabled)", "95 % after"],
        ["1", "2026-07-01 10:00", "2", "1", "1", "0", "0", "0", "1 min 20 s"],
        ["2", "2026-07-02 10:00", "2", "1", "0", "1", "0", "1", "3 min 20 s"],
        ["all", "4", "2", "1", "1", "0", "1"],
    ]
    after = ran.out[ran.out.index("Cancelled:") :]
    assert table(after, "issue")[1] == ["3", "2026-07-03 10:00", "1", "0", "0", "0", "1"]
    assert "市甲局" not in ran.out, "nobody asked for units"


def test_the_trend_in_bars(site: Site, july: Database) -> None:
    out = site.run("report", "--period", "2026-07").out
    assert [re.split(r" {2,}", line.strip()) for line in out[out.index("From 1 to 2:") :].splitlines()[1:4]] == [
        ["letters", "██", "2"],
        ["not sent", "██", "1"],
        ["95 % after", "▄█", "1 min 20 s to 3 min 20 s"],
    ]


def test_addresses_that_failed_repeatedly(site: Site, july: Database) -> None:
    out = site.run("report", "--period", "2026-07").out
    assert out[out.index("Addresses that failed") :].splitlines() == [
        "Addresses that failed repeatedly:",
        "  dead@example.org  市乙局  failed in 2 of 2 issues, last in 2",
        "      The recipient's mailbox is full. (×1) The relay took it, but the far side sent it back. (×1)",
        "      550 5.1.1 [2JUser | unknown",
    ]


def test_units_the_worst_first_and_those_that_got_nothing(site: Site, july: Database) -> None:
    out = site.run("report", "--period", "2026-07", "--units").out
    assert "3 units: 1 with every letter, 0 with some, 2 with none." in out
    assert table(out, "unit") == [
        [
            "unit", "issues", "letters", "sent", "failed", "bounced", "uncertain", "(disabled)", "half after",
            "95 % after", "last issue",
        ],
        ["市乙局", "0/2", "2", "0", "1", "1", "0", "0"],
        ["丙公司", "0/0", "0", "0", "0", "0", "0", "1"],
        ["市甲局", "2/2", "2", "2", "0", "0", "0", "0", "1 min 20 s", "3 min 20 s", "2"],
    ]  # fmt: skip
    nothing = out[out.index("Units that got nothing:") :].splitlines()
    assert nothing[1:3] == ["  市乙局: 1 failed, 1 bounced", "  丙公司: all its contacts are disabled"]


def test_units_by_name(site: Site, july: Database) -> None:
    out = site.run("report", "--period", "2026-07", "--units", "--sort", "name").out
    assert [row[0] for row in table(out, "unit")[1:]] == sorted(["丙公司", "市甲局", "市乙局"])


def test_of_very_many_units_the_first_are_shown_and_the_others_counted(site: Site, ledger: Database) -> None:
    records = [delivery(n, State.FAILED, (f"单位{n:03}", "收文")) for n in range(1, 206)]
    accounts.store_all(ledger, [Kept(FIRST, records)])
    out = site.run("report", "--period", "2026", "--units").out
    assert len(table(out, "unit")) == 1 + 200 + 1
    assert out.count("  … and 5 more; `--format csv` lists all.") == 2


def test_replaced_letters_and_names_left_out_are_said(site: Site, ledger: Database) -> None:
    left_out = OmittedRecord("", "有关单位", None, None, "unresolved", "")
    records = [delivery(1, State.FAILED, ALPHA), delivery(2, State.SENT, ALPHA, supplement=1)]
    accounts.store_all(ledger, [Kept(FIRST, records, [left_out])])
    out = site.run("report", "--period", "2026-07", "--units").out
    assert "1 letter failed, and everybody whom it serves got one at another address." in out
    assert "1 name of an imprint reached nobody." in out
    assert "1 unit: 1 with every letter, 0 with some, 0 with none." in out


def test_several_bulletins_are_told_apart(site: Site, ledger: Database) -> None:
    other = issue(2, masthead="参阅资料")
    accounts.store_all(ledger, [Kept(FIRST, [delivery(1)]), Kept(other, [delivery(2, of=other)])])
    out = site.run("report", "--period", "2026-07").out
    assert out.startswith("《园区工作简报》《参阅资料》, 2026-07: 2 issues")
    assert [row[:2] for row in table(out, "issue")] == [
        ["issue", "bulletin"], ["1", "园区工作简报"], ["2", "参阅资料"], ["all", "2"],
    ]  # fmt: skip


def test_a_period_without_issues(site: Site, july: Database) -> None:
    ran = site.run("report", "--period", "2019-Q3", "--units")
    assert (ran.code, ran.out) == (0, "No issue was opened in 2019-Q3.\n")


def test_an_issue_opened_just_now_is_of_this_month_and_not_of_the_last(site: Site, ledger: Database) -> None:
    ledgers.open_small(ledger)
    numbers = {name: len(site.run("report", "--period", name, "--json").json["issues"]) for name in RELATIVE}
    assert numbers == RELATIVE


RELATIVE = {"this-month": 1, "this-quarter": 1, "this-year": 1, "last-month": 0, "last-quarter": 0, "last-year": 0}


def test_json(site: Site, july: Database) -> None:
    ran = site.run("report", "--period", "2026-07", "--units", "--json")
    found = ran.json
    assert (ran.code, ran.err, found["schema"]) == (0, "", "distributor.period/1")
    assert found["period"] == {"first": "2026-07-01", "last": "2026-07-31", "timezone": "Asia/Shanghai"}
    assert [each["issue"]["ref"] for each in found["issues"]] == ["1", "2"]
    assert [each["issue"]["state"] for each in found["cancelled"]] == ["cancelled"]
    assert found["totals"] == {
        "letters": 4, "sent": 2, "replaced": 0, "failed": 1, "bounced": 1, "uncertain": 0, "waiting": 0, "withheld": 0,
        "contacts": 4, "contacts_sent": 2, "disabled": 1, "missed": 2,
    }  # fmt: skip
    assert found["trend"][1] == {"name": "2", "letters": 2, "missed": 1, "seconds_to_most": 200.0}
    assert found["failing_total"] == 1
    (failing,) = found["failing"]
    assert [(each["state"], each["reason"], each["issues"]) for each in failing.pop("reasons")] == [
        ("failed", "mailbox-full", 1), ("bounced", "no-such-mailbox", 1),
    ]  # fmt: skip
    assert failing == {
        "address": "dead@example.org", "units": ["市乙局"], "issues": 2, "failed": 2, "last": "2",
        "at": "2026-07-02T02:00:00+00:00", "code": 550, "enhanced": "5.1.1", "reply": REFUSED["reply"],
    }  # fmt: skip
    assert found["nothing"] == ["市乙局", "丙公司"]
    last = found["units"][-1]
    assert (last["unit"], last["issues"], last["issues_sent"], last["last"]) == ("市甲局", 2, 2, "2")
    assert (last["letters"], last["seconds_to_half"], last["seconds_to_most"]) == (2, 80.0, 200.0)


def test_json_of_issues_alone_has_no_units(site: Site, july: Database) -> None:
    assert not {"units", "nothing"} & site.run("report", "--period", "2026-07", "--json").json.keys()


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_csv_has_a_row_for_each_issue_the_cancelled_ones_too(site: Site, july: Database) -> None:
    rows = rows_of(site.run("report", "--period", "2026-07", "--format", "csv").out)
    assert [(row["issue"], row["state"], row["letters"], row["95 % after (s)"]) for row in rows] == [
        ("1", "open", "2", "80.0"), ("2", "open", "2", "200.0"), ("3", "cancelled", "1", ""),
    ]  # fmt: skip


def test_csv_has_a_row_for_each_unit_and_no_formula(site: Site, ledger: Database) -> None:
    accounts.store_all(ledger, [Kept(FIRST, [delivery(1, State.SENT, ("=1+1", "收文"), seconds=3)])])
    (row,) = rows_of(site.run("report", "--period", "2026-07", "--units", "--format", "csv").out)
    assert row["unit"] == "'=1+1"
    assert (row["issues"], row["issues sent"], row["letters"], row["contacts with it"]) == ("1", "1", "1", "1")
    assert (row["half after (s)"], row["last issue"]) == ("3.0", "1")


def cells(text: str, title: str) -> list[list[str]]:
    """The Markdown table under *title*."""
    section = text[text.index(f"## {title}\n") :].split("\n\n")[1]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in section.splitlines()]


def test_markdown_for_a_circular(site: Site, july: Database) -> None:
    out = site.run("report", "--period", "2026-07", "--units", "--format", "md").out
    assert out.startswith("# Distribution of bulletins, 2026-07\n\n《园区工作简报》, 2026-07: 2 issues")
    headings = ["Issues", "Cancelled issues", "Units", "Units that got nothing", "Addresses that failed repeatedly"]
    assert re.findall(r"^## (.*)$", out, re.MULTILINE) == headings
    assert cells(out, "Issues")[1] == ["---", "---", *["--:"] * 7]
    assert cells(out, "Issues")[2][:4] == ["1", "2026-07-01 10:00", "2", "1"]
    assert [row[0] for row in cells(out, "Units")[2:]] == ["市乙局", "丙公司", "市甲局"]
    assert "- 丙公司: all its contacts are disabled\n" in out
    assert cells(out, "Addresses that failed repeatedly")[2][3] == r"550 5.1.1 \[2JUser \| unknown"


def test_markdown_of_many_issues_has_the_months(site: Site, ledger: Database) -> None:
    accounts.store_all(ledger, [Kept(issue(number), []) for number in range(1, 34)])
    rows = cells(site.run("report", "--period", "2026", "--format", "md").out, "By month")
    assert [row[0] for row in rows[2:]] == ["2026-07", "2026-08"]


@pytest.mark.parametrize("form", ["json", "csv", "md", "txt"])
def test_into_a_file(site: Site, july: Database, form: str) -> None:
    name = site.folder / f"july.{form}"
    ran = site.run("report", "--period", "2026-07", "-o", name)
    assert (ran.code, ran.out, ran.err) == (0, "", f"Written: {name}\n")
    shown = site.run("report", "--period", "2026-07", "--format", "table" if form == "txt" else form).out
    assert name.read_bytes().decode() == shown


def test_a_narrow_terminal_gets_a_list(site: Site, july: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distributor.cli.output._WIDTH_OF_FILES", 40)
    out = site.run("report", "--period", "2026-07", "--units").out
    assert "市甲局\n    issues: 2/2; letters: 2; sent: 2; " in out
    assert max(map(len, table(out, "市甲局")[1])) <= 40


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name one ISSUE or one --period"),
        (("1", "--period", "2026"), "name one ISSUE or one --period"),
        (("1", "--units"), "--units and --sort need --period"),
        (("1", "--sort", "name"), "--units and --sort need --period"),
        (("--period", "2026", "--sort", "name"), "--sort needs --units"),
        (("--period", "2026", "--all"), "tell of contacts of one ISSUE"),
        (("--period", "2026", "--unit", "市甲局"), "tell of contacts of one ISSUE"),
        (("--period", "July"), "'July' is no period"),
        (("--period", "2026", "--format", "xlsx"), "a period is not written as xlsx"),
    ],
)
def test_what_cannot_be_asked_for(site: Site, july: Database, arguments: Sequence[str], said: str) -> None:
    ran = site.run("report", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_the_period_is_the_site_s_and_not_the_machine_s(site: Site, july: Database) -> None:
    """Issue 1 was opened at 02:00 UTC on the first of July."""
    site.setting(TZ="America/Los_Angeles")
    assert [each["issue"]["ref"] for each in site.run("report", "--period", "2026-06", "--json").json["issues"]] == [
        "1"
    ]


class Foreign(gettext.NullTranslations):
    """A language that has 字 for every Latin letter."""

    def gettext(self, message: str) -> str:
        return re.sub(r"\{.*?\}|[A-Za-z]", lambda found: found[0] if found[0][0] == "{" else "字", message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid2)


@pytest.mark.parametrize("arguments", ["table", "csv", "md", "table --units", "csv --units", "md --units"])
def test_every_word_is_in_the_reader_s_language(
    site: Site, july: Database, arguments: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(i18n, "_active", Foreign())
    out = site.run("report", "--period", "2026-07", "--format", *arguments.split()).out
    data = {"dead", "example", "org", "JUser", "unknown"}
    assert set(re.findall(r"[A-Za-z]+", out)) <= data
