"""What `recipients check` says of a list that can be used, and what is said of it beside a bulletin or an issue."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from distributor.distribution import checking, mail_domains
from distributor.recipients import repeated, survey
from tests import ledgers
from tests.examples_recipients.includes import HEADER, including
from tests.nameserver import NameServer
from tests.recipients_bench import Bench, Content, Example, Section, listed
from tests.sites import BULLETIN
from tests.smtpd import Smtpd

_CHECK = "recipients check"
_B = "email: b@beta.example.org"
_C = "email: c@gamma.example.com"
_NO_SUCH = "550 5.1.1 no such user here"
_MEMBERS_ONLY = BULLETIN.replace("送：有关部门\n", "")


def _answering(step: str, reply: str, *, to: str | None = None) -> Callable[[], AbstractContextManager[Any]]:
    """A mail server that refuses letters, as the site's relay."""

    @contextlib.contextmanager
    def held() -> Iterator[None]:
        with Smtpd() as server:
            server.on(step, reply, to=to)
            os.environ["DISTRIBUTOR_RELAY"] = f"smtp://{server.relay}"
            yield

    return held


def _asking(zones: Mapping[str, Mapping[str, str] | None]) -> Callable[[], AbstractContextManager[Any]]:
    """A name server that knows no more than *zones*."""

    @contextlib.contextmanager
    def held() -> Iterator[None]:
        with NameServer(zones) as server, mock.patch.object(mail_domains, "system_resolver") as resolver:
            resolver.return_value = server.resolver
            yield

    return held


def _limit(module: Any, name: str, value: int) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: mock.patch.object(module, name, value)


@contextlib.contextmanager
def _crowd() -> Iterator[None]:
    with _answering("rcpt", _NO_SUCH)(), mock.patch.object(checking, "MOST_FAILED", 1):
        yield


def _sent(bench: Bench) -> None:
    bench.send(60)


def _sent_to_members(bench: Bench) -> None:
    bench.send(60, _MEMBERS_ONLY)
    bench.send(61, _MEMBERS_ONLY)


def _long_ago(bench: Bench) -> None:
    bench.send(60)
    with ledgers.opened(f"sqlite:///{bench.folder / 'distributor.sqlite3'}") as ledger:
        ledgers.execute(ledger, "UPDATE issues SET opened_at = CAST(strftime('%s', '2025-03-05') AS INTEGER) * 1000000")


def _sent_then_moved(bench: Bench) -> None:
    bench.send(60)
    bench.run("recipients", "set", "unit", "市乙局", "--leave", "有关部门", "--yes")


