"""The ways out: a channel to each relay of the site, or to a sink of our own; and to the chat services in use."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from distributor.delivery.channels.smtp import SmtpChannel
from distributor.delivery.ledger import queues
from distributor.delivery.model.channel import Channel
from distributor.delivery.model.flow import Way
from distributor.distribution.site import Site
from distributor.endpoints import MAIL, Kind, channel_of
from distributor.settings import Relay, Settings

CONNECT_TIMEOUT = 15.0
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


@contextlib.contextmanager
def all_channels(site: Site) -> Iterator[list[tuple[Way, Channel]]]:
    """mail_channels(), and one to each chat service for which something waits or the site has secrets."""
    with mail_channels(site.settings) as (mail, _outbox):
        waiting = {channel_of(lane) for lane in queues.open_lanes(site.ledger)} - {MAIL}
        kinds = sorted(waiting | site.settings.secrets.kinds)
        yield [*mail, *((Way.of_chat(kind), chat_channel(site.settings, Kind(kind))) for kind in kinds)]


def chat_channel(settings: Settings, kind: Kind) -> Channel:
    """The channel to the endpoints of *kind*; for a site whose posts stay at home, one that keeps them."""
    # Imported only where there is chat: httpx takes a good part of a second.
    from distributor.delivery.channels.chat import apprise, kept, robots  # noqa: PLC0415

    # Apprise cannot be pointed at a server of ours: where that stands in for the others, it has to stay at home.
    if settings.chat_stays_home or (kind is Kind.APPRISE and settings.chat_origin is not None):
        return kept.KeptChannel(kind, settings.outbox / "chat")
    if kind is Kind.APPRISE:
        return apprise.AppriseChannel(settings.secrets, patience=READ_TIMEOUT)
    return robots.RobotChannel(
        kind, settings.secrets, timeout=CONNECT_TIMEOUT, patience=READ_TIMEOUT, ca_file=settings.ca_file,
        origin=settings.chat_origin,
    )  # fmt: skip


def helo(relay: Relay) -> str:
    """The name given in EHLO (RFC 5321 4.1.1.1): ours, except to ourselves."""
    return "localhost" if relay.on_loopback else socket.getfqdn()


def _channel(settings: Settings, relay: Relay) -> SmtpChannel:
    return SmtpChannel(
        relay, helo=helo(relay), timeout=READ_TIMEOUT, deadline=SESSION_DEADLINE, ca_file=settings.ca_file
    )
