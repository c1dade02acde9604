"""Every other service, through Apprise (an extra: ``distributor[apprise]``).

Apprise says True or False. True is an answer of the service's; its False is as good as silence, since it hides a
time-out, after which the message may have come through, behind the same word as a refusal. So False leaves a doubt.
It blocks, so it has a thread; a thread cannot be cut off, so what is given up on may still come through: a doubt too.
"""

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from distributor.delivery.channels.chat import sessions
from distributor.delivery.channels.chat.posting import LostError, keep_quiet
from distributor.delivery.channels.chat.sessions import RefusalError, Trip
from distributor.delivery.model.channel import Hand, Reply
from distributor.delivery.model.chat_replies import POSTED
from distributor.delivery.model.chat_secrets import Secret, Secrets
from distributor.endpoints import Kind
from distributor.i18n import _

if TYPE_CHECKING:
    from apprise import Apprise


class AppriseChannel:
    """Posts to Apprise URLs; *patience* is the seconds that one may take. Messages are JSON: title, body (Markdown)."""

    name = Kind.APPRISE.value

    def __init__(self, secrets: Secrets, *, patience: float) -> None:
        self.secrets = secrets
        self.patience = patience

    async def session(self, hand: Hand) -> None:
        """Move parcels, one after the other.

        Raises:
            SessionError: the first one was left in doubt.
        """
        await sessions.run(Kind.APPRISE, self.secrets, hand, self.name, self._post)

    async def _post(self, trip: Trip, secret: Secret) -> Reply:
        title, body = _texts(trip.parcel.message)
        service = await asyncio.to_thread(_service, secret.token)
        await trip.mark()
        trip.handed_over = True
        if not await self._notified(service, title, body):
            raise LostError(_("Apprise does not say whether it came through"))
        return trip.answered(200, POSTED, "")

    async def _notified(self, service: "Apprise", title: str, body: str) -> bool:
        # Whatever it raises, and it wraps a hundred services, tells no more than its False; and may quote the URL.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self.patience):
                return bool(await asyncio.to_thread(service.notify, body=body, title=title, body_format="markdown"))
        return False


def _texts(message: bytes) -> tuple[str, str]:
    try:
        texts = json.loads(message)
        return str(texts["title"]), str(texts["body"])
    except (ValueError, TypeError, KeyError):
        raise RefusalError("bad-message", _("not sent: the message has no title and body")) from None


def _service(url: str) -> "Apprise":
    keep_quiet("urllib3", "requests")
    try:
        import apprise  # noqa: PLC0415  an extra, and half a second of start-up
    except ImportError:
        raise RefusalError("no-apprise", _("not sent: Apprise is not installed")) from None
    keep_quiet("apprise")
    try:
        found = apprise.Apprise.instantiate(url)
    except Exception:  # as above
        found = None
    if found is None:
        raise RefusalError("bad-url", _("not sent: Apprise knows no service of this URL"))
    return apprise.Apprise(found)
