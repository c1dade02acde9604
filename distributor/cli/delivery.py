"""From an open issue to its account: deliver or watch, then say what became of everybody. For send, resume, resend."""

from dataclasses import replace
from typing import Any

from distributor.cli import accounts, bell, output
from distributor.cli.progress import Watch
from distributor.delivery.model.records import IssueRecord
from distributor.distribution import delivering, issues
from distributor.distribution.delivering import Ending, Watched
from distributor.distribution.site import Site
from distributor.i18n import _, ngettext


def deliver_and_tell(site: Site, issue: IssueRecord, *, as_json: bool) -> int:
    """Deliver *issue* here, or wake the workers and watch them; tell its account. Returns the exit code."""
    watched = _deliver(site, issue)
    current, _progress = issues.progress_of(site, issue)
    account = issues.account_of(site, current)
    accounts.show(account, site.settings, output.console(stderr=as_json))
    _say_ending(site, current, watched)
    if as_json:
        output.put_json(_document(accounts.document(account), watched, accounts.outcome(account)))
    return accounts.outcome(account)


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


def _say_ending(site: Site, issue: IssueRecord, watched: Watched) -> None:
    """What happens to the letters that are still to be sent, if any; and how to go on."""
    count = watched.progress.unsettled
    texts = {
        Ending.WAITING: ngettext(
            "{n} letter is put off; the next attempt is at {time}. `distributor resume {ref}`, any later send or a "
            "worker makes it.",
            "{n} letters are put off; the next attempt is at {time}. `distributor resume {ref}`, any later send or a "
            "worker makes it.",
            count,
        ),
        Ending.PAUSED: ngettext(
            "The issue is paused ({reason}); {n} letter waits. `distributor resume {ref}` goes on.",
            "The issue is paused ({reason}); {n} letters wait. `distributor resume {ref}` goes on.",
            count,
        ),
        Ending.STOPPED: _stopped(site, count),
    }
    if count and watched.ending in texts:
        due = watched.progress.next_attempt
        when = output.local(due, site.settings) if due else "–"
        reason = issue.state_reason or _("no reason given")
        output.say(texts[watched.ending].format(n=count, time=when, reason=reason, ref=issue.ref), bold=True)


def _stopped(site: Site, count: int) -> str:
    if site.settings.broker is not None:
        return _("You stopped watching; the workers go on. `distributor status {ref} --watch` shows how far they are.")
    return ngettext(
        "Stopped: {n} letter stays queued. `distributor resume {ref}`, any later send or a worker delivers it.",
        "Stopped: {n} letters stay queued. `distributor resume {ref}`, any later send or a worker delivers them.",
        count,
    )


def _document(account: dict[str, Any], watched: Watched, outcome: int) -> dict[str, Any]:
    due = watched.progress.next_attempt
    return account | {
        "schema": "distributor.send/1",
        "ending": watched.ending.value,
        "next_attempt": due.isoformat() if due else None,
        "outcome": outcome,
    }
