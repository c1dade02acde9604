"""Names of an imprint → contacts of the list: who is reached, as what, and what is refused or warned of by line."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from distributor.errors import InputError, Place
from distributor.recipients.faults import nearest
from distributor.recipients.loader import load
from distributor.recipients.model import Candidate, GroupName, Resolution, Roster
from distributor.recipients.resolve import resolve
from tests.test_recipients import written

LIST = """\
groups:
  报: {labels: [报, 呈报], template: superiors.html.j2, subject: 简报}
  送: {labels: [送, 抄送], template: departments.html.j2, subject: 简报}
  发: {labels: [发], template: members.html.j2, subject: 简报}
audiences:
  市领导: {only: 报, units: [市政府]}
  有关部门: {only: 送, units: [甲局, 乙局]}
  市“三防”办（值班室）: {units: [三防办]}
  各开发区: {units: [丁区]}
  各会员单位: {units: [丙公司], include: m.csv}
  待定单位: {units: []}
units:
  市政府: {contacts: [{name: 秘书处, email: secretary@city.example.org}]}
  甲局:
    salutation: 甲局办公室
    contacts:
      - {name: 收文员, email: office@alpha.example.org, role: 收文}
      - {name: 某科, email: section@alpha.example.org, disabled: 机构调整}
  乙局: {contacts: [{name: 办公室, email: Office@Beta.example.org}]}
  三防办: {contacts: [{name: 值班室, email: duty@flood.example.org, disabled: 汛期已过}]}
  丁区: {contacts: []}
  丙公司: {contacts: [{name: 行政部, email: admin@gamma.example.com}]}
