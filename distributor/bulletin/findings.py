"""What a person should know about a bulletin: what is missing and where it was looked for, what asks, what forbids."""

from collections.abc import Iterable, Iterator, Sequence

from distributor.bulletin.labels import LabelKind, label_of
from distributor.bulletin.layout import Layout
from distributor.bulletin.lines import Line
from distributor.bulletin.model import UNNAMED, RoutedName
from distributor.bulletin.numbers import folded
from distributor.errors import Finding, Place, Severity
from distributor.i18n import _, ngettext

_MOST_LISTED = 5
_LONGEST_NAME = 100


def findings_of(layout: Layout, file: str) -> tuple[Finding, ...]:
    """Every finding about the bulletin in *file*, in the order of its parts. ERROR: it cannot be sent as it is."""
    judge = _Judge(layout, file)
    return (*judge.marking(), *judge.head(), *judge.body(), *judge.imprint())


class _Judge:
    def __init__(self, layout: Layout, file: str) -> None:
        self.layout = layout
        self.file = file

    def _finding(
        self, severity: Severity, code: str, message: str, line: int | None = None, remedy: str | None = None
    ) -> Finding:
        return Finding(severity, code, message, Place(self.file, line), remedy)

    # Secrecy

    def marking(self) -> Iterator[Finding]:
        marking = self.layout.marking
        if marking is None:
            return
        if marking.secret:
            message = _("the bulletin is marked {marking}: it must not be sent over the internet").format(
                marking=marking.name
            )
            remedy = _("deliver it on paper or over the network for secret documents; there is no way around this")
            yield self._finding(Severity.ERROR, "secret", message, marking.line.number, remedy)
        else:
            message = _(
                "the bulletin is marked {marking}: a person must confirm that everybody in the imprint may have it"
            )
            message = message.format(marking=_short(marking.line.text))
            remedy = _("take out of the imprint whoever may not have it")
            yield self._finding(Severity.QUESTION, "internal", message, marking.line.number, remedy)

    # Head

    def head(self) -> Iterator[Finding]:
        head = self.layout.head
        if head.masthead is None and self._has_text():
            message = _(
                "the bulletin's name was not found ({where}): a person must confirm that its letters call it {name}"
            ).format(where=self._where(), name=UNNAMED)
            remedy = _("if it is a picture in the original, write the name as the first line")
            yield self._finding(Severity.QUESTION, "missing-masthead", message, remedy=remedy)
        yield from self._missing_numbers()
        yield from self._missing_date()
        if head.publisher is None:
            message = _("the publisher was not found ({where})").format(where=self._where())
            yield self._finding(Severity.NOTE, "missing-publisher", message)
        signer, line = self.layout.signer
        if signer == "" and line is not None:
            message = _(
                "签发人 is printed, but nobody's name stands after it: a person must confirm that it may go unsigned"
            )
            remedy = _("or have it signed, and write the name after 签发人：")
            yield self._finding(Severity.QUESTION, "unsigned", message, line.number, remedy)
        for line in head.unread:
            message = _("{text} in the head is not understood, and is left out").format(text=_short(line.text))
            yield self._finding(Severity.NOTE, "unread-head", message, line.number)

    def _missing_numbers(self) -> Iterator[Finding]:
        head = self.layout.head
        if head.number is None:
            severity = Severity.WARNING if head.total_number is None else Severity.NOTE
            message = _("the issue's number was not found ({where})").format(where=self._where())
            yield self._finding(severity, "missing-number", message, remedy=_("it is printed like 第4期"))
        if head.total_number is None:
            message = _("the running total was not found ({where})").format(where=self._where())
            yield self._finding(Severity.NOTE, "missing-total-number", message, remedy=_("it is printed like 总第60期"))

    def _missing_date(self) -> Iterator[Finding]:
        if self.layout.date is not None:
            return
        if bad := self.layout.dated or self.layout.head.bad_date:
            message = _("no calendar has this date: {text}").format(text=_short(bad.text))
            yield self._finding(Severity.WARNING, "bad-date", message, bad.number, _("correct the date"))
            return
        where = _("{where}, and right above the imprint").format(where=self._where())
        message = _("the date was not found ({where})").format(where=where)
        yield self._finding(Severity.WARNING, "missing-date", message, remedy=_("it is printed like 2019年7月31日"))

    def _where(self) -> str:
        """Where the head's parts were looked for."""
        head, lines = self.layout.head, self.layout.lines
        looked = [line.number for line in lines[: head.end] if line.text]
        if head.rest is not None and head.rest != lines[head.end]:
            looked.append(head.rest.number)
        if not looked:
            return _("the file begins with its text") if self.layout.body else _("nothing stands above the imprint")
        if len(looked) == 1:
            return _("looked in line {line}, above the text").format(line=looked[0])
        return _("looked in lines {first}–{last}, above the text").format(first=looked[0], last=looked[-1])

    # Body

    def body(self) -> Iterator[Finding]:
        if not self._has_text():
            yield from self._no_text()
        for line in self.layout.lines:
            if "\ufffd" in line.text:
                message = _("a character is damaged here (it was saved in another encoding before)")
                yield self._finding(Severity.WARNING, "damaged-character", message, line.number)
                break
        for line in self._labels_in_text()[:_MOST_LISTED]:
            message = _("{text} stands in the text, not at the end: nobody is written to because of it")
            message = message.format(text=_short(line.text))
            yield self._finding(Severity.WARNING, "label-in-text", message, line.number)
        if contents := self.layout.contents:
            message = _("the table of contents is left out ({lines})").format(lines=_lines(contents))
            yield self._finding(Severity.NOTE, "contents", message, contents[0].number)
        if numbers := self.layout.page_numbers:
            message = _("page numbers are left out ({lines})").format(lines=_lines(numbers))
            yield self._finding(Severity.NOTE, "page-numbers", message, numbers[0].number)

    def _has_text(self) -> bool:
        return any(section.articles for section in self.layout.sections)

    def _has_names(self) -> bool:
        return any(line.names for line in self.layout.imprint.routing)

    def _no_text(self) -> Iterator[Finding]:
        if self.layout.head.masthead is not None:
            message = _("there is no text between head and imprint: a person must confirm that the letters hold none")
            yield self._finding(Severity.QUESTION, "no-body", message, remedy=_("check that the file is whole"))
        elif self._has_names():
            message = _("there is nothing to send above the imprint: neither a name nor any text")
            remedy = _("check that this is the right file, and that it is whole")
            yield self._finding(Severity.ERROR, "empty-bulletin", message, remedy=remedy)

    def _labels_in_text(self) -> list[Line]:
        labels = ((line, label_of(line.text)) for line in self.layout.body)
        return [line for line, label in labels if label is not None and label.kind is LabelKind.ROUTING]

    # Imprint

    def imprint(self) -> Iterator[Finding]:
        routing = self.layout.imprint.routing
        if not self._has_names():
            yield self._no_routing()
            return
        for line in routing:
            if not line.names:
                message = _("nobody stands after {label}").format(label=line.label)
                yield self._finding(Severity.WARNING, "empty-label", message, line.line, _("write names, or delete it"))
        for name in (name for line in routing for name in line.names):
            yield from self._no_name(name)
        for unread in self.layout.imprint.remarks:
            message = _("{text} in the imprint is left out").format(text=_short(unread.text))
            yield self._finding(Severity.NOTE, "unread-imprint", message, unread.number)

    def _no_name(self, name: RoutedName) -> Iterator[Finding]:
        if ":" in folded(name.name):
            message = _("a second label stands on this line, where it does not count: {text}")
            remedy = _("begin a new line with each label")
            yield self._finding(
                Severity.ERROR, "second-label", message.format(text=_short(name.name)), name.line, remedy
            )
        elif len(name.name) > _LONGEST_NAME:
            message = _("this is too long for a name: {text}").format(text=_short(name.name))
            remedy = _("put 、 between names; text does not belong in the imprint")
            yield self._finding(Severity.ERROR, "long-name", message, name.line, remedy)

    def _no_routing(self) -> Finding:
        written = [line.number for line in self.layout.lines if line.text]
        message = _("there is no distribution list (looked for 报：, 送： or 发： from line {last} upwards)").format(
            last=written[-1] if written else 1
        )
        if labels := self._labels_in_text():
            text = _("{message}; {text} in line {line} is taken for text, for more text stands in or below it")
            message = text.format(message=message, text=_short(labels[-1].text), line=labels[-1].number)
        remedy = _("write it as the last lines of the file, for example 送：市有关部门")
        return self._finding(Severity.ERROR, "no-routing", message, None, remedy)


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"


def _lines(lines: Iterable[Line]) -> str:
    numbers: Sequence[int] = [line.number for line in lines]
    first = ", ".join(map(str, numbers[:_MOST_LISTED]))
    more = len(numbers) > _MOST_LISTED
    return ngettext("line {numbers}", "lines {numbers}", len(numbers)).format(numbers=first + (" …" if more else ""))
