"""Taking addresses, names and letters out of old issues; numbers, states, reasons, times and hashes stay.

In small transactions, so that others can work meanwhile, and so that whatever is killed goes on where it was: from its
first transaction on an issue is marked as pruned and has a key. An address is replaced by the number of its delivery,
a contact's name by a sign made of it with that key: both the same for the same one within the issue, so that no number
changes (who was reached later by another letter, for one). Then the key is thrown away, and no sign leads back.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.counts import Span, span_of
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.flows import NO_ISSUE
from distributor.delivery.ledger.queries import issue_from, issue_query
from distributor.delivery.ledger.schema import (
    attachments,
    deliveries,
    events,
    held,
    issues,
    letters,
    list_changes,
    list_versions,
    omitted,
    served,
    settled,
    waiting,
)
from distributor.delivery.model.records import Actor, IssueRecord
from distributor.endpoints import channel_of
from distributor.recipients.addresses import address_key

BATCH = 1000
# A letter's first line, its seal, has its format and SHA-256, and stays.
_SEAL = 200
NOBODY = "@pruned.invalid"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An issue opened before a time: *letters* in all; *unsettled* if some of them may still move; the last settled
    *last* (µs UTC). *begun*: its pruning was begun before, and is not complete.
    """

    issue: IssueRecord
    letters: int
    unsettled: bool
    last: int
    begun: bool


def candidates(database: Database, before: int) -> list[Candidate]:
    """Issues opened before *before* (µs UTC) that are not pruned yet, or not completely; oldest first."""
    old = sa.and_(issues.c.opened_at < before, issues.c.pruned_at.is_(None))
    query = issue_query().add_columns(issues.c.pruning_key).where(sa.or_(old, issues.c.pruning_key.is_not(None)))
    with database.read() as connection:
        found = connection.execute(query.order_by(issues.c.id)).all()
        return [_candidate(connection, issue_from(row), begun=row.pruning_key is not None) for row in found]


def _candidate(connection: Connection, issue: IssueRecord, *, begun: bool) -> Candidate:
    mine = deliveries.c.issue_id == issue.id
    last = connection.execute(sa.select(sa.func.max(deliveries.c.settled_at)).where(mine, settled)).scalar() or 0
    number = connection.execute(sa.select(sa.func.count()).select_from(deliveries).where(mine)).scalar_one()
    return Candidate(issue, number, _is_unsettled(connection, issue.id), last, begun)


def _is_unsettled(connection: Connection, issue_id: int) -> bool:
    waits = sa.select(deliveries.c.id).where(deliveries.c.issue_id == issue_id, waiting).limit(1)
    in_hand = sa.select(deliveries.c.id).where(deliveries.c.issue_id + 0 == issue_id, held).limit(1)
    return any(connection.execute(query).first() is not None for query in (waits, in_hand))


def begin(database: Database, issue_id: int, *, actor: Actor) -> bool:
    """From now on nothing of the issue can be sent any more. False: some of it is unsettled, and nothing was done."""
    with database.write() as connection:
        now = database.alone(connection)
        if _is_unsettled(connection, issue_id):
            return False
        new = issues.c.id == issue_id, issues.c.pruned_at.is_(None)
        key = secrets.token_bytes(32)
        if connection.execute(issues.update().where(*new).values(pruned_at=now, pruning_key=key)).rowcount:
            _prune_omitted(connection, issue_id, key)
            text = json.dumps({"attachments": _digests(connection, issue_id)}, ensure_ascii=False)
            who = {"who": actor.who, "host": actor.host}
            connection.execute(
                events.insert(), {"issue_id": issue_id, "at": now, "kind": "pruned", "text": text, **who}
            )
        return True


def _digests(connection: Connection, issue_id: int) -> list[dict[str, Any]]:
    query = sa.select(attachments).where(attachments.c.issue_id == issue_id).order_by(attachments.c.position)
    return [
        {"filename": row.filename, "sha256": hashlib.sha256(row.content).hexdigest()}
        for row in connection.execute(query)
    ]


