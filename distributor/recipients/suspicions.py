"""Everything on the list that looks wrong although it can be used: a second pass over everybody, after survey().

Nothing is corrected here, and nothing is accused: a finding says what was seen, where, and what a person may do.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from distributor.errors import Finding, Place, Severity
from distributor.i18n import _, ngettext
from distributor.recipients.addresses import address_key
from distributor.recipients.faults import look
from distributor.recipients.gathering import Gathered, seen_from
from distributor.recipients.model import Audience, Contact, Roster, Unit
from distributor.recipients.past import Past, Proposal, Since, proposal
from distributor.recipients.repeated import Repeated, one_letter, restricted, ways
from distributor.recipients.slips import Near, alike, domains_alike, is_well_known, meant, numbers
from distributor.recipients.survey import MOST_DOMAINS, Survey, everybody

SHOWN = 20
_OFTEN = 10  # contacts: a domain that so many have is no slip
_RARELY = 2
_MOST_SIMILAR = 10_000
_DOMAINS_NAMED = 5
_NO_DOMAINS: Mapping[str, "Mail"] = {}


class Mail(StrEnum):
    """What the DNS says of a domain that does not simply take mail."""

    NO_DOMAIN = "no-such-domain"
    NO_MAIL = "takes-no-mail"
    UNASKED = "unasked-domain"


@dataclass(frozen=True, slots=True)
class Examination:
    """What is suspicious, ordered by severity, then by file and line; of each code the first few and how many more.

    *counts* are of all findings. *proposals* are the contacts to be disabled, each found bad by its own server.
    """

    contacts: int
    units: int
    audiences: int
    findings: tuple[Finding, ...]
    counts: Mapping[tuple[Severity, str], int]
    proposals: tuple[Proposal, ...]

    def count(self, severity: Severity) -> int:
        """How many findings are of this severity, those not shown among them."""
        return sum(number for (of, _code), number in self.counts.items() if of is severity)


def examine(
    roster: Roster,
    surveyed: Survey,
    past: Past,
    domains: Mapping[str, Mail] = _NO_DOMAINS,
    *,
    also: Iterable[Finding] = (),
    most: int | None = SHOWN,
) -> Examination:
    """Look at everybody on the list again, by what the survey found and what *past* issues and the DNS tell.

    *domains* are those that do not simply take mail. *also* is what else there is to say. *most*: how many
    findings of each code are kept, None for all.

    Raises:
        InputError: an included file has changed.
    """
    gathered = Gathered(roster.file, most)
    for finding in (*roster.findings, *also):
        gathered.take(finding)
    _audiences(roster, surveyed, past, gathered)
    examiner = _Examiner(surveyed, past, domains, gathered)
    for unit, audiences in everybody(roster):
        examiner.look_at(unit, audiences)
    examiner.conclude()
    _numbers(surveyed, past, domains, gathered)
    return Examination(
        surveyed.contacts,
        surveyed.units,
        surveyed.audiences,
        gathered.ordered(),
        dict(gathered.counts),
        tuple(examiner.proposals),
    )


def proposals(roster: Roster, past: Past) -> Iterator[Proposal]:
    """The enabled contacts whose own server says that the mailbox is none: who should be disabled."""
    if any(failure.bad for failure in past.failures.values()):
        for unit, _reached_by in everybody(roster):
            for contact in unit.contacts:
                failure = past.failures.get(address_key(contact.email))
                if contact.disabled is None and failure is not None and failure.bad:
                    yield proposal(unit, contact, failure)


# Audiences, units and files as a whole


def _audiences(roster: Roster, surveyed: Survey, past: Past, gathered: Gathered) -> None:
    for audience in roster.audiences.values():
        if audience.name not in surveyed.reached:
            message = _("{name} reaches nobody: no unit of it has an enabled contact").format(name=audience.name)
            remedy = _("add units or contacts to it, or delete it")
            gathered.add(Severity.WARNING, "empty-audience", message, audience.place, remedy)
        if past.named is not None and audience.name not in past.named:
            text = _("none of the last {n} bulletins names {name}").format(n=past.bulletins, name=audience.name)
            remedy = _("delete it if it is of no use any more")
            gathered.add(Severity.NOTE, "unused-audience", text, audience.place, remedy)
    for name, place, members in _members(roster):
        groups = restricted(members)
        if len(groups) > 1:
            message = _("{name} is reached {ways}: {outcome}")
            message = message.format(name=name, ways=ways(groups), outcome=one_letter(groups))
            gathered.add(Severity.WARNING, "two-groups", message, place, _("delete it from one of the two audiences"))


def _members(roster: Roster) -> Iterator[tuple[str, Place, list[Audience]]]:
    """Each unit and each included file that is in several audiences, and where it stands."""
    found: dict[tuple[str, Place], list[Audience]] = {}
    for audience in roster.audiences.values():
        for name in audience.units:
            found.setdefault((name, roster.units[name].place), []).append(audience)
        for include in audience.includes:
            found.setdefault((include.file, Place(include.file)), []).append(audience)
    yield from ((name, place, audiences) for (name, place), audiences in found.items() if len(audiences) > 1)


def _numbers(surveyed: Survey, past: Past, domains: Mapping[str, Mail], gathered: Gathered) -> None:
    """What concerns the list as a whole."""
    for crowd in past.crowds:
        message = _("{n} letters of issue {issue} failed: too many for the list to be the reason")
        remedy = _("see `distributor report {issue}`").format(issue=crowd.issue)
        message = message.format(n=crowd.failed, issue=crowd.issue)
        gathered.add(Severity.WARNING, "many-failed", message, remedy=remedy)
    if unasked := [domain for domain, mail in domains.items() if mail is Mail.UNASKED]:
        text = ngettext(
            "the DNS could not be asked about {n} domain: {first}",
            "the DNS could not be asked about {n} domains: {first}",
            len(unasked),
        )
        message = text.format(n=len(unasked), first=", ".join(unasked[:_DOMAINS_NAMED]))
        gathered.add(Severity.NOTE, Mail.UNASKED, message, remedy=_("run the command again, or later"))
    if surveyed.uncounted:
        text = _("there are more than {most} domains; {n} contacts in others were not compared with them")
        message = text.format(most=MOST_DOMAINS, n=surveyed.uncounted)
        gathered.add(Severity.NOTE, "many-domains", message)


# One unit after the other


class _Examiner:
    """Looks at each unit; remembers what can only be told at the end."""

    def __init__(self, surveyed: Survey, past: Past, domains: Mapping[str, Mail], gathered: Gathered) -> None:
        self.surveyed = surveyed
        self.past = past
        self.gathered = gathered
        self.proposals: list[Proposal] = []
        self._repeated = Repeated(gathered)
        self._right = dict(_misspelt(surveyed.domains))
        self._often = dict(_rare(surveyed.domains))
        self._mail = {domain: mail for domain, mail in domains.items() if mail is not Mail.UNASKED}
        self._watched = self._right.keys() | self._often.keys() | self._mail.keys()
        self._silent = set(surveyed.silent)
        self._similar: dict[str, dict[str, Place]] = {}

    def look_at(self, unit: Unit, audiences: Sequence[Audience]) -> None:
        name = hash(unit.name)
        if name in self._silent:
            self._silent.discard(name)
            message = _("{name} has no enabled contact: it gets nothing").format(name=unit.name)
            remedy = _("give it a contact that works, or delete it")
            self.gathered.add(Severity.WARNING, "silent-unit", message, unit.place, remedy)
        if self.surveyed.similar:
            self._remember_name(unit)
        for contact in unit.contacts:
            self._contact(unit, contact, audiences)
        if len(unit.contacts) > 1:
            self._names(unit)
            self._lookalikes(unit)
        if self.surveyed.roles:
            self._roles(unit)

    def conclude(self) -> None:
        self._repeated.tell(len(self.surveyed.shared))
        for names in self._similar.values():
            (first, place), *others = names.items()
            for name, other in others:
                message = _("{name} looks like {first} ({place}) written in another way")
                message = message.format(name=name, first=first, place=seen_from(other, place))
                remedy = _("if they are one unit, give both the same name")
                self.gathered.add(Severity.WARNING, "similar-unit", message, other, remedy)

    def _remember_name(self, unit: Unit) -> None:
        form = look(unit.name)
        if form and hash(form) in self.surveyed.similar and len(self._similar) < _MOST_SIMILAR:
            self._similar.setdefault(form, {}).setdefault(unit.name, unit.place)

    # One contact

    def _contact(self, unit: Unit, contact: Contact, audiences: Sequence[Audience]) -> None:
        key = address_key(contact.email)
        if hash(key) in self.surveyed.shared:
            self._repeated.add(key, unit, contact, audiences)
        if contact.disabled is not None:
            if since := self.past.disabled.get((key, unit.name)):
                self._disabled(unit, contact, since)
            return
        domain = key.rpartition("@")[2]
        if domain in self._watched:
            self._domain(domain, Place(unit.place.file, contact.line), contact.email)
        if key in self.past.failures:
            self._failed(unit, contact, key)

    def _disabled(self, unit: Unit, contact: Contact, since: Since) -> None:
        if since.issue is None:
            text = _("{name} of {unit} has been disabled since {date} ({reason})")
        else:
            text = _("{name} of {unit} has been disabled since issue {issue} of {date} at the latest ({reason})")
        message = text.format(
            name=contact.name, unit=unit.name, issue=since.issue, date=f"{since.at:%Y-%m-%d}", reason=contact.disabled
        )
        remedy = _("delete the contact, or let it get letters again: `distributor recipients enable {address}`")
        remedy = remedy.format(address=shlex.quote(contact.email))
        place = Place(unit.place.file, contact.line)
        self.gathered.add(Severity.NOTE, "long-disabled", message, place, remedy)

    def _domain(self, domain: str, place: Place, email: str) -> None:
        if right := self._right.get(domain):
            message = _("{address}: {domain} looks like a slip of {right}")
            message = message.format(address=email, domain=domain, right=right)
            remedy = _new_address(email, f"{email.rpartition('@')[0]}@{right}")
            self.gathered.add(Severity.WARNING, "misspelt-domain", message, place, remedy)
        elif often := self._often.get(domain):
            message = _("{address}: {domain} is one sign apart from {often}, which {n} contacts have")
            n = self.surveyed.domains[often]
            message = message.format(address=email, domain=domain, often=often, n=n)
            remedy = _new_address(email, f"{email.rpartition('@')[0]}@{often}")
            self.gathered.add(Severity.WARNING, "rare-domain", message, place, remedy)
        if mail := self._mail.pop(domain, None):
            self._unreachable(domain, mail, place)

    def _unreachable(self, domain: str, mail: Mail, place: Place) -> None:
        """Once for each domain, where it stands first."""
        n = self.surveyed.domains[domain]
        if mail is Mail.NO_DOMAIN:
            text = ngettext(
                "there is no domain {domain}: {n} contact cannot get letters",
                "there is no domain {domain}: {n} contacts cannot get letters",
                n,
            )
        else:
            text = ngettext(
                "the domain {domain} takes no mail: {n} contact cannot get letters",
                "the domain {domain} takes no mail: {n} contacts cannot get letters",
                n,
            )
        remedy = _("ask the unit for an address that works")
        self.gathered.add(Severity.WARNING, mail, text.format(domain=domain, n=n), place, remedy)

    def _failed(self, unit: Unit, contact: Contact, key: str) -> None:
        failure = self.past.failures[key]
        said = _(" ({reply})").format(reply=failure.reply) if failure.reply else ""
        message = _("the last letter to {address}, of issue {issue}, did not arrive: {sentence}{said}")
        message = message.format(address=contact.email, issue=failure.issue, sentence=failure.sentence, said=said)
        place = Place(unit.place.file, contact.line)
        if failure.bad:
            self.proposals.append(proposal(unit, contact, failure))
            self.gathered.add(Severity.WARNING, "bad-mailbox", message, place, _disable_or_mend(contact.email))
        else:
            remedy = _("see `distributor report {issue}` for what to do").format(issue=failure.issue)
            self.gathered.add(Severity.WARNING, "failed-lately", message, place, remedy)

    # The contacts of one unit (in an included file: of its neighbouring rows)

    def _names(self, unit: Unit) -> None:
        first: dict[str, Contact] = {}
        for contact in unit.contacts:
            earlier = first.setdefault(contact.name, contact)
            if earlier is not contact:
                message = _("{unit} has a second contact called {name} (first in line {line})")
                message = message.format(unit=unit.name, name=contact.name, line=earlier.line)
                place = Place(unit.place.file, contact.line)
                self.gathered.add(Severity.NOTE, "repeated-contact", message, place)

    def _lookalikes(self, unit: Unit) -> None:
        """Addresses in one domain whose local parts are one sign apart; the later one is told of."""
        alike_but_for: dict[tuple[str, str], list[tuple[str, Contact]]] = {}
        for contact in unit.contacts:
            local, _at, domain = address_key(contact.email).rpartition("@")
            if contact.disabled is None:
                alike_but_for.setdefault((domain, numbers(local)), []).append((local, contact))
        for (domain, _numbers), contacts in alike_but_for.items():
            before = Near()
            for local, contact in contacts if len(contacts) > 1 else ():
                if other := next((word for word in before.of(local) if alike(word, local)), None):
                    message = _("{address} looks like {other}: is one of them a slip?")
                    message = message.format(address=contact.email, other=f"{other}@{domain}")
                    place = Place(unit.place.file, contact.line)
                    self.gathered.add(Severity.NOTE, "similar-address", message, place)
                before.add(local)

    def _roles(self, unit: Unit) -> None:
        enabled = [contact for contact in unit.contacts if contact.disabled is None]
        missing = [contact for contact in enabled if contact.role is None]
        if missing:
            text = _("no role is given for {n} of the {all} contacts of {unit}").format(
                n=len(missing), all=len(enabled), unit=unit.name
            )
            self.gathered.add(Severity.NOTE, "no-role", text, Place(unit.place.file, missing[0].line))


# Domains of the whole list


def _misspelt(domains: Counter[str]) -> Iterator[tuple[str, str]]:
    """Domains that look like slips of well-known ones, with these; not where most write them so."""
    for domain, count in domains.items():
        right = meant(domain)
        if right is not None and (count < _OFTEN or count <= domains[right]):
            yield domain, right


def _rare(domains: Counter[str]) -> Iterator[tuple[str, str]]:
    """Domains that hardly anybody has, with one that many have and that is one sign apart."""
    often = Near(domain for domain, count in domains.items() if count >= _OFTEN)
    for domain, count in domains.items():
        if count <= _RARELY and not is_well_known(domain) and (other := _first(domain, often.of(domain))):
            yield domain, other


def _first(domain: str, near: Iterable[str]) -> str | None:
    return next((other for other in near if domains_alike(domain, other)), None)


# What to do


def _new_address(email: str, suggested: str) -> str:
    text = _("if so: `distributor recipients set contact {address} --email {new}`")
    return text.format(address=shlex.quote(email), new=shlex.quote(suggested))


def _disable_or_mend(email: str) -> str:
    text = _(
        "`distributor recipients disable {address} --reason …`, or with the unit's new address "
        "`distributor recipients set contact {address} --email NEW`"
    )
    return text.format(address=shlex.quote(email))
