"""A strict reader of YAML: bytes to a tree of texts, items and tables, every node with its line and where it stands.

*start* and *end* count characters of the text without byte order mark: a node is ``text[start:end]``; of collections in
block style only *start* is exact.

It is built on PyYAML's events, not on its nodes: events still show anchors, aliases and tags with their lines, need
no recursion (a deep file cannot overflow the stack), and are several times as fast. Values stay text: nothing is
turned into numbers, dates or booleans, and what a reader of YAML may turn into one can be told (`Text.kind`).
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import yaml

from distributor.i18n import _
from distributor.recipients.faults import Faults

MAX_BYTES = 16 * 1024 * 1024
MAX_NODES = 500_000  # some 60,000 contacts
MAX_DEPTH = 12
_MOST_UNREADABLE = 100  # lines: what has more of them is no text at all

_YAML_TAGS = "tag:yaml.org,2002:"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML_1_1: dict[str, list[tuple[str, Any]]] = yaml.SafeLoader.yaml_implicit_resolvers
# YAML 1.2, 10.3.2: numbers that PyYAML takes for text, and other programs do not (1e3, 089, 0o17).
_YAML_1_2_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+")
# Besides what YAML forbids: the line breaks of Unicode, after which lines are numbered otherwise than in an editor.
_UNREADABLE = re.compile(f"{yaml.reader.Reader.NON_PRINTABLE.pattern}|[\x85\u2028\u2029]")


@dataclass(slots=True)
class Text:
    """A scalar as written; *plain* without quotes."""

    value: str
    line: int
    plain: bool
    start: int = 0
    end: int = 0

    @property
    def kind(self) -> str | None:
        """What YAML 1.1 or 1.2 takes it for, if not for text: bool, int, float, null, timestamp, merge or value."""
        if not self.plain:
            return None
        for tag, pattern in _YAML_1_1.get(self.value[:1], ()):
            if pattern.match(self.value):
                return tag.rpartition(":")[2]
        return "float" if _YAML_1_2_NUMBER.fullmatch(self.value) else None


@dataclass(slots=True)
class Items:
    """A sequence."""

    line: int
    start: int = 0
    end: int = 0
    nodes: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Table:
    """A mapping; a key that stands there twice keeps its first value (and is a fault)."""

    line: int
    start: int = 0
    end: int = 0
    entries: dict[str, tuple[Text, "Node"]] = field(default_factory=dict)
    key: Text | None = None


@dataclass(slots=True)
class Broken:
    """Something that has been reported already, and is to be passed over in silence."""

    line: int


Node = Text | Items | Table | Broken


class _StopError(Exception):
    """The rest of the file cannot or shall not be read; the fault has been noted."""


def parse(data: bytes, faults: Faults, *, may_be_empty: bool = False) -> Node | None:
    """The tree of the only document in *data*. None if there is none, or if it cannot be read to its end.

    Duplicate keys, anchors, aliases, tags and keys that are no text are noted in *faults*, as are bytes that are not
    UTF-8 and files larger or deeper than any list (MAX_BYTES, MAX_NODES, MAX_DEPTH).
    """
    builder = _Builder(faults)
    try:
        for event in _events(_decode(data, faults), faults):
            builder.feed(event)
    except _StopError:
        return None
    if builder.root is None and not may_be_empty:
        faults.add("empty-file", None, _("the file is empty"), _("copy a list from a new site: `distributor init DIR`"))
    return builder.root


def _decode(data: bytes, faults: Faults) -> str:
    if len(data) > MAX_BYTES:
        text = _("the file is larger than {most} MB").format(most=MAX_BYTES // 1024**2)
        faults.add("too-large", None, text, _("move long lists into a CSV file: include: members.csv"))
        raise _StopError
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        faults.add("not-utf-8", line, _not_utf8(data), _("save it with the encoding UTF-8"))
        raise _StopError from None
    if _UNREADABLE.search(text):
        _explain_unreadable(text, faults)
        raise _StopError
    return text


def _explain_unreadable(text: str, faults: Faults) -> None:
    """Name the first such character of each line."""
    found = ((line, _UNREADABLE.search(content)) for line, content in enumerate(text.split("\n"), 1))
    for line, character in islice(((line, match.group()) for line, match in found if match), _MOST_UNREADABLE):
        message = _("there is a control character ({code})").format(code=f"U+{ord(character):04X}")
        faults.add("control-character", line, message, _("delete it"))


def _not_utf8(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _("the file is not UTF-8 text but UTF-16")
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return _("the file is not UTF-8 text")
    return _("the file is not UTF-8 text but GB18030 (as it seems)")


def _events(text: str, faults: Faults) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        message, remedy = _syntax(error, _line_of(text, line))
        faults.add("bad-yaml", line, message, remedy)
        raise _StopError from None


def _line_of(text: str, line: int | None) -> str:
    lines = text.splitlines()
    return lines[line - 1] if line and line <= len(lines) else ""


def _syntax(error: Any, line: str) -> tuple[str, str]:
    """What the parser stumbled on, and the remedy, in the words of somebody who edits a list."""
    problem = error.problem or ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return _("the line is indented by a tab"), _("indent by spaces")
    for signs, message, remedy in _explanations(error.context_mark.line + 1 if error.context_mark else "?"):
        if any(sign in problem for sign in signs):
            return message, remedy
    return _("this is not YAML: {problem}").format(problem=problem), _("put quotes around the text")


def _explanations(opened: int | str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Parts of what PyYAML says (with libyaml and without), and what it means."""
    yield (
        ("mapping values are not allowed", "could not find expected ':'"),
        _("there is a colon where none can stand, or none where there should be one"),
        _(
            "check the indentation, and that the line above ends in a narrow colon, not in ：; "
            "put quotes around a text that holds a colon"
        ),
    )
    yield (
        ("end of stream", "expected ',' or"),
        _("a quote or bracket that was opened in line {line} is not closed").format(line=opened),
        _("close it, or put the comma that is missing"),
    )
    yield (
        ("did not find expected", "but found"),
        _("this line does not fit the ones above it"),
        _("let entries that belong together begin in the same column; write nothing after a closing quote or bracket"),
    )
    yield ("unexpected ':'",), _("nothing stands after the colon"), _("write a text, or delete the key")
    yield ("nesting depth",), _("the entries are nested too deeply"), _("close the brackets")


