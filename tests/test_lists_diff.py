"""Who is new, gone or changed since an issue: told by `recipients diff`, and by `send` before it asks."""

import contextlib
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from distributor.delivery.ledger import readers
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.states import Event
from distributor.distribution import since
from distributor.recipients.changes import difference
from distributor.recipients.model import Candidate, GroupName
from tests.ledgers import candidate, claimed, letters_for, mark, new_issue, open_to, opened, record, result
from tests.sites import BULLETIN, DEPARTMENTS, MEMBERS, Site

ALL = {"有关部门": DEPARTMENTS, "各会员单位": MEMBERS}
CHANGED = {
    "有关部门": {"市甲局": ["a@alpha.example.org"], "市乙局": ["b@beta.example.org", "new@beta.example.org"]},
    "各会员单位": {
        "丙公司": ["c@gamma.example.com"],
        "丁公司": ["d@delta.example.com"],
        "己公司": ["f@zeta.example.com"],
    },
}  # fmt: skip
NEW = "  + 己公司 收文1 <f@zeta.example.com>: new"
OTHER = "  ~ 市乙局 收文2: b2@beta.example.org → new@beta.example.org"
GONE = "  − 戊公司 收文1 <e@epsilon.example.com>: gone"


@pytest.fixture
def sent(site: Site) -> Site:
    """A site that has sent issue 60."""
    assert site.send().code == 0
    return site


def edit(site: Site, old: str, new: str) -> None:
    """The list, by hand."""
    path = site.folder / "recipients.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def next_bulletin(site: Site, text: str = BULLETIN, number: int = 5) -> Path:
    return site.write_bulletin(f"{number + 56}.txt", number=number, total=number + 56, text=text)


def diff(site: Site, *arguments: str | Path) -> list[str]:
    ran = site.run("recipients", "diff", *arguments)
    assert ran.code == 0
    return ran.out.splitlines()


def planned(site: Site, *arguments: str | Path) -> Any:
    """`since` of the plan, and the messages of its findings that are about who is left out."""
    ran = site.run("send", next_bulletin(site), "--dry-run", "--json", *arguments)
    assert ran.code == 0
    found = [each["message"] for each in ran.json["findings"] if each["code"] == "left-out"]
    return ran.json["since"], found


def numbers(told: Any) -> tuple[int, int, int]:
    return told["new"], told["gone"], told["changed"]


# recipients diff


def test_nothing_has_changed(sent: Site) -> None:
    assert diff(sent) == ["nobody new, gone or changed since issue 60"]


def test_everybody_who_is_new_gone_or_changed_is_named(sent: Site) -> None:
    sent.write_list(CHANGED)
    assert diff(sent) == diff(sent, "60") == ["+1 −1 ~1 since issue 60", NEW, OTHER, GONE]
    assert "! 戊公司 got issue 60, and would get nothing now" in sent.run("recipients", "diff").err


def test_differences_as_json(sent: Site) -> None:
    sent.write_list(CHANGED)
    document = sent.run("recipients", "diff", "--json").json
    assert document["schema"] == "distributor.recipients-diff/1"
    assert [issue["ref"] for issue in document["issues"]] == ["60"]
    assert numbers(document) == (1, 1, 1)
    assert document["left_out"] == ["戊公司"]
    assert [finding["code"] for finding in document["findings"]] == ["left-out"]
    assert document["changes"][1] == {
        "kind": "reader", "action": "address", "unit": "市乙局", "name": "收文2", "address": "new@beta.example.org",
        "fields": {"email": ["b2@beta.example.org", "new@beta.example.org"]},
    }  # fmt: skip


def test_a_reason_is_given_where_somebody_was_or_is_disabled(site: Site) -> None:
    edit(site, "email: b@beta.example.org", "email: b@beta.example.org, disabled: 未开通")
    site.send()
    edit(site, ", disabled: 未开通", "")
    edit(site, "email: d@delta.example.com", "email: d@delta.example.com, disabled: 机构调整")
    assert diff(site) == [
        "+1 −1 since issue 60",
        "  − 丁公司 收文1 <d@delta.example.com>: disabled (机构调整)",
        "  + 市乙局 收文1 <b@beta.example.org>: enabled again (it was disabled: 未开通)",
    ]
    warning = site.run("recipients", "diff").err
    assert f"{site.folder}/recipients.yaml:13: 丁公司 got issue 60, and would get nothing now" in warning


def test_a_unit_that_has_another_contact_left_is_no_warning(sent: Site) -> None:
    edit(sent, "email: b@beta.example.org", "email: b@beta.example.org, disabled: 退休")
    assert sent.run("recipients", "diff").err == ""


def test_a_unit_renamed_is_told_and_is_no_warning(sent: Site) -> None:
    edit(sent, "丙公司", "丙集团")
    ran = sent.run("recipients", "diff")
    assert ran.out.splitlines() == [
        "+0 −0 ~1 since issue 60",
        "  ~ 丙集团 收文1 <c@gamma.example.com>: unit 丙公司 → 丙集团",
    ]
    assert ran.err == ""


