# ruff: noqa: N802  aiosmtpd names its methods after the verbs
"""SMTP servers for the tests, real sockets on loopback, whose faults each test scripts; and a hand to hold parcels.

``Smtpd`` is aiosmtpd: what a relay is like. ``Wire`` is a tiny server that says exactly what it is told to, for what no
decent server does, and for pipelining, which aiosmtpd does not know. Both take faults alike::

    with Smtpd() as server:
        server.on("rcpt", "550 5.1.1 no such user", to="gone@b.example")     # every time
        server.on("rcpt", "451 4.7.1 come back", to="busy@b.example", times=1)
        server.on("dot", Do.DROP)                                            # accepted? nobody knows
        ... deliver to server.relay ...
        assert [message.recipient for message in server.messages] == ["busy@b.example"]

Steps: greeting, ehlo, helo, starttls, auth, mail, rcpt, rset, data (before 354), body (amid it, after 354), dot (after
the final dot or BDAT's chunk, before its answer), quit. To have the fixtures: ``pytest_plugins = ["tests.smtpd"]``.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn, Self

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session, syntax

from distributor.delivery.channels.smtp import SmtpChannel
from distributor.delivery.model.channel import Parcel, Phase, Reply
from distributor.settings import Relay

SENDER = "bulletin@a.example"
LETTER = b"From: bulletin@a.example\r\nSubject: 60\r\n\r\nBody\r\n.with a dot\r\n"


class Do(Enum):
    """What a server does instead of answering. RESET is a TCP reset, which also destroys what was not read yet."""

    DROP = "close the connection"
    RESET = "reset the connection"
    SILENCE = "say nothing any more"


Act = str | bytes | float | Do


@dataclass(slots=True)
class Fault:
    """At *step*, and only for *to* (the recipient; at mail, the sender) if given: after *after* passes, *times* times.

    *act* is an answer's text (bytes: as they are, without a line end added), a Do, or seconds of delay.
    """

    step: str
    act: Act
    to: str | None = None
    times: int | None = None
    after: int = 0

    def strikes(self, step: str, address: str | None) -> bool:
        if self.step != step or self.to not in {None, address} or self.times == 0:
            return False
        if self.after:
            self.after -= 1
            return False
        self.times = None if self.times is None else self.times - 1
        return True


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose final dot the server has seen, dots unstuffed. *answer* "": it was never answered."""

    sender: str
    recipient: str
    data: bytes
    answer: str
    options: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.answer.startswith("250")


@dataclass(frozen=True, slots=True)
class Logged:
    """A line of the relay's log: what it said of *recipient* at *step* of a session (rcpt, data, dot); "": it left."""

    session: int
    step: str
    recipient: str
    answer: str


