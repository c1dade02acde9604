"""Verdicts: every row of the providers' table, then the codes of the RFCs, then what must hold for any reply."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.model.channel import Phase, Reply
from distributor.delivery.model.providers import Pattern, parse_patterns, patterns
from distributor.delivery.model.replies import Effect, Outcome, Scope, Verdict, classify, decides, provider_of

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "distributor/delivery/model/provider_replies.tsv"
SHARED = ROOT.parent / "shared/data/provider-replies.tsv"
BEFORE_MAIL = (Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.AUTH)
FINAL = (Outcome.FAIL_ADDRESS, Outcome.FAIL_MESSAGE)


def cells() -> list[list[str]]:
    return [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()[1:]]


def reply(phase: Phase, code: int | None, text: str = "", enhanced: str | None = None, *, relay: str = "") -> Reply:
    return Reply(phase, code, enhanced, text, relay=relay)


def said(phase: Phase, line: str, *, code: int = 550) -> Reply:
    """The reply of a table's cell: ``550 5.7.515 some words``; *code* where it names none."""
    words = line.split(" ")
    given_code = int(words.pop(0)) if words[0].isdigit() else code
    enhanced = words.pop(0) if words and words[0].count(".") == 2 and words[0][0].isdigit() else None
    return reply(phase, given_code, f"<x@recipient.example> {' '.join(words)} (see the manual)", enhanced)


# Providers


@pytest.mark.parametrize("row", cells(), ids=lambda row: f"{row[0]} {row[1]}")
def test_every_row_of_the_table(row: list[str]) -> None:
    provider, contains, phase, outcome, effect, scope, _meaning, reason = row
    waits = {"defer after 2 min": 120, "defer after 15 min": 900, "defer to next day": 86400}
    expected = Verdict(Outcome(outcome.split(" ")[0]), Effect(effect), Scope(scope), reason, waits.get(outcome))
    for step in Phase if phase == "any" else [Phase(phase)]:
        assert classify(said(step, contains), provider) == expected


def test_the_table_is_the_shared_one_with_a_reason_for_each_row() -> None:
    if not SHARED.is_file():
        pytest.skip("the shared data is not beside this checkout")
    ours = [line.rpartition("\t")[0] for line in TABLE.read_text("utf-8").splitlines()]
    assert ours == SHARED.read_text("utf-8").splitlines()


def test_no_row_stands_in_the_shadow_of_an_earlier_one() -> None:
    keys = [(row.provider, row.code, row.enhanced, row.contains) for row in patterns()]
    assert len(keys) == len(set(keys)) == len(cells())


@pytest.mark.parametrize(
    ("phase", "line", "provider", "reason"),
    [
        (Phase.GREETING, "554 HL:IPB 163 incmx4", "netease", "relay-not-allowed"),  # "connect" means: from then on
        (Phase.RCPT, "550 MI:SPF mx4", "netease", "spf-refused"),  # kept back until RCPT
        (Phase.DOT, "554 MI:SPF mx4", "netease", "spf-refused"),  # another code of the same class
        (Phase.DOT, "554 DT:SPM mx4", "netease", "content-refused"),  # the very code goes first
        (Phase.DOT, "451 DT:SPM mx4", "netease", "looks-like-spam"),
        (Phase.RCPT, "550 invalid user", "netease", "no-such-mailbox"),  # letter case says nothing
        (Phase.RCPT, "450 该用户不存在", "qq", "temporary"),  # a 4yz never is final
        (Phase.RCPT, "450 HL:IPB", "netease", "temporary"),  # nor does it mean what a 5yz does
        (Phase.MAIL, "550 Invalid User", "netease", "sender-refused"),  # at MAIL it is the sender
        (Phase.AUTH, "550 Mailbox not found", "qq", "login-refused"),
        (Phase.GREETING, "554 HL:XYZ", "netease", "relay-refused"),  # a code that the table lacks
        (Phase.RCPT, "550 Ip frequency limited", "", "rate-limited"),  # told by general words
        (Phase.DOT, "550 SPF check failed", "", "spf-refused"),
        (Phase.DOT, "554 rejected due to the sender's DMARC policy", "", "dmarc-refused"),
        (Phase.RCPT, "550 sunspf@mail.example: user unknown", "", "no-such-mailbox"),  # a part of a word is no word
        (Phase.MAIL, "550 MI:SPF", "qq", "sender-refused"),  # another provider's words
    ],
)
def test_a_row_speaks_only_where_it_is_meant(phase: Phase, line: str, provider: str, reason: str) -> None:
    assert classify(said(phase, line), provider).reason == reason


