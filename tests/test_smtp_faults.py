"""A faulty relay, one test a fault: the state in which the ledger's row ends, and the relay's reply kept in it.

What the channel alone makes of each fault stands in test_smtp_opening, _session, _pipelining, _chunking, _accounting.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from distributor.delivery.channels import smtp
from distributor.delivery.channels.smtp import SmtpChannel
from distributor.delivery.engine import engine as engine_module
from distributor.delivery.engine import reach as reach_module
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.flow import Way
from distributor.delivery.model.states import State
from distributor.settings import Relay
from tests import ledgers
from tests.ledgers import open_sendable, open_to, row, states
from tests.smtpd import Act, Certificates, Conversation, Do, Server, Smtpd, Wire
from tests.test_engine import engine_of
from tests.test_engine_smtp import IN_AN_HOUR

SESSIONS = {
    "plain": ("SIZE 1000000",),
    "pipelined": ("SIZE 1000000", "PIPELINING"),
    "chunked": ("SIZE 1000000", "PIPELINING", "CHUNKING"),
}
LOGIN = ("office@a.example", "wrong")


def each(*steps: str) -> list[object]:
    """*steps* in every kind of session that has them: BDAT comes without DATA."""
    return [
        pytest.param(offers, step, id=f"{name} {step}")
        for name, offers in SESSIONS.items()
        for step in steps
        if (name, step) != ("chunked", "data")
    ]


class End(NamedTuple):
    """What the ledger keeps of a fault; *text* is a part of the reply."""

    state: State
    phase: str
    code: int | None
    text: str = ""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"POLL": 0.02, "LINGER": 0.1, "GRACE": 2.0}.items():
        monkeypatch.setattr(engine_module, name, seconds)
    monkeypatch.setattr(reach_module, "BACK_OFF_MOST", 0.05)
    monkeypatch.setattr(smtp, "PATIENCE", 0.6)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Database]:
    with ledgers.opened(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as database:
        yield database


@pytest.fixture(params=SESSIONS.values(), ids=SESSIONS)
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    with Wire(offers=request.param) as server:
        yield server


def delivered(ledger: Database, relay: Relay, ca_file: Path | None = None) -> None:
    """One engine with one connection, until it has nothing more to do; its issue is opened before if there is none."""
    if not states(ledger):
        open_sendable(ledger, 1)
    channel = SmtpChannel(relay, helo="client.example", timeout=0.3, deadline=60, ca_file=ca_file)

    async def until_idle() -> None:
        engine = engine_of(ledger, {Way("relay"): channel}, IN_AN_HOUR, connections=1)
        await asyncio.wait_for(engine.run(idle=0.1), 20)

    asyncio.run(until_idle())


def check(ledger: Database, expected: End, identity: int = 1) -> None:
    found = row(ledger, identity)
    assert (found["state"], found["phase"], found["code"]) == expected[:3]
    assert expected.text in found["reply"]
    assert found["reply"], "why it ended so is always kept"


def check_server(server: Server, ledger: Database) -> None:
    """Accepted by the relay is never deferred, and never failed."""
    had = any(message.accepted for message in server.messages)
    assert not had or states(ledger).keys() <= {State.SENT, State.UNCERTAIN}


# Before MAIL

DEFERRED, FAILED, SENT, UNCERTAIN = State.DEFERRED, State.FAILED, State.SENT, State.UNCERTAIN


@pytest.mark.parametrize(
    ("step", "act", "expected"),
    [
        ("greeting", Do.SILENCE, End(DEFERRED, "greeting", None, "no answer in time")),
        ("greeting", Do.DROP, End(DEFERRED, "greeting", None, "closed the connection")),
        ("greeting", "554 5.7.1 not you", End(DEFERRED, "greeting", 554, "not you")),
        ("greeting", "421 4.7.0 busy", End(DEFERRED, "greeting", 421, "busy")),
        ("greeting", b"220-" + b"x" * 20_000, End(DEFERRED, "greeting", None, "does not speak SMTP")),
        ("greeting", b"220-one\r\n220 two\r\n", End(SENT, "dot", 250)),
        ("ehlo", "421 4.3.2 closing", End(DEFERRED, "ehlo", 421, "closing")),
        ("ehlo", "451 4.3.0 not now", End(DEFERRED, "ehlo", 451, "not now")),
        ("ehlo", Do.RESET, End(DEFERRED, "ehlo", None)),
        ("ehlo", "502 5.5.1 what?", End(SENT, "dot", 250)),
    ],
    ids=str,
)
def test_at_the_door(ledger: Database, step: str, act: Act, expected: End) -> None:
    with Wire() as server:
        server.on(step, act)
        delivered(ledger, server.relay)
        check(ledger, expected)
        check_server(server, ledger)


def test_reset_instead_of_a_greeting(ledger: Database) -> None:
    """The reset may be quicker than our look at the connection."""
    with Wire() as server:
        server.on("greeting", Do.RESET)
        delivered(ledger, server.relay)
    assert (row(ledger, 1)["state"], row(ledger, 1)["code"]) == ("deferred", None)
    assert row(ledger, 1)["phase"] in {"connect", "greeting"}


def test_ehlo_and_helo_refused(ledger: Database) -> None:
    with Wire() as server:
        server.on("ehlo", "502 5.5.1 what?")
        server.on("helo", "550 5.7.1 who?")
        delivered(ledger, server.relay)
    check(ledger, End(DEFERRED, "ehlo", 550, "who?"))


def with_login(relay: Relay) -> Relay:
    return dataclasses.replace(relay, user=LOGIN[0], password=LOGIN[1])


def test_starttls_missing(ledger: Database) -> None:
    with Wire(offers=["AUTH PLAIN"]) as server:
        delivered(ledger, with_login(server.relay))
        assert not any("AUTH" in command for command in server.commands)
    check(ledger, End(DEFERRED, "starttls", None, "offers no STARTTLS"))


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        ("454 4.7.0 no TLS now", End(DEFERRED, "starttls", 454, "no TLS now")),
        ("421 4.3.2 closing", End(DEFERRED, "starttls", 421, "closing")),
        (Do.RESET, End(DEFERRED, "starttls", None)),
        (b"220 go ahead\r\n250 injected\r\n", End(DEFERRED, "starttls", None)),
    ],
    ids=str,
)
def test_starttls_refused_lost_or_injected_into(ledger: Database, act: Act, expected: End) -> None:
    with Wire(offers=["STARTTLS"]) as server:
        server.on("starttls", act)
        delivered(ledger, server.relay)
        assert server.commands == ["EHLO client.example", "STARTTLS"]
    check(ledger, expected)


def test_a_certificate_that_does_not_verify(ledger: Database, certificates: Certificates) -> None:
    with Smtpd(starttls=certificates.server("127.0.0.2")) as server:
        delivered(ledger, server.relay, certificates.ca_file)
        assert server.commands == ["EHLO client.example", "STARTTLS"]
    check(ledger, End(DEFERRED, "starttls", None, "certificate is not to be trusted"))


@pytest.mark.parametrize(
    ("act", "code"),
    [(None, 535), ("421 4.7.0 too many tries", 421), ("454 4.7.0 later", 454), (Do.RESET, None)],
    ids=str,
)
def test_auth_refused(ledger: Database, certificates: Certificates, act: Act | None, code: int | None) -> None:
    with Smtpd(tls=certificates.server(), login=(LOGIN[0], "right")) as server:
        if act is not None:
            server.on("auth", act)
        delivered(ledger, with_login(server.relay), certificates.ca_file)
    check(ledger, End(DEFERRED, "auth", code))


# MAIL to the final dot: plain, in groups, and with BDAT


@pytest.mark.parametrize(("offers", "step"), each("mail", "rcpt", "data", "dot"))
def test_421_at_each_step(ledger: Database, offers: Iterable[str], step: str) -> None:
    with Wire(offers=offers) as wire:
        wire.on(step, "421 4.3.2 closing")
        delivered(ledger, wire.relay)
    check(ledger, End(DEFERRED, step, 421, "closing"))


@pytest.mark.parametrize("answer", ["450 4.2.1 busy", "451 4.7.1 later", "452 4.3.1 full", "552 too many"])
def test_not_now_at_rcpt(ledger: Database, wire: Wire, answer: str) -> None:
    """552 too: "too many recipients" in the days before 452 (RFC 5321 4.5.3.1.10)."""
    wire.on("rcpt", answer)
    delivered(ledger, wire.relay)
    check(ledger, End(DEFERRED, "rcpt", int(answer[:3]), answer.rsplit(maxsplit=1)[-1]))


@pytest.mark.parametrize(("offers", "step"), each("mail", "rcpt", "data", "dot"))
def test_550_at_each_step(ledger: Database, offers: Iterable[str], step: str) -> None:
    """At MAIL it is our sender's fault: its issue pauses, and no address is blamed."""
    with Wire(offers=offers) as wire:
        wire.on(step, "550 5.7.1 no")
        delivered(ledger, wire.relay)
    check(ledger, End(DEFERRED if step == "mail" else FAILED, step, 550, "no"))


