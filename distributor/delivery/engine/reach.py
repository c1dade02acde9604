"""When to try the relay again, and whether it is away for a moment or for long. Reads no clock: it is told the time."""

import math

from distributor.delivery.model.channel import Phase, Reply

BACK_OFF_MOST = 60.0
SHORT_OUTAGE = 20.0
SERVICE_CLOSING = 421  # RFC 5321 3.8: said of the connection, whatever was asked


class Reach:
    """What one engine knows of its relay. Times are seconds of one steady clock."""

    def __init__(self) -> None:
        self.back_off = 0.0
        self._not_before = -math.inf
        # A relay that was never reached may not exist: nothing is held for it.
        self._away_since = -math.inf

    def waits(self, now: float) -> bool:
        """Whether it is too early to try again."""
        return now < self._not_before

    def failed(self, now: float) -> None:
        """A session failed. Those that fail together are one failure; each wait is twice the one before."""
        if not self.waits(now):
            self.back_off = min(BACK_OFF_MOST, max(1.0, self.back_off * 2))
            self._not_before = now + self.back_off

    def opened(self) -> None:
        """A session is open. What it is good for is not known yet."""
        self._away_since = math.inf

    def answered(self, reply: Reply) -> None:
        """A parcel was settled: if the relay had an answer to it, the next failure is a first one again."""
        if reply.code not in {None, SERVICE_CLOSING}:
            self.back_off = 0.0

    def is_briefly_away(self, reply: Reply, tried_at: float, now: float) -> bool:
        """Whether *reply*, to a session begun at *tried_at*, is only the relay's restart: no connection, for once."""
        if reply.phase is not Phase.CONNECT or reply.code is not None:
            return False
        self._away_since = min(self._away_since, tried_at)
        return now - self._away_since < SHORT_OUTAGE
