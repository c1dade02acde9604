"""From a reply to what the ledger writes."""

import pytest

from distributor.delivery.engine.judge import RetryPolicy, judge
from distributor.delivery.ledger.claims import Claim
from distributor.delivery.model.channel import Phase, Reply
from distributor.delivery.model.replies import classify
from distributor.delivery.model.states import Event

POLICY = RetryPolicy(first=60, most=3600, expire_after=86400)
SECOND = 1_000_000


def claim(*, tries: int = 0, age: int = 0) -> Claim:
    return Claim(
        id=7, issue_id=1, letter_id=1, attempt=3, generation=1, tries=tries, address="a@example.org", fields="{}",
        age=age * SECOND, uid="u", sender="s@example.org", relay="relay", lane="", group="送",
    )  # fmt: skip


def reply(phase: Phase, code: int | None, text: str = "", *, handed_over: bool = False) -> Reply:
    return Reply(phase, code, None, text, handed_over, "relay.example:25")


@pytest.mark.parametrize(
    ("said", "event", "reason"),
    [
        (reply(Phase.DOT, 250, "queued as 1", handed_over=True), Event.ACCEPTED, "sent"),
        (reply(Phase.DOT, 451, handed_over=True), Event.DEFER, "temporary"),
        (reply(Phase.DOT, 421, handed_over=True), Event.DEFER, "closing"),
        (reply(Phase.DOT, 554, handed_over=True), Event.REFUSE, "unknown"),
        (reply(Phase.DOT, None, "reset", handed_over=True), Event.LOSE, "no-answer"),
        (reply(Phase.DOT, None, "reset"), Event.DEFER, "lost-dot"),
        (reply(Phase.DOT, 354, "again?", handed_over=True), Event.LOSE, "no-answer"),
        (reply(Phase.DOT, 99, handed_over=True), Event.LOSE, "no-answer"),
        (reply(Phase.DATA, 250, "no 354"), Event.DEFER, "unexpected-reply"),
        (reply(Phase.RCPT, 550, "User unknown"), Event.REFUSE, "no-such-mailbox"),
        (reply(Phase.RCPT, 552), Event.DEFER, "too-many-recipients"),
        (reply(Phase.AUTH, 535), Event.DEFER, "login-refused"),
        (reply(Phase.CONNECT, None, "refused"), Event.DEFER, "lost-connect"),
    ],
    ids=lambda value: f"{value.phase}-{value.code}" if isinstance(value, Reply) else str(value),
)
def test_what_becomes_of_an_attempt(said: Reply, event: Event, reason: str) -> None:
    result = judge(claim(), said, classify(said, ""), POLICY, 0.0)
    assert (result.event, result.reason) == (event, reason)
    assert (result.wait is not None) == (event is Event.DEFER)


def test_the_result_keeps_what_was_said_and_by_whom() -> None:
    said = Reply(Phase.RCPT, 550, "5.1.1", "no such user", relay="relay.example:25")
    result = judge(claim(), said, classify(said, ""), POLICY, 0.0)
    assert (result.id, result.attempt, result.phase, result.code) == (7, 3, "rcpt", 550)
    assert (result.enhanced, result.reply, result.relay) == ("5.1.1", "no such user", "relay.example:25")


@pytest.mark.parametrize(("tries", "wait"), [(0, 60), (1, 120), (2, 240)])
def test_the_wait_grows_with_the_attempts(tries: int, wait: int) -> None:
    said = reply(Phase.RCPT, 451)
    assert judge(claim(tries=tries), said, classify(said, ""), POLICY, 0.0).wait == wait * SECOND


def test_the_wait_does_not_depend_on_the_age() -> None:
    said = reply(Phase.RCPT, 451)
    assert judge(claim(age=5000), said, classify(said, ""), POLICY, 0.0).wait == 60 * SECOND


def test_a_provider_that_names_a_time_gets_it() -> None:
    said = reply(Phase.MAIL, 451, "MI:SFQ")
    assert judge(claim(), said, classify(said, "netease"), POLICY, 0.0).wait == 900 * SECOND


def test_what_would_come_too_late_fails_as_too_old_with_the_last_answer() -> None:
    said = reply(Phase.RCPT, 451, "busy")
    result = judge(claim(age=86400 - 30), said, classify(said, ""), POLICY, 0.0)
    assert (result.event, result.reason, result.wait, result.reply) == (Event.REFUSE, "too-old", None, "busy")


def test_a_lost_letter_is_in_doubt_however_old_it_is() -> None:
    said = reply(Phase.DOT, None, "reset", handed_over=True)
    assert judge(claim(age=10**6), said, classify(said, ""), POLICY, 0.0).event is Event.LOSE


@pytest.mark.parametrize(("said", "kept"), [("a\0b", "a�b"), ("a\udc80b", "a?b"), ("用户不存在", "用户不存在")])
def test_any_answer_can_be_stored(said: str, kept: str) -> None:
    answer = reply(Phase.RCPT, 550, said)
    assert judge(claim(), answer, classify(answer, ""), POLICY, 0.0).reply == kept
