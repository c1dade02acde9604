"""The account of a period, from one state of the ledger: each issue counted, and units and addresses across them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, groupby

from sqlalchemy.engine import Connection

from distributor.delivery.ledger import across as ledger
from distributor.delivery.ledger import counts as counting
from distributor.delivery.ledger import gaps, queries
from distributor.delivery.ledger.across import Letter, UnitRow
from distributor.delivery.ledger.counts import Counts, Span, counts_of, spans_of
from distributor.delivery.ledger.queries import maybe, microseconds, moment
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.delivery.model.states import HAS_IT, REFUSED, State
from distributor.distribution.site import Site
from distributor.report.account import LEFT_OUT, LISTED, ranks, still_omitted
from distributor.report.across import (
    KIND_OF,
    OFTEN,
    Failing,
    IssueTally,
    PeriodAccount,
    Tally,
    UnitTally,
    total,
)
from distributor.report.period import Period

# By id.
Refs = Mapping[int, str]


@dataclass(frozen=True, slots=True)
class _Counted:
    """An issue, and what its units are told by: where its deliveries lie, those replaced, its disabled contacts."""

    told: IssueTally
    span: Span
    replaced: Mapping[int, State]
    disabled: Counter[str]


def account_of(site: Site, period: Period, *, with_units: bool) -> PeriodAccount:
    """What became of the issues opened in *period*, by the site's calendar; only *with_units* also of each unit."""
    begins, ends = map(microseconds, period.bounds(site.settings.timezone))
    with site.ledger.read() as connection:
        issues = ledger.opened_between(connection, begins, ends)
        spans = spans_of(connection, [issue.id for issue in issues])
        found = [_counted(connection, issue, span) for issue, span in zip(issues, spans, strict=True)]
        kept = [each for each in found if each.told.issue.state is not IssueState.CANCELLED]
        refs = {each.span.issue_id: each.told.issue.ref for each in kept}
        keys, failing_total = ledger.failing(connection, refs, OFTEN, LISTED)
        return PeriodAccount(
            period=period,
            issues=tuple(each.told for each in kept),
            cancelled=tuple(each.told for each in found if each.told.issue.state is IssueState.CANCELLED),
            totals=total(each.told.tally for each in kept),
            units=tuple(_units(connection, kept)) if with_units else None,
            failing=tuple(_failing(connection, refs, keys)),
            failing_total=failing_total,
        )


def _counted(connection: Connection, issue: IssueRecord, span: Span) -> _Counted:
    counts = counts_of(connection, issue.id)
    replaced = {each: state for each, (state, _why) in gaps.replaced_letters(connection, issue.id).items()}
    omitted = queries.omissions(connection, issue.id)
    omitted_still = still_omitted(omitted, queries.supplements(connection, issue.id) if omitted else ())
    disabled = Counter(each.unit or "" for each in omitted_still if each.why == "disabled")
    others = counting.shared(connection, span, 0).others
    told = IssueTally(
        issue=issue,
        tally=_tally(counts, others, replaced, disabled.total()),
        left_out=sum(each.why in LEFT_OUT for each in omitted_still),
        most=_most(connection, counts, issue),
    )
    return _Counted(told, span, replaced, disabled)


def _tally(
    counts: Counts, others: Mapping[tuple[str, State], int], replaced: Mapping[int, State], disabled: int
) -> Tally:
    """*others* are contacts that share another's letter."""
    letters: Counter[str] = Counter()
    for (_group, state), number in counts.letters.items():
        letters[KIND_OF[state]] += number
    return Tally.of(
        letters,
        Counter(KIND_OF[state] for state in replaced.values()),
        contacts=letters.total() + sum(others.values()),
        sent=letters["sent"] + sum(number for (_group, state), number in others.items() if state in HAS_IT),
        disabled=disabled,
    )


def _most(connection: Connection, counts: Counts, issue: IssueRecord) -> timedelta | None:
    sent = sum(counts.letters[cell] for cell in counts.cells(HAS_IT))
    if not sent:
        return None
    _first, _half, most, _last = ranks(sent)
    return moment(next(counting.sent_at(connection, counts, [most]))) - issue.opened_at


