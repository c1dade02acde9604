"""What two states of a list differ in: first the facts that only one of them has, then what happened to whom."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from operator import itemgetter
from typing import TypeAlias

from distributor.recipients.facts import NAMES, Fact

MOST = 100_000
# From what, to what; None is nothing.
FromTo: TypeAlias = tuple[str | None, str | None]

_WHO = ("unit", "name", "email")
# A fact that is gone and one that is new are one thing, changed, if they agree in this; the first rule goes first.
_SAME: Mapping[str, Sequence[tuple[str, ...]]] = {
    "group": [("name",)],
    "audience": [("name",)],
    "member": [("name", "unit")],
    "include": [("name", "file")],
    "unit": [("unit",)],
    "contact": [_WHO, ("unit", "name"), ("unit", "email"), ("name", "email")],
    "reader": [_WHO, ("unit", "name"), ("unit", "email"), ("name", "email")],
}
# By what a thing is known again that has another name.
_BELONGINGS: Mapping[str, Collection[str]] = {"unit": ("contact",), "audience": ("member", "include")}
_ACTIONS = {"email": "address", "unit": "moved", "name": "renamed"}


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one thing of the list.

    *kind* is that of its facts (facts.NAMES), or "list": all of it. *action* is added, removed or changed; of a contact
    also disabled, enabled, address, moved (to another unit) or renamed, the first that holds; of a unit or audience
    also renamed; of the list first (seen for the first time) or replaced (too much to be told one by one). *unit*,
    *name* (of the contact, audience or group) and *email* are those of today, else the last ones. *fields*: all that
    differs.
    """

    kind: str
    action: str
    unit: str = ""
    name: str = ""
    email: str = ""
    fields: Mapping[str, FromTo] = field(default_factory=dict)

    @property
    def former_email(self) -> str:
        """The address before the change, "" where it was none or the same."""
        return self.fields.get("email", (None, None))[0] or ""


@dataclass(frozen=True, slots=True)
class Difference:
    """The facts that only one side has. Of each side the first MOST are kept, and all are counted."""

    gone: Sequence[Fact]
    new: Sequence[Fact]
    gone_total: int
    new_total: int

    @property
    def is_whole(self) -> bool:
        """Whether every fact was kept."""
        return self.gone_total == len(self.gone) and self.new_total == len(self.new)


def difference(
    before: Callable[[], Iterable[Fact]], after: Callable[[], Iterable[Fact]], most: int = MOST
) -> Difference:
    """Which facts *before* and *after* do not share; one that stands there twice counts as two.

    They are streamed: once, side by side, as their order is nearly the same. If it is not, so that more than *most*
    facts of a side would have to wait for the other one to come to them, by their hashes: of *before* one of 64 bits
    each is held, and it is streamed twice. (The hashes are Python's, seeded anew in each process: among a million facts
    a difference is overlooked in one of some ten million runs.)
    """
    return _side_by_side(before(), after(), most) or _by_hashes(before, after, most)


def _side_by_side(before: Iterable[Fact], after: Iterable[Fact], most: int) -> Difference | None:
    gone: Counter[Fact] = Counter()
    new: Counter[Fact] = Counter()
    for left, right in zip_longest(before, after):
        if left == right:
            continue
        for fact, mine, others in ((left, gone, new), (right, new, gone)):
            if fact is None:
                continue
            if others[fact] > 1:
                others[fact] -= 1
            elif others.pop(fact, 0) == 0:
                mine[fact] += 1
        if len(gone) > most or len(new) > most:
            return None
    return Difference(list(gone.elements()), list(new.elements()), gone.total(), new.total())


def _by_hashes(before: Callable[[], Iterable[Fact]], after: Callable[[], Iterable[Fact]], most: int) -> Difference:
    bag = _Bag(map(hash, before()))
    new, new_total = _first(most, (fact for fact in after() if not bag.take(hash(fact))))
    gone, gone_total = _first(most, (fact for fact in before() if bag.take(hash(fact))) if bag else ())
    return Difference(gone, new, gone_total, new_total)


def _first(most: int, facts: Iterable[Fact]) -> tuple[list[Fact], int]:
    """The first *most*, and how many there are."""
    iterator = iter(facts)
    kept = list(islice(iterator, most))
    return kept, len(kept) + sum(1 for _fact in iterator)


