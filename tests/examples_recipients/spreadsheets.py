"""What is said of a file that is to be imported or exported, as a whole."""

import io
from typing import Any
from zipfile import ZipFile

from distributor.recipients import exchange
from distributor.recipients.sheets import package
from tests.examples_recipients.includes import HEADER, including
from tests.recipients_bench import Bench, Example, Section, workbook

TITLES = ["单位", "联系人", "邮箱"]
ROW = ["丁公司", "办公室", "d@delta.example.com"]
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _word() -> bytes:
    stream = io.BytesIO()
    with ZipFile(stream, "w") as zipped:
        zipped.writestr("word/document.xml", "<document/>")
    return stream.getvalue()


def _hidden(sheet: Any) -> None:
    sheet.parent.create_sheet("封面", 0)
    sheet.parent.active = 0
    sheet.sheet_state = "hidden"


def _all_hidden(bench: Bench) -> None:
    """Openpyxl saves no workbook without a visible sheet, and programs make them all the same."""
    made = workbook(TITLES, ROW)()
    stream = io.BytesIO()
    with ZipFile(io.BytesIO(made)) as old, ZipFile(stream, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info, data.replace(b'state="visible"', b'state="hidden"'))
    bench.write("new.xlsx", stream.getvalue())


def _huge(bench: Bench) -> None:
    """Sparse: it takes no room on the disk."""
    path = bench.folder / "new.xlsx"
    path.write_bytes(b"PK\x03\x04")
    with path.open("r+b") as stream:
        stream.truncate(package.MAX_FILE + 1)


READ = Section(
    (
        "A file that cannot be imported",
        "不能导入的文件",
    ),
    (
        "Nothing is taken of it.",
        "一行也没有采用。",
    ),
    [
        Example("unreadable-file", "recipients import new.xlsx"),
        Example("empty-file", "recipients import new.csv", {"new.csv": "\n"}),
        Example("not-a-list", "recipients import new.doc", {"new.doc": rb"{\rtf1 }"}),
        Example("not-utf-8", "recipients import new.txt", {"new.txt": HEADER.encode("utf-16")}),
        Example("not-a-workbook", "recipients import new.xls", {"new.xls": _OLE}),
        Example("not-a-workbook", "recipients import new.docx", {"new.docx": _word}),
        Example(
            "locked-workbook",
            "recipients import new.xlsx",
            {"new.xlsx": _OLE + "EncryptedPackage".encode("utf-16-le")},
        ),
        Example(
            "damaged-workbook",
            "recipients import new.xlsx",
            {"new.xlsx": lambda: workbook(TITLES, ROW)()[:-30]},
            (
                "What stands after the colon is for whoever looks into it: a file that came damaged by mail or disk "
                "should be sent again.",
                "冒号后面的内容供查究原因的人看；如果是传送或磁盘损坏了文件，请对方重新发来。",
            ),
        ),
        Example("too-large", "recipients import new.xlsx", before=_huge),
        Example("no-sheet", "recipients import new.xlsx --sheet 表2", {"new.xlsx": workbook(TITLES, ROW)}),
        Example("no-sheet", "recipients import new.xlsx", before=_all_hidden),
        Example("no-sheet", "recipients import new.csv --sheet 表1", {"new.csv": HEADER}),
        Example(
            "hidden-sheet",
            "recipients import new.xlsx --to 各会员单位",
            {
                "new.xlsx": workbook(
                    TITLES,
                    ROW,
                    change=lambda sheet: setattr(sheet.parent.copy_worksheet(sheet), "sheet_state", "hidden"),
                )
            },
        ),
        Example("no-list", "recipients import new.xlsx", {"new.xlsx": workbook(["二〇二六年通讯录"], ["科室"])}),
        Example("no-header", "recipients import new.xlsx", {"new.xlsx": workbook(ROW)}),
        Example(
            "missing-column", "recipients import new.csv", {"new.csv": "联系人,邮箱\n办公室,d@delta.example.com\n"}
        ),
        Example("missing-column", "recipients import new.csv", {"new.csv": "单位,联系人,电话\n丁公司,办公室,1\n"}),
        Example("duplicate-column", "recipients import new.csv", {"new.csv": "单位,单位,邮箱\n"}),
        Example(
            "duplicate-column",
            "recipients import new.csv --to 各会员单位",
            {"new.csv": "单位,公司,联系人,邮箱\n丁公司,丁,办公室,d@delta.example.com\n"},
        ),
        Example(
            "unread-addresses",
            "recipients import new.csv --to 各会员单位",
            {"new.csv": HEADER.strip() + ",抄收\n丁公司,办公室,d@delta.example.com,d2@delta.example.com\n"},
        ),
        Example(
            "unknown-column",
            "recipients import new.csv --to 各会员单位",
            {"new.csv": HEADER.strip() + ",生日\n丁公司,办公室,d@delta.example.com,五月\n"},
        ),
        Example(
            "no-name",
            "recipients import new.csv --to 各会员单位",
            {"new.csv": "单位,邮箱\n丁公司,d@delta.example.com\n"},
            (
                "Who reads it may be written later: `distributor recipients rename contact`.",
                "由谁收阅可以以后再写：`distributor recipients rename contact`。",
            ),
        ),
    ],
)

WRITTEN = Section(
    ("An export that is not made", "不能导出"),
    (
        "The file is written in full or not at all.",
        "文件要么完整写好，要么不写。",
    ),
    [
        Example("unknown-kind", "recipients export list.pdf"),
        Example("unwritable-file", "recipients export nowhere/list.xlsx"),
        Example(
            "too-large",
            "recipients export list.xlsx",
            including("单位,联系人,邮箱,备注\n丁公司,办公室,d@delta.example.com," + "长" * 40_000 + "\n"),
        ),
        Example(
            "too-many",
            "recipients export list.yaml",
            including(HEADER + "丁公司,办公室,d@delta.example.com\n" * (exchange.MOST_IN_LIST + 1)),
        ),
        Example("unknown-audience", "recipients export list.xlsx --audience 会员单位"),
    ],
)
