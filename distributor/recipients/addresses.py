"""Addresses: e-mail (RFC 5321, 5322, 6531) and chat endpoints (wecom:office): which are valid, which two are one."""

import re
import unicodedata
from contextlib import suppress
from functools import cache, lru_cache
from types import ModuleType

from distributor.endpoints import MAIL, Kind, channel_of
from distributor.i18n import _

MAX_LENGTH = 254  # octets, RFC 5321 4.5.3.1.3 less the angle brackets
MAX_LOCAL_PART = 64  # octets, RFC 5321 4.5.3.1.1

# The plain ASCII addresses that nearly everybody has, forty times as fast as email-validator. It may be narrower than
# email-validator, never wider: no "xn--" or other labels with "--" in third place, no names that are special-use.
_PLAIN = re.compile(
    r"(?!.{255})(?![^@]{65})"
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:(?!-|..--)[A-Za-z0-9-]{1,63}(?<!-)\.)+"
    r"(?!(?i:arpa|local|onion)\Z)[A-Za-z]{2,63}",
    re.ASCII,
)

_KINDS = frozenset(Kind)
_ADDRESS_LIKE = re.compile(r"[^\s@,;、，；/<>]+@[^\s@,;、，；/<>]+")


def is_like_address(word: str) -> bool:
    """Whether *word* is meant for an address, right or wrong, and not for the name of a unit."""
    return "@" in word or (word.partition(":")[0].strip().lower() in _KINDS and ":" in word)


def why_not_address(address: str) -> str | None:
    """Why *address* is neither one that mail can be sent to nor a chat endpoint, in a sentence; None if it is one."""
    if _PLAIN.fullmatch(address) or channel_of(address) != MAIL:
        return None
    return why_not_endpoint(address) if "@" not in address and is_like_address(address) else why_not_mailbox(address)


def not_an_address(address: str, why: str) -> str:
    """*why*, the answer of why_not_address(), in a sentence that names *address*."""
    if "@" not in address and is_like_address(address):
        return _("{address} is no chat endpoint: {why}").format(address=address, why=why)
    return _("{email} is not an e-mail address: {why}").format(email=address, why=why)


def why_not_endpoint(address: str) -> str | None:
    """Why *address* is no chat endpoint, in a sentence; None if it is one."""
    if channel_of(address) != MAIL:
        return None
    return _("its name has other signs than a-z, 0-9 and single hyphens")


def why_not_mailbox(email: str) -> str | None:
    """Why *email* is no address that mail can be sent to, in a sentence; None if it is one."""
    if _PLAIN.fullmatch(email):
        return None
    return _wide(email) or _usual_slip(email) or _too_long(email) or _invalid(email)


def _wide(email: str) -> str | None:
    """Full-width signs: two people would read it as one address, and mail systems as two."""
    narrow = unicodedata.normalize("NFKC", email).replace("。", ".")
    if narrow == unicodedata.normalize("NFC", email):
        return None
    return why_not_mailbox(narrow) or _("it has full-width characters; write {address}").format(address=narrow)


def _usual_slip(email: str) -> str | None:
    """What is wrong in words, for the slips that people make; None for the rest."""
    if len(_ADDRESS_LIKE.findall(email)) > 1:
        return _("there are several addresses in it; write one contact for each")
    if "<" in email:
        return _("write the address alone, without name and < >")
    if any(map(str.isspace, email)):
        return _("there is a space in it")
    if email.count("@") != 1:
        return _("there is more than one @ in it") if "@" in email else _("there is no @ in it")
    if email[-1] in ".,;:、":
        return _("delete the {sign} at its end").format(sign=email[-1])
    return None


def _too_long(email: str) -> str | None:
    if len(email.encode(errors="replace")) > MAX_LENGTH:
        return _("it is longer than {most} bytes").format(most=MAX_LENGTH)
    if len(email.rpartition("@")[0].encode(errors="replace")) > MAX_LOCAL_PART:
        return _("the part before the @ is longer than {most} bytes").format(most=MAX_LOCAL_PART)
    return None


@cache
def _validator() -> ModuleType:
    """email-validator, which few addresses need and every command would wait for."""
    import email_validator  # noqa: PLC0415

    # RFC 2606 keeps these for examples and tests. The list may use them (the example list does); it is `send` that
    # refuses them where the relay is a real one. This is how email-validator's documentation says to allow them.
    for name in ("test", "invalid", "localhost"):
        if name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
            email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(name)
    return email_validator


def _invalid(email: str) -> str | None:
    validator = _validator()
    try:
        validator.validate_email(email, check_deliverability=False)
    except validator.EmailNotValidError as error:
        return _in_words(str(error))
    return None


def _in_words(said: str) -> str:
    """What email-validator says, in the reader's language; what is rare keeps its own words."""
    words = {
        "There must be something before the @-sign.": _("there must be something before the @"),
        "There must be something after the @-sign.": _("there must be something after the @"),
        "The part after the @-sign is not valid. It should have a period.": _("after the @ there should be a period"),
        "An email address cannot have two periods in a row.": _("there are two periods in a row"),
        "An email address cannot start with a period.": _("it starts with a period"),
        "An email address cannot have a period immediately before the @-sign.": _("there is a period before the @"),
        "The email address contains invalid characters before the @-sign": _("a sign before the @ cannot stand there"),
        "The part after the @-sign contains invalid characters": _("a sign after the @ cannot stand there"),
    }
    known, colon, signs = said.partition(": ")
    return f"{words[known]}{colon}{signs.rstrip('.')}" if known in words else said


def address_key(email: str) -> str:
    """The normalised form of a valid address: two addresses with the same key get one letter. An endpoint is its own.

    The domain in lower case and IDNA's ASCII form (RFC 5890), as DNS compares it. The local part too without regard
    to case: RFC 5321 2.4 leaves that to the receiving host, but in practice no host has two mailboxes that differ in
    it, while lists have the same mailbox written in two ways.

    Raises:
        ValueError: the domain is none.
    """
    if email.isascii():
        return email.lower()
    local, _at, domain = email.rpartition("@")
    return f"{unicodedata.normalize('NFKC', local.casefold())}@{_ascii_domain(domain)}"


def written_forms(email: str) -> set[str]:
    """The forms, in lower case, in which a list may have a valid address: as given, as its key, with its own signs.

    Raises:
        ValueError: the domain is none.
    """
    key = address_key(email)
    local, _at, domain = key.rpartition("@")
    forms = {email.lower(), key}
    with suppress(UnicodeError):
        forms.add(f"{local}@{domain.encode().decode('idna')}")
    return forms


@lru_cache(maxsize=4096)
def _ascii_domain(domain: str) -> str:
    checked = _validator().validate_email(f"a@{domain}", check_deliverability=False)
    return str(checked.ascii_domain or domain).lower()
