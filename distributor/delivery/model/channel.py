"""What the engine and a channel say to each other. A channel moves bytes and reports replies; it decides nothing.

The trip of one parcel on one session: take → (the far side is ready for the body) → mark → body → settle. Whoever
breaks the order breaks the promise "never twice": the body's last write begins only after ``mark`` returned True.
"""

from enum import StrEnum
from typing import NamedTuple, Protocol


class Phase(StrEnum):
    """The step of the dialogue that a reply answers (RFC 5321 4.1.1). DOT is the body up to its last octet."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


# Named tuples, these and others of which each letter has one: they are made in a fraction of a frozen dataclass's time.
class Reply(NamedTuple):
    """What the far side said at *phase*, or that nothing was heard (*code* None, *text* tells how it was lost).

    *code* is the basic reply code (RFC 5321 4.2), *enhanced* the RFC 3463 code or None, *text* the reply's lines
    without codes, joined by newlines. *handed_over* tells whether the write that holds the final dot had begun.
    """

    phase: Phase
    code: int | None
    enhanced: str | None
    text: str
    handed_over: bool = False
    relay: str = ""


class Parcel(NamedTuple):
    """One attempt of one delivery. *message* is RFC 5322 bytes with CRLF line ends, not dot-stuffed."""

    delivery_id: int
    attempt: int
    sender: str
    address: str
    message: bytes


class SessionError(Exception):
    """A session could not be opened or had to be given up; *reply* says at which phase and why.

    No parcel is meant: those in hand were settled or given back before this is raised.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.phase}: {reply.code or ''} {reply.text}")
        self.reply = reply


class Hand(Protocol):
    """The engine's side of one session."""

    async def take(self) -> Parcel | None:
        """The next parcel, waiting for one while the session may stay open; None: close the session."""

    def poll(self) -> Parcel | None:
        """The next parcel if one is ready now: lets a session send the next envelope behind the previous body."""

    async def mark(self, parcel: Parcel) -> bool:
        """Durably record that *parcel* is being handed over. False: it is ours no more; send no body."""

    def settle(self, parcel: Parcel, reply: Reply) -> None:
        """Report the result of *parcel*; called exactly once for every parcel taken and not given back."""

    def give_back(self, parcel: Parcel) -> None:
        """Return *parcel*, which was not handed over: it goes by another session."""


class Channel(Protocol):
    """One way for deliveries to travel. *name* is what recipients.yaml and the ledger call it (``mail``)."""

    name: str

    async def session(self, hand: Hand) -> None:
        """Open one connection, move parcels until ``hand.take()`` gives None, close it in order.

        Raises:
            SessionError: the connection could not be opened, or ended with no parcel to blame.
        """
