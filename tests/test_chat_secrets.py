"""Endpoints' names and secrets: what is read, what is wrong and how it is told, and that nothing shows them."""

import pickle
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.model.chat_secrets import Secret, Secrets, secrets_from
from distributor.delivery.model.endpoints import LIMITS
from distributor.endpoints import Endpoint, Kind
from distributor.errors import Finding, Place

TOKEN = "693a91f6-7abc-4bc4-97a0-0ec2sifa5aaa"
SIGNING = "SEC0123456789abcdef"
WECOM = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={TOKEN}"
DINGTALK = f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}"
FEISHU = f"https://open.feishu.cn/open-apis/bot/v2/hook/{TOKEN}"
LARK = f"https://open.larksuite.com/open-apis/bot/v2/hook/{TOKEN}"


def read(environ: Mapping[str, str]) -> tuple[Secrets, tuple[Finding, ...]]:
    return secrets_from(environ, lambda name: Place(".env", list(environ).index(name) + 1))


def secret(kind: Kind, value: str) -> Secret | None:
    found, findings = read({f"DISTRIBUTOR_{kind.upper()}_OFFICE": value})
    assert findings == ()
    return found.get(Endpoint(kind, "office"))


# Names


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", ["office", "office-1", "a", "7", "x" * 64])
def test_a_name_and_its_variable_can_be_told_from_each_other(kind: Kind, name: str) -> None:
    endpoint = Endpoint(kind, name)
    assert Endpoint.parse(str(endpoint)) == endpoint
    assert Endpoint.of_variable(endpoint.variable) == endpoint
    assert endpoint.variable == f"DISTRIBUTOR_{kind.upper()}_{name.upper().replace('-', '_')}"


@pytest.mark.parametrize(
    "address",
    [
        "office",
        "qq:office",
        "wecom:",
        "wecom:办公室",
        "wecom:a_b",
        "wecom:a--b",
        "wecom:-a",
        "wecom:a b",
        "wecom:" + "x" * 65,
    ],
)
def test_what_is_no_endpoint_is_told_with_how_to_write_one(address: str) -> None:
    with pytest.raises(ValueError, match="write wecom:NAME"):
        Endpoint.parse(address)


def test_an_address_may_be_written_in_any_case() -> None:
    assert Endpoint.parse(" WeCom:Office ") == Endpoint(Kind.WECOM, "office")


@pytest.mark.parametrize(
    "variable", ["DISTRIBUTOR_RELAY", "DISTRIBUTOR_FROM", "WECOM_OFFICE", "PATH", "DISTRIBUTOR_QQ_X"]
)
def test_other_variables_are_nobody_s_business(variable: str) -> None:
    assert Endpoint.of_variable(variable) is None


@pytest.mark.parametrize(
    "variable", ["DISTRIBUTOR_WECOM_办公室", "DISTRIBUTOR_WECOM_", "DISTRIBUTOR_WECOM", "DISTRIBUTOR_WECOM_A__B",
                 "DISTRIBUTOR_WECOM_office", "DISTRIBUTOR_WECOM_A-B"]
)  # fmt: skip
def test_a_variable_that_can_be_no_endpoint_s_is_told(variable: str) -> None:
    _secrets, (finding,) = read({"PATH": "/bin", variable: WECOM})
    assert (finding.code, str(finding.place)) == ("bad-endpoint-variable", ".env:2")
    assert variable in finding.message


def test_robots_are_posted_to_as_fast_as_their_vendors_allow() -> None:
    assert {kind: LIMITS[kind].per_minute for kind in Kind} == {
        Kind.WECOM: 20, Kind.DINGTALK: 20, Kind.FEISHU: 100, Kind.LARK: 100, Kind.APPRISE: None,
    }  # fmt: skip


