"""Mail: parcels over SMTP, as fast as the relay lets us, and never past the point of doubt without the engine's mark.

What can go wrong, and what the engine hears of it (delivery/model/channel.py has the contract):

- refused at MAIL, RCPT, DATA, BDAT or the final dot: that reply, and the session goes on;
- 421, a lost connection, silence, or answers that do not fit: the session ends. A parcel that was to be marked is
  settled, with the server's word or with none; *handed_over* tells whether the write that holds its final dot had
  begun, since from then on only the kernel knows how much has left. The parcel whose envelope went out behind that
  body is given back. So is one whose envelope was under way, if the session had moved others: many relays close after
  so many messages. On a session that had moved nothing it is settled, so a letter that ends every session is put off;
- no mark: the body is not sent. After 354 SMTP has no word for "rather not" (a lone dot would be an empty letter), but
  a server drops a transaction whose connection closes (RFC 5321 4.1.1.10), so that is what we do;
- a session that ends early without having moved anything is an error, so that the engine waits before it tries again.

With PIPELINING one round trip moves one message: the body's write also holds MAIL, RCPT and DATA of the next. RFC 2920
3.1 allows it: DATA must be the last command of a group, and a body may be the first thing in one. No body is ever
written before its own 354 was read and its mark made, so nothing is handed over ahead of its turn.

With CHUNKING besides (RFC 3030) the body is the one chunk of BDAT, marked and written once RCPT was accepted. That is a
round trip too, and less there cannot be: a second body behind one that has no answer yet would be a second letter in
doubt on the same connection. What it spares is 354 and its way back, a second error at the relay (DATA) for each
recipient that is refused, and the final dot, about which servers have disagreed.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from distributor.delivery.channels.answers import Answer
from distributor.delivery.channels.dialogue import FAREWELL, Dialogue, LostError
from distributor.delivery.channels.envelope import (
    DATA,
    FINAL_DOT,
    QUIT,
    RSET,
    InexpressibleError,
    body,
    chunk,
    envelope,
    mailbox,
    octets,
)
from distributor.delivery.channels.offer import Offer
from distributor.delivery.channels.opening import Opening, tls_context
from distributor.delivery.model.channel import Hand, Parcel, Phase, Reply, SessionError
from distributor.i18n import _
from distributor.settings import Relay

# Giving up on the answer to the final dot makes a doubt that a person must settle: RFC 5321 4.5.3.2.6 says 10 minutes.
PATIENCE = 600.0
# Octets of a body in one write: most bodies are smaller, and a slow relay shows that it goes on by taking the next.
CHUNK = 64 * 1024


class SmtpChannel:
    """Hands parcels to *relay*. Seconds: *timeout* for each answer and write, *deadline* for a session.

    After *deadline* a session takes nothing more; what it is at may take as long again, however slowly the relay drips.
    """

    name = "mail"

    def __init__(self, relay: Relay, *, helo: str, timeout: float, deadline: float, ca_file: Path | None) -> None:
        """Raises ConfigurationError for a *ca_file* that cannot be used."""
        if ca_file is not None:
            tls_context(ca_file)
        self.opening = Opening(relay, helo, timeout, ca_file)
        self.deadline = deadline

    async def session(self, hand: Hand) -> None:
        """Open a connection, move parcels until ``hand.take()`` gives None, close it in order.

        Raises:
            SessionError: it could not be opened, or ended early and had moved nothing.
        """
        async with _opened(self.opening) as (dialogue, offer):
            session = _Session(dialogue, offer, hand, str(self.opening.relay), self.deadline)
            if await session.run():
                await _quit(dialogue)


async def prove(relay: Relay, *, helo: str, timeout: float, ca_file: Path | None, sender: str) -> str:  # noqa: ASYNC109
    """Go as far as MAIL FROM:<*sender*>, take it back, and say in a sentence what the relay offers. Sends nothing.

    Raises:
        SessionError: with the phase that failed. ConfigurationError: *ca_file* cannot be used.
    """
    opening = Opening(relay, helo, timeout, ca_file)
    async with _opened(opening) as (dialogue, offer):
        try:
            await opening.ask(dialogue, Phase.MAIL, f"MAIL FROM:<{mailbox(sender, Phase.MAIL)}>", 250)
        except InexpressibleError as error:
            raise SessionError(error.reply) from None
        await opening.ask(dialogue, Phase.MAIL, "RSET", 250)
        await _quit(dialogue)
        words = [
            dialogue.tls_version or _("no TLS"),
            "PIPELINING" if offer.pipelining else "",
            "CHUNKING" if offer.chunking else "",
            f"SIZE {octets(offer.most)}" if offer.most else "",
            _("login accepted") if relay.user else "",
        ]
        return ", ".join(filter(None, words))


@contextlib.asynccontextmanager
async def _opened(opening: Opening) -> AsyncIterator[tuple[Dialogue, Offer]]:
    dialogue, offer = await opening.open()
    try:
        yield dialogue, offer
    finally:
        await dialogue.close()


async def _quit(dialogue: Dialogue) -> None:
    """Leave politely, without caring what is said to it: everything was settled before."""
    with contextlib.suppress(LostError):
        dialogue.send(QUIT)
        await dialogue.answer(FAREWELL)


@dataclass(slots=True)
class _Trip:
    """A parcel that was taken, and how far it has come. *steps*: phase, command, and the code that is hoped for."""

    parcel: Parcel
    steps: tuple[tuple[Phase, bytes, int], ...]
    phase: Phase = Phase.MAIL
    offered: bool = False
    marking: bool = False
    handed_over: bool = False

    @property
    def group(self) -> bytes:
        """All commands of the envelope, as one write."""
        return b"".join([command for _phase, command, _wanted in self.steps])


class _Session:
    """Moves parcels over one open dialogue. *trips* are those not settled yet: the one at hand, the one behind it."""

    def __init__(self, dialogue: Dialogue, offer: Offer, hand: Hand, relay: str, deadline: float) -> None:
        self.dialogue = dialogue
        self.offer = offer
        self.chunking = offer.chunking and offer.pipelining  # alone it spares nothing
        self.hand = hand
        self.relay = relay
        self.deadline = deadline
        self.clock = asyncio.get_running_loop().time
        self.ends = self.clock() + deadline
        self.trips: deque[_Trip] = deque()
        self.moved = 0
        self.transaction = False  # one that was refused is still open, and RSET has to end it

    async def run(self) -> bool:
        """True: the session may end in order; False: its connection must be dropped.

        Raises:
            SessionError: it broke before any parcel had an answer.
        """
        try:
            while (trip := await self._next()) is not None:
                self.dialogue.until = self.clock() + self.deadline
                if await self._offer(trip) and not await self._hand_over(trip):
                    return False
        except LostError as lost:
            why = self._account(lost, blame=not self.moved)
            if not self.moved:
                raise SessionError(why) from None
            return False
        except BaseException:
            self._account(LostError(_("cut off by our own side")), blame=False)
            raise
        return True

    async def _next(self) -> _Trip | None:
        """The parcel whose envelope is on its way already, else one that is taken now; None: it is time to leave."""
        while not self.trips and self.clock() < self.ends:
            parcel = await self.hand.take()
            if parcel is None:
                return None
            self._begin(parcel)
        return self.trips[0] if self.trips else None

    def _begin(self, parcel: Parcel) -> _Trip | None:
        try:
            mail, rcpt = envelope(parcel, self.offer)
        except InexpressibleError as error:
            self.hand.settle(parcel, error.reply._replace(relay=self.relay))
            return None
        steps = (Phase.MAIL, mail, 250), (Phase.RCPT, rcpt, 250)
        trip = _Trip(parcel, steps if self.chunking else (*steps, (Phase.DATA, DATA, 354)))
        self.trips.append(trip)
        return trip

    async def _offer(self, trip: _Trip) -> bool:
        """MAIL, RCPT, DATA. True: the relay is ready for the body; False: it refused, and *trip* is settled."""
        if self.offer.pipelining and not trip.offered:
            self.dialogue.send((RSET if self.transaction else b"") + trip.group)
            trip.offered = True
        if self.transaction:
            self._expect(await self._ask(RSET), 250)
            self.transaction = False
        if not trip.offered:
            self.dialogue.in_step()
            trip.offered = True
        for phase, command, wanted in trip.steps:
            trip.phase = phase
            answer = await self._ask(command)
            if answer.negative:
                self._settle(trip, answer)
                await self._take_back(phase)
                return False
            self._expect(answer, wanted)
        return True

    async def _ask(self, command: bytes) -> Answer:
        """The answer to *command*, which was written with its group if the relay allows that."""
        if not self.offer.pipelining:
            self.dialogue.send(command)
        return await self.dialogue.answer()

    async def _take_back(self, refused: Phase) -> None:
        """After a refusal: hear the rest of its group, and leave no body awaited."""
        self.transaction = refused is not Phase.MAIL
        if not self.offer.pipelining or refused is Phase.DATA:
            return
        recipient_accepted = refused is Phase.MAIL and (await self.dialogue.answer()).positive
        self.transaction |= recipient_accepted
        if self.chunking:
            return
        answer = await self.dialogue.answer()
        if answer.negative:
            return
        self._expect(answer, 354)
        if recipient_accepted:
            # Without MAIL it should not be. A lone dot might be an empty letter to it: closing is the only way back.
            raise LostError(_out_of_turn(answer))
        # A body for nobody (RFC 2920 3.1): the dot ends it, and whatever is answered, nothing went anywhere.
        self.dialogue.send(FINAL_DOT)
        await self.dialogue.answer()
        self.transaction = False

    async def _hand_over(self, trip: _Trip) -> bool:
        """Mark, body, final dot, and the answer that settles it. False: it is ours no more, and no body was sent."""
        trip.phase = Phase.DOT
        trip.marking = True
        if not await self.hand.mark(trip.parcel):
            self.trips.remove(trip)
            return False
        await self._write_body(trip)
        answer = await self.dialogue.answer(PATIENCE)
        if not (answer.positive or answer.negative):
            raise LostError(_out_of_turn(answer))
        self._settle(trip, answer)
        if answer.negative and self.chunking:
            await self._begin_anew()
        return True

    async def _begin_anew(self) -> None:
        """After a BDAT that was refused: nobody knows whether its transaction still stands (RFC 3030 2).

        So what is said to the envelope behind it counts for nothing, and RSET comes before it is said again.
        """
        self.transaction = True
        for trip in self.trips:
            for _step in trip.steps:
                await self.dialogue.answer()
            trip.offered = False

    async def _write_body(self, trip: _Trip) -> None:
        data = (chunk if self.chunking else body)(trip.parcel.message)
        # What is left for the last write is never short, so that it holds the whole of a final dot.
        last = max(0, len(data) // CHUNK - 1) * CHUNK
        for start in range(0, last, CHUNK):
            self.dialogue.send(data[start : start + CHUNK])
            await self.dialogue.drained()
        behind = self._begin_next()
        self.dialogue.in_step()
        trip.handed_over = True  # from here on nobody on this side knows what the relay has
        self.dialogue.send(data[last:] + (behind.group if behind is not None else b""))
        if behind is not None:
            behind.offered = True

    def _begin_next(self) -> _Trip | None:
        """The parcel whose envelope can go behind a body, if one is ready."""
        while self.offer.pipelining and self.clock() < self.ends and (parcel := self.hand.poll()) is not None:
            if (trip := self._begin(parcel)) is not None:
                return trip
        return None

    def _expect(self, answer: Answer, wanted: int) -> None:
        """*wanted* 250 stands for all of 2yz (RFC 5321 4.2.1: go by the first digit where you can)."""
        if not (answer.positive if wanted == 250 else answer.code == wanted):
            raise LostError(_out_of_turn(answer))

    def _settle(self, trip: _Trip, answer: Answer) -> None:
        self.trips.remove(trip)
        self.moved += 1
        self.hand.settle(trip.parcel, answer.reply(trip.phase, self.relay, handed_over=trip.handed_over))

    def _account(self, lost: LostError, *, blame: bool) -> Reply:
        """Settle or give back what is left; returns what ended the session.

        A mark must have its result, be it only asked for. *blame*: the relay may have gone because of the parcel at
        hand, so it is settled too once its envelope was begun; else it starts anew with the others.
        """
        trips, self.trips = self.trips, deque()
        at_hand = trips[0] if trips else None
        phase = at_hand.phase if at_hand is not None else Phase.MAIL
        for trip in trips:
            if trip.marking or (blame and trip is at_hand and trip.offered):
                self.hand.settle(trip.parcel, lost.reply(trip.phase, self.relay, handed_over=trip.handed_over))
            else:
                self.hand.give_back(trip.parcel)
        return lost.reply(phase, self.relay)


def _out_of_turn(answer: Answer) -> str:
    return _("the relay speaks out of turn: {answer}").format(answer=answer)
