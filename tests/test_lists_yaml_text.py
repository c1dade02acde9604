"""A list's text changed in place: what does not differ keeps every byte, what does is written as its neighbours are."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.recipients.faults import Faults
from distributor.recipients.yaml_style import Style, block, inline
from distributor.recipients.yaml_text import UnkeptError, rewrite, says, value_of
from distributor.recipients.yaml_tree import Node, parse


def tree_of(text: str) -> Node:
    faults = Faults("list")
    tree = parse(text.encode(), faults)
    assert tree is not None, faults.findings()
    assert not faults, faults.findings()
    return tree


def changed(text: str, change: Callable[[Any], object]) -> str:
    """*text* after *change* of its value; it says just that."""
    tree = tree_of(text)
    wanted = value_of(tree)
    change(wanted)
    new = rewrite(text, tree, wanted)
    assert says(tree_of(new), wanted), new
    return new


def put(*path: Any, value: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        *way, last = path
        for step in way:
            data = data[step]
        data[last] = value

    return change


def drop(*path: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        *way, last = path
        for step in way:
            data = data[step]
        del data[last]

    return change


def add(*path: Any, value: Any, at: int | None = None) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for step in path:
            data = data[step]
        data.insert(len(data) if at is None else at, value)

    return change


def rename(*path: Any, to: str) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        *way, old = path
        for step in way:
            data = data[step]
        entries = [(to if key == old else key, value) for key, value in data.items()]
        data.clear()
        data.update(entries)

    return change


CASES = {
    "a text keeps its quotes": ("a: 'x'  # c\nb: y\n", put("a", value="it's"), "a: 'it''s'  # c\nb: y\n"),
    "a plain text stays plain": ("a: x\n", put("a", value="y z"), "a: y z\n"),
    "a text gets the quotes it needs": ("a: x\n", put("a", value="no"), 'a: "no"\n'),
    "a text with a colon": ("a: x\n", put("a", value="b: c"), 'a: "b: c"\n'),
    "a text of several lines": ("a: |\n  x\n  y\n# c\nb: z\n", put("a", value="x\nz"), 'a: "x\\nz"\n# c\nb: z\n'),
    "a folded text": ("a: x\n  y   # c\nb: z\n", put("a", value="w"), "a: w   # c\nb: z\n"),
    "an entry at the end": ("a: x\n# end\n", put("b", value="y"), "a: x\nb: y\n# end\n"),
    "an entry behind no line break": ("a: x", put("b", value="y"), "a: x\nb: y"),
    "an entry in brackets": ("a: {k: v}  # c\n", put("a", "l", value="w"), "a: {k: v, l: w}  # c\n"),
    "an entry out of brackets": ("a: {k: v, l: w, m: x}\n", drop("a", "l"), "a: {k: v, m: x}\n"),
    "the first entry out of brackets": ("a: {k: v, l: w}\n", drop("a", "k"), "a: {l: w}\n"),
    "the last entry out of brackets": ("a: {k: v, l: w}\n", drop("a", "l"), "a: {k: v}\n"),
    "an item after the others": ("a:\n  - x # c\n  # d\nb: y\n", add("a", value="z"), "a:\n  - x # c\n  - z\n  # d\nb: y\n"),  # noqa: E501
    "an item before the others": ("a:\n  # d\n  - x\n", add("a", value="z", at=0), "a:\n  # d\n  - z\n  - x\n"),
    "an item in between": ("a: [x, y]\n", add("a", value="z", at=1), "a: [x, z, y]\n"),
    "an item first in brackets": ("a: [x, y]\n", add("a", value="z", at=0), "a: [z, x, y]\n"),
    "an item into brackets of several lines": ("a: [\n  x,\n  y,\n]\n", add("a", value="z"), "a: [\n  x,\n  y,\n  z,\n]\n"),  # noqa: E501
    "an item goes with its comment": ("a:\n- x # c\n- y # d\n", drop("a", 0), "a:\n- y # d\n"),
    "what stands above an item stays": ("a:\n  - x\n  # c\n  - y\n  - z\n", drop("a", 1), "a:\n  - x\n  # c\n  - z\n"),
    "the last item goes": ("a:\n  - x\n  # c\nb: y\n", drop("a", 0), "a: []\n  # c\nb: y\n"),
    "the last entry goes": ("a: # c\n  k: v\nb: y\n", drop("a", "k"), "a: {} # c\nb: y\n"),
    "all items in brackets go": ("a: [x] # c\n", drop("a", 0), "a: [] # c\n"),
    "nothing becomes something": ("a: [] # c\nb: y\n", add("a", value={"k": "v"}), "a: # c\n  - {k: v}\nb: y\n"),
    "nothing becomes something at the end": ("a: [] # c", add("a", value="x"), "a: # c\n  - x"),
    "all items in brackets go, and lines of comments stay": (
        "a: [\n  # c\n  x, # d\n  # e\n  y,\n]\nb: z\n", put("a", value=[]), "a: [\n  # c\n  # e\n  ]\nb: z\n",
    ),
    "an item in brackets goes with its line": (
        "a: [\n  # c\n  x, # d\n  y, # e\n]\n", drop("a", 0), "a: [\n  # c\n  y, # e\n]\n",
    ),
    "the last item in brackets goes with its line": (
        "a: [\n  x, # c\n  y # d\n]\n", drop("a", 1), "a: [\n  x # c\n]\n",
    ),
    "the last item in brackets goes, and a comma stays behind the others": (
        "a: [\n  x, # c\n  y, # d\n]\n", drop("a", 1), "a: [\n  x, # c\n]\n",
    ),
    "brackets with a comma too many are filled with others": ("a: [x, y,]\n", put("a", value=["z"]), "a: [z,]\n"),
    "a comment in brackets stays, with line breaks of another system": (
        "a: [x, # c\r\n  y, z]\r\n", drop("a", 1), "a: [x # c\r\n  , z]\r\n",
    ),
    "an item first in brackets of several lines": (
        "a: [\n  # c\n  x,\n  y\n]\n", add("a", value="z", at=0), "a: [\n  # c\n  z,\n  x,\n  y\n]\n",
    ),
    "nothing becomes something in brackets": ("a: {l: []}\n", add("a", "l", value="x"), "a: {l: [x]}\n"),
    "a comment in brackets stays": ("a: [x, # c\n  y, z]\n", drop("a", 1), "a: [x # c\n  , z]\n"),
    "a key is renamed": ("a:\n  k: # c\n    - x\n  l: {}\n", rename("a", "k", to="m n"), "a:\n  m n: # c\n    - x\n  l: {}\n"),  # noqa: E501
    "a quoted key": ('"a": x\nb: y\n', rename("a", to="c"), '"c": x\nb: y\n'),
    "an item is another one": ("a:\n  - x # c\n", put("a", 0, value="y"), "a:\n  - y # c\n"),
    "a contact has another address": (
        "a:\n  - {name: n, email: o@a.example} # c\n", put("a", 0, "email", value="p@a.example"),
        "a:\n  - {name: n, email: p@a.example} # c\n",
    ),
    "a contact in lines": (
        "a:\n  - name: n\n    email: o@a.example # c\n", put("a", 0, "role", value="r"),
        "a:\n  - name: n\n    email: o@a.example # c\n    role: r\n",
    ),
    "a contact beside one in lines": (
        "a:\n  - name: n\n    email: o@a.example\n", add("a", value={"name": "m", "email": "p@a.example"}),
        "a:\n  - name: n\n    email: o@a.example\n  - name: m\n    email: p@a.example\n",
    ),
    "the entry behind a dash": (
        "a:\n  - role: r\n    name: n\n    email: o@a.example\n", drop("a", 0, "role"),
        "a:\n  - name: n\n    email: o@a.example\n",
    ),
    "the entry behind a dash, with a comment": (
        "a:\n  - role: r # c\n    name: n\n", drop("a", 0, "role"), "a:\n  - # c\n    name: n\n",
    ),
    "entries behind a dash": (
        "a:\n  - role: r\n    note: n\n    name: m\n", put("a", 0, value={"name": "m"}), "a:\n  - name: m\n",
    ),
    "entries behind a dash, with a comment": (
        "a:\n  - role: r\n    note: n\n    # c\n    name: m\n", put("a", 0, value={"name": "m"}),
        "a:\n  - \n    # c\n    name: m\n",
    ),
    "a contact has another address, and another one comes": (
        "a:\n  - {name: n, email: o@a.example} # c\n",
        put("a", value=[{"name": "n", "email": "p@a.example"}, {"name": "m"}]),
        "a:\n  - {name: n, email: p@a.example} # c\n  - {name: m}\n",
    ),
    "a contact under its dash": (
        "a:\n  -\n    name: n\n    email: o@a.example\n  - {name: m}\n", drop("a", 0), "a:\n  - {name: m}\n",
    ),
    "a text becomes a list": ("a: x # c\n", put("a", value=["x", "y"]), "a: [x, y] # c\n"),
    "a list becomes a text": ("a:\n  - x\n  - y\nb: z\n", put("a", value="x"), "a: x\nb: z\n"),
    "line breaks of another system": ("a: x\r\nb: y\r\n", put("c", value="z"), "a: x\r\nb: y\r\nc: z\r\n"),
    "in the style of a list that stands left of its key": (
        "a:\n ? b\n :\n  - x\nc:\n  d: {}\n", put("c", "e", value={"f": ["long names"]}),
        "a:\n ? b\n :\n  - x\nc:\n  d: {}\n  e:\n   f:\n   - long names\n",
    ),
    "a unit in the style of the others": (
        "u:\n   x:\n      c:\n        - {name: n}\n   # end\n", put("u", "y", value={"s": "t", "c": [{"name": "m"}]}),
        "u:\n   x:\n      c:\n        - {name: n}\n   y:\n      s: t\n      c:\n        - {name: m}\n   # end\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_change(name: str) -> None:
    before, change, after = CASES[name]
    assert changed(before, change) == after


def test_what_is_not_understood_is_not_touched() -> None:
    text = "a: x\n? b\n: y\n"
    with pytest.raises(UnkeptError) as raised:
        rewrite(text, tree_of(text), {"a": "x", "b": "z"})
    assert raised.value.line == 2


# Signs that no file may hold are written as escapes; half of a character is no text at all.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(TEXTS)
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    wanted = {"a": text, "b": [text], "c": {"k" + text: text}}
    assert says(tree_of(block(wanted, 0, Style())), wanted)


LISTS = st.lists(st.sampled_from("甲乙丙丁戊己庚"), max_size=7)


@given(LISTS, LISTS, st.booleans())
def test_a_list_becomes_any_other(old: list[str], new: list[str], bracketed: bool) -> None:
    lines = "\n".join(f"  - {name} # of {name}" for name in old)
    text = f"a: {inline(old)}\n" if bracketed or not old else f"a:\n{lines}\n"
    changed(text, put("a", value=list(new)))


TABLES = st.dictionaries(st.sampled_from("甲乙丙丁戊"), st.sampled_from("xyz"), max_size=5)


@given(TABLES, TABLES, st.booleans())
def test_a_table_becomes_any_other(old: dict[str, str], new: dict[str, str], bracketed: bool) -> None:
    lines = "\n".join(f"  {key}: {value} # of {key}" for key, value in old.items())
    text = f"a: {inline(old)}\n" if bracketed or not old else f"a:\n{lines}\n"  # type: ignore[arg-type]
    changed(text, put("a", value=dict(new)))
