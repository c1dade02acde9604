"""One parcel after the other over aiosmtpd, step by step: every refusal and every loss, and what the engine hears."""

import asyncio

import pytest

from distributor.delivery.channels import smtp
from distributor.delivery.channels.dialogue import Dialogue, LostError
from distributor.delivery.model.channel import Parcel, Phase, SessionError
from tests.smtpd import LETTER, SENDER, Conversation, Do, HandDouble, Smtpd, Wire, channel, deliver, parcels

A, B, C = "a@b.example", "b@b.example", "c@b.example"


# All well


async def test_letters_arrive_as_they_were_meant(smtpd: Smtpd) -> None:
    hand = await deliver(smtpd.relay, A, B, C)
    assert hand.codes == {A: 250, B: 250, C: 250}
    assert [(message.sender, message.recipient) for message in smtpd.messages] == [
        (SENDER, A),
        (SENDER, B),
        (SENDER, C),
    ]
    assert {message.data for message in smtpd.messages} == {LETTER}
    assert len(smtpd.heard) == 1, "one connection for all"
    assert smtpd.commands[-1] == "QUIT"


async def test_the_reply_is_kept_as_the_relay_said_it(smtpd: Smtpd) -> None:
    reply = (await deliver(smtpd.relay, A)).replies[A]
    assert (reply.phase, reply.code, reply.enhanced, reply.text) == (Phase.DOT, 250, "2.0.0", "queued as 0")
    assert (reply.handed_over, reply.relay) == (True, str(smtpd.relay))


async def test_no_parcel_no_mail(smtpd: Smtpd) -> None:
    await deliver(smtpd.relay)
    assert smtpd.commands == ["EHLO client.example", "QUIT"]


async def test_a_large_letter_goes_in_several_writes(smtpd: Smtpd) -> None:
    letter = b"Subject: 60\r\n\r\n" + (b"." * 60 + b"\r\n") * 40_000
    assert len(letter) > 10 * smtp.CHUNK
    hand = await deliver(smtpd.relay, *parcels(A, B, message=letter))
    assert hand.codes == {A: 250, B: 250}
    assert [message.data for message in smtpd.messages] == [letter, letter]


async def test_letters_in_utf8_to_mailboxes_in_utf8(smtpd: Smtpd) -> None:
    letter = "To: 办公室@b.example\r\nSubject: 简报\r\n\r\n正文\r\n".encode()
    hand = await deliver(smtpd.relay, *parcels("办公室@b.example", message=letter))
    assert hand.codes == {"办公室@b.example": 250}
    (message,) = smtpd.messages
    assert (message.recipient, message.data) == ("办公室@b.example", letter)
    assert set(message.options) == {"BODY=8BITMIME", "SMTPUTF8"}


# Refused


@pytest.mark.parametrize(
    ("step", "phase"), [("mail", Phase.MAIL), ("rcpt", Phase.RCPT), ("data", Phase.DATA), ("dot", Phase.DOT)]
)
@pytest.mark.parametrize("answer", ["550 5.7.1 no", "451 4.7.1 later", "552 5.2.2 full", "452 too much"])
async def test_refused_then_the_next_is_sent(smtpd: Smtpd, step: str, phase: Phase, answer: str) -> None:
    smtpd.on(step, answer, times=1)
    hand = await deliver(smtpd.relay, A, B)
    reply = hand.replies[A]
    assert (reply.phase, reply.code) == (phase, int(answer[:3]))
    assert answer.endswith(reply.text)
    assert reply.handed_over is (step == "dot")
    assert hand.codes[B] == 250
    assert smtpd.accepted == [B]
    assert len(smtpd.heard) == 1, "the session went on"
    assert hand.marked == ([A, B] if step == "dot" else [B]), "no mark before the relay waits for the body"


@pytest.mark.parametrize(("step", "resets"), [("mail", 0), ("rcpt", 1), ("data", 1), ("dot", 0)])
async def test_rset_where_a_transaction_was_left_open(smtpd: Smtpd, step: str, resets: int) -> None:
    smtpd.on(step, "550 no", times=1)
    await deliver(smtpd.relay, A, B)
    assert smtpd.commands.count("RSET") == resets


