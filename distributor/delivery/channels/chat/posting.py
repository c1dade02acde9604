"""One POST over HTTP: where it stands at each moment, how long it may take, and how much may come back.

httpx's transport is used without its client. The client would follow redirects, keep cookies, ask the environment for
proxies and .netrc, and write every address, secrets and all, into the log. A robot's address is a credential: it goes
straight to the one host that it names, as mail goes to its relay. (A proxy that the environment names is one that
others chose, for other things.)
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from distributor.delivery.channels.chat.requests import Request
from distributor.delivery.channels.opening import new_tls_context
from distributor.i18n import _
from distributor.words import why

# Octets of an answer. A robot's has about a hundred; what has this much is none.
MOST = 64 * 1024
# Seconds that a connection is kept for the next post. Short, because what is posted on one that the far side is
# closing at that moment is in doubt.
KEPT = 5.0
_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # nothing small may unpack into something large
    "User-Agent": "distributor",
}


class LostError(Exception):
    """No answer, or none that has an end; its words are for people."""


class Answer(NamedTuple):
    """*wait* is the seconds that the service asks us to wait, None where it asks for none."""

    status: int
    body: bytes
    wait: int | None


class Post:
    """One request. *mark* is awaited once the connection stands, before the first octet of it leaves.

    *handed_over* turns true when the body's write begins: from then on only the kernel knows how much has left. Until
    then no server can act on it, since it has not had what Content-Length announced (RFC 9110 8.6).
    """

    def __init__(self, request: Request, mark: Callable[[], Awaitable[None]], patience: float) -> None:
        """*patience*: seconds from the mark to the answer's end."""
        self.mark = mark
        self.patience = patience
        self.handed_over = False
        self.request = httpx.Request(
            "POST", request.url, headers=_HEADERS, content=request.body, extensions={"trace": self._trace}
        )

    async def send(self, transport: httpx.AsyncBaseTransport, timeout: float) -> Answer:  # noqa: ASYNC109
        """*timeout*: seconds for the connection, for TLS, and for each write.

        Raises:
            LostError: *handed_over* says whether it may have come through.
            Exception: whatever *mark* raises; nothing has left then, and the connection is closed.
        """
        self.request.extensions["timeout"] = {
            "connect": timeout, "write": timeout, "read": self.patience, "pool": timeout,
        }  # fmt: skip
        try:
            async with asyncio.timeout(None) as self.limit:
                response = await transport.handle_async_request(self.request)
                try:
                    body = await _bounded(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise LostError(_("no answer in time")) from None
        except httpx.HTTPError as error:
            raise LostError(_told(error)) from None
        return Answer(response.status_code, body, _wait(response.headers))

    async def _trace(self, event: str, _info: Mapping[str, Any]) -> None:
        """What httpcore tells of the request's progress: each step is told, and this awaited, before it is taken."""
        if event == "http11.send_request_headers.started":
            await self.mark()
            self.limit.reschedule(asyncio.get_running_loop().time() + self.patience)
        elif event == "http11.send_request_body.started":
            self.handed_over = True


async def _bounded(response: httpx.Response) -> bytes:
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) > MOST:
            raise LostError(_("the answer is longer than {most} KB").format(most=MOST // 1024))
    return body


def _wait(headers: Mapping[str, str]) -> int | None:
    """Seconds, by RFC 9110 10.2.3 or by Feishu's own header; a date is not understood."""
    for name in ("retry-after", "x-ogw-ratelimit-reset"):
        text = headers.get(name, "").strip()
        if text.isascii() and text.isdigit() and len(text) <= 5:
            return int(text)
    return None


@asynccontextmanager
async def transport(ca_file: Path | None) -> AsyncIterator[httpx.AsyncHTTPTransport]:
    """HTTP/1.1 with keep-alive, one connection; certificates are checked, as for mail.

    Raises:
        ConfigurationError: *ca_file* cannot be used.
    """
    keep_quiet("httpx", "httpcore")
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEPT)
    # A context of its own: httpcore writes its protocols (ALPN) into it, and mail must not offer them.
    made = httpx.AsyncHTTPTransport(verify=new_tls_context(ca_file), limits=limits, trust_env=False)
    try:
        yield made
    finally:
        await made.aclose()


def keep_quiet(*loggers: str) -> None:
    """Have libraries log no details of what they do: with them go addresses that are secrets."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.WARNING)


def _told(error: httpx.HTTPError) -> str:
    """An error in words of ours: the library's may quote what was sent."""
    if isinstance(error, httpx.TimeoutException):
        return _("no connection in time") if isinstance(error, httpx.ConnectTimeout) else _("no answer in time")
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _("the service's certificate is not to be trusted: {why}").format(why=cause.verify_message)
        if isinstance(cause, ssl.SSLError):
            return _("no TLS with the service: {why}").format(why=cause.reason or type(cause).__name__)
        if isinstance(cause, OSError) and cause.errno:
            return why(cause)
    return _("the service broke off, or does not speak HTTP")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """*error* and all that led to it."""
    waiting, seen = [error], set[int]()
    while waiting:
        found = waiting.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [each for each in (found.__cause__, found.__context__) if each is not None]
        waiting += found.exceptions if isinstance(found, BaseExceptionGroup) else ()
