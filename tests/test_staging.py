"""Recipients made unique: each address once, in the letter of its highest group, with everybody it serves."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from distributor.delivery.ledger.staging import Recipient, SharedAddress, StagedGroup, Staging
from distributor.errors import InputError, Place
from distributor.recipients.addresses import address_key
from distributor.recipients.loader import load
from distributor.recipients.model import Candidate, GroupName, Printed
from distributor.recipients.resolve import resolve
from tests.test_recipients import VALID, written


def candidate(
    group: str, unit: str, contact: str, email: str, *, disabled: str | None = None, audience: str = "有关单位"
) -> Candidate:
    """One that the imprint reaches by the label of its group's name."""
    return Candidate(
        GroupName(group), group, audience, unit, f"{unit}办公室", contact, "收文", email, address_key(email), disabled
    )


def staged(*candidates: Candidate) -> Staging:
    return Staging(candidates)


def letters(staging: Staging, group: str | None = None) -> list[tuple[str, str, list[str]]]:
    """Group, address and whom it serves, of each letter."""
    return [(r.group, r.address, [f"{row[1]} {row[2]}" for row in r.serves]) for r in staging.recipients(group)]


# Each address once


def test_every_contact_with_an_address_of_its_own_gets_a_letter() -> None:
    with staged(
        candidate("送", "甲局", "收文员", "Office@example.org"), candidate("发", "乙公司", "行政部", "b@example.org")
    ) as staging:
        assert len(staging) == 2
        assert list(staging.recipients()) == [
            Recipient(
                key="office@example.org",
                group="送",
                address="Office@example.org",
                fields={
                    "contact": "收文员", "unit": "甲局", "salutation": "甲局办公室", "role": "收文",
                    "email": "Office@example.org",
                },
                serves=(("有关单位", "甲局", "收文员", "收文"),),
            ),
            Recipient(
                key="b@example.org",
                group="发",
                address="b@example.org",
                fields={
                    "contact": "行政部", "unit": "乙公司", "salutation": "乙公司办公室", "role": "收文",
                    "email": "b@example.org",
                },
                serves=(("有关单位", "乙公司", "行政部", "收文"),),
            ),
        ]  # fmt: skip
        assert staging.shared() == (0, [])


def test_a_mailbox_of_several_units_gets_one_letter_that_serves_all() -> None:
    with staged(
        candidate("送", "外事办", "秘书科", "office@example.org"),
        candidate("送", "港澳办", "综合科", "OFFICE@example.org"),
        candidate("送", "港澳办", "秘书科", "office@EXAMPLE.org"),
    ) as staging:
        everybody = ["外事办 秘书科", "港澳办 综合科", "港澳办 秘书科"]
        assert letters(staging) == [("送", "office@example.org", everybody)]
        assert staging.groups() == [StagedGroup("送", units=2, contacts=3, addresses=1, disabled=0)]
        assert staging.shared() == (
            1,
            [SharedAddress("office@example.org", "送", ("送",), ("有关单位",), tuple(everybody), ())],
        )


def test_the_first_contact_of_a_shared_mailbox_is_the_one_addressed() -> None:
    with staged(
        candidate("送", "甲局", "一", "a@example.org"), candidate("送", "乙局", "二", "a@example.org")
    ) as staging:
        (recipient,) = staging.recipients()
        assert (recipient.fields["unit"], recipient.fields["contact"]) == ("甲局", "一")


@pytest.mark.parametrize(("higher", "lower"), [("报", "送"), ("报", "发"), ("送", "发")])
def test_an_address_in_two_groups_gets_one_letter_of_the_higher_group(higher: str, lower: str) -> None:
    with staged(
        candidate(higher, "甲局", "收文员", "a@example.org"),
        candidate(lower, "乙公司", "行政部", "a@example.org"),
        candidate(lower, "丙公司", "行政部", "c@example.org"),
    ) as staging:
        assert letters(staging, higher) == [(higher, "a@example.org", ["甲局 收文员", "乙公司 行政部"])]
        assert letters(staging, lower) == [(lower, "c@example.org", ["丙公司 行政部"])]
        (shared,) = staging.shared()[1]
        assert (shared.group, shared.groups) == (higher, (higher, lower))


