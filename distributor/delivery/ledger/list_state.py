"""The newest version of the list in full: its facts in compressed chunks, so that the next one can be compared with it.

Where a chunk ends is up to its facts alone, so that a line more or less changes one chunk, and the others need neither
be read nor written again, however long the list is.
"""

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queries import last_id
from distributor.delivery.ledger.schema import list_chunks, list_files
from distributor.recipients.facts import Fact, Part

_USUAL, _MOST = 512, 4096  # facts of a chunk
_FAST = 1  # zlib's level; the best one saves a quarter of the room and takes five times as long


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some facts of *file*, compressed."""

    file: str
    digest: str
    content: bytes

    def facts(self) -> Iterator[Fact]:
        """What was put in."""
        return _unpacked(self.content)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A list beside what is kept: its *files* (name → hash of the facts), *new* chunks, ids of those that are *gone*.

    What is in neither *new* nor *gone* is the same on both sides.
    """

    files: dict[str, str]
    new: tuple[Chunk, ...]
    gone: tuple[int, ...]


def compare(database: Database, parts: Iterable[Part]) -> Comparison:
    """Read those of *parts* that are not kept just so; a million facts that are new take some 20 MB.

    Raises:
        InputError: an included file has changed since the list was loaded.
    """
    files, new = {}, []
    with database.read() as connection:
        query = sa.select(list_files.c.file, list_files.c.sha256)
        known = {row.file: row.sha256 for row in connection.execute(query)}
        kept = _kept(connection)
    for part in parts:
        files[part.file] = part.sha256
        if known.get(part.file) == part.sha256:
            kept.pop(part.file, None)
            continue
        mine = kept.get(part.file, {})
        for chunk in _chunks(part):
            if ids := mine.get(chunk.digest):
                ids.pop()
            else:
                new.append(chunk)
    gone = (identity for digests in kept.values() for ids in digests.values() for identity in ids)
    return Comparison(files, tuple(new), tuple(gone))


def facts(database: Database, ids: Iterable[int]) -> Iterator[Fact]:
    """What is in the chunks *ids*, streamed."""
    with database.read() as connection:
        for identity in ids:
            query = sa.select(list_chunks.c.content).where(list_chunks.c.id == identity)
            if (content := connection.execute(query).scalar()) is not None:
                yield from _unpacked(content)


def replace(database: Database, connection: Connection, state: Comparison) -> None:
    """Keep the list of *state* from now on."""
    connection.execute(list_files.delete())
    database.insert(connection, list_files, list_files.c.keys(), state.files.items())
    for identity in state.gone:
        connection.execute(list_chunks.delete().where(list_chunks.c.id == identity))
    rows = enumerate(state.new, last_id(connection, list_chunks) + 1)
    columns = list_chunks.c.keys()
    database.insert(connection, list_chunks, columns, ((i, each.file, each.digest, each.content) for i, each in rows))


def _kept(connection: Connection) -> dict[str, dict[str, list[int]]]:
    """The ids of chunks by file and digest. A digest may be there twice."""
    kept: defaultdict[str, dict[str, list[int]]] = defaultdict(dict)
    query = sa.select(list_chunks.c.id, list_chunks.c.file, list_chunks.c.digest)
    for identity, file, digest in connection.execute(query):
        kept[file].setdefault(digest, []).append(identity)
    return kept


def _chunks(part: Part) -> Iterator[Chunk]:
    held: list[Fact] = []
    for fact in part.facts():
        held.append(fact)
        # Python's own hash differs from process to process.
        if zlib.crc32("".join(fact).encode(errors="replace")) % _USUAL == 0 or len(held) == _MOST:
            yield _packed(part.file, held)
            held = []
    if held:
        yield _packed(part.file, held)


def _packed(file: str, held: list[Fact]) -> Chunk:
    text = json.dumps(held).encode()
    return Chunk(file, hashlib.blake2b(text, digest_size=16).hexdigest(), zlib.compress(text, _FAST))


def _unpacked(content: bytes) -> Iterator[Fact]:
    return map(tuple, json.loads(zlib.decompress(content)))
