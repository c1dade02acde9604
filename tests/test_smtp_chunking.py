"""BDAT (RFC 3030) where the relay offers it with PIPELINING: what is on the wire when, and what a refusal leaves."""

from collections.abc import Iterator

import pytest

from distributor.delivery.channels import smtp
from distributor.delivery.model.channel import Parcel, Phase, SessionError
from tests.smtpd import LETTER, Conversation, Do, HandDouble, Wire, channel, deliver, parcels

A, B, C = "a@b.example", "b@b.example", "c@b.example"
CHUNK = f"BDAT {len(LETTER)} LAST\r\n".encode() + LETTER


def envelope_of(address: str) -> bytes:
    return f"MAIL FROM:<bulletin@a.example>\r\nRCPT TO:<{address}>\r\n".encode()


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire(offers=["PIPELINING", "CHUNKING"]) as server:
        yield server


def verbs(server: Wire) -> list[str]:
    known = {"EHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "QUIT"}
    return [verb for line in server.commands if (verb := line.partition(" ")[0]) in known]


async def test_one_round_trip_moves_one_letter() -> None:
    """The server answers a group only when it has all of it: a client that waited in between would wait for ever."""
    groups = [
        (envelope_of(A), "250 ok\r\n250 ok"),
        (CHUNK + envelope_of(B), "250 queued\r\n250 ok\r\n250 ok"),
        (CHUNK + envelope_of(C), "250 queued\r\n250 ok\r\n250 ok"),
        (CHUNK, "250 queued"),
    ]

    async def script(conversation: Conversation) -> None:
        await conversation.say("220 ok")
        await conversation.line()
        await conversation.say("250-ok\r\n250-CHUNKING\r\n250 PIPELINING")
        for group, answer in groups:
            heard.append(await conversation.reader.readexactly(len(group)))
            await conversation.say(answer)

    heard: list[bytes] = []
    with Wire(script) as server:
        hand = await deliver(server.relay, A, B, C)
    assert hand.codes == {A: 250, B: 250, C: 250}
    assert heard == [group for group, _answer in groups]


@pytest.mark.parametrize("offers", [["CHUNKING"], ["PIPELINING"]])
async def test_one_of_the_two_alone_is_not_enough(offers: list[str]) -> None:
    with Wire(offers=offers) as server:
        assert (await deliver(server.relay, A, B)).codes == {A: 250, B: 250}
        assert "BDAT" not in verbs(server)


async def test_letters_arrive_as_they_were_meant(wire: Wire) -> None:
    dots = b"Subject: 60\r\n\r\n.\r\n..\r\n.QUIT\r\n"
    large = b"Subject: 60\r\n\r\n" + (b"." * 60 + b"\r\n") * 40_000
    assert len(large) > 10 * smtp.CHUNK
    letters = [LETTER, dots, large, b"Subject: no end of line"]
    to = parcels(A, B, C, "d@b.example")
    hand = await deliver(wire.relay, *(p._replace(message=m) for p, m in zip(to, letters, strict=True)))
    assert set(hand.codes.values()) == {250}
    assert [message.data for message in wire.messages] == [*letters[:3], letters[3] + b"\r\n"]


async def test_nothing_of_the_body_is_sent_before_its_mark(wire: Wire) -> None:
    async def look(parcel: Parcel) -> None:
        assert verbs(wire)[-1] == "RCPT"
        assert verbs(wire).count("BDAT") == parcel.delivery_id - 1
        assert len(hand.marked) == len(hand.replies), "one in doubt at a time"

    hand = HandDouble.of(parcels(A, B, C), at_mark=look)
    await channel(wire.relay).session(hand)
    assert hand.codes == {A: 250, B: 250, C: 250}


async def test_no_mark_no_body(wire: Wire) -> None:
    hand = await deliver(wire.relay, A, B, C, unmarkable=frozenset({B}))
    assert (hand.codes, hand.given_back) == ({A: 250}, [])
    assert [parcel.address for parcel in hand.waiting] == [C]
    assert verbs(wire)[-1] == "RCPT"


@pytest.mark.parametrize("step", ["mail", "rcpt"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "behind a body"])
async def test_refused_before_its_body_then_the_next_is_sent(wire: Wire, step: str, first: bool) -> None:
    wire.on(step, "550 5.7.1 no", times=1, after=0 if first else 1)
    hand = await deliver(wire.relay, A, B, C)
    refused = A if first else B
    assert hand.codes == {A: 250, B: 250, C: 250} | {refused: 550}
    assert (hand.replies[refused].phase, hand.replies[refused].handed_over) == (Phase(step), False)
    assert refused not in hand.marked
    assert [message.recipient for message in wire.messages] == [to for to in (A, B, C) if to != refused]
    assert len(wire.heard) == 1
    assert verbs(wire).count("RSET") == (0 if step == "mail" else 1)


async def test_mail_refused_and_rcpt_accepted_is_reset(wire: Wire) -> None:
    wire.on("mail", "550 5.7.1 no", times=1)
    wire.on("rcpt", "250 why not", times=1)
    assert (await deliver(wire.relay, A, B)).codes == {A: 550, B: 250}
    assert wire.accepted == [B]
    assert verbs(wire).count("RSET") == 1


@pytest.mark.parametrize("forgets", [False, True], ids=["the transaction stands", "the transaction is gone"])
@pytest.mark.parametrize("answer", ["554 5.7.1 not this", "451 4.3.0 later", "552 5.2.2 full"])
async def test_after_a_refused_chunk_what_was_behind_it_begins_anew(wire: Wire, answer: str, forgets: bool) -> None:
    """RFC 3030 2: nobody knows in what state the server is then."""
    wire.on("dot", answer, to=A)
    if forgets:
        wire.on("mail", "250 2.1.0 sender ok", after=1, times=1)
    hand = await deliver(wire.relay, A, B, C)
    assert hand.codes == {A: int(answer[:3]), B: 250, C: 250}
    assert (hand.replies[A].phase, hand.replies[A].handed_over) == (Phase.DOT, True)
    assert wire.accepted == [B, C]
    assert len(wire.heard) == 1
    assert verbs(wire)[1:9] == ["MAIL", "RCPT", "BDAT", "MAIL", "RCPT", "RSET", "MAIL", "RCPT"]


async def test_a_refused_chunk_with_nothing_behind_it_ends_in_order(wire: Wire) -> None:
    wire.on("dot", "554 5.7.1 not this")
    assert (await deliver(wire.relay, A)).codes == {A: 554}
    assert verbs(wire)[-1] == "QUIT"


async def test_421_after_a_refused_chunk_gives_back_the_one_behind(wire: Wire) -> None:
    wire.on("dot", "554 5.7.1 not this", to=A)
    wire.on("mail", "421 4.7.0 too many errors", after=1)
    hand = await deliver(wire.relay, A, B)
    assert (hand.codes, hand.given_back) == ({A: 554}, [B])


@pytest.mark.parametrize("act", [*Do, "421 4.3.2 closing"], ids=str)
async def test_lost_after_the_chunk(wire: Wire, act: Do | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay has all of it: 421 is its word, silence leaves a doubt, and the one behind was never begun."""
    monkeypatch.setattr(smtp, "PATIENCE", 0.2)
    wire.on("dot", act, to=B)
    hand = await deliver(wire.relay, A, B, C)
    assert hand.codes == {A: 250, B: None if isinstance(act, Do) else 421}
    assert (hand.replies[B].phase, hand.replies[B].handed_over) == (Phase.DOT, True)
    assert hand.given_back == [C]


async def test_lost_amid_a_large_chunk_was_not_handed_over(wire: Wire) -> None:
    """A server cannot take a chunk that it has not counted to its end, and the last write never began."""
    letter = b"Subject: 60\r\n\r\n" + (b"x" * 60 + b"\r\n") * 400_000
    wire.on("body", Do.RESET)
    hand = HandDouble.of(parcels(A, message=letter))
    with pytest.raises(SessionError):
        await channel(wire.relay).session(hand)
    assert (hand.codes, hand.marked) == ({A: None}, [A])
    assert (hand.replies[A].phase, hand.replies[A].handed_over) == (Phase.DOT, False)
