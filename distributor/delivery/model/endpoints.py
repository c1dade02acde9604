"""How fast each chat endpoint may be posted to, and in what form. Pure."""

import json
from collections.abc import Mapping
from types import MappingProxyType

from distributor.delivery.model.flow import Limits
from distributor.endpoints import Kind

# What each robot takes, by its vendor's page for group robots (chat_replies.tsv names the pages). Feishu also says five
# a second, which an even spread keeps by itself.
LIMITS: Mapping[Kind, Limits] = MappingProxyType(
    {
        Kind.WECOM: Limits(per_minute=20),
        Kind.DINGTALK: Limits(per_minute=20),
        Kind.FEISHU: Limits(per_minute=100),
        Kind.LARK: Limits(per_minute=100),
        Kind.APPRISE: Limits(),
    }
)


def as_json(message: object) -> bytes:
    """*message* as services are posted it: as short as it gets in UTF-8."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