def test_a_contact_reached_by_two_groups_gets_one_letter_and_is_named_once() -> None:
    """The commonest case: one unit in two audiences. Its two groups are worth a warning though it is one contact."""
    with staged(
        candidate("报", "甲局", "收文员", "a@example.org", audience="市领导"),
        candidate("送", "甲局", "收文员", "a@example.org", audience="有关部门"),
        candidate("发", "甲局", "收文员", "a@example.org", audience="各单位"),
    ) as staging:
        (recipient,) = staging.recipients()
        everything = ("市领导", "有关部门", "各单位")
        assert (recipient.group, recipient.serves) == ("报", (("、".join(everything), "甲局", "收文员", "收文"),))
        assert staging.groups() == [StagedGroup("报", units=1, contacts=1, addresses=1, disabled=0)]
        assert staging.shared() == (
            1, [SharedAddress("a@example.org", "报", ("报", "送", "发"), everything, ("甲局 收文员",), ())]
        )  # fmt: skip


def test_a_mailbox_of_two_groups_names_the_audiences_and_units_of_both() -> None:
    with staged(
        candidate("送", "甲局", "收文员", "a@example.org", audience="有关部门"),
        candidate("发", "乙公司", "行政部", "a@example.org", audience="各会员单位"),
    ) as staging:
        (recipient,) = staging.recipients()
        assert recipient.serves == (
            ("有关部门", "甲局", "收文员", "收文"),
            ("各会员单位", "乙公司", "行政部", "收文"),
        )
        (shared,) = staging.shared()[1]
        assert shared.audiences == ("有关部门", "各会员单位")


def test_an_audience_is_named_once_though_its_name_is_part_of_another() -> None:
    names = ["各会员单位", "会员单位", "各会员单位", "会员单位"]
    with staged(*(candidate("发", "甲公司", "行政部", "a@example.org", audience=name) for name in names)) as staging:
        assert next(staging.recipients()).serves[0][0] == "各会员单位、会员单位"
        assert (staging.units_of("会员单位"), staging.units_of("会员")) == (1, 0)


def test_a_contact_reached_by_two_audiences_of_a_group_is_no_news() -> None:
    with staged(
        candidate("发", "甲公司", "行政部", "a@example.org", audience="各会员单位"),
        candidate("发", "甲公司", "行政部", "a@example.org", audience="各理事单位"),
    ) as staging:
        assert letters(staging) == [("发", "a@example.org", ["甲公司 行政部"])]
        assert next(staging.recipients()).serves[0][0] == "各会员单位、各理事单位"
        assert staging.shared() == (0, [])


def test_the_first_shared_addresses_are_shown_and_all_are_counted() -> None:
    pairs = [candidate("发", f"单位{n}", name, f"a{n}@example.org") for n in range(7) for name in ("甲", "乙")]
    with staged(*pairs) as staging:
        total, first = staging.shared(limit=3)
        assert (total, [shared.address for shared in first]) == (
            7,
            ["a0@example.org", "a1@example.org", "a2@example.org"],
        )


# Disabled contacts


def test_a_disabled_contact_is_omitted_with_its_reason_and_gets_nothing() -> None:
    with staged(
        candidate("送", "甲局", "收文员", "a@example.org"),
        candidate("送", "甲局", "某科", "B@example.org", disabled="机构调整"),
    ) as staging:
        assert letters(staging) == [("送", "a@example.org", ["甲局 收文员"])]
        assert list(staging.omitted()) == [("送", "某科", "甲局", "B@example.org", "disabled", "机构调整")]
        assert staging.groups() == [StagedGroup("送", units=1, contacts=1, addresses=1, disabled=1)]


@pytest.mark.parametrize("disabled_first", [True, False])
def test_a_mailbox_disabled_for_one_unit_still_serves_the_others(disabled_first: bool) -> None:
    """A reason given for one contact must not cost another unit its letter; but a person is told of both."""
    pair = [
        candidate("发", "乙公司", "行政部", "a@example.org"),
        candidate("发", "甲公司", "某科", "A@example.org", disabled="机构调整"),
    ]
    with staged(*(reversed(pair) if disabled_first else pair)) as staging:
        assert letters(staging) == [("发", "a@example.org", ["乙公司 行政部"])]
        assert list(staging.omitted()) == [("发", "某科", "甲公司", "A@example.org", "disabled", "机构调整")]
        assert staging.shared() == (
            1, [SharedAddress("a@example.org", "发", ("发",), ("有关单位",), ("乙公司 行政部",), ("甲公司 某科",))]
        )  # fmt: skip


