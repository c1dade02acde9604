"""recipients.yaml: what a list may say, and that every fault of it is told with file and line, all at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from distributor.errors import InputError
from distributor.recipients.loader import load
from distributor.recipients.model import GroupName, Roster
from distributor.recipients.yaml_tree import MAX_NODES

VALID = """\
groups:
  送: {labels: [送, 抄送], template: departments.html.j2, subject: 工作简报, order: 2}
  发: {labels: [发], template: members.html.j2, subject: 工作简报, reply_to: editor@example.org}
audiences:
  有关部门: {only: 送, units: [甲局, 乙局]}
  各会员单位: {units: [丙公司]}
units:
  甲局:
    salutation: 甲局办公室
    contacts:
      - {name: 收文员, email: office@alpha.example.org, role: 收文}
      - {name: 某科, email: section@alpha.example.org, disabled: 机构调整}
  乙局:
    contacts:
      - {name: 办公室, email: office@beta.example.org}
  丙公司:
    contacts:
      - name: 行政部
        email: admin@gamma.example.com
"""


def written(folder: Path, text: str | bytes = VALID, **files: str | bytes) -> Path:
    """A folder with recipients.yaml and CSV files by their names without suffix."""
    for name, content in {**{f"{key}.csv": value for key, value in files.items()}, "recipients.yaml": text}.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "recipients.yaml"


def faults(path: Path) -> list[str]:
    """Every fault as ``code file:line``, in the order told; none if the list is accepted."""
    try:
        load(path)
    except InputError as error:
        return [f"{finding.code} {str(finding.place).removeprefix(f'{path.parent}/')}" for finding in error.findings]
    return []


def lines(path: Path) -> list[str]:
    """The same as ``code line``, for faults of the list itself."""
    return [fault.replace("recipients.yaml:", "").replace(" recipients.yaml", "") for fault in faults(path)]


def said(path: Path) -> str:
    """What a person reads."""
    with pytest.raises(InputError) as caught:
        load(path)
    return str(caught.value)


def test_a_tag_is_told_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "recipients.yaml"
    path.write_text(replaced(("name: 某科", "name: !!str 007")), "utf-8")
    assert "!!str is a tag" in said(path)


def replaced(*changes: tuple[str, str]) -> str:
    """VALID with each of *changes* (old, new), which must be possible."""
    text = VALID
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


# What is read


def test_a_valid_list_is_read(tmp_path: Path) -> None:
    roster = load(written(tmp_path))
    assert list(roster.groups) == [GroupName.DEPARTMENTS, GroupName.MEMBERS]
    departments, members = roster.groups.values()
    assert (departments.labels, departments.template, departments.subject) == (
        ("送", "抄送"), "departments.html.j2", "工作简报"
    )  # fmt: skip
    assert (departments.greeting, departments.closing, departments.reply_to) == ("", "", None)
    assert members.reply_to == "editor@example.org"
    assert [(a.name, a.only, a.units, a.includes) for a in roster.audiences.values()] == [
        ("有关部门", GroupName.DEPARTMENTS, ("甲局", "乙局"), ()),
        ("各会员单位", None, ("丙公司",), ()),
    ]
    assert {name: unit.salutation for name, unit in roster.units.items()} == {
        "甲局": "甲局办公室", "乙局": "乙局", "丙公司": "丙公司",
    }  # fmt: skip
    assert [(c.unit, c.name, c.email, c.role, c.disabled) for u in roster.units.values() for c in u.contacts] == [
        ("甲局", "收文员", "office@alpha.example.org", "收文", None),
        ("甲局", "某科", "section@alpha.example.org", None, "机构调整"),
        ("乙局", "办公室", "office@beta.example.org", None, None),
        ("丙公司", "行政部", "admin@gamma.example.com", None, None),
    ]
    assert roster.findings == ()


def test_everything_read_knows_its_line(tmp_path: Path) -> None:
    path = written(tmp_path)
    roster = load(path)
    places = [roster.groups[GroupName.MEMBERS].place, roster.audiences["各会员单位"].place]
    places += [roster.units["丙公司"].place]
    assert list(map(str, places)) == [f"{path}:{line}" for line in (3, 6, 16)]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + VALID.encode(),
        VALID.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode(),
        f"---\n{VALID}...\n".encode(),
        f"%YAML 1.1\n---\n{VALID}".encode(),
        f"# 说明\n\n{VALID}# 完".encode(),
    ],
    ids=["byte order mark", "CRLF", "both", "document marks", "directive", "comments"],
)
def test_a_list_may_be_written_in_several_ways(tmp_path: Path, data: bytes) -> None:
    roster = load(written(tmp_path, data))
    assert list(roster.units) == ["甲局", "乙局", "丙公司"]


def test_greetings_may_be_empty_or_have_several_lines(tmp_path: Path) -> None:
    text = replaced(("reply_to: editor@example.org", 'greeting: "", closing: "一\\n二"'))
    group = load(written(tmp_path, text)).groups[GroupName.MEMBERS]
    assert (group.greeting, group.closing) == ("", "一\n二")


def test_text_in_quotes_may_look_like_anything(tmp_path: Path) -> None:
    text = replaced(
        ("name: 某科", 'name: "007"'), ("role: 收文", "role: 'no'"), ("disabled: 机构调整", 'disabled: "2026"')
    )
    contacts = load(written(tmp_path, text)).units["甲局"].contacts
    assert (contacts[1].name, contacts[0].role, contacts[1].disabled) == ("007", "no", "2026")


def test_a_hash_names_the_list(tmp_path: Path) -> None:
    def sha256(text: str, rows: str) -> str:
        text = text.replace("units: [丙公司]", "units: [丙公司], include: m.csv")
        return load(written(tmp_path, text, m=f"单位,联系人,邮箱\n{rows}")).sha256

    same = sha256(VALID, "戊,己,a@example.org\n")
    assert same == sha256(VALID, "戊,己,a@example.org\n")
    assert same != sha256(VALID, "戊,己,b@example.org\n")
    assert same != sha256(VALID + "\n", "戊,己,a@example.org\n")


# Faults of single entries: (what is replaced, by what, the faults as "code line")

ONE_FAULT: dict[str, tuple[str, str, list[str]]] = {
    # keys twice, at every level
    "groups twice": ("audiences:\n", "groups: {}\naudiences:\n", ["duplicate-key 4"]),
    "a group twice": ("  发: {labels", "  送: {labels", ["duplicate-key 3"]),
    "a key of a group twice": ("order: 2", "subject: 简报", ["duplicate-key 2"]),
    "an audience twice": ("  各会员单位:", "  有关部门:", ["duplicate-key 6"]),
    "a key of an audience twice": ("only: 送, units", "units: [丙公司], units", ["duplicate-key 5"]),
    "a unit twice": ("  乙局:\n", "  甲局:\n", ["duplicate-key 13", "unknown-unit 5"]),
    "a key of a unit twice": ("salutation: 甲局办公室", "contacts: []", ["duplicate-key 10"]),
    "a key of a contact twice": ("role: 收文", "email: b@example.org", ["duplicate-key 11"]),
    "a key twice, once in quotes": ("role: 收文", '"name": 收文', ["duplicate-key 11"]),
    # what YAML has and the list does without
    "an anchor": ("units: [丙公司]", "units: &all [丙公司]", ["anchor 6"]),
    "an alias": ("salutation: 甲局办公室", "salutation: *name", ["alias 9"]),
    "an alias for a key": ("salutation: 甲局办公室", "*name : 甲局办公室", ["alias 9"]),
    "a tag": ("name: 某科", "name: !!str 007", ["tag 12"]),
    "a tag of Python's": ("name: 某科", "name: !!python/object/apply:os.system [ls]", ["tag 12", "wrong-shape 12"]),
    "a merge key": ("salutation: 甲局办公室", "<<: {salutation: 甲局办公室}", ["merge-key 9", "unknown-key 9"]),
    "a list for a key": ("salutation: 甲局办公室", "? [a, b]\n    : 甲局办公室", ["bad-key 9"]),
    # unknown and missing keys
    "an unknown key of the list": ("audiences:\n", "audience: {}\naudiences:\n", ["unknown-key 4"]),
    "an unknown key of a group": ("order: 2", "ordre: 2", ["unknown-key 2"]),
    "an unknown key of an audience": ("only: 送", "olny: 送", ["unknown-key 5"]),
    "an unknown key of a unit": ("salutation: 甲局办公室", "salut: 甲局办公室", ["unknown-key 9"]),
    "an unknown key of a contact": ("role: 收文", "mail: b@example.org", ["unknown-key 11"]),
    "a full-width colon": ("role: 收文", "role：收文", ["unknown-key 11"]),
    "no groups": (VALID[: VALID.index("audiences")], "", ["missing-key 1"]),
    "no audiences": (VALID[VALID.index("audiences") : VALID.index("units:\n  甲")], "", ["missing-key 1"]),
    "no units": (VALID[VALID.index("units:\n  甲") :], "", ["missing-key 1"]),
    "units misspelt": ("units:\n  甲局", "unit:\n  甲局", ["missing-key 1", "unknown-key 7"]),
    "a group without labels": ("labels: [发], ", "", ["missing-key 3"]),
    "a group without template": ("template: members.html.j2, ", "", ["missing-key 3"]),
    "a group without subject": ("subject: 工作简报, reply", "reply", ["missing-key 3"]),
    "a unit without contacts": ("    contacts:\n      - {name: 办公室, email: office@beta.example.org}\n",
                                "    salutation: 乙局\n", ["missing-key 14"]),
    "a contact without name": ("name: 办公室, ", "", ["missing-key 15"]),
    "a contact without email": (", email: office@beta.example.org", "", ["missing-key 15"]),
    # what stands for something else
    "audiences are null": (VALID[VALID.index("audiences") : VALID.index("units:\n  甲")], "audiences:\n",
                           ["wrong-shape 4"]),
    "groups are a text": (VALID[: VALID.index("audiences")], "groups: 送\n", ["wrong-shape 1"]),
    "units are a list": (VALID[VALID.index("units:\n  甲") :], "units: [甲局]\n",
                         ["unknown-unit 5", "unknown-unit 5", "unknown-unit 6", "wrong-shape 7"]),
    "a group is a list": ("  发: {labels: [发], template: members.html.j2, subject: 工作简报, "
                          "reply_to: editor@example.org}",
                          "  发: [发]", ["wrong-shape 3"]),
    "an audience is a list": ("  各会员单位: {units: [丙公司]}", "  各会员单位: [丙公司]", ["wrong-shape 6"]),
    "an audience is null": ("  各会员单位: {units: [丙公司]}", "  各会员单位:", ["wrong-shape 6"]),
    "a unit is null": ("  乙局:\n    contacts:\n      - {name: 办公室, email: office@beta.example.org}", "  乙局:",
                       ["wrong-shape 13"]),
    "labels are a text": ("labels: [发]", "labels: 发", ["wrong-shape 3"]),
    "units of an audience are a text": ("units: [丙公司]", "units: 丙公司", ["wrong-shape 6"]),
    "a contact is a text": ("{name: 办公室, email: office@beta.example.org}", "office@beta.example.org",
                            ["wrong-shape 15"]),
    "contacts are one contact": ("- {name: 办公室, email: office@beta.example.org}",
                                 "{name: 办公室, email: office@beta.example.org}", ["wrong-shape 15"]),
    "an address is a list": ("email: office@beta.example.org", "email: [office@beta.example.org]", ["wrong-shape 15"]),
    # what does not fit together
    "a unit that is not defined": ("units: [丙公司]", "units: [丙公司, 丁公司]", ["unknown-unit 6"]),
    "a label in two groups": ("labels: [发]", "labels: [发, 抄送]", ["repeated-label 3"]),
    "a label twice in a group": ("labels: [发]", "labels: [发, 发]", ["repeated-label 3"]),
    "an unknown group": ("  发: {labels", "  收: {labels", ["unknown-group 3"]),
    "only for an unknown group": ("only: 送", "only: 收", ["unknown-group 5"]),
    "only for nobody": ("only: 送", "only: ", ["not-text 5"]),
    "another order": ("order: 2", "order: 1", ["wrong-order 2"]),
    "an order in words": ("order: 2", "order: [2]", ["wrong-order 2"]),
    # texts
    "disabled without reason": ("disabled: 机构调整", "disabled: ", ["not-text 12"]),
    "disabled: true": ("disabled: 机构调整", "disabled: true", ["no-reason 12"]),
    "disabled: false": ("disabled: 机构调整", "disabled: false", ["no-reason 12"]),
    "disabled: 'yes'": ("disabled: 机构调整", "disabled: 'Yes'", ["no-reason 12"]),
    "disabled: 否": ("disabled: 机构调整", "disabled: 否", ["no-reason 12"]),
    "a line break in a subject": ("subject: 工作简报, order", 'subject: "工作\\n简报", order', ["bad-text 2"]),
    "spaces around a name": ("name: 办公室", 'name: " 办公室"', ["bad-text 15"]),
    "an empty name": ("name: 办公室", 'name: ""', ["bad-text 15"]),
    "an empty name of a unit": ("  乙局:\n", '  "":\n', ["bad-text 13", "unknown-unit 5"]),
    "an invisible character": ("name: 办公室", "name: 办\u200b公室", ["bad-text 15"]),
    "a damaged character": ("name: 办公室", "name: 办\ufffd室", ["bad-text 15"]),
    "a long name": ("name: 办公室", f"name: {'办' * 10_001}", ["bad-text 15"]),
    "a long greeting": ("reply_to: editor@example.org", f"greeting: {'好' * 10_001}", ["bad-text 3"]),
    "a greeting in a list": ("reply_to: editor@example.org", "greeting: [好]", ["wrong-shape 3"]),
    "a bad address": ("email: office@beta.example.org", "email: office@beta@example.org", ["bad-address 15"]),
    "two addresses in one": ("email: office@beta.example.org", "email: a@example.org;b@example.org",
                             ["bad-address 15"]),
    "a bad address to reply to": ("reply_to: editor@example.org", "reply_to: editor", ["bad-address 3"]),
    "an empty address": ("email: office@beta.example.org", "email: ", ["not-text 15"]),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), ONE_FAULT.values(), ids=ONE_FAULT)
def test_a_fault_is_told_with_its_line(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    assert sorted(lines(written(tmp_path, replaced((old, new))))) == sorted(expected)


# Values that YAML takes for something else than text

MISREAD = [
    "no",
    "Yes",
    "on",
    "OFF",
    "true",
    "007",
    "42",
    "-1",
    "+86",
    "0x1F",
    "0o17",
    "089",
    "1_000",
    "12:30",
    "190:20:30",
]
MISREAD += [
    "3.14",
    ".5",
    "1e3",
    "1.5E-3",
    ".inf",
    ".NaN",
    "2025-01-01",
    "2025-01-01 08:00:00",
    "~",
    "null",
    "NULL",
    "=",
]
READ_AS_TEXT = [
    "N1",
    "1号",
    "12：30",
    "1.2.3",
    "10-12",
    "0571-123",
    "v1.0",
    "e3",
    "y",
    "yes!",
    "-",
    "二〇二五",
    "100 人",
]


@pytest.mark.parametrize("value", MISREAD)
def test_a_value_that_yaml_misreads_needs_quotes(tmp_path: Path, value: str) -> None:
    path = written(tmp_path, replaced(("name: 办公室", f"name: {value}")))
    assert lines(path) == ["not-text 15"]
    assert f'put quotes around it: "{value}"' in said(path)
    quoted = load(written(tmp_path, replaced(("name: 办公室", f'name: "{value}"'))))
    assert quoted.units["乙局"].contacts[0].name == value


@pytest.mark.parametrize("value", MISREAD)
def test_a_name_that_yaml_misreads_needs_quotes(tmp_path: Path, value: str) -> None:
    text = replaced(("units: [丙公司]", f'units: ["{value}"]'), ("  丙公司:", f"  {value}:"))
    path = written(tmp_path, text)
    assert lines(path) == ["not-text 16"]
    assert value in load(written(tmp_path, text.replace(f"  {value}:", f'  "{value}":'))).units


@pytest.mark.parametrize("value", READ_AS_TEXT)
def test_a_value_that_only_looks_odd_needs_none(tmp_path: Path, value: str) -> None:
    roster = load(written(tmp_path, replaced(("name: 办公室", f"name: {value}"))))
    assert roster.units["乙局"].contacts[0].name == value


def test_the_kind_is_named(tmp_path: Path) -> None:
    def kind(value: str) -> str:
        return said(written(tmp_path, replaced(("name: 办公室", f"name: {value}"))))

    assert "YAML reads no as yes or no, not as text" in kind("no")
    assert "YAML reads 007 as a number, not as text" in kind("007")
    assert "YAML reads 2025-01-01 as a date, not as text" in kind("2025-01-01")
    assert "YAML reads ~ as nothing, not as text" in kind("~")
    assert "YAML reads = as a special sign, not as text" in kind("=")
    assert "nothing stands after the colon" in kind("")


# What is said


def test_a_slip_gets_a_suggestion(tmp_path: Path) -> None:
    def remedy(old: str, new: str) -> str:
        return said(written(tmp_path, replaced((old, new))))

    assert "did you mean salutation?" in remedy("salutation:", "salutations:")
    assert "did you mean name?" in remedy("name: 办公室", "name：办公室")
    assert "did you mean 丙公司?" in remedy("units: [丙公司]", "units: [丙公司, 丙公同]")
    assert "apprise, dingtalk, disabled, email, feishu, lark, name, note, phone, role, wecom" in remedy(
        "role: 收文", "电话: 收文"
    )
    assert "possible are: 报, 送, 发" in remedy("only: 送", "only: 收")
    assert "报 1 送 2 发 3" in remedy("order: 2", "order: 3")
    assert "first in line 5" in remedy("  各会员单位:", "  有关部门:")


def test_a_contact_may_have_a_phone_and_a_note_of_several_lines(tmp_path: Path) -> None:
    text = replaced(("role: 收文", 'role: 收文, phone: "0222 3000", note: "周一在\\n周二不在"'))
    contacts = [c for unit in load(written(tmp_path, text)).units.values() for c in unit.contacts]
    assert [(c.phone, c.note) for c in contacts if c.phone] == [("0222 3000", "周一在\n周二不在")]


def test_a_unit_unlike_any_other_is_to_be_defined(tmp_path: Path) -> None:
    assert "define it under units" in said(written(tmp_path, replaced(("units: [丙公司]", "units: [QWERTY]"))))


def test_all_faults_are_told_at_once_by_line(tmp_path: Path) -> None:
    text = replaced(
        ("name: 行政部", "name: no"),
        ("email: office@beta.example.org", "email: office＠beta.example.org"),
        ("only: 送", "only: 收"),
        ("units: [丙公司]", "units: [丙公司, 丁公司]"),
        ("labels: [发]", "labels: [发, 送]"),
        ("salutation: 甲局办公室", "salutation: &a 甲局办公室"),
    )
    assert lines(written(tmp_path, text)) == [
        "repeated-label 3", "unknown-group 5", "unknown-unit 6", "anchor 9", "bad-address 15", "not-text 18",
    ]  # fmt: skip


def test_a_thousand_faults_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    units = "".join(f"  单位{number}: {{contacts: [{{name: 甲, email: 无}}]}}\n" for number in range(1005))
    path = written(tmp_path, VALID + units)
    found = lines(path)
    assert len(found) == 1001
    assert set(found[:1000]) == {f"bad-address {line}" for line in range(20, 1020)}
    assert found[1000] == "more-faults"
    assert "and 5 more faults in this file" in said(path)


def test_suggestions_for_a_long_list_do_not_take_long(tmp_path: Path) -> None:
    """A wrong name is compared with every unit: only the first few get a suggestion, or it would take minutes."""
    names = [f"第{number}公司" for number in range(3000)]
    units = "".join(f"  {name}: {{contacts: []}}\n" for name in names)
    text = replaced(("units: [丙公司]", f"units: [{', '.join(f'{name}司' for name in names)}]")) + units
    assert said(written(tmp_path, text)).count("did you mean") == 20


# Warnings do not stop anything


def warnings(roster: Roster) -> list[tuple[str, int | None]]:
    return [(finding.code, finding.place.line if finding.place else None) for finding in roster.findings]


def test_a_unit_that_no_audience_names_is_warned_of(tmp_path: Path) -> None:
    assert warnings(load(written(tmp_path, replaced(("甲局, 乙局]", "甲局]"))))) == [("unused-unit", 13)]


def test_a_unit_named_twice_in_an_audience_counts_once(tmp_path: Path) -> None:
    roster = load(written(tmp_path, replaced(("units: [丙公司]", "units: [丙公司, 丙公司]"))))
    assert warnings(roster) == [("repeated-unit", 6)]
    assert roster.audiences["各会员单位"].units == ("丙公司",)


def test_a_unit_may_wait_for_its_first_contact(tmp_path: Path) -> None:
    text = replaced(("contacts:\n      - {name: 办公室, email: office@beta.example.org}", "contacts: []"))
    assert load(written(tmp_path, text)).units["乙局"].contacts == ()


# The file itself

UNREADABLE: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "empty-file", "the file is empty"),
    "only comments": ("# 以后再写\n".encode(), "empty-file", "distributor init"),
    "only a byte order mark": (b"\xef\xbb\xbf", "empty-file", "the file is empty"),
    "GB18030": (VALID.encode("gb18030"), "not-utf-8 2", "GB18030"),
    "GBK name in UTF-8": (VALID.encode().replace("某科".encode(), "某科".encode("gb18030")), "not-utf-8 12", "UTF-8"),
    "UTF-16": (VALID.encode("utf-16"), "not-utf-8 1", "UTF-16"),
    "neither": (b"groups:\n  \xff\xff: 1\n", "not-utf-8 2", "not UTF-8 text\n"),
    "NUL": (b"groups:\n  a\x00b: 1\n", "control-character 2", "U+0000"),
    "line separator": ("groups:\n  送:\u2028 1\n".encode(), "control-character 2", "U+2028"),
    "tab": (VALID.replace("    contacts:\n      - {name: 办", "\tcontacts:\n      - {name: 办").encode(),
            "bad-yaml 14", "indented by a tab"),
    "tab after spaces": (VALID.replace("    salutation", "  \tsalutation").encode(), "bad-yaml 9", "by a tab"),
    "full-width colon": (VALID.replace("  乙局:", "  乙局：").encode(), "bad-yaml 14", "not in ："),
    "colon in a text": (VALID.replace("甲局办公室", "甲局: 办公室").encode(), "bad-yaml 9", "put quotes around"),
    "open quote": (VALID.replace("name: 行政部", 'name: "行政部').encode(), "bad-yaml 20", "opened in line 18"),
    "open bracket": (VALID.replace("[丙公司]", "[丙公司").encode(), "bad-yaml 6", "opened in line 6"),
    "no space after a colon": (VALID.replace("role: 收文", "role:").encode(), "bad-yaml 11", "nothing stands after"),
    "text after a quote": (VALID.replace(": 甲局办", ': "甲局"办').encode(), "bad-yaml 9", "closing quote"),
    "wrong indentation": (VALID.replace("  乙局:", " 乙局:").encode(), "bad-yaml 13", "same column"),
    "at-sign first": (VALID.replace("某科", "@某科").encode(), "bad-yaml 12", "put quotes around"),
    "two documents": (f"{VALID}---\n{VALID}".encode(), "second-document 21", "second document"),
    "a text": (b"hello", "wrong-shape 1", "key: value"),
    "a list": (b"- hello", "wrong-shape 1", "key: value"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "fault", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, data: bytes, fault: str, words: str) -> None:
    path = written(tmp_path, data)
    assert lines(path)[:1] == [fault]
    assert words in said(path)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    assert lines(tmp_path / "recipients.yaml") == ["unreadable-list"]
    assert "No such file" in said(tmp_path / "recipients.yaml")


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "recipients.yaml").mkdir()
    assert lines(tmp_path / "recipients.yaml") == ["unreadable-list"]


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


WITHOUT_MEASURE = {
    "20 MB": (lambda: b"a: b\n" * 4_000_000, ":", "larger than 16 MB"),
    "too many entries": (lambda: b"- a\n" * MAX_NODES, f":{MAX_NODES}:", "include: members.csv"),
    "deep brackets": (lambda: b"[" * 100_000, ":1:", "nested too deeply"),
    "deep braces": (lambda: b"{a: " * 100_000, ":1:", "nested too deeply"),
    "deep dashes": (lambda: b"- " * 100_000, ":1:", "nested too deeply"),
    "deep blocks": (lambda: b"".join(b" " * depth + b"a:\n" for depth in range(1000)), ":13:", "nested too deeply"),
}


@pytest.mark.parametrize(("data", "place", "words"), WITHOUT_MEASURE.values(), ids=WITHOUT_MEASURE)
def test_a_file_without_measure_gives_one_fault(
    tmp_path: Path, data: Callable[[], bytes], place: str, words: str
) -> None:
    message = said(written(tmp_path, data()))
    assert message.count(str(tmp_path)) == 1
    assert f"recipients.yaml{place}" in message
    assert words in message


def test_a_billion_laughs_are_not_laughed(tmp_path: Path) -> None:
    found = lines(written(tmp_path, LAUGHS))
    assert {fault.split()[0] for fault in found} == {"anchor", "alias", "unknown-key", "missing-key"}
    assert sum(fault.startswith("alias") for fault in found) == 8 * 9


def test_limits_leave_room_for_the_deepest_and_largest_list_there_is(tmp_path: Path) -> None:
    """Contacts of YAML's block form, the deepest shape of the schema; ten thousand of them."""
    contacts = "".join(f"      - name: 甲{n}\n        email: a{n}@example.org\n" for n in range(10_000))
    roster = load(written(tmp_path, VALID + "  丁公司:\n    contacts:\n" + contacts))
    assert len(roster.units["丁公司"].contacts) == 10_000


def test_the_pure_python_parser_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML without libyaml, as on machines where no wheel exists."""
    import yaml  # noqa: PLC0415

    monkeypatch.setattr("distributor.recipients.yaml_tree._Loader", yaml.SafeLoader)
    assert list(load(written(tmp_path)).units) == ["甲局", "乙局", "丙公司"]
    for old, new, expected in ONE_FAULT.values():
        assert sorted(lines(written(tmp_path, replaced((old, new))))) == sorted(expected), (old, new)
