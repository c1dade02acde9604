"""How sessions begin, and every way in which they do not: the phase, the server's words, and never plaintext."""

import asyncio
import dataclasses
import socket
import time
from base64 import b64encode
from pathlib import Path

import pytest

from distributor.delivery.channels.smtp import prove
from distributor.delivery.model.channel import Phase, Reply, SessionError
from distributor.errors import ConfigurationError
from distributor.settings import Relay
from tests.smtpd import SENDER, Certificates, Conversation, Do, HandDouble, Smtpd, Wire, channel, deliver

LOGIN = ("office@a.example", "pass word:密码")


def with_login(relay: Relay, login: tuple[str, str] = LOGIN) -> Relay:
    return dataclasses.replace(relay, user=login[0], password=login[1])


async def refused(relay: Relay, **options: object) -> Reply:
    """What a session that cannot begin says; no parcel was touched."""
    hand = HandDouble.of([])
    with pytest.raises(SessionError) as raised:
        await channel(relay, **{"timeout": 2.0, **options}).session(hand)
    assert raised.value.reply.relay == str(relay)
    assert not raised.value.reply.handed_over
    return raised.value.reply


async def delivered(server: Smtpd | Wire, relay: Relay | None = None, ca_file: Path | None = None) -> None:
    hand = await deliver(relay or server.relay, "office@b.example", ca_file=ca_file)
    assert hand.codes == {"office@b.example": 250}
    assert server.accepted == ["office@b.example"]


# Connect, greeting, EHLO


async def test_nobody_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        reply = await refused(Relay("127.0.0.1", closed.getsockname()[1], tls=False))
    assert (reply.phase, reply.code, reply.text) == (Phase.CONNECT, None, "Connection refused")


async def test_no_such_host() -> None:
    reply = await refused(Relay("relay.invalid", 25, tls=False))
    assert (reply.phase, reply.code) == (Phase.CONNECT, None)
    assert reply.text


async def test_no_connection_in_time() -> None:
    """A listener whose queue is full lets nobody in."""
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())
        reply = await refused(Relay("127.0.0.1", full.getsockname()[1], tls=False), timeout=0.2)
    assert (reply.phase, reply.code) == (Phase.CONNECT, None)
    assert reply.text == "no connection in time"


@pytest.mark.parametrize(
    ("step", "answer", "phase", "code", "enhanced"),
    [
        ("greeting", "421 4.7.0 too many connections", Phase.GREETING, 421, "4.7.0"),
        ("greeting", "554 5.7.1 not you", Phase.GREETING, 554, "5.7.1"),
        ("ehlo", "421 4.3.2 going down", Phase.EHLO, 421, "4.3.2"),
        ("ehlo", "451 not now", Phase.EHLO, 451, None),
    ],
)
async def test_refused_at_the_door(
    smtpd: Smtpd, step: str, answer: str, phase: Phase, code: int, enhanced: str | None
) -> None:
    smtpd.on(step, answer)
    reply = await refused(smtpd.relay)
    assert (reply.phase, reply.code, reply.enhanced) == (phase, code, enhanced)
    assert answer.endswith(reply.text)


@pytest.mark.parametrize("do", list(Do))
@pytest.mark.parametrize("step", ["greeting", "ehlo"])
async def test_lost_at_the_door(smtpd: Smtpd, step: str, do: Do) -> None:
    smtpd.on(step, do)
    reply = await refused(smtpd.relay, timeout=0.2)
    # A reset may be quicker than our look at the connection.
    assert reply.phase in ({Phase.CONNECT, Phase.GREETING} if step == "greeting" else {Phase.EHLO})
    assert reply.code is None
    assert reply.text


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "does not speak SMTP: SSH-2.0-OpenSSH"),
        (b"250 ok\r\n", "out of turn: 250 ok"),
        (b"220-" + b"x" * 20_000, "does not speak SMTP"),
        (b"220 ok\r\n220 ok\r\n", "out of turn: 220 ok"),
        (b"220 o", "no answer in time"),
    ],
    ids=["not SMTP", "wrong code", "endless", "two greetings", "half"],
)
async def test_a_greeting_that_is_none(wire: Wire, greeting: bytes, text: str) -> None:
    wire.on("greeting", greeting)
    reply = await refused(wire.relay, timeout=0.3)
    assert (reply.phase, reply.code) == (Phase.EHLO if greeting.startswith(b"220 ok") else Phase.GREETING, None)
    assert text in reply.text


