"""Faults of templates and of the list's texts: each with its file and line, all at once, never a traceback."""

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from distributor.bulletin.model import Article, Section
from distributor.errors import Finding, InputError, Place, Severity
from distributor.recipients import loader
from distributor.recipients.model import Group, GroupName
from distributor.render.letter import MAX_HTML, render_letter
from tests.letters import TEMPLATES, bulletin, group

WELL = {"letter.html.j2": "<p>x</p>", "base.txt.j2": "x"}
LIST = Place("recipients.yaml", 7)


def faults(templates: Mapping[str, str], to: Group | None = None) -> list[Finding]:
    with pytest.raises(InputError) as caught:
        render_letter(bulletin(), to or group(), WELL | templates)
    assert {finding.severity for finding in caught.value.findings} == {Severity.ERROR}
    return list(caught.value.findings)


def fault(html: str, **others: str) -> Finding:
    (found,) = faults({"letter.html.j2": html} | others)
    return found


def at(finding: Finding) -> tuple[str, Place | None]:
    return finding.code, finding.place


@pytest.mark.parametrize(
    ("html", "code", "line"),
    [
        ("a\n\n{% if %}", "template-syntax", 3),
        ("a\n{% for x in titles %}\n", "template-syntax", 2),
        ("a\n{{ unit|nofilter }}", "template-syntax", 2),
        ("a\n\n\n{{ mastheed }}", "template-undefined", 4),
        ("{% for s in sections %}\n{{ s.nothing }}\n{% endfor %}", "template-undefined", 2),
        ("a\n{% if mastheed == 1 %}{% endif %}", "template-undefined", 2),
        ("{% extends 'nowhere.html.j2' %}", "template-missing", 1),
        ("\n{% include 'nowhere.html.j2' %}", "template-missing", 2),
        ("a\n{{ lipsum() }}", "template-undefined", 2),
        ("\n{{ 1 / 0 }}", "template-failed", 2),
        ("\n{% include 'letter.html.j2' %}", "template-failed", 2),
        ("\n{{ titles.__class__.__mro__ }}", "template-refused", 2),
        ("\n{{ '{0.__class__.__mro__}'.format(titles) }}", "template-refused", 2),
        ("\n{{ [].append(1) }}", "template-refused", 2),
        ("\n{{ sections[0].__init__.__globals__ }}", "template-refused", 2),
        ("\n{{ range(10 ** 9) }}", "template-refused", 2),
        ("\n{% for x in range(1000000000) %}x{% endfor %}", "template-refused", 2),
        ("\n{% for x in range(9999) %}{% for y in range(9999) %}{% endfor %}{% endfor %}", "template-refused", 2),
        ("\n{{ 10 ** 10 ** 10 }}", "template-refused", 2),
        ("\n{{ 'x' * 1000000000 }}", "template-refused", 2),
        ("\n{{ 1000000000 * [1] }}", "template-refused", 2),
    ],
)
def test_a_fault_is_told_with_template_and_line(html: str, code: str, line: int) -> None:
    found = fault(html)
    assert at(found) == (code, Place("letter.html.j2", line))
    assert found.message
    assert found.remedy


def test_a_template_that_writes_without_end_is_stopped() -> None:
    html = "{% for x in range(9999) %}{{ 'x' * 9999 }}{% endfor %}"
    assert at(fault(html)) == ("template-refused", Place("letter.html.j2"))


def test_a_fault_in_the_layout_is_told_of_the_layout() -> None:
    layout = "<html>\n{% block body %}{% endblock %}\n{{ mastheed }}</html>"
    found = fault("{% extends 'base.html.j2' %}{% block body %}x{% endblock %}", **{"base.html.j2": layout})
    assert at(found) == ("template-undefined", Place("base.html.j2", 3))


def test_a_syntax_error_in_an_included_template_is_told_of_that_one() -> None:
    found = fault("{% include 'part.html.j2' %}", **{"part.html.j2": "\n{{ }}"})
    assert at(found) == ("template-syntax", Place("part.html.j2", 2))


def test_a_fault_that_shows_only_for_some_recipients_is_told_like_any_other() -> None:
    assert at(fault("\n{% if role %}{{ mastheed }}{% endif %}")) == ("template-undefined", Place("letter.html.j2", 2))


def test_a_template_that_is_not_there_is_told_of_the_list_with_the_nearest_names() -> None:
    (found,) = faults({"departments.html.j2": "x"}, group("department.html.j2"))
    assert at(found) == ("template-missing", LIST)
    assert "department.html.j2" in found.message
    assert "departments.html.j2" in (found.remedy or "")


