"""The mail server of a site that has none: real SMTP on loopback, every letter kept in a Maildir, nobody mailed."""

import asyncio
import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from distributor.errors import ConfigurationError, Finding, Place, Severity
from distributor.i18n import _
from distributor.settings import Relay
from distributor.words import why

LOOPBACK = "127.0.0.1"
SIZE_MOST = 64_000_000
_FOLDERS = ("tmp", "new", "cur")
_serial = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Kept:
    """One message that the sink has taken: its file, and the envelope it came in."""

    file: Path
    sender: str
    recipients: tuple[str, ...]


class Sink:
    """``with Sink(outbox) as sink:`` runs the server in a thread; hand mail to ``sink.relay``.

    *outbox* is made if need be, for its owner alone. *on_message* is called in the sink's thread.
    """

    def __init__(self, outbox: Path, *, port: int = 0, on_message: Callable[[Kept], None] | None = None) -> None:
        """*port* 0 is any free one."""
        self.outbox = outbox
        self.port = port
        self.handler = _Handler(outbox, on_message)
        self.relay: Relay
        self._thread: threading.Thread
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    def __enter__(self) -> "Sink":
        """Raises ConfigurationError: the folder cannot be made, or the port is taken."""
        listener = self._prepare()
        self.relay = Relay(LOOPBACK, listener.getsockname()[1], tls=False)
        running = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(listener, running),), name="sink")
        self._thread.start()
        running.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def wait(self) -> None:
        """Until Ctrl-C."""
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()

    def _prepare(self) -> socket.socket:
        try:
            make_maildir(self.outbox)
        except OSError as error:
            message = _("the folder for the letters cannot be used: {error}").format(error=why(error))
            finding = Finding(Severity.ERROR, "no-sink", message, Place(str(self.outbox)), _("make it writable"))
            raise ConfigurationError([finding]) from None
        try:
            return _listening(self.port)
        except OSError as error:
            message = _("port {port} cannot be listened on: {error}").format(port=self.port, error=why(error))
            remedy = _("choose another port, or none: any that is free is taken then")
            raise ConfigurationError([Finding(Severity.ERROR, "no-sink", message, remedy=remedy)]) from None

    async def _serve(self, listener: socket.socket, running: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(self._protocol, sock=listener)
        running.set()
        await self._stopping.wait()
        server.close()

    def _protocol(self) -> SMTP:
        return SMTP(
            self.handler, loop=self._loop, hostname="localhost", ident="distributor sink", enable_SMTPUTF8=True,
            data_size_limit=SIZE_MOST,
        )  # fmt: skip


class _Handler:
    """aiosmtpd's hooks, with its names."""

    def __init__(self, outbox: Path, on_message: Callable[[Kept], None] | None) -> None:
        self.outbox = outbox
        self.on_message = on_message

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """aiosmtpd answers commands in order, however they come: all that PIPELINING promises (RFC 2920 3.2)."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        try:
            kept = self.keep(envelope)
        except OSError as error:
            return f"452 4.3.1 {error.strerror}"
        if self.on_message is not None:
            self.on_message(kept)
        return f"250 2.0.0 kept as {kept.file.name}"

    def keep(self, envelope: Any) -> Kept:
        """Write the message as one file under ``new``, with the envelope above it (RFC 5321 4.4: final delivery)."""
        sender = "" if envelope.mail_from == "<>" else envelope.mail_from  # aiosmtpd keeps the empty path's brackets
        kept = Kept(self.outbox / "new" / _unique_name(), sender, tuple(envelope.rcpt_tos))
        trace = [f"Return-Path: <{kept.sender}>\r\n", *(f"Delivered-To: {address}\r\n" for address in kept.recipients)]
        being_written = self.outbox / "tmp" / kept.file.name
        with open(os.open(being_written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write("".join(trace).encode() + envelope.original_content)
        being_written.rename(kept.file)
        return kept


def _listening(port: int) -> socket.socket:
    """Connections that come before the server runs wait in its queue."""
    # With the protocol named, asyncio turns Nagle's delay off: 40 ms for every answer else.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def make_maildir(folder: Path) -> None:
    """*folder* with tmp, new and cur; letters are not for everybody on this machine, so it is its owner's alone."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in _FOLDERS:
        (folder / name).mkdir(mode=0o700, exist_ok=True)


def _unique_name() -> str:
    """Names sort by arrival (https://cr.yp.to/proto/maildir.html), and end so that a mail program opens them."""
    return (
        f"{time.time_ns() // 1000:017d}.P{os.getpid()}Q{next(_serial):06d}.{socket.gethostname().replace('/', '_')}.eml"
    )
