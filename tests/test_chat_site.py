"""A site with mail and chat: one issue, an account of each endpoint, and what the secretary is told."""

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distributor.delivery.engine import engine as engine_module
from distributor.delivery.model import flow
from distributor.distribution import opening, planning
from distributor.distribution.site import open_site
from distributor.endpoints import Endpoint, Kind
from tests.chatd import TOKEN, Chatd, Request, Robot, Said
from tests.sites import GROUPS, Site
from tests.smtpd import Smtpd

HOOKS = {
    Kind.WECOM: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=",
    Kind.DINGTALK: "https://oapi.dingtalk.com/robot/send?access_token=",
    Kind.FEISHU: "https://open.feishu.cn/open-apis/bot/v2/hook/",
    Kind.LARK: "https://open.larksuite.com/open-apis/bot/v2/hook/",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"POLL": 0.02, "LINGER": 0.2}.items():
        monkeypatch.setattr(engine_module, name, seconds)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    return Site(tmp_path / "site", monkeypatch, capsys)


def write(site: Site, *units: str) -> None:
    """A list whose members are *units*, each the contacts of one in YAML."""
    names = [f"第{number}公司" for number in range(1, len(units) + 1)]
    lines = [f"{GROUPS}audiences:", "  有关部门: {units: [市甲局]}", f"  各会员单位: {{units: [{', '.join(names)}]}}"]
    lines += ["units:", "  市甲局: {contacts: [{name: 收文, email: a@alpha.example.org}]}"]
    lines += [f"  {name}: {{contacts: [{contacts}]}}" for name, contacts in zip(names, units, strict=True)]
    (site.folder / "recipients.yaml").write_text("\n".join(lines) + "\n", "utf-8")


def give(site: Site, *endpoints: str, token: str = TOKEN) -> None:
    """Put a secret for each of *endpoints* into .env."""
    found = [Endpoint.parse(each) for each in endpoints]
    with (site.folder / ".env").open("a", encoding="utf-8") as file:
        file.writelines(f"{each.variable}={HOOKS[each.kind]}{token}\n" for each in found)


def rows(site: Site) -> dict[str, dict[str, Any]]:
    return {row["address"]: row for row in site.run("report", "60", "--all", "--json").json["deliveries"]}


def test_without_a_relay_posts_stay_at_home_as_mail_does(site: Site) -> None:
    write(site, "{name: 收文, email: c@gamma.example.com}, {name: 群, wecom: office-1}", "{name: 群, feishu: desk}")
    give(site, "wecom:office-1")
    ran = site.send()
    assert ran.code == 0, ran.err
    kept = {path.name.rpartition(".")[0].rpartition(".")[0] for path in (site.folder / "outbox" / "chat").iterdir()}
    assert kept == {"wecom-office-1", "feishu-desk"}
    found = rows(site)
    assert {address: row["state"] for address, row in found.items()} == dict.fromkeys(
        ("a@alpha.example.org", "c@gamma.example.com", "wecom:office-1", "feishu:desk"), "sent"
    )
    assert len(site.letters()) == 2


class Services(Chatd):
    """The hosts of all vendors in one, told apart by the paths of their webhooks, as DISTRIBUTOR_CHAT_ORIGIN has it.

    A robot whose token ends in ``drop`` is posted to, and no answer comes.
    """

    def __init__(self) -> None:
        super().__init__(Kind.WECOM)
        self.robots.clear()
        self.at: list[float] = []

    def judge(self, request: Request) -> Said:
        paths = {"/cgi-bin": Kind.WECOM, "/robot": Kind.DINGTALK, "/open-apis": Kind.FEISHU}
        self.kind = next(kind for path, kind in paths.items() if request.path.startswith(path))
        self.at.append(time.monotonic())
        said = super().judge(request)
        return Said(raw=b"") if request.target.endswith("drop") else said


@pytest.fixture
def services(site: Site) -> Iterator[Services]:
    """A relay and the chat services, all on this machine."""
    with Smtpd() as relay, Services() as server:
        site.setting(RELAY=f"smtp://{relay.relay}", FROM="bulletin@office.example", CHAT_ORIGIN=server.origin, WAIT=0)
        yield server


