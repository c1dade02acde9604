"""A spreadsheet taken into a draft: who comes, who changes, who is to be disabled; every problem by its cell."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _
from distributor.recipients import edits
from distributor.recipients.addresses import address_key
from distributor.recipients.draft import Draft, Entry, did_you_mean, path_of, refusal
from distributor.recipients.edits import NewUnit
from distributor.recipients.sheets.model import DEFAULT_NAME, Sheet, SheetRow

MOST_IN_LIST = 10_000
"""New contacts that recipients.yaml is given at once; more belong into an included file."""

_UNSEEN = "hidden-in-sync"
_FIELDS = ("name", "role", "phone", "disabled", "note")


class Mode(StrEnum):
    """add: nobody is taken away. sync: empty cells and missing rows mean something, too."""

    ADD = "add"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a file is to be taken.

    *audience* is that of new units whose rows name none; *into*, a file as recipients.yaml calls it, gets the contacts
    of new units. *gone* is the reason of those who are disabled because the file lacks them. *lenient*: rows with
    errors are left out. *hidden*: the file was read with its hidden rows.
    """

    mode: Mode
    gone: str
    audience: str | None = None
    into: str | None = None
    lenient: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """Contacts by what becomes of them: added, changed, disabled, enabled, unchanged; *bad* rows are not taken."""

    counts: Mapping[str, int]
    bad: int
    findings: tuple[Finding, ...]


def take(draft: Draft, sheet: Sheet, terms: Terms) -> Taken:
    """Change *draft* as the rows of *sheet* say.

    Raises:
        InputError: rows that cannot be taken, every one of them by its cell.
    """
    if terms.audience is not None:
        edits.need_audiences(draft, [terms.audience])
    rows = list(sheet.rows)
    taking = _Taking(draft, sheet, terms)
    taking.take(rows)
    bad = sheet.findings.count(Severity.ERROR) + len(taking.bad)
    found = sorted([*sheet.findings, *_unseen(sheet, terms), *taking.findings], key=_by_row)
    if (bad and not terms.lenient) or any(finding.code == _UNSEEN for finding in found):
        raise InputError(sorted(found, key=lambda finding: finding.severity is not Severity.ERROR))
    return Taken(taking.counts, bad, tuple(found))


def _by_row(finding: Finding) -> int:
    return finding.place.line or 0 if finding.place else 0


def _unseen(sheet: Sheet, terms: Terms) -> Iterator[Finding]:
    """Rows that nobody has looked at must not decide who is disabled."""
    hidden = any(finding.code == "hidden-rows" for finding in sheet.findings)
    if terms.mode is Mode.SYNC and hidden and not terms.hidden:
        message = _("there are hidden rows, and --mode sync would disable whom they name")
        remedy = _("show them or delete them in the spreadsheet, or take them too: --hidden")
        yield Finding(Severity.ERROR, _UNSEEN, message, Place(sheet.file), remedy)


