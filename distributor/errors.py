"""One tree of errors, and the findings they carry.

A *finding* is one thing that a person should know about some input: what, where, and what to do. Faults of a file are
collected and raised together, so that nobody mends a file one error at a time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """error: nothing is done; question: a person must confirm; warning: said, and on we go; note: for information."""

    ERROR = "error"
    QUESTION = "question"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file; *line* counts from 1. Printed as ``file:line``.

    In a workbook *cell* names sheet and cell, *line* is the cell's row. Printed as ``list.xlsx 表1!C17``.
    """

    file: str
    line: int | None = None
    cell: str | None = None

    def __str__(self) -> str:
        if self.cell is not None:
            return f"{self.file} {self.cell}"
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Finding:
    """*code* is a stable slug (``unknown-audience``) for ``--json`` and tests; the texts are translated."""

    severity: Severity
    code: str
    message: str
    place: Place | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.message}" + (f"\n    → {self.remedy}" if self.remedy else "")


class DistributorError(Exception):
    """Root. *findings* are shown to the person, one paragraph each; *exit_code* is the command's (0–4, README)."""

    exit_code = 1

    def __init__(self, findings: Iterable[Finding] | str) -> None:
        if isinstance(findings, str):
            findings = [Finding(Severity.ERROR, type(self).__name__, findings)]
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))


class InputError(DistributorError, ValueError):
    """A bulletin, list, template or argument that cannot be used as it is. Exit 2."""

    exit_code = 2


class NotFoundError(InputError, LookupError):
    """The named issue or delivery does not exist. Exit 2."""


class RefusedError(InputError):
    """What was asked is understood and not done: a secret bulletin, the same issue twice, a cancelled issue. Exit 2."""


class ConfigurationError(DistributorError):
    """Settings, relay, broker or ledger are not usable. Exit 3.

    Stands outside the delivery results, so that nothing which tolerates failed deliveries swallows it.
    """

    exit_code = 3


class LedgerError(DistributorError):
    """The ledger cannot be read or written (locked, full, unreachable, wrong schema). Exit 3."""

    exit_code = 3