def test_thirty_units_by_mail_and_three_services_have_the_right_account_each(site: Site, services: Services) -> None:
    kinds = (Kind.WECOM, Kind.DINGTALK, Kind.FEISHU)
    fates = {"taken": "sent", "gone": "failed", "busy": "deferred", "drop": "uncertain", "stopped": "deferred"}
    expected = {"a@alpha.example.org": "sent"}
    units = []
    for number in range(1, 31):
        kind, fate = kinds[number % 3], list(fates)[number % 5]
        name = f"{fate}-{number}"
        token = f"token-{number}-{fate}"
        if fate != "gone":
            services.robots[token] = Robot(stopped=fate == "stopped", left=0 if fate == "busy" else None)
        give(site, f"{kind}:{name}", token=token)
        units.append(f"{{name: 收文, email: m{number}@gamma.example.com}}, {{name: 群, {kind}: {name}}}")
        expected |= {f"m{number}@gamma.example.com": "sent", f"{kind}:{name}": fates[fate]}
    write(site, *units)
    ran = site.send()
    assert ran.code == 4, ran.err
    found = rows(site)
    assert {address: row["state"] for address, row in found.items()} == expected
    reasons = {address.partition(":")[2].partition("-")[0]: row["reason"] for address, row in found.items()}
    assert reasons | {"": ""} == {
        "": "", "taken": "sent", "gone": "robot-gone", "busy": "chat-rate-limited", "drop": "no-answer",
        "stopped": "robot-stopped",
    }  # fmt: skip
    posts = Counter(request.target for request in services.requests)
    assert [target for target, count in posts.items() if count > 1] == [], "nobody was posted to twice"
    assert len(posts) == len(units)
    assert {row["channel"] for row in found.values()} == {"mail", *kinds}
    assert {row["relay"] for address, row in found.items() if ":" in address} == {services.origin.rpartition("/")[2]}


@pytest.mark.parametrize(
    ("robot", "endpoint", "sentence", "step"),
    [
        (None, "wecom:office-1", "There is no robot with this key", "send you its address"),
        (Robot(stopped=True), "dingtalk:office-1", "The robot is switched off.", "群设置"),
        (Robot(keywords=("通知",)), "feishu:office-1", "one of its keywords", "add the bulletin's name"),
        (Robot(outside=True), "dingtalk:office-1", "network addresses on its list", "IP 白名单"),
        (Robot(signing="SEC0123456789"), "feishu:office-1", "wants a signature", "signing secret"),
    ],
)
def test_what_a_robot_minds_is_said_with_what_to_do(
    site: Site, services: Services, robot: Robot | None, endpoint: str, sentence: str, step: str
) -> None:
    kind, _colon, name = endpoint.partition(":")
    write(site, f"{{name: 群, {kind}: {name}}}")
    give(site, endpoint)
    if robot is not None:
        services.robots[TOKEN] = robot
    site.send()
    report = site.run("report", "60").out
    assert endpoint in report
    assert sentence in " ".join(report.split())
    assert step in " ".join(report.split())


def test_a_robot_that_was_stopped_goes_on_after_its_release(site: Site, services: Services) -> None:
    write(site, "{name: 群, wecom: office-1}", "{name: 群, wecom: office-2}")
    give(site, "wecom:office-1")
    give(site, "wecom:office-2", token="another-token")
    services.robots = {TOKEN: Robot(stopped=True), "another-token": Robot()}
    site.send()
    assert {row["state"] for row in rows(site).values()} == {"sent", "deferred"}
    assert "wecom:office-1" in site.run("release").out
    services.robots[TOKEN] = Robot()
    assert site.run("release", "wecom:office-1").code == 0
    assert site.run("resume", "60").code == 0
    assert {row["state"] for row in rows(site).values()} == {"sent"}


