"""Commands in groups (RFC 2920): who is judged by which answer, and what is on the wire when."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from distributor.delivery.model.channel import Parcel, Phase, SessionError
from distributor.settings import Relay
from tests.smtpd import LETTER, Conversation, HandDouble, Wire, channel, deliver, parcels

A, B, C, D = "a@b.example", "b@b.example", "c@b.example", "d@b.example"


def envelope_of(address: str) -> bytes:
    return f"MAIL FROM:<bulletin@a.example> SIZE={len(LETTER)}\r\nRCPT TO:<{address}>\r\nDATA\r\n".encode()


async def test_letters_arrive_as_they_were_meant(wire: Wire) -> None:
    hand = await deliver(wire.relay, A, B, C)
    assert hand.codes == {A: 250, B: 250, C: 250}
    assert [(message.recipient, message.data) for message in wire.messages] == [(A, LETTER), (B, LETTER), (C, LETTER)]


async def test_one_round_trip_moves_one_letter() -> None:
    """The server answers a group only when it has all of it: a client that waited in between would wait for ever."""
    letter = LETTER.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    ready = "250 ok\r\n250 ok\r\n354 go on"
    groups = [
        (envelope_of(A), ready),
        (letter + envelope_of(B), f"250 queued\r\n{ready}"),
        (letter + envelope_of(C), f"250 queued\r\n{ready}"),
        (letter, "250 queued"),
    ]

    async def script(conversation: Conversation) -> None:
        await conversation.say("220 ok")
        await conversation.line()
        await conversation.say("250-ok\r\n250-SIZE\r\n250 PIPELINING")
        for group, answer in groups:
            heard.append(await conversation.reader.readexactly(len(group)))
            await conversation.say(answer)

    heard: list[bytes] = []
    with Wire(script) as server:
        hand = await deliver(server.relay, A, B, C)
    assert hand.codes == {A: 250, B: 250, C: 250}
    assert heard == [group for group, _answer in groups]


async def test_each_is_judged_by_its_own_answer(wire: Wire) -> None:
    wire.on("rcpt", "550 5.1.1 no such user", to=A)
    wire.on("dot", "554 5.7.1 not this", to=B)
    wire.on("rcpt", "451 4.7.1 later", to=D)
    hand = await deliver(wire.relay, A, B, C, D)
    assert hand.codes == {A: 550, B: 554, C: 250, D: 451}
    assert [hand.replies[address].phase for address in (A, B, C, D)] == [Phase.RCPT, Phase.DOT, Phase.DOT, Phase.RCPT]
    assert wire.accepted == [C]
    assert hand.marked == [B, C]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "behind a body"])
async def test_refused_then_the_next_is_sent(wire: Wire, step: str, first: bool) -> None:
    wire.on(step, "550 5.7.1 no", times=1, after=0 if first else 1)
    hand = await deliver(wire.relay, A, B, C)
    refused = A if first else B
    assert hand.codes == {A: 250, B: 250, C: 250} | {refused: 550}
    assert hand.replies[refused].phase is Phase(step)
    assert wire.accepted == [address for address in (A, B, C) if address != refused]
    assert len(wire.heard) == 1
    assert wire.commands.count("RSET") == (0 if step == "mail" else 1)


async def test_rcpt_refused_and_data_accepted_gets_a_lone_dot(wire: Wire) -> None:
    """RFC 2920 3.1. The recipient's answer is the one that counts, whatever the server says to the dot."""
    wire.on("rcpt", "550 5.1.1 no such user", to=A)
    wire.on("data", "354 go on")
    hand = await deliver(wire.relay, A, B)
    assert hand.codes == {A: 550, B: 250}
    assert hand.replies[A].phase is Phase.RCPT
    assert not hand.replies[A].handed_over
    nobody, letter = wire.messages
    assert (nobody.recipient, nobody.data) == ("", b"")
    assert (letter.recipient, letter.data) == (B, LETTER)
    assert hand.marked == [B]


