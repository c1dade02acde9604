"""Changes of the list in the words of the people who look after it."""

from collections.abc import Iterator

from distributor.i18n import _, ngettext
from distributor.recipients.changes import Change

_LONGEST = 80
_NOTHING = "–"


def words(change: Change) -> str:
    """What happened, on one line: ``市商务局 收文员 <office@commerce.example.org>: disabled (机构调整)``."""
    if change.kind == "list":
        return _of_list(change)
    text = _("; ").join(_what(change)) or _untold(change.action)
    return _("{name}: {text}").format(name=_subject(change), text=text)


def _untold(action: str) -> str:
    """What happened where from what to what is not kept any more."""
    actions = {
        "disabled": _("disabled"),
        "enabled": _("enabled again"),
        "address": _("it got another address"),
        "moved": _("moved to another unit"),
        "renamed": _("renamed"),
    }
    return actions.get(action, _("changed"))


def _of_list(change: Change) -> str:
    (was, now), *_others = change.fields.values()
    if change.action == "first":
        count = int(now or 0)
        text = ngettext("first seen, with {n} contact", "first seen, with {n} contacts", count)
        return text.format(n=count)
    return _("too much to tell one by one: {gone} entries are gone, {new} are new").format(gone=was, new=now)


def _subject(change: Change) -> str:
    if change.kind in {"contact", "reader"}:
        who = f"{change.unit} {change.name}".strip()
        return who if "email" in change.fields or not change.email else f"{who} <{change.email}>"
    if change.kind == "group":
        return _("group {name}").format(name=change.name)
    return change.unit if change.kind == "unit" else change.name


def _what(change: Change) -> Iterator[str]:
    """The parts of what is said; of what is new or gone altogether no more than that, and whether it is disabled."""
    fields = dict(change.fields)
    if change.action == "removed":
        yield _came_or_went(change)
        return
    if change.action == "added":
        yield _came_or_went(change)
        fields = {"disabled": fields["disabled"]} if "disabled" in fields else {}
    if "disabled" in fields:
        yield _disabled(*fields.pop("disabled"))
    if change.action == "renamed" and change.kind != "contact":
        ((was, _now),) = fields.values()
        yield _("renamed, it was {name}").format(name=was)
        return
    names = _field_words()
    for field, (was, now) in fields.items():
        name, nothing = names.get(field, (field, _NOTHING))
        yield f"{name} {_short(was) or nothing} → {_short(now) or nothing}".lstrip()


def _came_or_went(change: Change) -> str:
    added = change.action == "added"
    if change.kind == "member":
        text = _("{unit} joined it") if added else _("{unit} left it")
        return text.format(unit=change.unit)
    if change.kind == "include":
        was, now = change.fields["file"]
        text = _("it includes {file}") if added else _("it no longer includes {file}")
        return text.format(file=now or was)
    if change.kind == "reader":
        return _("new") if added else _("gone")
    return _("added") if added else _("removed")


def _disabled(was: str | None, reason: str | None) -> str:
    if reason is None:
        return _("enabled again (it was disabled: {reason})").format(reason=was)
    if was is None:
        return _("disabled ({reason})").format(reason=reason)
    return _("disabled ({was} → {reason})").format(was=was, reason=reason)


def _field_words() -> dict[str, tuple[str, str]]:
    """What the fields are called, and their lack."""
    return {
        "email": ("", _NOTHING),
        "name": (_("name"), _NOTHING),
        "unit": (_("unit"), _NOTHING),
        "role": (_("role"), _NOTHING),
        "phone": (_("phone"), _NOTHING),
        "note": (_("note"), _NOTHING),
        "salutation": (_("salutation"), _NOTHING),
        "file": (_("file"), "recipients.yaml"),
        "group": (_("letter of"), _NOTHING),
        "only": (_("only for"), _("any group")),
        # Keys of a group have no other names.
    }


def _short(text: str | None) -> str:
    """On one line, without control characters (they steer terminals): a note may hold anything."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text or "").split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