CHECK = Section(
    (
        "What `recipients check` finds",
        "`recipients check` 查出的问题",
    ),
    (
        "The list can be used, and yet something is probably not as it should be. Nothing is corrected: look, and "
        "decide. Of each kind the first twenty are shown, with `--all` all of them.",
        "名单可以使用，但多半有什么不对。程序不会替您改：请看一看，再决定。每类先列前二十项，加 `--all` 列出全部。",
    ),
    [
        Example(
            "bad-mailbox",
            _CHECK,
            within=_answering("rcpt", _NO_SUCH, to="c@gamma.example.com"),
            before=_sent,
            advice=(
                "Only what the receiving server itself says of the mailbox counts. `distributor recipients disable "
                "--bad` shows all such contacts and disables them in one step.",
                "只以对方服务器对该邮箱的答复为准。`distributor recipients disable --bad` 列出所有这样的联系人，"
                "并一次停用。",
            ),
        ),
        Example(
            "failed-lately",
            _CHECK,
            within=_answering("dot", "550 5.7.1 not wanted here", to="c@gamma.example.com"),
            before=_sent,
            advice=(
                "The mailbox may be in order, and the contact stays as it is.",
                "邮箱未必有问题，联系人保持原样。",
            ),
        ),
        Example(
            "many-failed",
            _CHECK,
            within=_crowd,
            before=_sent,
            advice=(
                "More than ten thousand (the example has a lower limit) fail for a reason of ours or the relay's; none "
                "is held against its contact.",
                "超过一万封（例中限度已调低）未发成，原因在我方或发信服务器；不记在各联系人名下。",
            ),
        ),
        Example("misspelt-domain", _CHECK, listed((_C, "email: c@136.com"))),
        Example(
            "rare-domain",
            _CHECK,
            including(
                HEADER
                + "".join(f"单位{n},办公室,{n}@delta.example.com\n" for n in range(12))
                + "丁公司,办公室,d@dleta.example.com\n"
            ),
        ),
        Example(
            "similar-address",
            _CHECK,
            listed((_C, "email: office@gamma.example.com}, {name: 财务, email: ofice@gamma.example.com")),
            ("If both are right, nothing needs to be done.", "如果都没有错，不必处理。"),
        ),
        Example("repeated-address", _CHECK, listed((_C, f"{_C}}}, {{name: 财务, email: C@gamma.example.com"))),
        Example(
            "shared-address",
            _CHECK,
            listed((_B, "email: a@alpha.example.org")),
            (
                "Two units in one house may share a mailbox; the account names both.",
                "合署办公的单位可以共用一个邮箱；报告会列出它们。",
            ),
        ),
        Example("two-groups", _CHECK, listed((_C, "email: a@alpha.example.org"))),
        Example("two-groups", _CHECK, listed(("units: [丙公司]", "units: [丙公司, 市甲局]"))),
        Example("partly-disabled", _CHECK, listed((_B, "email: a@alpha.example.org, disabled: 机构调整"))),
        Example(
            "many-repeated",
            _CHECK,
            including(HEADER + "丁公司,办公室,a@alpha.example.org\n丁公司,财务,b@beta.example.org\n"),
            (
                "Of more than ten thousand (the example has a lower limit) the others are counted alone. A file was "
                "probably imported twice.",
                "超过一万个时（例中限度已调低），其余只计数。多半是同一份文件导入了两次。",
            ),
            within=_limit(repeated, "MOST_ADDRESSES", 1),
        ),
        Example(
            "similar-unit",
            _CHECK,
            listed(
                ("units: [市甲局, 市乙局]", "units: [市三防办, 市乙局, 市“三防”办]"),
                ("市甲局: {contacts", "市三防办: {contacts"),
                ("市乙局: {c", "市“三防”办: {contacts: [{name: 收文, email: d@delta.example.org}]}\n  市乙局: {c"),
            ),
        ),
        Example(
            "repeated-contact",
            _CHECK,
            listed((_C, f"{_C}}}, {{name: 办公室, email: d@gamma.example.com")),
            (
                "If they are two, names that tell them apart make reports easier to read: "
                "`distributor recipients rename contact`.",
                "如果确是两个，改用能够区别的名称，报告更好读：`distributor recipients rename contact`。",
            ),
        ),
        Example(
            "no-role",
            _CHECK,
            listed((_B, f"{_B}, role: 收文}}, {{name: 秘书, email: b2@beta.example.org")),
            (
                "Told only where the list uses roles at all: `distributor recipients set contact … --role 收文`.",
                "名单里有人写了职责时才提示：`distributor recipients set contact … --role 收文`。",
            ),
        ),
        Example("silent-unit", _CHECK, listed((_C, f"{_C}, disabled: 人员变动"))),
        Example("empty-audience", _CHECK, listed((_C, f"{_C}, disabled: 人员变动"))),
        Example(
            "unused-audience",
            f"{_CHECK} --issues 2",
            before=_sent_to_members,
            advice=(
                "Without `--issues` the last ten bulletins are looked at, and nothing is said before there are ten.",
                "不写 `--issues` 时看最近十期；不满十期时不提示。",
            ),
        ),
        Example(
            "long-disabled",
            _CHECK,
            listed((_C, f"{_C}, disabled: 人员变动")),
            before=_long_ago,
            advice=(
                "Long is 180 days; `--days` says otherwise.",
                "满 180 天算已久，可用 `--days` 另定。",
            ),
        ),
        Example(
            "no-such-domain",
            f"{_CHECK} --dns",
            within=_asking(
                {"alpha.example.org": {"MX": "10 mail.example.org."}, "gamma.example.com": {"A": "192.0.2.1"}}
            ),
        ),
        Example(
            "takes-no-mail",
            f"{_CHECK} --dns",
            within=_asking({"beta.example.org": {"MX": "0 ."}}),
        ),
        Example(
            "unasked-domain",
            f"{_CHECK} --dns",
            within=_asking({"beta.example.org": {"FAIL": ""}}),
            advice=(
                "No answer is no verdict: nothing is said of those domains.",
                "没有答复不等于有问题：对这些域名不作判断。",
            ),
        ),
        Example(
            "many-domains",
            _CHECK,
            within=_limit(survey, "MOST_DOMAINS", 2),
            advice=(
                "More than a hundred thousand; the first ones were compared with each other as usual.",
                "超过十万个；前面的照常互相比对。",
            ),
        ),
    ],
)

