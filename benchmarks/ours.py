"""What `distributor` does between a bulletin and its account, in a process of its own.

`python -m benchmarks.ours VERB` prints one line of JSON; site and settings come from the environment, as ever.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from benchmarks.site import BULLETIN
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.schema import deliveries
from distributor.delivery.model.records import IssueRecord
from distributor.distribution import delivering, issues
from distributor.distribution.delivering import Ending, Watched
from distributor.distribution.opening import open_issue
from distributor.distribution.planning import merge_fields, plan
from distributor.distribution.site import Site, open_site, worker


def opened() -> dict[str, Any]:
    """Plan and open the issue; seconds for both."""
    started = time.perf_counter()
    with open_site() as site:
        _open(site)
    return {"seconds": time.perf_counter() - started}


def delivered(synchronous: str = "FULL") -> dict[str, Any]:
    """Deliver the open issue in this process; *synchronous* is SQLite's durability."""
    with open_site() as site:
        durable = Site(site.settings, Database(site.settings.ledger, synchronous=synchronous), worker())
        (issue,) = issues.recent(site)
        started, used = time.time(), time.process_time()
        watched = delivering.deliver(durable, issue, lambda _progress: None)
        return {"seconds": _settled(site, watched) - started, "cpu": time.process_time() - used}


def through_workers() -> dict[str, Any]:
    """Open the issue, ring, and watch the workers deliver it; seconds from the bell to the last result."""
    from distributor import tasks  # noqa: PLC0415  it is imported for the site of the environment

    with open_site() as site:
        issue = _open(site)
        started = time.time()
        tasks.ring()
        watched = delivering.watch_workers(site, issue, lambda _progress: None)
        return {"seconds": _settled(site, watched) - started}


def letter() -> dict[str, Any]:
    """The same letter and recipients, for peers to personalise as they do."""
    with open_site() as site, plan(site.settings, site.settings.site / BULLETIN) as planned:
        (made,) = planned.letters.values()
        people = [asdict(merge_fields(recipient)) for recipient in planned.staging.recipients()]
        parts = {name: asdict(getattr(made, name)) for name in ("subject", "text", "html")}
        return {"sender": site.settings.sender, "reply_to": made.reply_to, "recipients": people, **parts}


def _open(site: Site) -> IssueRecord:
    with plan(site.settings, site.settings.site / BULLETIN) as planned:
        return open_issue(site, planned)


def _settled(site: Site, watched: Watched) -> float:
    """When the last result was written, by the ledger's clock; everything must have been sent."""
    if watched.ending is not Ending.SETTLED or any(
        set(states) != {"sent"} for states in watched.progress.states.values()
    ):
        raise SystemExit(f"not everything was sent: {watched}")
    with site.ledger.read() as connection:
        return float(connection.execute(sa.select(sa.func.max(deliveries.c.settled_at))).scalar_one()) / 1e6


VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    "open": opened, "deliver": delivered, "workers": through_workers, "letter": letter,
}  # fmt: skip

if __name__ == "__main__":
    json.dump(VERBS[sys.argv[1]](*sys.argv[2:]), sys.stdout, ensure_ascii=False)
