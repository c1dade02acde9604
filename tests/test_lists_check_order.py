"""Findings of any number: all counted, the first of each kind kept, the worst first."""

from hypothesis import given, settings
from hypothesis import strategies as st

from distributor.errors import Finding, Place, Severity
from distributor.recipients.gathering import Gathered

FINDINGS = st.builds(
    Finding,
    st.sampled_from([Severity.WARNING, Severity.NOTE]),
    st.sampled_from(["one", "two"]),
    st.just("text"),
    st.none() | st.builds(Place, st.sampled_from(["list", "a.csv", "b.csv"]), st.integers(1, 50)),
)


@settings(max_examples=200)
@given(st.lists(FINDINGS, max_size=30), st.integers(1, 4) | st.none())
def test_all_are_counted_the_first_are_kept_and_the_worst_come_first(found: list[Finding], most: int | None) -> None:
    gathered = Gathered("list", most)
    for finding in found:
        gathered.take(finding)
    shown = gathered.ordered()
    assert sum(gathered.counts.values()) == len(found)
    order = [(list(Severity).index(f.severity), rank(f.place)) for f in shown]
    assert order == sorted(order)
    for severity, code in gathered.counts:
        of_kind = [finding for finding in found if (finding.severity, finding.code) == (severity, code)]
        kept = [finding for finding in shown if (finding.severity, finding.code) == (severity, code)]
        more = len(of_kind) - len(of_kind[:most])
        assert len(kept) == len(of_kind[:most]) + (more > 0)
        assert not more or any(finding.message == f"and {more} more of the kind {code}" for finding in kept)


def rank(place: Place | None) -> tuple[bool, bool, str, int]:
    """The list's own file, then the others; what has no place comes last."""
    return (
        place is None,
        bool(place) and place.file != "list",
        place.file if place else "",
        (place and place.line) or 0,
    )
