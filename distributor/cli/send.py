"""`distributor send`: the main job, from a bulletin's file to the account of every delivery."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from distributor.cli import bell, output, planned
from distributor.cli.asking import ask
from distributor.cli.delivery import deliver_and_tell, telling_if_stopped, waiting_at_most
from distributor.delivery.model.records import IssueRecord
from distributor.distribution import delivering, issues, lists, opening, planning, proving
from distributor.distribution.planning import Plan
from distributor.distribution.proving import Test
from distributor.distribution.since import Since, since_last
from distributor.distribution.site import Site, open_site
from distributor.errors import Finding, RefusedError, Severity
from distributor.i18n import _, ngettext
from distributor.recipients.model import GroupName


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for; see the options' help."""

    bulletin: Path
    groups: tuple[str, ...]
    to_self: str | None
    dry_run: bool
    yes: bool
    no_wait: bool
    wait: int | None
    again: str | None
    attach: tuple[Path, ...]
    allow_unresolved: bool
    as_json: bool


def _given(_ctx: click.Context, _parameter: click.Parameter, reason: str | None) -> str | None:
    if reason is not None and not reason.strip():
        raise click.BadParameter(_("say why it is sent again"))
    return reason


@click.command(
    help=_(
        "Send BULLETIN to everybody its imprint (报 送 发) names: shows the numbers, asks, sends, sums up.\n\n"
        "Ctrl-C is safe: what was not handed over stays queued, and `distributor resume`, any later send or a worker "
        "delivers it. With --no-wait the exit code is 0 once the issue is open.\n\n"
        "--json gives distributor.send/1: issue, groups (units, contacts, letters and how many are in each state), "
        "totals, ending, next_attempt, outcome (the exit code); with --dry-run distributor.plan/1; with --to-self "
        "distributor.test/1."
    )
)
@click.argument("bulletin", metavar="BULLETIN", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--group",
    "groups",
    multiple=True,
    type=click.Choice([group.value for group in GroupName]),
    help=_("only this group; may be repeated"),
)
@click.option("--to-self", metavar="ADDRESS", help=_("each group's letter, marked 【测试】, to this address alone"))
@click.option("--dry-run", is_flag=True, help=_("show what would happen, and stop"))
@click.option("--yes", is_flag=True, help=_("do not ask: yes to the number of letters and to every question"))
@click.option("--no-wait", is_flag=True, help=_("leave the sending to the workers (needs a broker)"))
@click.option(
    "--wait", type=click.IntRange(min=0), metavar="SECONDS",
    help=_("how long to wait for letters that were put off (default: DISTRIBUTOR_WAIT, 15 minutes)"),
)  # fmt: skip
@click.option("--again", metavar="REASON", callback=_given, help=_("send the same bulletin once more, and why"))
@click.option(
    "--attach",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, readable=False),
    help=_("attach a file; may be repeated"),
)
@click.option("--allow-unresolved", is_flag=True, help=_("leave out names that the list does not have"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout, words on stderr"))
@click.pass_obj
def send(site_name: str | None, /, **options: Any) -> int:
    wish = Wish(**options)
    with open_site(site_name) as opened:
        site = waiting_at_most(opened, wish.wait)
        if wish.no_wait and site.settings.broker is None:
            raise _nobody_else()
        only = [GroupName(name) for name in wish.groups]
        with planning.plan(site.settings, wish.bulletin, only=only, allow_unresolved=wish.allow_unresolved) as plan:
            lists.notice(site, plan.roster)
            since = since_last(site, plan, only)
            planned.show(plan, since, site.settings, output.console(stderr=wish.as_json))
            if wish.to_self is not None:
                return _to_self(site, plan, wish.to_self, wish)
            opening.check_openable(site, plan, again=wish.again, attach=wish.attach)
            _say_what_else_is_due(site)
            if wish.dry_run:
                return _stop_here(site, plan, since, wish)
            _check_way_out(site)
            ask(_question(plan), yes=wish.yes)
            issue = opening.open_issue(site, plan, again=wish.again, attach=wish.attach)
        if wish.no_wait:
            with telling_if_stopped(issue):
                return _leave_to_workers(site, issue, wish)
        return deliver_and_tell(site, issue, as_json=wish.as_json, others=True)


def _check_way_out(site: Site) -> None:
    """Before anything is opened; what comes later leaves an open issue behind."""
    if site.settings.broker is not None:
        bell.tasks_of(site.settings.site)
    else:
        delivering.check_way_out(site)


def _question(plan: Plan) -> str:
    count = plan.total
    if plan.questions:
        return ngettext("Send {n} letter all the same?", "Send {n} letters all the same?", count).format(n=count)
    return ngettext("Send {n} letter?", "Send {n} letters?", count).format(n=count)


def _nobody_else() -> RefusedError:
    message = _("--no-wait leaves the sending to workers, and they need a broker; none is set")
    remedy = _("leave --no-wait out, or write DISTRIBUTOR_BROKER=redis://… into .env and start `distributor worker`")
    return RefusedError([Finding(Severity.ERROR, "no-broker", message, remedy=remedy)])


def _say_what_else_is_due(site: Site) -> None:
    """A process that delivers looks at the ledger, not at one issue."""
    earlier = issues.unsettled(site) if site.settings.broker is None else []
    if earlier:
        refs = ", ".join(issue.ref for issue in earlier)
        output.say(_("What is left of earlier issues is delivered as well: {refs}").format(refs=refs))


def _stop_here(site: Site, plan: Plan, since: Since | None, wish: Wish) -> int:
    output.say(_("Nothing was sent (--dry-run)."))
    if wish.as_json:
        output.put_json(planned.document(plan, since, site.settings))
    return 0


def _to_self(site: Site, plan: Plan, address: str, wish: Wish) -> int:
    tests = proving.send_to_self(site, plan, address, wish.attach)
    console = output.console(stderr=wish.as_json)
    for test in tests:
        console.print(_told(test, address), soft_wrap=True)
    if wish.as_json:
        rows = [asdict(test) | {"outbox": test.outbox and str(test.outbox)} for test in tests]
        output.put_json({"schema": "distributor.test/1", "address": address, "tests": rows})
    return 0 if all(test.sent for test in tests) else 1


def _told(test: Test, address: str) -> str:
    if not test.sent:
        return _("{group}: not sent to {address}: {reply}").format(group=test.group, address=address, reply=test.reply)
    if test.outbox:
        text = _("{group}: kept for {address} in {outbox}: {subject}")
        return text.format(group=test.group, address=address, outbox=test.outbox, subject=test.subject)
    return _("{group}: sent to {address}: {subject}").format(group=test.group, address=address, subject=test.subject)


def _leave_to_workers(site: Site, issue: IssueRecord, wish: Wish) -> int:
    bell.ring(site, issue)
    text = _(
        "Issue {ref} is open and the workers are sending it. `distributor status {ref} --watch` shows how far it is."
    )
    output.say(text.format(ref=issue.ref))
    if wish.as_json:
        output.put_json({"schema": "distributor.send/1", "issue": output.issue_json(issue), "outcome": 0})
    return 0
