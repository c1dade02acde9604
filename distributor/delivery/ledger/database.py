"""Connections, transactions, the database's clock and bulk rows: all that the two dialects do differently.

SQLite runs one writing transaction at a time. On PostgreSQL workers write beside one another, each its own rows, and a
lock of the application's own gives a person's acts and the sweep what SQLite gives to everybody: to be alone.
"""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from distributor.delivery.ledger.rows import Rows, batches, values
from distributor.errors import Finding, LedgerError, Severity
from distributor.i18n import _

Found: TypeAlias = Callable[[], list[tuple[Any, ...]]]
Run: TypeAlias = Callable[[str, Sequence[str], Sequence[tuple[Any, ...]]], Found]

BUSY_SECONDS = 30.0
LOOK_EVERY = 0.001
_LONG_LOG = 16_384  # pages of 4 KiB
SQLITE_AT_LEAST = (3, 38)
# PostgreSQL's advisory locks: of whoever opens an issue, and of the room that workers share.
_OPENING, _ROOM = 604913, 604914
_NOW = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
    "postgresql": "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
}
_READING: dict[str, dict[str, Any]] = {
    "sqlite": {"distributor_read": True, "stream_results": True},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True, "stream_results": True},
}
# A server that is gone without a word is noticed in a minute at most, while we wait for it and while we send. libpq's:
# seconds, but for tcp_user_timeout, which is milliseconds.
_POSTGRESQL_CONNECTION = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# PostgreSQL's types of the columns that rows may carry into a statement (see Database.short).
_ROW_TYPES = {
    "id": "bigint", "issue_id": "bigint", "attempt": "integer", "now": "bigint", "wait": "bigint", "took": "bigint",
    "phase": "text", "code": "integer", "enhanced": "text", "reply": "text", "reason": "text", "relay": "text",
    "who": "text", "host": "text", "kind": "text", "name": "text", "today": "text", "spent": "integer",
}  # fmt: skip


class Database:
    """One ledger database. Safe to share between threads: every transaction takes its own connection."""

    def __init__(self, url: str, *, synchronous: str = "FULL") -> None:
        """*url* is SQLAlchemy's: ``sqlite:////path`` or ``postgresql+psycopg://…``.

        *synchronous* is SQLite's durability: FULL forgets nothing at a power loss.

        Raises:
            LedgerError: the URL means no database that the ledger can live in.
        """
        self.engine = _engine(url, synchronous)
        self.dialect = self.engine.dialect.name
        self.now = _NOW[self.dialect]
        self._kept: sa.PoolProxiedConnection | None = None
        self._keeping = Lock()

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write. On SQLite it holds the one write lock from its start (BEGIN IMMEDIATE)."""
        with _said_plainly(self.engine.dialect.loaded_dbapi), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def short(self) -> Iterator[tuple[int, Run]]:
        """As write() with beside(), for what is written many times a second: by the driver alone, a kept connection.

        Gives the clock, and a function that runs a statement beside rows called ``v`` (its columns, then the rows). It
        gives another that returns what the statement found: call it after the transaction if you can, since PostgreSQL
        then is told everything in one round trip. One at a time.
        """
        with self._keeping, _said_plainly(self.engine.dialect.loaded_dbapi):
            if self._kept is None:
                self._kept = self.engine.raw_connection()
            try:
                with _SHORT[self.dialect](self._kept.dbapi_connection, self.now) as (now, run):
                    yield now, run
            except BaseException:
                kept, self._kept = self._kept, None
                kept.invalidate()
                raise

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the ledger and blocks no writer."""
        with _said_plainly(self.engine.dialect.loaded_dbapi), self.engine.connect() as connection:
            reading = connection.execution_options(**_READING[self.dialect])
            with reading.begin():
                yield reading

    def clock(self, connection: Connection) -> int:
        """The database's time in µs since 1970 UTC: the one clock that leases and due times are compared with."""
        return int(connection.exec_driver_sql(f"SELECT {self.now}").scalar_one())

    def beside(self, connection: Connection) -> int:
        """The clock, for a worker's transaction: others may run beside it, but none that is `alone`."""
        return self._clock_behind(connection, "pg_advisory_xact_lock_shared")

    def alone(self, connection: Connection) -> int:
        """The clock, for a transaction that waits for the workers' to end and keeps new ones waiting."""
        return self._clock_behind(connection, "pg_advisory_xact_lock")

    def _clock_behind(self, connection: Connection, lock: str) -> int:
        if self.dialect == "sqlite":
            return self.clock(connection)
        return int(connection.exec_driver_sql(f"SELECT {self.now} FROM {lock}({_ROOM})").scalar_one())

    def insert(self, connection: Connection, table: sa.Table, columns: Sequence[str], rows: Rows) -> int:
        """Insert *rows* (tuples in the order of *columns*) at bulk speed and steady memory; returns how many."""
        if self.dialect == "sqlite":
            return _insert(connection, table.name, columns, rows)
        return _copy(connection, table.name, columns, rows)

    def lock_opening(self, connection: Connection) -> None:
        """Let one opening at a time choose ids and sequence numbers. (SQLite's write lock already does.)"""
        if self.dialect == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_OPENING})")

    def overwrite(self, connection: Connection) -> None:
        """Let what this transaction removes or replaces be overwritten in SQLite's file.

        It is one of many that change much; its log may grow, as the same pages are changed again and again.
        """
        if self.dialect == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint={_LONG_LOG}")

    def compact(self) -> bool:
        """Give back the room of what was removed; of SQLite's file nothing is left that it once held.

        Others may read meanwhile; who wants to write to SQLite waits. False: somebody who reads an old state of it
        keeps that in its log; it is to be repeated.
        """
        if self.dialect == "postgresql":
            with _said_plainly(self.engine.dialect.loaded_dbapi), self.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM")
            return True
        raw: Any = self.engine.raw_connection()
        try:
            with _said_plainly(self.engine.dialect.loaded_dbapi):
                # Freed room may hold, from before, what nobody overwrote then: only a new file has none of it.
                _insist(raw.driver_connection, "VACUUM")
                return _emptied_log(raw.driver_connection)
        finally:
            raw.close()

    def close(self) -> None:
        """Close every connection."""
        if self._kept is not None:
            self._kept.invalidate()
            self._kept = None
        self.engine.dispose()


