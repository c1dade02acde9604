"""Recipients made unique before an issue is opened: each address once, with everybody it serves.

A private temporary SQLite database does the work, so a million candidates take no more memory than a hundred, nothing
is locked while a person reads the numbers, and both kinds of ledger are fed from the same rows.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from distributor.delivery.ledger.rows import batches
from distributor.endpoints import Endpoint
from distributor.recipients.facts import Fact
from distributor.recipients.model import Candidate, GroupName, Printed, Resolution

_CHUNK = 1000
# Nearly every address serves one contact, who stands beside it; `also` has the others of those that are shared. (It is
# CROSS that makes SQLite begin with those few.)
_SCHEMA = """
CREATE TABLE recipient (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, group_name TEXT NOT NULL, reached_as TEXT NOT NULL,
  email TEXT NOT NULL, audience TEXT NOT NULL, unit TEXT NOT NULL, contact TEXT NOT NULL, role TEXT,
  salutation TEXT NOT NULL
);
CREATE INDEX endpoint ON recipient (id) WHERE instr(key, '@') = 0;
CREATE TABLE also (
  recipient INTEGER NOT NULL, audience TEXT NOT NULL, unit TEXT NOT NULL, contact TEXT NOT NULL, role TEXT,
  UNIQUE (recipient, unit, contact)
);
CREATE VIEW serves AS
  SELECT id AS recipient, 0 AS place, group_name, audience, unit, contact, role FROM recipient
  UNION ALL SELECT recipient, also.rowid, group_name, also.audience, also.unit, also.contact, also.role
  FROM also CROSS JOIN recipient ON id = recipient;
CREATE TABLE elsewhere (address TEXT NOT NULL, group_name TEXT NOT NULL);
CREATE TABLE omitted (
  key TEXT NOT NULL, group_name TEXT NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL, address TEXT NOT NULL,
  why TEXT NOT NULL, detail TEXT NOT NULL,
  UNIQUE (key, unit, name)
);
"""
# An imprint separates names by 、, so that no audience's name has it.
_OTHER_AUDIENCE = "instr('、' || audience || '、', '、' || excluded.audience || '、') = 0"
_CANDIDATE = ("key", "group_name", "email", "audience", "unit", "contact", "role", "salutation")
_RECIPIENT = f"""
INSERT INTO recipient (reached_as, {", ".join(_CANDIDATE)}) SELECT group_name, * FROM v WHERE true
ON CONFLICT (key) DO UPDATE SET
  reached_as = reached_as || iif(instr(reached_as, excluded.group_name), '', '+' || excluded.group_name),
  audience = audience || iif(
    unit = excluded.unit AND contact = excluded.contact AND {_OTHER_AUDIENCE}, '、' || excluded.audience, ''
  )
"""
_ALSO = f"""
INSERT INTO also SELECT id, ?4, ?5, ?6, ?7 FROM recipient WHERE key = ?1 AND (unit, contact) <> (?5, ?6)
ON CONFLICT (recipient, unit, contact) DO UPDATE SET audience = audience || '、' || excluded.audience
WHERE {_OTHER_AUDIENCE}
"""
_SHARED = """
SELECT id FROM recipient WHERE reached_as <> group_name
UNION SELECT recipient FROM also
UNION SELECT recipient.id FROM omitted JOIN recipient USING (key)
"""
_MERGE_VALUES = (
    "json_object('contact', contact, 'unit', unit, 'salutation', salutation, 'role', ifnull(role, ''), 'email', email)"
)
# Two orders that are merged: of the view `serves` SQLite would sort all.
_IN_ORDER = """
SELECT id, audience, unit, contact, role, 0 AS place FROM recipient
UNION ALL SELECT recipient, audience, unit, contact, role, rowid FROM also ORDER BY id, place
"""
# The same, as facts of the list (recipients/facts.py).
_READERS = """
SELECT 'reader', unit, contact, email, group_name FROM (
  SELECT id, unit, contact, email, group_name, 0 AS place FROM recipient
  UNION ALL SELECT recipient, also.unit, also.contact, email, group_name, also.rowid
  FROM also CROSS JOIN recipient ON id = recipient ORDER BY id, place
)
"""
_OTHERS = """
SELECT json_group_array(json_array(audience, unit, contact, role))
FROM (SELECT * FROM also WHERE also.recipient = recipient.id ORDER BY rowid)
"""


@dataclass(frozen=True, slots=True)
class StagedGroup:
    """Numbers of one group: *addresses* letters will be sent to *contacts* of *units*; *disabled* contacts get none."""

    name: str
    units: int
    contacts: int
    addresses: int
    disabled: int


@dataclass(frozen=True, slots=True)
class SharedAddress:
    """One address that several lines of the list name: *serves* and *disabled* as ``unit contact``.

    *groups* are those it is reached by, through *audiences*; it gets the letter of the first, *group*. A *disabled*
    contact gets no letter, but its mailbox does, for the others that it serves.
    """

    address: str
    group: str
    groups: tuple[str, ...]
    audiences: tuple[str, ...]
    serves: tuple[str, ...]
    disabled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address to be written to. *fields* are the merge values, *serves* rows of (audience, unit, contact, role).

    A contact that several audiences reach is one row, which names them all, joined by 、.
    """

    key: str
    group: str
    address: str
    fields: dict[str, str]
    serves: tuple[tuple[str, str, str, str | None], ...]


