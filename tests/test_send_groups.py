"""Who gets which letter when groups are sent one by one, and whom the account names; `send`, `check` and `resend`."""

import re
from collections.abc import Iterable

import pytest

from tests.sites import BULLETIN, DEPARTMENTS, MEMBERS, Site, address_of, texts

BOTH = {
    "有关部门": {"市甲局": ["x@alpha.example.org"], "市乙局": ["b@beta.example.org"]},
    "各会员单位": {"丙公司": ["X@alpha.example.org"], "丁公司": ["d@delta.example.com"]},
}


def disable(site: Site, addresses: Iterable[str]) -> None:
    """Have the list say of these contacts that they are disabled."""
    path = site.folder / "recipients.yaml"
    text = path.read_text("utf-8")
    for address in addresses:
        text = text.replace(f"email: {address}", f"email: {address}, disabled: 停用")
    path.write_text(text, "utf-8")


def contacts(site: Site) -> list[list[str]]:
    """Group, audience, unit and contact of each row of the spreadsheet."""
    return [row.split(",")[:4] for row in site.run("report", "60", "--format", "csv").out.splitlines()[1:]]


# One group after the other


@pytest.mark.parametrize("order", ["送发", "发送"])
def test_an_address_of_two_groups_gets_the_higher_one_s_letter_alone(site: Site, order: str) -> None:
    """A department never gets the members' letter, whichever group is sent, and in whatever order."""
    site.write_list(BOTH)
    said = {group: site.send("--group", group) for group in order}
    assert [ran.code for ran in said.values()] == [0, 0]
    assert "gets the letter of" not in said["送"].err
    assert "x@alpha.example.org gets the letter of 送, which is not sent now" in said["发"].err
    found = {address_of(letter): texts(letter)[0] for letter in site.letters()}
    assert len(site.letters()) == len(found) == 3
    assert "请参考。" in found["x@alpha.example.org"]
    assert "请阅知。" in found["d@delta.example.com"]


def test_a_group_whose_addresses_all_get_another_letter_is_not_opened(site: Site) -> None:
    mailbox = ["x@alpha.example.org"]
    site.write_list({"有关部门": {"市甲局": mailbox}, "各会员单位": {"丙公司": mailbox}})
    ran = site.send("--group", "发")
    assert ran.code == 2
    assert "gets the letter of 送" in ran.err
    assert "nobody is left to send to" in ran.err
    assert site.letters() == []


def test_an_unknown_name_of_a_group_that_is_not_sent_stops_nothing(site: Site) -> None:
    bulletin = site.write_bulletin(text=BULLETIN.replace("送：有关部门", "送：有关部们"))
    ran = site.run("send", bulletin, "--yes", "--group", "发")
    assert ran.code == 0, ran.err
    assert "the list has no audience 有关部们; 送 is not sent now" in ran.err
    assert len(site.letters()) == 3
    assert site.run("report", "60").code == 0


def test_those_who_came_later_do_not_get_a_lower_group_s_letter_either(site: Site) -> None:
    site.send("--group", "发")
    departments = DEPARTMENTS | {"市丙局": ["new@gamma.example.org"]}
    members = MEMBERS | {"市丙局": ["new@gamma.example.org"], "己公司": ["f@zeta.example.com"]}
    site.write_list({"有关部门": departments, "各会员单位": members})
    assert site.run("resend", "60", "--missing", "--yes").code == 0
    reached = {address_of(letter) for letter in site.letters()}
    assert "f@zeta.example.com" in reached
    assert not {address for address in reached if address.endswith(".example.org")}


# Who is named


def test_the_account_of_a_shared_mailbox_names_audiences_and_units_of_both_groups(site: Site) -> None:
    site.write_list(BOTH)
    ran = site.send()
    assert "x@alpha.example.org is reached as 送+发 (有关部门、各会员单位); it gets one letter, that of 送" in ran.err
    assert contacts(site)[:2] == [["送", "有关部门", "市甲局", "收文1"], ["送", "各会员单位", "丙公司", "收文1"]]


