"""A list's text with another content: every byte that need not change stays as it is, comments and order included.

A round trip through a YAML emitter would set the whole file anew (ruamel.yaml: other indentation in every line, and ten
seconds for 10,000 contacts). So the tree says where each value stands, and only what differs is written into the text,
in the style of its neighbours. No comment on a line of its own is removed: it may speak of what follows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from distributor.recipients.alignment import paired
from distributor.recipients.fields import ADDRESSES
from distributor.recipients.yaml_style import Style, Value, block, entry, inline, item, scalar, style_of
from distributor.recipients.yaml_tree import Items, Node, Table, Text

_COMMENT = re.compile(r"#[^\n]*")
_COMMA = re.compile(" *,")
_COMMENT_OR_COMMA = re.compile(r"(#[^\n]*)|,")
_REST_OF_LINE = re.compile(r" *(?P<comma>,?) *(#[^\n]*|\r)?\n")
_LINE_OF_COMMENT = re.compile(r"^ *#[^\n]*", re.MULTILINE)


class UnkeptError(Exception):
    """The text is written in a way that cannot be changed piecemeal; *line* counts from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


def value_of(node: Node) -> Value:
    """The content of *node*, to be changed at will."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Items):
        return [value_of(each) for each in node.nodes]
    if isinstance(node, Table):
        return {name: value_of(value) for name, (_key, value) in node.entries.items()}
    raise UnkeptError(node.line)


def says(node: Node, value: Value) -> bool:
    """Whether *node* has just that content, in that order."""
    if isinstance(node, Text):
        return node.value == value
    if isinstance(node, Items):
        return isinstance(value, list) and len(value) == len(node.nodes) and all(map(says, node.nodes, value))
    if not isinstance(node, Table) or not isinstance(value, dict) or list(node.entries) != list(value):
        return False
    return all(says(each, value[name]) for name, (_key, each) in node.entries.items())


def rewrite(text: str, tree: Node, wanted: Value) -> str:
    """*text*, whose *tree* this is, so changed that it says *wanted*; whoever calls reads it again to be sure.

    Items of a list are known by their text or ``email``, entries by their key; a key that another one takes the place
    of, with the same value, was renamed.

    Raises:
        UnkeptError: some of what would change is written in a way that is not understood here.
    """
    writer = _Writer(text, tree)
    writer.change(tree, wanted, 0, flow=False)
    return writer.result()


@dataclass(frozen=True, slots=True)
class _Child:
    """An entry or item as it stands, from its key or dash to its last sign; *after* its colon or dash."""

    identity: str
    key: Text | None
    node: Node
    start: int
    after: int
    end: int


class _Writer:
    """Gathers what is to be put in the place of what."""

    def __init__(self, text: str, tree: Node) -> None:
        self.text = text
        self.style = style_of(text, tree)
        self._splices: list[tuple[int, int, str]] = []

    def result(self) -> str:
        """The text with every splice; at one place insertions come first, in the order they were made."""
        newline = "\r\n" if "\r\n" in self.text else "\n"
        parts, done = [], 0
        for start, end, new in sorted(self._splices, key=lambda splice: (splice[0], splice[0] < splice[1])):
            if start < done:
                raise self.unkept(start)
            parts += [self.text[done:start], new.replace("\r\n", "\n").replace("\n", newline)]
            done = end
        return "".join([*parts, self.text[done:]])

    def splice(self, start: int, end: int, new: str) -> None:
        """*new* in the place of what stands between *start* and *end*."""
        self._splices.append((start, end, new))

    def add_below(self, position: int, lines: str) -> None:
        """*lines* below the line of *position*, which may be the last one and not end."""
        place = self.next_line(position)
        ends = place == 0 or self.text[place - 1] == "\n"
        self.splice(place, place, f"{lines}\n" if ends else f"\n{lines}")

    def unkept(self, position: int) -> UnkeptError:
        """What to raise when the text at *position* is not understood."""
        return UnkeptError(self.text.count("\n", 0, position) + 1)

    def change(self, node: Node, wanted: Value, after: int, *, flow: bool) -> None:
        """Write what makes *node* say *wanted*. It stands behind the sign that ends *after*; *flow*: in brackets."""
        if says(node, wanted):
            return
        if isinstance(node, Text) and isinstance(wanted, str):
            self.splice(node.start, self._end(node), scalar(wanted, self.text[node.start]))
        elif isinstance(node, Items) and isinstance(wanted, list):
            self._children(node, [(_identity(value), value) for value in wanted], after, flow=flow)
        elif isinstance(node, Table) and isinstance(wanted, dict):
            self._children(node, list(wanted.items()), after, flow=flow)
        else:
            self.splice(after, self._end(node), " " + inline(wanted))

    def _children(self, node: Items | Table, wanted: list[tuple[str, Value]], after: int, *, flow: bool) -> None:
        bracketed = self._is_bracketed(node)
        olds = list(self._table(node) if isinstance(node, Table) else self._items(node))
        if not olds:
            self._fill(node, wanted, after, flow=flow)
        elif not wanted:
            self._empty(node, olds, after)
        else:
            place = _Brackets(self, olds) if bracketed else _Lines(self, olds)
            self._align(place, olds, wanted, flow=flow or bracketed)

    def _align(
        self, place: "_Brackets | _Lines", olds: list[_Child], wanted: list[tuple[str, Value]], *, flow: bool
    ) -> None:
        def may_become(number: int, position: int) -> bool:
            """A list's item that was changed, a key that was renamed."""
            return olds[number].key is None or says(olds[number].node, wanted[position][1])

        pairs = paired([old.identity for old in olds], [name for name, _value in wanted], may_become)
        gone = set(range(len(olds))) - set(pairs)
        place.delete(gone)
        elsewhere = {olds[number].identity: olds[number] for number in gone}
        last = -1
        for (name, value), index in zip(wanted, pairs, strict=True):
            if index is None:
                old = elsewhere.pop(name, None)
                as_it_was = old if old and says(old.node, value) else None
                place.insert(last, None if olds[0].key is None else name, value, as_it_was)
                continue
            old, last = olds[index], index
            if old.key is not None and old.identity != name:
                self.splice(old.key.start, self._end(old.key), scalar(name, self.text[old.key.start]))
            self.change(old.node, value, old.after, flow=flow)

    def _fill(self, node: Items | Table, wanted: list[tuple[str, Value]], after: int, *, flow: bool) -> None:
        """[] or {} gets children: on lines of their own, unless it stands in brackets or behind a dash."""
        value: Value = dict(wanted) if isinstance(node, Table) else [each for _name, each in wanted]
        start = self.line_start(node.start)
        key = re.match(r" *(?![-? ])", self.text[start : node.start])
        if flow or key is None or self.text[after : node.start].strip(" "):
            self.splice(node.start, self._end(node), inline(value))
            return
        further = self.style.dash if isinstance(node, Items) else self.style.step
        self.splice(after, self._end(node), "")
        self.add_below(self._end(node), block(value, key.end() + further, self.style))

    def _empty(self, node: Items | Table, olds: list[_Child], after: int) -> None:
        opening, closing = "[]" if isinstance(node, Items) else "{}"
        if self._is_bracketed(node):
            self.splice(node.start, self._end(node), opening + self._comments_around(node, olds) + closing)
        else:
            self.splice(after, after, f" {opening}{closing}")
            _Lines(self, olds).delete(set(range(len(olds))))

    def _comments_around(self, node: Items | Table, olds: Sequence[_Child]) -> str:
        """The lines of comments between the brackets of *node* that stand in no child, for brackets that get empty."""
        starts, ends = [node.start, *(old.end for old in olds)], [*(old.start for old in olds), self._end(node)]
        found = (_LINE_OF_COMMENT.finditer(self.text, *between) for between in zip(starts, ends, strict=True))
        lines = [match.group().rstrip("\r") for matches in found for match in matches]
        return "\n".join(["", *lines, lines[-1].partition("#")[0]]) if lines else ""

    # Where things stand

    def line_start(self, position: int) -> int:
        """Where the line of *position* begins."""
        return self.text.rfind("\n", 0, position) + 1

    def next_line(self, position: int) -> int:
        """Where the line after that of *position* begins, or the text ends."""
        found = self.text.find("\n", position)
        return len(self.text) if found < 0 else found + 1

    def column(self, position: int) -> int:
        """How far in its line *position* is."""
        return position - self.line_start(position)

    def _is_bracketed(self, node: Node) -> bool:
        return isinstance(node, Items | Table) and self.text[node.start] in "[{"

    def _end(self, node: Node) -> int:
        """Where the last sign of *node* ends."""
        while isinstance(node, Items | Table) and not self._is_bracketed(node):
            node = node.nodes[-1] if isinstance(node, Items) else list(node.entries.values())[-1][1]
        if not isinstance(node, Text | Items | Table):
            raise UnkeptError(node.line)
        return node.start + len(self.text[node.start : node.end].rstrip())

    def _table(self, node: Table) -> Iterator[_Child]:
        for name, (key, value) in node.entries.items():
            colon = self.text.find(":", self._end(key))
            if self.text[self._end(key) : colon].strip(" "):
                raise UnkeptError(key.line)
            yield _Child(name, key, value, key.start, colon + 1, self._end(value))

    def _items(self, node: Items) -> Iterator[_Child]:
        done = node.start
        for each in node.nodes:
            start = getattr(each, "start", done)
            dash = start if self._is_bracketed(node) else self._dash(done, start)
            done = self._end(each)
            yield _Child(_identity(each), None, each, dash, start if dash == start else dash + 1, done)

    def _dash(self, done: int, start: int) -> int:
        """The last dash between two items that is in no comment."""
        between = _COMMENT.sub(lambda comment: " " * len(comment.group()), self.text[done:start])
        if (found := between.rfind("-")) < 0:
            raise self.unkept(start)
        return done + found


