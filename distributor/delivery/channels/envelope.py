"""A parcel as SMTP says it: the commands of its envelope, the octets of its body, and what cannot be said. Pure.

What this relay cannot be told is refused here, in our own words, and never dropped or bent.
"""

import contextlib
import re
from functools import lru_cache
from typing import NamedTuple

from distributor.delivery.channels.offer import Offer
from distributor.delivery.model.channel import Parcel, Phase, Reply
from distributor.i18n import _
from distributor.recipients.addresses import address_key

RSET = b"RSET\r\n"
DATA = b"DATA\r\n"
QUIT = b"QUIT\r\n"
FINAL_DOT = b".\r\n"

# Octets that would end the path or the command early, and let an address speak SMTP of its own.
_ADDRESS = re.compile(r"[^\s<>@\x00-\x20\x7f-\x9f\ud800-\udfff]+@[^\s<>@\x00-\x20\x7f-\x9f\ud800-\udfff]+")


class InexpressibleError(Exception):
    """This relay cannot be told this parcel; *code* and *enhanced* are what a server that can would answer."""

    def __init__(self, phase: Phase, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.reply = Reply(phase, code, enhanced, text)


class Envelope(NamedTuple):
    """MAIL and RCPT, each with its line end."""

    mail: bytes
    rcpt: bytes


def envelope(parcel: Parcel, offer: Offer) -> Envelope:
    """The commands that announce *parcel* to a server with *offer*.

    Raises:
        InexpressibleError: an address or a message that SMTP, or this server, has no way to take.
    """
    message = parcel.message
    sender, recipient = _sender(parcel.sender), mailbox(parcel.address, Phase.RCPT)
    _check_line_ends(message)
    parameters = []
    if offer.size:
        _check_size(message, offer.most)
        parameters.append(f" SIZE={len(message)}")
    plain = message.isascii()
    if not plain:
        _check_eight_bit(offer)
        parameters.append(" BODY=8BITMIME")
    if not (sender.isascii() and recipient.isascii() and (plain or _head(message).isascii())):
        _check_utf8(offer)
        parameters.append(" SMTPUTF8")
    return Envelope(f"MAIL FROM:<{sender}>{''.join(parameters)}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode())


def body(message: bytes) -> bytes:
    """*message* as it follows DATA, dot-stuffed, with its final dot (RFC 5321 4.5.2)."""
    if message.startswith(b"."):
        message = b"." + message
    # Looked for up to the last dot of all: base64 has none, and it is nearly the whole of a letter.
    if message.find(b"\r\n.", 0, message.rfind(b".") + 1) >= 0:
        message = message.replace(b"\r\n.", b"\r\n..")
    return message + (FINAL_DOT if message.endswith(b"\r\n") else b"\r\n" + FINAL_DOT)


def chunk(message: bytes) -> bytes:
    """*message* as the one and last chunk of BDAT (RFC 3030): counted, so that no octet of it can end it."""
    data = message if message.endswith(b"\r\n") else message + b"\r\n"
    return b"BDAT %d LAST\r\n%b" % (len(data), data)


def mailbox(address: str, phase: Phase) -> str:
    """*address* as it stands between < and >: its domain in ASCII, as DNS and every server know it.

    Raises:
        InexpressibleError: what is no mailbox, or would not stay between them.
    """
    if _ADDRESS.fullmatch(address):
        if address.isascii():
            return address
        local, _at, domain = address.rpartition("@")
        with contextlib.suppress(ValueError):  # a domain that has no form in ASCII
            return address if domain.isascii() else f"{local}@{address_key(f'a@{domain}').removeprefix('a@')}"
    text = _("not sent: {address!r} cannot be written as an address").format(address=address)
    raise InexpressibleError(phase, 553, "5.1.7" if phase is Phase.MAIL else "5.1.3", text)


@lru_cache(maxsize=64)  # all letters of an issue share it
def _sender(address: str) -> str:
    return mailbox(address, Phase.MAIL)


def _check_line_ends(message: bytes) -> None:
    """A line ends in CRLF and nowhere else (RFC 5321 2.3.8).

    Servers differ in what they take a lone CR or LF for, and a message that one of them takes for two carries a second
    one inside the first (SMTP smuggling, CVE-2023-51764): it is not sent.
    """
    # Without its LFs, and with one put back behind each CR, it is the same. Single octets are quicker found than pairs.
    if message.replace(b"\n", b"").replace(b"\r", b"\r\n") != message:
        text = _("not sent: the message has a line end other than CR LF")
        raise InexpressibleError(Phase.DATA, 554, "5.6.0", text)


def _check_size(message: bytes, most: int | None) -> None:
    if most is not None and len(message) > most:
        text = _("not sent: the message has {size}, the relay takes {most}").format(
            size=octets(len(message)), most=octets(most)
        )
        raise InexpressibleError(Phase.MAIL, 552, "5.3.4", text)


def _check_eight_bit(offer: Offer) -> None:
    if not offer.eight_bit:
        text = _("not sent: the message is not plain ASCII, and the relay takes nothing else (no 8BITMIME)")
        raise InexpressibleError(Phase.MAIL, 554, "5.6.3", text)


def _check_utf8(offer: Offer) -> None:
    if not offer.utf8:
        text = _("not sent: an address is not plain ASCII, and the relay takes no others (no SMTPUTF8)")
        raise InexpressibleError(Phase.MAIL, 553, "5.6.7", text)


def _head(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[0]


def octets(count: int) -> str:
    """*count* as people say sizes: ``35 MB``."""
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
