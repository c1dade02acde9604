"""The HTML report as a document: well made, closed to the outside, and nothing from there is more than text in it."""

import base64
import dataclasses
import hashlib
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distributor import i18n
from distributor.delivery.model.records import IssueState, OmittedRecord, ServedRecord
from distributor.delivery.model.states import State
from distributor.report import html
from distributor.report.html_facts import Obstacle
from tests import accounts
from tests.report_pages import ISSUE, OMITTED, Element, delivery, facts, page, read, some

HOSTILE = "</title></style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;`</code>"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    i18n.activate("en")
    yield
    i18n.activate("en")


# As a document


def pages() -> list[tuple[str, str]]:
    i18n.activate("en")
    found = [
        ("failures", page(some(), omitted=OMITTED, everybody=True)),
        ("all sent", page([delivery(1), delivery(2)])),
        ("empty", page([])),
        ("nothing tried", page([delivery(1, State.QUEUED)])),
    ]
    i18n.activate("zh")
    found.append(("Chinese", page(some(), omitted=OMITTED, everybody=True)))
    i18n.activate("en")
    return found


PAGES = [pytest.param(text, id=name) for name, text in pages()]


@pytest.mark.parametrize("text", PAGES)
def test_ids_are_unique_and_whatever_is_referred_to_is_there(text: str) -> None:
    document = read(text)
    ids = [each.attributes["id"] for each in document.walk() if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    referred = [
        identity
        for each in document.walk()
        for name in ("aria-labelledby", "aria-describedby", "for", "href")
        for identity in each.attributes.get(name, "").replace("#", "").split()
    ]
    assert referred
    assert set(referred) <= set(ids)


@pytest.mark.parametrize("text", PAGES)
def test_every_table_has_a_caption_and_every_heading_its_scope(text: str) -> None:
    document = read(text)
    assert document.all("table")
    for table in document.all("table"):
        first = next(each for each in table.content if isinstance(each, Element))
        assert first.tag == "caption"
        assert {each.attributes.get("scope") for each in table.all("thead")[0].all("th")} == {"col"}
        for body in table.all("tbody"):
            assert {each.attributes.get("scope") for each in body.all("th")} <= {"row"}
            widths = {sum(isinstance(cell, Element) for cell in row.content) for row in table.all("tr")}
            assert len(widths) == 1, "every row has as many cells as there are headings"


@pytest.mark.parametrize("text", PAGES)
def test_headings_go_down_by_single_steps_from_one_title(text: str) -> None:
    levels = [int(each.tag[1]) for each in read(text).walk() if re.fullmatch("h[1-6]", each.tag)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    for section in read(text).all("section"):
        assert section.all("h2"), "every section has its heading"


@pytest.mark.parametrize("text", PAGES)
def test_it_refers_to_nothing_outside_and_allows_nothing_but_itself(text: str) -> None:
    document = read(text)
    for each in document.walk():
        assert not {"src", "srcset", "style", "data", "action"} & set(each.attributes), each
        assert not [name for name in each.attributes if name.startswith("on")], each
        assert each.attributes.get("href", "#").startswith("#")
        assert each.tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
    (style,), (script,) = document.all("style"), document.all("script")
    assert not re.search(r"url\(|@import|@font-face|fetch|XMLHttp|import\(|eval|innerHTML", style.raw + script.raw)
    (policy,) = (
        each.attributes["content"]
        for each in document.all("meta")
        if each.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    hashes = [base64.b64encode(hashlib.sha256(each.raw.encode()).digest()).decode() for each in (style, script)]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("zh", "zh-CN")])
def test_it_says_what_language_it_is_in(language: str, tag: str) -> None:
    i18n.activate(language)
    document = read(page(some()))
    assert document.all("html")[0].attributes["lang"] == tag
    assert document.all("h1")[0].attributes["lang"] == "zh-CN", "the bulletin's name is Chinese in any language"


# What comes from outside


def hostile_page(text: str) -> str:
    issue = dataclasses.replace(
        ISSUE, masthead=text, file=text, opened_by=text, host=text, sender=text, state=IssueState.PAUSED,
        state_reason=text, state_by=text, again_reason=text,
    )  # fmt: skip
    serves = (ServedRecord(text, text, text, text), ServedRecord(text, text, text, None))
    record = delivery(
        1, State.FAILED, address=text, serves=serves, reply=text, enhanced=text, code=550, reason="policy"
    )
    omitted = [
        OmittedRecord(text, text, text, text, "disabled", text),
        OmittedRecord("", text, None, None, "unresolved", text),
    ]
    waits = Obstacle(text, 1, text, text, text, None)
    records = [record, delivery(2)]
    account = dataclasses.replace(accounts.plain(issue, records, []), omitted=tuple(omitted))
    return "".join(html.page(account, facts(records, obstacles=(waits,)), [record], records))


def tags(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Everything of a page but its texts."""
    return [(each.tag, tuple(each.attributes)) for each in read(text).walk() if each.tag not in {"wbr", "code", "span"}]


HARMLESS = tags(hostile_page("某"))


def test_hostile_names_and_replies_are_only_text() -> None:
    found = hostile_page(HOSTILE)
    assert tags(found) == HARMLESS
    document = read(found)
    assert len(document.all("script")) == 1
    assert HOSTILE.replace("@", "@ ") in document.all("h1")[0].text


texts = st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable() and bool(text.strip()))


@settings(max_examples=40, deadline=None)
@given(texts)
def test_any_name_is_only_text(text: str) -> None:
    assert tags(hostile_page(text)) == HARMLESS


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\u202e", "\ud800", "\u2028", "\r"])
def test_no_control_character_reaches_the_page(char: str) -> None:
    found = hostile_page(f"甲{char}乙")
    assert char not in found
    assert found.encode("utf-8")


def test_the_running_title_of_a_printed_page_cannot_end_the_style() -> None:
    assert html.css_string('a"</style>\\') == '"a\\22 \\3c \\2f style\\3e \\5c "'
