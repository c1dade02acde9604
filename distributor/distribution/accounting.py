"""The account of an issue, from one state of the ledger: counted there, and no more deliveries read than are told."""

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy.engine import Connection

from distributor.delivery.ledger import chosen, gaps, queries
from distributor.delivery.ledger import counts as counting
from distributor.delivery.ledger.counts import Counts, Span, counts_of, span_of
from distributor.delivery.ledger.queries import maybe, moment
from distributor.delivery.model.records import DeliveryRecord, IssueRecord
from distributor.delivery.model.states import HAS_IT, State
from distributor.delivery.model.wanted import EVERYBODY, Wanted
from distributor.distribution.site import Site
from distributor.errors import Finding, NotFoundError, Severity
from distributor.i18n import _
from distributor.recipients.faults import nearest
from distributor.report.account import (
    LISTED,
    SHARED_SHOWN,
    WORST_FIRST,
    Account,
    Numbers,
    Times,
    badness,
    group_order,
    ranks,
    still_omitted,
)
from distributor.report.reasons import TOLD_BY_REASON

Units = tuple[int, int]
_MOST_NEAR = 5


def account_of(site: Site, issue: IssueRecord) -> Account:
    """What became of *issue*."""
    with site.ledger.read() as connection:
        return account_in(connection, issue, span_of(connection, issue.id))


@contextlib.contextmanager
def account_and_deliveries(
    site: Site, issue: IssueRecord, wanted: Wanted = EVERYBODY
) -> Iterator[tuple[Account, Iterator[DeliveryRecord]]]:
    """What became of *issue*, and every delivery that is *wanted*, streamed inside the block, in the order of opening.

    Both are of one moment: what is summed up is what is listed.

    Raises:
        NotFoundError: a unit is wanted that the issue does not reach.
    """
    with site.ledger.read() as connection:
        span = span_of(connection, issue.id)
        _check_units(connection, issue, span, wanted)
        yield account_in(connection, issue, span), _chosen(connection, issue, span, wanted)


def _chosen(connection: Connection, issue: IssueRecord, span: Span, wanted: Wanted) -> Iterator[DeliveryRecord]:
    replaced = gaps.replaced_letters(connection, issue.id) if wanted.lacking else {}
    found = chosen.chosen_deliveries(connection, span, wanted)
    return (record for record in found if record.id not in replaced)


def _check_units(connection: Connection, issue: IssueRecord, span: Span, wanted: Wanted) -> None:
    known = chosen.units_of(connection, span) if wanted.units else wanted.units
    if unknown := sorted(wanted.units - known):
        raise NotFoundError([_unknown_unit(name, known, issue.ref) for name in unknown])


def _unknown_unit(name: str, known: Collection[str], ref: str) -> Finding:
    message = _("issue {ref} reaches no unit {name}").format(ref=ref, name=name)
    near = sorted((unit for unit in known if name in unit), key=lambda unit: (len(unit), unit)) or nearest(name, known)
    remedy = _("did you mean {names}?").format(names=" / ".join(near[:_MOST_NEAR])) if near else None
    return Finding(Severity.ERROR, "unknown-unit", message, remedy=remedy)


def account_in(connection: Connection, issue: IssueRecord, span: Span) -> Account:
    """What became of *issue*, in the state of the ledger that *connection* sees; *span* is its own."""
    counts = counts_of(connection, issue.id)
    shared = counting.shared(connection, span, SHARED_SHOWN)
    groups = _numbers(counts, shared.others, counting.units(connection, span, counts.groups))
    replaced = gaps.replaced_letters(connection, issue.id)
    omitted = queries.omissions(connection, issue.id)
    return Account(
        issue=issue,
        groups={name: groups[name] for name in sorted(counts.groups, key=group_order)},
        totals=groups[None],
        times=_times(connection, counts, groups[None].sent),
        next_attempt=maybe(counting.next_retry(connection, counts)),
        reasons=_reasons(connection, counts, replaced),
        not_sent=_not_sent(connection, counts, list(replaced)),
        replaced=_listed(connection, list(replaced)[:LISTED]),
        replaced_total=len(replaced),
        shared=_listed(connection, shared.first),
        shared_total=shared.total,
        omitted=still_omitted(omitted, queries.supplements(connection, issue.id) if omitted else ()),
    )


def _numbers(
    counts: Counts, others: Mapping[tuple[str, State], int], units: Mapping[str | None, Units]
) -> dict[str | None, Numbers]:
    """Of each group; at None of all together. *others* are contacts that share another's letter."""
    letters: dict[str | None, Counter[State]] = {name: Counter() for name in units}
    contacts: dict[str | None, Counter[State]] = {name: Counter() for name in units}
    for (group, state), number in counts.letters.items():
        for name in (group, None):
            letters[name][state] += number
            contacts[name][state] += number + others.get((group, state), 0)
    return {name: Numbers(letters[name], contacts[name], *units[name]) for name in units}


def _times(connection: Connection, counts: Counts, sent: int) -> Times | None:
    return Times(*map(moment, counting.sent_at(connection, counts, ranks(sent)))) if sent else None


def _reasons(
    connection: Connection, counts: Counts, replaced: Mapping[int, tuple[State, str | None]]
) -> dict[tuple[State, str | None], int]:
    found = counting.reasons(connection, counts, TOLD_BY_REASON)
    for (_group, state), number in counts.letters.items():
        if state not in HAS_IT | TOLD_BY_REASON:
            found[state, None] += number
    for state, reason in replaced.values():
        found[state, reason if state in TOLD_BY_REASON else None] -= 1
    order = sorted(+found, key=lambda key: (WORST_FIRST.index(key[0]), -found[key], key[1] or ""))
    return {key: found[key] for key in order}


def _not_sent(connection: Connection, counts: Counts, replaced: Sequence[int]) -> tuple[DeliveryRecord, ...]:
    cells = sorted(counts.cells(WORST_FIRST), key=lambda cell: badness(cell[1], cell[0]))
    first = counting.first_of(connection, counts, cells, LISTED + len(replaced))
    mended = set(replaced)
    return _listed(connection, [identity for identity in first if identity not in mended][:LISTED])


def _listed(connection: Connection, ids: Sequence[int]) -> tuple[DeliveryRecord, ...]:
    return tuple(queries.these_deliveries(connection, ids))
