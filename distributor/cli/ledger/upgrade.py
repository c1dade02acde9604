"""`distributor ledger upgrade`: the tables of the ledger."""

import click

from distributor import settings as configuration
from distributor.delivery.ledger import migrate
from distributor.delivery.ledger.database import Database
from distributor.i18n import _


@click.command(help=_("Bring the ledger's tables up to this version. Safe to repeat."))
@click.pass_obj
def upgrade(site_name: str | None) -> None:
    settings = configuration.load(configuration.find_site(site_name))
    database = Database(settings.ledger)
    try:
        changed = migrate.upgrade(database)
    finally:
        database.close()
    click.echo(_("The ledger's tables are up to date now.") if changed else _("The ledger was up to date already."))