def test_552_at_the_dot_is_for_good(ledger: Database, wire: Wire) -> None:
    wire.on("dot", "552 5.3.4 too large")
    delivered(ledger, wire.relay)
    check(ledger, End(FAILED, "dot", 552, "too large"))


@pytest.mark.parametrize("do", list(Do), ids=str)
@pytest.mark.parametrize(("offers", "step"), each("mail", "rcpt", "data", "body", "dot"))
def test_lost_at_each_step(ledger: Database, offers: Iterable[str], step: str, do: Do) -> None:
    """From the write on that holds the last octet nobody knows what the relay has; before it, it has nothing."""
    handed_over = step in {"body", "dot"}
    with Wire(offers=offers) as wire:
        wire.on(step, do)
        delivered(ledger, wire.relay)
        check_server(wire, ledger)
    check(ledger, End(UNCERTAIN if handed_over else DEFERRED, "dot" if handed_over else step, None))


@pytest.mark.parametrize("act", [*Do, "421 4.3.2 closing"], ids=str)
def test_lost_after_the_letter_was_accepted(
    ledger: Database, wire: Wire, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "FAREWELL", 0.05)
    wire.on("quit", act)
    delivered(ledger, wire.relay)
    check(ledger, End(SENT, "dot", 250, "queued as 0"))


