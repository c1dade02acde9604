"""The head: what is taken for name, number, date and publisher, what is not, and where the text begins."""

import datetime as dt
from typing import Any

import pytest

from distributor.bulletin.lines import lines_of
from distributor.bulletin.masthead import Head, read_head

JULY = dt.date(2019, 7, 31)


def head_of(text: str) -> Head:
    return read_head(lines_of(text))


def body_of(text: str) -> list[str]:
    lines = lines_of(text)
    head = read_head(lines)
    rest = [head.rest.text, *(line.text for line in lines[head.end + 1 :])] if head.rest else []
    return [text for text in rest if text]


@pytest.mark.parametrize(
    ("line", "number", "total", "year"),
    [
        ("第4期", 4, None, None),
        ("第 118 期", 118, None, None),
        ("第二十三期", 23, None, None),
        ("第一百零五期", 105, None, None),
        ("第１期（总第５７７期）", 1, 577, None),
        ("2018年第1期", 1, None, 2018),
        ("2025年 第42期(总第1268期)", 42, 1268, 2025),
        ("２０２５年第４２期　总第１２６８期", 42, 1268, 2025),
        ("二〇二四年第三期", 3, None, 2024),
        ("〔2026〕第12期", 12, None, 2026),
        ("[2015]第2期", 2, None, 2015),
        ("（2025）第2期", 2, None, 2025),
        ("【2025】第2期", 2, None, 2025),
        ("（2025年第2期）", 2, None, 2025),
        ("（第4期）", 4, None, None),
        ("第4期 总第60期", 4, 60, None),
        ("（第4期 总第60期）", 4, 60, None),
        ("总第3766期", None, 3766, None),
        ("（总第 342 期）", None, 342, None),
        ("(总第60期)", None, 60, None),
        ("（总56期）", None, 56, None),
        ("2025年（总第71期）", None, 71, 2025),
        ("2025年总第71期", None, 71, 2025),
        ("第十十期", None, None, None),
    ],
)
def test_numbers(line: str, number: int | None, total: int | None, year: int | None) -> None:
    head = head_of(f"园区简报\n{line}\n\n【甲】\n")
    assert (head.masthead, head.number, head.total_number, head.year) == ("园区简报", number, total, year)


@pytest.mark.parametrize(
    ("line", "supplement"),
    [
        ("增刊", True),
        ("（增 刊）", True),
        ("第2期（增刊）", True),
        ("2020年增刊第2期", True),
        ("第4期（总第64期 某专题增刊）", True),
        ("第4期", False),
    ],
)
def test_supplements(line: str, supplement: bool) -> None:
    assert head_of(f"园区简报\n{line}\n\n【甲】\n").supplement is supplement


def test_a_supplement_may_say_so_behind_its_name() -> None:
    head = head_of("园区简报（增刊）\n第4期\n\n【甲】\n")
    assert (head.masthead, head.supplement) == ("园区简报", True)


@pytest.mark.parametrize(
    ("text", "masthead"),
    [
        ("园区简报\n第4期", "园区简报"),
        ("《园区简报》\n第4期", "园区简报"),
        ("《 园区简报 》\n第4期", "园区简报"),
        ("园　区　简　报\n第4期", "园区简报"),
        ("园区ＡＢ简报\n第4期", "园区ＡＢ简报"),
        ("试刊\n第4期", "试刊"),
        ("滨城园区协会\n园区简报\n第4期", "园区简报"),
        ("园区简报\n滨城园区协会\n第4期", "园区简报"),
        ("园区简报 第4期", "园区简报"),
        ("园区简报第4期", "园区简报"),
        ("《园区简报》2025年第4期（总第64期）", "园区简报"),
        ("特急\n园区简报\n第4期", "园区简报"),
        ("编号：003\n园区简报\n第4期", "园区简报"),
        ("编号：\n园区简报\n第4期", "园区简报"),
        ("No.003\n园区简报\n第4期", "园区简报"),
        ("密级：\n园区简报\n第4期", "园区简报"),
        ("密级：公开    编号：1\n园区简报\n第4期", "园区简报"),
        ("编辑：张三\n园区简报\n第4期", "园区简报"),
        ("________\n园区简报\n第4期", "园区简报"),
        ("园区简报\n2019年7月31日", "园区简报"),
        ("园区简报\n\n【甲】", "园区简报"),
        ("要闻\n\n【甲】", "要闻"),
        ("园区简报\n\n甲事已办。", "园区简报"),
        ("甲事办结\n\n甲事已办。", None),
        ("第4期\n2019年7月31日", None),
        ("这是一句话，不是报头。\n第4期", None),
    ],
)
def test_mastheads(text: str, masthead: str | None) -> None:
    assert head_of(text + "\n\n【甲】\n").masthead == masthead


