"""How an issue went in time, for its report."""

import datetime as dt

from sqlalchemy.engine import Connection

from distributor.delivery.ledger import pace
from distributor.delivery.ledger.counts import Span
from distributor.delivery.ledger.queries import microseconds, moment
from distributor.delivery.model.records import IssueRecord
from distributor.report.html_facts import Charts, DomainTimes, Point

POINTS = 60
DOMAINS = 10


def charts_of(connection: Connection, issue: IssueRecord, span: Span) -> Charts:
    """At most POINTS points from the opening to the last letter, and the DOMAINS slowest domains; *span* is its own."""
    start = microseconds(issue.opened_at)
    sent = [Point(moment(until), count) for until, count in pace.sent_until(connection, issue.id, start, POINTS)]
    slowest = (
        DomainTimes(each.domain, each.letters, _since(start, each.half), _since(start, each.most))
        for each in pace.slowest_domains(connection, span, DOMAINS)
    )
    return Charts((Point(issue.opened_at, 0), *sent) if sent else (), tuple(slowest))


def _since(start: int, until: int) -> dt.timedelta:
    return dt.timedelta(microseconds=max(0, until - start))
