"""The commands that change the list: what they write, what they refuse, and that nothing of anybody is lost."""

import contextlib
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distributor.distribution import editing
from distributor.distribution.editing import Act
from distributor.distribution.site import open_site
from distributor.errors import InputError
from distributor.recipients import edits
from distributor.recipients.draft import Draft
from distributor.recipients.loader import load, load_draft
from distributor.recipients.store import Prepared
from tests.sites import GROUPS, Ran, Site

LIST = (
    GROUPS
    + """\
audiences:
  有关部门: {only: 送, units: [市甲局, 市乙局]}  # by law
  各会员单位:
    only: 发
    units:
      - 丙公司
      - 丁公司  # since 2020
  上级: {units: []}
  名册: {include: m.csv}

units:
  # 送
  市甲局:
    salutation: 市甲局办公室
    contacts:
      - {name: 收文, email: a@alpha.example.org}  # by phone first
  市乙局:
    contacts:
      - {name: 收文, email: b@beta.example.org, role: 收文}
      - {name: 某科, email: b2@beta.example.org, disabled: 机构调整}
  # 发
  丙公司:
    contacts:
      - name: 办公室
        email: c@gamma.example.com
  # shares its mailbox
  丁公司:
    contacts: [{name: 办公室, email: c@gamma.example.com}]
"""
)
ROWS = """\
单位,联系人,邮箱,职责,称呼,停用,来源
戊公司,办公室,e@epsilon.example.com,收文,戊公司办公室,,
己公司,办公室,f@zeta.example.com,,,,

己公司,市场部,f2@zeta.example.com,,,部门撤并,
"""
ROWS = ROWS.replace(",来源", ",备注")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    site = Site(tmp_path / "site", monkeypatch, capsys)
    (site.folder / "recipients.yaml").write_text(LIST, "utf-8")
    (site.folder / "m.csv").write_text(ROWS, "utf-8")
    return site


def edit(site: Site, *words: str) -> Ran:
    return site.run("recipients", *words, "--yes")


def lines(diff: list[str], sign: str) -> list[str]:
    return [line[1:].strip() for line in diff if line.startswith(sign) and not line.startswith(sign * 3)]


