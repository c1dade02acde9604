"""A bulletin and a group become a letter: what templates are given, what they put out, and what survives premailer."""

import datetime as dt
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest

from distributor.bulletin.model import Article, Bulletin, Section
from distributor.errors import InputError
from distributor.recipients.model import Group
from distributor.render.inlining import inlined
from distributor.render.letter import render_letter
from distributor.render.model import FinishedLetter
from tests.letters import ANYBODY, bare, bulletin, group

PAGE = "<!DOCTYPE html>\n<html><head><title>t</title></head><body>{}</body></html>"


def finished(
    html: str = "<p>x</p>", text: str = "x", of: Bulletin | None = None, to: Group | None = None
) -> FinishedLetter:
    templates = {"letter.html.j2": PAGE.format(html), "letter.txt.j2": text}
    return render_letter(of or bulletin(), to or group(), templates).filled(ANYBODY)


def body(html: str, **options: Any) -> str:
    page = finished(html, **options).html
    return page.partition("<body>")[2].partition("</body>")[0]


def text(source: str, of: Bulletin | None = None) -> str:
    return finished(text=source, of=of).text.removesuffix("\n")


# What templates are given


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "第12期（总第61期）"),
        ({"total_number": None}, "第12期"),
        ({"number": None}, "总第61期"),
        ({"number": None, "total_number": None}, ""),
        ({"number": 0}, "第0期（总第61期）"),
        ({"supplement": True}, "增刊第12期（总第61期）"),
        ({"supplement": True, "number": None}, "增刊（总第61期）"),
        ({"supplement": True, "number": None, "total_number": None}, "增刊"),
    ],
    ids=["both", "number", "total", "neither", "zero", "supplement", "supplement total", "supplement alone"],
)
def test_the_number_line_says_what_the_bulletin_says(changes: dict[str, Any], line: str) -> None:
    assert text("[{{ number_line }}]", bulletin(**changes)) == f"[{line}]"


def test_the_date_is_printed_without_zeros() -> None:
    assert text("{{ date }}", bulletin(date=dt.date(2026, 1, 5))) == "2026年1月5日"


def test_the_imprint_is_given_as_printed() -> None:
    lines = "{% for label, names in routing %}{{ label }}：{{ names }}/{% endfor %}"
    assert text(lines) == "送：市有关部门、省商务厅驻海州办事处/发：各开发区/"


def test_the_preheader_holds_the_titles_and_ends_in_time() -> None:
    assert text("{{ preheader }}") == "第一篇；第二篇；第三篇"
    long = bulletin(sections=(Section(None, tuple(Article("题" * 30, (), None, 1) for _ in range(9))),))
    assert len(text("{{ preheader }}", long)) == 120
    assert text("{{ preheader }}", long).endswith("…")


def test_a_bulletin_that_states_nothing_leaves_every_name_empty_or_none() -> None:
    said = text(
        "{{ masthead }}|{{ number_line }}{{ publisher }}{{ date }}{{ secrecy }}{{ signer }}{{ handler }}|", bare()
    )
    assert said == "工作简报||"
    assert text("{{ number }} {{ total_number }} {{ copies }}", bare()) == "None None None"


# The group's texts


def test_greeting_and_closing_come_by_lines_and_may_hold_merge_fields() -> None:
    to = group(greeting="{{ salutation }}：\n\n《{{ masthead }}》 {{ date }}\n", closing="此致")
    template = (
        "{% for line in greeting %}<p>{{ line }}</p>{% endfor %}{% for line in closing %}<b>{{ line }}</b>{% endfor %}"
    )
    assert body(template, to=to) == "<p>市商务局办公室：</p><p>《海州开发区工作简报》 2026年6月30日</p><b>此致</b>"


def test_a_greeting_is_text_not_html() -> None:
    assert body("{{ greeting[0] }}", to=group(greeting="<b>{{ masthead }}</b> & {{ unit }}")) == (
        "&lt;b&gt;海州开发区工作简报&lt;/b&gt; &amp; 市商务局"
    )


def test_the_subject_is_one_line_whatever_bulletin_and_list_hold() -> None:
    of = bulletin(masthead="简\r\nBcc: x@example.org\u2028报\x0b")
    subject = finished(of=of, to=group(subject="{{ masthead }}\n\n{{ unit }}")).subject
    assert subject == "简 Bcc: x@example.org 报 市商务局"


def test_the_subject_is_not_escaped() -> None:
    assert finished(of=bulletin(masthead="“A&B”<简报>")).subject == "“A&B”<简报>"


def test_reply_to_comes_from_the_group() -> None:
    templates = {"letter.html.j2": PAGE, "base.txt.j2": "x"}
    assert render_letter(bulletin(), group(reply_to="desk@example.org"), templates).reply_to == "desk@example.org"


# The text part


def test_the_text_template_stands_beside_the_html_one_else_the_layout_is_used() -> None:
    html = {"letter.html.j2": PAGE, "base.txt.j2": "layout"}
    assert render_letter(bulletin(), group(), html).filled(ANYBODY).text == "layout\n"
    own = html | {"letter.txt.j2": "own"}
    assert render_letter(bulletin(), group(), own).filled(ANYBODY).text == "own\n"


def test_text_is_tidied_but_its_indents_stay() -> None:
    assert finished(text="\n\n标题  \n\n\n\n　　正文\t\n\n").text == "标题\n\n　　正文\n"


