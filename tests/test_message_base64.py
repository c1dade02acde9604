"""Base64 around gaps: the same lines as if the whole text had been encoded, with little work."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.render import base64_text
from distributor.render.base64_text import Base64Text, base64_lines
from distributor.render.model import Merged


def whole(text: bytes) -> bytes:
    return base64.encodebytes(text).replace(b"\n", b"\r\n")


@pytest.mark.parametrize("length", [0, 1, 2, 3, 56, 57, 58, 113, 114, 115, 1000])
def test_lines_are_76_characters_and_end_in_crlf(length: int) -> None:
    data = bytes(range(256)) * 4
    assert base64_lines(data[:length]) == whole(data[:length])


def test_a_gap_may_fall_anywhere_on_a_line() -> None:
    for before in range(0, 120, 7):
        for behind in (*range(60), 113, 114, 115, 171, 200):
            text = Base64Text(Merged(("a" * before, "b" * behind), ("unit",)))
            for length in range(58):
                expected = whole(b"a" * before + b"v" * length + b"b" * behind)
                assert text.encoded({"unit": b"v" * length}) == expected, (before, length, behind)


lengths = st.integers(0, 200) | st.sampled_from([56, 57, 58, 114])


@given(st.lists(st.tuples(lengths, lengths), max_size=6), lengths)
def test_any_gaps_give_the_lines_of_the_whole_text(pieces: list[tuple[int, int]], first: int) -> None:
    literals = ["甲" * first, *("乙b"[: 1 + index % 2] * behind for index, (_, behind) in enumerate(pieces))]
    names = [str(index) for index in range(len(pieces))]
    values = {name: "v" * length for name, (length, _) in zip(names, pieces, strict=True)}
    merged = Merged(tuple(literals), tuple(names))
    text = Base64Text(merged)
    for _again in range(2):
        encoded = text.encoded({name: value.encode() for name, value in values.items()})
        assert encoded == whole(merged.filled(values).encode())


def test_a_very_long_literal_is_encoded_rightly_too() -> None:
    merged = Merged(("", "长" * 50_000), ("unit",))
    text = Base64Text(merged)
    for value in ("", "某", "某某单位"):
        assert text.encoded({"unit": value.encode()}) == whole(merged.filled({"unit": value}).encode())


@pytest.mark.parametrize(
    ("given_text", "sent"),
    [
        ("a\nb\n", b"a\r\nb\r\n"),
        ("a\r\nb", b"a\r\nb"),
        ("a\rb", b"a\r\nb"),
        ("a\n\r\n\r", b"a\r\n\r\n\r\n"),
        ("a\u2028b\x0bc", "a\u2028b\x0bc".encode()),
    ],
)
def test_line_breaks_become_crlf(given_text: str, sent: bytes) -> None:
    assert base64.b64decode(Base64Text(Merged((given_text,))).encoded({})) == sent


def test_a_second_message_encodes_only_what_is_around_its_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    merged = Merged(("报头" * 500, "正文" * 1000, "报尾" * 500), ("unit", "contact"))
    text = Base64Text(merged)
    values = {"unit": "市商务局".encode(), "contact": "收文员".encode()}
    text.encoded(values)
    encoded = 0

    def counting(data: bytes, *, newline: bool) -> bytes:
        nonlocal encoded
        encoded += len(data)
        return original(data, newline=newline)

    original = base64_text.b2a_base64
    monkeypatch.setattr(base64_text, "b2a_base64", counting)
    assert text.encoded(values | {"contact": "发文员".encode()})
    assert 0 < encoded < 4 * base64_text.OCTETS
