"""What stands in the way of letters that wait: flows that are blocked, held for a while, or out of today's quota."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from distributor.delivery.ledger import flows as ledger
from distributor.delivery.ledger import queries, queues
from distributor.delivery.ledger.flows import FlowRecord
from distributor.delivery.ledger.queries import Progress, moment
from distributor.delivery.ledger.queues import Queue
from distributor.delivery.ledger.waits import Wait, spent, waits
from distributor.delivery.model.flow import FlowKey, FlowKind, Rules, Way
from distributor.delivery.model.records import IssueRecord
from distributor.distribution.site import Site


class Bar(StrEnum):
    """How a flow bars the way. TRIED: its back-off is over, and a letter at a time shows whether the trouble is."""

    BLOCKED = "blocked"
    HELD = "held"
    SPENT = "spent"
    TRIED = "tried"


@dataclass(frozen=True, slots=True)
class Barred:
    """A flow in whose way something stands. *until* (aware): when it opens by itself, None: a person releases it.

    *letters* wait for it. *since*, *reason* (a slug), *reply* and *relay* tell of the trouble; a quota has none.
    """

    key: FlowKey
    bar: Bar
    until: dt.datetime | None
    since: dt.datetime | None = None
    reason: str = ""
    reply: str = ""
    relay: str = ""
    letters: int = 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What becomes of an issue's waiting letters if nobody does anything.

    *next_attempt* is when the first of them can go, None: none ever will. *letters* counts those that wait for each
    flow, *behind* those that wait for any; *held* those that wait for a person to release one, *uncarried* those that
    no relay takes from their sender.
    """

    next_attempt: dt.datetime | None
    letters: Mapping[FlowKey, int]
    behind: int
    held: int
    uncarried: int


@dataclass(frozen=True, slots=True)
class Hindered:
    """What keeps an issue's letters back: the flows that it waits for, with how many; and its outlook."""

    barred: tuple[Barred, ...]
    outlook: Outlook


def outlook(waiting: Iterable[Wait], sender_domain: str, rules: Rules, barred: Iterable[Barred]) -> Outlook:
    """Count *waiting* by what stands in the way of *barred*: pure."""
    shut = _shut(barred)
    letters: Counter[FlowKey] = Counter()
    times: list[dt.datetime] = []
    behind = held = uncarried = 0
    for wait in waiting:
        ways = rules.ways_for(wait.group, sender_domain, wait.destination)
        found = list(_in_the_way(wait.destination, ways, rules, shut))
        for each in found:
            letters[each.key] += wait.letters
        behind += wait.letters if found else 0
        opens = _opens(found)
        if not ways:
            uncarried += wait.letters
        elif opens is None:
            held += wait.letters
        else:
            times.append(max(opens, wait.due))
    return Outlook(min(times, default=None), letters, behind, held, uncarried)


def _shut(barred: Iterable[Barred]) -> dict[FlowKey, Barred]:
    return {each.key: each for each in barred if each.bar is not Bar.TRIED}


def _in_the_way(name: str, ways: Sequence[Way], rules: Rules, shut: Mapping[FlowKey, Barred]) -> Iterator[Barred]:
    """The destination or domain called *name*, '': none; and the relays, if none of *ways* is open."""
    destination = FlowKey(FlowKind.DESTINATION, rules.destination_of(name))
    if name and destination in shut:
        yield shut[destination]
    if all(way.flow in shut for way in ways):
        yield from (shut[way.flow] for way in ways)


def _opens(found: Sequence[Barred]) -> dt.datetime | None:
    """When letters behind all of *found* can go: the destination and one of the relays. None: never by themselves."""
    opens = dt.datetime.min.replace(tzinfo=dt.UTC)
    for kind in FlowKind:
        mine = [each.until for each in found if each.key.kind is kind]
        if mine and not any(mine):
            return None
        opens = max([opens, *([min(filter(None, mine))] if mine else [])])
    return opens


