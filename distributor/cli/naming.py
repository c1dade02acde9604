"""From the name that a person gave to the issue that is meant."""

from distributor.cli import output
from distributor.delivery.model.records import IssueRecord
from distributor.distribution import issues
from distributor.distribution.site import Site
from distributor.i18n import _


def find_issue(site: Site, name: str) -> IssueRecord:
    """The issue called *name*; where older issues share the name, says on stderr which was taken.

    And says if its addresses are not kept any more.

    Raises:
        NotFoundError: no issue, or issues of several mastheads, have that name.
    """
    found = issues.find(site, name)
    if found.others:
        text = _("{name} means the newest, {ref}; before it there were: {others}")
        others = ", ".join(f"{other.ref} (@{other.id})" for other in found.others)
        output.say(text.format(name=name, ref=found.issue.ref, others=others))
    if found.issue.pruned_at is not None:
        text = _("Issue {ref} was pruned on {day}: numbers, states and times are kept; addresses and names are not.")
        day = output.local(found.issue.pruned_at, site.settings)[: len("2026-03-05")]
        output.say(text.format(ref=found.issue.ref, day=day))
    return found.issue
