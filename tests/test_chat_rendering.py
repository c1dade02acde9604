"""Chat messages: what each group's says, and that no bulletin can make one too long, ill-formed or noisy.

Limits and formats are the vendors': WeCom developer.work.weixin.qq.com/document/path/91770, DingTalk
open.dingtalk.com/document/orgapp/custom-bot-send-message-type, Feishu
open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.
"""

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from distributor.bulletin import reader
from distributor.bulletin.model import Article, Bulletin, Section
from distributor.endpoints import Kind
from distributor.errors import Finding, InputError
from distributor.recipients.model import Group, GroupName
from distributor.render.chat import chat_payloads, plain
from tests.letters import EXAMPLE, ROOT, bare, bulletin, group, roster

TEMPLATES = {
    str(path.relative_to(ROOT / "templates")): path.read_text("utf-8")
    for path in sorted((ROOT / "templates").rglob("*.j2"))
}
LINK = "https://web.example.org/b/61"
# Everything that is a mark, a mention or a link to one of the services.
NASTY = st.text(st.sampled_from("<>[]()*_~`#\\@&$|!:-+=1. \n\u202eall中文éhtp/")) | st.sampled_from(
    [
        "<@all>", "@all", "@所有人", "<at id=all></at>", '<at user_id="all">x</at>', "[x](http://x.test)", "**粗**",
        "![x](http://x.test/p.png)", '<font color="red">x</font>', "http://x.test", "`x`", "# x", "- x", "1. x", "====",
        "&lt;at id=all&gt;", "${x}", ":OK:", "~~x~~", "<!channel>", "\\<x\\>", "a\n\n---\n", "\ud800", "x\0y",
    ]
)  # fmt: skip


def text_of(kind: Kind, payload: bytes) -> str:
    """The Markdown in a payload."""
    made: dict[str, Any] = json.loads(payload)
    if kind is Kind.WECOM:
        assert made["msgtype"] == "markdown"
        return str(made["markdown"]["content"])
    if kind is Kind.DINGTALK:
        assert made["msgtype"] == "markdown"
        return str(made["markdown"]["text"])
    if kind is Kind.APPRISE:
        return str(made["body"])
    assert made["msg_type"] == "interactive"
    return str(made["card"]["elements"][0]["content"])


def said(name: GroupName, kind: Kind = Kind.WECOM, given_: Bulletin | None = None, **options: Any) -> str:
    made = chat_payloads(given_ or bulletin(), roster().groups[name], TEMPLATES, [kind], **options)
    return text_of(kind, made[kind])


