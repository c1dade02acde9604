"""relays.yaml → Declared: the schema of the file. Every fault is found in one pass and told with file and line."""

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from distributor.delivery.model.flow import Destination, Limits, Way
from distributor.endpoints import MAIL, Kind, channel_of
from distributor.errors import Finding, Place, Severity
from distributor.i18n import _
from distributor.recipients.addresses import address_key, why_not_address
from distributor.recipients.faults import Faults
from distributor.recipients.fields import Fields, entries_of, text_of, texts_of
from distributor.recipients.model import GroupName
from distributor.recipients.yaml_tree import MAX_BYTES, Broken, Items, Node, Table, Text, parse
from distributor.relays.model import Declared, Relay, default_port, parse_relay
from distributor.words import why

_FILE = frozenset({"relays", "destinations", "limits"})
_RELAY = frozenset({"address", "login", "password_from", "weight", "groups", "senders", "limits"})
_DESTINATION = frozenset({"domains", "limits"})
_OF_A_DESTINATION = frozenset({"rate", "connections", "per_day"})
_OF_A_RELAY = _OF_A_DESTINATION | {"per_connection"}
_MOST = {"connections": 10_000, "per_connection": 1_000_000, "per_day": 1_000_000_000, "weight": 1000}
_MOST_PER_MINUTE = 10_000 * 60  # no rate beyond it could be kept: slots are whole µs apart
_RATE = re.compile(r"([0-9]{1,9}) ?/ ?(second|minute|hour|秒|分钟|小时)")
_PER_MINUTE = {"second": 60.0, "秒": 60.0, "minute": 1.0, "分钟": 1.0, "hour": 1 / 60, "小时": 1 / 60}
# Capitals only: a password that was written here by mistake is then hardly ever taken for a name, and repeated.
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def read(path: Path, variable: Callable[[str], str | None]) -> tuple[Declared, list[Finding]]:
    """What *path* says, and every fault of it; *variable* gives the value of an environment or .env variable.

    A file of comments alone says nothing, and that is no fault.
    """
    faults = Faults(str(path))
    data = _bytes(path, faults)
    tree = parse(data, faults, may_be_empty=True) if data is not None else None
    declared = _Reader(path, variable, faults).declared(tree) if tree is not None else Declared()
    return declared, faults.findings()


def _bytes(path: Path, faults: Faults) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        message = _("the relays cannot be read: {error}").format(error=why(error))
        faults.add("unreadable-relays", None, message, _("check that you may read the file"))
        return None


def uncarried(declared: Declared, sender: str) -> Iterator[Finding]:
    """The groups that no relay carries from *sender*, an address."""
    domain = domain_of(sender)
    lost = [group for group in GroupName if not any(way.carries(group, domain) for way in declared.ways)]
    if declared.ways and lost:
        message = _("no relay carries letters to {groups} from {domain}")
        yield Finding(
            Severity.ERROR,
            "no-relay-for-group",
            message.format(groups=", ".join(lost), domain=domain),
            declared.place,
            _("add them to the groups and senders of a relay, or set DISTRIBUTOR_FROM to the address you send from"),
        )


def domain_of(sender: str) -> str:
    """The domain as `Way.carries` wants it; one that IDNA does not know stays as it is."""
    with contextlib.suppress(ValueError):
        sender = address_key(sender)
    return sender.rpartition("@")[2].lower()


