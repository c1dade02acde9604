"""The only reader of the environment: where the site is, and what its .env and the environment say.

The environment beats .env. Secrets (the relay's password) live in values that never print themselves.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values

from distributor.errors import ConfigurationError, Finding, Place, Severity
from distributor.i18n import _

LIST_NAME = "recipients.yaml"
LEDGER_NAME = "distributor.sqlite3"
DEFAULT_SENDER = "bulletin@distributor.example"
# One address and nothing else: it goes into a header and into the envelope. Whether it exists, the relay says.
_SENDER = re.compile(r"[^\s@<>\"(),:;\[\]\\\x00-\x1f\x7f]+@[^\s@<>\"(),:;\[\]\\\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Relay:
    """The SMTP server that mail is handed to. *tls*: TLS from the start (465); else STARTTLS, required with a login."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def on_loopback(self) -> bool:
        """True where mail to it cannot leave this machine by itself."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a site is configured to do. Durations are seconds.

    *relay* None: mail goes to the bundled sink and stays in *outbox*. *broker* None: no Celery, `send` delivers itself.
    """

    site: Path
    relay: Relay | None
    sender: str
    ledger: str = field(repr=False)
    broker: str | None = field(repr=False)
    timezone: ZoneInfo
    uncertain: str
    wait: int
    connections: int
    retry_first: int
    retry_most: int
    expire_after: int
    ca_file: Path | None

    @property
    def recipients(self) -> Path:
        return self.site / LIST_NAME

    @property
    def templates(self) -> Path:
        return self.site / "templates"

    @property
    def outbox(self) -> Path:
        return self.site / "outbox"


def find_site(explicit: str | None = None, *, environ: Mapping[str, str] = os.environ, cwd: Path | None = None) -> Path:
    """The folder that holds recipients.yaml: *explicit*, else DISTRIBUTOR_SITE, else the nearest parent of *cwd*.

    Raises:
        ConfigurationError: there is none; says where it looked.
    """
    named = explicit or environ.get("DISTRIBUTOR_SITE")
    start = Path(named) if named else (cwd or Path.cwd())
    folders = [start] if named else [start, *start.resolve().parents]
    for folder in folders:
        if (folder / LIST_NAME).is_file():
            return folder.resolve()
    here, above = _("there is no {name} in {folder}"), _("there is no {name} in {folder} or in any folder above it")
    text = here if named else above
    raise ConfigurationError(
        [
            Finding(
                Severity.ERROR,
                "no-site",
                text.format(name=LIST_NAME, folder=start.absolute()),
                remedy=_("run `distributor init DIR` to make a new site, or name yours with --site DIR"),
            )
        ]
    )


