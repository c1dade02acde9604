"""`distributor recipients`: the list, looked at, changed and compared; one file a kind of work."""

from distributor.cli.root import LazyGroup
from distributor.i18n import _

_COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("recipients.show", _("the groups, audiences, units or contacts of the list")),
    "show": ("recipients.show", _("all about an audience, a unit, a group or an address")),
    "add": ("recipients.add", _("add a group, an audience, a unit or a contact")),
    "set": ("recipients.set", _("change what the list says of one of them")),
    "disable": ("recipients.disable", _("send nothing to contacts, and say why")),
    "enable": ("recipients.disable", _("send to disabled contacts again")),
    "move": ("recipients.move", _("move a contact to another unit, or a unit to another audience")),
    "rename": ("recipients.move", _("give an audience, a unit or a contact another name")),
    "remove": ("recipients.move", _("take something out of the list")),
    "import": ("recipients.importing", _("take contacts from a spreadsheet or a text into the list")),
    "export": ("recipients.exporting", _("write the list as a spreadsheet")),
    "diff": ("recipients.diff", _("who is new, gone or changed since an issue")),
    "check": ("recipients.check", _("say everything on the list that looks wrong, and what to do about it")),
    "history": ("recipients.history", _("every change of the list: when, by whom, from what to what")),
    "who": ("recipients.who", _("all that is known of one address")),
}

recipients = LazyGroup(
    name="recipients",
    lazy=_COMMANDS,
    help=_("Look at the list of recipients, change it, and see what has changed."),
)
