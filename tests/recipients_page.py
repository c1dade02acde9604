"""The part of docs/recipients.md, and of its Chinese twin, that shows every kind of error as it is printed.

`python -m tests.recipients_page --write` writes it anew from tests/examples_recipients; the rest is written by hand.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby

from rich.progress import track

from tests.examples_recipients import SECTIONS
from tests.recipients_bench import LIST, Example, Section, changed, told
from tests.sites import ROOT

PAGES = {"en": ROOT / "docs/recipients.md", "zh_CN": ROOT / "docs/recipients.zh-CN.md"}
LANGUAGES = list(PAGES)
BEGIN, END = "<!-- errors: written by python -m tests.recipients_page --write -->", "<!-- end of errors -->"
_LIST = (
    "The examples were made with this list. What an example has changed in it, or in a file that is read beside it, "
    "stands above it.",
    "下面的例子用的是这份名单；例子改动了哪些行，或者另外读入的文件是怎样写的，列在该例上面。",
)


def entry(example: Example, language: str) -> str:
    """The lines that were changed, the command, what it prints, and what to do."""
    number = LANGUAGES.index(language)
    lines = "".join(f"- `{file}:{line}` `{text}`\n" for file, line, text in changed(example))
    command = f"$ distributor {example.command}\n" if example.command else ""
    advice = example.advice[number]
    printed = f"```\n{command}{told(example, language)}\n```\n"
    return (f"{lines}\n" if lines else "") + printed + (f"\n{advice}\n" if advice else "")


def shown(language: str) -> str:
    """What stands between the marks of the page."""
    _before, _begin, rest = PAGES[language].read_text("utf-8").partition(BEGIN)
    return rest.partition(END)[0]


def _errors(language: str) -> str:
    """All sections."""
    number = LANGUAGES.index(language)
    sections = track(SECTIONS, language) if sys.stderr.isatty() else SECTIONS
    parts = [f"{_LIST[number]}\n\n```yaml\n{LIST}```\n", *(_section(section, number) for section in sections)]
    return "\n".join(parts)


def _section(section: Section, number: int) -> str:
    return "\n".join([f"### {section.title[number]}\n", f"{section.text[number]}\n", *_entries(section, number)])


def _entries(section: Section, number: int) -> Iterator[str]:
    for code, examples in groupby(section.examples, key=lambda example: example.code):
        yield f"**{code}**\n"
        yield from (entry(example, LANGUAGES[number]) for example in examples)


def _write(language: str) -> None:
    page = PAGES[language]
    before, _begin, rest = page.read_text("utf-8").partition(BEGIN)
    _old, end, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{_errors(language)}\n{end or END}{after}", "utf-8")


def main() -> None:
    """Write the pages, or show what they would be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put it into the pages, in the place of what is there")
    wish = parser.parse_args()
    for language in LANGUAGES:
        if wish.write:
            _write(language)
        else:
            sys.stdout.write(_errors(language))


if __name__ == "__main__":
    main()