def exists(url: str) -> bool:
    """Whether the database at *url* may be there already; only of a file that is missing is it known that it is not."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return True
    return parsed.get_backend_name() != "sqlite" or parsed.database is None or Path(parsed.database).exists()


def _engine(url: str, synchronous: str) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _bad_url() from None
    try:
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(url, synchronous)
        if parsed.get_backend_name() == "postgresql":
            return _postgresql_engine(parsed)
    except NoSuchModuleError:
        pass
    raise _bad_url()


def _sqlite_engine(url: str, synchronous: str) -> Engine:
    if sqlite3.sqlite_version_info < SQLITE_AT_LEAST:
        raise LedgerError(
            _("Python here has SQLite {version}; the ledger needs 3.38 or newer").format(version=sqlite3.sqlite_version)
        )
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own BEGINs come too late for IMMEDIATE; `begin` below sends ours.
        connection.isolation_level = None
        _insist(connection, "PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        if connection.get_execution_options().get("distributor_read"):
            raw.execute("BEGIN")
        else:
            _insist(raw, "BEGIN IMMEDIATE")

    return engine


@contextlib.contextmanager
def _short_sqlite(raw: sqlite3.Connection, clock: str) -> Iterator[tuple[int, Run]]:
    def run(statement: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Found:
        with_rows = f"WITH v({', '.join(columns)}) AS ({values(len(rows), len(columns))}) {statement}"
        found = raw.execute(with_rows, list(chain.from_iterable(rows))).fetchall()
        return lambda: found

    _insist(raw, "BEGIN IMMEDIATE")
    yield raw.execute(f"SELECT {clock}").fetchone()[0], run
    raw.execute("COMMIT")


@contextlib.contextmanager
def _short_postgresql(raw: Any, clock: str) -> Iterator[tuple[int, Run]]:
    def run(statement: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Found:
        typed = ", ".join(f"{name} {_ROW_TYPES[name]}" for name in columns)
        with_rows = f"WITH v AS (SELECT * FROM json_to_recordset(%s::json) AS v({typed})) {statement}"
        json_rows = json.dumps([dict(zip(columns, row, strict=True)) for row in rows], ensure_ascii=False)
        cursor = raw.execute(with_rows, [json_rows])
        return cache(lambda: list(cursor.fetchall()))

    raw.autocommit = True
    # The lock first and by a statement of its own: what follows sees what those did that we waited for.
    cursor = raw.execute(f"BEGIN; SELECT {clock} FROM pg_advisory_xact_lock_shared({_ROOM})")
    cursor.nextset()
    with raw.pipeline():
        yield cursor.fetchone()[0], run
        raw.execute("COMMIT")


_SHORT: dict[str, Callable[[Any, str], contextlib.AbstractContextManager[tuple[int, Run]]]] = {
    "sqlite": _short_sqlite,
    "postgresql": _short_postgresql,
}


def _insist(raw: sqlite3.Connection, statement: str) -> None:
    """Run *statement*, which needs a lock that others hold for moments at a time.

    SQLite's own waiting looks ever more rarely, down to ten times a second: beside a process that writes all the time
    it may not see the lock free for long, and a person who wants to stop an issue would not be heard. And where two
    make a file WAL's at once, it does not wait at all.
    """
    deadline = monotonic() + BUSY_SECONDS
    raw.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                raw.execute(statement)
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() >= deadline:
                    raise
            sleep(LOOK_EVERY)
    finally:
        raw.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")


def _emptied_log(raw: Any) -> bool:
    """Whether SQLite's log could be brought into its file and cut off, within a while."""
    deadline = monotonic() + BUSY_SECONDS
    while raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if monotonic() >= deadline:
            return False
        sleep(LOOK_EVERY)
    return True


