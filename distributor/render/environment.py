"""The Jinja2 environments that letters are rendered in: sandboxed, strict, and careful with merge fields."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, Template
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from distributor.i18n import _
from distributor.render.fields import LooksAtRecipientError, Unseen, put_out

# Far above any letter, far below what hurts: a template that writes or counts more is caught in a loop.
MAX_CHARACTERS = 1_000_000
MAX_NUMBERS = 100_000


class LetterEnvironment(ImmutableSandboxedEnvironment):
    """Templates by name, from memory.

    *captured* is given every text that a template catches instead of writing it (a macro's, a ``set`` or ``filter``
    block's, ``super()``), and gives back the text to go on with. *used* are the names of those that were loaded.
    """

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self, templates: Mapping[str, str], captured: Callable[[str], str], *, autoescape: bool) -> None:
        self._templates = templates
        self.used: list[str] = []
        super().__init__(
            loader=FunctionLoader(self._source),
            undefined=StrictUndefined,
            finalize=put_out,
            autoescape=autoescape,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.concat = lambda parts: captured("".join(parts))  # type: ignore[method-assign]
        self.filters = {name: _blind(function) for name, function in self.filters.items()}
        self.tests = {name: _blind(function) for name, function in self.tests.items()}
        self.globals["range"] = self._range
        del self.globals["lipsum"]
        self._numbers = 0

    def _source(self, name: str) -> tuple[str, str, None] | None:
        if name not in self._templates:
            return None
        self.used.append(name)
        return self._templates[name], name, None

    def _range(self, *arguments: int) -> range:
        """The sandbox limits one range; loops within loops need one limit for all of them."""
        numbers = range(*arguments)
        self._numbers += len(numbers)
        if self._numbers > MAX_NUMBERS:
            raise SecurityError(_("it counts too far"))
        return numbers

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The same for texts and lists (``"─" * 30``), and for powers."""
        if operator == "**":
            raise SecurityError(_("it uses powers (**)"))
        sides = [len(side) if isinstance(side, Sized) else side for side in (left, right)]
        if sides != [left, right] and sides[0] * sides[1] > MAX_CHARACTERS:
            raise SecurityError(_("it repeats a text too often"))
        return super().call_binop(context, operator, left, right)


def _blind(function: Any) -> Callable[..., Any]:
    """A filter or test that is given no `Unseen`: some answer by type alone, and would answer wrongly."""

    @functools.wraps(function)
    def blind(*arguments: Any, **options: Any) -> Any:
        if any(isinstance(value, Unseen) for value in (*arguments, *options.values())):
            raise LooksAtRecipientError
        return function(*arguments, **options)

    return blind


class EndlessError(SecurityError):
    """A template writes more than any letter has."""


def written(template: Template, context: Mapping[str, object]) -> str:
    """What *template* writes.

    Raises:
        EndlessError: it writes without end.
        Exception: whatever else a template can do wrong; faults.py says where.
    """
    return "".join(_limited(template.generate(context)))


def _limited(parts: Iterable[str]) -> Iterable[str]:
    length = 0
    for part in parts:
        length += len(part)
        if length > MAX_CHARACTERS:
            raise EndlessError(_("it writes without end"))
        yield part
