"""Opening an issue: everything it will send is frozen in one transaction, before anything is sent.

Editing a list or a template afterwards cannot change an open issue; a crash before the commit leaves nothing.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count as count_from
from itertools import repeat
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.queries import issue_from, issue_query, last_id
from distributor.delivery.ledger.schema import attachments, deliveries, events, issues, letters, omitted, served
from distributor.delivery.ledger.staging import Recipient, Staging
from distributor.delivery.model.records import Actor, IssueRecord, IssueState
from distributor.delivery.model.states import State
from distributor.endpoints import MAIL, channel_of


@dataclass(frozen=True, slots=True)
class NewIssue:
    """What is frozen beside letters and recipients.

    *content* is the bulletin file's bytes, *sources* the JSON of templates and groups, *attachments* are (file name,
    content type, content).
    """

    uid: str
    masthead: str
    number: int | None
    total_number: int | None
    year: int | None
    file: str
    content: bytes
    content_sha256: str
    roster_sha256: str
    sources: str
    templates_sha256: str
    sender: str
    opened_by: Actor
    again_reason: str | None
    unresolved: tuple[str, ...]
    attachments: tuple[tuple[str, str, bytes], ...] = ()
    urgency: int = 0


@dataclass(frozen=True, slots=True)
class NewLetter:
    """One group's letter, or its post by another *channel*: JSON that is the same for all.

    *compile_for* is set where every recipient has a finished letter of its own.
    """

    group: str
    subject: str
    compiled: bytes
    compile_for: Callable[[Recipient], bytes] | None = None
    channel: str = MAIL


class AlreadyOpenedError(Exception):
    """The same bulletin was opened before for one of the groups; *earlier* lists those issues, newest last."""

    def __init__(self, earlier: list[IssueRecord]) -> None:
        super().__init__("opened before")
        self.earlier = earlier


def earlier_issues(connection: Connection, issue: NewIssue, groups: set[str]) -> list[IssueRecord]:
    """Issues of the same bulletin (same bytes, or same masthead and numbers) that went to one of *groups*."""
    same = sa.or_(issues.c.content_sha256 == issue.content_sha256, _same_name(issue))
    has_group = sa.exists().where(letters.c.issue_id == issues.c.id, letters.c.group_name.in_(groups))
    rows = connection.execute(issue_query().where(same, has_group).order_by(issues.c.id))
    return [issue_from(row) for row in rows]


def open_issue(
    database: Database, issue: NewIssue, new_letters: Callable[[int], list[NewLetter]], staging: Staging
) -> IssueRecord:
    """Freeze *issue* and queue a delivery for every staged recipient; returns it as the ledger has it.

    *new_letters* makes the letters from the opening time (µs UTC), which is their Date: one for every group staged,
    and behind those one for each chat service that a group has an endpoint of.

    Raises:
        AlreadyOpenedError: opened before for one of the groups, and *issue* gives no reason to do it again.
        LedgerError: the ledger cannot be written; nothing was opened.
    """
    with database.write() as connection:
        database.lock_opening(connection)
        opened_at = database.clock(connection)
        made = new_letters(opened_at)
        if issue.again_reason is None and (earlier := earlier_issues(connection, issue, {m.group for m in made})):
            raise AlreadyOpenedError(earlier)
        row = _issue_row(connection, issue, opened_at)
        connection.execute(issues.insert(), row)
        freeze = _Freeze(database, connection, row["id"], opened_at, 0)
        count = freeze.recipients(made, staging)
        freeze.omitted(staging, issue.unresolved)
        freeze.attachments(issue.attachments)
        freeze.event("opened", issue.opened_by, {"deliveries": count, "again": issue.again_reason})
        found = connection.execute(issue_query().where(issues.c.id == row["id"])).one()
        return issue_from(found)


def add_supplement(
    database: Database, issue_id: int, frozen: Collection[NewLetter], staging: Staging, actor: Actor
) -> int:
    """Queue deliveries for the staged recipients that the issue has not; returns how many.

    None where it is cancelled or pruned. *frozen* are its own letters, one for every group and channel that is staged.
    """
    with database.write() as connection:
        database.lock_opening(connection)
        now = database.alone(connection)
        query = sa.select(issues.c.state, issues.c.pruned_at).where(issues.c.id == issue_id)
        issue = connection.execute(query).one()
        if issue.state == IssueState.CANCELLED.value or issue.pruned_at is not None:
            return 0
        known = connection.execute(sa.select(deliveries.c.address_key).where(deliveries.c.issue_id == issue_id))
        staging.discard(key for (key,) in known)
        if not len(staging):
            return 0
        last = sa.select(sa.func.max(deliveries.c.supplement)).where(deliveries.c.issue_id == issue_id)
        supplement = (connection.execute(last).scalar() or 0) + 1
        freeze = _Freeze(database, connection, issue_id, now, supplement)
        count = freeze.recipients(list(frozen), staging)
        freeze.event("supplement", actor, {"supplement": supplement, "deliveries": count})
        return count


class _Freeze:
    """Writes recipients and letters of one opening; ids are ours to choose under lock_opening."""

    def __init__(self, database: Database, connection: Connection, issue_id: int, now: int, supplement: int) -> None:
        self.database = database
        self.connection = connection
        self.issue_id = issue_id
        self.now = now
        self.supplement = supplement

    def recipients(self, made: list[NewLetter], staging: Staging) -> int:
        first = last_id(self.connection, deliveries) + 1
        letter_ids = {(letter.group, letter.channel): self._letter_ids(letter, staging) for letter in made}
        count = self.database.insert(
            self.connection, deliveries, _DELIVERY, self._deliveries(first, letter_ids, staging)
        )
        self.database.insert(self.connection, served, _SERVED, staging.serves(first))
        return count

    def _letter_ids(self, letter: NewLetter, staging: Staging) -> Iterator[int]:
        """Insert the group's letter, or one for each recipient; the letter id of each recipient in order."""
        if letter.compile_for is None:
            # A post is never the letter of its group, not even where that has no mail.
            return repeat(self._insert_letters(letter, [letter.compiled], own=letter.channel != MAIL))
        compiled = map(letter.compile_for, staging.recipients(letter.group, mail_only=True))
        return count_from(self._insert_letters(letter, compiled, own=True))

    def _insert_letters(self, letter: NewLetter, compiled: Iterable[bytes], *, own: bool) -> int:
        first = last_id(self.connection, letters) + 1
        rows = (
            (identity, self.issue_id, letter.group, letter.subject, content, own)
            for identity, content in enumerate(compiled, first)
        )
        self.database.insert(self.connection, letters, letters.c.keys(), rows)
        return first

    def _deliveries(
        self, first: int, letter_ids: Mapping[tuple[str, str], Iterator[int]], staging: Staging
    ) -> Iterator[tuple[Any, ...]]:
        issue_id, supplement, queued, now = self.issue_id, self.supplement, State.QUEUED.value, self.now
        for identity, (key, group, address, fields) in enumerate(staging.addresses(), first):
            channel = channel_of(key)
            yield (
                identity, issue_id, next(letter_ids[group, channel]), group, supplement, channel, key,
                key.rpartition("@")[2], address, fields, "" if channel == MAIL else key, queued, now, now,
            )  # fmt: skip

    def omitted(self, staging: Staging, unresolved: tuple[str, ...]) -> None:
        first = last_id(self.connection, omitted) + 1
        rows = [*staging.omitted(), *(("", name, None, None, "unresolved", "") for name in unresolved)]
        numbered = ((identity, self.issue_id, *row) for identity, row in enumerate(rows, first))
        self.database.insert(self.connection, omitted, omitted.c.keys(), numbered)

    def attachments(self, files: tuple[tuple[str, str, bytes], ...]) -> None:
        rows = ((self.issue_id, position, *file) for position, file in enumerate(files))
        self.database.insert(self.connection, attachments, attachments.c.keys(), rows)

    def event(self, kind: str, actor: Actor, detail: Mapping[str, Any]) -> None:
        text = json.dumps(detail, ensure_ascii=False)
        row = {"issue_id": self.issue_id, "at": self.now, "kind": kind, "who": actor.who}
        row |= {"host": actor.host, "text": text}
        self.connection.execute(events.insert(), row)