class Server:
    """What both servers share: a thread with a loop, a listener, faults, and the record of what came in."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """*tls*: TLS from the start."""
        self.tls = tls
        self.faults: list[Fault] = []
        self.messages: list[Message] = []
        self.log: list[Logged] = []  # kept by Smtpd
        self.heard: list[bytes] = []  # by connection, octets as they came (inside TLS: decrypted)
        self.relay: Relay
        self.connections: list[Any] = []

    def on(self, step: str, act: Act, *, to: str | None = None, times: int | None = None, after: int = 0) -> None:
        """Script a fault; of several that fit the first is taken."""
        self.faults.append(Fault(step, act, to, times, after))

    def act(self, step: str, address: str | None = None) -> Act | None:
        """What is scripted for this pass through *step*."""
        return next((fault.act for fault in self.faults if fault.strikes(step, address)), None)

    @property
    def accepted(self) -> list[str]:
        """Whose messages were answered with 250, in order."""
        return [message.recipient for message in self.messages if message.accepted]

    @property
    def commands(self) -> list[str]:
        """All lines of the clients, bodies included, of all connections in turn."""
        return [line for heard in self.heard for line in heard.decode("utf-8", "replace").splitlines()]

    def protocol(self) -> asyncio.Protocol:
        raise NotImplementedError

    def begin(self, transport: Any) -> int:
        """Note a new connection; returns its place in *heard*."""
        self.connections.append(transport)
        self.heard.append(b"")
        return len(self.heard) - 1

    def __enter__(self) -> Self:
        # With the protocol named, asyncio turns Nagle's delay off.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        # Small, so that a large body is still on its way when the server stops reading.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.relay = Relay("127.0.0.1", listener.getsockname()[1], tls=self.tls is not None)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(listener),), name=type(self).__name__)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self, listener: socket.socket) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(self.protocol, sock=listener, ssl=self.tls)
        self._ready.set()
        await self._stop.wait()
        server.close()
        for transport in self.connections:
            transport.abort()
        await asyncio.sleep(0)


async def leave(transport: Any, do: Do) -> NoReturn:
    """Do it, then nothing, until the end of the connection or of the server cancels us."""
    if do is Do.DROP:
        transport.close()
    elif do is Do.RESET:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    await asyncio.Event().wait()
    raise AssertionError


# A relay by aiosmtpd


class Smtpd(Server):
    """aiosmtpd with faults. *starttls*: the context for STARTTLS; *login*: user and password."""

    def __init__(
        self,
        *,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        mechanisms: Iterable[str] = ("PLAIN", "LOGIN"),
        size: int | None = None,
        utf8: bool = True,
    ) -> None:
        super().__init__(tls)
        self.login = login
        self.options: dict[str, Any] = {
            "tls_context": starttls,
            "data_size_limit": size,
            "enable_SMTPUTF8": utf8,
            # aiosmtpd knows only of the TLS that it began itself.
            "auth_required": login is not None and tls is None,
            "auth_require_tls": tls is None,
            "auth_exclude_mechanism": {"PLAIN", "LOGIN"} - set(mechanisms),
            "authenticator": self._authenticate,
        }

    def protocol(self) -> asyncio.Protocol:
        return _Smtp(self)

    def _authenticate(self, _smtp: SMTP, _session: Session, _envelope: Envelope, _by: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login.decode(), data.password.decode()) == self.login, handled=False)


class _Smtp(SMTP):
    """aiosmtpd's server with a fault at every step."""

    def __init__(self, server: Smtpd) -> None:
        self.server = server
        self.index = -1
        self.greeted = False
        loop = asyncio.get_running_loop()
        super().__init__(_Hooks(), loop=loop, hostname="relay.example", timeout=60, **server.options)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.index < 0:  # it is called once more when TLS begins
            self.index = self.server.begin(transport)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self.server.heard[self.index] += data
        super().data_received(data)

    async def push(self, status: Any) -> None:
        text = status if isinstance(status, str) else status.decode()
        greeting, self.greeted = not self.greeted, True
        if greeting:
            text = await self.scripted("greeting") or text
        await super().push(text)
        if text.startswith("354"):
            await self.scripted("body", self.recipient)
        if text.startswith("421") or (greeting and not text.startswith("220")):
            await leave(self.transport, Do.DROP)

    @property
    def recipient(self) -> str | None:
        return self.envelope.rcpt_tos[-1] if self.envelope.rcpt_tos else None

    def note(self, step: str, recipient: str, answer: Act) -> None:
        """Write it into the log; a delay is no answer."""
        if not isinstance(answer, float):
            self.server.log.append(Logged(self.index, step, recipient, "" if isinstance(answer, Do) else _text(answer)))

    async def scripted(self, step: str, address: str | None = None) -> str | None:
        """The answer that a fault wants given, where it does not end everything."""
        act = self.server.act(step, address)
        if act is not None and address is not None and step in {"rcpt", "data"}:
            self.note(step, address, act)
        if act is not None and step == "body":
            while not self._reader._buffer:  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return None if act is None else await self.perform(act)

    async def perform(self, act: Act) -> str | None:
        if isinstance(act, Do):
            await leave(self.transport, act)
        if isinstance(act, float):
            await asyncio.sleep(act)
            return None
        return _text(act)

    async def smtp_EHLO(self, hostname: str) -> None:
        answer = await self.scripted("ehlo")
        await (self.push(answer) if answer else super().smtp_EHLO(hostname))

    async def smtp_HELO(self, hostname: str) -> None:
        answer = await self.scripted("helo")
        await (self.push(answer) if answer else super().smtp_HELO(hostname))

    @syntax("STARTTLS", when="tls_context")
    async def smtp_STARTTLS(self, arg: str) -> None:
        answer = await self.scripted("starttls")
        await (self.push(answer) if answer else super().smtp_STARTTLS(arg))

    @syntax("AUTH <mechanism>")
    async def smtp_AUTH(self, arg: str) -> None:
        answer = await self.scripted("auth")
        await (self.push(answer) if answer else super().smtp_AUTH(arg))

    async def smtp_DATA(self, arg: str) -> None:
        answer = await self.scripted("data", self.recipient)
        await (self.push(answer) if answer else super().smtp_DATA(arg))

    async def smtp_QUIT(self, arg: str) -> None:
        answer = await self.scripted("quit")
        await (self.push(answer) if answer else super().smtp_QUIT(arg))


