"""A letter and one recipient → RFC 5322 bytes. The email package is the tests' reference, not part of the way.

All that the recipients of a letter share is encoded once, by compile_letter; ``message`` joins it with what differs.
The same arguments give the same bytes, so that a letter sent again is the same letter.

What cannot stand in a header is refused, never repaired: recipients/ and bulletin/ have refused or stripped it long
before, so whatever still arrives here came by a way that nobody thought of.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as fields_of
from email.utils import format_datetime
from html import escape
from typing import Any, Self

from distributor.i18n import _
from distributor.render.base64_text import Base64Text, base64_lines
from distributor.render.headers import (
    ascii_domain,
    check_line,
    filename_parameters,
    header_address,
    mailbox,
    name_parameter,
    unstructured,
)
from distributor.render.model import Letter, Merged, MergeFields

_FORMAT = b"distributor letter 1"
_FIELDS = tuple(field.name for field in fields_of(MergeFields))
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,320}@[!-;=?A-~]{1,320}>")
_CONTENT_TYPE = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}", re.ASCII)

# A boundary begins with "=_": base64 has no line with "--" in it, let alone "=" before a letter, and header lines of
# the parts begin with a name or a space. So no part can hold a delimiter, whatever its content, and none is searched.
# Neither of the two is the beginning of the other (RFC 2046 5.1.2).
_MIXED = b'Content-Type: multipart/mixed;\r\n boundary="=_m%d"\r\n\r\n--=_m%d\r\n'
_ALTERNATIVE = b'Content-Type: multipart/alternative;\r\n boundary="=_a%d"\r\n\r\n--=_a%d\r\n'
_PART = b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
_TEXT, _HTML = _PART % b"plain", _PART % b"html"


@dataclass(frozen=True, slots=True)
class Headers:
    """What all letters of an issue share. *date* is aware; *list_id* as in RFC 2919, without its angle brackets.

    *sender_name* may be "". *domain* is where Message-IDs are made: the sender's.
    """

    sender: str
    sender_name: str
    list_id: str
    date: dt.datetime
    domain: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with every letter; *content_type* is ``type/subtype`` without parameters."""

    filename: str
    content_type: str
    content: bytes


def message_id(uid: str, delivery_id: int, generation: int, domain: str) -> str:
    """``<uid.delivery.generation@domain>``: a delivery's own, the same at every attempt of one *generation*."""
    return f"<{uid}.{delivery_id}.{generation}@{ascii_domain(domain)}>"


def compile_letter(letter: Letter, headers: Headers, attachments: Sequence[Attachment] = ()) -> "CompiledLetter":
    """*letter* ready to be spliced for its recipients.

    Raises:
        InputError: a header value or a file name that no header may have, an address that is none; says which.
        ValueError: *headers.date* has no zone.
    """
    for literal in letter.subject.literals:
        check_line(literal, _("the subject"))
    parts = tuple(_attachment_part(attachment) for attachment in attachments)
    return CompiledLetter(_shared_headers(headers, letter.reply_to), letter.subject, letter.text, letter.html, parts)


