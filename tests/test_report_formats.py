"""The formats of a report and the files they go into."""

import csv
import errno
import io
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from distributor.delivery.ledger.database import Database
from tests import ledgers
from tests.sites import Site


@pytest.fixture(autouse=True)
def ledger(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Issue 60 to three units, one of which has a name like a formula; and the site as the working directory."""
    monkeypatch.chdir(site.folder)
    people = [ledgers.candidate(1), ledgers.candidate(2, unit="=SUM(A1)"), ledgers.candidate(3, disabled="停用")]
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as database:
        ledgers.open_to(database, people)
        yield database


def test_everybody_in_a_spreadsheet(site: Site) -> None:
    ran = site.run("report", "60", "--format", "csv")
    assert ran.code == 4
    assert ran.out.startswith("\ufeffgroup,audience,unit,")
    rows = list(csv.DictReader(io.StringIO(ran.out.removeprefix("\ufeff"))))
    assert [(row["unit"], row["state"], row["attempts"], row["code"]) for row in rows] == [
        ("单位1", "queued", "0", ""), ("'=SUM(A1)", "queued", "0", ""), ("单位3", "disabled", "", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (["-o", "a.csv"], "\ufeffgroup,audience"),
        (["-o", "a.CSV"], "\ufeffgroup,audience"),
        (["-o", "a.json"], '{\n  "schema": "distributor.report/1"'),
        (["-o", "a.md"], "# 《园区工作简报》"),
        (["-o", "a.txt"], "《园区工作简报》"),
        (["-o", "a.xlsx", "--json"], '{\n  "schema"'),
        (["-o", "a.xlsx", "--format", "csv"], "\ufeffgroup"),
        (["-o", "account", "--format", "md"], "# 《"),
        (["-o", "account", "--format", "table"], "《"),
    ],
)
def test_the_ending_says_what_is_written_unless_format_does(site: Site, arguments: list[str], begins: str) -> None:
    ran = site.run("report", "60", *arguments)
    assert (ran.code, ran.out) == (4, "")
    assert f"Written: {arguments[1]}" in ran.err
    assert Path(arguments[1]).read_text("utf-8").startswith(begins)


@pytest.mark.parametrize("form", ["csv", "md", "table"])
@pytest.mark.parametrize("filters", [[], ["--all"], ["--unit", "单位1"]])
def test_a_file_gets_what_would_be_shown(site: Site, form: str, filters: list[str]) -> None:
    shown = site.run("report", "60", "--format", form, *filters).out
    site.run("report", "60", "--format", form, *filters, "-o", "account")
    assert Path("account").read_bytes().replace(b"\r\n", b"\n") == shown.replace("\r\n", "\n").encode()


@pytest.mark.parametrize("form", ["csv", "json", "md", "table"])
def test_a_dash_is_stdout(site: Site, form: str) -> None:
    ran = site.run("report", "60", "--format", form, "-o", "-")
    assert ran.out
    assert ran.err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "account.pdf"], "its ending is none of .txt .json .csv .xlsx"),
        (["-o", "account"], "its ending is none of"),
        (["--format", "pdf"], "'pdf' is not one of"),
        (["--json", "--format", "md"], "not both"),
        (["-o", "none/account.csv"], "the file cannot be written: No such file or directory"),
        (["-o", "none/account.xlsx"], "the file cannot be written: No such file or directory"),
        (["--csv"], "No such option"),
    ],
)
def test_what_cannot_be_written_is_told(site: Site, arguments: list[str], said: str) -> None:
    before = sorted(site.folder.iterdir())
    ran = site.run("report", "60", *arguments)
    assert ran.code == 2
    assert said.casefold() in ran.err.casefold()
    assert "--json" in arguments or ran.out == ""
    assert sorted(site.folder.iterdir()) == before


@pytest.mark.parametrize("arguments", [["-o", "."], ["-o", ".", "--format", "xlsx"]])
def test_a_folder_is_no_file(site: Site, arguments: list[str]) -> None:
    assert site.run("report", "60", *arguments, "--format", "csv").code == 2


def test_a_workbook_is_not_thrown_at_a_terminal(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for arguments in (["--format", "xlsx"], ["--format", "xlsx", "-o", "-"]):
        ran = site.run("report", "60", *arguments)
        assert (ran.code, "into a file with -o" in ran.err, ran.out) == (2, True, "")
    assert site.run("report", "60", "--format", "csv").out


def test_a_workbook_goes_through_a_pipe(site: Site) -> None:
    with site.start("report", "60", "--format", "xlsx") as running:
        assert running.stdout is not None
        received = running.stdout.buffer.read()
    assert running.returncode == 4
    book = openpyxl.load_workbook(io.BytesIO(received))
    assert book["Contacts"]["C2"].value == "单位1"


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.md", "a.json", "a.txt"])
def test_a_file_that_exists_is_replaced_and_keeps_its_mode(site: Site, name: str) -> None:
    Path(name).write_text("x" * 100_000)
    os.chmod(name, 0o640)
    inode = Path(name).stat().st_ino
    assert site.run("report", "60", "-o", name).code == 4
    found = Path(name).stat()
    assert (stat.S_IMODE(found.st_mode), found.st_ino != inode) == (0o640, True)
    assert b"xxx" not in Path(name).read_bytes()


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.md", "a.json"])
def test_after_a_fault_the_file_is_as_it_was(site: Site, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(name).write_text("before")

    def full(*_record: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    for explaining in ("telling", "explain"):
        monkeypatch.setattr(f"distributor.report.tables.{explaining}", full)
    before = sorted(site.folder.iterdir())
    ran = site.run("report", "60", "--all", "-o", name)
    assert ran.code == 2
    assert "No space left on device" in ran.err
    assert Path(name).read_text() == "before"
    assert sorted(site.folder.iterdir()) == before


def test_a_text_in_a_file_has_no_colours(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    site.run("report", "60", "--all", "-o", "a.txt")
    assert "\x1b" not in Path("a.txt").read_text("utf-8")


def test_the_help_names_the_formats(site: Site) -> None:
    out = " ".join(site.run("report", "--help").out.split())
    assert "[table|json|csv|xlsx|html|md]" in out
