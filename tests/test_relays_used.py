"""Several relays in use: what doctor says of them, and by which of them a test letter goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from distributor.delivery.model.flow import Limits, Rules, Way
from distributor.distribution.site import open_site
from distributor.distribution.ways import mail_channels
from distributor.settings import load
from tests.sites import Site, parse, texts
from tests.smtpd import Certificates, Smtpd


@pytest.fixture
def second() -> Iterator[Smtpd]:
    with Smtpd() as server:
        yield server


@pytest.fixture
def relayed(site: Site, smtpd: Smtpd, second: Smtpd) -> Site:
    """A site with a relay for departments, one for the rest, and one for another sender."""
    site.setting(FROM="bulletin@association.example")
    (site.folder / "relays.yaml").write_text(
        f"""\
relays:
  main: {{address: "smtp://{smtpd.relay}", groups: [送], limits: {{rate: 20/minute, connections: 2}}}}
  other: {{address: "smtp://127.0.0.1:1", senders: [other.example]}}
  rest: {{address: "smtp://{second.relay}", senders: [association.example]}}
destinations:
  QQ: {{domains: [qq.com, foxmail.com], limits: {{rate: 5/second, per_day: 500}}}}
""",
        "utf-8",
    )
    return site


def test_a_test_letter_goes_by_the_relay_that_carries_its_group(relayed: Site, smtpd: Smtpd, second: Smtpd) -> None:
    ran = relayed.run("send", relayed.bulletin, "--to-self", "me@self.example", "--yes")
    assert ran.code == 0, ran.err
    assert smtpd.accepted == ["me@self.example"]
    assert second.accepted == ["me@self.example"]
    said = ["".join(texts(parse(server.messages[0].data))) for server in (smtpd, second)]
    assert ["请参考" in text for text in said] == [True, False]
    assert ["请阅知" in text for text in said] == [False, True]


def test_one_relay_that_refuses_keeps_no_test_letter_from_the_other(relayed: Site, smtpd: Smtpd, second: Smtpd) -> None:
    smtpd.on("mail", "550 5.7.1 not you")
    ran = relayed.run("send", relayed.bulletin, "--to-self", "me@self.example", "--yes")
    assert ran.code == 1
    assert "550" in ran.out + ran.err
    assert (smtpd.accepted, second.accepted) == ([], ["me@self.example"])


def test_doctor_looks_at_each_relay_and_tells_the_limits_in_words(relayed: Site, smtpd: Smtpd) -> None:
    ran = relayed.run("doctor")
    assert ran.code == 0, ran.out
    assert f"relay: main ({smtpd.relay}) answers; " in ran.out
    assert "only 送; at most 20 a minute, 2 connections" in ran.out
    assert "only association.example" in ran.out
    assert "other (127.0.0.1:1) carries no letters from association.example" in ran.out
    assert "limits: QQ (foxmail.com qq.com): at most 5 a second, 500 a day" in ran.out
    checks = relayed.run("doctor", "--json").json["checks"]
    assert [check["health"] for check in checks if check["part"] == "relay"] == ["ok", "warning", "ok"]


def test_doctor_goes_on_to_the_next_relay_when_one_fails(relayed: Site, smtpd: Smtpd, second: Smtpd) -> None:
    smtpd.on("mail", "550 5.7.1 not you")
    ran = relayed.run("doctor")
    assert ran.code == 3
    assert f"main ({smtpd.relay}), when naming the sender (MAIL FROM): 550" in ran.out
    assert f"rest ({second.relay}) answers" in ran.out


def test_a_password_that_is_refused_is_told_without_it(site: Site, certificates: Certificates) -> None:
    with Smtpd(tls=certificates.server(), login=("bulletin@association.example", "right")) as server:
        address = f"smtps://{server.relay}"
        text = (
            f"relays: {{main: {{address: '{address}', login: bulletin@association.example, password_from: MAIN_PW}}}}"
        )
        (site.folder / "relays.yaml").write_text(text, "utf-8")
        site.setting(CA_FILE=certificates.ca_file)
        (site.folder / ".env").write_text("MAIN_PW=hunter2hunter2\n", "utf-8")
        ran = site.run("doctor")
        assert ran.code == 3
        assert "when logging in (AUTH)" in ran.out
        assert "hunter2" not in ran.out + ran.err
        (site.folder / ".env").write_text("MAIN_PW=right\n", "utf-8")
        assert site.run("doctor").code == 0


def test_doctor_tells_the_faults_of_the_file(site: Site) -> None:
    (site.folder / "relays.yaml").write_text("relays: {}\n", "utf-8")
    ran = site.run("doctor")
    assert ran.code == 3
    assert "relays.yaml:1" in ran.err


def test_doctor_tells_the_limits_of_the_outbox(site: Site) -> None:
    (site.folder / "relays.yaml").write_text("limits: {per_day: 9}\n", "utf-8")
    assert "limits: outbox: at most 9 a day" in site.run("doctor").out


def test_a_channel_for_each_relay_in_the_order_of_the_rules(relayed: Site) -> None:
    with open_site(str(relayed.folder)) as opened:
        assert [way.name for way in opened.rules.ways] == ["main", "other", "rest"]
        with mail_channels(opened.settings) as (channels, outbox):
            assert [way for way, _channel in channels] == list(opened.rules.ways)
            assert [channel.opening.relay for _way, channel in channels] == list(opened.settings.relays)
    assert outbox is None


def test_the_outbox_is_the_only_way_where_there_is_no_relay(tmp_path: Path) -> None:
    (tmp_path / "relays.yaml").write_text("limits: {per_day: 9}\n", "utf-8")
    settings = load(tmp_path, environ={})
    assert settings.rules == Rules((Way("outbox", limits=Limits(per_day=9)),))
    with mail_channels(settings) as (channels, outbox):
        assert [(way.name, channel.opening.relay.on_loopback) for way, channel in channels] == [("outbox", True)]
    assert outbox == tmp_path / "outbox"
