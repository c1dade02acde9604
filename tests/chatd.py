"""Servers for the tests that speak each vendor's contract for group robots, real sockets on loopback, with faults.

By the vendors' public documents: WeCom developer.work.weixin.qq.com/document/path/91770, DingTalk
open.dingtalk.com/document/orgapp/custom-robots-send-group-messages and .../customize-robot-security-settings, Feishu
open.feishu.cn/document/client-docs/bot-v3/add-custom-bot. All answer 200, and say in the body what they think of it::

    with Chatd(Kind.DINGTALK) as server:
        server.robots["token"] = Robot(signing="SEC…", keywords=("简报",))
        server.on("answer", Said(429, b"slow down", {"Retry-After": "30"}), times=1)
        server.on("answer", Do.DROP)                       # posted? nobody knows
        ... post to server.origin ...
        assert server.posted == [...]

Steps: head (the headers were read, the body not yet), answer (the whole request was read). Faults: tests/smtpd.py.
"""

import asyncio
import contextlib
import json
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import new as hmac
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from distributor.delivery.channels.chat.robots import RobotChannel
from distributor.delivery.model.channel import Parcel
from distributor.delivery.model.chat_secrets import Secret, Secrets
from distributor.endpoints import Endpoint, Kind
from tests.smtpd import Do, HandDouble, Server, leave

TOKEN = "693a91f6-7abc-4bc4-97a0-0ec2sifa5aaa"
SIGNING = "SEC0123456789abcdef0123456789abcdef"
SECRET = Secret(TOKEN)
HOUR = 3600
MESSAGES = {
    Kind.WECOM: {"msgtype": "markdown", "markdown": {"content": "《工作简报》第61期"}},
    Kind.DINGTALK: {"msgtype": "markdown", "markdown": {"title": "工作简报", "text": "《工作简报》第61期"}},
    Kind.FEISHU: {
        "msg_type": "interactive",
        "card": {"elements": [{"tag": "markdown", "content": "《工作简报》第61期"}]},
    },
    Kind.APPRISE: {"title": "工作简报", "body": "《工作简报》第61期"},
}
MESSAGES[Kind.LARK] = MESSAGES[Kind.FEISHU]


class Said(NamedTuple):
    """An answer. *raw*: these very octets, and then the connection is closed."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    raw: bytes | None = None


def says(**answer: object) -> Said:
    """200, with a body of JSON."""
    return Said(body=json.dumps(answer, ensure_ascii=False).encode())


@dataclass(slots=True)
class Robot:
    """One robot and its security settings."""

    signing: str | None = None
    keywords: tuple[str, ...] = ()
    stopped: bool = False
    outside: bool = False  # the caller's address is not on the robot's list
    left: int | None = None  # posts that it still takes this minute


@dataclass(frozen=True, slots=True)
class Request:
    """What came in; *body* is the octets after the head."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def path(self) -> str:
        return urlsplit(self.target).path