def test_one_who_gets_the_letter_of_another_group_is_told(sent: Site) -> None:
    edit(sent, "有关部门: {units: [市甲局, 市乙局]}", "有关部门: {units: [市甲局, 市乙局, 丙公司]}")
    edit(sent, "[丙公司, 丁公司, 戊公司]", "[丁公司, 戊公司]")
    assert diff(sent) == ["+0 −0 ~1 since issue 60", "  ~ 丙公司 收文1 <c@gamma.example.com>: letter of 发 → 送"]


def test_an_audience_that_the_list_has_no_more_is_all_gone(sent: Site) -> None:
    sent.write_list({"有关部门": DEPARTMENTS})
    assert diff(sent)[0] == "+0 −3 since issue 60"


def test_a_label_that_the_list_has_no_more_is_an_error(sent: Site) -> None:
    edit(sent, "labels: [发]", "labels: [印发]")
    ran = sent.run("recipients", "diff")
    assert ran.code == 2
    assert "no group has the label 发" in ran.err


def test_an_address_put_right_and_sent_to_since_is_nobody_gone(sent: Site) -> None:
    sent.write_list(CHANGED)
    assert sent.run("resend", "60", "--missing", "--yes").code == 0
    assert diff(sent) == ["+0 −1 since issue 60", "  − 戊公司 收文1 <e@epsilon.example.com>: gone"]


def test_fifty_lines_of_a_kind_and_all(sent: Site) -> None:
    sent.write_list(ALL | {"各会员单位": {f"单位{number:02}": [f"u{number}@example.com"] for number in range(60)}})
    lines = diff(sent)
    assert lines[0] == "+60 −3 since issue 60"
    assert sum(line.startswith("  + 单位") for line in lines) == 50
    assert lines[-1] == "  + and 10 more"
    assert sum(line.startswith("  + 单位") for line in diff(sent, "--all")) == 60


def test_the_last_issue_is_the_newest_that_was_not_cancelled(sent: Site) -> None:
    sent.run("send", next_bulletin(sent), "--yes")
    with contextlib.closing(sqlite3.connect(sent.folder / "distributor.sqlite3")) as database:
        database.execute("UPDATE issues SET state = 'cancelled' WHERE total_number = 61")
        database.commit()
    sent.write_list(CHANGED)
    assert diff(sent)[0] == "+1 −1 ~1 since issue 60"
    assert [issue["ref"] for issue in planned(sent, "--again", "取消了")[0]["issues"]] == ["60"]


def test_where_nothing_was_sent_there_is_nothing_to_compare_with(site: Site) -> None:
    for arguments in ([], ["--bulletin", site.bulletin], ["60"]):
        ran = site.run("recipients", "diff", *arguments)
        assert ran.code == 2
        assert ran.out == ""


def test_a_list_that_cannot_be_read_is_an_error(sent: Site) -> None:
    (sent.folder / "recipients.yaml").write_text("groups: [", "utf-8")
    assert sent.run("recipients", "diff").code == 2


def test_a_bulletin_to_be_sent_next_is_compared_by_its_own_imprint(sent: Site) -> None:
    file = next_bulletin(sent, BULLETIN.replace("送：有关部门\n\n", ""))
    assert diff(sent, "--bulletin", file)[0] == "+0 −3 since issue 60"
    assert sent.run("recipients", "diff", "60", "--bulletin", file).code == 2


# send


def test_the_first_issue_of_a_masthead_is_compared_with_nothing(sent: Site) -> None:
    assert sent.run("send", sent.bulletin, "--dry-run", "--json", "--again", "又").json["since"] is not None
    other = next_bulletin(sent, BULLETIN.replace("园区工作简报", "另一种简报"))
    ran = sent.run("send", other, "--dry-run", "--json")
    assert ran.json["since"] is None
    assert "since" not in ran.err


def test_send_says_it_before_it_asks(sent: Site) -> None:
    sent.write_list(CHANGED)
    ran = sent.run("send", next_bulletin(sent), "--dry-run")
    assert "\n".join(["+1 −1 ~1 since issue 60", GONE, NEW, OTHER]) in ran.out
    assert "! 戊公司 got issue 60, and would get nothing now" in ran.err
    told, found = planned(sent)
    assert numbers(told) == (1, 1, 1)
    assert found == ["戊公司 got issue 60, and would get nothing now"]


def test_send_shows_ten_lines(sent: Site) -> None:
    sent.write_list(ALL | {"各会员单位": {f"单位{number:02}": [f"u{number}@example.com"] for number in range(30)}})
    out = sent.run("send", next_bulletin(sent), "--dry-run").out
    assert sum(line.startswith(("  +", "  −")) for line in out.splitlines()) == 10
    assert "and 23 more: `distributor recipients diff --bulletin FILE` lists them" in out


def test_twenty_units_left_out_are_warned_of_by_name(site: Site) -> None:
    site.write_list(ALL | {"各会员单位": {f"单位{number:02}": [f"u{number}@example.com"] for number in range(25)}})
    site.send()
    site.write_list(ALL)
    _told, found = planned(site)
    assert len(found) == 21
    assert found[-1] == "5 more units got issue 60, and would get nothing now"