def long_bulletin(articles: int, title: str = "题目", text: str = "正文。") -> Bulletin:
    made = tuple(Article(f"{title}{number}", (text,), None, 9) for number in range(1, articles + 1))
    return bulletin(sections=(Section("甲", made[: articles // 2]), Section("乙", made[articles // 2 :])))


def faults(source: str, given_: Bulletin | None = None, to: Group | None = None) -> list[Finding]:
    """What is wrong with a template of this *source*."""
    with pytest.raises(InputError) as caught:
        chat_payloads(given_ or bulletin(), to or group(), {"chat/letter.md.j2": source}, Kind)
    return list(caught.value.findings)


# What is said


def test_a_message_says_what_the_bulletin_is_and_what_is_in_it() -> None:
    assert said(GroupName.DEPARTMENTS, link=LINK) == (
        "内部资料\n"
        "**海州开发区工作简报 第12期（总第61期）**\n"
        "海州市开发区协会　2026年6月30日\n\n"
        "现将《海州开发区工作简报》第12期（总第61期）送上，供工作参考。\n\n"
        "**〈本市动态〉**\n"
        "■ 第一篇\n　第一段。\n"
        "■ 第二篇\n　正文。\n\n"
        "**〈国内动态〉**\n"
        "■ 第三篇（省开发区协作网）\n　正文。\n\n"
        "感谢贵单位一直以来的支持，欢迎提出宝贵意见。\n\n"
        f"[阅读全文]({LINK})"
    )


@pytest.mark.parametrize(
    ("name", "words", "foreign"),
    [
        (GroupName.SUPERIORS, "呈上，请审阅", "请阅知"),
        (GroupName.DEPARTMENTS, "送上，供工作参考", "请审阅"),
        (GroupName.MEMBERS, "请阅知并转有关同志", "呈上"),
    ],
)
def test_each_group_is_spoken_to_in_its_own_words(name: GroupName, words: str, foreign: str) -> None:
    text = said(name)
    assert words in text
    assert foreign not in text


def test_a_bulletin_that_states_nothing_still_makes_a_message() -> None:
    text = said(GroupName.MEMBERS, given_=bare())
    assert "工作简报" in text
    assert "■ 无栏目的文章" in text
    assert "None" not in text
    assert "阅读全文" not in text


@pytest.mark.parametrize("kind", Kind)
def test_the_example_fits_whole_into_every_service(kind: Kind) -> None:
    example_bulletin = reader.read(EXAMPLE.read_bytes(), EXAMPLE.name)
    text = said(GroupName.DEPARTMENTS, kind, example_bulletin, link=LINK)
    assert all(title in text for title in example_bulletin.titles)
    assert "另有" not in text


def test_a_service_that_shows_the_title_itself_does_not_get_it_twice() -> None:
    made = chat_payloads(bulletin(), roster().groups[GroupName.MEMBERS], TEMPLATES, Kind)
    card = json.loads(made[Kind.FEISHU])["card"]
    assert card["header"]["title"] == {"tag": "plain_text", "content": "海州开发区工作简报 第12期（总第61期）"}
    assert "**海州" not in text_of(Kind.FEISHU, made[Kind.FEISHU])
    assert json.loads(made[Kind.APPRISE])["title"] == card["header"]["title"]["content"]
    assert json.loads(made[Kind.DINGTALK])["markdown"]["title"] == card["header"]["title"]["content"]
    assert made[Kind.LARK] == made[Kind.FEISHU]


def test_lines_are_parted_as_each_dialect_wants_it() -> None:
    assert "**  \n  海州市开发区协会" in said(GroupName.MEMBERS, Kind.DINGTALK)
    assert "**\n海州市开发区协会" in said(GroupName.MEMBERS, Kind.WECOM)


def test_only_a_web_address_becomes_a_link() -> None:
    for link in ("javascript:alert(1)", "https://x.test/) <@all>", "x"):
        with pytest.raises(ValueError, match=re.escape(link)):
            said(GroupName.MEMBERS, link=link)


# What does not fit


def test_summaries_go_before_articles_do() -> None:
    text = said(GroupName.MEMBERS, given_=long_bulletin(30, "题目" * 5, "很长的正文" * 20))
    assert "题目30" in text
    assert "很长的正文" not in text
    assert "另有" not in text


def test_a_message_that_is_cut_says_how_many_articles_are_left_out() -> None:
    whole = long_bulletin(300, "题目" * 5)
    text = said(GroupName.MEMBERS, given_=whole, link=LINK)
    shown = re.findall(r"■ (.*)", text)
    assert shown == list(whole.titles[: len(shown)])
    assert f"另有 {300 - len(shown)} 篇" in text
    assert text.endswith(f"[阅读全文]({LINK})")
    one_more = len(f"■ {whole.titles[len(shown)]}\n".encode()) + 1  # and the number's length
    assert 4096 - one_more <= len(text.encode()) <= 4096


def test_a_section_without_room_for_its_articles_is_not_named() -> None:
    text = said(GroupName.MEMBERS, given_=long_bulletin(300, "题目" * 5))
    assert "〈甲〉" in text
    assert "〈乙〉" not in text


def test_a_template_that_hides_what_is_left_out_is_a_fault() -> None:
    hiding = "{% for section in sections %}{% for a in section.articles %}{{ a.title }}\n{% endfor %}{% endfor %}"
    found = faults(hiding, long_bulletin(2000, "题目" * 5))
    assert {(fault.code, str(fault.place)) for fault in found} == {("chat-cut-unsaid", "chat/letter.md.j2")}


def test_a_template_too_long_by_itself_is_a_fault_that_names_the_service() -> None:
    found = faults("字" * 1400)
    assert [(fault.code, str(fault.place)) for fault in found] == [("chat-too-long", "chat/letter.md.j2")] * 2
    assert {"wecom" in fault.message or "apprise" in fault.message for fault in found} == {True}


def test_an_article_that_fills_the_message_alone_is_left_out_too() -> None:
    text = said(GroupName.MEMBERS, given_=long_bulletin(1, "长" * 2000))
    assert "另有 1 篇" in text


# Templates


@pytest.mark.parametrize(
    "use", ["{{ unit }}", "{% if salutation %}x{% endif %}", "{{ email|upper }}", "{{ contact ~ 'x' }}"]
)
def test_a_template_that_differs_by_recipient_is_a_fault_with_its_line(use: str) -> None:
    (fault,) = faults(f"甲\n乙{use}\n丙")
    assert (fault.code, str(fault.place)) == ("chat-field", "chat/letter.md.j2:2")
    assert "differs by recipient" in fault.message


def test_the_list_s_greeting_may_be_used_where_it_is_the_same_for_all() -> None:
    source = {"chat/letter.md.j2": "{% for line in greeting %}{{ line }}\n{% endfor %}"}
    made = chat_payloads(bulletin(), group(greeting="请看《{{ masthead }}》。"), source, [Kind.WECOM])
    assert text_of(Kind.WECOM, made[Kind.WECOM]) == "请看《海州开发区工作简报》。"


def test_the_list_s_greeting_with_a_merge_field_is_a_fault_only_where_it_is_used() -> None:
    to = group(greeting="{{ salutation }}：您好")
    (fault,) = faults("甲\n{% for line in greeting %}{{ line }}{% endfor %}", to=to)
    assert (fault.code, str(fault.place)) == ("chat-field", "chat/letter.md.j2:2")
    assert "greeting" in fault.message
    assert chat_payloads(bulletin(), to, {"chat/letter.md.j2": "甲"}, [Kind.WECOM])


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("{{ nothing }}", "template-undefined"),
        ("{% if %}", "template-syntax"),
        ("{{ 1 / 0 }}", "template-failed"),
        ("{{ ''.__class__ }}", "template-refused"),
        ("{{ range(60000)|length }}{{ range(60000)|length }}", "template-refused"),
        ("\n{# nothing #}\n", "chat-empty"),
    ],
)
def test_what_is_wrong_with_a_template_is_told_once_with_its_place(source: str, code: str) -> None:
    (fault,) = faults(source)
    assert fault.code == code
    assert fault.place is not None
    assert fault.place.file == "chat/letter.md.j2"


def test_a_site_without_chat_templates_is_told() -> None:
    with pytest.raises(InputError) as caught:
        chat_payloads(bulletin(), group(), {"letter.html.j2": "x"}, Kind)
    assert [fault.code for fault in caught.value.findings] == ["template-missing"]


def test_markdown_of_a_template_s_own_is_markdown_wherever_it_is_put_together() -> None:
    source = "{% macro b(x) %}**{{ x }}**{% endmacro %}{% set c %}*{{ masthead }}*{% endset %}{{ b('<@all>') }} {{ c }}"
    made = chat_payloads(bulletin(masthead="a*b"), group(), {"chat/letter.md.j2": source}, [Kind.WECOM])
    assert text_of(Kind.WECOM, made[Kind.WECOM]) == "**＜＠all＞** *a＊b*"


# Any bulletin


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<@all>", "＜＠all＞"),
        ("https://x.test/a_b", "https：//x.test/a＿b"),
        ("10:30", "10:30"),
        ("3.5%", "3.5%"),
        ("-5℃", "-5℃"),
        ("- x", "－ x"),
        ("1. x", "1． x"),
        ("---", "－--"),
        ("a\n- b", "a - b"),
        ("“三防”办（试行）", "“三防”办（试行）"),
    ],
)
def test_marks_are_written_so_that_they_are_none(text: str, written: str) -> None:
    assert plain(text) == written


