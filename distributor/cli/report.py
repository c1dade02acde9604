"""`distributor report`: who has an issue, who has not, why, and what next."""

import datetime as dt
import io
import pkgutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from distributor.cli import accounts, output, reporting
from distributor.cli.naming import find_issue
from distributor.cli.reporting import Told
from distributor.cli.since import moment
from distributor.delivery.model.states import State
from distributor.delivery.model.wanted import Wanted
from distributor.distribution import accounting, flows
from distributor.distribution.site import open_site
from distributor.i18n import _
from distributor.recipients.model import GroupName

if TYPE_CHECKING:
    from distributor.distribution.reporting_html import MailedReport

_TABLE = "table"
_BINARY = frozenset({"xlsx"})
_SHEETS = frozenset({"csv", "xlsx"})  # to be filtered by whoever opens them, so all are in them
_SUFFIXES = {".txt": _TABLE} | {f".{name}": name for name in reporting.FORMATS}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for; see the options' help."""

    issue: str | None
    period: str | None
    with_units: bool
    sort: str | None
    format: str | None
    as_json: bool
    out: str | None
    mail: str | None
    everybody: bool
    units: tuple[str, ...]
    states: tuple[str, ...]
    groups: tuple[str, ...]
    since: str | None

    @property
    def filtered(self) -> bool:
        """Whether only some contacts are asked for."""
        return bool(self.units or self.states or self.groups or self.since)

    @property
    def listing(self) -> bool:
        """Whether contacts are asked for, beyond what an account lists by itself."""
        return self.everybody or self.filtered


