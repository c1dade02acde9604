"""Chat endpoints in a list: written under their kind, known as kind:name, in files, tables and edits."""

from pathlib import Path

import pytest

from distributor.errors import InputError
from distributor.recipients import loader
from distributor.recipients.addresses import is_like_address, why_not_address
from tests.sites import GROUPS, Site

LIST = (
    GROUPS
    + """\
audiences:
  有关部门: {units: [市甲局]}
  各会员单位: {units: [丙公司], include: more.csv}
units:
  市甲局:
    contacts:
      - {name: 收文, email: a@alpha.example.org}
      # 企业微信
      - {name: 工作群, wecom: office-1}  # 群
  丙公司: {contacts: [{name: 群, feishu: desk}]}
"""
)
MORE = "单位,姓名,邮箱\n丁公司,群,dingtalk:desk\n丁公司,收文,d@delta.example.com\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    made = Site(tmp_path / "site", monkeypatch, capsys)
    (made.folder / "recipients.yaml").write_text(LIST, "utf-8")
    (made.folder / "more.csv").write_text(MORE, "utf-8")
    return made


def text(site: Site) -> str:
    return (site.folder / "recipients.yaml").read_text("utf-8")


def test_endpoints_are_read_from_the_list_and_from_an_included_file(site: Site) -> None:
    ran = site.run("recipients", "list", "--json")
    assert [row["email"] for row in ran.json["rows"]] == [
        "a@alpha.example.org", "wecom:office-1", "feishu:desk", "dingtalk:desk", "d@delta.example.com",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("contact", "code"),
    [
        ("{name: 群, wecom: Office_1}", "bad-endpoint"),
        ("{name: 群, wecom: office, email: a@example.org}", "two-addresses"),
        ("{name: 群}", "missing-key"),
        ("{name: 群, email: 'wecom:office'}", "bad-address"),
        ("{name: 群, wechat: office}", "unknown-key"),
    ],
)
def test_a_contact_has_one_address_that_can_be_one(site: Site, contact: str, code: str) -> None:
    (site.folder / "recipients.yaml").write_text(LIST.replace("{name: 群, feishu: desk}", contact), "utf-8")
    with pytest.raises(InputError) as raised:
        loader.load(site.folder / "recipients.yaml")
    assert code in {finding.code for finding in raised.value.findings}


def test_an_edit_changes_its_line_alone(site: Site) -> None:
    assert site.run("recipients", "disable", "wecom:office-1", "--reason", "群已解散", "--yes").code == 0
    wanted = LIST.replace("wecom: office-1}", "wecom: office-1, disabled: 群已解散}")
    assert text(site) == wanted


def test_a_contact_is_added_and_its_address_changed_between_kinds(site: Site) -> None:
    assert site.run("recipients", "add", "contact", "丙公司", "dingtalk:second", "--name", "二群", "--yes").code == 0
    assert "{name: 二群, dingtalk: second}" in text(site)
    ran = site.run("recipients", "set", "contact", "dingtalk:second", "--email", "two@gamma.example.com", "--yes")
    assert ran.code == 0, ran.err
    assert "{name: 二群, email: two@gamma.example.com}" in text(site)


def test_what_was_exported_is_the_same_list(site: Site, tmp_path: Path) -> None:
    before = [row["email"] for row in site.run("recipients", "list", "--json").json["rows"]]
    for name in ("all.yaml", "all.csv", "all.xlsx"):
        assert site.run("recipients", "export", tmp_path / name).code == 0
    assert "wecom: office-1" in (tmp_path / "all.yaml").read_text("utf-8")
    read = [c.email for unit in loader.load(tmp_path / "all.yaml").units.values() for c in unit.contacts]
    assert read == before
    for name in ("all.csv", "all.xlsx"):
        ran = site.run("recipients", "import", tmp_path / name, "--dry-run")
        assert ran.code == 0, ran.err
        assert site.run("recipients", "import", tmp_path / name, "--yes").code == 0
    assert text(site) == LIST


def test_an_endpoint_is_shown_and_asked_for_by_its_address(site: Site) -> None:
    assert "工作群" in site.run("recipients", "show", "wecom:office-1").out
    assert site.run("recipients", "show", "wecom:other").code != 0
    checked = site.run("recipients", "check")
    assert checked.code == 1, "a warning: nobody gave its secret"
    assert "DISTRIBUTOR_WECOM_OFFICE_1" in checked.out


@pytest.mark.parametrize(
    ("word", "is_one", "is_right"),
    [
        ("wecom:office-1", True, True),
        ("apprise:ntfy", True, True),
        ("WeCom:office", True, False),
        ("wecom:", True, False),
        ("a@example.org", True, True),
        ("市甲局", False, False),
        ("wecom", False, False),
        ("部门:wecom", False, False),
    ],
)
def test_an_address_is_told_from_a_name(word: str, is_one: bool, is_right: bool) -> None:
    assert is_like_address(word) is is_one
    assert (why_not_address(word) is None) is is_right
