"""A thousand contacts over a relay that refuses, defers and drops: each number and reason is that of its own log."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import openpyxl

from tests import ledgers
from tests.sites import Site
from tests.smtpd import Do, Logged, Smtpd

DEPARTMENTS, MEMBERS = 200, 800
# What the relay says to every twentieth contact, from the one on; and what the report has to make of it.
REFUSED = {
    "550 5.1.1 no such user here": ("no-such-mailbox", "There is no such mailbox."),
    "550 5.2.1 closed long ago": ("mailbox-disabled", "The mailbox is disabled."),
    "554 5.7.1 we do not want it": ("policy", "The server refused the letter by a rule of its own."),
    "552 5.3.4 message too big": ("too-large", "The letter is larger than the server or the mailbox allows."),
    "554 5.7.1 this is spam": (
        "content-refused", "The server refused the letter as spam, or for something that is in it.",
    ),
    "550 nobody knows why": (
        "unknown", "The reason is not one that this program knows; see the server's own words.",
    ),
}  # fmt: skip
PUT_OFF = {
    "450 4.2.1 busy": ("mailbox-busy", "The mailbox takes no letters for the moment."),
    "452 4.2.2 mailbox full": ("mailbox-full", "The recipient's mailbox is full."),
    "451 4.7.1 greylisted, come again": (
        "greylisted", "The server lets letters from new senders wait at first (greylisting).",
    ),
    "451 4.3.0 try later": ("temporary", "The server asked us to try again later."),
}  # fmt: skip
DOUBTFUL = ("no-answer", "It was handed over, and no clear answer came back: it may have arrived, or not.")
BROKEN_OFF = ("lost-rcpt", "The attempt broke off before the letter was handed over.")
MEANINGS = REFUSED | PUT_OFF
AT_DOT = {"552 5.3.4 message too big", "554 5.7.1 this is spam", "451 4.3.0 try later"}
ONCE = {"451 4.7.1 greylisted, come again", "451 4.3.0 try later"}
SHARED = {"m7": "m8", "m9": "m10", "d3": "d4"}  # the first has the mailbox of the second


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the letter to one address, as the log has it."""

    state: str
    attempts: int
    code: int | None
    enhanced: str | None
    text: str | None
    reason: str
    why: str


def address(name: str) -> str:
    return f"{SHARED.get(name, name)}@{'departments' if name[0] == 'd' else 'members'}.example.org"


def names() -> Iterator[str]:
    yield from (f"d{number}" for number in range(DEPARTMENTS))
    yield from (f"m{number}" for number in range(MEMBERS))


def script(server: Smtpd) -> None:
    for place, answer in enumerate(MEANINGS):
        for name in [*names()][place::20]:
            step = "dot" if answer in AT_DOT else "rcpt"
            server.on(step, answer, to=address(name), times=1 if answer in ONCE else None)
    for name in [*names()][len(MEANINGS) :: 20]:
        server.on("dot", Do.DROP, to=address(name), times=1)
    for name in [*names()][len(MEANINGS) + 1 :: 100]:
        server.on("rcpt", Do.DROP, to=address(name), times=1 if name[0] == "m" else None)


def fates(log: list[Logged]) -> dict[str, Fate]:
    """Of each address, what the log says of it.

    A relay that leaves at RCPT has refused nobody, but where that was the first letter of its session.
    """
    endings: dict[str, list[Logged]] = {}
    used: set[int] = set()
    for line in log:
        if line.step != "rcpt" or not line.answer.startswith("250"):
            if line.answer or line.step == "dot" or line.session not in used:
                endings.setdefault(line.recipient, []).append(line)
            used.add(line.session)
    return {recipient: fate(lines[-1], len(lines)) for recipient, lines in endings.items()}


def fate(last: Logged, attempts: int) -> Fate:
    if not last.answer:
        state, meaning = ("uncertain", DOUBTFUL) if last.step == "dot" else ("deferred", BROKEN_OFF)
        return Fate(state, attempts, None, None, None, *meaning)
    said = re.fullmatch(r"(\d{3})(?: (\d\.\d\.\d))? (.*)", last.answer)
    assert said is not None
    code, enhanced, text = said.groups()
    state = {"2": "sent", "4": "deferred", "5": "failed"}[code[0]]
    meaning = MEANINGS.get(last.answer, ("sent", "The relay took it."))
    return Fate(state, attempts, int(code), enhanced, text, *meaning)


def units(kind: str, count: int) -> dict[str, list[str]]:
    """Two contacts a unit."""
    return {
        f"{kind}单位{number}": [address(f"{kind}{number}"), address(f"{kind}{number + 1}")]
        for number in range(0, count, 2)
    }


PEOPLE = {"送": units("d", DEPARTMENTS), "发": units("m", MEMBERS)}


def served(group: str) -> list[str]:
    """The address of each contact of *group*."""
    return [email for emails in PEOPLE[group].values() for email in emails]


