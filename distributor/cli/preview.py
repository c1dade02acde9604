"""`distributor preview`: each group's letter as files."""

import shlex
from pathlib import Path

import click

from distributor import settings as configuration
from distributor.cli import output
from distributor.distribution import planning
from distributor.i18n import _


@click.command(
    help=_(
        "Write each group's letter, as its first recipient would get it, as HTML and as plain text into a folder, and "
        "say where. Nothing is sent."
    )
)
@click.argument("bulletin", metavar="BULLETIN", type=click.Path(path_type=Path, readable=False))
@click.option(
    "-o", "--out", metavar="DIR", type=click.Path(path_type=Path, readable=False), default=Path("preview"),
    show_default=True, help=_("the folder to write into"),
)  # fmt: skip
@click.pass_obj
def preview(site_name: str | None, bulletin: Path, out: Path) -> None:
    settings = configuration.load(configuration.find_site(site_name))
    with planning.plan(settings, bulletin) as plan:
        output.findings(plan.findings)
        for path in planning.preview(plan, out):
            click.echo(path)
    next_step = _(
        "Look at them in a browser. Then `distributor send {file} --to-self ADDRESS` sends them to you alone."
    )
    output.say(next_step.format(file=shlex.quote(str(bulletin))))