def _print_schema(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo((pkgutil.get_data("distributor.report", "schema/report-1.json") or b"").decode(), nl=False)
        ctx.exit()


@click.command(
    help=_(
        "Say what became of every delivery of ISSUE: the numbers, why some were not sent and what to do, then "
        "everybody who does not have it, by unit, with what the server said.\n\n"
        "--all, --unit and --state list among everybody, --group and --since among those who do not have it; csv and "
        "xlsx hold everybody. What is listed never changes the numbers. --format html gives a page of its own, which "
        "needs no network; whoever reads it sorts and filters it.\n\n"
        "--format json gives distributor.report/1, which --json-schema describes; with --all or a filter also "
        "deliveries and listed.\n\n"
        "Exit code 0: all sent; 1: some were not sent, a name was left out, or your decision is needed; 4: some are "
        "still waiting."
    )
    + "\n\n"
    + _(
        "--period in place of ISSUE adds up all issues that were opened in it, as table, json, csv or md, and the exit "
        "code is 0. --format json gives distributor.period/1: period, issues, cancelled (these count in nothing else), "
        "totals, trend, failing_total and failing (addresses that failed in several issues, the first thousand); with "
        "--units also nothing and units. Numbers: letters = sent + replaced + failed + bounced + uncertain + waiting + "
        "withheld, missed = letters - sent - replaced; contacts (served by the letters), contacts_sent, disabled, "
        "left_out; seconds_to_half, seconds_to_most (95 %) from the opening of the issue, of those sent."
    )
)
@click.argument("issue", metavar="[ISSUE]", required=False)
@click.option(
    "--period",
    metavar="PERIOD",
    help=_("all issues of 2019, 2019-Q3, 2019-07, 2019-07-01..2019-08-15, last-month, this-year … in place of ISSUE"),
)
@click.option("--units", "with_units", is_flag=True, help=_("with --period: each unit too"))
@click.option(
    "--sort", type=click.Choice(["worst", "name"]), help=_("with --units: their order (default: the worst first)")
)
@click.option(
    "--format",
    type=click.Choice([_TABLE, *reporting.FORMATS]),
    help=_("what to write (default: by the ending of -o, else a table for people)"),
)
@click.option("--json", "as_json", is_flag=True, help=_("short for --format json; an error is JSON too"))
@click.option("-o", "--out", metavar="FILE", help=_("the file to write into; one that exists is replaced"))
@click.option("--mail", metavar="ADDRESS", help=_("send the HTML page to this address, to yourself for example"))
@click.option("--all", "everybody", is_flag=True, help=_("list everybody, not only those who do not have it"))
@click.option("--unit", "units", metavar="NAME", multiple=True, help=_("list this unit; may be repeated"))
@click.option(
    "--state", "states", multiple=True, type=click.Choice([state.value for state in State]), metavar="STATE",
    help=_("list those in this state (see README); may be repeated"),
)  # fmt: skip
@click.option(
    "--group", "groups", multiple=True, type=click.Choice([group.value for group in GroupName]),
    help=_("list only this group; may be repeated"),
)  # fmt: skip
@click.option(
    "--since", metavar="TIME", help=_("list only those to whom something happened since: 2h, 3d, 2026-03-05T09:30")
)
@click.option(
    "--json-schema", is_flag=True, is_eager=True, expose_value=False, callback=_print_schema,
    help=_("print the JSON Schema of distributor.report/1"),
)  # fmt: skip
@click.pass_obj
def report(site_name: str | None, /, **options: Any) -> int:
    wish = Wish(**options)
    form = _format(wish)
    if wish.issue is None or wish.period is not None:
        return _across(site_name, wish, form)
    if wish.with_units or wish.sort:
        raise click.UsageError(_("--units and --sort need --period"))
    if wish.mail is not None:
        return _mail(site_name, wish, wish.mail)
    if form == "html" and wish.filtered:
        raise click.UsageError(_("the page is filtered by whoever reads it; only --all goes with it"))
    with open_site(site_name) as site:
        found = find_issue(site, wish.issue)
        now = dt.datetime.now(dt.UTC)
        wanted = _wanted(wish, form, now, site.settings.timezone)
        hindered = flows.hindered(site, found)
        with accounting.account_and_deliveries(site, found, wanted) as (account, deliveries):
            told = Told(site, account, hindered, deliveries, wanted, wish.listing, now, wish.out or "-")
            if form == _TABLE:
                _show(told, wish.out)
            else:
                _write(told, form, wish.out)
            return accounts.outcome(account)


def _mail(site_name: str | None, wish: Wish, address: str) -> int:
    if wish.listing or wish.format or wish.out:
        raise click.UsageError(_("--mail sends the HTML page as it is: no other option goes with it"))
    from distributor.distribution.reporting_html import mail_report  # noqa: PLC0415  seldom asked for

    with open_site(site_name) as site:
        mailed = mail_report(site, find_issue(site, str(wish.issue)), address)
    if wish.as_json:
        outbox = str(mailed.outbox) if mailed.outbox else None
        output.put_json({"schema": "distributor.report-mail/1", "address": address, **asdict(mailed), "outbox": outbox})
    output.say(_mailed(mailed, address), colour=None if mailed.sent else "red")
    return 0 if mailed.sent else 1


def _mailed(mailed: "MailedReport", address: str) -> str:
    if not mailed.sent:
        return _("The report was not sent to {address}: {reply}").format(address=address, reply=mailed.reply)
    if mailed.outbox:
        return _("The report for {address} is kept in {outbox}.").format(address=address, outbox=mailed.outbox)
    return _("The report was sent to {address}.").format(address=address)


def _across(site_name: str | None, wish: Wish, form: str) -> int:
    if wish.period is None or wish.issue is not None:
        raise click.UsageError(_("name one ISSUE or one --period"))
    if wish.listing or wish.mail:
        raise click.UsageError(_("--all, --unit, --state, --group, --since and --mail tell of contacts of one ISSUE"))
    if wish.sort and not wish.with_units:
        raise click.UsageError(_("--sort needs --units"))
    from distributor.cli.period import period_report  # noqa: PLC0415  issues are asked for more often

    sort = wish.sort or "worst"
    return period_report(site_name, period=wish.period, units=wish.with_units, fmt=form, out=wish.out, sort=sort)


def _format(wish: Wish) -> str:
    if wish.as_json and wish.format not in {None, "json"}:
        raise click.UsageError(_("--json is short for --format json: not both"))
    form = "json" if wish.as_json else wish.format or _by_ending(wish.out)
    if form in _BINARY and wish.out in {None, "-"} and sys.stdout.isatty():
        raise click.UsageError(
            _("{format} is nothing to look at here: write it into a file with -o").format(format=form)
        )
    return form


def _by_ending(out: str | None) -> str:
    if out in {None, "-"}:
        return _TABLE
    ending = Path(str(out)).suffix.lower()
    if ending not in _SUFFIXES:
        text = _("what to write into {file}? Its ending is none of {endings}, and there is no --format")
        raise click.UsageError(text.format(file=out, endings=" ".join(_SUFFIXES)))
    return _SUFFIXES[ending]


def _wanted(wish: Wish, form: str, now: dt.datetime, zone: dt.tzinfo) -> Wanted:
    everybody = wish.everybody or wish.units or wish.states or form in _SHEETS
    return Wanted(
        units=frozenset(wish.units),
        groups=frozenset(wish.groups),
        states=frozenset(map(State, wish.states)),
        since=moment(wish.since, now, zone) if wish.since is not None else None,
        lacking=not everybody,
    )


def _show(told: Told, out: str | None) -> None:
    if out in {None, "-"}:
        reporting.show(told, output.console())
        return
    with output.into(out) as stream:
        text = io.TextIOWrapper(stream, "utf-8", "replace")
        reporting.show(told, output.console(file=text))
        text.detach()  # the stream is not ours to close


def _write(told: Told, form: str, out: str | None) -> None:
    with output.into(out) as stream:
        reporting.FORMATS[form](told, stream)