# Answers

ANSWERS: list[tuple[str, Act, End]] = [
    ("dot", 0.4, End(SENT, "dot", 250, "queued as 0")),  # later than any other answer may be
    (
        "dot",
        b"250-2.0.0 queued\r\n250-2.0.0 as 7\r\n250 2.0.0 thanks\r\n",
        End(SENT, "dot", 250, "queued\nas 7\nthanks"),
    ),
    ("rcpt", "550-5.1.1 no such\r\n550 5.1.1 user", End(FAILED, "rcpt", 550, "no such\nuser")),
    ("rcpt", b"250-endless\r\n", End(DEFERRED, "rcpt", None)),
    ("rcpt", b"250-" + b"x" * 100_000, End(DEFERRED, "rcpt", None, "does not speak SMTP")),
    ("rcpt", b"250-a\r\n550 b\r\n", End(DEFERRED, "rcpt", None, "does not speak SMTP")),
    ("rcpt", "354 go on", End(DEFERRED, "rcpt", None, "out of turn")),
    ("mail", "354 go on", End(DEFERRED, "mail", None, "out of turn")),
    ("dot", b"250-endless\r\n", End(UNCERTAIN, "dot", None, "no answer in time")),
    ("dot", b"250-" + b"x" * 100_000, End(UNCERTAIN, "dot", None, "does not speak SMTP")),
    ("dot", "354 go on", End(UNCERTAIN, "dot", None, "out of turn")),
    ("dot", b"25", End(UNCERTAIN, "dot", None, "no answer in time")),
]


@pytest.mark.parametrize(("step", "act", "expected"), ANSWERS, ids=lambda part: str(part)[:30])
def test_answers(ledger: Database, wire: Wire, step: str, act: Act, expected: End) -> None:
    wire.on(step, act)
    delivered(ledger, wire.relay)
    check(ledger, expected)
    check_server(wire, ledger)


@pytest.mark.parametrize(("offers", "step"), each("data"))
def test_data_answered_as_if_it_were_done(ledger: Database, offers: Iterable[str], step: str) -> None:
    with Wire(offers=offers) as wire:
        wire.on(step, "250 ok")
        delivered(ledger, wire.relay)
    check(ledger, End(DEFERRED, "data", None, "out of turn"))


def dripping(pause: float) -> Callable[[Conversation], object]:
    """A relay that sends its answers octet by octet."""

    async def script(conversation: Conversation) -> None:
        async def say(text: str | bytes) -> None:
            for octet in text if isinstance(text, bytes) else f"{text}\r\n".encode():
                conversation.writer.write(bytes([octet]))
                await conversation.writer.drain()
                await asyncio.sleep(pause)

        conversation.say = say  # type: ignore[method-assign]
        await conversation.serve()

    return script


@pytest.mark.parametrize("offers", SESSIONS.values(), ids=SESSIONS)
def test_split_answers_are_whole(ledger: Database, offers: Iterable[str]) -> None:
    with Wire(dripping(0), offers=offers) as server:  # type: ignore[arg-type]
        delivered(ledger, server.relay)
    check(ledger, End(SENT, "dot", 250, "queued as 0"))


def test_dripping_octets_make_no_answer_later(ledger: Database) -> None:
    with Wire(dripping(0.1)) as server:  # type: ignore[arg-type]
        delivered(ledger, server.relay)
    check(ledger, End(DEFERRED, "greeting", None, "no answer in time"))


# What the relay cannot be told


def test_size_too_small(ledger: Database) -> None:
    with Wire(offers=["SIZE 100"]) as server:
        delivered(ledger, server.relay)
        assert server.commands == ["EHLO client.example", "QUIT"]
    check(ledger, End(FAILED, "mail", 552, "the relay takes 100 B"))


def test_no_smtputf8(ledger: Database) -> None:
    open_to(ledger, [ledgers.candidate(1, email="办公室@example.org")], letters=ledgers.finished_letters)
    with Wire(offers=["8BITMIME"]) as server:
        delivered(ledger, server.relay)
        assert server.commands == ["EHLO client.example", "QUIT"]
    check(ledger, End(FAILED, "mail", 553, "no SMTPUTF8"))