def test_without_any_text_template_the_list_is_told() -> None:
    with pytest.raises(InputError) as caught:
        render_letter(bulletin(), group(), {"letter.html.j2": "<p>x</p>"})
    assert [at(finding) for finding in caught.value.findings] == [("template-missing", LIST)]


@pytest.mark.parametrize("part", ["subject", "greeting", "closing"])
@pytest.mark.parametrize(
    ("text", "code"),
    [("{{ mastheed }}", "template-undefined"), ("{{ unit", "template-syntax"), ("{{ 2 ** 3 }}", "template-refused")],
)
def test_a_fault_in_a_text_of_the_list_names_it(part: str, text: str, code: str) -> None:
    (found,) = faults({}, group(**{part: text}))
    assert at(found) == (code, LIST)
    assert found.message.startswith(f"{part}: ")


@pytest.mark.parametrize("subject", ["", "  ", "{{ number if false }}", "{% if masthead == 'x' %}x{% endif %}"])
def test_an_empty_subject_is_a_fault(subject: str) -> None:
    (found,) = faults({}, group(subject=subject))
    assert at(found) == ("letter-empty", LIST)


def test_all_faults_of_a_letter_are_told_at_once() -> None:
    to = group(subject="{{ a }}", greeting="{{ b }}", closing="{{ c }}")
    found = faults({"letter.html.j2": "{{ d }}", "base.txt.j2": "\n{% if %}"}, to)
    places = [LIST, LIST, LIST, Place("letter.html.j2", 1), Place("base.txt.j2", 2)]
    assert [finding.place for finding in found] == places


@pytest.mark.parametrize("name", ["letter.html.j2", "base.txt.j2"])
@pytest.mark.parametrize("source", ["", " \n", "{# nothing #}", "{% if masthead == 'x' %}x{% endif %}"])
def test_an_empty_letter_is_a_fault(name: str, source: str) -> None:
    (found,) = faults({name: source})
    assert at(found) == ("letter-empty", Place(name))


def test_what_is_no_page_at_all_is_a_fault() -> None:
    assert at(fault("<!-- only a comment -->")) == ("template-failed", Place("letter.html.j2"))


def test_a_letter_that_mailboxes_would_cut_off_is_a_fault_that_says_how_long_it_is() -> None:
    long = bulletin(sections=(Section(None, (Article("长文", ("字" * 40_000,), None, 1),)),))
    with pytest.raises(InputError) as caught:
        render_letter(long, group("departments.html.j2"), TEMPLATES)
    (found,) = caught.value.findings
    assert at(found) == ("bulletin-too-long", Place("61.txt"))
    assert "40002" in found.message
    assert "25000" in found.message


def test_a_bulletin_of_megabytes_is_to_blame_itself_not_the_template() -> None:
    huge = bulletin(sections=(Section(None, (Article("长文", ("字" * 3_000_000,), None, 1),)),))
    with pytest.raises(InputError) as caught:
        render_letter(huge, group("departments.html.j2"), TEMPLATES)
    assert [at(finding) for finding in caught.value.findings] == [("bulletin-too-long", Place("61.txt"))]


def test_a_long_bulletin_goes_with_a_template_that_prints_only_its_titles() -> None:
    long = bulletin(sections=(Section(None, (Article("长文", ("字" * 40_000,), None, 1),)),))
    titles = {"letter.html.j2": "<p>{{ titles[0] }}</p>", "letter.txt.j2": "{{ titles[0] }}"}
    assert "长文" in render_letter(long, group(), titles).html.literals[0]


