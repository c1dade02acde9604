"""Merge fields: spliced where templates only put them out, rendered anew where a template looks at the recipient."""

import dataclasses
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distributor.errors import InputError
from distributor.render.fields import NAMES, LooksAtRecipientError, Tokens, Unseen
from distributor.render.letter import render_letter
from distributor.render.model import Letter, MergeFields
from tests.letters import ANYBODY, RECIPIENTS, TEMPLATES, bulletin, group, roster

PAGE = "<!DOCTYPE html>\n<html><body>{}</body></html>"
WITHOUT_ROLE = dataclasses.replace(ANYBODY, role="")


def render(html: str, fields: MergeFields | None = None, **others: str) -> Letter:
    return render_letter(
        bulletin(), group(), {"letter.html.j2": PAGE.format(html), "base.txt.j2": "x"} | others, fields
    )


def body(letter: Letter, fields: MergeFields = ANYBODY) -> str:
    return letter.filled(fields).html.partition("<body>")[2].partition("</body>")[0]


# Spliced


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>{{ unit }}{{ contact }}，{{ email }}</p>", "<p>市商务局收文员，office@commerce.example.org</p>"),
        (
            '<a href="mailto:{{ email }}?subject=x">x</a>',
            '<a href="mailto:office@commerce.example.org?subject=x">x</a>',
        ),
        ('<p title="致{{ unit }}">x</p>', '<p title="致市商务局">x</p>'),
        ("{% for name in [unit, contact] %}<i>{{ name }}</i>{% endfor %}", "<i>市商务局</i><i>收文员</i>"),
        ("{% set to = unit %}{{ to }}", "市商务局"),
        ("{% if masthead %}{{ role }}{% endif %}", "收文"),
        ("{% include 'part.html.j2' %}", "<b>市商务局</b>"),
        ("<style>p {color: red}</style><p>{{ role }}</p>", '<p style="color:red">收文</p>'),
    ],
    ids=["text", "href", "attribute", "list", "set", "within if", "include", "styled"],
)
def test_a_field_that_is_only_put_out_is_spliced(html: str, expected: str) -> None:
    letter = render(html, **{"part.html.j2": "<b>{{ unit }}</b>"})
    assert not letter.per_recipient
    assert letter.html.fields
    assert body(letter) == expected


def test_a_letter_without_fields_has_no_gaps() -> None:
    letter = render("<p>{{ masthead }}</p>")
    assert (letter.per_recipient, letter.html.fields) == (False, ())


def test_values_are_escaped_in_html_and_raw_in_text_and_subject() -> None:
    hostile = dataclasses.replace(ANYBODY, unit="""A&B <C> "D" 'E' {{ 1 }}""")
    templates = {"letter.html.j2": PAGE.format('<p title="{{ unit }}">{{ unit }}</p>'), "base.txt.j2": "{{ unit }}"}
    filled = render_letter(bulletin(), group(subject="{{ unit }}"), templates).filled(hostile)
    escaped = "A&amp;B &lt;C&gt; &quot;D&quot; &#x27;E&#x27; {{ 1 }}"
    assert f'<p title="{escaped}">{escaped}</p>' in filled.html
    assert (filled.text, filled.subject) == (f"{hostile.unit}\n", hostile.unit)


# Rendered for each recipient