def prune(database: Database, issue_id: int) -> Iterator[int]:
    """Take everything out of an issue that has begun; yields after each transaction of how many letters that was."""
    with database.read() as connection:
        key = bytes(connection.execute(sa.select(issues.c.pruning_key).where(issues.c.id == issue_id)).scalar_one())
        span = span_of(connection, issue_id)
    first = span.first
    while found := _transaction(database, _prune_deliveries, span, first, key):
        yield len(found)
        first = found[-1] + 1
    first = 0
    while found := _transaction(database, _prune_letters, issue_id, first):
        yield 0
        first = found[-1] + 1
    _transaction(database, _prune_attachments, issue_id)
    yield 0


def finish(database: Database, ids: Iterable[int]) -> None:
    """Forget the keys of issues of which nothing is left to be taken out, not even in the file."""
    with database.write() as connection:
        database.beside(connection)
        connection.execute(issues.update().where(issues.c.id.in_(list(ids))).values(pruning_key=None))


def _transaction(database: Database, step: Callable[..., list[int]], *arguments: Any) -> list[int]:
    with database.write() as connection:
        database.beside(connection)
        database.overwrite(connection)
        return step(connection, *arguments)


def _prune_deliveries(connection: Connection, span: Span, first: int, key: bytes) -> list[int]:
    """The next of them; returns their ids."""
    mine = (*span.rows, deliveries.c.id >= first, deliveries.c.fields != "")
    query = sa.select(deliveries.c.id).where(*mine).order_by(deliveries.c.id).limit(BATCH)
    ids = list(connection.execute(query).scalars())
    if not ids:
        return []
    sign = sa.literal("#").concat(sa.cast(deliveries.c.id, sa.Text)).concat(NOBODY)  # as _address() writes it
    nothing = {"domain": "", "lane": "", "fields": "", "reply": None}
    update = deliveries.update().where(deliveries.c.id.in_(ids))
    connection.execute(update.values(address_key=sign, address=sign, **nothing))
    _prune_served(connection, ids, key)
    # What servers said and what people wrote of one letter: it may name the address.
    connection.execute(events.update().where(events.c.delivery_id.in_(ids)).values(text=None))
    return ids


def _prune_served(connection: Connection, ids: Sequence[int], key: bytes) -> None:
    query = sa.select(served.c.delivery_id, served.c.position, served.c.unit, served.c.contact)
    rows = connection.execute(query.where(served.c.delivery_id.in_(ids))).all()
    update = (
        served.update()
        .where(served.c.delivery_id == sa.bindparam("of"), served.c.position == sa.bindparam("at"))
        .values(contact=sa.bindparam("sign"), role=None)
    )
    values = [{"of": row.delivery_id, "at": row.position, "sign": _contact(key, row.unit, row.contact)} for row in rows]
    connection.execute(update, values)


def _prune_letters(connection: Connection, issue_id: int, first: int) -> list[int]:
    """The next of them, but for their first lines; returns their ids."""
    head = sa.func.substr(letters.c.compiled, 1, _SEAL)
    mine = (letters.c.issue_id == issue_id, letters.c.id >= first, sa.func.length(letters.c.compiled) > _SEAL)
    query = sa.select(letters.c.id, head.label("head")).where(*mine).order_by(letters.c.id).limit(BATCH)
    rows = connection.execute(query).all()
    if rows:
        update = letters.update().where(letters.c.id == sa.bindparam("of")).values(compiled=sa.bindparam("seal"))
        values = [{"of": row.id, "seal": bytes(row.head).partition(b"\n")[0] + b"\n"} for row in rows]
        connection.execute(update, values)
    return [row.id for row in rows]


def _prune_attachments(connection: Connection, issue_id: int) -> list[int]:
    connection.execute(attachments.update().where(attachments.c.issue_id == issue_id).values(content=b""))
    return []


