"""The commands of the secretary and the administrators, one file a noun. They show and ask; distribution decides.

Human words go to stderr wherever ``--json`` is given, so that stdout holds one JSON document and nothing else.
"""

import logging
import sys
from collections.abc import Sequence

import click

from distributor.cli import output
from distributor.cli.root import distributor
from distributor.errors import DistributorError
from distributor.i18n import _

STOPPED = 2


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* (default: the process's) name; returns the exit code.

    0 all sent · 1 some not sent, or in need of a decision · 2 wrong command or unusable input, a refusal, or a person's
    "no": nothing was done · 3 settings, relay, broker or ledger do not work · 4 some still waiting.
    """
    # What people should know of a delivery is in its account; the log is for workers, who have one.
    logging.getLogger("distributor").addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows its number; it does not stop a delivery.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    try:
        return distributor.main(args=arguments, prog_name="distributor", standalone_mode=False) or 0
    except DistributorError as error:
        output.findings(error.findings)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return STOPPED
    except (click.Abort, KeyboardInterrupt):
        output.say("\n" + _("Stopped; nothing was done."))
        return STOPPED
