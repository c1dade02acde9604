"""Typing slips: which domain was meant, and which words look like slips of one another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.recipients.slips import MEANT, REAL, Near, alike, domains_alike, meant, one_sign_apart

SLIPS = {
    "136.com": "163.com",
    "163.con": "163.com",
    "163.cn": "163.com",
    "163.com.cn": "163.com",
    "1633.com": "163.com",
    "164.com": "163.com",
    "162.com": "126.com",
    "126.cm": "126.com",
    "qq.con": "qq.com",
    "qq.co": "qq.com",
    "qqq.com": "qq.com",
    "gmial.com": "gmail.com",
    "gmial.con": "gmail.com",
    "gmai.com": "gmail.com",
    "hotmial.com": "hotmail.com",
    "homail.com": "hotmail.com",
    "foxmail.co": "foxmail.com",
    "foxmal.com": "foxmail.com",
    "sina.cm": "sina.com",
    "sian.com": "sina.com",
    "189.cm": "189.cn",
    "yeah.com": "yeah.net",
    "outlok.com": "outlook.com",
    "vip.136.com": "vip.163.com",
    "office.example.con": "office.example.com",
    "city.gvo.cn": "city.gov.cn",
    "city.con.cn": "city.com.cn",
}
RIGHT = [
    *("163.com", "126.com", "139.com", "188.com", "189.cn", "88.com", "263.com", "sina.cn", "sina.com.cn", "wo.cn"),
    *("vip.163.com", "vip.qq.com", "ymail.com", "email.com", "mail.com", "love.com", "line.com", "cloud.com"),
    *("qs.com", "tim.com", "city.gov.cn", "gov.cn", "ent.cn", "example.org", "office.example.test", "a.com.cn"),
]


@pytest.mark.parametrize(("slip", "right"), SLIPS.items())
def test_a_slip_and_the_domain_that_was_meant(slip: str, right: str) -> None:
    assert meant(slip) == right


@pytest.mark.parametrize("domain", RIGHT)
def test_a_domain_that_looks_right(domain: str) -> None:
    assert meant(domain) is None


@given(st.sampled_from([*MEANT, *REAL]), st.sampled_from(["", "vip."]))
def test_no_well_known_domain_is_a_slip(domain: str, before: str) -> None:
    assert meant(before + domain) is None


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789.-", max_size=15))
def test_what_was_meant_is_no_slip_itself(domain: str) -> None:
    right = meant(domain)
    assert right is None or (right != domain and meant(right) is None)


WORDS = st.text("abc1", max_size=6)


def distance(first: str, second: str) -> int:
    """The Damerau–Levenshtein distance (optimal string alignment), by its definition."""
    rows = {(i, 0): i for i in range(len(first) + 1)} | {(0, j): j for j in range(len(second) + 1)}
    for i, left in enumerate(first, 1):
        for j, right in enumerate(second, 1):
            steps = [rows[i - 1, j] + 1, rows[i, j - 1] + 1, rows[i - 1, j - 1] + (left != right)]
            if i > 1 and j > 1 and left == second[j - 2] and right == first[i - 2]:
                steps.append(rows[i - 2, j - 2] + 1)
            rows[i, j] = min(steps)
    return rows[len(first), len(second)]


@given(WORDS, WORDS)
def test_one_sign_apart_is_distance_one(first: str, second: str) -> None:
    assert one_sign_apart(first, second) == (distance(first, second) == 1)


@given(st.lists(WORDS, max_size=12), WORDS)
def test_near_finds_all_that_are_one_sign_apart(words: list[str], word: str) -> None:
    expected = [other for other in dict.fromkeys(words) if distance(word, other) == 1]
    assert sorted(Near(words).of(word)) == sorted(expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("zhangwei", "zhangwie", True),
        ("zhangwei", "zhanwei", True),
        ("zhang.wei", "zhangwei", True),
        ("zhangwei1", "zhangwie1", True),
        ("zhangwei", "zhangwei", False),
        ("zhangwei", "zhangli", False),
        ("office1", "office2", False),
        ("office12", "office21", False),
        ("office", "office2", False),
        ("wang", "weng", False),
        ("a", "b", False),
    ],
)
def test_which_local_parts_look_alike(first: str, second: str, expected: bool) -> None:
    assert alike(first, second) is expected
    assert alike(second, first) is expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("commerce.example.org", "comerce.example.org", True),
        ("commerce.example.org", "commerec.example.org", True),
        ("park.example.com", "park.example.cm", True),
        ("tj.example.org", "nj.example.org", False),
        ("zone1.example.org", "zone2.example.org", False),
        ("comerce.exampel.org", "commerce.example.org", False),
        ("commerce.example.org", "example.org", False),
        ("example.org", "example.org", False),
    ],
)
def test_which_domains_look_alike(first: str, second: str, expected: bool) -> None:
    assert domains_alike(first, second) is expected
    assert domains_alike(second, first) is expected
