"""How a session moves parcels to chat endpoints, whatever the service: take, post with the engine's mark, settle.

What can go wrong, and what the engine hears of it (delivery/model/channel.py has the contract):

- an endpoint that cannot be posted to from here (no secret, not of this kind): a refusal of our own, at RCPT, with a
  word of ours where the service's code stands (chat_replies.tsv has them), and the session goes on;
- no connection, no TLS: settled at CONNECT, not handed over: it is put off;
- no mark: nothing is sent, the connection is closed, and the session goes on;
- an answer: its reply, at DOT, and the session goes on;
- no answer, or one that tells nothing: settled without a code. *handed_over* tells whether the write of the body had
  begun: from then on it is in doubt.

A session that loses a post ends there, and is an error if it had moved nothing: so the engine waits before it tries a
service that is away with the next parcel, instead of putting them all off or, worse, in doubt.
"""

from collections.abc import Awaitable, Callable

from distributor.delivery.channels.chat.posting import LostError
from distributor.delivery.model.channel import Hand, Parcel, Phase, Reply, SessionError
from distributor.delivery.model.chat_secrets import Secret, Secrets
from distributor.endpoints import Endpoint, Kind
from distributor.i18n import _


class NotMarkedError(Exception):
    """The engine did not mark the parcel: it is ours no more."""


class RefusalError(Exception):
    """We do not even try, for a reason that chat_replies.tsv calls *word*."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word = word

    def reply(self, relay: str) -> Reply:
        """For the engine."""
        return Reply(Phase.RCPT, None, self.word, str(self), relay=relay)


class Trip:
    """One parcel, and how far it has come."""

    def __init__(self, parcel: Parcel, hand: Hand, relay: str) -> None:
        self.parcel = parcel
        self.hand = hand
        self.relay = relay
        self.phase = Phase.CONNECT
        self.handed_over = False

    async def mark(self) -> None:
        """Raises NotMarkedError if it is not to be sent."""
        self.phase = Phase.DOT
        if not await self.hand.mark(self.parcel):
            raise NotMarkedError

    def answered(self, code: int | None, own: str | None, text: str) -> Reply:
        """What came back."""
        return Reply(self.phase, code, own, text, self.handed_over, self.relay)

    def lost(self, text: str) -> Reply:
        """Nothing came back."""
        return self.answered(None, None, text)


# Posts a trip's parcel to the endpoint of that secret. Raises RefusalError, NotMarkedError, LostError.
Carry = Callable[[Trip, Secret], Awaitable[Reply]]


async def run(kind: Kind, secrets: Secrets, hand: Hand, relay: str, carry: Carry) -> None:
    """Move parcels until ``hand.take()`` gives None, or one is lost.

    Raises:
        SessionError: a post was lost, and no other had an answer before it.
    """
    moved = 0
    while (parcel := await hand.take()) is not None:
        trip = Trip(parcel, hand, relay)
        try:
            hand.settle(parcel, await carry(trip, _secret(kind, secrets, parcel.address)))
            moved += 1
        except RefusalError as refusal:
            hand.settle(parcel, refusal.reply(relay))
        except NotMarkedError:
            continue
        except LostError as lost:
            reply = trip.lost(str(lost))
            hand.settle(parcel, reply)
            if moved:
                return
            raise SessionError(reply) from None
        except BaseException:
            _account(trip)
            raise


def _account(trip: Trip) -> None:
    """Our own side breaks off. A mark must have its result, be it only asked for."""
    if trip.phase is Phase.CONNECT:
        trip.hand.give_back(trip.parcel)
    else:
        trip.hand.settle(trip.parcel, trip.lost(_("cut off by our own side")))


def _secret(kind: Kind, secrets: Secrets, address: str) -> Secret:
    try:
        endpoint = Endpoint.parse(address)
    except ValueError as error:
        raise RefusalError("bad-endpoint", str(error)) from None
    if endpoint.kind is not kind:
        text = _("{endpoint} is no endpoint of {kind}").format(endpoint=endpoint, kind=kind)
        raise RefusalError("bad-endpoint", text)
    secret = secrets.get(endpoint)
    if secret is None:
        text = _("not sent: {variable} is not set").format(variable=endpoint.variable)
        raise RefusalError("no-secret", text)
    return secret
