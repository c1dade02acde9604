"""`distributor show`: one delivery's whole story, and the exact message."""

import os
import sys
import tempfile
from pathlib import Path

import click

from distributor.cli import output, telling
from distributor.cli.naming import find_issue
from distributor.delivery.ledger.stories import Addressed
from distributor.distribution import stories
from distributor.distribution.site import Site, open_site
from distributor.distribution.stories import Story
from distributor.errors import Finding, InputError, NotFoundError, Place, Severity
from distributor.i18n import _
from distributor.words import why


@click.command(
    help=_(
        "Tell the whole story of ISSUE's letter to ADDRESS: whom it serves, every attempt and everything that people "
        "did, with the times, the worker, the relay and its answers word by word, and what is next.\n\n"
        "--message gives the exact bytes that were or would be handed over to the relay. --html writes the letter's "
        "HTML into a file and opens it in the browser; with -o it only writes.\n\n"
        "--json gives distributor.show/1: issue, delivery, subject, steps[at, began, what, state, attempt, who, host, "
        "relay, phase, code, enhanced, reply, reason, sentence], left_out, outcome.\n\n"
        "Exit code 0: it has the letter; 1: it was not sent, or nobody was written to there; 4: it still waits."
    )
)
@click.argument("issue", metavar="ISSUE")
@click.argument("address", metavar="ADDRESS")
@click.option("--message", "part", flag_value="message", help=_("the exact message, as a mail program opens it (.eml)"))
@click.option("--html", "part", flag_value="html", help=_("the letter as the recipient sees it, in the browser"))
@click.option("-o", "--out", metavar="FILE", help=_("the file to write the message or HTML into"))
@click.option("--json", "as_json", is_flag=True, help=_("the story as JSON on stdout"))
@click.pass_obj
def show(site_name: str | None, issue: str, address: str, part: str | None, out: str | None, as_json: bool) -> int:
    if as_json and part:
        raise click.UsageError(_("--json or --message or --html, one of them"))
    if out is not None and not part:
        raise click.UsageError(_("-o needs --message or --html"))
    with open_site(site_name) as site:
        story = stories.story_of(site, find_issue(site, issue), address)
        if part is None:
            _tell(site, story, as_json=as_json)
            return telling.outcome(story)
        content = stories.message(site, _addressed(story))
    if part == "message":
        _write(content, out or "-")
    else:
        _show_html(stories.html(content), story, out)
    return 0


def _tell(site: Site, story: Story, *, as_json: bool) -> None:
    if as_json:
        output.put_json(telling.document(story))
    else:
        telling.tell(story, site.settings, output.console())


def _addressed(story: Story) -> Addressed:
    if story.addressed is None:
        message = _("issue {ref} was not sent to {address}").format(ref=story.issue.ref, address=story.address)
        remedy = _("`distributor show {ref} {address}` tells why").format(ref=story.issue.ref, address=story.address)
        raise NotFoundError([Finding(Severity.ERROR, "left-out", message, remedy=remedy)])
    return story.addressed


def _show_html(text: str, story: Story, out: str | None) -> None:
    """Into *out*; else into a file of its own, which only this user may read, and that in the browser."""
    if out is not None:
        _write(text.encode(), out)
        return
    folder = Path(tempfile.mkdtemp(prefix="distributor-"))
    path = folder / f"{story.issue.ref.replace('/', '-')}.html"
    _write(text.encode(), str(path))
    if _has_display():
        click.launch(path.as_uri())


def _has_display() -> bool:
    """Whether a person sits here who could see a browser: one over SSH sees none."""
    graphical = sys.platform in {"darwin", "win32"} or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return sys.stdout.isatty() and graphical


def _write(content: bytes, out: str) -> None:
    """Into the file *out*; ``-``: on stdout."""
    try:
        with click.open_file(out, "wb") as stream:
            stream.write(content)
    except OSError as error:
        message = _("the file cannot be written: {error}").format(error=why(error))
        raise InputError([Finding(Severity.ERROR, "unwritable-file", message, Place(out))]) from None
    if out != "-":
        output.say(_("Written: {file}").format(file=out))
