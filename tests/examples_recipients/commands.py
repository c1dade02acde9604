"""What is said by the commands that change the list."""

from collections.abc import Sequence
from unittest import mock

from distributor.distribution import editing
from distributor.distribution.editing import Act
from distributor.distribution.site import open_site
from distributor.errors import Finding, LedgerError, Severity
from distributor.recipients import edits
from tests.examples_recipients.includes import HEADER, including
from tests.recipients_bench import LIST, Bench, Example, Section, listed

_SHARED = listed(("email: b@beta", "email: a@alpha.example.org}, {name: 秘书, email: b@beta"))
_MEMBERS = including(HEADER + "丁公司,办公室,d@delta.example.com\n")


def _two_at_once(bench: Bench) -> None:
    def meanwhile(_edited: object) -> None:
        bench.run("recipients", "rename", "unit", "丙公司", "丙集团", "--yes")

    with open_site() as site:
        act = Act(lambda draft: edits.rename_unit(draft, "市甲局", "市甲委"), "recipients rename unit 市甲局 市甲委")
        editing.edit(site, act, meanwhile, at_once=False)


def _full_ledger(_bench: Bench) -> Sequence[Finding]:
    """The disk is full when the change of the list is to be recorded."""
    full = LedgerError([Finding(Severity.ERROR, "ledger-full", "the disk is full")])
    act = Act(lambda draft: edits.rename_unit(draft, "市甲局", "市甲委"), "recipients rename unit 市甲局 市甲委")
    with open_site() as site, mock.patch.object(editing, "record", side_effect=[None, full]):
        try:
            editing.edit(site, act, lambda _edited: None, at_once=True)
        except LedgerError as error:
            return error.findings
    return ()


def _lock_in_the_way(bench: Bench) -> None:
    (bench.folder / ".recipients.yaml.lock").mkdir()


SECTION = Section(
    (
        "A change that is not made",
        "不能照办的改动",
    ),
    (
        "`add`, `set`, `disable`, `enable`, `move`, `rename` and `remove` write nothing then: the list stays as it "
        "was.",
        "`add`、`set`、`disable`、`enable`、`move`、`rename`、`remove` 此时都不会写入，名单保持原样。",
    ),
    [
        Example("unknown-name", "recipients show 市甲厅"),
        Example("unknown-name", "recipients enable a@alpha.example.com"),
        Example("unknown-unit", "recipients set unit 市甲厅 --salutation 市甲局办公室"),
        Example("unknown-audience", "recipients add unit 丁公司 --to 会员单位"),
        Example(
            "unknown-group",
            "recipients remove group 报",
            advice=("`add group` adds it.", "需要时用 `add group` 增加。"),
        ),
        Example(
            "unit-exists",
            "recipients add unit 丙公司 --to 各会员单位",
            advice=(
                "`add contact` adds a contact to it, `set unit --join` puts it into another audience.",
                "给它增加联系人用 `add contact`，列入别的名称用 `set unit --join`。",
            ),
        ),
        Example("audience-exists", "recipients rename audience 有关部门 各会员单位"),
        Example(
            "group-exists",
            "recipients add group 发",
            advice=("`set group` changes it.", "修改它用 `set group`。"),
        ),
        Example(
            "contact-exists",
            "recipients add contact 丙公司 C@gamma.example.com --name 财务",
            advice=(
                "A mailbox gets one letter, whoever reads it; letters in upper or lower case make no difference. "
                "`set contact` or `rename contact` changes the one that is there.",
                "同一个邮箱只收一封，不论有几个人看；大小写不算区别。修改原有的联系人用 `set contact` 或 "
                "`rename contact`。",
            ),
        ),
        Example("which-contact", "recipients set contact a@alpha.example.org --role 收文", _SHARED),
        Example(
            "which-contact",
            "recipients remove contact c@gamma.example.com",
            listed(
                ("email: c@gamma.example.com", "email: c@gamma.example.com}, {name: 财务, email: c@gamma.example.com")
            ),
        ),
        Example(
            "which-audience",
            "recipients move unit 丙公司 --to 理事单位",
            listed(
                ("units: [丙公司]}\n", "units: [丙公司]}\n  重点单位: {units: [丙公司]}\n  理事单位: {units: []}\n")
            ),
        ),
        Example("included-unit", "recipients set unit 丁公司 --join 有关部门", _MEMBERS),
        Example(
            "no-contact",
            "recipients add unit 戊公司 --to 各会员单位",
            _MEMBERS | {"recipients.yaml": LIST.replace("units: [丙公司]", "include: members.csv")},
        ),
        Example("no-reason", "recipients disable 丙公司 --reason 是"),
        Example("bad-address", "recipients set contact c@gamma.example.com --email c.gamma.example.com"),
        Example("bad-text", 'recipients rename unit 丙公司 "丙公司 "'),
        Example(
            "unusable",
            "recipients set audience 各会员单位 --include members.csv",
            advice=(
                "What is wrong follows, by file and line of the list as it would be.",
                "后面接着列出错在哪里，文件和行号按改动之后的名单。",
            ),
        ),
        Example(
            "unkept",
            "recipients add contact 丙公司 d@gamma.example.com --name 财务",
            listed(("  丙公司: {contacts", "  ? 丙公司\n  : {contacts")),
            (
                "YAML allows ways of writing that hardly anybody uses; written as in the rest of the list, commands "
                "can change it.",
                "这是 YAML 中很少用的写法；改成与名单其他部分一样的写法，命令就能改动。",
            ),
        ),
        Example(
            "changed-list",
            call=_two_at_once,
            advice=(
                "Two changed the list at once, and this one came second; see [Two at once](#two-at-once).",
                "两个人同时改名单，这一个在后；见[两人同时改](#两人同时改)。",
            ),
        ),
        Example(
            "unrecorded",
            call=_full_ledger,
            advice=(
                "The next line says what the ledger lacks. Once that is mended, the next command notes the change in "
                "the history.",
                "下一行说明账本的问题。解决以后，下一个命令会把这次改动记入变更记录。",
            ),
        ),
        Example(
            "unwritable-list",
            "recipients rename unit 丙公司 丙集团 --yes",
            before=_lock_in_the_way,
            advice=(
                "Commands write beside the list and put the new file in its place: they need the folder, not only the "
                "file.",
                "命令先在名单旁边写好新文件，再替换原来的：文件夹和文件都要有写入权限。",
            ),
        ),
    ],
)
