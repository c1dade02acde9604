"""The HTML report as a browser shows it: wide, narrow and on paper, without network, without script, by keyboard."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distributor import i18n
from distributor.delivery.model.records import ServedRecord
from distributor.delivery.model.states import State
from tests import browser, servers
from tests.report_pages import ISSUE, OMITTED, REFUSED, delivery, page, some

LONG = "https://bulletin.example/" + "a" * 200
# Every text that is seen: its colour and ground (red, green, blue), and its box.
TEXTS = """(() => {
  const colour = value => value.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const [r, g, b, a = 1] = colour(getComputedStyle(element).backgroundColor);
      if (a) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const shown = element => element.checkVisibility() && !element.closest('svg, .skip, script, style, .about h2');
  return [...document.body.querySelectorAll('*')].filter(element => shown(element) &&
    [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())).map(element => {
      const box = element.getBoundingClientRect();
      return {text: element.textContent.trim(), colour: colour(getComputedStyle(element).color).slice(0, 3),
              ground: ground(element), left: box.left, right: box.right,
              tall: box.height > 2};
    }).filter(text => text.tall);
})()"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    with browser.opened(servers.find_chromium(), tmp_path_factory.mktemp("profile")) as opened:
        network = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        opened.call("Network.emulateNetworkConditions", **network)
        yield opened


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    i18n.activate("en")
    yield
    i18n.activate("en")


def written(folder: Path, text: str) -> Path:
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of failures, with everybody."""
    return written(tmp_path, page(some(), omitted=OMITTED, everybody=True))


def luminance(colour: list[float]) -> float:
    """WCAG 2.2, relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(text: dict[str, Any]) -> float:
    dark, light = sorted((luminance(text["colour"]), luminance(text["ground"])))
    return (light + 0.05) / (dark + 0.05)


def act(chromium: browser.Page, expression: str) -> None:
    """Run it for what it does."""
    chromium.evaluate(f"{expression}; 0")


def press(chromium: browser.Page, key: str) -> None:
    codes = {"Tab": 9, "Enter": 13, " ": 32}
    typed = {"Enter": "\r", " ": " "}
    common = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes[key]}
    text = {"text": typed[key]} if key in typed else {}
    chromium.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
    chromium.call("Input.dispatchKeyEvent", type="keyUp", **common)


def column(chromium: browser.Page, section: str, number: int) -> list[str]:
    """The texts of one column of the rows that are shown."""
    rows = f"document.querySelectorAll('section[aria-labelledby={section}] table tbody tr:not([hidden])')"
    found: list[str] = chromium.evaluate(f"[...{rows}].map(row => row.cells[{number}].textContent.trim())")
    return found


# Looks


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_it_fits_its_window_and_asks_for_nothing(
    chromium: browser.Page, tmp_path: Path, width: int, language: str
) -> None:
    i18n.activate(language)
    file = written(tmp_path, page(some(), omitted=OMITTED, everybody=True))
    chromium.open(file, width)
    assert chromium.evaluate("[innerWidth, document.scrollingElement.scrollWidth]") == [width, width]
    texts = chromium.evaluate(TEXTS)
    assert len(texts) > 100
    assert [text["text"] for text in texts if text["left"] < 0 or text["right"] > width] == []
    assert [event["request"]["url"] for event in chromium.told("Network.requestWillBeSent")] == [file.as_uri()]
    assert chromium.told("Log.entryAdded") == chromium.told("Runtime.exceptionThrown") == []
    assert chromium.told("Runtime.consoleAPICalled") == []


@pytest.mark.parametrize("width", [320, 1280])
def test_long_words_and_large_numbers_fit_too(chromium: browser.Page, tmp_path: Path, width: int) -> None:
    issue = dataclasses.replace(ISSUE, masthead="海" * 40, opened_by=LONG, file=LONG, again_reason=LONG)
    serves = (ServedRecord(LONG, LONG, LONG, LONG), ServedRecord(LONG, "某单位", "收文员", None))
    record = delivery(
        1, State.FAILED, serves=serves, address=f"{'a' * 64}@{'b' * 60}.example", **REFUSED | {"reply": LONG}
    )
    chromium.open(written(tmp_path, page([record, delivery(2)], issue=issue, everybody=True)), width)
    assert chromium.evaluate("document.scrollingElement.scrollWidth") == width


