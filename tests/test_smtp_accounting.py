"""Whatever happens, and wherever: every parcel is settled or given back once, and what is said of it is no lie."""

import asyncio
import ssl
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distributor.delivery.channels import smtp
from distributor.delivery.channels.dialogue import Dialogue
from distributor.delivery.model.channel import Parcel, Phase, SessionError
from tests.smtpd import Act, Conversation, Do, HandDouble, Wire, channel, parcels

A, B, C = "a@b.example", "b@b.example", "c@b.example"
STEPS = ("mail", "rcpt", "data", "body", "dot", "rset")
ACTS: tuple[Act, ...] = (
    *Do,
    "421 4.3.2 closing",
    "451 4.7.1 later",
    "550 5.7.1 no",
    "354 go on",
    b"what?\r\n",
    b"250-endless\r\n",
    b"25",
)
TOO_POSITIVE: tuple[Act, ...] = ("250 ok", b"250 twice\r\n250 twice\r\n")
# A server that says 250 amid the body, before the final dot, has lied: nothing can be told from what it says.
PLACES = [(step, act) for step in STEPS for act in (ACTS if step == "body" else ACTS + TOO_POSITIVE)]
PIPELINING = pytest.mark.parametrize(
    "offers", [("PIPELINING",), (), ("PIPELINING", "CHUNKING")], ids=["pipelining", "plain", "chunking"]
)


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every answer, though not with the connection, which a busy machine may take its time over."""
    connect = Dialogue.connect

    async def impatient(host: str, port: int, timeout: float, tls: ssl.SSLContext | None) -> Dialogue:  # noqa: ASYNC109
        dialogue = await connect(host, port, timeout, tls)
        dialogue.timeout = 0.05
        return dialogue

    monkeypatch.setattr(Dialogue, "connect", impatient)
    monkeypatch.setattr(smtp, "PATIENCE", 0.05)


async def session(server: Wire, hand: HandDouble) -> None:
    try:
        await channel(server.relay).session(hand)
    except SessionError:
        assert 250 not in hand.codes.values(), "an error, though something was moved"


def check_account(server: Wire, hand: HandDouble) -> None:
    """The hand itself fails on a broken order; here the account is held against what the server knows."""
    assert hand.held == {}
    waiting = [parcel.address for parcel in hand.waiting]
    assert sorted([*hand.replies, *hand.given_back, *hand.unmarked, *waiting]) == [A, B, C]
    had = {message.recipient for message in server.messages} - {""}
    for address in had:
        assert hand.replies[address].handed_over, "the relay has it, and we say that it cannot have it"
    for address, reply in hand.replies.items():
        if reply.code == 250:
            assert (reply.phase, address in had) == (Phase.DOT, True)
    accepted = {message.recipient for message in server.messages if message.accepted} - {""}
    assert accepted <= {address for address, reply in hand.replies.items() if reply.code in {250, None}}


@PIPELINING
@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize(("step", "act"), PLACES, ids=str)
async def test_one_fault(step: str, act: Act, turn: int, offers: tuple[str, ...]) -> None:
    with Wire(offers=offers) as server:
        server.on(step, act, after=turn, times=1)
        if step == "rset":
            server.on("rcpt", "550 5.1.1 no such user", times=turn + 1)
        hand = HandDouble.of(parcels(A, B, C))
        await session(server, hand)
        check_account(server, hand)


FAULTS = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from([A, B, C, None]), st.integers(0, 2)),
    max_size=4,
)


@PIPELINING
@given(faults=FAULTS, unmarkable=st.frozensets(st.sampled_from([A, B, C]), max_size=1))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_faults(
    offers: tuple[str, ...], faults: list[tuple[tuple[str, Act], str | None, int]], unmarkable: frozenset[str]
) -> None:
    with Wire(offers=offers) as server:
        for (step, act), to, after in faults:
            server.on(step, act, to=to, after=after, times=1)
        hand = HandDouble.of(parcels(A, B, C), unmarkable=unmarkable)
        asyncio.run(session(server, hand))
        check_account(server, hand)


# Cut off by our own side


async def cut_off(server: Wire, hand: HandDouble, reached: Callable[[], bool]) -> None:
    """Cancel a session once *reached*, as the engine does when it may wait no longer."""
    task = asyncio.create_task(channel(server.relay).session(hand))
    await until(reached)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("offers", [("PIPELINING",), ()], ids=["pipelining", "plain"])
@pytest.mark.parametrize(("step", "command"), [("mail", "MAIL"), ("rcpt", "RCPT"), ("data", "DATA")])
async def test_cut_off_before_the_mark_gives_back(step: str, command: str, offers: tuple[str, ...]) -> None:
    with Wire(offers=offers) as server:
        server.on(step, Do.SILENCE)
        hand = HandDouble.of(parcels(A, B, C))
        await cut_off(server, hand, lambda: any(line.startswith(command) for line in server.commands))
        assert (hand.given_back, hand.replies, hand.held) == ([A], {}, {})


@PIPELINING
async def test_cut_off_at_the_mark_was_not_handed_over(offers: tuple[str, ...]) -> None:
    """The mark may be durable or not; a result without doubt suits both."""
    marking = asyncio.Event()

    async def for_ever(_parcel: Parcel) -> None:
        marking.set()
        await asyncio.Event().wait()

    with Wire(offers=offers) as server:
        hand = HandDouble.of(parcels(A, B, C), at_mark=for_ever)
        await cut_off(server, hand, marking.is_set)
        assert (hand.codes, hand.given_back, hand.held) == ({A: None}, [], {})
        assert not hand.replies[A].handed_over
        assert server.messages == []


@PIPELINING
async def test_cut_off_after_the_final_dot_is_uncertain(
    offers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "PATIENCE", 60.0)
    with Wire(offers=offers) as server:
        server.on("dot", Do.SILENCE)
        hand = HandDouble.of(parcels(A, B, C))
        await cut_off(server, hand, lambda: bool(server.messages))
        assert (hand.codes, hand.held) == ({A: None}, {})
        assert hand.replies[A].handed_over
        assert hand.given_back == ([B] if offers else [])


async def test_cut_off_while_opening_and_while_idle_costs_nothing() -> None:
    class Idle(HandDouble):
        async def take(self) -> Parcel | None:
            taking.set()
            await asyncio.Event().wait()
            return None

    taking = asyncio.Event()
    with Wire() as server:
        await cut_off(server, Idle.of(parcels(A)), taking.is_set)
        server.on("greeting", Do.SILENCE)
        hand = HandDouble.of(parcels(A))
        await cut_off(server, hand, lambda: len(server.heard) == 2)
        assert hand.held == {}


@PIPELINING
async def test_a_hand_that_fails_is_told_what_became_of_its_parcels(offers: tuple[str, ...]) -> None:
    async def fail(_parcel: Parcel) -> None:
        raise ZeroDivisionError

    with Wire(offers=offers) as server:
        hand = HandDouble.of(parcels(A, B, C), at_mark=fail)
        with pytest.raises(ZeroDivisionError):
            await channel(server.relay).session(hand)
        assert (hand.codes, hand.held) == ({A: None}, {})
        assert not hand.replies[A].handed_over


@pytest.mark.parametrize("at", ["cut off", "lost", "in order"])
async def test_the_connection_ends_with_the_session(at: str) -> None:
    readers = []

    async def script(conversation: Conversation) -> None:
        readers.append(conversation.reader)
        await conversation.serve()

    with Wire(script) as server:
        server.on("dot", {"cut off": Do.SILENCE, "lost": Do.DROP, "in order": "250 ok"}[at])
        hand = HandDouble.of(parcels(A))
        if at == "cut off":
            await cut_off(server, hand, lambda: bool(server.messages))
        else:
            await session(server, hand)
        await until(lambda: readers[0].at_eof() or readers[0].exception() is not None)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110  another thread's state
            await asyncio.sleep(0.001)