_READ = "check 60.txt"


def _printed(*exchanged: tuple[str, str]) -> dict[str, Content]:
    """The bulletin with another imprint."""
    text = BULLETIN.format(number=4, total=60)
    for old, new in exchanged:
        text = text.replace(old, new)
    return {"60.txt": text}


IMPRINT = Section(
    (
        "A bulletin and the list",
        "简报与名单对不上",
    ),
    (
        "`distributor check` and `send` say these of a bulletin's imprint. An error ends it before a letter is made.",
        "`distributor check` 和 `send` 核对报尾时这样提示。有错误（✗）时一封信也不会发出。",
    ),
    [
        Example("unmapped-label", _READ, _printed(("送：", "抄送："))),
        Example("unknown-audience", _READ, _printed(("各会员单位", "各会员"))),
        Example("contrary-label", _READ, _printed(("送：有关部门", "发：有关部门"))),
        Example(
            "unresolved-name",
            "send 60.txt --allow-unresolved --dry-run",
            _printed(("有关部门", "有关部门、市丁局")),
            (
                "`distributor report` names it as left out; once it is in the list, `distributor resend … --missing` "
                "sends what is lacking.",
                "`distributor report` 会列出它；补进名单之后，用 `distributor resend … --missing` 补发。",
            ),
        ),
        Example(
            "group-not-printed",
            "send 60.txt --group 报 --dry-run",
            listed(("groups:\n", "groups:\n  报: {labels: [报], template: superiors.html.j2, subject: 简报}\n"))
            | _printed(),
        ),
        Example("repeated-audience", _READ, _printed(("有关部门", "有关部门、有关部门"))),
        Example("silent-unit", _READ, _printed() | listed((_C, f"{_C}, disabled: 人员变动"))),
    ],
)

ISSUES = Section(
    (
        "Issues that were sent, and addresses",
        "已发各期与邮箱",
    ),
    (
        "`diff`, `who`, `history` and the confirmation of `send` say these.",
        "`diff`、`who`、`history` 和 `send` 确认时这样提示。",
    ),
    [
        Example(
            "left-out",
            "recipients diff",
            before=_sent_then_moved,
            advice=(
                "If that is meant, go on; it is asked about nowhere else. If not, `distributor recipients history "
                "--unit 市乙局` tells who changed what.",
                "如果本意如此，可以照发；如果不是，用 `distributor recipients history --unit 市乙局` "
                "查看何人改了什么。",
            ),
        ),
        Example(
            "no-issue",
            "recipients diff --bulletin 61.txt",
            _printed(("园区工作简报", "园区工作快报"))
            | {"61.txt": BULLETIN.replace("园区工作简报", "园区工作快报").format(number=1, total=1)},
            before=_sent,
            advice=(
                "There is nothing to compare with yet: `distributor check` shows whom it reaches.",
                "还没有可以比较的一期：用 `distributor check` 查看发给谁。",
            ),
        ),
        Example("unknown-address", "recipients who c@gamma.example.org"),
        Example("bad-address", "recipients history --address 丙公司"),
    ],
)
