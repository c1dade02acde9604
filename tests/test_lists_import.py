"""Spreadsheets taken into the list, and the list written as one: who comes, changes and goes, every problem by its cell."""  # noqa: E501

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from distributor.recipients import importing
from distributor.recipients.loader import load
from tests.sites import Ran, Site
from tests.test_lists_edit import LIST, ROWS, lines


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    site = Site(tmp_path / "site", monkeypatch, capsys)
    (site.folder / "recipients.yaml").write_text(LIST, "utf-8")
    (site.folder / "m.csv").write_text(ROWS, "utf-8")
    return site


def table(site: Site, *rows: str, name: str = "in.csv") -> Path:
    path = site.folder / name
    path.write_text("".join(f"{row}\n" for row in rows), "utf-8")
    return path


def take(site: Site, *rows: str, options: tuple[str, ...] = ()) -> Ran:
    return site.run("recipients", "import", table(site, *rows), "--yes", "--json", *options)


def counts(ran: Ran) -> dict[str, int]:
    """The counts that are not 0."""
    names = ("added", "changed", "disabled", "enabled", "unchanged", "bad")
    return {name: ran.json[name] for name in names if ran.json[name]}


def written(ran: Ran) -> tuple[list[str], list[str]]:
    return lines(ran.json["diff"], "-"), lines(ran.json["diff"], "+")