async def test_mail_refused_but_the_rest_accepted_is_not_dotted(wire: Wire) -> None:
    """A lone dot would be an empty letter to a recipient whom this odd server took: the connection is closed."""
    wire.on("mail", "550 5.7.1 no", times=1)
    wire.on("rcpt", "250 why not", times=1)
    wire.on("data", "354 go on", times=1)
    hand = await deliver(wire.relay, A, B)
    assert hand.codes == {A: 550}
    assert wire.messages == []
    assert [parcel.address for parcel in hand.waiting] == [B]


async def test_mail_refused_and_rcpt_accepted_is_reset(wire: Wire) -> None:
    wire.on("mail", "550 5.7.1 no", times=1)
    wire.on("rcpt", "250 why not", times=1)
    wire.on("data", "503 no", times=1)
    assert (await deliver(wire.relay, A, B)).codes == {A: 550, B: 250}
    assert wire.commands.count("RSET") == 1


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("mail", "354 go on"),
        ("rcpt", "354 go on"),
        ("data", "250 ok"),
        ("data", "334 "),
        ("mail", b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n"),
        ("data", b"354 go on\r\n250 and thanks\r\n"),
        ("data", b"354 go on\r\n25"),
        ("rcpt", b"what?\r\n"),
        ("rcpt", b"250-a\r\n550 b\r\n"),
    ],
)
@pytest.mark.parametrize("offers", [[], ["PIPELINING"]], ids=["plain", "pipelining"])
async def test_answers_that_do_not_fit_end_the_session(step: str, answer: str | bytes, offers: list[str]) -> None:
    """Once out of step, every later answer would be somebody else's: above all that to the final dot."""
    with Wire(offers=offers) as server:
        server.on(step, answer)
        hand = HandDouble.of(parcels(A, B))
        with pytest.raises(SessionError):
            await channel(server.relay, timeout=0.5).session(hand)
        assert (hand.codes, hand.replies[A].handed_over, hand.held) == ({A: None}, False, {})
        assert server.messages == []


@pytest.mark.parametrize("answer", ["354 go on", b"ok\r\n", b"250-queued\r\n551 not\r\n"])
async def test_an_answer_to_the_final_dot_that_does_not_fit_is_uncertain(wire: Wire, answer: str | bytes) -> None:
    wire.on("dot", answer, to=B)
    hand = await deliver(wire.relay, A, B, C)
    assert hand.codes == {A: 250, B: None}
    assert (hand.replies[B].phase, hand.replies[B].handed_over) == (Phase.DOT, True)
    assert hand.given_back == [C], "its envelope had gone behind the body, and nothing of it counts"


async def test_a_split_answer_is_one(wire: Wire) -> None:
    async def script(conversation: Conversation) -> None:
        conversation.say = drip(conversation)  # type: ignore[method-assign]
        await conversation.serve()

    with Wire(script) as server:
        assert (await deliver(server.relay, A, B)).codes == {A: 250, B: 250}


def drip(conversation: Conversation):  # type: ignore[no-untyped-def]
    async def say(text: str | bytes) -> None:
        for octet in text if isinstance(text, bytes) else f"{text}\r\n".encode():
            conversation.writer.write(bytes([octet]))
            await conversation.writer.drain()
            await asyncio.sleep(0)

    return say


async def test_an_endless_answer_is_not_kept(wire: Wire) -> None:
    wire.on("rcpt", b"250-" + b"x" * 100_000)
    hand = HandDouble.of(parcels(A))
    with pytest.raises(SessionError):
        await channel(wire.relay).session(hand)
    assert "does not speak SMTP" in hand.replies[A].text
    assert len(hand.replies[A].text) < 200


async def test_a_flood_of_answers_is_not_kept(wire: Wire) -> None:
    wire.on("rcpt", b"250 ok\r\n" * 10_000)
    hand = HandDouble.of(parcels(A))
    with pytest.raises(SessionError):
        await channel(wire.relay).session(hand)
    assert (hand.codes, hand.marked) == ({A: None}, [])


