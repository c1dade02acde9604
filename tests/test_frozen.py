"""What an issue was made from is the same when it comes back from the ledger, be that older than the program or not."""

import dataclasses
import json

from distributor.distribution.frozen import freeze, thaw
from distributor.errors import Place
from distributor.recipients.model import GroupName
from tests.letters import group, roster


def test_templates_and_groups_come_back_as_they_were() -> None:
    templates, groups = thaw(freeze({"a.html.j2": "甲"}, roster().groups))
    assert templates == {"a.html.j2": "甲"}
    assert groups == roster().groups
    assert {name: found.places for name, found in groups.items()} == {
        name: found.places for name, found in roster().groups.items()
    }


def test_a_group_frozen_without_the_places_of_its_texts_is_pointed_at_as_a_whole() -> None:
    kept = json.loads(freeze({}, {GroupName.DEPARTMENTS: group()}))
    del kept["groups"]["送"]["places"]
    _templates, groups = thaw(json.dumps(kept))
    assert groups == {GroupName.DEPARTMENTS: group()}
    assert groups[GroupName.DEPARTMENTS].place_of("subject") == group().place


def test_a_text_is_pointed_at_where_it_stands() -> None:
    to = dataclasses.replace(group(), places={"subject": Place("recipients.yaml", 9)})
    assert to.place_of("subject") == Place("recipients.yaml", 9)
    assert to.place_of("closing") == to.place
