"""The frozen letters of what is in stock, and messages made of them."""

import json
from collections.abc import Iterable

from distributor.delivery.engine.journal import Journal
from distributor.delivery.ledger import queries
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.model.channel import Parcel
from distributor.endpoints import MAIL, channel_of
from distributor.render.message import CompiledLetter, message_id
from distributor.render.model import MergeFields


class Letters:
    """Kept while they are needed; compiled when first used, so that a damaged one is a fault of its own deliveries."""

    def __init__(self) -> None:
        self._letters: dict[int, CompiledLetter | bytes] = {}

    async def load(self, journal: Journal, claims: Iterable[Claim]) -> None:
        """Have the letters of *claims* at hand, and no others.

        Raises:
            LedgerError: they cannot be read now.
        """
        needed = {claim.letter_id for claim in claims}
        kept = {identity: letter for identity, letter in self._letters.items() if identity in needed}
        if missing := needed - kept.keys():
            kept |= await journal.do(queries.compiled_letters, missing)
        self._letters = kept

    def parcel(self, claim: Claim) -> Parcel:
        """The message of *claim*, spliced from its group's frozen letter.

        Raises:
            ValueError, TypeError, KeyError: the letter or the values are damaged; no message can be made.
        """
        letter = self._letters[claim.letter_id]
        if isinstance(letter, bytes) and channel_of(claim.lane) != MAIL:  # the same post to each of them
            return Parcel(claim.id, claim.attempt, claim.sender, claim.address, letter)
        if isinstance(letter, bytes):
            letter = self._letters[claim.letter_id] = CompiledLetter.from_bytes(letter)
        message = letter.message(
            delivery_id=claim.id,
            message_id=message_id(claim.uid, claim.id, claim.generation, claim.sender.rpartition("@")[2]),
            address=claim.address,
            fields=MergeFields(**json.loads(claim.fields)),
        )
        return Parcel(claim.id, claim.attempt, claim.sender, claim.address, message)
