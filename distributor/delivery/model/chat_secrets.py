"""The secrets of chat endpoints: read from the environment, and never shown. Pure.

Whoever has a robot's address can post as the robot. So what is kept is the part that is secret, in values that print
as nothing, and what is wrong with one is described and never repeated.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from distributor.endpoints import Endpoint, Kind
from distributor.errors import Finding, Place, Severity
from distributor.i18n import _

CONCEALED = "***"
# The hosts that alone may stand in for a vendor's.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """What opens one endpoint: *token*, the secret part of its address (of Apprise, all of it); *signing* its key."""

    token: str
    signing: str | None = None

    def conceal(self, text: str) -> str:
        """*text*, which may have come from anywhere, without this secret."""
        parts = {self.token, quote(self.token, safe=""), self.signing or "", quote(self.signing or "", safe="")}
        for part in sorted(filter(None, parts), key=len, reverse=True):
            text = text.replace(part, CONCEALED)
        return text

    def __repr__(self) -> str:
        return f"Secret({CONCEALED})"


class Secrets:
    """The secrets of a site, by endpoint."""

    __slots__ = ("_known",)

    def __init__(self, known: Mapping[Endpoint, Secret]) -> None:
        self._known = MappingProxyType(dict(known))

    def get(self, endpoint: Endpoint) -> Secret | None:
        """The secret of *endpoint*, None where the site has none."""
        return self._known.get(endpoint)

    @property
    def kinds(self) -> frozenset[Kind]:
        """The services of which there are any."""
        return frozenset(endpoint.kind for endpoint in self._known)

    def missing(self, endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
        """Those of *endpoints* that have none, in order."""
        return tuple(endpoint for endpoint in endpoints if endpoint not in self._known)

    def __repr__(self) -> str:
        return f"Secrets({len(self._known)})"


@dataclass(frozen=True, slots=True)
class Webhook:
    """The address of a vendor's robots, by its documents: *before* and the token. *signed*: a key may go with it."""

    host: str
    before: str
    signed: bool

    @property
    def example(self) -> str:
        return f"https://{self.host}{self.before}…"


WEBHOOKS: Mapping[Kind, Webhook] = MappingProxyType(
    {
        Kind.WECOM: Webhook("qyapi.weixin.qq.com", "/cgi-bin/webhook/send?key=", signed=False),
        Kind.DINGTALK: Webhook("oapi.dingtalk.com", "/robot/send?access_token=", signed=True),
        Kind.FEISHU: Webhook("open.feishu.cn", "/open-apis/bot/v2/hook/", signed=True),
        Kind.LARK: Webhook("open.larksuite.com", "/open-apis/bot/v2/hook/", signed=True),
    }
)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,256}", re.ASCII)
_SIGNING = re.compile(r"[\x21-\x7e]{8,256}", re.ASCII)
_APPRISE = re.compile(r"[a-z][a-z0-9]*://[\x21-\x7e]+", re.ASCII | re.IGNORECASE)


def secrets_from(environ: Mapping[str, str], place_of: Callable[[str], Place]) -> tuple[Secrets, tuple[Finding, ...]]:
    """The secrets in *environ*, and what is wrong there; *place_of* tells where a variable was set.

    A robot's value is its whole webhook address as the app shows it; behind a space, the signing secret where the
    robot has one. An Apprise value is one Apprise URL. Other variables are nobody's business; empty ones are none.
    """
    known: dict[Endpoint, Secret] = {}
    findings: list[Finding] = []
    for variable, value in environ.items():
        try:
            endpoint = Endpoint.of_variable(variable)
        except ValueError:
            findings.append(_bad_name(variable, place_of(variable)))
            continue
        if endpoint is None or not value.strip():
            continue
        try:
            known[endpoint] = _parsed(endpoint.kind, value)
        except ValueError as error:
            findings.append(_bad_value(endpoint, str(error), place_of(variable)))
    return Secrets(known), tuple(findings)


def _parsed(kind: Kind, value: str) -> Secret:
    """Raises ValueError in words that repeat nothing of *value*."""
    address, *keys = value.split()
    if kind is Kind.APPRISE:
        if keys or not _APPRISE.fullmatch(address):
            raise ValueError(_("it is not one Apprise URL"))
        return Secret(address)
    webhook = WEBHOOKS[kind]
    token = _token(webhook, address)
    if len(keys) > 1 or not all(map(_SIGNING.fullmatch, keys)):
        raise ValueError(_("what follows the address is not one signing secret"))
    if keys and not webhook.signed:
        raise ValueError(_("something follows the address, and these robots have no signing secret"))
    return Secret(token, keys[0] if keys else None)


def _token(webhook: Webhook, address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:  # whose words may hold a part of the address
        raise ValueError(_("it is no address")) from None
    if parts.scheme != "https" or parts.netloc.lower() != webhook.host:
        raise ValueError(_("it does not begin with https://{host}/").format(host=webhook.host))
    token = address.partition(parts.netloc)[2].removeprefix(webhook.before)
    if not _TOKEN.fullmatch(token):
        raise ValueError(_("it is not a robot's whole address and nothing else"))
    return token


def _bad_value(endpoint: Endpoint, why: str, place: Place) -> Finding:
    message = _("the secret of {endpoint} cannot be used: {why}").format(endpoint=endpoint, why=why)
    if endpoint.kind is Kind.APPRISE:
        remedy = _("write one Apprise URL, such as ntfys://ntfy.example.org/TOPIC")
    elif WEBHOOKS[endpoint.kind].signed:
        text = _(
            "copy the robot's address, {example}, and behind a space its signing secret (加签、签名校验) if it has one"
        )
        remedy = text.format(example=WEBHOOKS[endpoint.kind].example)
    else:
        remedy = _("copy the robot's address, {example}").format(example=WEBHOOKS[endpoint.kind].example)
    return Finding(Severity.ERROR, "bad-endpoint-secret", message, place, remedy)


def _bad_name(variable: str, place: Place) -> Finding:
    message = _("{variable} cannot be the secret of a chat endpoint").format(variable=variable)
    remedy = _("write the endpoint's name in capitals, with _ for each hyphen: DISTRIBUTOR_WECOM_OFFICE_1 for office-1")
    return Finding(Severity.ERROR, "bad-endpoint-variable", message, place, remedy)
