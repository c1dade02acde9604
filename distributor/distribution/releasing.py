"""Letting go what is blocked or held back, when a person has mended the reason."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from distributor.delivery.ledger import flows as ledger
from distributor.delivery.ledger import queries
from distributor.delivery.model.flow import FlowKey, FlowKind
from distributor.delivery.model.records import IssueRecord, IssueState
from distributor.distribution import flows, issues
from distributor.distribution.flows import Bar, Barred
from distributor.distribution.site import Site
from distributor.errors import Finding, NotFoundError, RefusedError, Severity
from distributor.i18n import _
from distributor.recipients.addresses import address_key


@dataclass(frozen=True, slots=True)
class Released:
    """How many *letters* no longer wait, and the *issues* that have some of them or were named, oldest first."""

    letters: int
    issues: tuple[IssueRecord, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """What people want let go."""

    flows: tuple[Barred, ...] = ()
    issues: tuple[IssueRecord, ...] = ()


def release(site: Site, names: Sequence[str] | None) -> Released:
    """Let go what is blocked or held under *names*: relays, destinations, domains, issues. None: every flow.

    Raises:
        RefusedError: nothing is held back under some of *names*; nothing was let go.
    """
    barred = flows.barred(site)
    if names is None:
        return _release(site, _Choice(tuple(each for each in barred if each.bar is not Bar.SPENT)), barred)
    choices: list[_Choice] = []
    faults: list[Finding] = []
    for name in dict.fromkeys(names):
        try:
            choices.append(_choose(site, name, barred))
        except (NotFoundError, RefusedError) as error:
            faults += error.findings
    if faults:
        raise RefusedError(faults)
    return _release(site, _together(choices), barred)


def _together(choices: Sequence[_Choice]) -> _Choice:
    """All that was chosen, each once."""
    return _Choice(
        tuple(dict.fromkeys(each for choice in choices for each in choice.flows)),
        tuple({each.id: each for choice in choices for each in choice.issues}.values()),
    )


def _choose(site: Site, name: str, barred: Iterable[Barred]) -> _Choice:
    keys = _meant(site, name)
    found = [each for each in barred if each.key in keys]
    if chosen := tuple(each for each in found if each.bar is not Bar.SPENT):
        return _Choice(flows=chosen)
    if found:
        raise RefusedError([_spent(name)])
    return _Choice(issues=(_issue(site, name),))


def _meant(site: Site, name: str) -> set[FlowKey]:
    """The flows that a person may mean by *name*."""
    try:
        domain = address_key(f"a@{name}").rpartition("@")[2]
    except ValueError:
        domain = name
    destinations = {name, domain, site.rules.destination_of(domain)}
    return {FlowKey(FlowKind.DESTINATION, each) for each in destinations} | {FlowKey(FlowKind.RELAY, name)}


def _issue(site: Site, name: str) -> IssueRecord:
    """The issue called *name*, which is paused or has letters that wait."""
    try:
        issue = issues.find(site, name).issue
    except NotFoundError as error:
        if any(finding.code == "ambiguous-issue" for finding in error.findings):
            raise
        raise _nothing(name) from None
    issues.refuse_closed(site, issue)
    current, progress = issues.progress_of(site, issue)
    if current.state is IssueState.OPEN and not progress.waiting:
        raise _nothing(name)
    return current


def _nothing(name: str) -> RefusedError:
    remedy = _("`distributor release` lists what is held back; an issue goes on by `distributor resume ISSUE`")
    message = _("nothing is held back for {domain}").format(domain=name)
    return RefusedError([Finding(Severity.ERROR, "not-held", message, remedy=remedy)])


def _spent(name: str) -> Finding:
    message = _("today's quota of {name} is used up, and nobody can release that").format(name=name)
    remedy = _("wait until tomorrow, or raise its per_day in relays.yaml")
    return Finding(Severity.ERROR, "quota-spent", message, remedy=remedy)


def _release(site: Site, choice: _Choice, barred: Sequence[Barred]) -> Released:
    concerned = tuple(_concerned(site, choice))
    letters = sum(_let_go(site, issue, choice, barred) for issue in concerned)
    for each in choice.flows:
        ledger.release(site.ledger, each.key, site.rules.domains_of(each.key.name), actor=site.actor)
    for issue in choice.issues:
        issues.resume(site, issue)
    return Released(letters, concerned)


def _let_go(site: Site, issue: IssueRecord, choice: _Choice, barred: Sequence[Barred]) -> int:
    """How many letters of *issue* then no longer wait for a flow; of one that is named, for their time."""
    rest = [each for each in barred if each not in choice.flows]
    after = flows.outlook_of(site, issue, rest).behind
    if any(each.id == issue.id for each in choice.issues):
        return queries.progress(site.ledger, issue.id).waiting - after
    return flows.outlook_of(site, issue, barred).behind - after


def _concerned(site: Site, choice: _Choice) -> Iterator[IssueRecord]:
    """The issues whose letters are let go."""
    named = {issue.id for issue in choice.issues}
    for issue in queries.unsettled_issues(site.ledger):
        if issue.id in named or flows.outlook_of(site, issue, choice.flows).behind:
            yield issue
