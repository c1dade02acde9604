"""All that the ledger has of one delivery: its row, its events and those of its issue, what its message is made of."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from distributor.delivery.ledger.flows import NO_ISSUE
from distributor.delivery.ledger.queries import maybe, moment
from distributor.delivery.ledger.schema import deliveries, events, issues, letters, omitted
from distributor.delivery.model.records import EventRecord, OmittedRecord
from distributor.endpoints import channel_of

_TOGETHER = 500


class Addressed(NamedTuple):
    """What a message is made of: see engine/letters.py. *lane* and *domain* tell what it may have waited behind."""

    id: int
    uid: str
    generation: int
    sender: str
    address: str
    fields: str
    letter_id: int
    subject: str
    lane: str
    domain: str


def addressed(connection: Connection, issue_id: int, key: str) -> Addressed | None:
    """The issue's delivery to the normalised address *key*."""
    others = {"uid": issues.c.uid, "sender": issues.c.sender, "subject": letters.c.subject}
    columns = [others[name] if name in others else deliveries.c[name] for name in Addressed._fields]
    joined = deliveries.join(issues, issues.c.id == deliveries.c.issue_id).join(
        letters, letters.c.id == deliveries.c.letter_id
    )
    query = sa.select(*columns).select_from(joined).where(*_mine(issue_id, key), deliveries.c.address_key == key)
    row = connection.execute(query).one_or_none()
    return None if row is None else Addressed._make(row)


def events_of(connection: Connection, issue_id: int, delivery_id: int) -> list[EventRecord]:
    """The delivery's events, those of its issue as a whole, and those of all relays and destinations, in order."""
    of_all = sa.and_(events.c.delivery_id.is_(None), events.c.issue_id.in_([issue_id, NO_ISSUE]))
    query = sa.select(events).where(sa.or_(events.c.delivery_id == delivery_id, of_all))
    return [_event(row) for row in connection.execute(query.order_by(events.c.at, events.c.id))]


def left_out(connection: Connection, issue_id: int, forms: Collection[str]) -> list[OmittedRecord]:
    """The contacts that the issue was opened without though their address is one of *forms* (lower case)."""
    mine = (omitted.c.issue_id == issue_id, sa.func.lower(omitted.c.address).in_(forms))
    rows = connection.execute(sa.select(omitted).where(*mine).order_by(omitted.c.id))
    return [OmittedRecord(row.group_name, row.name, row.unit, row.address, row.why, row.detail) for row in rows]


def addresses_near(connection: Connection, issue_id: int, key: str, likely: Collection[str], most: int) -> list[str]:
    """Addresses of the issue among which one that looks like *key* may be: *likely* ones that it has (keys), those with
    the same local part, and the first *most* of all. Along an index, however many it has.
    """
    local = key.rpartition("@")[0] + "@"
    select = sa.select(deliveries.c.address).where(*_mine(issue_id, key)).order_by(deliveries.c.address_key)
    # "A" is the sign behind "@".
    same = deliveries.c.address_key >= local, deliveries.c.address_key < local[:-1] + "A"
    found = [
        *connection.execute(select.limit(most)).scalars(),
        *connection.execute(select.where(*same).limit(most)).scalars(),
    ]
    for some in _some(likely):
        found += connection.execute(select.where(deliveries.c.address_key.in_(some))).scalars()
    return list(dict.fromkeys(found))


def _mine(issue_id: int, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The issue's deliveries by the channel that an address like *key* has."""
    return deliveries.c.issue_id == issue_id, deliveries.c.channel == channel_of(key)


def _some(keys: Collection[str]) -> Iterator[list[str]]:
    iterator = iter(keys)
    while some := list(islice(iterator, _TOGETHER)):
        yield some


def _event(row: Row[Any]) -> EventRecord:
    return EventRecord(**{**row._mapping, "at": moment(row.at), "began": maybe(row.began)})
