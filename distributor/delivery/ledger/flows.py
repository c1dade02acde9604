"""What servers and people decide about a flow: slowed down, eased, blocked, released; and what is in trouble now."""

import datetime as dt
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from distributor.delivery.ledger.allotments import held_for, is_flow, make_rows
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queries import moment
from distributor.delivery.ledger.schema import deliveries, events, flows, waiting
from distributor.delivery.ledger.waits import place_of
from distributor.delivery.model.flow import FlowKey, FlowKind
from distributor.delivery.model.records import Actor

# Of the events that concern no single issue.
NO_ISSUE = 0
_HEALTHY = {
    "held_until": 0, "hold": 0, "blocked_at": None, "reason": None, "reply": None, "relay": None, "since": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """A flow in trouble. *held_until* (aware): a back-off, over or not; None: it has none, but is blocked."""

    key: FlowKey
    blocked: bool
    held_until: dt.datetime | None
    since: dt.datetime
    reason: str
    reply: str
    relay: str


def slow(database: Database, key: FlowKey, *, first: int, most: int, reason: str, reply: str, relay: str) -> int:
    """Let nothing go for *first* seconds, twice as long as the last time if that is longer, up to *most*.

    More of the same trouble while the flow is held changes nothing; only a longer *first* does. Returns the µs for
    which it is held from now.
    """
    with database.write() as connection:
        database.beside(connection)
        row = _locked(connection, key)
        now = database.clock(connection)
        wanted, rest = first * 1_000_000, held_for(row, now)
        if rest >= wanted:
            return rest
        hold = max(wanted, row["hold"] if rest else min(row["hold"] * 2, most * 1_000_000))
        values = {"hold": hold, "held_until": now + hold, "since": row["since"] or now}
        if row["blocked_at"] is None:  # else people are told what it is blocked for
            values |= {"reason": reason, "reply": reply, "relay": relay}
        connection.execute(flows.update().where(*is_flow(key)).values(values))
        return int(hold)


def ease(database: Database, key: FlowKey) -> bool:
    """A delivery of a flow on probation went through: it is healthy. False: it was not on probation."""
    with database.write() as connection:
        now = database.beside(connection)
        over = sa.or_(flows.c.held_until <= now, flows.c.held_until > flows.c.hold + now)
        on_probation = (flows.c.hold > 0, over, flows.c.blocked_at.is_(None))
        return connection.execute(flows.update().where(*is_flow(key), *on_probation).values(_HEALTHY)).rowcount == 1


def block(database: Database, key: FlowKey, *, actor: Actor, reason: str, reply: str, relay: str) -> bool:
    """Let nothing go until a person releases it. False: it was blocked before, and nothing changed."""
    with database.write() as connection:
        now = database.alone(connection)
        row = _locked(connection, key)
        if row["blocked_at"] is not None:
            return False
        said = {"reason": reason, "reply": reply, "relay": relay}
        values = {"blocked_at": now, "since": row["since"] or now, **said}
        connection.execute(flows.update().where(*is_flow(key)).values(values))
        _tell(connection, "blocked", key, now, actor, said)
        return True


def release(database: Database, key: FlowKey, domains: Collection[str], *, actor: Actor) -> bool:
    """End back-off and block, as a person wants who mended the reason. False: there was neither.

    What was put off for that reason, at a destination in one of its *domains*, is due now; and the time for which it
    was blocked makes nothing that waited too old.
    """
    with database.write() as connection:
        now = database.alone(connection)
        row = _locked(connection, key)
        if not row["hold"] and row["blocked_at"] is None:
            return False
        connection.execute(flows.update().where(*is_flow(key)).values(_HEALTHY))
        mine = place_of(domains).in_([key.name, *domains]) if key.kind is FlowKind.DESTINATION else sa.true()
        for_it = (deliveries.c.reason == row["reason"], deliveries.c.relay == row["relay"])
        hasten = deliveries.update().where(waiting, mine, *for_it, deliveries.c.next_attempt > now)
        connection.execute(hasten.values(next_attempt=now))
        if row["blocked_at"] is not None:
            since = deliveries.c.waiting_since + (now - row["blocked_at"])
            younger = deliveries.update().where(waiting, mine)
            connection.execute(younger.values(waiting_since=sa.case((since > now, now), else_=since)))
        _tell(connection, "released", key, now, actor, {})
        return True


def troubled(database: Database) -> list[FlowRecord]:
    """All flows that are held, on probation or blocked."""
    with database.read() as connection:
        query = sa.select(flows).where(_troubled()).order_by(flows.c.kind, flows.c.name)
        return [_record(row) for row in connection.execute(query).mappings()]


def _troubled() -> sa.ColumnElement[bool]:
    return sa.or_(flows.c.hold > 0, flows.c.blocked_at.is_not(None))


def _locked(connection: Connection, key: FlowKey) -> RowMapping:
    """The flow's row, made if it is missing, ours until the transaction ends."""
    make_rows(connection, [key])
    return connection.execute(sa.select(flows).where(*is_flow(key)).with_for_update()).mappings().one()


def _record(row: RowMapping) -> FlowRecord:
    return FlowRecord(
        key=FlowKey(FlowKind(row["kind"]), row["name"]),
        blocked=row["blocked_at"] is not None,
        held_until=moment(row["held_until"]) if row["hold"] else None,
        since=moment(row["since"]),
        reason=row["reason"],
        reply=row["reply"],
        relay=row["relay"],
    )


def _tell(
    connection: Connection, kind: str, key: FlowKey, now: int, actor: Actor, detail: Mapping[str, object]
) -> None:
    text = json.dumps({"flow": key.kind.value, "name": key.name, **detail}, ensure_ascii=False)
    event = {"issue_id": NO_ISSUE, "at": now, "kind": kind, "who": actor.who, "host": actor.host, "text": text}
    connection.execute(events.insert(), event)
