"""One delivery's whole story, and the exact message that was or would be handed over."""

from dataclasses import dataclass
from email import message_from_bytes, policy

from distributor.delivery.engine.letters import message_of
from distributor.delivery.ledger import queries, stories
from distributor.delivery.ledger.stories import Addressed
from distributor.delivery.model.records import DeliveryRecord, IssueRecord, OmittedRecord
from distributor.distribution import issues
from distributor.distribution.lists import key_of
from distributor.distribution.site import Site
from distributor.endpoints import MAIL, channel_of
from distributor.errors import Finding, LedgerError, NotFoundError, Severity
from distributor.i18n import _
from distributor.recipients.addresses import written_forms
from distributor.recipients.faults import nearest
from distributor.recipients.slips import one_slip
from distributor.render.message import CompiledLetter
from distributor.report.story import Step, steps

_CHOICE = 2000  # addresses to look for the nearest among


@dataclass(frozen=True, slots=True)
class Story:
    """What became of *address* in *issue*: a delivery (*record*, *subject*, *steps*), or contacts that were *left_out*.

    It may be both: a mailbox that a disabled contact shares with others. *addressed* is what its message is made of.
    """

    issue: IssueRecord
    address: str
    record: DeliveryRecord | None
    addressed: Addressed | None
    steps: tuple[Step, ...]
    left_out: tuple[OmittedRecord, ...]


def story_of(site: Site, issue: IssueRecord, address: str) -> Story:
    """What became of *address*, in whichever form it is written, in *issue*.

    Raises:
        NotFoundError: the issue has nothing for it (the nearest addresses are named), or was pruned.
        InputError: it is no address.
    """
    key = key_of(address)
    current = issues.current(site, issue)
    if current.pruned_at is not None:
        raise NotFoundError([issues.pruned(site, current)])
    with site.ledger.read() as connection:
        omitted = tuple(stories.left_out(connection, issue.id, written_forms(address)))
        found = stories.addressed(connection, issue.id, key)
        if found is None and not omitted:
            likely = {f"{local}@{domain}" for local, domain in _slips(key)}
            near = stories.addresses_near(connection, issue.id, key, likely, _CHOICE)
            raise NotFoundError([_unknown(current, address, near)])
        if found is None:
            return Story(current, address, None, None, (), omitted)
        (record,) = queries.these_deliveries(connection, [found.id])
        events = stories.events_of(connection, issue.id, found.id)
    waited_behind = {found.lane, found.domain, site.rules.destination_of(found.domain)} - {""}
    return Story(current, address, record, found, tuple(steps(record, events, waited_behind)), omitted)


def message(site: Site, addressed: Addressed) -> bytes:
    """The message, as it was handed over at the last attempt or will be at the next: RFC 5322, with CRLF.

    To a chat endpoint: the post, without what its service asks for by way of signature.

    Raises:
        LedgerError: what it is made of is damaged.
    """
    compiled = queries.compiled_letters(site.ledger, [addressed.letter_id])
    try:
        if channel_of(addressed.address) != MAIL:
            return compiled[addressed.letter_id]
        return message_of(CompiledLetter.from_bytes(compiled[addressed.letter_id]), addressed)
    except (ValueError, TypeError, KeyError) as error:
        text = _("the letter to {address} cannot be put together: {error}").format(
            address=addressed.address, error=error
        )
        raise LedgerError([Finding(Severity.ERROR, "damaged-letter", text)]) from None


def html(content: bytes) -> str:
    """The HTML of a message of ours."""
    part = message_from_bytes(content, policy=policy.default).get_body(("html",))
    return str(part.get_content()) if part is not None else ""


def _slips(key: str) -> list[tuple[str, str]]:
    """What may have been meant: one slip in the local part. (Others with the same local part are looked up.)"""
    local, _at, domain = key.rpartition("@")
    return [(slip, domain) for slip in one_slip(local)]


def _unknown(issue: IssueRecord, address: str, near: list[str]) -> Finding:
    message = _("issue {ref} has no letter to {address}").format(ref=issue.ref, address=address)
    names = nearest(address, near, 0.8)
    remedy = _("did you mean {names}?").format(names=", ".join(names)) if names else None
    return Finding(Severity.ERROR, "unknown-address", message, remedy=remedy)
