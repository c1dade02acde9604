"""`recipients list` and `show`: every kind of thing, each with where it stands."""

from pathlib import Path

import pytest

from tests.sites import Site
from tests.test_lists_edit import LIST, ROWS


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    site = Site(tmp_path / "site", monkeypatch, capsys)
    (site.folder / "recipients.yaml").write_text(LIST, "utf-8")
    (site.folder / "m.csv").write_text(ROWS, "utf-8")
    return site


@pytest.mark.parametrize(
    ("options", "emails"),
    [
        ((), ["a@alpha", "b@beta", "b2@beta", "c@gamma", "c@gamma", "e@epsilon", "f@zeta", "f2@zeta"]),
        (("--disabled",), ["b2@beta", "f2@zeta"]),
        (("--audience", "名册"), ["e@epsilon", "f@zeta", "f2@zeta"]),
        (("--find", "市场"), ["f2@zeta"]),
        (("--find", "ALPHA"), ["a@alpha"]),
    ],
)
def test_contacts(site: Site, options: tuple[str, ...], emails: list[str]) -> None:
    ran = site.run("recipients", "list", "--json", *options)
    assert [".".join(row["email"].split(".")[:1]) for row in ran.json["rows"]] == emails
    shown = site.run("recipients", "list", *options)
    assert len(shown.out.splitlines()) == 1 + len(emails)
    assert f"{len(emails)} row" in shown.err


def test_contacts_say_where_they_stand(site: Site) -> None:
    rows = site.run("recipients", "list", "--json").json["rows"]
    places = {row["email"]: row["place"].removeprefix(f"{site.folder}/") for row in rows}
    assert (places["b2@beta.example.org"], places["f2@zeta.example.com"]) == ("recipients.yaml:24", "m.csv:5")


def test_columns_line_up(site: Site) -> None:
    lines = site.run("recipients", "list").out.splitlines()
    widths = {sum(2 if ord(sign) > 0x2E80 else 1 for sign in line.partition(str(site.folder))[0]) for line in lines[1:]}
    assert len(widths) == 1


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (
            "units",
            {"unit": "市甲局", "salutation": "市甲局办公室", "audiences": ["有关部门"], "contacts": 1, "enabled": 1},
        ),
        ("audiences", {"audience": "有关部门", "only": "送", "units": 2, "contacts": 3, "enabled": 2, "include": []}),
        ("groups", {"group": "报", "labels": ["报", "呈报"], "template": "superiors.html.j2"}),
    ],
)
def test_other_kinds(site: Site, kind: str, first: dict[str, object]) -> None:
    ran = site.run("recipients", "list", kind, "--json")
    assert first.items() <= ran.json["rows"][0].items()
    assert str(next(iter(first.values()))) in site.run("recipients", "list", kind).out


def test_units_of_an_included_file_are_counted(site: Site) -> None:
    rows = site.run("recipients", "list", "units", "--audience", "名册", "--json").json["rows"]
    assert [(row["unit"], row["audiences"], row["contacts"], row["enabled"]) for row in rows] == [
        ("戊公司", ["名册"], 1, 1),
        ("己公司", ["名册"], 2, 1),
    ]
    (audience,) = site.run("recipients", "list", "audiences", "--audience", "名册", "--json").json["rows"]
    assert (audience["units"], audience["contacts"], audience["include"]) == (2, 3, [str(site.folder / "m.csv")])


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("市甲局", "units", ["市甲局办公室", "有关部门", "a@alpha.example.org"]),
        ("己公司", "units", ["名册", "部门撤并"]),
        ("各会员单位", "audiences", ["丙公司、丁公司", "发"]),
        ("送", "groups", ["抄送", "departments.html.j2"]),
        ("C@gamma.example.com", "contacts", ["丙公司", "丁公司", "各会员单位"]),
    ],
)
def test_all_about_a_name(site: Site, name: str, kind: str, told: list[str]) -> None:
    ran = site.run("recipients", "show", name)
    assert ran.code == 0
    assert [text for text in told if text not in ran.out] == []
    assert site.run("recipients", "show", name, "--json").json[kind]


@pytest.mark.parametrize("words", [("show", "市甲"), ("show", "x@x.example"), ("list", "--audience", "有关部")])
def test_a_name_that_is_not_there(site: Site, words: tuple[str, ...]) -> None:
    ran = site.run("recipients", *words)
    assert ran.code == 2
    assert "nothing that is called" in ran.err
