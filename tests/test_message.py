"""Messages: what every reader must find in them, compared with the same message built by the email package."""

import dataclasses
import datetime as dt
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from hashlib import sha256
from typing import cast

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from distributor.render.message import Attachment, CompiledLetter, Headers, compile_letter, message_id
from distributor.render.model import Letter, Merged, MergeFields

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
HEADERS = Headers(
    sender="bulletin@association.example",
    sender_name="某市开发区协会",
    list_id="bulletin.association.example",
    date=dt.datetime(2026, 3, 2, 8, 5, 9, tzinfo=SHANGHAI),
    domain="association.example",
)
FIELDS = MergeFields("收文员", "市商务局", "市商务局办公室", "收文", "office@commerce.example.org")
LETTER = Letter(
    subject=Merged(("《工作简报》2026年第4期（总第60期）",)),
    html=Merged(("<p>", "：</p>\n<p>请", "查收。</p>\n"), ("salutation", "contact")),
    text=Merged(("", "：\n\n请查收。\n"), ("salutation",)),
    reply_to="reply@association.example",
)
ID = message_id("00ff00ff00ff00ff", 7, 1, "association.example")
NAMES = tuple(field.name for field in dataclasses.fields(MergeFields))

# Everything but controls, lone surrogates and the line breaks of Unicode; and what bulletins really say.
line_characters = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
lines = st.text(line_characters, max_size=90) | st.text("简报第期 aZ=?_\"'\\<>()&;,👩‍💻é", max_size=200)
names = lines.map(str.strip).filter(bool)
bodies = st.text(st.characters(exclude_categories=("Cs",)), max_size=200) | st.text("文a\n\r ", max_size=400)


def merged(literals: st.SearchStrategy[str]) -> st.SearchStrategy[Merged]:
    """Texts with up to four gaps: also at the start, at the end, and side by side."""
    pieces = st.lists(st.tuples(st.sampled_from(NAMES), literals), max_size=4)
    return st.builds(
        lambda first, rest: Merged((first, *(text for _, text in rest)), tuple(name for name, _ in rest)),
        literals,
        pieces,
    )


letters = st.builds(Letter, merged(lines), merged(bodies), merged(bodies), st.sampled_from([None, "reply@b.example"]))
field_values = st.builds(MergeFields, lines, lines, lines, lines, lines)
filenames = names | st.sampled_from(["附件1：名单.xlsx", "report.pdf", 'a "quoted" name.txt', "长" * 120 + ".pdf"])
content_types = st.sampled_from(["application/pdf", "image/png", "text/plain", "application/octet-stream"])
attachments = st.lists(st.builds(Attachment, filenames, content_types, st.binary(max_size=300)), max_size=3)


def build(letter: Letter = LETTER, files: list[Attachment] | None = None, fields: MergeFields = FIELDS) -> bytes:
    compiled = compile_letter(letter, HEADERS, files or ())
    return compiled.message(delivery_id=7, message_id=ID, address="office@commerce.example.org", fields=fields)


def parse(raw: bytes) -> EmailMessage:
    return cast(EmailMessage, message_from_bytes(raw, policy=policy.default))


def reference(letter: Letter, files: list[Attachment], fields: MergeFields) -> EmailMessage:
    """The same message by the email package, parsed again from its bytes."""
    finished = dataclasses.replace(letter, text=crlf(letter.text), html=crlf(letter.html)).filled(fields)
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(HEADERS.sender_name, addr_spec=HEADERS.sender)
    message["To"] = Address(shown(fields), addr_spec="office@commerce.example.org")
    message["Subject"] = finished.subject
    message["Date"] = HEADERS.date
    message["Message-ID"] = ID
    message["List-Id"] = f"<{HEADERS.list_id}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    if letter.reply_to:
        message["Reply-To"] = letter.reply_to
    message.set_content(finished.text, cte="base64")
    message.add_alternative(finished.html, subtype="html", cte="base64")
    for file in files:
        maintype, subtype = file.content_type.split("/")
        message.add_attachment(file.content, maintype, subtype, filename=file.filename)
    message["Content-Language"] = "zh-CN"
    return parse(message.as_bytes())


