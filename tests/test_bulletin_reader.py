"""Whole bulletins: the association's own issue, the forms of real ones, what is missing, what is refused or asked."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from distributor.bulletin import reader
from distributor.bulletin.model import Bulletin, as_json
from distributor.errors import InputError, RefusedError, Severity

SAMPLES = Path(__file__).parent.parent.parent / "shared" / "data" / "bulletins"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample bulletins are not beside the checkout")

WHOLE = """内部资料 注意保存

园区简报

第12期
（总第61期）

滨城园区协会
2026年3月2日

〈 园区动态 〉

协会走访会员单位

3月1日，协会走访三家会员单位，了解生产情况。（来源：协会秘书处）

〈 通知 〉

报送二月份情况

请各会员单位于3月10日前报送二月份情况。

报：市政府办公室
送：市有关部门、
    市“三防”办
发：各会员单位。（共印50份）
编辑：张三    签发：李四
"""


def parsed(text: str) -> Bulletin:
    return reader.parse(text.encode(), "a.txt")


def codes(bulletin: Bulletin) -> dict[str, Severity]:
    return {finding.code: finding.severity for finding in bulletin.findings}


def refusal(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        reader.read(text.encode(), "a.txt")
    return caught.value


def test_a_whole_bulletin_says_everything() -> None:
    assert as_json(reader.read(WHOLE.encode(), "a.txt")) == {
        "schema": "distributor.bulletin/1",
        "masthead": "园区简报",
        "number": 12,
        "total_number": 61,
        "year": None,
        "publisher": "滨城园区协会",
        "date": "2026-03-02",
        "secrecy": "内部资料",
        "signer": "李四",
        "copies": 50,
        "handler": None,
        "supplement": False,
        "sections": (
            {
                "name": "园区动态",
                "articles": (
                    {
                        "title": "协会走访会员单位",
                        "paragraphs": ("3月1日，协会走访三家会员单位，了解生产情况。",),
                        "source": "协会秘书处",
                        "line": 13,
                    },
                ),
                "line": 11,
            },
            {
                "name": "通知",
                "articles": (
                    {
                        "title": "报送二月份情况",
                        "paragraphs": ("请各会员单位于3月10日前报送二月份情况。",),
                        "source": None,
                        "line": 19,
                    },
                ),
                "line": 17,
            },
        ),
        "routing": (
            {"label": "报", "names": ({"name": "市政府办公室", "line": 23},), "line": 23},
            {
                "label": "送",
                "names": ({"name": "市有关部门", "line": 24}, {"name": "市“三防”办", "line": 25}),
                "line": 24,
            },
            {"label": "发", "names": ({"name": "各会员单位", "line": 26},), "line": 26},
        ),
    }


def test_json_and_python_agree() -> None:
    document = as_json(parsed(WHOLE))
    assert json.loads(json.dumps(document, ensure_ascii=False))["sections"][1]["articles"][0]["line"] == 19


def test_nothing_is_missing_in_a_whole_bulletin() -> None:
    assert codes(parsed(WHOLE)) == {"internal": Severity.QUESTION}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_the_encoding_changes_nothing(encoding: str) -> None:
    assert as_json(reader.parse(WHOLE.encode(encoding), "a.txt")) == as_json(parsed(WHOLE))


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_the_line_ends_change_nothing(end: str) -> None:
    assert as_json(parsed(WHOLE.replace("\n", end))) == as_json(parsed(WHOLE))


def test_blanks_at_the_ends_of_lines_change_nothing() -> None:
    assert as_json(parsed(WHOLE.replace("\n", " \t\u3000\n"))) == as_json(parsed(WHOLE))


EXTRACTED = """\
                        内部资料
                        注意保存

                滨 城 工 作 简 报

                     2026年第7期
                    （总第  117 期）
滨城市人民政府办公室编                    2026年3月5日
______________________________________________

本期要目
  ● 市政府召开一季度经济运行调度会
  ● 滨城港集装箱吞吐量再创新高

                市政府召开一季度经济运行调度会

    3月2日，市政府召开一季度经济运行调度会。会议听取了市发