async def test_everybody_is_refused(smtpd: Smtpd) -> None:
    smtpd.on("rcpt", "550 5.1.1 no such user")
    hand = await deliver(smtpd.relay, A, B, C)
    assert hand.codes == {A: 550, B: 550, C: 550}


async def test_an_answer_of_several_lines(smtpd: Smtpd) -> None:
    smtpd.on("rcpt", "550-5.1.1 no such user\r\n550-5.1.1 look again\r\n550 5.1.1 goodbye")
    reply = (await deliver(smtpd.relay, A)).replies[A]
    assert (reply.enhanced, reply.text) == ("5.1.1", "no such user\nlook again\ngoodbye")


# What this relay cannot be told


async def test_too_large_for_the_relay_then_the_next_is_sent() -> None:
    with Smtpd(size=200) as server:
        large, small = parcels(A, B)
        large = large._replace(message=LETTER + b"x" * 200 + b"\r\n")
        hand = await deliver(server.relay, large, small)
        assert hand.codes == {A: 552, B: 250}
        assert (hand.replies[A].phase, hand.replies[A].relay) == (Phase.MAIL, str(server.relay))
        assert "x" * 20 not in "".join(server.commands)


async def test_no_smtputf8_then_the_next_is_sent() -> None:
    with Smtpd(utf8=False) as server:
        hand = await deliver(server.relay, "办公室@b.example", A)
        assert hand.codes == {"办公室@b.example": 553, A: 250}
        assert server.accepted == [A]


async def test_nothing_is_smuggled(smtpd: Smtpd) -> None:
    evil = LETTER + b"\n.\r\nMAIL FROM:<evil@c.example>\r\nRCPT TO:<victim@c.example>\r\nDATA\r\nboo\r\n"
    hand = await deliver(smtpd.relay, *parcels(A, message=evil))
    assert hand.codes == {A: 554}
    assert smtpd.messages == []
    assert "evil" not in "".join(smtpd.commands)


# 421


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
async def test_421_on_a_session_that_moved_others_costs_the_parcel_at_hand_nothing(smtpd: Smtpd, step: str) -> None:
    """Many relays close after so many messages: whose turn it was then has no part in it."""
    smtpd.on(step, "421 4.3.2 closing", after=1)
    hand = await deliver(smtpd.relay, A, B, C)
    assert (hand.codes, hand.given_back, hand.marked) == ({A: 250}, [B], [A])
    assert [parcel.address for parcel in hand.waiting] == [C], "left for another session"


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
async def test_421_settles_the_parcel_that_is_first_on_its_session(smtpd: Smtpd, step: str) -> None:
    smtpd.on(step, "421 4.3.2 closing")
    hand = HandDouble.of(parcels(A, B))
    with pytest.raises(SessionError):
        await channel(smtpd.relay).session(hand)
    reply = hand.replies[A]
    assert (reply.phase, reply.code, reply.enhanced, reply.text) == (Phase(step), 421, "4.3.2", "closing")
    assert [parcel.address for parcel in hand.waiting] == [B]


async def test_421_to_the_final_dot_settles_the_parcel_and_ends_the_session(smtpd: Smtpd) -> None:
    smtpd.on("dot", "421 4.3.2 closing", to=B)
    hand = await deliver(smtpd.relay, A, B, C)
    assert hand.codes == {A: 250, B: 421}
    reply = hand.replies[B]
    assert (reply.phase, reply.enhanced, reply.text) == (Phase.DOT, "4.3.2", "closing")
    assert [parcel.address for parcel in hand.waiting] == [C], "left for another session"


async def test_421_before_anything_was_moved_is_an_error(smtpd: Smtpd) -> None:
    """The engine waits before it opens another: else it would burn its whole stock on a relay that is closing."""
    smtpd.on("mail", "421 4.3.2 closing")
    hand = HandDouble.of(parcels(A, B))
    with pytest.raises(SessionError) as raised:
        await channel(smtpd.relay).session(hand)
    assert raised.value.reply.code == 421
    assert hand.codes == {A: 421}
    assert hand.held == {}