@pytest.mark.parametrize(
    ("relay", "domain", "text", "provider"),
    [
        ("", "163.com", "", "netease"),
        ("", "126.com", "", "netease"),
        ("", "yeah.net", "", "netease"),
        ("", "vip.163.com", "", "netease"),
        ("", "QQ.com", "", "qq"),
        ("", "foxmail.com", "", "qq"),
        ("", "outlook.com", "", "microsoft"),
        ("", "hotmail.com", "", "microsoft"),
        ("", "commerce.example.org", "", ""),
        ("", "not163.com", "", ""),
        ("", "163.com.example.org", "", ""),
        ("", "", "", ""),
        ("smtp.exmail.qq.com:465", "commerce.example.org", "", "qq"),
        ("smtp.163.com:465", "qq.com", "Invalid User", "netease"),  # the relay speaks, not the recipient's provider
        ("relay.example:25", "qq.com", "Mailbox not found", "qq"),
        ("relay.example:25", "commerce.example.org", "550 MI:SPF mx3", "netease"),
        ("relay.example:25", "qq.com", "554 DT:SPM 126 smtp1", "netease"),
        ("relay.example:25", "a.example", "http://mail.163.com/help", "netease"),
        ("smtp.163.com:465", "a.example", "https://service.mail.qq.com/detail", "qq"),
        ("", "a.example", "该用户未开通QQ邮箱", "qq"),
        ("", "a.example", "[x.prod.protection.outlook.com]", "microsoft"),
        ("", "a.example", "WARN:ABC", ""),
        ("[::1]:25", "a.example", "", ""),
    ],
)
def test_who_speaks(relay: str, domain: str, text: str, provider: str) -> None:
    assert provider_of(relay, domain, text) == provider


HEADER = "provider\treply contains\tphase\toutcome\teffect\tscope\tmeaning\treason\n"


def test_a_row_is_read_as_it_stands() -> None:
    (row,) = parse_patterns(HEADER + "qq\t451 4.7.1 Slow Down\tmail\tdefer after 3 min\tslow\tdomain\twhy\ttoo-fast\n")
    verdict = Verdict(Outcome.DEFER, Effect.SLOW, Scope.DOMAIN, "too-fast", 180)
    assert row == Pattern("qq", 451, "4.7.1", "slow down", Phase.MAIL, verdict)


@pytest.mark.parametrize(
    "row",
    [
        "qq\t550 x\tmail\tdefer\tnone\trecipient\twhy",  # no reason
        "qq\t550 x\tmail\tdefer\tnone\trecipient\twhy\tno-slug!",
        "qq\t550 x\tmail\tdefer\tnone\trecipient\t\tslug",  # an empty cell
        "tt\t550 x\tmail\tdefer\tnone\trecipient\twhy\tslug",  # unknown provider
        "qq\t550 x\tbody\tdefer\tnone\trecipient\twhy\tslug",
        "qq\t550 x\tmail\tperhaps\tnone\trecipient\twhy\tslug",
        "qq\t550 x\tmail\tfail_message after 2 min\tnone\trecipient\twhy\tslug",
        "qq\t550 x\tmail\tdefer after 2 h\tnone\trecipient\twhy\tslug",
        "qq\t550 x\tmail\tdefer\tharm\trecipient\twhy\tslug",
        "qq\t550 x\tmail\tdefer\tnone\tworld\twhy\tslug",
    ],
)
def test_a_faulty_row_is_refused_with_its_line(row: str) -> None:
    good = "qq\t550 x\tmail\tdefer\tnone\trecipient\twhy\tslug\n"
    with pytest.raises(ValueError, match="line 3"):
        parse_patterns(HEADER + good + row + "\n")


def test_other_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="line 1"):
        parse_patterns(HEADER.replace("scope", "range"))


# Codes

DEFER, ADDRESS, MESSAGE = Outcome.DEFER, Outcome.FAIL_ADDRESS, Outcome.FAIL_MESSAGE
ISSUE = (Effect.BLOCK, Scope.ISSUE)

