"""Old issues without their addresses, names and letters: what may be pruned, and doing it (retention)."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from time import sleep

from distributor.delivery.ledger import pruning
from distributor.delivery.ledger.pruning import Candidate
from distributor.delivery.ledger.queries import microseconds
from distributor.distribution.site import Site

# Between two transactions, so that whoever waits for the ledger gets it.
_YIELD = 0.005


@dataclass(frozen=True, slots=True)
class Retention:
    """What is older than *before*: *issues* to be pruned; others that are kept: some of whose letters are *unsettled*,
    and *recent* ones with a letter that was settled since then. *versions* of the list that still tell names.
    """

    before: dt.datetime
    issues: tuple[Candidate, ...]
    unsettled: tuple[Candidate, ...]
    recent: tuple[Candidate, ...]
    versions: tuple[int, ...]

    @property
    def letters(self) -> int:
        return sum(each.letters for each in self.issues)

    @property
    def is_empty(self) -> bool:
        return not self.issues and not self.versions


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was pruned: *issues* but for those that *moved* meanwhile. *clean*: of SQLite's file nothing can be read."""

    issues: tuple[Candidate, ...]
    moved: tuple[Candidate, ...]
    clean: bool


def look(site: Site, before: dt.datetime) -> Retention:
    """What is older than *before* (aware). What was begun and not completed is always among it."""
    since = microseconds(before)
    found = pruning.candidates(site.ledger, since)
    old = [each for each in found if each.begun or not (each.unsettled or each.last >= since)]
    return Retention(
        before,
        tuple(old),
        tuple(each for each in found if each not in old and each.unsettled),
        tuple(each for each in found if each not in old and not each.unsettled),
        tuple(pruning.list_versions_before(site.ledger, since)),
    )


def prune(site: Site, found: Retention, progress: Callable[[int], None]) -> Pruned:
    """Take addresses, names and letters out of *found*; *progress* is told how many letters each step was about.

    Killed at any moment, it goes on where it was when it is called again.
    """
    ledger = site.ledger
    pruning.prune_flows(ledger, microseconds(found.before))
    done, moved = [], []
    for each in found.issues:
        if not pruning.begin(ledger, each.issue.id, actor=site.actor):
            moved.append(each)
            continue
        for letters in pruning.prune(ledger, each.issue.id):
            progress(letters)
            sleep(_YIELD)
        done.append(each)
    for version in found.versions:
        pruning.prune_list_version(ledger, version)
        sleep(_YIELD)
    clean = ledger.compact()
    if clean:
        pruning.finish(ledger, [each.issue.id for each in done])
        pruning.finish_list_versions(ledger, found.versions, actor=site.actor)
    return Pruned(tuple(done), tuple(moved), clean)