class Staging:
    """A context manager; candidates in the order of precedence: the first of an address chooses its group.

    Of *only*, groups, the letters are kept once every address has its group. *names* are what the imprint prints for
    them; those that no enabled contact was reached by are omitted as "empty".

    Raises:
        InputError: a file that the candidates are read from has changed.
    """

    def __init__(
        self,
        candidates: Iterable[Candidate],
        *,
        names: Sequence[Printed] = (),
        only: Collection[GroupName] = tuple(GroupName),
    ) -> None:
        self._reached: set[str] = set()
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000;" + _SCHEMA)
        self._db.execute("BEGIN")
        try:
            iterator = iter(candidates)
            while chunk := list(islice(iterator, _CHUNK)):
                self._add(chunk)
        except BaseException:
            self.close()
            raise
        self.empty = tuple({name.name: name for name in names if name.name not in self._reached}.values())
        for group in GroupName:
            if group not in only:
                self._leave_out(group, only)

    @classmethod
    def of(cls, resolution: Resolution) -> Self:
        """Whom *resolution* reaches in the groups that are chosen."""
        return cls(resolution.candidates(), names=resolution.names, only=resolution.groups)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the temporary database."""
        self._db.close()

    def _add(self, chunk: list[Candidate]) -> None:
        enabled = [candidate for candidate in chunk if candidate.disabled is None]
        rows = [(c.key, str(c.group), c.email, c.audience, c.unit, c.contact, c.role, c.salutation) for c in enabled]
        before = self._last_id()
        for values, _count, parameters in batches(rows, len(_CANDIDATE)):
            self._db.execute(f"WITH v({', '.join(_CANDIDATE)}) AS ({values}) {_RECIPIENT}", parameters)
        if self._last_id() - before < len(rows):
            self._db.executemany(_ALSO, (row[:7] for row in rows))
        self._reached.update(c.audience for c in enabled)
        self._db.executemany(
            "INSERT OR IGNORE INTO omitted VALUES (?, ?, ?, ?, ?, 'disabled', ?)",
            ((c.key, c.group.value, c.contact, c.unit, c.email, c.disabled) for c in chunk if c.disabled is not None),
        )

    def _leave_out(self, group: GroupName, only: Collection[GroupName]) -> None:
        """Take *group* out; those of its addresses that *only* reach too are remembered."""
        is_reached = " OR ".join(["instr(reached_as, ?)"] * len(only)) or "0"
        query = f"SELECT email, group_name FROM recipient WHERE group_name = ? AND ({is_reached}) ORDER BY id"
        self._db.execute(f"INSERT INTO elsewhere {query}", (group, *only))
        self._db.execute("DELETE FROM recipient WHERE group_name = ?", (group,))
        self._drop_orphans()
        self._db.execute("DELETE FROM omitted WHERE group_name = ?", (group,))

    def __len__(self) -> int:
        return int(self._scalar("SELECT count(*) FROM recipient"))

    def groups(self) -> list[StagedGroup]:
        """The groups that have a recipient or a disabled contact; a contact counts where its letter goes."""
        present = {name for (name,) in self._db.execute("SELECT DISTINCT group_name FROM recipient")}
        numbers = {name: self._numbers(name) for name in GroupName if name in present}
        disabled = dict(self._db.execute("SELECT group_name, count(*) FROM omitted GROUP BY 1").fetchall())
        return [
            StagedGroup(name, *numbers.get(name, (0, 0, 0)), disabled.get(name, 0))
            for name in GroupName
            if name in numbers or name in disabled
        ]

    def _numbers(self, group: GroupName) -> tuple[int, int, int]:
        """How many units, contacts and addresses *group* has."""
        query = "SELECT count(DISTINCT unit), count(*), count(nullif(place > 0, 1)) FROM serves WHERE group_name = ?"
        units, contacts, addresses = self._db.execute(query, (group.value,)).fetchone()
        return units, contacts, addresses

    def units_of(self, audience: str) -> int:
        """How many units of *audience* get a letter, be it as members of another one as well."""
        query = "SELECT count(DISTINCT unit) FROM serves WHERE instr('、' || audience || '、', '、' || ? || '、')"
        return int(self._db.execute(query, (audience,)).fetchone()[0])

    def elsewhere(self, limit: int = 20) -> tuple[int, list[tuple[str, str]]]:
        """How many addresses get no letter now as that of a group not chosen is theirs; the first with that group."""
        total = int(self._scalar("SELECT count(*) FROM elsewhere"))
        return total, self._db.execute("SELECT address, group_name FROM elsewhere LIMIT ?", (limit,)).fetchall()

    def shared(self, limit: int = 20) -> tuple[int, list[SharedAddress]]:
        """How many addresses are named by more than one contact or group, and the first *limit* of them."""
        total = int(self._scalar(f"SELECT count(*) FROM ({_SHARED})"))
        rows = self._db.execute(f"{_SHARED} ORDER BY 1 LIMIT ?", (limit,))
        return total, [self._shared(recipient) for (recipient,) in rows.fetchall()]

    def _shared(self, recipient: int) -> SharedAddress:
        query = "SELECT key, email, group_name, reached_as FROM recipient WHERE id = ?"
        key, email, group, reached_as = self._db.execute(query, (recipient,)).fetchone()
        serves = self._db.execute(
            "SELECT audience, unit || ' ' || contact FROM serves WHERE recipient = ? ORDER BY place", (recipient,)
        ).fetchall()
        disabled = self._db.execute("SELECT unit || ' ' || name FROM omitted WHERE key = ? ORDER BY rowid", (key,))
        return SharedAddress(
            address=email,
            group=group,
            groups=tuple(reached_as.split("+")),
            audiences=tuple(dict.fromkeys(name for audience, _who in serves for name in audience.split("、"))),
            serves=tuple(who for _audience, who in serves),
            disabled=tuple(who for (who,) in disabled),
        )

    def addresses_in(self, domains: Sequence[str], limit: int = 5) -> tuple[int, list[str]]:
        """How many addresses are in one of *domains* or below it, and the first *limit* of them."""
        patterns = [pattern for domain in domains for pattern in (f"%@{domain}", f"%.{domain}")]
        where = " OR ".join(["key LIKE ?"] * len(patterns))
        total = self._db.execute(f"SELECT count(*) FROM recipient WHERE {where}", patterns).fetchone()[0]
        first = self._db.execute(f"SELECT email FROM recipient WHERE {where} LIMIT ?", [*patterns, limit])
        return int(total), [email for (email,) in first]

    def recipients(self, group: str | None = None, *, mail_only: bool = False) -> Iterator[Recipient]:
        """Every recipient (of *group*) in order of precedence, each with all it serves; *mail_only*: no endpoints."""
        rows = self._db.execute(
            f"SELECT key, group_name, email, {_MERGE_VALUES}, audience, unit, contact, role, ({_OTHERS})"
            " FROM recipient WHERE (?1 IS NULL OR group_name = ?1) AND (NOT ?2 OR instr(key, '@')) ORDER BY id",
            (group, mail_only),
        )
        for key, name, email, fields, audience, unit, contact, role, others in rows:
            serves = ((audience, unit, contact, role), *map(tuple, json.loads(others)))
            yield Recipient(key, name, email, json.loads(fields), serves)

    def endpoints(self, group: str | None = None) -> list[Endpoint]:
        """The chat endpoints (of *group*) in order of precedence; there are few of them."""
        query = "SELECT key FROM recipient WHERE instr(key, '@') = 0 AND (?1 IS NULL OR group_name = ?1) ORDER BY id"
        return [Endpoint.parse(key) for (key,) in self._db.execute(query, (group,))]

    def addresses(self) -> Iterator[tuple[str, str, str, str]]:
        """Rows of (key, group, address, merge values as JSON): every recipient in order of precedence."""
        return self._db.execute(f"SELECT key, group_name, email, {_MERGE_VALUES} FROM recipient ORDER BY id")

    def serves(self, first: int = 0) -> Iterator[tuple[int, int, str, str, str, str | None]]:
        """Rows of (number, position, audience, unit, contact, role): whom each of addresses() serves.

        Addresses are numbered from *first*, positions from 0.
        """
        rows = self._db.execute(_IN_ORDER)
        number, position, last = first - 1, 0, None
        for recipient, audience, unit, contact, role, _place in rows:
            if recipient == last:
                position += 1
            else:
                number, position, last = number + 1, 0, recipient
            yield number, position, audience, unit, contact, role

    def readers(self) -> Iterator[Fact]:
        """Whom each of addresses() serves, as facts."""
        return self._db.execute(_READERS)

    def reached(self, units: Iterable[str]) -> set[str]:
        """Which of *units* get a letter."""
        query = "SELECT DISTINCT unit FROM serves WHERE unit IN (SELECT value FROM json_each(?))"
        return {unit for (unit,) in self._db.execute(query, (json.dumps(list(units)),))}

    def omitted(self) -> Iterator[tuple[Any, ...]]:
        """Rows of (group, name, unit, address, why, detail): disabled contacts, then names that reach nobody."""
        yield from self._db.execute("SELECT group_name, name, unit, address, why, detail FROM omitted ORDER BY rowid")
        yield from ((each.group, each.name, None, None, "empty", "") for each in self.empty)

    def discard(self, keys: Iterable[str]) -> None:
        """Take out the recipients whose addresses an issue already has (for a supplement)."""
        self._db.executemany("DELETE FROM recipient WHERE key = ?", ((key,) for key in keys))
        self._drop_orphans()

    def _drop_orphans(self) -> None:
        self._db.execute("DELETE FROM also WHERE recipient NOT IN (SELECT id FROM recipient)")

    def _last_id(self) -> int:
        return self._scalar("SELECT max(id) FROM recipient") or 0

    def _scalar(self, query: str) -> Any:
        return self._db.execute(query).fetchone()[0]
