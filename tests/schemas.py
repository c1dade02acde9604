"""JSON Schema (draft 2020-12), as much of it as ours use; and stricter: a member that is not described is wrong."""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_WORDS = {"$schema", "$id", "$defs", "title", "description", "properties"}  # said elsewhere, or for people


def violations(value: Any, schema: Schema, root: Schema, place: str = "") -> Iterator[str]:
    """What is wrong with *value*, each with its place; *root* is the document that holds *schema*."""
    for word, said in schema.items():
        if word not in _WORDS:
            yield from (f"{place}: {fault}" for fault in _RULES[word](value, said))
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from violations(item, schema["items"], root, f"{place}[{number}]")
    if isinstance(value, dict) and ("properties" in schema or "additionalProperties" in schema):
        yield from _members(value, schema, root, place)
    if "$ref" in schema:
        yield from violations(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, place)
    if "anyOf" in schema:
        found = [list(violations(value, each, root, place)) for each in schema["anyOf"]]
        if all(found):
            yield from min(found, key=len)


def _members(value: Mapping[str, Any], schema: Schema, root: Schema, place: str) -> Iterator[str]:
    for name, member in value.items():
        described = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
        if described is None:
            yield f"{place}.{name}: not described"
        else:
            yield from violations(member, described, root, f"{place}.{name}")
        if "propertyNames" in schema:
            yield from violations(name, schema["propertyNames"], root, f"{place}: name")


def _is(holds: bool, fault: str) -> list[str]:
    return [] if holds else [fault]


def _type(value: Any, said: str | list[str]) -> list[str]:
    return _is(any(_TYPES[each](value) for each in ([said] if isinstance(said, str) else said)), f"{value!r} no {said}")


def _format(value: Any, said: str) -> list[str]:
    assert said == "date-time"
    if not isinstance(value, str):
        return []
    return _is(dt.datetime.fromisoformat(value).utcoffset() is not None, f"{value!r} is no time of a zone")


_RULES: dict[str, Callable[[Any, Any], list[str]]] = {
    "type": _type,
    "format": _format,
    "const": lambda value, said: _is(value == said, f"{value!r} is not {said!r}"),
    "enum": lambda value, said: _is(value in said, f"{value!r} is none of {said}"),
    "minimum": lambda value, said: _is(not isinstance(value, int) or value >= said, f"{value} is less than {said}"),
    "minItems": lambda value, said: _is(len(value) >= said, f"fewer than {said}"),
    "pattern": lambda value, said: _is(re.search(said, str(value)) is not None, f"{value!r} does not match {said}"),
    "required": lambda value, said: [
        f"{name} is missing" for name in said if isinstance(value, dict) and name not in value
    ],
    **dict.fromkeys(("items", "$ref", "anyOf", "additionalProperties", "propertyNames"), lambda _value, _said: []),
}
