"""All that is known of one address: where it stands, what changed of it, every issue and what became of it."""

from pathlib import Path
from typing import Any

import pytest

from distributor.recipients.addresses import address_key
from tests.sites import Site

MEMBERS = "单位,联系人,邮箱,停用\n己公司,收文,Office@Zeta.Example.Com,\n己公司,某科,dept@zeta.example.com,机构调整\n"


@pytest.fixture
def sent(site: Site) -> Site:
    """A site with a file of members that has sent issue 60."""
    (site.folder / "members.csv").write_text(MEMBERS, "utf-8")
    edit(site, "[丙公司, 丁公司, 戊公司]", "[丙公司, 丁公司, 戊公司], include: members.csv")
    assert site.send().code == 0
    return site


def edit(site: Site, old: str, new: str) -> None:
    path = site.folder / "recipients.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    site.run("recipients", "history")


def known(site: Site, address: str) -> Any:
    ran = site.run("recipients", "who", address, "--json")
    assert ran.code == 0
    assert ran.json["schema"] == "distributor.recipients-who/1"
    return ran.json


def changes(document: Any) -> list[tuple[str, str]]:
    """Kinds and actions, the newest first."""
    return [(each["kind"], each["action"]) for version in document["changes"] for each in version["changes"]]


@pytest.mark.parametrize("address", ["office@zeta.example.com", "OFFICE@ZETA.EXAMPLE.COM"])
def test_an_address_is_known_in_whatever_form_it_is_written(sent: Site, address: str) -> None:
    document = known(sent, address)
    assert document["key"] == "office@zeta.example.com"
    (standing,) = document["list"]
    assert standing == {
        "unit": "己公司", "name": "收文", "address": "Office@Zeta.Example.Com", "role": None, "phone": None,
        "note": None, "disabled": None, "audiences": ["各会员单位"],
        "file": str(sent.folder / "members.csv"), "line": 2,
    }  # fmt: skip
    (issue,) = document["issues"]
    assert (issue["issue"]["ref"], issue["delivery"]["state"], issue["left_out"]) == ("60", "sent", None)


def test_a_domain_in_chinese_is_known_in_both_forms(site: Site) -> None:
    edit(site, "a@alpha.example.org", "a@办公.example.org")
    edit(site, "b@beta.example.org", "b@办公.example.org, disabled: 退休")
    site.send()
    ascii_form = address_key("a@办公.example.org").removeprefix("a@")
    assert ascii_form.startswith("xn--")
    for domain in ("办公.example.org", ascii_form):
        document = known(site, f"a@{domain}")
        assert [standing["unit"] for standing in document["list"]] == ["市甲局"]
        assert len(document["issues"]) == 1
        assert known(site, f"b@{domain}")["issues"][0]["left_out"]["reason"] == "disabled"


def test_an_issue_that_left_it_out_is_told_with_the_reason(sent: Site) -> None:
    document = known(sent, "dept@zeta.example.com")
    (issue,) = document["issues"]
    assert issue["delivery"] is None
    assert issue["left_out"]["why"] == "The list has it as disabled: 机构调整"
    assert (
        "己公司 某科: The list has it as disabled: 机构调整"
        in sent.run("recipients", "who", "dept@zeta.example.com").out
    )


def test_what_became_of_every_letter_is_told_newest_first(sent: Site) -> None:
    sent.run("send", sent.write_bulletin("61.txt", number=5, total=61), "--yes")
    out = sent.run("recipients", "who", "a@alpha.example.org").out
    first, second = (line for line in out.splitlines() if "sent: The relay took it." in line)
    assert "  61  送  sent" in first
    assert "  60  送  sent" in second
    assert "      250 2.0.0 kept as" in out


def test_changes_of_the_address_and_of_its_unit_are_told(sent: Site) -> None:
    edit(sent, "c@gamma.example.com", "c2@gamma.example.com")
    edit(sent, "[丙公司, 丁公司, 戊公司]", "[丁公司, 戊公司]")
    edit(sent, "丙公司", "丙集团")
    edit(sent, "d@delta.example.com", "d2@delta.example.com")
    today = known(sent, "c2@gamma.example.com")
    expected = [("unit", "renamed"), ("member", "removed"), ("contact", "address"), ("list", "first")]
    assert changes(today) == expected
    assert today["list"][0]["audiences"] == []
    assert today["issues"] == []
    former = known(sent, "c@gamma.example.com")
    assert former["list"] == []
    assert changes(former) == expected[1:]
    assert len(former["issues"]) == 1
    out = sent.run("recipients", "who", "c@gamma.example.com").out
    assert "It is not in the list today." in out
    assert "    ~ 丙公司 收文1: c@gamma.example.com → c2@gamma.example.com\n" in out
    assert "in no audience: it gets nothing" in sent.run("recipients", "who", "c2@gamma.example.com").out


def test_an_address_that_was_sent_nothing_is_known_by_the_list(site: Site) -> None:
    out = site.run("recipients", "who", "a@alpha.example.org").out
    assert f"  市甲局 收文1  有关部门  {site.folder}/recipients.yaml:10\n" in out
    assert "It has been sent none." in out


def test_what_is_known_without_the_list(sent: Site) -> None:
    (sent.folder / "recipients.yaml").write_text("groups: [", "utf-8")
    document = known(sent, "a@alpha.example.org")
    assert len(document["issues"]) == 1
    assert {finding["severity"] for finding in document["findings"]} == {"warning"}
    ran = sent.run("recipients", "who", "a@alpha.example.org")
    assert "not in the list" not in ran.out
    assert "! " in ran.err
    nobody = sent.run("recipients", "who", "nobody@alpha.example.org")
    assert nobody.code == 2
    assert "! " in nobody.err


NEAR = {
    "another ending": ("a@alpha.example.com", "a@alpha.example.org"),
    "a slip": ("offise@zeta.example.com", "Office@Zeta.Example.Com"),
    "disabled": ("depd@zeta.example.com", "dept@zeta.example.com"),
}


@pytest.mark.parametrize(("address", "near"), NEAR.values(), ids=NEAR)
def test_of_an_address_that_is_nowhere_the_nearest_is_named(sent: Site, address: str, near: str) -> None:
    ran = sent.run("recipients", "who", address, "--json")
    assert ran.code == 2
    (finding,) = ran.json["findings"]
    assert (finding["code"], finding["remedy"]) == ("unknown-address", f"did you mean {near}?")


def test_where_none_is_near_none_is_named(sent: Site) -> None:
    finding = sent.run("recipients", "who", "nobody@nowhere.example.org", "--json").json["findings"][0]
    assert finding["remedy"] is None


@pytest.mark.parametrize("address", ["office", "", "office＠zeta.example.com", "a@b@c"])
def test_what_is_no_address_is_refused(sent: Site, address: str) -> None:
    ran = sent.run("recipients", "who", address, "--json")
    assert ran.code == 2
    assert ran.json["findings"][0]["code"] == "bad-address"


def test_a_long_list_names_the_nearest_too(site: Site, tmp_path: Path) -> None:
    rows = "".join(f"公司{number},收文,office{number}@m{number % 70}.example.net\n" for number in range(7000))
    (site.folder / "members.csv").write_text("单位,联系人,邮箱\n" + rows, "utf-8")
    edit(site, "[丙公司, 丁公司, 戊公司]", "[丙公司, 丁公司, 戊公司], include: members.csv")
    ran = site.run("recipients", "who", "office6999@m69.example.nett", "--json")
    assert ran.json["findings"][0]["remedy"] == "did you mean office6999@m69.example.net?"
