"""What the states of a delivery are called."""

from distributor.delivery.model.states import State
from distributor.i18n import _


def state_word(state: State) -> str:
    """The state as it is said in numbers: ``3 failed``."""
    words = {
        State.QUEUED: _("queued"),
        State.CLAIMED: _("in hand"),
        State.HANDING_OVER: _("being handed over"),
        State.SENT: _("sent"),
        State.DEFERRED: _("put off"),
        State.FAILED: _("failed"),
        State.UNCERTAIN: _("uncertain"),
        State.DELIVERED: _("delivered"),
        State.BOUNCED: _("bounced"),
        State.CANCELLED: _("cancelled"),
        State.SUPPRESSED: _("suppressed"),
    }
    return words[state]
