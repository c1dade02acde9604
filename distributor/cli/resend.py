"""`distributor resend`: once more to those whom an issue did not reach."""

from collections.abc import Sequence

import click

from distributor.cli import accounts, output
from distributor.cli.asking import ask
from distributor.cli.delivery import deliver_and_tell
from distributor.cli.naming import find_issue
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import State
from distributor.distribution import accounting, flows, issues, supplement
from distributor.distribution.site import Site, open_site
from distributor.i18n import _, ngettext

_FAILED, _UNCERTAIN, _MISSING = "failed", "uncertain", "missing"
_STATES: dict[str, Sequence[State]] = {_FAILED: issues.FAILED, _UNCERTAIN: issues.UNCERTAIN}


@click.command(
    help=_(
        "Send ISSUE once more, with the letters it was opened with, to those of it who failed, who are uncertain, or "
        "who are on the list by now and were not when it was sent. --json gives distributor.send/1."
    )
)
@click.argument("issue", metavar="ISSUE")
@click.option("--failed", "which", flag_value=_FAILED, help=_("to those who failed or bounced, as a new message"))
@click.option(
    "--uncertain", "which", flag_value=_UNCERTAIN,
    help=_("to those of whom nobody knows: the same message, so that a mailbox which has it can drop the copy"),
)  # fmt: skip
@click.option("--missing", "which", flag_value=_MISSING, help=_("to those whom the list has now and the issue has not"))
@click.option("--reason", default="", metavar="TEXT", help=_("why, for the record"))
@click.option("--yes", is_flag=True, help=_("do not ask"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout, words on stderr"))
@click.pass_obj
def resend(site_name: str | None, issue: str, which: str | None, reason: str, yes: bool, as_json: bool) -> int:
    if which is None:
        raise click.UsageError(_("say to whom: --failed, --uncertain or --missing"))
    with open_site(site_name) as site:
        found = find_issue(site, issue)
        issues.refuse_closed(site, found)
        count = _missing(site, found, yes=yes) if which == _MISSING else _again(site, found, which, reason, yes=yes)
        if count:
            return deliver_and_tell(site, found, as_json=as_json)
        output.say(_("There is nobody to send issue {ref} to.").format(ref=found.ref))
        account = accounting.account_of(site, found)
        if as_json:
            output.put_json(accounts.document(account, flows.hindered(site, found)) | {"schema": "distributor.send/1"})
        return accounts.outcome(account)


def _again(site: Site, issue: IssueRecord, which: str, reason: str, *, yes: bool) -> int:
    if count := issues.count_to_resend(site, issue, _STATES[which]):
        ask(_question(count), yes=yes)
        return issues.resend(site, issue, _STATES[which], reason)
    return 0


def _missing(site: Site, issue: IssueRecord, *, yes: bool) -> int:
    with supplement.missing(site, issue) as found:
        if not found.total:
            return 0
        for group in found.staging.groups():
            output.say(f"{group.name}: {group.units} {_('units')}, {group.contacts} {_('contacts')}")
        for recipient in found.first(20):
            output.say(f"    {recipient.fields['unit']} {recipient.fields['contact']} <{recipient.address}>")
        ask(_question(found.total), yes=yes)
        return supplement.resend(site, found)


def _question(count: int) -> str:
    return ngettext("Send {n} letter?", "Send {n} letters?", count).format(n=count)
