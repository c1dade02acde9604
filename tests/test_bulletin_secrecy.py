"""Secrecy markings: in every form and place they refuse the bulletin or ask; words about secrets do neither."""

import pytest

from distributor.bulletin import reader
from distributor.errors import RefusedError, Severity
from tests.test_bulletin_reader import WHOLE, codes, parsed, refusal


@pytest.mark.parametrize(
    "marking",
    [
        "秘密",
        "秘 密",
        "秘　密",
        "机密★1年",
        "机　密　★　一年",
        "绝密★长期",
        "绝密 ★ 启用前",
        "秘密 10年",
        "秘密级",
        "密级：秘密",
        "密级:　机　密",
        "【机密】",
        "（秘密）",
        "机密★1年    编号：003",
        "编号：003　　　　机密★1年",
        "特急    绝密",
        "【密级】机密",
        "【密级】：机密",
        "密级 ：机 密",
        "[机密]",
        "★秘密",
        "★机密★",
        "“秘密”★1年",
        "「機密」",
        "機密",
        "絕密",
        "祕密",
        "密級：機密★10年",
        "（秘密★1年）",
    ],
)
@pytest.mark.parametrize(
    "head", ["{marking}\n园区简报\n第4期\n", "园区简报\n{marking}\n第4期\n", "{marking}\n关于某事的报告\n"]
)
def test_a_secret_bulletin_is_refused(head: str, marking: str) -> None:
    error = refusal(head.format(marking=marking) + "\n甲事。\n\n送：市有关部门\n")
    assert isinstance(error, RefusedError)
    assert error.exit_code == 2
    (finding,) = error.findings
    assert finding.code == "secret"
    assert finding.place is not None
    assert finding.place.line == 1 + head.startswith("园区")


@pytest.mark.parametrize(
    "marking",
    ["（秘密）", "【密级】机密", "★秘密", "“秘密”★1年", "機密", "[机密]", "密级 ：机 密", "密级：秘密    编号：3"],
)
@pytest.mark.parametrize(
    "text",
    [
        "园区简报\n第4期\n园区协会\n2026年3月2日\n{marking}\n\n【动态】\n甲事\n甲事已办。\n\n送：甲\n",
        "园区简报\n第4期\n\n【动态】\n关于甲事的通报\n{marking}\n\n甲事已办。\n\n送：甲\n",
        "园区简报\n第4期\n\n【动态】\n甲事\n甲事已办。\n\n送：甲\n{marking}\n",
    ],
    ids=["below the head", "below a title", "at the end"],
)
def test_a_marking_counts_on_any_line_of_its_own(text: str, marking: str) -> None:
    assert isinstance(refusal(text.format(marking=marking)), RefusedError)


@pytest.mark.parametrize("marking", ["（秘密）", "[机密]", "【绝密】", "（秘密★1年）", "〔機密〕★5年", "（ 秘 密 ）"])
def test_a_marking_in_brackets_at_the_end_of_a_title_counts(marking: str) -> None:
    text = "园区简报\n第4期\n\n【动态】\n关于甲事的通知{marking}\n\n甲事已办。\n\n送：甲\n"
    assert isinstance(refusal(text.format(marking=marking)), RefusedError)
    assert isinstance(refusal(f"园区简报{marking}\n第4期\n\n甲事已办。\n\n送：甲\n"), RefusedError)


@pytest.mark.parametrize(
    "fault", ["送：甲    发：乙\n", "", "正文。\n送：" + "某" * 101 + "\n"], ids=["labels", "no list", "long name"]
)
def test_a_secret_bulletin_is_refused_whatever_else_is_wrong(fault: str) -> None:
    error = refusal("園區簡報\n機密\n2019年2月30日\n" + fault)
    assert isinstance(error, RefusedError)
    assert [finding.code for finding in error.findings] == ["secret"]


def test_a_marking_on_a_line_of_its_own_counts_wherever_it_was_moved_to() -> None:
    error = refusal(WHOLE + "\n秘密★5年\n")
    assert isinstance(error, RefusedError)


@pytest.mark.parametrize(
    "text",
    [
        "严格保守国家秘密，绝密、机密文件单独保管。",
        "会议强调：机密 文件要专人管理。",
        "保守秘密",
        "机密级计算机的管理办法印发",
        "“秘密”与“机密”有别。",
        "商业秘密保护工作推进会召开",
        "“机密”芯片发布会召开",
        "（机密、秘密）分级管理办法",
        "关于秘密载体（机密级以上）管理的通知",
        "会议学习了国家秘密的分级（绝密、机密、秘密）。",
        "文件属于国家秘密（机密）。",
    ],
)
def test_words_about_secrets_are_no_marking(text: str) -> None:
    bulletin = reader.read(f"园区简报\n第4期\n\n【保密工作】\n\n{text}\n\n甲事已办。\n\n送：甲\n".encode(), "a.txt")
    assert bulletin.secrecy is None


@pytest.mark.parametrize(
    "title", ["商业秘密保护工作推进会召开", "“机密”芯片发布会召开", "企业商业秘密★保护行动启动", "《秘密花园》上映"]
)
@pytest.mark.parametrize("head", ["", "园区简报\n第4期\n2026年3月2日\n\n"])
def test_words_about_secrets_in_the_first_title_are_no_marking(head: str, title: str) -> None:
    assert reader.read(f"{head}{title}\n\n甲事已办。\n\n送：甲\n".encode(), "a.txt").secrecy is None


@pytest.mark.parametrize(
    ("marking", "name"),
    [
        ("内部资料", "内部资料"),
        ("内 部 资 料", "内部资料"),
        ("内部资料 注意保存", "内部资料"),
        ("内部资料，请勿外传！", "内部资料"),
        ("（内部刊物）", "内部刊物"),
        ("[内部文件]  妥善保管", "内部文件"),
        ("内部", "内部"),
        ("工作秘密★1年", "工作秘密"),
        ("内部资料    编号：12", "内部资料"),
    ],
)
def test_an_internal_bulletin_asks(marking: str, name: str) -> None:
    bulletin = parsed(f"{marking}\n园区简报\n第4期\n\n【甲】\n甲事。\n\n送：甲\n")
    assert bulletin.secrecy == name
    assert codes(bulletin)["internal"] is Severity.QUESTION
    assert bulletin.masthead == "园区简报"


def test_the_gravest_marking_counts() -> None:
    assert isinstance(refusal("内部资料 注意保存\n机密\n" + WHOLE), RefusedError)