class _Builder:
    """Events in, tree out."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.root: Node | None = None
        self._open: list[Items | Table] = []
        self._nodes = 0

    def feed(self, event: Any) -> None:
        """Take in the next event.

        Raises:
            _StopError: there are too many nodes, or too deep ones.
        """
        line, start, end = event.start_mark.line + 1, event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.ScalarEvent):
            self._attach(event, Text(event.value, line, event.implicit[0], start, end))
        elif isinstance(event, yaml.MappingStartEvent):
            self._enter(event, Table(line, start))
        elif isinstance(event, yaml.SequenceStartEvent):
            self._enter(event, Items(line, start))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop().end = end
        elif isinstance(event, yaml.AliasEvent):
            message = _("*{name} is an alias; this file has none").format(name=event.anchor)
            self.faults.add("alias", line, message, _("write the text again, or put it in quotes if it begins with *"))
            self._place(Broken(line))

    def _enter(self, event: Any, node: Items | Table) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._stop("too-deep", node.line, _("the entries are nested too deeply"), _("close the brackets"))
        self._attach(event, node)
        self._open.append(node)

    def _attach(self, event: Any, node: Text | Items | Table) -> None:
        if event.anchor is not None:
            message = _("&{name} is an anchor; this file has none").format(name=event.anchor)
            self.faults.add("anchor", node.line, message, _("delete it, or put the text in quotes"))
        if event.tag is not None:
            message = _("{tag} is a tag; this file has none").format(tag=_as_written(event.tag))
            self.faults.add("tag", node.line, message, _("delete it, or put the text in quotes"))
        self._place(node)

    def _place(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = _("there are more than {most} entries").format(most=MAX_NODES)
            self._stop("too-large", node.line, message, _("move long lists into a CSV file: include: members.csv"))
        if not self._open:
            if self.root is not None:
                message = _("a second document begins above this line (---)")
                self._stop("second-document", node.line, message, _("delete the line with ---"))
            self.root = node
        elif isinstance(parent := self._open[-1], Items):
            parent.nodes.append(node)
        elif parent.key is None:
            parent.key = self._key(node)
        else:
            key, parent.key = parent.key, None
            self._entry(parent, key, node)

    def _key(self, node: Node) -> Text:
        if isinstance(node, Text):
            if node.kind == "merge":
                self.faults.add("merge-key", node.line, _("<< merges entries; this file has none"), _("delete it"))
            elif node.kind is not None and node.value:
                message = _("YAML does not read {value} as text").format(value=node.value)
                self.faults.add("not-text", node.line, message, quotes(node))
            return node
        if not isinstance(node, Broken):
            self.faults.add("bad-key", node.line, _("what stands before a colon must be one text"))
        # One of its own, so that two of them are no duplicates.
        return Text(f"\0{self._nodes}", node.line, plain=False)

    def _entry(self, table: Table, key: Text, node: Node) -> None:
        if key.value in table.entries:
            first = table.entries[key.value][0].line
            message = _("{key} stands here a second time (first in line {line})").format(key=key.value, line=first)
            self.faults.add("duplicate-key", key.line, message, _("put both together, or rename one"))
        elif not key.value.startswith("\0"):
            table.entries[key.value] = (key, node)

    def _stop(self, code: str, line: int, message: str, remedy: str | None = None) -> None:
        self.faults.add(code, line, message, remedy)
        raise _StopError


def _as_written(tag: str) -> str:
    """``!!str`` for what PyYAML gives in full (YAML 1.2, 6.8.2.1: the secondary handle)."""
    return f"!!{tag.removeprefix(_YAML_TAGS)}" if tag.startswith(_YAML_TAGS) else tag


def quotes(text: Text) -> str:
    """The remedy for a text that YAML takes for something else."""
    return _('put quotes around it: "{value}"').format(value=text.value)