@dataclass(frozen=True, slots=True)
class _Lines:
    """Children in block style: each begins a line. Those of one contact may begin behind its dash."""

    writer: _Writer
    olds: Sequence[_Child]

    def insert(self, last: int, name: str | None, value: Value, moved: _Child | None) -> None:
        """Put a child on lines of its own after child number *last*, -1: before the first; *moved* as it was."""
        writer = self.writer
        lines = self._as_it_was(moved) if moved else self._new(name, value)
        if last < 0:
            start = writer.line_start(self.olds[0].start)
            if not self._begins_line(self.olds[0]):
                raise writer.unkept(start)
            writer.splice(start, start, lines + "\n")
            return
        writer.add_below(self.olds[last].end, lines)

    def _as_it_was(self, moved: _Child) -> str:
        start = self.writer.line_start(moved.start)
        return self.writer.text[start : self.writer.next_line(moved.end)].rstrip("\r\n").replace("\r\n", "\n")

    def _new(self, name: str | None, value: Value) -> str:
        indent = self.writer.column(self.olds[0].start)
        if name is None:
            return item(value, indent, self._style())
        return entry(name, value, indent, self.writer.style)

    def _style(self) -> Style:
        first = self.olds[0].node
        if not isinstance(first, Table):
            return self.writer.style
        return replace(self.writer.style, inline=self.writer.text[first.start] == "{")

    def delete(self, gone: set[int]) -> None:
        """Take children out with their lines, and what comments stand on these."""
        writer = self.writer
        left = sorted(gone)
        if left and not self._begins_line(self.olds[left[0]]):
            left = self._delete_behind_dash(left)
        for child in (self.olds[number] for number in left):
            writer.splice(writer.line_start(child.start), writer.next_line(child.end), "")

    def _begins_line(self, child: _Child) -> bool:
        return not self.writer.text[self.writer.line_start(child.start) : child.start].strip(" ")

    def _delete_behind_dash(self, gone: list[int]) -> list[int]:
        """Let the first child that stays, or a comment before it, come behind the dash; returns those left to go."""
        first, stays = self.olds[0], next((n for n in range(len(self.olds)) if n not in gone), None)
        if stays is None:
            raise self.writer.unkept(first.start)
        gaps = [self.writer.text[one.end : other.start] for one, other in pairwise(self.olds[: stays + 1])]
        if "#" in "".join(gaps):
            self.writer.splice(first.start, first.end + len(gaps[0]) - len(gaps[0].lstrip(" \t")), "")
            return gone[1:]
        self.writer.splice(first.start, self.olds[stays].start, "")
        return gone[stays:]


