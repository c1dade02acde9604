"""Verdicts on chat services' answers: every row of the table, the order of the rows, and what must hold for any."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.model.channel import Phase, Reply
from distributor.delivery.model.chat_replies import blames_endpoint, classify, parse_patterns, patterns
from distributor.delivery.model.verdicts import Effect, Outcome, Scope, Verdict
from distributor.endpoints import Kind

TABLE = Path(__file__).parent.parent / "distributor/delivery/model/chat_replies.tsv"
WAITS = {"defer after 1 min": 60, "defer after 10 min": 600, "defer after 60 min": 3600}


def cells() -> list[list[str]]:
    return [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()[1:]]


def reply(code: int | None, own: str | None = None, text: str = "", *, handed_over: bool = True) -> Reply:
    return Reply(Phase.DOT, code, own, text, handed_over, "qyapi.weixin.qq.com")


def said(code: str, words: str) -> Reply:
    """The reply of a table's row."""
    text = "" if words == "-" else f"Error: {words.upper()}, hint: [1]"
    if code.startswith("HTTP "):
        return reply(int(code[5:]), None, text)
    return reply(200, code, text) if code.lstrip("-").isdigit() else reply(None, code, text, handed_over=False)


@pytest.mark.parametrize("row", cells(), ids=lambda row: " ".join(row[:3]))
def test_every_row_of_the_table(row: list[str]) -> None:
    kind, code, words, outcome, effect, scope, _meaning, reason, source = row
    expected = Verdict(Outcome(outcome.split(" ")[0]), Effect(effect), Scope(scope), reason, WAITS.get(outcome))
    kinds = list(Kind) if kind == "any" else [Kind.FEISHU, Kind.LARK] if kind == "feishu" else [Kind(kind)]
    assert {classify(said(code, words), each) for each in kinds} == {expected}
    assert len(source) > 5


def test_no_row_stands_in_the_shadow_of_an_earlier_one() -> None:
    rows = patterns()
    shadowed = [
        (late.kind, late.code, late.says)
        for place, late in enumerate(rows)
        for early in rows[:place]
        if early.kind == late.kind and early.code == late.code and early.says in late.says
    ]
    assert shadowed == []


@pytest.mark.parametrize(
    ("answer", "kind", "outcome", "reason"),
    [
        (reply(200, "0", "ok"), Kind.WECOM, Outcome.SENT, "sent"),
        (reply(200, "0", "ok", handed_over=False), Kind.WECOM, Outcome.DEFER, "unknown-chat-reply"),  # to nothing
        (reply(200, "12345", "who knows"), Kind.WECOM, Outcome.DEFER, "unknown-chat-reply"),
        (reply(200, "93000", "x"), Kind.DINGTALK, Outcome.DEFER, "unknown-chat-reply"),  # another service's code
        (reply(200, "300001", "something else"), Kind.DINGTALK, Outcome.DEFER, "unknown-chat-reply"),
        (reply(400, "9499", "Bad Request"), Kind.LARK, Outcome.FAIL_MESSAGE, "chat-message-refused"),
        (reply(400, None, "HTTP 400"), Kind.WECOM, Outcome.FAIL_MESSAGE, "unknown-chat-reply"),  # not for ever
        (reply(418, None, "HTTP 418"), Kind.FEISHU, Outcome.FAIL_MESSAGE, "unknown-chat-reply"),
        (reply(429, "12345", "?"), Kind.WECOM, Outcome.DEFER, "unknown-chat-reply"),  # its own code goes first
        (reply(501, None, "HTTP 501"), Kind.WECOM, Outcome.DEFER, "unknown-chat-reply"),
        (reply(None, None, "no answer in time"), Kind.WECOM, Outcome.DEFER, "no-answer"),
        (reply(302, None, "HTTP 302"), Kind.WECOM, Outcome.DEFER, "no-answer"),
        (reply(None, None, "Connection refused", handed_over=False), Kind.WECOM, Outcome.DEFER, "chat-unreachable"),
    ],
)
def test_what_stands_in_no_row(answer: Reply, kind: Kind, outcome: Outcome, reason: str) -> None:
    verdict = classify(answer, kind)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_only_an_answer_that_names_the_endpoint_blames_it() -> None:
    assert {reason for reason in {row.verdict.reason for row in patterns()} if blames_endpoint(reason)} == {
        "robot-gone", "chat-group-dissolved", "endpoint-malformed",
    }  # fmt: skip
    assert not blames_endpoint(None)
    assert not blames_endpoint("unknown-chat-reply")


@pytest.mark.parametrize(
    "table",
    [
        "kind\tcode\n",
        TABLE.read_text("utf-8").splitlines()[0] + "\nwecom\t1\t-\tdefer\tnone\trecipient\tx\treason\t\n",
        TABLE.read_text("utf-8").splitlines()[0] + "\nqq\t1\t-\tdefer\tnone\trecipient\tx\treason\ty\n",
        TABLE.read_text("utf-8").splitlines()[0] + "\nwecom\t1\t-\tretry\tnone\trecipient\tx\treason\ty\n",
        TABLE.read_text("utf-8").splitlines()[0] + "\nwecom\t1\t-\tdefer\tnone\trecipient\tx\tNo Slug\ty\n",
        TABLE.read_text("utf-8").splitlines()[0] + "\nwecom\tHTTP\t-\tdefer\tnone\trecipient\tx\treason\ty\n",
    ],
)
def test_a_table_that_is_not_as_it_must_be_names_its_line(table: str) -> None:
    with pytest.raises(ValueError, match=r"line [12]"):
        parse_patterns(table)


REPLIES = st.builds(
    reply, st.none() | st.integers(100, 599), st.none() | st.integers(-1, 500000).map(str) | st.sampled_from(
        [cell[1] for cell in cells()]
    ), st.text(max_size=30), handed_over=st.booleans(),
)  # fmt: skip


@given(REPLIES, st.sampled_from(Kind))
def test_whatever_is_said_has_a_verdict_and_only_a_zero_in_an_answer_is_sent(answer: Reply, kind: Kind) -> None:
    verdict = classify(answer, kind)
    assert (verdict.outcome is Outcome.SENT) == (
        answer.handed_over and answer.enhanced == "0" and answer.code is not None and answer.code // 100 == 2
    )
    if answer.handed_over and (answer.code is None or answer.code // 100 not in {2, 4, 5}):
        assert verdict.reason == "no-answer"
