"""The list of recipients over time: its versions, and what changed with each. (list_state has the newest in full.)"""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.list_state import Comparison, replace
from distributor.delivery.ledger.queries import last_id, maybe, microseconds, moment
from distributor.delivery.ledger.schema import list_changes, list_versions
from distributor.delivery.model.records import Actor
from distributor.recipients.addresses import address_key
from distributor.recipients.changes import Change


@dataclass(frozen=True, slots=True)
class Version:
    """One state of the list, and how it came about. Times are aware, UTC.

    *how* is the command that made it, and *who* gave that, *at* that time; None: it was changed by hand, and *who* was
    the first to use it, when it was noticed; then *at* is the file's own time. *pruned_at*: since then names and
    addresses are not kept in what it changed.
    """

    id: int
    at: dt.datetime
    noticed_at: dt.datetime
    sha256: str
    who: str
    host: str
    how: str | None
    pruned_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version to be recorded. *changed_at* is the file's time, None: now."""

    sha256: str
    how: str | None
    actor: Actor
    changed_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A version with what changed: *total* changes in all, and the first of them."""

    version: Version
    total: int
    changes: tuple[Change, ...]


def newest(database: Database) -> Version | None:
    """The version that was noticed last."""
    with database.read() as connection:
        return _newest(connection)


def record(
    database: Database, new: NewVersion, changes: Sequence[Change], state: Comparison, after: Version | None
) -> Version | None:
    """Add *new*, which was compared with *after*; None: another version has come between, and nothing is recorded."""
    with database.write() as connection:
        database.lock_opening(connection)
        if _newest(connection) != after:
            return None
        now = moment(database.clock(connection))
        version = Version(
            last_id(connection, list_versions) + 1, _changed_at(new, after, now), now,
            new.sha256, new.actor.who, new.actor.host, new.how,
        )  # fmt: skip
        connection.execute(list_versions.insert(), _row(version))
        database.insert(connection, list_changes, list_changes.c.keys(), _change_rows(version.id, changes))
        replace(database, connection, state)
        return version


def history(
    database: Database,
    *,
    since: dt.datetime | None = None,
    touching: sa.ColumnElement[bool] | None = None,
    limit: int | None = None,
    most: int | None = None,
) -> list[Recorded]:
    """The last *limit* versions, made *since* then, newest first, each with its first *most* changes.

    With *touching* (see `touches`) only those changes, and the versions that have any.
    """
    query = sa.select(list_versions).order_by(list_versions.c.id.desc()).limit(limit)
    if since is not None:
        query = query.where(list_versions.c.at >= microseconds(since))
    if touching is not None:
        query = query.where(list_versions.c.id.in_(sa.select(list_changes.c.version_id).where(touching)))
    with database.read() as connection:
        versions = [_version(row) for row in connection.execute(query)]
        return [_recorded(connection, version, touching, most) for version in versions]


def touches(*, keys: Collection[str] = (), units: Collection[str] = ()) -> sa.ColumnElement[bool]:
    """The condition that a change is of one of the addresses *keys*, of one of the *units* as such, or of all."""
    of_unit = sa.and_(list_changes.c.unit.in_(units), list_changes.c.kind != "contact")
    of_all = sa.and_(list_changes.c.unit == "", list_changes.c.kind == "list")
    return sa.or_(list_changes.c.address_key.in_(keys), list_changes.c.former_key.in_(keys), of_unit, of_all)


def touches_unit(units: Collection[str]) -> sa.ColumnElement[bool]:
    """The condition that a change is of one of *units* or of a contact of it, or that it gave it another name."""
    renamed = sa.and_(list_changes.c.kind == "unit", list_changes.c.action == "renamed")
    former = [json.dumps({"unit": [name]}).removesuffix("]}") + "," for name in units]
    called = [list_changes.c.fields.startswith(start, autoescape=True) for start in former]
    return sa.or_(list_changes.c.unit.in_(units), sa.and_(renamed, sa.or_(sa.false(), *called)))


def former_names(database: Database, units: Iterable[str]) -> set[str]:
    """*units*, with the names that they had before."""
    query = sa.select(list_changes.c.fields).where(list_changes.c.kind == "unit", list_changes.c.action == "renamed")
    found, asked = set(units), set[str]()
    with database.read() as connection:
        while new := found - asked:
            asked |= new
            renamed = connection.execute(query.where(list_changes.c.unit.in_(new))).scalars()
            found |= {json.loads(fields)["unit"][0] for fields in renamed}
    return found


def _newest(connection: Connection) -> Version | None:
    row = connection.execute(sa.select(list_versions).order_by(list_versions.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _version(row)


def _version(row: Row[Any]) -> Version:
    times = moment(row.at), moment(row.noticed_at)
    return Version(row.id, *times, row.sha256, row.who, row.host, row.how, maybe(row.pruned_at))


def _row(version: Version) -> dict[str, Any]:
    times = {"at": microseconds(version.at), "noticed_at": microseconds(version.noticed_at)}
    return asdict(version) | times


def _changed_at(new: NewVersion, after: Version | None, now: dt.datetime) -> dt.datetime:
    """A file's time is believed if it is between the version before and now: it may have been copied with its time."""
    if new.changed_at is None or after is None:
        return now
    return new.changed_at if after.noticed_at < new.changed_at <= now else now


def _change_rows(version: int, changes: Iterable[Change]) -> Iterator[tuple[Any, ...]]:
    for position, change in enumerate(changes):
        keys = (address_key(email) if email else None for email in (change.email, change.former_email))
        fields = json.dumps(change.fields)
        yield version, position, change.kind, change.action, change.unit, change.name, change.email, *keys, fields


def _recorded(
    connection: Connection, version: Version, touching: sa.ColumnElement[bool] | None, most: int | None
) -> Recorded:
    mine = [list_changes.c.version_id == version.id, *([] if touching is None else [touching])]
    total = connection.execute(sa.select(sa.func.count()).select_from(list_changes).where(*mine)).scalar_one()
    rows = connection.execute(sa.select(list_changes).where(*mine).order_by(list_changes.c.position).limit(most))
    return Recorded(version, total, tuple(map(_change, rows)))


def _change(row: Row[Any]) -> Change:
    fields = {name: (was, now) for name, (was, now) in json.loads(row.fields).items()}
    return Change(row.kind, row.action, row.unit, row.name, row.address, fields)
