"""A bulletin, a group and the site's templates become the group's chat message: one for each service, and for all.

The vendors' Markdown dialects differ, and none documents an escape that all its apps honour. So what the bulletin says
is written such that there is nothing to escape (`plain`), and only what a template itself writes is Markdown.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined, Template

from distributor.bulletin.model import Article, Bulletin
from distributor.endpoints import Kind
from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _
from distributor.recipients.model import Group
from distributor.render.chat_payloads import Shape, shape_of
from distributor.render.context import letter_context
from distributor.render.environment import LetterEnvironment, written
from distributor.render.faults import template_fault
from distributor.render.fields import NAMES, NotForAllError
from distributor.render.letter import HTML_SUFFIX
from distributor.render.text import UNPRINTABLE, tidy

FOLDER, SUFFIX = "chat/", ".md.j2"
LAYOUT = f"{FOLDER}base{SUFFIX}"
# Characters of an article's summary.
SUMMARY = 60

# What begins a mark in some dialect: tags and mentions, links, emphasis, code, headings, entities, tables, formulas.
_MARKS = "<>[]*_~`#\\@&$|"
_LINE_MARK = re.compile(r"[-+](?=[-\s]|\Z)|=|\d{1,9}[.)](?=\s|\Z)")  # lists, rules, and the lines below headings
_COLON = re.compile(r"(?<!\d):|:(?!\d)")
_LINK = re.compile(r"https?://[^\s<>()\[\]\\\"'`\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def _wide(char: str) -> str:
    """The full-width form of one of ASCII's."""
    return chr(ord(char) + 0xFEE0)


_WIDE = str.maketrans({mark: _wide(mark) for mark in _MARKS})


@dataclass(frozen=True, slots=True)
class ChatArticle:
    """An article as templates have it, plain. *summary*: how its text begins; "" where there is no room for that."""

    title: str
    source: str
    summary: str


@dataclass(frozen=True, slots=True)
class ChatSection:
    """A 栏目 with those of its articles that there is room for; *name* "" where they stand under none."""

    name: str
    articles: tuple[ChatArticle, ...]


def chat_payloads(
    bulletin: Bulletin, group: Group, templates: Mapping[str, str], kinds: Iterable[Kind], *, link: str = ""
) -> dict[Kind, bytes]:
    """The message of *group* for each of *kinds*, as the JSON that is posted, signature and address aside.

    *templates* holds every template of the site by name; the group's is chat/NAME.md.j2, NAME being that of its
    letter's, else chat/base.md.j2. *link* is the web copy's address. What is longer than a service takes is cut
    between two articles: first the summaries go, then the last articles, and the message says how many.

    Raises:
        InputError: the faults of the group's texts and templates, all that were found.
        ValueError: a *link* that is no web address.
    """
    if link and not _LINK.fullmatch(link):
        raise ValueError(link)
    environment = _ChatEnvironment(templates)
    presses = [_Press(bulletin, group, environment, shape_of(kind), link) for kind in kinds]
    made = {press.shape.kind: press.payload() for press in presses}
    if faults := [fault for press in presses for fault in press.faults]:
        raise InputError(dict.fromkeys(faults))
    return made


def plain(text: str) -> str:
    """*text* on one line, and such that no dialect of Markdown takes any of it for a mark, a mention or a link.

    Marks are written in full width, as Chinese text has them anyway.
    """
    line = " ".join(UNPRINTABLE.sub("", text).translate(_WIDE).split())
    line = _COLON.sub("：", line)
    mark = _LINE_MARK.match(line)
    if mark is None:
        return line
    at = mark.end() - 1
    return f"{line[:at]}{_wide(line[at])}{line[at + 1 :]}"


class _Marked(str):
    """Markdown of the template's own, or what is plain already."""


def _put_out(value: object) -> object:
    """What a template writes for *value* (Jinja's ``finalize``)."""
    return value if isinstance(value, _Marked) else plain(str(value))


