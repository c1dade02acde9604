"""docs/recipients.md and its Chinese twin: every kind of error as it is printed, and every command."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from distributor.cli.recipients import recipients
from distributor.recipients.columns import TITLES
from distributor.recipients.sheets.header import meaning_of
from tests.examples_recipients import EXAMPLES
from tests.recipients_bench import Example
from tests.recipients_page import PAGES, entry, shown
from tests.sites import ROOT

PACKAGE = ROOT / "distributor"
OF_THE_LIST = ("lists", "editing", "since", "checking", "mail_domains", "who")
SOURCES = [
    *sorted((PACKAGE / "recipients").rglob("*.py")),
    *sorted((PACKAGE / "cli/recipients").glob("*.py")),
    *(PACKAGE / f"distribution/{name}.py" for name in OF_THE_LIST),
]
# What takes the code of a finding, and as which argument; `add` has a severity before it, or not.
TAKES_CODE = {
    "Finding": 1, "refused": 1, "say": 1, "_say": 1, "add": 1, "_lost": 2,
    "refusal": 0, "_error": 0, "_warn": 0, "_stop": 0,
}  # fmt: skip
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@pytest.fixture(params=PAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# Errors


def codes_in(path: Path) -> Iterator[str]:
    """The codes that a file gives to findings: where they are given, and constants that look like one."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            given = node.args[TAKES_CODE[name] :][:1] if name in TAKES_CODE else []
            if name == "add" and len(node.args) > 2 and isinstance(node.args[0], ast.Constant):
                given = node.args[:1]
        elif isinstance(node, ast.Assign):
            given = [node.value]
        else:
            continue
        for value in given:
            text = value.value if isinstance(value, ast.Constant) else None
            if isinstance(text, str) and SLUG.fullmatch(text) and ("-" in text or isinstance(node, ast.Call)):
                yield text


def test_every_kind_of_error_has_an_example() -> None:
    known = {code for path in SOURCES for code in codes_in(path)}
    assert len(known) > 100
    assert known == {example.code for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_error_is_shown_as_it_is_printed(example: Example) -> None:
    for language in PAGES:
        shown_there = entry(example, language)
        assert f"\n{shown_there}\n" in shown(language), "run `python -m tests.recipients_page --write`"
        assert "Traceback" not in shown_there


def test_the_page_shows_nothing_else(language: str) -> None:
    assert shown(language).count("```\n$ ") == sum(bool(example.command) for example in EXAMPLES)
    headings = re.findall(r"^\*\*(.+)\*\*$", shown(language), re.MULTILINE)
    assert set(headings) == {example.code for example in EXAMPLES}


def test_both_pages_say_what_to_do_about_the_same_errors() -> None:
    assert [example.name for example in EXAMPLES if bool(example.advice[0]) != bool(example.advice[1])] == []


# Commands


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below *group*, by the words after `distributor`."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join([*path, name]), command


def test_every_command_and_option_is_named(language: str) -> None:
    page = PAGES[language].read_text("utf-8").replace(shown(language), "")
    rows = [line for line in page.splitlines() if line.startswith("| `recipients ")]
    for name, command in commands(recipients, "recipients"):
        row = next((row for row in rows if f"`{name}" in row), "")
        assert row, name
        for option in command.params:
            if isinstance(option, click.Option):
                place = (
                    page
                    if {"--yes", "--json", "--mode"} & set(option.opts) or "import" in name
                    else row + general(page)
                )
                assert f"`{option.opts[0]}" in place, f"{name} {option.opts[0]}"


def general(page: str) -> str:
    """The paragraph about what all commands that change something take."""
    return next(part for part in page.split("\n\n") if "`--dry-run`" in part)


def test_the_columns_mean_what_the_page_says(language: str) -> None:
    rows = re.findall(r"^\| ([^`|]+) \| ([^`|]+) \|$", PAGES[language].read_text("utf-8"), re.MULTILINE)
    known = {title: re.split("[:：]", others)[0] for title, others in rows if title in TITLES.values()}
    assert known.keys() == set(TITLES.values())
    for title, others in known.items():
        meanings = {meaning_of(name.strip()) for name in re.split("[,、]", others)}
        assert meanings == {meaning_of(title)}, title


def test_links_lead_somewhere(language: str) -> None:
    text = PAGES[language].read_text("utf-8")
    headings = {
        heading.lower().replace(" ", "-").replace("`", "") for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert link[1:] in headings if link.startswith("#") else (ROOT / "docs" / link).exists(), link
