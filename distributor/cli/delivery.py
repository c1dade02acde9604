"""From an open issue to its account: deliver or watch, then say what became of everybody. For send, resume, resend."""

from typing import Any

import click

from distributor.cli import bell, output
from distributor.cli.progress import Watch
from distributor.delivery.model.records import IssueRecord
from distributor.distribution import delivering, issues
from distributor.distribution.delivering import Ending, Watched
from distributor.distribution.site import Site
from distributor.i18n import _, ngettext
from distributor.report.account import Account

NEEDS_DECISION = 1
STILL_WAITING = 4


def deliver_and_tell(site: Site, issue: IssueRecord, *, as_json: bool) -> int:
    """Deliver *issue* here, or wake the workers and watch them; tell its account. Returns the exit code."""
    watched = _deliver(site, issue)
    account = issues.account_of(site, issue)
    outcome = _outcome(watched.ending, account)
    _say_account(site, account, as_json=as_json)
    _say_ending(site, issue, watched)
    if as_json:
        output.put_json(_document(issue, account, watched, outcome))
    return outcome


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
