"""Typing slips: the domain that somebody meant, and words that are one sign apart.

A slip is said to look like one, never taken for certain. No table of words can know every domain of the world; what is
here knows those at which many people have mailboxes, what fingers do to them, and which real domains lie near them.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from string import ascii_lowercase, digits

# At these many people have mailboxes: what is nearly one of them is taken for a slip. The commonest first.
MEANT = (
    "163.com", "qq.com", "126.com", "sina.com", "139.com", "189.cn", "foxmail.com", "gmail.com", "hotmail.com",
    "outlook.com", "sohu.com", "yeah.net", "188.com", "aliyun.com", "21cn.com", "263.net", "sina.cn", "yahoo.com",
    "icloud.com", "live.com", "live.cn",
)  # fmt: skip
# Real as well, and no slip, however near they are to one of those.
REAL = (
    "88.com", "111.com", "163.net", "263.com", "263.net.cn", "21cn.net", "189.com", "wo.cn", "wo.com.cn", "tom.com",
    "china.com", "sina.com.cn", "sohu.net", "yahoo.cn", "yahoo.com.cn", "ymail.com", "rocketmail.com", "email.com",
    "email.cn", "mail.com", "mail.cn", "mail.ru", "googlemail.com", "msn.com", "msn.cn", "me.com", "mac.com", "aol.com",
    "love.com", "line.com", "cloud.com", "proton.me", "protonmail.com", "gmx.com", "gmx.net", "gmx.de", "zoho.com",
    "yandex.com", "yandex.ru",
)  # fmt: skip
# Ends of no domain, or of none beside the right one (gov.cn): the last label, or the one before .cn.
_ENDINGS = {
    **dict.fromkeys(["con", "cmo", "ocm", "vom", "xom", "cim", "cpm", "comm", "coom", "c0m"], "com"),
    **dict.fromkeys(["gvo", "ogv", "gob", "g0v"], "gov"),
    **dict.fromkeys(["nte", "ent"], "net"),
    **dict.fromkeys(["ogr", "rog"], "org"),
    **dict.fromkeys(["eud", "deu"], "edu"),
}
_OTHER_ENDINGS = {"com": ("cn", "com.cn"), "cn": ("com", "com.cn"), "net": ("com", "cn", "com.cn")}
_KEYS = "1234567890"
_SIGNS = ascii_lowercase + digits + "-"
_LONG = 5  # signs: of shorter words too many are one sign apart by right
_DIGITS = re.compile(r"[0-9]+")


def is_well_known(domain: str) -> bool:
    """Whether many people have mailboxes there, or it is at least known to be no slip."""
    return domain in MEANT or domain in REAL


def meant(domain: str) -> str | None:
    """The domain that *domain* (in IDNA's ASCII form, lower case) looks like a slip of; None: it looks right."""
    if is_well_known(domain):
        return None
    if domain.startswith("vip."):
        found = _slips().get(domain[4:])
        return f"vip.{found}" if found else None
    return _slips().get(domain) or _right_ending(domain)


@cache
def _slips() -> dict[str, str]:
    """Slip → domain meant. What fingers do most comes first: 136.com is 163.com, and not 139.com."""
    slips: dict[str, str] = {}
    for usual in (True, False):
        for domain in MEANT:
            name, _dot, ending = domain.partition(".")
            for slip in _usual(name, ending) if usual else (f"{other}.{ending}" for other in _rarer(name)):
                slips.setdefault(slip, domain)
    for domain in (*MEANT, *REAL):
        slips.pop(domain, None)
    return slips


def _usual(name: str, ending: str) -> Iterator[str]:
    """Neighbours that changed places in the name, a slip or another word in the ending, or both."""
    endings = [ending, *_OTHER_ENDINGS[ending], *_transposed(ending), *_left_out(ending), *_mistyped(ending)]
    for first in (name, *_transposed(name)):
        for last in filter(None, endings):
            yield f"{first}.{last}"


def _rarer(name: str) -> Iterator[str]:
    """One sign doubled; in a long name any one wrong, missing or too many; in a number one beside the right key."""
    yield from (name[:place] + name[place] + name[place:] for place in range(len(name)))
    if len(name) >= _LONG:
        yield from _left_out(name)
        yield from _mistyped(name)
    elif name.isdigit():
        for place, sign in enumerate(name):
            at = _KEYS.index(sign)
            for beside in _KEYS[max(at - 1, 0) : at] + _KEYS[at + 1 : at + 2]:
                yield name[:place] + beside + name[place + 1 :]


def one_slip(word: str) -> Iterator[str]:
    """All that one slip makes of *word*: neighbours that changed places, a sign left out, wrong or too many."""
    yield from _transposed(word)
    yield from _left_out(word)
    yield from _mistyped(word)


def _transposed(word: str) -> Iterator[str]:
    for place in range(len(word) - 1):
        yield word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _left_out(word: str) -> Iterator[str]:
    for place in range(len(word)):
        yield word[:place] + word[place + 1 :]


def _mistyped(word: str) -> Iterator[str]:
    for place in range(len(word) + 1):
        for sign in _SIGNS:
            yield word[:place] + sign + word[place:]
            yield word[:place] + sign + word[place + 1 :]


def _right_ending(domain: str) -> str | None:
    labels = domain.split(".")
    place = -2 if labels[-1] == "cn" and len(labels) > 2 else -1
    right = _ENDINGS.get(labels[place])
    if right is None:
        return None
    labels[place] = right
    return ".".join(labels)


def one_sign_apart(first: str, second: str) -> bool:
    """Whether a sign put in, left out or exchanged, or two neighbours that change places, make one of the other.

    (Damerau–Levenshtein distance 1.)
    """
    pairs = zip(first, second, strict=False)
    shared = next((place for place, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(first), len(second)))
    left, right = first[shared:], second[shared:]
    if not left and not right:
        return False
    swapped = left[:2] == right[1::-1] and left[2:] == right[2:]
    return left[1:] == right[1:] or left == right[1:] or left[1:] == right or swapped


def numbers(word: str) -> str:
    """The digits of *word*: words with others are no slips of it."""
    return "".join(_DIGITS.findall(word))


def alike(first: str, second: str) -> bool:
    """Whether one word looks like a slip of the other. Numbers make no slip: office1 and office2 are two."""
    return max(len(first), len(second)) >= _LONG and one_sign_apart(first, second) and numbers(first) == numbers(second)


def domains_alike(first: str, second: str) -> bool:
    """Whether one domain looks like a slip of the other: in one label, and not in a short one (tj and nj are cities).

    The last label may be short: .cm is a slip of .com.
    """
    ours, theirs = first.split("."), second.split(".")
    if len(ours) != len(theirs):
        return False
    differing = [place for place, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]]
    if len(differing) != 1:
        return False
    place = differing[0]
    is_last = place == len(ours) - 1
    return one_sign_apart(ours[place], theirs[place]) if is_last else alike(ours[place], theirs[place])


class Near:
    """Words, to be found again by words that are one sign apart from them.

    Two such words have something in common: one of them whole, or with one sign left out.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._by_remains: dict[str, list[str]] = {}
        for word in words:
            self.add(word)

    def add(self, word: str) -> None:
        for remains in {word, *_left_out(word)}:
            self._by_remains.setdefault(remains, []).append(word)

    def of(self, word: str) -> list[str]:
        """The words that are one sign apart from *word*, in the order in which they came."""
        found: dict[str, None] = {}
        for remains in (word, *_left_out(word)):
            found.update(dict.fromkeys(self._by_remains.get(remains, ())))
        return [other for other in found if one_sign_apart(word, other)]
