"""A bulletin, a group and the site's templates become the group's letter: once for all, or once for each recipient."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress

from jinja2 import Template

from distributor.bulletin.model import Bulletin
from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _
from distributor.recipients.model import Group
from distributor.render.context import letter_context
from distributor.render.environment import EndlessError, LetterEnvironment, written
from distributor.render.faults import template_fault
from distributor.render.fields import NAMES, LooksAtRecipientError, Seen, Tokens, Unseen
from distributor.render.inlining import inlined
from distributor.render.model import Letter, Merged, MergeFields
from distributor.render.outside import outside_of
from distributor.render.text import UNPRINTABLE, tidy

# Bytes of HTML; above about 102 KB, Gmail cuts a letter off.
MAX_HTML = 100_000
# Characters of a bulletin that fit into it: a Chinese one takes three bytes, and a quarter is for the layout.
FITTING = MAX_HTML // 4
HTML_SUFFIX, TEXT_SUFFIX = ".html.j2", ".txt.j2"
LAYOUT_TEXT = "base.txt.j2"
# For looking at a letter that is made for each recipient anew, before there is a recipient.
SPECIMEN = MergeFields(
    contact="收文员", unit="某某单位", salutation="某某单位办公室", role="收文", email="office@unit.example"
)

_LINE_BREAKS = re.compile("[\t\n\u2028\u2029]+")


def render_letter(
    bulletin: Bulletin, group: Group, templates: Mapping[str, str], fields: MergeFields | None = None
) -> Letter:
    """The letter of *group*; *templates* holds every template of the site by name.

    Without *fields*, one letter for all recipients, with gaps for what differs. If a template looks at the recipient,
    that cannot be: then, and with *fields*, the letter of one recipient (or of a specimen), `Letter.per_recipient`.
    The text template is the HTML one's neighbour (members.html.j2, members.txt.j2), else base.txt.j2.

    Raises:
        InputError: the faults of the group's texts and templates, all that were found.
    """
    tokens = Tokens(repr((bulletin, group, sorted(templates.items()), fields)))
    if fields is None:
        # A fault may only be a filter that chokes on an unseen field; if it is a true one, it comes again below.
        with suppress(LooksAtRecipientError, InputError):
            return _Press(bulletin, group, templates, tokens, None).letter()
    return _Press(bulletin, group, templates, tokens, fields or SPECIMEN).letter()


class _Press:
    """One rendering of one letter; *fields* None: for all recipients."""

    def __init__(
        self,
        bulletin: Bulletin,
        group: Group,
        templates: Mapping[str, str],
        tokens: Tokens,
        fields: MergeFields | None,
    ) -> None:
        self.bulletin = bulletin
        self.group = group
        self.templates = templates
        self.tokens = tokens
        self.fields = fields
        self.faults: list[Finding] = []
        self.html = LetterEnvironment(templates, self._captured(MergeFields.escaped), autoescape=True)
        self.text = LetterEnvironment(templates, self._captured(MergeFields.plain), autoescape=False)
        merge = tokens.seen(fields) if fields else tokens.unseen()
        self.context: dict[str, object] = {**letter_context(bulletin), **merge, "group": group.name.value}

    def _captured(self, values: Callable[[MergeFields], Mapping[str, str]]) -> Callable[[str], str]:
        """What becomes of a text that a template captures and may then look at: no token may hide in it."""

        def captured(text: str) -> str:
            if not self.tokens.found(text):
                return text
            if self.fields is None:
                raise LooksAtRecipientError
            return self.tokens.filled(text, values(self.fields))

        return captured

    def letter(self) -> Letter:
        subject = _LINE_BREAKS.sub(" ", self._line("subject", self.group.subject)).strip()
        self.context |= {
            "subject": self._opaque(subject),
            "greeting": self._paragraphs("greeting", self.group.greeting),
            "closing": self._paragraphs("closing", self.group.closing),
        }
        html = self._inlined(self._written(self.html, self.group.template))
        text = tidy(self._written(self.text, self._text_template()))
        if self.faults:
            raise InputError(dict.fromkeys(self.faults))
        return Letter(
            self._merged(subject, MergeFields.plain),
            self._merged(html, MergeFields.escaped),
            self._merged(text, MergeFields.plain),
            self.group.reply_to,
            per_recipient=self.fields is not None,
        )

    def _paragraphs(self, part: str, source: str) -> tuple[object, ...]:
        """A text of the list as its lines, ready for templates of both kinds."""
        lines = map(str.strip, self._line(part, source).splitlines())
        return tuple(self._opaque(line) for line in lines if line)

    def _opaque(self, text: str) -> object:
        """*text* for templates, which may not look at it any more than at the fields in it."""
        if not self.tokens.found(text):
            return text
        return Seen(self.tokens.filled(text, self.fields.plain()), text) if self.fields else Unseen(text)

    def _text_template(self) -> str:
        name = self.group.template.removesuffix(HTML_SUFFIX) + TEXT_SUFFIX
        return name if name in self.templates else LAYOUT_TEXT

    def _line(self, part: str, source: str) -> str:
        """A text of the list; only the subject may not be empty."""
        place = self.group.place_of(part)
        return self._attempt(lambda: self.text.from_string(source), place, part, empty=part != "subject")

    def _written(self, environment: LetterEnvironment, name: str) -> str:
        place = Place(name) if name in self.templates else self.group.place_of("template")
        return self._attempt(lambda: environment.get_template(name), place)

    def _attempt(self, template: Callable[[], Template], place: Place, part: str = "", *, empty: bool = False) -> str:
        """What the template writes; "" after a fault, and only then unless it may be *empty*."""
        try:
            text = UNPRINTABLE.sub("", written(template(), self.context))
        except Exception as error:  # templates are programs: they can fail in every way
            if isinstance(error, EndlessError) and self._is_long():
                self._bulletin_too_long()
                return ""
            self.faults.append(template_fault(error, self.templates, place, part))
            return ""
        if not (empty or text.strip()):
            message = _("{part} is empty for this bulletin").format(part=part or place.file)
            remedy = _("write some text into it that does not depend on the bulletin")
            self._fault("letter-empty", message, place, remedy)
            return ""
        return text.strip("\n")

    def _inlined(self, page: str) -> str:
        if not page or self._too_long(page):
            return ""
        place = Place(self.group.template)
        try:
            html = "" if self._refers_outside(page) else inlined(page)
        except Exception as error:  # html.parser, lxml, cssselect, cssutils and premailer have no error in common
            self.faults.append(template_fault(error, (), place))
            return ""
        if html and self.tokens.found(page) != self.tokens.found(html):
            message = _("a merge field stands where it is lost when the page is made")
            self._fault("field-lost", message, place, _("put merge fields into text or into quoted attributes only"))
        return "" if self._too_long(html) else html

    def _too_long(self, html: str) -> bool:
        if (size := len(html.encode())) <= MAX_HTML:
            return False
        if self._is_long():
            self._bulletin_too_long()
            return True
        text = _("the letter to {group} has {size} KB of HTML; mailboxes cut off what is above {most} KB")
        message = text.format(group=self.group.name, size=-(-size // 1000), most=MAX_HTML // 1000)
        remedy = _("shorten the bulletin or the template; a long document can go as an attachment (`--attach FILE`)")
        self._fault("letter-too-long", message, Place(self.group.template), remedy)
        return True

    def _is_long(self) -> bool:
        """Whether the bulletin alone fills a letter, so that no template is to blame."""
        return _characters(self.bulletin) > FITTING

    def _bulletin_too_long(self) -> None:
        message = _("the bulletin is too long for a letter: it has {n} characters, and about {most} fit").format(
            n=_characters(self.bulletin), most=FITTING
        )
        remedy = _("send a shorter one, with the whole document as an attachment (`--attach FILE`)")
        self._fault("bulletin-too-long", message, Place(self.bulletin.file), remedy)

    def _refers_outside(self, page: str) -> bool:
        found = outside_of(self.tokens.filled(page, {name: f"{{{{ {name} }}}}" for name in NAMES}))
        for what in found:
            message = _("the letter refers to something remote or active: {what}").format(what=what.shown)
            remedy = _(
                "take it out: a letter loads nothing remote and runs nothing; styles stand in <style>, and a link may "
                'be <a href="https://…"> or mailto:'
            )
            self._fault("letter-refers-outside", message, self._place_of(what.written), remedy)
        return bool(found)

    def _place_of(self, words: str) -> Place:
        """The template and line where *words* stand; the group's template if they were put together."""
        for name in self.html.used:
            before, found, _after = self.templates[name].partition(words)
            if found:
                return Place(name, before.count("\n") + 1)
        return Place(self.group.template)

    def _fault(self, code: str, message: str, place: Place, remedy: str) -> None:
        self.faults.append(Finding(Severity.ERROR, code, message, place, remedy))

    def _merged(self, text: str, values: Callable[[MergeFields], Mapping[str, str]]) -> Merged:
        if self.fields is None:
            return self.tokens.split(text)
        return Merged((self.tokens.filled(text, values(self.fields)),))


def _characters(bulletin: Bulletin) -> int:
    return sum(
        len(article.title) + sum(map(len, article.paragraphs))
        for section in bulletin.sections
        for article in section.articles
    )
