"""Any input at all: nothing but a bulletin or the reader's own error, the same each time, and never slow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distributor.bulletin import reader
from distributor.bulletin.model import Bulletin
from distributor.errors import InputError
from tests.test_bulletin_reader import WHOLE


def outcome(content: bytes) -> Bulletin | tuple[str, ...]:
    """What read() makes of it; anything but a bulletin and its own error fails the test."""
    try:
        return reader.read(content, "a.txt")
    except InputError as error:
        return tuple(map(str, error.findings))


MARKS = ["", *"第期年：、（）“”【】\f", "目录", "一、", "（一）", "____", "— 3 —"]
PIECES = st.sampled_from([*WHOLE.split("\n"), *MARKS])


@given(st.binary())
def test_no_bytes_are_too_much(content: bytes) -> None:
    assert outcome(content) == outcome(content)


@given(st.text())
def test_no_text_is_too_much(text: str) -> None:
    content = text.encode("utf-8", errors="replace")
    assert outcome(content) == outcome(content)


@given(st.lists(PIECES), st.sampled_from(["\n", "", " ", "\r\n"]))
@settings(max_examples=300)
def test_no_shuffled_bulletin_is_too_much(pieces: list[str], glue: str) -> None:
    content = glue.join(pieces).encode()
    assert outcome(content) == outcome(content)


@given(st.data())
def test_no_damage_is_too_much(data: st.DataObject) -> None:
    content = bytearray(WHOLE.encode(data.draw(st.sampled_from(["utf-8", "gb18030", "utf-16"]))))
    for _change in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    assert outcome(bytes(content)) == outcome(bytes(content))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "送：" + "“" * 1_000_000,
        "送：" + "（" * 300_000 + "）" * 300_000,
        "送：" + "、" * 1_000_000,
        "甲" + "\u3000" * 1_000_000 + "乙",
        "第" * 500_000,
        "（来源：" * 200_000,
        WHOLE + "\n" * 100_000,
        "\n" * 100_000 + WHOLE,
        WHOLE + "送：甲\n" * 100_000,
        WHOLE + "好：甲\n" * 30_000,
        WHOLE + "送：\n" + "甲\n" * 50_000,
        "【甲】\n" * 50_000,
        "目录\n" + "甲乙丙……\n" * 50_000,
        ("甲" * 40 + "\n") * 20_000,
        ("甲" * 80 + "\n\n") * 10_000,
    ],
    ids=range(16),
)
@pytest.mark.timeout(30)
def test_nothing_takes_long(text: str) -> None:
    """Each is read in about a second or two; anything that grows by the square would take minutes."""
    outcome(text.encode())
