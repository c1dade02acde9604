"""What a spreadsheet of recipients says, whatever kind of file it is: one row for each address."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from distributor.errors import Finding, Place, Severity
from distributor.i18n import ngettext

MOST_OF_A_KIND = 1000
DEFAULT_NAME = "收件人"
"""What a contact is called that the file has no name for."""


class SheetRow(NamedTuple):
    """One address of the file; a cell with several gives several rows.

    *unit*, *name* (DEFAULT_NAME for none) and *email* are never empty, and all texts are as the list takes them; None
    stands for an empty cell, as for a column that the file does not have (`Sheet.fields` tells which). *disabled* is
    the reason. *note* may have several lines. *place* is the cell of the address (its line where the file is text).
    *hidden*: the row is hidden in the workbook.
    """

    unit: str
    name: str
    email: str
    role: str | None = None
    salutation: str | None = None
    phone: str | None = None
    audiences: tuple[str, ...] = ()
    disabled: str | None = None
    note: str | None = None
    place: Place | None = None
    hidden: bool = False


class Findings:
    """What is to be said about *file*, in the order of its rows.

    error: the row cannot be taken; warning: something was guessed or passed over; note: it was mended. Of each code
    the first MOST_OF_A_KIND are kept and the rest counted, so that memory does not grow with the file.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._kept: list[Finding] = []
        self._counts: Counter[tuple[Severity, str]] = Counter()

    def add(self, finding: Finding) -> None:
        """Keep *finding*, or count it."""
        kind = (finding.severity, finding.code)
        self._counts[kind] += 1
        if self._counts[kind] <= MOST_OF_A_KIND:
            self._kept.append(finding)

    def count(self, severity: Severity) -> int:
        """How many there are of one severity, those that are only counted included."""
        return sum(count for (which, _code), count in self._counts.items() if which is severity)

    def __iter__(self) -> Iterator[Finding]:
        """The findings kept, then for each code how many more there are."""
        yield from self._kept
        for (severity, code), count in self._counts.items():
            if (more := count - MOST_OF_A_KIND) > 0:
                text = ngettext("and {n} more of the kind {code}", "and {n} more of the kind {code}", more)
                yield Finding(severity, code, text.format(n=more, code=code), Place(self.file))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that is being read.

    *fields* are those that each of its sheets has a column for (unit, name, email, role, salutation, phone, audience,
    disabled, note): of the others the file says nothing, which is not the same as an empty cell. *rows* streams the
    file once, rows with errors left out; the findings are complete when it is exhausted. It raises InputError if the
    file turns out to be damaged or is gone.
    """

    file: str
    fields: frozenset[str]
    rows: Iterator[SheetRow]
    findings: Findings
