"""Header fields: text to encoded words, addresses to their ASCII form; and nothing that could forge a second field."""

import re
from binascii import b2a_base64
from collections.abc import Iterable
from urllib.parse import quote

from distributor.errors import Finding, InputError, Severity
from distributor.i18n import _
from distributor.recipients.addresses import address_key

LINE = 76  # characters of a line that holds an encoded word, without its CRLF (RFC 2047 section 2)

# Controls (C0, DEL, C1) and the line breaks of Unicode could begin a field of their own; lone surrogates are no text.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN = re.compile(r"(?!.*=\?)[!-~](?:[ -~]*[!-~])?")
_QUOTABLE = re.compile(r'(?!.*=\?)[^"\\]*')
_ATOMS = r'[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff()<>\[\]:;@\\,"]'
_ADDRESS = re.compile(rf"{_ATOMS}{{1,64}}@{_ATOMS}{{1,255}}")
_DOMAIN = re.compile(rf"{_ATOMS}{{1,255}}")
_ATTRIBUTE = "!#$&+-.^_`{|}~"  # what RFC 2231 leaves as it is, beside letters and digits
_RESERVE = len(" filename*00*=;")


def check_line(text: str, what: str) -> str:
    """*text*, which can stand in a header field.

    Raises:
        InputError: it has a control character, a line break or a damaged character; the message names *what*.
    """
    # isprintable is false for these and for a few that are harmless (U+3000, joiners of emoji): quick for nearly all.
    if not text.isprintable() and (found := _FORBIDDEN.search(text)):
        message = _("{what} has a character that no header may have: {code} in {text!r}")
        message = message.format(what=what, code=f"U+{ord(found[0]):04X}", text=text)
        raise _bad("control-character", message)
    return text


def _bad(code: str, message: str) -> InputError:
    return InputError([Finding(Severity.ERROR, code, message, remedy=_("delete it, or write it anew"))])


def ascii_domain(domain: str) -> str:
    """*domain* as DNS has it: an internationalised one in A-labels (RFC 5890), so that every reader can answer to it.

    Raises:
        InputError: it is no domain.
    """
    if _DOMAIN.fullmatch(domain):
        try:
            return domain if domain.isascii() else address_key(f"a@{domain}").rpartition("@")[2]
        except ValueError:
            pass
    raise _bad("bad-domain", _("{domain!r} is not a domain").format(domain=domain))


def header_address(address: str) -> str:
    """*address* as a header field has it: its domain in ASCII, its local part as it is.

    A local part in other than ASCII has no ASCII form: the field then holds UTF-8 (RFC 6532), and the message can only
    go to a relay that offers SMTPUTF8; the channel sees to that, as the envelope needs it all the same.

    Raises:
        InputError: it is not one plain address (quoted local parts and domain literals are not used here).
    """
    if not _ADDRESS.fullmatch(address):
        raise _bad("bad-address", _("{address!r} is not an e-mail address").format(address=address))
    if address.isascii():
        return address
    local, _at, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain)}"


def encoded_words(text: str, used: int) -> bytes:
    """*text* as encoded words (RFC 2047, B), folded; *used* characters of the first line are taken.

    Each word holds whole characters only (section 5) and is read by itself.
    """
    data, words, start = text.encode(), [], 0
    while start < len(data):
        end = start + (LINE - used - len("=?UTF-8?B??=")) // 4 * 3
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(b"=?UTF-8?B?%b?=" % b2a_base64(data[start:end], newline=False))
        start, used = end, 1
    return b"\r\n ".join(words)


def unstructured(name: str, text: str) -> bytes:
    """The field *name* with *text*: as it is if it is plain ASCII and fits the line, else in encoded words."""
    if len(name) + len(": ") + len(text) <= LINE and _PLAIN.fullmatch(text):
        return f"{name}: {text}\r\n".encode()
    return b"%b: %b\r\n" % (name.encode(), encoded_words(text, len(name) + len(": ")))


def mailbox(name: str, display: str, address: str) -> bytes:
    """The field *name* with one mailbox (RFC 5322 3.4): *display*, if not empty, and the address as header_address."""
    if not display:
        return f"{name}: {address}\r\n".encode()
    if _is_quotable(display, LINE - len(name) - len(': ""')):
        words = f'"{display}"'.encode()
    else:
        words = encoded_words(display, len(name) + len(": "))
    begun = b"%b: %b" % (name.encode(), words)
    last_line = len(begun) - (begun.rfind(b"\n") + 1)
    gap = b" " if last_line + len(" <>") + len(address) <= LINE else b"\r\n "
    return b"%b%b<%b>\r\n" % (begun, gap, address.encode())


def _is_quotable(text: str, room: int) -> bool:
    """Whether *text* may stand between double quotes as it is (RFC 5322 3.2.4), without an escape or a fold."""
    return len(text) <= room and bool(_PLAIN.fullmatch(text) and _QUOTABLE.fullmatch(text))


def name_parameter(filename: str) -> bytes:
    """`` name="…"`` of a Content-Type: encoded words in quotes, which no RFC allows and many readers rely on."""
    if _is_quotable(filename, LINE - len(' name=""')):
        return f' name="{filename}"'.encode()
    return b' name="%b"' % encoded_words(filename, len(' name="'))


def filename_parameters(filename: str) -> bytes:
    """`` filename…`` of a Content-Disposition (RFC 2183): in quotes, or as RFC 2231 has it, in as many parts as needed.

    There is no ASCII stand-in beside it: of two file names some readers take the first, and the older ones that do
    not know RFC 2231 find the true name in the Content-Type. A part holds whole characters, as some decode each by
    itself.
    """
    if _is_quotable(filename, LINE - len(' filename="";')):
        return f' filename="{filename}"'.encode()
    parts = _parts("UTF-8''", (quote(character, safe=_ATTRIBUTE) for character in filename))
    if len(parts) == 1:
        return f" filename*={parts[0]}".encode()
    return ";\r\n".join(f" filename*{number}*={part}" for number, part in enumerate(parts)).encode()


def _parts(first: str, pieces: Iterable[str]) -> list[str]:
    """*first* and *pieces* joined to as few texts as fit a line each."""
    parts = [first]
    for piece in pieces:
        if len(parts[-1]) + len(piece) > LINE - _RESERVE:
            parts.append("")
        parts[-1] += piece
    return parts
