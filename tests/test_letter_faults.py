"""Faults of templates and of the list's texts: each with its file and line, all at once, never a traceback."""

from collections.abc import Mapping

import pytest

from distributor.bulletin.model import Article, Section
from distributor.errors import Finding, InputError, Place, Severity
from distributor.recipients.model import Group
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
    assert at(found) == ("letter-too-long", Place("departments.html.j2"))
    assert "100" in found.message
    assert "送" in found.message


def test_the_limit_is_that_of_the_finished_page_in_bytes() -> None:
    frame = len("".join(render_letter(bulletin(), group(), WELL | {"letter.html.j2": "<p>x</p>"}).html.literals)) - 1
    fits = "<p>" + "x" * (MAX_HTML - frame) + "</p>"
    assert render_letter(bulletin(), group(), WELL | {"letter.html.j2": fits}).html.literals
    assert fault(fits.replace("x", "xx", 1)).code == "letter-too-long"
    assert fault(fits.replace("xxx", "字x", 1)).code == "letter-too-long"
