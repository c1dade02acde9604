"""Chat endpoints before anything is posted: which have no secret, and whether their services can be reached."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from urllib.parse import urlsplit

from distributor.delivery.channels.opening import new_tls_context
from distributor.delivery.model.chat_secrets import WEBHOOKS
from distributor.endpoints import Endpoint, Kind
from distributor.errors import Finding, Place, Severity
from distributor.i18n import _, ngettext
from distributor.settings import Settings
from distributor.words import why

MOST = 20
PATIENCE = 10.0


def questions(settings: Settings, endpoints: Iterable[Endpoint]) -> Iterator[Finding]:
    """without_secret(), for a person to confirm before anything is sent; where posts stay at home, to be told only."""
    severity = Severity.WARNING if settings.chat_stays_home else Severity.QUESTION
    return (replace(finding, severity=severity) for finding in without_secret(settings, endpoints))


def without_secret(settings: Settings, endpoints: Iterable[Endpoint]) -> Iterator[Finding]:
    """Those of *endpoints* that nothing can be posted to."""
    missing = settings.secrets.missing(endpoints)
    for endpoint in islice(missing, MOST):
        message = _("{endpoint} has no secret: posts to it would wait").format(endpoint=endpoint)
        yield Finding(
            Severity.WARNING, "no-endpoint-secret", message, Place(str(settings.site / ".env")), _remedy(endpoint)
        )
    if (more := len(missing) - MOST) > 0:
        text = ngettext("{n} more endpoint has no secret", "{n} more endpoints have no secret", more)
        yield Finding(Severity.WARNING, "no-endpoint-secret", text.format(n=more))


def _remedy(endpoint: Endpoint) -> str:
    text = _("write {variable}={example} into .env, as the app shows the address of the group's robot")
    if endpoint.kind is Kind.APPRISE:
        text = _("write {variable}={example} into .env")
    example = WEBHOOKS[endpoint.kind].example if endpoint.kind in WEBHOOKS else "ntfys://ntfy.example.org/TOPIC"
    return text.format(variable=endpoint.variable, example=example)


def unreachable(settings: Settings, kind: Kind) -> str | None:
    """Why the host of *kind*'s robots cannot be reached, None if it can: by TCP and TLS, without a word of HTTP.

    Raises:
        ConfigurationError: the CA file cannot be used.
    """
    parts = urlsplit(settings.chat_origin or f"https://{WEBHOOKS[kind].host}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    tls = new_tls_context(settings.ca_file) if parts.scheme == "https" else None
    return asyncio.run(_connect(parts.hostname or "", port, tls))


async def _connect(host: str, port: int, tls: ssl.SSLContext | None) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            _reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    except TimeoutError:
        return _("no connection in time")
    except OSError as error:  # ssl.SSLError is one
        return why(error)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return None
