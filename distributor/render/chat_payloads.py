"""The JSON that each chat service is posted, and how much of it the service takes. Sources are the vendors' pages:

WeCom (developer.work.weixin.qq.com/document/path/91770): markdown.content has at most 4096 bytes of UTF-8.
DingTalk (open.dingtalk.com/document/orgapp/custom-bot-send-message-type): markdown with title and text; a whole body
above 20000 bytes is refused (errcode 460101). A line break wants two spaces before and after it.
Feishu and Lark (open.feishu.cn/document/client-docs/bot-v3/add-custom-bot): a whole body of at most 20 KB; a card with
a title and a Markdown element, in the first form of cards, which apps of all ages show.
Apprise: its services take what they take. Telegram has 4096 characters, ntfy 4096 bytes.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from distributor.delivery.model.endpoints import as_json
from distributor.endpoints import Kind

# What signing adds to Feishu's body: timestamp and sign, with room to spare.
SIGNATURE = 200


@dataclass(frozen=True, slots=True)
class Shape:
    """How a message to *kind* is put together. *titled*: its title is shown above the text, in print of its own.

    *line_break* is what parts two lines, *most* the bytes of what *measured* takes out of it, *wrapped* the JSON made
    of title and text.
    """

    kind: Kind
    titled: bool
    line_break: str
    most: int
    measured: Callable[[dict[str, Any]], bytes]
    wrapped: Callable[[str, str], dict[str, Any]]

    def made(self, title: str, text: str) -> bytes | None:
        """The JSON; None if it is longer than the service takes."""
        wrapped = self.wrapped(title, text.replace("\n", self.line_break))
        return as_json(wrapped) if len(self.measured(wrapped)) <= self.most else None


def shape_of(kind: Kind) -> Shape:
    """The shape of messages to *kind*."""
    return _SHAPES[kind]


def text_of(kind: Kind, payload: bytes) -> str:
    """The text in a *payload* for *kind*, as people would read its source."""
    message = json.loads(payload)
    match kind:
        case Kind.WECOM:
            return str(message["markdown"]["content"])
        case Kind.DINGTALK:
            return str(message["markdown"]["text"])
        case Kind.APPRISE:
            return f"{message['title']}\n\n{message['body']}"
    card = message["card"]
    return f"{card['header']['title']['content']}\n\n{card['elements'][0]['content']}"


def _wecom(_title: str, text: str) -> dict[str, Any]:
    return {"msgtype": "markdown", "markdown": {"content": text}}


def _wecom_content(wrapped: dict[str, Any]) -> bytes:
    content: str = wrapped["markdown"]["content"]
    return content.encode()


def _dingtalk(title: str, text: str) -> dict[str, Any]:
    return {"msgtype": "markdown", "markdown": {"title": title, "text": text}}


def _feishu(title: str, text: str) -> dict[str, Any]:
    header = {"title": {"tag": "plain_text", "content": title}, "template": "red"}
    elements = [{"tag": "markdown", "content": text}]
    card = {"config": {"wide_screen_mode": True}, "header": header, "elements": elements}
    return {"msg_type": "interactive", "card": card}


def _apprise(title: str, text: str) -> dict[str, Any]:
    return {"title": title, "body": text}


_SHAPES: Mapping[Kind, Shape] = MappingProxyType(
    {
        Kind.WECOM: Shape(Kind.WECOM, False, "\n", 4096, _wecom_content, _wecom),
        Kind.DINGTALK: Shape(Kind.DINGTALK, False, "  \n  ", 20_000, as_json, _dingtalk),
        Kind.FEISHU: Shape(Kind.FEISHU, True, "\n", 20_000 - SIGNATURE, as_json, _feishu),
        Kind.LARK: Shape(Kind.LARK, True, "\n", 20_000 - SIGNATURE, as_json, _feishu),
        Kind.APPRISE: Shape(Kind.APPRISE, True, "  \n", 4000, as_json, _apprise),
    }
)