class Chatd(Server):
    """A vendor's host. *posted* are the messages that it took, *requests* all that were read to their end."""

    def __init__(self, kind: Kind, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.kind = kind
        self.robots: dict[str, Robot] = {TOKEN: Robot()}
        self.requests: list[Request] = []
        self.heads = 0
        self.posted: list[dict[str, Any]] = []

    @property
    def origin(self) -> str:
        host = "localhost" if self.tls else "127.0.0.1"
        return f"{'https' if self.tls else 'http'}://{host}:{self.relay.port}"

    def protocol(self) -> asyncio.Protocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._converse)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        index = self.begin(writer.transport)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                await self._exchange(index, reader, writer)
        writer.close()  # asyncio leaves it half open when the client goes

    async def _exchange(self, index: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heard[index] += head
        self.heads += 1
        said = await self._perform("head", writer)
        line, *lines = head.decode("latin-1").splitlines()
        headers = {name.lower(): value.strip() for name, _colon, value in (each.partition(":") for each in lines)}
        body = b""
        if said is None:
            body = await reader.readexactly(int(headers["content-length"]))
            self.heard[index] += body
            self.requests.append(Request(line.split(" ")[1], headers, body))
            said = await self._perform("answer", writer) or self.judge(self.requests[-1])
        writer.write(_octets(said))
        await writer.drain()
        if said.raw is not None:
            await leave(writer.transport, Do.DROP)

    async def _perform(self, step: str, writer: asyncio.StreamWriter) -> Said | None:
        act: Any = self.act(step)
        if isinstance(act, Do):
            await leave(writer.transport, act)
        if isinstance(act, float):
            await asyncio.sleep(act)
            return None
        return act if isinstance(act, Said) else None

    def judge(self, request: Request) -> Said:
        """The vendor's own answer."""
        for refusal in _CONTRACTS[self.kind](self, request):
            return refusal
        self.posted.append(json.loads(request.body))
        return says(code=0, msg="success", data={}) if self.kind in _FEISHU else says(errcode=0, errmsg="ok")


_FEISHU = {Kind.FEISHU, Kind.LARK}


def _octets(said: Said) -> bytes:
    if said.raw is not None:
        return said.raw
    headers = {"Content-Type": "application/json", "Content-Length": str(len(said.body)), **said.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {said.status} x\r\n{lines}\r\n".encode() + said.body


def signature(key: str, text: str) -> str:
    return b64encode(hmac(key.encode(), text.encode(), sha256).digest()).decode()


def _wecom(server: Chatd, request: Request) -> Iterator[Said]:
    hint = "hint: [1650000000], from ip: 192.0.2.1, more info at https://open.work.weixin.qq.com/devtool/query?e="
    robot = server.robots.get(request.query.get("key", ""))
    if request.path != "/cgi-bin/webhook/send" or robot is None:
        yield says(errcode=93000, errmsg=f"invalid webhook url, {hint}93000")
        return
    if robot.stopped:
        yield says(errcode=93004, errmsg=f"robot is disabled, {hint}93004")
    if _spent(robot):
        yield says(errcode=45009, errmsg=f"api freq out of limit, {hint}45009")
    message = json.loads(request.body)
    if message["msgtype"] != "markdown":
        yield says(errcode=40008, errmsg=f"invalid message type, {hint}40008")
    if len(message["markdown"]["content"].encode()) > 4096:
        yield says(errcode=40058, errmsg="markdown.content exceed max length 4096. invalid Request Parameter")
    if not message["markdown"]["content"]:
        yield says(errcode=44004, errmsg=f"empty content, {hint}44004")


def _dingtalk(server: Chatd, request: Request) -> Iterator[Said]:
    robot = server.robots.get(request.query.get("access_token", ""))
    if request.path != "/robot/send" or robot is None:
        yield says(errcode=400101, errmsg="access_token不存在")
        return
    if robot.stopped:
        yield says(errcode=400102, errmsg="机器人已停用")
    if robot.outside:
        yield says(errcode=310000, errmsg="ip 192.0.2.1 not in whitelist")
    if robot.signing is not None:
        stamp = request.query.get("timestamp", "0")
        if abs(time.time() * 1000 - int(stamp)) > HOUR * 1000:
            yield says(errcode=310000, errmsg="invalid timestamp")
        if request.query.get("sign") != signature(robot.signing, f"{stamp}\n{robot.signing}"):
            yield says(errcode=310000, errmsg="description:机器人发送签名不匹配;solution:请确认签名;")
    if _spent(robot):
        yield says(errcode=410100, errmsg="发送速度太快而限流")
    if len(request.body) > 20_000:
        yield says(errcode=460101, errmsg="message too long, exceed 20000 bytes")
    if not _has_keyword(robot, request):
        yield says(errcode=310000, errmsg="keywords not in content")


def _feishu(server: Chatd, request: Request) -> Iterator[Said]:
    before, _slash, token = request.target.rpartition("/")
    robot = server.robots.get(token)
    if before != "/open-apis/bot/v2/hook" or robot is None:
        yield says(code=19001, data={}, msg="param invalid: incoming webhook access token invalid")
        return
    if robot.stopped:
        yield says(StatusCode=0, StatusMessage="", code=19007, msg="Bot Not Enabled")
    if robot.outside:
        yield says(code=19022, msg="Ip Not Allowed")
    message = json.loads(request.body)
    if robot.signing is not None:
        stamp = str(message.get("timestamp"))
        fresh = stamp.isdigit() and abs(time.time() - int(stamp)) <= HOUR
        if not fresh or message.get("sign") != signature(f"{stamp}\n{robot.signing}", ""):
            yield says(code=19021, msg="sign match fail or timestamp is not within one hour from current time")
    if _spent(robot):
        yield says(code=11232, msg="frequency limited")
    if len(request.body) > 20_000 or message.get("msg_type") != "interactive":
        yield says(code=9499, msg="Bad Request", data={})
    if not _has_keyword(robot, request):
        yield says(code=19024, msg="Key Words Not Found")


def _spent(robot: Robot) -> bool:
    if robot.left is None:
        return False
    robot.left -= 1
    return robot.left < 0


def _has_keyword(robot: Robot, request: Request) -> bool:
    return not robot.keywords or any(word in request.body.decode() for word in robot.keywords)


_CONTRACTS: dict[Kind, Callable[[Chatd, Request], Iterator[Said]]] = {
    Kind.WECOM: _wecom,
    Kind.DINGTALK: _dingtalk,
    Kind.FEISHU: _feishu,
    Kind.LARK: _feishu,
    # Apprise's json:// posts its own object to any address, and goes by the status.
    Kind.APPRISE: lambda _server, _request: iter(()),
}


def at(listener: Any) -> str:
    """Where *listener*, a socket, is found."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


# The engine's side


def parcels(kind: Kind, *names: str, message: object = None) -> list[Parcel]:
    """One parcel to each of the endpoints *names*."""
    body = message if isinstance(message, bytes) else json.dumps(message or MESSAGES[kind], ensure_ascii=False).encode()
    return [Parcel(number, 1, "", f"{kind}:{name}", body) for number, name in enumerate(names, 1)]


def channel(server: Chatd, secrets: Secrets | None = None, **options: Any) -> RobotChannel:
    """A channel to *server*; without *secrets*, for its endpoint ``office``."""
    given = {"timeout": 5.0, "patience": 5.0, "ca_file": None, "origin": server.origin, **options}
    return RobotChannel(server.kind, secrets or known(server.kind, office=Secret(TOKEN)), **given)


def known(kind: Kind, **secrets: Secret) -> Secrets:
    return Secrets({Endpoint(kind, name): secret for name, secret in secrets.items()})


async def post(
    server: Chatd, *names: str, secret: Secret = SECRET, message: object = None,
    ca_file: Path | None = None, **options: Any,
) -> HandDouble:  # fmt: skip
    """One session that posts to *names* (default ``office``), all with one secret; *options* are those of HandDouble.

    Whatever happens, every parcel that was taken has been accounted for when this returns or raises.
    """
    names = names or ("office",)
    hand = HandDouble.of(parcels(server.kind, *names, message=message), **options)
    secrets = known(server.kind, **dict.fromkeys(names, secret))
    try:
        await channel(server, secrets, ca_file=ca_file).session(hand)
    finally:
        assert hand.held == {}, "neither settled nor given back"
    return hand
