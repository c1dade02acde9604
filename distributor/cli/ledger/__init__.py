"""`distributor ledger`: the ledger, where every issue and every delivery is recorded; one file a kind of work."""

from distributor.cli.root import LazyGroup
from distributor.i18n import _

_COMMANDS: dict[str, tuple[str, str]] = {
    "upgrade": ("ledger.upgrade", _("bring its tables up to this version")),
    "prune": ("ledger.prune", _("take addresses, names and letters out of old issues")),
    "export": ("ledger.export", _("write an issue's whole account into an archive")),
    "verify": ("ledger.verify", _("check such an archive")),
}

ledger = LazyGroup(
    name="ledger",
    lazy=_COMMANDS,
    help=_("Look after the ledger, where every issue and every delivery is recorded."),
)
