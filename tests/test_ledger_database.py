"""Tables are made and kept by migrations; whatever the database says is said to a person with a next step."""

import multiprocessing
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from distributor.delivery.ledger import acts, claims, migrate, queries
from distributor.delivery.ledger import database as database_module
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.schema import metadata
from distributor.errors import LedgerError
from tests import ledgers
from tests.ledgers import PERSON, WORKER, candidate, open_small, open_to

# Migrations


def test_migrations_make_the_tables_of_the_schema(ledger_url: str) -> None:
    with ledgers.opened(ledger_url) as ledger, ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def described(url: str, make: Callable[[Database], object]) -> dict[str, Any]:
    """Every table as the database itself describes it: also what autogenerate does not compare."""
    ledger = Database(url)
    try:
        make(ledger)
        with ledger.engine.connect() as connection:
            look = sa.inspect(connection)
            tables = set(look.get_table_names()) - {"alembic_version"}
            found: dict[str, Any] = {table: described_table(look, table) for table in tables}
            if ledger.dialect == "sqlite":
                query = "SELECT name, sql LIKE '%WITHOUT ROWID%', sql LIKE '%AUTOINCREMENT%' FROM sqlite_master"
                options = map(tuple, connection.exec_driver_sql(query))
                found["options"] = sorted(option for option in options if option[0] in tables)
            return found
    finally:
        ledger.close()


def described_table(look: sa.Inspector, table: str) -> list[str]:
    columns = [{**column, "type": str(column["type"])} for column in look.get_columns(table)]
    indexes = [
        {**index, "dialect_options": {name: str(option) for name, option in index.get("dialect_options", {}).items()}}
        for index in look.get_indexes(table)
    ]
    keys = [*look.get_foreign_keys(table), *look.get_unique_constraints(table), look.get_pk_constraint(table)]
    return sorted(repr(sorted(each.items())) for each in (*columns, *indexes, *keys))


def created_at_once(ledger: Database) -> None:
    """By the schema alone, which says of partial indexes what SQLite is to know."""
    for index in (index for table in metadata.tables.values() for index in table.indexes):
        index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    metadata.create_all(ledger.engine)


