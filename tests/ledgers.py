"""Ledgers for tests: small issues, what workers do to their deliveries, and what the tables then hold."""

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from distributor.delivery.ledger import claims, migrate, queries, sweeping, writing
from distributor.delivery.ledger.allotments import Ask
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.ledger.counts import span_of
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.opening import NewIssue, NewLetter, open_issue
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.ledger.writing import Mark, Result
from distributor.delivery.model.flow import Rules, Way
from distributor.delivery.model.records import Actor, DeliveryRecord, IssueRecord
from distributor.delivery.model.states import Event, State
from distributor.recipients.model import Candidate, GroupName
from distributor.render.message import Headers, compile_letter
from distributor.render.model import Letter, Merged

PERSON = Actor("li", "desk.example")
WORKER = Actor("worker 1", "host.example")
DAY = 24 * 3600
HOUR = 3_600_000_000
TODAY = "2026-03-05"
ONE_WAY = Rules((Way("relay"),))


@contextlib.contextmanager
def opened(url: str) -> Iterator[Database]:
    """The ledger at *url* with its tables made."""
    database = Database(url)
    try:
        migrate.upgrade(database)
        yield database
    finally:
        database.close()


def candidate(number: int, *, group: GroupName = GroupName.DEPARTMENTS, **changes: Any) -> Candidate:
    """Contact *number*: office7@example.org of 单位7."""
    email = changes.get("email", f"office{number}@example.org")
    usual = Candidate(
        group=group, label=group, audience="有关部门", unit=f"单位{number}", salutation=f"单位{number}办公室",
        contact="收文", role=None, email=email, key=email.lower(), disabled=None,
    )  # fmt: skip
    return usual._replace(**changes)


def new_issue(total: int | None = 60, **changes: Any) -> NewIssue:
    usual = NewIssue(
        uid=f"uid{total}", masthead="园区工作简报", number=4, total_number=total, year=2026, file=f"{total}.txt",
        content="正文".encode(), content_sha256=f"content {total}", roster_sha256="roster", sources="{}",
        templates_sha256="templates", sender="office@sender.example", opened_by=PERSON, again_reason=None,
        unresolved=(),
    )  # fmt: skip
    return replace(usual, **changes)


def letters_for(staging: Staging) -> list[NewLetter]:
    return [
        NewLetter(group.name, f"简报（{group.name}）", f"letter {group.name}".encode()) for group in staging.groups()
    ]


def open_to(
    database: Database,
    candidates: Iterable[Candidate],
    issue: NewIssue | None = None,
    letters: Callable[[Staging], list[NewLetter]] = letters_for,
) -> IssueRecord:
    with Staging(candidates) as staging:
        return open_issue(database, issue or new_issue(), lambda _now: letters(staging), staging)


def finished_letters(staging: Staging) -> list[NewLetter]:
    """Letters that an engine can send: a line of text that greets."""
    greeting = Merged(("", "：\n正文。\n"), ("salutation",))
    letter = Letter(subject=Merged(("园区工作简报",)), html=greeting, text=greeting, reply_to=None)
    date = dt.datetime(2026, 3, 5, 9, tzinfo=dt.UTC)
    headers = Headers("office@sender.example", "园区协会", "bulletin.sender.example", date, "sender.example")
    compiled = compile_letter(letter, headers).to_bytes()
    return [NewLetter(group.name, "园区工作简报", compiled) for group in staging.groups()]


def open_sendable(database: Database, count: int, total: int = 60, **changes: Any) -> IssueRecord:
    """Issue *total* with *count* deliveries of letters that can really be sent."""
    people = map(candidate, range(1, count + 1))
    return open_to(database, people, new_issue(total, **changes), finished_letters)


def open_small(database: Database, count: int = 3, total: int = 60, **changes: Any) -> IssueRecord:
    """Issue *total* with *count* deliveries."""
    return open_to(database, map(candidate, range(1, count + 1)), new_issue(total, **changes))


def result(claim: Claim | Mark, event: Event = Event.ACCEPTED, **changes: Any) -> Result:
    """What the relay said to *claim*; a deferral is due in an hour."""
    usual = Result(
        id=claim.id, attempt=claim.attempt, event=event, phase="dot", code=250, enhanced="2.0.0", reply="OK id=1",
        reason="sent", relay="relay.example:25", wait=HOUR if event is Event.DEFER else None,
    )  # fmt: skip
    return usual._replace(**changes)


def mark(database: Database, *taken: Claim) -> set[Mark]:
    """The marks that were accepted."""
    return writing.write(database, [Mark(claim.id, claim.attempt) for claim in taken], [], WORKER)[0]


def record(database: Database, *results: Result) -> int:
    """How many results were refused."""
    return writing.write(database, [], results, WORKER)[1]


def sweep(database: Database, **changes: Any) -> sweeping.Swept:
    return sweeping.sweep(database, **{"actor": WORKER, "expire_after": 2 * DAY, **changes})


def today(_now: int) -> str:
    """Every day is TODAY."""
    return TODAY


def claimed(database: Database, limit: int = 100, *, seconds: float = 60) -> tuple[int, list[Claim]]:
    """A new lease and what could be claimed under it; with negative *seconds* its worker is dead already."""
    lease = claims.take_lease(database, WORKER.who, seconds)
    return lease, claim(database, lease, limit)


def claim(database: Database, lease: int, limit: int) -> list[Claim]:
    """What a worker with one relay gets, where nothing is limited."""
    asks = [Ask(way, limit, 1) for way in ONE_WAY.ways]
    return claims.claim(database, lease, asks, ONE_WAY, day_of=today).claims


def account(database: Database, issue_id: int) -> list[DeliveryRecord]:
    """Every delivery of the issue."""
    with database.read() as connection:
        return list(queries.all_deliveries(connection, span_of(connection, issue_id)))


def all_rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def states(database: Database) -> Counter[State]:
    rows = all_rows(database, "SELECT state, count(*) FROM deliveries GROUP BY state")
    return Counter({State(state): count for state, count in rows})


def row(database: Database, identity: int) -> dict[str, Any]:
    """One delivery as the table holds it."""
    with database.read() as connection:
        found = connection.execute(sa.text("SELECT * FROM deliveries WHERE id = :id"), {"id": identity})
        return dict(found.mappings().one())


def execute(database: Database, statement: str, **parameters: Any) -> None:
    """Make the past what a test needs it to be, while no worker writes."""
    with database.write() as connection:
        database.alone(connection)
        connection.execute(sa.text(statement), parameters)
