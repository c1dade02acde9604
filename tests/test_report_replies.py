"""What real servers answer, and what the report says of it: data/replies.tsv, one reply a row, each with its source.

A sentence may stand beside a reply only if it is true whenever a server says that. Addresses and networks in the
replies are those that are reserved for examples.
"""

import csv
import re
from pathlib import Path

import pytest

from distributor.delivery.model.channel import Phase, Reply
from distributor.delivery.model.records import DeliveryRecord
from distributor.delivery.model.replies import blames_address, classify, provider_of
from distributor.delivery.model.states import State
from distributor.delivery.model.verdicts import Outcome, Verdict
from distributor.report.reasons import explain

TABLE = Path(__file__).parent / "data/replies.tsv"
SERVERS = {
    "Tencent QQ", "Tencent Exmail", "NetEase", "Coremail", "Alibaba Mail", "Alibaba Direct Mail", "Sohu", "Sina",
    "China Mobile 139", "China Telecom 189 (21cn)", "263", "Gmail", "Exchange Online", "Exchange Server", "Postfix",
    "Yahoo", "iCloud", "Zoho", "Mimecast", "Proofpoint", "Barracuda",
}  # fmt: skip

# Whoever changes one of these looks through the replies that it is said of.
SENTENCES = {
    "bad-address": "The server does not take this for an address.",
    "blocked-by-recipient": "The recipient has blocked our sender.",
    "closing": "The server ended the conversation for the time being.",
    "connection-used-up": "The server takes only so many letters through one connection.",
    "content-refused": "The server refused the letter as spam, or for something that is in it.",
    "dmarc-refused": "The letter fails the rules of its sender's own domain (DMARC).",
    "greylisted": "The server lets letters from new senders wait at first (greylisting).",
    "login-needed": "The relay takes letters only after a login.",
    "login-put-off": "The relay did not accept our login for the time being.",
    "login-refused": "The relay refused our login.",
    "looks-like-spam": "The server takes the letter for spam at the moment.",
    "mailbox-busy": "The mailbox takes no letters for the moment.",
    "mailbox-disabled": "The mailbox is disabled.",
    "mailbox-full": "The recipient's mailbox is full.",
    "no-such-mailbox": "There is no such mailbox.",
    "policy": "The server refused the letter by a rule of its own.",
    "quota-used-up": "The quota of letters that the server allows us is used up.",
    "rate-limited": "The server takes only so many letters or connections from us in a given time.",
    "relay-blocklisted": "The server blocks the network address that our letters come from (a blocklist).",
    "relay-denied": "The relay does not pass letters on to this address for us.",
    "sender-differs": "The server found another sender in the letter than in its envelope.",
    "sender-refused": "The relay refused to take a letter from our sender address.",
    "sender-reputation": "The server distrusts our relay: too many letters from it went to recipients that do not "
    "exist.",
    "sender-unauthenticated": "The server wants proof that the letter is from its sender's domain, and found none.",
    "spf-refused": "The sender's domain does not list our relay as its own (SPF).",
    "storage-exceeded": "The letter needs more room than the server or the mailbox has.",
    "system-full": "The receiving mail system is short of room or other means at the moment.",
    "takes-no-mail": "This address takes no mail.",
    "temporary": "The server asked us to try again later.",
    "too-large": "The letter is larger than the server or the mailbox allows.",
    "unknown": "The reason is not one that this program knows; see the server's own words.",
}


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


ROWS = rows()
each_row = pytest.mark.parametrize("row", ROWS, ids=[f"{row['server']}: {row['reply'][:60]}" for row in ROWS])


def verdict_of(row: dict[str, str]) -> Verdict:
    """As the engine comes by it, over a relay that passes on what others say."""
    parts = re.fullmatch(r"(\d{3})(?: (\d\.\d+\.\d+))? (.+)", row["reply"])
    assert parts is not None
    code, enhanced, text = parts.groups()
    provider = provider_of("relay.example:25", row["domain"], text)
    return classify(Reply(Phase(row["step"]), int(code), enhanced, text), provider)


def test_the_table_has_replies_of_every_large_provider_each_once_and_with_its_source() -> None:
    assert len(ROWS) >= 130
    assert {row["server"] for row in ROWS} >= SERVERS
    assert all(all(row.values()) for row in ROWS)
    assert len({(row["server"], row["step"], row["reply"]) for row in ROWS}) == len(ROWS)


@each_row
def test_what_a_real_reply_means(row: dict[str, str]) -> None:
    assert verdict_of(row).reason == row["reason"]


@each_row
def test_what_the_report_says_of_a_real_reply(row: dict[str, str]) -> None:
    verdict = verdict_of(row)
    state = State.DEFERRED if verdict.outcome is Outcome.DEFER else State.FAILED
    record = DeliveryRecord(1, "送", 0, "mail", "x@a.example", state, 1, (), reason=verdict.reason)
    explanation = explain(record, "60")
    assert explanation.sentence == SENTENCES[row["reason"]]
    assert explanation.next_step


def test_every_sentence_stands_beside_a_real_reply() -> None:
    assert set(SENTENCES) == {row["reason"] for row in ROWS}


@each_row
def test_an_address_is_blamed_only_by_a_final_answer_about_it(row: dict[str, str]) -> None:
    verdict = verdict_of(row)
    assert (verdict.outcome is Outcome.FAIL_ADDRESS) == blames_address(verdict.reason)
    assert row["reply"][0] == "5" or verdict.outcome is Outcome.DEFER


@each_row
def test_the_same_words_with_a_temporary_code_fail_nothing(row: dict[str, str]) -> None:
    later = re.sub(r"^5(\d\d )(5\.)?", lambda match: f"4{match[1]}{'4.' if match[2] else ''}", row["reply"])
    assert verdict_of(row | {"reply": later}).outcome is Outcome.DEFER
