"""How each vendor's robot is addressed, signed and understood, by its documents (chat_replies.tsv names them). Pure."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from hmac import digest
from typing import Any, NamedTuple
from urllib.parse import urlencode

from distributor.delivery.model.chat_secrets import WEBHOOKS, Secret
from distributor.delivery.model.endpoints import as_json
from distributor.endpoints import Kind

# Characters of an answer's words that are kept.
WORDS_MOST = 500
# What a gateway says that heard nothing clear from behind it, or broke: the robot may have posted all the same.
_UNCLEAR = frozenset({500, 502, 504})


class Request(NamedTuple):
    """A POST of JSON; the URL holds the secret."""

    url: str
    body: bytes


class Said(NamedTuple):
    """What an answer comes to: *code* is the HTTP status, *own* the service's own code or None. *code* None: unclear,
    whether it posted cannot be told from it."""

    code: int | None
    own: str | None
    text: str


def request(kind: Kind, origin: str, secret: Secret, message: bytes, now: float) -> Request:
    """*message*, a JSON object, for the robot of *secret* at *origin* (``https://host``), signed for *now* (s of 1970).

    Raises:
        ValueError: *message* is no JSON object (which Feishu's has to be taken apart to be signed).
    """
    url = f"{origin}{WEBHOOKS[kind].before}{secret.token}"
    if secret.signing is None:
        return Request(url, message)
    if kind is Kind.DINGTALK:
        stamp = str(int(now * 1000))
        signature = _signature(secret.signing, f"{stamp}\n{secret.signing}")
        return Request(f"{url}&{urlencode({'timestamp': stamp, 'sign': signature})}", message)
    stamp = str(int(now))
    # Feishu signs nothing with a key that is made of time and secret.
    signed = {"timestamp": stamp, "sign": _signature(f"{stamp}\n{secret.signing}", "")}
    return Request(url, as_json(signed | _object(message)))


def _signature(key: str, text: str) -> str:
    return b64encode(digest(key.encode(), text.encode(), sha256)).decode()


def _object(message: bytes) -> dict[str, Any]:
    found = json.loads(message)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def read_answer(kind: Kind, status: int, body: bytes) -> Said:
    """What the robot's answer comes to."""
    try:
        answer = _object(body)
    except ValueError:  # UnicodeDecodeError and JSONDecodeError are
        answer = {}
    own, text = _told(kind, answer)
    if own is None:
        clear = status // 100 == 4 or (status // 100 == 5 and status not in _UNCLEAR)
        return Said(status if clear else None, None, f"HTTP {status} {_words(body)}".rstrip())
    if (own == "0") is not (status // 100 == 2) and own == "0":  # refused with a word of success
        return Said(None, None, f"HTTP {status} {text}")
    return Said(status, own, text)


def _told(kind: Kind, answer: dict[str, Any]) -> tuple[str | None, str]:
    """The service's code and words; Feishu's first form had other names for them, and has them still."""
    pairs = (("code", "msg"), ("StatusCode", "StatusMessage")) if kind in _FEISHU else (("errcode", "errmsg"),)
    for code, words in pairs:
        value = answer.get(code)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value), _tidy(str(answer.get(words) or ""))
    return None, ""


_FEISHU = frozenset({Kind.FEISHU, Kind.LARK})
_TAGS = re.compile(r"<(?:style|script).*?</(?:style|script)>|<[^<>]*>", re.DOTALL | re.IGNORECASE)


def _words(body: bytes) -> str:
    """What people can read of an answer that is not the service's own: often a gateway's page."""
    return _tidy(_TAGS.sub(" ", body[:4096].decode("utf-8", "replace")))


def _tidy(text: str) -> str:
    """*text* on one line, without what a terminal would obey."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:WORDS_MOST]
