"""One connection and what is said on it: octets out, answers in, and when to stop waiting. Knows no phases."""

import asyncio
import socket
import ssl
from collections import deque
from typing import cast

from distributor.delivery.channels.answers import Answer, AnswerReader, MalformedAnswerError
from distributor.delivery.model.channel import Phase, Reply
from distributor.i18n import _
from distributor.words import why

SERVICE_CLOSING = 421
# More answers than anybody could be waiting for: RSET, MAIL, RCPT, DATA and the final dot are the longest group.
UNREAD_MOST = 16
FAREWELL = 2.0
# Octets that are read at once. Answers are short; asyncio's own way, a new buffer of 256 KB each time, costs 15 µs.
READ = 4096


class LostError(Exception):
    """The dialogue is over: the connection is gone, or what is said on it can no longer be trusted.

    *answer* is the server's own last word, where it had one (421, or a refusal nobody had asked for).
    """

    def __init__(self, text: str, answer: Answer | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.answer = answer

    def reply(self, phase: Phase, relay: str, *, handed_over: bool = False) -> Reply:
        """For the engine: the server's word, else that there was none."""
        if self.answer is not None:
            return self.answer.reply(phase, relay, handed_over=handed_over)
        return Reply(phase, None, None, self.text, handed_over, relay)


class InsecureError(Exception):
    """TLS could not be had: no handshake, or a certificate that does not verify."""


class Dialogue(asyncio.BufferedProtocol):
    """Made by ``connect``. Each answer and each write may take *timeout* seconds, none goes past loop time *until*."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.until = float("inf")
        self._loop = asyncio.get_running_loop()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._buffer = memoryview(bytearray(READ))
        self._reader = AnswerReader()
        self._answers: deque[Answer] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._expires = float("inf")
        self._alarm: asyncio.TimerHandle | None = None
        self._full = False
        self._lost: str | None = None
        self._transport: asyncio.Transport

    @classmethod
    async def connect(cls, host: str, port: int, timeout: float, tls: ssl.SSLContext | None) -> "Dialogue":  # noqa: ASYNC109
        """Connect; with *tls*, TLS from the start (RFC 8314 3.3).

        Raises:
            LostError: no connection. InsecureError: a connection, and no trust.
        """
        dialogue = cls(timeout)
        connecting = asyncio.get_running_loop().create_connection(
            lambda: dialogue, host, port, happy_eyeballs_delay=0.25,
            ssl=tls, ssl_shutdown_timeout=FAREWELL if tls else None,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout):
                await connecting
        except TimeoutError:
            raise LostError(_("no connection in time")) from None
        except ssl.SSLError as error:
            raise InsecureError(_told_tls(error)) from None
        except OSError as error:
            raise LostError(_told(error)) from None
        return dialogue

    async def secure(self, tls: ssl.SSLContext, host: str) -> None:
        """Begin TLS on this connection (RFC 3207).

        Raises:
            InsecureError: no trust. Octets that came before the handshake were sent by nobody we know (command
                injection into STARTTLS, CVE-2011-0411): they count as that.
        """
        if self._answers or self._reader.midway:
            raise InsecureError(_("the relay sent something between STARTTLS and TLS"))
        try:
            async with asyncio.timeout(self.timeout):
                transport = await self._loop.start_tls(
                    self._transport, self, tls, server_hostname=host, ssl_shutdown_timeout=FAREWELL
                )
        except (TimeoutError, OSError) as error:  # SSLError is an OSError
            self._lose(_told_tls(error))
            self._end()  # asyncio tells nobody of a connection that it drops amid the handshake
            raise InsecureError(_told_tls(error)) from None
        self._transport = cast(asyncio.Transport, transport)

    @property
    def tls_version(self) -> str | None:
        """Such as ``TLSv1.3``; None: in the clear."""
        socket_ = self._transport.get_extra_info("ssl_object")
        return socket_.version() if socket_ is not None else None

    def in_step(self) -> None:
        """Check that the far side is there and silent: whatever is said before we ask answers nothing of ours.

        Raises:
            LostError: it is gone, or has spoken out of turn.
        """
        if self._answers:
            answer = self._answers.popleft()
            text = _("the relay speaks out of turn: {answer}").format(answer=answer)
            raise LostError(text, answer if answer.negative else None)
        if self._lost is not None or self._transport.is_closing():  # connection_lost comes a turn of the loop later
            raise LostError(self._lost or _("the relay closed the connection"))
        if self._reader.midway:
            raise LostError(_("the relay speaks out of turn"))

    def send(self, data: bytes) -> None:
        """Write all of *data*.

        Raises:
            LostError: as in_step; nothing was written.
        """
        self.in_step()
        self._transport.write(data)

    async def drained(self) -> None:
        """Wait while the far side is slower than we are.

        Raises:
            LostError: it took nothing for too long, is gone, or has spoken out of turn.
        """
        expires = self._expiry()
        while self._full:
            self.in_step()
            await self._something(expires)

    async def answer(self, patience: float | None = None) -> Answer:
        """The next answer. *patience* is the wait in seconds where it is to be another than *timeout*, *until* aside.

        Raises:
            LostError: there is none, or it is 421: the server closes (RFC 5321 3.8), whatever was asked.
        """
        if not self._answers:
            expires = self._expiry() if patience is None else self._loop.time() + patience
            while not self._answers:  # parts of one may wake us: they do not make it later
                if self._lost is not None:
                    raise LostError(self._lost)
                await self._something(expires)
        answer = self._answers.popleft()
        if answer.code == SERVICE_CLOSING:
            raise LostError(str(answer), answer)
        return answer

    async def close(self) -> None:
        """End the connection, and return once it has ended. What was written and could not be sent is dropped."""
        if not self._transport.get_write_buffer_size():
            self._transport.close()
            await asyncio.wait([self._closed], timeout=FAREWELL)
        self._abort()
        await asyncio.wait([self._closed], timeout=FAREWELL)

    def _abort(self) -> None:
        if not self._closed.done():  # asyncio's transports cannot be aborted once they are closed
            self._transport.abort()

    def _expiry(self) -> float:
        return min(self._loop.time() + self.timeout, self.until)

    async def _something(self, expires: float) -> None:
        """Wait until the far side says something, takes what was written, or goes; after *expires* it is lost."""
        self._expires = expires
        self._set_alarm()
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _set_alarm(self) -> None:
        """One alarm for all waits: nearly all end long before it, and to set and cancel one for each is dear."""
        if self._alarm is None or self._alarm.when() > self._expires:
            self._cancel_alarm()
            self._alarm = self._loop.call_at(self._expires, self._ring)

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        if self._waiter is None:
            return
        if self._loop.time() < self._expires:  # it was set for an earlier wait
            self._set_alarm()
        else:
            self._lose(_("no answer in time"))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _lose(self, text: str) -> None:
        if self._lost is None:
            self._lost = text
        self._abort()
        self._wake()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._lost is not None:
            return
        try:
            self._answers.extend(self._reader.feed(bytes(self._buffer[:nbytes])))
        except MalformedAnswerError as error:
            self._lose(_("the relay does not speak SMTP: {text}").format(text=error))
            return
        if len(self._answers) > UNREAD_MOST:
            self._lose(_("the relay speaks out of turn"))
        self._wake()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lost is None:
            self._lost = _told(exc) if exc is not None else _("the relay closed the connection")
        self._wake()
        self._end()

    def _end(self) -> None:
        self._cancel_alarm()
        if not self._closed.done():
            self._closed.set_result(None)


def _told(error: Exception) -> str:
    """An error in words; asyncio raises several of them empty."""
    if isinstance(error, TimeoutError):
        return _("no answer in time")
    if isinstance(error, ConnectionError) and not error.errno:
        return _("the relay closed the connection")
    if isinstance(error, ssl.SSLError | socket.gaierror) or not isinstance(error, OSError) or not error.errno:
        return str(getattr(error, "strerror", None) or error)
    return why(error)


def _told_tls(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _("the relay's certificate is not to be trusted: {why}").format(why=error.verify_message)
    return _("no TLS with the relay: {why}").format(why=_told(error))
