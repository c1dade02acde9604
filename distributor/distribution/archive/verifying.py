"""Checking an archive, whoever made it: nothing is unpacked, no line is held that is too long, no name is believed."""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice, pairwise
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from distributor.distribution.archive import layout
from distributor.distribution.archive.layout import ACCOUNT, FORMAT, ISSUE, MANIFEST
from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _
from distributor.report.consistency import Account, Fault, MalformedError, Row, faults
from distributor.words import why

_MOST_TOLD = 100
_PIECE = 1024 * 1024
_ENCRYPTED = 0x1
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Verified:
    """A whole archive: of which issue (*head* is its issue.json), with so many rows; *sha256* of its manifest."""

    path: Path
    head: Mapping[str, Any]
    rows: Mapping[str, int]
    sha256: str


def verify(path: Path, progress: Progress, begin: Progress) -> Verified:
    """Check digests, shape and agreement; *begin* is told how many bytes that means, *progress* how many are done.

    Raises:
        InputError: it is no such archive, a hostile or a damaged one, or does not agree with itself; names what.
    """
    try:
        with ZipFile(path) as archive:
            entries = _entries(path, archive)
            begin(sum(entry.file_size for entry in entries.values()) * 2)
            return _Reader(path, archive, entries, progress).verified()
    except OSError as error:
        raise _refused(path, "unreadable-file", _("it cannot be read: {error}").format(error=why(error))) from None
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _refused(
            path, "damaged-archive", _("it is no archive, or damaged: {error}").format(error=error)
        ) from None


def _refused(path: Path, code: str, message: str) -> InputError:
    return InputError([Finding(Severity.ERROR, code, message, Place(str(path)))])


def _entries(path: Path, archive: ZipFile) -> dict[str, ZipInfo]:
    """The files in it by name, if an archive of ours may have them; nothing has been read of them yet."""
    found = archive.infolist()
    if len(found) > layout.MOST_FILES:
        raise _refused(path, "hostile-archive", _("it holds {n} files").format(n=len(found)))
    names = [entry.filename for entry in found]
    foreign = [name for name in names if not layout.is_known(name)]
    twice = sorted({name for name in names if names.count(name) > 1})
    strange = [entry.filename for entry in found if _is_strange(entry)]
    for some, text in (
        (foreign, _("it holds files that no account has: {names}")),
        (twice, _("it holds files twice: {names}")),
        (strange, _("it holds files that are encrypted or packed in an unknown way: {names}")),
    ):
        if some:
            names_told = ", ".join(repr(name) for name in some[:5])
            raise _refused(path, "hostile-archive", text.format(names=names_told))
    if _overlaps(found) or _is_bomb(found):
        raise _refused(path, "hostile-archive", _("it would unpack to far more than it can hold"))
    if missing := sorted(layout.REQUIRED - set(names)):
        raise _refused(path, "incomplete-archive", _("it lacks: {names}").format(names=", ".join(missing)))
    return {entry.filename: entry for entry in found}


def _is_strange(entry: ZipInfo) -> bool:
    return bool(entry.flag_bits & _ENCRYPTED) or entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}


def _overlaps(found: list[ZipInfo]) -> bool:
    """Whether files share their bytes, as those of a bomb do."""
    places = sorted((entry.header_offset, entry.header_offset + entry.compress_size) for entry in found)
    return any(end > start for (_start, end), (start, _end) in pairwise(places))


def _is_bomb(found: list[ZipInfo]) -> bool:
    size = sum(entry.file_size for entry in found)
    packed = sum(entry.compress_size for entry in found)
    return size > layout.MOST_UNSUSPECTED and size > packed * layout.MOST_RATIO