def test_a_disabled_contact_of_a_higher_group_does_not_lend_its_letter() -> None:
    with staged(
        candidate("报", "甲局", "收文员", "a@example.org", disabled="暂停"),
        candidate("发", "乙公司", "行政部", "a@example.org"),
    ) as staging:
        assert letters(staging) == [("发", "a@example.org", ["乙公司 行政部"])]
        assert staging.groups() == [StagedGroup("报", 0, 0, 0, disabled=1), StagedGroup("发", 1, 1, 1, disabled=0)]


def test_a_contact_disabled_in_two_groups_is_omitted_once() -> None:
    with staged(
        candidate("送", "甲局", "某科", "a@example.org", disabled="暂停"),
        candidate("发", "甲局", "某科", "a@example.org", disabled="暂停"),
    ) as staging:
        assert [row[:3] for row in staging.omitted()] == [("送", "某科", "甲局")]
        assert len(staging) == 0


# Numbers


def test_numbers_count_a_contact_where_its_letter_goes() -> None:
    with staged(
        candidate("送", "甲局", "一", "a@example.org"),
        candidate("送", "甲局", "二", "b@example.org"),
        candidate("发", "甲局", "一", "a@example.org"),
        candidate("发", "乙公司", "三", "b@example.org"),
        candidate("发", "丙公司", "四", "c@example.org"),
        candidate("发", "丙公司", "五", "d@example.org", disabled="暂停"),
    ) as staging:
        assert staging.groups() == [
            StagedGroup("送", units=2, contacts=3, addresses=2, disabled=0),
            StagedGroup("发", units=1, contacts=1, addresses=1, disabled=1),
        ]
        assert sum(group.addresses for group in staging.groups()) == len(staging) == 3


def test_nobody_is_no_group() -> None:
    with staged() as staging:
        assert (len(staging), staging.groups(), list(staging.recipients()), list(staging.omitted())) == (0, [], [], [])


def test_addresses_in_domains_are_counted_and_the_first_are_shown() -> None:
    emails = ["a@example.org", "b@Mail.Example.ORG", "c@badexample.org", "example.org@good.example.com", "d@例子.test"]
    with staged(*(candidate("发", f"单位{n}", "甲", email) for n, email in enumerate(emails))) as staging:
        assert staging.addresses_in(["example.org"]) == (2, ["a@example.org", "b@Mail.Example.ORG"])
        assert staging.addresses_in(["test", "example.org"], limit=1) == (3, ["a@example.org"])
        assert staging.addresses_in(["example.net"]) == (0, [])


def test_units_of_an_audience_are_those_that_get_a_letter() -> None:
    with staged(
        candidate("送", "甲局", "一", "a@example.org", audience="有关部门"),
        candidate("发", "乙公司", "二", "a@example.org", audience="各会员单位"),
        candidate("发", "丙公司", "三", "c@example.org", audience="各会员单位"),
        candidate("发", "丙公司", "四", "d@example.org", audience="各会员单位"),
        candidate("发", "丁公司", "五", "e@example.org", audience="各会员单位", disabled="暂停"),
    ) as staging:
        assert [staging.units_of(name) for name in ("有关部门", "各会员单位", "无")] == [1, 2, 0]
        assert sum(group.units for group in staging.groups()) == 3


# Only some groups


def three_groups() -> list[Candidate]:
    """a is of 报, 送 and 发, b of 送 and 发; each group has one of its own, and 送 and 发 a disabled one."""
    return [
        candidate("报", "甲局", "一", "a@example.org", audience="市领导"),
        candidate("报", "甲局", "报", "r@example.org", audience="市领导"),
        candidate("送", "甲局", "一", "a@example.org", audience="有关部门"),
        candidate("送", "乙局", "二", "b@example.org", audience="有关部门"),
        candidate("送", "乙局", "送", "s@example.org", audience="有关部门"),
        candidate("送", "乙局", "停", "t@example.org", audience="有关部门", disabled="暂停"),
        candidate("发", "甲局", "一", "a@example.org", audience="各会员单位"),
        candidate("发", "乙公司", "二", "B@example.org", audience="各会员单位"),
        candidate("发", "丙公司", "发", "f@example.org", audience="各会员单位"),
        candidate("发", "丙公司", "停", "g@example.org", audience="各会员单位", disabled="暂停"),
    ]