def _units(connection: Connection, counted: Sequence[_Counted]) -> Iterator[UnitTally]:
    """Those who have letters, then those of whom the imprints reached disabled contacts only."""
    opened = {each.span.issue_id: microseconds(each.told.issue.opened_at) for each in counted}
    refs = {each.span.issue_id: each.told.issue.ref for each in counted}
    disabled: Counter[str] = Counter()
    for each in counted:
        disabled.update(each.disabled)
    replaced = _replaced(connection, counted)
    rows = ledger.by_unit(connection, [each.span for each in counted])
    for unit, states in groupby(rows, lambda row: row.unit):
        found = list(states)
        tally = _unit_tally(found, replaced.get(unit, {}), disabled.pop(unit, 0))
        yield _unit(found, tally, opened, refs)
    for unit, number in disabled.items():
        yield UnitTally(unit, Tally(disabled=number))


def _replaced(connection: Connection, counted: Iterable[_Counted]) -> Mapping[str, Counter[str]]:
    """How many letters of each unit are replaced, by kind."""
    replaced = dict(chain.from_iterable(each.replaced.items() for each in counted))
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for identity, unit in ledger.units_of(connection, replaced):
        found[unit][KIND_OF[replaced[identity]]] += 1
    return found


def _unit_tally(rows: Sequence[UnitRow], replaced: Mapping[str, int], disabled: int) -> Tally:
    """*rows* are one unit's, one for each state."""
    letters: Counter[str] = Counter()
    for row in rows:
        letters[KIND_OF[row.state]] += len(row.letters)
    contacts = sum(row.contacts for row in rows)
    sent = sum(row.contacts for row in rows if row.state in HAS_IT)
    return Tally.of(letters, replaced, contacts=contacts, sent=sent, disabled=disabled)


def _unit(rows: Sequence[UnitRow], tally: Tally, opened: Mapping[int, int], refs: Refs) -> UnitTally:
    """*rows* are one unit's; its issues were *opened* then, in µs UTC."""
    sent = [letter for row in rows if row.state in HAS_IT for letter in row.letters]
    reached = {issue for issue, _at in sent}
    half, most = _times(sorted(at - opened[issue] for issue, at in sent))
    return UnitTally(
        unit=rows[0].unit,
        tally=tally,
        issues=len({issue for row in rows for issue, _at in row.letters}),
        issues_sent=len(reached),
        last=refs[max(reached)] if reached else None,
        half=half,
        most=most,
    )


def _times(took: Sequence[int]) -> tuple[timedelta | None, timedelta | None]:
    """Of times in µs, in order, those by which a half and 95 % were over."""
    if not took:
        return None, None
    _first, half, most, _last = ranks(len(took))
    return timedelta(microseconds=took[half - 1]), timedelta(microseconds=took[most - 1])


def _failing(connection: Connection, refs: Refs, keys: Collection[str]) -> Iterator[Failing]:
    """In the order of *keys*."""
    found: dict[str, tuple[Letter, int, Counter[tuple[State, str | None]]]] = {}
    for key, letters in groupby(ledger.letters_to(connection, refs, keys), lambda letter: letter.key):
        every = list(letters)
        refused = [letter for letter in every if letter.state in REFUSED]
        found[key] = refused[-1], len(every), Counter((letter.state, letter.reason) for letter in refused)
    units: dict[int, list[str]] = defaultdict(list)
    for identity, unit in ledger.units_of(connection, [last.id for last, _issues, _reasons in found.values()]):
        units[identity].append(unit)
    for last, issues, reasons in map(found.__getitem__, keys):
        yield Failing(
            address=last.address,
            units=tuple(units[last.id]),
            issues=issues,
            reasons=reasons,
            last=refs[last.issue_id],
            at=maybe(last.settled_at),
            code=last.code,
            enhanced=last.enhanced,
            reply=last.reply,
        )
