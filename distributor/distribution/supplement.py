"""Those whom an issue has missed, and the same letter for them (补发)."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from distributor.bulletin import reader
from distributor.bulletin.model import Bulletin
from distributor.delivery.ledger import opening as ledger
from distributor.delivery.ledger import queries
from distributor.delivery.ledger.opening import NewLetter
from distributor.delivery.ledger.queries import FrozenLetter
from distributor.delivery.ledger.staging import Recipient, Staging
from distributor.delivery.model.records import IssueRecord
from distributor.distribution import lists
from distributor.distribution.frozen import thaw
from distributor.distribution.issues import refuse_closed
from distributor.distribution.opening import headers_for, new_posts
from distributor.distribution.planning import kinds_in, merge_fields, render_posts, resolve_routing, unsendable
from distributor.distribution.site import Site
from distributor.errors import InputError
from distributor.recipients import loader
from distributor.recipients.model import GroupName
from distributor.render.letter import render_letter
from distributor.render.message import Attachment, compile_letter


@dataclass(frozen=True, slots=True)
class Missing:
    """Whom an issue has missed (补发): staged, with the issue's own letters, and not queued yet."""

    issue: IssueRecord
    letters: tuple[NewLetter, ...]
    staging: Staging

    @property
    def total(self) -> int:
        return len(self.staging)

    def first(self, count: int) -> Iterator[Recipient]:
        """The first *count* of them."""
        return islice(self.staging.recipients(), count)


@contextlib.contextmanager
def missing(site: Site, issue: IssueRecord) -> Iterator[Missing]:
    """Those whom today's list has for the issue's imprint and the issue has not.

    Raises:
        RefusedError: the issue is cancelled, or was pruned.
        InputError: today's list cannot be used, or holds addresses that no mail may be sent to.
    """
    refuse_closed(site, issue)
    source = queries.frozen_source(site.ledger, issue.id)
    bulletin = reader.read(source.content, issue.file)
    frozen = {letter.group: letter for letter in queries.frozen_letters(site.ledger, issue.id)}
    groups = [GroupName(name) for name in frozen]
    roster = loader.load(site.settings.recipients)
    lists.notice(site, roster)
    resolution = resolve_routing(bulletin, roster, only=groups, allow_unresolved=bool(issue.unresolved))
    letters = [_supplementary(site, issue, bulletin, letter, source) for letter in frozen.values()]
    with Staging.of(resolution) as staging:
        staging.discard(queries.address_keys(site.ledger, issue.id))
        if faults := list(unsendable(site.settings, staging)):
            raise InputError(faults)
        yield Missing(issue, (*letters, *_posts(bulletin, source, staging)), staging)


def resend(site: Site, found: Missing) -> int:
    """Queue *found* as a supplement of its issue: the issue's own letters, with its date; returns how many."""
    return ledger.add_supplement(site.ledger, found.issue.id, found.letters, found.staging, site.actor)


def _posts(bulletin: Bulletin, source: queries.FrozenSource, staging: Staging) -> list[NewLetter]:
    """The posts to the endpoints that are staged: made anew, as the issue may have had none to such a service.

    What they are made of is frozen, so that they say what the others said.
    """
    kinds = kinds_in(staging)
    if not kinds:
        return []
    templates, groups = thaw(source.sources)
    return new_posts(render_posts(bulletin, groups, templates, kinds))


def _supplementary(
    site: Site, issue: IssueRecord, bulletin: Bulletin, frozen: FrozenLetter, source: queries.FrozenSource
) -> NewLetter:
    """The issue's own letter again; where each recipient had one of their own, it is made from the frozen sources."""
    if not frozen.per_recipient:
        return NewLetter(frozen.group, frozen.subject, frozen.compiled)
    templates, groups = thaw(source.sources)
    headers = headers_for(site, issue.sender, bulletin, issue.opened_at)
    files = [Attachment(*file) for file in source.attachments]

    def compiled(recipient: Recipient) -> bytes:
        letter = render_letter(bulletin, groups[GroupName(frozen.group)], templates, merge_fields(recipient))
        return compile_letter(letter, headers, files).to_bytes()

    return NewLetter(frozen.group, frozen.subject, b"", compiled)