@pytest.mark.parametrize("records", [[], [delivery(1)]], ids=["nobody", "all sent"])
def test_short_reports_are_without_fault_too(chromium: browser.Page, tmp_path: Path, records: list[Any]) -> None:
    chromium.open(written(tmp_path, page(records)), 375)
    assert chromium.evaluate("document.scrollingElement.scrollWidth") == 375
    assert chromium.told("Log.entryAdded") == chromium.told("Runtime.exceptionThrown") == []


def test_every_text_stands_out_from_its_ground(chromium: browser.Page, tmp_path: Path) -> None:
    states = [delivery(number, state, **REFUSED) for number, state in enumerate(State, 1) if state is not State.SENT]
    chromium.open(written(tmp_path, page([*states, delivery(20)], omitted=OMITTED)), 1280)
    texts = chromium.evaluate(TEXTS)
    assert len({tuple(text["colour"]) for text in texts}) > len(State) - 3
    assert [(text["text"], round(contrast(text), 1)) for text in texts if contrast(text) < 4.5] == []


def test_dark_text_on_white_whatever_the_reader_prefers(chromium: browser.Page, report: Path) -> None:
    chromium.open(report, 1280, scheme="dark")
    assert {tuple(text["ground"]) for text in chromium.evaluate(TEXTS)} == {(255, 255, 255)}


def test_paper_has_no_controls_repeats_headings_and_cuts_no_row(chromium: browser.Page, report: Path) -> None:
    chromium.open(report, 718, medium="print")  # A4 less its margins, in CSS pixels
    shown = "[...document.querySelectorAll('{}')].some(element => element.checkVisibility())"
    for gone in (".skip", ".filter", "details"):
        assert not chromium.evaluate(shown.format(gone)), gone
    style = "[...new Set([...document.querySelectorAll('{}')].map(element => getComputedStyle(element).{}))]"
    assert chromium.evaluate(style.format("thead", "display")) == ["table-header-group"]
    assert chromium.evaluate(style.format("tr", "breakInside")) == ["avoid"]
    assert chromium.evaluate("document.scrollingElement.scrollWidth") == 718
    assert chromium.evaluate("getComputedStyle(document.querySelector('thead button'), '::after').display") == "none"
    assert chromium.evaluate(style.format("thead button", "display")) == ["contents"], "a control is not repeated"


@pytest.mark.parametrize("width", [375, 1280])
def test_tables_are_tables_to_a_screen_reader_at_any_width(chromium: browser.Page, report: Path, width: int) -> None:
    chromium.open(report, width)
    nodes = chromium.call("Accessibility.getFullAXTree")["nodes"]
    roles = Counter(node["role"]["value"] for node in nodes if not node.get("ignored"))
    tables = "[...document.querySelectorAll('table')].filter(table => table.checkVisibility())"
    assert roles["table"] == roles["caption"] == chromium.evaluate(f"{tables}.length")
    assert roles["row"] == chromium.evaluate(f"{tables}.flatMap(table => [...table.rows]).length")
    assert roles["rowheader"] == chromium.evaluate(
        f"{tables}.flatMap(t => [...t.querySelectorAll('[scope=row]')]).length"
    )
    assert roles["image"] == chromium.evaluate("document.querySelectorAll('svg[role=img]').length")


# Sorting and filtering