class _Reader:
    """Reads one file; remembers what its parts say about one another."""

    def __init__(self, path: Path, variable: Callable[[str], str | None], faults: Faults) -> None:
        self.path = path
        self.variable = variable
        self.faults = faults
        self.names: dict[str, int] = {}
        self.domains: dict[str, int] = {}

    def declared(self, tree: Node) -> Declared:
        top = Fields(tree, _FILE, self.faults)
        relays, destinations, limits = top.node("relays"), top.node("destinations"), top.node("limits")
        read = list(self._relays(relays)) if relays is not None else []
        declared = Declared(
            relays=tuple(relay for relay, _way in read),
            ways=tuple(way for _relay, way in read),
            destinations=tuple(self._destinations(destinations)) if destinations is not None else (),
            limits=self._limits(limits, _OF_A_RELAY),
            place=Place(str(self.path), relays.line) if relays is not None else None,
        )
        if relays is not None and limits is not None:
            message, remedy = _("these limits are of no relay"), _("move them into the relay that they are for")
            self.faults.add("whose-limits", limits.line, message, remedy)
        return declared

    def _named(self, node: Node, known: frozenset[str]) -> Iterator[tuple[str, int, Fields]]:
        """Entries whose keys are names that people chose, each used once in the file: `release NAME` must be clear."""
        for key, value in entries_of(node, self.faults).values():
            # Text that YAML misreads has been reported while parsing; an unclean name has not.
            name = text_of(Text(key.value, key.line, plain=False), self.faults)
            if name and name in self.names:
                message = _("{name} stands here a second time (first in line {line})")
                message = message.format(name=name, line=self.names[name])
                self.faults.add("duplicate-name", key.line, message, _("rename one of them"))
            if name in frozenset(Kind) or channel_of(name) != MAIL:
                message = _("{name} is what a chat service or one of its endpoints is called").format(name=name)
                self.faults.add("reserved-name", key.line, message, _("rename it"))
            self.names.setdefault(name, key.line)
            yield name, key.line, Fields(value, known, self.faults)

    # Relays

    def _relays(self, node: Node) -> Iterator[tuple[Relay, Way]]:
        if isinstance(node, Table) and not node.entries:
            message, remedy = _("no relay is named here"), _("name one, or delete the key relays")
            self.faults.add("no-relays", node.line, message, remedy)
        for name, line, fields in self._named(node, _RELAY):
            login, password = self._login(fields, line)
            relay = self._address(fields.required("address"), login)
            way = Way(
                name=name,
                weight=self._whole(fields, "weight") or 1,
                groups=frozenset(self._groups(fields.node("groups"))),
                senders=frozenset(self._domains(fields.node("senders"))),
                limits=self._limits(fields.node("limits"), _OF_A_RELAY),
            )
            if relay is not None:
                yield dataclasses.replace(relay, user=login, password=password, name=name), way

    def _address(self, node: Node | None, login: str | None) -> Relay | None:
        """The server at an address, which is described and never repeated: somebody may have put a password in."""
        if node is None or not (text := text_of(node, self.faults)):
            return None
        try:
            relay, has_port = parse_relay(text), urlsplit(text).port is not None
        except ValueError:
            has_login = "@" in text
        else:
            if relay.user is None and "@" not in text:
                port = relay.port if has_port else default_port(tls=relay.tls, login=login is not None)
                return dataclasses.replace(relay, port=port)
            has_login = True
        if has_login:
            message = _("there is a login in the relay's address")
            remedy = _("write smtps://host:465 here, the user under login, and the password into .env (password_from)")
            self.faults.add("login-in-address", node.line, message, remedy)
        else:
            message = _("this is no relay's address")
            self.faults.add("bad-address", node.line, message, _("write smtps://host:465 or smtp://host:587"))
        return None

    def _login(self, fields: Fields, line: int) -> tuple[str | None, str | None]:
        """User and password; both or neither."""
        login, node = fields.optional_text("login"), fields.node("password_from")
        if (login is None) != (node is None):
            missing = "password_from" if node is None else "login"
            message = _("the key {key} is missing here").format(key=missing)
            self.faults.add("missing-key", line, message, _("login and password_from belong together"))
        return login, self._password(node) if node is not None else None

    def _password(self, node: Node) -> str | None:
        """The value of the variable. What is no name of one is not repeated: it may be the password itself."""
        if isinstance(node, Broken):
            return None
        name = node.value if isinstance(node, Text) else ""
        if not _VARIABLE.fullmatch(name) or name.startswith("DISTRIBUTOR_"):
            message = _("password_from does not say the name of a variable")
            remedy = _("write NAME=password into .env and password_from: NAME here; A-Z, 0-9 and _, no DISTRIBUTOR_…")
            self.faults.add("bad-variable", node.line, message, remedy)
            return None
        if not (password := self.variable(name)):
            message = _("the variable {name} is not set").format(name=name)
            remedy = _("write {name}=password into .env").format(name=name)
            self.faults.add("no-password", node.line, message, remedy)
        return password

    def _groups(self, node: Node | None) -> Iterator[str]:
        for text in self._texts(node):
            if text.value in set(GroupName):
                yield text.value
            else:
                message = _("there is no group {name}").format(name=text.value)
                remedy = _("possible are: {keys}").format(keys=", ".join(GroupName))
                self.faults.add("unknown-group", text.line, message, remedy)

    # Destinations

    def _destinations(self, node: Node) -> Iterator[Destination]:
        for name, line, fields in self._named(node, _DESTINATION):
            domains = frozenset(self._own_domains(fields.required("domains")))
            if why_not_address(f"a@{name}") is None and address_key(f"a@{name}")[2:] not in domains:
                message = _("{name} is the name of a domain that does not belong to it").format(name=name)
                self.faults.add("misleading-name", line, message, _("rename it, or add the domain"))
            yield Destination(name, domains, self._limits(fields.node("limits"), _OF_A_DESTINATION))

    def _own_domains(self, node: Node | None) -> Iterator[str]:
        """Domains that no other destination has."""
        for domain, line in self._domains_by_line(node):
            if domain in self.domains:
                message = _("{name} stands here a second time (first in line {line})")
                message = message.format(name=domain, line=self.domains[domain])
                self.faults.add("duplicate-domain", line, message, _("a domain is in one destination: delete one"))
            self.domains.setdefault(domain, line)
            yield domain

    def _domains(self, node: Node | None) -> Iterator[str]:
        return (domain for domain, _line in self._domains_by_line(node))

    def _domains_by_line(self, node: Node | None) -> Iterator[tuple[str, int]]:
        """Domains as the ledger's address keys have them: lower case, ASCII."""
        for text in self._texts(node):
            if "@" in text.value or why_not_address(f"a@{text.value}"):
                message = _("{name} is no domain").format(name=text.value)
                self.faults.add("bad-domain", text.line, message, _("write what stands after the @ of an address"))
            else:
                yield address_key(f"a@{text.value}")[2:], text.line

    # Limits

    def _limits(self, node: Node | None, known: frozenset[str]) -> Limits:
        if node is None:
            return Limits()
        fields = Fields(node, known, self.faults)
        return Limits(
            per_minute=self._rate(fields.node("rate")),
            connections=self._whole(fields, "connections"),
            per_connection=self._whole(fields, "per_connection"),
            per_day=self._whole(fields, "per_day"),
        )

    def _rate(self, node: Node | None) -> float | None:
        """Messages a minute. Also a bare number gets here, to be told of the unit that it lacks."""
        if node is None or isinstance(node, Broken):
            return None
        found = _RATE.fullmatch(node.value) if isinstance(node, Text) else None
        rate = int(found[1]) * _PER_MINUTE[found[2]] if found else 0.0
        if 0 < rate <= _MOST_PER_MINUTE:
            return rate
        remedy = _("write one such as 20/minute, 5/second or 300/hour; a day's number is per_day")
        self.faults.add("bad-rate", node.line, _("this is no rate that can be kept"), remedy)
        return None

    def _whole(self, fields: Fields, key: str) -> int | None:
        node = fields.node(key)
        if node is None or isinstance(node, Broken):
            return None
        text, most = node.value if isinstance(node, Text) else "", _MOST[key]
        if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most:
            return int(text)
        message = _("{key} is not a number that can be used").format(key=key)
        remedy = _("write a whole number from {least} to {most}").format(least=1, most=most)
        self.faults.add("bad-number", node.line, message, remedy)
        return None

    def _texts(self, node: Node | None) -> Iterator[Text]:
        """An empty list might mean all or none, so it is neither."""
        if isinstance(node, Items) and not node.nodes:
            self.faults.add("empty-list", node.line, _("this list is empty"), _("name some, or delete the key"))
        return texts_of(node, self.faults) if node is not None else iter(())