# What reaches beyond the letter


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ('<img src="http://pictures.example/a.png">', "<img src="),
        ('<img src="//pictures.example/a.png">', "<img src="),
        ('<img srcset="cid:a, https://pictures.example/a.png 2x">', "<img srcset="),
        ('<img src="file:///a.png">', "file:"),
        ('<img src="data:image/svg+xml,x">', "svg"),
        ('<img src="{{ unit }}">', "{{ unit }}"),
        ('<td background="https://pictures.example/a.png">', "<td background="),
        ('<link rel="stylesheet" href="a.css">', "<link"),
        ("<script>alert(1)</script>", "<script>"),
        ('<iframe src="about:blank"></iframe>', "<iframe"),
        ('<object data="a.swf"></object>', "<object"),
        ('<form action="https://forms.example"></form>', "<form"),
        ('<base href="https://bulletin.example/">', "<base"),
        ('<meta http-equiv="Refresh" content="0; url=https://bulletin.example">', "<meta"),
        ('<p onclick="x()">x</p>', "onclick"),
        ("<p ONCLICK=x>x</p>", "ONCLICK"),
        ('<a href="javascript:x()">x</a>', "javascript:"),
        ('<a href=" java&#10;script:x()">x</a>', "<a href="),
        ('<a href="data:text/html,x">x</a>', "data:"),
        ('<p style="background: url(https://pictures.example/a.png)">x</p>', "url("),
        ("<p style=\"background: u\\72l('https://pictures.example/a.png')\">x</p>", "<p style="),
        ("<style>p {background: URL( 'https://pictures.example/a.png' )}</style>", "URL("),
        ('<style>@import "https://styles.example/a.css";</style>', "@import"),
        ('<style data-premailer="ignore">@import url(a.css);</style>', "@import"),
        ("<style>@font-face {font-family: x; src: url(x.woff)}</style>", "url(x.woff)"),
        ('<!--[if mso]><v:fill src="https://pictures.example/a.png"><![endif]-->', "<v:fill"),
        ("<!--[if mso]><style>p {background: url(a.png)}</style><![endif]-->", "url(a.png)"),
    ],
)
def test_what_is_remote_or_active_is_a_fault_of_the_template(html: str, shown: str) -> None:
    found = fault(f"<p>x</p>\n\n{html}")
    assert (found.code, found.place and found.place.file) == ("letter-refers-outside", "letter.html.j2")
    assert shown in found.message
    assert "nothing remote" in (found.remedy or "")


@pytest.mark.parametrize(
    "html", ["<script>x</script>", '<img src="{{ unit }}">', "<style>@import url(a.css);</style>", '<b\n onclick="x">']
)
def test_what_is_remote_or_active_is_told_with_its_line(html: str) -> None:
    layout = "<body>\n{% block body %}{% endblock %}\n" + html + "</body>"
    found = fault("{% extends 'base.html.j2' %}{% block body %}x{% endblock %}", **{"base.html.j2": layout})
    assert at(found) == ("letter-refers-outside", Place("base.html.j2", 3))


def test_every_remote_or_active_thing_is_told() -> None:
    found = faults({"letter.html.j2": "<img src=http://a.example><p onclick=x>\n<script></script>"})
    assert [finding.place and finding.place.line for finding in found] == [1, 1, 2]


def test_a_page_that_cannot_be_parsed_is_a_fault_not_a_traceback() -> None:
    """html.parser has no answer to an unknown marked section in some releases of Python."""
    with suppress(InputError):
        render_letter(bulletin(), group(), WELL | {"letter.html.j2": "<p>x</p><![nothing[ x ]]>"})


def test_a_fault_in_a_text_of_the_list_is_told_with_the_line_of_that_text() -> None:
    places = {key: Place("recipients.yaml", line) for line, key in enumerate(("subject", "greeting", "closing"), 11)}
    to = group("nowhere.html.j2", subject="{{ a }}", greeting="{{ b }}", closing="{{ c }}")
    to = dataclasses.replace(to, places=places | {"template": Place("recipients.yaml", 10)})
    assert [finding.place and finding.place.line for finding in faults({}, to)] == [11, 12, 13, 10]


def test_the_list_tells_where_each_of_a_group_s_texts_stands(tmp_path: Path) -> None:
    path = tmp_path / "recipients.yaml"
    path.write_text(
        "groups:\n  送:\n    labels: [送]\n    template: nowhere.html.j2\n    subject: '{{ a }}'\n"
        "    closing: |\n      {{ c }}\n    greeting: '{{ b }}'\n"
        "audiences:\n  甲: {units: [乙]}\n"
        "units:\n  乙: {contacts: [{name: 丙, email: office@alpha.example.org}]}\n",
        encoding="utf-8",
    )
    found = faults({}, loader.load(path).groups[GroupName.DEPARTMENTS])
    assert [str(finding.place) for finding in found] == [f"{path}:{line}" for line in (5, 8, 6, 4)]


def test_the_limit_is_that_of_the_finished_page_in_bytes() -> None:
    frame = len("".join(render_letter(bulletin(), group(), WELL | {"letter.html.j2": "<p>x</p>"}).html.literals)) - 1
    fits = "<p>" + "x" * (MAX_HTML - frame) + "</p>"
    assert render_letter(bulletin(), group(), WELL | {"letter.html.j2": fits}).html.literals
    assert fault(fits.replace("x", "xx", 1)).code == "letter-too-long"
    assert fault(fits.replace("xxx", "字x", 1)).code == "letter-too-long"