# Values


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.WECOM, WECOM, Secret(TOKEN)),
        (Kind.WECOM, f"  {WECOM}\n", Secret(TOKEN)),
        (Kind.DINGTALK, DINGTALK, Secret(TOKEN)),
        (Kind.DINGTALK, f"{DINGTALK} {SIGNING}", Secret(TOKEN, SIGNING)),
        (Kind.FEISHU, f"{FEISHU}  {SIGNING}", Secret(TOKEN, SIGNING)),
        (Kind.LARK, LARK, Secret(TOKEN)),
        (Kind.APPRISE, "ntfys://user:pass@ntfy.example.org/topic", Secret("ntfys://user:pass@ntfy.example.org/topic")),
        (Kind.WECOM, "", None),
        (Kind.WECOM, "  ", None),
    ],
)
def test_a_value_is_what_the_app_shows(kind: Kind, value: str, expected: Secret | None) -> None:
    assert secret(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.WECOM, TOKEN),
        (Kind.WECOM, WECOM.replace("https", "http")),
        (Kind.WECOM, WECOM.replace("qyapi.weixin.qq.com", "qyapi.weixin.qq.com.evil.example")),
        (Kind.WECOM, WECOM.replace("qyapi.weixin.qq.com", "user@qyapi.weixin.qq.com")),
        (Kind.WECOM, WECOM.replace("qyapi.weixin.qq.com", "qyapi.weixin.qq.com:8443")),
        (Kind.WECOM, WECOM.replace("qyapi.weixin.qq.com", "[qyapi.weixin.qq.com")),
        (Kind.WECOM, WECOM + "&debug=1"),
        (Kind.WECOM, WECOM + "#x"),
        (Kind.WECOM, WECOM.replace("/send", "/upload_media")),
        (Kind.WECOM, f"{WECOM} {SIGNING}"),
        (Kind.WECOM, DINGTALK),
        (Kind.WECOM, WECOM.partition("key=")[0] + "key="),
        (Kind.DINGTALK, f"{DINGTALK} {SIGNING} {SIGNING}"),
        (Kind.DINGTALK, f"{DINGTALK} 密钥密钥密钥密钥"),
        (Kind.DINGTALK, f"{DINGTALK} short"),
        (Kind.FEISHU, LARK),
        (Kind.FEISHU, FEISHU.replace("/v2/", "/")),
        (Kind.FEISHU, FEISHU + "/../x"),
        (Kind.LARK, FEISHU),
        (Kind.APPRISE, f"ntfy.example.org/{TOKEN}"),
        (Kind.APPRISE, f"ntfy://x/{TOKEN} ntfy://y/{TOKEN}"),
    ],
)
def test_a_value_that_cannot_be_used_is_described_and_never_repeated(kind: Kind, value: str) -> None:
    variable = f"DISTRIBUTOR_{kind.upper()}_OFFICE"
    found, (finding,) = read({variable: value})
    assert (finding.code, str(finding.place)) == ("bad-endpoint-secret", ".env:1")
    assert f"{kind}:office" in finding.message
    assert finding.remedy
    told = f"{finding!r} {finding}"
    assert TOKEN not in told
    assert SIGNING not in told
    assert "evil" not in told
    assert found.get(Endpoint(kind, "office")) is None


def test_all_that_is_wrong_is_told_at_once_and_the_rest_is_read() -> None:
    found, findings = read(
        {
            "DISTRIBUTOR_WECOM_A": "x",
            "DISTRIBUTOR_WECOM_B": WECOM,
            "DISTRIBUTOR_LARK_C": "y",
            "DISTRIBUTOR_WECOM_一": "z",
        }
    )
    assert [str(finding.place) for finding in findings] == [".env:1", ".env:3", ".env:4"]
    a, b = Endpoint(Kind.WECOM, "a"), Endpoint(Kind.WECOM, "b")
    assert found.missing([a, b]) == (a,)


# Nothing shows them


def test_secrets_print_as_nothing() -> None:
    found, _findings = read({"DISTRIBUTOR_DINGTALK_OFFICE": f"{DINGTALK} {SIGNING}"})
    one = found.get(Endpoint(Kind.DINGTALK, "office"))
    shown = f"{found} {found!r} {one} {one!r} {[one]} {'%s %r' % (one, one)}"  # noqa: UP031
    assert TOKEN not in shown
    assert SIGNING not in shown
    assert "Secret(***)" in shown


def test_an_error_about_a_secret_does_not_quote_it() -> None:
    one = Secret(TOKEN, SIGNING)
    with pytest.raises(AttributeError) as caught:
        one.nothing  # type: ignore[attr-defined]  # noqa: B018
    assert TOKEN not in str(caught.value)
    with pytest.raises(AttributeError) as frozen:
        one.token = "x"  # type: ignore[misc]
    assert TOKEN not in str(frozen.value)


@given(st.text(), st.sampled_from([TOKEN, SIGNING + "/+=", "a b%/c&d!e"]), st.text())
def test_a_secret_is_taken_out_of_any_text(before: str, signing: str, after: str) -> None:
    one = Secret(TOKEN, signing)
    text = one.conceal(f"{before}{TOKEN}{signing}{after}{TOKEN}")
    assert TOKEN not in text
    assert signing not in text
    assert "SEC0123456789abcdef%2F%2B%3D" not in Secret(TOKEN, SIGNING + "/+=").conceal("SEC0123456789abcdef%2F%2B%3D")


def test_a_secret_is_a_value() -> None:
    assert pickle.loads(pickle.dumps(Secret(TOKEN))) == Secret(TOKEN)
