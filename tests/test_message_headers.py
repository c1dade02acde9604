"""Header fields by their bytes: encoded words, quoted names, file names in both forms."""

import re
import unicodedata
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.errors import InputError
from distributor.render.headers import (
    check_line,
    encoded_words,
    filename_parameters,
    mailbox,
    name_parameter,
    unstructured,
)
from tests.test_message import decoded_word, lines, names

XXX = b"eHh4"  # "xxx" in base64


@given(lines, st.integers(1, 30))
def test_every_encoded_word_is_read_by_itself(text: str, used: int) -> None:
    folded = encoded_words(text, used)
    words = folded.split(b"\r\n ") if folded else []
    assert "".join(map(decoded_word, words)) == text
    assert all(len(word) <= 75 for word in words)
    assert all(len(line) <= 76 for line in (b" " * used + folded).split(b"\r\n"))


@pytest.mark.parametrize("length", [38, 39, 40, 44, 45, 46, 84, 85])
@pytest.mark.parametrize("character", ["a", "é", "文", "👩"])
def test_a_character_at_the_edge_of_a_word_stays_whole(character: str, length: int) -> None:
    text = "x" * length + character * 3
    assert "".join(map(decoded_word, encoded_words(text, len("Subject: ")).split(b"\r\n "))) == text


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", b"Subject: \r\n"),
        ("Bulletin 60", b"Subject: Bulletin 60\r\n"),
        ("x" * 67, b"Subject: " + b"x" * 67 + b"\r\n"),
        (" leading", b"Subject: =?UTF-8?B?IGxlYWRpbmc=?=\r\n"),
        ("trailing ", b"Subject: =?UTF-8?B?dHJhaWxpbmcg?=\r\n"),
        ("=?UTF-8?B?YQ==?=", b"Subject: =?UTF-8?B?PT9VVEYtOD9CP1lRPT0/PQ==?=\r\n"),
        ("第4期", b"Subject: =?UTF-8?B?56ysNOacnw==?=\r\n"),
        (
            "x" * 86,
            b"Subject: =?UTF-8?B?%b?=\r\n =?UTF-8?B?%b?=\r\n =?UTF-8?B?eHg=?=\r\n" % (b"eHh4" * 13, b"eHh4" * 15),
        ),
        ("x" * 68, b"Subject: =?UTF-8?B?%b?=\r\n =?UTF-8?B?%beHg=?=\r\n" % (XXX * 13, XXX * 9)),
    ],
)
def test_a_subject_is_this_to_the_byte(text: str, field: bytes) -> None:
    assert unstructured("Subject", text) == field


@pytest.mark.parametrize(
    ("display", "field"),
    [
        ("", b"To: a@b.example\r\n"),
        ("Office, Trade (City)", b'To: "Office, Trade (City)" <a@b.example>\r\n'),
        ("商务局", b"To: =?UTF-8?B?5ZWG5Yqh5bGA?= <a@b.example>\r\n"),
        ('The "Trade" Office', b"To: =?UTF-8?B?VGhlICJUcmFkZSIgT2ZmaWNl?= <a@b.example>\r\n"),
        ("back\\slash", b"To: =?UTF-8?B?YmFja1xzbGFzaA==?= <a@b.example>\r\n"),
        ("x" * 70, b'To: "' + b"x" * 70 + b'"\r\n <a@b.example>\r\n'),
        ("市" * 20, b"To: =?UTF-8?B?" + b"5biC" * 15 + b"?=\r\n =?UTF-8?B?" + b"5biC" * 5 + b"?= <a@b.example>\r\n"),
    ],
)
def test_a_mailbox_is_this_to_the_byte(display: str, field: bytes) -> None:
    assert mailbox("To", display, "a@b.example") == field


@given(names, st.integers(1, 60))
def test_a_mailbox_fits_its_lines(display: str, length: int) -> None:
    address = "a" * length + "@b.example"
    field = mailbox("From", display, address)
    assert max(map(len, field.split(b"\r\n"))) <= 76
    read_name, read_address = parseaddr(field.decode().removeprefix("From: ").replace("\r\n", ""))
    assert (str(make_header(decode_header(read_name))), read_address) == (display, address)


@pytest.mark.parametrize(
    ("filename", "disposition", "name"),
    [
        ("report.pdf", b' filename="report.pdf"', b' name="report.pdf"'),
        ("my report (2).pdf", b' filename="my report (2).pdf"', b' name="my report (2).pdf"'),
        ("附件.pdf", b" filename*=UTF-8''%E9%99%84%E4%BB%B6.pdf", b' name="=?UTF-8?B?6ZmE5Lu2LnBkZg==?="'),
        ('a"b.txt', b" filename*=UTF-8''a%22b.txt", b' name="=?UTF-8?B?YSJiLnR4dA==?="'),
        ("50%'*.txt", b' filename="50%\'*.txt"', b' name="50%\'*.txt"'),
        ("五%'*;", b" filename*=UTF-8''%E4%BA%94%25%27%2A%3B", b' name="=?UTF-8?B?5LqUJScqOw==?="'),
        (
            "关于印发通知的附件.docx",
            b" filename*0*=UTF-8''%E5%85%B3%E4%BA%8E%E5%8D%B0%E5%8F%91%E9%80%9A%E7%9F%A5;\r\n"
            b" filename*1*=%E7%9A%84%E9%99%84%E4%BB%B6.docx",
            b' name="=?UTF-8?B?5YWz5LqO5Y2w5Y+R6YCa55+l55qE6ZmE5Lu2LmRvY3g=?="',
        ),
    ],
)
def test_a_file_name_is_this_to_the_byte(filename: str, disposition: bytes, name: bytes) -> None:
    assert filename_parameters(filename) == disposition
    assert name_parameter(filename) == name


@given(names | st.text("附件名单.pdf", min_size=40, max_size=300))
def test_a_file_name_is_read_in_both_places(filename: str) -> None:
    header = (
        b"Content-Type: text/plain;\r\n%b\r\nContent-Disposition: attachment;\r\n%b\r\n\r\n"
    ) % (name_parameter(filename), filename_parameters(filename))  # fmt: skip
    assert max(map(len, header.split(b"\r\n"))) <= 78
    message = message_from_bytes(header, policy=policy.default)
    assert message["Content-Disposition"].params["filename"] == filename
    assert message["Content-Type"].params["name"] == filename


@given(st.text("附件👩é%", max_size=200).map("附".__add__))
def test_every_part_of_a_file_name_is_whole_characters(filename: str) -> None:
    parts = re.findall(rb"filename\*(?:\d+\*)?=([^;\r]*)", filename_parameters(filename))
    decoded = [unquote_to_bytes(part.removeprefix(b"UTF-8''")).decode() for part in parts]
    assert "".join(decoded) == filename


def test_exactly_controls_line_breaks_and_surrogates_are_refused() -> None:
    def is_refused(character: str) -> bool:
        try:
            check_line(character, "it")
        except InputError:
            return True
        return False

    wrong = [
        hex(ord(character))
        for character in map(chr, range(0x110000))
        if is_refused(character) != (unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"})
    ]
    assert wrong == []


def test_a_refusal_says_what_and_which() -> None:
    with pytest.raises(InputError) as caught:
        check_line("市商务局\r\nBcc: spy@b.example", "unit")
    (finding,) = caught.value.findings
    assert finding.code == "control-character"
    assert finding.message.startswith("unit ")
    assert "U+000D" in finding.message
    assert "\r" not in str(caught.value)
