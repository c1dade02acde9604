"""Bytes to lines: encodings, files that are no text, what is taken out of lines; numbers and dates."""

import datetime as dt
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.bulletin import numbers
from distributor.bulletin.decoding import MAX_BREAKS, MAX_BYTES, decode
from distributor.bulletin.lines import is_rule, lines_of, section_name, tight, without_page_numbers
from distributor.errors import Finding, InputError

TEXT = "园区简报\n第4期\n〇○ＡＢ１２\n"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def fault(content: bytes) -> Finding:
    with pytest.raises(InputError) as caught:
        decode(content, "a.txt")
    (finding,) = caught.value.findings
    assert finding.place is not None
    assert finding.place.file == "a.txt"
    assert finding.remedy
    return finding


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "gbk"])
def test_text_is_read_in_every_encoding_of_its_field(encoding: str) -> None:
    assert decode(TEXT.encode(encoding, errors="ignore"), "a.txt").startswith("园区简报\n第4期")
    if encoding != "gbk":
        assert decode(TEXT.encode(encoding), "a.txt") == TEXT


def test_utf_16_of_either_byte_order_is_read_by_its_mark() -> None:
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        assert decode(mark + TEXT.encode(encoding), "a.txt") == TEXT


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("docx", b"PK\x03\x04 [Content_Types].xml word/document.xml", "Word"),
        ("xlsx", b"PK\x03\x04 [Content_Types].xml xl/workbook.xml", "Excel"),
        ("ofd", b"PK\x03\x04 OFD.xml", "OFD"),
        ("zip", b"PK\x03\x04 notes.txt", "zip"),
        ("doc", OLE + "WordDocument".encode("utf-16-le"), "Word"),
        ("xls", OLE + "Workbook".encode("utf-16-le"), "Excel"),
        ("ppt", OLE + b"...", "Office"),
        ("rtf", b"{\\rtf1\\ansi}", "RTF"),
        ("pdf", b"%PDF-1.7\n1 0 obj", "PDF"),
        ("png", b"\x89PNG\r\n\x1a\n", "picture"),
        ("jpeg", b"\xff\xd8\xff\xe0 JFIF", "picture"),
        ("html", b"\n<!DOCTYPE html><p>", "web page"),
        ("nul", b"abc\0def", "binary"),
        ("utf-16 without a mark", "简报 1\n".encode("utf-16-le"), "binary"),
        ("controls", b"a\x01\x02b\x03", "binary"),
        ("nul among broken characters", b"\xff\xff\xff\0", "binary"),
    ],
)
def test_a_file_that_is_no_text_is_named_for_what_it_is(name: str, content: bytes, named: str) -> None:
    finding = fault(content)
    assert finding.code == "not-text"
    assert named in finding.message
    assert "plain text" in str(finding.remedy)


@pytest.mark.parametrize("content", [b"", b" \r\n\t\n", "\ufeff\n\u3000\n".encode(), b"\xff\xfe", b"\x1a"])
def test_a_file_without_a_word_is_empty(content: bytes) -> None:
    assert fault(content).code == "empty-bulletin"


def test_a_file_beyond_the_limit_is_not_read() -> None:
    assert fault(b"a" * (MAX_BYTES + 1)).code == "too-large"
    assert "10 MB" in fault(b"a" * 50_000_000).message
    assert decode(b"a" * MAX_BYTES, "a.txt")


def test_a_file_of_countless_lines_is_not_read() -> None:
    assert fault(b"a" + b"\n" * (MAX_BREAKS + 1)).code == "too-large"


def test_broken_characters_are_told_by_line() -> None:
    finding = fault("简报\n第4期\n".encode("gb18030") + b"\xff\xff\n")
    assert finding.code == "unknown-encoding"
    assert finding.place is not None
    assert finding.place.line == 3


def test_damaged_utf_8_is_not_taken_for_gb18030() -> None:
    finding = fault(("园区工作简报\n" * 10).encode() + b"\xe5\xe5\n")
    assert finding.code == "unknown-encoding"
    assert finding.place is not None
    assert finding.place.line == 11


def test_an_escape_in_a_text_does_not_make_it_binary() -> None:
    assert decode(b"abc \x1b[1m\n\x1a", "a.txt")


# Lines


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_numbered_as_editors_number_them(end: str) -> None:
    lines = lines_of(end.join(["一", "", "　三  "]))
    assert [(line.number, line.text, line.indent) for line in lines] == [(1, "一", 0), (2, "", 0), (3, "三", 2)]


@pytest.mark.parametrize("mark", ["\v", "\f", "\x85", "\u2028", "\u2029"])
def test_a_soft_break_is_a_break_without_a_number(mark: str) -> None:
    assert [(line.number, line.text) for line in lines_of(f"一{mark}二\n三")] == [(1, "一"), (1, "二"), (2, "三")]


@given(st.text())
def test_lines_hold_no_controls_and_nothing_invisible(text: str) -> None:
    for line in lines_of(text):
        assert line.text == line.text.strip()
        assert not {unicodedata.category(character) for character in line.text} & {"Cc", "Cs"}
        assert not set(line.text) & set("\u200b\u200e\u202a\u202e\u2066\u2069\ufeff\u2028\u2029\ufffe")


