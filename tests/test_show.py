"""`distributor show`: one letter's whole story, over a relay whose every answer is scripted."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from distributor.delivery.ledger import flows
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.flow import FlowKey, FlowKind
from tests import ledgers
from tests.sites import Site, parse, texts
from tests.smtpd import Do, Smtpd

A, B, C = "a@alpha.example.org", "b2@beta.example.org", "c@gamma.example.com"


@pytest.fixture
def relayed(site: Site, smtpd: Smtpd) -> Site:
    """A site whose letters go to the scripted server, with short waits between attempts."""
    site.setting(RELAY=f"smtp://{smtpd.relay}", RETRY_FIRST=1, WAIT=30)
    return site


def story(site: Site, address: str, issue: str = "60") -> dict[str, Any]:
    found: dict[str, Any] = site.run("show", issue, address, "--json").json
    return found


def steps(site: Site, address: str) -> list[tuple[str, str | None]]:
    return [(step["what"], step["state"]) for step in story(site, address)["steps"]]


# What happened


def test_every_attempt_with_its_answer_and_its_times(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("rcpt", "451 4.7.1 greylisted, come back", to=C, times=1)
    before = dt.datetime.now(dt.UTC)
    assert relayed.send().code == 0
    found = story(relayed, C)
    assert found["schema"] == "distributor.show/1"
    assert found["delivery"]["state"] == "sent"
    assert found["delivery"]["serves"] == [
        {"audience": "各会员单位", "unit": "丙公司", "contact": "收文1", "role": None}
    ]
    assert (found["delivery"]["group"], found["subject"], found["outcome"]) == (
        "发",
        "园区工作简报 第4期（总第60期）",
        0,
    )
    opened, put_off, sent = found["steps"]
    assert [step["what"] for step in found["steps"]] == ["opened", "defer", "accepted"]
    assert (put_off["phase"], put_off["code"], put_off["enhanced"]) == ("rcpt", 451, "4.7.1")
    assert put_off["reply"] == "greylisted, come back"
    assert put_off["reason"] == "greylisted"
    assert (sent["phase"], sent["code"], sent["reason"], sent["attempt"]) == ("dot", 250, "sent", 2)
    assert sent["reply"].startswith("queued as")
    assert put_off["relay"] == sent["relay"] == str(smtpd.relay)
    times = [dt.datetime.fromisoformat(at) for step in (put_off, sent) for at in (step["began"], step["at"])]
    opened_at = dt.datetime.fromisoformat(opened["at"])
    assert [before, opened_at, *times] == sorted([before, opened_at, *times])


def test_for_people_it_is_told_in_local_time_with_the_server_s_own_words(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("rcpt", "550-5.1.1 no such user\r\n550 5.1.1 \x1b[2Jask the postmaster", to=B)
    relayed.send()
    ran = relayed.run("show", "60", B.upper())
    assert ran.code == 1
    assert "for: 市乙局 收文2  有关部门" in ran.out
    assert "failed: There is no such mailbox." in ran.out
    assert "`distributor resend 60 --missing`" in ran.out
    assert "rcpt: 550 5.1.1 no such user\n" in ran.out
    assert "ask the postmaster" in ran.out
    assert "\x1b[2J" not in ran.out
    step = story(relayed, B)["steps"][-1]
    local = dt.datetime.fromisoformat(step["at"]).astimezone(dt.timezone(dt.timedelta(hours=8)))
    assert f"{local:%H:%M:%S}" in ran.out
    assert f"Attempt 1 by {smtpd.relay}: failed (worker " in ran.out


def test_what_people_did_is_part_of_it(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("dot", Do.DROP, to=C, times=1)
    smtpd.on("rcpt", "550 5.7.1 not today", to=A, times=1)
    relayed.send()
    assert steps(relayed, C) == [("opened", None), ("lose", "uncertain")]
    assert relayed.run("resolve", "60", "--sent", C, "--reason", "电话").code == 0
    assert steps(relayed, C)[-1] == ("resolve", "sent")
    assert "电话" in story(relayed, C)["steps"][-1]["sentence"]
    relayed.run("resend", "60", "--failed", "--yes", "--reason", "已说明")
    assert [what for what, _state in steps(relayed, A)] == ["opened", "refuse", "resend", "accepted"]
    reasons = [step["reason"] for step in story(relayed, A)["steps"]]
    assert reasons == [None, "policy", None, "sent"], (
        "judged again from its words: the ledger keeps the last slug alone"
    )


def test_what_befell_its_issue_or_destination_while_it_waited(site: Site) -> None:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as ledger:
        issue = ledgers.open_to(ledger, [ledgers.candidate(1), ledgers.candidate(2, email="a@other.example")])
        sent_and_done(ledger, 2)
        block(ledger, "example.org")
        block(ledger, "far.example")
        site.run("pause", "60", "--reason", "等通知")
        site.run("resume", "60")
        flows.release(ledger, FlowKey(FlowKind.DESTINATION, "example.org"), ["example.org"], actor=ledgers.PERSON)
        site.run("cancel", "60", "--reason", "停发", "--yes")
        site.run("resend", "60", "--failed", "--yes")
        del issue
    kinds = [what for what, _state in steps(site, "office1@example.org")]
    assert [kind for kind in kinds if kind != "hastened"] == [
        "opened", "blocked", "paused", "resumed", "released", "cancelled",
    ]  # fmt: skip
    assert steps(site, "a@other.example") == [("opened", None), ("accepted", "sent")], "it had been sent before"
    assert "停发" in site.run("show", "60", "office1@example.org").out


def block(ledger: Database, name: str) -> None:
    said = {"reason": "spf-refused", "reply": "550 SPF", "relay": "relay.example:25"}
    flows.block(ledger, FlowKey(FlowKind.DESTINATION, name), actor=ledgers.WORKER, **said)


def sent_and_done(ledger: Database, identity: int) -> None:
    _lease, claimed = ledgers.claimed(ledger)
    (mine,) = [claim for claim in claimed if claim.id == identity]
    ledgers.mark(ledger, mine)
    ledgers.record(ledger, ledgers.result(mine))
    ledgers.execute(ledger, "UPDATE deliveries SET state = 'queued', lease_id = NULL WHERE state = 'claimed'")


def test_a_later_addition_begins_with_its_own_supplement(site: Site) -> None:
    site.send()
    text = (site.folder / "recipients.yaml").read_text("utf-8").replace(C, "new@gamma.example.com")
    (site.folder / "recipients.yaml").write_text(text, "utf-8")
    site.run("resend", "60", "--missing", "--yes")
    assert [what for what, _state in steps(site, "new@gamma.example.com")] == ["supplement", "accepted"]
    assert [what for what, _state in steps(site, C)] == ["opened", "accepted"]


def test_what_still_waits_says_so(site: Site) -> None:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as ledger:
        ledgers.open_small(ledger, 1)
    ran = site.run("show", "60", "office1@example.org")
    assert ran.code == 4
    assert "queued: It waits for its turn." in ran.out


# Addresses


def test_an_address_is_found_in_whichever_form_it_is_written(site: Site) -> None:
    site.write_list({"有关部门": {"市甲局": ["Office@Büro.example"]}, "各会员单位": {"丙公司": [C]}})
    site.send()
    for form in ("Office@Büro.example", "office@xn--bro-hoa.example", "OFFICE@büro.EXAMPLE"):
        assert story(site, form)["delivery"]["address"] == "Office@Büro.example"


@pytest.mark.parametrize(
    "slip", ["ofice7@example.org", "ofifce7@example.org", "office7@exampel.org", "offiice7@example.org"]
)
def test_an_unknown_address_names_the_nearest_of_that_issue(site: Site, slip: str) -> None:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as ledger:
        others = (ledgers.candidate(number, email=f"a{number:04}@far.example") for number in range(3000))
        ledgers.open_to(ledger, [*others, ledgers.candidate(7)])
    ran = site.run("show", "60", slip, "--json")
    assert ran.code == 2
    (finding,) = ran.json["findings"]
    assert finding["code"] == "unknown-address"
    assert "did you mean office7@example.org" in finding["remedy"]


def test_nothing_like_it_is_no_suggestion(site: Site) -> None:
    site.send()
    (finding,) = site.run("show", "60", "nobody@elsewhere.example", "--json").json["findings"]
    assert finding["remedy"] is None


@pytest.mark.parametrize(("address", "code"), [("收文员", "bad-address"), ("a@", "bad-address"), ("", "bad-address")])
def test_what_is_no_address_is_refused(site: Site, address: str, code: str) -> None:
    site.send()
    ran = site.run("show", "60", address, "--json")
    assert (ran.code, ran.json["findings"][0]["code"]) == (2, code)


def test_who_was_left_out_as_disabled_is_told_so(site: Site) -> None:
    path = site.folder / "recipients.yaml"
    path.write_text(path.read_text("utf-8").replace(f"email: {C}", f"email: {C}, disabled: 已注销"), "utf-8")
    site.send()
    ran = site.run("show", "60", C.upper())
    assert ran.code == 1
    assert "丙公司 收文1: The list has it as disabled: 已注销" in ran.out
    found = story(site, C)
    assert (found["delivery"], found["left_out"][0]["reason"], found["outcome"]) == (None, "disabled", 1)
    (finding,) = site.run("show", "60", C, "--message", "--json").json["findings"]
    assert finding["code"] == "usage"
    assert "not sent to" in site.run("show", "60", C, "--message").err


# The message


def test_the_message_is_that_which_the_relay_got_byte_for_byte(relayed: Site, smtpd: Smtpd, tmp_path: Path) -> None:
    attachment = tmp_path / "附件.txt"
    attachment.write_bytes(b".\r\n..dots\r\n" * 20)
    relayed.send("--attach", attachment)
    assert len(smtpd.messages) == 6
    for message in smtpd.messages:
        out = tmp_path / f"{message.recipient}.eml"
        assert relayed.run("show", "60", message.recipient, "--message", "-o", out).code == 0
        assert out.read_bytes() == message.data
    process = subprocess.run(
        [sys.executable, "-m", "distributor", "show", "60", C, "--message"], cwd=relayed.folder, env=dict(os.environ),
        capture_output=True, check=True,
    )  # fmt: skip
    assert process.stdout == next(message.data for message in smtpd.messages if message.recipient == C)


def test_what_would_be_handed_over_is_what_then_is(relayed: Site, smtpd: Smtpd, tmp_path: Path) -> None:
    """Also after a refusal and a resend, which makes it a new message."""
    smtpd.on("rcpt", "451 4.3.0 later", times=6)
    relayed.setting(WAIT=0, RETRY_FIRST=3600)
    assert relayed.send().code == 4
    before = tmp_path / "before.eml"
    relayed.run("show", "60", C, "--message", "-o", before)
    smtpd.on("rcpt", "550 5.1.1 gone", to=C, times=1)
    relayed.run("resume", "60")
    relayed.run("resend", "60", "--failed", "--yes")
    after = tmp_path / "after.eml"
    relayed.run("show", "60", C, "--message", "-o", after)
    assert before.read_bytes() != after.read_bytes()
    assert after.read_bytes() == next(message.data for message in smtpd.messages if message.recipient == C)


def test_letters_of_their_own_are_shown_too(relayed: Site, smtpd: Smtpd, tmp_path: Path) -> None:
    template = relayed.folder / "templates"
    source = template.resolve()
    template.unlink()
    template.mkdir()
    for each in source.iterdir():
        text = each.read_text("utf-8") if each.is_file() else ""
        own = "{% if unit == '丙公司' %}专函{% endif %}" if each.name == "members.html.j2" else ""
        (template / each.name).write_text(text.replace("{{ greeting }}", "{{ greeting }}" + own), "utf-8")
    relayed.send()
    for message in smtpd.messages:
        out = tmp_path / "it.eml"
        relayed.run("show", "60", message.recipient, "--message", "-o", out)
        assert out.read_bytes() == message.data


def test_the_html_is_the_letter_s(site: Site, tmp_path: Path) -> None:
    site.send()
    out = tmp_path / "letter.html"
    assert site.run("show", "60", C, "--html", "-o", out).code == 0
    (letter,) = [letter for letter in site.letters() if C in str(letter["To"])]
    assert out.read_bytes().decode() == texts(letter)[1]
    assert "丙公司" in out.read_text("utf-8")


def test_without_a_display_the_html_is_in_a_file_that_only_we_can_read(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    launched: list[str] = []
    monkeypatch.setattr("click.launch", launched.append)
    site.send()
    ran = site.run("show", "60", C, "--html")
    (path,) = tmp_path.glob("distributor-*/60.html")
    assert str(path) in ran.err
    assert path.parent.stat().st_mode & 0o77 == 0
    assert launched == []


def test_at_a_desktop_it_opens_in_the_browser(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    launched: list[str] = []
    monkeypatch.setattr("click.launch", launched.append)
    monkeypatch.setattr("distributor.cli.show._has_display", lambda: True)
    site.send()
    site.run("show", "60", C, "--html")
    (path,) = tmp_path.glob("distributor-*/60.html")
    assert launched == [path.as_uri()]


def test_a_message_that_cannot_be_made_is_one_sentence(site: Site) -> None:
    site.send()
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as ledger:
        ledgers.execute(ledger, "UPDATE letters SET compiled = X'00'")
    ran = site.run("show", "60", C, "--message")
    assert ran.code == 3
    assert "cannot be put together" in ran.err


def test_a_file_that_cannot_be_written_is_one_sentence(site: Site) -> None:
    site.send()
    ran = site.run("show", "60", C, "--message", "-o", site.folder / "nowhere" / "it.eml")
    assert ran.code == 2
    assert "cannot be written" in ran.err


@pytest.mark.parametrize("options", [["--message", "--json"], ["-o", "file"], ["--html", "--json"]])
def test_options_that_go_together_with_nothing(site: Site, options: list[str]) -> None:
    site.send()
    assert site.run("show", "60", C, *options).code == 2


def test_the_message_is_one_that_mail_programs_read(site: Site, tmp_path: Path) -> None:
    site.send()
    out = tmp_path / "it.eml"
    site.run("show", "60", C, "--message", "-o", out)
    assert parse(out.read_bytes())["To"].addresses[0].addr_spec == C
    assert json.loads(site.run("show", "60", C, "--json").out)["delivery"]["address"] == C