class _Taking:
    """One file on its way into a draft."""

    def __init__(self, draft: Draft, sheet: Sheet, terms: Terms) -> None:
        self.draft = draft
        self.terms = terms
        self.fields = [name for name in _FIELDS if name in sheet.fields]
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self.bad: set[SheetRow] = set()
        self._members = {name: set(edits.members(draft, name)) for name in draft.audiences}
        self._named: dict[str, str | None] = {}
        self._new: defaultdict[str, dict[str, NewUnit]] = defaultdict(dict)
        self._joins: list[tuple[str, str]] = []

    def take(self, rows: Sequence[SheetRow]) -> None:
        """Take every row, then disable whom the file lacks, if that is meant."""
        units: defaultdict[str, list[SheetRow]] = defaultdict(list)
        for row in rows:
            if self._knows_audiences(row):
                units[row.unit].append(row)
        keys = {address_key(row.email) for row in rows}
        self.draft.look(keys=keys, units=units.keys())
        for unit, contacts in units.items():
            if self.draft.knows_unit(unit):
                self._known_unit(unit, contacts, keys)
            else:
                self._new_unit(unit, contacts)
        self._settle()
        if self.terms.mode is Mode.SYNC:
            self._disable_others({(row.unit, address_key(row.email)) for row in rows})

    def _pass_over(self, row: SheetRow) -> None:
        """Say that the address of *row* was there before."""
        message = _("{unit} has {email} already: this row is passed over").format(unit=row.unit, email=row.email)
        self._say(Severity.WARNING, "repeated-contact", message, row.place, None)

    def _say(self, severity: Severity, code: str, message: str, place: Place | None, remedy: str | None) -> None:
        self.findings.append(Finding(severity, code, message, place, remedy))

    # Units that the list has

    def _known_unit(self, unit: str, rows: Sequence[SheetRow], keys: set[str]) -> None:
        audiences = self._audiences(rows)
        for row, entry in _matched(self.draft.of_unit(unit), rows, keys):
            if entry is not None:
                self._known(entry, row)
            else:
                self._add(unit, row)
        self._salutation(unit, rows)
        if unit in self.draft.units and audiences:
            self._memberships(unit, audiences)

    def _add(self, unit: str, row: SheetRow) -> None:
        if any(entry.key == address_key(row.email) for entry in self.draft.of_unit(unit)):
            self._pass_over(row)
            return
        self.draft.add(unit, _contact(row))
        self.counts["added"] += 1

    def _known(self, entry: Entry, row: SheetRow) -> None:
        """Change what the row says otherwise; an empty cell says something only where all is to be as in the file."""
        given = {name: getattr(row, name) for name in self.fields}
        if row.name == DEFAULT_NAME:
            given.pop("name", None)
        if self.terms.mode is Mode.ADD:
            given = {name: value for name, value in given.items() if value}
        if address_key(row.email) != entry.key:
            given["email"] = row.email
        was = entry.fields.get("disabled")
        changes = {name: value for name, value in given.items() if not _says(entry, name, value)}
        if changes:
            self.draft.put(entry, changes)
        now = entry.fields.get("disabled")
        action = "changed" if bool(was) == bool(now) else "disabled" if now else "enabled"
        self.counts[action if changes else "unchanged"] += 1

    def _salutation(self, unit: str, rows: Iterable[SheetRow]) -> None:
        given = next((row.salutation for row in rows if row.salutation), None)
        if unit in self.draft.units:
            known = self.draft.units[unit].get("salutation", unit)
        else:
            known = next((entry.fields.get("salutation", unit) for entry in self.draft.of_unit(unit)), unit)
        if given not in (None, known):
            edits.set_salutation(self.draft, unit, given)

    def _memberships(self, unit: str, audiences: Sequence[str]) -> None:
        for audience in audiences:
            if unit not in self._members[audience]:
                edits.join(self.draft, unit, audience)
        for audience, members in self._members.items():
            if self.terms.mode is Mode.SYNC and unit in members and audience not in audiences:
                edits.leave(self.draft, unit, audience)

    # Units that are new

    def _new_unit(self, unit: str, rows: Sequence[SheetRow]) -> None:
        audiences = self._audiences(rows) or ([self.terms.audience] if self.terms.audience else [])
        if not audiences:
            self.bad.update(rows)
            message = _("the list has no unit {unit}, and nothing says to which audience it belongs")
            remedy = _("write that into a column 分组, or name it for all: --to AUDIENCE")
            self._say(Severity.ERROR, "no-audience", message.format(unit=unit), rows[0].place, remedy)
            return
        salutation = next((row.salutation for row in rows if row.salutation not in (None, unit)), None)
        unique = {address_key(row.email): row for row in reversed(rows)}
        contacts = [row for row in rows if unique[address_key(row.email)] is row]
        self._new[audiences[0]][unit] = NewUnit(salutation, [_contact(row) for row in contacts])
        self._joins += [(unit, other) for other in audiences[1:]]
        self.counts["added"] += len(contacts)
        for row in rows:
            if row not in contacts:
                self._pass_over(row)

    def _settle(self) -> None:
        into = None if self.terms.into is None else self._file(self.terms.into)
        if into is None and self.counts["added"] > MOST_IN_LIST:
            message = _("{n} new contacts are too many for recipients.yaml").format(n=self.counts["added"])
            raise refusal("too-many", message, _("let them go into a file that it includes: --into members.csv"))
        for audience, new in self._new.items():
            if into is not None and (name := str(self.terms.into)) not in edits.names_of_includes(self.draft, audience):
                edits.set_includes(self.draft, audience, [*edits.names_of_includes(self.draft, audience), name])
            edits.settle(self.draft, audience, new, into)
        for unit, audience in self._joins:
            edits.join(self.draft, unit, audience)

    def _file(self, name: str) -> str:
        """The included file *name* for messages; made if there is none yet."""
        file = path_of(self.draft, name)
        if any(name in edits.names_of_includes(self.draft, audience) for audience in self.draft.audiences):
            return file
        if Path(file).exists():
            message = _("there is a file {file} already, and no audience includes it").format(file=file)
            remedy = _("name another one, or include it: `distributor recipients set audience NAME --include FILE`")
            raise refusal("file-exists", message, remedy)
        self.draft.new_files[file] = []
        return file

    # Audiences

    def _knows_audiences(self, row: SheetRow) -> bool:
        """Whether the list has every audience that *row* names; one that it has not is told once."""
        for name in row.audiences:
            if name not in self._named:
                self._named[name] = self._audience(name, row)
        if all(self._named[name] for name in row.audiences):
            return True
        self.bad.add(row)
        return False

    def _audiences(self, rows: Iterable[SheetRow]) -> list[str]:
        """The audiences that the rows of one unit name."""
        return list(dict.fromkeys(str(self._named[name]) for row in rows for name in row.audiences))

    def _audience(self, name: str, row: SheetRow) -> str | None:
        """The audience called *name*; of a group, its only one."""
        if name in self.draft.audiences:
            return name
        bound = [audience for audience, fields in self.draft.audiences.items() if fields.get("only") == name]
        if len(bound) == 1:
            return bound[0]
        message = _("the list has no audience {name}").format(name=name)
        remedy = did_you_mean(name, self.draft.audiences)
        if bound:
            message = _("{name} is a group with several audiences: {names}").format(name=name, names="、".join(bound))
            remedy = _("write the audience")
        self._say(Severity.ERROR, "unknown-audience", message, row.place, remedy)
        return None

    # Those whom the file lacks

    def _disable_others(self, present: set[tuple[str, str]]) -> None:
        """Disable every enabled contact of the audiences that the file speaks of; of all, where it names none."""
        meant = {name for name in self._named.values() if name}
        meant |= {self.terms.audience} if self.terms.audience else set()
        lacking = {
            (entry.unit, entry.key)
            for entry in self.draft.look_at_all()
            if "disabled" not in entry.fields and (entry.unit, entry.key) not in present and self._is_of(entry, meant)
        }
        self.draft.look(keys={key for _unit, key in lacking})
        for unit, key in lacking:
            for entry in self.draft.with_key(key):
                if entry.unit == unit and "disabled" not in entry.fields:
                    self.draft.put(entry, {"disabled": self.terms.gone})
                    self.counts["disabled"] += 1

    def _is_of(self, entry: Entry, audiences: set[str]) -> bool:
        if not audiences:
            return True
        if entry.include:
            return any(entry.include in edits.included(self.draft, audience) for audience in audiences)
        return any(entry.unit in self._members[audience] for audience in audiences)