"""
MEMBERS = "单位,联系人,邮箱,停用\n戊公司,甲,a@epsilon.example.com,\n戊公司,乙,b@epsilon.example.com,已离职\n"


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    return load(written(tmp_path, LIST, m=MEMBERS))


def routing(*lines: str) -> list[tuple[str, str, Place]]:
    """Lines of an imprint, such as 送：甲、乙, from line 90 of 60.txt on."""
    rows = []
    for number, line in enumerate(lines, 90):
        label, _colon, names = line.partition("：")
        rows += [(label, name, Place("60.txt", number)) for name in names.split("、")]
    return rows


def errors(roster: Roster, *lines: str, only: Iterable[str] = (), allow_unresolved: bool = False) -> list[str]:
    """Every error as ``code file:line``."""
    chosen = frozenset(map(GroupName, only)) or None
    with pytest.raises(InputError) as caught:
        resolve(routing(*lines), roster, only=chosen, allow_unresolved=allow_unresolved)
    return [f"{finding.code} {finding.place}" for finding in caught.value.findings]


def said(roster: Roster, *lines: str) -> str:
    with pytest.raises(InputError) as caught:
        resolve(routing(*lines), roster)
    return str(caught.value)


def warnings(resolution: Resolution) -> list[str]:
    return [f"{finding.code} {finding.place and finding.place.line}" for finding in resolution.findings]


def reached(resolution: Resolution) -> list[tuple[str, str, str]]:
    return [(candidate.group, candidate.unit, candidate.contact) for candidate in resolution.candidates()]


# Who is reached


def test_names_become_contacts_in_the_order_of_groups_imprint_and_list(roster: Roster) -> None:
    resolution = resolve(routing("发：各会员单位", "送：有关部门", "报：市领导"), roster)
    assert resolution.groups == (GroupName.SUPERIORS, GroupName.DEPARTMENTS, GroupName.MEMBERS)
    assert reached(resolution) == [
        ("报", "市政府", "秘书处"),
        ("送", "甲局", "收文员"),
        ("送", "甲局", "某科"),
        ("送", "乙局", "办公室"),
        ("发", "丙公司", "行政部"),
        ("发", "戊公司", "甲"),
        ("发", "戊公司", "乙"),
    ]
    assert resolution.unresolved == ()
    assert resolution.findings == ()


def test_a_candidate_has_all_that_a_letter_and_the_account_need(roster: Roster) -> None:
    first, _second, third = resolve(routing("抄送：有关部门"), roster).candidates()
    assert first == Candidate(
        group=GroupName.DEPARTMENTS, label="抄送", audience="有关部门", unit="甲局", salutation="甲局办公室",
        contact="收文员", role="收文", email="office@alpha.example.org", key="office@alpha.example.org", disabled=None,
    )  # fmt: skip
    assert (third.salutation, third.email, third.key) == ("乙局", "Office@Beta.example.org", "office@beta.example.org")


def test_candidates_stream_afresh_each_time(roster: Roster) -> None:
    resolution = resolve(routing("发：各会员单位"), roster)
    assert reached(resolution) == reached(resolution) != []


def test_disabled_contacts_are_named_with_their_reason(roster: Roster) -> None:
    candidates = resolve(routing("送：有关部门", "发：各会员单位"), roster).candidates()
    assert [(c.contact, c.disabled) for c in candidates if c.disabled] == [("某科", "机构调整"), ("乙", "已离职")]


def test_the_label_chooses_the_group_not_the_list(roster: Roster) -> None:
    assert {row[0] for row in reached(resolve(routing("呈报：各会员单位"), roster))} == {"报"}
    assert {row[0] for row in reached(resolve(routing("抄送：各会员单位"), roster))} == {"送"}


def test_an_imprint_without_names_reaches_nobody(roster: Roster) -> None:
    resolution = resolve([], roster)
    assert (resolution.groups, reached(resolution), resolution.findings) == ((), [], ())


# Only some groups


def test_only_the_chosen_groups_are_reached(roster: Roster) -> None:
    lines = routing("报：市领导", "送：有关部门", "发：各会员单位")
    resolution = resolve(lines, roster, only=frozenset([GroupName.MEMBERS, GroupName.SUPERIORS]))
    assert resolution.groups == (GroupName.SUPERIORS, GroupName.MEMBERS)
    assert [(each.group, each.name, each.place.line) for each in resolution.names] == [
        ("报", "市领导", 90), ("发", "各会员单位", 92),
    ]  # fmt: skip


def test_contacts_of_other_groups_are_candidates_so_that_an_address_keeps_its_highest_group(roster: Roster) -> None:
    lines = routing("报：市领导", "送：有关部门", "发：各会员单位")
    assert reached(resolve(lines, roster, only=frozenset([GroupName.MEMBERS]))) == reached(resolve(lines, roster))


@pytest.mark.parametrize("allow_unresolved", [True, False])
@pytest.mark.parametrize(("line", "code"), [("送：某局", "unknown-audience"), ("送：市领导", "contrary-label")])
def test_a_fault_among_names_of_other_groups_is_only_a_warning(
    roster: Roster, line: str, code: str, allow_unresolved: bool
) -> None:
    lines = routing(line, "发：各会员单位")
    resolution = resolve(lines, roster, only=frozenset([GroupName.MEMBERS]), allow_unresolved=allow_unresolved)
    assert warnings(resolution) == [f"{code} 90"]
    assert resolution.findings[0].message.endswith("; 送 is not sent now")
    assert resolution.unresolved == ()
    assert {row[0] for row in reached(resolution)} == {"发"}


def test_of_other_groups_nothing_else_is_warned_of(roster: Roster) -> None:
    lines = routing("送：市“三防”办（值班室）、各开发区", "抄送：各开发区", "发：各会员单位")
    assert resolve(lines, roster, only=frozenset([GroupName.MEMBERS])).findings == ()


def test_a_label_that_no_group_has_is_an_error_all_the_same(roster: Roster) -> None:
    """It might be a label of the chosen group."""
    assert errors(roster, "主送：有关部门", "发：各会员单位", only="发") == ["unmapped-label 60.txt:90"]


def test_a_chosen_group_that_is_not_printed_is_an_error(roster: Roster) -> None:
    assert errors(roster, "送：有关部门", only="报发") == ["group-not-printed None", "group-not-printed None"]


# Errors


def test_an_unknown_name_is_an_error_of_its_line_with_the_nearest_names(roster: Roster) -> None:
    assert errors(roster, "送：有关部门", "发：各会员") == ["unknown-audience 60.txt:91"]
    assert "did you mean 各会员单位?" in said(roster, "发：各会员")


@pytest.mark.parametrize(
    "printed",
    [
        '市"三防"办（值班室）', "市“三防”办(值班室)", "市‘三防’办（值班室）", "市「三防」办（值班室）",
        "市“三防”办 （值班室）", "市三防办值班室", "市“三防”办〔值班室〕",
    ],
)  # fmt: skip
def test_a_name_in_other_signs_is_not_taken_for_the_same_but_named_first(roster: Roster, printed: str) -> None:
    """一字不差: who is written to is never guessed, but a person sees at once which name was meant."""
    message = said(roster, f"送：{printed}")
    assert f"the list has no audience {printed}" in message
    assert "did you mean 市“三防”办（值班室）" in message


def test_the_name_of_a_unit_is_no_audience_but_can_be_made_one(roster: Roster) -> None:
    assert "add the audience 丙公司: {units: [丙公司]}" in said(roster, "发：丙公司")


def test_a_name_unlike_any_other_is_to_be_added(roster: Roster) -> None:
    message = said(roster, "发：QWERTY")
    assert f"add it to the audiences in {roster.file}" in message
    assert "--allow-unresolved sends to the others without it" in message


def test_an_unmapped_label_is_an_error_once_a_line(roster: Roster) -> None:
    assert errors(roster, "主送：有关部门、各会员单位", "发：各会员单位", "主送：市领导") == [
        "unmapped-label 60.txt:90", "unmapped-label 60.txt:92",
    ]  # fmt: skip
    assert "报: 报, 呈报; 送: 送, 抄送; 发: 发" in said(roster, "主送：有关部门")


def test_a_label_contrary_to_only_is_an_error_of_its_line(roster: Roster) -> None:
    assert errors(roster, "送：有关部门、市领导", "发：有关部门") == [
        "contrary-label 60.txt:90", "contrary-label 60.txt:91",
    ]  # fmt: skip
    message = said(roster, "发：有关部门")
    assert "有关部门 stands after 发, but the list allows it only for 送" in message
    assert f"delete `only` at {roster.file}:7" in message


def test_all_errors_are_told_at_once(roster: Roster) -> None:
    assert errors(roster, "主送：某某", "送：某某、市领导", "发：某某、各会员单位") == [
        "unmapped-label 60.txt:90",
        "unknown-audience 60.txt:91",
        "contrary-label 60.txt:91",
        "unknown-audience 60.txt:92",
    ]


# What a person has allowed


def test_unknown_names_can_be_left_out_and_are_listed(roster: Roster) -> None:
    lines = routing("送：有关部门、某某局", "发：某某局、各会员单位", "发：无此公司")
    resolution = resolve(lines, roster, allow_unresolved=True)
    assert resolution.unresolved == ("某某局", "无此公司")
    assert warnings(resolution) == ["unresolved-name 90", "unresolved-name 91", "unresolved-name 92"]
    assert "it is left out" in resolution.findings[0].message
    assert {row[1] for row in reached(resolution)} == {"甲局", "乙局", "丙公司", "戊公司"}


def test_a_group_whose_names_are_all_left_out_is_not_reached(roster: Roster) -> None:
    resolution = resolve(routing("送：某某局", "发：各会员单位"), roster, allow_unresolved=True)
    assert resolution.groups == (GroupName.MEMBERS,)


@pytest.mark.parametrize("line", ["主送：有关部门", "发：市领导"])
def test_labels_are_never_left_out(roster: Roster, line: str) -> None:
    assert len(errors(roster, line, allow_unresolved=True)) == 1


# Warnings


def test_a_name_printed_twice_reaches_its_contacts_once(roster: Roster) -> None:
    resolution = resolve(routing("送：有关部门", "抄送：有关部门"), roster)
    assert warnings(resolution) == ["repeated-audience 91"]
    assert "(first at 60.txt:90)" in resolution.findings[0].message
    assert len(reached(resolution)) == 3


def test_a_name_printed_for_two_groups_reaches_its_contacts_as_both(roster: Roster) -> None:
    """Which of the two letters an address gets is settled where addresses are made unique."""
    resolution = resolve(routing("发：各会员单位", "报：各会员单位"), roster)
    assert warnings(resolution) == ["repeated-audience 91"]
    assert [row[0] for row in reached(resolution)] == ["报"] * 3 + ["发"] * 3


def test_a_unit_whose_contacts_are_all_disabled_is_warned_of(roster: Roster) -> None:
    resolution = resolve(routing("送：市“三防”办（值班室）"), roster)
    assert warnings(resolution) == ["silent-unit 20"]
    assert "三防办 has no enabled contact: it gets nothing" in resolution.findings[0].message
    assert [candidate.disabled for candidate in resolution.candidates()] == ["汛期已过"]


def test_a_unit_without_contacts_is_warned_of_once(roster: Roster) -> None:
    assert warnings(resolve(routing("送：各开发区", "发：各开发区"), roster)) == [
        "silent-unit 21",
        "repeated-audience 91",
    ]


# The nearest names


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("各会员单位（含联系单位）", ["各开发区", "各会员单位"], ["各会员单位"]),
        ("商务部驻津特派办", ["市有关部门", "商务部驻天津特派员办事处"], ["商务部驻天津特派员办事处"]),
        ("三防", ["“三防”", "市三防办", "无关"], ["“三防”", "市三防办"]),
        ("ＡＢＣ集团", ["abc 集团", "甲集团"], ["abc 集团", "甲集团"]),
        ("（甲）", ["甲", "(甲)"], ["甲", "(甲)"]),
        ("无关", ["甲乙", "丙丁"], []),
        ("甲" * 101, ["甲" * 100], []),
        ("甲" * 100, ["甲" * 101], []),
        ("", ["甲"], []),
    ],
)
def test_nearest_names(word: str, known: list[str], expected: list[str]) -> None:
    assert nearest(word, known) == expected


def test_at_most_three_names_are_near() -> None:
    assert len(nearest("甲1", ["甲2", "甲3", "甲4", "甲5"])) == 3
