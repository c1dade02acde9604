"""From one file to what would be sent: read, resolve, render, stage. Nothing is opened and nothing leaves."""

import json
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from distributor.bulletin import reader
from distributor.bulletin.model import Bulletin
from distributor.delivery.ledger.staging import Recipient, StagedGroup, Staging
from distributor.distribution import chat
from distributor.endpoints import Kind
from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _, ngettext
from distributor.recipients import loader, resolve
from distributor.recipients.model import Group, GroupName, Resolution, Roster
from distributor.render.chat import FOLDER as CHAT_FOLDER
from distributor.render.chat import chat_payloads
from distributor.render.chat_payloads import text_of
from distributor.render.letter import render_letter
from distributor.render.model import FinishedLetter, Letter, MergeFields
from distributor.settings import DEFAULT_SENDER, Settings
from distributor.words import why

T = TypeVar("T")
TEMPLATE_SUFFIX = ".j2"
# RFC 2606 and RFC 6761: names that no mail may ever be sent to.
RESERVED = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")


@dataclass(frozen=True, slots=True)
class Plan:
    """What `send` would do. Holds the staged recipients: close it, or use it as a context manager."""

    bulletin: Bulletin
    content: bytes
    roster: Roster
    resolution: Resolution
    templates: Mapping[str, str]
    letters: Mapping[GroupName, Letter]
    posts: Mapping[GroupName, Mapping[Kind, bytes]]
    staging: Staging
    groups: tuple[StagedGroup, ...]
    findings: tuple[Finding, ...]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.staging.close()

    @property
    def total(self) -> int:
        """How many letters would be sent."""
        return sum(group.addresses for group in self.groups)

    @property
    def questions(self) -> tuple[Finding, ...]:
        """What a person must confirm before anything is sent."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.QUESTION)

    def subject(self, group: str) -> str:
        """The subject of the group's letter, as its first recipient reads it; "" where the group has none."""
        first = self.first(group)
        return self.letter(group, first).filled(first).subject if first else ""

    def first(self, group: str) -> MergeFields | None:
        """The values of the group's first recipient by mail, whose letter stands for all in previews and tests."""
        recipient = next(self.staging.recipients(group, mail_only=True), None)
        return merge_fields(recipient) if recipient else None

    def letter(self, group: str, fields: MergeFields) -> Letter:
        """The group's letter, fit for the recipient with *fields*."""
        name = GroupName(group)
        letter = self.letters[name]
        if letter.per_recipient:
            return render_letter(self.bulletin, self.roster.groups[name], self.templates, fields)
        return letter


def merge_fields(recipient: Recipient) -> MergeFields:
    """The values that the recipient's letter is filled with."""
    return MergeFields(**recipient.fields)


def read_bulletin(file: Path) -> tuple[bytes, Bulletin]:
    """The file's bytes and what they say.

    Raises:
        InputError: the file cannot be opened, is no file (a pipe or terminal may never end), or is not a bulletin.
    """
    try:
        _insist_on_file(file)
        with file.open("rb") as stream:
            content = stream.read(reader.MAX_BYTES + 1)
    except OSError as error:
        finding = Finding(
            Severity.ERROR,
            "unreadable-bulletin",
            _("the bulletin cannot be opened: {error}").format(error=why(error)),
            Place(str(file)),
            _("check the file's name and that you may read it"),
        )
        raise InputError([finding]) from None
    return content, reader.read(content, str(file))


def _insist_on_file(file: Path) -> None:
    mode = file.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a folder fails by itself
        message = _("the bulletin is a pipe or device, not a file")
        remedy = _("save it as a file and name that")
        raise InputError([Finding(Severity.ERROR, "unreadable-bulletin", message, Place(str(file)), remedy)])