def _matched(
    entries: Sequence[Entry], rows: Sequence[SheetRow], keys: set[str]
) -> Iterator[tuple[SheetRow, Entry | None]]:
    """Each row of a unit and the contact that it means: with its address, and best its name; or, of a name that only
    one row and one contact have, with an address that the file does not know any more."""
    left = list(entries)
    names = Counter(row.name for row in rows)
    for row in sorted(rows, key=lambda row: not any(_is_same(entry, row) for entry in entries)):
        found = next((entry for entry in left if _is_same(entry, row)), None)
        found = found or next((entry for entry in left if entry.key == address_key(row.email)), None)
        if found is None and names[row.name] == 1 and row.name != DEFAULT_NAME:
            former = [entry for entry in left if entry.fields["name"] == row.name and entry.key not in keys]
            found = former[0] if len(former) == 1 else None
        if found is not None:
            left.remove(found)
        yield row, found


def _says(entry: Entry, name: str, value: str | None) -> bool:
    """Whether a contact says so already; spaces around a note do not come back from a spreadsheet."""
    old, new = entry.fields.get(name, ""), value or ""
    return old.strip() == new.strip() if name == "note" else old == new


def _is_same(entry: Entry, row: SheetRow) -> bool:
    return entry.fields["name"] == row.name and entry.key == address_key(row.email)


def _contact(row: SheetRow) -> dict[str, str]:
    fields = {"name": row.name, "email": row.email}
    fields |= {name: value for name in _FIELDS[1:] if (value := getattr(row, name))}
    return fields