def test_a_tab_becomes_blanks_and_the_override_goes() -> None:
    assert [line.text for line in lines_of("某局\t2019年\u202e")] == ["某局  2019年"]


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("正文。\n— 3 —\n正文。", True),
        ("正文。\n-3-\n正文。", True),
        ("正文。\n—３—\n正文。", True),
        ("正文。\n· 12 ·\n正文。", True),
        ("正文。\n第3页\n正文。", True),
        ("正文。\n第 3 页 共 5 页\n正文。", True),
        ("正文。\n共5页 第3页\n正文。", True),
        ("正文。\n第三页\n正文。", True),
        ("正文。\n\n3\n\n正文。", True),
        ("正文。\n3\n正文。", False),
        ("正文。\n\n2019\n\n正文。", False),
        ("正文。\n第3页有误\n正文。", False),
        ("正文。\n-3\n正文。", False),
    ],
)
def test_page_numbers_are_dropped(text: str, dropped: bool) -> None:
    kept, numbers_ = without_page_numbers(lines_of(text))
    assert bool(numbers_) is dropped
    assert [line.text for line in kept if line.text == "正文。"] == ["正文。", "正文。"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("〈 本市动态 〉", "本市动态"),
        ("< 本市动态 >", "本市动态"),
        ("＜本市动态＞", "本市动态"),
        ("【本市动态】", "本市动态"),
        ("［本市动态］", "本市动态"),
        ("[本市动态]", "本市动态"),
        ("≡本市动态≡", "本市动态"),
        ("≡≡≡ 本市动态 ≡≡≡", "本市动态"),
        ("◆本市动态◆", "本市动态"),
        ("=== News ===", "News"),
        ("〈 本 市 动 态 〉", "本市动态"),
        ("【导读】正文", None),
        ("【甲】和【乙】", None),
        ("【这是一句话。】", None),
        ("〔1〕", None),
        ("— 3 —", None),
        ("______", None),
        ("本市动态", None),
        ("《某某办法》", None),
        ("【" + "长" * 50 + "】", None),
        ("", None),
    ],
)
def test_section_headings(text: str, name: str | None) -> None:
    assert section_name(text) == name


@pytest.mark.parametrize(
    ("text", "drawn"), [("____", True), ("— — —", True), ("====", True), ("--", False), ("…", False)]
)
def test_rules(text: str, drawn: bool) -> None:
    assert is_rule(text) is drawn


@pytest.mark.parametrize(
    ("text", "expected"),
    [("秘　密", "秘密"), ("工 作 简 报", "工作简报"), ("工作 简报", "工作 简报"), ("a b c", "a b c"), ("简", "简")],
)
def test_only_words_that_are_spaced_out_are_closed_up(text: str, expected: str) -> None:
    assert tight(text) == expected


# Numbers


@pytest.mark.parametrize(
    ("numeral", "value"),
    [
        ("4", 4),
        ("１１８", 118),
        ("007", 7),
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("二十三", 23),
        ("一百零五", 105),
        ("一百二十", 120),
        ("三千四百五十六", 3456),
        ("两百", 200),
        ("二〇二四", 2024),
        ("二○二四", 2024),
        ("二0一七", 2017),
        ("二O一七", 2017),
        ("二Ｏ一七", 2017),
        ("十十", None),
        ("三百千", None),
        ("零十", None),
        ("期", None),
        ("", None),
    ],
)
def test_numerals(numeral: str, value: int | None) -> None:
    assert numbers.integer(numeral) == value


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2019年7月31日", dt.date(2019, 7, 31)),
        ("２０１９年７月３１日", dt.date(2019, 7, 31)),
        ("2024 年 1 月 31 日", dt.date(2024, 1, 31)),
        ("二〇二四年三月五日", dt.date(2024, 3, 5)),
        ("二○二四年十二月三十一日", dt.date(2024, 12, 31)),
        ("二0一七年一月十二日", dt.date(2017, 1, 12)),
        ("二O一七年十月二十日", dt.date(2017, 10, 20)),
        ("2019-07-31", dt.date(2019, 7, 31)),
        ("2019.7.31", dt.date(2019, 7, 31)),
        ("2019年2月30日", None),
        ("2019年13月1日", None),
        ("0000年1月1日", None),
        ("2019年7月", None),
        ("2019-7.31", None),
        ("19年7月31日", None),
    ],
)
def test_dates(text: str, date: dt.date | None) -> None:
    assert numbers.date_in(text) == date


@given(st.dates(min_value=dt.date(1000, 1, 1)))
def test_every_day_is_read_as_it_is_printed(date: dt.date) -> None:
    assert numbers.date_in(f"{date.year}年{date.month}月{date.day}日") == date


@given(st.text())
def test_folding_keeps_every_character_in_its_place(text: str) -> None:
    assert len(numbers.folded(text)) == len(text)
