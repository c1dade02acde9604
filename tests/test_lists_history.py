"""Every change of the list is recorded once, with when, by whom and how; and an old ledger learns to."""

import datetime as dt
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from distributor import settings as configuration
from distributor.delivery.ledger import list_state, migrate
from distributor.delivery.ledger import lists as ledger
from distributor.delivery.ledger.database import Database
from distributor.distribution import lists
from distributor.distribution.site import Site, open_site
from distributor.errors import InputError
from distributor.recipients.change_words import words
from distributor.recipients.facts import facts
from distributor.recipients.loader import load
from distributor.recipients.model import GroupName, Roster
from tests import sites as site_module
from tests.ledgers import HOUR, PERSON, all_rows, execute, opened
from tests.sites import list_of

ONE = {"有关部门": {"市甲局": ["a@alpha.example.org"], "市乙局": ["b@beta.example.org"]}}
TWO = {"有关部门": {"市甲局": ["a@alpha.example.org"], "市乙局": ["b2@beta.example.org"]}}


class Office:
    """A list, and a ledger that notices what becomes of it."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.list = folder / "recipients.yaml"
        self.database = database
        settings = replace(configuration.load(folder), ledger="unused")
        self.site = Site(settings, database, PERSON)

    def write(self, text: str, members: str | None = None) -> Roster:
        """The list as it is now."""
        self.list.write_text(text, "utf-8")
        if members is not None:
            (self.list.parent / "members.csv").write_text(members, "utf-8")
        return load(self.list)

    def kept(self) -> Counter[tuple[str, ...]]:
        return Counter(list_state.facts(self.database, everything(self.database)))

    def told(self) -> list[list[str]]:
        """What changed with each version, the oldest first."""
        return [list(map(words, each.changes)) for each in ledger.history(self.database)][::-1]


def everything(database: Database) -> list[int]:
    return [identity for (identity,) in all_rows(database, "SELECT id FROM list_chunks")]


@pytest.fixture
def office(tmp_path: Path, ledger_url: str) -> Iterator[Office]:
    (tmp_path / "recipients.yaml").write_text(list_of(ONE), "utf-8")
    with opened(ledger_url) as database:
        yield Office(tmp_path, database)


def test_the_first_version_says_how_many_there_are(office: Office) -> None:
    roster = office.write(list_of(ONE))
    version = lists.notice(office.site, roster)
    assert version is not None
    assert (version.id, version.how, version.who, version.host) == (1, None, PERSON.who, PERSON.host)
    assert office.told() == [["first seen, with 2 contacts"]]
    assert office.kept() == Counter(facts(roster))


def test_what_was_seen_is_not_recorded_again(office: Office) -> None:
    roster = office.write(list_of(ONE))
    assert lists.notice(office.site, roster) is not None
    assert lists.notice(office.site, roster) is None
    assert lists.record(office.site, load(office.list), how="recipients set", who="wang") is None
    assert len(office.told()) == 1


def test_a_change_by_hand_has_the_file_s_time(office: Office) -> None:
    lists.notice(office.site, office.write(list_of(ONE)))
    execute(office.database, "UPDATE list_versions SET noticed_at = noticed_at - :hour, at = at - :hour", hour=HOUR)
    roster = office.write(list_of(TWO))
    half_an_hour_ago = time.time() - 1800
    os.utime(office.list, (half_an_hour_ago, half_an_hour_ago))
    version = lists.notice(office.site, roster)
    assert version is not None
    assert version.at.timestamp() == pytest.approx(half_an_hour_ago, abs=0.001)
    assert version.noticed_at.timestamp() == pytest.approx(time.time(), abs=60)
    assert version.how is None
    assert office.told()[1] == ["市乙局 收文1: b@beta.example.org → b2@beta.example.org"]
    assert office.kept() == Counter(facts(roster))


@pytest.mark.parametrize("seconds", [-7200, 3600], ids=["older than the version before", "of tomorrow"])
def test_a_file_s_time_that_cannot_be_is_not_believed(office: Office, seconds: int) -> None:
    lists.notice(office.site, office.write(list_of(ONE)))
    roster = office.write(list_of(TWO))
    os.utime(office.list, (time.time() + seconds, time.time() + seconds))
    version = lists.notice(office.site, roster)
    assert version is not None
    assert version.at == version.noticed_at


def test_a_command_s_change_has_its_words_and_its_person(office: Office) -> None:
    lists.notice(office.site, office.write(list_of(ONE)))
    version = lists.record(office.site, office.write(list_of(TWO)), how="recipients set 市乙局", who="wang")
    assert version is not None
    assert (version.how, version.who, version.at) == ("recipients set 市乙局", "wang", version.noticed_at)


def test_a_comment_makes_a_version_without_changes(office: Office) -> None:
    lists.notice(office.site, office.write(list_of(ONE)))
    assert lists.notice(office.site, office.write("# 名单\n" + list_of(ONE))) is not None
    assert office.told()[1:] == [[]]


def test_a_list_of_yesterday_that_comes_back_is_a_version_too(office: Office) -> None:
    for audiences in (ONE, TWO, ONE):
        assert lists.notice(office.site, office.write(list_of(audiences))) is not None
    assert office.told()[2] == ["市乙局 收文1: b2@beta.example.org → b@beta.example.org"]


def test_an_outdated_list_in_memory_is_no_change(office: Office) -> None:
    """Somebody loads the list; before they notice it, another one changes it and records that."""
    outdated = office.write(list_of(ONE))
    lists.notice(office.site, outdated)
    lists.record(office.site, office.write(list_of(TWO)), how="recipients set")
    assert lists.notice(office.site, outdated) is None
    assert len(office.told()) == 2


def test_two_that_notice_at_once_record_it_once(office: Office) -> None:
    lists.notice(office.site, office.write(list_of(ONE)))
    roster = office.write(list_of(TWO))
    together = Barrier(4)

    def notice() -> bool:
        together.wait()
        return lists.notice(office.site, roster) is not None

    with ThreadPoolExecutor(4) as pool:
        recorded = [future.result() for future in [pool.submit(notice) for _ in range(4)]]
    assert sorted(recorded) == [False, False, False, True]
    assert len(office.told()) == 2


def test_a_version_that_another_one_came_before_is_refused(office: Office) -> None:
    first = lists.notice(office.site, office.write(list_of(ONE)))
    lists.notice(office.site, office.write(list_of(TWO)))
    late = ledger.NewVersion("late", None, PERSON, None)
    nothing = list_state.compare(office.database, [])
    assert ledger.record(office.database, late, [], nothing, after=first) is None
    assert len(office.told()) == 2


def test_changes_are_found_by_address_and_by_unit(office: Office) -> None:
    lists.notice(office.site, office.write(list_of(ONE)))
    for old, new in [("b@", "b2@"), ("市乙局", "市丙局"), ("a@", "a2@"), ("[市甲局, 市丙局]", "[市甲局]")]:
        lists.notice(office.site, office.write(office.list.read_text("utf-8").replace(old, new)))

    def found(touching: sa.ColumnElement[bool], **options: Any) -> list[str]:
        recorded = ledger.history(office.database, touching=touching, **options)
        return [f"{change.kind} {change.action}" for each in recorded for change in each.changes]

    assert found(ledger.touches(keys=["b@beta.example.org"])) == ["contact address", "list first"]
    assert ledger.former_names(office.database, ["市丙局"]) == {"市丙局", "市乙局"}
    names = ledger.former_names(office.database, ["市丙局"])
    expected = ["member removed", "unit renamed", "contact address", "list first"]
    assert found(ledger.touches(keys=["b2@beta.example.org"], units=names)) == expected
    assert found(ledger.touches_unit(names)) == expected[:-1]
    assert found(ledger.touches_unit(names), limit=1) == expected[:1]
    assert found(ledger.touches_unit(names), most=0) == []
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    assert found(ledger.touches_unit(names), since=soon) == []


# Files that the list includes

WITH_FILE = list_of(ONE).replace("units: [市甲局, 市乙局]}", "units: [市甲局, 市乙局], include: members.csv}")
MEMBERS = "单位,联系人,邮箱\n丁公司,收文,d@delta.example.com\n"


def test_only_files_that_differ_are_compared_and_kept_anew(office: Office) -> None:
    lists.notice(office.site, office.write(WITH_FILE, MEMBERS))
    # Were the file compared, it would be seen that this is not what it says.
    execute(office.database, "UPDATE list_chunks SET content = :content WHERE file = 'members.csv'", content=b"")
    lists.notice(office.site, office.write(WITH_FILE.replace("b@", "b2@")))
    assert office.told()[1] == ["市乙局 收文1: b@beta.example.org → b2@beta.example.org"]
    assert all_rows(office.database, "SELECT length(content) FROM list_chunks WHERE file = 'members.csv'") == [(0,)]


def test_a_file_that_changes_comes_and_goes_is_told(office: Office) -> None:
    lists.notice(office.site, office.write(list_of(ONE)))
    for text, members in [(WITH_FILE, MEMBERS), (WITH_FILE, MEMBERS.replace("d@", "d2@")), (list_of(ONE), MEMBERS)]:
        roster = office.write(text, members)
        assert lists.notice(office.site, roster) is not None
        assert office.kept() == Counter(facts(roster))
    assert office.told()[1:] == [
        ["有关部门: it includes members.csv", "丁公司 收文 <d@delta.example.com>: added"],
        ["丁公司 收文: d@delta.example.com → d2@delta.example.com"],
        ["有关部门: it no longer includes members.csv", "丁公司 收文 <d2@delta.example.com>: removed"],
    ]


def test_a_file_that_changes_while_it_is_read_leaves_nothing_behind(office: Office) -> None:
    roster = office.write(WITH_FILE, MEMBERS)
    (office.list.parent / "members.csv").write_text(MEMBERS * 2, "utf-8")
    with pytest.raises(InputError, match="changed while it was read"):
        lists.notice(office.site, roster)
    assert office.told() == []
    assert not office.kept()


def test_texts_of_all_kinds_are_kept(office: Office) -> None:
    """A note and a greeting may say anything, be it a NUL."""
    lists.notice(office.site, office.write(WITH_FILE, MEMBERS))
    text = WITH_FILE.replace("请参考。", "\\0\\u0001 😀\\n")
    roster = office.write(text, '单位,联系人,邮箱,备注\n丁公司,收文,d@delta.example.com,"先\x07打\n电话"\n')
    assert lists.notice(office.site, roster) is not None
    assert office.kept() == Counter(facts(roster))
    (group, contact), *_older = [each.changes for each in ledger.history(office.database)]
    assert group.fields["greeting"][1] == roster.groups[GroupName.DEPARTMENTS].greeting
    assert contact.fields == {"note": (None, "先\x07打\n电话")}
    assert words(contact) == "丁公司 收文 <d@delta.example.com>: note – → 先 打 电话"


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_of_a_long_file_no_more_is_written_than_has_changed(office: Office, place: str) -> None:
    rows = [f"丁公司,收文{number},d{number}@delta.example.com\n" for number in range(5000)]
    head = "单位,联系人,邮箱\n"
    lists.notice(office.site, office.write(WITH_FILE, head + "".join(rows)))
    before = everything(office.database)
    rows.insert({"first": 0, "middle": 2500, "last": 5000}[place], "丁公司,新,new@delta.example.com\n")
    roster = office.write(WITH_FILE, head + "".join(rows))
    lists.notice(office.site, roster)
    assert office.told()[1] == ["丁公司 新 <new@delta.example.com>: added"]
    assert office.kept() == Counter(facts(roster))
    # Of the list itself too: it was one chunk, and is none that was changed.
    assert len(set(everything(office.database)) - set(before)) <= 2
    assert len(before) > 5


def test_a_long_file_that_says_the_same_over_and_over_is_kept(office: Office) -> None:
    """Its chunks end nowhere by themselves, and have the same digest."""
    row = "丁公司,收文,d@delta.example.com\n"
    for count in (10_000, 20_000, 15_000):
        roster = office.write(WITH_FILE, "单位,联系人,邮箱\n" + row * count)
        lists.notice(office.site, roster)
        assert office.kept() == Counter(facts(roster))
    changed = [Counter(line.rpartition(": ")[2] for line in lines) for lines in office.told()[1:]]
    assert changed == [{"added": 10_000}, {"removed": 5_000}]


# recipients history


def test_the_history_says_when_by_whom_and_from_what_to_what(site: site_module.Site) -> None:
    site.send()
    edit(site, "b2@beta", "b3@beta")
    first, second = site.run("recipients", "history").out.split("· ")
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d  by hand; noticed \d{4}-\d\d-\d\d \d\d:\d\d by \S+ on \S+\n", first)
    assert "    ~ 市乙局 收文2: b2@beta.example.org → b3@beta.example.org\n" in first
    assert second == "first seen, with 6 contacts\n"


def test_a_command_is_named_in_the_history(site: site_module.Site) -> None:
    site.send()
    edit(site, "b2@beta", "b3@beta")
    with open_site(str(site.folder)) as opened_site:
        lists.record(opened_site, load(site.folder / "recipients.yaml"), how="recipients set b2", who="wang")
    assert re.search(r":\d\d  wang on \S+: recipients set b2\n", site.run("recipients", "history").out)


def test_the_history_as_json(site: site_module.Site) -> None:
    site.send()
    edit(site, "groups:", "# 名单\ngroups:")
    document = site.run("recipients", "history", "--json").json
    assert document["schema"] == "distributor.recipients-history/1"
    assert document["findings"] == []
    comment, first = document["versions"]
    assert (comment["how"], comment["total"], comment["changes"]) == (None, 0, [])
    assert first["changes"] == [
        {
            "kind": "list",
            "action": "first",
            "unit": None,
            "name": None,
            "address": None,
            "fields": {"contacts": [None, "6"]},
        }
    ]
    assert "(comments, order or layout alone)" in site.run("recipients", "history").out


def test_parts_of_the_history(site: site_module.Site) -> None:
    site.send()
    for old, new in [("b2@beta", "b3@beta"), ("丙公司", "丙集团"), ("c@gamma", "c2@gamma"), ("d@delta", "d2@delta")]:
        edit(site, old, new)
        site.run("recipients", "history")
    assert len(versions(site)) == 5
    assert len(versions(site, "--last", "2")) == 2
    assert [each["changes"][0]["address"] for each in versions(site, "--unit", "丙集团")] == [
        "c2@gamma.example.com",
        None,
    ]
    assert [each["total"] for each in versions(site, "--address", "B3@beta.example.org")] == [1, 1]
    assert len(versions(site, "--since", "2020-01-01")) == 5
    assert versions(site, "--since", "2999-01-01") == []
    assert site.run("recipients", "history", "--since", "2999-01-01").out == "Nothing has changed.\n"


def test_the_former_name_of_a_unit_belongs_to_its_history(site: site_module.Site) -> None:
    site.send()
    for old, new in [("c@gamma", "c2@gamma"), ("丙公司", "丙集团"), ("丙集团", "丙总公司")]:
        edit(site, old, new)
        site.run("recipients", "history")
    actions = [change["action"] for each in versions(site, "--unit", "丙总公司") for change in each["changes"]]
    assert actions == ["renamed", "renamed", "address"]
    names = [change["unit"] for each in versions(site, "--unit", "丙公司") for change in each["changes"]]
    assert names == ["丙集团", "丙公司"]  # what became of it, and the change of its address


def test_a_unit_that_never_was_has_no_history(site: site_module.Site) -> None:
    assert site.run("recipients", "history", "--unit", "丙公司").out == "Nothing has changed.\n"
    ran = site.run("recipients", "history", "--unit", "丙公")
    assert (ran.code, "did you mean 丙公司" in ran.err) == (2, True)


def test_a_command_of_several_lines_is_told_on_one(site: site_module.Site) -> None:
    words = ("--note", "一\n\x1b[31m二", "--as", "王\n三", "--yes")
    assert site.run("recipients", "set", "contact", "c@gamma.example.com", *words).code == 0
    assert "  王 三 on " in (out := site.run("recipients", "history", "--last", "1").out)
    assert "'一 [31m二'" in out


def test_twenty_versions_of_fifty_lines_and_all(site: site_module.Site) -> None:
    for number in range(22):
        site.write_list({"有关部门": {f"单位{number}": [f"u{number}-{each}@example.org" for each in range(60)]}})
        site.run("recipients", "history")
    out = site.run("recipients", "history").out
    assert (out.count("by hand"), out.count("+ 单位21 "), out.count("    and 74 more\n")) == (20, 0, 20)
    everything = site.run("recipients", "history", "--all").out
    assert (everything.count("by hand"), everything.count("+ 单位21 ")) == (22, 60)


def test_a_list_that_cannot_be_read_has_its_history_all_the_same(site: site_module.Site) -> None:
    site.send()
    edit(site, "groups:", "groups: [")
    ran = site.run("recipients", "history", "--json")
    assert ran.code == 0
    assert len(ran.json["versions"]) == 1
    assert {finding["severity"] for finding in ran.json["findings"]} == {"warning"}
    assert "! " in site.run("recipients", "history").err


@pytest.mark.parametrize(
    "arguments",
    [["--unit", "甲", "--address", "a@example.org"], ["--address", "甲"], ["--since", "昨天"], ["--last", "0"]],
)
def test_a_question_that_cannot_be_answered(site: site_module.Site, arguments: list[str]) -> None:
    assert site.run("recipients", "history", *arguments).code == 2


def edit(site: site_module.Site, old: str, new: str) -> None:
    path = site.folder / "recipients.yaml"
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


def versions(site: site_module.Site, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.run("recipients", "history", "--json", *arguments).json["versions"]
    return found


# An old ledger


def test_a_ledger_of_the_version_before_learns_of_lists(tmp_path: Path, ledger_url: str) -> None:
    (tmp_path / "recipients.yaml").write_text(list_of(ONE), "utf-8")
    database = Database(ledger_url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    try:
        with database.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0002")
        assert migrate.upgrade(database)
        office = Office(tmp_path, database)
        assert lists.notice(office.site, load(office.list)) is not None
        assert office.told() == [["first seen, with 2 contacts"]]
    finally:
        database.close()
