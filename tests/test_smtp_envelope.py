"""A parcel as SMTP says it, and what cannot be said: refused before anything is on the wire, never bent."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.channels.envelope import Envelope, InexpressibleError, body, chunk, envelope, octets
from distributor.delivery.channels.offer import Offer
from distributor.delivery.model.channel import Parcel, Phase, Reply
from tests.smtpd import LETTER, parcels

ALL = Offer(pipelining=True, size=True, eight_bit=True, utf8=True)
(PARCEL,) = parcels("office@b.example")


def refusal(parcel: Parcel, offer: Offer = ALL) -> Reply:
    with pytest.raises(InexpressibleError) as raised:
        envelope(parcel, offer)
    return raised.value.reply


def test_nothing_offered_nothing_asked() -> None:
    assert envelope(PARCEL, Offer()) == Envelope(
        b"MAIL FROM:<bulletin@a.example>\r\n", b"RCPT TO:<office@b.example>\r\n"
    )


def test_all_offered_only_what_is_needed_is_asked() -> None:
    assert envelope(PARCEL, ALL).mail == f"MAIL FROM:<bulletin@a.example> SIZE={len(LETTER)}\r\n".encode()


def test_eight_bit_body() -> None:
    parcel = PARCEL._replace(message="Subject: 60\r\n\r\n简报\r\n".encode())
    assert envelope(parcel, Offer(eight_bit=True)).mail == b"MAIL FROM:<bulletin@a.example> BODY=8BITMIME\r\n"
    reply = refusal(parcel, Offer())
    assert (reply.phase, reply.code, reply.enhanced) == (Phase.MAIL, 554, "5.6.3")


def test_utf8_in_a_header_field() -> None:
    parcel = PARCEL._replace(message="Subject: 简报\r\n\r\nbody\r\n".encode())
    assert envelope(parcel, Offer(eight_bit=True, utf8=True)).mail.endswith(b" BODY=8BITMIME SMTPUTF8\r\n")
    assert refusal(parcel, Offer(eight_bit=True)).enhanced == "5.6.7"


def test_utf8_in_a_mailbox() -> None:
    parcel = PARCEL._replace(address="办公室@b.example")
    told = envelope(parcel, Offer(utf8=True))
    assert told == Envelope(b"MAIL FROM:<bulletin@a.example> SMTPUTF8\r\n", "RCPT TO:<办公室@b.example>\r\n".encode())
    reply = refusal(parcel, Offer())
    assert (reply.phase, reply.code, reply.enhanced, reply.handed_over) == (Phase.MAIL, 553, "5.6.7", False)


def test_a_domain_goes_in_ascii_and_needs_no_smtputf8() -> None:
    parcel = PARCEL._replace(address="Office@例子.example")
    assert envelope(parcel, Offer()).rcpt == b"RCPT TO:<Office@xn--fsqu00a.example>\r\n"


def test_a_message_above_the_limit_is_refused_in_our_words() -> None:
    at_limit = Offer(size=True, most=len(LETTER))
    assert envelope(PARCEL, at_limit)
    reply = refusal(PARCEL, dataclasses.replace(at_limit, most=len(LETTER) - 1))
    assert (reply.phase, reply.code, reply.enhanced) == (Phase.MAIL, 552, "5.3.4")
    assert octets(len(LETTER)) in reply.text


@pytest.mark.parametrize(
    "message",
    [
        b"a\nb\r\n",
        b"a\rb\r\n",
        b"a\r\n.\nMAIL FROM:<evil@c.example>\r\n",
        b"a\n.\r\nMAIL FROM:<evil@c.example>\r\n",
        b"a\r.\r\nMAIL FROM:<evil@c.example>\r\n",
        b"a\r\r\nb\r\n",
        b"a\r\n\nb\r\n",
        b"\n",
        b"a\r\n\r",
        b"a\n\r",
    ],
)
def test_a_bare_line_end_is_never_sent(message: bytes) -> None:
    """SMTP smuggling: what one server takes for the end of a message and another does not (CVE-2023-51764)."""
    reply = refusal(PARCEL._replace(message=message))
    assert (reply.phase, reply.code, reply.enhanced) == (Phase.DATA, 554, "5.6.0")


@given(st.binary(max_size=60) | st.text("a.\r\n").map(str.encode))
def test_line_ends_are_crlf_or_refused(message: bytes) -> None:
    parcel = PARCEL._replace(message=message)
    stripped = message.replace(b"\r\n", b"")
    if b"\r" in stripped or b"\n" in stripped:
        assert refusal(parcel).code == 554
    else:
        assert envelope(parcel, ALL)


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example>\r\nRCPT TO:<evil@c.example",
        "a@b.example\n",
        "a\r@b.example",
        "a b@b.example",
        "a\u3000b@b.example",
        "a\x00b@b.example",
        "a\x85b@b.example",
        "<a@b.example>",
        "a@b.example> SIZE=1",
        "a@b@c.example",
        "b.example",
        "@b.example",
        "a@",
        "",
        "a\ud800@b.example",
        "a@\u00ad.example",
        "a@例子..example",
    ],
)
def test_an_address_that_could_speak_for_itself_is_refused(address: str) -> None:
    reply = refusal(PARCEL._replace(address=address))
    assert (reply.phase, reply.code, reply.enhanced) == (Phase.RCPT, 553, "5.1.3")
    reply = refusal(PARCEL._replace(sender=address))
    assert (reply.phase, reply.code, reply.enhanced) == (Phase.MAIL, 553, "5.1.7")


@given(st.text(max_size=20))
def test_whatever_the_address_a_command_is_one_line(address: str) -> None:
    try:
        told = envelope(PARCEL._replace(address=address), ALL)
    except InexpressibleError as error:
        error.reply.text.encode()
        return
    assert told.rcpt.count(b"\n") == told.rcpt.count(b"\r") == told.rcpt.count(b"<") == told.rcpt.count(b">") == 1
    assert told.rcpt.endswith(b">\r\n")


# The body


@pytest.mark.parametrize(
    ("message", "octets_sent"),
    [
        (b"", b"\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n..b\r\n", b"a\r\n...b\r\n.\r\n"),
        (b".\r\n.\r\n.\r\n", b"..\r\n..\r\n..\r\n.\r\n"),
        (b"a.\r\nb.c\r\n", b"a.\r\nb.c\r\n.\r\n"),
    ],
)
def test_dot_stuffing(message: bytes, octets_sent: bytes) -> None:
    assert body(message) == octets_sent


@given(st.lists(st.text("a.", max_size=4)))
def test_a_server_reads_back_what_was_meant(lines: list[str]) -> None:
    message = "".join(f"{line}\r\n" for line in lines).encode()
    *received, dot, rest = body(message).decode().split("\r\n")
    assert (dot, rest) == (".", "")
    assert "." not in received
    unstuffed = [line.removeprefix(".") for line in received]
    assert unstuffed == (lines or [""])


@pytest.mark.parametrize(
    ("message", "octets_sent"),
    [(b"", b"BDAT 2 LAST\r\n\r\n"), (b"a", b"BDAT 3 LAST\r\na\r\n"), (b".\r\n", b"BDAT 3 LAST\r\n.\r\n")],
)
def test_a_chunk_is_counted_and_not_stuffed(message: bytes, octets_sent: bytes) -> None:
    assert chunk(message) == octets_sent


@given(st.text("a.", max_size=9) | st.text("aé简"))
def test_a_chunk_has_as_many_octets_as_it_says(text: str) -> None:
    command, _line_end, data = chunk(text.encode()).partition(b"\r\n")
    assert command == b"BDAT %d LAST" % len(data)
    assert data == f"{text}\r\n".encode()


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (35_882_577, "35.9 MB")])
def test_sizes_as_people_say_them(count: int, text: str) -> None:
    assert octets(count) == text