class CompiledLetter:
    """One group's letter, encoded but for its gaps.

    *head* are the header fields that all its messages share, *attachments* finished body parts (RFC 2046 5.1).
    """

    def __init__(
        self, head: bytes, subject: Merged, text: Merged, html: Merged, attachments: tuple[bytes, ...]
    ) -> None:
        if unknown := {*subject.fields, *text.fields, *html.fields}.difference(_FIELDS):
            raise ValueError(f"not merge fields: {unknown}")
        self._head = head
        self._subject = subject
        self._sources = (text, html)
        self._in_text, self._in_html = frozenset(text.fields), frozenset(html.fields)
        self._text = Base64Text(text)
        self._html = Base64Text(html)
        self._attachments = attachments
        self._fixed_subject = None if subject.fields else unstructured("Subject", subject.filled({}))

    def message(self, *, delivery_id: int, message_id: str, address: str, fields: MergeFields) -> bytes:
        """The message to *address*, with CRLF line ends, not dot-stuffed.

        Raises:
            InputError: a value of *fields* or *address* has what no header may have; says which.
            ValueError: *message_id* is none (RFC 5322 3.6.4).
        """
        if not _MESSAGE_ID.fullmatch(message_id):
            raise ValueError(f"not a Message-ID: {message_id!r}")
        values = {name: check_line(getattr(fields, name), name) for name in _FIELDS}
        parts = self._alternative(delivery_id, values)
        if self._attachments:
            parts = self._mixed(delivery_id, parts)
        return b"".join(
            (
                self._head,
                mailbox("To", _display_name(fields), header_address(address)),
                self._fixed_subject or unstructured("Subject", self._subject.filled(values)),
                b"Message-ID: %b\r\n" % message_id.encode(),
                *parts,
            )
        )

    def _alternative(self, delivery_id: int, values: Mapping[str, str]) -> Sequence[bytes]:
        """The letter as text and as HTML; of the two the last is the best (RFC 2046 5.1.4)."""
        plain = {name: values[name].encode() for name in self._in_text}
        escaped = {name: escape(values[name]).encode() for name in self._in_html}
        return (
            _ALTERNATIVE % (delivery_id, delivery_id),
            _TEXT,
            self._text.encoded(plain),
            b"--=_a%d\r\n" % delivery_id,
            _HTML,
            self._html.encoded(escaped),
            b"--=_a%d--\r\n" % delivery_id,
        )

    def _mixed(self, delivery_id: int, letter: Sequence[bytes]) -> Sequence[bytes]:
        """*letter*, then the attachments."""
        delimiter = b"--=_m%d\r\n" % delivery_id
        parts = [_MIXED % (delivery_id, delivery_id), *letter]
        for attachment in self._attachments:
            parts += (delimiter, attachment)
        return [*parts, b"--=_m%d--\r\n" % delivery_id]

    def to_bytes(self) -> bytes:
        """For the ledger: a line with format and SHA-256, a line of JSON, then the attachments as they are sent."""
        text, html = self._sources
        description = {
            "head": self._head.decode(),
            "subject": asdict(self._subject),
            "text": asdict(text),
            "html": asdict(html),
            "attachments": [len(part) for part in self._attachments],
        }
        line = json.dumps(description, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        return b"".join((_seal(line, *self._attachments), line, *self._attachments))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What to_bytes made.

        Raises:
            ValueError: *data* is something else, of another version, cut off or damaged.
        """
        start = data.find(b"\n") + 1
        if data[:start] != _seal(memoryview(data)[start:]):
            raise ValueError("not a compiled letter of this version, or a damaged one")
        try:
            return cls._described(data, start)
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"a compiled letter of another shape: {error!r}") from None

    @classmethod
    def _described(cls, data: bytes, start: int) -> Self:
        end = data.index(b"\n", start) + 1
        description: dict[str, Any] = json.loads(data[start:end])
        parts = []
        for length in description["attachments"]:
            parts.append(data[end : end + length])
            end += length
        if end != len(data):
            raise ValueError("a compiled letter with other attachments than it says")
        subject, text, html = (_merged(description[name]) for name in ("subject", "text", "html"))
        return cls(description["head"].encode(), subject, text, html, tuple(parts))


def _seal(*content: bytes | memoryview) -> bytes:
    """The first line of a compiled letter: its format and the SHA-256 of all behind it."""
    digest = hashlib.sha256()
    for piece in content:
        digest.update(piece)
    return b"%b %b\n" % (_FORMAT, digest.hexdigest().encode())


def _merged(described: Mapping[str, Sequence[str]]) -> Merged:
    return Merged(tuple(described["literals"]), tuple(described["fields"]))


def _shared_headers(headers: Headers, reply_to: str | None) -> bytes:
    if headers.date.utcoffset() is None:
        raise ValueError("the date has no zone")
    sender_name = check_line(headers.sender_name, _("the sender's name"))
    lines = [
        f"Date: {format_datetime(headers.date)}\r\n",
        f"Reply-To: {header_address(reply_to)}\r\n" if reply_to else "",
        f"List-Id: <{ascii_domain(headers.list_id)}>\r\n",
        # RFC 3834; and the same for Exchange, whose absence notes would otherwise fill the secretary's mailbox
        # (MS-OXCMAIL 2.2.3.2.14). Precedence is left out: "bulk" would file an official letter as advertising.
        "Auto-Submitted: auto-generated\r\n",
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n",
        "MIME-Version: 1.0\r\n",
        "Content-Language: zh-CN\r\n",
    ]
    return mailbox("From", sender_name, header_address(headers.sender)) + "".join(lines).encode()


def _display_name(fields: MergeFields) -> str:
    """``unit contact``, the way an envelope is addressed; once where the contact's name says the unit already."""
    says_unit = fields.contact.startswith(fields.unit)
    return (fields.contact if says_unit else f"{fields.unit} {fields.contact}").strip()


def _attachment_part(attachment: Attachment) -> bytes:
    filename = check_line(attachment.filename, _("the name of an attachment"))
    return b"".join(
        (
            b"Content-Type: %b;\r\n%b\r\n" % (_sendable_type(attachment.content_type), name_parameter(filename)),
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Disposition: attachment;\r\n%b\r\n\r\n" % filename_parameters(filename),
            base64_lines(attachment.content),
        )
    )


def _sendable_type(content_type: str) -> bytes:
    """*content_type*; a composite one may not be base64 (RFC 2045 6.4), so a message as a file is a mere file."""
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise ValueError(f"not a media type: {content_type!r}")
    composite = content_type.lower().startswith(("multipart/", "message/"))
    return b"application/octet-stream" if composite else content_type.encode()
