"""A few letters handed over with no ledger behind them: tests and reports that one sends to oneself."""

from collections.abc import Sequence

from distributor.delivery.model import chat_replies
from distributor.delivery.model.channel import Channel, Parcel, Phase, Reply, SessionError
from distributor.delivery.model.records import DeliveryRecord
from distributor.delivery.model.replies import Outcome, classify, provider_of
from distributor.delivery.model.states import State
from distributor.endpoints import MAIL, Kind, channel_of
from distributor.i18n import _
from distributor.report.reasons import explain


async def hand_over(channel: Channel, parcels: Sequence[Parcel]) -> dict[int, Reply]:
    """One session for all; whatever it did not get to has the reply that ended it."""
    hand = _Hand(list(parcels))
    ended = Reply(Phase.CONNECT, None, None, _("the session ended before this letter's turn"))
    try:
        await channel.session(hand)
    except SessionError as error:
        ended = error.reply
    return {parcel.delivery_id: ended for parcel in parcels} | hand.replies


class _Hand:
    """A Hand with no ledger behind it: nothing is counted on, so nothing needs to be durable."""

    def __init__(self, parcels: list[Parcel]) -> None:
        self.parcels = parcels
        self.replies: dict[int, Reply] = {}

    async def take(self) -> Parcel | None:
        return self.poll()

    def poll(self) -> Parcel | None:
        return self.parcels.pop(0) if self.parcels else None

    async def mark(self, parcel: Parcel) -> bool:  # noqa: ARG002
        return True

    def settle(self, parcel: Parcel, reply: Reply) -> None:
        self.replies[parcel.delivery_id] = reply

    def give_back(self, parcel: Parcel) -> None:
        self.parcels.insert(0, parcel)


def told(reply: Reply, address: str) -> tuple[bool, str]:
    """Whether the relay took the letter to *address*, and what it said; where it did not, first why, in words."""
    channel = channel_of(address)
    if channel == MAIL:
        verdict = classify(reply, provider_of(reply.relay, address.rpartition("@")[2], reply.text))
    else:
        verdict = chat_replies.classify(reply, Kind(channel))
    sent = verdict.outcome is Outcome.SENT and reply.code is not None
    record = DeliveryRecord(
        id=0, group="", supplement=0, channel=channel, address=address, attempts=1, serves=(),
        state=State.SENT if sent else State.FAILED, phase=reply.phase, code=reply.code, enhanced=reply.enhanced,
        reply=reply.text, reason=verdict.reason, relay=reply.relay,
    )  # fmt: skip
    raw = " ".join(filter(None, (str(reply.code or ""), reply.enhanced, reply.text)))
    return sent, raw if sent else f"{explain(record).sentence} ({raw})"
