"""Group robots of WeCom, DingTalk, Feishu and Lark: one POST a message, signed where the robot wants it."""

import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from distributor.delivery.channels.chat import posting, sessions
from distributor.delivery.channels.chat.requests import read_answer, request
from distributor.delivery.channels.chat.sessions import RefusalError, Trip
from distributor.delivery.model.channel import Hand, Reply
from distributor.delivery.model.chat_secrets import LOOPBACK, WEBHOOKS, Secret, Secrets
from distributor.endpoints import Kind
from distributor.i18n import _


class RobotChannel:
    """Posts to the robots of one *kind*.

    Seconds: *timeout* for the connection, TLS and each write, *patience* for an answer. *origin*
    (``http://127.0.0.1:8080``) stands in for the vendor's host in tests; nothing but this machine may.
    """

    def __init__(
        self, kind: Kind, secrets: Secrets, *, timeout: float, patience: float, ca_file: Path | None,
        origin: str | None = None,
    ) -> None:  # fmt: skip
        """Raises ValueError for an *origin* that is not on this machine."""
        if origin is not None and urlsplit(origin).hostname not in LOOPBACK:
            raise ValueError(_("{origin} is not on this machine").format(origin=origin))
        self.kind = kind
        self.name = kind.value
        self.secrets = secrets
        self.timeout = timeout
        self.patience = patience
        self.ca_file = ca_file
        self.origin = origin or f"https://{WEBHOOKS[kind].host}"

    async def session(self, hand: Hand) -> None:
        """Move parcels over one connection, kept open between posts that follow one another closely.

        Raises:
            SessionError: the first post found no connection, or no answer.
            ConfigurationError: *ca_file* cannot be used.
        """
        async with posting.transport(self.ca_file) as transport:
            relay = urlsplit(self.origin).netloc
            await sessions.run(self.kind, self.secrets, hand, relay, partial(self._post, transport))

    async def _post(self, transport: httpx.AsyncBaseTransport, trip: Trip, secret: Secret) -> Reply:
        try:
            made = request(self.kind, self.origin, secret, trip.parcel.message, time.time())
        except ValueError:
            raise RefusalError("bad-message", _("not sent: the message is no JSON object")) from None
        post = posting.Post(made, trip.mark, self.patience)
        try:
            answer = await post.send(transport, self.timeout)
        finally:
            trip.handed_over = post.handed_over
        said = read_answer(self.kind, answer.status, answer.body)
        wait = "" if answer.wait is None else f"\nRetry-After: {answer.wait}"
        return trip.answered(said.code, said.own, secret.conceal(said.text) + wait)
