"""The whole trip to a relay that refuses, defers and drops: every letter is accounted for, and a person knows why."""

import json

import pytest

from tests.sites import DEPARTMENTS, MEMBERS, SHARED, Site, address_of, list_of, parse, texts
from tests.smtpd import Certificates, Do, Smtpd

ALL = sorted(address for units in (DEPARTMENTS, MEMBERS) for emails in units.values() for address in emails)


@pytest.fixture
def relayed(site: Site, smtpd: Smtpd) -> Site:
    """A site whose letters go to the scripted server, with short waits between attempts."""
    site.setting(RELAY=f"smtp://{smtpd.relay}", RETRY_FIRST=1, WAIT=30)
    return site


def not_sent(site: Site) -> dict[str, dict[str, object]]:
    return {row["address"]: row for row in site.run("report", "60", "--json").json["not_sent"]}


def attempts(site: Site) -> dict[str, int]:
    return {row["address"]: row["attempts"] for row in site.run("report", "60", "--json", "--all").json["deliveries"]}


def test_one_refused_and_one_put_off_once(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("rcpt", "550 5.1.1 no such user here", to="b2@beta.example.org")
    smtpd.on("rcpt", "451 4.7.1 greylisted, come back", to="c@gamma.example.com", times=1)
    ran = relayed.send("--json")
    assert ran.code == 1, ran.err
    assert sorted(smtpd.accepted) == [address for address in ALL if address != "b2@beta.example.org"]
    failed = not_sent(relayed)
    assert list(failed) == ["b2@beta.example.org"]
    assert failed["b2@beta.example.org"]["state"] == "failed"
    assert attempts(relayed)["c@gamma.example.com"] == 2
    said = relayed.run("report", "60")
    assert said.code == 1
    assert "550 5.1.1 no such user here" in said.out


def test_a_lost_answer_is_uncertain_until_a_person_decides(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("dot", Do.DROP, to="c@gamma.example.com", times=1)
    ran = relayed.send("--json")
    assert ran.code == 1
    assert not_sent(relayed)["c@gamma.example.com"]["state"] == "uncertain"
    first = [message for message in smtpd.messages if message.recipient == "c@gamma.example.com"]
    again = relayed.run("resend", "60", "--uncertain", "--yes", "--json")
    assert again.code == 0, again.err
    both = [message for message in smtpd.messages if message.recipient == "c@gamma.example.com"]
    assert len(first) == 1
    assert len(both) == 2
    assert both[0].data == both[1].data


def test_a_person_who_asked_settles_what_was_uncertain(relayed: Site, smtpd: Smtpd) -> None:
    for address in ("c@gamma.example.com", "d@delta.example.com"):
        smtpd.on("dot", Do.DROP, to=address, times=1)
    assert relayed.send().code == 1
    wrong = relayed.run("resolve", "60", "--sent", "c@gamma.example.com", "--sent", "a@alpha.example.org")
    assert wrong.code == 2
    assert "a@alpha.example.org" in wrong.err
    assert len(not_sent(relayed)) == 2
    assert relayed.run("resolve", "60", "--sent", "C@Gamma.example.com", "--reason", "电话确认").code == 0
    assert list(not_sent(relayed)) == ["d@delta.example.com"]
    assert relayed.run("resolve", "60", "--sent", "d@delta.example.com").code == 0
    assert relayed.run("report", "60").code == 0
    assert len(smtpd.messages) == 6


def test_a_failed_letter_goes_again_as_a_new_message(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("dot", "550 5.7.1 looks like spam", to="c@gamma.example.com", times=1)
    assert relayed.send().code == 1
    assert relayed.run("resend", "60", "--failed", "--yes").code == 0
    first, second = [parse(message.data) for message in smtpd.messages if message.recipient == "c@gamma.example.com"]
    assert first["Message-ID"] != second["Message-ID"]
    assert first["Date"] == second["Date"]


def test_a_corrected_address_settles_the_one_that_failed(relayed: Site, smtpd: Smtpd) -> None:
    smtpd.on("rcpt", "550 5.1.1 no such user here", to="b2@beta.example.org")
    assert relayed.send().code == 1
    corrected = {**DEPARTMENTS, "市乙局": ["b@beta.example.org", "b3@beta.example.org"]}
    relayed.write_list({"有关部门": corrected, "各会员单位": MEMBERS})
    assert relayed.run("resend", "60", "--missing", "--yes").code == 0
    assert relayed.run("report", "60").code == 0
    again = relayed.run("resend", "60", "--failed", "--yes")
    assert again.code == 0
    assert "nobody" in again.err
    assert sorted(smtpd.accepted) == sorted([*(a for a in ALL if a != "b2@beta.example.org"), "b3@beta.example.org"])


def test_a_refused_login_pauses_the_issue_and_says_what_to_mend(site: Site, certificates: Certificates) -> None:
    with Smtpd(tls=certificates.server(), login=("bulletin@association.example", "right")) as server:
        relay = f"smtps://bulletin%40association.example:wrong@{server.relay}"
        site.setting(RELAY=relay, CA_FILE=certificates.ca_file)
        ran = site.send()
        assert ran.code == 1
        assert "PAUSED" in ran.out
        assert server.messages == []
        doctor = site.run("doctor")
        assert doctor.code == 3
        assert "password" in doctor.out
        site.setting(RELAY=relay.replace("wrong", "right"))
        assert site.run("doctor").code == 0
        assert site.run("resume", "60").code == 0
        assert sorted(server.accepted) == ALL
    assert "wrong" not in ran.out + ran.err + doctor.out + doctor.err


def test_letters_to_a_real_server_are_whole(relayed: Site, smtpd: Smtpd) -> None:
    relayed.setting(FROM="bulletin@association.example")
    relayed.send()
    for message in smtpd.messages:
        letter = parse(message.data)
        assert message.sender == "bulletin@association.example"
        assert address_of(letter) == message.recipient
        assert letter["From"].addresses[0].addr_spec == "bulletin@association.example"
        assert letter["Subject"] == "园区工作简报 第4期（总第60期）"
        assert letter["Auto-Submitted"] == "auto-generated"
        assert str(letter["Message-ID"]).endswith("@association.example>")
        assert "List-Unsubscribe" not in letter
    assert len({parse(message.data)["Message-ID"] for message in smtpd.messages}) == 6


def test_the_association_s_own_issue(relayed: Site, smtpd: Smtpd) -> None:
    bulletin = SHARED / "bulletins/060.txt"
    if not bulletin.is_file():
        pytest.skip("the association's issue is not part of a bare clone")
    audiences = {
        "市有关部门": {"市甲局": ["a@alpha.example.org"], "市乙局": ["b@beta.example.org", "b2@beta.example.org"]},
        "商务部驻津特派办": {"特派办": ["office@gamma.example.org"]},
        "各开发区": {"甲开发区": ["zone@delta.example.com"], "乙开发区": ["zone@epsilon.example.com"]},
        "各会员单位": {"丙公司": ["c@zeta.example.com"]},
    }
    (relayed.folder / "recipients.yaml").write_text(list_of(audiences), "utf-8")
    ran = relayed.run("send", bulletin, "--yes", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["issue"]["ref"] == "60"
    assert {group["group"]: group["letters"] for group in ran.json["groups"]} == {"送": 4, "发": 3}
    assert len(smtpd.messages) == 7
    expected = (SHARED / "bulletins/060.expected.json").read_text("utf-8")
    for message in smtpd.messages:
        plain, html = texts(parse(message.data))
        group = "请参考。" if message.recipient.endswith(".org") else "请阅知。"
        other = "请阅知。" if message.recipient.endswith(".org") else "请参考。"
        for text in (plain, html):
            assert group in text
            assert other not in text
        titles = [article["title"] for section in json.loads(expected)["sections"] for article in section["articles"]]
        assert len(titles) == 6
        assert [title for title in titles if title not in plain or title not in html] == []
