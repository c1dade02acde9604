"""What an import does to units: where new ones go, their audiences and salutations; and that twice is once."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distributor.recipients.loader import load
from tests.sites import GROUPS, Ran, Site
from tests.test_lists_import import counts, take, written

LIST = (
    GROUPS
    + """\
audiences:
  有关部门: {only: 送, units: [市甲局]}
  会员: {include: m.csv}
  全体: {include: m.csv}
  来宾: {include: g.csv}
units:
  市甲局:
    salutation: 甲局
    contacts:
      - {name: 收文, email: a@alpha.example.org}
      - {name: 收文, email: A@alpha.example.org, note: "\\n"}
"""
)
MEMBERS = """\
单位,联系人,邮箱,称呼
市甲局,协会处,a2@alpha.example.org,甲局协会处
戊公司,办公室,e@epsilon.example.com,
戊公司,市场部,e2@epsilon.example.com,戊公司市场部
"""
GUESTS = """\
单位,联系人,邮箱
来宾,秘书,guest@guests.example.org
"""
EVERYBODY = 6


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    site = Site(tmp_path / "site", monkeypatch, capsys)
    start(site)
    return site


def start(site: Site) -> None:
    for name, text in {"recipients.yaml": LIST, "m.csv": MEMBERS, "g.csv": GUESTS}.items():
        (site.folder / name).write_text(text, "utf-8")


def members(site: Site, audience: str) -> tuple[str, ...]:
    return load(site.folder / "recipients.yaml").audiences[audience].units


@pytest.mark.parametrize("mode", ["add", "sync"])
@pytest.mark.parametrize("suffix", ["csv", "xlsx", "yaml"])
def test_a_unit_of_the_list_and_of_a_file_comes_back_as_it_was(site: Site, suffix: str, mode: str) -> None:
    path = site.folder / f"out.{suffix}"
    assert site.run("recipients", "export", path, "--json").json["contacts"] == EVERYBODY
    ran = site.run("recipients", "import", path, "--mode", mode, "--yes", "--json")
    assert (counts(ran), ran.json["written"]) == ({"unchanged": EVERYBODY}, False), ran.json["diff"]


def test_a_contact_of_a_file_stays_in_its_audiences_and_that_is_told(site: Site) -> None:
    ran = take(site, "单位,联系人,邮箱,分组", "戊公司,办公室,e@epsilon.example.com,有关部门")
    assert counts(ran) == {"unchanged": 1}
    (remark,) = ran.json["remarks"]
    assert (remark["code"], remark["line"]) == ("included-unit", 2)
    assert "m.csv, which 有关部门 does not include" in remark["message"]


def test_a_contact_of_a_file_gets_the_salutation_of_its_row(site: Site) -> None:
    ran = take(
        site,
        "单位,联系人,邮箱,称呼",
        "戊公司,办公室,e@epsilon.example.com,戊公司办",
        "戊公司,新人,e3@epsilon.example.com,新人",
    )
    assert written(ran) == (
        ["戊公司,办公室,e@epsilon.example.com,"],
        ["戊公司,办公室,e@epsilon.example.com,戊公司办", "戊公司,新人,e3@epsilon.example.com,新人"],
    )


def test_an_empty_salutation_says_something_only_where_all_is_to_be_as_in_the_file(site: Site) -> None:
    rows = [
        "单位,联系人,邮箱,称呼,分组",
        "市甲局,收文,a@alpha.example.org,,有关部门",
        "市甲局,收文,A@alpha.example.org,,有关部门",
    ]
    assert written(take(site, *rows)) == ([], [])
    assert written(take(site, *rows, options=("--mode", "sync"))) == (["salutation: 甲局"], [])


NEW: dict[str, tuple[str, tuple[str, ...], list[str]]] = {
    "of two audiences that include the same file": (
        "会员、全体", (), ["庚公司,办公室,g@eta.example.com,"],
    ),
    "of two audiences that include different files": (
        "会员、来宾", (),
        ["会员: {include: m.csv, units: [庚公司]}", "来宾: {include: g.csv, units: [庚公司]}",
         "庚公司:", "contacts:", "- {name: 办公室, email: g@eta.example.com}"],
    ),
    "of an audience with a file and one without": (
        "会员、有关部门", (),
        ["有关部门: {only: 送, units: [市甲局, 庚公司]}", "会员: {include: m.csv, units: [庚公司]}",
         "庚公司:", "contacts:", "- {name: 办公室, email: g@eta.example.com}"],
    ),
    "into a file, of two audiences that include it": (
        "会员、全体", ("--into", "./m.csv"), ["庚公司,办公室,g@eta.example.com,"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NEW)
def test_a_new_unit(site: Site, name: str) -> None:
    audiences, options, new = NEW[name]
    ran = take(site, "单位,联系人,邮箱,分组", f"庚公司,办公室,g@eta.example.com,{audiences}", options=options)
    assert ran.code == 0, ran.err
    assert sorted(written(ran)[1]) == sorted(new)


def test_a_new_unit_of_several_audiences_is_not_put_into_a_file_of_one(site: Site) -> None:
    ran = take(site, "单位,联系人,邮箱,分组", "庚公司,办公室,g@eta.example.com,会员、来宾", options=("--into", "m.csv"))
    assert ran.code == 2
    (finding,) = ran.json["findings"]
    assert (finding["code"], finding["line"]) == ("two-homes", 2)


def test_no_file_is_made_for_nobody(site: Site) -> None:
    row = "戊公司,办公室,e@epsilon.example.com"
    assert counts(take(site, "单位,联系人,邮箱", row, options=("--into", "new.csv"))) == {"unchanged": 1}
    assert not (site.folder / "new.csv").exists()


@pytest.mark.parametrize("rows", [["单位,联系人,邮箱"], ["单位,联系人,邮箱", "合计：0,,"]])
def test_a_file_without_anybody_disables_nobody(site: Site, rows: list[str]) -> None:
    assert take(site, *rows).code == 0
    ran = take(site, *rows, options=("--mode", "sync"))
    assert ran.code == 2
    assert [each["code"] for each in ran.json["findings"] if each["severity"] == "error"] == ["no-rows"]


def test_who_is_of_an_audience_since_this_file_and_is_not_in_it_is_disabled(site: Site) -> None:
    take(site, "单位,联系人,邮箱", "市甲局,某处,b@alpha.example.org")
    rows = ["单位,联系人,邮箱,分组", "市甲局,收文,a@alpha.example.org,来宾", "来宾,秘书,guest@guests.example.org,来宾"]
    ran = take(site, *rows, options=("--mode", "sync"))
    assert counts(ran) == {"unchanged": 2, "disabled": 1}
    assert members(site, "来宾") == ("市甲局",)
    assert counts(take(site, *rows, options=("--mode", "sync"))) == {"unchanged": 2}


def test_contacts_that_go_into_a_file_do_not_count_for_the_list(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distributor.recipients.importing.MOST_IN_LIST", 3)
    rows = ["单位,联系人,邮箱,分组", *(f"新{n},办公室,n{n}@n.example.org,会员" for n in range(4))]
    assert counts(take(site, *rows)) == {"added": 4}


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["市甲局", "戊公司", "来宾", "新一", "新二"]),
        st.sampled_from(["收文", "办公室", "秘书", ""]),
        st.sampled_from(
            ["a@alpha.example.org", "e@epsilon.example.com", "guest@guests.example.org", "n@n.example.org"]
        ),
        st.sampled_from(["", "业务", "=1+1"]),
        st.sampled_from(["", "搬迁"]),
        st.sampled_from(["有关部门", "会员、全体", "来宾、有关部门", "全体"]),
    ),
    min_size=1,
    max_size=6,
)


def imported(site: Site, rows: list[tuple[str, ...]], mode: str) -> Ran:
    lines = ["单位,联系人,邮箱,职责,停用,分组", *(",".join(row) for row in rows)]
    return take(site, *lines, options=("--mode", mode))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROWS, st.sampled_from(["add", "sync"]))
def test_twice_is_once(site: Site, rows: list[tuple[str, ...]], mode: str) -> None:
    start(site)
    first = imported(site, rows, mode)
    assert first.code == 0, first.err
    again = imported(site, rows, mode)
    assert (again.code, again.json["written"]) == (0, False), again.json["diff"]
