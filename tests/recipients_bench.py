"""What the commands of the list say where something is wrong: examples, and a bench that tries each as a person would.

docs/recipients.md shows what is said here (recipients_page.py), and test_recipients_page.py looks whether it still is.
"""

import contextlib
import importlib
import io
import os
import pkgutil
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import openpyxl

from distributor import cli, i18n
from distributor.cli import output
from distributor.errors import Finding, InputError
from tests.sites import BULLETIN, ROOT

# Help texts are made when a command is imported: not in Chinese, for whoever else is in this process.
for _module in pkgutil.walk_packages(cli.__path__, "distributor.cli."):
    importlib.import_module(_module.name)

LIST = """\
groups:
  送: {labels: [送], template: departments.html.j2, subject: 简报}
  发: {labels: [发], template: members.html.j2, subject: 简报}
audiences:
  有关部门: {only: 送, units: [市甲局, 市乙局]}
  各会员单位: {only: 发, units: [丙公司]}
units:
  市甲局: {contacts: [{name: 收文, email: a@alpha.example.org}]}
  市乙局: {contacts: [{name: 收文, email: b@beta.example.org}]}
  丙公司: {contacts: [{name: 办公室, email: c@gamma.example.com}]}
"""
"""The list that every example begins with."""

_USUAL = {"recipients.yaml": LIST, "60.txt": BULLETIN.format(number=4, total=60)}
_MOST_LINES = 4
_LONGEST_LINE = 200

Content = str | bytes | Callable[[], bytes]
Words = tuple[str, str]
"""English and Chinese."""


class Bench:
    """A site in a folder of its own, with LIST and what an example puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("templates", "celeryconfig.py"):
            (folder / name).symlink_to(ROOT / name)
        self.write("recipients.yaml", LIST)

    def write(self, name: str, content: Content) -> None:
        """A file of the site."""
        data = content() if callable(content) else content
        (self.folder / name).write_bytes(data.encode() if isinstance(data, str) else data)

    def run(self, *arguments: str) -> str:
        """`distributor ARGUMENTS` in this process: all that it says, in the order in which it says it."""
        said = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            cli.run(arguments)
        said.seek(0)
        return said.read()

    def send(self, total: int, text: str = BULLETIN) -> None:
        """Send a bulletin to whom its imprint names."""
        self.write(f"{total}.txt", text.format(number=total, total=total))
        self.run("send", f"{total}.txt", "--yes")


Act = Callable[[Bench], object]


@dataclass(frozen=True, slots=True)
class Example:
    """How a finding of the kind *code* comes about, and what to do where its remedy does not say all.

    *command* is given in the site's folder, where *files* were put (in place of LIST: recipients.yaml) and *before* was
    done. Where no command can be made to say it, *call* is called instead: it raises or returns the findings. *within*
    holds meanwhile: a server that answers, a limit that is lower than any file would reach.
    """

    code: str
    command: str = ""
    files: Mapping[str, Content] = field(default_factory=dict)
    advice: Words = ("", "")
    before: Act | None = None
    within: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    call: Callable[[Bench], Iterable[Finding] | None] | None = None

    @property
    def name(self) -> str:
        """For the test's name."""
        return f"{self.code}: {self.command or 'call'}"


@dataclass(frozen=True, slots=True)
class Section:
    """Examples of one occasion."""

    title: Words
    text: Words
    examples: Sequence[Example]


def listed(*exchanged: tuple[str, str]) -> dict[str, Content]:
    """LIST with other texts in it, each of which stands there once."""
    text = LIST
    for old, new in exchanged:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return {"recipients.yaml": text}


def workbook(*rows: Sequence[Any], change: Callable[[Any], object] = lambda sheet: None) -> Callable[[], bytes]:
    """A workbook with the sheet 表1; *change* has the sheet before it is saved."""

    def made() -> bytes:
        book = openpyxl.Workbook()
        book.active.title = "表1"
        for row in rows:
            book.active.append(row)
        change(book.active)
        stream = io.BytesIO()
        book.save(stream)
        return stream.getvalue()

    return made


def changed(example: Example) -> Iterator[tuple[str, int, str]]:
    """What the files of an example say that LIST and BULLETIN do not, as file, line and text, if it can be shown."""
    for name, content in example.files.items():
        if not isinstance(content, str):
            continue
        usual = _USUAL.get(name, "").split("\n")
        lines = [(n, line) for n, line in enumerate(content.split("\n"), 1) if line not in usual]
        if len(lines) <= _MOST_LINES and max(len(line) for _n, line in lines or [(0, "")]) <= _LONGEST_LINE:
            yield from ((name, n, line.strip()) for n, line in lines if line.isprintable() and line.strip())


def told(example: Example, language: str) -> str:
    """The paragraph that *example* makes the program say; files are named as seen in their folder.

    Raises:
        LookupError: it says nothing of that kind.
    """
    with _bench(language) as bench, example.within():
        for name, content in example.files.items():
            bench.write(name, content)
        if example.before is not None:
            example.before(bench)
        with _heard() as found:
            said = _said(example, bench)
        finding = next((finding for finding in found if finding.code == example.code), None)
        if finding is None:
            raise LookupError(f"{example.name} says nothing of the kind, but:\n{said}")
        paragraph = next(part for part in _paragraphs(said) if part[2:] == str(finding))
        return paragraph.replace(f"{bench.folder}/", "")


@contextlib.contextmanager
def _bench(language: str) -> Iterator[Bench]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DISTRIBUTOR_", "LANGUAGE"))}
    with (
        tempfile.TemporaryDirectory() as name,
        contextlib.chdir(name),
        mock.patch.dict(os.environ, kept, clear=True),
        mock.patch.object(sys, "stdin", io.StringIO()),
    ):
        i18n.activate(language)
        try:
            yield Bench(Path(name).resolve())
        finally:
            i18n.activate("en")


@contextlib.contextmanager
def _heard() -> Iterator[list[Finding]]:
    """The findings that are told meanwhile, for the sake of their codes, which people are not shown."""
    heard: list[Finding] = []
    tell = output.findings

    def findings(found: Iterable[Finding], **options: Any) -> None:
        these = list(found)
        heard.extend(these)
        tell(these, **options)

    with mock.patch.object(output, "findings", findings):
        yield heard


def _said(example: Example, bench: Bench) -> str:
    if example.call is None:
        return bench.run(*shlex.split(example.command))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            found = example.call(bench) or ()
        except InputError as error:
            found = error.findings
        output.findings(found, err=False)
    return said.getvalue()


def _paragraphs(said: str) -> Iterator[str]:
    """The findings in *said*: a line that begins with a mark, and the indented ones below it."""
    paragraph = ""
    for line in [*said.splitlines(), ""]:
        if not line.startswith("    ") and paragraph:
            yield paragraph
            paragraph = ""
        if line[:2] in {"✗ ", "? ", "! ", "· "}:
            paragraph = line
        elif paragraph:
            paragraph += f"\n{line}"