def shown(fields: MergeFields) -> str:
    return " ".join(name for name in (fields.unit, fields.contact.removeprefix(fields.unit)) if name).strip()


def leaves(message: EmailMessage) -> list[EmailMessage]:
    return [part for part in cast(Iterator[EmailMessage], message.walk()) if not part.is_multipart()]


def payload(part: EmailMessage) -> bytes:
    return cast(bytes, part.get_payload(decode=True))


def body(part: EmailMessage) -> str:
    """A text part's text; the email package ends every text with a line break of its own."""
    return payload(part).decode().removesuffix("\r\n")


def unspaced(message: EmailMessage) -> dict[str, str]:
    """Header fields without white space: the email package loses or adds some when it folds and when it reads names."""
    return {name: "".join(str(value).split()) for name, value in message.items() if name != "Content-Type"}


def crlf(text: Merged) -> Merged:
    return Merged(tuple(re.sub(r"\r\n|\r|\n", "\r\n", literal) for literal in text.literals), text.fields)


def assert_sound(raw: bytes) -> None:
    """What no parser may be needed for: RFC 5322 2.1.1, RFC 2045 6.8, RFC 2047 2 and 5."""
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert raw.isascii()
    for word in re.findall(rb"=\?[^\r\n]*?\?=(?=\s|\"|$)", raw):
        assert len(word) <= 75
        decoded_word(word)


def decoded_word(word: bytes) -> str:
    encoded = re.fullmatch(rb"=\?UTF-8\?B\?([A-Za-z0-9+/]+=*)\?=", word)
    assert encoded, word
    return b64decode(encoded[1], validate=True).decode()


# What it says


def test_a_letter_is_this_to_the_byte() -> None:
    assert build(dataclasses.replace(LETTER, subject=Merged(("Bulletin 60",)))).decode() == "\r\n".join(
        [
            "From: =?UTF-8?B?5p+Q5biC5byA5Y+R5Yy65Y2P5Lya?=",
            " <bulletin@association.example>",
            "Date: Mon, 02 Mar 2026 08:05:09 +0800",
            "Reply-To: reply@association.example",
            "List-Id: <bulletin.association.example>",
            "Auto-Submitted: auto-generated",
            "X-Auto-Response-Suppress: OOF, AutoReply",
            "MIME-Version: 1.0",
            "Content-Language: zh-CN",
            "To: =?UTF-8?B?5biC5ZWG5Yqh5bGAIOaUtuaWh+WRmA==?=",
            " <office@commerce.example.org>",
            "Subject: Bulletin 60",
            "Message-ID: <00ff00ff00ff00ff.7.1@association.example>",
            "Content-Type: multipart/alternative;",
            ' boundary="=_a7"',
            "",
            "--=_a7",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64",
            "",
            "5biC5ZWG5Yqh5bGA5Yqe5YWs5a6k77yaDQoNCuivt+afpeaUtuOAgg0K",
            "--=_a7",
            "Content-Type: text/html; charset=utf-8",
            "Content-Transfer-Encoding: base64",
            "",
            "PHA+5biC5ZWG5Yqh5bGA5Yqe5YWs5a6k77yaPC9wPg0KPHA+6K+35pS25paH5ZGY5p+l5pS244CC",
            "PC9wPg0K",
            "--=_a7--",
            "",
        ]
    )


@given(letters, attachments, field_values)
@settings(deadline=None)
@example(LETTER, [], FIELDS)
@example(LETTER, [Attachment("空.txt", "text/plain", b"")], FIELDS)
def test_every_part_arrives_as_it_was_given(letter: Letter, files: list[Attachment], fields: MergeFields) -> None:
    raw = build(letter, files, fields)
    assert_sound(raw)
    text, html, *rest = leaves(parse(raw))
    assert payload(text).decode() == crlf(letter.text).filled(fields.plain())
    assert payload(html).decode() == crlf(letter.html).filled(fields.escaped())
    assert [payload(part) for part in rest] == [file.content for file in files]
    assert [part["Content-Disposition"].params["filename"] for part in rest] == [file.filename for file in files]
    assert parse(raw)["Subject"] == letter.subject.filled(fields.plain())
    assert [part.defects for part in parse(raw).walk()] == [[]] * len(list(parse(raw).walk()))


