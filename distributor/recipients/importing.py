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
    if terms.mode is Mode.SYNC and not rows and not sheet.findings.count(Severity.ERROR):
        message = _("there is no recipient in the file, and --mode sync would disable everybody")
        raise InputError([*sheet.findings, Finding(Severity.ERROR, "no-rows", message, Place(sheet.file))])
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
        self._empties = terms.mode is Mode.SYNC and "salutation" in sheet.fields
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self.bad: set[SheetRow] = set()
        self._members = {name: set(edits.members(draft, name)) for name in draft.audiences}
        self._named: dict[str, str | None] = {}
        self._new: defaultdict[tuple[str, str | None], dict[str, NewUnit]] = defaultdict(dict)
        self._joins: list[tuple[str, str]] = []
        self._in_list = 0  # new contacts in recipients.yaml itself

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
        placed: dict[SheetRow, Entry] = {}
        for row, entry in _matched(self.draft.of_unit(unit), rows, keys):
            if entry is not None:
                self._known(entry, row)
            else:
                self._add(unit, row)
            if entry is not None and entry.include:
                placed[row] = entry
        own = [row for row in rows if row not in placed] if unit in self.draft.units else []
        self._salutations(unit, own, placed)
        by_file = self._by_file(unit)
        self._stays(placed, by_file)
        if audiences := self._audiences(own):
            self._memberships(unit, audiences, by_file)

    def _add(self, unit: str, row: SheetRow) -> None:
        if any(entry.unit == unit for entry in self.draft.with_key(address_key(row.email))):
            self._pass_over(row)
            return
        self.draft.add(unit, _contact(row) | ({"salutation": row.salutation} if row.salutation else {}))
        self.counts["added"] += 1
        self._in_list += unit in self.draft.units

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

    def _salutations(self, unit: str, own: Sequence[SheetRow], placed: Mapping[SheetRow, Entry]) -> None:
        """Of the unit as recipients.yaml has it, and of its rows in included files.

        There may be several of these; a list that was exported as one recipients.yaml has the first of them for all.
        """
        usual = self.draft.units.get(unit, {}).get("salutation", unit)
        given = next((row.salutation for row in own if row.salutation), unit if own and self._empties else None)
        if given not in (None, usual):
            edits.set_salutation(self.draft, unit, "" if given == unit else str(given))
        known = {entry.fields.get("salutation", usual) for entry in self.draft.of_unit(unit)} | {given or usual}
        for row, entry in placed.items():
            if row.salutation is None and self._empties and "salutation" in entry.fields:
                self.draft.put(entry, {"salutation": None})
            elif row.salutation is not None and row.salutation not in known:
                self.draft.put(entry, {"salutation": row.salutation})

    def _by_file(self, unit: str) -> set[str]:
        """The audiences that include a file where the unit has contacts."""
        files = {entry.include for entry in self.draft.of_unit(unit) if entry.include}
        return {name for name in self.draft.audiences if files.intersection(edits.included(self.draft, name))}

    def _stays(self, placed: Mapping[SheetRow, Entry], by_file: set[str]) -> None:
        """Tell of audiences that rows name, and whose files have nothing of the unit."""
        told: set[str] = set()
        for row, entry in placed.items():
            for audience in self._audiences([row]):
                if audience in by_file | told or entry.unit in self._members[audience]:
                    continue
                told.add(audience)
                message = _("{unit} stands in {file}, which {audience} does not include: it stays where it is")
                message = message.format(unit=entry.unit, file=entry.include, audience=audience)
                remedy = _("move it: `distributor recipients move unit`")
                self._say(Severity.WARNING, "included-unit", message, row.place, remedy)

    def _memberships(self, unit: str, audiences: Sequence[str], by_file: set[str]) -> None:
        for audience in audiences:
            if unit not in self._members[audience] and audience not in by_file:
                edits.join(self.draft, unit, audience)
                self._members[audience].add(unit)
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
        home, *others = audiences
        file = self._home(audiences)
        if file is not None:
            others = [audience for audience in others if file not in edits.included(self.draft, audience)]
        if file is not None and others:
            self.bad.update(rows)
            message = _("{unit} is to be of several audiences ({names}), and not all of them include {file}")
            message = message.format(unit=unit, names="、".join(audiences), file=file)
            remedy = _("name one audience, or leave --into out")
            self._say(Severity.ERROR, "two-homes", message, rows[0].place, remedy)
            return
        salutation = next((row.salutation for row in rows if row.salutation not in (None, unit)), None)
        unique = {address_key(row.email): row for row in reversed(rows)}
        contacts = [row for row in rows if unique[address_key(row.email)] is row]
        for row in rows:
            if unique[address_key(row.email)] is not row:
                self._pass_over(row)
        self._new[home, file][unit] = NewUnit(salutation, [_contact(row) for row in contacts])
        self._joins += [(unit, other) for other in others]
        self.counts["added"] += len(contacts)
        self._in_list += len(contacts) if file is None else 0

    def _home(self, audiences: Sequence[str]) -> str | None:
        """The included file that a new unit of all of them goes to; None: recipients.yaml."""
        if self.terms.into is not None:
            return path_of(self.draft, self.terms.into)
        homes = [edits.home_of(self.draft, audience) for audience in audiences]
        common = (file for file in homes if all(file in edits.included(self.draft, each) for each in audiences))
        return None if None in homes else next(common, None)

    def _settle(self) -> None:
        if self.terms.into is None and self._in_list > MOST_IN_LIST:
            message = _("{n} new contacts are too many for recipients.yaml").format(n=self._in_list)
            raise refusal("too-many", message, _("let them go into a file that it includes: --into members.csv"))
        for (audience, file), new in self._new.items():
            if self.terms.into is not None:
                self._include(self.terms.into, audience)
            edits.settle(self.draft, audience, new, file)
        for unit, audience in self._joins:
            edits.join(self.draft, unit, audience)

    def _include(self, name: str, audience: str) -> None:
        """Let *audience* include the file that recipients.yaml calls *name*; it is made if there is none yet."""
        file = path_of(self.draft, name)
        included = any(file in edits.included(self.draft, each) for each in self.draft.audiences)
        if not included and Path(file).exists():
            message = _("there is a file {file} already, and no audience includes it").format(file=file)
            remedy = _("name another one, or include it: `distributor recipients set audience NAME --include FILE`")
            raise refusal("file-exists", message, remedy)
        if not included:
            self.draft.new_files[file] = []
        if file not in edits.included(self.draft, audience):
            edits.set_includes(self.draft, audience, [*edits.names_of_includes(self.draft, audience), name])

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
    left = set(entries)
    by_key: defaultdict[str, list[Entry]] = defaultdict(list)
    by_name: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_key[entry.key].append(entry)
        if entry.key not in keys:
            by_name[entry.fields["name"]].append(entry)
    times = Counter(row.name for row in rows)
    same = {(entry.fields["name"], entry.key) for entry in entries}
    for row in sorted(rows, key=lambda row: (row.name, address_key(row.email)) not in same):
        there = [entry for entry in by_key[address_key(row.email)] if entry in left]
        found = next((entry for entry in there if entry.fields["name"] == row.name), there[0] if there else None)
        if found is None and times[row.name] == 1 and row.name != DEFAULT_NAME:
            former = [entry for entry in by_name[row.name] if entry in left]
            found = former[0] if len(former) == 1 else None
        if found is not None:
            left.remove(found)
        yield row, found


def _says(entry: Entry, name: str, value: str | None) -> bool:
    """Whether a contact says so already; spaces around a note do not come back from a spreadsheet."""
    old, new = entry.fields.get(name, ""), value or ""
    return old.strip() == new.strip() if name == "note" else old == new


def _contact(row: SheetRow) -> dict[str, str]:
    fields = {"name": row.name, "email": row.email}
    fields |= {name: value for name in _FIELDS[1:] if (value := getattr(row, name))}
    return fields
