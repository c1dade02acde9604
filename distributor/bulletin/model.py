"""The parsed bulletin (工作简报): masthead (报头), body (报核), imprint (报尾). Words as in GB/T 9704 and the trade."""

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import Any

from distributor.errors import Finding

UNNAMED = "工作简报"
"""What a bulletin is called that does not state its name: what it is."""


@dataclass(frozen=True, slots=True)
class Article:
    """*title* as printed, "" where there is none; *paragraphs* with page breaks joined, never empty; *source* without
    （来源：）, several with ； between; *line* counts from 1."""

    title: str
    paragraphs: tuple[str, ...]
    source: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """A 栏目; *name* without its brackets, None for articles that stand under none."""

    name: str | None
    articles: tuple[Article, ...]
    line: int | None = None


@dataclass(frozen=True, slots=True)
class RoutedName:
    """One name of the imprint's distribution list (市有关部门) and the line it stands on."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class RoutingLine:
    """One label (送, 发, 抄送 …) as printed, without blanks, and the names after it in order."""

    label: str
    names: tuple[RoutedName, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Bulletin:
    """What a bulletin file says. What it does not say is None; of what every bulletin should say *findings* tell.

    *secrecy* is the marking without inner spaces (``秘密``, ``内部资料``). *signer* is "" where 签发人 is printed
    and left empty, None where it is not printed. *supplement* is True for a 增刊. *sha256* is of the file's bytes.
    """

    file: str
    sha256: str
    masthead: str | None
    number: int | None
    total_number: int | None
    year: int | None
    publisher: str | None
    date: dt.date | None
    secrecy: str | None
    signer: str | None
    copies: int | None
    handler: str | None
    supplement: bool
    sections: tuple[Section, ...]
    routing: tuple[RoutingLine, ...]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def titles(self) -> tuple[str, ...]:
        """Every printed title of an article in order."""
        titles = (article.title for section in self.sections for article in section.articles)
        return tuple(filter(None, titles))


def as_json(bulletin: Bulletin) -> dict[str, Any]:
    """*bulletin* ready for JSON (schema distributor.bulletin/1): what was read, without file, hash and findings."""
    document = asdict(bulletin)
    for name in ("file", "sha256", "findings"):
        del document[name]
    document["date"] = bulletin.date.isoformat() if bulletin.date else None
    return {"schema": "distributor.bulletin/1"} | document