class _ChatEnvironment(LetterEnvironment):
    """As for letters, but that whatever an expression gives is written plain."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        super().__init__(templates, _Marked, autoescape=False)
        self.finalize = _put_out
        self.templates = templates

    def written(self, template: Template, context: Mapping[str, object]) -> str:
        """What *template* writes, printable; raises as written() does. How far it counts is limited for each."""
        self._numbers = 0
        return UNPRINTABLE.sub("", written(template, context))


class _Press:
    """One message for one service."""

    def __init__(
        self, bulletin: Bulletin, group: Group, environment: _ChatEnvironment, shape: Shape, link: str
    ) -> None:
        self.bulletin = bulletin
        self.group = group
        self.environment = environment
        self.templates = environment.templates
        self.shape = shape
        self.faults: list[Finding] = []
        self.total = sum(len(section.articles) for section in bulletin.sections)
        self.context = letter_context(bulletin) | {
            **{name: _not_for_all(name) for name in NAMES},
            "group": group.name.value,
            "titled": shape.titled,
            "link": _Marked(link),
        }
        self.title = plain("{masthead} {number_line}".format_map(self.context))

    def payload(self) -> bytes:
        """The message, as long as the service takes it; b"" after a fault."""
        self.context |= {name: self._lines(name, getattr(self.group, name)) for name in ("greeting", "closing")}
        template = self._attempt(lambda: self.environment.get_template(self._name()), Place(self._name()))
        if template is None:
            return b""
        made = self._fitting(template)
        if made is None and not self.faults:
            self._too_long()
        return made or b""

    def _name(self) -> str:
        name = FOLDER + self.group.template.removesuffix(HTML_SUFFIX) + SUFFIX
        return name if name in self.templates else LAYOUT

    def _lines(self, part: str, source: str) -> object:
        """A text of the list as its lines; what differs by recipient may stand there, for letters."""
        try:
            text = self.environment.written(self.environment.from_string(source), self.context)
        except NotForAllError as error:
            hint = _("{part} of the list has {why}").format(part=part, why=error.message)
            return StrictUndefined(hint, name=part, exc=NotForAllError)
        except Exception as error:  # templates are programs: they can fail in every way
            self.faults.append(template_fault(error, self.templates, self.group.place_of(part), part))
            return ()
        return tuple(_Marked(line) for line in map(str.strip, text.splitlines()) if line)

    def _fitting(self, template: Template) -> bytes | None:
        """With all articles and their summaries if that fits, else with as many titles as do."""
        whole = self._made(template, self.total, SUMMARY) or self._made(template, self.total, 0)
        if whole is not None or self.faults:
            return whole
        fewer = range(self.total)
        most = bisect_left(fewer, True, key=lambda count: self._made(template, count, 0) is None) - 1
        made = self._made(template, most, 0) if most >= 0 else None
        return made if made is not None and self._says_more(template, most) else None

    def _made(self, template: Template, count: int, summary: int) -> bytes | None:
        """The message with the first *count* articles; None if it is too long, or after a fault."""
        text = self._text(template, count, summary, self.total - count)
        return None if text is None else self.shape.made(self.title, text)

    def _text(self, template: Template, count: int, summary: int, more: int) -> str | None:
        context = self.context | {"sections": _sections(self.bulletin, count, summary), "more": more}
        text = self._attempt(lambda: self.environment.written(template, context), Place(self._name()))
        if text is None:
            return None
        if not text.strip():
            message, remedy = _("the chat message is empty for this bulletin"), _("write some text into the template")
            self._fault("chat-empty", message, remedy)
            return None
        return tidy(text).rstrip("\n")

    def _says_more(self, template: Template, count: int) -> bool:
        """Whether a message that was cut says so: a reader must not take a part for the whole."""
        says = self._text(template, count, 0, 1) != self._text(template, count, 0, 2)
        if not says and not self.faults:
            message = _("the bulletin is too long for a chat message, and the template does not say what is left out")
            self._fault("chat-cut-unsaid", message, _("write {% if more %}另有 {{ more }} 篇{% endif %} into it"))
        return says

    def _attempt(self, work: Callable[[], Any], place: Place) -> Any:
        """What *work* gives; None after a fault."""
        try:
            return work()
        except Exception as error:  # templates are programs: they can fail in every way
            self.faults.append(template_fault(error, self.templates, place))
            return None

    def _too_long(self) -> None:
        text = _("the chat message is too long even without articles: {service} takes {most} bytes")
        message = text.format(service=self.shape.kind, most=self.shape.most)
        self._fault("chat-too-long", message, _("shorten the template"))

    def _fault(self, code: str, message: str, remedy: str) -> None:
        self.faults.append(Finding(Severity.ERROR, code, message, Place(self._name()), remedy))


def _not_for_all(name: str) -> StrictUndefined:
    hint = _("{name} differs by recipient").format(name=name)
    return StrictUndefined(hint, name=name, exc=NotForAllError)


def _sections(bulletin: Bulletin, count: int, summary: int) -> Sequence[ChatSection]:
    """The sections with the first *count* articles of all; those without any are left out."""
    made = []
    for section in bulletin.sections:
        articles = section.articles[: max(0, count)]
        count -= len(articles)
        if articles:
            made.append(ChatSection(plain(section.name or ""), tuple(_article(each, summary) for each in articles)))
    return made


def _article(article: Article, summary: int) -> ChatArticle:
    beginning = plain(article.paragraphs[0]) if article.paragraphs and summary else ""
    cut = beginning if len(beginning) <= summary else f"{beginning[: summary - 1]}…"
    return ChatArticle(plain(article.title), plain(article.source or ""), cut)
