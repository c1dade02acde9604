"""Texts with gaps as base64 in lines (RFC 2045 6.8), encoded anew only around the gaps."""

from binascii import b2a_base64
from collections.abc import Mapping

from distributor.render.model import Merged

OCTETS = 57  # in a line
CHARACTERS = 76  # of a line
_KEPT_MOST = 128 * 1024

_Fall = tuple[bytes, bytes, bytes]


def base64_lines(data: bytes) -> bytes:
    """*data* as base64: lines of 76 characters, the last one may be shorter, each with its CRLF."""
    encoded = b2a_base64(data, newline=False)
    if len(encoded) <= CHARACTERS:  # what is around a gap is nearly always one line, or none
        return encoded and encoded + b"\r\n"
    return b"".join([b"%b\r\n" % encoded[at : at + CHARACTERS] for at in range(0, len(encoded), CHARACTERS)])


def _with_crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


class Base64Text:
    """A text with gaps; line breaks of its literals become CRLF first, the canonical form (RFC 2046 4.1.1)."""

    def __init__(self, text: Merged) -> None:
        first, *literals = [_with_crlf(literal).encode() for literal in text.literals]
        head, whole, rest = _Literal(first, last=not literals).fall(0)
        self._whole, self._begun = whole, head + rest
        last = len(literals) - 1
        self._behind = [
            (name, _Literal(literal, last=position == last))
            for position, (name, literal) in enumerate(zip(text.fields, literals, strict=True))
        ]

    def encoded(self, values: Mapping[str, bytes]) -> bytes:
        """The text in base64 lines, with *values* in its gaps."""
        lines, begun = [self._whole], self._begun
        for name, literal in self._behind:
            begun += values[name]
            head, whole, rest = literal.fall(len(begun) % OCTETS)
            if whole:
                lines += (base64_lines(begun + head), whole)
                begun = rest
            else:
                begun += head
        lines.append(base64_lines(begun))
        return b"".join(lines)


class _Literal:
    """What stands behind a gap. It can fall on the lines in 57 ways only, so each is encoded once and kept.

    Kept are those of literals up to 128 KB, which is more than a letter should have: at most 10 MB then.
    """

    def __init__(self, text: bytes, *, last: bool) -> None:
        self._text = text
        self._last = last
        self._falls: dict[int, _Fall] = {}

    def fall(self, begun: int) -> _Fall:
        """How it falls behind a line *begun* with so many octets: (what fills that line, whole lines encoded, rest).

        The last literal leaves no rest. One that fills no more lines than the begun one is all in the first part.
        """
        fall = self._falls.get(begun)
        if fall is None:
            fall = self._cut(begun)
            if len(self._text) <= _KEPT_MOST:
                self._falls[begun] = fall
        return fall

    def _cut(self, begun: int) -> _Fall:
        text = self._text
        start = -begun % OCTETS
        end = len(text) if self._last else start + (len(text) - start) // OCTETS * OCTETS
        if end <= start:
            return text, b"", b""
        return text[:start], base64_lines(text[start:end]), text[end:]