def test_without_script_there_is_everything_but_the_controls(chromium: browser.Page, report: Path) -> None:
    chromium.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open(report, 1280)
        assert chromium.evaluate("document.querySelectorAll('button').length") == 0
        assert not chromium.evaluate("document.querySelector('.filter').checkVisibility()")
        assert column(chromium, "missing", 1) == ["市丁局", "市丙局", "戊公司", "己公司"]
        assert chromium.told("Log.entryAdded") == []
    finally:
        chromium.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize(
    ("heading", "rising"),
    [
        ("Group", ["报", "送", "送", "送", "送", "送", "发", "发", "发", "发", "发"]),
        ("State", ["uncertain", "failed", "failed", "put off", *["sent"] * 7]),
        ("Attempts", ["1"] * 9 + ["2", "12"]),
    ],
)
def test_a_heading_sorts_by_keyboard_in_the_order_people_expect(
    chromium: browser.Page, tmp_path: Path, heading: str, rising: list[str]
) -> None:
    records = some()
    records[0] = dataclasses.replace(records[0], attempts=12)
    records[3] = dataclasses.replace(records[3], attempts=2)
    chromium.open(written(tmp_path, page(records, everybody=True)), 1280)
    number = ["Group", "Unit", "Contact", "Address", "State", "Reason", "Attempts", "When"].index(heading)
    act(chromium, f"document.querySelectorAll('section[aria-labelledby=everybody] thead button')[{number}].focus()")
    sorted_by = (
        "[...document.querySelectorAll('[aria-sort]')].map(th => [th.textContent, th.getAttribute('aria-sort')])"
    )
    press(chromium, "Enter")
    assert chromium.evaluate(sorted_by) == [[heading, "ascending"]]
    assert column(chromium, "everybody", number) == rising
    press(chromium, " ")
    assert chromium.evaluate(sorted_by) == [[heading, "descending"]]
    assert column(chromium, "everybody", number) == rising[::-1]


def test_times_sort_as_times_whatever_stands_before_them(chromium: browser.Page, report: Path) -> None:
    chromium.open(report, 1280)
    act(chromium, "document.querySelectorAll('section[aria-labelledby=missing] thead button')[7].click()")
    assert [text[-19:] for text in column(chromium, "missing", 7)] == [
        "2026-03-05 09:00:03", "2026-03-05 09:00:05", "2026-03-05 09:00:07", "2026-03-06 09:00:08",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "units"),
    [
        ("failed", ["市丙局", "戊公司"]),
        ("FAILED 公司", ["戊公司"]),
        ("office5@example", ["市丁局"]),
        ("nothing has this", []),
    ],
)
def test_typing_shows_only_rows_that_have_every_word_and_says_how_many(
    chromium: browser.Page, report: Path, typed: str, units: list[str]
) -> None:
    chromium.open(report, 375)
    act(chromium, "document.getElementById('missing-filter').focus()")
    expression = """new Promise(resolve => new MutationObserver((_changes, observer) => {
        observer.disconnect();
        resolve(document.querySelector('[aria-live]').textContent);
    }).observe(document.querySelector('[aria-live]'), {childList: true}))"""
    act(chromium, f"window.told = {expression}")
    chromium.call("Input.insertText", text=typed)
    answer = chromium.call("Runtime.evaluate", expression="window.told", awaitPromise=True, returnByValue=True)
    assert answer["result"]["value"] == f"{len(units)} of 4 rows"
    assert column(chromium, "missing", 1) == units
    assert len(column(chromium, "everybody", 1)) == 11, "the other table has its own filter"


def test_the_filter_has_a_name(chromium: browser.Page, report: Path) -> None:
    chromium.open(report, 1280)
    nodes = chromium.call("Accessibility.getFullAXTree")["nodes"]
    (first, *_others) = [node for node in nodes if node["role"]["value"] == "searchbox"]
    assert first["name"]["value"] == "Show only rows with"


def test_the_first_tab_leads_past_everything_to_the_list(chromium: browser.Page, report: Path) -> None:
    chromium.open(report, 1280)
    press(chromium, "Tab")
    seen = "(({left, top}) => [left >= 0, top >= 0])(document.activeElement.getBoundingClientRect())"
    assert chromium.evaluate("document.activeElement.className") == "skip"
    assert chromium.evaluate(seen) == [True, True]
    press(chromium, "Enter")
    assert chromium.evaluate("document.activeElement.id") == "missing"


@pytest.mark.parametrize("width", [375, 1280])
def test_whatever_has_the_focus_shows_it(chromium: browser.Page, report: Path, width: int) -> None:
    chromium.open(report, width)
    reached = []
    for _step in range(24):
        press(chromium, "Tab")
        style = (
            "(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
        )
        if chromium.evaluate("document.activeElement === document.body"):
            break
        reached.append(chromium.evaluate("document.activeElement.tagName"))
        assert chromium.evaluate(style) == ["solid", "3px"], reached
    assert Counter(reached) == {"A": 1, "SUMMARY": 1, "INPUT": 2, "BUTTON": 16}
