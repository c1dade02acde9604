"""What is said of a CSV file that the list includes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from distributor.recipients import loader
from distributor.recipients.include import open_include
from tests.recipients_bench import Bench, Content, Example, Section, listed

_LIST = "recipients list"
HEADER = "单位,联系人,邮箱\n"
INCLUDED = listed(("units: [丙公司]}", "units: [丙公司], include: members.csv}"))
"""The list, which includes members.csv."""


def including(content: Content) -> dict[str, Content]:
    """The list that includes members.csv, and that."""
    return INCLUDED | {"members.csv": content}


def _not_readable(bench: Bench) -> None:
    open_include(bench.folder / "members.csv", "members.csv", {})


def _changed(bench: Bench) -> None:
    (audience,) = (each for each in loader.load(bench.folder / "recipients.yaml").audiences.values() if each.includes)
    bench.write("members.csv", HEADER + "丁公司,办公室,d2@delta.example.com\n")
    list(audience.includes[0].read())


@contextlib.contextmanager
def _file_outside() -> Iterator[None]:
    outside = Path("..", f"{Path.cwd().name}.csv")
    outside.write_text(HEADER, "utf-8")
    try:
        Path("members.csv").symlink_to(outside)
        yield
    finally:
        outside.unlink()


SECTION = Section(
    (
        "An included file",
        "引入的文件",
    ),
    (
        "Every row of an included file is checked whenever the list is used; its first hundred faults are told.",
        "每次使用名单，都会核对引入文件的每一行；有错时列出前一百处。",
    ),
    [
        Example("missing-include", _LIST, INCLUDED),
        Example(
            "outside-include",
            _LIST,
            INCLUDED,
            (
                "Links that lead out of the folder count as outside, too.",
                "通过链接指到别的文件夹，也算不在里面。",
            ),
            within=_file_outside,
        ),
        Example(
            "unreadable-include",
            call=_not_readable,
            advice=(
                "The file was taken away or locked between two steps of a command.",
                "文件在命令执行当中被移走，或者被禁止读取。",
            ),
        ),
        Example(
            "changed-include",
            call=_changed,
            files=including(HEADER + "丁公司,办公室,d@delta.example.com\n"),
            advice=(
                "Somebody saved the file while a command was reading it; nothing was sent and nothing written.",
                "命令正在读的时候，有人保存了这个文件；没有发送，也没有写入。",
            ),
        ),
        Example("not-csv", _LIST, including(b"PK\x03\x04 a workbook")),
        Example("empty-file", _LIST, including("")),
        Example("unknown-column", _LIST, including("单位,联系人,邮箱,电邮\n")),
        Example("duplicate-column", _LIST, including("单位,联系人,邮箱,E-mail\n")),
        Example("missing-column", _LIST, including("单位,邮箱\n")),
        Example("bad-csv", _LIST, including(HEADER + '丁公司,"办公室,d@delta.example.com\n')),
        Example("too-many-cells", _LIST, including(HEADER + "丁公司,办公室,d@delta.example.com,收文,甲\n")),
        Example("missing-cell", _LIST, including(HEADER + "丁公司,,d@delta.example.com\n")),
        Example("bad-text", _LIST, including(HEADER + "丁公司,办\u200b公室,d@delta.example.com\n")),
        Example("bad-address", _LIST, including(HEADER + "丁公司,办公室,d@delta.example.com；e@delta.example.com\n")),
        Example("no-reason", _LIST, including("单位,联系人,邮箱,停用\n丁公司,办公室,d@delta.example.com,否\n")),
        Example(
            "more-faults",
            _LIST,
            including(HEADER + "丁公司,办公室,\n" * 120),
            (
                "They mostly have one cause: mend the first, and look again.",
                "它们多半是同一个原因：改好第一处，再看一遍。",
            ),
        ),
    ],
)