@dataclass(frozen=True, slots=True)
class _Brackets:
    """Children in flow style, parted by commas; comments may stand behind those."""

    writer: _Writer
    olds: Sequence[_Child]

    def insert(self, last: int, name: str | None, value: Value, moved: _Child | None) -> None:
        """Put a child behind child number *last*, -1: before the first; *moved* as it was."""
        writer = self.writer
        new = inline(value) if name is None else f"{scalar(name)}: {inline(value)}"
        new = writer.text[moved.start : moved.end] if moved else new
        parted = ", "
        if len(self.olds) > 1 and all("\n" in writer.text[a.end : b.start] for a, b in pairwise(self.olds)):
            parted = ",\n" + " " * writer.column(self.olds[-1].start)
        if last < 0:
            first = self.olds[0].start
            start = writer.line_start(first)
            margin = writer.text[start:first]
            if margin.strip(" "):
                writer.splice(first, first, new + parted)
            else:
                writer.splice(start, start, f"{margin}{new},\n")
        else:
            writer.splice(self.olds[last].end, self.olds[last].end, parted + new)

    def delete(self, gone: set[int]) -> None:
        """Take children out: with their lines where nothing else stands there, else each with a comma."""
        rests = {number: self._rest_of_line(self.olds[number]) for number in sorted(gone)}
        if all(rests.values()):
            self._delete_lines(rests)
        else:
            self._delete_signs(gone)

    def _rest_of_line(self, child: _Child) -> re.Match[str] | None:
        """What stands behind *child* on its line; None if other children or brackets are there too."""
        text = self.writer.text
        alone = not text[self.writer.line_start(child.start) : child.start].strip(" ")
        return _REST_OF_LINE.match(text, child.end) if alone else None

    def _delete_lines(self, rests: Mapping[int, re.Match[str] | None]) -> None:
        for number, rest in rests.items():
            if rest is not None:
                self.writer.splice(self.writer.line_start(self.olds[number].start), rest.end(), "")
        stay = [number for number in range(len(self.olds)) if number not in rests]
        last = rests.get(len(self.olds) - 1)
        if stay and last and not last["comma"] and (comma := _COMMA.match(self.writer.text, self.olds[stay[-1]].end)):
            self.writer.splice(comma.start(), comma.end(), "")

    def _delete_signs(self, gone: set[int]) -> None:
        """With the comma before it, as long as a child before it stays; else with the one behind it."""
        stays = min(set(range(len(self.olds))) - gone, default=len(self.olds))
        for number in sorted(gone):
            child = self.olds[number]
            if number > stays:
                before = self.olds[number - 1].end
                self.writer.splice(before, child.end, self._comments(before, child.start))
            elif number + 1 < len(self.olds):
                behind = self.olds[number + 1].start
                self.writer.splice(child.start, behind, self._comments(child.end, behind))
            else:
                self.writer.splice(child.start, child.end, "")

    def _comments(self, start: int, end: int) -> str:
        """What stands between two children without the comma, if there is a comment in it."""
        between = self.writer.text[start:end]
        return _COMMENT_OR_COMMA.sub(lambda found: found.group(1) or "", between) if "#" in between else ""


def _identity(each: Node | Value) -> str:
    """What an item of a list is known by: its text, or its address."""
    if isinstance(each, dict):
        return next((str(each[key]) for key in ADDRESSES if key in each), "")
    if isinstance(each, Table):
        return next((getattr(each.entries[key][1], "value", "") for key in ADDRESSES if key in each.entries), "")
    return str(getattr(each, "value", each))
