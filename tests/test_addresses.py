"""E-mail addresses: which are accepted, what is said about the others, and which two are one mailbox."""

import email_validator
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.recipients.addresses import MAX_LENGTH, address_key, why_not_address

FOR_EXAMPLES = {"test", "invalid", "localhost"}
# The tests ask email-validator as well, which is told of these names when it is first needed.
address_key("office@例子.example")

LABEL = "x" * 63
LONGEST_DOMAIN = f"{LABEL}.{LABEL}.{LABEL}.{'x' * 56}.org"

GOOD = [
    "office@example.org",
    "OFFICE@EXAMPLE.ORG",
    "first.last+tag@mail.example.org",
    "o'neil&sons@example.org",
    "a!#$%&'*+/=?^_`{|}~-b@example.org",
    "10001@mail.example.com",
    "a@1.example.org",
    "a@x-1.example",
    "a@printer.test",
    "a@nowhere.invalid",
    "x" * 64 + "@example.org",
    "a@" + LABEL + ".org",
    "办公室@example.org",
    "office@例子.example",
    "e\u0301cole@example.org",
    "a@xn--fsqu00a.example",
]

BAD = {
    "nothing before the @": ("@example.org", "must be something before"),
    "nothing after the @": ("office@", "must be something after"),
    "no @": ("office.example.org", "no @ in it"),
    "no dot in the domain": ("office@example", "there should be a period"),
    "space in the middle": ("of fice@example.org", "a space in it"),
    "no-break space": ("of\u00a0fice@example.org", "a space in it"),
    "ideographic space": ("office@\u3000example.org", "a space in it"),
    "line break at the end": ("office@example.org\n", "a space in it"),
    "header injection": ("office@example.org\r\nBcc: x@example.org", "several addresses"),
    "full-width @": ("office＠example.org", "write office@example.org"),
    "full-width letter before the @": ("ｏffice@example.org", "write office@example.org"),
    "full-width letter in the domain": ("office@ｅxample.org", "write office@example.org"),
    "full-width dot": ("office@example．org", "write office@example.org"),
    "Chinese full stop for a dot": ("office@example。org", "write office@example.org"),
    "ligature": ("o\ufb03ce@example.org", "write office@example.org"),
    "two, comma": ("a@example.org, b@example.org", "several addresses"),
    "two, semicolon": ("a@example.org;b@example.org", "several addresses"),
    "two, Chinese comma": ("a@example.org、b@example.org", "several addresses"),
    "two, full-width": ("a＠example.org、b＠example.org", "several addresses"),
    "two, long": (", ".join(["secretary@example.org"] * 20), "several addresses"),
    "two @, one after the other": ("office@@example.org", "more than one @"),
    "two @, one address": ("office@ministry@example.org", "more than one @"),
    "name and address": ("收文员 <office@example.org>", "write the address alone"),
    "address in angle brackets": ("<office@example.org>", "write the address alone"),
    "dot at the end": ("office@example.org.", "delete the . at its end"),
    "comma at the end": ("office@example.org,", "delete the , at its end"),
    "Chinese comma at the end": ("office@example.org，", "delete the , at its end"),
    "Chinese full stop at the end": ("office@example.org。", "delete the . at its end"),
    "dot at the beginning": (".office@example.org", "starts with a period"),
    "dot before the @": ("office.@example.org", "a period before the @"),
    "two dots": ("of..fice@example.org", "two periods in a row"),
    "quoted local part": ('"office"@example.org', "Quoting the part before the @"),
    "quoted local part with a space": ('"the office"@example.org', "a space in it"),
    "mailto link": ("mailto:office@example.org", "a sign before the @ cannot stand there"),
    "comment": ("office(front)@example.org", "a sign before the @ cannot stand there"),
    "domain literal": ("office@[192.0.2.1]", "bracketed IP address"),
    "underscore in the domain": ("office@ex_ample.org", "a sign after the @ cannot stand there: '_'"),
    "hyphen at the beginning of a label": ("office@-example.org", "hyphen immediately after the @"),
    "hyphen at the end of a label": ("office@example-.org", "hyphen next to each other"),
    "only digits after the last dot": ("office@192.0.2.1", "not within a valid top-level domain"),
    "localhost": ("office@localhost", "there should be a period"),
    "special-use name": ("office@printer.local", "special-use"),
    "onion": ("office@example.onion", "special-use"),
    "reverse lookup": ("office@1.in-addr.arpa", "special-use"),
    "looks like Punycode": ("office@ab--example.org", "two letters followed by two dashes"),
    "broken Punycode": ("office@xn--zzzz99999999.org", "not valid IDNA"),
    "long local part": ("x" * 65 + "@example.org", "before the @ is longer than 64"),
    "long local part in Chinese": ("办" * 22 + "@example.org", "before the @ is longer than 64"),
    "long label": (f"a@{LABEL}x.org", "too many"),
    "long": (f"office@{LONGEST_DOMAIN}", "longer than 254"),
    "invisible character": ("\u200boffice@example.org", "ZERO WIDTH SPACE"),
    "control character": ("off\x00ice@example.org", "a sign before the @ cannot stand there"),
    "lone surrogate": ("off\ud800ice@example.org", "unsafe character"),
    "empty": ("", "no @ in it"),
}


