"""Changing the list of recipients: who does it, with which words, and what came of it, all of it recorded."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from distributor.distribution.lists import notice, record
from distributor.distribution.site import Site
from distributor.errors import Finding, InputError, LedgerError, Severity
from distributor.i18n import _
from distributor.recipients import loader
from distributor.recipients.changes import Change, changes, difference
from distributor.recipients.draft import Draft
from distributor.recipients.facts import Fact, Part, parts
from distributor.recipients.loader import Loaded
from distributor.recipients.model import Roster
from distributor.recipients.store import Prepared, locked


@dataclass(frozen=True, slots=True)
class Edited:
    """*diff*: what was written, as lines of unified diffs; none where the list said so already.

    *changes* say it by contacts and names, where the act asks for that. *findings* are warnings that the list did not
    give before.
    """

    diff: tuple[str, ...]
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """A change of the list: what is done, the command's words for the record, and who (None: the login name).

    *tells_changes*: the files that change are compared by contacts, too; of a million it takes a while.
    """

    change: Callable[[Draft], object]
    how: str
    who: str | None = None
    tells_changes: bool = False


Confirm = Callable[[Edited], None]


def edit(site: Site, act: Act, confirm: Confirm, *, at_once: bool) -> Edited:
    """Change the list as *act* says, once *confirm* has been shown the difference and has not raised.

    *at_once*: nobody is asked, and so others may wait for the lock meanwhile; else it is taken when the person has
    answered, and a list that was changed until then stays as it is.

    Raises:
        InputError: the list cannot be changed like that, or was changed by somebody else; nothing was written.
        LedgerError: the ledger cannot be used; a warning among the findings says so if the list was changed.
    """
    path = site.settings.recipients
    with locked(path) if at_once else contextlib.nullcontext():
        loaded = loader.load_draft(path)
        (record if at_once else notice)(site, loaded.roster)
        draft = Draft(loaded)
        act.change(draft)
        with Prepared(draft) as prepared:
            edited = _edited(loaded, prepared, act)
            if edited.diff:
                confirm(edited)
                with contextlib.nullcontext() if at_once else locked(path):
                    prepared.put()
                    _record(site, act, prepared)
            return edited


def preview(site: Site, act: Act) -> Edited:
    """What edit() would do; nothing is written.

    Raises:
        InputError: as edit().
    """
    loaded = loader.load_draft(site.settings.recipients)
    draft = Draft(loaded)
    act.change(draft)
    with Prepared(draft) as prepared:
        return _edited(loaded, prepared, act)


def _edited(before: Loaded, prepared: Prepared, act: Act) -> Edited:
    after = prepared.loaded.roster
    known = {(finding.code, finding.message) for finding in before.roster.findings}
    new = (found for found in after.findings if (found.code, found.message) not in known)
    told = _changes(before.roster, after) if act.tells_changes else []
    return Edited(tuple(prepared.diff()), tuple(told), tuple(new))


def _changes(before: Roster, after: Roster) -> list[Change]:
    """Read from the files that differ; others may have a million contacts."""
    old, new = ({(part.file, part.sha256): part for part in parts(roster)} for roster in (before, after))

    def facts(these: Mapping[tuple[str, str], Part], others: Mapping[tuple[str, str], Part]) -> Iterator[Fact]:
        return chain.from_iterable(part.facts() for key, part in these.items() if key not in others)

    return changes(difference(lambda: facts(old, new), lambda: facts(new, old)))


def _record(site: Site, act: Act, prepared: Prepared) -> None:
    """With the lock still held, so that nobody else takes the new list for changed by hand.

    Raises:
        LedgerError: the ledger cannot be written, or an included file was changed at once; the list has been written.
    """
    try:
        record(site, prepared.loaded.roster, how=act.how, who=act.who)
    except (LedgerError, InputError) as error:
        message = _("the list was changed, but not its history, which will call this a change by hand")
        causes = error.findings if isinstance(error, LedgerError) else ()
        raise LedgerError([Finding(Severity.WARNING, "unrecorded", message), *causes]) from None
