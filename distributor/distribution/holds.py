"""What servers' refusals hold back until a person has mended the reason."""

from collections.abc import Sequence

from distributor.delivery.ledger import holds as ledger
from distributor.delivery.ledger.holds import Held
from distributor.delivery.model.records import DeliveryRecord
from distributor.delivery.model.states import State
from distributor.distribution.site import Site
from distributor.errors import Finding, RefusedError, Severity
from distributor.i18n import _
from distributor.recipients.addresses import address_key
from distributor.report import reasons
from distributor.report.reasons import Explanation


def held(site: Site) -> list[Held]:
    """All that is held back, by issue, domain and reason."""
    return ledger.held(site.ledger)


def release(site: Site, domains: Sequence[str] | None) -> list[Held]:
    """Make due now what is held back for *domains*, None: all of it; returns what that was.

    Raises:
        RefusedError: nothing is held back for some of *domains*; nothing was let go.
    """
    found = held(site)
    if domains is None:
        ledger.release(site.ledger, None, actor=site.actor)
        return found
    wanted = {address_key(f"a@{domain}").rpartition("@")[2]: domain for domain in domains}
    known = {item.domain for item in found}
    if unknown := [given for domain, given in wanted.items() if domain not in known]:
        remedy = _("`distributor release` lists what is held back; an issue goes on by `distributor resume ISSUE`")
        message = _("nothing is held back for {domain}")
        raise RefusedError(
            [Finding(Severity.ERROR, "not-held", message.format(domain=domain), remedy=remedy) for domain in unknown]
        )
    for domain in wanted:
        ledger.release(site.ledger, domain, actor=site.actor)
    return [item for item in found if item.domain in wanted]


def explain(item: Held) -> Explanation:
    """Why *item* is held back, and what to do."""
    return reasons.explain(
        DeliveryRecord(
            id=0, group="", supplement=0, channel="mail", address=f"@{item.domain}", state=State.DEFERRED, attempts=0,
            serves=(), code=item.code, enhanced=item.enhanced, reply=item.reply, reason=item.reason, relay=item.relay,
        ),
        item.issue.ref,
    )  # fmt: skip


def raw(item: Held) -> str:
    """The server's own words."""
    return " ".join(filter(None, (str(item.code or ""), item.enhanced, item.reply)))