@pytest.mark.parametrize(
    ("only", "addresses", "elsewhere", "disabled"),
    [
        ("报", "ar", [], ""),
        ("送", "bs", [("a@example.org", "报")], "t"),
        ("发", "f", [("a@example.org", "报"), ("b@example.org", "送")], "g"),
        ("送发", "bsf", [("a@example.org", "报")], "tg"),
        ("报发", "arf", [("b@example.org", "送")], "g"),
        ("报送发", "arbsf", [], "tg"),
    ],
)
def test_an_address_gets_the_letter_of_its_highest_group_whatever_is_chosen(
    only: str, addresses: str, elsewhere: list[tuple[str, str]], disabled: str
) -> None:
    with Staging(three_groups(), only=[GroupName(name) for name in only]) as staging:
        assert "".join(recipient.key[0] for recipient in staging.recipients()) == addresses
        total, first = staging.elsewhere()
        assert (total, sorted(first)) == (len(elsewhere), elsewhere)
        assert "".join(row[3][0] for row in staging.omitted()) == disabled
        assert {group.name for group in staging.groups()} <= set(only)


def test_group_after_group_reaches_everybody_once() -> None:
    reached = []
    for group in GroupName:
        with Staging(three_groups(), only=[group]) as staging:
            reached += [recipient.key for recipient in staging.recipients()]
    with Staging(three_groups()) as staging:
        assert reached == [recipient.key for recipient in staging.recipients()]


def test_of_many_addresses_that_wait_for_another_group_the_first_are_shown() -> None:
    people = [candidate(group, "甲局", str(n), f"a{n}@example.org") for group in "送发" for n in range(25)]
    with Staging(people, only=[GroupName.MEMBERS]) as staging:
        total, first = staging.elsewhere(limit=3)
        assert (total, [address for address, _group in first]) == (25, [f"a{n}@example.org" for n in range(3)])


# Names that reach nobody


def test_a_name_without_an_enabled_contact_is_omitted() -> None:
    place = Place("60.txt", 90)
    names = [Printed(GroupName.MEMBERS, name, place) for name in ("待定单位", "已停单位", "各会员单位", "待定单位")]
    with Staging(
        [
            candidate("发", "甲公司", "一", "a@example.org", audience="已停单位", disabled="暂停"),
            candidate("发", "乙公司", "二", "b@example.org", audience="各会员单位"),
        ],
        names=names,
    ) as staging:
        assert [each.name for each in staging.empty] == ["待定单位", "已停单位"]
        assert list(staging.omitted()) == [
            ("发", "一", "甲公司", "a@example.org", "disabled", "暂停"),
            ("发", "待定单位", None, None, "empty", ""),
            ("发", "已停单位", None, None, "empty", ""),
        ]
        assert staging.groups() == [StagedGroup("发", units=1, contacts=1, addresses=1, disabled=1)]


def test_a_name_whose_contacts_all_get_another_letter_reaches_them_all_the_same() -> None:
    names = [Printed(GroupName.MEMBERS, "各会员单位", Place("60.txt", 90))]
    with Staging(
        [
            candidate("送", "甲局", "一", "a@example.org", audience="有关部门"),
            candidate("发", "乙公司", "二", "a@example.org", audience="各会员单位"),
        ],
        names=names,
        only=[GroupName.MEMBERS],
    ) as staging:
        assert (len(staging), staging.empty, list(staging.omitted())) == (0, (), [])


# Supplements


def test_those_an_issue_has_already_are_taken_out_with_all_they_serve() -> None:
    with staged(
        candidate("送", "甲局", "一", "A@example.org"),
        candidate("发", "乙公司", "二", "a@example.org"),
        candidate("发", "丙公司", "三", "c@example.org"),
    ) as staging:
        staging.discard(iter(["a@example.org", "gone@example.org"]))
        assert letters(staging) == [("发", "c@example.org", ["丙公司 三"])]
        assert staging.groups() == [StagedGroup("发", 1, 1, 1, 0)]
        assert staging.shared() == (0, [])


