"""The only reader of the environment: where the site is, and what its .env, relays.yaml and the environment say.

The environment beats .env. Secrets (the relay's password) live in values that never print themselves.
"""

import datetime as dt
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import filterfalse
from pathlib import Path
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from dotenv.parser import Binding, parse_stream

from distributor.delivery.model.chat_secrets import LOOPBACK, Secrets, secrets_from
from distributor.delivery.model.flow import Rules, Way
from distributor.endpoints import Endpoint
from distributor.errors import ConfigurationError, Finding, Place, Severity
from distributor.i18n import _
from distributor.relays.model import LONE, Declared, Relay, parse_relay
from distributor.words import why

__all__ = ["DEFAULT_SENDER", "Relay", "Settings", "find_site", "load", "parse_relay"]

LIST_NAME = "recipients.yaml"
RELAYS_NAME = "relays.yaml"
LEDGER_NAME = "distributor.sqlite3"
DEFAULT_SENDER = "bulletin@distributor.example"
_PREFIX = "DISTRIBUTOR_"
_NAMES = frozenset(
    _PREFIX + name
    for name in (
        "SITE", "RELAY", "FROM", "LEDGER", "BROKER", "TZ", "UNCERTAIN", "WAIT", "CONNECTIONS", "RETRY_FIRST",
        "RETRY_MOST", "EXPIRE_AFTER", "CA_FILE", "CHAT_ORIGIN",
    )
)  # fmt: skip
_NEAR = 0.9  # alike enough to be one of them misspelt: a letter or two
_YEAR = 366 * 24 * 3600
_MOST_CONNECTIONS = 100
# One address and nothing else: it goes into a header and into the envelope. Whether it exists, the relay says.
_SENDER = re.compile(r"[^\s@<>\"(),:;\[\]\\\x00-\x1f\x7f]+@[^\s@<>\"(),:;\[\]\\\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a site is configured to do. Durations are seconds.

    No *relays*: mail goes to the bundled sink and stays in *outbox*. *rules* has a way for each relay, in their order;
    for the sink one, named "outbox". *broker* None: no Celery, `send` delivers itself. *secrets* open chat endpoints;
    *chat_origin*, a server on this machine, stands in for all their hosts in rehearsals.
    """

    site: Path
    relays: tuple[Relay, ...]
    rules: Rules
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
    secrets: Secrets = field(repr=False)
    chat_origin: str | None

    @property
    def chat_stays_home(self) -> bool:
        """Whether posts are kept in the outbox, as mail is: nothing leaves a site that has no relay."""
        return not self.relays and self.chat_origin is None

    def day_of(self, microseconds: int) -> str:
        """The site's date, YYYY-MM-DD, at so many µs since 1970 UTC."""
        return dt.datetime.fromtimestamp(microseconds // 1_000_000, self.timezone).date().isoformat()

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
    """Read *site*'s .env and relays.yaml, and *environ*; every wrong value is reported at once.

    Raises:
        ConfigurationError: values that cannot be used, each with its name and where it was set.
    """
    reader = _Reader(site, environ)
    relay = reader.relay()
    declared = reader.declared(relay)
    relays = declared.relays or ((relay,) if relay else ())
    lone = Way(LONE if relay else "outbox", limits=declared.limits)
    settings = Settings(
        site=site,
        relays=relays,
        rules=Rules(declared.ways or (lone,), declared.destinations),
        sender=reader.sender("FROM") or _sender_of(relays),
        ledger=reader.text("LEDGER") or f"sqlite:///{quote(str(site / LEDGER_NAME))}",
        broker=reader.text("BROKER"),
        timezone=reader.zone(),
        uncertain=reader.choice("UNCERTAIN", ("hold", "resend")),
        wait=reader.seconds("WAIT", 15 * 60),
        connections=reader.number("CONNECTIONS", 16, least=1, most=_MOST_CONNECTIONS),
        retry_first=reader.seconds("RETRY_FIRST", 60),
        retry_most=reader.seconds("RETRY_MOST", 3600),
        expire_after=reader.seconds("EXPIRE_AFTER", 2 * 24 * 3600),
        ca_file=reader.existing_file("CA_FILE"),
        secrets=reader.secrets(),
        chat_origin=reader.chat_origin("CHAT_ORIGIN"),
    )
    reader.compare_pauses(settings.retry_first, settings.retry_most)
    reader.compare_sender(declared, settings.sender)
    if reader.findings:
        raise ConfigurationError(reader.findings)
    return settings


def _sender_of(relays: tuple[Relay, ...]) -> str:
    """A login that is an address is the only sender most providers accept (NetEase: 554 DT:SUM)."""
    return next((relay.user for relay in relays if relay.user and "@" in relay.user), DEFAULT_SENDER)


def _opens_endpoint(variable: str) -> bool:
    """Whether *variable* is the secret of a chat endpoint, or wants to be one: its reader tells what is wrong."""
    try:
        return Endpoint.of_variable(variable) is not None
    except ValueError:
        return True


def _is_origin_here(text: str) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  raises for one that is none
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.hostname in LOOPBACK and parts.path in {"", "/"}


# What Kubernetes tells every pod of a service that has our name.
_OF_A_POD = re.compile(r"DISTRIBUTOR_(SERVICE_|PORT(_|$))")


class _Reader:
    """Values by name, each with the place it came from; collects findings instead of raising."""

    def __init__(self, site: Path, environ: Mapping[str, str]) -> None:
        self.file = site / ".env"
        self.relays_file = site / RELAYS_NAME
        self.environ = environ
        self.findings: list[Finding] = []
        self.lines: dict[str, int] = {}
        self.dotenv: dict[str, str] = {}
        self.others: dict[str, str] = {}  # of no concern, unless relays.yaml names one
        self._read_file()
        for name in filterfalse(_OF_A_POD.match, environ):
            self._know(name, Place(_("environment variable {name}").format(name=name)))

    def _read_file(self) -> None:
        try:
            with self.file.open(encoding="utf-8") as stream:
                for binding in parse_stream(stream):
                    self._take(binding)
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            message = _("the settings cannot be read: {error}").format(error=why(error))
            remedy = _("save the file as UTF-8, and let yourself read it")
            self.findings.append(Finding(Severity.ERROR, "bad-env", message, Place(str(self.file)), remedy))

    def _take(self, binding: Binding) -> None:
        """One entry of the file. What it says is never repeated: it may be a password."""
        text, name = binding.original.string, binding.key
        # An entry begins with the empty lines above it.
        line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
        place = Place(str(self.file), line)
        if binding.error or (name is not None and binding.value is None):
            message, remedy = _("this line is no setting"), _("write NAME=value, and close every quote")
            self.findings.append(Finding(Severity.ERROR, "bad-line", message, place, remedy))
        elif name is None:
            return
        elif not self._know(name, place):
            self.others[name] = binding.value or ""
        elif name in self.lines:
            message = _("{name} stands here a second time (first in line {line})")
            message = message.format(name=name, line=self.lines[name])
            self.findings.append(Finding(Severity.ERROR, "duplicate-setting", message, place, _("delete one of them")))
        else:
            self.lines[name], self.dotenv[name] = line, binding.value or ""

    def _know(self, name: str, place: Place) -> bool:
        """True for a setting. A name that was meant to be one is told; other programs' names are nobody's business."""
        if name in _NAMES or _opens_endpoint(name):
            return True
        near = get_close_matches(name.upper(), _NAMES, n=1, cutoff=_NEAR)
        if near or name.startswith(_PREFIX):
            message = _("there is no setting {name}").format(name=name)
            close = near or get_close_matches(name.upper(), _NAMES, n=1)
            remedy = _("did you mean {name}?").format(name=close[0]) if close else _("delete it")
            self.findings.append(Finding(Severity.ERROR, "unknown-setting", message, place, remedy))
        return False

    def text(self, name: str) -> str | None:
        full = _PREFIX + name
        return (self.environ.get(full) or self.dotenv.get(full) or "").strip() or None

    def place(self, name: str) -> Place:
        full = _PREFIX + name
        if self.environ.get(full):
            return Place(_("environment variable {name}").format(name=full))
        return Place(str(self.file), self.lines.get(full))

    def fault(self, name: str, message: str, remedy: str) -> None:
        self.findings.append(Finding(Severity.ERROR, f"bad-{name.lower()}", message, self.place(name), remedy))

    def number(self, name: str, default: int, *, least: int = 0, most: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        whole = text.isascii() and text.isdigit() and len(text) <= len(str(most))
        if whole and least <= int(text) <= most:
            return int(text)
        self.fault(
            name,
            _("DISTRIBUTOR_{name} is {value!r}").format(name=name, value=text),
            _("write a whole number from {least} to {most}").format(least=least, most=most),
        )
        return default

    def seconds(self, name: str, default: int) -> int:
        return self.number(name, default, most=_YEAR)

    def compare_pauses(self, first: int, most: int) -> None:
        if most < first:
            message = _("DISTRIBUTOR_RETRY_MOST ({most}) is less than DISTRIBUTOR_RETRY_FIRST ({first})")
            name = "RETRY_MOST" if self.text("RETRY_MOST") else "RETRY_FIRST"
            self.fault(
                name, message.format(most=most, first=first), _("raise the one, or lower the other; both are seconds")
            )

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

    def secrets(self) -> Secrets:
        known, findings = secrets_from(self.dotenv | {k: v for k, v in self.environ.items() if v}, self._set_in)
        self.findings += findings
        return known

    def _set_in(self, variable: str) -> Place:
        return self.place(variable.removeprefix(_PREFIX))

    def chat_origin(self, name: str) -> str | None:
        text = self.text(name)
        if text is not None and not _is_origin_here(text):
            message = _("DISTRIBUTOR_{name} is no server on this machine").format(name=name)
            self.fault(name, message, _("write http://127.0.0.1:PORT, or delete it: it is for rehearsals"))
            return None
        return text.rstrip("/") if text else None

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

    def declared(self, relay: Relay | None) -> Declared:
        """What relays.yaml says; *relay* is what DISTRIBUTOR_RELAY says."""
        if not os.path.lexists(self.relays_file):
            return Declared()
        from distributor.relays import reader  # noqa: PLC0415  the readers of YAML and of domains: few sites need them

        declared, findings = reader.read(self.relays_file, self._variable)
        self.findings += findings
        if relay is not None and declared.place is not None:
            message = _("relays are named here, and one in DISTRIBUTOR_RELAY too")
            remedy = _("delete DISTRIBUTOR_RELAY, or the relays here")
            self.findings.append(Finding(Severity.ERROR, "two-relays", message, declared.place, remedy))
        return declared

    def _variable(self, name: str) -> str | None:
        return self.environ.get(name) or self.others.get(name) or None

    def compare_sender(self, declared: Declared, sender: str) -> None:
        """Some relay must carry each group's letters. Not asked while anything is wrong that it depends on."""
        if declared.ways and not self.findings:
            from distributor.relays import reader  # noqa: PLC0415  as above

            self.findings += reader.uncarried(declared, sender)
