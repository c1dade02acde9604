"""Redis and PostgreSQL for the time of a run, started as the tests start theirs, but PostgreSQL with fsync."""

import contextlib
import itertools
import subprocess
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

from benchmarks.processes import MissingError
from tests import servers


class Servers(contextlib.ExitStack):
    """Each starts when first asked for and stops at the end of the block.

    Raises:
        MissingError: from the properties; there is no such server on this machine.
    """

    @cached_property
    def redis(self) -> str:
        """``redis://127.0.0.1:PORT``."""
        return self._started(servers.redis_server())

    @cached_property
    def postgres(self) -> str:
        """``postgresql://postgres@127.0.0.1:PORT``."""
        return self._started(_durable_postgres())

    @cached_property
    def _names(self) -> Iterator[int]:
        return itertools.count(1)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """A new database, as DISTRIBUTOR_LEDGER."""
        with servers.postgres_database(self.postgres, f"bench_{next(self._names)}") as url:
            yield url.replace("postgresql://", "postgresql+psycopg://")

    def _started(self, server: "contextlib.AbstractContextManager[str]") -> str:
        try:
            return self.enter_context(server)
        except pytest.skip.Exception as reason:
            raise MissingError(str(reason)) from None


@contextlib.contextmanager
def _durable_postgres() -> Iterator[str]:
    with servers._folder("postgres") as path:
        folder = Path(path)
        servers._give_to_unprivileged(folder)
        programs = servers._postgres_programs(folder)
        if programs is None:
            raise MissingError("no PostgreSQL server")
        options = ["-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run(
            [str(programs / "initdb"), *options], check=True, stdout=subprocess.DEVNULL, **servers._as(folder)
        )
        listening = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        command: list[str | Path] = [programs / "postgres", "-D", folder / "data", *listening, "-p"]
        with servers._server(command, servers._postgres_answers, folder) as port:
            yield f"postgresql://postgres@127.0.0.1:{port}"
