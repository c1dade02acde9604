"""The options by which groups and contacts are described on the command line."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

import click

from distributor.i18n import _
from distributor.recipients.model import GroupName

GROUPS = click.Choice([name.value for name in GroupName])

GROUP_OPTIONS = (
    click.option("--label", "labels", metavar="TEXT", multiple=True, help=_("a label of the imprint; all of them")),
    click.option("--template", metavar="FILE", help=_("the file in templates/")),
    click.option("--subject", metavar="TEXT", help=_("the subject of its letters")),
    click.option("--greeting", metavar="TEXT", help=_("how its letters begin")),
    click.option("--closing", metavar="TEXT", help=_("how its letters end")),
    click.option("--reply-to", metavar="ADDRESS", help=_("where answers go")),
)
CONTACT_OPTIONS = (
    click.option("--role", metavar="TEXT", help=_("what it is for, such as 收文")),
    click.option("--phone", metavar="TEXT", help=_("for the administrators of the list")),
    click.option("--note", metavar="TEXT", help=_("for the administrators of the list")),
)

_NAMED = re.compile(r"\s*(?P<name>[^<>]*?)\s*<\s*(?P<email>[^<>]+?)\s*>\s*")


def options(given: Iterable[Callable[..., Any]]) -> Callable[..., Any]:
    """All of *given* as one decorator."""
    return lambda command: reduce(lambda inner, option: option(inner), reversed(list(given)), command)


def said(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, "" among them; several texts as a list."""
    found = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    return {name: value for name, value in found.items() if value is not None and value != []}


def without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what has no text."""
    return {name: value for name, value in fields.items() if value}


def contact_of(text: str) -> dict[str, str]:
    """The name and address in ``NAME <ADDRESS>``.

    Raises:
        UsageError: it is not written like that.
    """
    found = _NAMED.fullmatch(text)
    if found is None or not found["name"]:
        raise click.UsageError(_('{text} is no contact; write it as "NAME <ADDRESS>"').format(text=text))
    return {"name": found["name"], "email": found["email"]}
