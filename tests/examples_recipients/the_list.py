"""What is said of recipients.yaml itself."""

from distributor.recipients import loader
from tests.recipients_bench import LIST, Bench, Example, Section, listed

_LIST = "recipients list"


def _unreadable(bench: Bench) -> None:
    path = bench.folder / "recipients.yaml"
    path.unlink()
    loader.load(path)


FILE = Section(
    (
        "The list cannot be read",
        "名单无法读取",
    ),
    (
        "Every command that uses the list says these, and `send` and `check` too: nothing is sent before they are "
        "mended. Most come from typing: a full-width colon, a tab, a quote without its other half.",
        "凡是用到名单的命令都会这样提示，`send` 和 `check` 也是；改好之前一封信也不会发出。多半是输入的问题："
        "冒号用了全角、缩进用了制表符、引号只有一半。",
    ),
    [
        Example(
            "unreadable-list",
            call=_unreadable,
            advice=(
                "The list was taken away or locked between two steps of a command.",
                "名单在命令执行当中被移走，或者被禁止读取。",
            ),
        ),
        Example("empty-file", _LIST, {"recipients.yaml": "# 收件名单\n"}),
        Example(
            "too-large",
            _LIST,
            {"recipients.yaml": lambda: LIST.encode() + b"# 16 MB\n" * 2_100_000},
            (
                "Ten thousand contacts fit well; for more see [Large lists](#large-lists).",
                "一万个联系人完全放得下；更多时请看[很长的名单](#很长的名单)。",
            ),
        ),
        Example(
            "not-utf-8",
            _LIST,
            {"recipients.yaml": LIST.encode("gb18030")},
            (
                "In Notepad: Save as, and UTF-8 below the file's name. A list in which some lines were pasted in "
                "another encoding has to be mended in the line that is named.",
                "在记事本里：另存为，编码选 UTF-8。如果只是贴进来的几行编码不对，请在所指的那一行改正。",
            ),
        ),
        Example(
            "control-character",
            _LIST,
            listed(("市甲局: {", "市甲局: { \x0b")),
            (
                "It came with text that was pasted from Word or a web page and is invisible in most editors: delete "
                "that part of the line and type it anew.",
                "多半是从 Word 或网页粘贴带来的，编辑器里看不见：请删掉那一处，重新输入。",
            ),
        ),
        Example("bad-yaml", _LIST, listed(("audiences:", "audiences："))),
        Example("bad-yaml", _LIST, listed(("  送:", "\t送:"))),
        Example("bad-yaml", _LIST, listed(("[市甲局, 市乙局]", "[市甲局, 市乙局"))),
        Example("too-deep", _LIST, {"recipients.yaml": LIST + "more: " + "[" * 20 + "]" * 20 + "\n"}),
        Example("second-document", _LIST, listed(("units:\n", "---\nunits:\n"))),
        Example("duplicate-key", _LIST, listed(("  市乙局: {", "  市甲局: {"))),
        Example(
            "bad-key",
            _LIST,
            listed(("  市乙局: {", "  [市乙局]: {")),
            ("Brackets and braces cannot stand before a colon.", "冒号前面不能写方括号、花括号。"),
        ),
        Example("merge-key", _LIST, listed(("  市乙局: {", "  市乙局: {<<: {}, "))),
        Example("anchor", _LIST, listed(("市甲局: {", "市甲局: &a {"))),
        Example("alias", _LIST, listed(("{contacts: [{name: 收文, email: b@beta.example.org}]}", "*a"))),
        Example("tag", _LIST, listed(("name: 办公室", "name: !!str 办公室"))),
        Example(
            "not-text",
            _LIST,
            listed(("name: 办公室", "name: 2025-01-01")),
            (
                "What looks like a number, a date, a time or a yes or no is not text for every program that reads "
                "YAML.",
                "看着像数字、日期、时间或者“是否”的，别的程序未必当作文字。",
            ),
        ),
        Example("not-text", _LIST, listed(("name: 办公室", "name: "))),
    ],
)

CONTENT = Section(
    (
        "The list says something that cannot be",
        "名单的内容有误",
    ),
    (
        "All of them are told at once, in the order of the lines.",
        "一次列出全部，按行号排列。",
    ),
    [
        Example("missing-key", _LIST, listed(("name: 办公室, ", ""))),
        Example("unknown-key", _LIST, listed(("email: c@", "emial: c@"))),
        Example(
            "wrong-shape",
            _LIST,
            listed(("units: [丙公司]", "units: 丙公司")),
            (
                "Here brackets are missing: `units: [丙公司]`.",
                "这里少了方括号：`units: [丙公司]`。",
            ),
        ),
        Example("bad-text", _LIST, listed(("name: 办公室", 'name: "办公室 "'))),
        Example("bad-text", _LIST, listed(("name: 办公室", 'name: "办\u200b公室"'))),
        Example("bad-address", _LIST, listed(("c@gamma.example.com", "c@gamma@example.com"))),
        Example("bad-address", _LIST, listed(("c@gamma.example.com", "c＠gamma.example.com"))),
        Example("bad-endpoint", _LIST, listed(("email: c@gamma.example.com", "wecom: 工作群"))),
        Example("two-addresses", _LIST, listed(("c@gamma.example.com", "c@gamma.example.com, wecom: office-1"))),
        Example("no-reason", _LIST, listed(("c@gamma.example.com", "c@gamma.example.com, disabled: 是"))),
        Example("unknown-group", _LIST, listed(("only: 发", "only: 抄送"))),
        Example("repeated-label", _LIST, listed(("labels: [发]", "labels: [发, 送]"))),
        Example("wrong-order", _LIST, listed(("labels: [发]", "order: 1, labels: [发]"))),
        Example("unknown-unit", _LIST, listed(("units: [丙公司]", "units: [丙 公 厂]"))),
        Example("repeated-unit", "recipients check", listed(("units: [丙公司]", "units: [丙公司, 丙公司]"))),
        Example("unused-unit", "recipients check", listed(("units: [丙公司]", "units: []"))),
        Example(
            "more-faults",
            _LIST,
            {"recipients.yaml": LIST.replace("email: c@gamma.example.com}", "email: c}" + ", {email: c}" * 600)},
            (
                "The first thousand are shown; they mostly have one cause.",
                "只列出前一千处；它们多半是同一个原因。",
            ),
        ),
    ],
)
