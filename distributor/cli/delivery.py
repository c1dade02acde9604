"""From an open issue to its account: deliver or watch, then say what became of everybody. For send, resume, resend."""

import contextlib
import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic
from typing import Any

import click

from distributor.cli import accounts, bell, output
from distributor.cli.progress import Watch
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import State
from distributor.distribution import accounting, delivering, flows, issues
from distributor.distribution.delivering import Ending, Watched
from distributor.distribution.flows import Hindered
from distributor.distribution.site import Site
from distributor.i18n import _
from distributor.report.account import Account


def deliver_and_tell(site: Site, issue: IssueRecord, *, as_json: bool, others: bool = False) -> int:
    """Deliver *issue* here, or wake the workers and watch them; tell its account. Returns the exit code.

    *others*: also what is due of other issues, if it is this process that delivers.
    """
    with telling_if_stopped(issue):
        return _deliver_and_tell(site, issue, as_json=as_json, others=others)


@contextlib.contextmanager
def telling_if_stopped(issue: IssueRecord) -> Iterator[None]:
    """From the opening on, a Ctrl-C that nobody waits for must not say that nothing was done."""
    try:
        yield
    except KeyboardInterrupt:
        text = _("Stopped. Issue {ref} is open: `distributor status {ref}` tells how far it is, `resume` goes on.")
        output.say("\n" + text.format(ref=issue.ref), bold=True)
        raise click.exceptions.Exit(accounts.STILL_WAITING) from None


def _deliver_and_tell(site: Site, issue: IssueRecord, *, as_json: bool, others: bool) -> int:
    watched = _deliver(site, issue)
    if others and site.settings.broker is None and watched.ending is not Ending.STOPPED:
        _deliver_others(site, issue)
    current, _progress = issues.progress_of(site, issue)
    account = accounting.account_of(site, current)
    hindered = flows.hindered(site, current)
    accounts.show(account, hindered, site.settings, output.console(stderr=as_json))
    _say_ending(site, account, hindered, watched)
    if as_json:
        output.put_json(_document(accounts.document(account, hindered), watched, accounts.outcome(account)))
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
    with Watch() as watch, _telling_trouble():
        try:
            if site.settings.broker is None:
                return delivering.deliver(site, issue, watch)
            return delivering.watch_workers(site, issue, _Impatient(watch))
        except KeyboardInterrupt:
            # Before or after the part in which signals are waited for; the ledger is right at any moment.
            return Watched(Ending.STOPPED, delivering.look(site, issue, watch))


@contextlib.contextmanager
def _telling_trouble() -> Iterator[None]:
    """Meanwhile say what keeps the ledger from being written: the letters wait, and only a person can make room."""
    ledger = logging.getLogger("distributor.delivery.engine.journal")
    handler = _Once()
    ledger.addHandler(handler)
    try:
        yield
    finally:
        ledger.removeHandler(handler)


class _Once(logging.Handler):
    """Says each thing once, however often it is tried again."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text not in self._said:
            self._said.add(text)
            output.say("\n" + text)


class _Impatient:
    """Passes on each Progress; after a while without a worker it asks, once, whether there is one."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self._asks_at = monotonic() + 10

    def __call__(self, progress: Progress) -> None:
        self.watch(progress)
        if progress.count(State.QUEUED) < progress.total:
            self._asks_at = math.inf
        if monotonic() >= self._asks_at:
            self._asks_at = math.inf
            output.say(
                _("No worker has taken a letter yet. Is `distributor worker` running, with this ledger and broker?")
            )


def _say_ending(site: Site, account: Account, hindered: Hindered, watched: Watched) -> None:
    """What happens to the letters that are still to be sent, if any; and how to go on."""
    if watched.ending is Ending.STOPPED and site.settings.broker is not None and watched.progress.unsettled:
        stopped = _(
            "You stopped watching; the workers go on. `distributor status {ref} --watch` shows how far they are."
        )
        output.say(stopped.format(ref=account.issue.ref), bold=True)
    elif text := accounts.waiting(account, hindered, site.settings):
        output.say(text, bold=True)


def _document(account: dict[str, Any], watched: Watched, outcome: int) -> dict[str, Any]:
    due = watched.progress.next_attempt
    return account | {
        "schema": "distributor.send/1",
        "ending": watched.ending.value,
        "next_attempt": due.isoformat() if due else None,
        "outcome": outcome,
    }