def barred(site: Site) -> list[Barred]:
    """All flows that are barred or on trial; *letters* are not counted."""
    now = _now(site)
    today = now.astimezone(site.settings.timezone).date()
    found = [_told(record, now) for record in ledger.troubled(site.ledger)]
    shut = {each.key for each in found if each.bar is not Bar.TRIED}
    midnight = dt.datetime.combine(today + dt.timedelta(days=1), dt.time(), site.settings.timezone)
    tomorrow = midnight.astimezone(dt.UTC)
    quotas = [key for key in spent(site.ledger, site.rules, today.isoformat()) if key not in shut]
    return [each for each in found if each.key not in quotas] + [Barred(key, Bar.SPENT, tomorrow) for key in quotas]


def barred_now(site: Site) -> list[Barred]:
    """All flows that are barred or on trial, with how many letters of all issues wait for each."""
    found = barred(site)
    counts: Counter[FlowKey] = Counter()
    for issue in queries.unsettled_issues(site.ledger) if found else []:
        counts.update(outlook_of(site, issue, found).letters)
    return [replace(each, letters=counts[each.key]) for each in found]


def hindered(site: Site, issue: IssueRecord) -> Hindered:
    """What keeps letters of *issue* back now."""
    found = barred(site)
    view = outlook_of(site, issue, found)
    return Hindered(tuple(waited_for(found, view)), view)


def waited_for(found: Iterable[Barred], view: Outlook) -> list[Barred]:
    """Those of *found* that an issue with this outlook waits for, with how many of its letters."""
    return [replace(each, letters=view.letters[each.key]) for each in found if each.key in view.letters]


def outlook_of(site: Site, issue: IssueRecord, found: Sequence[Barred], progress: Progress | None = None) -> Outlook:
    """What becomes of *issue*'s waiting letters, those of *progress* if they were counted, *found* being barred."""
    waiting = _waits(site, issue, found, progress)
    return outlook(waiting, issue.sender.rpartition("@")[2], site.rules, found)


def in_truth(site: Site, issue: IssueRecord, progress: Progress) -> Progress:
    """*progress* with the time at which a letter can really go: that of its flow, where that is later."""
    if not progress.waiting:
        return progress
    seen = view(site, issue, progress, barred(site))
    return progress if seen is None else replace(progress, next_attempt=seen.next_attempt)


def view(site: Site, issue: IssueRecord, progress: Progress, found: Sequence[Barred]) -> Outlook | None:
    """What becomes of *issue*'s waiting letters, *found* being barred; None: nothing is in the way of any."""
    if not progress.waiting or not (found or not _carries_all(site.rules)):
        return None
    return outlook_of(site, issue, found, progress)


def _waits(site: Site, issue: IssueRecord, found: Iterable[Barred], progress: Progress | None) -> list[Wait]:
    names = [each.key.name for each in found if each.key.kind is FlowKind.DESTINATION]
    domains = {domain: name for name in names for domain in (name, *site.rules.domains_of(name))}
    return waits(site.ledger, issue.id, domains, None if progress is None else progress.lanes)


def count_due(site: Site, at_most: int) -> int:
    """How many deliveries of any open issue are due with nothing in their way; counting stops at *at_most*."""
    shut = _shut(barred(site))

    def can_go(queue: Queue) -> bool:
        ways = site.rules.ways_for(queue.group_name, queue.sender_domain, queue.lane)
        return bool(ways) and not any(True for _each in _in_the_way(queue.lane, ways, site.rules, shut))

    return queues.count_due(site.ledger, at_most, can_go)


def rests(site: Site, progress: Progress) -> bool:
    """Whether nothing of an issue moves or can move now; *progress* is in_truth."""
    if progress.waiting < progress.unsettled or not progress.unsettled:
        return False
    return progress.next_attempt is None or progress.next_attempt > _now(site)


def _carries_all(rules: Rules) -> bool:
    """Whether no letter can be without a relay."""
    return any(not way.groups and not way.senders for way in rules.ways)


def _now(site: Site) -> dt.datetime:
    with site.ledger.read() as connection:
        return moment(site.ledger.clock(connection))


def _told(record: FlowRecord, now: dt.datetime) -> Barred:
    is_held = record.held_until is not None and record.held_until > now
    bar = Bar.BLOCKED if record.blocked else Bar.HELD if is_held else Bar.TRIED
    until = record.held_until if bar is Bar.HELD else None
    return Barred(record.key, bar, until, record.since, record.reason, record.reply, record.relay)