CASES: dict[str, tuple[list[str], list[str], list[str]]] = {
    "a contact is disabled": (
        ["disable", "b@beta.example.org", "--reason", "机构调整"],
        ["- {name: 收文, email: b@beta.example.org, role: 收文}"],
        ["- {name: 收文, email: b@beta.example.org, role: 收文, disabled: 机构调整}"],
    ),
    "who is disabled already keeps the reason": (
        ["disable", "市乙局", "--reason", "no: more"],
        ["- {name: 收文, email: b@beta.example.org, role: 收文}"],
        ['- {name: 收文, email: b@beta.example.org, role: 收文, disabled: "no: more"}'],
    ),
    "a unit is enabled": (
        ["enable", "市乙局"],
        ["- {name: 某科, email: b2@beta.example.org, disabled: 机构调整}"],
        ["- {name: 某科, email: b2@beta.example.org}"],
    ),
    "all who share an address are disabled": (
        ["disable", "C@GAMMA.example.com", "--reason", "搬迁"],
        ["contacts: [{name: 办公室, email: c@gamma.example.com}]"],
        ["disabled: 搬迁", "contacts: [{name: 办公室, email: c@gamma.example.com, disabled: 搬迁}]"],
    ),
    "one who shares an address is disabled": (
        ["disable", "c@gamma.example.com", "--unit", "丙公司", "--reason", "搬迁"],
        [],
        ["disabled: 搬迁"],
    ),
    "a row is disabled": (
        ["disable", "戊公司", "--reason", "=1+1"],
        ["戊公司,办公室,e@epsilon.example.com,收文,戊公司办公室,,"],
        ["戊公司,办公室,e@epsilon.example.com,收文,戊公司办公室,'=1+1,"],
    ),
    "a row is enabled": (
        ["enable", "f2@zeta.example.com"],
        ["己公司,市场部,f2@zeta.example.com,,,部门撤并,"],
        ["己公司,市场部,f2@zeta.example.com,,,,"],
    ),
    "a row gets a column": (
        ["set", "contact", "f@zeta.example.com", "--phone", "0222 3000"],
        ["单位,联系人,邮箱,职责,称呼,停用,备注", "己公司,办公室,f@zeta.example.com,,,,"],
        ["单位,联系人,邮箱,职责,称呼,停用,备注,电话", "己公司,办公室,f@zeta.example.com,,,,,0222 3000"],
    ),
    "a contact has another address": (
        ["set", "contact", "a@alpha.example.org", "--email", "aa@alpha.example.org", "--role", "收文"],
        ["- {name: 收文, email: a@alpha.example.org}  # by phone first"],
        ["- {name: 收文, email: aa@alpha.example.org, role: 收文}  # by phone first"],
    ),
    "a text is taken away": (
        ["set", "contact", "b@beta.example.org", "--role", ""],
        ["- {name: 收文, email: b@beta.example.org, role: 收文}"],
        ["- {name: 收文, email: b@beta.example.org}"],
    ),
    "a contact is added": (
        ["add", "contact", "市甲局", "a2@alpha.example.org", "--name", "某处", "--role", "供稿"],
        [],
        ["- {name: 某处, email: a2@alpha.example.org, role: 供稿}"],
    ),
    "a contact in lines is added beside one": (
        ["add", "contact", "丙公司", "c2@gamma.example.com", "--name", "某处"],
        [],
        ["- name: 某处", "email: c2@gamma.example.com"],
    ),
    "a row is added behind the others of its unit": (
        ["add", "contact", "戊公司", "e2@epsilon.example.com", "--name", "某处"],
        [],
        ["戊公司,某处,e2@epsilon.example.com,,戊公司办公室,,"],
    ),
    "a unit is added where its audience is": (
        ["add", "unit", "庚公司", "--to", "各会员单位", "--contact", "办公室 <g@eta.example.com>"],
        [],
        ["- 庚公司", "庚公司:", "contacts:", "- {name: 办公室, email: g@eta.example.com}"],
    ),
    "a unit is added to an included file": (
        ["add", "unit", "庚公司", "--to", "名册", "--contact", "办公室 <g@eta.example.com>", "--salutation", "庚司"],
        [],
        ["庚公司,办公室,g@eta.example.com,,庚司,,"],
    ),
    "a contact moves": (
        ["move", "contact", "b2@beta.example.org", "--to", "市甲局"],
        ["- {name: 某科, email: b2@beta.example.org, disabled: 机构调整}"],
        ["- {name: 某科, email: b2@beta.example.org, disabled: 机构调整}"],
    ),
    "a contact moves into an included file": (
        ["move", "contact", "b2@beta.example.org", "--to", "戊公司"],
        ["- {name: 某科, email: b2@beta.example.org, disabled: 机构调整}"],
        ["戊公司,某科,b2@beta.example.org,,戊公司办公室,机构调整,"],
    ),
    "a contact moves out of an included file": (
        ["move", "contact", "e@epsilon.example.com", "--to", "市甲局"],
        ["戊公司,办公室,e@epsilon.example.com,收文,戊公司办公室,,"],
        ["- {name: 办公室, email: e@epsilon.example.com, role: 收文}"],
    ),
    "a unit moves": (
        ["move", "unit", "丁公司", "--to", "有关部门", "--after", "市甲局"],
        ["有关部门: {only: 送, units: [市甲局, 市乙局]}  # by law", "- 丁公司  # since 2020"],
        ["有关部门: {only: 送, units: [市甲局, 丁公司, 市乙局]}  # by law"],
    ),
    "a unit changes its place": (
        ["move", "unit", "丙公司", "--to", "各会员单位", "--after", "丁公司"],
        ["- 丁公司  # since 2020"],
        ["- 丁公司  # since 2020"],
    ),
    "a unit moves out of an included file": (
        ["move", "unit", "戊公司", "--to", "各会员单位"],
        ["戊公司,办公室,e@epsilon.example.com,收文,戊公司办公室,,"],
        ["- 戊公司", "戊公司:", "salutation: 戊公司办公室", "contacts:",
         "- {name: 办公室, email: e@epsilon.example.com, role: 收文}"],
    ),
    "a unit joins and leaves": (
        ["set", "unit", "丁公司", "--join", "上级", "--leave", "各会员单位"],
        ["- 丁公司  # since 2020", "上级: {units: []}"],
        ["上级: {units: [丁公司]}"],
    ),
    "a unit has another salutation": (
        ["set", "unit", "市甲局", "--salutation", "甲局"],
        ["salutation: 市甲局办公室"],
        ["salutation: 甲局"],
    ),
    "a unit has no salutation of its own": (["set", "unit", "市甲局", "--salutation", ""], ["salutation: 市甲局办公室"], []),  # noqa: E501
    "rows have another salutation": (
        ["set", "unit", "戊公司", "--salutation", "戊司"],
        ["戊公司,办公室,e@epsilon.example.com,收文,戊公司办公室,,"],
        ["戊公司,办公室,e@epsilon.example.com,收文,戊司,,"],
    ),
    "a unit has another name everywhere": (
        ["rename", "unit", "丁公司", "丁集团"],
        ["- 丁公司  # since 2020", "丁公司:"],
        ["- 丁集团  # since 2020", "丁集团:"],
    ),
    "rows have another name": (
        ["rename", "unit", "戊公司", "戊集团"],
        ["戊公司,办公室,e@epsilon.example.com,收文,戊公司办公室,,"],
        ["戊集团,办公室,e@epsilon.example.com,收文,戊公司办公室,,"],
    ),
    "an audience has another name": (["rename", "audience", "上级", "市委"], ["上级: {units: []}"], ["市委: {units: []}"]),  # noqa: E501
    "a contact has another name": (
        ["rename", "contact", "a@alpha.example.org", "张三"],
        ["- {name: 收文, email: a@alpha.example.org}  # by phone first"],
        ["- {name: 张三, email: a@alpha.example.org}  # by phone first"],
    ),
    "an audience is added": (
        ["add", "audience", "市委", "--only", "报"],
        [],
        ["市委:", "only: 报", "units: []"],
    ),
    "an audience is bound to a group": (
        ["set", "audience", "上级", "--only", "报"], ["上级: {units: []}"], ["上级: {only: 报, units: []}"],
    ),
    "an audience is free of its group": (
        ["set", "audience", "有关部门", "--only", "any"],
        ["有关部门: {only: 送, units: [市甲局, 市乙局]}  # by law"],
        ["有关部门: {units: [市甲局, 市乙局]}  # by law"],
    ),
    "an audience includes a file": (
        ["set", "audience", "上级", "--include", "m.csv"], ["上级: {units: []}"], ["上级: {units: [], include: m.csv}"],
    ),
    "an audience includes no file": (["set", "audience", "名册", "--no-include"], ["名册: {include: m.csv}"], ["名册: {}"]),  # noqa: E501
    "an audience goes": (["remove", "audience", "上级"], ["上级: {units: []}"], []),
    "a unit goes": (
        ["remove", "unit", "市甲局"],
        ["有关部门: {only: 送, units: [市甲局, 市乙局]}  # by law", "市甲局:", "salutation: 市甲局办公室", "contacts:",
         "- {name: 收文, email: a@alpha.example.org}  # by phone first"],
        ["有关部门: {only: 送, units: [市乙局]}  # by law"],
    ),
    "a contact goes": (["remove", "contact", "b2@beta.example.org"], ["- {name: 某科, email: b2@beta.example.org, disabled: 机构调整}"], []),  # noqa: E501
    "a row goes": (["remove", "contact", "e@epsilon.example.com"], ["戊公司,办公室,e@epsilon.example.com,收文,戊公司办公室,,"], []),  # noqa: E501
    "a group goes": (
        ["remove", "group", "报"],
        ['报: {labels: [报, 呈报], template: superiors.html.j2, subject: "{{ masthead }} {{ number_line }}", greeting: "{{ salutation }}：谨呈。"}'],  # noqa: E501
        [],
    ),
}  # fmt: skip


