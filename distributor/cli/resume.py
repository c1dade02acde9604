"""`distributor resume`: go on with an issue that was paused, stopped, or left waiting."""

import click

from distributor.cli import output
from distributor.cli.delivery import deliver_and_tell, waiting_at_most
from distributor.cli.naming import find_issue
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.model.states import State
from distributor.distribution import issues
from distributor.distribution.site import open_site
from distributor.i18n import _, ngettext


@click.command(
    help=_(
        "Go on with ISSUE: open it again if it was paused, and deliver what is left of it; what was put off is tried "
        "now. Tells its account at the end, as `distributor send` does; --json gives distributor.send/1."
    )
)
@click.argument("issue", metavar="ISSUE")
@click.option("--wait", type=click.IntRange(min=0), metavar="SECONDS", help=_("how long to wait for letters put off"))
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout, words on stderr"))
@click.pass_obj
def resume(site_name: str | None, issue: str, wait: int | None, as_json: bool) -> int:
    with open_site(site_name) as opened:
        site = waiting_at_most(opened, wait)
        found = find_issue(site, issue)
        if issues.resume(site, found):
            output.say(_("Issue {ref} is open again.").format(ref=found.ref))
        _say_what_is_held(issues.progress_of(site, found)[1])
        return deliver_and_tell(site, found, as_json=as_json)


def _say_what_is_held(progress: Progress) -> None:
    if held := progress.count(State.CLAIMED, State.HANDING_OVER):
        text = ngettext(
            "{n} letter is in the hands of another process. If that has ended, it comes back within a minute.",
            "{n} letters are in the hands of another process. If that has ended, they come back within a minute.",
            held,
        )
        output.say(text.format(n=held))
