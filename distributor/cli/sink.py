"""`distributor sink`: the bundled mail server by itself, for trying out settings and for other programs."""

from pathlib import Path

import click

from distributor import settings as configuration
from distributor.delivery.channels.sink import Kept, Sink
from distributor.i18n import _


@click.command(
    help=_(
        "A mail server on this machine that keeps every letter as a file and passes none on. Stop it with Ctrl-C. "
        "It listens on loopback alone."
    )
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help=_("the port to listen on (default: any free one)")
)
@click.option(
    "-o", "--out", metavar="DIR", type=click.Path(path_type=Path),
    help=_("the folder for the letters, a Maildir (default: the site's outbox)"),
)  # fmt: skip
@click.pass_obj
def sink(site_name: str | None, port: int, out: Path | None) -> None:
    outbox = out or configuration.load(configuration.find_site(site_name)).outbox
    with Sink(outbox, port=port, on_message=_show) as running:
        click.echo(
            _("Letters for smtp://{relay} stay in {outbox}. Ctrl-C stops.").format(relay=running.relay, outbox=outbox)
        )
        running.wait()


def _show(kept: Kept) -> None:
    click.echo(f"{', '.join(kept.recipients)}  {kept.file}")
