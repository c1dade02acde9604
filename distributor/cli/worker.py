"""`distributor worker`: deliver what is due, all the time, with a broker or without."""

import logging
from dataclasses import astuple

import click

from distributor.cli import output
from distributor.cli.bell import tasks_of
from distributor.delivery.ledger.sweeping import Swept
from distributor.distribution import delivering
from distributor.distribution.site import Site, open_site
from distributor.distribution.site import worker as this_worker
from distributor.i18n import _

log = logging.getLogger(__name__)


@click.command(
    help=_(
        "Deliver whatever is due until Ctrl-C or SIGTERM, and take back what dead workers held. With a broker it is "
        "woken through Celery, and there may be many, on many machines; without one it looks at the ledger by itself. "
        "What is in flight is finished before it stops."
    )
)
@click.pass_obj
def worker(site_name: str | None) -> int:
    with open_site(site_name, actor=this_worker()) as site:
        _say_where_letters_go(site)
        if site.settings.broker is not None:
            return int(tasks_of(site.settings.site).work())
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        output.say(_("No broker is set: looking at the ledger for whatever is due. Ctrl-C stops."))
        delivering.work(site, _log_sweep)
        return 0


def _say_where_letters_go(site: Site) -> None:
    relays, outbox = site.settings.relays, site.settings.outbox
    if not relays:
        output.say(_("No relay is set: nobody is mailed, letters stay in {outbox}.").format(outbox=outbox))
    else:
        output.say(_("Letters go to {relay}.").format(relay=", ".join(relay.title for relay in relays)))


def _log_sweep(swept: Swept) -> None:
    if any(astuple(swept)):
        log.info("%s", swept)
