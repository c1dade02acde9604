"""`distributor send` on its embedded default: from a bulletin's file to letters in the outbox, and their account."""

import os
import pty
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests import sites
from tests.sites import BULLETIN, DEPARTMENTS, MEMBERS, Site, address_of, texts

ALL = sorted(address for units in (DEPARTMENTS, MEMBERS) for emails in units.values() for address in emails)


def test_every_address_gets_one_letter(site: Site) -> None:
    ran = site.send("--json")
    assert ran.code == 0, ran.err
    assert ran.json["schema"] == "distributor.send/1"
    assert ran.json["issue"]["ref"] == "60"
    assert {group["group"]: group["letters"] for group in ran.json["groups"]} == {"送": 3, "发": 3}
    assert ran.json["outcome"] == 0
    assert sorted(map(address_of, site.letters())) == ALL


def test_a_letter_has_its_group_s_words_and_no_other_s(site: Site) -> None:
    site.send()
    for letter in site.letters():
        for text in texts(letter):
            assert "园区推进项目建设" in text
            assert "协会组织调研" in text
            assert ("请参考。" in text) == address_of(letter).endswith(".example.org")
            assert ("请阅知。" in text) == address_of(letter).endswith(".example.com")


def test_nobody_is_mailed_and_that_is_said(site: Site) -> None:
    ran = site.send()
    assert "NOBODY WILL BE MAILED" in ran.out
    assert str(site.folder / "outbox") in ran.out
    assert stat.S_IMODE((site.folder / "outbox").stat().st_mode) == 0o700


def test_all_faults_of_bulletin_list_and_templates_are_told_at_once(site: Site) -> None:
    site.bulletin.write_text("园区工作简报\n", "utf-8")
    (site.folder / "recipients.yaml").write_text("groups: {}\ngroups: {}\n", "utf-8")
    (site.folder / "templates").unlink()
    ran = site.send()
    assert ran.code == 2
    for where in ("60.txt", "recipients.yaml:2", "templates"):
        assert where in ran.err
    assert not (site.folder / "outbox").exists()


def test_a_name_that_the_list_lacks_stops_everything(site: Site) -> None:
    text = BULLETIN.replace("送：有关部门", "送：有关部们，有关部门")
    ran = site.run("send", site.write_bulletin(text=text), "--yes")
    assert ran.code == 2
    assert re.search(r"60\.txt:\d+: .*有关部们", ran.err)
    assert "did you mean 有关部门" in ran.err
    assert site.letters() == []


def test_allow_unresolved_leaves_it_out_and_the_report_says_so(site: Site) -> None:
    bulletin = site.write_bulletin(text=BULLETIN.replace("送：有关部门", "送：有关部们，有关部门"))
    ran = site.run("send", bulletin, "--yes", "--allow-unresolved")
    assert ran.code == 1, ran.err
    assert len(site.letters()) == 6
    assert "有关部们" in site.run("report", "60").out


@pytest.mark.parametrize("marking", ["绝密", "机 密", "秘密★1年"])
def test_a_secret_bulletin_is_refused_with_no_way_round(site: Site, marking: str) -> None:
    bulletin = site.write_bulletin(text=f"{marking}\n{BULLETIN}")
    ran = site.run("send", bulletin, "--yes", "--again", "I must", "--allow-unresolved")
    assert ran.code == 2
    assert "60.txt:1" in ran.err
    assert site.letters() == []
    assert site.run("status", "--json").json["issues"] == []


def test_the_same_bulletin_goes_to_a_group_once(site: Site) -> None:
    site.send()
    again = site.send()
    assert again.code == 2
    assert "opened before" in again.err
    assert "--again" in again.err
    assert len(site.letters()) == 6


def test_the_same_number_with_another_text_is_the_same_bulletin(site: Site) -> None:
    site.send()
    changed = site.write_bulletin("other.txt", text=BULLETIN.replace("进展顺利", "进展很快"))
    assert site.run("send", changed, "--yes").code == 2
    assert len(site.letters()) == 6


def test_again_with_a_reason_opens_60_2_and_60_means_the_newest(site: Site) -> None:
    site.send()
    assert site.send("--again", "   ").code == 2
    ran = site.send("--again", "日期有误", "--json")
    assert ran.code == 0
    assert ran.json["issue"]["ref"] == "60/2"
    assert len(site.letters()) == 12
    shown = site.run("report", "60", "--json")
    assert shown.json["issue"]["ref"] == "60/2"
    assert shown.json["issue"]["again_reason"] == "日期有误"
    assert "60/2" in shown.err
    assert site.run("report", "60/1", "--json").json["issue"]["ref"] == "60/1"


