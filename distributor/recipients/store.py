"""The files of a list, written: all that a draft changes is written beside, loaded as a trial, and then put in place.

Nobody's change is lost: a lock lets one process at a time read and write, and a file that is no longer the one that the
draft was made from is not overwritten. A crash between two files leaves a contact in both rather than in none.
"""

import codecs
import contextlib
import csv
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import unified_diff
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Self

from distributor.errors import Finding, InputError, Severity
from distributor.i18n import _
from distributor.recipients import csv_text
from distributor.recipients.csv_text import RowChanges
from distributor.recipients.draft import Draft, includes_of, refusal
from distributor.recipients.loader import Loaded, load_draft
from distributor.recipients.model import Include
from distributor.recipients.yaml_text import says
from distributor.words import why


@dataclass(frozen=True, slots=True)
class Writing:
    """One file as it is to be: *name* in messages, *path* behind all links, *beside* the new content."""

    name: Path
    path: Path
    beside: Path
    diff: tuple[str, ...]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the others wait. The lock goes with its process, however that ends.

    Raises:
        InputError: the folder of the list cannot be written to.
    """
    lock = _lock_of(path)
    with _telling(lock):
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def if_unlocked(path: Path) -> Iterator[bool]:
    """As locked(), without waiting: False if another process has the lock. Where no lock can be made, none is needed:
    nobody can change the list either."""
    try:
        descriptor = os.open(_lock_of(path), os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


def _lock_of(path: Path) -> Path:
    return path.resolve().with_name(f".{path.name}.lock")


class Prepared:
    """A draft's files, beside those that they are to replace. A context manager: what was not put in place goes."""

    def __init__(self, draft: Draft) -> None:
        self.writings: list[Writing] = []
        self._read: dict[Path, str | None] = {Path(draft.file): draft.sha256} | dict.fromkeys(
            map(Path, draft.new_files)
        )
        self._read |= {Path(include.file): include.sha256 for include in includes_of(draft.roster)}
        try:
            for path, write in _files(draft):
                like = Path(draft.file) if self._read[path] is None else path
                self.writings.append(_write_beside(path, write, like.stat()))
            self.loaded = self._trial(draft) if self.writings else draft.loaded
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was not put in place."""
        for writing in self.writings:
            writing.beside.unlink(missing_ok=True)

    def diff(self) -> Iterator[str]:
        """What differs, as unified diffs; of included files the rows."""
        for writing in self.writings:
            yield from writing.diff

    def _trial(self, draft: Draft) -> Loaded:
        """The list as it would be.

        Raises:
            InputError: it could not be loaded, or would say something else; or it was changed by somebody else.
        """
        instead = {writing.path: writing.beside for writing in self.writings}
        try:
            loaded = load_draft(Path(draft.file), instead)
        except InputError as error:
            self._insist_on_what_was_read()
            message = _("with this change the list could not be used; nothing was changed")
            raise InputError([Finding(Severity.ERROR, "unusable", message), *error.findings]) from None
        if not says(loaded.tree, draft.written):
            self._insist_on_what_was_read()
            raise refusal("unkept", _("this change cannot be made by a command"), _("change it by hand"))
        return loaded

    def put(self) -> None:
        """Put every file in its place. The lock must be held.

        Raises:
            InputError: a file of the list is not the one that the draft was made from; none was replaced.
        """
        self._insist_on_what_was_read()
        for writing in self.writings:
            with _telling(writing.name):
                os.replace(writing.beside, writing.path)
        for folder in {writing.path.parent for writing in self.writings}:
            _sync(folder)

    def _insist_on_what_was_read(self) -> None:
        """Of every file, those that stay as they are, too: else their changes would be taken for those of the draft."""
        for path, sha256 in self._read.items():
            if _sha256(path) != sha256:
                raise _changed(path)


_Write = Callable[[BinaryIO], list[str]]


def _files(draft: Draft) -> Iterator[tuple[Path, _Write]]:
    """What is to be written: first the files that get contacts, last those that only lose some."""
    rows = {include: draft.rows[include.file] for include in includes_of(draft.roster) if draft.rows.get(include.file)}
    for name, added in draft.new_files.items():
        yield Path(name), partial(csv_text.create, added)
    gaining = {include: changes for include, changes in rows.items() if changes.added}
    yield from map(_included, gaining.items())
    text = draft.text()
    if text != draft.old_text:
        yield Path(draft.file), partial(_write_list, draft, text)
    yield from (_included(item) for item in rows.items() if item[0] not in gaining)


def _included(item: tuple[Include, RowChanges]) -> tuple[Path, _Write]:
    include, changes = item
    return Path(include.file), partial(csv_text.rewrite, Path(include.file), changes)


def _write_list(draft: Draft, text: str, target: BinaryIO) -> list[str]:
    target.write(codecs.BOM_UTF8 if draft.is_marked else b"")
    target.write(text.encode())
    lines = unified_diff(draft.old_text.splitlines(), text.splitlines(), n=1, lineterm="")
    return list(islice(lines, 2, None))


def _write_beside(path: Path, write: _Write, like: os.stat_result) -> Writing:
    """A file with the new content, complete on the disk, with owner and rights as *like*."""
    behind = path.resolve()
    with _telling(path):
        descriptor, name = tempfile.mkstemp(prefix=f".{behind.name}.", suffix=".new", dir=behind.parent)
        try:
            with open(descriptor, "wb") as target:
                diff = write(target)
                os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
                with contextlib.suppress(PermissionError):  # who may not give a file away keeps it
                    os.fchown(descriptor, like.st_uid, like.st_gid)
                target.flush()
                os.fsync(descriptor)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    return Writing(path, behind, Path(name), (f"--- {path}", f"+++ {path}", *diff))


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    """What the system refuses, and a file that is no longer as it was read, as findings."""
    try:
        yield
    except OSError as error:
        message = _("{file} cannot be written: {error}").format(file=path, error=why(error))
        raise refusal("unwritable-list", message, _("check that you may write there; nothing was changed")) from None
    except (ValueError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        raise _changed(path) from None


def _changed(path: Path) -> InputError:
    message = _("{file} was changed by somebody else in the meantime; nothing was written").format(file=path)
    return refusal("changed-list", message, _("look at it and run the command again"))


def _sha256(path: Path) -> str | None:
    """The digest of a file's content; None: there is none."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _sync(folder: Path) -> None:
    """Make the new names durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
