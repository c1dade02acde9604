"""Merge fields on their way through templates and premailer.

A field is put out as a *token*: letters and digits that nothing on the way changes and that stand nowhere else. What
was rendered is cut at its tokens, and each recipient's values are spliced into the gaps. That is right only as long as
no template looks at a value, so while one letter is made for all, fields are `Unseen`: put out, or nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from functools import cached_property
from hashlib import sha256
from itertools import count
from typing import NoReturn

from jinja2.exceptions import UndefinedError

from distributor.render.model import Merged, MergeFields

NAMES = tuple(field.name for field in fields(MergeFields))


class NotForAllError(UndefinedError):
    """A message that is one for a whole group names what differs from recipient to recipient."""


class LooksAtRecipientError(BaseException):
    """A template did more with a merge field than put it out. No Exception, lest a filter swallows it."""


class Unseen:
    """A text that differs from recipient to recipient: it can be put out, and every other use of it raises."""

    __slots__ = ("output",)

    def __init__(self, output: str) -> None:
        self.output = output

    def _look(self, *_arguments: object) -> NoReturn:
        raise LooksAtRecipientError

    __str__ = __repr__ = __format__ = __html__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _look
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __getattr__ = _look
    __add__ = __radd__ = __mul__ = __rmul__ = __mod__ = __rmod__ = __int__ = __float__ = __index__ = _look


class Seen(str):
    """A recipient's own value, for a template that looks at it. Put out as it is, it is its token again."""

    output: str

    def __new__(cls, value: str, output: str) -> "Seen":
        self = super().__new__(cls, value)
        self.output = output
        return self


def put_out(value: object) -> object:
    """What a template writes for *value* (Jinja's ``finalize``)."""
    return value.output if isinstance(value, Unseen | Seen) else value


class Tokens:
    """One token for each merge field, in none of which *text* has a part. The same text gives the same tokens."""

    def __init__(self, text: str) -> None:
        digests = (sha256(f"{salt}{text}".encode(errors="surrogatepass")).hexdigest() for salt in count())
        self._mark = next(mark for digest in digests if (mark := f"m{digest[:24]}n") not in text)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches a token; its group is the field's index."""
        return re.compile(f"{self._mark}([0-{len(NAMES) - 1}])z")

    def _token(self, name: str) -> str:
        return f"{self._mark}{NAMES.index(name)}z"

    def unseen(self) -> dict[str, object]:
        """The fields of nobody in particular."""
        return {name: Unseen(self._token(name)) for name in NAMES}

    def seen(self, values: MergeFields) -> dict[str, object]:
        """The fields of one recipient."""
        return {name: Seen(value, self._token(name)) for name, value in values.plain().items()}

    def found(self, text: str) -> list[str]:
        """The indices of the fields in *text*, in order."""
        return self.pattern.findall(text)

    def split(self, text: str) -> Merged:
        """*text* cut at its tokens."""
        parts = self.pattern.split(text)
        return Merged(tuple(parts[::2]), tuple(NAMES[int(index)] for index in parts[1::2]))

    def filled(self, text: str, values: Mapping[str, str]) -> str:
        """*text* with values in place of its tokens."""
        return self.split(text).filled(values)