def read_templates(folder: Path) -> dict[str, str]:
    """Every template of the site by name (``members.html.j2``, ``chat/members.md.j2``).

    Raises:
        InputError: the folder or a template cannot be read as UTF-8.
    """
    sources, findings = {}, []
    for path in sorted([*folder.glob(f"*{TEMPLATE_SUFFIX}"), *folder.glob(f"{CHAT_FOLDER}*{TEMPLATE_SUFFIX}")]):
        try:
            sources[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = _("the template cannot be read: {error}").format(error=error)
            findings.append(Finding(Severity.ERROR, "unreadable-template", message, Place(str(path))))
    if not sources and not findings:
        message = _("there are no templates in {folder}").format(folder=folder)
        remedy = _("copy templates/ from a new site: `distributor init DIR`")
        findings.append(Finding(Severity.ERROR, "no-templates", message, remedy=remedy))
    if findings:
        raise InputError(findings)
    return sources


def plan(settings: Settings, file: Path, *, only: Iterable[GroupName] = (), allow_unresolved: bool = False) -> Plan:
    """Everything `send` would do with *file*, for the groups *only* (empty: all that the imprint names).

    Raises:
        InputError: every fault of bulletin, list and templates that was found, together with the warnings.
        RefusedError: the bulletin's secrecy marking forbids sending it.
    """
    faults: list[Finding] = []
    content, bulletin = _collect(faults, lambda: read_bulletin(file)) or (b"", None)
    roster = _collect(faults, lambda: loader.load(settings.recipients))
    templates = _collect(faults, lambda: read_templates(settings.templates))
    if bulletin is None or roster is None or templates is None:
        raise InputError(faults)
    resolution = _collect(
        faults, lambda: resolve_routing(bulletin, roster, only=only, allow_unresolved=allow_unresolved)
    )
    groups = resolution.groups if resolution else roster.groups
    letters = _collect(faults, lambda: render_letters(bulletin, roster, groups, templates))
    if resolution is None or letters is None:
        raise InputError([*faults, *bulletin.findings, *roster.findings])
    staging = Staging.of(resolution)
    found = [*bulletin.findings, *roster.findings, *resolution.findings, *_empty(staging)]
    found += [*_shared(staging), *_elsewhere(staging)]
    found += [
        *unsendable(settings, staging),
        *chat.questions(settings, staging.endpoints()),
        *_nobody(bulletin, staging),
    ]
    if any(finding.severity is Severity.ERROR for finding in found):
        staging.close()
        raise InputError(found)
    try:
        posts = render_posts(bulletin, roster.groups, templates, kinds_in(staging))
    except InputError as error:
        staging.close()
        raise InputError([*found, *error.findings]) from None
    numbers = tuple(staging.groups())
    return Plan(bulletin, content, roster, resolution, templates, letters, posts, staging, numbers, tuple(found))


def resolve_routing(
    bulletin: Bulletin, roster: Roster, *, only: Iterable[GroupName] = (), allow_unresolved: bool = False
) -> Resolution:
    """Whom the bulletin's imprint reaches by this list."""
    routing = (
        (line.label, name.name, Place(bulletin.file, name.line)) for line in bulletin.routing for name in line.names
    )
    chosen = frozenset(only) or None
    return resolve.resolve(routing, roster, allow_unresolved=allow_unresolved, only=chosen)


def render_letters(
    bulletin: Bulletin, roster: Roster, groups: Iterable[GroupName], templates: Mapping[str, str]
) -> dict[GroupName, Letter]:
    """One letter per group; the faults of all of them are reported together."""
    findings: list[Finding] = []
    letters = {}
    for name in groups:
        letter = _collect(findings, partial(render_letter, bulletin, roster.groups[name], templates))
        if letter is not None:
            letters[name] = letter
    if findings:
        raise InputError(dict.fromkeys(findings))
    return letters


def kinds_in(staging: Staging) -> dict[GroupName, list[Kind]]:
    """The chat services of which each group has an endpoint; without the groups that have none."""
    found = {name: list(dict.fromkeys(each.kind for each in staging.endpoints(name))) for name in GroupName}
    return {name: kinds for name, kinds in found.items() if kinds}


def render_posts(
    bulletin: Bulletin,
    groups: Mapping[GroupName, Group],
    templates: Mapping[str, str],
    kinds: Mapping[GroupName, Iterable[Kind]],
) -> dict[GroupName, dict[Kind, bytes]]:
    """What each group's endpoints are posted; the faults of all groups are reported together."""
    findings: list[Finding] = []
    posts = {}
    for name, chosen in kinds.items():
        made = _collect(findings, partial(chat_payloads, bulletin, groups[name], templates, chosen))
        if made is not None:
            posts[name] = made
    if findings:
        raise InputError(dict.fromkeys(findings))
    return posts


def preview(checked: Plan, out: Path) -> list[Path]:
    """Write each group's letter, as its first recipient gets it, as HTML and text into *out*; returns the files.

    And what its chat endpoints are posted, as the JSON of each service in use and as its text.

    Raises:
        InputError: the folder cannot be written to.
    """
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for group in checked.groups:
            for path, text in _pages(checked, group.name, out):
                path.write_text(text, encoding="utf-8")
                written.append(path)
    except OSError as error:
        message = _("the folder cannot be written to: {error}").format(error=why(error))
        finding = Finding(Severity.ERROR, "unwritable-folder", message, Place(str(out)), _("name another one: -o DIR"))
        raise InputError([finding]) from None
    return written


def _pages(checked: Plan, group: str, out: Path) -> Iterator[tuple[Path, str]]:
    if first := checked.first(group):
        letter: FinishedLetter = checked.letter(group, first).filled(first)
        yield out / f"{group}.html", letter.html
        yield out / f"{group}.txt", f"{letter.subject}\n\n{letter.text}"
    for kind, post in checked.posts.get(GroupName(group), {}).items():
        yield out / f"{group}.{kind}.json", f"{json.dumps(json.loads(post), ensure_ascii=False, indent=2)}\n"
        yield out / f"{group}.{kind}.md", f"{text_of(kind, post)}\n"


def _collect(findings: list[Finding], step: Callable[[], T]) -> T | None:
    """The step's result; its faults join the others, so that all of a site's faults are told at once."""
    try:
        return step()
    except InputError as error:
        if type(error) is not InputError:
            raise
        findings.extend(error.findings)
        return None


def _empty(staging: Staging) -> Iterator[Finding]:
    for each in staging.empty:
        message = _("{name} reaches nobody: no unit of it has an enabled contact").format(name=each.name)
        remedy = _("add units or contacts to it in the list, or send without it: the report will name it")
        yield Finding(Severity.WARNING, "empty-audience", message, each.place, remedy)


def _elsewhere(staging: Staging) -> Iterator[Finding]:
    total, first = staging.elsewhere()
    for address, group in first:
        text = _("{address} gets the letter of {group}, which is not sent now")
        yield Finding(Severity.WARNING, "other-group", text.format(address=address, group=group))
    if more := total - len(first):
        text = ngettext(
            "{n} more address gets the letter of a group that is not sent now",
            "{n} more addresses get the letter of a group that is not sent now",
            more,
        )
        yield Finding(Severity.WARNING, "other-group", text.format(n=more))


def _shared(staging: Staging) -> Iterator[Finding]:
    total, first = staging.shared()
    for shared in first:
        names = "、".join(shared.serves)
        if len(shared.groups) > 1:
            text = _(
                "{address} is reached as {groups} ({audiences}); it gets one letter, that of {group} (serves {names})"
            )
            message = text.format(
                address=shared.address,
                groups="+".join(shared.groups),
                audiences="、".join(shared.audiences),
                group=shared.group,
                names=names,
            )
        else:
            text = _("{address} serves {names}; it gets one letter")
            message = text.format(address=shared.address, names=names)
        yield Finding(Severity.WARNING, "shared-address", message + _not_counted(shared.disabled))
    if more := total - len(first):
        yield Finding(Severity.WARNING, "shared-address", ngettext(
            "{n} more address serves several contacts", "{n} more addresses serve several contacts", more
        ).format(n=more))  # fmt: skip


def _not_counted(disabled: Sequence[str]) -> str:
    if not disabled:
        return ""
    text = ngettext(" ({names} is disabled and not counted)", " ({names} are disabled and not counted)", len(disabled))
    return text.format(names="、".join(disabled))


def _nobody(bulletin: Bulletin, staging: Staging) -> Iterator[Finding]:
    if len(staging) == 0:
        message = _(
            "nobody is left to send to: every contact is disabled or gets another group's letter, or the imprint does "
            "not name this group"
        )
        yield Finding(Severity.ERROR, "nobody", message, Place(bulletin.file), _("see `distributor check BULLETIN`"))


def unsendable(settings: Settings, staging: Staging) -> Iterator[Finding]:
    """Reserved domains stand for nobody: a real relay would refuse them, or worse."""
    if all(relay.on_loopback for relay in settings.relays):
        return
    total, first = staging.addresses_in(RESERVED)
    if total:
        yield Finding(
            Severity.ERROR,
            "reserved-domain",
            ngettext(
                "{n} address is in a domain reserved for examples: {first}",
                "{n} addresses are in domains reserved for examples: {first} …",
                total,
            ).format(n=total, first=", ".join(first)),
            Place(str(settings.recipients)),
            _("put real addresses into the list, or disable these contacts"),
        )
    if settings.sender == DEFAULT_SENDER:
        yield Finding(
            Severity.ERROR,
            "no-sender",
            _("there is no sender address"),
            Place(str(settings.site / ".env")),
            _("write DISTRIBUTOR_FROM=your-address into .env"),
        )