def load(site: Path, *, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read *site*'s .env and *environ*; every wrong value is reported at once.

    Raises:
        ConfigurationError: values that cannot be used, each with its name and where it was set.
    """
    reader = _Reader(site, environ)
    relay = reader.relay()
    settings = Settings(
        site=site,
        relay=relay,
        sender=reader.sender("FROM") or _sender_of(relay),
        ledger=reader.text("LEDGER") or f"sqlite:///{quote(str(site / LEDGER_NAME))}",
        broker=reader.text("BROKER"),
        timezone=reader.zone(),
        uncertain=reader.choice("UNCERTAIN", ("hold", "resend")),
        wait=reader.seconds("WAIT", 15 * 60),
        connections=reader.seconds("CONNECTIONS", 4, least=1),
        retry_first=reader.seconds("RETRY_FIRST", 60),
        retry_most=reader.seconds("RETRY_MOST", 3600),
        expire_after=reader.seconds("EXPIRE_AFTER", 2 * 24 * 3600),
        ca_file=reader.existing_file("CA_FILE"),
    )
    if reader.findings:
        raise ConfigurationError(reader.findings)
    return settings


def _sender_of(relay: Relay | None) -> str:
    """A login that is an address is the only sender most providers accept (NetEase: 554 DT:SUM)."""
    return relay.user if relay and relay.user and "@" in relay.user else DEFAULT_SENDER


class _Reader:
    """Values by name, each with the place it came from; collects findings instead of raising."""

    def __init__(self, site: Path, environ: Mapping[str, str]) -> None:
        self.file = site / ".env"
        self.environ = environ
        self.findings: list[Finding] = []
        self.dotenv = self._dotenv()

    def _dotenv(self) -> dict[str, str | None]:
        try:
            return dotenv_values(self.file, interpolate=False) if self.file.is_file() else {}
        except (OSError, UnicodeDecodeError) as error:
            message = _("the settings cannot be read: {error}").format(error=error)
            remedy = _("save the file as UTF-8, and let yourself read it")
            self.findings.append(Finding(Severity.ERROR, "bad-env", message, Place(str(self.file)), remedy))
            return {}

    def text(self, name: str) -> str | None:
        full = f"DISTRIBUTOR_{name}"
        return (self.environ.get(full) or self.dotenv.get(full) or "").strip() or None

    def place(self, name: str) -> Place:
        full = f"DISTRIBUTOR_{name}"
        return Place(_("environment variable {name}").format(name=full) if self.environ.get(full) else str(self.file))

    def fault(self, name: str, message: str, remedy: str) -> None:
        self.findings.append(Finding(Severity.ERROR, f"bad-{name.lower()}", message, self.place(name), remedy))

    def seconds(self, name: str, default: int, least: int = 0) -> int:
        text = self.text(name)
        if text is None:
            return default
        if text.isascii() and text.isdigit() and int(text) >= least:
            return int(text)
        self.fault(
            name,
            _("DISTRIBUTOR_{name} is {value!r}, not a whole number").format(name=name, value=text),
            _("write a number of at least {least}").format(least=least),
        )
        return default

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        text = self.text(name) or allowed[0]
        if text not in allowed:
            self.fault(
                name,
                _("DISTRIBUTOR_{name} is {value!r}").format(name=name, value=text),
                _("write one of: {allowed}").format(allowed=", ".join(allowed)),
            )
        return text

    def sender(self, name: str) -> str | None:
        text = self.text(name)
        if text and not _SENDER.fullmatch(text):
            self.fault(
                name,
                _("DISTRIBUTOR_{name} is {value!r}, not an address").format(name=name, value=text),
                _("write one address, without name and < >"),
            )
        return text

    def existing_file(self, name: str) -> Path | None:
        text = self.text(name)
        if text and not Path(text).is_file():
            self.fault(name, _("there is no file {value}").format(value=text), _("check the file's name"))
        return Path(text) if text else None

    def zone(self) -> ZoneInfo:
        text = self.text("TZ") or "Asia/Shanghai"
        try:
            return ZoneInfo(text)
        except (ValueError, OSError, LookupError):
            self.fault(
                "TZ", _("there is no time zone {value!r}").format(value=text), _("write one such as Asia/Shanghai")
            )
            return ZoneInfo("Asia/Shanghai")

    def relay(self) -> Relay | None:
        text = self.text("RELAY")
        if text is None:
            return None
        try:
            return parse_relay(text)
        except ValueError:
            # The value holds a password: it is described, never repeated.
            self.fault(
                "RELAY",
                _("DISTRIBUTOR_RELAY is not a relay's address"),
                _(
                    "write smtps://user:password@host:465 or smtp://user:password@host:587, "
                    "with @ % : / in user and password percent-encoded (@ is %40)"
                ),
            )
            return None


def parse_relay(text: str) -> Relay:
    """``smtps://user:pass@host:465`` (TLS from the start) or ``smtp://…:587``; user and password percent-encoded.

    Raises:
        ValueError: another scheme, no host, a bad port, or anything after the port.
    """
    parts = urlsplit(text)
    tls = parts.scheme == "smtps"
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError("not smtp://host:port")
    if parts.query or parts.fragment or (parts.username is None) != (parts.password is None):
        raise ValueError("not smtp://user:password@host:port")
    port = (465 if tls else 587 if parts.username else 25) if parts.port is None else parts.port
    if port == 0:
        raise ValueError("no port is 0")
    return Relay(
        host=parts.hostname,
        port=port,
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
