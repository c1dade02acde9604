"""An opened site: its settings, its ledger, and who is acting on it."""

import contextlib
import getpass
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from distributor import settings as configuration
from distributor.delivery.channels.smtp import SmtpChannel
from distributor.delivery.ledger import migrate
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.flow import Rules, Way
from distributor.delivery.model.records import Actor
from distributor.settings import Relay, Settings


@dataclass(frozen=True, slots=True)
class Site:
    """Settings, ledger and actor: what every use case is given. Close it when done."""

    settings: Settings
    ledger: Database
    actor: Actor

    @property
    def rules(self) -> Rules:
        """How fast and by which relay its letters may go."""
        return self.settings.rules

    def close(self) -> None:
        self.ledger.close()


def person() -> Actor:
    """The login name of whoever runs this process."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = f"uid {os.getuid()}"
    return Actor(name, socket.gethostname())


def worker() -> Actor:
    """This process as a worker."""
    host = socket.gethostname()
    return Actor(f"worker {os.getpid()}", host)


@contextlib.contextmanager
def open_site(explicit: str | None = None, actor: Actor | None = None) -> Iterator[Site]:
    """The site of `--site`, DISTRIBUTOR_SITE or the working directory, its ledger ready for use.

    Raises:
        ConfigurationError: no site, or settings that cannot be used.
        LedgerError: the ledger cannot be used, or wants `distributor ledger upgrade`.
    """
    settings = configuration.load(configuration.find_site(explicit))
    site = Site(settings, Database(settings.ledger), actor or person())
    try:
        migrate.ready(site.ledger)
        yield site
    finally:
        site.close()


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


READ_TIMEOUT = 60.0
SESSION_DEADLINE = 300.0