def test_a_unit_of_both_groups_is_one_row_with_both_audiences(site: Site) -> None:
    unit = {"市甲局": ["x@alpha.example.org"]}
    site.write_list({"有关部门": unit, "各会员单位": unit})
    site.send()
    assert contacts(site) == [["送", "有关部门、各会员单位", "市甲局", "收文1"]]


# Names that reach nobody


@pytest.mark.parametrize("units", [{}, DEPARTMENTS], ids=["no units", "no enabled contact"])
def test_a_name_that_reaches_nobody_is_warned_of_and_stays_in_the_account(
    site: Site, units: dict[str, list[str]]
) -> None:
    site.write_list({"有关部门": units, "各会员单位": MEMBERS})
    disable(site, [address for emails in units.values() for address in emails])
    checked = site.run("check", site.bulletin)
    assert checked.code == 0
    assert "送：有关部门 (0)" in checked.out
    ran = site.send()
    assert ran.code == 1
    assert re.search(r"60\.txt:\d+: .*有关部门 reaches nobody", ran.err)
    assert len(site.letters()) == 3
    report = site.run("report", "60")
    assert report.code == 1
    assert "送  有关部门: No unit of this audience had an enabled contact." in report.out
    assert "送,有关部门,,,,,reaches nobody" in site.run("report", "60", "--format", "csv").out
    assert site.run("report", "60", "--json").json["omitted"][-1]["reason"] == "empty"
    assert "ended, not everybody has it" in site.run("status").out


def test_once_it_reaches_somebody_nothing_is_missing(site: Site) -> None:
    site.write_list({"有关部门": {}, "各会员单位": MEMBERS})
    assert site.send().code == 1
    site.write_list({"有关部门": DEPARTMENTS, "各会员单位": MEMBERS})
    assert site.run("resend", "60", "--missing", "--yes").code == 0
    assert len(site.letters()) == 6
    report = site.run("report", "60")
    assert (report.code, "Not written to" in report.out) == (0, False)
    assert "all sent" in site.run("status").out


def test_a_name_added_to_the_list_later_is_not_left_out_any_more(site: Site) -> None:
    bulletin = site.write_bulletin(text=BULLETIN.replace("送：有关部门", "送：有关部门、市丙局"))
    assert site.run("send", bulletin, "--yes", "--allow-unresolved").code == 1
    late = {"市丙局": {"市丙局": ["new@gamma.example.org"]}}
    site.write_list({"有关部门": DEPARTMENTS, "各会员单位": MEMBERS, **late})
    ran = site.run("resend", "60", "--missing", "--yes")
    assert ran.code == 0, ran.out
    assert "all sent" in site.run("status").out


def test_a_contact_enabled_later_is_not_counted_as_disabled_any_more(site: Site) -> None:
    disable(site, ["b2@beta.example.org"])
    site.send()
    assert site.run("report", "60", "--json").json["totals"]["disabled"] == 1
    site.write_list({"有关部门": DEPARTMENTS, "各会员单位": MEMBERS})
    site.run("resend", "60", "--missing", "--yes")
    document = site.run("report", "60", "--json").json
    assert (document["totals"]["disabled"], document["omitted"]) == (0, [])


# Numbers


def test_check_counts_the_units_that_get_a_letter(site: Site) -> None:
    rows = "单位,联系人,邮箱,停用\n己公司,甲,f@zeta.example.com,\n庚公司,乙,g@eta.example.com,停用\n"
    (site.folder / "members.csv").write_text(rows, "utf-8")
    path = site.folder / "recipients.yaml"
    path.write_text(path.read_text("utf-8").replace("戊公司]}", "戊公司], include: members.csv}"), "utf-8")
    disable(site, ["a@alpha.example.org", "b2@beta.example.org"])
    shown = site.run("check", site.bulletin).out
    assert "送：有关部门 (1)" in shown
    assert "发：各会员单位 (4)" in shown
    table = {row[0]: row[1:5] for row in map(str.split, shown.splitlines()) if row and row[0] in {"送", "发"}}
    assert table == {"送": ["1", "1", "1", "2"], "发": ["4", "4", "4", "1"]}
