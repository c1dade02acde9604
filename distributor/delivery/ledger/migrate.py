"""Bringing a ledger's tables up to this version's (alembic)."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database
from distributor.errors import Finding, LedgerError, Severity
from distributor.i18n import _

HEAD = "0004"


def ready(database: Database) -> None:
    """Make sure that the ledger has this version's tables: by itself on SQLite, else by saying what to run.

    Raises:
        LedgerError: a PostgreSQL ledger whose tables are missing or old, or a ledger newer than this program.
    """
    found = version(database)
    _refuse_newer(found)
    if found == HEAD:
        return
    if database.dialect == "sqlite":
        if found is None and is_foreign(database):
            message = _("this database holds other tables, and is no ledger")
            finding = Finding(Severity.ERROR, "foreign-ledger", message, remedy=_("check DISTRIBUTOR_LEDGER"))
            raise LedgerError([finding])
        upgrade(database)
        return
    message = _("the ledger's tables are not those of this version")
    remedy = _("run `distributor ledger upgrade` once")
    raise LedgerError([Finding(Severity.ERROR, "ledger-old", message, remedy=remedy)])


def is_foreign(database: Database) -> bool:
    """Whether there are tables, and none of ours."""
    with database.read() as connection:
        return bool(sa.inspect(connection).get_table_names())


def version(database: Database) -> str | None:
    """The ledger's schema version, None for an empty database."""
    with database.read() as connection:
        return _version(connection)


def upgrade(database: Database) -> bool:
    """Run the migrations that are missing, in one transaction; False: there were none. Two at once are safe.

    Raises:
        LedgerError: the ledger is newer than this program, or cannot be written.
    """
    with database.write() as connection:
        database.lock_opening(connection)
        found = _version(connection)
        _refuse_newer(found)
        if found == HEAD:
            return False
        _run(connection)
        return True


def _refuse_newer(found: str | None) -> None:
    """Versions are numbers of four digits: in order as text."""
    if found is not None and found > HEAD:
        message = _("the ledger was written by a newer distributor (tables {found})").format(found=found)
        remedy = _("update distributor on this machine")
        raise LedgerError([Finding(Severity.ERROR, "ledger-newer", message, remedy=remedy)])


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
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
