"""Words for every reason: none is missing, none is said of a state that it does not fit."""

import datetime as dt
import itertools
import re
from collections.abc import Iterator

import pytest

from distributor import i18n
from distributor.delivery.engine.judge import LOST_AFTER_HANDING_OVER, TOO_OLD, is_blocking
from distributor.delivery.model.channel import Phase, Reply
from distributor.delivery.model.providers import patterns
from distributor.delivery.model.records import DeliveryRecord, OmittedRecord
from distributor.delivery.model.replies import Effect, Outcome, Scope, Verdict, classify
from distributor.delivery.model.states import State
from distributor.report import chat_reasons
from distributor.report.reasons import (
    BLOCKING,
    PAUSING,
    Explanation,
    explain,
    explain_flow,
    explain_omitted,
    explain_quota,
    knows,
)

TEXTS = (
    "", "User unknown", "account is disabled", "greylisted", "mailbox full", "too many connections",
    "Sender address rejected", "Relay access denied", "blocked using dnsbl", "spam", "authentication required",
)  # fmt: skip
CODES = (None, 0, 250, 354, 421, 450, 452, 501, 503, 530, 550, 552, 554)
ENHANCED = (None, *(f".{subject}.{detail}" for subject in range(8) for detail in range(61)), ".7.515")


def general_verdicts() -> Iterator[Verdict]:
    """Of every step with every kind of code, enhanced code and words that classify looks at."""
    for phase, code, text in itertools.product(Phase, CODES, TEXTS):
        yield classify(Reply(phase, code, None, text), "")
    for phase, kind, detail in itertools.product((Phase.MAIL, Phase.RCPT, Phase.DOT), (4, 5), ENHANCED):
        yield classify(Reply(phase, kind * 100 + 50, detail and f"{kind}{detail}", ""), "")


VERDICTS = {row.verdict for row in patterns()} | set(general_verdicts())
REASONS = sorted(
    {verdict.reason for verdict in VERDICTS} - {"sent"} | {TOO_OLD, LOST_AFTER_HANDING_OVER, "lease-expired"}
)


LATER = dt.datetime(2026, 3, 5, tzinfo=dt.UTC)


def record(state: State, reason: str | None = None) -> DeliveryRecord:
    due = LATER if state is State.DEFERRED else None
    return DeliveryRecord(1, "送", 0, "mail", "a@example.org", state, 1, (), reason=reason, next_attempt=due)


def test_the_walk_reaches_what_there_is_to_reach() -> None:
    assert len(REASONS) > 45
    assert {"no-such-mailbox", "lost-connect", "login-refused", "unknown", "spf-refused", "policy"} < set(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_words(reason: str) -> None:
    assert knows(reason)
    for state in (State.FAILED, State.DEFERRED, State.UNCERTAIN):
        sentence, step = explain(record(state, reason), "60").sentence, explain(record(state, reason), "60").next_step
        assert sentence.endswith((".", "."))
        assert not re.search(r"[{}]", sentence + step)


def test_different_reasons_have_different_sentences() -> None:
    """Except for the steps between which no difference is known."""
    same = {"lost-mail", "lost-rcpt", "lost-data", "lost-dot"}
    sentences = [explain(record(State.FAILED, reason)).sentence for reason in REASONS if reason not in same]
    assert len(sentences) == len(set(sentences))


@pytest.mark.parametrize("state", State)
def test_every_state_has_words_without_a_reason(state: State) -> None:
    assert explain(record(state)).sentence


def test_a_reason_from_another_version_is_said_to_be_unknown() -> None:
    assert not knows("from-the-future")
    assert explain(record(State.FAILED, "from-the-future")) == explain(record(State.FAILED, "unknown"))
    assert "own words" in explain(record(State.FAILED, "unknown")).sentence


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        (State.CANCELLED, "temporary", "cancelled"),
        (State.QUEUED, "no-answer", "its turn"),
        (State.SENT, "sent", "The relay took it"),
        (State.SENT, LOST_AFTER_HANDING_OVER, "a person learnt that it had arrived"),
        (State.SENT, "lease-expired", "a person learnt that it had arrived"),
        (State.BOUNCED, None, "sent it back"),
    ],
)
def test_a_state_that_says_enough_is_not_explained_by_an_old_reason(state: State, reason: str, words: str) -> None:
    assert words in explain(record(state, reason)).sentence


def test_what_is_put_off_is_said_to_be_tried_again() -> None:
    assert explain(record(State.DEFERRED, "greylisted")).next_step == "It is tried again by itself."
    assert explain(record(State.DEFERRED, "temporary")).next_step.startswith(
        "It is tried again by itself. If it lasts: "
    )
    assert "by itself" not in explain(record(State.FAILED, "no-such-mailbox")).next_step


def test_exactly_the_verdicts_that_block_a_flow_hold_letters_back() -> None:
    assert {verdict.reason for verdict in VERDICTS if is_blocking(verdict)} == BLOCKING - chat_reasons.BLOCKING
    deferring = {verdict for verdict in VERDICTS if verdict.outcome is Outcome.DEFER}
    assert all(is_blocking(verdict) for verdict in deferring if verdict.reason in BLOCKING)


