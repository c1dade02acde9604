"""An opened site: its settings, its ledger, and who is acting on it."""

import contextlib
import getpass
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from distributor import settings as configuration
from distributor.delivery.ledger import migrate
from distributor.delivery.ledger.database import Database, exists
from distributor.delivery.model.flow import Rules
from distributor.delivery.model.records import Actor
from distributor.settings import Settings


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
def existing_ledger(settings: Settings) -> Iterator[Database | None]:
    """The ledger, ready for use; None for a site that has none yet, and it gets none.

    Raises:
        LedgerError: there is one that cannot be used, or that wants `distributor ledger upgrade`.
    """
    if not exists(settings.ledger):
        yield None
        return
    database = Database(settings.ledger)
    try:
        is_there = migrate.version(database) is not None
        if is_there:
            migrate.ready(database)
        yield database if is_there else None
    finally:
        database.close()
