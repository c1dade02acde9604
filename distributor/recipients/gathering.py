"""Findings gathered from a list of any length: all are counted, and the first of each kind are kept."""

from collections import Counter
from collections.abc import Iterator

from distributor.errors import Finding, Place, Severity
from distributor.i18n import _, ngettext

_ORDER = list(Severity)


class Gathered:
    """Findings, the first *most* of each code kept (None: all); those that stand in *file* come first."""

    def __init__(self, file: str, most: int | None) -> None:
        self.counts: Counter[tuple[Severity, str]] = Counter()
        self._file = file
        self._most = most
        self._kept: list[Finding] = []

    def add(
        self, severity: Severity, code: str, message: str, place: Place | None = None, remedy: str | None = None
    ) -> None:
        """Note one finding; of one code they come in the order of their places."""
        self.take(Finding(severity, code, message, place, remedy))

    def take(self, finding: Finding) -> None:
        """Note *finding*."""
        kind = (finding.severity, finding.code)
        self.counts[kind] += 1
        if self._most is None or self.counts[kind] <= self._most:
            self._kept.append(finding)

    def ordered(self) -> tuple[Finding, ...]:
        """By severity, then by file and line; at the end of a severity how many more there are of which code."""
        return tuple(sorted([*self._kept, *self._others()], key=self._key))

    def _others(self) -> Iterator[Finding]:
        for (severity, code), count in self.counts.items():
            if self._most is not None and count > self._most:
                text = ngettext("and {n} more of the kind {code}", "and {n} more of the kind {code}", count)
                message = text.format(n=count - self._most, code=code)
                yield Finding(severity, code, message, remedy=_("--all shows all of them"))

    def _key(self, finding: Finding) -> tuple[int, bool, bool, str, int]:
        place = finding.place
        file, line = (place.file, place.line or 0) if place else ("", 0)
        return _ORDER.index(finding.severity), place is None, file != self._file, file, line


def seen_from(here: Place, place: Place) -> str:
    """How a text that stands *here* names another *place*: by the line alone, if it is in the same file."""
    return str(place) if place.file != here.file else _("line {line}").format(line=place.line)