LOOKS = {
    "if": ("{% if role %}（{{ role }}）{% endif %}", "（收文）", ""),
    "not": ("{{ 'x' if not role }}", "", "x"),
    "or": ("{{ role or '无' }}", "收文", "无"),
    "equal": ("{{ 'x' if role == '收文' }}", "x", ""),
    "unequal": ("{{ 'x' if role != '收文' }}", "", "x"),
    "equal, the other way": ("{{ 'x' if '收文' == role }}", "x", ""),
    "in": ("{{ 'x' if '收' in role }}", "x", ""),
    "in a list": ("{{ 'x' if role in ['收文'] }}", "x", ""),
    "filter": ("{{ email|upper }}", "OFFICE@COMMERCE.EXAMPLE.ORG", "OFFICE@COMMERCE.EXAMPLE.ORG"),
    "default": ("{{ role|default('无', true) }}", "收文", "无"),
    "int": ("{{ role|int(7) }}", "7", "7"),
    "length": ("{{ role|length }}", "2", "0"),
    "is string": ("{{ role is string }}", "True", "True"),
    "concatenation": ("{{ role ~ '！' }}", "收文！", "！"),
    "addition": ("{{ role + '！' }}", "收文！", "！"),
    "formatting": ("{{ '[%s]' % role }}", "[收文]", "[]"),
    "format": ("{{ '[{}]'.format(role) }}", "[收文]", "[]"),
    "method": ("{{ email.upper() }}", "OFFICE@COMMERCE.EXAMPLE.ORG", "OFFICE@COMMERCE.EXAMPLE.ORG"),
    "index": ("{{ email[0] }}", "o", "o"),
    "slice": ("{{ email[:3] }}", "off", "off"),
    "loop": ("{% for c in role %}{{ c }}-{% endfor %}", "收-文-", ""),
    "key": ("{{ {'收文': 'x'}[role]|default('无') if role else '' }}", "x", ""),
    "join": ("{{ [role, unit]|join('/') }}", "收文/市商务局", "/市商务局"),
    "json": ("{{ [email]|tojson }}", '["office@commerce.example.org"]', '["office@commerce.example.org"]'),
    "list printed": ("{{ [email] }}", "['office@commerce.example.org']", "['office@commerce.example.org']"),
    "captured": ("{% set r %}{{ role }}{% endset %}{% if r %}有{% endif %}", "有", ""),
    "filter block": ("{% filter replace('收', '发') %}{{ role }}{% endfilter %}", "发文", ""),
    "macro": ("{% macro m(x) %}<i>{{ x }}</i>{% endmacro %}{{ m(role) }}", "<i>收文</i>", "<i></i>"),
    "call": ("{% macro m() %}-{{ caller() }}-{% endmacro %}{% call m() %}{{ role }}{% endcall %}", "-收文-", "--"),
}  # fmt: skip


@pytest.mark.parametrize("case", LOOKS)
def test_a_template_that_looks_at_the_recipient_is_rendered_for_each(case: str) -> None:
    html, with_role, without_role = LOOKS[case]
    assert render(html).per_recipient
    for fields, expected in ((ANYBODY, with_role), (WITHOUT_ROLE, without_role)):
        letter = render(html, fields)
        assert letter.per_recipient
        assert letter.html.fields == ()
        assert unescape(body(letter, fields)) == expected


def test_the_specimen_of_such_a_letter_is_nobody_s() -> None:
    assert "某某单位" in body(render("{{ unit|upper }}"))


def test_a_captured_value_is_escaped() -> None:
    hostile = dataclasses.replace(ANYBODY, role="<b>&")
    html = "{% set r %}{{ role }}{% endset %}{{ r }}"
    assert body(render(html, hostile), hostile) == "&lt;b&gt;&amp;"


def test_a_greeting_may_look_at_the_recipient_too() -> None:
    templates = {"letter.html.j2": PAGE.format("{{ greeting[0] }}"), "base.txt.j2": "{{ greeting[0] }}"}
    to = group(greeting="{{ salutation }}{% if role %}（{{ role }}）{% endif %}：")
    letter = render_letter(bulletin(), to, templates, WITHOUT_ROLE)
    assert letter.per_recipient
    assert letter.filled(WITHOUT_ROLE).text == "市商务局办公室：\n"


def test_a_template_may_look_at_a_greeting_that_holds_no_field() -> None:
    template = PAGE.format("{% if greeting[0] == '您好' %}{{ unit }}{% endif %}")
    templates = {"letter.html.j2": template, "base.txt.j2": "x"}
    assert not render_letter(bulletin(), group(greeting="您好"), templates).per_recipient


