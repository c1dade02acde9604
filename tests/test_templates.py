"""The templates that a new site gets: every group's own words and nobody else's, sound HTML, a true text part."""

import re
from html.parser import HTMLParser

import pytest

from distributor.bulletin import reader
from distributor.bulletin.model import Article, Bulletin, Section
from distributor.recipients import resolve
from distributor.recipients.model import GroupName
from distributor.render.letter import MAX_HTML, render_letter
from distributor.render.model import FinishedLetter
from tests.letters import EXAMPLE, RECIPIENTS, ROOT, TEMPLATES, bare, bulletin, roster

ISSUE_060 = ROOT.parent / "shared" / "data" / "bulletins" / "060.txt"
VOID = {"br", "hr", "img", "input", "link", "meta"}

# What each group is told and the others are not; the list's own texts come on top.
OWN_WORDS = {
    GroupName.SUPERIORS: ["本件呈送至", "敬请回复本邮件示知"],
    GroupName.DEPARTMENTS: ["本件送至", "烦请回复本邮件告知"],
    GroupName.MEMBERS: ["请办", "本件发至", "请及时回复本邮件"],
}
TAGS = {GroupName.SUPERIORS: "呈阅", GroupName.DEPARTMENTS: "送阅", GroupName.MEMBERS: "印发"}


def letter(name: GroupName, of: Bulletin | None = None) -> FinishedLetter:
    """The group's letter to its recipient, by the example list."""
    return render_letter(of or bulletin(), roster().groups[name], TEMPLATES).filled(RECIPIENTS[name])


def example() -> Bulletin:
    return reader.read(EXAMPLE.read_bytes(), EXAMPLE.name)