def check_json(document: Any, known: Mapping[str, Fate]) -> None:
    deliveries = {each["address"]: each for each in document["deliveries"]}
    told = {
        email: Fate(*(each[name] for name in ("state", "attempts", "code", "enhanced", "reply", "reason", "why")))
        for email, each in deliveries.items()
    }
    assert {email: comparable(fate) for email, fate in told.items()} == known
    for numbers in document["groups"]:
        check_numbers(numbers, served(numbers["group"]), known)
    check_numbers(document["totals"], [*served("送"), *served("发")], known)
    counted = Counter((fate.state, fate.reason) for fate in known.values() if fate.state != "sent")
    assert {(each["state"], each["reason"]): each["letters"] for each in document["reasons"]} == counted
    assert document["not_sent_total"] == sum(counted.values())
    assert {each["address"] for each in document["not_sent"]} == {
        email for email, fate in known.items() if fate.state != "sent"
    }


def comparable(fate: Fate) -> Fate:
    """Where nothing was answered our own words say what happened."""
    return fate if fate.code else replace(fate, text=None)


def check_numbers(numbers: Mapping[str, Any], contacts: Sequence[str], known: Mapping[str, Fate]) -> None:
    letters = set(contacts)
    assert numbers["states"] == Counter(known[email].state for email in letters)
    assert numbers["contact_states"] == Counter(known[email].state for email in contacts)
    assert (numbers["letters"], numbers["contacts"]) == (len(letters), len(contacts))
    assert numbers["sent"] == sum(known[email].state == "sent" for email in letters)


WORDS = {"sent": "sent", "failed": "failed", "deferred": "put off", "uncertain": "uncertain"}


def check_rows(rows: Sequence[Mapping[str, Any]], known: Mapping[str, Fate]) -> None:
    """A row a contact, whichever spreadsheet they are of; what nobody said is an empty cell."""
    expected = [
        (group, unit, email, WORDS[fate.state], fate.attempts, fate.code or "", fate.enhanced or "", fate.why)
        for group, people in PEOPLE.items()
        for unit, emails in people.items()
        for email in emails
        for fate in [known[email]]
    ]
    told = [
        (
            row["group"], row["unit"], row["address"], row["state"], int(row["attempts"]),
            row["code"] and int(row["code"]), row["enhanced code"], row["why"],
        )
        for row in rows
    ]  # fmt: skip
    assert sorted(told, key=str) == sorted(expected, key=str)
    answers = {row["address"]: row["answer"] for row in rows if row["code"]}
    assert answers == {email: fate.text for email, fate in known.items() if fate.code}


def check_summary(sheet: Any, known: Mapping[str, Fate]) -> None:
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    start = [row[0] for row in rows].index("group")
    columns, numbers = rows[start], {row[0]: row for row in rows[start + 1 : start + 4]}
    for group, contacts in {"送": served("送"), "发": served("发"), "all": [*served("送"), *served("发")]}.items():
        letters = set(contacts)
        counted = Counter(WORDS[known[email].state] for email in letters)
        cells = dict(zip(columns, numbers[group], strict=True))
        assert {word: cells[word] for word in counted} == counted
        assert (cells["letters"], cells["contacts"]) == (len(letters), len(contacts))


def check(site: Site, log: list[Logged]) -> dict[str, Fate]:
    """All the reports of this moment against the log; returns what the log says."""
    known = fates(log)
    check_json(site.run("report", "60", "--json", "--all").json, known)
    for name in ("account.csv", "account.xlsx"):
        site.run("report", "60", "-o", site.folder / name)
    text = (site.folder / "account.csv").read_text("utf-8-sig")
    check_rows(list(csv.DictReader(io.StringIO(text))), known)
    book = openpyxl.load_workbook(site.folder / "account.xlsx")
    heading, *rows = ([cell or "" for cell in row] for row in book["Contacts"].iter_rows(values_only=True))
    check_rows([dict(zip(map(str, heading), row, strict=True)) for row in rows], known)
    check_summary(book["Summary"], known)
    return known


def test_every_number_and_reason_is_that_of_the_relay_s_own_log(site: Site) -> None:
    site.write_list({"有关部门": PEOPLE["送"], "各会员单位": PEOPLE["发"]})
    with Smtpd() as server:
        site.setting(RELAY=f"smtp://{server.relay}", FROM="office@sender.example", WAIT=0, RETRY_FIRST=3000)
        script(server)
        assert site.send().code == 4
        first = check(site, server.log)
        with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as ledger:
            ledgers.execute(ledger, "UPDATE deliveries SET next_attempt = 1 WHERE state = 'deferred'")
        assert site.run("resume", "60").code == 4
        again = check(site, server.log)
    assert len(first) == len(again) == DEPARTMENTS + MEMBERS - len(SHARED)
    assert {fate.reason for fate in first.values()} == {"sent", DOUBTFUL[0], BROKEN_OFF[0]} | {
        reason for reason, _why in MEANINGS.values()
    }
    assert {fate.attempts for fate in again.values()} == {1, 2}
    changed = {(first[email].reason, again[email].reason) for email in first if first[email] != again[email]}
    assert ("greylisted", "sent") in changed
    assert ("mailbox-full", "mailbox-full") in changed
