"""A letter between its templates and its bytes: texts with gaps, and the values that fill them for one recipient."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class MergeFields:
    """What differs between recipients; *role* may be "". Values are single lines, as recipients/ checks them."""

    contact: str
    unit: str
    salutation: str
    role: str
    email: str

    def plain(self) -> dict[str, str]:
        """By name, for subject and text."""
        return asdict(self)

    def escaped(self) -> dict[str, str]:
        """By name, for HTML text and quoted attributes."""
        return {name: escape(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Merged:
    """A text with gaps: literals[0], the value of fields[0], literals[1] …; one literal more than fields."""

    literals: tuple[str, ...]
    fields: tuple[str, ...] = ()

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with *values* in its gaps."""
        parts = [self.literals[0]]
        for name, literal in zip(self.fields, self.literals[1:], strict=True):
            parts += (values[name], literal)
        return "".join(parts)

    def prefixed(self, prefix: str) -> "Merged":
        """The same with *prefix* before it."""
        first, *others = self.literals
        return Merged((prefix + first, *others), self.fields)


@dataclass(frozen=True, slots=True)
class Letter:
    """One group's letter, rendered once for all its recipients.

    *per_recipient*: a template looks at the recipient (an ``if``, a filter), so there is nothing to splice. The texts
    are then a specimen's, without gaps, and the letter is rendered anew for every recipient.
    """

    subject: Merged
    html: Merged
    text: Merged
    reply_to: str | None
    per_recipient: bool = False

    def filled(self, fields: MergeFields) -> "FinishedLetter":
        """The letter as the recipient with *fields* reads it."""
        plain = fields.plain()
        return FinishedLetter(self.subject.filled(plain), self.html.filled(fields.escaped()), self.text.filled(plain))


@dataclass(frozen=True, slots=True)
class FinishedLetter:
    """What one recipient reads."""

    subject: str
    html: str
    text: str
