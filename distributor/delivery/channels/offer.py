"""What a server offers in its answer to EHLO (RFC 5321 4.1.1.1)."""

from dataclasses import dataclass

from distributor.delivery.channels.answers import Answer


@dataclass(frozen=True, slots=True)
class Offer:
    """The extensions we know how to use. *size*: it wants to be told how large a message is; *most*: the limit it gave.

    RFC 2920, 3030, 1870, 6152, 6531, 3207, 4954, in this order.
    """

    pipelining: bool = False
    chunking: bool = False
    size: bool = False
    most: int | None = None
    eight_bit: bool = False
    utf8: bool = False
    starttls: bool = False
    auth: frozenset[str] = frozenset()

    @classmethod
    def of(cls, answer: Answer) -> "Offer":
        """Read from EHLO's answer; its first line is the server's name, and what we do not know is passed over."""
        keywords: dict[str, list[str]] = {}
        for line in answer.lines[1:]:
            # "AUTH=LOGIN" was the form before RFC 2554, and there are servers that have it beside the other.
            keyword, *parameters = line.decode("latin-1").upper().replace("AUTH=", "AUTH ").split() or [""]
            keywords.setdefault(keyword, []).extend(parameters)
        return cls(
            pipelining="PIPELINING" in keywords,
            chunking="CHUNKING" in keywords,
            size="SIZE" in keywords,
            most=_limit(keywords.get("SIZE", [])),
            eight_bit="8BITMIME" in keywords,
            utf8="SMTPUTF8" in keywords,
            starttls="STARTTLS" in keywords,
            auth=frozenset(keywords.get("AUTH", [])),
        )


def _limit(parameters: list[str]) -> int | None:
    """Octets; SIZE alone, or 0, is no limit (RFC 1870 4)."""
    number = parameters[0] if parameters else ""
    return int(number) or None if number.isascii() and number.isdigit() else None