def _postgresql_engine(url: URL) -> Engine:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=_POSTGRESQL_CONNECTION
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        # A worker that is frozen in the middle of a transaction would keep everybody out of the room.
        connection.execute("SET idle_in_transaction_session_timeout = '60s'")
        connection.commit()

    return engine


def _insert(connection: Connection, table: str, columns: Sequence[str], rows: Rows) -> int:
    total = 0
    cursor = connection.connection.cursor()
    for their_values, count, parameters in batches(rows, len(columns)):
        cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) {their_values}", parameters)
        total += count
    return total


def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Rows) -> int:
    count = 0
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


@contextlib.contextmanager
def _said_plainly(driver: Any) -> Iterator[None]:
    """Faults of the database become a LedgerError with a next step; faults of our statements stay what they are."""
    ours = (driver.IntegrityError, driver.DataError, driver.ProgrammingError, driver.NotSupportedError)
    try:
        yield
    except (DBAPIError, driver.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        connecting = isinstance(error, DBAPIError) and error.statement is None
        if isinstance(cause, ours) and not connecting:
            raise
        raise LedgerError([_explain(cause)]) from error


def _explain(error: BaseException | None) -> Finding:
    text = str(error).strip().split("\n")[0]
    message = _("the ledger cannot be used: {error}").format(error=text)
    return Finding(Severity.ERROR, "ledger", message, remedy=_remedy(error))


def _remedy(error: BaseException | None) -> str:
    """What to do, by PostgreSQL's SQLSTATE or SQLite's name of the error (which may go on: SQLITE_BUSY_SNAPSHOT)."""
    code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None) or ""
    if code.startswith(("SQLITE_FULL", "53100")):
        return _("make room on the disk; nothing was lost, and `distributor resume` or the next send goes on")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return _("another program holds the ledger's file; wait for it or stop it, then repeat the command")
    if code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR")):
        return _("make sure that the ledger's folder exists and that you may write there, also into the file itself")
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return _("the file is no ledger, or a damaged one: put a copy back, or name another file in DISTRIBUTOR_LEDGER")
    return _("check DISTRIBUTOR_LEDGER and that the database is running; `distributor doctor` tells more")


def _bad_url() -> LedgerError:
    finding = Finding(
        Severity.ERROR,
        "bad-ledger",
        _("DISTRIBUTOR_LEDGER is not the address of a SQLite or PostgreSQL database"),
        remedy=_("write sqlite:////full/path/ledger.sqlite3 or postgresql+psycopg://user:password@host/database"),
    )
    return LedgerError([finding])
