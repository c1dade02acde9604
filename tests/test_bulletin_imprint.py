"""The imprint: where it begins, its labels and names, copies and staff."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.bulletin.imprint import Imprint, read_imprint
from distributor.bulletin.labels import LabelKind, label_of
from distributor.bulletin.lines import lines_of
from distributor.bulletin.names import clean_name

BODY = "园区简报\n第4期\n\n【甲】\n\n甲事办结\n\n甲事已于昨日办结，乙事正在办理。\n\n"


def imprint_of(text: str) -> Imprint:
    return read_imprint(lines_of(text))


def routing_of(text: str) -> dict[str, list[str]]:
    return {line.label: [name.name for name in line.names] for line in imprint_of(text).routing}


@pytest.mark.parametrize(
    ("line", "is_imprint"),
    [
        ("抄送：各区人民政府", True),
        ("抄送:各区人民政府", True),
        ("　抄　送　：各区人民政府", True),
        ("印发机关：某某厅", True),
        ("（共印16份）", True),
        ("共印 16 份", True),
        ("某某办公室    2019年8月1日印发", True),
        ("编辑：张三", True),
        ("报、送：市有关部门", True),
        ("抄送单位管理规定", False),
        ("请及时抄送：相关单位", False),
        ("一、抄送：相关单位", False),
        ("（一）送：相关单位", False),
        ("送：市有关部门。请阅。", False),
        ("电话：12345678", False),
        ("主办单位：某某局", False),
        ("时间：8月1日", False),
        ("某某局", False),
    ],
)
def test_what_may_open_an_imprint(line: str, is_imprint: bool) -> None:
    lines = lines_of(BODY + line)
    assert (read_imprint(lines).start < len(lines)) is is_imprint


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("主送：各处室\n\n甲事已办。\n\n抄送：某局", ["抄送"]),
        ("主送：各处室\n\n甲事已办。\n", []),
        ("抄送：某局\n抄送单位管理规定\n主送：各处室\n请及时抄送：相关单位\n一、抄送：相关单位\n印发机关：某厅", []),
        ("送：甲\n【乙】\n丙\n", []),
        ("送：甲\n一、乙\n丙\n", []),
        ("送：甲\n\n欢迎来稿！\n", ["送"]),
        ("送：甲\n\n内部资料，注意保存。\n", ["送"]),
        ("送：甲\n\n乙\n丙\n丁\n戊\n", []),
        ("送：甲\n\n发：乙\n", ["送", "发"]),
        ("送：甲\n欢迎来稿！\n\n发：乙\n", ["发"]),
        ("发：甲\n发：乙\n", ["发", "发"]),
        ("________\n报：甲\n________\n送：乙\n________\n（共印16份）", ["报", "送"]),
        ("呈阅：甲\n好：乙\n送：丙\n不明：丁", ["呈阅", "好", "送", "不明"]),
        ("好：乙\n送：丙", ["好", "送"]),
        ("好：乙\n\n送：丙", ["送"]),
        ("答：甲事已办。乙事未办。\n送：丙", ["送"]),
        ("答：甲事已办。\n送：丙", ["答", "送"]),
        ("联系人：甲\n电话：123\n送：丙\n联系人：丁", ["送"]),
        ("送：甲\n编辑：乙  审核：丙\n地址：某路1号  邮编：300000\nE-mail: a@b.example\n发：丁", ["送", "发"]),
    ],
)
def test_which_labels_count(text: str, labels: list[str]) -> None:
    assert [line.label for line in imprint_of(BODY + text).routing] == labels


def test_contacts_above_the_imprint_stay_in_the_text() -> None:
    lines = lines_of("甲事已办。\n联系人：张三\n电话：123\n送：某局")
    assert read_imprint(lines).start == 3


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("送：甲局、乙局，丙局,丁局；戊局;己局。", ["甲局", "乙局", "丙局", "丁局", "戊局", "己局"]),
        ("送：甲局、\n乙局，\n\n丙局", ["甲局", "乙局", "丙局"]),
        ("送：\n甲局\n乙局", ["甲局", "乙局"]),
        ("送：\n\n甲局、乙局", ["甲局", "乙局"]),
        ("送：甲局\n　　乙局\n　　丙局", ["甲局", "乙局", "丙局"]),
        ("送：甲局\n、乙局", ["甲局", "乙局"]),
        ("送：甲局。\n乙局", ["甲局"]),
        ("送：市“三防”办、市国土局", ["市“三防”办", "市国土局"]),
        ("送：市“防汛、抗旱”办、市国土局", ["市“防汛、抗旱”办", "市国土局"]),
        ('送：市"防汛、抗旱"办、市国土局', ['市"防汛、抗旱"办', "市国土局"]),
        ("送：各区（甲、乙（含丙、丁））、市国土局", ["各区（甲、乙（含丙、丁））", "市国土局"]),
        ("送：各区（甲,乙)、市国土局", ["各区（甲,乙)", "市国土局"]),
        ("送：市“三防办、市国土局", ["市“三防办", "市国土局"]),
        ("送：市委办（2份）、市政府办（各 1 份）", ["市委办", "市政府办"]),
        ("送：市 商 务 局、商务部 驻津特派办、ABC 公司", ["市商务局", "商务部驻津特派办", "ABC 公司"]),
        ("送：、，甲局、、", ["甲局"]),
        ("送：市商务局、市发展和改革委员会、市工业和信息化局、市交通和港\n航管理局、市教育局", [
            "市商务局", "市发展和改革委员会", "市工业和信息化局", "市交通和港航管理局", "市教育局"
        ]),
        ("送：甲局、乙局\n丙局、丁局", ["甲局", "乙局", "丙局", "丁局"]),
        ("送：", []),
        ("送：。", []),
    ],
)  # fmt: skip
def test_names(text: str, names: list[str]) -> None:
    assert routing_of(BODY + text) == {"送": names}


def test_each_name_has_the_line_that_it_stands_on() -> None:
    (line,) = imprint_of("甲事已办。\n送：甲局、乙局、\n　丙局、\n\n丁局").routing
    assert line.line == 2
    assert [(name.name, name.line) for name in line.names] == [("甲局", 2), ("乙局", 2), ("丙局", 3), ("丁局", 5)]


@given(
    st.lists(st.sampled_from(["甲局", "市“三防”办", "各区（甲、乙）", "ABC 公司"]), min_size=1),
    st.sampled_from("、，,；;\n"),
)
def test_names_come_back_as_they_were_joined(names: list[str], separator: str) -> None:
    assert routing_of("送：" + separator.join(names)) == {"送": names}


@pytest.mark.parametrize(
    ("text", "copies", "names"),
    [
        ("送：甲局。（共印5份）", 5, ["甲局"]),
        ("送：甲局（共印 50 份）。", 50, ["甲局"]),
        ("送：甲局    共印５０份", 50, ["甲局"]),
        ("送：甲局\n（共印16份）", 16, ["甲局"]),
        ("送：甲局\n共印16份", 16, ["甲局"]),
        ("送：甲局\n印数：16份", 16, ["甲局"]),
        ("送：甲局、\n乙局（共印16份）", 16, ["甲局", "乙局"]),
        ("送：甲局\n某某办公室  2019年8月1日印发  （共印120份）", 120, ["甲局"]),
        ("送：甲局", None, ["甲局"]),
        ("送：甲局（共印5份），乙局", None, ["甲局（共印5份）", "乙局"]),
    ],
)
def test_copies(text: str, copies: int | None, names: list[str]) -> None:
    imprint = imprint_of(BODY + text)
    assert imprint.copies == copies
    assert [name.name for line in imprint.routing for name in line.names] == names


@pytest.mark.parametrize(
    ("text", "handler", "signer"),
    [
        ("承办单位：某某科  承办人：张三  电话：123", "某某科", None),
        ("承办单位：某某科", "某某科", None),
        ("编辑：张三    签发：李四    承办：某科", "某科", "李四"),
        ("签发人：\n编辑：张三", None, ""),
        ("编辑：张三", None, None),
    ],
)
def test_staff(text: str, handler: str | None, signer: str | None) -> None:
    imprint = imprint_of(f"{BODY}送：甲局\n{text}")
    assert (imprint.handler, imprint.signer) == (handler, signer)


ROUTING = [
    *(
        "报",
        "送",
        "发",
        "抄",
        "抄送",
        "抄报",
        "呈报",
        "呈送",
        "呈阅",
        "送阅",
        "报送",
        "主送",
        "分送",
        "发送",
        "发至",
        "印发",
        "下发",
    ),
    *("抄送单位", "主送机关", "发送范围", "报、送", "主送、抄送"),
]
STAFF = ["编辑", "责任编辑", "主编", "副主编", "审核", "校对", "签发", "签发人", "印发机关", "印发单位", "印数"]
CONTACT = ["电话", "联系电话", "地址", "邮编", "邮箱", "网址", "承办单位", "来源", "附件", "Tel", "E-mail"]
UNKNOWN = ["抄存", "市领导", "答", "报名", "发言"]
NONE = ["请及时抄送", "会议强调指出", "请送", "一、送"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, LabelKind.ROUTING) for name in ROUTING),
        *((name, LabelKind.STAFF) for name in STAFF),
        *((name, LabelKind.CONTACT) for name in CONTACT),
        *((name, LabelKind.UNKNOWN) for name in UNKNOWN),
        *((name, None) for name in NONE),
    ],
)
def test_kinds_of_labels(name: str, kind: LabelKind | None) -> None:
    label = label_of(f"{name}：某某")
    assert (label.kind if label else None) is kind
    if label:
        assert (label.name, label.text) == (name, "某某")


@pytest.mark.parametrize("text", ["送", "送甲局", "某局    送：甲", "", "：甲", "送甲局、乙局：丙"])
def test_what_has_no_label(text: str) -> None:
    assert label_of(text) is None


@pytest.mark.parametrize(
    ("name", "clean"), [(" 甲局。", "甲局"), ("甲局（3份）", "甲局"), ("甲（乙）", "甲（乙）"), ("", "")]
)
def test_clean_names(name: str, clean: str) -> None:
    assert clean_name(name) == clean
