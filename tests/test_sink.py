"""The bundled sink: real SMTP on loopback, every letter a file, nobody mailed."""

import asyncio
import mailbox
import smtplib
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from distributor.delivery.channels import sink as sink_module
from distributor.delivery.channels.sink import Kept, Sink
from distributor.delivery.channels.smtp import prove
from distributor.errors import ConfigurationError
from tests.smtpd import LETTER, SENDER, HandDouble, channel, deliver, parcels

A, B = "a@b.example", "b@b.example"


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "site" / "outbox"


@pytest.fixture
def sink(outbox: Path) -> Iterator[Sink]:
    with Sink(outbox) as running:
        yield running


def files(outbox: Path) -> list[Path]:
    return sorted((outbox / "new").iterdir())


async def test_every_letter_is_a_file_as_it_was_sent_below_its_envelope(sink: Sink, outbox: Path) -> None:
    hand = await deliver(sink.relay, A, B)
    assert hand.codes == {A: 250, B: 250}
    first, second = files(outbox)
    assert first.read_bytes() == f"Return-Path: <{SENDER}>\r\nDelivered-To: {A}\r\n".encode() + LETTER
    assert second.read_bytes() == f"Return-Path: <{SENDER}>\r\nDelivered-To: {B}\r\n".encode() + LETTER
    assert list((outbox / "tmp").iterdir()) == []


async def test_the_reply_names_the_file(sink: Sink, outbox: Path) -> None:
    hand = await deliver(sink.relay, A)
    assert hand.replies[A].text == f"kept as {files(outbox)[0].name}"


async def test_mail_programs_read_the_outbox(sink: Sink, outbox: Path) -> None:
    await deliver(sink.relay, A)
    (message,) = mailbox.Maildir(outbox)
    assert (message["Subject"], message["Delivered-To"]) == ("60", A)


async def test_letters_are_for_their_owner_alone(sink: Sink, outbox: Path) -> None:
    await deliver(sink.relay, A)
    assert [mode(outbox / name) for name in (".", "tmp", "new", "cur")] == [0o700] * 4
    assert [mode(path) for path in files(outbox)] == [0o600]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_outbox_that_was_open_is_closed_and_its_letters_kept(outbox: Path) -> None:
    (outbox / "new").mkdir(parents=True)
    (outbox / "new" / "earlier").write_bytes(LETTER)
    outbox.chmod(0o755)
    with Sink(outbox):
        assert mode(outbox) == 0o700
    assert [path.name for path in files(outbox)] == ["earlier"]


async def test_hundreds_over_four_connections_each_in_its_own_file(sink: Sink, outbox: Path) -> None:
    hands = [HandDouble.of(parcels(*(f"{n}@{k}.example" for n in range(50)))) for k in range(4)]
    mail = channel(sink.relay)
    await asyncio.gather(*(mail.session(hand) for hand in hands))
    kept = {message["Delivered-To"] for message in mailbox.Maildir(outbox)}
    assert kept == {parcel for hand in hands for parcel in hand.codes}
    assert len(kept) == len(files(outbox)) == 200


async def test_files_sort_in_the_order_of_arrival(sink: Sink, outbox: Path) -> None:
    addresses = [f"{n}@b.example" for n in range(30)]
    await deliver(sink.relay, *addresses)
    assert [path.read_text().splitlines()[1] for path in files(outbox)] == [f"Delivered-To: {to}" for to in addresses]


async def test_mailboxes_in_utf8(sink: Sink, outbox: Path) -> None:
    letter = "To: 办公室@b.example\r\nSubject: 简报\r\n\r\n正文\r\n".encode()
    await deliver(sink.relay, *parcels("办公室@b.example", message=letter))
    assert files(outbox)[0].read_bytes().endswith("Delivered-To: 办公室@b.example\r\n".encode() + letter)


async def test_what_it_offers(sink: Sink) -> None:
    offer = await prove(sink.relay, helo="localhost", timeout=5.0, ca_file=None, sender=SENDER)
    assert offer == "no TLS, PIPELINING, SIZE 64 MB"
    assert sink.relay.on_loopback


def test_other_programs_can_use_it(sink: Sink, outbox: Path) -> None:
    with smtplib.SMTP(sink.relay.host, sink.relay.port) as client:
        client.sendmail(SENDER, [A, B], LETTER)
    (path,) = files(outbox)
    assert path.read_bytes().startswith(
        f"Return-Path: <{SENDER}>\r\nDelivered-To: {A}\r\nDelivered-To: {B}\r\n".encode()
    )


def test_a_bounce_has_no_sender(sink: Sink, outbox: Path) -> None:
    with smtplib.SMTP(sink.relay.host, sink.relay.port) as client:
        client.sendmail("", [A], LETTER)
    assert files(outbox)[0].read_bytes().startswith(b"Return-Path: <>\r\n")


async def test_a_full_disk_is_for_now(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sink_module.os, "open", full)
    hand = await deliver(sink.relay, A)
    reply = hand.replies[A]
    assert (reply.code, reply.enhanced, reply.text) == (452, "4.3.1", "No space left on device")


async def test_whoever_asked_hears_of_each_letter(outbox: Path) -> None:
    heard: list[Kept] = []
    with Sink(outbox, on_message=heard.append) as sink:
        await deliver(sink.relay, A, B)
    assert [(kept.sender, kept.recipients) for kept in heard] == [(SENDER, (A,)), (SENDER, (B,))]
    assert [kept.file for kept in heard] == files(outbox)


def test_it_leaves_with_connections_still_open(outbox: Path) -> None:
    with Sink(outbox) as sink:
        client = socket.create_connection((sink.relay.host, sink.relay.port))
        client.recv(100)
    with client:
        client.settimeout(5)
        assert client.recv(100) == b""
    assert not any(thread.name == "sink" for thread in threading.enumerate())


def test_two_sinks_share_an_outbox(outbox: Path) -> None:
    """Two `send` at once on one site."""
    with Sink(outbox) as one, Sink(outbox) as two:
        for running in (one, two):
            with smtplib.SMTP(running.relay.host, running.relay.port) as client:
                client.sendmail(SENDER, [A], LETTER)
    assert len(files(outbox)) == 2


def test_a_chosen_port(outbox: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Sink(outbox, port=port) as sink:
        assert sink.relay.port == port
    with Sink(outbox, port=port) as sink:
        assert sink.relay.port == port, "free again at once"


def test_a_port_that_is_taken_is_said(outbox: Path) -> None:
    with Sink(outbox) as first, pytest.raises(ConfigurationError) as raised:
        Sink(outbox, port=first.relay.port).__enter__()
    (finding,) = raised.value.findings
    assert finding.code == "no-sink"
    assert finding.message == f"port {first.relay.port} cannot be listened on: Address already in use"
    assert str(outbox) not in str(finding)


def test_an_outbox_that_cannot_be_made_is_said(outbox: Path) -> None:
    outbox.parent.mkdir()
    outbox.write_text("a file")
    with pytest.raises(ConfigurationError, match="outbox"):
        Sink(outbox).__enter__()


def test_nobody_else_on_the_network_reaches_it(sink: Sink) -> None:
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.2", sink.relay.port)) != 0
