"""The letters as a browser shows them: on a phone, on a desk, in the dark, on paper."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from distributor.bulletin.model import Article, Bulletin, Section
from distributor.recipients.model import GroupName
from distributor.render.letter import render_letter
from tests import browser, servers
from tests.letters import RECIPIENTS, TEMPLATES, bare, bulletin, roster

WIDTHS = [320, 375, 600, 1000]
SCHEMES = ["light", "dark"]
LONG_WORD = "https://bulletin.example/" + "a" * 200

# Every text a reader sees: its size, colour and background (red, green, blue), and its box.
TEXTS = """(() => {
  const colour = value => value.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const [r, g, b, a = 1] = colour(getComputedStyle(element).backgroundColor);
      if (a) return [r, g, b];
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('p, h1, h2, h3, td')].filter(element =>
    [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())).map(element => {
      const style = getComputedStyle(element), box = element.getBoundingClientRect();
      return {text: element.innerText, size: parseFloat(style.fontSize), colour: colour(style.color).slice(0, 3),
              ground: ground(element), left: box.left, right: box.right, top: box.top, bottom: box.bottom};
    });
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    with browser.opened(servers.find_chromium(), tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(params=GroupName)
def letter(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A group's letter as a file."""
    return written(request.param, bulletin(), tmp_path)


def written(name: GroupName, of: Bulletin, folder: Path) -> Path:
    file = folder / "letter.html"
    filled = render_letter(of, roster().groups[name], TEMPLATES).filled(RECIPIENTS[name])
    file.write_text(filled.html, encoding="utf-8")
    return file


def luminance(colour: list[float]) -> float:
    """WCAG 2.2, relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(text: dict[str, Any]) -> float:
    dark, light = sorted((luminance(text["colour"]), luminance(text["ground"])))
    return (light + 0.05) / (dark + 0.05)


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the boxes of two texts have more than a hair in common."""
    across = min(one["right"], other["right"]) - max(one["left"], other["left"])
    down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
    return across > 1 and down > 1


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_and_nothing_overlaps(page: browser.Page, letter: Path, width: int) -> None:
    page.open(letter, width)
    assert page.evaluate("[innerWidth, document.scrollingElement.scrollWidth]") == [width, width]
    texts = page.evaluate(TEXTS)
    assert [text["text"] for text in texts if text["left"] < 0 or text["right"] > width] == []
    assert [(one["text"], other["text"]) for one, other in combinations(texts, 2) if overlap(one, other)] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_name_of_the_bulletin_stands_on_one_line(page: browser.Page, letter: Path, width: int) -> None:
    page.open(letter, width)
    title = next(text for text in page.evaluate(TEXTS) if text["text"] == "海州开发区工作简报")
    assert title["bottom"] - title["top"] < 2 * title["size"]
    assert title["size"] >= 24


@pytest.mark.parametrize("width", [320, 375])
def test_a_phone_needs_no_magnifying_glass(page: browser.Page, letter: Path, width: int) -> None:
    page.open(letter, width)
    assert [text["text"] for text in page.evaluate(TEXTS) if text["size"] < 16] == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_stands_out_from_its_ground(page: browser.Page, letter: Path, scheme: str) -> None:
    page.open(letter, 375, scheme=scheme)
    texts = page.evaluate(TEXTS)
    assert {luminance(text["ground"]) < 0.2 for text in texts} == {scheme == "dark"}
    assert [(text["text"], round(contrast(text), 1)) for text in texts if contrast(text) < 4.5] == []


def test_the_groups_differ_by_more_than_words(page: browser.Page, tmp_path: Path) -> None:
    accents = set()
    for name in GroupName:
        page.open(written(name, bulletin(), tmp_path), 1000)
        accents.add(page.evaluate("getComputedStyle(document.querySelector('.note')).borderLeftColor"))
    assert len(accents) == 3


def test_paper_is_white_even_in_the_dark(page: browser.Page, letter: Path) -> None:
    page.open(letter, 700, scheme="dark", medium="print")
    assert {tuple(text["ground"]) for text in page.evaluate(TEXTS)} == {(255, 255, 255)}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_browser_asks_for_nothing_and_complains_of_nothing(page: browser.Page, letter: Path, scheme: str) -> None:
    page.open(letter, 1000, scheme=scheme)
    page.evaluate("document.readyState")
    assert [event["request"]["url"] for event in page.told("Network.requestWillBeSent")] == [letter.as_uri()]
    assert page.told("Log.entryAdded") == page.told("Runtime.exceptionThrown") == []


@pytest.mark.parametrize("width", [320, 1000])
@pytest.mark.parametrize(
    "of",
    [
        bare(),
        bulletin(masthead="海州市及周边地区开发区高质量发展协作交流工作简报", publisher="海" * 24),
        bulletin(handler=LONG_WORD, publisher=LONG_WORD),
        bulletin(sections=(Section(LONG_WORD, (Article(LONG_WORD, (LONG_WORD,), LONG_WORD, 1),)),)),
    ],
    ids=["bare", "long names", "long word in a row", "long word in the body"],
)
def test_odd_bulletins_fit_too(page: browser.Page, tmp_path: Path, of: Bulletin, width: int) -> None:
    page.open(written(GroupName.MEMBERS, of, tmp_path), width)
    assert page.evaluate("document.scrollingElement.scrollWidth") == width
