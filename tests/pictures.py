"""Takes the pictures of docs/letters anew: ``python -m tests.pictures``, with Chromium (and pngquant) on PATH."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from distributor.bulletin import reader
from distributor.recipients.model import GroupName
from distributor.render.letter import render_letter
from tests import browser, servers
from tests.letters import EXAMPLE, RECIPIENTS, ROOT, TEMPLATES, roster

FOLDER = ROOT / "docs" / "letters"
# Name, group, width in pixels, colour scheme.
PICTURES = [
    ("departments-1000", GroupName.DEPARTMENTS, 1000, "light"),
    ("departments-375", GroupName.DEPARTMENTS, 375, "light"),
    ("departments-dark-375", GroupName.DEPARTMENTS, 375, "dark"),
    ("members-1000", GroupName.MEMBERS, 1000, "light"),
    ("members-375", GroupName.MEMBERS, 375, "light"),
]


def main() -> None:
    bulletin = reader.read(EXAMPLE.read_bytes(), EXAMPLE.name)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        browser.opened(servers.find_chromium(), Path(folder) / "profile") as page,
    ):
        for name, group, width, scheme in PICTURES:
            file = Path(folder) / "letter.html"
            letter = render_letter(bulletin, roster().groups[group], TEMPLATES).filled(RECIPIENTS[group])
            file.write_text(letter.html, encoding="utf-8")
            page.open(file, width, scheme=scheme)
            (FOLDER / f"{name}.png").write_bytes(smaller(page.picture()))


def smaller(picture: bytes) -> bytes:
    """The PNG in at most 32 colours, which are enough for text; as it was without pngquant."""
    program = shutil.which("pngquant")
    if program is None:
        return picture
    return subprocess.run([program, "--speed=1", "32", "-"], input=picture, capture_output=True, check=True).stdout


if __name__ == "__main__":
    main()
