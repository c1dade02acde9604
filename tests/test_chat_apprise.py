"""Everything else, through Apprise: what its True and its False come to, over real sockets (its json:// service)."""

import asyncio
import builtins
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("apprise", reason="an extra")

from distributor.delivery.channels.chat.apprise import AppriseChannel
from distributor.delivery.model.channel import Phase, SessionError
from distributor.delivery.model.chat_replies import classify
from distributor.delivery.model.chat_secrets import Secret
from distributor.delivery.model.verdicts import Outcome
from distributor.endpoints import Kind
from tests.chatd import Chatd, Said, known, parcels
from tests.smtpd import Do, HandDouble

PASSWORD = "s3cret-pass-word"
TO = "apprise:office"


@pytest.fixture
def service() -> Iterator[Chatd]:
    with Chatd(Kind.APPRISE) as server:
        yield server


def url(server: Chatd) -> str:
    return f"json://user:{PASSWORD}@127.0.0.1:{server.relay.port}/{PASSWORD}?rto=1&cto=1"


async def notify(address: str, *, message: object = None, patience: float = 5.0, **options: Any) -> HandDouble:
    hand = HandDouble.of(parcels(Kind.APPRISE, "office", message=message), **options)
    secrets = known(Kind.APPRISE, office=Secret(address))
    with contextlib.suppress(SessionError):  # it has the reply that the hand has
        await AppriseChannel(secrets, patience=patience).session(hand)
    assert hand.held == {}
    return hand


async def test_true_is_sent(service: Chatd) -> None:
    reply = (await notify(url(service))).replies[TO]
    assert (reply.phase, reply.code, reply.enhanced, reply.handed_over) == (Phase.DOT, 200, "0", True)
    assert classify(reply, Kind.APPRISE).outcome is Outcome.SENT
    (posted,) = service.posted
    assert posted["title"] == "工作简报"
    assert posted["message"] == "《工作简报》第61期"


@pytest.mark.parametrize("act", [Said(500, b""), Said(403, b""), Do.DROP, Do.SILENCE])
async def test_false_leaves_a_doubt_since_it_hides_a_time_out(service: Chatd, act: Any) -> None:
    service.on("answer", act)
    reply = (await notify(url(service))).replies[TO]
    assert (reply.code, reply.handed_over) == (None, True)
    assert classify(reply, Kind.APPRISE).reason == "no-answer"


async def test_a_service_that_takes_too_long_is_given_up_on(service: Chatd) -> None:
    service.on("answer", 0.5)
    reply = (await notify(url(service), patience=0.1)).replies[TO]
    assert (reply.code, reply.handed_over) == (None, True)


async def test_nothing_leaves_without_the_mark(service: Chatd) -> None:
    hand = await notify(url(service), unmarkable=frozenset({TO}))
    assert hand.unmarked == [TO]
    assert service.connections == []


@pytest.mark.parametrize(
    ("address", "reason"), [(f"nosuch://{PASSWORD}", "apprise-no-service"), ("json://", "apprise-no-service")]
)
async def test_a_url_that_apprise_does_not_know_waits_for_a_person(address: str, reason: str) -> None:
    hand = await notify(address)
    assert (hand.replies[TO].handed_over, hand.marked) == (False, [])
    assert classify(hand.replies[TO], Kind.APPRISE).reason == reason


async def test_a_site_without_apprise_waits_for_it(monkeypatch: pytest.MonkeyPatch, service: Chatd) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "apprise":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    hand = await notify(url(service))
    assert classify(hand.replies[TO], Kind.APPRISE).reason == "apprise-missing"


@pytest.mark.parametrize("message", [b"", b"[]", b"{}", b'{"title":"x"}'])
async def test_a_message_without_title_and_body_is_refused_by_ourselves(service: Chatd, message: bytes) -> None:
    hand = await notify(url(service), message=message)
    assert classify(hand.replies[TO], Kind.APPRISE).reason == "chat-message-refused"
    assert service.connections == []


async def test_a_session_cut_off_amid_a_notice_leaves_a_doubt(service: Chatd) -> None:
    service.on("answer", 0.3)
    hand = HandDouble.of(parcels(Kind.APPRISE, "office"))
    secrets = known(Kind.APPRISE, office=Secret(url(service)))
    task = asyncio.create_task(AppriseChannel(secrets, patience=5.0).session(hand))
    while not service.requests:  # noqa: ASYNC110  the server is in another thread
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (hand.replies[TO].code, hand.replies[TO].handed_over) == (None, True)


async def test_no_secret_comes_out(service: Chatd, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[object] = []
    for act in (None, Said(403, PASSWORD.encode()), Do.DROP):
        service.faults.clear()
        if act is not None:
            service.on("answer", act)  # type: ignore[arg-type]
        said.append((await notify(url(service))).replies)
    said.append((await notify(f"nosuch://{PASSWORD}")).replies)
    assert PASSWORD not in repr(said) + caplog.text + repr([vars(record) for record in caplog.records])
