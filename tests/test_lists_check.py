"""What is suspicious on a list, kind by kind: flagged and not flagged."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import pytest

from distributor.errors import Finding, Place, Severity
from distributor.recipients import loader, suspicions
from distributor.recipients.model import Roster
from distributor.recipients.past import Crowd, Failure, Past, Since
from distributor.recipients.survey import survey
from distributor.recipients.suspicions import Examination, Mail
from tests.sites import GROUPS

NOTHING = Past()
MAY = dt.datetime(2025, 5, 1, 8, tzinfo=dt.UTC)
FIRST = 10  # the line of the first contact in roster()'s list with one audience


def roster(
    folder: Path, units: str, audiences: str = "  全部: {units: [甲, 乙, 丙]}\n", rows: Iterable[str] = ()
) -> Roster:
    """A list: *units* by lines ``甲: a@x b@x`` (more of a contact in braces), *rows* of members.csv."""
    lines = [GROUPS, "audiences:\n", audiences, "units:\n"]
    for line in units.splitlines():
        name, _colon, contacts = line.partition(": ")
        each = [entry if "{" in entry else f"{{name: 收文{i}, email: {entry}}}" for i, entry in split(contacts)]
        lines.append(f"  {name}:\n    contacts:\n" + "".join(f"      - {entry}\n" for entry in each))
    (folder / "recipients.yaml").write_text("".join(lines), "utf-8")
    (folder / "members.csv").write_text("\n".join(["单位,联系人,邮箱,职责,停用", *rows]) + "\n", "utf-8")
    return loader.load(folder / "recipients.yaml")


def split(contacts: str) -> Iterable[tuple[int, str]]:
    return enumerate(filter(None, contacts.split(" | ")), 1)


def examined(found: Roster, past: Past = NOTHING, domains: dict[str, Mail] | None = None) -> Examination:
    return suspicions.examine(found, survey(found), past, domains or {})


def of(code: str, examination: Examination) -> list[Finding]:
    return [finding for finding in examination.findings if finding.code == code]


def codes(examination: Examination) -> set[str]:
    return {finding.code for finding in examination.findings}


OTHERS = "乙: b@beta.example.org\n丙: c@gamma.example.org\n"


def test_a_list_with_nothing_wrong(tmp_path: Path) -> None:
    found = examined(roster(tmp_path, "甲: a@alpha.example.org | a2@alpha.example.org\n" + OTHERS))
    assert found.findings == ()
    assert (found.contacts, found.units, found.audiences) == (4, 3, 1)


# Addresses that repeat


def test_twice_in_one_unit(tmp_path: Path) -> None:
    found = examined(roster(tmp_path, "甲: a@alpha.example.org | A@Alpha.example.org\n" + OTHERS))
    (finding,) = found.findings
    assert (finding.severity, finding.code) == (Severity.WARNING, "repeated-address")
    assert finding.message == ("A@Alpha.example.org stands in 甲 a second time (first: line 10): one is superfluous")
    assert finding.place == Place(str(tmp_path / "recipients.yaml"), 11)


def test_in_several_units_is_a_note(tmp_path: Path) -> None:
    units = "甲: a@alpha.example.org\n乙: a@alpha.example.org\n丙: a@alpha.example.org\n丁: a@alpha.example.org\n"
    found = examined(roster(tmp_path, units, "  全部: {units: [甲, 乙, 丙, 丁]}\n"))
    (finding,) = found.findings
    assert (finding.severity, finding.code) == (Severity.NOTE, "shared-address")
    assert (
        finding.message == "a@alpha.example.org is the address of 甲, 乙 (line 13), 丙 (line 16) …: it gets one letter"
    )


def test_in_audiences_of_two_groups(tmp_path: Path) -> None:
    audiences = "  有关部门: {only: 送, units: [甲, 丙]}\n  会员: {only: 发, units: [乙]}\n"
    found = examined(
        roster(tmp_path, "乙: a@alpha.example.org\n甲: a@alpha.example.org\n丙: c@c.example.org\n", audiences)
    )
    (finding,) = found.findings
    assert (finding.severity, finding.code) == (Severity.WARNING, "two-groups")
    assert finding.message == (
        "a@alpha.example.org is the address of 乙, 甲 (line 14), and is reached as 送 by 有关部门 and as 发 by 会员: "
        "where an imprint names both, it gets the letter of 送 alone"
    )


def test_in_audiences_that_any_group_may_use(tmp_path: Path) -> None:
    audiences = "  有关部门: {units: [甲, 丙]}\n  会员: {only: 发, units: [乙]}\n"
    found = examined(
        roster(tmp_path, "甲: a@alpha.example.org\n乙: a@alpha.example.org\n丙: c@c.example.org\n", audiences)
    )
    assert codes(found) == {"shared-address"}


def test_a_unit_and_a_file_in_audiences_of_two_groups(tmp_path: Path) -> None:
    audiences = (
        "  有关部门: {only: 送, units: [甲, 乙], include: members.csv}\n"
        "  会员: {only: 发, units: [甲, 丙], include: members.csv}\n"
    )
    found = examined(
        roster(tmp_path, "甲: a@alpha.example.org\n" + OTHERS, audiences, ["丁,收文,d@delta.example.org,,"])
    )
    unit, file = of("two-groups", found)
    assert len(found.findings) == 2
    assert unit.message.startswith("甲 is reached as 送 by 有关部门 and as 发 by 会员: ")
    assert file.place == Place(str(tmp_path / "members.csv"))


def test_units_that_are_both_in_two_groups_share_an_address(tmp_path: Path) -> None:
    audiences = "  有关部门: {only: 送, units: [甲, 乙]}\n  会员: {only: 发, units: [甲, 乙]}\n"
    found = examined(roster(tmp_path, "甲: a@alpha.example.org\n乙: a@alpha.example.org\n", audiences))
    assert [finding.message[0] for finding in of("two-groups", found)] == ["甲", "乙"]
    assert len(of("shared-address", found)) == 1


def test_one_that_is_disabled_is_no_repetition_but_worth_a_note(tmp_path: Path) -> None:
    gone = "{name: 收文, email: a@alpha.example.org, disabled: 退休}"
    found = examined(roster(tmp_path, f"甲: {gone}\n乙: a@alpha.example.org\n丙: c@gamma.example.org\n"))
    (finding,) = of("partly-disabled", found)
    assert finding.severity is Severity.NOTE
    assert finding.message == "a@alpha.example.org is disabled here, and gets letters by 乙 (line 13)"
    assert codes(found) == {"partly-disabled", "silent-unit"}


def test_both_disabled_is_nothing(tmp_path: Path) -> None:
    gone = "{name: 收文, email: a@alpha.example.org, disabled: 退休}"
    found = examined(
        roster(tmp_path, f"甲: {gone} | x@alpha.example.org\n乙: {gone} | y@beta.example.org\n丙: z@c.example.org\n")
    )
    assert found.findings == ()


def test_addresses_repeat_across_list_and_file(tmp_path: Path) -> None:
    audiences = "  全部: {units: [甲, 乙, 丙], include: members.csv}\n"
    rows = ["丁,收文,A@alpha.example.org,,", "甲,收文9,a@alpha.example.org,,"]
    found = examined(roster(tmp_path, "甲: a@alpha.example.org\n" + OTHERS, audiences, rows))
    assert of("repeated-address", found)[0].place == Place(str(tmp_path / "members.csv"), 3)
    assert of("shared-address", found)[0].place == Place(str(tmp_path / "recipients.yaml"), FIRST)


def test_more_repeated_addresses_than_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distributor.recipients.repeated.MOST_ADDRESSES", 2)
    units = "".join(f"{unit}: a@x.example.org | b@x.example.org | c@x.example.org\n" for unit in "甲乙丙")
    found = examined(roster(tmp_path, units))
    assert len(of("shared-address", found)) == 2
    assert of("many-repeated", found)[0].message.startswith("1 more address stands")


# Names


@pytest.mark.parametrize("other", ["甲公司(天津)", "甲公司 （天津）", "甲公司【天津】"])
def test_one_unit_written_in_two_ways(tmp_path: Path, other: str) -> None:
    units = f'"甲公司（天津）": a@alpha.example.org\n"{other}": b@beta.example.org\n'
    found = examined(roster(tmp_path, units, f'  全部: {{units: ["甲公司（天津）", "{other}"]}}\n'))
    (finding,) = found.findings
    assert (finding.severity, finding.code) == (Severity.WARNING, "similar-unit")
    assert finding.message == f"{other} looks like 甲公司（天津） (line 8) written in another way"


def test_names_that_differ_are_no_one_unit(tmp_path: Path) -> None:
    units = "甲公司一: a@alpha.example.org\n甲公司二: b@beta.example.org\n"
    assert examined(roster(tmp_path, units, "  全部: {units: [甲公司一, 甲公司二]}\n")).findings == ()


def test_a_unit_that_goes_on_in_a_file_is_one_unit(tmp_path: Path) -> None:
    audiences = "  全部: {units: [甲, 乙, 丙], include: members.csv}\n"
    rows = ["甲,某科,a9@alpha.example.org,,", "乙,某科,b9@beta.example.org,,", "甲,某处,a8@alpha.example.org,,"]
    found = examined(roster(tmp_path, "甲: a@alpha.example.org\n" + OTHERS, audiences, rows))
    assert found.findings == ()
    assert (found.contacts, found.units) == (6, 3)


def test_a_contact_named_twice(tmp_path: Path) -> None:
    units = "甲: {name: 收文, email: a@alpha.example.org} | {name: 收文, email: b@alpha.example.org}\n"
    (finding,) = examined(roster(tmp_path, units + OTHERS)).findings
    assert (finding.severity, finding.code) == (Severity.NOTE, "repeated-contact")
    assert finding.message == "甲 has a second contact called 收文 (first in line 10)"


# Addresses that look mistyped


def test_a_slip_in_a_well_known_domain_names_the_command(tmp_path: Path) -> None:
    (finding,) = examined(roster(tmp_path, "甲: o'neil@136.com\n" + OTHERS)).findings
    assert (finding.severity, finding.code) == (Severity.WARNING, "misspelt-domain")
    assert finding.message == "o'neil@136.com: 136.com looks like a slip of 163.com"
    assert finding.remedy == (
        "if so: `distributor recipients set contact 'o'\"'\"'neil@136.com' --email 'o'\"'\"'neil@163.com'`"
    )


@pytest.mark.parametrize("gone", ["{name: 收文, email: a@136.com, disabled: 错}", "a@139.com", "a@163.com"])
def test_no_slip_or_one_that_is_disabled(tmp_path: Path, gone: str) -> None:
    assert examined(roster(tmp_path, f"甲: {gone} | x@alpha.example.org\n" + OTHERS)).findings == ()


def test_a_domain_that_most_write_so_is_no_slip(tmp_path: Path) -> None:
    many = " | ".join(f"office{i}@136.com" for i in range(10))
    assert examined(roster(tmp_path, f"甲: {many}\n" + OTHERS)).findings == ()


def test_ten_who_made_the_same_slip_are_told_where_more_did_not(tmp_path: Path) -> None:
    slips = " | ".join(f"office{i}@136.com" for i in range(10))
    right = " | ".join(f"office{i}@163.com" for i in range(10))
    found = examined(roster(tmp_path, f"甲: {slips}\n乙: {right}\n丙: c@gamma.example.org\n"))
    assert found.counts == {(Severity.WARNING, "misspelt-domain"): 10}


def test_a_well_known_domain_that_is_rare_here_is_no_slip(tmp_path: Path) -> None:
    many = " | ".join(f"office{i}@gmail.com" for i in range(10))
    assert examined(roster(tmp_path, f"甲: {many}\n乙: b@ymail.com\n丙: c@gamma.example.org\n")).findings == ()


def commerce(often: int, rare: int, domain: str = "comerce.example.org") -> str:
    many = " | ".join(f"office{i}@commerce.example.org" for i in range(often))
    few = " | ".join(f"few{i}@{domain}" for i in range(rare))
    return f"甲: {many}\n乙: {few}\n丙: c@gamma.example.org\n"


def test_a_rare_domain_one_sign_apart_from_a_frequent_one(tmp_path: Path) -> None:
    (finding,) = examined(roster(tmp_path, commerce(10, 1))).findings
    assert (finding.severity, finding.code) == (Severity.WARNING, "rare-domain")
    assert finding.message == (
        "few0@comerce.example.org: comerce.example.org is one sign apart from commerce.example.org, "
        "which 10 contacts have"
    )
    assert "few0@commerce.example.org" in (finding.remedy or "")


@pytest.mark.parametrize(
    "units", [commerce(9, 1), commerce(10, 3), commerce(10, 1, "other.example.org"), commerce(10, 1, "tj.example.org")]
)
def test_a_domain_that_is_neither_rare_nor_alike(tmp_path: Path, units: str) -> None:
    assert examined(roster(tmp_path, units)).findings == ()


def test_addresses_of_one_unit_that_look_alike(tmp_path: Path) -> None:
    units = "甲: zhangwei@a.example.org | zhangwie@a.example.org | zhangwei@b.example.org\n"
    (finding,) = examined(roster(tmp_path, units + OTHERS)).findings
    assert (finding.severity, finding.code) == (Severity.NOTE, "similar-address")
    assert finding.message == "zhangwie@a.example.org looks like zhangwei@a.example.org: is one of them a slip?"


@pytest.mark.parametrize(
    "units",
    [
        "甲: zhangwei@a.example.org\n乙: zhangwie@a.example.org\n丙: c@c.example.org\n",
        "甲: office1@a.example.org | office2@a.example.org\n" + OTHERS,
        "甲: zhangwei@a.example.org | zhangwie@b.example.org\n" + OTHERS,
        "甲: {name: 旧, email: zhangwei@a.example.org, disabled: 错} | zhangwie@a.example.org\n" + OTHERS,
    ],
)
def test_addresses_that_are_two(tmp_path: Path, units: str) -> None:
    assert examined(roster(tmp_path, units)).findings == ()


# Roles, and who gets nothing


def test_roles_are_missed_only_where_the_list_has_any(tmp_path: Path) -> None:
    with_role = "{name: 甲一, email: a@alpha.example.org, role: 收文}"
    found = examined(roster(tmp_path, f"甲: {with_role} | a2@alpha.example.org | a3@alpha.example.org\n" + OTHERS))
    first = of("no-role", found)[0]
    assert [finding.severity for finding in found.findings] == [Severity.NOTE] * 3
    assert first.message == "no role is given for 2 of the 3 contacts of 甲"
    assert first.place == Place(str(tmp_path / "recipients.yaml"), FIRST + 1)


def test_who_gets_nothing(tmp_path: Path) -> None:
    gone = "{name: 收文, email: a@alpha.example.org, disabled: 退休}"
    audiences = "  空: {units: [甲]}\n  全部: {units: [甲, 乙]}\n"
    found = examined(roster(tmp_path, f"甲: {gone}\n" + OTHERS, audiences))
    assert [(finding.code, finding.place.line if finding.place else 0) for finding in found.findings] == [
        ("empty-audience", 6),
        ("silent-unit", 9),
        ("unused-unit", 15),
    ]
    assert {finding.severity for finding in found.findings} == {Severity.WARNING}


def test_a_unit_whose_enabled_contact_stands_in_another_file_gets_its_letter(tmp_path: Path) -> None:
    gone = "{name: 收文, email: a@alpha.example.org, disabled: 退休}"
    audiences = "  全部: {units: [甲, 乙, 丙], include: members.csv}\n"
    rows = ["丁,收文,d@delta.example.org,,退休", "乙,某科,b9@beta.example.org,,", "甲,某科,a9@alpha.example.org,,"]
    found = examined(roster(tmp_path, f"甲: {gone}\n" + OTHERS, audiences, rows))
    (finding,) = found.findings
    assert (finding.code, finding.place) == ("silent-unit", Place(str(tmp_path / "members.csv"), 2))


# What past issues and the DNS tell

BAD = Failure("60", "There is no such mailbox.", "550 5.1.1 User unknown", bad=True)
REFUSED = Failure("59", "The server refused the letter by a rule of its own.", "550 5.7.1 no", bad=False)


def test_a_mailbox_that_its_server_calls_bad_is_proposed_for_disabling(tmp_path: Path) -> None:
    found = examined(
        roster(tmp_path, "甲: a@alpha.example.org\n" + OTHERS), Past(failures={"a@alpha.example.org": BAD})
    )
    (finding,) = found.findings
    assert (finding.severity, finding.code) == (Severity.WARNING, "bad-mailbox")
    assert finding.message == (
        "the last letter to a@alpha.example.org, of issue 60, did not arrive: There is no such mailbox. "
        "(550 5.1.1 User unknown)"
    )
    assert "`distributor recipients disable a@alpha.example.org --reason …`" in (finding.remedy or "")
    (proposed,) = found.proposals
    place = Place(str(tmp_path / "recipients.yaml"), FIRST)
    reason = "There is no such mailbox (issue 60)"
    assert proposed == ("甲", "收文1", "a@alpha.example.org", reason, "60", "550 5.1.1 User unknown", place)


def test_another_failure_is_told_and_proposes_nothing(tmp_path: Path) -> None:
    past = Past(failures={"a@alpha.example.org": REFUSED})
    found = examined(roster(tmp_path, "甲: a@alpha.example.org\n" + OTHERS), past)
    assert [finding.code for finding in found.findings] == ["failed-lately"]
    assert found.proposals == ()


def test_a_contact_that_is_disabled_already_is_proposed_no_more(tmp_path: Path) -> None:
    past = Past(failures={"a@alpha.example.org": BAD})
    gone = "{name: 收文, email: a@alpha.example.org, disabled: 退信}"
    list_ = roster(tmp_path, f"甲: {gone} | a@beta.example.org\n" + OTHERS)
    assert examined(list_, past).findings == ()
    assert list(suspicions.proposals(list_, past)) == []


def test_every_contact_at_a_bad_mailbox_is_proposed(tmp_path: Path) -> None:
    past = Past(failures={"a@alpha.example.org": BAD, "b@beta.example.org": REFUSED})
    list_ = roster(
        tmp_path, "甲: a@alpha.example.org\n乙: A@alpha.example.org | b@beta.example.org\n丙: c@c.example.org\n"
    )
    proposed = list(suspicions.proposals(list_, past))
    assert [(each.unit, each.email) for each in proposed] == [
        ("甲", "a@alpha.example.org"),
        ("乙", "A@alpha.example.org"),
    ]
    assert tuple(proposed) == examined(list_, past).proposals


def test_an_issue_that_failed_for_nearly_all_is_named_once(tmp_path: Path) -> None:
    found = examined(roster(tmp_path, "甲: a@alpha.example.org\n" + OTHERS), Past(crowds=(Crowd("60", 20_000),)))
    (finding,) = found.findings
    assert finding.code == "many-failed"
    assert "20000 letters of issue 60" in finding.message


@pytest.mark.parametrize(
    ("since", "said"),
    [
        (Since(MAY, "55"), "收文 of 甲 has been disabled since issue 55 of 2025-05-01 at the latest (退休)"),
        (Since(MAY), "收文 of 甲 has been disabled since 2025-05-01 (退休)"),
    ],
)
def test_a_contact_disabled_for_long(tmp_path: Path, since: Since, said: str) -> None:
    gone = "{name: 收文, email: A@alpha.example.org, disabled: 退休}"
    past = Past(disabled={("a@alpha.example.org", "甲"): since, ("b@beta.example.org", "乙"): since})
    (finding,) = examined(roster(tmp_path, f"甲: {gone} | x@alpha.example.org\n" + OTHERS), past).findings
    assert (finding.severity, finding.code, finding.message) == (Severity.NOTE, "long-disabled", said)
    assert "`distributor recipients enable A@alpha.example.org`" in (finding.remedy or "")


def test_an_audience_that_no_bulletin_named(tmp_path: Path) -> None:
    audiences = "  全部: {units: [甲, 乙, 丙]}\n  旧称: {units: [甲]}\n"
    list_ = roster(tmp_path, "甲: a@alpha.example.org\n" + OTHERS, audiences)
    (finding,) = examined(list_, Past(named=frozenset(["全部"]), bulletins=10)).findings
    assert (finding.severity, finding.code) == (Severity.NOTE, "unused-audience")
    assert finding.message == "none of the last 10 bulletins names 旧称"
    assert finding.place == Place(str(tmp_path / "recipients.yaml"), 7)
    assert examined(list_, Past(named=None)).findings == ()


def test_domains_are_told_once_where_they_stand_first(tmp_path: Path) -> None:
    units = "甲: a@gone.example | a2@gone.example\n乙: b@mute.example\n丙: c@slow.example\n"
    domains = {"gone.example": Mail.NO_DOMAIN, "mute.example": Mail.NO_MAIL, "slow.example": Mail.UNASKED}
    found = examined(roster(tmp_path, units), domains=domains)
    assert [(finding.severity, finding.code, finding.message) for finding in found.findings] == [
        (Severity.WARNING, "no-such-domain", "there is no domain gone.example: 2 contacts cannot get letters"),
        (Severity.WARNING, "takes-no-mail", "the domain mute.example takes no mail: 1 contact cannot get letters"),
        (Severity.NOTE, "unasked-domain", "the DNS could not be asked about 1 domain: slow.example"),
    ]


def test_more_domains_than_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distributor.recipients.survey.MOST_DOMAINS", 2)
    found = examined(roster(tmp_path, "甲: a@alpha.example.org | a@beta.example.org | a@c.example.org\n" + OTHERS))
    assert of("many-domains", found)[0].message.endswith("2 contacts in others were not compared with them")
