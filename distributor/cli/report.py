"""`distributor report`: who has an issue, who has not, why, and what next."""

from collections.abc import Iterator
from itertools import chain

import click

from distributor.cli import accounts, output
from distributor.cli.naming import find_issue
from distributor.cli.progress import state_word
from distributor.delivery.model.records import DeliveryRecord
from distributor.distribution import accounting, flows
from distributor.distribution.flows import Hindered
from distributor.distribution.site import Site, open_site
from distributor.errors import Finding, InputError, Place, Severity
from distributor.i18n import _
from distributor.report import tables
from distributor.report.account import Account
from distributor.words import why


@click.command(
    help=_(
        "Say what became of every delivery of ISSUE: the numbers, then everybody who does not have it, why, what the "
        "server said and what to do.\n\n"
        "--csv gives a spreadsheet with one row for each contact. --json gives distributor.report/1: issue, groups, "
        "totals, sent (times), next_attempt, reasons, not_sent_total and not_sent, replaced_total and replaced (the "
        "first thousand of each), omitted, flows (what its letters wait for), outcome; with --all also deliveries."
        "\n\n"
        "Exit code 0: all sent; 1: some were not sent, a name was left out, or your decision is needed; 4: some are "
        "still waiting."
    )
)
@click.argument("issue", metavar="ISSUE")
@click.option("--json", "as_json", is_flag=True, help=_("the account as one JSON document"))
@click.option("--all", "with_all", is_flag=True, help=_("with --json: every delivery as well"))
@click.option("--csv", "as_csv", is_flag=True, help=_("a spreadsheet of all contacts"))
@click.option("-o", "--out", metavar="FILE", help=_("the file to write into"))
@click.pass_obj
def report(site_name: str | None, issue: str, as_json: bool, with_all: bool, as_csv: bool, out: str | None) -> int:
    if as_json and as_csv:
        raise click.UsageError(_("--json or --csv, not both"))
    if out is not None and not (as_json or as_csv):
        raise click.UsageError(_("-o needs --csv or --json"))
    if with_all and not as_json:
        raise click.UsageError(_("--all needs --json"))
    with open_site(site_name) as site:
        found = find_issue(site, issue)
        hindered = flows.hindered(site, found)
        with accounting.account_and_deliveries(site, found) as (account, deliveries):
            if as_csv:
                _write(_csv(site, account, deliveries), out)
            elif as_json:
                rows = (tables.delivery_json(record, found.ref) for record in deliveries)
                every = {"deliveries": rows} if with_all else {}
                _write(tables.json_text(accounts.document(account, hindered), **every), out)
            else:
                _show(site, account, hindered)
            return accounts.outcome(account)


def _show(site: Site, account: Account, hindered: Hindered) -> None:
    console = output.console()
    accounts.show(account, hindered, site.settings, console)
    if waiting := accounts.waiting(account, hindered, site.settings):
        console.print(waiting, style="bold", soft_wrap=True)


def _csv(site: Site, account: Account, deliveries: Iterator[DeliveryRecord]) -> Iterator[str]:
    ref = account.issue.ref
    yield from tables.csv_text(
        chain(
            [tables.heading()],
            tables.contact_rows(deliveries, ref, site.settings.timezone, state_word),
            tables.omitted_rows(account.omitted, ref),
        )
    )


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
