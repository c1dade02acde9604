"""From an open issue to its account: deliver or watch, then say what became of everybody. For send, resume, resend."""

from dataclasses import replace
from typing import Any

from distributor.cli import accounts, bell, output
from distributor.cli.progress import Watch
from distributor.delivery.model.records import IssueRecord
from distributor.distribution import delivering, issues
from distributor.distribution.delivering import Ending, Watched
from distributor.distribution.site import Site
from distributor.i18n import _
from distributor.report.account import Account


def deliver_and_tell(site: Site, issue: IssueRecord, *, as_json: bool, others: bool = False) -> int:
    """Deliver *issue* here, or wake the workers and watch them; tell its account. Returns the exit code.

    *others*: also what is due of other issues, if it is this process that delivers.
    """
    watched = _deliver(site, issue)
    if others and site.settings.broker is None and watched.ending is not Ending.STOPPED:
        _deliver_others(site, issue)
    current, _progress = issues.progress_of(site, issue)
    account = issues.account_of(site, current)
    accounts.show(account, site.settings, output.console(stderr=as_json))
    _say_ending(site, account, watched)
    if as_json:
        output.put_json(_document(accounts.document(account), watched, accounts.outcome(account)))
    return accounts.outcome(account)


def _deliver_others(site: Site, issue: IssueRecord) -> None:
    for other in issues.unsettled(site):
        if other.id == issue.id or not delivering.is_anything_due(site):
            continue
        output.say(_("Now what is left of issue {ref}:").format(ref=other.ref))
        if _deliver(waiting_at_most(site, 0), other).ending is Ending.STOPPED:
            return


def waiting_at_most(site: Site, seconds: int | None) -> Site:
    """*site* with another time to wait for deferred letters; None: as configured."""
    return site if seconds is None else replace(site, settings=replace(site.settings, wait=seconds))


def _deliver(site: Site, issue: IssueRecord) -> Watched:
    if site.settings.broker is not None:
        bell.ring(site, issue)
    with Watch() as watch:
        try:
            if site.settings.broker is None:
                return delivering.deliver(site, issue, watch)
            return delivering.watch_workers(site, issue, watch)
        except KeyboardInterrupt:
            # Before or after the part in which signals are waited for; the ledger is right at any moment.
            return Watched(Ending.STOPPED, delivering.look(site, issue, watch))


def _say_ending(site: Site, account: Account, watched: Watched) -> None:
    """What happens to the letters that are still to be sent, if any; and how to go on."""
    if watched.ending is Ending.STOPPED and site.settings.broker is not None and watched.progress.unsettled:
        stopped = _(
            "You stopped watching; the workers go on. `distributor status {ref} --watch` shows how far they are."
        )
        output.say(stopped.format(ref=account.issue.ref), bold=True)
    elif text := accounts.waiting(account, site.settings):
        output.say(text, bold=True)


def _document(account: dict[str, Any], watched: Watched, outcome: int) -> dict[str, Any]:
    due = watched.progress.next_attempt
    return account | {
        "schema": "distributor.send/1",
        "ending": watched.ending.value,
        "next_attempt": due.isoformat() if due else None,
        "outcome": outcome,
    }
