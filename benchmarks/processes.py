"""Processes that are measured, and servers that stand beside them: nothing outlives its block."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON = sys.executable
SECONDS_MOST = 1800.0
SECONDS_TO_START = 30.0
_LOOK_EVERY = 0.01
_TICKS = os.sysconf("SC_CLK_TCK")


class MissingError(Exception):
    """A program, package or server that a measurement needs is not here; says which."""


class BrokenError(Exception):
    """What was to be measured failed; says how."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a process that has ended: seconds of time and CPU, peak memory in MB (None: no /proc), what it printed."""

    seconds: float
    cpu: float
    peak: float | None
    printed: bytes

    @property
    def told(self) -> dict[str, Any]:
        """Its line of JSON."""
        return dict(json.loads(self.printed))


def run(command: Sequence[str], env: Mapping[str, str]) -> Usage:
    """Run *command* to its end.

    Raises:
        BrokenError: it failed, or took longer than SECONDS_MOST.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=dict(env))
        try:
            usage, peak = _ended(process, started + SECONDS_MOST)
        finally:
            _stop(process)
        seconds = time.perf_counter() - started
        if process.returncode:
            err.seek(0)
            raise BrokenError(f"{' '.join(command)}: exit {process.returncode}\n{err.read()[-2000:].decode()}")
        out.seek(0)
        return Usage(seconds, usage.ru_utime + usage.ru_stime, peak, out.read())


def _ended(process: "subprocess.Popen[bytes]", deadline: float) -> tuple[Any, float | None]:
    """Its resource usage and peak memory, looked at while it lives: wait4's maximum may be that of its parent."""
    peak = None
    while time.perf_counter() < deadline:
        peak = peak_of(process.pid) or peak
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage, peak
        time.sleep(_LOOK_EVERY)
    raise BrokenError(f"{process.args!r} took longer than {SECONDS_MOST:.0f} s")


def peak_of(pid: int) -> float | None:
    """The most memory that a living process ever had, in MB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a living process has used."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(words[11]) + int(words[12])) / _TICKS


@contextlib.contextmanager
def running(command: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """*command* beside us until the block ends, all that it says in *log*."""
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=dict(env))
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS_TO_START)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for *condition*; raises BrokenError, naming *what*, when it does not come."""
    deadline = time.monotonic() + SECONDS_TO_START
    while not condition():
        if time.monotonic() > deadline:
            raise BrokenError(f"{what} did not start")
        time.sleep(0.02)


def find(program: str) -> str | None:
    """Its path; Postfix keeps some where only root looks."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/usr/libexec/postfix")


@contextlib.contextmanager
def sink(folder: Path) -> Iterator[tuple[int, str]]:
    """An SMTP server that takes everything: its port and its name."""
    postfix = find("smtp-sink")
    port = free_port()
    privileges = ["-u", "nobody"] if os.geteuid() == 0 else []
    own = [PYTHON, "-m", "benchmarks.sink", str(port)]
    command = [postfix, *privileges, f"127.0.0.1:{port}", "128"] if postfix else own
    with running(command, os.environ, folder / "sink.log"):
        until(lambda: listens(port), "the sink")
        yield port, "Postfix's smtp-sink" if postfix else "a sink of our own, in Python"


@contextlib.contextmanager
def far_away(port: int, milliseconds: int, folder: Path) -> Iterator[int]:
    """A port that leads to *port* over a round trip of *milliseconds*."""
    near = free_port()
    command = [PYTHON, "-m", "benchmarks.proxy", str(near), str(port), str(milliseconds / 2)]
    with running(command, os.environ, folder / "proxy.log"):
        until(lambda: listens(near), "the proxy")
        yield near


def listens(port: int) -> bool:
    """Whether something takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
