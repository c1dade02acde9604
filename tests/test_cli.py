"""The command line itself: streams that fail, errors for programs, slips of the person who types, narrow terminals."""

import datetime as dt
import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from rich.cells import cell_len
from rich.console import Console

from distributor import i18n, words
from distributor.cli.overview import page
from distributor.delivery.ledger import queries
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import State
from distributor.distribution.glance import Glance, Seen
from distributor.report.standing import Standing
from distributor.settings import load
from tests.sites import BULLETIN, ROOT, Site

FULL = Path("/dev/full")

# Output that cannot be shown


def shell(site: Site, redirections: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, with *redirections* of the shell."""
    if str(FULL) in redirections and not FULL.exists():
        pytest.skip("there is no /dev/full on this system")
    command = ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m", "distributor", *arguments]
    return subprocess.run(command, cwd=site.folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def ended_pipe() -> Iterator[int]:
    """Where nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("redirections", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_stream_that_is_closed_or_full_does_not_stop_a_delivery(site: Site, redirections: str) -> None:
    ran = shell(site, redirections, "send", "60.txt", "--yes")
    assert ran.returncode == 0
    assert "Traceback" not in ran.stderr
    assert len(site.letters()) == 6
    assert site.run("status", "60", "--json").json["issues"][0]["standing"] == "complete"


@pytest.mark.parametrize("streams", [("stdout",), ("stderr",), ("stdout", "stderr")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_ends_does_not_stop_a_delivery(
    site: Site, ended_pipe: int, streams: tuple[str, ...], unbuffered: str
) -> None:
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | dict.fromkeys(streams, ended_pipe)
    environment = dict(os.environ) | {"PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "distributor", "send", "60.txt", "--yes"]
    ran = subprocess.run(command, cwd=site.folder, env=environment, text=True, check=False, timeout=60, **output)  # type: ignore[call-overload]
    assert ran.returncode == 0
    assert "Broken" not in (ran.stderr or "")
    assert len(site.letters()) == 6


def test_the_true_code_of_a_delivery_is_not_lost_with_its_words(site: Site) -> None:
    site.setting(RELAY="smtp://127.0.0.1:1", RETRY_FIRST=3000, WAIT=0)
    assert shell(site, ">/dev/full 2>&1", "send", "60.txt", "--yes").returncode == 4


def test_an_account_that_could_not_be_written_is_said_and_the_delivery_was_well(site: Site) -> None:
    ran = shell(site, ">/dev/full", "send", "60.txt", "--yes", "--json")
    assert ran.returncode == 0
    assert ran.stderr.count("the result could not be written: No space left on device") == 1
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "arguments", [["report", "60"], ["report", "60", "--format", "csv"], ["status"], ["check", "60.txt"]]
)
def test_what_only_shows_has_failed_where_it_cannot_show(site: Site, arguments: list[str]) -> None:
    site.send()
    ran = shell(site, ">/dev/full", *arguments)
    assert ran.returncode == 3
    assert ran.stderr.count("the result could not be written: No space left on device") == 1
    assert "Traceback" not in ran.stderr


def test_the_ledger_is_never_opened_in_the_place_of_a_closed_stream(site: Site) -> None:
    """The lowest free number is the next file's, and what is shown on it would be written into that."""
    look = "import os; from distributor.cli import run; run(['--version']); print(os.open('60.txt', os.O_RDONLY))"
    command = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", sys.executable, "-c", look]
    ran = subprocess.run(command, cwd=site.folder, capture_output=True, text=True, check=True)
    assert int(ran.stdout.split()[-1]) > 2


def test_nobody_can_be_asked_where_the_input_is_closed(site: Site) -> None:
    ran = shell(site, "<&-", "send", "60.txt")
    assert ran.returncode == 2
    assert "nobody can be asked here" in ran.stderr


# Errors of the system


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "as the system says", "a.file")

    monkeypatch.setattr(queries, "progress_of_all", full)


@pytest.mark.usefixtures("full_disk")
def test_an_error_that_nobody_foresaw_is_one_sentence(site: Site) -> None:
    ran = site.run("status")
    assert ran.code == 3
    assert ran.err == "✗ a.file: the system refuses: No space left on device\n"


def test_the_system_s_words_are_translated_and_rare_ones_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n._active, "gettext", lambda message: f"«{message}»")
    assert words.why(OSError(errno.ENOENT, "?", "f")) == "«No such file or directory»"
    assert words.why(OSError(errno.EXDEV, "Invalid cross-device link", "f")) == "Invalid cross-device link"
    assert words.why(OSError("no number")) == "no number"


@pytest.mark.parametrize("module", ["distributor.i18n", "distributor.cli", "distributor.cli.root"])
def test_ctrl_c_while_the_program_is_being_loaded(site: Site, module: str) -> None:
    program = f"""
import sys
from distributor.__main__ import main
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
main()
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == "\nStopped; nothing was done.\n"
    assert not (site.folder / "outbox").exists()


# Errors for programs


@pytest.mark.parametrize(
    ("arguments", "outcome", "code"),
    [
        (["report", "999"], 2, "no-issue"),
        (["status", ""], 2, "no-issue"),
        (["send", "nosuch.txt"], 2, "unreadable-bulletin"),
        (["send"], 2, "usage"),
        (["report", "999", "--format", "csv"], 2, "usage"),
        (["sned"], 2, "usage"),
        (["--site", "nowhere", "status"], 3, "no-site"),
    ],
)
def test_a_failure_is_a_document_where_json_is_asked_for(
    site: Site, arguments: list[str], outcome: int, code: str
) -> None:
    ran = site.run(*arguments, "--json")
    assert (ran.code, ran.json["schema"], ran.json["outcome"]) == (outcome, "distributor.error/1", outcome)
    assert [finding["code"] for finding in ran.json["findings"]] == [code]
    assert ran.err
    assert site.run(*arguments).out == ""


def test_a_no_is_a_document_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(click, "confirm", lambda *_arguments, **_options: False)
    ran = site.run("send", site.bulletin, "--json")
    assert (ran.code, [finding["code"] for finding in ran.json["findings"]]) == (2, ["declined"])
    assert ran.err.endswith("Nothing was done.\n")
    assert site.run("status", "--json").json["issues"] == []


def test_a_check_that_finds_faults_keeps_its_own_document(site: Site) -> None:
    ran = site.run("check", site.write_bulletin("b.txt", text="nothing\n"), "--json")
    assert (ran.code, json.loads(ran.out)["schema"]) == (2, "distributor.check/1")


@pytest.mark.usefixtures("full_disk")
def test_an_error_of_the_system_is_a_document_too(site: Site) -> None:
    ran = site.run("status", "--json")
    assert (ran.json["outcome"], ran.json["findings"][0]["file"]) == (3, "a.file")


# Slips of the person who types


def test_a_command_that_is_misspelt(site: Site) -> None:
    assert "There is no command 'sned'. Did you mean `send`?" in site.run("sned").err
    assert "Did you mean" not in site.run("xyzzy").err


def test_one_form_of_report_at_a_time(site: Site) -> None:
    site.send()
    ran = site.run("report", "60", "--json", "--format", "csv")
    assert (ran.code, "not both" in ran.err) == (2, True)


def test_an_issue_without_a_name_is_none(site: Site) -> None:
    site.send()
    assert (site.run("status", "").code, site.run("status").code) == (2, 0)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("command", ["check", "preview", "send"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_pipe, "a pipe or device, not a file"),
        (make_link_to_device, "a pipe or device, not a file"),
        (Path.mkdir, "cannot be opened: Is a directory"),
    ],
)
def test_a_bulletin_that_is_no_file(site: Site, command: str, make: Callable[[Path], None], said: str) -> None:
    make(site.folder / "b.txt")
    ran = site.run(command, site.folder / "b.txt")
    assert ran.code == 2
    assert said in ran.err


@pytest.mark.parametrize("command", ["check", "preview"])
def test_a_bulletin_that_may_not_be_read_is_told_in_our_words(
    site: Site, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so it is the system's answers that are played."""
    opened = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == site.bulletin:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "access", lambda *_arguments, **_options: False)
    monkeypatch.setattr(Path, "open", refuse)
    ran = site.run(command, site.bulletin)
    assert (ran.code, "the bulletin cannot be opened: Permission denied" in ran.err) == (2, True)


# What comes next


def test_check_says_that_send_will_ask(site: Site) -> None:
    ran = site.run("check", site.write_bulletin(text="内部\n\n" + BULLETIN))
    assert ran.code == 0
    assert "It can be sent; `send` will ask you to confirm what is marked ?." in ran.err


def test_preview_says_what_comes_next(site: Site, tmp_path: Path) -> None:
    bulletin = site.write_bulletin("six ty.txt")
    ran = site.run("preview", bulletin, "-o", tmp_path / "out")
    assert f"distributor send '{bulletin}' --to-self ADDRESS" in ran.err
    assert all(Path(line).is_file() for line in ran.out.splitlines())


def test_report_says_what_it_has_written(site: Site, tmp_path: Path) -> None:
    site.send()
    out = tmp_path / "account.csv"
    assert f"Written: {out}" in site.run("report", "60", "--format", "csv", "-o", out).err
    assert out.stat().st_size
    ran = site.run("report", "60", "--format", "csv", "-o", tmp_path / "none" / "account.csv")
    assert (ran.code, "the file cannot be written: No such file or directory" in ran.err) == (2, True)


# Narrow terminals


def issue(masthead: str = "某某经济技术开发区工作简报") -> IssueRecord:
    values: dict[str, Any] = dict.fromkeys(IssueRecord.__dataclass_fields__)
    values |= {"id": 1, "masthead": masthead, "total_number": 60, "sequence": 1, "state": IssueState.OPEN}
    values |= {"unresolved": (), "opened_at": dt.datetime(2026, 3, 5, 4, 0, tzinfo=dt.UTC)}
    values |= {"repeated": False, "ambiguous": False}
    return IssueRecord(**values)


def shown(site: Site, width: int, masthead: str = "某某经济技术开发区工作简报") -> list[str]:
    progress = Progress({"送": {State.SENT: 12, State.DEFERRED: 3}}, dt.datetime(2026, 3, 5, 5, 0, tzinfo=dt.UTC))
    file = io.StringIO()
    console = Console(file=file, width=width, markup=False, highlight=False, emoji=False)
    seen = [Seen(issue(masthead), progress, Standing.WAITING)] * 2
    console.print(page(Glance(tuple(seen), ()), load(site.folder), console, detailed=False))
    lines = file.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    return lines


@pytest.mark.parametrize(("width", "bar"), [(160, True), (80, False), (60, False), (40, False)])
def test_status_gives_up_its_bars_first_and_never_its_dates(site: Site, width: int, bar: bool) -> None:
    text = "\n".join(shown(site, width))
    assert ("━" in text) is bar
    assert text.count("2026-03-05 12:00") == 2
    assert text.count("12/15") == 2
    assert "…" not in text


def test_status_folds_a_long_name_where_it_is_a_table(site: Site) -> None:
    lines = shown(site, 80)
    assert lines[0].split() == ["issue", "bulletin", "opened", "sent", "standing", "trouble"]
    assert "某某经济技术开发区工作简报" not in "\n".join(lines)
    assert {"某某经济技术开", "发区工作简报"} <= set("\n".join(lines).split())


def test_status_is_a_list_on_a_telephone_s_screen(site: Site) -> None:
    lines = shown(site, 40)
    assert lines[0].split() == ["issue", "60"]
    assert [line.split() for line in lines].count(["opened", "2026-03-05", "12:00"]) == 2


def test_status_starts_without_what_only_others_need() -> None:
    code = (
        "import sys; import distributor.cli.status\n"
        "print({'sqlalchemy.dialects.postgresql', 'distributor.delivery.channels.smtp', 'alembic'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
