"""Standard streams that never stop the work: what cannot be shown is dropped, and remembered."""

import errno
import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from distributor.errors import ConfigurationError, Finding, Severity
from distributor.i18n import _
from distributor.words import why

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDERR = 2


class Lenient(io.RawIOBase):
    """Writes to *raw* until that fails (a pipe that ended, a full disk); *error* is what it failed with."""

    def __init__(self, raw: io.FileIO, owner: io.TextIOWrapper) -> None:
        self.raw = raw
        self.owner = owner  # would close *raw* if nobody held it
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.raw.isatty()

    def fileno(self) -> int:
        return self.raw.fileno()

    def write(self, data: "ReadableBuffer", /) -> int:
        """Always everything: a buffer that could not be written out would be tried again, and fail at the exit."""
        view = memoryview(data)
        written = len(view)
        if self.error is None:
            try:
                # None: a terminal set to non-blocking that takes nothing now.
                written = self.raw.write(view) or written
            except OSError as error:
                self.error = error
        return written


def harden() -> None:
    """Make this process's standard streams fit for a delivery: none closed, none that raises."""
    _open_closed()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # A terminal that cannot show a character shows its number.
        if isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _lenient(stream))


def lost() -> OSError | None:
    """Why the result on stdout did not arrive; None where it did, or where its reader wanted no more of it."""
    with suppress(ValueError):  # a test's stream that is closed already
        sys.stdout.flush()
    error = getattr(_raw(sys.stdout), "error", None)
    return error if error is not None and error.errno != errno.EPIPE else None


def unwritten(error: OSError) -> ConfigurationError:
    """What the person is told of it."""
    message = _("the result could not be written: {error}").format(error=why(error))
    return ConfigurationError([Finding(Severity.ERROR, "no-output", message)])


def _open_closed() -> None:
    """``>&-`` and ``<&-`` leave a number free, and the next file to be opened, the ledger, would get what is shown."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(number)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  for as long as we live


def _lenient(stream: io.TextIOWrapper) -> TextIO:
    raw = _raw(stream)
    if not isinstance(raw, io.FileIO):
        stream.reconfigure(errors="backslashreplace")
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(Lenient(raw, stream)), encoding=stream.encoding, errors="backslashreplace",
        line_buffering=stream.line_buffering, write_through=stream.write_through,
    )  # fmt: skip


def _raw(stream: TextIO) -> object:
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)  # PYTHONUNBUFFERED leaves the buffer out
