"""Which deliveries of an issue a listing is of."""

import datetime as dt
from dataclasses import dataclass

from distributor.delivery.model.records import DeliveryRecord, OmittedRecord, ServedRecord
from distributor.delivery.model.states import State


@dataclass(frozen=True, slots=True)
class Wanted:
    """Those that fit everything that is given; the empty one takes all.

    *units*: it serves one of them. *since*: it was settled, or something happened to it, at that time (aware) or later.
    *lacking*: it is neither sent nor delivered, nor replaced by a letter of a later supplement.
    """

    units: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    states: frozenset[State] = frozenset()
    since: dt.datetime | None = None
    lacking: bool = False

    def contacts(self, record: DeliveryRecord) -> tuple[ServedRecord, ...]:
        """Those whom *record*, which is wanted, serves, as far as their units are wanted."""
        return tuple(each for each in record.serves if not self.units or each.unit in self.units)

    def takes_omitted(self, record: OmittedRecord) -> bool:
        """Whether *record* belongs to the listing too: it has no state, and nothing ever happened to it."""
        if self.states or self.since:
            return False
        return (not self.units or record.unit in self.units) and (not self.groups or record.group in self.groups)


EVERYBODY = Wanted()