async def test_an_early_refusal_amid_a_large_body_is_the_reply() -> None:
    """A server may give up before the end (552): waiting for it to read on would be in vain."""
    large = b"Subject: 60\r\n\r\n" + (b"x" * 60 + b"\r\n") * 400_000
    small, second = parcels(A, B)
    with Wire(offers=["PIPELINING"]) as server:
        server.on("body", "552 5.3.4 too much", to=B)
        hand = await deliver(server.relay, small, second._replace(message=large))
    assert hand.codes == {A: 250, B: 552}
    assert (hand.replies[B].phase, hand.replies[B].handed_over) == (Phase.DOT, False)


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
async def test_421_behind_a_body_gives_back_the_one_at_hand(wire: Wire, step: str) -> None:
    wire.on(step, "421 4.3.2 closing", after=1)
    hand = await deliver(wire.relay, A, B, C)
    assert (hand.codes, hand.given_back, hand.marked) == ({A: 250}, [B], [A])


async def test_421_to_the_final_dot_gives_back_the_one_behind(wire: Wire) -> None:
    wire.on("dot", "421 4.3.2 closing", to=B)
    hand = await deliver(wire.relay, A, B, C)
    assert hand.codes == {A: 250, B: 421}
    assert hand.given_back == [C]


async def test_a_refusal_stands_though_the_connection_is_lost_after_it(wire: Wire) -> None:
    wire.on("rcpt", "550 5.1.1 no such user", to=A)
    wire.on("data", "421 4.7.0 too many errors")
    hand = await deliver(wire.relay, A, B)
    assert hand.codes == {A: 550}


async def test_what_cannot_be_sent_does_not_hold_up_what_is_behind_it(wire: Wire) -> None:
    hand = await deliver(wire.relay, A, "办公室@b.example", "no address", B)
    assert hand.codes == {A: 250, "办公室@b.example": 553, "no address": 553, B: 250}


async def test_after_its_deadline_nothing_goes_behind_a_body(wire: Wire) -> None:
    async def past_the_deadline(_parcel: Parcel) -> None:
        await asyncio.sleep(0.15)

    hand = await deliver(wire.relay, A, B, deadline=0.1, at_mark=past_the_deadline)
    assert hand.codes == {A: 250}
    assert [parcel.address for parcel in hand.waiting] == [B]
    assert wire.commands[-1] == "QUIT"


async def test_no_pipelining_without_the_offer() -> None:
    """Every command has to wait for the answer before it, on a server that drops what comes too early."""

    async def script(conversation: Conversation) -> None:
        line = conversation.line

        async def strict() -> str:
            text = await line()
            if text.partition(" ")[0] in {"MAIL", "RCPT", "DATA", "RSET"}:
                early.append(bytes(conversation.reader._buffer))  # type: ignore[attr-defined]
            return text

        conversation.line = strict  # type: ignore[method-assign]
        await conversation.serve()

    early: list[bytes] = []
    with Wire(script, offers=[]) as server:
        server.on("rcpt", "550 no", to=B)
        assert (await deliver(server.relay, A, B, C)).codes == {A: 250, B: 550, C: 250}
    assert set(early) == {b""}


# Postfix


@pytest.fixture
def smtp_sink() -> Iterator[Relay]:
    """Postfix's own sink, where it is installed."""
    program = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")
    if program is None:
        pytest.skip("no smtp-sink (Postfix) on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *user, f"127.0.0.1:{port}", "100"])
    try:
        wait_for(port)
        yield Relay("127.0.0.1", port, tls=False)
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail("smtp-sink does not answer")


async def test_postfix_takes_a_thousand_over_four_connections(smtp_sink: Relay) -> None:
    hands = [HandDouble.of(parcels(*(f"{n}@{k}.example" for n in range(250)))) for k in range(4)]
    mail = channel(smtp_sink)
    await asyncio.gather(*(mail.session(hand) for hand in hands))
    assert [set(hand.codes.values()) for hand in hands] == [{250}] * 4
    assert sum(len(hand.codes) for hand in hands) == 1000