@pytest.mark.parametrize(
    ("text", "publisher", "date"),
    [
        ("滨城园区协会\n\n2019年7月31日", "滨城园区协会", JULY),
        ("2019年7月31日\n滨城园区协会", "滨城园区协会", JULY),
        ("滨城园区协会            2019年7月31日", "滨城园区协会", JULY),
        ("滨城园区协会\t2019年7月31日", "滨城园区协会", JULY),
        ("滨城园区协会　　２０１９年７月３１日", "滨城园区协会", JULY),
        ("滨城园区协会2019年7月31日", "滨城园区协会", JULY),
        ("2019年7月31日    滨城园区协会", "滨城园区协会", JULY),
        ("滨城园区协会编    2019年7月31日", "滨城园区协会", JULY),
        ("滨 城 园 区 协 会\n2019年7月31日", "滨城园区协会", JULY),
        ("编印单位：滨城园区协会\n2019年7月31日", "滨城园区协会", JULY),
        ("主办：滨城园区协会    2019年7月31日", "滨城园区协会", JULY),
        ("编发组\n2019年7月31日", "编发组", JULY),
        ("滨城园区    签发人：张三\n2019年7月31日", "滨城园区", JULY),
        ("滨城园区协会", "滨城园区协会", None),
        ("2019年7月31日", None, JULY),
        ("2019年7月31日 星期三", None, JULY),
        ("2019年7月31日（星期三）", None, JULY),
        ("2019年7月31日印发", None, JULY),
        ("主办：滨城园区协会    承办：某局\n2019年7月31日", "滨城园区协会", JULY),
        ("主办：滨城园区协会\n编印：某局\n2019年7月31日", "滨城园区协会", JULY),
        ("主编：张三\n滨城园区协会\n2019年7月31日", "滨城园区协会", JULY),
        ("印发单位：滨城园区协会\n2019年7月31日", "滨城园区协会", JULY),
        ("签发：张三    审核：李四\n2019年7月31日", None, JULY),
        ("编辑：张三\n滨城园区协会\n2019年7月31日", "滨城园区协会", JULY),
        ("责任编辑：张三\n滨城园区协会\n2019年7月31日", "滨城园区协会", JULY),
        ("节能专题\n滨城园区协会\n2019年7月31日", "滨城园区协会", JULY),
        ("2019年7月1日—7月31日", None, None),
    ],
)
@pytest.mark.parametrize("below", ["\n\n【甲】\n甲事已办。\n", "\n________\n甲事办结\n甲事已办。\n"])
def test_publisher_and_date(text: str, publisher: str | None, date: dt.date | None, below: str) -> None:
    head = head_of(f"园区简报\n第4期\n{text}{below}")
    assert (head.masthead, head.number, head.publisher, head.date) == ("园区简报", 4, publisher, date)


@pytest.mark.parametrize(
    ("text", "publisher"),
    [
        ("2019年7月31日\n滨城园区协会\n\n甲事办结\n甲事已办。", "滨城园区协会"),
        ("2019年7月31日\n调研滨城园区协会\n\n甲事已办。", None),
        ("2019年7月31日\n调研滨城园区协会\n\n一、甲事\n甲事已办。", None),
        ("2019年7月31日\n\n调研滨城园区协会\n\n甲事办结\n甲事已办。", None),
    ],
)
def test_an_office_below_the_date_may_be_a_title(text: str, publisher: str | None) -> None:
    assert head_of(f"园区简报\n第4期\n{text}").publisher == publisher


@pytest.mark.parametrize("text", ["第4期    滨城园区协会    2019年7月31日", "2019年7月31日\n第4期\n滨城园区协会"])
def test_the_parts_may_stand_in_any_order(text: str) -> None:
    head = head_of(f"园区简报\n{text}\n\n【甲】\n")
    assert (head.number, head.publisher, head.date) == (4, "滨城园区协会", JULY)


