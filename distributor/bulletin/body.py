"""The body (报核): sections, and in them articles with their paragraphs and sources."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from distributor.bulletin.contents import contents_span
from distributor.bulletin.lines import Line, section_name
from distributor.bulletin.model import Article, Section
from distributor.bulletin.paragraphs import blocks_of, continues, join, right_edge, without_source
from distributor.bulletin.titles import titled


@dataclass(slots=True)
class _Draft:
    """An article that is being read; *paragraphs* are the parts of each, to be joined at the end."""

    title: str
    line: int
    paragraphs: list[list[str]] = field(default_factory=list)

    def article(self) -> Article:
        texts, sources = [], []
        for parts in self.paragraphs:
            text, source = without_source(join(parts))
            texts.append(text)
            sources.append(source)
        source = "；".join(dict.fromkeys(source for source in sources if source))
        return Article(self.title, tuple(text for text in texts if text), source or None, self.line)


def read_body(lines: Sequence[Line]) -> tuple[tuple[Section, ...], list[Line]]:
    """The sections of *lines*, and the lines of the table of contents, which are left out.

    What stands above the first heading makes a section without name. An article without title has the title "".
    """
    start, end = contents_span(lines)
    kept = [*lines[:start], *lines[end:]]
    sections = tuple(section for section in _sections(kept) if section.name or section.articles)
    return sections, [line for line in lines[start:end] if line.text]


def _sections(lines: Sequence[Line]) -> Iterator[Section]:
    edge = right_edge(lines)
    name, number = None, None
    held: list[Line] = []
    for line in lines:
        if heading := section_name(line.text):
            yield Section(name, tuple(_articles(held, edge)), number)
            name, number, held = heading, line.number, []
        else:
            held.append(line)
    yield Section(name, tuple(_articles(held, edge)), number)


def _articles(lines: Sequence[Line], edge: int | None) -> Iterator[Article]:
    blocks = blocks_of(lines, edge)
    titles = titled([block.text for block in blocks], [block.gap for block in blocks])
    draft: _Draft | None = None
    for block, is_title in zip(blocks, titles, strict=True):
        if is_title or draft is None:
            if draft is not None:
                yield draft.article()
            draft = _Draft(block.text if is_title else "", block.lines[0].number)
        if is_title:
            continue
        if draft.paragraphs and continues(draft.paragraphs[-1][-1], block.text):
            draft.paragraphs[-1] += block.parts
        else:
            draft.paragraphs.append(block.parts)
    if draft is not None:
        yield draft.article()
