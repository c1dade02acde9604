"""Chat of a site from which nothing leaves: each post is kept as a file, as the sink keeps mail."""

import asyncio
from pathlib import Path

from distributor.delivery.model.channel import Hand, Parcel, Phase, Reply
from distributor.delivery.model.chat_replies import POSTED
from distributor.endpoints import Kind
from distributor.words import why

RELAY = "outbox"


class KeptChannel:
    """Writes posts to endpoints of *kind* into *folder*: ``wecom-office-1.17.json`` is that of delivery 17."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.name = kind.value
        self.folder = folder

    async def session(self, hand: Hand) -> None:
        """Keep parcels, one after the other."""
        while (parcel := await hand.take()) is not None:
            if await hand.mark(parcel):
                hand.settle(parcel, await asyncio.to_thread(self._keep, parcel))

    def _keep(self, parcel: Parcel) -> Reply:
        name = f"{parcel.address.replace(':', '-')}.{parcel.delivery_id}.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(parcel.message)
        except OSError as error:
            return Reply(Phase.DOT, 503, None, why(error), True, RELAY)
        return Reply(Phase.DOT, 200, POSTED, f"kept as {name}", True, RELAY)