async def test_a_dripping_greeting_is_not_waited_for_for_ever() -> None:
    async def drip(conversation: Conversation) -> None:
        while True:
            await conversation.say(b"220-\r\n")
            await asyncio.sleep(0.02)

    with Wire(drip) as server:
        reply = await refused(server.relay, timeout=0.3)
    assert (reply.phase, reply.code) == (Phase.GREETING, None)
    assert reply.text == "no answer in time"


@pytest.mark.parametrize("code", [500, 502, 504, 550])
async def test_ehlo_refused_then_helo(smtpd: Smtpd, code: int) -> None:
    smtpd.on("ehlo", f"{code} 5.5.1 what?")
    await delivered(smtpd)
    assert smtpd.commands[:3] == ["EHLO client.example", "HELO client.example", f"MAIL FROM:<{SENDER}>"]


async def test_ehlo_and_helo_refused(smtpd: Smtpd) -> None:
    smtpd.on("ehlo", "502 what?")
    smtpd.on("helo", "550 who?")
    reply = await refused(smtpd.relay)
    assert (reply.phase, reply.code, reply.text) == (Phase.EHLO, 550, "who?")


# TLS


async def test_tls_from_the_start(certificates: Certificates) -> None:
    with Smtpd(tls=certificates.server()) as server:
        assert server.relay.tls
        await delivered(server, ca_file=certificates.ca_file)


async def test_starttls_is_used_where_offered_and_ehlo_said_again(certificates: Certificates) -> None:
    with Smtpd(starttls=certificates.server()) as server:
        await delivered(server, ca_file=certificates.ca_file)
        assert server.commands[:3] == ["EHLO client.example", "STARTTLS", "EHLO client.example"]


async def test_starttls_is_not_offered_and_not_needed(smtpd: Smtpd) -> None:
    await delivered(smtpd)


async def test_starttls_is_not_offered_and_needed(smtpd: Smtpd) -> None:
    reply = await refused(with_login(smtpd.relay))
    assert (reply.phase, reply.code) == (Phase.STARTTLS, None)
    assert smtpd.commands == ["EHLO client.example"]


@pytest.mark.parametrize("helo", [True, False])
async def test_a_login_is_never_said_in_the_clear(helo: bool) -> None:
    """A server that offers AUTH but no STARTTLS, or knows no EHLO, gets no password."""
    with Wire(offers=["AUTH PLAIN LOGIN"]) as server:
        if helo:
            server.on("ehlo", "502 what?")
        assert (await refused(with_login(server.relay))).phase is Phase.STARTTLS
        assert all(command.startswith(("EHLO", "HELO")) for command in server.commands)


@pytest.mark.parametrize("user", [None, LOGIN])
async def test_starttls_refused(certificates: Certificates, user: tuple[str, str] | None) -> None:
    with Smtpd(starttls=certificates.server(), login=user) as server:
        server.on("starttls", "454 4.7.0 TLS not available")
        reply = await refused(with_login(server.relay, user) if user else server.relay)
        assert (reply.phase, reply.code, reply.enhanced) == (Phase.STARTTLS, 454, "4.7.0")
        assert server.commands == ["EHLO client.example", "STARTTLS"]