def test_the_groups_of_one_bulletin_can_be_sent_one_after_the_other(site: Site) -> None:
    assert site.send("--group", "送").code == 0
    assert len(site.letters()) == 3
    assert site.send("--group", "送").code == 2
    assert site.send("--group", "发").code == 0
    assert len(site.letters()) == 6
    assert sorted(map(address_of, site.letters())) == ALL


def test_a_group_that_the_imprint_does_not_name_is_refused(site: Site) -> None:
    ran = site.send("--group", "报")
    assert ran.code == 2
    assert "报" in ran.err


def test_dry_run_shows_the_numbers_and_opens_nothing(site: Site) -> None:
    ran = site.send("--dry-run", "--json")
    assert ran.code == 0
    assert ran.json["letters"] == 6
    assert [(group["group"], group["units"], group["contacts"]) for group in ran.json["groups"]] == [
        ("送", 2, 3),
        ("发", 3, 3),
    ]
    assert site.run("status", "--json").json["issues"] == []
    assert not (site.folder / "outbox").exists()


def test_to_self_sends_each_group_s_letter_marked_as_a_test_to_one_address(site: Site) -> None:
    ran = site.run("send", site.bulletin, "--to-self", "me@association.example")
    assert ran.code == 0, ran.err
    letters = site.letters()
    assert [address_of(letter) for letter in letters] == ["me@association.example"] * 2
    assert all(str(letter["Subject"]).startswith("【测试】园区工作简报") for letter in letters)
    assert {"请参考。" in texts(letter)[0] for letter in letters} == {True, False}
    assert site.run("status", "--json").json["issues"] == []


def test_to_self_wants_an_address(site: Site) -> None:
    ran = site.run("send", site.bulletin, "--to-self", "me")
    assert ran.code == 2
    assert "me" in ran.err


def test_an_attachment_with_a_chinese_name_arrives(site: Site, tmp_path: Path) -> None:
    attached = tmp_path / "通知附件.pdf"
    attached.write_bytes(b"%PDF-1.7 \x00\xff")
    assert site.send("--attach", attached).code == 0
    for letter in site.letters():
        (attachment,) = letter.iter_attachments()
        assert attachment.get_filename() == "通知附件.pdf"
        assert attachment.get_content() == b"%PDF-1.7 \x00\xff"


def test_an_attachment_that_is_not_there_stops_everything(site: Site) -> None:
    ran = site.send("--attach", site.folder / "none.pdf")
    assert ran.code == 2
    assert "none.pdf" in ran.err
    assert site.letters() == []


@pytest.fixture
def looking(site: Site) -> Site:
    """A site whose letters to members look at the recipient, so that each is made by itself."""
    (site.folder / "templates").unlink()
    shutil.copytree(sites.ROOT / "templates", site.folder / "templates")
    for name in ("members.html.j2", "members.txt.j2"):
        template = site.folder / "templates" / name
        text = template.read_text("utf-8")
        changed = text.replace(
            "{% block foot %}", "{% block foot %}{% if unit == '丙公司' %}甲类{% else %}乙类{% endif %}"
        )
        assert changed != text
        template.write_text(changed, "utf-8")
    return site


def test_a_template_may_look_at_the_recipient(looking: Site) -> None:
    assert looking.send().code == 0
    found = {address_of(letter): texts(letter)[1] for letter in looking.letters()}
    assert "甲类" in found["c@gamma.example.com"]
    assert "乙类" in found["d@delta.example.com"]
    assert "类" not in found["a@alpha.example.org"]


def test_one_who_came_later_gets_a_letter_of_his_own(looking: Site) -> None:
    looking.send("--group", "发")
    looking.write_list({"有关部门": DEPARTMENTS, "各会员单位": {**MEMBERS, "己公司": ["f@zeta.example.com"]}})
    assert looking.run("resend", "60", "--missing", "--yes").code == 0
    (late,) = [letter for letter in looking.letters() if address_of(letter) == "f@zeta.example.com"]
    assert "乙类" in texts(late)[1]


