"""`distributor recipients history`: every change of the list, with when, who and how, from what to what."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import click

from distributor.cli import changes, output
from distributor.delivery.ledger.lists import Recorded
from distributor.distribution import lists
from distributor.distribution.site import Site, open_site
from distributor.errors import Finding, NotFoundError, Severity
from distributor.i18n import _
from distributor.recipients.draft import did_you_mean
from distributor.recipients.listing import units_of
from distributor.recipients.model import Roster

_LAST = 20
_MOST = 50


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for; see the options' help."""

    since: dt.datetime | None
    last: int | None
    unit: str | None
    address: str | None
    everything: bool
    as_json: bool


@click.command(
    help=_(
        "Say what changed in the list, when, by whom and how: the last twenty times, the newest first. A change by "
        "hand is noticed by the next command that uses the list.\n\n"
        "--json gives distributor.recipients-history/1: versions[at, noticed_at, who, host, how (null: by hand), "
        "sha256, total, changes (the first thousand)], findings."
    )
)
@click.option("--since", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]), help=_("since that day (2026-03-05)"))
@click.option("--last", metavar="N", type=click.IntRange(min=1), help=_("the last N times"))
@click.option("--unit", metavar="NAME", help=_("only what concerns this unit and its contacts"))
@click.option("--address", metavar="ADDRESS", help=_("only what concerns this address"))
@click.option("--all", "everything", is_flag=True, help=_("every time and every line"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def history(site_name: str | None, /, **options: Any) -> None:
    wish = Wish(**options)
    if wish.unit is not None and wish.address is not None:
        raise click.UsageError(_("--unit or --address, not both"))
    with open_site(site_name) as site:
        roster, findings = lists.look(site)
        found = _found(site, wish)
    if wish.unit is not None and roster is not None and not found:
        _insist_on_unit(roster, wish.unit)
    if wish.as_json:
        versions = [changes.version_document(recorded) for recorded in found]
        shown = [output.finding_json(finding) for finding in findings]
        output.put_json({"schema": "distributor.recipients-history/1", "versions": versions, "findings": shown})
        return
    output.findings(findings)
    for recorded in found:
        changes.show(recorded, site.settings)
    if not found:
        click.echo(_("Nothing has changed."))


def _insist_on_unit(roster: Roster, name: str) -> None:
    """That nothing changed is no answer for a unit that there is not; former names have their history."""
    if not any(unit.name == name for unit in units_of(roster)):
        message = _("the list has no unit {name}").format(name=name)
        raise NotFoundError([Finding(Severity.ERROR, "unknown-unit", message, remedy=did_you_mean(name, roster.units))])


def _found(site: Site, wish: Wish) -> list[Recorded]:
    most = changes.JSON_MOST if wish.as_json else _MOST
    return lists.history(
        site,
        since=wish.since.replace(tzinfo=site.settings.timezone) if wish.since else None,
        limit=wish.last or (None if wish.everything or wish.since else _LAST),
        unit=wish.unit,
        address=wish.address,
        most=None if wish.everything else most,
    )
