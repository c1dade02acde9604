"""Changes of the list and of whom it reaches, as people read them and as JSON."""

from collections.abc import Iterable, Iterator
from typing import Any

import click

from distributor.cli import output
from distributor.delivery.ledger.lists import Recorded, Version
from distributor.distribution.since import Since
from distributor.i18n import _
from distributor.recipients.change_words import words
from distributor.recipients.changes import Change
from distributor.report.tables import one_line
from distributor.settings import Settings

JSON_MOST = 1000
_MARKS = {"added": "+", "enabled": "+", "removed": "−", "disabled": "−", "first": "·"}


def line(change: Change) -> str:
    """``+ 丙公司 办公室 <c@gamma.example.com>: new``."""
    return f"{_MARKS.get(change.action, '~')} {words(change)}"


def lines(told: Iterable[Change], most: int | None) -> Iterator[str]:
    """A line for each, of those with the same mark the first *most*, and how many more there are."""
    shown: dict[str, int] = {}
    for change in told:
        mark = _MARKS.get(change.action, "~")
        shown[mark] = shown.get(mark, 0) + 1
        if most is None or shown[mark] <= most:
            yield line(change)
    for mark, count in shown.items():
        if most is not None and count > most:
            yield _("{mark} and {n} more").format(mark=mark, n=count - most)


def show(recorded: Recorded, settings: Settings) -> None:
    """When and how a version of the list came about, then its changes."""
    click.secho(_heading(recorded.version, settings), bold=True)
    for change in recorded.changes:
        click.echo(f"    {line(change)}")
    if more := recorded.total - len(recorded.changes):
        click.echo("    " + _("and {n} more").format(n=more))
    if not recorded.total:
        click.echo("    " + _("(comments, order or layout alone)"))
    if recorded.version.pruned_at is not None:
        day = output.local(recorded.version.pruned_at, settings)
        click.echo("    " + _("(names and addresses were pruned on {time})").format(time=day))


def _heading(version: Version, settings: Settings) -> str:
    when = output.local(version.at, settings)
    if version.how is not None:
        return _("{time}  {who} on {host}: {command}").format(
            time=when, who=one_line(version.who), host=version.host, command=one_line(version.how)
        )
    noticed = output.local(version.noticed_at, settings)
    return _("{time}  by hand; noticed {noticed} by {who} on {host}").format(
        time=when, noticed=noticed, who=version.who, host=version.host
    )


def numbers(since: Since) -> str:
    """``+2 −1 ~3 since issue 59``."""
    if not (since.new or since.gone or since.changed):
        return _("nobody new, gone or changed since issue {issue}").format(issue=since.refs)
    counts = f"+{since.new} −{since.gone}" + (f" ~{since.changed}" if since.changed else "")
    return _("{numbers} since issue {issue}").format(numbers=counts, issue=since.refs)


def document(change: Change) -> dict[str, Any]:
    """A change as the JSON documents show it; *fields* are what differs: [from, to]."""
    return {
        "kind": change.kind,
        "action": change.action,
        "unit": change.unit or None,
        "name": change.name or None,
        "address": change.email or None,
        "fields": {name: list(sides) for name, sides in change.fields.items()},
    }


def version_document(recorded: Recorded) -> dict[str, Any]:
    """A version of the list as the JSON documents show it; *total* counts its changes, *how* null: by hand."""
    version = recorded.version
    return {
        "at": version.at.isoformat(),
        "noticed_at": version.noticed_at.isoformat(),
        "who": version.who,
        "host": version.host,
        "how": version.how,
        "sha256": version.sha256,
        "pruned_at": version.pruned_at.isoformat() if version.pruned_at else None,
        "total": recorded.total,
        "changes": [document(change) for change in recorded.changes],
    }


def since_document(since: Since, most: int | None = JSON_MOST) -> dict[str, Any]:
    """What differs since an issue: counts, and the first *most* of the changes."""
    return {
        "issues": [output.issue_json(issue) for issue in since.issues],
        "new": since.new,
        "gone": since.gone,
        "changed": since.changed,
        "changes": [document(change) for change in since.changes[:most]],
        "left_out": list(since.left_out)[:most],
    }