@pytest.mark.parametrize("offers", [[], ["PIPELINING"]], ids=["plain", "pipelining"])
@pytest.mark.parametrize("farewell", ["421 4.4.2 timeout", None], ids=["421", "closed"])
async def test_a_relay_that_left_while_we_were_idle_costs_no_parcel(offers: list[str], farewell: str | None) -> None:
    said = asyncio.Event()

    async def script(conversation: Conversation) -> None:
        await conversation.say("220 ok")
        await conversation.line()
        await conversation.say("\r\n".join(["250-ok", *(f"250-{offer}" for offer in offers), "250 HELP"]))
        if farewell:
            await conversation.say(farewell)
        client.call_soon_threadsafe(said.set)

    class Late(HandDouble):
        async def take(self) -> Parcel | None:
            await said.wait()
            await asyncio.sleep(0.05)  # what was said has to come through the kernel
            return self.poll()

    with Wire(script) as server:
        client = asyncio.get_running_loop()
        hand = Late.of(parcels(A))
        with pytest.raises(SessionError) as raised:
            await channel(server.relay).session(hand)
    assert raised.value.reply.code == (421 if farewell else None)
    assert (hand.given_back, hand.replies) == ([A], {})


async def test_quit_answered_421_changes_nothing(smtpd: Smtpd) -> None:
    smtpd.on("quit", "421 no")
    assert (await deliver(smtpd.relay, A)).codes == {A: 250}


@pytest.mark.parametrize("do", list(Do))
async def test_quit_not_answered_changes_nothing(smtpd: Smtpd, do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "FAREWELL", 0.05)
    smtpd.on("quit", do)
    assert (await deliver(smtpd.relay, A)).codes == {A: 250}


# Lost


@pytest.mark.parametrize("do", list(Do))
@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
async def test_lost_before_the_body_is_certainly_not_handed_over(smtpd: Smtpd, step: str, do: Do) -> None:
    smtpd.on(step, do)
    hand = HandDouble.of(parcels(A, B, C))
    with pytest.raises(SessionError):
        await channel(smtpd.relay, timeout=0.2).session(hand)
    assert (hand.codes, hand.marked, hand.given_back) == ({A: None}, [], [])
    reply = hand.replies[A]
    assert (reply.phase, reply.handed_over) == (Phase(step), False)
    assert reply.text


@pytest.mark.parametrize("do", list(Do))
@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
async def test_lost_before_the_body_on_a_session_that_moved_others_it_is_given_back(
    smtpd: Smtpd, step: str, do: Do
) -> None:
    smtpd.on(step, do, after=1)
    hand = await deliver(smtpd.relay, A, B, C, timeout=0.2)
    assert (hand.codes, hand.given_back, hand.marked) == ({A: 250}, [B], [A])