展改革委、市统计局等部门关于一季度经济运行情况的汇报，分析了
当前形势，对下一步工作作出部署。会议强调，要坚持稳中求进工作
总基调，抓好重点项目建设，确保实现
                           — 1 —
一季度“开门红”。
    会议要求，各区县、各部门要做好以下三项工作：
    （一）抓项目。加快新开工项目手续办理，
    （二）抓消费。
    1.开展促消费活动。
    2.发放消费券。
    会议还研究了其他事项。

              滨城港集装箱吞吐量再创新高

    截至2月底，滨城港集装箱吞吐量达到123.4万标箱，同比增长
5.6%，其中外贸箱量增长7.8%。港口集团有关负责人表示，将继续优
化航线。（市交通运输局供稿）
______________________________________________
报：省政府办公厅，市委书记、副书记、常委，市人大常委会主任、副
    主任，市政协主席、副主席。
送：市委各部门，市级各人民团体，市“两院”，滨城军分区。
发：各区县人民政府，市政府各部门、各直属机构。
______________________________________________
签发：王五    审核：赵六    编辑：钱七      电话：0000-1234567
                        （共印300份）
"""


def test_a_bulletin_extracted_from_a_pdf() -> None:
    """Centred, wrapped at the right edge, with a table of contents, rules, and a page that ends within a sentence."""
    bulletin = reader.read(EXTRACTED.encode(), "a.txt")
    assert (bulletin.masthead, bulletin.year, bulletin.number) == ("滨城工作简报", 2026, 7)
    assert (bulletin.total_number, bulletin.date) == (117, dt.date(2026, 3, 5))
    assert (bulletin.publisher, bulletin.signer, bulletin.copies) == ("滨城市人民政府办公室", "王五", 300)
    assert bulletin.titles == ("市政府召开一季度经济运行调度会", "滨城港集装箱吞吐量再创新高")
    first, second = (article.paragraphs for section in bulletin.sections for article in section.articles)
    assert [len(text) for text in first] == [114, 22, 19, 7, 10, 8, 11]
    assert first[0].endswith("抓好重点项目建设，确保实现一季度“开门红”。")
    assert [len(text) for text in second] == [78]
    assert [(line.label, len(line.names)) for line in bulletin.routing] == [("报", 8), ("送", 4), ("发", 3)]
    assert [name.name for name in bulletin.routing[0].names][4:6] == ["市人大常委会主任", "副主任"]
    assert codes(bulletin) == {
        "internal": Severity.QUESTION,
        "contents": Severity.NOTE,
        "page-numbers": Severity.NOTE,
    }


# The samples


@needs_samples
def test_the_association_s_issue_is_read_as_expected() -> None:
    bulletin = reader.read((SAMPLES / "060.txt").read_bytes(), "060.txt")
    expected = json.loads((SAMPLES / "060.expected.json").read_text("utf-8"))
    read = as_json(bulletin)
    for name in ("masthead", "number", "total_number", "publisher", "date"):
        assert read[name] == expected[name]
    assert {line.label: [name.name for name in line.names] for line in bulletin.routing} == expected["routing"]
    assert [summary(section) for section in read["sections"]] == expected["sections"]
    assert bulletin.findings == ()


def summary(section: dict[str, Any]) -> dict[str, Any]:
    articles = [
        {
            "title": article["title"],
            "source": article["source"],
            "paragraphs": [
                {"starts": text[:10], "ends": text[-10:], "characters": len(text)} for text in article["paragraphs"]
            ],
        }
        for article in section["articles"]
    ]
    return {"name": section["name"], "articles": articles}


# What the forms call it; year, total, date, secrecy, copies and handler are called the same.
FORM_NAMES = {"title": "masthead", "issue": "number", "total": "total_number", "issuer": "publisher"}
NO_BULLETIN_TEXT = {"b20", "b25"}


def forms() -> list[Any]:
    if not SAMPLES.is_dir():
        return []
    listed = json.loads((SAMPLES / "forms.json").read_text("utf-8"))
    return [pytest.param(form, id=form["id"]) for form in listed if isinstance(form["expected"], dict)]


@needs_samples
@pytest.mark.parametrize("form", forms())
def test_the_forms_of_real_bulletins(form: dict[str, Any]) -> None:
    bulletin = parsed(form["text"])
    read, expected = as_json(bulletin), dict(form["expected"])
    names = {line.label: [name.name for name in line.names] for line in bulletin.routing}
    for label, wanted in (expected.pop("to", {}) | expected.pop("cc", {})).items():
        assert names[label] == wanted if isinstance(wanted, list) else len(names[label]) == wanted
    if "sections" in expected:
        assert [section.name for section in bulletin.sections] == expected.pop("sections")
    if "items" in expected:
        assert len(bulletin.titles) == expected.pop("items")
    if "signer" in expected:
        # Printed and empty is null there; we keep apart what is not printed at all.
        assert expected.pop("signer") == (bulletin.signer or None)
        assert codes(bulletin)["unsigned"] is Severity.QUESTION
    if expected.pop("must", None):
        assert codes(bulletin)["missing-date"] is Severity.WARNING
    for name, value in expected.items():
        found = read[FORM_NAMES.get(name, name)]
        assert (dt.date.fromisoformat(value) if name == "date" and value else value) == (
            dt.date.fromisoformat(found) if name == "date" and found else found
        )


@needs_samples
def test_the_forms_that_are_no_bulletins_are_refused_like_others() -> None:
    listed = json.loads((SAMPLES / "forms.json").read_text("utf-8"))
    assert {form["id"] for form in listed} >= NO_BULLETIN_TEXT
    for form in listed:
        if form["id"] in NO_BULLETIN_TEXT:
            assert [finding.code for finding in refusal(form["text"]).findings] == ["no-routing"]


@needs_samples
def test_a_marked_form_is_refused() -> None:
    (form,) = (form.values[0] for form in forms() if form.id == "b06")
    assert isinstance(refusal(form["text"]), RefusedError)


# What is missing


@pytest.mark.parametrize(
    ("text", "code", "severity", "said"),
    [
        ("第4期\n2019年7月31日\n\n【甲】\n甲事已办。\n", "missing-masthead", Severity.QUESTION, "lines 1–2"),
        ("甲事已办。\n", "missing-masthead", Severity.QUESTION, "工作简报"),
        ("园区简报\n2019年7月31日\n\n【甲】\n", "missing-number", Severity.WARNING, "lines 1–2"),
        ("园区简报\n总第4期\n\n【甲】\n", "missing-number", Severity.NOTE, "lines 1–2"),
        ("园区简报\n第4期\n\n【甲】\n", "missing-total-number", Severity.NOTE, "lines 1–2"),
        ("园区简报\n第4期\n\n【甲】\n", "missing-publisher", Severity.NOTE, "lines 1–2"),
        ("园区简报\n第4期\n\n【甲】\n", "missing-date", Severity.WARNING, "right above the imprint"),
        ("园区简报\n\n【甲】\n", "missing-date", Severity.WARNING, "line 1,"),
        ("正文在此，没有报头。\n", "missing-number", Severity.WARNING, "begins with its text"),
        ("园区简报\n第4期\n2019年2月30日\n\n【甲】\n", "bad-date", Severity.WARNING, "2019年2月30日"),
        ("园区简报\n第4期\n\n正文。\n2019年2月30日\n", "bad-date", Severity.WARNING, "2019年2月30日"),
        ("园区简报\n第4期\n2019年2月3日\n", "no-body", Severity.QUESTION, "no text"),
        ("园区简报\n第4期\n2019年2月3日\n\n主送：各处室\n\n甲事已办妥。\n", "label-in-text", Severity.WARNING, "主送"),
        ("园区简报\n第4期\n\n正\ufffd文。\n", "damaged-character", Severity.WARNING, "damaged"),
        ("园区简报\n第4期\n\n正文。\n\n— 2 —\n", "page-numbers", Severity.NOTE, "line 6"),
        ("园区简报\n第4期\n\n目录\n甲乙\n\n【丙】\n甲乙\n正文。\n", "contents", Severity.NOTE, "lines 4, 5"),
        ("园区简报\n节能专题\n第4期\n\n正文。\n", "unread-head", Severity.NOTE, "节能专题"),
    ],
)
def test_what_is_missing_or_left_out_is_said(text: str, code: str, severity: Severity, said: str) -> None:
    bulletin = reader.read((text + "\n送：市有关部门\n").encode(), "a.txt")
    (finding,) = (finding for finding in bulletin.findings if finding.code == code)
    assert finding.severity is severity
    assert said in finding.message


@pytest.mark.parametrize("text", ["", "\n\n", "第4期\n2019年7月31日\n\n【甲】\n\n", "内部资料\n", "____\n"])
def test_a_file_with_nothing_above_the_imprint_is_an_error(text: str) -> None:
    (finding,) = refusal(text + "送：市有关部门\n").findings
    assert finding.code == "empty-bulletin"
    assert "nothing to send above the imprint" in finding.message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("内部资料\n园区简报\n第4期\n\n甲事。\n", "internal"),
        ("园区简报\n第4期\n签发人：\n\n甲事。\n", "unsigned"),
        ("甲事已办。\n", "missing-masthead"),
        ("园区简报\n第4期\n", "no-body"),
    ],
)
def test_a_question_says_what_a_person_must_confirm(text: str, code: str) -> None:
    (finding,) = (finding for finding in parsed(text + "\n送：甲\n").findings if finding.code == code)
    assert finding.severity is Severity.QUESTION
    assert "a person must confirm" in finding.message


def test_a_number_and_date_that_are_missing_stay_so() -> None:
    bulletin = parsed(
        "园区简报\n\n【甲】\n第5期培训班开班\n2019年7月1日，第5期培训班开班。\n附件：第3期名单，2018年1月1日\n\n送：甲\n"
    )
    assert (bulletin.number, bulletin.total_number, bulletin.date) == (None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "园区简报\n第4期\n\n正文。\n",
        "随便一句话",
        "园区简报\n第4期\n\n正文。\n\n送：\n",
        "请及时抄送：相关单位\n",
        "编辑：张三\n",
    ],
)
def test_without_a_distribution_list_there_is_one_error(text: str) -> None:
    (finding,) = refusal(text).findings
    assert finding.code == "no-routing"
    assert "送：市有关部门" in str(finding.remedy)
    assert "from line" in finding.message


def test_a_list_that_has_text_below_it_is_pointed_at() -> None:
    (finding,) = refusal("主送：各处室\n\n现将有关事项通知如下。\n").findings
    assert "主送：各处室 in line 1" in finding.message


def test_a_label_without_names_is_warned_about() -> None:
    bulletin = reader.read("正文。\n\n送：\n\n发：各单位\n".encode(), "a.txt")
    (finding,) = (finding for finding in bulletin.findings if finding.code == "empty-label")
    assert (finding.place and finding.place.line) == 3


def test_text_within_the_list_is_told_by_line() -> None:
    (finding,) = refusal("正文。\n\n送：" + "（" + "某" * 30 + "、" + "某" * 30 + "、" + "某" * 40 + "）\n").findings
    assert (finding.code, finding.place and finding.place.line) == ("long-name", 3)


def test_two_labels_on_one_line_are_told_by_line() -> None:
    (finding,) = refusal("正文。\n\n送：市有关部门    发：各单位\n").findings
    assert (finding.code, finding.place and finding.place.line) == ("second-label", 3)


@pytest.mark.parametrize(
    ("head", "signer"),
    [("签发人：", ""), ("签发人：张三", "张三"), ("签发人： 张　三", "张三"), ("", None), ("某局    签发人:", "")],
)
def test_a_signer_who_is_printed_and_empty_asks(head: str, signer: str | None) -> None:
    bulletin = parsed(f"园区简报\n第4期\n{head}\n2019年7月31日\n\n【甲】\n甲事。\n\n送：甲\n")
    assert bulletin.signer == signer
    assert ("unsigned" in codes(bulletin)) is (signer == "")
    assert bulletin.date == dt.date(2019, 7, 31)