@pytest.mark.parametrize("email", GOOD)
def test_a_good_address_is_accepted(email: str) -> None:
    assert why_not_address(email) is None


@pytest.mark.parametrize(("email", "why"), BAD.values(), ids=BAD)
def test_a_bad_address_is_refused_with_the_reason(email: str, why: str) -> None:
    assert why in (why_not_address(email) or "accepted")


def test_the_longest_address_is_accepted_and_one_octet_more_is_not() -> None:
    longest = f"a@{LONGEST_DOMAIN}"
    assert len(longest) == MAX_LENGTH
    assert why_not_address(longest) is None
    assert why_not_address("a" + longest) is not None


# The fast path: plain ASCII addresses are accepted by a pattern that must not be wider than email-validator.

PIECES = [
    "a",
    "Z",
    "0",
    "office",
    "x" * 63,
    "x" * 64,
    *".-_+@'!#%&=?^`{|}~/*$",
    "--",
    "xn--",
    "ab--",
    ".local",
    ".arpa",
]
PIECES += [
    ".org",
    ".test",
    ".c",
    ".123",
    ".onion",
    "@example.org",
    " ",
    "\n",
    '"',
    "(",
    "<",
    "ｏ",
    "。",
    "例",
    "\u00e9",
]


def accepted_by_email_validator(email: str) -> bool:
    try:
        email_validator.validate_email(email, check_deliverability=False, strict=True)
    except email_validator.EmailNotValidError:
        return False
    return True


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_is_accepted_is_accepted_by_email_validator_too(email: str) -> None:
    if why_not_address(email) is None:
        assert accepted_by_email_validator(email)


@given(st.from_regex(r"[!-~]{1,30}@([!-~]{1,20}\.){1,3}[!-~]{1,8}", fullmatch=True))
def test_any_ascii_that_is_accepted_is_accepted_by_email_validator_too(email: str) -> None:
    if why_not_address(email) is None:
        assert accepted_by_email_validator(email)


@given(st.emails(domains=st.from_regex(r"([a-z0-9]{1,8}\.){1,3}[a-z]{2,6}", fullmatch=True)))
def test_ascii_addresses_that_email_validator_accepts_are_accepted(email: str) -> None:
    assert (why_not_address(email) is None) is accepted_by_email_validator(email)


@pytest.mark.parametrize("name", sorted({*email_validator.SPECIAL_USE_DOMAIN_NAMES} - FOR_EXAMPLES))
def test_no_special_use_name_is_accepted(name: str) -> None:
    """A name that a later email-validator adds must be added to the pattern, too."""
    assert why_not_address(f"office@{name}") is not None
    assert why_not_address(f"office@mail.{name}") is not None


# Which two are one mailbox

SAME = {
    "case of the local part": ("Office@example.org", "office@example.org"),
    "case of the domain": ("office@Example.ORG", "office@example.org"),
    "domain in both its forms": ("office@例子.example", "office@xn--fsqu00a.example"),
    "domain in both its forms and cases": ("office@例子.EXAMPLE", "OFFICE@XN--FSQU00A.example"),
    "accent in one character or two": ("\u00e9cole@example.org", "e\u0301cole@example.org"),
    "case of an accent": ("\u00c9COLE@example.org", "\u00e9cole@example.org"),
}
DIFFERENT = {
    "other name": ("office@example.org", "offices@example.org"),
    "other domain": ("office@example.org", "office@mail.example.org"),
    "dots count": ("of.fice@example.org", "office@example.org"),
    "tags count": ("office+a@example.org", "office@example.org"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_two_ways_to_write_a_mailbox_have_one_key(one: str, other: str) -> None:
    assert why_not_address(one) is why_not_address(other) is None
    assert address_key(one) == address_key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_two_mailboxes_have_two_keys(one: str, other: str) -> None:
    assert address_key(one) != address_key(other)


LOCAL_PARTS = st.text(st.characters(categories=["L", "M", "N"]), min_size=1, max_size=8)


@given(LOCAL_PARTS, st.sampled_from(["example.org", "EXAMPLE.org", "例子.example", "Bücher.example"]))
def test_the_key_of_a_key_is_the_key(local: str, domain: str) -> None:
    email = f"{local}@{domain}"
    if why_not_address(email) is None:
        key = address_key(email)
        assert address_key(key) == key
        assert key.rpartition("@")[2].isascii()


@given(st.text(max_size=40))
def test_any_text_has_a_verdict_in_words(email: str) -> None:
    why = why_not_address(email)
    assert why is None or why.strip()