@given(letters, attachments, field_values)
@settings(deadline=None)
def test_it_equals_what_the_email_package_builds(letter: Letter, files: list[Attachment], fields: MergeFields) -> None:
    texts = [letter.filled(fields).subject, shown(fields), *(file.filename for file in files)]
    assume(not any("=?" in text for text in texts))  # the email package takes that for an encoded word of its own
    ours, theirs = parse(build(letter, files, fields)), reference(letter, files, fields)
    assert unspaced(ours) == unspaced(theirs)
    assert [part.get_content_type() for part in ours.walk()] == [part.get_content_type() for part in theirs.walk()]
    assert [body(part) for part in leaves(ours)[:2]] == [body(part) for part in leaves(theirs)[:2]]
    for our, their in zip(leaves(ours)[2:], leaves(theirs)[2:], strict=True):
        assert payload(our) == payload(their)
        assert our["Content-Disposition"].params == their["Content-Disposition"].params
        assert our.get_content_disposition() == their.get_content_disposition() == "attachment"


@pytest.mark.parametrize(
    ("unit", "contact", "shown"),
    [
        ("市商务局", "收文员", "市商务局 收文员"),
        ("市商务局", "市商务局", "市商务局"),
        ("市商务局", "市商务局收文员", "市商务局收文员"),
        ("市商务局", "", "市商务局"),
        ("", "收文员", "收文员"),
        ("", "", ""),
        ("", " ", ""),
    ],
)
def test_a_unit_is_named_once(unit: str, contact: str, shown: str) -> None:
    message = parse(build(fields=dataclasses.replace(FIELDS, unit=unit, contact=contact)))
    assert message["To"].addresses[0].display_name == shown


@pytest.mark.parametrize("absent", ["List-Unsubscribe", "Precedence", "Bcc", "Sender"])
def test_a_header_that_would_mislead_is_absent(absent: str) -> None:
    assert absent not in parse(build())


def test_a_group_without_reply_address_has_no_reply_to() -> None:
    assert "Reply-To" not in parse(build(dataclasses.replace(LETTER, reply_to=None)))


def test_attachments_stand_behind_the_letter_in_their_order() -> None:
    message = parse(
        build(files=[Attachment("一.pdf", "application/pdf", b"1"), Attachment("b.png", "image/png", b"2")])
    )
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
        "image/png",
    ]
    assert [part.get_filename() for part in message.iter_attachments()] == ["一.pdf", "b.png"]


@pytest.mark.parametrize("content_type", ["message/rfc822", "Message/Partial", "multipart/mixed"])
def test_a_composite_file_goes_as_a_mere_file(content_type: str) -> None:
    """RFC 2045 6.4: they may not be base64, and what is not base64 could hold anything."""
    letter = b"Subject: inside\r\n\r\n--=_m7--\r\n"
    message = parse(build(files=[Attachment("letter.eml", content_type, letter)]))
    (file,) = message.iter_attachments()
    assert (file.get_content_type(), payload(cast(EmailMessage, file))) == ("application/octet-stream", letter)


def test_content_that_looks_like_a_boundary_ends_no_part() -> None:
    trap = "\n--=_a7--\n--=_m7--\n"
    letter = dataclasses.replace(LETTER, text=Merged((trap,)), html=Merged((trap,)))
    text, html, file = leaves(parse(build(letter, [Attachment("a", "text/plain", trap.encode())])))
    assert payload(text) == payload(html) == trap.replace("\n", "\r\n").encode()
    assert payload(file) == trap.encode()


# Attempts


def test_a_retry_has_the_same_bytes() -> None:
    compiled = compile_letter(LETTER, HEADERS)
    again = compile_letter(LETTER, HEADERS)

    def sent(letter: CompiledLetter, delivery_id: int, fields: MergeFields = FIELDS) -> bytes:
        return letter.message(delivery_id=delivery_id, message_id=ID, address="a@b.example", fields=fields)

    first = sent(compiled, 7)
    sent(compiled, 8, dataclasses.replace(FIELDS, salutation="其他单位"))
    assert sent(compiled, 7) == sent(again, 7) == first != sent(compiled, 8)


