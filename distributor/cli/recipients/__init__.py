"""`distributor recipients`: the list, looked at, changed and compared; one file a kind of work."""

from distributor.cli.root import LazyGroup
from distributor.i18n import _

_COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("recipients.check", _("say everything on the list that looks wrong, and what to do about it")),
}

recipients = LazyGroup(
    name="recipients",
    lazy=_COMMANDS,
    help=_("Look at the list of recipients, change it, and see what has changed."),
)
