"""The ways out: a channel to each relay of the site, or to a sink of our own."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from distributor.delivery.channels.smtp import SmtpChannel
from distributor.delivery.model.flow import Way
from distributor.settings import Relay, Settings

READ_TIMEOUT = 60.0
SESSION_DEADLINE = 300.0


@contextlib.contextmanager
def mail_channels(settings: Settings) -> Iterator[tuple[list[tuple[Way, SmtpChannel]], Path | None]]:
    """A channel to each relay, with its way; without relays, one to a sink of our own whose folder comes with it."""
    ways = settings.rules.ways
    if settings.relays:
        yield [(way, _channel(settings, relay)) for way, relay in zip(ways, settings.relays, strict=True)], None
        return
    from distributor.delivery.channels.sink import Sink  # noqa: PLC0415  a mail server, which most commands do without

    with Sink(settings.outbox) as sink:
        yield [(way, _channel(settings, sink.relay)) for way in ways], settings.outbox


def helo(relay: Relay) -> str:
    """The name given in EHLO (RFC 5321 4.1.1.1): ours, except to ourselves."""
    return "localhost" if relay.on_loopback else socket.getfqdn()


def _channel(settings: Settings, relay: Relay) -> SmtpChannel:
    return SmtpChannel(
        relay, helo=helo(relay), timeout=READ_TIMEOUT, deadline=SESSION_DEADLINE, ca_file=settings.ca_file
    )
