"""All issues at a glance: how each stands, how fast it goes, when it may end; and what stands in their way."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from distributor.delivery.ledger import gaps, queries
from distributor.delivery.ledger.queries import Progress, maybe, moment
from distributor.delivery.ledger.recent import last_deferral, settled_since
from distributor.delivery.model.flow import FlowKey
from distributor.delivery.model.records import IssueRecord
from distributor.delivery.model.states import UNSETTLED
from distributor.distribution import flows, issues
from distributor.distribution.flows import Barred, Outlook
from distributor.distribution.site import Site
from distributor.report.pace import ENOUGH, WINDOWS, Done, Pace, done, expected_end
from distributor.report.standing import Standing

_MINUTE = 60_000_000  # µs


@dataclass(frozen=True, slots=True)
class Seen:
    """An issue as it stands. *pace* and *end* are those of one that is being sent; None: nobody can say."""

    issue: IssueRecord
    progress: Progress
    standing: Standing
    pace: Pace | None = None
    end: dt.datetime | None = None

    @property
    def done(self) -> Done:
        return done(self.progress.by_state())


@dataclass(frozen=True, slots=True)
class Glance:
    """*seen* are issues, newest first; *barred* what their letters wait for."""

    seen: tuple[Seen, ...]
    barred: tuple[Barred, ...]


def glance(site: Site, chosen: IssueRecord | None = None) -> Glance:
    """All issues and all that is barred or on trial; of *chosen* alone, and what its letters wait for."""
    barred, incomplete = flows.barred(site), gaps.with_names_left_out(site.ledger)
    if chosen is not None:
        current, progress = issues.current(site, chosen), queries.progress(site.ledger, chosen.id)
        view = flows.view(site, current, progress, barred)
        waited_for = flows.waited_for(barred, view) if view else []
        return Glance((_seen(site, current, progress, view, incomplete),), tuple(waited_for))
    seen, letters = [], Counter[FlowKey]()
    for issue, progress in queries.progress_of_all(site.ledger):
        view = flows.view(site, issue, progress, barred)
        letters.update(view.letters if view else {})
        seen.append(_seen(site, issue, progress, view, incomplete))
    return Glance(tuple(seen), tuple(replace(each, letters=letters[each.key]) for each in barred))


def _seen(
    site: Site, issue: IssueRecord, progress: Progress, view: Outlook | None, incomplete: Collection[int]
) -> Seen:
    truth = progress if view is None else replace(progress, next_attempt=view.next_attempt)
    stands = issues.standing_of(site, issue, truth, incomplete)
    if stands is not Standing.SENDING:
        return Seen(issue, truth, stands)
    with site.ledger.read() as connection:
        now = site.ledger.clock(connection)
        pace = _pace(connection, issue, truth, now)
        put_off = maybe(last_deferral(connection, issue.id, truth.lanes))
    end = None if view and view.behind + view.uncarried else expected_end(truth.by_state(), pace, moment(now), put_off)
    return Seen(issue, truth, stands, pace, end)


def _pace(connection: Connection, issue: IssueRecord, progress: Progress, now: int) -> Pace:
    """Counted from the first letter of a window on: an issue that was resumed this minute is no slow one."""
    cells = [(group, state) for group, states in progress.states.items() for state in states if state not in UNSETTLED]
    opened = queries.microseconds(issue.opened_at)
    for minutes in WINDOWS:
        since = max(opened, now - minutes * _MINUTE)
        letters, first = settled_since(connection, issue.id, cells, since)
        if letters >= ENOUGH:
            return Pace(letters, _seconds(now - first))
    return Pace(letters, _seconds(now - since))


def _seconds(microseconds: int) -> float:
    return max(1.0, microseconds / 1_000_000)


def by_urgency(seen: Sequence[Seen]) -> list[Seen]:
    """What a person must see first stands first: what needs a decision, what moves, what lacks somebody, the rest.

    Of what was pruned nothing can be mended any more.
    """
    return sorted(
        seen, key=lambda each: _URGENCY.index(each.standing) if each.issue.pruned_at is None else len(_URGENCY)
    )


_URGENCY = (
    Standing.DECISION,
    Standing.PAUSED,
    Standing.WAITING,
    Standing.SENDING,
    Standing.INCOMPLETE,
    Standing.COMPLETE,
    Standing.CANCELLED,
)
