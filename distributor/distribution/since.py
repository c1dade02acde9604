"""Who is new, gone or changed among those whom a bulletin reaches, since the issue before it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, islice

from distributor.bulletin import reader
from distributor.bulletin.model import Bulletin
from distributor.delivery.ledger import queries, readers
from distributor.delivery.ledger.readers import Contact
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.records import IssueRecord
from distributor.distribution.issues import pruned
from distributor.distribution.planning import Plan, resolve_routing
from distributor.distribution.site import Site
from distributor.errors import Finding, Place, RefusedError, Severity
from distributor.i18n import _, ngettext
from distributor.recipients.changes import Change, Difference, changes, difference
from distributor.recipients.facts import Fact
from distributor.recipients.model import GroupName, Roster

_MOST_WARNED = 20
_REACHED, _LOST = {"added", "enabled"}, {"removed", "disabled"}

# The issue that each group is compared with; groups in their order.
Base = Mapping[str, IssueRecord]


@dataclass(frozen=True, slots=True)
class Since:
    """What differs, contact by contact (kind "reader"), from whom *issues* were sent to; the newest is the first.

    *new*, *gone* and *changed* count. *left_out* are units that got that issue and would get nothing now, and where
    they stand if the list still has them.
    """

    issues: tuple[IssueRecord, ...]
    changes: tuple[Change, ...] = ()
    new: int = 0
    gone: int = 0
    left_out: Mapping[str, Place | None] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """How many are neither new nor gone, and yet not what they were: another address, name, unit or letter."""
        return sum(change.kind == "reader" and change.action not in _REACHED | _LOST for change in self.changes)

    @property
    def refs(self) -> str:
        """The names of the issues."""
        return ", ".join(issue.ref for issue in self.issues)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A warning for each unit that is left out, the first of them."""
        return tuple(_warnings(self))


def since_last(site: Site, plan: Plan, only: Collection[GroupName] = ()) -> Since | None:
    """What differs if *plan* is sent, to the groups *only* (empty: all), from the last issue of its masthead.

    Each group is compared with the last issue that went to it. None: there is no such issue.
    """
    return _since_last(site, plan.bulletin, plan.roster, plan.resolution.groups, plan.staging, only)


def since_last_of(site: Site, bulletin: Bulletin, roster: Roster) -> Since | None:
    """As since_last(), if *bulletin* were sent by *roster*; names that the list does not have are left out.

    Raises:
        InputError: the list has no group for a label of the imprint, or allows an audience only for another group.
    """
    resolution = resolve_routing(bulletin, roster, allow_unresolved=True)
    with Staging.of(resolution) as staging:
        return _since_last(site, bulletin, roster, resolution.groups, staging)


def since_issue(site: Site, issue: IssueRecord, roster: Roster) -> Since:
    """What would differ from *issue* if the list were *roster*, by the imprint that it was opened with.

    Raises:
        RefusedError: the issue was pruned.
        InputError: the list has no group for a label of the imprint, or allows an audience only for another group.
    """
    if issue.pruned_at is not None:
        raise RefusedError([pruned(site, issue)])
    groups = [letter.group for letter in queries.frozen_letters(site.ledger, issue.id)]
    chosen = map(GroupName, groups)
    with Staging.of(resolve_routing(_bulletin_of(site, issue), roster, only=chosen, allow_unresolved=True)) as staging:
        return _compared(site, dict.fromkeys(groups, issue), staging, roster)


def _since_last(
    site: Site, bulletin: Bulletin, roster: Roster, groups: Sequence[GroupName], staging: Staging,
    only: Collection[GroupName] = (),
) -> Since | None:  # fmt: skip
    base = _base(site, bulletin.masthead, [group for group in GroupName if not only or group in only], groups)
    if not base:
        return None
    if base.keys() == set(groups) and all(_is_the_same(site, each, bulletin, roster) for each in set(base.values())):
        return Since(_newest_first(base))
    return _compared(site, base, staging, roster)


def _base(site: Site, masthead: str | None, groups: Iterable[str], reached: Collection[str]) -> Base:
    """With what to compare: a group that the imprint does not name any more counts with the last bulletin alone."""
    last = readers.last_issues(site.ledger, masthead, groups) if masthead else {}
    if not last:
        return {}
    newest = _number(max(last.values(), key=_id))
    return {group: issue for group, issue in last.items() if group in reached or _number(issue) == newest}


