"""The entries of one mapping of the list, asked for by key; whatever is not as it should be becomes a fault."""

from collections.abc import Iterator
from typing import TypeGuard

from distributor.endpoints import Kind
from distributor.i18n import _
from distributor.recipients.addresses import not_an_address, why_not_endpoint, why_not_mailbox
from distributor.recipients.faults import MAX_TEXT, Faults, is_reason, why_not_text
from distributor.recipients.yaml_tree import Broken, Items, Node, Table, Text, quotes

ADDRESSES = ("email", *Kind)
"""The keys of a contact under which an address may stand."""


class Fields:
    """The entries of *node*, which should be a mapping with no other keys than *known*.

    Every question gives a usable answer (an empty one after a fault), so that one pass finds all faults.
    """

    def __init__(self, node: Node, known: frozenset[str], faults: Faults) -> None:
        self.line = node.line
        self.faults = faults
        self._entries = entries_of(node, faults)
        self._broken = not isinstance(node, Table)
        for name, (key, _value) in self._entries.items():
            if name not in known:
                self._unknown(key, known)

    def _unknown(self, key: Text, known: frozenset[str]) -> None:
        message = _("there is no key {key} here").format(key=key.value)
        remedy = self.faults.did_you_mean(key.value, known)
        allowed = _("possible are: {keys}").format(keys=", ".join(sorted(known)))
        self.faults.add("unknown-key", key.line, message, remedy or allowed)

    def node(self, key: str) -> Node | None:
        """What stands under *key*, if anything."""
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def required(self, key: str) -> Node | None:
        """What stands under *key*; its absence is a fault."""
        node = self.node(key)
        if node is None and not self._broken:
            self.faults.add("missing-key", self.line, _("the key {key} is missing here").format(key=key))
        return node

    def text(self, key: str) -> str:
        """The line of text under *key*, which must be there."""
        node = self.required(key)
        return "" if node is None else text_of(node, self.faults)

    def optional_text(self, key: str) -> str | None:
        """The line of text under *key*, None without the key."""
        node = self.node(key)
        return None if node is None else text_of(node, self.faults)

    def prose(self, key: str) -> str:
        """The text under *key*, which may be empty or have several lines; "" without the key."""
        node = self.node(key)
        if node is None or not _is_text(node, self.faults):
            return ""
        if len(node.value) > MAX_TEXT:
            message = _("the text is longer than {most} characters").format(most=MAX_TEXT)
            self.faults.add("bad-text", node.line, message)
        return node.value

    def address(self, key: str, *, required: bool = True) -> str | None:
        """The e-mail address under *key*."""
        node = self.required(key) if required else self.node(key)
        if node is None or not (email := text_of(node, self.faults)):
            return None
        if why := why_not_mailbox(email):
            bad_address(email, why, node.line, self.faults)
        return email

    def destination(self) -> str | None:
        """The address of a contact: what stands under ``email``, or an endpoint under its kind; it must be one."""
        keys = [key for key in ADDRESSES if self.node(key) is not None]
        if len(keys) > 1:
            message = _("a contact has one address, and here are {keys}").format(keys=", ".join(keys))
            self.faults.add("two-addresses", self.line, message, _("write one contact for each"))
        key = keys[0] if keys else "email"
        return self.address(key) if key == "email" else self._endpoint(key)

    def _endpoint(self, key: str) -> str | None:
        node = self.required(key)
        if node is None or not (name := text_of(node, self.faults)):
            return None
        if why := why_not_endpoint(address := f"{key}:{name}"):
            remedy = _("write the name that its secret has in .env: office-1 for DISTRIBUTOR_{kind}_OFFICE_1")
            self.faults.add("bad-endpoint", node.line, not_an_address(address, why), remedy.format(kind=key.upper()))
        return address

    def reason(self, key: str) -> str | None:
        """The reason under *key* why something is disabled, None without the key."""
        node = self.node(key)
        if isinstance(node, Text) and not is_reason(node.value):
            not_a_reason(node.value, node.line, self.faults)
            return None
        return None if node is None else text_of(node, self.faults)


def entries_of(node: Node, faults: Faults) -> dict[str, tuple[Text, Node]]:
    """The entries of a mapping."""
    if isinstance(node, Table):
        return node.entries
    _other_than(_("entries of the form key: value"), node, faults)
    return {}


def items_of(node: Node, faults: Faults) -> list[Node]:
    """The items of a list."""
    if isinstance(node, Items):
        return node.nodes
    _other_than(_("a list, such as [one, two]"), node, faults)
    return []


def texts_of(node: Node, faults: Faults) -> Iterator[Text]:
    """The usable items of a list of texts."""
    for item in items_of(node, faults):
        if text_of(item, faults) and isinstance(item, Text):
            yield item


def text_of(node: Node, faults: Faults) -> str:
    """A line of text; "" after a fault."""
    if not _is_text(node, faults):
        return ""
    if why := why_not_text(node.value):
        faults.add("bad-text", node.line, why)
        return ""
    return node.value


def _is_text(node: Node, faults: Faults) -> TypeGuard[Text]:
    if not isinstance(node, Text):
        _other_than(_("a text"), node, faults)
        return False
    if (kind := node.kind) is None:
        return True
    if node.value == "":
        faults.add("not-text", node.line, _("nothing stands after the colon"), _("write a text, or delete the key"))
        return False
    message = _("YAML reads {value} as {kind}, not as text").format(value=node.value, kind=_kind(kind))
    faults.add("not-text", node.line, message, quotes(node))
    return False


def _kind(tag: str) -> str:
    words = {"bool": _("yes or no"), "timestamp": _("a date"), "null": _("nothing")}
    return words.get(tag) or (_("a number") if tag in {"int", "float"} else _("a special sign"))


def _other_than(expected: str, node: Node, faults: Faults) -> None:
    if isinstance(node, Broken):
        return
    found = {Text: _("a text"), Items: _("a list"), Table: _("entries of the form key: value")}[type(node)]
    if isinstance(node, Text) and node.kind == "null":
        found = _("nothing")
    message = _("here should stand {expected}, but there is {found}").format(expected=expected, found=found)
    faults.add("wrong-shape", node.line, message)


def bad_address(email: str, why: str, line: int, faults: Faults) -> None:
    """Note an address that mail cannot be sent to."""
    faults.add("bad-address", line, not_an_address(email, why), _("write one address, such as office@example.org"))


def not_a_reason(value: str, line: int, faults: Faults) -> None:
    """Note a yes or no where a reason belongs."""
    message = _("disabled says {value}, but must give the reason").format(value=value)
    faults.add("no-reason", line, message, _("write why, or leave it out for a contact that is to get letters"))
