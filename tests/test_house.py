"""The rules of the house that a machine can check: floors, sizes, purity, words in both languages, true documents."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from importlinter.cli import lint_imports

from distributor.delivery.model.states import State
from distributor.endpoints import Kind

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "distributor"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PURE = ("bulletin", "render", "report", "delivery/model")
IMPURE_CALLS = {"now", "today", "utcnow", "open", "read_text", "read_bytes", "write_text", "write_bytes", "getenv"}
READMES = ("README.md", "README.zh-CN.md")


def tracked() -> list[str]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return listing.stdout.rstrip("\0").split("\0")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_rooms_import_only_from_floors_below() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None) == 0


def test_files_stay_within_400_lines() -> None:
    lengths = {named(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_reads_no_clock_and_no_file(room: str) -> None:
    calls = [
        f"{named(path)}:{node.lineno}: {name}()"
        for path in sorted((PACKAGE / room).rglob("*.py"))
        for node, name in calls_in(path)
        if name in IMPURE_CALLS
    ]
    assert calls == []


def calls_in(path: Path) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func).rpartition(".")[2]


# Words


def messages() -> Catalog:
    found = Catalog()
    for file, line, message, _comments, _context in extract_from_dir(PACKAGE):
        found.add(message, locations=[(file, line)])
    return found


def translations() -> Catalog:
    with (PACKAGE / "locale/zh_CN/LC_MESSAGES/distributor.po").open("rb") as file:
        return read_po(file, locale="zh_CN")


def sides(message: Message) -> tuple[str, str]:
    """Source and translation. Chinese has one form for all numbers; it stands for the English plural."""
    source = message.id if isinstance(message.id, str) else message.id[-1]
    return source, message.string if isinstance(message.string, str) else "".join(message.string or ())


def placeholders(text: str) -> set[str]:
    return {name for _literal, name, _spec, _conversion in Formatter().parse(text) if name is not None}


def test_the_chinese_catalog_has_every_message() -> None:
    catalog = translations()
    missing = []
    for message in messages():
        translated = catalog.get(message.id)
        if message.id and (translated is None or translated.fuzzy or not sides(translated)[1]):
            missing.append(f"{message.locations[0]}: {message.id}")
    assert missing == [], "run `make locale` and translate what it added"


def test_the_chinese_catalog_has_no_message_of_yesterday() -> None:
    source = messages()
    assert [message.id for message in translations() if message.id and source.get(message.id) is None] == []


def test_the_chinese_catalog_fills_the_same_placeholders() -> None:
    differing = []
    for message in translations():
        source, translated = sides(message)
        if source and translated and placeholders(source) != placeholders(translated):
            differing.append((source, translated))
    assert differing == []


def test_a_catalog_can_find_what_is_said() -> None:
    """``_()`` takes a literal: a variable or an f-string never reaches the catalog."""
    unseen = [
        f"{named(path)}:{node.lineno}"
        for path in SOURCES
        for node, _name in calls_in(path)
        if ast.unparse(node.func) in {"_", "ngettext"} and not isinstance(node.args[0], ast.Constant)
    ]
    assert unseen == []


# Documents


def test_no_tracked_file_is_a_leftover() -> None:
    leftovers = re.compile(r"\.(mo|lock|sqlite3|pyc|orig|rej)$|(^|/)(\.env|\.DS_Store|outbox)($|/)")
    assert [path for path in tracked() if leftovers.search(path)] == []


@pytest.mark.parametrize("readme", READMES)
def test_readme_names_only_targets_that_make_has(readme: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named_targets = set(re.findall(r"\bmake ([a-z]+)", code_of(readme)))
    assert {"demo", "test"} <= named_targets <= targets


@pytest.mark.parametrize("readme", READMES)
def test_readme_explains_every_setting_and_every_state(readme: str) -> None:
    source = (PACKAGE / "settings.py").read_text("utf-8")
    settings = {f"DISTRIBUTOR_{name}" for name in re.findall(r'reader\.\w+\("([A-Z_]+)"', source)}
    fixed = {"DISTRIBUTOR_SITE", "DISTRIBUTOR_RELAY", "DISTRIBUTOR_TZ"}
    explained = re.findall(r"DISTRIBUTOR_[A-Z_]+", code_of(readme))
    secrets = tuple(f"DISTRIBUTOR_{kind.upper()}_" for kind in Kind)
    assert {name for name in explained if not name.startswith(secrets)} == settings | fixed
    table = set(re.findall(r"^\| ([a-z_]+)\b", (ROOT / readme).read_text("utf-8"), re.MULTILINE))
    assert set(State) <= table


@pytest.mark.parametrize("readme", READMES)
def test_readme_s_links_lead_somewhere(readme: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / readme).read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def code_of(readme: str) -> str:
    """What stands in backticks or indented."""
    text = (ROOT / readme).read_text("utf-8")
    return "\n".join(re.findall(r"`[^`\n]+`|^ {4}.*$", text, re.MULTILINE))