def test_a_secret_is_never_shown(site: Site, services: Services, caplog: pytest.LogCaptureFixture) -> None:
    write(
        site, "{name: 群, wecom: taken}", "{name: 群, dingtalk: gone}", "{name: 群, feishu: dropped}",
        "{name: 群, wecom: refused}",
    )  # fmt: skip
    tokens = {"wecom:taken": "sesame-taken", "dingtalk:gone": "sesame-gone", "feishu:dropped": "sesame-drop"}
    for endpoint, token in (tokens | {"wecom:refused": "sesame-refused"}).items():
        give(site, endpoint, token=token)
    services.robots = {"sesame-taken": Robot(), "sesame-drop": Robot()}
    commands = (("report", "60", "--all", "--json"), ("doctor",), ("status",))
    with caplog.at_level("DEBUG"):
        said = [site.send("--json"), *(site.run(*words) for words in commands)]
    assert len(services.requests) == 4
    assert "sesame" not in caplog.text
    for ran in said:
        assert "sesame" not in ran.out + ran.err
    for path in site.folder.rglob("*"):
        if path.is_file() and path.name != ".env":
            assert b"sesame" not in path.read_bytes(), path


def test_an_endpoint_without_a_secret_is_asked_about_and_then_held(site: Site, services: Services) -> None:
    write(site, "{name: 群, wecom: office-1}")
    checked = site.run("check", site.bulletin)
    assert "DISTRIBUTOR_WECOM_OFFICE_1=https://qyapi.weixin.qq.com/" in checked.out + checked.err
    assert "no-endpoint-secret" in {f["code"] for f in site.run("recipients", "check", "--json").json["findings"]}
    assert "wecom:office-1" in site.run("doctor").out
    site.send()
    assert rows(site)["wecom:office-1"]["reason"] == "endpoint-without-secret"
    assert services.requests == []


def test_two_units_share_a_robot_which_is_posted_to_once(site: Site, services: Services) -> None:
    write(site, "{name: 群, wecom: office-1}", "{name: 大群, wecom: office-1}")
    give(site, "wecom:office-1")
    services.robots[TOKEN] = Robot()
    assert site.send().code == 0
    assert len(services.posted) == 1
    assert [each["unit"] for each in rows(site)["wecom:office-1"]["serves"]] == ["第1公司", "第2公司"]


