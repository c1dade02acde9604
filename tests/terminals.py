"""A command in a terminal of its own (a pty), for what people see there and the keys that they press."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from time import monotonic


class Terminal:
    """*shown* is all that was written to it, escape sequences and all."""

    def __init__(self, number: int, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.shown = ""
        self._number = number

    def wait_for(self, text: str, seconds: float = 20) -> None:
        """Until *text* has been shown."""
        until = monotonic() + seconds
        while text not in self.shown:
            assert monotonic() < until, f"{text!r} was not shown: {self.shown!r}"
            if not self._read(0.1) and self.process.poll() is not None:
                self._read(0.1)
                assert text in self.shown, f"{text!r} was not shown: {self.shown!r}"

    def press(self, keys: str) -> None:
        """As a person at the keyboard does."""
        os.write(self._number, keys.encode())

    def end(self, seconds: float = 20) -> int:
        """The exit code, when it has ended by itself."""
        until = monotonic() + seconds
        while self.process.poll() is None:
            assert monotonic() < until, f"it goes on: {self.shown!r}"
            self._read(0.1)
        while self._read(0.1):
            pass
        return self.process.returncode

    def _read(self, seconds: float) -> bool:
        ready, _write, _error = select.select([self._number], [], [], seconds)
        if not ready:
            return False
        try:
            found = os.read(self._number, 65536)
        except OSError:  # Linux: nobody has the other side open any more
            return False
        self.shown += found.decode("utf-8", "replace")
        return bool(found)


@contextlib.contextmanager
def terminal(folder: Path, *arguments: str, columns: int = 120) -> Iterator[Terminal]:
    """`distributor ARGUMENTS` in *folder*, its three streams on a terminal so many *columns* wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "distributor", *arguments], cwd=folder, env={**environ, "TERM": "xterm-256color"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=_own_terminal,  # noqa: PLW1509  it takes no lock
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _own_terminal() -> None:
    """Make the standard input the controlling terminal of the new session, so that its Ctrl-C is a signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