@pytest.mark.parametrize("start", ["tls", "starttls"])
@pytest.mark.parametrize("fault", ["unknown authority", "another host"])
async def test_certificate_that_does_not_verify(certificates: Certificates, start: str, fault: str) -> None:
    """Nothing is said to whoever cannot prove its name, with a login or without."""
    another = fault == "another host"
    context = certificates.server("127.0.0.2" if another else "127.0.0.1")
    with Smtpd(**{start: context}) as server:
        reply = await refused(server.relay, ca_file=certificates.ca_file if another else None)
        assert (reply.phase, reply.code) == (Phase.STARTTLS, None)
        assert "certificate is not to be trusted" in reply.text
        assert server.commands == ([] if start == "tls" else ["EHLO client.example", "STARTTLS"])


@pytest.mark.parametrize(
    "injected",
    [b"250 injected\r\n", b"220 again\r\n", b"250-half", b"\r\n", b"\x16\x03\x01"],
    ids=["answer", "greeting", "half", "line end", "handshake"],
)
async def test_what_comes_between_starttls_and_tls_ends_it(injected: bytes) -> None:
    with Wire(offers=["STARTTLS"]) as server:
        server.on("starttls", b"220 go ahead\r\n" + injected)
        reply = await refused(server.relay)
    assert (reply.phase, reply.code) == (Phase.STARTTLS, None)


async def test_what_was_injected_never_answers_a_command_said_in_tls(certificates: Certificates) -> None:
    """The relay goes on as if nothing had been: what somebody put in before TLS must not count as its word."""

    async def script(conversation: Conversation) -> None:
        await conversation.say("220 ok")
        await conversation.line()
        await conversation.say("250-ok\r\n250 STARTTLS")
        await conversation.line()
        await conversation.say("220 go ahead\r\n250-injected\r\n250 AUTH PLAIN")
        await conversation.start_tls(certificates.server())
        await conversation.serve()

    with Wire(script) as server:
        reply = await refused(server.relay, ca_file=certificates.ca_file)
        assert (reply.phase, reply.code) == (Phase.STARTTLS, None)
        assert reply.text == "the relay sent something between STARTTLS and TLS"
        assert server.commands == ["EHLO client.example", "STARTTLS"]


async def test_no_handshake_after_starttls() -> None:
    with Wire(offers=["STARTTLS"]) as server:
        server.on("starttls", "220 go ahead")
        begun = time.monotonic()
        reply = await refused(server.relay, timeout=0.3)
    assert (reply.phase, reply.code) == (Phase.STARTTLS, None)
    assert reply.text == "no TLS with the relay: no answer in time"
    assert time.monotonic() - begun < 2


async def test_tls_from_the_start_with_a_server_that_has_none(smtpd: Smtpd) -> None:
    reply = await refused(dataclasses.replace(smtpd.relay, tls=True))
    assert (reply.phase, reply.code) == (Phase.STARTTLS, None)
    assert "no TLS" in reply.text


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_ca_file_that_cannot_be_used(tmp_path: Path, content: str | None) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"ca\.pem") as raised:
        channel(Relay("relay.example", 465, tls=True), ca_file=ca_file)
    assert [finding.code for finding in raised.value.findings] == ["bad-ca-file"]


# AUTH


