"""`distributor report`: who has an issue, who has not, why, and what next."""

from collections.abc import Iterator

import click

from distributor.cli import accounts, output
from distributor.cli.naming import find_issue
from distributor.cli.progress import state_word
from distributor.delivery.model.records import DeliveryRecord, IssueRecord
from distributor.distribution import flows, issues
from distributor.distribution.flows import Hindered
from distributor.distribution.site import Site, open_site
from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _
from distributor.report import tables
from distributor.report.account import Tally
from distributor.words import why


@click.command(
    help=_(
        "Say what became of every delivery of ISSUE: the numbers, then everybody who does not have it, why, what the "
        "server said and what to do.\n\n"
        "--csv gives a spreadsheet with one row for each contact. --json gives distributor.report/1: issue, "
        "deliveries, groups, totals, sent (times), next_attempt, not_sent, omitted, flows (what its letters wait for), "
        "outcome.\n\n"
        "Exit code 0: all sent; 1: some were not sent, a name was left out, or your decision is needed; 4: some are "
        "still waiting."
    )
)
@click.argument("issue", metavar="ISSUE")
@click.option("--json", "as_json", is_flag=True, help=_("everything as one JSON document"))
@click.option("--csv", "as_csv", is_flag=True, help=_("a spreadsheet of all contacts"))
@click.option("-o", "--out", metavar="FILE", help=_("the file to write into"))
@click.pass_obj
def report(site_name: str | None, issue: str, as_json: bool, as_csv: bool, out: str | None) -> int:
    if as_json and as_csv:
        raise click.UsageError(_("--json or --csv, not both"))
    if out is not None and not (as_json or as_csv):
        raise click.UsageError(_("-o needs --csv or --json"))
    with open_site(site_name) as site:
        found = find_issue(site, issue)
        if not (as_json or as_csv):
            return _show(site, found)
        tally, deliveries = issues.deliveries_of(site, found)
        passing = tally.passing(deliveries)
        _write(_json(tally, passing, flows.hindered(site, found)) if as_json else _csv(site, tally, passing), out)
        return accounts.outcome(tally.account())


def _show(site: Site, issue: IssueRecord) -> int:
    account, hindered = issues.account_of(site, issue), flows.hindered(site, issue)
    console = output.console()
    accounts.show(account, hindered, site.settings, console)
    if waiting := accounts.waiting(account, hindered, site.settings):
        console.print(waiting, style="bold", soft_wrap=True)
    return accounts.outcome(account)


def _json(tally: Tally, deliveries: Iterator[DeliveryRecord], hindered: Hindered) -> Iterator[str]:
    """The document in one pass over the ledger: what it sums up is what it lists."""
    head = {"schema": "distributor.report/1", "issue": output.issue_json(tally.issue)}
    rows = (tables.delivery_json(record, tally.issue.ref) for record in deliveries)

    def tail() -> dict[str, object]:
        document = accounts.document(tally.account(), hindered)
        return {name: value for name, value in document.items() if name not in head}

    return tables.json_text(head, "deliveries", rows, tail)


def _csv(site: Site, tally: Tally, deliveries: Iterator[DeliveryRecord]) -> Iterator[str]:
    def rows() -> Iterator[tables.Row]:
        yield tables.heading()
        yield from tables.contact_rows(deliveries, tally.issue.ref, site.settings.timezone, state_word)
        yield from tables.omitted_rows(tally.omissions, tally.issue.ref)

    return tables.csv_text(rows())


def _write(pieces: Iterator[str], out: str | None) -> None:
    """Into the file *out*; None or ``-``: on stdout."""
    try:
        with click.open_file(out or "-", "wb") as stream:
            for piece in pieces:
                stream.write(piece.encode("utf-8"))
    except OSError as error:
        message = _("the file cannot be written: {error}").format(error=why(error))
        raise InputError([Finding(Severity.ERROR, "unwritable-file", message, Place(str(out)))]) from None
    if out not in {None, "-"}:
        output.say(_("Written: {file}").format(file=out))
