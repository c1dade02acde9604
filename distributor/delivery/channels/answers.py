"""From a server's octets to its answers (RFC 5321 4.2). Reads nothing itself: whoever has octets feeds them in."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from distributor.delivery.model.channel import Phase, Reply

# Octets of one whole answer. RFC 5321 4.5.3.1.5 allows 512 a line; real EHLO answers and help texts have more, and
# what has this much is no answer.
MOST = 16 * 1024

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|\Z)", re.ASCII)


class MalformedAnswerError(ValueError):
    """What the server sends is not SMTP, or has no end. Nothing that it says from here on can be matched."""


class Answer(NamedTuple):
    """One answer, of one line or several: *lines* are their texts without code and line end."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def positive(self) -> bool:
        """Done as asked (RFC 5321 4.2.1: 2yz)."""
        return 200 <= self.code <= 299

    @property
    def negative(self) -> bool:
        """Refused, for now or for good (4yz, 5yz)."""
        return self.code >= 400

    def reply(self, phase: Phase, relay: str, *, handed_over: bool = False) -> Reply:
        """For the engine: as text, the enhanced status code (RFC 2034, 3463) taken out of it."""
        text = _decoded(b"\n".join(self.lines))
        enhanced = None
        # Taken whether or not it was announced: a well-formed one of the same class is no accident.
        if (match := _ENHANCED.match(text)) and int(text[0]) == self.code // 100:
            enhanced = match[1]
            text = "\n".join([_without(enhanced, line) for line in text.split("\n")])
        if not text.isprintable():
            text = "\n".join(map(_printable, text.split("\n")))
        return Reply(phase, self.code, enhanced, text, handed_over, relay)

    def __str__(self) -> str:
        return f"{self.code} {_printable(_decoded(b' '.join(self.lines)))}".rstrip()


class AnswerReader:
    """Puts answers together from octets as they come, however they are cut."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun: list[Answer] = []
        self._size = 0

    @property
    def midway(self) -> bool:
        """An answer has begun and not ended."""
        return bool(self._rest or self._begun)

    def feed(self, data: bytes) -> Iterator[Answer]:
        """The answers that *data* completes. A line may end in LF alone: in an answer nothing can hide behind it.

        Those before a fault are given before it is raised: they answer what was asked before.

        Raises:
            MalformedAnswerError: not an answer, lines with different codes, or more than MOST octets of one.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if (answer := self._line(line)) is not None:
                yield answer
        if self._size + len(self._rest) > MOST:
            raise MalformedAnswerError(f"more than {MOST} octets")

    def _line(self, line: bytes) -> Answer | None:
        answer, goes_on = _parsed(line)
        self._size += len(line) + 1
        if self._size > MOST or (self._begun and self._begun[0].code != answer.code):
            raise _malformed(line)
        if goes_on:
            self._begun.append(answer)
            return None
        if self._begun:
            answer = Answer(answer.code, tuple(text for part in (*self._begun, answer) for text in part.lines))
            self._begun.clear()
        self._size = 0
        return answer


@lru_cache(maxsize=64)  # a relay says the same few lines all day, but for the name that it gives to each letter
def _parsed(line: bytes) -> tuple[Answer, bool]:
    """One line as an answer of its own, and whether another line of the same answer follows."""
    match = _LINE.fullmatch(line.removesuffix(b"\r"))
    if match is None:
        raise _malformed(line)
    return Answer(int(match[1]), (match[3] or b"",)), match[2] == b"-"


def _malformed(line: bytes) -> MalformedAnswerError:
    return MalformedAnswerError(_printable(_decoded(line[:80])))


def _decoded(data: bytes) -> str:
    """Servers answer in UTF-8, Chinese ones in GB18030 too; latin-1 takes whatever else there is."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _printable(text: str) -> str:
    """*text* without control and formatting characters, which a terminal would obey; odd spaces become plain ones."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " * char.isspace() for char in text)


def _without(enhanced: str, line: str) -> str:
    match = _ENHANCED.match(line)
    return line[match.end() :] if match and match[1] == enhanced else line