@pytest.mark.parametrize("start", ["tls", "starttls"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_login(certificates: Certificates, start: str, mechanism: str) -> None:
    with Smtpd(**{start: certificates.server()}, login=LOGIN, mechanisms=[mechanism]) as server:
        await delivered(server, with_login(server.relay), certificates.ca_file)
        said = [command for command in server.commands if command.startswith("AUTH")]
        assert said == [f"AUTH PLAIN {encoded(chr(0).join(['', *LOGIN]))}" if mechanism == "PLAIN" else "AUTH LOGIN"]


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


async def test_plain_is_preferred(certificates: Certificates) -> None:
    with Smtpd(tls=certificates.server(), login=LOGIN) as server:
        await delivered(server, with_login(server.relay), certificates.ca_file)
        assert "AUTH LOGIN" not in server.commands


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_login_refused(certificates: Certificates, mechanism: str) -> None:
    with Smtpd(tls=certificates.server(), login=LOGIN, mechanisms=[mechanism]) as server:
        reply = await refused(with_login(server.relay, (LOGIN[0], "wrong")), ca_file=certificates.ca_file)
    assert (reply.phase, reply.code, reply.enhanced) == (Phase.AUTH, 535, "5.7.8")


@pytest.mark.parametrize("answer", ["421 4.7.0 too many tries", "454 4.7.0 later", "334 VGhlcmUgaXMgbW9yZQ=="])
async def test_login_that_comes_to_nothing(certificates: Certificates, answer: str) -> None:
    with Smtpd(tls=certificates.server(), login=LOGIN) as server:
        server.on("auth", answer)
        reply = await refused(with_login(server.relay), ca_file=certificates.ca_file)
    assert (reply.phase, reply.code) == (Phase.AUTH, None if answer.startswith("334") else int(answer[:3]))


async def test_no_login_that_we_know(certificates: Certificates) -> None:
    with Wire(offers=["AUTH XOAUTH2 CRAM-MD5"], tls=certificates.server()) as server:
        reply = await refused(with_login(server.relay), ca_file=certificates.ca_file)
        assert (reply.phase, reply.code) == (Phase.AUTH, None)
        assert server.commands == ["EHLO client.example"]


async def test_a_login_is_required_and_there_is_none(certificates: Certificates) -> None:
    """Not our error: the server's own refusal settles the parcel."""
    with Smtpd(starttls=certificates.server(), login=LOGIN) as server:
        hand = await deliver(server.relay, "office@b.example", ca_file=certificates.ca_file)
    assert hand.codes == {"office@b.example": 530}
    assert hand.replies["office@b.example"].phase is Phase.MAIL


# prove


async def proved(relay: Relay, ca_file: Path | None = None, sender: str = SENDER) -> str:
    return await prove(relay, helo="client.example", timeout=2.0, ca_file=ca_file, sender=sender)


async def test_prove_goes_as_far_as_the_sender_and_takes_it_back(certificates: Certificates) -> None:
    with Smtpd(starttls=certificates.server(), login=LOGIN, size=35_000_000) as server:
        offer = await proved(with_login(server.relay), certificates.ca_file)
        assert offer == "TLSv1.3, SIZE 35 MB, login accepted"
        assert server.commands[-3:] == [f"MAIL FROM:<{SENDER}>", "RSET", "QUIT"]
        assert server.messages == []


async def test_prove_says_what_there_is(wire: Wire) -> None:
    assert await proved(wire.relay) == "no TLS, PIPELINING, SIZE 1 MB"
    with Wire(offers=["CHUNKING", "PIPELINING"]) as server:
        assert await proved(server.relay) == "no TLS, PIPELINING, CHUNKING"


async def test_prove_sender_refused(smtpd: Smtpd) -> None:
    smtpd.on("mail", "553 5.7.1 not your address")
    with pytest.raises(SessionError) as raised:
        await proved(smtpd.relay)
    reply = raised.value.reply
    assert (reply.phase, reply.code, reply.text) == (Phase.MAIL, 553, "not your address")


async def test_prove_sender_that_is_no_address(smtpd: Smtpd) -> None:
    with pytest.raises(SessionError) as raised:
        await proved(smtpd.relay, sender="no address")
    assert raised.value.reply.phase is Phase.MAIL
    assert smtpd.commands == ["EHLO client.example"]


async def test_prove_login_refused(certificates: Certificates) -> None:
    with Smtpd(starttls=certificates.server(), login=LOGIN) as server, pytest.raises(SessionError) as raised:
        await proved(with_login(server.relay, ("office@a.example", "wrong")), certificates.ca_file)
    assert raised.value.reply.phase is Phase.AUTH
