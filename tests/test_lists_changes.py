"""What two states of a list differ in, told by things; and that nothing is told twice, forgotten or invented."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.recipients.change_words import words
from distributor.recipients.changes import Change, changes, difference
from distributor.recipients.facts import NAMES, Fact, contacts, facts, parts
from distributor.recipients.loader import load

LIST = """\
groups:
  送: {labels: [送], template: t.j2, subject: 简报, greeting: 您好, closing: 此致}
audiences:
  有关部门: {units: [市甲局, 市乙局]}
  各会员单位: {units: [丙公司], include: members.csv}
units:
  市甲局:
    salutation: 市甲局办公室
    contacts:
      - {name: 收文员, email: a@alpha.example.org, role: 收文}
      - {name: 某科, email: dept@alpha.example.org, disabled: 机构调整}
  市乙局:
    contacts:
      - {name: 收文员, email: b@beta.example.org}
  丙公司:
    contacts:
      - {name: 办公室, email: c@gamma.example.com, phone: "0100 000"}
"""
MEMBERS = "单位,联系人,邮箱,称呼\n丁公司,收文,d@delta.example.com,\n丁公司,收文,d2@delta.example.com,\n"


def state(folder: Path, text: str = LIST, members: str = MEMBERS) -> list[Fact]:
    """The facts of a list, as what *text* and the file that it includes say."""
    (folder / "recipients.yaml").write_text(text, "utf-8")
    (folder / "members.csv").write_text(members, "utf-8")
    return list(facts(load(folder / "recipients.yaml")))


def told(before: list[Fact], after: list[Fact]) -> list[Change]:
    return changes(difference(lambda: before, lambda: after))


EDITS = {
    "nothing": ("", "", []),
    "a comment": ("groups:", "# 名单\ngroups:", []),
    "the order of units in an audience": ("[市甲局, 市乙局]", "[市乙局, 市甲局]", []),
    "a contact disabled": (
        "b@beta.example.org}",
        "b@beta.example.org, disabled: 退休}",
        ["市乙局 收文员 <b@beta.example.org>: disabled (退休)"],
    ),
    "a contact enabled": (
        ", disabled: 机构调整",
        "",
        ["市甲局 某科 <dept@alpha.example.org>: enabled again (it was disabled: 机构调整)"],
    ),
    "another reason": (
        "机构调整",
        "撤销",
        ["市甲局 某科 <dept@alpha.example.org>: disabled (机构调整 → 撤销)"],
    ),
    "an address": (
        "c@gamma.example.com",
        "office@gamma.example.com",
        ["丙公司 办公室: c@gamma.example.com → office@gamma.example.com"],
    ),
    "address and state at once": (
        "c@gamma.example.com",
        "office@gamma.example.com, disabled: 退休",
        ["丙公司 办公室: disabled (退休); c@gamma.example.com → office@gamma.example.com"],
    ),
    "a name": (
        "name: 办公室",
        "name: 综合科",
        ["丙公司 综合科 <c@gamma.example.com>: name 办公室 → 综合科"],
    ),
    "role and phone": (
        'phone: "0100 000"',
        "role: 收文",
        ["丙公司 办公室 <c@gamma.example.com>: role – → 收文; phone 0100 000 → –"],
    ),
    "a note that comes": (
        'phone: "0100 000"',
        'phone: "0100 000", note: "先\\n打电话"',
        ["丙公司 办公室 <c@gamma.example.com>: note – → 先 打电话"],
    ),
    "a contact added": (
        "  丙公司:\n    contacts:\n",
        "  丙公司:\n    contacts:\n      - {name: 某科, email: new@gamma.example.com, role: 某}\n",
        ["丙公司 某科 <new@gamma.example.com>: added"],
    ),
    "a contact added and disabled": (
        "  丙公司:\n    contacts:\n",
        "  丙公司:\n    contacts:\n      - {name: 某科, email: new@gamma.example.com, disabled: 未开通}\n",
        ["丙公司 某科 <new@gamma.example.com>: added; disabled (未开通)"],
    ),
    "a contact twice": (
        "      - {name: 收文员, email: b@beta.example.org}\n",
        "      - {name: 收文员, email: b@beta.example.org}\n" * 2,
        ["市乙局 收文员 <b@beta.example.org>: added"],
    ),
    "a salutation": (
        "市甲局办公室",
        "市甲局",
        ["市甲局: salutation 市甲局办公室 → –"],
    ),
    "a unit that leaves": ("[市甲局, 市乙局]", "[市甲局]", ["有关部门: 市乙局 left it"]),
    "a unit that joins": ("[丙公司]", "[丙公司, 市乙局]", ["各会员单位: 市乙局 joined it"]),
    "a unit renamed": ("丙公司", "丙集团", ["丙集团: renamed, it was 丙公司"]),
    "a unit renamed, with another salutation": (
        "市甲局",
        "市戊局",
        ["市戊局: renamed, it was 市甲局", "市戊局: salutation 市甲局办公室 → 市戊局办公室"],
    ),
    "an audience for one group": ("市乙局]}", "市乙局], only: 送}", ["有关部门: only for any group → 送"]),
    "an audience added": (
        "audiences:",
        "audiences:\n  市乙局: {units: [市乙局]}",
        ["市乙局: added", "市乙局: 市乙局 joined it"],
    ),
    "an audience renamed": (
        "有关部门:",
        "市有关部门:",
        ["市有关部门: renamed, it was 有关部门"],
    ),
    "no file any more": (
        ", include: members.csv",
        "",
        [
            "各会员单位: it no longer includes members.csv",
            "丁公司 收文 <d@delta.example.com>: removed",
            "丁公司 收文 <d2@delta.example.com>: removed",
        ],
    ),
    "words of a group": (
        "labels: [送], template: t.j2, subject: 简报",
        "labels: [送, 抄送], template: t.j2, subject: 工作简报",
        ["group 送: labels 送 → 送 抄送; subject 简报 → 工作简报"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit_is_told_in_words(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    edited = LIST.replace(old, new) if old else LIST
    assert Counter(map(words, told(state(tmp_path), state(tmp_path, edited)))) == Counter(expected)


def test_a_contact_that_moved_to_another_unit_is_one_change(tmp_path: Path) -> None:
    line = "      - {name: 某科, email: dept@alpha.example.org, disabled: 机构调整}\n"
    moved = LIST.replace(line, "").replace("  市乙局:\n    contacts:\n", f"  市乙局:\n    contacts:\n{line}")
    expected = "市乙局 某科 <dept@alpha.example.org>: unit 市甲局 → 市乙局"
    assert list(map(words, told(state(tmp_path), state(tmp_path, moved)))) == [expected]


FILES = {
    "a row of a unit that is there": (
        "", "丁公司,新,e@delta.example.com,\n", ["丁公司 新 <e@delta.example.com>: added"],
    ),
    "rows in another order": (
        MEMBERS.split("\n", 1)[1], "丁公司,收文,d2@delta.example.com,\n丁公司,收文,d@delta.example.com,\n", [],
    ),
    "two addresses of one name, one of them another": (
        "d2@", "d3@", ["丁公司 收文: d2@delta.example.com → d3@delta.example.com"],
    ),
    "a salutation of a row": (
        "d2@delta.example.com,", "d2@delta.example.com,丁总",
        ["丁公司 收文 <d2@delta.example.com>: salutation – → 丁总"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), FILES.values(), ids=FILES)
def test_an_edit_of_an_included_file_is_told(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    edited = MEMBERS.replace(old, new) if old else MEMBERS + new
    assert list(map(words, told(state(tmp_path), state(tmp_path, members=edited)))) == expected


def test_a_contact_that_went_into_a_file_has_changed_its_place_alone(tmp_path: Path) -> None:
    row = '      - {name: 办公室, email: c@gamma.example.com, phone: "0100 000"}\n'
    list_ = LIST.replace(row, "").replace("  丙公司:\n    contacts:\n", "  丙公司: {contacts: []}\n")
    members = "单位,联系人,邮箱,称呼,电话\n丁公司,收文,d@delta.example.com,,\n丁公司,收文,d2@delta.example.com,,\n"
    after = state(tmp_path, list_, members + "丙公司,办公室,c@gamma.example.com,,0100 000\n")
    (change,) = told(state(tmp_path), after)
    assert change.fields == {"file": (None, "members.csv")}
    assert words(change) == "丙公司 办公室 <c@gamma.example.com>: file recipients.yaml → members.csv"


def test_a_salutation_of_the_list_is_that_of_the_file_s_rows_too(tmp_path: Path) -> None:
    unit = "units:\n  丁公司: {salutation: 丁总, contacts: []}\n"
    before = state(tmp_path)
    first = [part.sha256 for part in parts(load(tmp_path / "recipients.yaml"))]
    after = state(tmp_path, LIST.replace("units:\n", unit, 1))
    assert list(map(words, told(before, after))) == ["丁公司: added"]
    # A row that says the same is no exception any more: the file must be looked at again.
    assert all(map(str.__ne__, first, [part.sha256 for part in parts(load(tmp_path / "recipients.yaml"))]))


def test_parts_are_named_as_seen_from_the_list(tmp_path: Path) -> None:
    state(tmp_path)
    roster = load(tmp_path / "recipients.yaml")
    assert [part.file for part in parts(roster)] == ["", "members.csv"]
    assert contacts(roster) == 6
    assert str(tmp_path) not in str(list(facts(roster)))


def test_what_is_new_keeps_all_that_was_written_of_it(tmp_path: Path) -> None:
    line = "      - {name: 某科, email: new@gamma.example.com, role: 某, note: 备注}\n"
    after = state(tmp_path, LIST.replace("  丙公司:\n    contacts:\n", f"  丙公司:\n    contacts:\n{line}"))
    (change,) = told(state(tmp_path), after)
    assert change == Change(
        "contact", "added", "丙公司", "某科", "new@gamma.example.com", {"role": (None, "某"), "note": (None, "备注")}
    )


ACTIONS = {
    "disabled": ({"disabled": "退休", "email": "x@example.org"}, "disabled"),
    "address": ({"email": "x@example.org", "role": "某"}, "address"),
    "renamed": ({"name": "某"}, "renamed"),
    "moved": ({"unit": "市乙局"}, "moved"),
    "changed": ({"note": "某"}, "changed"),
}


@pytest.mark.parametrize(("fields", "action"), ACTIONS.values(), ids=ACTIONS)
def test_a_change_of_a_contact_is_called_by_what_matters_most(fields: dict[str, str], action: str) -> None:
    usual = dict.fromkeys(NAMES["contact"], "") | {"unit": "市甲局", "name": "收文员", "email": "a@example.org"}
    (change,) = told([("contact", *usual.values())], [("contact", *(usual | fields).values())])
    assert change.action == action
    assert change.former_email == ("a@example.org" if "email" in fields else "")


def test_more_than_can_be_held_is_counted() -> None:
    before = [("member", "甲", str(number)) for number in range(7)]
    after = [("member", "乙", str(number)) for number in range(12)]
    found = difference(lambda: before, lambda: after, most=10)
    assert (len(found.gone), found.gone_total, len(found.new), found.new_total) == (7, 7, 10, 12)
    assert list(map(words, changes(found))) == ["too much to tell one by one: 7 entries are gone, 12 are new"]


# Whatever the two states are

FEW = st.sampled_from("甲乙丙")
CONTACT = st.tuples(
    st.just("contact"), FEW, FEW, FEW.map(lambda name: f"{name}@example.org"),
    st.just(""), st.just(""), st.sampled_from(["", "备注"]), st.sampled_from(["", "退休"]), st.just(""), st.just(""),
)  # fmt: skip
UNIT = st.tuples(st.just("unit"), FEW, st.sampled_from(["", "称呼"]))
STATE = st.tuples(st.lists(CONTACT), st.lists(UNIT, unique_by=lambda fact: fact[1])).map(lambda two: [*two[0], *two[1]])


@given(STATE, STATE, st.integers(0, 10))
def test_a_difference_is_what_the_sides_do_not_share(before: list[Fact], after: list[Fact], most: int) -> None:
    found = difference(lambda: iter(before), lambda: iter(after), most)
    gone, new = Counter(before) - Counter(after), Counter(after) - Counter(before)
    assert (found.gone_total, found.new_total) == (gone.total(), new.total())
    assert Counter(found.gone) <= gone
    assert Counter(found.new) <= new
    assert found.is_whole or max(gone.total(), new.total()) > most


@given(STATE, STATE)
def test_changes_lead_from_one_state_to_the_other(before: list[Fact], after: list[Fact]) -> None:
    found = told(before, after)
    assert bool(found) == (Counter(before) != Counter(after))
    renamed = {
        change.fields["unit"][0]: change.unit for change in found if change.action == "renamed" and not change.email
    }
    now = Counter((renamed.get(unit, unit), name, email) for kind, unit, name, email, *_rest in contacts_of(before))
    for change in found:
        if change.kind == "contact":
            who = {"unit": change.unit, "name": change.name, "email": change.email}
            former = tuple(change.fields[key][0] if key in change.fields else value for key, value in who.items())
            now[former] -= change.action != "added"
            now[tuple(who.values())] += change.action != "removed"
    assert +now == Counter(fact[1:4] for fact in contacts_of(after))
    assert min(now.values(), default=0) >= 0


def contacts_of(state: list[Fact]) -> list[Fact]:
    return [fact for fact in state if fact[0] == "contact"]


@given(STATE)
def test_what_is_the_same_has_no_changes(same: list[Fact]) -> None:
    assert told(same, same[::-1]) == []
