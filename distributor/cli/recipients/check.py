"""`distributor recipients check`: everything on the list that looks wrong, with file and line, and what to do."""

from collections.abc import Collection, Mapping
from typing import Any

import click

from distributor import settings as configuration
from distributor.cli import output
from distributor.distribution import checking
from distributor.errors import Severity
from distributor.i18n import _, ngettext
from distributor.recipients.past import Past, Proposal
from distributor.recipients.suspicions import SHOWN, Examination, Mail

NOTHING_TO_MEND = 0
NEEDS_DECISION = 1


@click.command(
    help=_(
        "Say everything on the list that looks wrong although it can be used: addresses that repeat, look mistyped or "
        "failed lately, units and audiences that nobody is written to for, contacts disabled for long. The worst "
        "first, each with file and line and what to do. Changes nothing.\n\n"
        "--json gives distributor.recipients-check/1: list, contacts, units, audiences, counts (by severity and by "
        "code), issues (those looked at), findings, proposals (contacts to disable), outcome.\n\n"
        "Exit code 0: nothing, or only notes (·); 1: there are warnings (!) for you to decide on; 2: the list cannot "
        "be used as it is."
    )
)
@click.option(
    "--issues", "bulletins", metavar="N", type=click.IntRange(min=1), default=checking.BULLETINS, show_default=True,
    help=_("how many of the last bulletins to look at for letters that failed and audiences nobody named"),
)  # fmt: skip
@click.option(
    "--days", metavar="N", type=click.IntRange(min=0), default=checking.DAYS, show_default=True,
    help=_("after how many days a contact has been disabled for long"),
)  # fmt: skip
@click.option("--dns", "ask_dns", is_flag=True, help=_("ask the DNS which domains take no mail; nothing else is sent"))
@click.option(
    "--all", "with_all", is_flag=True, help=_("all findings, not just the first {n} of each kind").format(n=SHOWN)
)
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def check(site_name: str | None, bulletins: int, days: int, ask_dns: bool, with_all: bool, as_json: bool) -> int:
    settings = configuration.load(configuration.find_site(site_name))
    found, past = checking.check_list(
        settings,
        bulletins=bulletins,
        days=days,
        ask_domains=_ask_domains if ask_dns else None,
        most=None if with_all else SHOWN,
    )
    outcome = NEEDS_DECISION if found.count(Severity.WARNING) else NOTHING_TO_MEND
    if as_json:
        output.put_json(_document(str(settings.recipients), found, past) | {"outcome": outcome})
    else:
        output.findings(found.findings, err=False)
        click.echo(_summary(found, past))
    return outcome


def _ask_domains(domains: Collection[str]) -> Mapping[str, Mail]:
    """The DNS's answers, with a bar on a terminal that shows how far the asking is."""
    from rich.progress import Progress  # noqa: PLC0415  only --dns shows a bar

    from distributor.distribution import mail_domains  # noqa: PLC0415  brings asyncio

    console = output.console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(_("asking the DNS"), total=len(domains))
        return mail_domains.ask(domains, lambda done: bar.update(task, completed=done))


def _summary(found: Examination, past: Past) -> str:
    """What was looked at, and how much was found."""
    parts = [
        ngettext("{n} contact", "{n} contacts", found.contacts).format(n=found.contacts),
        ngettext("{n} unit", "{n} units", found.units).format(n=found.units),
        ngettext("{n} audience", "{n} audiences", found.audiences).format(n=found.audiences),
    ]
    if past.issues:
        text = ngettext("the last {n} issue", "the last {n} issues", len(past.issues))
        parts.append(text.format(n=len(past.issues)))
    warnings, notes = found.count(Severity.WARNING), found.count(Severity.NOTE)
    told = [
        ngettext("{n} warning", "{n} warnings", warnings).format(n=warnings),
        ngettext("{n} note", "{n} notes", notes).format(n=notes),
    ]
    lines = [output.said(_(", ").join(parts), _(", ").join(told))]
    if found.proposals:
        text = ngettext(
            "{n} contact has an address that its own server calls bad: `distributor recipients disable --bad` shows "
            "it and disables it.",
            "{n} contacts have addresses that their own servers call bad: `distributor recipients disable --bad` "
            "shows them and disables them in one step.",
            len(found.proposals),
        )
        lines.append(text.format(n=len(found.proposals)))
    return "\n".join(lines)


def _document(file: str, found: Examination, past: Past) -> dict[str, Any]:
    """The JSON of the result but for its outcome."""
    return {
        "schema": "distributor.recipients-check/1",
        "list": file,
        "contacts": found.contacts,
        "units": found.units,
        "audiences": found.audiences,
        "counts": {
            "severity": {severity.value: found.count(severity) for severity in (Severity.WARNING, Severity.NOTE)},
            "code": {code: number for (_severity, code), number in sorted(found.counts.items())},
        },
        "issues": list(past.issues),
        "findings": [output.finding_json(finding) for finding in found.findings],
        "proposals": [_proposal(each) for each in found.proposals],
    }


def _proposal(each: Proposal) -> dict[str, Any]:
    return {
        "unit": each.unit,
        "name": each.name,
        "email": each.email,
        "reason": each.reason,
        "issue": each.issue,
        "reply": each.reply,
        "file": each.place.file,
        "line": each.place.line,
    }
