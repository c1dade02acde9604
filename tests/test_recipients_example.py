"""The list that every new site begins with: it loads without a warning, and what its comments say is true."""

import re
from pathlib import Path

import pytest
import yaml

from distributor.recipients import include, loader
from distributor.recipients.faults import is_reason
from distributor.recipients.loader import load
from distributor.recipients.model import Audience, GroupName, Roster
from distributor.recipients.yaml_tree import Text

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "recipients.yaml"


@pytest.fixture(scope="module")
def roster() -> Roster:
    return load(EXAMPLE)


@pytest.fixture(scope="module")
def comments() -> str:
    return "\n".join(line for line in EXAMPLE.read_text("utf-8").splitlines() if line.startswith("#"))


def audiences_of(roster: Roster, group: GroupName) -> list[Audience]:
    return [audience for audience in roster.audiences.values() if audience.only is group]


def test_it_has_no_fault_and_no_warning(roster: Roster) -> None:
    assert roster.findings == ()
    assert list(roster.groups) == list(GroupName)


@pytest.mark.parametrize("group", [GroupName.DEPARTMENTS, GroupName.MEMBERS])
def test_a_dozen_units_stand_in_each_of_two_groups_several_with_two_contacts(roster: Roster, group: GroupName) -> None:
    units = [roster.units[name] for audience in audiences_of(roster, group) for name in audience.units]
    assert len(units) == len(set(units)) >= 12
    assert sum(len(unit.contacts) == 2 for unit in units) >= 3
    assert any(contact.disabled for unit in units for contact in unit.contacts)


def test_every_audience_is_bound_to_its_group(roster: Roster) -> None:
    assert all(audience.only for audience in roster.audiences.values())


def test_every_address_is_in_a_reserved_domain_as_it_says(roster: Roster) -> None:
    emails = [contact.email for unit in roster.units.values() for contact in unit.contacts]
    emails += [group.reply_to for group in roster.groups.values() if group.reply_to]
    assert [email for email in emails if not email.endswith((".example.org", ".example.com"))] == []


def test_two_units_share_a_mailbox(roster: Roster) -> None:
    emails = [contact.email for unit in roster.units.values() for contact in unit.contacts]
    assert len(emails) == len(set(emails)) + 1


def test_templates_it_names_are_there(roster: Roster) -> None:
    assert [
        group.template for group in roster.groups.values() if not (ROOT / "templates" / group.template).is_file()
    ] == []


def test_every_key_is_explained(comments: str) -> None:
    keys = loader._GROUP | loader._AUDIENCE | loader._UNIT | loader._CONTACT
    assert {key for key in keys if not re.search(rf"^#\s+{key}\s", comments, re.MULTILINE)} == set()


def test_every_column_is_named(comments: str) -> None:
    (named,) = re.findall(r"第一行是列名：([^；]+)；", comments)
    assert named == ",".join(include._TITLES)


def test_what_it_says_needs_quotes_needs_them(comments: str) -> None:
    (line,) = re.findall(r"要加引号：(.+)", comments)
    examples = re.findall(r'"([^"]+)"', line)
    assert len(examples) == 4
    assert [text for text in examples if Text(text, 1, plain=True).kind is None] == []


def test_what_it_says_is_no_reason_is_none(comments: str) -> None:
    (answer,) = re.findall(r"只写“(.+?)”不行", comments)
    assert not is_reason(answer)


def test_what_it_proposes_for_superiors_can_be_added(tmp_path: Path, comments: str) -> None:
    (proposal,) = re.findall(r"^#   (市委办公室: .+)$", comments, re.MULTILINE)
    text = EXAMPLE.read_text("utf-8")
    text = text.replace("\naudiences:\n", f"\naudiences:\n  {proposal}\n")
    text = text.replace("\nunits:\n", "\nunits:\n  市委办公室: {contacts: [{name: 收文, email: a@example.org}]}\n")
    (tmp_path / "recipients.yaml").write_text(text, "utf-8")
    (audience,) = audiences_of(load(tmp_path / "recipients.yaml"), GroupName.SUPERIORS)
    assert audience.units == ("市委办公室",)


def test_other_readers_of_yaml_see_the_same(roster: Roster) -> None:
    """Nothing in it depends on this program's reading: editors and scripts find the same texts."""
    plain = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    assert list(plain["units"]) == list(roster.units)
    found = [(c["name"], c["email"], c.get("disabled")) for unit in plain["units"].values() for c in unit["contacts"]]
    assert found == [(c.name, c.email, c.disabled) for unit in roster.units.values() for c in unit.contacts]