class _Hooks:
    """What aiosmtpd asks its handler."""

    async def handle_MAIL(self, smtp: _Smtp, _n: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if answer := await smtp.scripted("mail", address):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 sender ok"

    async def handle_RCPT(self, smtp: _Smtp, _n: Session, envelope: Envelope, address: str, _o: list[str]) -> str:
        if answer := await smtp.scripted("rcpt", address):
            return answer
        envelope.rcpt_tos.append(address)
        answer = "250 2.1.5 recipient ok"
        smtp.note("rcpt", address, answer)
        return answer

    async def handle_RSET(self, smtp: _Smtp, _session: Session, _envelope: Envelope) -> str:
        return await smtp.scripted("rset") or "250 2.0.0 forgotten"

    async def handle_DATA(self, smtp: _Smtp, _session: Session, envelope: Envelope) -> str:
        messages = smtp.server.messages
        recipient = envelope.rcpt_tos[0]
        act = smtp.server.act("dot", recipient)
        answer = "" if isinstance(act, Do) else act if isinstance(act, str) else f"250 2.0.0 queued as {len(messages)}"
        # Recorded before the answer leaves: whoever has heard it may look.
        options = tuple(envelope.mail_options)
        messages.append(Message(envelope.mail_from or "", recipient, envelope.original_content, answer, options))
        smtp.note("dot", recipient, answer)
        if act is not None:
            await smtp.perform(act)
        return answer


# A server that says what it is told


class Wire(Server):
    """Answers as a plain relay would, but for the faults; *script* replaces all of it for one connection."""

    def __init__(
        self,
        script: "Callable[[Conversation], Awaitable[None]] | None" = None,
        *,
        offers: Iterable[str] = ("PIPELINING", "SIZE 1000000", "8BITMIME"),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.offers = tuple(offers)
        self.script = script or (lambda conversation: conversation.serve())

    def protocol(self) -> asyncio.Protocol:
        reader = asyncio.StreamReader(limit=2**26)
        return asyncio.StreamReaderProtocol(reader, self._converse)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation(self, reader, writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await self.script(conversation)
        writer.close()


class Conversation:
    """The server's side of one connection."""

    def __init__(self, server: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.index = server.begin(writer.transport)
        self.sender: str | None = None
        self.recipient: str | None = None

    async def say(self, text: "str | bytes") -> None:
        """*text*, lines and all; a str gets its line end."""
        self.writer.write(text if isinstance(text, bytes) else f"{text}\r\n".encode())
        await self.writer.drain()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        plain = self.writer.transport
        with contextlib.suppress(AttributeError):  # asyncio trips over a client that left amid the handshake
            await self.writer.start_tls(context)
        if self.writer.transport is None:
            self.writer._transport = plain  # type: ignore[attr-defined]
            raise ConnectionError
        self.server.connections.append(self.writer.transport)

    async def line(self) -> str:
        """The client's next line."""
        line = await self.reader.readuntil(b"\n")
        self.server.heard[self.index] += line
        return line.decode("utf-8").rstrip("\r\n")

    async def answer(self, step: str, text: "str | bytes", address: str | None = None) -> str:
        """Say *text*, or what the script has instead; returns what was said."""
        return await self.perform(step, self.server.act(step, address), text)

    async def perform(self, step: str, act: Act | None, text: "str | bytes") -> str:
        if isinstance(act, Do):
            await leave(self.writer.transport, act)
        if isinstance(act, float):
            await asyncio.sleep(act)
        said = act if isinstance(act, str | bytes) else text
        await self.say(said)
        answer = _text(said)
        if answer.startswith("421") or (step == "greeting" and not answer.startswith("220")):
            await leave(self.writer.transport, Do.DROP)
        return answer

    async def serve(self) -> None:
        """A whole connection, command by command."""
        await self.answer("greeting", "220 wire.example")
        while True:
            command = await self.line()
            verb = command[:4].upper()
            if verb == "QUIT":
                await self.answer("quit", "221 bye")
                return
            await getattr(self, f"on_{verb.lower()}")(command)

    async def on_ehlo(self, _command: str) -> None:
        *first, last = ["wire.example", *self.server.offers]
        await self.answer("ehlo", "".join(f"250-{line}\r\n" for line in first) + f"250 {last}")

    async def on_helo(self, _command: str) -> None:
        await self.answer("helo", "250 wire.example")

    async def on_star(self, _command: str) -> None:
        if (await self.answer("starttls", "454 no TLS")).startswith("220"):
            await leave(self.writer.transport, Do.SILENCE)  # no TLS comes of it

    async def on_rset(self, _command: str) -> None:
        self.sender = self.recipient = None
        await self.answer("rset", "250 forgotten")

    async def on_mail(self, command: str) -> None:
        sender = command[command.index("<") + 1 : command.index(">")]
        text = "250 2.1.0 sender ok" if self.sender is None else "503 5.5.1 nested MAIL"
        if (await self.answer("mail", text, sender)).startswith("2"):
            self.sender = sender

    async def on_rcpt(self, command: str) -> None:
        recipient = command[command.index("<") + 1 : command.index(">")]
        text = "250 2.1.5 recipient ok" if self.sender is not None else "503 5.5.1 MAIL first"
        if (await self.answer("rcpt", text, recipient)).startswith("2"):
            self.recipient = recipient

    async def on_data(self, _command: str) -> None:
        text = "354 go on" if self.recipient is not None else "503 5.5.1 RCPT first"
        if (await self.answer("data", text, self.recipient)).startswith("354"):
            await self.body()

    async def body(self) -> None:
        """Up to the final dot. A server that answers before it has answered, and says no more at the dot."""
        lines: list[str] = []
        early = ""
        while (line := await self.line()) != ".":
            lines.append(line.removeprefix("."))
            if len(lines) == 1:
                early = await self.answer("body", b"", self.recipient)
        await self.dot("".join(f"{line}\r\n" for line in lines).encode(), early)

    async def on_bdat(self, command: str) -> None:
        """A chunk, always the last. It is taken to its end whatever is answered; refused, its transaction stands."""
        _verb, size, _last = command.split()
        sender = self.sender
        data = await self.reader.readexactly(1)
        early = await self.answer("body", b"", self.recipient)
        data += await self.reader.readexactly(int(size) - 1)
        self.server.heard[self.index] += data
        await self.dot(data, early)
        if not self.server.messages[-1].accepted:
            self.sender = sender

    async def dot(self, data: bytes, early: str) -> None:
        sender, recipient = self.sender or "", self.recipient or ""
        self.sender = self.recipient = None
        messages = self.server.messages
        text = f"250 2.0.0 queued as {len(messages)}" if recipient else "554 5.5.1 no valid recipients"
        act = early or self.server.act("dot", recipient)
        # Recorded before the answer leaves: whoever has heard it may look.
        answer = "" if isinstance(act, Do) else _text(text if act is None or isinstance(act, float) else act)
        messages.append(Message(sender, recipient, data, answer))
        if not early:
            await self.perform("dot", act, text)


def _text(said: "str | bytes") -> str:
    return said if isinstance(said, str) else said.decode("latin-1")


# The engine's side


def parcels(*addresses: str, message: bytes = LETTER, sender: str = SENDER) -> list[Parcel]:
    """One parcel to each of *addresses*; ids count from 1."""
    return [Parcel(number, 1, sender, address, message) for number, address in enumerate(addresses, 1)]


@dataclass
class HandDouble:
    """A Hand (delivery/model/channel.py) in memory that fails the test when its contract is broken.

    *unmarkable*: recipients whose mark is refused. *at_mark* is awaited inside every mark.
    """

    waiting: deque[Parcel]
    unmarkable: frozenset[str] = frozenset()
    at_mark: Callable[[Parcel], Awaitable[None]] | None = None
    held: dict[int, Parcel] = field(default_factory=dict)
    marked: list[str] = field(default_factory=list)
    unmarked: list[str] = field(default_factory=list)
    replies: dict[str, Reply] = field(default_factory=dict)
    given_back: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, parcels: Iterable[Parcel], **options: Any) -> "HandDouble":
        return cls(deque(parcels), **options)

    async def take(self) -> Parcel | None:
        await asyncio.sleep(0)
        return self.poll()

    def poll(self) -> Parcel | None:
        if not self.waiting:
            return None
        parcel = self.waiting.popleft()
        assert parcel.delivery_id not in self.held
        self.held[parcel.delivery_id] = parcel
        return parcel

    async def mark(self, parcel: Parcel) -> bool:
        assert self.held[parcel.delivery_id] == parcel
        assert parcel.address not in self.marked, "marked twice"
        if self.at_mark is not None:
            await self.at_mark(parcel)
        if parcel.address in self.unmarkable:
            del self.held[parcel.delivery_id]
            self.unmarked.append(parcel.address)
            return False
        self.marked.append(parcel.address)
        return True

    def settle(self, parcel: Parcel, reply: Reply) -> None:
        assert self.held.pop(parcel.delivery_id) == parcel
        assert parcel.address not in self.replies, "settled twice"
        assert not reply.handed_over or parcel.address in self.marked, "handed over without a mark"
        assert reply.phase is not Phase.DOT or reply.code != 250 or reply.handed_over, "sent without handing over"
        self.replies[parcel.address] = reply

    def give_back(self, parcel: Parcel) -> None:
        assert self.held.pop(parcel.delivery_id) == parcel
        assert parcel.address not in self.marked, "given back after its mark"
        self.given_back.append(parcel.address)

    @property
    def codes(self) -> dict[str, int | None]:
        return {address: reply.code for address, reply in self.replies.items()}


async def deliver(relay: Relay, *to: "str | Parcel", **options: Any) -> HandDouble:
    """One session that moves parcels to *to*; *options* are those of ``channel`` and of HandDouble.

    Whatever happens, every parcel that was taken has been accounted for when this returns or raises.
    """
    made = {name: options.pop(name) for name in ("timeout", "deadline", "ca_file") if name in options}
    addresses = [item for item in to if isinstance(item, str)]
    hand = HandDouble.of([item for item in to if isinstance(item, Parcel)] or parcels(*addresses), **options)
    try:
        await channel(relay, **made).session(hand)
    finally:
        assert hand.held == {}, "neither settled nor given back"
    return hand


def channel(relay: Relay, *, timeout: float = 5.0, deadline: float = 60.0, ca_file: Path | None = None) -> SmtpChannel:
    return SmtpChannel(relay, helo="client.example", timeout=timeout, deadline=deadline, ca_file=ca_file)


# Fixtures


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority of the test's own: *ca_file* to trust it, and contexts of servers it vouches for."""

    ca_file: Path
    authority: trustme.CA

    def server(self, host: str = "127.0.0.1") -> ssl.SSLContext:
        """A server's context with a certificate for *host*."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(host).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    authority = trustme.CA()
    ca_file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    return Certificates(ca_file, authority)


@pytest.fixture
def smtpd() -> Iterator[Smtpd]:
    with Smtpd() as server:
        yield server


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Pipelining, in the clear."""
    with Wire() as server:
        yield server
