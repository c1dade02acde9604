"""Sessions with robots over real sockets: what each failure is to the engine, and when the mark is made."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from distributor.delivery.channels.chat.robots import RobotChannel
from distributor.delivery.model.channel import Parcel, Phase, SessionError
from distributor.delivery.model.chat_replies import classify
from distributor.delivery.model.chat_secrets import Secret, Secrets
from distributor.delivery.model.verdicts import Effect, Outcome, Scope
from distributor.endpoints import Kind
from tests.chatd import MESSAGES, SIGNING, TOKEN, Chatd, Robot, Said, at, channel, parcels, post, says
from tests.smtpd import Do, HandDouble

ROBOTS = (Kind.WECOM, Kind.DINGTALK, Kind.FEISHU, Kind.LARK)
OFFICE = "wecom:office"


@pytest.fixture
def wecom() -> Iterator[Chatd]:
    with Chatd(Kind.WECOM) as server:
        yield server


# Taken, or refused in the body


@pytest.mark.parametrize("kind", ROBOTS)
async def test_a_message_that_is_taken_is_sent(kind: Kind) -> None:
    with Chatd(kind) as server:
        hand = await post(server)
        reply = hand.replies[f"{kind}:office"]
        assert (reply.phase, reply.code, reply.enhanced, reply.handed_over) == (Phase.DOT, 200, "0", True)
        assert classify(reply, kind).outcome is Outcome.SENT
        assert server.posted == [MESSAGES[kind]]


@pytest.mark.parametrize("kind", [Kind.DINGTALK, Kind.FEISHU, Kind.LARK])
async def test_a_robot_that_wants_signatures_takes_ours(kind: Kind) -> None:
    with Chatd(kind) as server:
        server.robots[TOKEN] = Robot(signing=SIGNING)
        hand = await post(server, secret=Secret(TOKEN, SIGNING))
        assert hand.replies[f"{kind}:office"].enhanced == "0"
        assert MESSAGES[kind].items() <= server.posted[0].items()


@pytest.mark.parametrize("kind", [Kind.DINGTALK, Kind.FEISHU, Kind.LARK])
@pytest.mark.parametrize("signing", [None, SIGNING[::-1]])
async def test_a_wrong_signature_holds_the_robot_until_a_person_has_mended_it(kind: Kind, signing: str | None) -> None:
    with Chatd(kind) as server:
        server.robots[TOKEN] = Robot(signing=SIGNING)
        verdict = classify((await post(server, secret=Secret(TOKEN, signing))).replies[f"{kind}:office"], kind)
        assert (verdict.outcome, verdict.effect, verdict.scope) == (Outcome.DEFER, Effect.BLOCK, Scope.DOMAIN)
        assert verdict.reason in {"robot-signature", "robot-clock"}
        assert server.posted == []


@pytest.mark.parametrize(
    ("kind", "robot", "reason"),
    [
        (Kind.WECOM, Robot(stopped=True), "robot-stopped"),
        (Kind.DINGTALK, Robot(stopped=True), "robot-stopped"),
        (Kind.FEISHU, Robot(stopped=True), "robot-stopped"),
        (Kind.DINGTALK, Robot(keywords=("没有的词",)), "robot-keyword"),
        (Kind.FEISHU, Robot(keywords=("没有的词",)), "robot-keyword"),
        (Kind.DINGTALK, Robot(outside=True), "robot-address"),
        (Kind.LARK, Robot(outside=True), "robot-address"),
        (Kind.WECOM, Robot(left=0), "chat-rate-limited"),
        (Kind.DINGTALK, Robot(left=0), "chat-rate-limited"),
        (Kind.FEISHU, Robot(left=0), "chat-rate-limited"),
        (Kind.WECOM, None, "robot-gone"),
        (Kind.DINGTALK, None, "robot-gone"),
        (Kind.FEISHU, None, "robot-gone"),
        (Kind.LARK, None, "robot-gone"),
    ],
)
async def test_a_refusal_in_the_body_of_a_200_is_a_refusal(kind: Kind, robot: Robot | None, reason: str) -> None:
    with Chatd(kind) as server:
        server.robots = {} if robot is None else {TOKEN: robot}
        reply = (await post(server)).replies[f"{kind}:office"]
        assert reply.code == 200
        assert reply.handed_over
        assert classify(reply, kind).reason == reason
        assert server.posted == []


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Kind.WECOM, {"msgtype": "markdown", "markdown": {"content": "长" * 1366}}),
        (Kind.DINGTALK, {"msgtype": "markdown", "markdown": {"title": "x", "text": "长" * 7000}}),
    ],
)
async def test_what_is_too_long_for_the_service_is_refused_for_good(kind: Kind, message: object) -> None:
    with Chatd(kind) as server:
        verdict = classify((await post(server, message=message)).replies[f"{kind}:office"], kind)
        assert (verdict.outcome, verdict.reason) == (Outcome.FAIL_MESSAGE, "chat-too-long")


async def test_the_next_parcel_goes_over_the_same_connection_whatever_was_said_to_the_last(wecom: Chatd) -> None:
    wecom.on("answer", says(errcode=45009, errmsg="api freq out of limit"), times=1)
    hand = await post(wecom, "a", "b", "c")
    assert [reply.enhanced for reply in hand.replies.values()] == ["45009", "0", "0"]
    assert len(wecom.connections) == 1


# How long to wait


async def test_the_service_s_own_wait_counts_where_it_is_longer(wecom: Chatd) -> None:
    wecom.on("answer", Said(429, b"slow down", {"Retry-After": "300"}))
    reply = (await post(wecom)).replies[OFFICE]
    verdict = classify(reply, Kind.WECOM)
    assert (verdict.effect, verdict.scope, verdict.after) == (Effect.SLOW, Scope.DOMAIN, 300)
    assert reply.text == "HTTP 429 slow down\nRetry-After: 300"


async def test_feishu_s_own_header_says_how_long_too() -> None:
    with Chatd(Kind.FEISHU) as server:
        body = b'{"code":99991400,"msg":"request trigger frequency limit"}'
        server.on("answer", Said(400, body, {"x-ogw-ratelimit-reset": "520"}))
        assert classify((await post(server)).replies["feishu:office"], Kind.FEISHU).after == 520


@pytest.mark.parametrize("wait", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1e9", "9999999", ""])
async def test_a_wait_that_is_no_number_of_seconds_is_passed_over(wecom: Chatd, wait: str) -> None:
    wecom.on("answer", Said(429, b"", {"Retry-After": wait}))
    assert classify((await post(wecom)).replies[OFFICE], Kind.WECOM).after == 60


# The mark


async def test_the_mark_is_made_on_an_open_connection_before_anything_leaves(wecom: Chatd) -> None:
    seen: list[tuple[int, bytes]] = []

    async def look(_parcel: Parcel) -> None:
        await asyncio.sleep(0.05)  # what had left would have come by now
        seen.append((len(wecom.connections), b"".join(wecom.heard)))

    await post(wecom, at_mark=look)
    assert seen == [(1, b"")]


async def test_nothing_leaves_without_the_mark_and_the_session_goes_on(wecom: Chatd) -> None:
    hand = await post(wecom, "a", "office", "b", unmarkable=frozenset({OFFICE}))
    assert hand.unmarked == [OFFICE]
    assert sorted(hand.replies) == ["wecom:a", "wecom:b"]
    assert len(wecom.requests) == len(wecom.posted) == wecom.heads == 2


async def test_a_session_cut_off_amid_a_post_leaves_a_doubt(wecom: Chatd) -> None:
    wecom.on("answer", Do.SILENCE)
    hand = HandDouble.of(parcels(Kind.WECOM, "office"))
    task = asyncio.create_task(channel(wecom).session(hand))
    while not wecom.requests:  # noqa: ASYNC110  the server is in another thread
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (hand.replies[OFFICE].handed_over, hand.replies[OFFICE].code) == (True, None)


async def test_a_session_cut_off_while_connecting_gives_its_parcel_back(wecom: Chatd) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            hand = HandDouble.of(parcels(Kind.WECOM, "office"))
            task = asyncio.create_task(channel(wecom, origin=at(full)).session(hand))
            while not hand.held:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert hand.given_back == [OFFICE]


async def test_a_session_cut_off_while_its_mark_is_made_is_settled_as_not_handed_over(wecom: Chatd) -> None:
    at_mark = asyncio.Event()

    async def hang(_parcel: Parcel) -> None:
        at_mark.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(post(wecom, at_mark=hang))
    await at_mark.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert wecom.heads == 0


async def test_a_post_that_is_lost_ends_its_session_and_leaves_the_rest_to_others(wecom: Chatd) -> None:
    wecom.on("answer", Do.DROP, after=1)
    hand = await post(wecom, "a", "b", "c")
    assert list(hand.replies) == ["wecom:a", "wecom:b"]
    assert [parcel.address for parcel in hand.waiting] == ["wecom:c"]


async def test_a_connection_that_the_service_has_closed_meanwhile_is_not_used_again(wecom: Chatd) -> None:
    wecom.on("answer", Said(200, b'{"errcode":0,"errmsg":"ok"}', {"Connection": "close"}), times=1)
    hand = await post(wecom, "a", "b")
    assert [reply.enhanced for reply in hand.replies.values()] == ["0", "0"]
    assert len(wecom.connections) == 2


# What is not even tried


@pytest.mark.parametrize(
    ("address", "word", "reason"),
    [
        ("wecom:elsewhere", "no-secret", "endpoint-without-secret"),
        ("dingtalk:office", "bad-endpoint", "endpoint-malformed"),
        ("office@unit.example", "bad-endpoint", "endpoint-malformed"),
    ],
)
async def test_what_cannot_be_posted_to_is_refused_by_ourselves(
    wecom: Chatd, address: str, word: str, reason: str
) -> None:
    parcel = parcels(Kind.WECOM, "office")[0]._replace(address=address)
    hand = HandDouble.of([parcel])
    await channel(wecom).session(hand)
    reply = hand.replies[address]
    assert (reply.phase, reply.code, reply.enhanced, reply.handed_over) == (Phase.RCPT, None, word, False)
    assert classify(reply, Kind.WECOM).reason == reason
    assert (hand.marked, wecom.connections) == ([], [])


async def test_a_missing_secret_is_told_with_the_name_of_its_variable(wecom: Chatd) -> None:
    hand = HandDouble.of(parcels(Kind.WECOM, "office-1"))
    await channel(wecom).session(hand)
    assert hand.replies["wecom:office-1"].text == "not sent: DISTRIBUTOR_WECOM_OFFICE_1 is not set"


async def test_a_message_that_cannot_be_signed_is_refused_by_ourselves() -> None:
    with Chatd(Kind.FEISHU) as server:
        hand = await post(server, message=b"[]", secret=Secret(TOKEN, SIGNING))
        assert classify(hand.replies["feishu:office"], Kind.FEISHU).reason == "chat-message-refused"


@pytest.mark.parametrize("origin", ["https://qyapi.example", "http://10.0.0.1:80", "ftp://x"])
def test_only_this_machine_may_stand_in_for_a_vendor(origin: str) -> None:
    with pytest.raises(ValueError, match="not on this machine"):
        RobotChannel(Kind.WECOM, Secrets({}), timeout=1, patience=1, ca_file=None, origin=origin)


# Secrets


@pytest.mark.parametrize("kind", ROBOTS)
async def test_no_secret_comes_out_whatever_the_service_echoes(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[Any] = []
    with Chatd(kind) as server:
        server.robots[TOKEN] = Robot(signing=None if kind is Kind.WECOM else SIGNING)
        secret = Secret(TOKEN, server.robots[TOKEN].signing)
        echo = f"no such robot: {server.origin}/x?key={TOKEN}&secret={SIGNING}"
        code = {"code": 7, "msg": echo} if kind in {Kind.FEISHU, Kind.LARK} else {"errcode": 7, "errmsg": echo}
        redirect = {"Location": f"https://x.example/?key={TOKEN}"}
        for answer in (
            None,
            says(**code),
            Said(404, echo.encode()),
            Said(302, b"", redirect),
            Said(raw=echo.encode()),
            Do.DROP,
        ):
            server.faults.clear()
            if answer is not None:
                server.on("answer", answer)  # type: ignore[arg-type]
            try:
                said.append((await post(server, secret=secret)).replies)
            except SessionError as error:
                said += [str(error), repr(error), error.reply, error.__cause__]
    everything = repr(said) + caplog.text + repr([vars(record) for record in caplog.records])
    assert TOKEN not in everything
    if kind is not Kind.WECOM:
        assert SIGNING not in everything
    assert "***" in everything
