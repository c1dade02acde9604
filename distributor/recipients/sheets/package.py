"""The zip file that a workbook is (ISO/IEC 29500-2), and the XML in it, for files that nobody vouches for.

Nothing is unpacked to disk. A part is inflated only as it is read, and refused before that if it is larger than any
list, or packed denser than spreadsheets are; the zip reader stops at the size that was declared. XML with a DOCTYPE,
where entities would be defined, is refused at that line.
"""

import io
import posixpath
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _
from distributor.words import why

MAX_FILE = 256 * 1024**2
MAX_PARTS = 10_000
MAX_PART = 1024**3  # inflated: a sheet with a million rows of nine columns has some 600 MB
MAX_RATIO = 200  # deflate can do 1032; sheets that repeat themselves come to 40
_FREE_OF_RATIO = 8 * 1024**2
_MAX_DIRECTORY = 4 * 1024**2
_PIECE = 256 * 1024
_LONGEST_TOKEN = 2 * 1024**2  # a tag with its attributes; expat keeps it whole
_RELATIONS = "{folder}/_rels/{name}.rels"

Start = Callable[[str, dict[str, str]], None]
Tell = Callable[[str], None]


class DamagedError(Exception):
    """The file is not what its kind says; *detail* is what the reader stumbled on."""


def refused(file: str, code: str, message: str, remedy: str) -> InputError:
    """The file as a whole cannot be read."""
    return InputError([Finding(Severity.ERROR, code, message, Place(file), remedy)])


def too_large(file: str, message: str) -> InputError:
    """The file is larger than any list."""
    return refused(file, "too-large", message, _("copy the list alone into a new workbook, or save it as CSV (UTF-8)"))


@contextmanager
def explained(file: str) -> Iterator[None]:
    """Whatever zip, XML and their numbers may raise, as an InputError that says the file is damaged."""
    try:
        yield
    except InputError:
        raise
    except (BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, RuntimeError, DamagedError) as error:
        message = _("the workbook is damaged: {error}").format(error=error)
        remedy = _("open it in a spreadsheet program and save it again as .xlsx")
        raise refused(file, "damaged-workbook", message, remedy) from None
    except OSError as error:
        raise unreadable(file, error) from None


def unreadable(file: str, error: OSError) -> InputError:
    """The system does not let us read the file."""
    message = _("the file cannot be opened: {error}").format(error=why(error))
    return refused(file, "unreadable-file", message, _("check the file's name and that you may read it"))


class _Careful(io.FileIO):
    """A file that gives no more at once than a directory of MAX_PARTS parts takes: zipfile reads it whole."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _MAX_DIRECTORY:
            size = _MAX_DIRECTORY
        return super().read(size) or b""


class Package:
    """The parts of a workbook by name; names without regard to case, as the standard has it."""

    def __init__(self, zipped: ZipFile, file: str) -> None:
        self.file = file
        self._zip = zipped
        self._parts = {_plain(info.filename): info for info in zipped.infolist()}
        if len(zipped.infolist()) > MAX_PARTS:
            raise too_large(file, _("the workbook has more than {most} parts").format(most=MAX_PARTS))
        if len(self._parts) < len(zipped.infolist()):
            raise DamagedError(_("a part is in it twice"))

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._parts

    @property
    def names(self) -> list[str]:
        """The names of all parts, in lower case."""
        return list(self._parts)

    def open(self, name: str, most: int = MAX_PART) -> IO[bytes]:
        """The part *name*, of no more than *most* bytes, as a stream."""
        info = self._parts.get(_plain(name))
        if info is None:
            raise DamagedError(_("the part {name} is missing").format(name=name))
        self._check(info, most)
        return self._zip.open(info)

    def _check(self, info: ZipInfo, most: int) -> None:
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise DamagedError(_("it is packed in a way that workbooks are not"))
        if info.file_size > most:
            text = _("the part {name} of the workbook is larger than {most} MB")
            raise too_large(self.file, text.format(name=info.filename, most=most // 1024**2))
        if info.file_size > max(_FREE_OF_RATIO, MAX_RATIO * info.compress_size):
            text = _("the part {name} of the workbook unpacks to more than {most} times its size")
            raise too_large(self.file, text.format(name=info.filename, most=MAX_RATIO))

    def related(self, part: str) -> dict[str, tuple[str, str]]:
        """Id → (kind, part) of the relationships of *part* ("" for the package); those that lead outside left out."""
        folder, name = posixpath.split(part)
        relations = _RELATIONS.format(folder=folder, name=name).lstrip("/")
        found: dict[str, tuple[str, str]] = {}

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag == "Relationship" and attributes.get("TargetMode") != "External":
                target = posixpath.join("/", folder, attributes["Target"].replace("\\", "/"))
                kind = attributes["Type"].rpartition("/")[2]
                found[attributes["Id"]] = (kind, posixpath.normpath(target).lstrip("/"))

        if relations in self:
            with self.open(relations, _MAX_DIRECTORY) as stream:
                parse(stream, start)
        return found


@contextmanager
def opened(path: Path, file: str) -> Iterator[Package]:
    """The workbook *path*, called *file* in messages.

    Raises:
        InputError: now or while it is read: it is damaged, too large, or cannot be opened.
    """
    with explained(file), _Careful(path) as stream:
        if stream.seek(0, io.SEEK_END) > MAX_FILE:
            raise too_large(file, _("the file is larger than {most} MB").format(most=MAX_FILE // 1024**2))
        with ZipFile(stream) as zipped:
            yield Package(zipped, file)


def _plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def parse(stream: IO[bytes], start: Start) -> None:
    """Tell *start* of every element in *stream*."""
    for _piece in pieces(stream, start):
        pass


def pieces(stream: IO[bytes], start: Start, end: Tell | None = None, text: Tell | None = None) -> Iterator[None]:
    """Tell of elements, by their names without the root's prefix, and of text; pause after each piece of the file.

    Raises:
        DamagedError: it is not XML, has a DOCTYPE, or what was told raised an error as of a wrong number.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = partial(_root, parser, start, end)
    parser.CharacterDataHandler = text
    read = 0
    for piece in iter(partial(stream.read, _PIECE), b""):
        _feed(parser, piece, last=False)
        read += len(piece)
        if read - parser.CurrentByteIndex > _LONGEST_TOKEN:
            raise DamagedError(_("a tag is longer than {most} MB").format(most=_LONGEST_TOKEN // 1024**2))
        yield
    _feed(parser, b"", last=True)
    yield


def _root(parser: expat.XMLParserType, start: Start, end: Tell | None, name: str, attributes: dict[str, str]) -> None:
    """The first element: what prefix it has, the others of its namespace have too; mostly none."""
    prefix = name[: name.rfind(":") + 1]
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    if prefix:
        parser.StartElementHandler = lambda name, attributes: start(name.removeprefix(prefix), attributes)
        parser.EndElementHandler = end and (lambda name: end(name.removeprefix(prefix)))
    start(name.removeprefix(prefix), attributes)


def _feed(parser: expat.XMLParserType, piece: bytes, *, last: bool) -> None:
    try:
        parser.Parse(piece, last)
    except InputError:  # which is a ValueError
        raise
    except (expat.ExpatError, ValueError, LookupError, OverflowError) as error:
        raise DamagedError(str(error)) from None


def _refuse(*_declaration: object) -> None:
    raise DamagedError(_("its XML declares a document type, as workbooks never do"))
