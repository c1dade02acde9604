"""The `distributor` command itself: global options, and subcommands that are imported only when they are used."""

import shutil
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

import click

from distributor import __version__
from distributor.cli import streams
from distributor.i18n import LANGUAGES, _, sentences, writes_without_spaces

ARGUMENTS = "distributor.arguments"
"""Where a context's `meta` has the command as it was typed, from its name on."""


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own; listing them imports none."""

    def __init__(self, *args: object, lazy: dict[str, tuple[str, str]], **kwargs: object) -> None:
        """*lazy*: command name → (module of distributor.cli, one line that says what the command does).

        The module's command has that name, or the name and _ where it would hide a word of Python (``list_``).
        """
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.lazy:
            return None
        module = import_module(f"distributor.cli.{self.lazy[cmd_name][0]}")
        command: click.Command = vars(module).get(cmd_name) or vars(module)[f"{cmd_name}_"]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        ctx.meta.setdefault(ARGUMENTS, list(args))
        name = args[0]
        near = [] if name in self.lazy or name.startswith("-") else get_close_matches(name, self.lazy, n=1)
        if near:
            message = _("There is no command {name!r}.").format(name=name)
            ctx.fail(sentences(message, _("Did you mean `{near}`?").format(near=near[0])))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, line) for name, (_module, line) in self.lazy.items()])


_COMMANDS = {
    "init": ("init", _("make a new site: list, templates, settings, an example")),
    "check": ("check", _("say what was read from a bulletin, whom it reaches and what is wrong")),
    "preview": ("preview", _("write each group's letter as files to look at")),
    "send": ("send", _("send a bulletin to everybody its imprint names")),
    "status": ("status", _("how far the issues are")),
    "report": ("report", _("who has an issue, who has not, why, and what next")),
    "show": ("show", _("the whole story of one letter: every attempt, every answer, the exact message")),
    "resend": ("resend", _("send once more to those who failed, are in doubt or were missed")),
    "resolve": ("resolve", _("settle letters of which nobody knew whether they arrived")),
    "pause": ("decide", _("hold an issue")),
    "resume": ("resume", _("go on with an issue")),
    "cancel": ("decide", _("stop an issue for good")),
    "release": ("release", _("what is held back and why; let it go when the reason is gone")),
    "recipients": ("recipients", _("look at the list of recipients, change it, see what has changed")),
    "doctor": ("doctor", _("is every part of the site well? Sends nothing")),
    "worker": ("worker", _("deliver what is due, all the time")),
    "sink": ("sink", _("a mail server that keeps every letter on this machine")),
    "ledger": ("ledger", _("look after the ledger")),
}

_EXIT_CODES = _(
    "Exit codes: 0 all sent; 1 some not sent, or in need of your decision; 2 wrong command or input, refused, or you "
    "said no: nothing was done; 3 settings, relay, broker or ledger do not work; 4 some still waiting."
)


def _width() -> int:
    """How many characters of help go on a line: click counts them, and not the columns they take."""
    columns = min(100, shutil.get_terminal_size().columns)
    return columns // 2 if writes_without_spaces() else columns


def _known(_ctx: click.Context, _parameter: click.Parameter, lang: str | None) -> str | None:
    if lang is not None and not lang.lower().startswith(("en", "zh")):
        raise click.BadParameter(_("the program speaks {languages}").format(languages=", ".join(LANGUAGES)))
    return lang


@click.group(
    cls=LazyGroup,
    lazy=_COMMANDS,
    help=_("Send official bulletins: one letter for every recipient, exactly once, every delivery accounted for."),
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "terminal_width": _width()},
)
@click.option("--site", metavar="DIR", help=_("the folder that holds recipients.yaml (default: here or above)"))
@click.option(
    "--lang", metavar="|".join(LANGUAGES), callback=_known, is_eager=True,
    help=_("language of the program's own words"),
)  # fmt: skip
@click.version_option(__version__, message="%(prog)s %(version)s", help=_("show the version"))
@click.pass_context
def distributor(ctx: click.Context, site: str | None, lang: str | None) -> None:  # noqa: ARG001
    # --lang was obeyed by __main__, before the words above were chosen.
    ctx.obj = site


# Their words are their work; the others have done something, whether it can be shown or not.
_SHOWING = frozenset({"check", "status", "report", "show", "doctor"})
_SHOWING_LISTS = frozenset({"list", "show", "check", "diff", "history", "who"})


@distributor.result_callback()
@click.pass_context
def _shown(ctx: click.Context, code: int | None, /, **_options: object) -> int | None:
    if _only_shows(ctx.meta[ARGUMENTS]) and (error := streams.lost()):
        raise streams.unwritten(error)
    return code


def _only_shows(arguments: Sequence[str]) -> bool:
    if arguments[0] == "recipients":
        return len(arguments) > 1 and arguments[1] in _SHOWING_LISTS
    return arguments[0] in _SHOWING