@pytest.mark.parametrize(
    ("text", "publisher", "end"),
    [
        ("园区简报\n滨城园区协会\n\n【甲】", "滨城园区协会", 3),
        ("园区简报\n滨城园区协会\n甲事办结\n甲事已办。", "滨城园区协会", 2),
        ("园区简报\n市领导调研协会\n\n甲事已办。", None, 1),
        ("要闻\n甲事办结\n\n【甲】", None, 1),
    ],
)
def test_without_number_and_date_little_is_taken_for_the_head(text: str, publisher: str | None, end: int) -> None:
    head = head_of(text)
    assert (head.publisher, head.end) == (publisher, end)


def test_the_publisher_may_stand_above_the_name() -> None:
    assert head_of("滨城园区协会\n园区简报\n第4期\n\n【甲】\n").publisher == "滨城园区协会"


def test_the_publisher_below_the_number_beats_an_office_above_the_name() -> None:
    head = head_of("滨城市\n园区简报\n第4期\n滨城园区协会\n2019年7月31日\n")
    assert head.publisher == "滨城园区协会"
    assert [line.text for line in head.unread] == ["滨城市"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("园区简报\n第4期\n2019年7月31日\n\n市领导调研滨城园区协会\n\n甲事已办。", "市领导调研滨城园区协会"),
        ("园区简报\n第4期\n2019年7月31日\n\n2019年8月1日例会召开\n\n甲事已办。", "2019年8月1日例会召开"),
        ("园区简报\n第4期\n2019年7月31日\n\n第5期培训班开班\n\n甲事已办。", "第5期培训班开班"),
        ("园区简报\n总第4期\n2019年7月31日\n\n第5期培训班开班\n\n甲事已办。", "第5期培训班开班"),
        ("园区简报\n总第4期\n2019年7月31日\n\n举办第5期培训班\n\n甲事已办。", "举办第5期培训班"),
        ("园区简报\n第4期\n2019年7月31日\n\n2019年8月1日\n\n甲事已办。", "2019年8月1日"),
        ("园区简报\n第4期\n________\n2019年8月1日\n甲事已办。", "2019年8月1日"),
        ("园区简报\n第4期\n主送：各处室\n2019年8月1日", "主送：各处室"),
        ("园区简报\n第4期\n印发：各会员单位\n2019年8月1日", "印发：各会员单位"),
        ("园区简报\n第4期\n时间：8月1日\n地点：滨城", "时间：8月1日"),
        ("园区简报\n2025年第3期（总第27期）全省情况通报。\n甲事已办。", "全省情况通报。"),
        ("第１期（总第５７７期）ＡＢＣａｂｃ", "ＡＢＣａｂｃ"),
        ("甲事办结\n\n甲事已办。", "甲事办结"),
        ("甲\n乙\n丙\n丁\n戊\n己\n第4期", "甲"),
        ("甲事已办。\n第4期\n2019年7月31日", "甲事已办。"),
    ],
)
def test_where_the_text_begins(text: str, first: str) -> None:
    assert body_of(text)[0] == first


@pytest.mark.parametrize(
    "text",
    [
        "园区简报\n\n【甲】\n第4期\n2019年7月31日\n",
        "园区简报\n\n甲事于2019年7月31日办结。\n第4期\n2019年7月31日\n",
        "园区简报\n\n甲事办结，乙事未办\n第4期\n2019年7月31日\n",
    ],
)
def test_what_stands_in_the_text_is_not_the_bulletin_s(text: str) -> None:
    head = head_of(text)
    assert (head.masthead, head.number, head.date) == ("园区简报", None, None)


def test_an_edition_behind_the_number_is_no_text() -> None:
    head = head_of("园区简报\n〔2026〕第12期·早\n2026年7月1日\n\n【甲】\n")
    assert (head.year, head.number, head.date) == (2026, 12, dt.date(2026, 7, 1))
    assert [line.text for line in head.unread] == ["·早"]


def test_a_day_that_no_calendar_has_is_kept_for_the_report() -> None:
    head = head_of("园区简报\n第4期\n滨城园区协会    2019年2月30日\n\n【甲】\n")
    assert head.date is None
    assert head.bad_date is not None
    assert head.bad_date.number == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"end": 1, "rest": None}),
        ("园区简报", {"end": 1, "rest": None, "masthead": "园区简报"}),
        ("园区简报\n第4期\n2019年7月31日", {"end": 3, "rest": None, "number": 4}),
    ],
)
def test_a_head_may_be_all_there_is(text: str, expected: dict[str, Any]) -> None:
    head = head_of(text)
    assert {name: getattr(head, name) for name in expected} == expected
