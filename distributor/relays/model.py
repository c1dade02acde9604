"""The SMTP servers that mail is handed to, and what relays.yaml says of them."""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from distributor.delivery.model.flow import Destination, Limits, Way
from distributor.errors import Place

LONE = "relay"  # what the relay of DISTRIBUTOR_RELAY is called


@dataclass(frozen=True, slots=True)
class Relay:
    """The SMTP server that mail is handed to. *tls*: TLS from the start (465); else STARTTLS, required with a login.

    *name* is what relays.yaml calls it, or LONE.
    """

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    name: str = LONE

    @property
    def on_loopback(self) -> bool:
        """True where mail to it cannot leave this machine by itself."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def title(self) -> str:
        """``main (smtp.example.org:465)``; the lone one has no name but its address."""
        return str(self) if self.name == LONE else f"{self.name} ({self})"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Declared:
    """What relays.yaml says. *ways* are the router's view of *relays*, in the same order.

    *limits* are of the one relay where the file names none; *place* is where it names them.
    """

    relays: tuple[Relay, ...] = ()
    ways: tuple[Way, ...] = ()
    destinations: tuple[Destination, ...] = ()
    limits: Limits = field(default_factory=Limits)
    place: Place | None = None


def parse_relay(text: str) -> Relay:
    """``smtps://user:pass@host:465`` (TLS from the start) or ``smtp://…:587``; user and password percent-encoded.

    Raises:
        ValueError: another scheme, no host, a bad port, or anything after the port.
    """
    parts = urlsplit(text)
    tls = parts.scheme == "smtps"
    if (
        parts.scheme not in {"smtp", "smtps"}
        or not parts.hostname
        or parts.path not in {"", "/"}
        or " " in parts.netloc
    ):
        raise ValueError("not smtp://host:port")
    if parts.query or parts.fragment or (parts.username is None) != (parts.password is None):
        raise ValueError("not smtp://user:password@host:port")
    port = default_port(tls=tls, login=bool(parts.username)) if parts.port is None else parts.port
    if port == 0:
        raise ValueError("no port is 0")
    return Relay(
        host=parts.hostname,
        port=port,
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def default_port(*, tls: bool, login: bool) -> int:
    """RFC 8314 7.3 (TLS from the start), RFC 6409 3.1 (submission), RFC 5321 4.5.4.2."""
    return 465 if tls else 587 if login else 25
