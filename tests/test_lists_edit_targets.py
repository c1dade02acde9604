"""Commands that change the list: whom a name means, what is refused, and that a text is changed in its place."""

from pathlib import Path

import pytest

from distributor.recipients import edits
from distributor.recipients.draft import Draft
from distributor.recipients.loader import load_draft
from tests.sites import GROUPS, Site
from tests.test_lists_edit import LIST, ROWS, edit, lines


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    site = Site(tmp_path / "site", monkeypatch, capsys)
    (site.folder / "recipients.yaml").write_text(LIST, "utf-8")
    (site.folder / "m.csv").write_text(ROWS, "utf-8")
    return site


REFUSED = {
    "a contact without address": (
        ["set", "contact", "a@alpha.example.org", "--email", ""], "bad-text", "email: there is no text",
    ),
    "a contact without name": (
        ["set", "contact", "a@alpha.example.org", "--name", ""], "bad-text", "name: there is no text",
    ),
    "a row without address": (
        ["set", "contact", "e@epsilon.example.com", "--email", ""], "bad-text", "email: there is no text",
    ),
    "the address of another contact of the unit": (
        ["set", "contact", "b@beta.example.org", "--email", "B2@beta.example.org"], "contact-exists", "市乙局 has",
    ),
    "the address of another row of the unit": (
        ["set", "contact", "f@zeta.example.com", "--email", "f2@zeta.example.com"], "contact-exists", "己公司 has",
    ),
    "a contact that another unit has": (
        ["set", "contact", "a@alpha.example.org", "--unit", "市乙局", "--role", "收文"], "unknown-name",
        "市乙局 has no contact with the address a@alpha.example.org",
    ),
    "contacts that another unit has": (
        ["disable", "a@alpha.example.org", "--unit", "市乙局", "--reason", "搬迁"], "unknown-name",
        "市乙局 has no contact with the address a@alpha.example.org",
    ),
    "a unit of a file that is not of the audience it should leave": (
        ["move", "unit", "戊公司", "--from", "有关部门", "--to", "各会员单位"], "unknown-unit",
        "有关部门 has no unit 戊公司",
    ),
    "a place behind a unit that is not there": (
        ["move", "unit", "戊公司", "--to", "各会员单位", "--after", "市甲局"], "unknown-unit",
        "各会员单位 has no unit 市甲局",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(site: Site, name: str) -> None:
    words, code, told = REFUSED[name]
    ran = edit(site, *words, "--json")
    assert ran.code == 2
    assert [finding["code"] for finding in ran.json["findings"]] == [code]
    assert told in ran.err


def test_whose_contact_is_meant_goes_with_addresses(site: Site) -> None:
    ran = edit(site, "disable", "市甲局", "--unit", "市甲局", "--reason", "搬迁")
    assert (ran.code, "--unit says whose contact" in ran.err) == (2, True)


TWICE = """\
      - {name: 收文, email: b@beta.example.org}
      - {name: 某科, email: B@beta.example.org}
"""


def test_of_two_contacts_of_a_unit_the_one_is_meant_that_is_written_so(site: Site) -> None:
    path = site.folder / "recipients.yaml"
    first = "      - {name: 收文, email: b@beta.example.org, role: 收文}\n"
    path.write_text(LIST.replace(first, TWICE), "utf-8")
    ran = edit(site, "remove", "contact", "B@beta.example.org", "--json")
    assert lines(ran.json["diff"], "-") == ["- {name: 某科, email: B@beta.example.org}"]


@pytest.mark.parametrize("words", [[], ["--unit", "市乙局"]])
def test_two_contacts_of_a_unit_with_the_same_address_are_told_with_their_lines(site: Site, words: list[str]) -> None:
    path = site.folder / "recipients.yaml"
    first = "      - {name: 收文, email: b@beta.example.org, role: 收文}\n"
    path.write_text(LIST.replace(first, TWICE.replace("B@", "b@")), "utf-8")
    ran = edit(site, "remove", "contact", "b@beta.example.org", *words)
    number = path.read_text("utf-8").splitlines().index(TWICE.splitlines()[0]) + 1
    assert ran.code == 2
    assert f"recipients.yaml:{number}, {path}:{number + 1}" in ran.err


def test_two_rows_of_a_unit_with_the_same_address_are_told_with_their_lines(site: Site) -> None:
    (site.folder / "m.csv").write_text(ROWS + "己公司,办公室,f@zeta.example.com,,,,\n", "utf-8")
    ran = edit(site, "remove", "contact", "f@zeta.example.com")
    assert (ran.code, "m.csv:3, " in ran.err) == (2, True)


def test_an_address_may_be_written_otherwise(site: Site) -> None:
    ran = edit(site, "set", "contact", "a@alpha.example.org", "--email", "A@alpha.example.org", "--json")
    assert lines(ran.json["diff"], "+") == ["- {name: 收文, email: A@alpha.example.org}  # by phone first"]


def test_a_unit_of_a_file_moves_behind_another_one(site: Site) -> None:
    ran = edit(site, "move", "unit", "戊公司", "--from", "名册", "--to", "各会员单位", "--after", "丙公司", "--json")
    assert ran.code == 0, ran.err
    assert load_draft(site.folder / "recipients.yaml").roster.audiences["各会员单位"].units == (
        "丙公司",
        "戊公司",
        "丁公司",
    )


def test_a_unit_that_is_there_already_stays_in_its_file(site: Site) -> None:
    ran = edit(site, "move", "unit", "戊公司", "--to", "名册", "--json")
    assert (ran.code, ran.json["written"]) == (0, False)


def test_a_note_steers_no_terminal(site: Site) -> None:
    rows = ROWS.replace("收文,戊公司办公室,,", '收文,戊公司办公室,,"\x1b[31m\r红"')
    (site.folder / "m.csv").write_bytes(rows.encode())
    ran = edit(site, "disable", "e@epsilon.example.com", "--reason", "搬迁")
    assert (ran.code, "\x1b" in ran.err, "\r" in ran.err) == (0, False, False)
    shown = site.run("recipients", "show", "e@epsilon.example.com").out
    assert ("\x1b" in shown, "红" in shown) == (False, True)
    assert "\x1b[31m\r红" in (site.folder / "m.csv").read_bytes().decode()


def test_a_unit_that_an_audience_names_twice(site: Site) -> None:
    path = site.folder / "recipients.yaml"
    path.write_text(LIST.replace("[市甲局, 市乙局]", "[市甲局, 市乙局, 市甲局]"), "utf-8")
    assert edit(site, "rename", "unit", "市甲局", "市丙局").code == 0
    assert "units: [市丙局, 市乙局, 市丙局]" in path.read_text("utf-8")
    assert edit(site, "set", "unit", "市丙局", "--join", "上级", "--leave", "有关部门").code == 0
    assert "units: [市乙局]" in path.read_text("utf-8")
    path.write_text(LIST.replace("[市甲局, 市乙局]", "[市甲局, 市乙局, 市甲局]"), "utf-8")
    assert edit(site, "remove", "unit", "市甲局").code == 0


def test_a_list_of_included_files_alone_gets_a_unit(site: Site) -> None:
    path = site.folder / "recipients.yaml"
    path.write_text(GROUPS + "audiences:\n  名册: {include: m.csv}\n  其他: {}\n", "utf-8")
    words = ("--contact", "办公室 <n@n.example.org>")
    assert edit(site, "add", "unit", "新单位", "--to", "其他", *words).code == 0
    assert load_draft(path).roster.audiences["其他"].units == ("新单位",)


IN_PLACE = """\
groups:
  发: {labels: [发], template: a.j2, subject: b}
audiences:
  会员:
    units: [甲]
    only: 发  # since 2020
    include: m.csv  # of the association
  其他: {units: [甲]}
units:
  甲:
    contacts:
      - email: a@a.example.org
        note: ""
        name: 收文
    salutation: 甲公司  # by phone
"""


def test_texts_are_changed_in_their_places(tmp_path: Path) -> None:
    path = tmp_path / "recipients.yaml"
    path.write_text(IN_PLACE, "utf-8")
    (tmp_path / "m.csv").write_text("单位,联系人,邮箱\n", "utf-8")
    draft = Draft(load_draft(path))
    edits.set_salutation(draft, "甲", "甲公司办公室")
    edits.set_includes(draft, "会员", ["n.csv"])
    draft.put(draft.of_unit("甲")[0], {"name": "办公室"})
    new = IN_PLACE.replace("甲公司  #", "甲公司办公室  #").replace("m.csv", "n.csv").replace("收文", "办公室")
    assert draft.text() == new
    edits.set_only(draft, "会员", None)
    assert draft.text() == new.replace("    only: 发  # since 2020\n", "")


def test_contacts_of_a_renamed_unit_are_found_by_its_new_name(tmp_path: Path) -> None:
    path = tmp_path / "recipients.yaml"
    path.write_text(IN_PLACE, "utf-8")
    (tmp_path / "m.csv").write_text("单位,联系人,邮箱\n甲,某处,b@a.example.org\n", "utf-8")
    draft = Draft(load_draft(path))
    edits.rename_unit(draft, "甲", "乙")
    assert [entry.fields["email"] for entry in draft.of_unit("乙")] == ["a@a.example.org", "b@a.example.org"]


def test_an_export_of_an_audience_that_is_not_there(site: Site) -> None:
    ran = site.run("recipients", "export", site.folder / "out.csv", "--audience", "各会员", "--json")
    assert (ran.code, ran.json["findings"][0]["code"]) == (2, "unknown-audience")
    assert not (site.folder / "out.csv").exists()


def test_what_can_be_exported_is_told(site: Site) -> None:
    ran = site.run("recipients", "export", site.folder / "out.doc")
    assert "possible are: .xlsx, .csv, .yaml" in ran.err
