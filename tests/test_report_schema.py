"""distributor.report/1 is what its JSON Schema says: on real documents, in every corner that they have."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from distributor.delivery.ledger import flows
from distributor.delivery.ledger.database import Database
from distributor.delivery.ledger.opening import add_supplement
from distributor.delivery.ledger.staging import Staging
from distributor.delivery.model.channel import Phase
from distributor.delivery.model.flow import FlowKey, FlowKind
from distributor.delivery.model.states import State
from tests import ledgers
from tests.schemas import violations
from tests.sites import Site

DIGESTS = {"content_sha256": "c" * 64, "roster_sha256": "a" * 64, "templates_sha256": "b" * 64}


@pytest.fixture
def schema(site: Site) -> Any:
    ran = site.run("report", "--json-schema")
    assert (ran.code, ran.err) == (0, "")
    return ran.json


@pytest.fixture
def ledger(site: Site) -> Iterator[Database]:
    """A letter in every state, one that was replaced, one for two units, all kinds of omissions, a relay left alone."""
    people = [ledgers.candidate(number, role="收文") for number in range(1, len(State) + 2)]
    people += [ledgers.candidate(50, email="office1@example.org"), ledgers.candidate(51, disabled="停用")]
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as database:
        issue = ledgers.open_to(database, people, ledgers.new_issue(unresolved=("有关单位",), **DIGESTS))
        with Staging([ledgers.candidate(2, email="new@example.org")]) as staging:
            letters = {letter.group: letter for letter in ledgers.letters_for(staging)}
            add_supplement(database, issue.id, letters.values(), staging, ledgers.PERSON)
        # The first failed, and its supplement, the last, was sent.
        endings = [State.SENT, *sorted(State, key=lambda state: state is not State.FAILED), State.SENT]
        for identity, state in enumerate(endings, 1):
            settle(database, identity, state)
        site.setting(RELAY="smtp://relay.example:25", FROM="office@sender.example")
        said = {"reason": "rate-limited", "reply": "450 too many", "relay": "relay.example:25"}
        flows.slow(database, FlowKey(FlowKind.RELAY, "relay"), first=600, most=3600, **said)
        yield database


def settle(database: Database, identity: int, state: State) -> None:
    settled = "NULL" if state in {State.QUEUED, State.DEFERRED, State.CLAIMED, State.HANDING_OVER} else "12345678"
    held = "1" if state in {State.CLAIMED, State.HANDING_OVER} else "NULL"
    ledgers.execute(
        database, f"UPDATE deliveries SET state = :state, settled_at = {settled}, lease_id = {held}, tries = 1,"
        " phase = 'rcpt', code = 450, enhanced = '4.2.1', reply = 'later', reason = 'mailbox-busy',"
        " relay = 'relay.example:25' WHERE id = :id",
        state=state.value, id=identity,
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [[], ["--all"], ["--unit", "单位1"], ["--since", "2h"], ["--group", "送", "--state", "sent"], ["--group", "报"]],
)
def test_a_document_is_as_the_schema_says(site: Site, schema: Any, ledger: Database, arguments: list[str]) -> None:
    assert list(violations(site.run("report", "60", "--json", *arguments).json, schema, schema)) == []


def test_the_document_that_was_checked_has_something_of_everything(site: Site, ledger: Database) -> None:
    document = site.run("report", "60", "--json", "--all").json
    assert set(document["totals"]["states"]) == set(map(str, State))
    for name in ("sent", "next_attempt", "reasons", "not_sent", "replaced", "omitted", "flows", "deliveries"):
        assert document[name], name
    assert {each["reason"] for each in document["omitted"]} == {"disabled", "unresolved"}


def test_before_anything_happened(site: Site, schema: Any) -> None:
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as database:
        ledgers.open_small(database, 2, **DIGESTS)
    document = site.run("report", "60", "--json", "--all").json
    assert list(violations(document, schema, schema)) == []
    assert document["sent"] is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["totals", "letters"], -1),
        (["totals", "states", "sent"], "3"),
        (["totals", "states"], {"lost": 1}),
        (["issue", "list_sha256"], "roster"),
        (["issue", "opened_at"], "2026-03-05T10:00:00"),
        (["sent"], {"first": "2026-03-05T10:00:00+00:00"}),
        (["outcome"], 2),
        (["deliveries", 0, "serves"], []),
        (["deliveries", 0, "phase"], "body"),
        (["deliveries", 0, "secret"], 1),
        (["listed", "lacking"], None),
    ],
)
def test_what_the_schema_forbids_is_found(
    site: Site, schema: Any, ledger: Database, path: list[str | int], value: Any
) -> None:
    document = site.run("report", "60", "--json", "--all").json
    spoilt = copy.deepcopy(document)
    target = spoilt
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    assert list(violations(spoilt, schema, schema)) != []


@pytest.mark.parametrize("name", ["totals", "reasons", "as_of"])
def test_what_is_always_there_is_required(site: Site, schema: Any, ledger: Database, name: str) -> None:
    document = site.run("report", "60", "--json").json
    del document[name]
    assert list(violations(document, schema, schema)) == [f": {name} is missing"]


def test_the_schema_knows_every_state_and_step(schema: Any) -> None:
    assert schema["$defs"]["state"]["enum"] == list(map(str, State))
    assert schema["$defs"]["delivery"]["properties"]["phase"]["enum"] == [None, *map(str, Phase)]


def test_every_member_is_described(schema: Any) -> None:
    def bare(value: Any) -> Iterator[str]:
        for name, member in value.get("properties", {}).items():
            if not {"description", "$ref", "const"} & set(member):
                yield name
        for member in value.values() if isinstance(value, dict) else []:
            for each in member if isinstance(member, list) else [member]:
                yield from bare(each) if isinstance(each, dict) else ()

    assert list(bare(schema)) == []
    assert json.dumps(schema, ensure_ascii=False).count('"description": ""') == 0
