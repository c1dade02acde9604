"""What the commands say: findings and sentences for people, one JSON document for programs."""

import contextlib
import datetime as dt
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from distributor.delivery.model.records import IssueRecord
from distributor.errors import Finding, Severity
from distributor.i18n import _
from distributor.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

_MARKS = {
    Severity.ERROR: ("✗", "red"),
    Severity.QUESTION: ("?", "magenta"),
    Severity.WARNING: ("!", "yellow"),
    Severity.NOTE: ("·", None),
}
_WIDTH_OF_FILES = 160


_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def shown(text: str) -> str:
    """*text* without the control characters that steer terminals; line breaks and tabs stay."""
    return _STEERING.sub("", text)


def say(text: str = "", *, bold: bool = False, colour: str | None = None) -> None:
    """One sentence to the person, on stderr."""
    click.secho(text, err=True, bold=bold or None, fg=colour)


def said(name: str, text: str) -> str:
    """``name: text``, as the language writes it."""
    return _("{name}: {text}").format(name=name, text=text)


def put_json(document: Mapping[str, Any]) -> None:
    """The one JSON document of a command, on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def findings(found: Iterable[Finding], *, err: bool = True) -> None:
    """Each finding as a paragraph: mark, place, message, remedy. On stderr, unless findings are what was asked for."""
    for finding in found:
        mark, colour = _MARKS[finding.severity]
        click.echo(f"{click.style(mark, fg=colour, bold=True)} {finding}", err=err)


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as the JSON documents show it."""
    place = finding.place
    return {
        "severity": finding.severity.value,
        "code": finding.code,
        "message": finding.message,
        "file": place.file if place else None,
        "line": place.line if place else None,
        **({"cell": place.cell} if place and place.cell else {}),
        "remedy": finding.remedy,
    }


def error_json(outcome: int, found: Sequence[Finding]) -> dict[str, Any]:
    """What stands in place of the result of a command that could not do its work."""
    return {
        "schema": "distributor.error/1",
        "outcome": outcome,
        "findings": [finding_json(finding) for finding in found],
    }


def issue_json(issue: IssueRecord) -> dict[str, Any]:
    """An issue as the JSON documents show it; times in ISO 8601, UTC."""
    return {
        "id": issue.id,
        "ref": issue.ref,
        "masthead": issue.masthead,
        "number": issue.number,
        "total_number": issue.total_number,
        "year": issue.year,
        "file": issue.file,
        "opened_at": issue.opened_at.isoformat(),
        "opened_by": issue.opened_by,
        "state": issue.state.value,
        "state_reason": issue.state_reason,
        "again_reason": issue.again_reason,
        "pruned_at": issue.pruned_at.isoformat() if issue.pruned_at else None,
    }


def local(moment: dt.datetime, settings: Settings) -> str:
    """A time as people read it, in the site's time zone."""
    return moment.astimezone(settings.timezone).strftime("%Y-%m-%d %H:%M")


@contextlib.contextmanager
def into(out: str | None) -> Iterator[IO[bytes]]:
    """The file *out*, which is there at the end in full or as it was; None or ``-``: stdout."""
    if out in {None, "-"}:
        with click.open_file("-", "wb") as stdout:
            yield stdout
        return
    from distributor.recipients.sheets.writing import beside  # noqa: PLC0415  only what is written needs it

    with beside(Path(str(out))) as stream:
        yield stream
    say(_("Written: {file}").format(file=out))


def console(*, stderr: bool = False, file: IO[str] | None = None) -> "Console":
    """Tables and bars for people; reads no markup into what bulletins and lists say. Wide where it is no terminal.

    On stdout, or on *file*.
    """
    from rich.console import Console  # noqa: PLC0415  half of the commands need no table

    stream = file or (sys.stderr if stderr else sys.stdout)
    width = None if stream.isatty() else _WIDTH_OF_FILES
    return Console(
        stderr=stderr, file=file, force_terminal=False if file else None, width=width, markup=False, highlight=False,
        emoji=False, soft_wrap=False,
    )  # fmt: skip
