"""Failures of posting over real sockets: which of them are put off, and which leave a doubt."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from distributor.delivery.channels.chat.posting import MOST
from distributor.delivery.model.channel import Phase, Reply, SessionError
from distributor.delivery.model.chat_replies import classify
from distributor.endpoints import Kind
from tests.chatd import TOKEN, Chatd, Said, at, channel, parcels, post
from tests.smtpd import Certificates, Do, HandDouble

OFFICE = "wecom:office"


@pytest.fixture
def wecom() -> Iterator[Chatd]:
    with Chatd(Kind.WECOM) as server:
        yield server


async def lost(server: Chatd, **options: Any) -> tuple[HandDouble, Reply]:
    """A session whose only post is lost: what the engine heard of it."""
    hand = HandDouble.of(parcels(server.kind, "office"))
    with pytest.raises(SessionError) as caught:
        await channel(server, **options).session(hand)
    assert hand.held == {}
    reply = hand.replies[f"{server.kind}:office"]
    assert caught.value.reply == reply
    return hand, reply


# Nothing was handed over


async def test_a_refused_connection_is_put_off(wecom: Chatd) -> None:
    with socket.socket() as taken:  # bound and not listening: refuses
        taken.bind(("127.0.0.1", 0))
        hand, reply = await lost(wecom, origin=at(taken))
    assert (reply.phase, reply.code, reply.handed_over) == (Phase.CONNECT, None, False)
    assert reply.text == "Connection refused"
    assert hand.marked == []
    assert classify(reply, Kind.WECOM).reason == "chat-unreachable"


async def test_a_connection_that_does_not_come_about_in_time_is_put_off(wecom: Chatd) -> None:
    with socket.socket() as full:  # its queue is full: the next one hangs
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            hand, reply = await lost(wecom, origin=at(full), timeout=0.2)
    assert (reply.phase, reply.text, reply.handed_over) == (Phase.CONNECT, "no connection in time", False)
    assert hand.marked == []


async def test_tls_that_cannot_be_trusted_is_put_off(certificates: Certificates) -> None:
    with Chatd(Kind.WECOM, certificates.server("localhost")) as server:
        hand, reply = await lost(server)
        assert (reply.phase, reply.code, reply.handed_over) == (Phase.CONNECT, None, False)
        assert "certificate is not to be trusted" in reply.text
        assert hand.marked == []
        assert server.heads == 0


async def test_a_certificate_for_another_host_is_not_trusted(certificates: Certificates) -> None:
    with Chatd(Kind.WECOM, certificates.server("other.example")) as server:
        hand, reply = await lost(server, ca_file=certificates.ca_file)
        assert "certificate is not to be trusted" in reply.text
        assert (hand.marked, server.heads) == ([], 0)


async def test_no_tls_at_all_is_put_off(wecom: Chatd) -> None:
    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 plain HTTP here\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        hand, reply = await lost(wecom, origin=at(server.sockets[0]).replace("http:", "https:"))
    assert (reply.phase, reply.handed_over) == (Phase.CONNECT, False)
    assert "no TLS with the service" in reply.text
    assert hand.marked == []


async def test_over_tls_it_works_with_an_authority_of_the_site_s_own(certificates: Certificates) -> None:
    with Chatd(Kind.WECOM, certificates.server("localhost")) as server:
        hand = await post(server, ca_file=certificates.ca_file)
        assert hand.replies[OFFICE].enhanced == "0"


async def test_mail_does_not_offer_http_after_chat_has(certificates: Certificates) -> None:
    """httpcore writes ALPN into the context that it is given."""
    offered: list[str | None] = []
    context = certificates.server("localhost")
    context.set_alpn_protocols(["http/1.1", "smtp"])
    with Chatd(Kind.WECOM, context) as server:
        await post(server, ca_file=certificates.ca_file)
        from distributor.delivery.channels.opening import tls_context  # noqa: PLC0415  as mail does

        _reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.relay.port, ssl=tls_context(certificates.ca_file), server_hostname="localhost"
        )
        found = writer.get_extra_info("ssl_object")
        assert isinstance(found, ssl.SSLObject)
        offered.append(found.selected_alpn_protocol())
        writer.close()
    assert offered == [None]


# Handed over, and in doubt


@pytest.mark.parametrize("step", ["head", "answer"])
@pytest.mark.parametrize("act", [Do.DROP, Do.RESET])
async def test_a_connection_lost_once_the_body_is_on_its_way_leaves_a_doubt(wecom: Chatd, step: str, act: Do) -> None:
    """Whether the service had read it, nobody on this side can tell: the kernel takes it all the same."""
    wecom.on(step, act)
    hand, reply = await lost(wecom)
    assert (reply.phase, reply.code, reply.handed_over) == (Phase.DOT, None, True)
    assert hand.marked == [OFFICE]
    assert classify(reply, Kind.WECOM).reason == "no-answer"


async def test_silence_leaves_a_doubt(wecom: Chatd) -> None:
    wecom.on("answer", Do.SILENCE)
    _hand, reply = await lost(wecom, patience=0.2)
    assert (reply.code, reply.handed_over, reply.text) == (None, True, "no answer in time")


@pytest.mark.parametrize(
    "raw",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"errcode":0,',
        b"HTTP/1.1 200 OK\r\nContent-",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\n{"errcode":0,',
        b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"errcode":0,',
        b"421 4.3.2 this is a mail server\r\n",
        b"",
    ],
    ids=["body", "head", "chunk", "no-length", "no-http", "nothing"],
)
async def test_half_an_answer_leaves_a_doubt(wecom: Chatd, raw: bytes) -> None:
    wecom.on("answer", Said(raw=raw))
    hand = HandDouble.of(parcels(Kind.WECOM, "office"))
    with contextlib.suppress(SessionError):
        await channel(wecom).session(hand)
    reply = hand.replies[OFFICE]
    assert (reply.phase, reply.code, reply.handed_over) == (Phase.DOT, None, True)


async def test_an_answer_that_drips_is_given_up_on(wecom: Chatd) -> None:
    """Each octet is in time; the whole is not."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.02)
        gone.set()

    gone = asyncio.Event()
    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        _hand, reply = await lost(wecom, patience=0.3, origin=at(server.sockets[0]))
        await gone.wait()
    assert (reply.code, reply.handed_over, reply.text) == (None, True, "no answer in time")


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
async def test_an_answer_without_an_end_is_not_read_to_it(wecom: Chatd, headers: dict[str, str]) -> None:
    wecom.on("answer", Said(body=b" " * (MOST + 1), headers=headers))
    _hand, reply = await lost(wecom)
    assert (reply.code, reply.handed_over, reply.text) == (None, True, "the answer is longer than 64 KB")