def test_text_is_not_escaped() -> None:
    of = bulletin(publisher="A & <B> “C” 'D'")
    assert text("{{ publisher }}", of) == "A & <B> “C” 'D'"


# HTML that survives premailer


def test_styles_are_inlined_and_media_rules_stay_as_written() -> None:
    rules = "@media (prefers-color-scheme: dark) {\n.a > b {color: #fff !important}\n}"
    html = f'<style>.a {{color: #c00}}</style><style data-premailer="ignore">{rules}</style><p class="a">x</p>'
    page = body(html)
    assert page == f'<style>{rules}</style><p class="a" style="color:#c00">x</p>'


@pytest.mark.parametrize(
    "html",
    [
        '<!--[if mso]><table width="720"><tr><td><![endif]-->x<!--[if mso]></td></tr></table><![endif]-->',
        "<!--[if !mso]><!--><b>x</b><!--<![endif]-->",
        "<p>第4期 &amp; &lt;b&gt; “引号” 〈〉 ﹏ 𠮷</p>",
        '<a href="https://bulletin.example/?a=1&amp;b=2">x</a>',
        '<a href="mailto:desk@bulletin.example">x</a>',
        '<img src="data:image/png;base64,AAAA" alt="x">',
        "<p>url(https://bulletin.example/a), @import, javascript:, onclick=x</p>",
        "<br>",
    ],
    ids=["mso", "not mso", "text", "link", "mail link", "picture inside", "words about it", "void element"],
)
def test_html_comes_through_unchanged(html: str) -> None:
    assert body(html) == html


def test_doctype_language_and_charset_come_through() -> None:
    source = (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8"><title>t</title></head><body>简</body></html>'
    )
    templates = {"letter.html.j2": source, "base.txt.j2": "x"}
    assert render_letter(bulletin(), group(), templates).filled(ANYBODY).html.strip() == source


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A web server with a style sheet: its address, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/css")
            self.end_headers()
            self.wfile.write(b"p {color: red}")

        def log_message(self, *_arguments: object) -> None:
            """Not on the screen."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_the_server_elsewhere_would_hear_of_a_request(elsewhere: tuple[str, list[str]]) -> None:
    address, asked = elsewhere
    urlopen(f"{address}/i.css").close()
    assert asked == ["/i.css"]


REFERENCES = [
    "<style>@import url({}/i.css);</style>",
    '<style>@import "{}/i.css" screen;</style>',
    "<style>p {{background: url({}/i.css)}}</style>",
    '<link rel="stylesheet" href="{}/i.css">',
    '<img src="{}/i.css">',
    '<p style="background: url({}/i.css)">x</p>',
]


@pytest.mark.parametrize("html", REFERENCES)
def test_a_letter_that_refers_elsewhere_is_refused_and_nothing_is_asked(
    elsewhere: tuple[str, list[str]], html: str
) -> None:
    address, asked = elsewhere
    with pytest.raises(InputError) as caught:
        body(html.format(address) + "<p>x</p>")
    assert {finding.code for finding in caught.value.findings} == {"letter-refers-outside"}
    assert asked == []


@pytest.mark.parametrize("html", REFERENCES)
def test_inlining_alone_asks_for_nothing_either(elsewhere: tuple[str, list[str]], html: str) -> None:
    address, asked = elsewhere
    page = inlined(PAGE.format(html.format(address) + "<p>x</p>"))
    assert asked == []
    assert "color:red" not in page


def test_inlining_reads_no_file(tmp_path: Path) -> None:
    sheet = tmp_path / "i.css"
    sheet.write_text("p {color: red}")
    page = inlined(PAGE.format(f"<style>@import url({sheet.as_uri()}); p {{margin: 0}}</style><p>x</p>"))
    assert '<p style="margin:0">x</p>' in page


# Hostile bulletins


@pytest.mark.parametrize(
    ("hostile", "escaped"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("{{ 7 * 7 }}{% raw %}{# c #}", "{{ 7 * 7 }}{% raw %}{# c #}"),
        ("</p><img src=x onerror=y>", "&lt;/p&gt;&lt;img src=x onerror=y&gt;"),
        ("<!--[if mso]>", "&lt;!--[if mso]&gt;"),
        ("&amp;&#60;", "&amp;amp;&amp;#60;"),
        ("a\x00b\x0bc\ud800d\ufffee", "abcde"),
        ("\u202eabc\u202c", "abc"),
        ("עברית", "עברית"),
        ("m0123456789abcdef01234567n0z", "m0123456789abcdef01234567n0z"),
    ],
    ids=["script", "template", "tags", "comment", "entities", "controls", "override", "right to left", "like a token"],
)
def test_text_of_a_bulletin_is_shown_never_obeyed(hostile: str, escaped: str) -> None:
    assert body("<p>{{ publisher }}</p>", of=bulletin(publisher=hostile)) == f"<p>{escaped}</p>"


def test_quotes_of_a_bulletin_do_not_end_an_attribute() -> None:
    page = body('<p title="{{ publisher }}">x</p>', of=bulletin(publisher="\" onclick='x"))
    assert page == '<p title="&quot; onclick=\'x">x</p>'


def test_the_same_input_gives_the_same_letter() -> None:
    page = PAGE.format("<style>p{color:red}</style><p>{{ unit }}</p>")
    templates = {"letter.html.j2": page, "base.txt.j2": "{{ unit }}"}
    assert render_letter(bulletin(), group(), templates) == render_letter(bulletin(), group(), templates)
