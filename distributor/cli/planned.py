"""What `send` would do, as a person reads it before saying yes, and as JSON."""

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from distributor.bulletin.model import Bulletin
from distributor.cli import changes, output
from distributor.delivery.ledger.staging import StagedGroup
from distributor.distribution.planning import Plan
from distributor.distribution.since import Since
from distributor.i18n import _, ngettext
from distributor.settings import Settings

_MOST_SINCE = 10


def show(plan: Plan, since: Since | None, settings: Settings, console: Console) -> None:
    """Title, numbers and subject of each group, who is new or gone, sender and relay, then warnings and questions."""
    console.print(title(plan.bulletin), style="bold")
    show_numbers(plan, console)
    if since is not None:
        show_since(since, console)
    if posts := posts_by_kind(plan):
        numbers = ", ".join(f"{kind} {count}" for kind, count in posts.items())
        console.print(_("Of these, posts to chat: {numbers}").format(numbers=numbers))
    console.print(_("Sender: {sender}").format(sender=settings.sender))
    say_where_letters_go(plan, settings, console)
    output.findings(plan.findings)
    if since is not None:
        output.findings(since.findings)


def show_since(since: Since, console: Console) -> None:
    """What differs from the last issue of the masthead; the first lines of it, those who are gone before all."""
    console.print(changes.numbers(since), soft_wrap=True)
    lines = sorted(map(changes.line, since.changes), key=lambda line: "−+~".find(line[0]))
    for line in lines[:_MOST_SINCE]:
        console.print(f"  {line}", soft_wrap=True)
    if more := len(lines[_MOST_SINCE:]):
        text = _("and {n} more: `distributor recipients diff --bulletin FILE` lists them")
        console.print("  " + text.format(n=more), soft_wrap=True)


def title(bulletin: Bulletin) -> str:
    """《开发区工作简报》 第4期 总第60期 2019-07-31 天津市开发区协会: as much of it as there is."""
    parts = [
        f"《{bulletin.masthead}》" if bulletin.masthead else None,
        f"第{bulletin.number}期" if bulletin.number is not None else None,
        f"总第{bulletin.total_number}期" if bulletin.total_number is not None else None,
        bulletin.date.isoformat() if bulletin.date else None,
        bulletin.publisher,
    ]
    return "  ".join(part for part in parts if part)


def show_numbers(plan: Plan, console: Console) -> None:
    """Units, contacts, letters and subject of each group."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", _("units"), _("contacts"), _("letters"), _("disabled")):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_column(_("subject"), overflow="fold")
    for group in plan.groups:
        numbers = (group.units, group.contacts, group.addresses, group.disabled)
        table.add_row(group.name, *map(str, numbers), plan.subject(group.name))
    console.print(table)


def posts_by_kind(plan: Plan) -> dict[str, int]:
    """How many of the letters are posts to each chat service."""
    return dict(Counter(endpoint.kind.value for endpoint in plan.staging.endpoints()))


def say_where_letters_go(plan: Plan, settings: Settings, console: Console) -> None:
    """The relays; without one, that nobody is mailed or posted to, not to be overlooked."""
    if plan.posts and settings.chat_origin is not None:
        text = _("A REHEARSAL: posts go to {origin}, and not to the services")
        console.print(text.format(origin=settings.chat_origin), style="black on yellow", soft_wrap=True)
    for relay in settings.relays:
        console.print(_("Relay: {relay}").format(relay=relay.title))
    if settings.relays:
        return
    text = _("NOBODY WILL BE MAILED: no relay is set. The letters stay in {outbox}").format(outbox=settings.outbox)
    console.print(text, style="black on yellow", soft_wrap=True)
    if plan.posts and settings.chat_stays_home:
        text = _("NOBODY WILL BE POSTED TO: no relay is set. The posts stay in {outbox}")
        console.print(text.format(outbox=settings.outbox / "chat"), style="black on yellow", soft_wrap=True)


def letters(count: int) -> str:
    """``27 letters``."""
    return ngettext("{n} letter", "{n} letters", count).format(n=count)


def document(plan: Plan, since: Since | None, settings: Settings) -> dict[str, Any]:
    """The JSON of `send --dry-run`; *since* is null for the first issue of a masthead."""
    bulletin = plan.bulletin
    found = (*plan.findings, *(since.findings if since else ()))
    return {
        "schema": "distributor.plan/1",
        "masthead": bulletin.masthead,
        "number": bulletin.number,
        "total_number": bulletin.total_number,
        "date": bulletin.date.isoformat() if bulletin.date else None,
        "sender": settings.sender,
        "relays": [str(relay) for relay in settings.relays],
        "outbox": None if settings.relays else str(settings.outbox),
        "letters": plan.total,
        "posts": posts_by_kind(plan),
        "groups": [group_json(group) | {"subject": plan.subject(group.name)} for group in plan.groups],
        "since": changes.since_document(since) if since else None,
        "findings": [output.finding_json(finding) for finding in found],
    }


def group_json(group: StagedGroup) -> dict[str, Any]:
    """The numbers of one group."""
    return {
        "group": group.name,
        "units": group.units,
        "contacts": group.contacts,
        "letters": group.addresses,
        "disabled": group.disabled,
    }
