"""The commands of the secretary and the administrators, one file a noun. They show and ask; distribution decides.

Human words go to stderr wherever ``--json`` is given, so that stdout holds one JSON document and nothing else.
"""

import logging
import sys
from collections.abc import Sequence

import click

from distributor.cli import output, streams
from distributor.cli.root import distributor
from distributor.errors import DistributorError, Finding, Place, Severity
from distributor.i18n import _
from distributor.words import why

STOPPED = 2
BROKEN = 3


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* (default: the process's) name; returns the exit code.

    0 all sent · 1 some not sent, or in need of a decision · 2 wrong command or unusable input, a refusal, or a person's
    "no": nothing was done · 3 settings, relay, broker or ledger do not work, or the result could not be written
    · 4 some still waiting.

    What ends with an error under ``--json`` leaves distributor.error/1 on stdout: outcome (the code), findings.
    """
    # What people should know of a delivery is in its account; the log is for workers, who have one.
    logging.getLogger("distributor").addHandler(logging.NullHandler())
    streams.harden()
    given = sys.argv[1:] if arguments is None else arguments
    code, failed = _outcome(given)
    if failed is not None and "--json" in given:
        output.put_json(output.error_json(code, failed))
    elif failed is None and (error := streams.lost()):
        # The work was done, and its code is the true one.
        output.findings(streams.unwritten(error).findings)
    return code


def _outcome(arguments: Sequence[str]) -> tuple[int, Sequence[Finding] | None]:
    """The exit code, and what was wrong if the command was ended by an error; the person has been told."""
    try:
        return distributor.main(args=arguments, prog_name="distributor", standalone_mode=False) or 0, None
    except DistributorError as error:
        output.findings(error.findings)
        return error.exit_code, error.findings
    except click.ClickException as error:
        error.show()
        return STOPPED, [Finding(Severity.ERROR, "usage", error.format_message())]
    except (click.Abort, KeyboardInterrupt):
        stopped = _("Stopped; nothing was done.")
        output.say("\n" + stopped)
        return STOPPED, [Finding(Severity.ERROR, "stopped", stopped)]
    except OSError as error:
        found = _refused(error)
        output.findings([found])
        return BROKEN, [found]


def _refused(error: OSError) -> Finding:
    """What no command foresaw: a disk that is full, a file that another program holds."""
    message = _("the system refuses: {error}").format(error=why(error))
    return Finding(Severity.ERROR, "system", message, Place(str(error.filename)) if error.filename else None)
