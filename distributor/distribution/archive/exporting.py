"""Writing an issue's account into an archive: streamed, from one state of the ledger; the same gives the same bytes."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from distributor.delivery.ledger import accounts
from distributor.delivery.model.records import IssueRecord
from distributor.distribution.archive.layout import ACCOUNT, FORMAT, ISSUE, MANIFEST, SOURCES, ending
from distributor.distribution.site import Site
from distributor.errors import Finding, InputError, Place, RefusedError, Severity
from distributor.i18n import _
from distributor.words import why

_BEGINNING = (1980, 1, 1, 0, 0, 0)  # ZIP's first day: the time of writing is no part of an account
_LEVEL = 6
_TOGETHER = 500  # lines
_LONG = 100_000  # bytes
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: *rows* by table, *sha256* of the manifest, by which the whole archive can be told."""

    path: Path
    rows: Mapping[str, int]
    sha256: str


def export(site: Site, issue: IssueRecord, path: Path, progress: Callable[[int], None]) -> Exported:
    """Write *issue*'s account to *path*; *progress* is told how many rows each step was.

    Raises:
        RefusedError: there is a file already.
        InputError: it cannot be written.
    """
    if path.exists():
        message = _("there is a file of this name already")
        remedy = _("give another name: an archive is never overwritten")
        raise RefusedError([Finding(Severity.ERROR, "file-exists", message, Place(str(path)), remedy)])
    try:
        with _complete_or_not_at_all(path) as stream, site.ledger.read() as connection:
            archive = _Archive(stream)
            rows = {
                name: archive.lines(f"{name}.jsonl", table(), progress)
                for name, table in accounts.tables(connection, issue.id).items()
            }
            content, sources = accounts.content(connection, issue.id)
            archive.put(SOURCES, sources.encode())
            archive.put(f"bulletin{ending(issue.file)}", content, stored=True)
            named = [
                archive.attachment(number, *each)
                for number, each in enumerate(accounts.attachment_rows(connection, issue.id), 1)
            ]
            counted = accounts.counted(connection, issue.id)
            head = {
                "format": ACCOUNT, "issue": accounts.issue_row(connection, issue.id), "deliveries": counted.deliveries,
                "states": counted.states, "attachments": named,
            }  # fmt: skip
            archive.put(ISSUE, _json(head))
            return Exported(path, rows, archive.finish())
    except OSError as error:
        message = _("the file cannot be written: {error}").format(error=why(error))
        raise InputError([Finding(Severity.ERROR, "unwritable-file", message, Place(str(path)))]) from None


@contextmanager
def _complete_or_not_at_all(path: Path) -> Iterator[IO[bytes]]:
    """A file that only this user may read, and that gets its name when all is in it."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.link(name, path)  # which fails where somebody has made a file of that name meanwhile
    finally:
        with suppress(OSError):
            os.unlink(name)


class _Archive:
    """Puts one file after the other; remembers size and digest of each."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._zip = ZipFile(stream, "w", compression=ZIP_DEFLATED, compresslevel=_LEVEL)
        self._files: dict[str, dict[str, Any]] = {}

    def put(self, name: str, content: bytes, *, stored: bool = False) -> None:
        """A file of its own."""
        with self._open(name, stored=stored) as write:
            write(content)

    def lines(self, name: str, rows: Iterable[accounts.Row], progress: Callable[[int], None]) -> int:
        """A JSON document a line; returns how many."""
        total = 0
        with self._open(name) as write:
            for some in _some(map(_line, rows)):
                write(b"".join(some))
                total += len(some)
                progress(len(some))
        return total

    def attachment(self, number: int, filename: str, content_type: str, content: bytes) -> dict[str, str]:
        """The attachment as a file; how it is called in the archive and by people."""
        name = f"attachments/{number:04}{ending(filename)}"
        self.put(name, content, stored=True)
        return {"file": name, "filename": filename, "content_type": content_type}

    def finish(self) -> str:
        """Put the manifest; returns its SHA-256."""
        manifest = _json({"format": FORMAT, "files": self._files})
        self.put(MANIFEST, manifest)
        self._zip.close()
        return hashlib.sha256(manifest).hexdigest()

    @contextmanager
    def _open(self, name: str, *, stored: bool = False) -> Iterator[Callable[[bytes], None]]:
        info = ZipInfo(name, _BEGINNING)
        info.compress_type = ZIP_STORED if stored else ZIP_DEFLATED
        info.create_system, info.external_attr = 3, 0o600 << 16
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as stream:

            def write(content: bytes) -> None:
                nonlocal size
                stream.write(content)
                digest.update(content)
                size += len(content)

            yield write
        self._files[name] = {"size": size, "sha256": digest.hexdigest()}


def _some(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Some at a time; a long one by itself, so that memory stays what it is."""
    held: list[bytes] = []
    for line in lines:
        held.append(line)
        if len(held) == _TOGETHER or len(line) > _LONG:
            yield held
            held = []
    if held:
        yield held


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def _line(row: accounts.Row) -> bytes:
    return _ENCODE(row).encode() + b"\n"