# The whole way, and its end


def test_a_list_and_its_files_become_recipients(tmp_path: Path) -> None:
    rows = "单位,联系人,邮箱,停用\n" + "".join(f"第{n}公司,甲,a{n // 2}@example.org,\n" for n in range(25_000))
    text = VALID.replace("units: [丙公司]", "units: [丙公司], include: m.csv")
    roster = load(written(tmp_path, text, m=rows + "戊公司,乙,A0@EXAMPLE.org,\n戊公司,丙,c@example.org,已离职\n"))
    routing = [("送", "有关部门", Place("60.txt", 1)), ("发", "各会员单位", Place("60.txt", 2))]
    with Staging(resolve(routing, roster).candidates()) as staging:
        assert staging.groups() == [
            StagedGroup("送", units=2, contacts=2, addresses=2, disabled=1),
            StagedGroup("发", units=25_002, contacts=25_002, addresses=12_501, disabled=1),
        ]
        assert staging.shared()[0] == 12_500
        found = letters(staging)
        assert found[:3] == [
            ("送", "office@alpha.example.org", ["甲局 收文员"]),
            ("送", "office@beta.example.org", ["乙局 办公室"]),
            ("发", "admin@gamma.example.com", ["丙公司 行政部"]),
        ]
        assert found[3] == ("发", "a0@example.org", ["第0公司 甲", "第1公司 甲", "戊公司 乙"])


def test_nothing_is_left_open_when_a_file_has_changed(tmp_path: Path) -> None:
    text = VALID.replace("units: [丙公司]", "include: m.csv")
    roster = load(written(tmp_path, text, m="单位,联系人,邮箱\n丁公司,甲,a@example.org\n"))
    resolution = resolve([("发", "各会员单位", Place("60.txt", 1))], roster)
    (tmp_path / "m.csv").write_text("单位,联系人,邮箱\n丁公司,甲,b@example.org\n", "utf-8")
    closed = []

    class Watched(Staging):
        def close(self) -> None:
            super().close()
            closed.append(self)

    with pytest.raises(InputError, match="the file was changed"):
        Watched(resolution.candidates())
    assert len(closed) == 1


def test_what_the_ledger_is_fed_with_is_what_the_recipients_are() -> None:
    with staged(
        candidate("送", "甲局", "一", "gone@example.org"),
        candidate("送", "甲局", "二", "shared@example.org"),
        candidate("发", "乙公司", '引号"员', "own@example.org"),
        candidate("发", "乙公司", "三", "shared@example.org"),
        candidate("发", "甲局", "二", "shared@example.org", audience="各理事单位"),
    ) as staging:
        staging.discard(["gone@example.org"])
        recipients = list(staging.recipients())
        fed = [(key, group, address, json.loads(fields)) for key, group, address, fields in staging.addresses()]
        assert fed == [(each.key, each.group, each.address, each.fields) for each in recipients]
        assert [each.key for each in recipients] == ["shared@example.org", "own@example.org"]
        assert list(staging.serves()) == [
            (0, 0, "有关单位、各理事单位", "甲局", "二", "收文"),
            (0, 1, "有关单位", "乙公司", "三", "收文"),
            (1, 0, "有关单位", "乙公司", '引号"员', "收文"),
        ]
        assert list(staging.serves()) == [
            (number, position, *who)
            for number, each in enumerate(recipients)
            for position, who in enumerate(each.serves)
        ]


def test_candidates_are_taken_in_as_they_come() -> None:
    """Not all at once: a million of them would take a gigabyte."""
    taken: list[int] = []

    def many() -> Iterator[Candidate]:
        for number in range(2_500):
            taken.append(number)
            yield candidate("发", f"单位{number}", "甲", f"a{number}@example.org")

    seen: list[int] = []

    class Watched(Staging):
        def _add(self, chunk: list[Candidate]) -> None:
            seen.append(len(taken))
            super()._add(chunk)

    with Watched(many()) as staging:
        assert len(staging) == 2_500
    assert seen == [1_000, 2_000, 2_500]


def test_a_closed_staging_is_gone() -> None:
    with staged(candidate("发", "甲公司", "一", "a@example.org")) as staging:
        pass
    with pytest.raises(sqlite3.ProgrammingError):
        len(staging)
