"""The plain account, counted record by record as anybody would; and ledgers that hold the same records."""

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import count

from distributor.delivery.ledger import schema
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.records import DeliveryRecord, IssueRecord, OmittedRecord
from distributor.delivery.model.states import HAS_IT, REFUSED, WAITING, State
from distributor.recipients.addresses import address_key
from distributor.report.account import LISTED, SHARED_SHOWN, Account, Numbers, Times, badness, group_order, ranks
from distributor.report.account import still_omitted as still
from distributor.report.reasons import TOLD_BY_REASON

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def plain(issue: IssueRecord, records: Iterable[DeliveryRecord], omitted: Sequence[OmittedRecord]) -> Account:
    """What became of *records*."""
    everything = sorted(records, key=lambda record: record.id)
    sent = [record for record in everything if record.state in HAS_IT]
    replaced = [record for record in everything if is_replaced(record, sent)]
    not_sent = [record for record in everything if record.state not in HAS_IT and record not in replaced]
    shared = [record for record in everything if len(record.serves) > 1]
    groups = sorted({record.group for record in everything}, key=group_order)
    return Account(
        issue=issue,
        groups={group: numbers([record for record in everything if record.group == group]) for group in groups},
        totals=numbers(everything),
        times=times(sent),
        next_attempt=min((record.next_attempt for record in not_sent if record.next_attempt), default=None),
        reasons=Counter((each.state, each.reason if each.state in TOLD_BY_REASON else None) for each in not_sent),
        not_sent=tuple(sorted(not_sent, key=lambda each: (badness(each.state, each.group), each.id))[:LISTED]),
        replaced=tuple(replaced[:LISTED]),
        replaced_total=len(replaced),
        shared=tuple(shared[:SHARED_SHOWN]),
        shared_total=len(shared),
        omitted=still(omitted, (record for record in everything if record.supplement)),
    )


def is_replaced(record: DeliveryRecord, sent: Iterable[DeliveryRecord]) -> bool:
    later = [contacts(other) for other in sent if other.supplement > record.supplement]
    return record.state in REFUSED and contacts(record) <= set().union(*later)


def contacts(record: DeliveryRecord) -> set[tuple[str, str]]:
    return {(served.unit, served.contact) for served in record.serves}


def units(records: Iterable[DeliveryRecord]) -> set[str]:
    return {served.unit for record in records for served in record.serves}


def numbers(records: Collection[DeliveryRecord]) -> Numbers:
    return Numbers(
        letters=Counter(record.state for record in records),
        contacts=Counter(record.state for record in records for _served in record.serves),
        units=len(units(records)),
        units_reached=len(units(record for record in records if record.state in HAS_IT)),
    )


def times(sent: Iterable[DeliveryRecord]) -> Times | None:
    moments = sorted(record.settled_at for record in sent if record.settled_at)
    return Times(*(moments[rank - 1] for rank in ranks(len(moments)))) if moments else None


def store(
    database: Database, issue: IssueRecord, records: Iterable[DeliveryRecord], omitted: Iterable[OmittedRecord]
) -> None:
    """Make the ledger hold *issue* as if that had become of it, and nothing else."""
    store_all(database, [(issue, records, omitted)])


def store_all(
    database: Database, kept: Iterable[tuple[IssueRecord, Iterable[DeliveryRecord], Iterable[OmittedRecord]]]
) -> None:
    """Make the ledger hold these issues as if that had become of them, and nothing else."""
    with database.write() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(table.delete())
        numbers = count(1)
        for issue, records, omitted in kept:
            connection.execute(schema.issues.insert(), issue_row(issue))
            letter = {"id": issue.id, "issue_id": issue.id, "group_name": "", "subject": "", "compiled": b""}
            connection.execute(schema.letters.insert(), letter | {"per_recipient": False})
            for record in records:
                connection.execute(schema.deliveries.insert(), delivery_row(issue, record))
                for position, served in enumerate(record.serves):
                    row = {"delivery_id": record.id, "position": position} | dataclasses.asdict(served)
                    connection.execute(schema.served.insert(), row)
            for each in omitted:
                row = dataclasses.asdict(each) | {"id": next(numbers), "issue_id": issue.id, "group_name": each.group}
                del row["group"]
                connection.execute(schema.omitted.insert(), row)


def issue_row(issue: IssueRecord) -> dict[str, object]:
    same = {name: getattr(issue, name) for name in map(str, schema.issues.c.keys()) if hasattr(issue, name)}
    ours = {"content": b"", "sources": "{}", "urgency": 0, "unresolved": "[]"}
    return same | ours | {"opened_at": microseconds(issue.opened_at), "state": issue.state.value}


def delivery_row(issue: IssueRecord, record: DeliveryRecord) -> dict[str, object]:
    """As workers and people would have left it: held, waiting or settled."""
    kept = ("id", "supplement", "channel", "address", "phase", "code", "enhanced", "reply", "reason", "relay")
    due = record.next_attempt or issue.opened_at
    return {name: getattr(record, name) for name in kept} | {
        "issue_id": issue.id,
        "letter_id": issue.id,
        "group_name": record.group,
        "address_key": address_key(record.address),
        "domain": address_key(record.address).rpartition("@")[2],
        "fields": "{}",
        "state": record.state.value,
        "tries": record.attempts,
        "next_attempt": microseconds(due) if record.state in WAITING else None,
        "waiting_since": microseconds(issue.opened_at),
        "lease_id": 1 if record.state in {State.CLAIMED, State.HANDING_OVER} else None,
        "settled_at": microseconds(record.settled_at) if record.settled_at else None,
    }


def microseconds(moment: dt.datetime) -> int:
    return (moment - EPOCH) // dt.timedelta(microseconds=1)
