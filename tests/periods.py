"""The plain account of a period, record by record; and ledgers that hold the same records."""

import contextlib
import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from distributor import settings as configuration
from distributor.delivery.model.records import DeliveryRecord, IssueRecord, IssueState, OmittedRecord, ServedRecord
from distributor.delivery.model.states import HAS_IT, REFUSED, UNSETTLED, State
from distributor.distribution import accounting, across
from distributor.distribution.site import Site
from distributor.report.account import Account, ranks
from distributor.report.across import KIND_OF, IssueTally, PeriodAccount, Tally, UnitTally, total
from distributor.report.period import Period
from tests import accounts, ledgers

JULY = Period(dt.date(2026, 7, 1), dt.date(2026, 7, 31))
OPENED = dt.datetime(2026, 7, 1, 2, 0, tzinfo=dt.UTC)
FIRST = IssueRecord(
    id=1, uid="u1", masthead="园区工作简报", number=1, total_number=1, year=2026, sequence=1, file="1.txt",
    content_sha256="", roster_sha256="", templates_sha256="", sender="s@example.org", opened_at=OPENED, opened_by="li",
    host="desk", state=IssueState.OPEN, state_reason=None, state_by=None, again_reason=None, unresolved=(),
)  # fmt: skip


class Kept(NamedTuple):
    """An issue as the ledger is to hold it."""

    issue: IssueRecord
    records: Sequence[DeliveryRecord]
    omitted: Sequence[OmittedRecord] = ()


def issue(number: int, *, day: int | None = None, state: IssueState = IssueState.OPEN, **changes: Any) -> IssueRecord:
    """Issue *number*, opened on that day of July."""
    opened = OPENED + dt.timedelta(days=(number if day is None else day) - 1)
    usual = {"id": number, "uid": f"u{number}", "number": number, "total_number": number, "opened_at": opened}
    return dataclasses.replace(FIRST, **usual | changes, state=state)


def delivery(
    number: int,
    state: State = State.SENT,
    *who: tuple[str, str],
    of: IssueRecord = FIRST,
    seconds: float = 0,
    **changes: Any,
) -> DeliveryRecord:
    """A letter to *who*, (unit, contact); what is settled was so that many *seconds* after the opening."""
    serves = tuple(ServedRecord("有关部门", unit, contact, None) for unit, contact in who or [("市甲局", "收文")])
    moment = of.opened_at + dt.timedelta(seconds=seconds)
    when = {"next_attempt": moment} if state is State.DEFERRED else {}
    when = when if state in UNSETTLED else {"settled_at": moment}
    usual = {"group": "送", "supplement": 0, "channel": "mail", "address": f"a{number}@example.org", "attempts": 1}
    return DeliveryRecord(id=number, state=state, serves=serves, **usual | when | changes)


# The plain account


def plain_tally(
    records: Iterable[DeliveryRecord], replaced: Sequence[DeliveryRecord], unit: str | None
) -> Counter[str]:
    """Of the letters that serve *unit*, or of all."""
    found: Counter[str] = Counter()
    for record in records:
        served = [each for each in record.serves if unit in {None, each.unit}]
        found["letters"] += bool(served)
        found["contacts"] += len(served)
        found["contacts_sent"] += len(served) if record.state in HAS_IT else 0
        kind = "replaced" if record in replaced else KIND_OF[record.state]
        found[kind] += bool(served)
    return found


def plain_units(kept: Iterable[Kept]) -> dict[str, UnitTally]:
    """Each unit's numbers, from issues that were not cancelled."""
    letters: dict[str, list[tuple[IssueRecord, DeliveryRecord]]] = {}
    replaced: list[DeliveryRecord] = []
    disabled: Counter[str] = Counter()
    for each in kept:
        sent = [record for record in each.records if record.state in HAS_IT]
        replaced += [record for record in each.records if accounts.is_replaced(record, sent)]
        for record in each.records:
            for unit in {served.unit for served in record.serves}:
                letters.setdefault(unit, []).append((each.issue, record))
        later = [record for record in each.records if record.supplement]
        disabled.update(str(o.unit) for o in accounts.still(each.omitted, later) if o.why == "disabled")
    return {
        unit: plain_unit(unit, letters.get(unit, []), replaced, disabled[unit])
        for unit in letters.keys() | disabled.keys()
    }


def plain_unit(
    unit: str, letters: list[tuple[IssueRecord, DeliveryRecord]], replaced: list[DeliveryRecord], disabled: int
) -> UnitTally:
    tally = plain_tally([record for _issue, record in letters], replaced, unit)
    sent = [(owner, record) for owner, record in letters if record.state in HAS_IT]
    took = sorted(record.settled_at - owner.opened_at for owner, record in sent if record.settled_at)
    half, most = (took[rank - 1] for rank in ranks(len(took))[1:3]) if took else (None, None)
    return UnitTally(
        unit,
        Tally(disabled=disabled, **tally),
        issues=len({owner.id for owner, _record in letters}),
        issues_sent=len({owner.id for owner, _record in sent}),
        last=max(sent, key=lambda pair: pair[0].id)[0].ref if sent else None,
        half=half,
        most=most,
    )


def plain_failing(kept: Sequence[Kept]) -> dict[str, tuple[int, Counter[tuple[State, str | None]]]]:
    """Of each address that failed in two issues or more: how many wrote to it, and why it failed."""
    letters = [record for each in kept for record in each.records]
    written = Counter(record.address for record in letters)
    why: dict[str, Counter[tuple[State, str | None]]] = {}
    for record in letters:
        if record.state in REFUSED:
            why.setdefault(record.address, Counter())[record.state, record.reason] += 1
    return {address: (written[address], reasons) for address, reasons in why.items() if reasons.total() > 1}


def agrees(told: IssueTally, own: Account) -> None:
    """What is told of an issue is what its own account says."""
    states = own.totals.letters
    assert told.issue == own.issue
    assert told.tally.letters == own.totals.total
    assert told.tally.sent == own.totals.sent
    assert told.tally.missed == own.not_sent_total
    assert told.tally.replaced == own.replaced_total
    assert told.tally.failed + told.tally.bounced + told.tally.replaced == own.totals.count(*REFUSED)
    assert told.tally.waiting == own.totals.unsettled
    assert told.tally.uncertain == states.get(State.UNCERTAIN, 0)
    assert told.tally.contacts == own.totals.contacts_total
    assert told.tally.contacts_sent == sum(own.totals.contacts.get(state, 0) for state in HAS_IT)
    assert told.tally.disabled == own.disabled()
    assert told.left_out == own.left_out
    assert told.most == (own.times.most - own.issue.opened_at if own.times else None)


Take = Callable[[Sequence[Kept]], PeriodAccount]


@contextlib.contextmanager
def taking(url: str, folder: Path) -> Iterator[Take]:
    """Takes the account of July by a ledger at *url* that holds what is given, and counts after it."""
    with ledgers.opened(url) as ledger:
        site = Site(configuration.load(folder, environ={}), ledger, ledgers.PERSON)

        def take(kept: Sequence[Kept]) -> PeriodAccount:
            accounts.store_all(ledger, kept)
            found = across.account_of(site, JULY, with_units=True)
            for told in (*found.issues, *found.cancelled):
                agrees(told, accounting.account_of(site, told.issue))
            counted = [each for each in kept if each.issue in [told.issue for told in found.issues]]
            assert {each.unit: each for each in found.units or ()} == plain_units(counted)
            assert {each.address: (each.issues, each.reasons) for each in found.failing} == plain_failing(counted)
            assert found.totals == total(each.tally for each in found.issues)
            return found

        yield take