@pytest.mark.parametrize("do", list(Do))
async def test_lost_amid_the_body_is_uncertain(smtpd: Smtpd, do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write that holds the final dot had begun: what the relay makes of its part, nobody on this side knows."""
    monkeypatch.setattr(smtp, "PATIENCE", 0.2)
    smtpd.on("body", do, to=B)
    hand = await deliver(smtpd.relay, A, B, C)
    assert hand.codes == {A: 250, B: None}
    assert (hand.replies[B].phase, hand.replies[B].handed_over) == (Phase.DOT, True)


@pytest.mark.parametrize("do", list(Do))
async def test_dropped_after_the_final_dot_is_uncertain(smtpd: Smtpd, do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "PATIENCE", 0.2)
    smtpd.on("dot", do, to=B)
    hand = await deliver(smtpd.relay, A, B, C)
    assert hand.codes == {A: 250, B: None}
    assert (hand.replies[B].phase, hand.replies[B].handed_over) == (Phase.DOT, True)
    assert [message.recipient for message in smtpd.messages] == [A, B], "the relay had all of it"


async def test_lost_amid_a_large_body_was_not_handed_over(smtpd: Smtpd) -> None:
    """The final dot is in the last of many writes, and that one never began."""
    letter = b"Subject: 60\r\n\r\n" + (b"x" * 60 + b"\r\n") * 400_000
    smtpd.on("body", Do.RESET)
    hand = HandDouble.of(parcels(A, message=letter))
    with pytest.raises(SessionError):
        await channel(smtpd.relay).session(hand)
    assert (hand.codes, hand.marked, hand.held) == ({A: None}, [A], {})
    assert (hand.replies[A].phase, hand.replies[A].handed_over) == (Phase.DOT, False)


async def test_a_connection_that_is_going_takes_no_final_dot(wire: Wire) -> None:
    """asyncio tells of a loss one turn of its loop later; what is written in that turn goes nowhere."""
    dialogue = await Dialogue.connect(wire.relay.host, wire.relay.port, 5.0, None)
    await dialogue.answer()
    dialogue._transport.abort()
    with pytest.raises(LostError):
        dialogue.in_step()
    await dialogue.close()


async def test_the_answer_to_the_final_dot_is_waited_for_longer_than_others(smtpd: Smtpd) -> None:
    smtpd.on("dot", 0.3)
    assert (await deliver(smtpd.relay, A, timeout=0.1)).codes == {A: 250}


async def test_a_session_that_moved_nothing_is_an_error(smtpd: Smtpd) -> None:
    smtpd.on("mail", Do.DROP)
    hand = HandDouble.of(parcels(A, B))
    with pytest.raises(SessionError) as raised:
        await channel(smtpd.relay).session(hand)
    reply = raised.value.reply
    assert (reply.phase, reply.code, reply.text) == (Phase.MAIL, None, "the relay closed the connection")
    assert (hand.codes, hand.held) == ({A: None}, {})


# No mark


@pytest.mark.parametrize("offers", [[], ["PIPELINING"]], ids=["plain", "pipelining"])
async def test_no_mark_no_body(offers: list[str]) -> None:
    with Wire(offers=offers) as server:
        hand = await deliver(server.relay, A, B, C, unmarkable=frozenset({B}))
        assert hand.codes == {A: 250}
        assert [parcel.address for parcel in hand.waiting] == [C], "the engine opens another session for the rest"
        assert server.accepted == [A]
        assert server.commands[-1] == "DATA"
        await deliver(server.relay, *hand.waiting)
        assert server.accepted == [A, C]


@pytest.mark.parametrize("offers", [[], ["PIPELINING"]], ids=["plain", "pipelining"])
async def test_nothing_of_the_body_is_sent_before_its_mark(offers: list[str]) -> None:
    with Wire(offers=offers) as server:

        async def look(parcel: Parcel) -> None:
            assert server.commands[-1] == "DATA"
            assert server.commands.count("Body") == parcel.delivery_id - 1

        assert (await deliver(server.relay, A, B, at_mark=look)).codes == {A: 250, B: 250}


# Time


async def test_after_its_deadline_a_session_takes_nothing_more(smtpd: Smtpd) -> None:
    smtpd.on("dot", 0.3, times=1)
    hand = await deliver(smtpd.relay, A, B, deadline=0.2)
    assert hand.codes == {A: 250}
    assert [parcel.address for parcel in hand.waiting] == [B]
    assert smtpd.commands[-1] == "QUIT"


async def test_a_relay_that_answers_late_each_time_is_left_at_the_deadline(smtpd: Smtpd) -> None:
    smtpd.on("mail", 0.2)
    smtpd.on("rcpt", 0.2)
    hand = HandDouble.of(parcels(A))
    with pytest.raises(SessionError):
        await channel(smtpd.relay, timeout=5, deadline=0.3).session(hand)
    assert hand.replies[A].phase is Phase.RCPT
    assert hand.replies[A].text == "no answer in time"


async def test_a_relay_that_stops_reading_is_left(smtpd: Smtpd) -> None:
    letter = b"Subject: 60\r\n\r\n" + (b"x" * 60 + b"\r\n") * 400_000
    smtpd.on("body", Do.SILENCE)
    hand = HandDouble.of(parcels(A, message=letter))
    with pytest.raises(SessionError):
        await channel(smtpd.relay, timeout=0.3).session(hand)
    assert (hand.codes, hand.replies[A].handed_over) == ({A: None}, False)
