"""For every list: all findings are counted, the first kept, the worst come first; nothing repeated is missed."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from distributor.errors import Finding, Place, Severity
from distributor.recipients.addresses import address_key
from distributor.recipients.gathering import Gathered
from distributor.recipients.model import Audience, Contact, Include, Roster, Unit
from distributor.recipients.past import Past
from distributor.recipients.survey import Repeats, survey
from distributor.recipients.suspicions import examine

LIST = "recipients.yaml"
FINDINGS = st.builds(
    Finding,
    st.sampled_from([Severity.WARNING, Severity.NOTE]),
    st.sampled_from(["one", "two"]),
    st.just("text"),
    st.none() | st.builds(Place, st.sampled_from([LIST, "a.csv", "b.csv"]), st.integers(1, 50)),
)


def rank(finding: Finding) -> tuple[int, bool, bool, str, int]:
    """The worst first, then the list's own file, then the others; what has no place comes last."""
    place = finding.place or Place("")
    before = list(Severity).index(finding.severity)
    return before, finding.place is None, place.file != LIST, place.file, place.line or 0


@settings(max_examples=200)
@given(st.lists(FINDINGS, max_size=30), st.integers(1, 4) | st.none())
def test_all_are_counted_the_first_are_kept_and_the_worst_come_first(found: list[Finding], most: int | None) -> None:
    gathered = Gathered(LIST, most)
    for finding in found:
        gathered.take(finding)
    shown = gathered.ordered()
    assert sum(gathered.counts.values()) == len(found)
    assert list(shown) == sorted(shown, key=rank)
    for kind in gathered.counts:
        of_kind = [finding for finding in found if (finding.severity, finding.code) == kind]
        kept = [finding for finding in shown if (finding.severity, finding.code) == kind]
        more = len(of_kind) - len(of_kind[:most])
        assert len(kept) == len(of_kind[:most]) + (more > 0)
        assert not more or any(finding.message == f"and {more} more of the kind {kind[1]}" for finding in kept)


@given(st.lists(st.text("ab", max_size=2), max_size=30))
def test_repeats_are_the_texts_that_came_more_than_once(texts: list[str]) -> None:
    repeats = Repeats()
    for text in texts:
        repeats.add(text)
    assert repeats.found() == {hash(text) for text, count in Counter(texts).items() if count > 1}


UNITS = st.lists(
    st.tuples(
        st.sampled_from(["甲", "乙", "丙"]),
        st.lists(st.tuples(st.sampled_from(["a@x.example", "A@X.example", "b@x.example"]), st.booleans()), max_size=3),
    ),
    max_size=6,
)


def roster(own: list[tuple[str, list[tuple[str, bool]]]], rows: list[tuple[str, list[tuple[str, bool]]]]) -> Roster:
    """Units of the list (of one name the last) and of a file, where a name may come again."""
    units = {unit.name: unit for unit in units_of(own, LIST)}
    read = units_of([(name, contacts) for name, contacts in rows if contacts], "a.csv")
    include = Include("a.csv", "", sum(len(unit.contacts) for unit in read), lambda: iter(read))
    audience = Audience("全部", None, tuple(units), (include,), Place(LIST, 1))
    return Roster(LIST, "", {}, {"全部": audience}, units)


def units_of(named: list[tuple[str, list[tuple[str, bool]]]], file: str) -> list[Unit]:
    found, line = [], 0
    for name, contacts in named:
        begins = line = line + 1
        made = []
        for email, enabled in contacts:
            line += 1
            made.append(Contact(name, f"收文{line}", email, None, None if enabled else "停", None, None, line))
        found.append(Unit(name, name, tuple(made), Place(file, begins)))
    return found


@settings(max_examples=300)
@given(UNITS, UNITS)
def test_nothing_repeated_and_nobody_left_out_is_missed(
    own: list[tuple[str, list[tuple[str, bool]]]], rows: list[tuple[str, list[tuple[str, bool]]]]
) -> None:
    listed = roster(own, rows)
    found = examine(listed, survey(listed), Past(), most=None)
    everybody = [*listed.units.values(), *listed.audiences["全部"].includes[0].read()]
    enabled = [contact for unit in everybody for contact in unit.contacts if contact.disabled is None]
    in_unit = Counter((contact.unit, address_key(contact.email)) for contact in enabled)
    in_units = Counter(key for _unit, key in in_unit)
    silent = {unit.name for unit in everybody} - {contact.unit for contact in enabled}
    assert found.counts.get((Severity.WARNING, "repeated-address"), 0) == len(enabled) - len(in_unit)
    assert found.counts.get((Severity.NOTE, "shared-address"), 0) == sum(count > 1 for count in in_units.values())
    assert found.counts.get((Severity.WARNING, "silent-unit"), 0) == len(silent)
    assert found.counts.get((Severity.WARNING, "empty-audience"), 0) == (not enabled)
    assert (found.contacts, found.units) == (
        sum(len(unit.contacts) for unit in everybody),
        len({unit.name for unit in everybody}),
    )
    assert list(found.findings) == sorted(found.findings, key=rank)
