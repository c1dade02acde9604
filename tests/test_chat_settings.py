"""What .env and the environment say of chat: secrets, and a server on this machine that stands in for all hosts."""

from pathlib import Path

import pytest

from distributor.endpoints import Endpoint
from distributor.errors import ConfigurationError
from distributor.settings import load


def test_secrets_come_from_both_places_and_the_environment_beats_the_file(tmp_path: Path) -> None:
    hook = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="
    (tmp_path / ".env").write_text(
        f"DISTRIBUTOR_WECOM_OFFICE_1={hook}from-the-file\nDISTRIBUTOR_WECOM_DESK={hook}also-there\n", "utf-8"
    )
    environ = {"DISTRIBUTOR_WECOM_OFFICE_1": f"{hook}from-outside", "DISTRIBUTOR_WECOM_DESK": ""}
    found = load(tmp_path, environ=environ)
    tokens = {name: found.secrets.get(Endpoint.parse(name)) for name in ("wecom:office-1", "wecom:desk")}
    assert {name: secret and secret.token for name, secret in tokens.items()} == {
        "wecom:office-1": "from-outside", "wecom:desk": "also-there",
    }  # fmt: skip
    assert "from-outside" not in repr(found)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("DISTRIBUTOR_WECOM_OFFICE=http://qyapi.weixin.qq.com/x?key=sesame-open", "bad-endpoint-secret"),
        ("DISTRIBUTOR_WECOM_office=sesame-open", "bad-endpoint-variable"),
        ("DISTRIBUTOR_WECHAT_OFFICE=sesame-open", "unknown-setting"),
        ("DISTRIBUTOR_CHAT_ORIGIN=http://192.0.2.1:8080", "bad-chat_origin"),
        ("DISTRIBUTOR_CHAT_ORIGIN=http://127.0.0.1:8080/path", "bad-chat_origin"),
        ("DISTRIBUTOR_CHAT_ORIGIN=http://127.0.0.1.example.org", "bad-chat_origin"),
        ("DISTRIBUTOR_CHAT_ORIGIN=http://127.0.0.1:port", "bad-chat_origin"),
    ],
)
def test_what_is_wrong_with_chat_is_told_with_its_line_and_without_the_secret(
    tmp_path: Path, line: str, code: str
) -> None:
    (tmp_path / ".env").write_text(f"\n{line}\n", "utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, environ={})
    (finding,) = raised.value.findings
    assert finding.code == code
    assert str(finding.place).endswith(".env:2")
    assert "sesame" not in str(raised.value)


def test_nothing_is_posted_anywhere_from_a_site_without_a_relay_but_to_this_machine(tmp_path: Path) -> None:
    assert load(tmp_path, environ={}).chat_stays_home
    assert not load(tmp_path, environ={"DISTRIBUTOR_CHAT_ORIGIN": "http://127.0.0.1:8080"}).chat_stays_home
    assert not load(tmp_path, environ={"DISTRIBUTOR_RELAY": "smtp://relay.example.org"}).chat_stays_home
