"""Asking before something leaves or ends."""

import sys

import click

from distributor.errors import Finding, RefusedError, Severity
from distributor.i18n import _


def ask(question: str, *, yes: bool) -> None:
    """Go on only if the person says yes. With *yes* nobody is asked.

    Raises:
        RefusedError: nobody is there to be asked, or the person said no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        message = _("nobody can be asked here: {question}").format(question=question)
        raise RefusedError([Finding(Severity.ERROR, "unasked", message, remedy=_("add --yes if the answer is yes"))])
    if not click.confirm(click.style(question, bold=True), err=True):
        raise RefusedError([Finding(Severity.NOTE, "declined", _("Nothing was done."))])