class _Bag:
    """Numbers, of which nearly all are there once."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._once: set[int] = set()
        self._more: Counter[int] = Counter()
        for number in numbers:
            if number in self._once:
                self._more[number] += 1
            else:
                self._once.add(number)

    def __bool__(self) -> bool:
        return bool(self._once)

    def take(self, number: int) -> bool:
        """Take *number* out, once; False: it is not there."""
        if number not in self._once:
            return False
        if self._more[number] > 0:
            self._more[number] -= 1
        else:
            self._once.discard(number)
        return True


def changes(found: Difference) -> list[Change]:
    """What happened, by things: kinds in the order of facts.NAMES, what befell the same unit together."""
    if not found.is_whole:
        return [Change("list", "replaced", fields={"entries": (str(found.gone_total), str(found.new_total))})]
    told = []
    gone = found.gone
    for kind, belongings in _BELONGINGS.items():
        renamed = _renamed(kind, belongings, gone, found.new)
        told += [_rename(kind, former, name) for former, name in renamed.items()]
        gone = [_with_new_name(fact, kind, renamed) for fact in gone]
    left = difference(lambda: gone, lambda: found.new)
    told += [_change(was, now) for kind in NAMES for was, now in _pairs(kind, left)]
    kinds = list(NAMES)
    return sorted(told, key=lambda change: (kinds.index(change.kind), change.unit))


def _renamed(kind: str, belongings: Collection[str], gone: Iterable[Fact], new: Iterable[Fact]) -> dict[str, str]:
    """Those that are gone and those that are new with exactly the same belongings: the former name → that of today."""
    former, today = _belonging(kind, belongings, gone), _belonging(kind, belongings, new)
    same: defaultdict[tuple[Fact, ...], deque[str]] = defaultdict(deque)
    for name in (name for name in today if name not in former):
        same[tuple(sorted(today[name]))].append(name)
    return {
        name: same[belonging].popleft()
        for name in former
        if name not in today and (belonging := tuple(sorted(former[name]))) and same.get(belonging)
    }


def _belonging(kind: str, belongings: Collection[str], facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    """What *facts* say of the belongings of each thing that they name as such."""
    found: dict[str, list[Fact]] = {fact[1]: [] for fact in facts if fact[0] == kind}
    for which, owner, *rest in facts:
        if which in belongings and owner in found:
            found[owner].append((which, *rest))
    return found


def _rename(kind: str, former: str, name: str) -> Change:
    field = NAMES[kind][0]
    return Change(kind, "renamed", **{field: name}, fields={field: (former, name)})


def _with_new_name(fact: Fact, of: str, renamed: Mapping[str, str]) -> Fact:
    """*fact* with the name that its unit or audience has today."""
    kind, *values = fact
    if of == "audience":
        if kind not in {"audience", *_BELONGINGS["audience"]}:
            return fact
        return kind, renamed.get(values[0], values[0]), *values[1:]
    named = zip(NAMES[kind], values, strict=True)
    return kind, *(renamed.get(value, value) if name == "unit" else value for name, value in named)


def _pairs(kind: str, left: Difference) -> Iterator[tuple[Fact | None, Fact | None]]:
    """What is gone beside what has taken its place; None where there is no such thing."""
    gone, new = ([fact for fact in side if fact[0] == kind] for side in (left.gone, left.new))
    for names in _SAME[kind]:
        same = itemgetter(*(1 + NAMES[kind].index(name) for name in names))
        waiting: defaultdict[object, deque[Fact]] = defaultdict(deque)
        for fact in gone:
            waiting[same(fact)].append(fact)
        unpaired = []
        for fact in new:
            if found := waiting.get(same(fact)):
                yield found.popleft(), fact
            else:
                unpaired.append(fact)
        gone, new = [fact for facts in waiting.values() for fact in facts], unpaired
    yield from ((None, fact) for fact in new)
    yield from ((fact, None) for fact in gone)


def _change(gone: Fact | None, new: Fact | None) -> Change:
    (kind, *values) = new or gone or ("",)
    names = NAMES[kind]
    today = dict(zip(names, values, strict=True))
    before, after = (dict(zip(names, side[1:], strict=True)) if side else {} for side in (gone, new))
    fields = {
        name: (before.get(name) or None, after.get(name) or None)
        for name in names
        if before.get(name, "") != after.get(name, "") and (name not in _WHO or (before and after))
    }
    unit, name, email = (today.get(name, "") for name in _WHO)
    return Change(kind, _action(fields, is_new=not before, is_gone=not after), unit, name, email, fields)


def _action(fields: Mapping[str, FromTo], *, is_new: bool, is_gone: bool) -> str:
    if is_new or is_gone:
        return "added" if is_new else "removed"
    was, disabled = fields.get("disabled", (None, None))
    if (was is None) != (disabled is None):
        return "disabled" if disabled else "enabled"
    return next((action for name, action in _ACTIONS.items() if name in fields), "changed")
