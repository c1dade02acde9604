"""`distributor doctor`: is every part of the site well?"""

import dataclasses

import click

from distributor import settings as configuration
from distributor.cli import output
from distributor.distribution import proving
from distributor.distribution.proving import Check, Health
from distributor.errors import ConfigurationError
from distributor.i18n import _

_MARKS = {Health.OK: ("✓", "green"), Health.WARNING: ("!", "yellow"), Health.ERROR: ("✗", "red")}


@click.command(
    help=_(
        "Look at list, templates, ledger, sender, relay and broker. Connects and logs in to the relay; sends nothing."
    )
)
@click.option("--json", "as_json", is_flag=True, help=_("schema distributor.doctor/1: checks[part, health, message]"))
@click.pass_obj
def doctor(site_name: str | None, as_json: bool) -> int:
    settings = configuration.load(configuration.find_site(site_name))
    checks = []
    for check in proving.doctor(settings):
        checks.append(check)
        if not as_json:
            _show(check)
    if as_json:
        rows = [dataclasses.asdict(check) for check in checks]
        output.put_json({"schema": "distributor.doctor/1", "site": str(settings.site), "checks": rows})
    return ConfigurationError.exit_code if any(check.health is Health.ERROR for check in checks) else 0


def _show(check: Check) -> None:
    mark, colour = _MARKS[check.health]
    click.echo(f"{click.style(mark, fg=colour, bold=True)} {output.said(check.part, check.message)}")
    if check.remedy:
        click.echo(f"    → {check.remedy}")