def _id(issue: IssueRecord) -> int:
    return issue.id


def _number(issue: IssueRecord) -> tuple[int | None, ...]:
    return issue.total_number, issue.number, issue.year


def _newest_first(base: Base) -> tuple[IssueRecord, ...]:
    return tuple(sorted(set(base.values()), key=_id, reverse=True))


def _is_the_same(site: Site, issue: IssueRecord, bulletin: Bulletin, roster: Roster) -> bool:
    """Whether *issue* went to the same people by its nature: the same names by the same list, and nobody later."""
    if issue.roster_sha256 != roster.sha256 or readers.has_supplements(site.ledger, issue.id):
        return False
    return _names(_bulletin_of(site, issue)) == _names(bulletin)


def _names(bulletin: Bulletin) -> list[tuple[str, str]]:
    return [(line.label, name.name) for line in bulletin.routing for name in line.names]


def _bulletin_of(site: Site, issue: IssueRecord) -> Bulletin:
    return reader.read(queries.frozen_source(site.ledger, issue.id).content, issue.file)


def _compared(site: Site, base: Base, staging: Staging, roster: Roster) -> Since:
    issues = _newest_first(base)

    def sent_to() -> Iterator[Fact]:
        for issue, groups in groupby(base, key=base.__getitem__):
            yield from readers.readers(site.ledger, issue.id, list(groups))

    # The side that may be read twice is the one that is read faster.
    turned = difference(staging.readers, sent_to)
    found = Difference(turned.new, turned.gone, turned.new_total, turned.gone_total)
    then = chain.from_iterable(readers.disabled(site.ledger, issue.id) for issue in issues)
    told = tuple(_with_reasons(changes(found), then, _disabled(staging)))
    if not found.is_whole:
        return Since(issues, told, found.new_total, found.gone_total)
    new, gone = (sum(change.action in actions for change in told) for actions in (_REACHED, _LOST))
    return Since(issues, told, new, gone, _left_out(told, staging, roster))


def _left_out(told: Iterable[Change], staging: Staging, roster: Roster) -> dict[str, Place | None]:
    lost = dict.fromkeys(change.unit for change in told if change.action in _LOST)
    reached = staging.reached(lost)
    return {name: unit.place if (unit := roster.units.get(name)) else None for name in lost if name not in reached}


def _disabled(staging: Staging) -> Iterator[tuple[Contact, str]]:
    for _group, name, unit, address, why, detail in staging.omitted():
        if why == "disabled":
            yield (unit, name, address), detail


def _with_reasons(
    told: list[Change], then: Iterable[tuple[Contact, str]], now: Iterable[tuple[Contact, str]]
) -> Iterator[Change]:
    """*told*, where who is new was disabled *then* and who is gone is so *now*, if it is known: who → why."""
    came, went = ({_contact(change) for change in told if change.action == action} for action in ("added", "removed"))
    before = {who: why for who, why in then if who in came} if came else {}
    after = {who: why for who, why in now if who in went} if went else {}
    for change in told:
        who = _contact(change)
        if change.action == "added" and who in before:
            yield replace(change, action="enabled", fields={"disabled": (before[who], None)})
        elif change.action == "removed" and who in after:
            yield replace(change, action="disabled", fields={"disabled": (None, after[who])})
        else:
            yield change


def _contact(change: Change) -> Contact:
    return change.unit, change.name, change.email


def _warnings(since: Since) -> Iterator[Finding]:
    for unit, place in islice(since.left_out.items(), _MOST_WARNED):
        message = _("{unit} got issue {issue}, and would get nothing now").format(unit=unit, issue=since.refs)
        yield Finding(Severity.WARNING, "left-out", message, place)
    if (more := len(since.left_out) - _MOST_WARNED) > 0:
        text = ngettext(
            "{n} more unit got issue {issue}, and would get nothing now",
            "{n} more units got issue {issue}, and would get nothing now",
            more,
        )
        yield Finding(Severity.WARNING, "left-out", text.format(n=more, issue=since.refs))