def _prune_omitted(connection: Connection, issue_id: int, key: bytes) -> None:
    """While the deliveries have their addresses: one that was left out may share its mailbox with others."""
    mine = (omitted.c.issue_id == issue_id, omitted.c.why == "disabled")
    rows = connection.execute(sa.select(omitted).where(*mine)).all()
    update = omitted.update().where(omitted.c.id == sa.bindparam("of"))
    update = update.values(name=sa.bindparam("who"), address=sa.bindparam("sign"), detail="")
    values = []
    for row in rows:
        key_of_row = address_key(row.address)
        same = (deliveries.c.channel == channel_of(key_of_row), deliveries.c.address_key == key_of_row)
        query = sa.select(deliveries.c.id).where(deliveries.c.issue_id == issue_id, *same)
        shared = connection.execute(query).scalar()
        sign = _address(shared) if shared else f"#o{row.id}{NOBODY}"
        values.append({"of": row.id, "who": _contact(key, row.unit, row.name), "sign": sign})
    if values:
        connection.execute(update, values)


def _address(delivery: int) -> str:
    """``#1234@pruned.invalid``: one address, and nobody's (RFC 2606)."""
    return f"#{delivery}{NOBODY}"


def _contact(key: bytes, unit: str, name: str) -> str:
    digest = hashlib.blake2b(f"{unit}\n{name}".encode(errors="replace"), key=key, digest_size=4)
    return f"#{digest.hexdigest()}"


# The list's past


def list_versions_before(database: Database, before: int) -> list[int]:
    """The versions of the list that were noticed before *before* (µs UTC) and still tell names."""
    old = (list_versions.c.noticed_at < before, list_versions.c.pruned_at.is_(None))
    with database.read() as connection:
        return list(
            connection.execute(sa.select(list_versions.c.id).where(*old).order_by(list_versions.c.id)).scalars()
        )


def prune_list_version(database: Database, version: int) -> None:
    """Take names and addresses out of what a version changed; kinds, actions and units stay."""

    def step(connection: Connection) -> list[int]:
        mine = list_changes.c.version_id == version
        contact = (mine, list_changes.c.kind == "contact")
        nobody = {"name": "", "address": "", "address_key": None, "former_key": None}
        connection.execute(list_changes.update().where(*contact).values(fields="{}", **nobody))
        # A unit's new name leads from its old one to it; its other fields may name people.
        unit = (mine, list_changes.c.kind == "unit", list_changes.c.action != "renamed")
        connection.execute(list_changes.update().where(*unit).values(fields="{}"))
        this = list_versions.c.id == version
        how = connection.execute(sa.select(list_versions.c.how).where(this)).scalar()
        connection.execute(list_versions.update().where(this).values(how=_command(how) if how else how))
        return []

    _transaction(database, step)


def _command(how: str) -> str:
    """``recipients add contact``: of a command line no more than what it begins with."""
    words = takewhile(lambda word: word.isascii() and word.isalpha(), how.split())
    return " ".join(islice(words, 3))


def finish_list_versions(database: Database, ids: Sequence[int], *, actor: Actor) -> None:
    """Say of versions that nothing is left to be taken out, and record who did it."""
    if not ids:
        return
    with database.write() as connection:
        now = database.beside(connection)
        connection.execute(list_versions.update().where(list_versions.c.id.in_(ids)).values(pruned_at=now))
        text = json.dumps({"list_versions": len(ids), "last": max(ids)})
        who = {"who": actor.who, "host": actor.host}
        connection.execute(events.insert(), {"issue_id": NO_ISSUE, "at": now, "kind": "pruned", "text": text, **who})


def prune_flows(database: Database, before: int) -> None:
    """Take the servers' words out of what was recorded of relays and destinations."""

    def step(connection: Connection) -> list[int]:
        old = (events.c.delivery_id.is_(None), events.c.issue_id == NO_ISSUE, events.c.kind == "blocked")
        query = sa.select(events.c.id, events.c.text).where(*old, events.c.at < before)
        for identity, text in connection.execute(query).all():
            left = {name: value for name, value in json.loads(text).items() if name != "reply"}
            told = json.dumps(left, ensure_ascii=False)
            connection.execute(events.update().where(events.c.id == identity).values(text=told))
        return []

    _transaction(database, step)
