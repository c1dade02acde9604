"""The frozen letters of what is in stock, and messages made of them."""

import json
from collections.abc import Iterable
from typing import Protocol

from distributor.delivery.engine.journal import Journal
from distributor.delivery.ledger import queries
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.model.channel import Parcel
from distributor.endpoints import MAIL, channel_of
from distributor.render.message import CompiledLetter, message_id
from distributor.render.model import MergeFields


class Addressed(Protocol):
    """What a message is made of beside its letter: a claim, or a delivery that is only looked at."""

    @property
    def id(self) -> int: ...
    @property
    def uid(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def sender(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def fields(self) -> str: ...


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
        return Parcel(claim.id, claim.attempt, claim.sender, claim.address, message_of(letter, claim))


def message_of(letter: CompiledLetter, addressed: Addressed) -> bytes:
    """The message that *addressed* is handed over as, whether now, in the past or never.

    Raises:
        ValueError, TypeError, KeyError: the values are damaged; no message can be made.
    """
    domain = addressed.sender.rpartition("@")[2]
    return letter.message(
        delivery_id=addressed.id,
        message_id=message_id(addressed.uid, addressed.id, addressed.generation, domain),
        address=addressed.address,
        fields=MergeFields(**json.loads(addressed.fields)),
    )
