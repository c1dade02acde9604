"""The last line of defence: what could forge a header, and addresses that are none or not in ASCII."""

import dataclasses
import datetime as dt
from email import message_from_string, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distributor.errors import InputError
from distributor.render.message import Attachment, compile_letter, message_id
from distributor.render.model import Letter, Merged, MergeFields
from tests.test_message import FIELDS, HEADERS, ID, LETTER, NAMES, assert_sound, build, letters, parse

CONTROLS = ["\r\nBcc: spy@b.example", "\n", "\r", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"]


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
@pytest.mark.parametrize(
    ("named", "call"),
    [
        ("sender's name", lambda bad: compile_letter(LETTER, dataclasses.replace(HEADERS, sender_name=bad))),
        ("address", lambda bad: compile_letter(LETTER, dataclasses.replace(HEADERS, sender=f"{bad}@b.example"))),
        ("domain", lambda bad: compile_letter(LETTER, dataclasses.replace(HEADERS, list_id=bad))),
        ("address", lambda bad: compile_letter(dataclasses.replace(LETTER, reply_to=f"{bad}@b.example"), HEADERS)),
        ("subject", lambda bad: compile_letter(dataclasses.replace(LETTER, subject=Merged((bad,))), HEADERS)),
        ("subject", lambda bad: build(dataclasses.replace(LETTER, subject=Merged(("", bad), ("unit",))))),
        ("attachment", lambda bad: compile_letter(LETTER, HEADERS, [Attachment(bad, "text/plain", b"")])),
        ("media type", lambda bad: compile_letter(LETTER, HEADERS, [Attachment("a", f"text/{bad}", b"")])),
        *((name, lambda bad, name=name: build(fields=dataclasses.replace(FIELDS, **{name: bad}))) for name in NAMES),
        ("domain", lambda bad: message_id("00ff", 1, 1, bad)),
        ("Message-ID", lambda bad: compiled_message(message_id=f"<{bad}@b.example>")),
        ("address", lambda bad: compiled_message(address=f"{bad}@b.example")),
        ("address", lambda bad: compiled_message(address=f"a@b.example{bad}")),
    ],
)  # fmt: skip
def test_what_could_forge_a_header_is_refused_by_name(named: str, call, control: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=named):
        call(f"a{control}b")


def compiled_message(message_id: str = ID, address: str = "a@b.example") -> bytes:
    compiled = compile_letter(LETTER, HEADERS)
    return compiled.message(delivery_id=7, message_id=message_id, address=address, fields=FIELDS)


@given(letters, st.lists(st.text(), min_size=7, max_size=7))
@settings(deadline=None)
def test_no_text_adds_a_header(letter: Letter, texts: list[str]) -> None:
    """Whatever the texts are: refused, or a message with the same fields in the same order."""
    expected = [name for name in parse(build()).keys() if letter.reply_to or name != "Reply-To"]  # noqa: SIM118
    headers = dataclasses.replace(HEADERS, sender_name=texts[0])
    file = Attachment(texts[1] or "a", "text/plain", b"")
    try:
        compiled = compile_letter(letter, headers, [file])
        raw = compiled.message(delivery_id=7, message_id=ID, address="a@b.example", fields=MergeFields(*texts[2:]))
    except InputError:
        return
    assert parse(raw).keys() == expected
    assert_sound(raw)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b.example",
        "a@b@c.example",
        "a b@c.example",
        "<a@b.example>",
        "a@b.example, c@d.example",
        '"a b"@c.example',
        "a" * 65 + "@b.example",
    ],
)
def test_what_is_not_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="not an e-mail address"):
        compiled_message(address=address)


def test_a_date_without_zone_is_refused() -> None:
    naive = dataclasses.replace(HEADERS, date=dt.datetime(2026, 3, 2))  # noqa: DTZ001
    with pytest.raises(ValueError, match="zone"):
        compile_letter(LETTER, naive)


def test_a_gap_that_no_recipient_can_fill_is_refused() -> None:
    with pytest.raises(ValueError, match="password"):
        compile_letter(dataclasses.replace(LETTER, html=Merged(("", ""), ("password",))), HEADERS)


# Internationalised addresses


def test_an_internationalised_domain_is_written_in_ascii() -> None:
    raw = compiled_message(address="office@机关.example")
    assert b"<office@xn--d6qt44c.example>" in raw
    assert raw.isascii()


def test_a_local_part_in_chinese_is_utf8_in_the_header() -> None:
    """RFC 6532; whether the relay takes it is the channel's to see."""
    raw = compiled_message(address="收文@机关.example")
    assert "<收文@xn--d6qt44c.example>".encode() in raw
    message = message_from_string(raw.decode(), policy=policy.SMTPUTF8)
    assert message["To"].addresses[0].addr_spec == "收文@xn--d6qt44c.example"


def test_sender_and_list_of_an_internationalised_domain_are_in_ascii() -> None:
    headers = dataclasses.replace(HEADERS, sender="bulletin@机关.example", list_id="bulletin.机关.example")
    message = parse(compile_letter(LETTER, headers).message(
        delivery_id=1, message_id=ID, address="a@b.example", fields=FIELDS
    ))  # fmt: skip
    assert message["From"].addresses[0].addr_spec == "bulletin@xn--d6qt44c.example"
    assert message["List-Id"] == "<bulletin.xn--d6qt44c.example>"