_DELIVERY = (
    "id", "issue_id", "letter_id", "group_name", "supplement", "channel", "address_key", "domain",
    "address", "fields", "lane", "state", "next_attempt", "waiting_since",
)  # fmt: skip
_SERVED = ("delivery_id", "position", "audience", "unit", "contact", "role")


def _same_name(issue: NewIssue) -> sa.ColumnElement[bool]:
    """The same masthead and running total; where there is no total, the same year and number; without both, nothing."""
    if issue.total_number is not None:
        return sa.and_(issues.c.masthead == issue.masthead, issues.c.total_number == issue.total_number)
    if issue.number is None:
        return sa.false()
    return sa.and_(
        issues.c.masthead == issue.masthead,
        issues.c.total_number.is_(None),
        issues.c.number == issue.number,
        issues.c.year.is_not_distinct_from(issue.year),
    )


def _issue_row(connection: Connection, issue: NewIssue, opened_at: int) -> dict[str, Any]:
    same = sa.or_(_same_name(issue), issues.c.content_sha256 == issue.content_sha256)
    newest = connection.execute(sa.select(sa.func.max(issues.c.sequence)).where(same)).scalar()
    return {
        "id": last_id(connection, issues) + 1,
        "uid": issue.uid,
        "masthead": issue.masthead,
        "number": issue.number,
        "total_number": issue.total_number,
        "year": issue.year,
        "sequence": (newest or 0) + 1,
        "file": issue.file,
        "content": issue.content,
        "content_sha256": issue.content_sha256,
        "roster_sha256": issue.roster_sha256,
        "sources": issue.sources,
        "templates_sha256": issue.templates_sha256,
        "sender": issue.sender,
        "urgency": issue.urgency,
        "opened_at": opened_at,
        "opened_by": issue.opened_by.who,
        "host": issue.opened_by.host,
        "state": IssueState.OPEN.value,
        "again_reason": issue.again_reason,
        "unresolved": json.dumps(issue.unresolved, ensure_ascii=False),
    }