CASES: dict[str, tuple[list[str], tuple[str, ...], dict[str, int], list[str], list[str]]] = {
    "a contact of a known unit": (
        ["单位,联系人,邮箱,职责", "市甲局,某处,a2@alpha.example.org,供稿"], (), {"added": 1},
        [], ["- {name: 某处, email: a2@alpha.example.org, role: 供稿}"],
    ),
    "a contact of a unit in an included file": (
        ["单位,联系人,邮箱,电话", "戊公司,某处,e2@epsilon.example.com,0222 3000"], (), {"added": 1},
        ["单位,联系人,邮箱,职责,称呼,停用,备注"],
        ["单位,联系人,邮箱,职责,称呼,停用,备注,电话", "戊公司,某处,e2@epsilon.example.com,,戊公司办公室,,,0222 3000"],
    ),
    "a new unit of an audience": (
        ["单位,联系人,邮箱,分组", "庚公司,办公室,g@eta.example.com,各会员单位"], (), {"added": 1},
        [], ["- 庚公司", "庚公司:", "contacts:", "- {name: 办公室, email: g@eta.example.com}"],
    ),
    "a new unit of the only audience of a group": (
        ["单位,联系人,邮箱,分组", "市丙局,办公室,g@eta.example.com,送"], (), {"added": 1},
        ["有关部门: {only: 送, units: [市甲局, 市乙局]}  # by law"],
        ["有关部门: {only: 送, units: [市甲局, 市乙局, 市丙局]}  # by law",
         "市丙局:", "contacts:", "- {name: 办公室, email: g@eta.example.com}"],
    ),
    "a new unit of two audiences": (
        ["单位,联系人,邮箱,分组", "庚公司,办公室,g@eta.example.com,各会员单位、上级"], (), {"added": 1},
        ["上级: {units: []}"],
        ["- 庚公司", "上级: {units: [庚公司]}", "庚公司:", "contacts:", "- {name: 办公室, email: g@eta.example.com}"],
    ),
    "a new unit where the command says": (
        ["单位,联系人,邮箱", "庚公司,办公室,g@eta.example.com"], ("--to", "名册"), {"added": 1},
        [], ["庚公司,办公室,g@eta.example.com,,,,"],
    ),
    "new units into a file of their own": (
        ["单位,联系人,邮箱", "庚公司,办公室,g@eta.example.com"], ("--to", "上级", "--into", "new.csv"), {"added": 1},
        ["上级: {units: []}"], ["庚公司,办公室,g@eta.example.com", "上级: {units: [], include: new.csv}"],
    ),
    "a contact says something else": (
        ["单位,联系人,邮箱,职责", "市乙局,收文员,B@beta.example.org,供稿"], (), {"changed": 1},
        ["- {name: 收文, email: b@beta.example.org, role: 收文}"],
        ["- {name: 收文员, email: b@beta.example.org, role: 供稿}"],
    ),
    "a contact has a new address": (
        ["单位,联系人,邮箱", "市乙局,收文,new@beta.example.org", "市乙局,某科,b2@beta.example.org"], (),
        {"changed": 1, "unchanged": 1},
        ["- {name: 收文, email: b@beta.example.org, role: 收文}"],
        ["- {name: 收文, email: new@beta.example.org, role: 收文}"],
    ),
    "an empty cell says nothing": (
        ["单位,联系人,邮箱,职责,停用", "市乙局,收文,b@beta.example.org,,", "市乙局,某科,b2@beta.example.org,,"], (),
        {"unchanged": 2}, [], [],
    ),
    "an empty cell empties where all is to be as in the file": (
        ["单位,联系人,邮箱,职责,停用,分组", "市乙局,收文,b@beta.example.org,,,有关部门",
         "市乙局,某科,b2@beta.example.org,,,有关部门", "市甲局,收文,a@alpha.example.org,,,有关部门"],
        ("--mode", "sync"), {"changed": 1, "enabled": 1, "unchanged": 1},
        ["- {name: 收文, email: b@beta.example.org, role: 收文}",
         "- {name: 某科, email: b2@beta.example.org, disabled: 机构调整}"],
        ["- {name: 收文, email: b@beta.example.org}", "- {name: 某科, email: b2@beta.example.org}"],
    ),
    "who is not in the file is disabled, in its audiences": (
        ["单位,联系人,邮箱,分组", "市甲局,收文,a@alpha.example.org,有关部门"],
        ("--mode", "sync"), {"disabled": 1, "unchanged": 1},
        ["- {name: 收文, email: b@beta.example.org, role: 收文}"],
        ["- {name: 收文, email: b@beta.example.org, role: 收文, disabled: not in in.csv}"],
    ),
    "who is not in the file is disabled, in its included file": (
        ["单位,联系人,邮箱", "己公司,办公室,f@zeta.example.com"],
        ("--mode", "sync", "--to", "名册"), {"disabled": 1, "unchanged": 1},
        ["戊公司,办公室,e@epsilon.example.com,收文,戊公司办公室,,"],
        ["戊公司,办公室,e@epsilon.example.com,收文,戊公司办公室,not in in.csv,"],
    ),
    "a unit leaves an audience that the file does not name for it": (
        ["单位,联系人,邮箱,分组", "市甲局,收文,a@alpha.example.org,上级", "市乙局,收文,b@beta.example.org,有关部门"],
        ("--mode", "sync"), {"unchanged": 2},
        ["有关部门: {only: 送, units: [市甲局, 市乙局]}  # by law", "上级: {units: []}"],
        ["有关部门: {only: 送, units: [市乙局]}  # by law", "上级: {units: [市甲局]}"],
    ),
    "a salutation": (
        ["单位,联系人,邮箱,称呼", "市甲局,收文,a@alpha.example.org,甲局"], (), {"unchanged": 1},
        ["salutation: 市甲局办公室"], ["salutation: 甲局"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_taken(site: Site, name: str) -> None:
    rows, options, counted, gone, new = CASES[name]
    ran = take(site, *rows, options=options)
    assert ran.code == 0, ran.err
    assert (counts(ran), *written(ran)) == (counted, gone, new)


REFUSED: dict[str, tuple[list[str], tuple[str, ...], list[str]]] = {
    "an address that is none, an audience that is not there": (
        ["单位,联系人,邮箱,分组", "市甲局,某处,bad@,", "庚公司,办公室,g@eta.example.com,有关部"], (),
        ["in.csv:2: bad@ is not an e-mail address", "in.csv:3: the list has no audience 有关部", "did you mean 有关部门"],  # noqa: E501
    ),
    "a new unit of no audience": (
        ["单位,联系人,邮箱", "庚公司,办公室,g@eta.example.com"], (),
        ["in.csv:2: the list has no unit 庚公司", "--to AUDIENCE"],
    ),
    "an audience of the command that is not there": (
        ["单位,联系人,邮箱", "庚公司,办公室,g@eta.example.com"], ("--to", "有关部"), ["did you mean 有关部门"],
    ),
    "no column of addresses": (["单位,联系人", "市甲局,某处"], (), ["邮箱"]),
    "a file that is included nowhere": (
        ["单位,联系人,邮箱", "庚公司,办公室,g@eta.example.com"], ("--to", "上级", "--into", "in.csv"), ["already"],
    ),
    "bad rows left out where all is to be as in the file": (
        ["单位,联系人,邮箱", "市甲局,某处,bad@"], ("--mode", "sync", "--skip-bad"), ["every row"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(site: Site, name: str) -> None:
    rows, options, told = REFUSED[name]
    before = {path: path.read_bytes() for path in (site.folder / "recipients.yaml", site.folder / "m.csv")}
    ran = site.run("recipients", "import", table(site, *rows), "--yes", *options)
    assert ran.code == 2
    assert [text for text in told if text not in ran.err] == []
    assert "Traceback" not in ran.err
    assert {path: path.read_bytes() for path in before} == before


def test_bad_rows_can_be_left_out(site: Site) -> None:
    rows = [
        "单位,联系人,邮箱,分组",
        "市甲局,某处,bad@,",
        "市甲局,某处,a2@alpha.example.org,有关部",
        "市甲局,另处,a3@alpha.example.org,",
    ]
    ran = take(site, *rows, options=("--skip-bad",))
    assert counts(ran) == {"added": 1, "bad": 2}
    assert written(ran) == ([], ["- {name: 另处, email: a3@alpha.example.org}"])


def test_hidden_rows_disable_nobody(site: Site) -> None:
    book = Workbook()
    sheet: Any = book.active
    sheet.title = "表1"
    for row in (
        ["单位", "联系人", "邮箱"],
        ["市甲局", "收文", "a@alpha.example.org"],
        ["市乙局", "收文", "b@beta.example.org"],
    ):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    path = site.folder / "in.xlsx"
    book.save(path)
    refused = site.run("recipients", "import", path, "--mode", "sync", "--to", "有关部门", "--yes")
    assert refused.code == 2
    assert "hidden rows" in refused.err
    taken = site.run("recipients", "import", path, "--mode", "sync", "--to", "有关部门", "--hidden", "--yes", "--json")
    assert counts(taken) == {"unchanged": 2}


def test_nothing_is_taken_unless_the_answer_is_yes(site: Site) -> None:
    path = table(site, "单位,联系人,邮箱", "市甲局,某处,a2@alpha.example.org")
    ran = site.run("recipients", "import", path)
    assert ran.code == 2
    assert "+ 市甲局 某处 <a2@alpha.example.org>" in ran.err
    assert "1 added" in ran.err
    assert "a2@" not in (site.folder / "recipients.yaml").read_text("utf-8")


def test_many_new_contacts_want_a_file_of_their_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MOST_IN_LIST", 3)
    rows = ["单位,联系人,邮箱", *(f"新{n},办公室,n{n}@n.example.org" for n in range(4))]
    refused = take(site, *rows, options=("--to", "上级"))
    assert refused.code == 2
    assert "--into" in refused.err
    assert counts(take(site, *rows, options=("--to", "上级", "--into", "new.csv"))) == {"added": 4}
    assert len(list(load(site.folder / "recipients.yaml").audiences["上级"].includes[0].read())) == 4


# There and back


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "yaml"])
def test_what_was_exported_changes_nothing(site: Site, suffix: str) -> None:
    path = site.folder / f"out.{suffix}"
    exported = site.run("recipients", "export", path, "--json")
    assert exported.json["contacts"] == 8
    for mode in ("add", "sync"):
        ran = site.run("recipients", "import", path, "--mode", mode, "--yes", "--json")
        assert (counts(ran), ran.json["written"]) == ({"unchanged": 8}, False), ran.err


def test_an_exported_list_is_a_list(site: Site) -> None:
    site.run("recipients", "export", site.folder / "out.yaml")
    before, after = load(site.folder / "recipients.yaml"), load(site.folder / "out.yaml")
    assert {name: group.labels for name, group in after.groups.items()} == {
        n: g.labels for n, g in before.groups.items()
    }
    assert after.audiences["名册"].units == ("戊公司", "己公司")
    assert after.units["戊公司"].salutation == "戊公司办公室"
    assert [contact.disabled for contact in after.units["己公司"].contacts] == [None, "部门撤并"]


def test_only_one_audience_is_exported(site: Site) -> None:
    path = site.folder / "out.csv"
    site.run("recipients", "export", path, "--audience", "有关部门")
    assert [row.split(",")[1] for row in path.read_text("utf-8-sig").splitlines()[1:]] == ["市甲局", "市乙局", "市乙局"]


@pytest.mark.parametrize(("file", "told"), [("out.doc", "possible are"), ("none/out.csv", "cannot be written")])
def test_an_export_that_cannot_be(site: Site, file: str, told: str) -> None:
    ran = site.run("recipients", "export", site.folder / file)
    assert ran.code == 2
    assert told in ran.err


def test_an_audience_that_is_not_there_is_not_exported(site: Site) -> None:
    path = site.folder / "out.csv"
    ran = site.run("recipients", "export", path, "--audience", "有关部们", "--json")
    assert (ran.code, [finding["code"] for finding in ran.json["findings"]]) == (2, ["unknown-audience"])
    assert "did you mean 有关部门?" in ran.err
    assert not path.exists()


TEXTS = (
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Cn", "Co"]), min_size=1, max_size=8)
    .map(str.strip)
    .filter(bool)
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4), st.sampled_from(["csv", "xlsx", "yaml"]))
def test_any_list_comes_back_as_it_was(site: Site, rows: list[tuple[str, str, str]], suffix: str) -> None:
    start = site.folder / "start.yaml"
    path = site.folder / "recipients.yaml"
    start.write_text(LIST, "utf-8")
    path.write_text(LIST, "utf-8")
    for number, (name, role, note) in enumerate(rows):
        words = ("--name", name, f"--role={role}", f"--note={note}", "--yes")
        site.run("recipients", "add", "contact", "市甲局", f"x{number}@x.example.org", *words)
    before = path.read_bytes()
    out = site.folder / f"out.{suffix}"
    assert site.run("recipients", "export", out).code == 0
    ran = site.run("recipients", "import", out, "--mode", "sync", "--yes")
    assert ran.code == 0, ran.err
    assert path.read_bytes() == before
