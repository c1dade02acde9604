"""`distributor init`: a folder with everything that is the person's to edit."""

import os
import shlex
import shutil
from pathlib import Path

import click

import distributor
from distributor.errors import Finding, InputError, Place, RefusedError, Severity
from distributor.i18n import _
from distributor.words import why

_LAID_DOWN = ("recipients.yaml", "relays.yaml", "celeryconfig.py", "templates", "examples")
_DOTENV = ".env"


@click.command(help=_("Make a new site in DIR: list, templates, settings and an example. Never overwrites a file."))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, readable=False))
def init(folder: Path) -> None:
    skeleton = _skeleton()
    sources = [path for name in _LAID_DOWN for path in _files(skeleton / name)]
    targets = {folder / path.relative_to(skeleton): path for path in sources}
    _refuse_to_overwrite([*targets, folder / _DOTENV])
    try:
        for target, source in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        _write_private(folder / _DOTENV, _dotenv())
    except OSError as error:
        message = _("the site cannot be made: {error}").format(error=why(error))
        raise InputError([Finding(Severity.ERROR, "unwritable-folder", message, Place(str(folder)))]) from None
    _say_what_next(folder)


def _skeleton() -> Path:
    """Inside the installed package; in a checkout, the checkout's own top level."""
    package = Path(distributor.__file__).parent
    inside = package / "skeleton"
    return inside if inside.is_dir() else package.parent


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(below for below in path.rglob("*") if below.is_file() and below.name != ".gitkeep")


def _refuse_to_overwrite(targets: list[Path]) -> None:
    remedy = _("choose an empty folder, or move this file away")
    there = [
        Finding(Severity.ERROR, "file-exists", _("this file is there already"), Place(str(path)), remedy)
        for path in targets
        if path.exists() or path.is_symlink()
    ]
    if there:
        raise RefusedError(there)


def _write_private(path: Path, text: str) -> None:
    """For the owner's eyes from the first moment: it will hold a password."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _dotenv() -> str:
    settings = [
        ("RELAY", "smtps://user%40example.org:password@smtp.example.org:465", _(
            "The server that mail is handed to. Without it, letters stay in outbox/ and nobody is mailed.\n"
            "smtps:// is TLS from the start (465); smtp:// with a login uses STARTTLS (587).\n"
            "In user and password write @ % : / percent-encoded (@ is %40)."
        )),
        ("FROM", "bulletin@example.org", _("The sender's address. Default: the login above.")),
        ("CA_FILE", "/path/to/ca.pem", _("Certificates to trust besides the system's, for a relay of your own.")),
        ("TZ", "Asia/Shanghai", _("The time zone of all times shown.")),
        ("WAIT", "900", _("How many seconds `send` waits for letters that were put off.")),
        ("CONNECTIONS", "16", _("Connections to each relay, for each process.")),
        ("RETRY_FIRST", "60", _("Seconds before the second attempt …")),
        ("RETRY_MOST", "3600", _("… and at most between two attempts.")),
        ("EXPIRE_AFTER", "172800", _("Seconds after which a letter that was put off counts as failed.")),
        ("UNCERTAIN", "hold", _(
            "Letters handed over whose answer was lost: hold = you decide; resend = the same letter is sent again."
        )),
        ("LEDGER", "postgresql+psycopg://user:password@host/distributor", _(
            "The ledger's database. Default: the file distributor.sqlite3 in this folder."
        )),
        ("BROKER", "redis://localhost:6379/0", _(
            "The broker that wakes workers (`distributor worker`). Without it `send` delivers by itself."
        )),
    ]  # fmt: skip
    head = _(
        "Settings of this site. Take away the # before a line to use it; the environment beats this file.\n"
        "This file may hold a password: let nobody else read it. Then run `distributor doctor`."
    )
    return "\n".join(
        [_comment(head), *(f"\n{_comment(why)}\n#DISTRIBUTOR_{name}={value}" for name, value, why in settings), ""]
    )


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in text.split("\n"))


def _say_what_next(folder: Path) -> None:
    click.echo(_("A new site is in {folder}. Next:").format(folder=folder))
    example = Path("examples") / "bulletin.txt"
    if folder.resolve() != Path.cwd():
        click.echo(f"    cd {shlex.quote(str(folder))}")
    for command in (f"check {example}", f"preview {example}", "doctor", f"send {example}"):
        click.echo(f"    distributor {command}")
    click.echo(_("`send --to-self ADDRESS` sends the letters to that address alone."))
    click.echo(_("Nobody is mailed until a relay is written into .env; the letters stay in outbox/."))
