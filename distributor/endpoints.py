"""Chat endpoints: what they are called, as the list and the ledger have them, and where their secrets stand. Pure."""

import re
from enum import StrEnum
from typing import NamedTuple

from distributor.i18n import _

VARIABLES = "DISTRIBUTOR_"
# As recipients.yaml has it. With hyphens only, a name and its variable can be told from each other without doubt.
_NAME = re.compile(r"(?=.{1,64}\Z)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)


class Kind(StrEnum):
    """A service, as recipients.yaml and the ledger call it. Feishu and Lark are one service on two hosts."""

    WECOM = "wecom"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    LARK = "lark"
    APPRISE = "apprise"


class Endpoint(NamedTuple):
    """One robot, or one address of Apprise, called *name*. As an address: ``wecom:office``."""

    kind: Kind
    name: str

    @classmethod
    def parse(cls, address: str) -> "Endpoint":
        """The endpoint that *address* names, its letters made small.

        Raises:
            ValueError: a kind that does not exist, or a name that is more than a-z, 0-9 and single hyphens.
        """
        kind, _colon, name = address.strip().lower().partition(":")
        if kind not in frozenset(Kind) or not _NAME.fullmatch(name):
            text = _("{address!r} is no chat endpoint: write wecom:NAME, with a-z, 0-9 and hyphens in the name")
            raise ValueError(text.format(address=address))
        return cls(Kind(kind), name)

    @classmethod
    def of_variable(cls, variable: str) -> "Endpoint | None":
        """The endpoint whose secret stands in *variable*; None where it is none's.

        Raises:
            ValueError: it begins as one and goes on as none can.
        """
        kind, _underscore, name = variable.removeprefix(VARIABLES).partition("_")
        if not variable.startswith(VARIABLES) or kind not in _KINDS:
            return None
        if variable != variable.upper() or "-" in name:
            raise ValueError(variable)
        return cls.parse(f"{kind}:{name.replace('_', '-')}")

    @property
    def variable(self) -> str:
        """Where its secret stands: ``DISTRIBUTOR_WECOM_OFFICE``."""
        return f"{VARIABLES}{self.kind}_{self.name.replace('-', '_')}".upper()

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


_KINDS = frozenset(kind.upper() for kind in Kind)

MAIL = "mail"
CHANNELS: tuple[str, ...] = (MAIL, *Kind)


def channel_of(address: str) -> str:
    """The channel that *address* (or a lane) goes by, as the ledger calls it: a Kind for an endpoint, else MAIL."""
    kind, colon, name = address.partition(":")
    return kind if colon and kind in CHANNELS and _NAME.fullmatch(name) else MAIL
