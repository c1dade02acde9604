"""`distributor recipients`: the list, looked at, changed and compared; one file a kind of work."""

from distributor.cli.root import LazyGroup
from distributor.i18n import _

_COMMANDS: dict[str, tuple[str, str]] = {
    "diff": ("recipients.diff", _("who is new, gone or changed since an issue")),
    "history": ("recipients.history", _("every change of the list: when, by whom, from what to what")),
    "who": ("recipients.who", _("all that is known of one address")),
}

recipients = LazyGroup(
    name="recipients",
    lazy=_COMMANDS,
    help=_("Look at the list of recipients, change it, and see what has changed."),
)
