"""The body: titles told from paragraphs, paragraphs joined, sections, sources, contents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.bulletin.body import read_body
from distributor.bulletin.lines import lines_of
from distributor.bulletin.paragraphs import continues, is_finished, join, without_source
from distributor.bulletin.titles import is_item, is_like_title, titled

LONG = "市商务部门组织召开园区创新提升政策研讨会，结合各园区诉求对已有措施和下一步工作"
"""As a full line ends: no stop, longer than any name."""

Read = list[tuple[str | None, list[tuple[str, list[str]]]]]


def read(text: str) -> Read:
    sections, _contents = read_body(lines_of(text))
    return [(section.name, [(a.title, list(a.paragraphs)) for a in section.articles]) for section in sections]


def articles(text: str) -> list[tuple[str, list[str]]]:
    return [article for _name, listed in read(text) for article in listed]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "sections with blank lines",
            "〈 甲 〉\n\n子标题\n\n子正文。\n\n子正文二。\n\n丑标题\n\n丑正文。\n\n〈 乙 〉\n\n寅标题\n\n寅正文。",
            [
                ("甲", [("子标题", ["子正文。", "子正文二。"]), ("丑标题", ["丑正文。"])]),
                ("乙", [("寅标题", ["寅正文。"])]),
            ],
        ),
        (
            "numbered titles without blank lines, counted anew in each section",
            "【甲】\n一、子标题\n正文（日报）\n二、丑标题\n正文（晚报）\n【乙】\n一、寅标题\n正文",
            [
                ("甲", [("一、子标题", ["正文（日报）"]), ("二、丑标题", ["正文（晚报）"])]),
                ("乙", [("一、寅标题", ["正文"])]),
            ],
        ),
        (
            "titles with signs, another one in each section",
            "【甲】\n★ 子标题\n正文。\n★ 丑标题\n正文。\n【乙】\n■ 寅标题\n正文。",
            [("甲", [("★ 子标题", ["正文。"]), ("★ 丑标题", ["正文。"])]), ("乙", [("■ 寅标题", ["正文。"])])],
        ),
        (
            "arabic numbers before titles",
            "1. 子标题\n正文。\n2. 丑标题\n正文。",
            [(None, [("1. 子标题", ["正文。"]), ("2. 丑标题", ["正文。"])])],
        ),
        (
            "no sections, no blank lines, no marks",
            "子标题\n子正文。\n子正文二。\n丑标题\n丑正文。",
            [(None, [("子标题", ["子正文。", "子正文二。"]), ("丑标题", ["丑正文。"])])],
        ),
        (
            "text before the first section",
            "编者按：请各单位参阅。\n\n【甲】\n子标题\n正文。",
            [(None, [("", ["编者按：请各单位参阅。"])]), ("甲", [("子标题", ["正文。"])])],
        ),
        (
            "a list inside an article",
            "子标题\n\n会议要求：\n\n（一）抓落实\n\n1. 抓进度\n\n2. 抓质量\n\n① 抓安全\n\n丑标题\n\n正文。",
            [
                (None, [
                    ("子标题", ["会议要求：", "（一）抓落实", "1. 抓进度", "2. 抓质量", "① 抓安全"]),
                    ("丑标题", ["正文。"]),
                ])
            ],
        ),
        (
            "numbered headings inside an article whose title has no number",
            "子标题\n\n一、基本情况\n\n情况良好。\n\n二、下一步\n\n继续。",
            [(None, [("子标题", []), ("一、基本情况", ["情况良好。"]), ("二、下一步", ["继续。"])])],
        ),
        (
            "names below a paragraph are no titles, for no text stands below them",
            "子标题\n\n参加单位：\n\n甲局\n\n乙局\n\n丑标题\n\n正文。",
            [(None, [("子标题", ["参加单位：", "甲局", "乙局"]), ("丑标题", ["正文。"])])],
        ),
        (
            "a signature at the end is no title",
            "子标题\n\n正文。\n\n某某局\n\n2019年8月1日",
            [(None, [("子标题", ["正文。", "某某局", "2019年8月1日"])])],
        ),
        (
            "titles may ask, exclaim, quote",
            "园区怎么建？\n\n正文。\n\n干起来！\n\n正文。\n\n“双创”活动启动",
            [(None, [("园区怎么建？", ["正文。"]), ("干起来！", ["正文。", "“双创”活动启动"])])],
        ),
        ("a heading alone", "【甲】", [("甲", [])]),
        ("nothing", "\n\n", []),
        ("rules between articles", "子标题\n正文。\n______\n丑标题\n正文。", [
            (None, [("子标题", ["正文。"]), ("丑标题", ["正文。"])])
        ]),
    ],
)  # fmt: skip
def test_articles(name: str, text: str, expected: Read) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("name", "text", "paragraphs"),
    [
        ("a page ends", f"标题\n\n{LONG}\n\n进行了讨论。", [LONG + "进行了讨论。"]),
        ("a page ends twice", f"标题\n\n{LONG}\n\n{LONG}\n\n完。", [LONG + LONG + "完。"]),
        ("a page ends, no blank lines", f"标题\n{LONG}\n进行了讨论。\n又一段。", [LONG + "进行了讨论。", "又一段。"]),
        ("a page ends within a quotation", f"标题\n\n{LONG}“\n\n创新”。", [LONG + "“创新”。"]),
        ("what nothing can begin with", "标题\n\n开展“创新”\n\n，成效好。", ["开展“创新”，成效好。"]),
        ("a page ends early", "标题\n\n协会召开会议，审议并\n\n通过章程。", ["协会召开会议，审议并通过章程。"]),
        ("a page ends early in news", "标题\n\n7月16日，协会召开\n\n理事会。", ["7月16日，协会召开理事会。"]),
        ("a finished paragraph", f"标题\n\n{LONG}。\n\n又一段。", [LONG + "。", "又一段。"]),
        ("finished by a bracket", f"标题\n\n{LONG}（日报）\n\n又一段。", [LONG + "（日报）", "又一段。"]),
        ("finished by a quote", f"标题\n\n{LONG}”\n\n又一段。", [LONG + "”", "又一段。"]),
        ("a colon", f"标题\n\n{LONG}：\n\n又一段。", [LONG + "：", "又一段。"]),
        ("short lines were ended on purpose", "标题\n\n第一行\n\n第二行\n\n第三行", ["第一行", "第二行", "第三行"]),
        ("an item is no rest", f"标题\n\n{LONG}\n\n（一）抓落实。", [LONG, "（一）抓落实。"]),
        ("a decimal number is a rest", f"标题\n\n{LONG}\n\n4.8%。", [LONG + "4.8%。"]),
        ("a label is no rest", f"标题\n\n{LONG}\n\n电话：12345678", [LONG, "电话：12345678"]),
        ("Latin words", f"标题\n\n{LONG}the\n\nend。", [LONG + "the end。"]),
    ],
)
def test_paragraphs_that_break(name: str, text: str, paragraphs: list[str]) -> None:
    assert articles(text) == [("标题", paragraphs)]


def test_a_title_is_not_joined_to_a_paragraph_that_breaks_off() -> None:
    text = f"标题\n\n{LONG}\n\n丑标题\n\n正文。"
    assert articles(text) == [("标题", [LONG]), ("丑标题", ["正文。"])]


def test_a_section_ends_a_paragraph_that_breaks_off() -> None:
    assert read(f"【甲】\n标题\n{LONG}\n【乙】\n进行了讨论。")[1] == ("乙", [("", ["进行了讨论。"])])


WRAPPED = """标题
　　市商务部门日前组织召开园区创新提升政策
研讨会，结合各园区的诉求，对已出台的支持措
施和下一步政策创新进行了讨论。各园区负责人
参会。
　　会议由协会主持，三十个部门参加了会议。
会后参观园区。
第二个标题
　　正文。
"""


def test_wrapped_lines_are_joined() -> None:
    assert articles(WRAPPED) == [
        (
            "标题",
            [
                "市商务部门日前组织召开园区创新提升政策研讨会，结合各园区的诉求，对已出台的支持措施和下一步政策创新进行了讨论。"
                "各园区负责人参会。",
                "会议由协会主持，三十个部门参加了会议。会后参观园区。",
            ],
        ),
        ("第二个标题", ["正文。"]),
    ]


# Sources


@pytest.mark.parametrize(
    ("text", "paragraphs", "source"),
    [
        ("正文。（来源：商务部）", ["正文。"], "商务部"),
        ("正文。(来源:商务部)", ["正文。"], "商务部"),
        ("正文。（信息来源： 商务部 ）。", ["正文。"], "商务部"),
        ("正文。（来源：商务部（外资司））", ["正文。"], "商务部（外资司）"),
        ("正文。\n\n（来源：商务部）", ["正文。"], "商务部"),
        ("正文。\n\n来源：商务部", ["正文。"], "商务部"),
        ("正文。（来源：甲报）\n\n正文二。（来源：乙报）", ["正文。", "正文二。"], "甲报；乙报"),
        ("正文。（来源：甲报）\n\n正文二。（来源：甲报）", ["正文。", "正文二。"], "甲报"),
        ("（来源：甲报）说的是正文。", ["（来源：甲报）说的是正文。"], None),
        ("收入来源：税收。", ["收入来源：税收。"], None),
        ("正文（日报）", ["正文（日报）"], None),
        ("正文。（来源：）", ["正文。（来源：）"], None),
        ("正文。（来源：商务部", ["正文。（来源：商务部"], None),
    ],
)
def test_sources(text: str, paragraphs: list[str], source: str | None) -> None:
    ((section,), _contents) = read_body(lines_of("标题\n\n" + text))
    (article,) = section.articles
    assert (list(article.paragraphs), article.source) == (paragraphs, source)


# Contents


DETAILS = [("甲", [("子标题", ["正文。"]), ("丑标题", ["正文。"])]), ("乙", [("寅标题", ["正文。"])])]
FULL = "【甲】\n子标题\n正文。\n丑标题\n正文。\n【乙】\n寅标题\n正文。\n"


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("titles", "目录\n子标题\n丑标题\n寅标题\n"),
        ("titles with numbers and pages", "目　录\n1. 子标题…………1\n2. 丑标题………… 2\n3. 寅标题 3\n"),
        ("titles and sections", "【目录】\n【甲】\n子标题\n丑标题\n【乙】\n寅标题\n"),
        ("titles and blank lines", "本期要目\n\n子标题\n\n丑标题\n\n寅标题\n\n"),
        ("framed, ended by a heading with the same frame", "≡本期要目≡\n【甲】\n子标题\n【乙】\n寅标题\n≡本期详情≡\n"),
        ("ended by a rule", "【本期导读】\n子标题摘要\n丑标题摘要\n______\n"),
        ("ended by 正文", "目录\n子事\n丑事\n正文\n"),
    ],
)
def test_contents_do_not_become_articles(name: str, contents: str) -> None:
    assert read(contents + FULL) == DETAILS


def test_contents_with_other_titles_end_above_the_first_title_with_text() -> None:
    assert articles("目录\n子事\n丑事\n\n子标题\n\n正文。") == [("子标题", ["正文。"])]


@pytest.mark.parametrize(
    "text", ["目录\n子标题\n丑标题\n", "子标题\n\n正文。\n\n正文。\n\n正文。\n\n正文。\n\n目录\n\n正文。\n"]
)
def test_what_only_looks_like_contents_stays(text: str) -> None:
    sections, contents = read_body(lines_of(text))
    assert contents == []
    assert "目录" in str(sections)


def test_the_lines_of_the_contents_are_told() -> None:
    _sections, contents = read_body(lines_of("目录\n子标题\n\n" + FULL))
    assert [line.number for line in contents] == [1, 2]


# The decisions by themselves


@pytest.mark.parametrize(
    ("text", "likely"),
    [
        ("协会走访会员单位", True),
        ("“双创”活动启动", True),
        ("凝心聚力，共谋发展", True),
        ("上半年增长4.8%", True),
        ("正文。", False),
        ("7月16日，协会开会", False),
        ("日前协会开会", False),
        ("7月工作要点", True),
        ("附件：会议日程", False),
        ("快讯：园区开园", True),
        ("第一句。第二句", False),
        ("会议要求：", False),
        ("（某局供稿）", False),
        ("——记某某", False),
        ("…", False),
        ("长" * 51, False),
        ("长" * 30 + "，" + "长" * 10, False),
        ("字", False),
        ("", False),
    ],
)
def test_what_looks_like_a_title(text: str, likely: bool) -> None:
    assert is_like_title(text) is likely


@pytest.mark.parametrize(
    ("text", "finished"),
    [("完。", True), ("完！", True), ("完）", True), ("完”", True), ("完，", False), ("完、", False), ("完", False)],
)
def test_how_a_paragraph_may_end(text: str, finished: bool) -> None:
    assert is_finished(text) is finished


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("（一）甲", True),
        ("(1)甲", True),
        ("1. 甲", True),
        ("12、甲", True),
        ("①甲", True),
        ("4.8%", False),
        ("2019年", False),
    ],
)
def test_items(text: str, item: bool) -> None:
    assert is_item(text) is item


@pytest.mark.parametrize(
    ("before", "text", "joined"),
    [
        (LONG, "进行", True),
        (LONG + "。", "进行", False),
        ("短", "进行", False),
        ("短", "，进行", True),
        (LONG, "（一）甲", False),
    ],
)
def test_continuations(before: str, text: str, joined: bool) -> None:
    assert continues(before, text) is joined


@pytest.mark.parametrize(
    ("texts", "gaps", "expected"),
    [
        (["题甲", "文。", "题乙", "文。"], [1, 0, 0, 0], [1, 0, 1, 0]),
        (["题甲", "文。", "题乙", "文。"], [1, 1, 0, 1], [1, 0, 0, 0]),
        (["题甲", "文。", "题乙", "文。"], [1, 1, 1, 1], [1, 0, 1, 0]),
        (["题甲", "题乙", "文。"], [1, 1, 1], [1, 1, 0]),
        (["题甲", "乙，丙", "文。"], [1, 1, 1], [1, 0, 0]),
        (["题甲", "文。", "题乙", "题丙"], [1, 1, 1, 1], [1, 0, 0, 0]),
        (["题甲", "文。", "题乙", "，文。"], [1, 1, 1, 1], [1, 0, 0, 0]),
        (["题甲", "文。", "1. 题乙", "文。"], [1, 1, 1, 1], [1, 0, 0, 0]),
        (["题甲", "文。", "一、题乙", "文。"], [1, 1, 0, 1], [1, 0, 1, 0]),
        (["一、题甲", "题乙", "文。", "二、题丙"], [1, 0, 0, 0], [1, 0, 0, 1]),
        (["★ 题甲", "一、题乙", "★ 题丙", "★ 一句。"], [1, 0, 0, 0], [1, 0, 1, 0]),
        (["文。", "题甲", "文。"], [1, 1, 1], [0, 1, 0]),
        ([], [], []),
    ],
)
def test_titles_among_paragraphs(texts: list[str], gaps: list[int], expected: list[int]) -> None:
    assert list(map(int, titled(texts, list(map(bool, gaps))))) == expected


@pytest.mark.parametrize(
    ("parts", "joined"),
    [(["甲", "乙"], "甲乙"), (["a", "b"], "a b"), (["a", "乙"], "a乙"), (["1", "2"], "12"), ([], "")],
)
def test_joining(parts: list[str], joined: str) -> None:
    assert join(parts) == joined


@given(st.text())
def test_a_source_is_only_ever_taken_from_the_end(text: str) -> None:
    rest, source = without_source(text)
    assert text.startswith(rest)
    assert source is None or source in text


@given(st.lists(st.sampled_from(["标题", "正文。", "", "【节】", LONG, "一、题", "（一）项", "（来源：甲）", "____"])))
def test_no_character_of_the_text_is_lost(lines: list[str]) -> None:
    sections, contents = read_body(lines_of("\n".join(lines)))
    kept = "".join(
        (section.name or "") + "".join(a.title + "".join(a.paragraphs) for a in section.articles)
        for section in sections
    )
    printed = "".join(line for line in lines if line != "____").replace("（来源：甲）", "")
    assert kept == printed.replace("【", "").replace("】", "")
    assert contents == []