def test_attachments_are_not_stored_in_a_thousand_letters(
    looking: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distributor.distribution.opening.MAX_OWN_LETTERS", 1000)
    attached = tmp_path / "a.pdf"
    attached.write_bytes(b"%PDF" * 100)
    ran = looking.send("--attach", attached)
    assert ran.code == 2
    assert "members.html.j2" in ran.err
    assert looking.run("status", "--json").json["issues"] == []


def test_no_wait_needs_a_broker(site: Site) -> None:
    ran = site.send("--no-wait")
    assert ran.code == 2
    assert "DISTRIBUTOR_BROKER" in ran.err
    assert site.run("status", "--json").json["issues"] == []


def test_reserved_domains_are_refused_when_the_relay_is_a_real_one(site: Site) -> None:
    site.setting(RELAY="smtps://u%40association.example:p@smtp.association.example:465")
    ran = site.send()
    assert ran.code == 2
    assert "reserved" in ran.err
    assert site.run("status", "--json").json["issues"] == []


def test_they_are_refused_as_well_when_one_relay_of_several_is_a_real_one(site: Site) -> None:
    site.setting(FROM="office@association.example")
    relays = "relays: {a: {address: 'smtp://127.0.0.1:1'}, b: {address: 'smtp://relay.example:25'}}"
    (site.folder / "relays.yaml").write_text(relays, "utf-8")
    ran = site.send()
    assert ran.code == 2
    assert "reserved" in ran.err


def test_two_units_with_one_mailbox_get_one_letter_and_the_account_names_both(site: Site) -> None:
    site.write_list({"有关部门": {"市甲局": ["x@alpha.example.org"], "市乙局": ["X@Alpha.Example.org"]},
                     "各会员单位": {"丙公司": ["c@gamma.example.com"]}})  # fmt: skip
    ran = site.send()
    assert ran.code == 0
    assert "x@alpha.example.org" in ran.err
    assert len(site.letters()) == 2
    account = site.run("report", "60", "--format", "csv").out
    assert "市甲局" in account
    assert "市乙局" in account


def test_an_address_in_two_groups_gets_the_higher_group_s_letter(site: Site) -> None:
    site.write_list(
        {"有关部门": {"市甲局": ["x@alpha.example.org"]}, "各会员单位": {"丙公司": ["x@alpha.example.org"]}}
    )
    ran = site.send("--json")
    assert ran.code == 0
    (letter,) = site.letters()
    assert "请参考。" in texts(letter)[0]
    assert "送+发" in ran.err


def test_without_a_terminal_nobody_is_asked_and_nothing_is_sent(site: Site) -> None:
    process = site.start("send", site.bulletin, stdin=subprocess.DEVNULL)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "--yes" in err
    assert site.letters() == []


@pytest.mark.parametrize(("answer", "code", "count"), [("n\n", 2, 0), ("\n", 2, 0), ("y\n", 0, 6)])
def test_a_person_is_asked_for_the_number_of_letters(site: Site, answer: str, code: int, count: int) -> None:
    ours, theirs = pty.openpty()
    process = site.start("send", site.bulletin, stdin=theirs)
    os.write(ours, answer.encode())
    _out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert "Send 6 letters?" in err
    assert process.returncode == code
    assert len(site.letters()) == count


def test_an_internal_bulletin_asks_once_more(site: Site) -> None:
    bulletin = site.write_bulletin(text="内部资料 注意保存\n" + BULLETIN)
    ran = site.run("send", bulletin, "--yes", "--dry-run")
    assert ran.code == 0
    assert "? " in ran.err


def test_a_list_changed_after_opening_changes_nothing(site: Site) -> None:
    """The issue is frozen: the second attempt sends what was opened."""
    site.setting(RELAY="smtp://127.0.0.1:1", RETRY_FIRST=3000, WAIT=0)
    assert site.send().code == 4
    (site.folder / "recipients.yaml").write_text("groups: [", "utf-8")
    (site.folder / "templates").unlink()
    site.setting(RELAY="")
    ran = site.run("resume", "60")
    assert ran.code == 0, ran.err
    assert sorted(map(address_of, site.letters())) == ALL


def test_an_outbox_that_cannot_be_made_is_found_before_anything_is_opened(site: Site) -> None:
    (site.folder / "outbox").touch()
    ran = site.send()
    assert ran.code == 3
    assert "outbox" in ran.err
    assert site.run("status", "--json").json["issues"] == []


def test_a_broker_without_celeryconfig_is_found_before_anything_is_opened(site: Site) -> None:
    (site.folder / "celeryconfig.py").unlink()
    site.setting(BROKER="redis://127.0.0.1:1/0")
    process = site.start("send", site.bulletin, "--yes")
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "celeryconfig.py" in err
    site.setting(BROKER="")
    assert site.run("status", "--json").json["issues"] == []


def test_help_names_the_exit_codes() -> None:
    command = [sys.executable, "-m", "distributor", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=sites.ROOT).stdout
    assert "Exit codes: 0 all sent" in said