class Outline(HTMLParser):
    """The elements of a page, whether they close in order, and the text of its body."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "body" in self.open:
            self.text.append(data)

    @property
    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _attributes in self.tags if re.fullmatch("h[1-6]", tag)]


# Words


@pytest.mark.parametrize("name", GroupName)
@pytest.mark.parametrize("part", ["html", "text"])
def test_a_group_reads_its_own_words_and_no_other_group_s(name: GroupName, part: str) -> None:
    read = getattr(letter(name), part)
    assert [words for words in OWN_WORDS[name] if words not in read] == []
    others = [words for group, known in OWN_WORDS.items() if group is not name for words in known]
    assert [words for words in others if words in read] == []


@pytest.mark.parametrize("name", GroupName)
def test_a_letter_is_marked_for_its_group_alone(name: GroupName) -> None:
    html = letter(name).html
    assert [group for group, tag in TAGS.items() if f">{tag}</p>" in html] == [name]


@pytest.mark.parametrize("name", GroupName)
@pytest.mark.parametrize("part", ["html", "text"])
def test_the_list_s_words_for_a_group_reach_that_group_alone(name: GroupName, part: str) -> None:
    read = getattr(letter(name), part)
    assert roster().groups[name].closing in read
    assert [group for group in GroupName if group is not name and roster().groups[group].closing in read] == []
    ending = roster().groups[name].greeting.rpartition("}}")[2]
    assert ending in read


@pytest.mark.parametrize("name", GroupName)
@pytest.mark.parametrize("part", ["html", "text"])
def test_everything_the_bulletin_states_is_in_both_parts(name: GroupName, part: str) -> None:
    read = getattr(letter(name), part)
    stated = [
        "海州开发区工作简报", "第12期（总第61期）", "海州市开发区协会", "2026年6月30日", "内部资料", "签发人：林某",
        "〈 本市动态 〉", "第一篇", "第一段。", "第二段。", "第二篇",
        "〈 国内动态 〉", "第三篇", "（来源：省开发区协作网）",
        "送：市有关部门、省商务厅驻海州办事处", "发：各开发区", "承办单位：综合部", "共印40份",
    ]  # fmt: skip
    after_preheader = read.replace("；".join(bulletin().titles), "")
    places = [after_preheader.find(words) for words in stated]
    assert -1 not in places
    assert places[6:] == sorted(places[6:]), "the body and the imprint come in the order of the bulletin"


@pytest.mark.parametrize("name", GroupName)
@pytest.mark.parametrize("part", ["html", "text"])
def test_a_bulletin_that_states_nothing_prints_no_empty_frames(name: GroupName, part: str) -> None:
    read = getattr(letter(name, bare()), part)
    for words in ("None", "签发人", "来源", "〈", "（总第", "共印", "承办", '<h2 class="section', 'class="number'):
        assert words not in read
    assert "《工作简报》" in read


def test_the_text_part_is_text() -> None:
    text = letter(GroupName.MEMBERS).text
    assert not re.search(r"[<>]|&\w+;", text)
    assert "\n\n\n" not in text
    assert text.splitlines()[0] == "内部资料"
    assert "\n\n■ 第一篇\n\n　　第一段。\n\n　　第二段。\n\n■ 第二篇\n" in text


# HTML


@pytest.mark.parametrize("name", GroupName)
@pytest.mark.parametrize("of", [bulletin(), bare()], ids=["full", "bare"])
def test_the_html_is_well_formed_and_its_headings_step_down_one_by_one(name: GroupName, of: Bulletin) -> None:
    outline = Outline(letter(name, of).html)
    assert outline.open == []
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(deeper <= higher + 1 for higher, deeper in zip(outline.headings, outline.headings[1:], strict=False))


@pytest.mark.parametrize("name", GroupName)
def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(name: GroupName) -> None:
    html = letter(name).html
    assert not re.search(r"https?://|//\w|url\(|@import|@font-face|javascript:", html, re.IGNORECASE)
    tags = {tag for tag, _attributes in Outline(html).tags}
    assert tags & {"link", "script", "img", "svg", "iframe", "object", "form", "base"} == set()


@pytest.mark.parametrize("name", GroupName)
def test_what_mail_programs_need_is_there(name: GroupName) -> None:
    html = letter(name).html
    assert html.startswith('<!DOCTYPE html>\n<html lang="zh-CN">')
    assert '<meta name="color-scheme" content="light dark">' in html
    assert html.count("<!--[if mso]>") == html.count("<![endif]-->") == 3
    for rule in ("@media (max-width: 600px)", "(prefers-color-scheme: dark)", "@media print"):
        assert rule in html
    tables = [attributes for tag, attributes in Outline(html).tags if tag == "table"]
    assert {attributes.get("role") for attributes in tables} == {"presentation"}


@pytest.mark.parametrize("name", GroupName)
def test_every_text_is_styled_where_it_stands(name: GroupName) -> None:
    """For the mailboxes that drop style sheets."""
    paragraphs = [attributes for tag, attributes in Outline(letter(name).html).tags if tag in {"p", "h1", "h2", "h3"}]
    assert all("font-size" in (attributes["style"] or "") for attributes in paragraphs)


@pytest.mark.parametrize("name", GroupName)
def test_the_preheader_comes_first_and_is_hidden(name: GroupName) -> None:
    html = letter(name).html
    assert next(filter(str.strip, Outline(html).text)) == "第一篇；第二篇；第三篇"
    assert '<div class="preheader" aria-hidden="true" style="display:none; mso-hide:all' in html


def test_hostile_titles_stay_text_in_the_real_templates() -> None:
    hostile = '"><script>alert(1)</script>{{ 7 * 7 }}'
    of = bulletin(
        masthead=hostile, publisher=hostile, sections=(Section(hostile, (Article(hostile, (hostile,), hostile, 1),)),)
    )
    html = letter(GroupName.MEMBERS, of).html
    assert "<script" not in html
    assert "{{ 7 * 7 }}" in "".join(Outline(html).text)


@pytest.mark.parametrize("length", [2, 4, 9, 14, 30, 60])
def test_a_masthead_of_any_length_gets_a_size_that_can_be_read(length: int) -> None:
    html = letter(GroupName.SUPERIORS, bulletin(masthead="简" * length)).html
    style = next(attributes["style"] or "" for tag, attributes in Outline(html).tags if tag == "h1")
    size = re.search(r"font-size:(\d+)px", style)
    assert size
    assert 26 <= int(size[1]) <= 54


# The example, and a real issue


def test_the_example_reaches_every_audience_of_the_example_list_without_a_finding() -> None:
    of = example()
    assert of.findings == ()
    assert (of.masthead, of.number, of.total_number) == ("海州开发区工作简报", 12, 61)
    assert [(section.name, len(section.articles)) for section in of.sections] == [("本市动态", 4), ("国内动态", 2)]
    routing = [(line.label, name.name) for line in of.routing for name in line.names]
    assert {name for _label, name in routing} == set(roster().audiences)
    places = ((label, name, roster().groups[GroupName(label)].place) for label, name in routing)
    assert resolve.resolve(places, roster()).unresolved == ()


@pytest.mark.parametrize("name", GroupName)
def test_the_example_makes_a_small_letter(name: GroupName) -> None:
    read = letter(name, example())
    assert [title for title in example().titles if f">{title}</h3>" not in read.html] == []
    assert len(read.html.encode()) < 30_000


@pytest.mark.parametrize("name", GroupName)
def test_issue_060_fits(name: GroupName) -> None:
    if not ISSUE_060.exists():
        pytest.skip("the shared data are not here")
    of = reader.read(ISSUE_060.read_bytes(), ISSUE_060.name)
    read = letter(name, of)
    assert len(read.html.encode()) < MAX_HTML / 2
    assert [title for title in of.titles if f">{title}</h3>" not in read.html] == []
    assert read.subject == "开发区工作简报 第4期（总第60期）"


@pytest.mark.parametrize("name", GroupName)
def test_an_article_without_a_title_leaves_no_empty_heading(name: GroupName) -> None:
    untitled = bulletin(sections=(Section(None, (Article("", ("只有正文。",), None, 1),)),))
    read = letter(name, untitled)
    assert "只有正文。" in read.html
    assert not re.search(r"<h[23][^>]*>\s*</h", read.html)
    assert "■" not in read.text