def test_a_greeting_that_holds_a_field_is_no_easier_to_look_at() -> None:
    templates = {"letter.html.j2": PAGE.format("{{ greeting[0]|upper }}"), "base.txt.j2": "x"}
    letter = render_letter(bulletin(), group(greeting="to {{ email }}"), templates, ANYBODY)
    assert letter.per_recipient
    assert "TO OFFICE@COMMERCE.EXAMPLE.ORG" in letter.filled(ANYBODY).html


@pytest.mark.parametrize("fields", [None, ANYBODY], ids=["for all", "for one"])
def test_a_field_that_gets_lost_is_a_fault(fields: MergeFields | None) -> None:
    """lxml drops the second attribute of a name."""
    with pytest.raises(InputError) as caught:
        render('<p title="x" title="{{ unit }}">x</p>', fields)
    assert [finding.code for finding in caught.value.findings] == ["field-lost"]


# Both ways give the same


LINES = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Cn"]), max_size=30)
FIELDS = st.builds(MergeFields, LINES, LINES, LINES, LINES, LINES)
EVERYWHERE = (
    '<style>p {color: red}</style><p title="{{ unit }}" class="a">{{ unit }}</p>'
    '<a href="mailto:{{ email }}?subject={{ role }}">{{ contact }}</a>{{ greeting[0] }}'
)


@given(FIELDS)
@settings(max_examples=40, deadline=None)
def test_splicing_and_rendering_anew_give_the_same_letter(fields: MergeFields) -> None:
    templates = {
        "letter.html.j2": PAGE.format(EVERYWHERE),
        "base.txt.j2": "{{ greeting[0] }}\n\n{{ role }} \n{{ unit }}",
    }
    to = group(subject="{{ masthead }} {{ unit }}", greeting="{{ salutation }}：《{{ masthead }}》")
    spliced, rendered = (render_letter(bulletin(), to, templates, given) for given in (None, fields))
    assert (spliced.per_recipient, rendered.per_recipient) == (False, True)
    assert spliced.filled(fields) == rendered.filled(fields)


@pytest.mark.parametrize("name", RECIPIENTS)
def test_the_site_s_own_templates_are_spliced(name: str) -> None:
    to, fields = roster().groups[name], RECIPIENTS[name]
    spliced, rendered = (render_letter(bulletin(), to, TEMPLATES, given) for given in (None, fields))
    assert not spliced.per_recipient
    assert spliced.filled(fields) == rendered.filled(fields)


# Tokens


@given(st.text(max_size=50))
def test_tokens_are_absent_from_the_text_and_the_same_each_time(text: str) -> None:
    assert Tokens(text).found(text) == []
    assert Tokens(text).pattern == Tokens(text).pattern


def test_tokens_avoid_a_text_that_holds_the_first_choice() -> None:
    class Text(str):
        """Claims once to hold whatever it is asked for."""

        asked = 0

        def __contains__(self, part: object) -> bool:
            self.asked += 1
            return self.asked == 1

    assert Tokens(Text("a")).pattern != Tokens("a").pattern


def test_split_cuts_at_every_token_in_order() -> None:
    tokens = Tokens("")
    outputs = {name: field.output for name, field in tokens.unseen().items() if isinstance(field, Unseen)}
    merged = tokens.split(f"a{outputs['email']}{outputs['role']}b")
    assert merged.literals == ("a", "", "b")
    assert merged.fields == ("email", "role")
    assert set(outputs) == set(NAMES)
    assert all(output.isalnum() and output.isascii() and output.islower() for output in outputs.values())


@pytest.mark.parametrize(
    "look", [str, repr, bool, len, iter, hash, int, float, list, "{}".format, lambda x: x == 1, lambda x: x.name]
)
def test_every_look_at_an_unseen_field_is_refused(look) -> None:
    with pytest.raises(LooksAtRecipientError):
        look(Unseen("token"))