def test_twenty_a_minute_are_kept_and_the_later_ones_wait_their_turn(
    site: Site, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five issues at once to one robot. A minute is made of twenty seconds, for the test not to last one."""
    monkeypatch.setattr(flow, "MINUTE", 20_000_000)
    write(site, "{name: 群, wecom: office-1}", "{name: 群, feishu: desk}")
    give(site, "wecom:office-1", "feishu:desk")
    services.robots[TOKEN] = Robot()
    with open_site() as opened:
        for number in range(60, 65):
            file = site.write_bulletin(f"{number}.txt", number=number, total=number)
            with planning.plan(opened.settings, file) as plan:
                opening.open_issue(opened, plan)
    assert site.run("resume", "64").code == 0
    posts = [(request.path, at) for request, at in zip(services.requests, services.at, strict=True)]
    times = [at for path, at in posts if path.startswith("/cgi-bin")]
    assert len(times) == 5
    assert times[-1] - times[0] >= 4 - 2 * flow.LATE / 1e6, "a slot may be used a little late, and none early"
    assert len(posts) == 10, "others need not wait for it"


def test_whom_the_issue_has_missed_is_posted_to_later(site: Site, services: Services) -> None:
    write(site, "{name: 收文, email: c@gamma.example.com}")
    assert site.send().code == 0
    write(site, "{name: 收文, email: c@gamma.example.com}, {name: 群, feishu: desk}")
    give(site, "feishu:desk")
    services.robots[TOKEN] = Robot()
    ran = site.run("resend", "60", "--missing", "--yes")
    assert ran.code == 0, ran.err
    assert rows(site)["feishu:desk"]["state"] == "sent"
    assert services.posted[0]["msg_type"] == "interactive"


def test_a_preview_shows_what_is_posted(site: Site, tmp_path: Path) -> None:
    write(site, "{name: 群, wecom: office-1}, {name: 二群, dingtalk: desk}")
    assert site.run("preview", site.bulletin, "-o", tmp_path / "seen").code == 0
    seen = {path.name: path.read_text("utf-8") for path in (tmp_path / "seen").iterdir()}
    assert {"发.wecom.json", "发.wecom.md", "发.dingtalk.json", "发.dingtalk.md", "送.html"} <= set(seen)
    assert "园区推进项目建设" in seen["发.wecom.md"]
    assert json.loads(seen["发.wecom.json"])["msgtype"] == "markdown"


def test_a_rehearsal_reaches_nothing_but_this_machine(site: Site) -> None:
    site.setting(CHAT_ORIGIN="https://oapi.dingtalk.com")
    ran = site.run("doctor")
    assert ran.code != 0
    assert "no server on this machine" in ran.out + ran.err


def test_a_service_that_cannot_be_reached_puts_its_posts_off_and_no_mail(site: Site) -> None:
    endpoints = [f"wecom:office-{number}" for number in range(1, 11)]
    contacts = "{{name: 收文, email: m{n}@gamma.example.com}}, {{name: 群, wecom: office-{n}}}"
    write(site, *(contacts.format(n=number) for number in range(1, 11)))
    give(site, *endpoints)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Smtpd() as relay:
        site.setting(RELAY=f"smtp://{relay.relay}", FROM="bulletin@office.example", WAIT=0)
        site.setting(CHAT_ORIGIN=f"http://127.0.0.1:{port}")
        ran = site.send()
        assert ran.code == 4, ran.err
        assert len(relay.messages) == 11
    found = rows(site)
    assert {(found[each]["state"], found[each]["reason"]) for each in endpoints} == {("deferred", "chat-unreachable")}
    assert "cannot be reached" in site.run("doctor").out


def test_a_site_of_mail_alone_is_told_of_nothing_else(site: Site) -> None:
    said = [site.run("check", site.bulletin), site.run("doctor"), site.send(), site.run("report", "60")]
    assert not any("chat" in (ran.out + ran.err).lower() for ran in said)
    assert not (site.folder / "outbox" / "chat").exists()


def test_who_knows_what_became_of_a_robot_s_posts(site: Site, services: Services) -> None:
    write(site, "{name: 群, wecom: office-1}")
    give(site, "wecom:office-1")
    services.robots[TOKEN] = Robot()
    site.send()
    known = site.run("recipients", "who", "wecom:office-1", "--json").json
    assert [each["delivery"]["state"] for each in known["issues"]] == ["sent"]
    assert known["list"][0]["unit"] == "第1公司"


def test_a_service_of_apprise_is_posted_to_by_its_url(site: Site) -> None:
    pytest.importorskip("apprise")
    write(site, "{name: 群, apprise: ntfy}", "{name: 群, apprise: away}")
    with Smtpd() as relay, Chatd(Kind.APPRISE) as server:
        url = server.origin.replace("http://", "json://")
        (site.folder / ".env").write_text(
            f"DISTRIBUTOR_APPRISE_NTFY={url}/taken\nDISTRIBUTOR_APPRISE_AWAY=json://127.0.0.1:1/away\n", "utf-8"
        )
        site.setting(RELAY=f"smtp://{relay.relay}", FROM="bulletin@office.example", WAIT=0)
        site.send()
        assert [request.path for request in server.requests] == ["/taken"]
    found = rows(site)
    assert found["apprise:ntfy"]["state"] == "sent"
    assert found["apprise:away"]["state"] == "uncertain", "Apprise does not tell a refusal from silence"


def test_a_test_goes_to_a_robot_and_is_marked(site: Site, services: Services) -> None:
    give(site, "wecom:mine")
    services.robots[TOKEN] = Robot()
    ran = site.run("send", site.bulletin, "--to-self", "wecom:mine")
    assert ran.code == 0, ran.err
    assert len(services.posted) == 2
    assert all("【测试】" in post["markdown"]["content"] for post in services.posted)
    services.robots.clear()
    ran = site.run("send", site.bulletin, "--to-self", "wecom:mine")
    assert ran.code == 1
    assert "There is no robot with this key" in ran.out + ran.err
    assert "DISTRIBUTOR_DINGTALK_MINE is not set" in site.run("send", site.bulletin, "--to-self", "dingtalk:mine").out
