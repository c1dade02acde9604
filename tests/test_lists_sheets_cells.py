"""What people put into one cell: addresses with names, several audiences, signs that a spreadsheet would run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.recipients.addresses import why_not_address
from distributor.recipients.formulas import inert, restored
from distributor.recipients.sheets.addressing import addresses, narrow
from distributor.recipients.sheets.cells import audience_cell, audiences, one_line, trimmed

A, B, C = "a@example.org", "b@example.org", "c@example.org"

ADDRESSES: dict[str, list[tuple[str, str]]] = {
    A: [(A, "")],
    "ａ＠ｅｘａｍｐｌｅ．ｏｒｇ": [(A, "")],
    "a@example。org": [(A, "")],
    f"{A};{B}": [(A, ""), (B, "")],
    f"{A}；{B}、{C}": [(A, ""), (B, ""), (C, "")],
    f"{A}/{B}": [(A, ""), (B, "")],
    f"{A} {B}": [(A, ""), (B, "")],
    f"{A}，\n{B}；": [(A, ""), (B, "")],
    f"张三 <{A}>": [(A, "张三")],
    f"张三<{A}>；李四＜{B}＞": [(A, "张三"), (B, "李四")],
    f'"Zhang, San" <{A}>': [(A, "Zhang, San")],
    f"Zhang San <{A}>": [(A, "Zhang San")],
    f"张三 {A}": [(A, "张三")],
    f"张三：{A}": [(A, "张三")],
    f"张三（{A}）": [(A, "张三")],
    f"{A}（李处长）": [(A, "李处长")],
    f"{A}（李处长）；{B}(王)": [(A, "李处长"), (B, "王")],
    f"{A}(李处长) {B}(王)": [(A, "李处长"), (B, "王")],
    f"{A} 李四 {B}": [(A, ""), (B, "李四")],
    f"张三，{A}，李四，{B}": [(A, "张三"), (B, "李四")],
    f"办公室（收文）<{A}>": [(A, "办公室（收文）")],
    f"“三防”办 <{A}>": [(A, "“三防”办")],
    f"mailto:{A}": [(A, "")],
    f"<{A}>": [(A, "")],
    f"E-mail: {A}": [(A, "")],
    f"邮箱：{A}": [(A, "")],
    f"{A}。": [(A, "")],
    f"“{A}”": [(A, "")],
    f"o'brien@example.org; {B}": [("o'brien@example.org", ""), (B, "")],
    "x/y@example.org": [("x/y@example.org", "")],
    "'x@example.org": [("'x@example.org", "")],  # an apostrophe may stand in an address
}


@pytest.mark.parametrize(("cell", "expected"), ADDRESSES.items())
def test_the_addresses_of_a_cell_are_found(cell: str, expected: list[tuple[str, str]]) -> None:
    found = addresses(cell)
    assert [(each.email, each.name) for each in found] == expected
    assert {each.why for each in found} == {None}


@pytest.mark.parametrize(
    "cell",
    [
        "无", "张三", "a.example.org", "a@", "@example.org", "a@example", "zhang san@example.org", "a@example .org",
        "a@example. org", "a @example.org", f"{A}@b", f"{A}x@y.org z", f"{A} cn", "a@@example.org", f"a b{A}",
    ],
)  # fmt: skip
def test_what_may_be_a_torn_address_is_none(cell: str) -> None:
    """Half of one may be a real mailbox, of somebody else."""
    assert any(each.why for each in addresses(cell))


def test_one_bad_address_does_not_hide_the_others() -> None:
    assert [(each.email, each.why is None) for each in addresses(f"{A}；b@example；{C}")] == [
        (A, True),
        ("b@example", False),
        (C, True),
    ]


@given(st.text(st.sampled_from("ab@.,;；、 <>()（）＠．。\n张三/'\"：\u200b"), min_size=1))
def test_an_address_found_is_an_address_and_its_name_is_in_the_cell(cell: str) -> None:
    for found in addresses(trimmed(cell) or "x"):
        assert found.why is not None or why_not_address(found.email) is None
        assert found.name in cell.replace("\u200b", "")


@given(st.text())
def test_narrow_signs_keep_their_places(text: str) -> None:
    assert len(narrow(text)) == len(text)


# Audiences

AUDIENCES = {
    "有关部门": ("有关部门",),
    "甲、乙，丙,丁；戊;己\n庚": tuple("甲乙丙丁戊己庚"),
    "甲、、乙；": ("甲", "乙"),
    "甲、乙、甲": ("甲", "乙"),
    "市“三防、抗旱”办、各区（含开发区、保税区）": ("市“三防、抗旱”办", "各区（含开发区、保税区）"),
    "港澳台/外资企业、A B": ("港澳台/外资企业", "A B"),
    '"甲、乙"、丙': ("甲、乙", "丙"),
    '"三防"办、丙': ('"三防"办', "丙"),
    "甲（乙、丙": ("甲（乙", "丙"),
    " 、 ": (),
    "": (),
}


@pytest.mark.parametrize(("cell", "expected"), AUDIENCES.items())
def test_the_audiences_of_a_cell_are_separated_as_in_an_imprint(cell: str, expected: tuple[str, ...]) -> None:
    assert audiences(cell) == expected


names = st.text(st.sampled_from("甲乙 A\"'“”（）()、,;；，/"), min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.lists(names, max_size=4, unique=True).map(tuple))
def test_a_cell_of_audiences_is_read_as_it_was_written(some: tuple[str, ...]) -> None:
    assert audiences(audience_cell(some)) == some


def test_audiences_are_written_as_people_write_them() -> None:
    assert audience_cell(("甲", "乙（丙、丁）")) == "甲、乙（丙、丁）"


# Texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("天津市\n某某公司", "天津市某某公司"),
        ("Zhang \r\n San", "Zhang San"),
        ("甲\u200b局", "甲局"),
        ("甲　局", "甲　局"),
        ("（甲）\n乙", "（甲）乙"),
    ],
)
def test_a_text_becomes_one_line(text: str, expected: str) -> None:
    assert one_line(text) == expected


# Formulas


@pytest.mark.parametrize(
    "text", ["=1+1", "+86 22", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", "#N/A", "'=1", "''+"]
)
def test_what_a_spreadsheet_would_run_is_made_inert(text: str) -> None:
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "甲", "'", "'甲", "1=1", "a@example.org", "（=1）"])
def test_other_texts_are_left_alone(text: str) -> None:
    assert inert(text) == text == restored(text)


@given(st.text() | st.text(st.sampled_from("'=+-@＝#a\t")))
def test_what_was_made_inert_is_restored(text: str) -> None:
    assert restored(inert(text)) == text
    assert not inert(text).startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))


@given(st.text(st.sampled_from("'=+-@＝#a\t")), st.text(st.sampled_from("'=+-@＝#a\t")))
def test_no_two_texts_become_one(one: str, other: str) -> None:
    assert (inert(one) == inert(other)) == (one == other)