@given(NASTY)
@example("=\u202e=")
def test_plain_text_has_no_marks_and_stays_as_it_is(text: str) -> None:
    made = plain(text)
    assert not re.search(r"[<>\[\]*_~`#\\@&$|\ud800-\udfff\u202a-\u202e]|://|:\w+:", made, re.ASCII)
    assert not re.match(r"\s*(?:[-+](?:[-\s]|\Z)|=|\d+[.)](?:\s|\Z))", made, re.ASCII)
    assert "\n" not in made
    assert plain(made) == made


ARTICLES = st.builds(Article, NASTY, st.tuples(NASTY) | st.just(()), st.none() | NASTY, st.just(9))
SECTIONS = st.builds(Section, st.none() | NASTY, st.lists(ARTICLES, max_size=40).map(tuple))
BULLETINS = st.builds(
    lambda masthead, publisher, secrecy, sections: bulletin(
        masthead=masthead, publisher=publisher, secrecy=secrecy, sections=sections
    ),
    NASTY, NASTY, NASTY, st.lists(SECTIONS, max_size=4).map(tuple),
)  # fmt: skip
OF_THE_TEMPLATES = re.compile(r"^(\s*)\*\*(.*)\*\*(\s*)$", re.MULTILINE)


@settings(deadline=None, max_examples=30)  # each is up to fifty messages
@given(BULLETINS, st.sampled_from(GroupName), st.integers(1, 60))
def test_no_bulletin_makes_a_message_too_long_ill_formed_or_noisy(made: Bulletin, name: GroupName, times: int) -> None:
    long = bulletin(**{key: getattr(made, key) for key in ("masthead", "publisher", "secrecy")},
                    sections=made.sections * times)  # fmt: skip
    payloads = chat_payloads(long, roster().groups[name], TEMPLATES, Kind, link=LINK)
    for kind, payload in payloads.items():
        text = text_of(kind, payload)  # and so it is valid JSON, in whole characters
        body = OF_THE_TEMPLATES.sub(r"\1\2\3", text.replace(f"[阅读全文]({LINK})", ""))
        assert not re.search(r"[<>\[\]*_~`#\\@&$|]|://", body)
        assert len(payload) <= 20_000
        if kind is Kind.WECOM:
            assert len(text.encode()) <= 4096
        shown = text.count("■")
        left_out = re.search(r"另有 (\d+) 篇", text)
        total = sum(len(section.articles) for section in long.sections)
        assert shown + int(left_out[1] if left_out else 0) == total
