"""The words for chat services' answers: one sentence and one step for each, and none too many."""

from string import Formatter

import pytest

from distributor.delivery.model.chat_replies import UNKNOWN, patterns
from distributor.delivery.model.verdicts import Effect
from distributor.report import reasons
from distributor.report.chat_reasons import BLOCKING, REASONS

GIVEN = {row.verdict.reason for row in patterns()} | {UNKNOWN, "chat-unreachable"}


def test_every_reason_has_words_and_every_word_a_reason() -> None:
    assert set(REASONS) == GIVEN


def test_none_is_mail_s_too() -> None:
    assert [
        reason for reason in REASONS if reasons.knows(reason) and reasons._REASONS[reason] is not REASONS[reason]
    ] == []


def test_those_that_wait_for_a_person_are_those_that_block() -> None:
    assert {row.verdict.reason for row in patterns() if row.verdict.effect is Effect.BLOCK} == BLOCKING


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_each_says_what_happened_and_what_to_do_next(reason: str) -> None:
    sentence, step = REASONS[reason]()
    assert sentence.endswith(".")
    assert step.endswith(".")
    assert {name for _text, name, _spec, _form in Formatter().parse(step)} <= {None, "issue"}
    assert "{" not in sentence


@pytest.mark.parametrize(
    ("reason", "words"),
    [("robot-gone", "removed from its group"), ("robot-keyword", "keywords"), ("robot-signature", "signing secret")],
)
def test_what_a_secretary_meets_most_is_told_plainly(reason: str, words: str) -> None:
    assert words in " ".join(REASONS[reason]())
