"""Bringing a ledger's tables up to this version's (alembic)."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database
from distributor.errors import Finding, LedgerError, Severity
from distributor.i18n import _

HEAD = "0001"


def ready(database: Database) -> None:
    """Make sure that the ledger has this version's tables: by itself on SQLite, else by saying what to run.

    Raises:
        LedgerError: a PostgreSQL ledger whose tables are missing or old, or a ledger newer than this program.
    """
    if (found := version(database)) == HEAD:
        return
    if found is not None and found > HEAD:
        raise LedgerError(
            [
                Finding(
                    Severity.ERROR,
                    "ledger-newer",
                    _("the ledger was written by a newer distributor (tables {found})").format(found=found),
                    remedy=_("update distributor on this machine"),
                )
            ]
        )
    if database.dialect == "sqlite":
        upgrade(database)
        return
    raise LedgerError(
        [
            Finding(
                Severity.ERROR,
                "ledger-old",
                _("the ledger's tables are not those of this version"),
                remedy=_("run `distributor ledger upgrade` once"),
            )
        ]
    )


def version(database: Database) -> str | None:
    """The ledger's schema version, None for an empty database."""
    with database.read() as connection:
        return _version(connection)


def upgrade(database: Database) -> bool:
    """Run the migrations that are missing, in one transaction; False: there were none. Two at once are safe."""
    with database.write() as connection:
        database.lock_opening(connection)
        if _version(connection) == HEAD:
            return False
        _run(connection)
        return True


def _version(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def _run(connection: Connection) -> None:
    # Imported here: it costs start-up time, and almost no command needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