def assert_in_order(kept: list[str], path: Path) -> None:
    """Every line of *kept* is in the file, one behind the other."""
    left = iter(path.read_text("utf-8").splitlines())
    assert [line for line in kept if line in left] == kept  # `in` an iterator goes on from the last one found


@pytest.mark.parametrize("name", CASES)
def test_what_a_command_writes(site: Site, name: str) -> None:
    words, gone, new = CASES[name]
    before = {path.name: path.read_text("utf-8") for path in (site.folder / "recipients.yaml", site.folder / "m.csv")}
    ran = edit(site, *words, "--json")
    assert ran.code == 0, ran.err
    assert (lines(ran.json["diff"], "-"), lines(ran.json["diff"], "+")) == (gone, new)
    for file, text in before.items():
        # What did not have to change is there, byte for byte, in its order.
        assert_in_order([line for line in text.splitlines() if line.strip() not in gone], site.folder / file)


REFUSED = {
    "an unknown address": (["disable", "bb@beta.example.org", "--reason", "x"], "did you mean b@beta.example.org"),
    "an unknown unit": (["disable", "市甲局局", "--reason", "x"], "did you mean 市甲局"),
    "an answer that is no reason": (["disable", "市甲局", "--reason", "是"], "是 is no reason"),
    "an address that is none": (["add", "contact", "市甲局", "a@", "--name", "x"], "not an e-mail address"),
    "a name that is none": (["add", "contact", "市甲局", "x@alpha.example.org", "--name", " "], "there is no text"),
    "an address that the unit has": (["add", "contact", "市甲局", "A@alpha.example.org", "--name", "x"], "already"),
    "an address of several": (["set", "contact", "c@gamma.example.com", "--role", "x"], "--unit UNIT"),
    "a unit that is there": (["add", "unit", "市甲局", "--to", "有关部门"], "already"),
    "a unit that a file has": (["add", "unit", "戊公司", "--to", "有关部门"], "already"),
    "an audience that is not there": (["add", "unit", "新局", "--to", "有关部"], "did you mean 有关部门"),
    "a unit without a contact in a file": (["add", "unit", "新公司", "--to", "名册"], "--contact"),
    "a contact without a name": (["add", "unit", "新局", "--to", "有关部门", "--contact", "x@y.example"], "NAME <ADDRESS>"),  # noqa: E501
    "a group that is there": (["add", "group", "报", "--label", "x", "--subject", "x", "--template", "x"], "already"),
    "a label of another group": (["set", "group", "报", "--label", "送"], "a second time"),
    "a unit of a file joins": (["set", "unit", "戊公司", "--join", "有关部门"], "move unit"),
    "a unit leaves what it is not of": (["set", "unit", "丙公司", "--leave", "有关部门"], "has no unit 丙公司"),
    "a name that is taken": (["rename", "unit", "丙公司", "丁公司"], "already"),
    "an audience's name that is taken": (["rename", "audience", "上级", "名册"], "already"),
    "an include that is not there": (["set", "audience", "上级", "--include", "n.csv"], "no file n.csv"),
    "nothing to set": (["set", "contact", "a@alpha.example.org"], "say what to set"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_command_refuses(site: Site, name: str) -> None:
    words, told = REFUSED[name]
    before = {path: path.read_bytes() for path in site.folder.iterdir() if path.suffix in {".yaml", ".csv"}}
    ran = edit(site, *words)
    assert ran.code == 2
    assert told in ran.err
    assert "Traceback" not in ran.err
    assert {path: path.read_bytes() for path in before} == before
    assert [path.name for path in site.folder.glob(".*.new")] == []


def test_every_unknown_name_is_told_at_once(site: Site) -> None:
    ran = edit(site, "disable", "x@x.example", "某局", "市甲局", "--reason", "机构调整")
    assert ran.code == 2
    assert "x@x.example" in ran.err
    assert "某局" in ran.err


def test_nothing_is_written_unless_the_answer_is_yes(site: Site) -> None:
    before = (site.folder / "recipients.yaml").read_bytes()
    ran = site.run("recipients", "disable", "市甲局", "--reason", "机构调整")
    assert ran.code == 2
    assert "+      - {name: 收文, email: a@alpha.example.org, disabled: 机构调整}" in ran.err
    assert "--yes" in ran.err
    dry = site.run("recipients", "disable", "市甲局", "--reason", "机构调整", "--dry-run", "--json")
    assert (dry.code, dry.json["written"]) == (0, False)
    assert lines(dry.json["diff"], "+") == [
        "- {name: 收文, email: a@alpha.example.org, disabled: 机构调整}  # by phone first"
    ]
    assert (site.folder / "recipients.yaml").read_bytes() == before


def test_a_new_warning_is_told_before_anything_is_written(site: Site) -> None:
    ran = site.run("recipients", "remove", "audience", "有关部门", "--dry-run")
    assert "no audience names the unit 市甲局" in ran.err


def test_what_is_so_already_writes_nothing(site: Site) -> None:
    path = site.folder / "recipients.yaml"
    inode = path.stat().st_ino
    ran = edit(site, "set", "contact", "b@beta.example.org", "--role", "收文")
    assert (ran.code, path.stat().st_ino) == (0, inode)
    assert "already" in ran.err
    assert edit(site, "enable", "市甲局").code == 0


def test_a_file_keeps_its_rights_its_link_its_mark_and_its_line_ends(site: Site) -> None:
    link, real = site.folder / "recipients.yaml", site.folder / "real.yaml"
    real.write_bytes(b"\xef\xbb\xbf" + LIST.replace("\n", "\r\n").encode())
    real.chmod(0o640)
    link.unlink()
    link.symlink_to(real)
    assert edit(site, "set", "unit", "丁公司", "--salutation", "丁司").code == 0
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert real.read_bytes().startswith(b"\xef\xbb\xbf")
    assert real.read_bytes().count(b"\n") == real.read_bytes().count(b"\r\n") == LIST.count("\n") + 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_an_included_file_keeps_its_encoding_and_line_ends(site: Site, encoding: str) -> None:
    path = site.folder / "m.csv"
    path.write_bytes(ROWS.replace("\n", "\r\n").rstrip("\r\n").encode(encoding))
    assert edit(site, "add", "contact", "己公司", "f3@zeta.example.com", "--name", "某处").code == 0
    expected = ROWS + "己公司,某处,f3@zeta.example.com,,,,\n"
    assert path.read_bytes() == expected.replace("\n", "\r\n").encode(encoding)


def test_who_asks_while_another_writes_is_told(site: Site) -> None:
    """The one who is being asked holds no lock; the other one is quicker."""

    def other(_edited: object) -> None:
        assert edit(site, "disable", "市乙局", "--reason", "搬迁").code == 0

    act = Act(lambda draft: draft.put(draft.with_key("a@alpha.example.org")[0], {"disabled": "x"}), "test")
    with open_site(str(site.folder)) as opened, pytest.raises(InputError, match="changed by somebody else"):
        editing.edit(opened, act, other, at_once=False)
    text = (site.folder / "recipients.yaml").read_text("utf-8")
    assert "搬迁" in text
    assert "disabled: x" not in text


def test_twenty_editors_at_once_lose_nothing(site: Site) -> None:
    started = [
        site.start("recipients", "add", "contact", unit, f"new{number}@n.example.org", "--name", f"第{number}", "--yes")
        for number, unit in enumerate(["市甲局", "丙公司", "戊公司", "丁公司"] * 5)
    ]
    for process in started:
        _out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
    roster = load(site.folder / "recipients.yaml")
    units = [*roster.units.values(), *roster.audiences["名册"].includes[0].read()]
    emails = [contact.email for unit in units for contact in unit.contacts]
    assert sorted(email for email in emails if email.startswith("new")) == sorted(
        f"new{n}@n.example.org" for n in range(20)
    )


# A long list under many edits


def long_list(rng: random.Random) -> str:
    """A list of some 2,000 lines with comments everywhere, its units in several styles."""
    out = [GROUPS, "audiences:\n"]
    names = [f"第{number}单位" for number in range(420)]
    for number in range(0, 420, 70):
        out.append(f"  # 名称 {number}\n  名单{number}:  # 有 70 家\n    units:\n")
        out += [
            f"      - {name}" + ("  # 重点\n" if rng.random() < 0.1 else "\n") for name in names[number : number + 70]
        ]
    out.append("\n# 单位\nunits:\n")
    for number, name in enumerate(names):
        out += [f"\n  # ── 第 {number} 段 ──\n"] * (number % 10 == 0)
        out.append(f"  {name}:" + ("  # 老单位\n" if rng.random() < 0.1 else "\n"))
        out += [f"    salutation: {name}办公室\n"] * (rng.random() < 0.2)
        out.append("    contacts:\n")
        for part in range(rng.choice([1, 1, 2])):
            email = f"c{part}@u{number}.example.org"
            note = "  # 先打电话\n" if rng.random() < 0.2 else "\n"
            if rng.random() < 0.3:
                out.append(f'      - name: "收文{part}"{note}        email: {email}\n')
            else:
                out.append(f"      - {{name: 收文{part}, email: {email}, role: 收文}}{note}")
        out += ["      # 还有一位待定\n"] * (rng.random() < 0.1)
    return "".join(out)


def any_edit(rng: random.Random, number: int) -> tuple[Callable[[Draft], Any], set[str]]:
    """An edit, and the units and audiences that it touches."""
    unit = f"第{rng.randrange(420)}单位"
    email = f"c0@u{unit[1:-2]}.example.org"
    audience = f"名单{rng.randrange(6) * 70}"

    def one(change: Callable[[Draft, Any], Any]) -> Callable[[Draft], Any]:
        return lambda draft: [change(draft, entry) for entry in draft.with_key(email)[:1]]

    return rng.choice([
        (one(lambda draft, entry: draft.put(entry, {"disabled": "搬迁, 待定"})), {unit}),
        (one(lambda draft, entry: draft.put(entry, {"disabled": None})), {unit}),
        (one(lambda draft, entry: draft.put(entry, {"role": "供稿", "phone": f"0222 {number}"})), {unit}),
        (one(lambda draft, entry: draft.put(entry, {"email": f"n{number}@n.example.org"})), {unit}),
        (one(lambda draft, entry: draft.remove(entry)), {unit}),
        (lambda draft: edits.add_contact(draft, unit, {"name": "新", "email": f"m{number}@n.example.org"}), {unit}),
        (lambda draft: edits.set_salutation(draft, unit, "某某"), {unit}),
        (lambda draft: edits.rename_unit(draft, unit, f"新{number}"), {unit}),
        (lambda draft: edits.remove_unit(draft, unit), {unit}),
        (lambda draft: edits.move_unit(draft, unit, to=audience), {unit}),
        (lambda draft: edits.add_unit(draft, f"加{number}", [audience], None, []), set()),
    ])  # fmt: skip


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_fifty_edits_keep_every_comment_and_the_order_of_all_else(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = random.Random(seed)
    path = tmp_path_factory.mktemp("long") / "recipients.yaml"
    text = long_list(rng)
    path.write_text(text, "utf-8")
    assert text.count("\n") > 1900
    touched: set[str] = set()
    for number in range(50):
        change, names = any_edit(rng, number)
        draft = Draft(load_draft(path))
        with contextlib.suppress(InputError):  # a unit that is gone already
            change(draft)
            touched |= names
        with Prepared(draft) as prepared:
            prepared.put()
    new = path.read_text("utf-8")
    assert own_lines(new) == own_lines(text)
    assert_in_order([line for line in text.splitlines() if not any(concerns(line, name) for name in touched)], path)


def own_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip().startswith("#")]


def concerns(line: str, unit: str) -> bool:
    """Whether *line* is of *unit*; those below its name that many units have in the same words are."""
    number = unit[1:-2]
    return (
        bool(re.search(rf"第{number}单位|@u{number}\.", line))
        or line.strip() in {"contacts:", '- name: "收文0"', '- name: "收文1"'}
        or "先打电话" in line
    )