@pytest.mark.parametrize("reason", sorted(BLOCKING))
def test_what_is_held_back_says_what_to_mend_and_how_it_goes_on(reason: str) -> None:
    mend = explain(record(State.FAILED, reason)).next_step
    step = explain(record(State.DEFERRED, reason)).next_step
    assert mend
    assert step.startswith(mend)
    assert "`distributor release`" in step
    assert "by itself" not in step.removeprefix(mend)


@pytest.mark.parametrize("reason", sorted(PAUSING))
def test_what_waits_for_a_person_is_not_said_to_go_by_itself(reason: str) -> None:
    step = explain(record(State.DEFERRED, reason), "60/2").next_step
    assert "by itself" not in step
    assert "`distributor resume 60/2`" in step


def of_flows(*, blocked: bool) -> list[str]:
    """The reasons for which a relay or destination is blocked, or held for a while."""
    return sorted(
        {each.reason for each in VERDICTS if is_blocking(each) is blocked and (blocked or each.effect is Effect.SLOW)}
    )


@pytest.mark.parametrize("reason", of_flows(blocked=True))
def test_a_blocked_flow_says_what_to_mend_and_how_it_is_released(reason: str) -> None:
    told = explain_flow("QQ", reason, blocked=True)
    assert told.sentence == explain(record(State.FAILED, reason)).sentence
    assert told.next_step.endswith("then `distributor release QQ` lets it go.")
    assert "ISSUE" not in told.next_step
    assert '`distributor release "QQ 邮箱"`' in explain_flow("QQ 邮箱", reason, blocked=True).next_step


@pytest.mark.parametrize("reason", of_flows(blocked=False))
def test_a_flow_that_is_left_alone_goes_on_by_itself(reason: str) -> None:
    told = explain_flow("QQ", reason, blocked=False)
    assert told.next_step.startswith("It is tried again by itself.")
    assert "release" not in told.next_step
    assert "ISSUE" not in told.next_step


@pytest.mark.parametrize("reason", REASONS)
def test_whatever_a_flow_is_in_trouble_for_its_words_have_no_gaps(reason: str) -> None:
    for blocked in (True, False):
        told = explain_flow("QQ", reason, blocked=blocked)
        assert not re.search(r"[{}]", told.sentence + told.next_step)


def test_trouble_from_another_version_is_said_to_be_unknown() -> None:
    assert "own words" in explain_flow("QQ", "from-the-future", blocked=True).sentence


def test_a_used_up_quota_says_where_it_is_set() -> None:
    told = explain_quota("QQ")
    assert "quota of QQ" in told.sentence
    assert "per_day in relays.yaml" in told.next_step


def test_exactly_the_verdicts_that_pause_an_issue_wait_for_a_person() -> None:
    pausing = {each.reason for each in VERDICTS if (each.effect, each.scope) == (Effect.BLOCK, Scope.ISSUE)}
    assert pausing == PAUSING


@pytest.mark.parametrize("reason", REASONS)
def test_a_final_refusal_has_a_next_step_and_a_blamed_address_wants_a_new_one(reason: str) -> None:
    outcomes = {verdict.outcome for verdict in VERDICTS if verdict.reason == reason}
    step = explain(record(State.FAILED, reason), "60").next_step
    if outcomes & {Outcome.FAIL_ADDRESS, Outcome.FAIL_MESSAGE}:
        assert step
    # An issue keeps its addresses: a corrected one is "missing" from it.
    if Outcome.FAIL_ADDRESS in outcomes:
        assert "`distributor resend 60 --missing`" in step


@pytest.mark.parametrize("reason", [LOST_AFTER_HANDING_OVER, "lease-expired"])
def test_a_doubt_is_not_called_a_failure(reason: str) -> None:
    explanation = explain(record(State.UNCERTAIN, reason), "60")
    assert "may have arrived" in explanation.sentence
    assert "`distributor resend 60 --uncertain`" in explanation.next_step


@pytest.mark.parametrize(
    ("omitted", "words"),
    [
        (OmittedRecord("送", "某科", "市甲局", "a@example.org", "disabled", "机构调整 {x}"), "机构调整 {x}"),
        (OmittedRecord("", "有关部们", None, None, "unresolved", ""), "no audience"),
        (OmittedRecord("发", "待定单位", None, None, "empty", ""), "enabled contact"),
    ],
)
def test_why_somebody_was_not_written_to(omitted: OmittedRecord, words: str) -> None:
    explanation = explain_omitted(omitted, "60")
    assert words in explanation.sentence
    assert "`distributor resend 60 --missing`" in explanation.next_step


def test_the_words_follow_the_language_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Upper:
        def gettext(self, message: str) -> str:
            return message.upper()

    monkeypatch.setattr(i18n, "_active", Upper())
    explanation = explain(record(State.QUEUED))
    assert explanation == Explanation("IT WAITS FOR ITS TURN.", "")
