"""How robots are addressed and signed, against the vendors' own formulas, and how their answers are read.

DingTalk: open.dingtalk.com/document/robots/customize-robot-security-settings; Feishu:
open.feishu.cn/document/client-docs/bot-v3/add-custom-bot (its example has the time 1599360473).
"""

import base64
import hashlib
import hmac
import json
import urllib.parse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.channels.chat.requests import WORDS_MOST, Said, read_answer, request
from distributor.delivery.model.chat_secrets import Secret
from distributor.endpoints import Kind

ORIGIN = "https://host.example"
NOW = 1599360473.5
MESSAGE = '{"msg_type":"text","content":{"text":"《简报》"}}'.encode()
KINDS = (Kind.WECOM, Kind.DINGTALK, Kind.FEISHU, Kind.LARK)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (Kind.WECOM, f"{ORIGIN}/cgi-bin/webhook/send?key=token123"),
        (Kind.DINGTALK, f"{ORIGIN}/robot/send?access_token=token123"),
        (Kind.FEISHU, f"{ORIGIN}/open-apis/bot/v2/hook/token123"),
        (Kind.LARK, f"{ORIGIN}/open-apis/bot/v2/hook/token123"),
    ],
)
def test_without_a_signature_the_message_goes_as_it_was_frozen(kind: Kind, url: str) -> None:
    assert request(kind, ORIGIN, Secret("token123"), MESSAGE, NOW) == (url, MESSAGE)


def test_dingtalk_s_signature_is_in_the_address() -> None:
    url, body = request(Kind.DINGTALK, ORIGIN, Secret("token123", "SECabc"), MESSAGE, NOW)
    code = hmac.new(b"SECabc", b"1599360473500\nSECabc", digestmod=hashlib.sha256).digest()
    sign = urllib.parse.quote_plus(base64.b64encode(code))
    assert url == f"{ORIGIN}/robot/send?access_token=token123&timestamp=1599360473500&sign={sign}"
    assert body == MESSAGE


@pytest.mark.parametrize("kind", [Kind.FEISHU, Kind.LARK])
def test_feishu_s_signature_is_in_the_body(kind: Kind) -> None:
    url, body = request(kind, ORIGIN, Secret("token123", "demo"), MESSAGE, NOW)
    code = hmac.new(b"1599360473\ndemo", digestmod=hashlib.sha256).digest()
    assert url == f"{ORIGIN}/open-apis/bot/v2/hook/token123"
    assert json.loads(body) == {
        "timestamp": "1599360473", "sign": base64.b64encode(code).decode(), **json.loads(MESSAGE),
    }  # fmt: skip


@pytest.mark.parametrize("message", [b"", b"[]", b"{", b"\xff{}"])
def test_what_is_no_object_cannot_be_signed(message: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  json's own, or ours
        request(Kind.FEISHU, ORIGIN, Secret("token123", "demo"), message, NOW)


# Answers


def answered(kind: Kind, status: int = 200, **answer: Any) -> Said:
    return read_answer(kind, status, json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("kind", "answer", "own"),
    [
        (Kind.WECOM, {"errcode": 0, "errmsg": "ok"}, "0"),
        (Kind.DINGTALK, {"errcode": 310000, "errmsg": "sign not match"}, "310000"),
        (Kind.DINGTALK, {"errcode": -1, "errmsg": "系统繁忙"}, "-1"),
        (Kind.FEISHU, {"code": 0, "msg": "success", "data": {}, "StatusCode": 0, "StatusMessage": "success"}, "0"),
        (Kind.FEISHU, {"StatusCode": 0, "StatusMessage": "success"}, "0"),  # the first form
        (Kind.FEISHU, {"StatusCode": 0, "StatusMessage": "", "code": 19007, "msg": "Bot Not Enabled"}, "19007"),
        (Kind.LARK, {"StatusCode": 9499, "StatusMessage": "Bad Request"}, "9499"),
        (Kind.WECOM, {"code": 0, "msg": "success"}, None),
        (Kind.FEISHU, {"errcode": 0}, None),
        (Kind.WECOM, {"errcode": "0"}, None),
        (Kind.WECOM, {"errcode": None}, None),
        (Kind.WECOM, {"errcode": False}, None),
        (Kind.WECOM, {"errcode": 0.0}, None),
        (Kind.WECOM, {}, None),
    ],
)
def test_the_service_s_own_code_is_what_counts(kind: Kind, answer: dict[str, Any], own: str | None) -> None:
    said = answered(kind, **answer)
    assert (said.code, said.own) == (200 if own is not None else None, own)


@pytest.mark.parametrize(
    ("status", "code"),
    [(200, None), (204, None), (302, None), (400, 400), (403, 403), (404, 404), (429, 429), (500, None), (501, 501),
     (502, None), (503, 503), (504, None), (599, 599)],
)  # fmt: skip
def test_the_status_alone_tells_only_where_nothing_can_have_been_posted(status: int, code: int | None) -> None:
    assert read_answer(Kind.WECOM, status, b"").code == code


def test_a_success_under_an_error_s_status_is_unclear_and_an_error_s_code_is_not() -> None:
    assert answered(Kind.WECOM, 502, errcode=0, errmsg="ok").code is None
    assert answered(Kind.WECOM, 400, errcode=93000, errmsg="x") == Said(400, "93000", "x")


@given(st.binary(max_size=2000), st.sampled_from(KINDS), st.integers(100, 599))
def test_any_octets_can_be_an_answer(body: bytes, kind: Kind, status: int) -> None:
    said = read_answer(kind, status, body)
    assert said.text.isprintable()
    assert len(said.text) <= WORDS_MOST + len("HTTP 200 ")
    assert said.code in {None, status}


@given(st.text(), st.sampled_from(KINDS))
def test_the_service_s_words_are_on_one_line_and_print(words: str, kind: Kind) -> None:
    said = answered(kind, errcode=1, errmsg=words, code=1, msg=words)
    assert said.own == "1"
    assert said.text.isprintable()
    assert len(said.text) <= WORDS_MOST