class _Reader:
    """Reads the files of an archive piece by piece."""

    def __init__(self, path: Path, archive: ZipFile, entries: Mapping[str, ZipInfo], progress: Progress) -> None:
        self.path = path
        self.archive = archive
        self.entries = entries
        self.progress = progress
        self.rows = dict.fromkeys(layout.TABLES, 0)
        self._opened = ExitStack()  # several are read side by side, and some not to their ends

    def verified(self) -> Verified:
        manifest = self._small(MANIFEST)
        with self._opened:
            found = list(islice(self._findings(manifest), _MOST_TOLD + 1))
        if len(found) > _MOST_TOLD:
            found[-1] = self._finding(Fault("more", _("and more, which is not told"), MANIFEST))
        if found:
            raise InputError(found)
        return Verified(self.path, self._head(), self.rows, hashlib.sha256(manifest).hexdigest())

    def _findings(self, manifest: bytes) -> Iterator[Finding]:
        """What is wrong: with the digests first, then with what the files say."""
        try:
            for each in self._digests(_document(MANIFEST, manifest, FORMAT)):
                yield self._finding(each)
            for each in self._disagreements():
                yield self._finding(each)
        except MalformedError as error:
            yield self._finding(Fault("malformed", str(error), error.file, error.line))

    def _finding(self, fault: Fault) -> Finding:
        return Finding(Severity.ERROR, fault.code, fault.message, Place(f"{self.path}/{fault.file}", fault.line))

    def _digests(self, manifest: Mapping[str, Any]) -> Iterator[Fault]:
        told = manifest.get("files")
        if not isinstance(told, dict):
            raise MalformedError(MANIFEST, 1, _("it names no files"))
        names = self.entries.keys() - {MANIFEST}
        for name in sorted(names - told.keys()):
            yield Fault("not-in-manifest", _("the manifest does not name it"), name)
        for name in sorted(told.keys() - names):
            yield Fault("missing-file", _("the manifest names {name}, which is not there").format(name=name), MANIFEST)
        for name in sorted(names & told.keys()):
            if told[name] != {"size": self.entries[name].file_size, "sha256": self._sha256(name)}:
                yield Fault("changed-file", _("it was changed since the archive was written"), name)

    def _sha256(self, name: str) -> str:
        digest = hashlib.sha256()
        with self.archive.open(self.entries[name]) as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
                self.progress(len(piece))
        return digest.hexdigest()

    def _disagreements(self) -> Iterator[Fault]:
        head = self._head()
        letters = frozenset(row["id"] for _line, row in self._lines("letters") if type(row.get("id")) is int)
        self.rows["omitted"] = sum(1 for _row in self._lines("omitted"))
        deliveries, served, events = map(self._lines, ("deliveries", "served", "events"))
        yield from faults(Account(head["deliveries"], head["states"], letters, deliveries, served, events))
        yield from self._attachments(head)

    def _head(self) -> Mapping[str, Any]:
        """issue.json, if it has what an account's has."""
        head = self._document(ISSUE, ACCOUNT)
        issue, states, attachments = (head.get(name) for name in ("issue", "states", "attachments"))
        has_issue = isinstance(issue, dict) and {"id", "masthead", "number", "total_number"} <= issue.keys()
        has_states = isinstance(states, dict) and all(isinstance(each, dict) for each in states.values())
        has_files = isinstance(attachments, list) and all(isinstance(each, dict) for each in attachments)
        if not (has_issue and has_states and has_files and "deliveries" in head):
            raise MalformedError(ISSUE, 1, _("it is not what an account has there"))
        return head

    def _attachments(self, head: Mapping[str, Any]) -> Iterator[Fault]:
        told = {str(each.get("file")) for each in head["attachments"]}
        there = {name for name in self.entries if layout.ATTACHMENT.fullmatch(name)}
        for name in sorted(there ^ told):
            yield Fault("attachments", _("{name}: the issue and the archive do not agree").format(name=name), ISSUE)

    def _lines(self, table: str) -> Iterator[tuple[int, Row]]:
        """Each line with its number, as a document."""
        file = f"{table}.jsonl"
        raw = self._opened.enter_context(self.archive.open(self.entries[file]))
        stream = self._opened.enter_context(BufferedReader(raw, _PIECE))  # type: ignore[type-var]
        line = 0
        while text := stream.readline(layout.MOST_IN_LINE):
            line += 1
            self.progress(len(text))
            if not text.endswith(b"\n"):
                raise MalformedError(file, line, _("the line is cut off, or longer than any may be"))
            yield line, _parsed(file, line, text)
        self.rows[table] = line

    def _document(self, name: str, format_: str) -> Mapping[str, Any]:
        return _document(name, self._small(name), format_)

    def _small(self, name: str) -> bytes:
        if self.entries[name].file_size > layout.MOST_IN_SMALL:
            raise _refused(self.path, "hostile-archive", _("{name} is larger than any may be").format(name=name))
        with self.archive.open(self.entries[name]) as stream:
            return stream.read()


def _document(name: str, content: bytes, format_: str) -> Mapping[str, Any]:
    found = _parsed(name, 1, content)
    if found.get("format") != format_:
        raise MalformedError(name, 1, _("it is not of the format {format}").format(format=format_))
    return found


def _parsed(file: str, line: int, text: bytes) -> Row:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedError(file, line, _("it is no JSON")) from None
    if not isinstance(found, dict):
        raise MalformedError(file, line, _("it is no JSON object"))
    return found
