"""`distributor ledger export`: the whole account, the same bytes for the same account; `verify` finds it whole."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from distributor.delivery.ledger import accounts, acts
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.opening import add_supplement
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.states import Event, State
from distributor.render.message import CompiledLetter
from tests import ledgers
from tests.sites import Site
from tests.smtpd import Do, Smtpd
from tests.test_retention import age, settle

A, B, C = "a@alpha.example.org", "b2@beta.example.org", "c@gamma.example.com"


@pytest.fixture
def ledger(site: Site) -> Iterator[Database]:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as database:
        yield database


def lines(path: Path, table: str) -> list[dict[str, Any]]:
    with ZipFile(path) as archive:
        return [json.loads(line) for line in archive.read(f"{table}.jsonl").splitlines()]


def export(site: Site, path: Path, *arguments: str) -> Any:
    ran = site.run("ledger", "export", "60", "-o", path, *arguments)
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture
def sent(site: Site, smtpd: Smtpd, tmp_path: Path) -> Site:
    """An issue with an attachment that went over a relay which refused, put off and dropped; and what people did."""
    site.setting(RELAY=f"smtp://{smtpd.relay}", RETRY_FIRST=1, WAIT=30)
    smtpd.on("rcpt", "550 5.1.1 no such user", to=B)
    smtpd.on("rcpt", "451 4.7.1 greylisted", to=A, times=1)
    smtpd.on("dot", Do.DROP, to=C, times=1)
    path = site.folder / "recipients.yaml"
    text = path.read_text("utf-8").replace("email: d@delta.example.com", "email: d@delta.example.com, disabled: 请假")
    path.write_text(text, "utf-8")
    attachment = tmp_path / "附件 1.TXT"
    attachment.write_bytes(b"attached")
    site.send("--attach", attachment)
    site.run("resolve", "60", "--sent", C, "--reason", "电话")
    site.run("resend", "60", "--failed", "--yes", "--reason", "再试")
    return site


def test_everything_is_in_it(sent: Site, smtpd: Smtpd, tmp_path: Path) -> None:
    path = tmp_path / "60.zip"
    document = export(sent, path, "--json").json
    assert (document["schema"], document["issue"]["ref"]) == ("distributor.export/1", "60")
    assert document["rows"] == {"letters": 2, "deliveries": 5, "served": 5, "events": 10, "omitted": 1}
    by_address = {row["address"]: row for row in lines(path, "deliveries")}
    assert {address: row["state"] for address, row in by_address.items()} == {
        A: "sent", B: "failed", C: "sent", "b@beta.example.org": "sent", "e@epsilon.example.com": "sent",
    }  # fmt: skip
    assert by_address[A]["fields"]["unit"] == "市甲局"
    assert by_address[A]["waiting_since"].endswith("+00:00")
    assert {row["unit"] for row in lines(path, "served")} == {"市甲局", "市乙局", "丙公司", "戊公司"}
    kinds = [(row["delivery_id"], row["kind"]) for row in lines(path, "events")]
    assert kinds[0] == (None, "opened")
    assert [kind for owner, kind in kinds if owner == by_address[B]["id"]] == ["refuse", "resend", "refuse"]
    assert [kind for owner, kind in kinds if owner == by_address[C]["id"]] == ["lose", "resolve"]
    assert [row["detail"] for row in lines(path, "omitted")] == ["请假"]
    with ZipFile(path) as archive:
        head = json.loads(archive.read("issue.json"))
        assert archive.read("bulletin.txt") == sent.bulletin.read_bytes()
        assert archive.read("attachments/0001.txt") == b"attached"
        assert set(json.loads(archive.read("sources.json"))) == {"templates", "groups"}
    assert head["attachments"] == [
        {"file": "attachments/0001.txt", "filename": "附件 1.TXT", "content_type": "text/plain"}
    ]
    assert head["states"] == {"发": {"sent": 2}, "送": {"failed": 1, "sent": 2}}
    assert (head["deliveries"], head["issue"]["masthead"]) == (5, "园区工作简报")
    letters = [CompiledLetter.from_bytes(base64.b64decode(row["compiled"])) for row in lines(path, "letters")]
    assert len(letters) == 2


def test_it_verifies_where_there_is_no_site(sent: Site, tmp_path: Path) -> None:
    path = tmp_path / "60.zip"
    digest = export(sent, path, "--json").json["manifest_sha256"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "distributor", "ledger", "verify", str(path), "--json"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DISTRIBUTOR_")}
    ran = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False, env=environ)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert (document["schema"], document["manifest_sha256"]) == ("distributor.verify/1", digest)
    assert document["rows"]["deliveries"] == 5
    assert "Whole, and it agrees with itself: issue 60" in ran.stderr


def test_the_same_account_gives_the_same_bytes(sent: Site, ledger: Database, tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{name}.zip" for name in "abc")
    export(sent, first)
    ledgers.open_small(ledger, 2, 61)
    export(sent, second)
    assert first.read_bytes() == second.read_bytes()
    acts.resend(ledger, 1, [State.FAILED], actor=ledgers.PERSON, reason="")
    export(sent, third)
    assert first.read_bytes() != third.read_bytes()


def test_others_have_no_part_in_it(site: Site, ledger: Database, tmp_path: Path) -> None:
    """Also where their deliveries lie between."""
    ledgers.open_small(ledger, 2, 60)
    ledgers.open_small(ledger, 3, 61)
    with Staging([ledgers.candidate(9)]) as staging:
        letters = {letter.group: letter for letter in ledgers.letters_for(staging)}
        add_supplement(ledger, 1, letters.values(), staging, ledgers.PERSON)
    settle(ledger, *[Event.ACCEPTED] * 6)
    export(site, tmp_path / "60.zip")
    assert [row["id"] for row in lines(tmp_path / "60.zip", "deliveries")] == [1, 2, 6]
    assert {row["issue_id"] for row in lines(tmp_path / "60.zip", "events")} == {1}
    assert {row["delivery_id"] for row in lines(tmp_path / "60.zip", "served")} == {1, 2, 6}
    assert site.run("ledger", "verify", tmp_path / "60.zip").code == 0


EVERY_EVENT = [Event.ACCEPTED, Event.REFUSE, Event.LOSE, Event.DEFER]


@pytest.mark.parametrize("decision", [None, "paused", "cancelled", "resend", "swept"])
def test_whatever_an_issue_has_been_through_it_agrees_with_itself(
    site: Site, ledger: Database, tmp_path: Path, decision: str | None
) -> None:
    issue = ledgers.open_small(ledger, 8)
    settle(ledger, *EVERY_EVENT)
    if decision == "paused":
        acts.pause(ledger, issue.id, actor=ledgers.PERSON, reason="")
    elif decision == "cancelled":
        acts.cancel(ledger, issue.id, actor=ledgers.PERSON, reason="")
    elif decision == "resend":
        acts.resend(ledger, issue.id, [State.FAILED, State.UNCERTAIN], actor=ledgers.PERSON, reason="")
        settle(ledger, *EVERY_EVENT)
    elif decision == "swept":
        _lease, claimed = ledgers.claimed(ledger, 100, seconds=-1)
        ledgers.mark(ledger, claimed[0])
        ledgers.sweep(ledger)
        late = ledgers.result(claimed[0])
        ledgers.record(ledger, late)
    path = tmp_path / "60.zip"
    export(site, path)
    ran = site.run("ledger", "verify", path)
    assert ran.code == 0, ran.err


def test_what_was_pruned_is_exported_as_it_is(site: Site, ledger: Database, tmp_path: Path) -> None:
    ledgers.open_small(ledger, 4)
    settle(ledger, *[Event.ACCEPTED] * 3, Event.REFUSE)
    age(ledger)
    site.run("ledger", "prune", "--older-than", "2y", "--yes")
    path = tmp_path / "60.zip"
    export(site, path)
    assert site.run("ledger", "verify", path).code == 0
    assert {row["fields"] for row in lines(path, "deliveries")} == {None}


def test_over_each_database_it_is_the_same(ledger_url: str) -> None:
    with ledgers.opened(ledger_url) as database:
        issue = ledgers.open_small(database, 3)
        settle(database, Event.ACCEPTED, Event.REFUSE, Event.DEFER)
        with database.read() as connection:
            found = {name: list(table()) for name, table in accounts.tables(connection, issue.id).items()}
            counted = accounts.counted(connection, issue.id)
            head = accounts.issue_row(connection, issue.id)
    assert counted.states == {"送": {"deferred": 1, "failed": 1, "sent": 1}}
    assert [row["id"] for row in found["deliveries"]] == [1, 2, 3]
    assert [row["delivery_id"] for row in found["events"]] == [None, 1, 2, 3]
    assert found["letters"][0]["per_recipient"] is False
    assert head["unresolved"] == []
    assert json.loads(json.dumps([found, head])) == [found, head]


# Files


def test_only_we_can_read_it_and_nothing_is_overwritten(sent: Site, tmp_path: Path) -> None:
    path = tmp_path / "60.zip"
    export(sent, path)
    assert path.stat().st_mode & 0o77 == 0
    before = path.read_bytes()
    ran = sent.run("ledger", "export", "60", "-o", path, "--json")
    assert (ran.code, ran.json["findings"][0]["code"]) == (2, "file-exists")
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_a_folder_that_is_not_there_is_one_sentence(sent: Site, tmp_path: Path) -> None:
    ran = sent.run("ledger", "export", "60", "-o", tmp_path / "nowhere" / "60.zip", "--json")
    assert (ran.code, ran.json["findings"][0]["code"]) == (2, "unwritable-file")


def test_an_unknown_issue_leaves_no_file(site: Site, tmp_path: Path) -> None:
    site.send()
    assert site.run("ledger", "export", "99", "-o", tmp_path / "99.zip").code == 2
    assert not (tmp_path / "99.zip").exists()


def test_memory_does_not_grow_with_the_issue(site: Site, ledger: Database, tmp_path: Path) -> None:
    """Tens of thousands of letters in a few megabytes more than ten."""

    def most(*arguments: str) -> int:
        code = "import resource, sys; from distributor.cli import run; run(sys.argv[1:]);"
        code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        ran = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=site.folder, capture_output=True, text=True, check=True
        )
        return int(ran.stderr.split()[-1])

    ledgers.open_small(ledger, 10, 60)
    ledgers.open_small(ledger, 40_000, 61)
    small, large = (str(tmp_path / name) for name in ("small.zip", "large.zip"))
    assert most("ledger", "export", "61", "-o", large) < most("ledger", "export", "60", "-o", small) + 20_000
    assert most("ledger", "verify", large) < most("ledger", "verify", small) + 20_000