TABLE_OF_CODES: list[tuple[Phase, int | None, str | None, str, Outcome, str]] = [
    # No answer
    *((phase, None, None, "reset by peer", DEFER, f"lost-{phase}") for phase in Phase),
    # Accepted, and answers that make no sense at their step
    (Phase.DOT, 250, "2.0.0", "queued as 4Bx", Outcome.SENT, "sent"),
    (Phase.DOT, 251, None, "", Outcome.SENT, "sent"),
    (Phase.RCPT, 250, "2.1.5", "ok", DEFER, "unexpected-reply"),
    (Phase.DATA, 250, None, "ok", DEFER, "unexpected-reply"),
    (Phase.DOT, 354, None, "go on", DEFER, "unexpected-reply"),
    (Phase.RCPT, 354, None, "", DEFER, "unexpected-reply"),
    (Phase.GREETING, 199, None, "", DEFER, "unexpected-reply"),
    (Phase.RCPT, 650, None, "", DEFER, "unexpected-reply"),
    (Phase.RCPT, 0, None, "", DEFER, "unexpected-reply"),
    # Before a letter is named
    (Phase.GREETING, 421, None, "busy", DEFER, "temporary"),
    (Phase.GREETING, 554, None, "no SMTP service here", DEFER, "relay-refused"),
    (Phase.CONNECT, 554, "5.7.1", "blocked", DEFER, "relay-refused"),
    (Phase.EHLO, 550, "5.1.1", "user unknown", DEFER, "relay-refused"),
    (Phase.EHLO, 501, None, "bad name", DEFER, "relay-refused"),
    (Phase.STARTTLS, 454, "4.7.0", "TLS not available", DEFER, "tls-refused"),
    (Phase.STARTTLS, 502, None, "", DEFER, "tls-refused"),
    (Phase.AUTH, 535, "5.7.8", "authentication failed", DEFER, "login-refused"),
    (Phase.AUTH, 550, None, "User has no permission", DEFER, "login-refused"),
    (Phase.AUTH, 550, "5.1.1", "no such user", DEFER, "login-refused"),
    (Phase.AUTH, 454, "4.7.0", "temporary", DEFER, "login-put-off"),
    # The sender
    (Phase.MAIL, 550, "5.7.1", "not yours", DEFER, "sender-refused"),
    (Phase.MAIL, 553, None, "Mail from must equal authorized user", DEFER, "sender-refused"),
    (Phase.MAIL, 501, None, "mail from address must be same as authorization user", DEFER, "sender-refused"),
    (Phase.MAIL, 550, "5.1.8", "domain not found", DEFER, "sender-refused"),
    (Phase.MAIL, 550, "5.1.1", "user unknown", DEFER, "sender-refused"),
    (Phase.MAIL, 550, None, "spam not wanted", DEFER, "sender-refused"),
    (Phase.MAIL, 552, "5.2.2", "mailbox full", MESSAGE, "storage-exceeded"),
    (Phase.MAIL, 530, "5.7.0", "Authentication required", DEFER, "login-needed"),
    (Phase.MAIL, 503, None, "Error: need EHLO and AUTH first !", DEFER, "login-needed"),
    (Phase.MAIL, 503, "5.5.1", "bad sequence", DEFER, "out-of-sequence"),
    (Phase.MAIL, 552, "5.3.4", "size exceeds limit", MESSAGE, "too-large"),
    (Phase.MAIL, 450, "4.7.1", "try later", DEFER, "temporary"),
    (Phase.MAIL, 421, None, "", DEFER, "closing"),
    (Phase.MAIL, 550, None, "sending limit reached", DEFER, "rate-limited"),
    (Phase.RCPT, 553, "5.7.1", "<s@a.example>: Sender address rejected: not owned by user x", DEFER, "sender-refused"),
    (Phase.DOT, 550, "5.7.60", "cannot send as this sender", DEFER, "sender-refused"),
    (Phase.RCPT, 550, "5.1.8", "", DEFER, "sender-refused"),
    # Bad addresses, by RFC 3463
    (Phase.RCPT, 550, "5.1.1", "", ADDRESS, "no-such-mailbox"),
    (Phase.DOT, 550, "5.1.1", "", ADDRESS, "no-such-mailbox"),
    (Phase.RCPT, 550, "5.1.2", "", ADDRESS, "no-such-domain"),
    (Phase.RCPT, 501, "5.1.3", "", ADDRESS, "bad-address"),
    (Phase.RCPT, 550, "5.1.6", "", ADDRESS, "mailbox-moved"),
    (Phase.RCPT, 556, "5.1.10", "", ADDRESS, "takes-no-mail"),
    (Phase.RCPT, 550, "5.2.1", "", ADDRESS, "mailbox-disabled"),
    # Bad addresses, by known words alone
    (Phase.RCPT, 550, None, "<x@a.example>: User unknown in local recipient table", ADDRESS, "no-such-mailbox"),
    (Phase.RCPT, 550, None, "No such user here", ADDRESS, "no-such-mailbox"),
    (Phase.RCPT, 550, None, "Mailbox not found", ADDRESS, "no-such-mailbox"),
    (Phase.RCPT, 550, None, "the account x@a.example does not exist", ADDRESS, "no-such-mailbox"),
    (Phase.RCPT, 550, None, "此邮箱不存在", ADDRESS, "no-such-mailbox"),
    (Phase.RCPT, 550, "5.0.0", "Invalid recipient", ADDRESS, "no-such-mailbox"),
    (Phase.RCPT, 550, "5.1.0", "Recipient not found", ADDRESS, "no-such-mailbox"),
    (Phase.RCPT, 550, None, "account is disabled", ADDRESS, "mailbox-disabled"),
    # Not the address's fault, or not surely
    (Phase.RCPT, 550, None, "nope", MESSAGE, "unknown"),
    (Phase.RCPT, 550, None, "Requested action not taken: mailbox unavailable", MESSAGE, "unknown"),
    (Phase.RCPT, 550, None, "The recipient may contain a non-existent account", MESSAGE, "unknown"),
    (Phase.RCPT, 550, "5.7.1", "user unknown to our policy", MESSAGE, "policy"),
    (Phase.RCPT, 550, "4.1.1", "the class contradicts the code", MESSAGE, "unknown"),
    (Phase.RCPT, 550, "5.1.4", "ambiguous", MESSAGE, "unknown"),
    (Phase.RCPT, 550, "5.4.1", "access denied", MESSAGE, "unknown"),
    (Phase.RCPT, 550, "5.7.1", "not allowed", MESSAGE, "policy"),
    (Phase.RCPT, 554, "5.7.1", "<x@a.example>: Relay access denied", MESSAGE, "relay-denied"),
    (Phase.RCPT, 553, "5.6.7", "", MESSAGE, "address-not-supported"),
    (Phase.RCPT, 501, None, "syntax", MESSAGE, "unknown"),
    (Phase.DATA, 554, "5.5.1", "no valid recipients", MESSAGE, "unknown"),
    (Phase.DOT, 554, None, "transaction failed", MESSAGE, "unknown"),
    (Phase.DOT, 554, "5.7.1", "rejected as SPAM", MESSAGE, "content-refused"),
    (Phase.DOT, 552, None, "", MESSAGE, "storage-exceeded"),
    (Phase.DOT, 552, "5.3.4", "", MESSAGE, "too-large"),
    (Phase.DOT, 550, "5.7.1", "authentication required", MESSAGE, "policy"),  # a closed group's own rule
    # Temporary with a 5yz code
    (Phase.RCPT, 552, None, "too many recipients", DEFER, "too-many-recipients"),
    (Phase.RCPT, 552, "5.2.2", "over quota", DEFER, "mailbox-full"),
    (Phase.RCPT, 552, None, "mailbox full", DEFER, "mailbox-full"),
    (Phase.DOT, 552, "5.2.2", "", DEFER, "mailbox-full"),
    (Phase.RCPT, 503, None, "", DEFER, "out-of-sequence"),
    (Phase.RCPT, 530, None, "", DEFER, "login-needed"),
    (Phase.RCPT, 554, "5.7.1", "Client host [192.0.2.1] blocked using dnsbl.example", DEFER, "relay-blocklisted"),
    (Phase.DOT, 550, "5.4.5", "daily user sending limit", DEFER, "rate-limited"),
    (Phase.DOT, 550, "5.7.26", "unauthenticated", DEFER, "sender-unauthenticated"),
    (Phase.DOT, 550, "5.7.23", "SPF", DEFER, "spf-refused"),
    # Temporary
    (Phase.RCPT, 450, None, "busy", DEFER, "temporary"),
    (Phase.RCPT, 450, "4.1.1", "user unknown", DEFER, "temporary"),
    (Phase.RCPT, 451, "4.7.1", "Greylisted, come back later", DEFER, "greylisted"),
    (Phase.RCPT, 452, "4.2.2", "", DEFER, "mailbox-full"),
    (Phase.RCPT, 452, "4.5.3", "", DEFER, "too-many-recipients"),
    (Phase.RCPT, 450, "4.2.1", "", DEFER, "mailbox-busy"),
    (Phase.RCPT, 421, "4.7.28", "", DEFER, "rate-limited"),
    (Phase.DOT, 452, "4.3.1", "", DEFER, "system-full"),
    (Phase.DOT, 421, None, "", DEFER, "closing"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("phase", "code", "enhanced", "text", "outcome", "reason"),
    TABLE_OF_CODES,
    ids=[f"{row[0]} {row[1]} {row[2] or ''} {row[3]}" for row in TABLE_OF_CODES],
)
def test_what_a_code_means(
    phase: Phase, code: int | None, enhanced: str | None, text: str, outcome: Outcome, reason: str
) -> None:
    verdict = classify(reply(phase, code, text, enhanced), "")
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize("row", TABLE_OF_CODES, ids=lambda row: f"{row[0]} {row[1]} {row[2] or ''} {row[3]}")
def test_only_a_refused_login_or_sender_pauses_the_issue(row: tuple[Phase, int, str | None, str, Outcome, str]) -> None:
    phase, code, enhanced, text, _outcome, reason = row
    verdict = classify(reply(phase, code, text, enhanced), "")
    assert ((verdict.effect, verdict.scope) == ISSUE) == (reason in {"login-refused", "login-needed", "sender-refused"})


@pytest.mark.parametrize(
    ("reason", "effect", "scope"),
    [
        ("rate-limited", Effect.SLOW, Scope.DOMAIN),
        ("relay-refused", Effect.SLOW, Scope.RELAY),
        ("closing", Effect.RECONNECT, Scope.RELAY),
        ("unexpected-reply", Effect.RECONNECT, Scope.RELAY),
        ("out-of-sequence", Effect.RECONNECT, Scope.RELAY),
        ("relay-blocklisted", Effect.BLOCK, Scope.RELAY),
        ("spf-refused", Effect.BLOCK, Scope.DOMAIN),
        ("sender-unauthenticated", Effect.BLOCK, Scope.DOMAIN),
        ("no-such-mailbox", Effect.NONE, Scope.RECIPIENT),
        ("unknown", Effect.NONE, Scope.RECIPIENT),
    ],
)
def test_what_a_reply_asks_of_the_others(reason: str, effect: Effect, scope: Scope) -> None:
    rows = [row for row in TABLE_OF_CODES if row[5] == reason]
    verdicts = {classify(reply(phase, code, text, enhanced), "") for phase, code, enhanced, text, *_ in rows}
    assert {(verdict.effect, verdict.scope) for verdict in verdicts} == {(effect, scope)}


@pytest.mark.parametrize("code", [None, 0, 199, 354, 650])
def test_an_answer_that_decides_nothing_leaves_a_doubt_once_the_letter_was_handed_over(code: int | None) -> None:
    answer = Reply(Phase.DOT, code, None, "", handed_over=True)
    assert not decides(answer)
    assert classify(answer, "").reason == "no-answer"


@pytest.mark.parametrize("code", [250, 421, 451, 550, 554])
def test_what_decides(code: int) -> None:
    assert decides(reply(Phase.DOT, code))


# Whatever is said

anything = st.builds(
    Reply,
    phase=st.sampled_from(Phase),
    code=st.none() | st.integers(0, 999),
    enhanced=st.none() | st.from_regex(r"[245]\.\d{1,3}\.\d{1,3}", fullmatch=True),
    text=st.text(max_size=80)
    | st.sampled_from([row[3] for row in TABLE_OF_CODES])
    | st.sampled_from([row.contains for row in patterns()]),
    handed_over=st.booleans(),
)
providers = st.sampled_from(["", "netease", "qq", "microsoft"])


@given(anything, providers)
def test_any_reply_has_one_verdict(answer: Reply, provider: str) -> None:
    verdict = classify(answer, provider)
    assert verdict == classify(answer, provider)
    assert verdict.after is None or verdict.outcome is Outcome.DEFER


@given(anything, providers)
def test_only_2yz_after_the_dot_is_sent(answer: Reply, provider: str) -> None:
    accepted = answer.phase is Phase.DOT and answer.code is not None and 200 <= answer.code < 300
    assert (classify(answer, provider).outcome is Outcome.SENT) == accepted


@given(anything, providers)
def test_only_5yz_is_final(answer: Reply, provider: str) -> None:
    if classify(answer, provider).outcome in FINAL:
        assert answer.code is not None
        assert 500 <= answer.code < 600


@given(anything, providers)
def test_an_address_is_never_blamed_before_it_was_named(answer: Reply, provider: str) -> None:
    if answer.phase in (*BEFORE_MAIL, Phase.MAIL):
        assert classify(answer, provider).outcome is not Outcome.FAIL_ADDRESS


@given(anything, providers)
def test_nothing_fails_for_what_was_said_before_mail(answer: Reply, provider: str) -> None:
    if answer.phase in BEFORE_MAIL:
        assert classify(answer, provider).outcome is Outcome.DEFER


@given(anything, providers)
def test_a_pause_is_a_deferral(answer: Reply, provider: str) -> None:
    verdict = classify(answer, provider)
    if verdict.effect is Effect.BLOCK:
        assert verdict.outcome is Outcome.DEFER or (verdict.scope, verdict.reason) == (Scope.DOMAIN, "content-refused")
