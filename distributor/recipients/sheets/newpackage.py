"""The zip that a workbook is (ISO/IEC 29500-2), written part after part, to a stream that may be a pipe."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


class NewPackage:
    """Its parts, in the order in which they are put."""

    def __init__(self, zipped: ZipFile) -> None:
        self._zipped = zipped

    def put(self, name: str, content: str | bytes) -> None:
        """The part *name* as a whole."""
        self._zipped.writestr(_part(name), content)

    @contextmanager
    def streamed(self, name: str) -> Iterator[IO[bytes]]:
        """The part *name*, to be written inside the block."""
        with self._zipped.open(_part(name), "w", force_zip64=True) as part, io.BufferedWriter(part, 1 << 18) as stream:
            yield stream


@contextmanager
def new_package(stream: IO[bytes]) -> Iterator[NewPackage]:
    """A package that is written to *stream* and complete at the end of the block."""
    with ZipFile(stream, "w") as zipped:
        yield NewPackage(zipped)


def _part(name: str) -> ZipInfo:
    """Of the same date always, so that the same rows are the same file."""
    part = ZipInfo(name)
    part.compress_type = ZIP_DEFLATED
    part.external_attr = 0o644 << 16
    return part
