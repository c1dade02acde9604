"""How fast, how much and by which relay deliveries may go: the limits that people set, as values. Pure.

A *flow* is what a limit, a back-off or a block is kept for: one relay, or one destination (a set of domains that share
a mail provider, or a single domain that gave trouble).
"""

from dataclasses import dataclass
from enum import StrEnum

from distributor.endpoints import MAIL, channel_of

MINUTE = 60_000_000  # µs
# A slot may be used so much later than its time, µs.
LATE = 600_000


class FlowKind(StrEnum):
    """What a flow is of."""

    RELAY = "relay"
    DESTINATION = "destination"


@dataclass(frozen=True, slots=True, order=True)
class FlowKey:
    """Which flow: *name* is the relay's name, or the destination's (a domain, where it has no other)."""

    kind: FlowKind
    name: str


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit. All processes that share the ledger share each of them.

    *per_minute* messages, evenly spread; *connections* at once (of a destination: letters on their way at once);
    *per_connection* messages, then a new one; *per_day* messages, by the site's calendar.
    """

    per_minute: float | None = None
    connections: int | None = None
    per_connection: int | None = None
    per_day: int | None = None

    def spacing(self, late: int = LATE) -> int | None:
        """µs between two slots, each of which may be used *late* µs after its time. None: no rate.

        They are so much further apart than the rate says that no minute holds more than its share even if one slot is
        used late and the next ones are not: by 1 % for LATE.
        """
        if self.per_minute is None:
            return None
        return round(MINUTE / self.per_minute * (MINUTE + late) / MINUTE)


@dataclass(frozen=True, slots=True)
class Way:
    """One relay as the router sees it. Empty *groups* or *senders* (domains): any. *weight*: its share, 1 or more.

    A chat service is one too, called as its kind, with nothing but posts of that *channel*.
    """

    name: str
    weight: int = 1
    groups: frozenset[str] = frozenset()
    senders: frozenset[str] = frozenset()
    limits: Limits = Limits()
    channel: str = MAIL

    @classmethod
    def of_chat(cls, kind: str) -> "Way":
        """The way to the endpoints of *kind*."""
        return cls(kind, channel=kind)

    def carries(self, group: str, sender_domain: str, channel: str = MAIL) -> bool:
        """Whether letters to *group* from a sender at *sender_domain* may go by this relay; or posts by *channel*."""
        if channel != self.channel:
            return False
        return (not self.groups or group in self.groups) and (not self.senders or sender_domain in self.senders)

    @property
    def flow(self) -> FlowKey:
        return FlowKey(FlowKind.RELAY, self.name)


@dataclass(frozen=True, slots=True)
class Destination:
    """Domains (lower case, ASCII) that share limits and trouble under one *name*."""

    name: str
    domains: frozenset[str]
    limits: Limits = Limits()

    @property
    def flow(self) -> FlowKey:
        return FlowKey(FlowKind.DESTINATION, self.name)


@dataclass(frozen=True, slots=True)
class Rules:
    """All that people set: relays in order, destinations in order. A domain is in one destination at most.

    Chat services need not be set: each has a way of its own, and each endpoint is a destination.
    """

    ways: tuple[Way, ...]
    destinations: tuple[Destination, ...] = ()

    def ways_for(self, group: str, sender_domain: str, lane: str) -> list[Way]:
        """The ways of what waits in *lane*: a chat endpoint's own, or the relays that carry it."""
        channel = channel_of(lane)
        if channel != MAIL:
            return [Way.of_chat(channel)]
        return [way for way in self.ways if way.carries(group, sender_domain)]

    def destination_of(self, domain: str) -> str:
        """The name of the destination that *domain* is in; else *domain* itself."""
        return next((each.name for each in self.destinations if domain in each.domains), domain)

    def with_quota(self) -> frozenset[FlowKey]:
        """The flows that have one for each day."""
        relays = (way.flow for way in self.ways if way.limits.per_day is not None)
        destinations = (each.flow for each in self.destinations if each.limits.per_day is not None)
        return frozenset([*relays, *destinations])

    def domains_of(self, destination: str) -> frozenset[str]:
        """The domains of the one called *destination*: itself, where it has no other name."""
        found = (each.domains for each in self.destinations if each.name == destination)
        return next(found, frozenset({destination}))