def test_only_the_groups_that_are_sent_now_count(sent: Site) -> None:
    sent.write_list(CHANGED)
    told, found = planned(sent, "--group", "送")
    assert (numbers(told), found) == ((0, 0, 1), [])
    told, found = planned(sent, "--group", "发", "--group", "送")
    assert (numbers(told), len(found)) == ((1, 1, 1), 1)


def test_groups_that_were_sent_one_by_one_are_compared_with_their_own_issues(site: Site) -> None:
    for group in ("发", "送"):
        assert site.send("--group", group).code == 0
    site.write_list(CHANGED)
    told, found = planned(site)
    assert [issue["ref"] for issue in told["issues"]] == ["60/2", "60/1"]
    assert numbers(told) == (1, 1, 1)
    assert found == ["戊公司 got issue 60/2, 60/1, and would get nothing now"]


def test_a_group_that_the_imprint_has_no_more_is_told_once(sent: Site) -> None:
    without = BULLETIN.replace("送：有关部门\n\n", "")
    ran = sent.run("send", next_bulletin(sent, without), "--yes", "--json")
    assert "+0 −3 since issue 60" in ran.err
    assert "市甲局 got issue 60" in ran.err
    assert "nobody new" in sent.run("send", next_bulletin(sent, without, 6), "--dry-run").out


def test_a_group_that_is_new_to_the_imprint_is_all_new(site: Site) -> None:
    site.run("send", site.write_bulletin(text=BULLETIN.replace("送：有关部门\n\n", "")), "--yes")
    assert numbers(planned(site)[0]) == (3, 0, 0)


def test_the_same_names_by_the_same_list_are_not_compared(sent: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: object) -> None:
        raise AssertionError

    monkeypatch.setattr(since, "_compared", never)
    assert numbers(planned(sent)[0]) == (0, 0, 0)


def test_the_same_names_by_the_same_list_are_compared_after_a_supplement(sent: Site) -> None:
    sent.write_list(CHANGED)
    assert sent.run("resend", "60", "--missing", "--yes").code == 0
    sent.write_list(ALL)
    assert numbers(planned(sent)[0]) == (0, 1, 1)


def test_too_many_differences_are_counted(sent: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(since, "difference", partial(difference, most=2))
    sent.write_list(ALL | {"各会员单位": {f"单位{number:02}": [f"u{number}@example.com"] for number in range(5)}})
    told, found = planned(sent)
    assert (numbers(told), found) == ((5, 3, 0), [])
    assert [change["action"] for change in told["changes"]] == ["replaced"]


# What the ledger says an issue was sent to


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with opened(ledger_url) as database:
        yield database


def shared() -> list[Candidate]:
    """Three contacts of two groups, one mailbox that two of them share, and one who is disabled."""
    return [
        candidate(1),
        candidate(2, email="Office1@example.org", key="office1@example.org"),
        candidate(3, group=GroupName.MEMBERS),
        candidate(4, disabled="退休"),
    ]


def test_what_was_staged_is_what_the_ledger_says_was_sent_to(ledger: Database) -> None:
    issue = open_to(ledger, shared())
    with Staging(shared()) as staging:
        staged = list(staging.readers())
    assert list(readers.readers(ledger, issue.id, list(GroupName))) == staged
    assert staged == [
        ("reader", "单位1", "收文", "office1@example.org", "送"),
        ("reader", "单位2", "收文", "office1@example.org", "送"),
        ("reader", "单位3", "收文", "office3@example.org", "发"),
    ]
    assert list(readers.readers(ledger, issue.id, ["发"])) == staged[2:]
    assert list(readers.disabled(ledger, issue.id)) == [(("单位4", "收文", "office4@example.org"), "退休")]


def test_each_group_has_its_last_issue(ledger: Database) -> None:
    both = open_to(ledger, shared())
    departments = open_to(ledger, shared()[:2], new_issue(61), letters_for)
    open_to(ledger, shared(), new_issue(62, masthead="另一种简报"))
    found = readers.last_issues(ledger, "园区工作简报", list(GroupName))
    assert {group: issue.id for group, issue in found.items()} == {"送": departments.id, "发": both.id}


def test_letters_to_an_address_are_found_in_every_issue(ledger: Database) -> None:
    ids = [open_to(ledger, shared(), new_issue(total)).id for total in (60, 61)]
    _lease, taken = claimed(ledger)
    mark(ledger, *taken)
    record(ledger, *(result(claim, Event.REFUSE, code=550, reply="no such user") for claim in taken))
    found = readers.sent_to(ledger, "office1@example.org")
    assert list(found) == ids[::-1]
    assert {(each.address, each.code, len(each.serves)) for each in found.values()} == {("office1@example.org", 550, 2)}
    assert readers.sent_to(ledger, "office4@example.org") == {}
    left_out = readers.left_out(ledger, ["office4@example.org"])
    assert [(issue, each.detail) for issue, each in left_out] == [(identity, "退休") for identity in ids]
