"""How a value is written as YAML: texts with the quotes that they need, collections in brackets or in lines."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from distributor.recipients.yaml_tree import Items, Node, Table, Text

Value = str | list["Value"] | dict[str, "Value"]

# What may stand without quotes in brackets and out of them. (Narrower than YAML 1.2, 7.3.3, and so on the safe side.)
_PLAIN = re.compile(r"(?!---|\.\.\.)[^\W_](?:[^\x00-\x1f,\[\]{}:#]|(?<=\S)#|:(?=[^\s,\[\]{}]))*(?<!\s)")
# Printable by JSON's rules and not by YAML's, or taken for the end of a line.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_LONGEST_LABEL = 4


@dataclass(frozen=True, slots=True)
class Style:
    """How far a level is indented, how far a dash from the key above it; whether contacts stand in { }."""

    step: int = 2
    dash: int = 2
    inline: bool = True


def scalar(value: str, like: str = "") -> str:
    """*value* on one line, quoted as what began with the sign *like*; without quotes where none stood or are needed."""
    if like not in {'"', "'"} and _may_be_plain(value):
        return value
    if like == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return _ESCAPED.sub(lambda sign: f"\\u{ord(sign.group()):04x}", json.dumps(value, ensure_ascii=False))


def _may_be_plain(value: str) -> bool:
    return bool(_PLAIN.fullmatch(value)) and not _ESCAPED.search(value) and Text(value, 0, plain=True).kind is None


def inline(value: Value) -> str:
    """*value* in brackets, on one line."""
    if isinstance(value, str):
        return scalar(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return "{" + ", ".join(f"{scalar(key)}: {inline(item)}" for key, item in value.items()) + "}"


def entry(key: str, value: Value, indent: int, style: Style) -> str:
    """Lines without the last line break: ``key: value`` at column *indent*, what is below it further in."""
    margin = " " * indent
    if isinstance(value, str) or not value or _is_short(value):
        return f"{margin}{scalar(key)}: {inline(value)}"
    lines = block(value, indent + (style.dash if isinstance(value, list) else style.step), style)
    return f"{margin}{scalar(key)}:\n{lines}"


def item(value: Value, indent: int, style: Style) -> str:
    """Lines without the last line break: ``- value``, the dash at column *indent*."""
    if style.inline or not isinstance(value, dict) or not value:
        return f"{' ' * indent}- {inline(value)}"
    return f"{' ' * indent}- {block(value, indent + 2, style).lstrip(' ')}"


def block(value: Value, indent: int, style: Style) -> str:
    """The entries or items of *value*, a line or more for each, at column *indent*."""
    if isinstance(value, dict):
        return "\n".join(entry(key, each, indent, style) for key, each in value.items())
    return "\n".join(item(each, indent, style) for each in value)


def _is_short(value: Value) -> bool:
    """Labels; names and contacts stand in lines, so that they can be found and compared."""
    return isinstance(value, list) and all(isinstance(each, str) and len(each) <= _LONGEST_LABEL for each in value)


def style_of(text: str, tree: Node) -> Style:
    """The style that most of *text* has, judged by the first examples of each thing."""
    seen = dict(_seen(text, tree, 0))
    return Style(int(seen.get("step", 2)), int(seen.get("dash", 2)), bool(seen.get("inline", 1)))


def _seen(text: str, node: Node, column: int) -> Iterator[tuple[str, int]]:
    """What each block collection shows, the first ones last."""
    if not isinstance(node, Table) or text[node.start] == "{":
        return
    for key, value in reversed(list(node.entries.values())):
        if not isinstance(value, Items | Table) or text[value.start] in "[{":
            continue
        below = _column(text, value.start)
        if isinstance(value, Table):
            yield from _seen(text, value, below)
            yield "step", below - column
        else:
            yield "dash", max(0, below - _column(text, key.start))
            if value.nodes and isinstance(first := value.nodes[0], Table):
                yield "inline", text[first.start] == "{"


def _column(text: str, position: int) -> int:
    return position - (text.rfind("\n", 0, position) + 1)
