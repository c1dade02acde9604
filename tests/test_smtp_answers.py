"""From octets to answers: RFC 5321 4.2, however they are cut, coded or made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.channels.answers import MOST, Answer, AnswerReader, MalformedAnswerError
from distributor.delivery.channels.offer import Offer
from distributor.delivery.model.channel import Phase


def read(data: bytes) -> list[Answer]:
    return list(AnswerReader().feed(data))


@pytest.mark.parametrize(
    ("data", "answers"),
    [
        (b"250 ok\r\n", [Answer(250, (b"ok",))]),
        (b"250\r\n", [Answer(250, (b"",))]),
        (b"250-a\r\n250-b\r\n250 c\r\n", [Answer(250, (b"a", b"b", b"c"))]),
        (b"250-a\r\n250\r\n", [Answer(250, (b"a", b""))]),
        (b"250 a\r\n550 b\r\n354 c\r\n", [Answer(250, (b"a",)), Answer(550, (b"b",)), Answer(354, (b"c",))]),
        (b"250 lines that end in LF alone\n", [Answer(250, (b"lines that end in LF alone",))]),
        (b"250 o", []),
        (b"250-only the beginning\r\n", []),
    ],
)
def test_answers(data: bytes, answers: list[Answer]) -> None:
    assert read(data) == answers


@pytest.mark.parametrize(
    "data", [b"250 " + b"x" * 100, b"250-" + b"x" * 60 + b"\r\n", b"250-\r\n"], ids=["one line", "lines", "empty lines"]
)
def test_an_answer_without_end_is_given_up(data: bytes) -> None:
    reader = AnswerReader()
    with pytest.raises(MalformedAnswerError, match=r"octets|250"):
        feed_for_ever(reader, data)


def feed_for_ever(reader: AnswerReader, data: bytes) -> None:
    for _each in range(MOST):
        assert list(reader.feed(data)) == []


def test_an_answer_before_a_fault_counts() -> None:
    """It may be the one to the final dot, and what comes behind it in the same packet to the next letter's MAIL."""
    answers = AnswerReader().feed(b"250 queued\r\nwhat?\r\n")
    assert next(answers) == Answer(250, (b"queued",))
    with pytest.raises(MalformedAnswerError):
        next(answers)


def test_many_answers_are_not_an_endless_one() -> None:
    reader = AnswerReader()
    assert sum(len(list(reader.feed(b"250-a\r\n250 " + b"x" * 500 + b"\r\n"))) for _each in range(100)) == 100


LINES = st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), min_size=1, max_size=4).map(tuple)
ANSWERS = st.lists(st.builds(Answer, st.integers(200, 599), LINES), max_size=5)


@given(ANSWERS, st.data())
def test_however_it_is_cut_the_answers_are_the_same(answers: list[Answer], data: st.DataObject) -> None:
    stream = b"".join(map(as_sent, answers))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = AnswerReader()
    heard = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        heard += reader.feed(stream[start:end])
    assert heard == answers
    assert not reader.midway


def as_sent(answer: Answer) -> bytes:
    *first, last = answer.lines
    return b"".join(b"%d-%b\r\n" % (answer.code, line) for line in first) + b"%d %b\r\n" % (answer.code, last)


@given(st.binary(max_size=300))
def test_octets_give_answers_or_its_own_error_and_nothing_else(data: bytes) -> None:
    try:
        answers = read(data)
    except MalformedAnswerError:
        return
    for answer in answers:
        reply = answer.reply(Phase.RCPT, "relay.example:25")
        assert reply.code == answer.code
        assert reply.text.replace("\n", "").isprintable()
        str(answer)


# As text


@pytest.mark.parametrize(
    ("line", "enhanced", "text"),
    [
        (b"550 5.1.1 no such user", "5.1.1", "no such user"),
        (b"550 5.7.26 unauthenticated", "5.7.26", "unauthenticated"),
        (b"550 5.1.1", "5.1.1", ""),
        (b"550 no code", None, "no code"),
        (b"550 4.1.1 of another class", None, "4.1.1 of another class"),
        (b"550 5.1.1.1 is no code", None, "5.1.1.1 is no code"),
        (b"550 5.1.1000 is no code", None, "5.1.1000 is no code"),
        (b"550 5.1.1, with a comma", None, "5.1.1, with a comma"),
        (b"550-5.1.1 first\r\n550-5.1.1 second\r\n550 third", "5.1.1", "first\nsecond\nthird"),
        (b"550-5.1.1 first\r\n550 5.1.10 of another code", "5.1.1", "first\n5.1.10 of another code"),
        ("550 5.1.1 用户不存在".encode(), "5.1.1", "用户不存在"),
        ("550 用户不存在".encode("gb18030"), None, "用户不存在"),
        (b"550 caf\xe9", None, "café"),
        (b"550 \x1b[31mred\x1b[0m\x07 and\ttab", None, "[31mred[0m and tab"),
        ("550 right \u202eot tfel\u200b".encode(), None, "right ot tfel"),
        (b"550 bare \r return", None, "bare   return"),
        ("550 全角　空格".encode(), None, "全角 空格"),
    ],
)  # fmt: skip
def test_text_of_an_answer(line: bytes, enhanced: str | None, text: str) -> None:
    (answer,) = read(line + b"\r\n")
    reply = answer.reply(Phase.RCPT, "relay.example:25", handed_over=True)
    assert (reply.code, reply.enhanced, reply.text) == (550, enhanced, text)
    assert (reply.phase, reply.relay, reply.handed_over) == (Phase.RCPT, "relay.example:25", True)


# EHLO


@pytest.mark.parametrize(
    ("lines", "offer"),
    [
        ([], Offer()),
        (["PIPELINING", "8BITMIME", "STARTTLS"], Offer(pipelining=True, eight_bit=True, starttls=True)),
        (["SMTPUTF8"], Offer(utf8=True)),
        (["CHUNKING", "BINARYMIME"], Offer(chunking=True)),
        (["pipelining"], Offer(pipelining=True)),
        (["SIZE 35000000"], Offer(size=True, most=35_000_000)),
        (["SIZE"], Offer(size=True)),
        (["SIZE 0"], Offer(size=True)),
        (["SIZE many"], Offer(size=True)),
        (["AUTH LOGIN PLAIN"], Offer(auth=frozenset({"LOGIN", "PLAIN"}))),
        (["AUTH=LOGIN", "AUTH PLAIN"], Offer(auth=frozenset({"LOGIN", "PLAIN"}))),
        (["auth plain xoauth2"], Offer(auth=frozenset({"PLAIN", "XOAUTH2"}))),
        (["X-SOMETHING new", "", "DSN", "\xff\xfe"], Offer()),
    ],
)  # fmt: skip
def test_what_a_server_offers(lines: list[str], offer: Offer) -> None:
    answer = Answer(250, (b"relay.example PIPELINING", *(line.encode("latin-1") for line in lines)))
    assert Offer.of(answer) == offer