def test_migrated_tables_are_those_of_create_all(ledger_url: str, tmp_path: Path) -> None:
    migrated = described(ledger_url, migrate.upgrade)
    if ledger_url.startswith("sqlite"):
        ledger_url = f"sqlite:///{tmp_path / 'created.sqlite3'}"
    else:
        engine = sa.create_engine(ledger_url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        engine.dispose()
    created = described(ledger_url, created_at_once)
    assert migrated == created


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


def test_the_template_of_a_new_migration_is_there() -> None:
    template = (Path(migrate.__file__).parent / "migrations" / "script.py.mako").read_text("utf-8")
    assert "def upgrade() -> None:" in template


def test_sqlite_is_brought_up_to_date_by_itself(tmp_path: Path) -> None:
    ledger = Database(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    assert migrate.version(ledger) is None
    migrate.ready(ledger)
    migrate.ready(ledger)
    assert migrate.version(ledger) == migrate.HEAD
    ledger.close()


def test_postgresql_is_brought_up_to_date_by_a_command_that_is_named(postgres_url: str) -> None:
    ledger = Database(postgres_url)
    with pytest.raises(LedgerError) as refused:
        migrate.ready(ledger)
    (finding,) = refused.value.findings
    assert finding.code == "ledger-old"
    assert "distributor ledger upgrade" in str(finding.remedy)
    assert [migrate.upgrade(ledger), migrate.upgrade(ledger)] == [True, False]
    migrate.ready(ledger)
    ledger.close()


@pytest.mark.parametrize("way", [migrate.ready, migrate.upgrade])
def test_a_ledger_of_a_newer_version_is_refused(ledger_url: str, way: Callable[[Database], object]) -> None:
    with ledgers.opened(ledger_url) as ledger:
        ledgers.execute(ledger, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(LedgerError, match="newer distributor") as refused:
            way(ledger)
        assert refused.value.findings[0].code == "ledger-newer"


def test_a_migration_that_fails_leaves_nothing(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = migrate._run

    def fail(connection: sa.Connection) -> None:
        run(connection)
        raise KeyboardInterrupt

    ledger = Database(ledger_url)
    monkeypatch.setattr(migrate, "_run", fail)
    with pytest.raises(KeyboardInterrupt):
        migrate.upgrade(ledger)
    with ledger.read() as connection:
        assert sa.inspect(connection).get_table_names() == []
    ledger.close()


def start_at_once(url: str, barrier: Any, outcomes: Any) -> None:
    barrier.wait(30)
    try:
        ledger = Database(url)
        migrate.upgrade(ledger)
        outcomes.put(migrate.version(ledger))
    except BaseException as error:
        outcomes.put(repr(error))


def test_processes_that_start_at_once_on_an_empty_ledger(ledger_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, outcomes = context.Barrier(4), context.Queue()
    processes = [context.Process(target=start_at_once, args=(ledger_url, barrier, outcomes)) for _each in range(4)]
    for process in processes:
        process.start()
    assert [outcomes.get(timeout=60) for _each in processes] == [migrate.HEAD] * 4
    for process in processes:
        process.join(30)


# SQLite as it should be


def test_sqlite_forgets_nothing_at_a_power_loss(tmp_path: Path) -> None:
    with ledgers.opened(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger, ledger.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2}
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_a_reader_neither_waits_for_a_writer_nor_sees_half_of_what_it_writes(ledger_url: str) -> None:
    with ledgers.opened(ledger_url) as ledger:
        issue = open_small(ledger, 2)
        with ledger.write() as writing:
            writing.exec_driver_sql("UPDATE deliveries SET state = 'sent'")
            assert queries.progress(ledger, issue.id).unsettled == 2
        assert queries.progress(ledger, issue.id).unsettled == 0


def test_the_clock_counts_microseconds_since_1970(ledger_url: str) -> None:
    ledger = Database(ledger_url)
    with ledger.write() as connection:
        for clock in (ledger.clock, ledger.beside, ledger.alone):
            assert abs(clock(connection) - time.time() * 1e6) < 5_000_000
    ledger.close()


# Faults, each with a next step


def remedy(error: LedgerError) -> str:
    (finding,) = error.findings
    assert finding.remedy
    return finding.remedy


def used(url: str) -> None:
    """Whatever a command does first."""
    ledger = Database(url)
    try:
        migrate.ready(ledger)
        open_small(ledger)
    finally:
        ledger.close()


@pytest.mark.parametrize(
    ("url", "next_step"),
    [
        ("", "write sqlite:///"),
        ("ledger.sqlite3", "write sqlite:///"),
        ("mysql://host/base", "write sqlite:///"),
        ("oracle+nonsense://x", "write sqlite:///"),
        ("postgresql://127.0.0.1:port/base", "write sqlite:///"),
        ("sqlite:////nowhere/at/all/ledger.sqlite3", "folder exists"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/base", "check DISTRIBUTOR_LEDGER"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/base?no_such_option=1", "check DISTRIBUTOR_LEDGER"),
    ],
)
def test_an_address_of_no_ledger(url: str, next_step: str) -> None:
    with pytest.raises(LedgerError) as refused:
        used(url)
    assert next_step in remedy(refused.value)


def test_a_password_is_never_repeated() -> None:
    with pytest.raises(LedgerError) as refused:
        used("postgresql+psycopg://user:geheim@127.0.0.1:1/base")
    assert "geheim" not in str(refused.value)


def test_a_database_that_does_not_exist(postgres_server: str) -> None:
    with pytest.raises(LedgerError, match="does not exist") as refused:
        used(f"{postgres_server}/no_such_base")
    assert "DISTRIBUTOR_LEDGER" in remedy(refused.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_text("这是一份简报" * 1000)
    with pytest.raises(LedgerError, match="not a database") as refused:
        used(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    assert "no ledger" in remedy(refused.value)


def test_another_programs_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE issues (title TEXT)")
    other.close()
    with pytest.raises(LedgerError):
        used(f"sqlite:///{path}")
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("issues",)]
    other.close()


def test_a_ledger_that_another_program_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ledgers.opened(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger:
        monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.05)
        holder = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked") as refused:
            open_small(ledger)
        assert "another program" in remedy(refused.value)
        holder.execute("ROLLBACK")
        holder.close()
        open_small(ledger)


def test_beside_a_process_that_writes_all_the_time_another_gets_its_turn_at_once(tmp_path: Path) -> None:
    with ledgers.opened(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger:
        open_small(ledger)
        done = threading.Event()

        def keep_writing() -> None:
            while not done.is_set():
                with ledger.write():
                    time.sleep(0.001)

        busy = threading.Thread(target=keep_writing)
        busy.start()
        started = time.monotonic()
        for _time in range(10):
            with ledger.write():
                pass
        done.set()
        busy.join()
        assert time.monotonic() - started < 5


def test_a_full_disk_while_opening_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    with ledgers.opened(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger:
        first = open_small(ledger)

        @sa.event.listens_for(ledger.engine, "checkout")
        def little_room(connection: sqlite3.Connection, *_rest: object) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 20}")

        with pytest.raises(LedgerError, match="full") as refused:
            open_small(ledger, 5_000, total=61)
        assert "make room" in remedy(refused.value)
        assert queries.find_issues(ledger) == [first]
        assert len(ledgers.claimed(ledger)[1]) == 3


def read_only(path: Path, outcomes: Any) -> None:
    """As another user, who may read and not write."""
    os.setgid(65534)
    os.setuid(65534)
    try:
        used(f"sqlite:///{path}")
        outcomes.put(None)
    except LedgerError as error:
        outcomes.put(remedy(error))
    except BaseException as error:
        outcomes.put(repr(error))


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_may_not_be_written_to(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    path = folder / "ledger.sqlite3"
    if exists:
        used(f"sqlite:///{path}")
    if os.geteuid() != 0:
        folder.chmod(0o500)
        with pytest.raises(LedgerError) as refused:
            used(f"sqlite:///{path}")
        assert "you may write there" in remedy(refused.value)
        folder.chmod(0o700)
        return
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    context = multiprocessing.get_context("fork")
    outcomes = context.Queue()
    process = context.Process(target=read_only, args=(path, outcomes))
    process.start()
    said = outcomes.get(timeout=30)
    process.join()
    assert "you may write there" in said


def test_a_connection_that_breaks_is_a_fault_of_the_ledger_and_the_next_one_works(postgres_url: str) -> None:
    def restarted(connection: sa.Connection) -> None:
        broken_off(postgres_url)
        connection.exec_driver_sql("SELECT 1")

    with ledgers.opened(postgres_url) as ledger:
        with pytest.raises(LedgerError) as refused, ledger.write() as connection:
            restarted(connection)
        assert "distributor doctor" in remedy(refused.value)
        open_small(ledger)


def test_a_connection_that_breaks_while_rows_are_copied(postgres_url: str) -> None:
    """COPY goes past SQLAlchemy, and its faults are said as plainly."""

    def people() -> Any:
        for number in range(20_000):
            yield candidate(number)

    with ledgers.opened(postgres_url) as ledger:
        given = 0

        def breaking(rows: Any) -> Any:
            nonlocal given
            for row in rows:
                given += 1
                if given == 100:
                    broken_off(postgres_url)
                yield row

        copy = database_module._copy
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                database_module,
                "_copy",
                lambda connection, table, columns, rows: copy(connection, table, columns, breaking(rows)),
            )
            with pytest.raises(LedgerError):
                open_to(ledger, people())
        assert queries.find_issues(ledger) == []


def broken_off(url: str) -> None:
    """End every other connection to this database, as a restart of the server does."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    engine.dispose()


def test_a_fault_of_our_own_is_not_called_the_ledgers(ledger_url: str) -> None:
    with ledgers.opened(ledger_url) as ledger:
        open_small(ledger, 1)
        with pytest.raises(sa.exc.IntegrityError):
            ledgers.execute(ledger, "INSERT INTO issues SELECT * FROM issues")


# Bulk rows


def test_text_of_any_kind_comes_back_as_it_went_in(ledger_url: str) -> None:
    odd = 'a"b\\u0000c\\n\t中文 🀄 \u2028 {} %s :name\n第二行'
    with ledgers.opened(ledger_url) as ledger:
        open_to(ledger, [candidate(1, contact=odd, unit=odd)])
        (claim,) = ledgers.claimed(ledger)[1]
        ledgers.mark(ledger, claim)
        ledgers.record(ledger, ledgers.result(claim, reply=odd))
        (delivery,) = ledgers.account(ledger, 1)
        assert (delivery.reply, delivery.serves[0].contact, delivery.serves[0].unit) == (odd, odd, odd)
        assert queries.history(ledger, 1, 1)[0]["text"] == odd


def test_workers_write_while_people_decide(ledger_url: str) -> None:
    """No order of transactions meets a deadlock or a lock that is never given back."""
    with ledgers.opened(ledger_url) as ledger:
        issue = open_small(ledger, 300)

        def work(_number: int) -> int:
            lease, done = claims.take_lease(ledger, WORKER.who, 60), 0
            while taken := ledgers.claim(ledger, lease, 7):
                ledgers.mark(ledger, *taken)
                done += len(taken) - ledgers.record(ledger, *map(ledgers.result, reversed(taken)))
            return done

        def decide(_number: int) -> None:
            for _each in range(5):
                acts.pause(ledger, issue.id, actor=PERSON, reason="")
                ledgers.sweep(ledger)
                acts.resume(ledger, issue.id, actor=PERSON)

        with ThreadPoolExecutor(4) as threads:
            deciding = [threads.submit(decide, number) for number in range(2)]
            working = [threads.submit(work, number) for number in range(2)]
            for each in deciding:
                each.result()
            done = sum(each.result() for each in working)
        done += work(0)
        assert (done, ledgers.states(ledger)) == (300, {"sent": 300})
