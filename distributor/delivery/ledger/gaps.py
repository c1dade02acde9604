"""What an issue still lacks though a supplement mended some of it: enough for its standing, without its account."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.schema import deliveries, omitted, served, settled, supplementary
from distributor.delivery.model.states import HAS_IT, REFUSED, State

_is_name = omitted.c.why.in_(["unresolved", "empty"])


def with_names_left_out(database: Database) -> set[int]:
    """The issues that were opened though names of the imprint reached nobody."""
    with database.read() as connection:
        return set(connection.execute(sa.select(omitted.c.issue_id).where(_is_name).distinct()).scalars())


def left_out(database: Database, issue_id: int) -> int:
    """How many names of the imprint reached nobody at the opening, nor by a supplement since."""
    names = sa.select(omitted.c.name).where(omitted.c.issue_id == issue_id, _is_name)
    reached = _served(issue_id, served.c.audience).where(supplementary).distinct()
    with database.read() as connection:
        left = set(connection.execute(names).scalars())
        if left:
            for audiences in connection.execute(reached).scalars():
                left.difference_update(audiences.split("、"))
    return len(left)


def replaced(database: Database, issue_id: int) -> int:
    """How many deliveries failed or bounced, and all whom they serve have a letter of a later supplement."""
    with database.read() as connection:
        return len(replaced_letters(connection, issue_id))


def replaced_letters(connection: Connection, issue_id: int) -> dict[int, tuple[State, str | None]]:
    """The ids of the deliveries that replaced() counts, in order, with the state and reason of each."""
    contact = (served.c.unit, served.c.contact)
    sent = (
        _served(issue_id, *contact, sa.func.max(deliveries.c.supplement))
        .where(supplementary, deliveries.c.state.in_(sorted(HAS_IT)))
        .group_by(*contact)
    )
    found = (deliveries.c.id, deliveries.c.state, deliveries.c.reason, deliveries.c.supplement, *contact)
    refused = _served(issue_id, *found).where(settled, deliveries.c.state.in_(sorted(REFUSED)))
    sent_with = {(unit, name): supplement for unit, name, supplement in connection.execute(sent)}
    if not sent_with:
        return {}
    later: dict[int, bool] = {}
    letters: dict[int, tuple[State, str | None]] = {}
    for identity, state, reason, supplement, unit, name in connection.execute(refused.order_by(deliveries.c.id)):
        later[identity] = later.get(identity, True) and sent_with.get((unit, name), 0) > supplement
        letters[identity] = (State(state), reason)
    return {identity: letter for identity, letter in letters.items() if later[identity]}


def _served(issue_id: int, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    served_by = served.join(deliveries, deliveries.c.id == served.c.delivery_id)
    return sa.select(*columns).select_from(served_by).where(deliveries.c.issue_id == issue_id)