@pytest.mark.parametrize(
    "said",
    [
        Said(502, b"<html><style>b{}</style><h1>Bad Gateway</h1></html>"),
        Said(504, b""),
        Said(500, b"oops"),
        Said(200, b"<html>please log in</html>"),
        Said(200, b"[]"),
        Said(200, b'{"errcode":true}'),
        Said(200, b'{"code":0,"msg":"success"}'),
        Said(502, b'{"errcode":0,"errmsg":"ok"}'),
        Said(204, b""),
    ],
)
async def test_an_answer_that_tells_nothing_leaves_a_doubt(wecom: Chatd, said: Said) -> None:
    wecom.on("answer", said)
    reply = (await post(wecom)).replies[OFFICE]
    assert (reply.phase, reply.code, reply.handed_over) == (Phase.DOT, None, True)
    assert reply.text.startswith(f"HTTP {said.status}")
    assert "<" not in reply.text


async def test_redirects_are_not_followed(wecom: Chatd) -> None:
    with Chatd(Kind.WECOM) as elsewhere:
        wecom.on("answer", Said(307, b"", {"Location": f"{elsewhere.origin}/cgi-bin/webhook/send?key={TOKEN}"}))
        reply = (await post(wecom)).replies[OFFICE]
        assert elsewhere.connections == []
    assert (reply.code, reply.handed_over) == (None, True)


async def test_proxies_of_the_environment_are_not_asked(wecom: Chatd, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await post(wecom)).replies[OFFICE].enhanced == "0"