@pytest.mark.parametrize("delivery_id", [1, 60, 2**63 - 1])
def test_boundaries_come_from_the_delivery(delivery_id: int) -> None:
    compiled = compile_letter(LETTER, HEADERS, [Attachment("a.pdf", "application/pdf", b"")])
    raw = compiled.message(delivery_id=delivery_id, message_id=ID, address="a@b.example", fields=FIELDS)
    mixed, alternative = [part.get_boundary() for part in parse(raw).walk() if part.is_multipart()]
    assert (mixed, alternative) == (f"=_m{delivery_id}", f"=_a{delivery_id}")
    assert_sound(raw)


def test_a_resend_has_a_message_id_of_its_own() -> None:
    ids = {message_id("00ff", delivery, generation, "b.example") for delivery in (1, 2, 11) for generation in (1, 2)}
    assert len(ids) == 6
    assert message_id("00ff", 1, 2, "机关.example") == "<00ff.1.2@xn--d6qt44c.example>"


# The ledger's copy


@given(letters, attachments, field_values)
@settings(deadline=None)
def test_a_frozen_letter_sends_the_same_bytes(letter: Letter, files: list[Attachment], fields: MergeFields) -> None:
    compiled = compile_letter(letter, HEADERS, files)
    frozen = compiled.to_bytes()
    thawed = CompiledLetter.from_bytes(frozen)
    assert thawed.to_bytes() == frozen
    assert thawed.message(delivery_id=7, message_id=ID, address="a@b.example", fields=fields) == compiled.message(
        delivery_id=7, message_id=ID, address="a@b.example", fields=fields
    )


def test_a_frozen_letter_holds_each_attachment_once() -> None:
    file = Attachment("a.bin", "application/octet-stream", bytes(100_000))
    assert 100_000 < len(compile_letter(LETTER, HEADERS, [file]).to_bytes()) < 140_000


@given(st.data())
def test_a_damaged_letter_is_refused(data: st.DataObject) -> None:
    frozen = bytearray(compile_letter(LETTER, HEADERS, [Attachment("a", "text/plain", b"abc")]).to_bytes())
    position = data.draw(st.integers(0, len(frozen) - 1))
    frozen[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="not a compiled letter"):
        CompiledLetter.from_bytes(bytes(frozen))


@given(st.binary(max_size=200))
@example(b"")
@example(b"\n")
@example(compile_letter(LETTER, HEADERS).to_bytes()[:-1])
@example(compile_letter(LETTER, HEADERS).to_bytes() + b"x")
@example(compile_letter(LETTER, HEADERS).to_bytes().replace(b"letter 1", b"letter 2", 1))
def test_other_bytes_are_no_letter(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a compiled letter"):
        CompiledLetter.from_bytes(data)


DESCRIPTION = json.loads(compile_letter(LETTER, HEADERS).to_bytes().split(b"\n")[1])


@pytest.mark.parametrize(
    "description",
    [
        [],
        None,
        {},
        DESCRIPTION | {"head": 1},
        DESCRIPTION | {"subject": "text"},
        DESCRIPTION | {"html": {"literals": [], "fields": []}},
        DESCRIPTION | {"html": {"literals": ["a", "b"], "fields": []}},
        DESCRIPTION | {"html": {"literals": [1], "fields": []}},
        DESCRIPTION | {"text": {"literals": ["a", "b"], "fields": ["password"]}},
        DESCRIPTION | {"attachments": [3]},
        DESCRIPTION | {"attachments": 3},
    ],
    ids=repr,
)
def test_a_sealed_letter_of_another_shape_is_refused(description: object) -> None:
    content = json.dumps(description).encode() + b"\n"
    sealed = b"distributor letter 1 " + sha256(content).hexdigest().encode() + b"\n" + content
    with pytest.raises(ValueError):  # noqa: PT011  what is wrong differs, that it is told by this error does not
        CompiledLetter.from_bytes(sealed)
