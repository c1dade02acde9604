"""What an ended issue still lacks, in two numbers: enough for its standing, without reading its whole account."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.schema import deliveries, omitted, served
from distributor.delivery.model.states import State


def left_out(database: Database, issue_id: int) -> int:
    """How many names of the imprint reached nobody at the opening, nor by a supplement since."""
    names = sa.select(omitted.c.name).where(omitted.c.issue_id == issue_id, omitted.c.why.in_(["unresolved", "empty"]))
    reached = _served(issue_id, served.c.audience).where(deliveries.c.supplement > 0).distinct()
    with database.read() as connection:
        left = set(connection.execute(names).scalars())
        if left:
            for audiences in connection.execute(reached).scalars():
                left.difference_update(audiences.split("、"))
    return len(left)


def replaced(database: Database, issue_id: int) -> int:
    """How many deliveries failed or bounced, and all whom they serve have a letter of a later supplement."""
    with database.read() as connection:
        return len(replaced_ids(connection, issue_id))


def replaced_ids(connection: Connection, issue_id: int) -> list[int]:
    """The deliveries that replaced() counts."""
    contact = (served.c.unit, served.c.contact)
    sent = (
        _served(issue_id, *contact, sa.func.max(deliveries.c.supplement))
        .where(deliveries.c.supplement > 0, deliveries.c.state.in_([State.SENT.value, State.DELIVERED.value]))
        .group_by(*contact)
    )
    refused = _served(issue_id, deliveries.c.id, deliveries.c.supplement, *contact).where(
        deliveries.c.state.in_([State.FAILED.value, State.BOUNCED.value])
    )
    sent_with = {(unit, name): supplement for unit, name, supplement in connection.execute(sent)}
    if not sent_with:
        return []
    later: dict[int, bool] = {}
    for identity, supplement, unit, name in connection.execute(refused):
        later[identity] = later.get(identity, True) and sent_with.get((unit, name), 0) > supplement
    return [identity for identity, is_later in later.items() if is_later]


def _served(issue_id: int, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    served_by = served.join(deliveries, deliveries.c.id == served.c.delivery_id)
    return sa.select(*columns).select_from(served_by).where(deliveries.c.issue_id == issue_id)
