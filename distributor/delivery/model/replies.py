"""Replies and their verdicts: what a server's answer means for its letter, and for everybody else.

A verdict is looked up, never guessed: first what one provider's own answers mean (provider_replies.tsv), then the
enhanced code (RFC 3463), then known words, then the basic code with the step that it answers (RFC 5321 4.2, 4.3.2).
Three rules stand above the tables: no answer, and any 4yz, is temporary; a refusal before RCPT is never the recipient's
fault; and an address is blamed only where the answer says so plainly, because only then may it ever be suppressed.
"""

import re

from distributor.delivery.model.channel import Phase, Reply
from distributor.delivery.model.providers import by_pattern, provider_of
from distributor.delivery.model.verdicts import Effect, Outcome, Scope, Verdict

__all__ = ["Effect", "Outcome", "Scope", "Verdict", "blames_address", "classify", "decides", "provider_of"]


def classify(reply: Reply, provider: str) -> Verdict:
    """What *reply* means, said by *provider* (``provider_of``; "" where it is not known)."""
    if reply.handed_over and not decides(reply):
        return _defer("no-answer")
    if reply.code is None:
        return _defer(f"lost-{reply.phase}", scope=Scope.RELAY)
    kind = reply.code // 100
    if kind == 2 and reply.phase is Phase.DOT:
        return _SENT
    if kind not in (4, 5):
        return _UNEXPECTED
    return (
        by_pattern(reply, kind, provider)
        or _before_mail(reply, kind)
        or _mailbox_is_busy(reply)
        or _by_enhanced_code(reply, kind)
        or _by_words(reply, kind)
        or _by_code(reply, kind)
    )


def decides(reply: Reply) -> bool:
    """Whether *reply* ends a transaction: only 2yz, 4yz and 5yz do (RFC 5321 4.2.1). Anything else leaves a doubt."""
    return reply.code is not None and reply.code // 100 in (2, 4, 5)


def blames_address(reason: str | None) -> bool:
    """Whether *reason*, a verdict's slug, says that the address itself is bad: only then may it ever be suppressed."""
    return reason in _BAD_ADDRESSES


def _defer(reason: str, effect: Effect = Effect.NONE, scope: Scope = Scope.RECIPIENT) -> Verdict:
    return Verdict(Outcome.DEFER, effect, scope, reason)


def _bad_address(reason: str) -> Verdict:
    return Verdict(Outcome.FAIL_ADDRESS, Effect.NONE, Scope.RECIPIENT, reason)


def _unwanted(reason: str, scope: Scope = Scope.RECIPIENT) -> Verdict:
    return Verdict(Outcome.FAIL_MESSAGE, Effect.NONE, scope, reason)


def _compiled(*rows: tuple[str, Verdict]) -> tuple[tuple[re.Pattern[str], Verdict], ...]:
    return tuple((re.compile(words), verdict) for words, verdict in rows)


def _pause(reason: str) -> Verdict:
    """Our relay does not take our login or our sender: it is the same for every letter, and a person must mend it."""
    return _defer(reason, Effect.BLOCK, Scope.ISSUE)


# The letter taken; and the relay itself, before any letter is named

_SENT = Verdict(Outcome.SENT, Effect.NONE, Scope.RECIPIENT, "sent")
_LOGIN_REFUSED = _pause("login-refused")
_TEMPORARY_RELAY = _defer("temporary", scope=Scope.RELAY)
_RELAY_REFUSED = _defer("relay-refused", Effect.SLOW, Scope.RELAY)
_TLS_REFUSED = _defer("tls-refused", scope=Scope.RELAY)
_UNEXPECTED = _defer("unexpected-reply", Effect.RECONNECT, Scope.RELAY)

_BEFORE_MAIL = {
    (4, Phase.CONNECT): _TEMPORARY_RELAY,
    (5, Phase.CONNECT): _RELAY_REFUSED,
    (4, Phase.GREETING): _TEMPORARY_RELAY,
    (5, Phase.GREETING): _RELAY_REFUSED,
    (4, Phase.EHLO): _TEMPORARY_RELAY,
    (5, Phase.EHLO): _RELAY_REFUSED,
    (4, Phase.STARTTLS): _TLS_REFUSED,
    (5, Phase.STARTTLS): _TLS_REFUSED,
    (4, Phase.AUTH): _defer("login-put-off", scope=Scope.RELAY),
    (5, Phase.AUTH): _LOGIN_REFUSED,
}


def _before_mail(reply: Reply, kind: int) -> Verdict | None:
    return _BEFORE_MAIL.get((kind, reply.phase))


# Enhanced codes (RFC 3463; 7372 and 7505 for some of X.7 and X.1.10), without their class

_SENDER_REFUSED = _pause("sender-refused")
_LOGIN_NEEDED = _pause("login-needed")
_RATE_LIMITED = _defer("rate-limited", Effect.SLOW, Scope.DOMAIN)
_MAILBOX_FULL = _defer("mailbox-full")
_MAILBOX_BUSY = _defer("mailbox-busy")
_TOO_MANY_RECIPIENTS = _defer("too-many-recipients", Effect.RECONNECT, Scope.RELAY)
_TOO_LARGE = _unwanted("too-large")

_ENHANCED = {
    4: {
        "2.1": _MAILBOX_BUSY,
        "2.2": _MAILBOX_FULL,
        "3.1": _defer("system-full", scope=Scope.DOMAIN),
        "4.5": _RATE_LIMITED,
        "5.3": _TOO_MANY_RECIPIENTS,
        "7.28": _RATE_LIMITED,
    },
    5: {
        "1.1": _bad_address("no-such-mailbox"),
        "1.2": _bad_address("no-such-domain"),
        "1.3": _bad_address("bad-address"),
        "1.6": _bad_address("mailbox-moved"),
        "1.7": _SENDER_REFUSED,
        "1.8": _SENDER_REFUSED,
        "1.10": _bad_address("takes-no-mail"),
        "2.1": _bad_address("mailbox-disabled"),
        # "should be used as a persistent transient failure", says RFC 3463 of these three.
        "2.2": _MAILBOX_FULL,
        "3.1": _defer("system-full", scope=Scope.DOMAIN),
        "4.5": _RATE_LIMITED,
        "2.3": _TOO_LARGE,
        "3.4": _TOO_LARGE,
        "5.3": _TOO_MANY_RECIPIENTS,
        "6.7": _unwanted("address-not-supported"),
        "7.8": _LOGIN_REFUSED,
        "7.20": _defer("sender-unauthenticated", Effect.BLOCK, Scope.DOMAIN),
        "7.23": _defer("spf-refused", Effect.BLOCK, Scope.DOMAIN),
        "7.26": _defer("sender-unauthenticated", Effect.BLOCK, Scope.DOMAIN),
        "7.28": _RATE_LIMITED,
        "7.60": _SENDER_REFUSED,
    },
}
_BAD_ADDRESSES = frozenset(
    verdict.reason for verdict in _ENHANCED[5].values() if verdict.outcome is Outcome.FAIL_ADDRESS
)


# Gmail says it of a mailbox that is well, with 5.2.1 too (support.google.com/mail/?p=ReceivingRatePerm).
_TOO_QUICKLY = re.compile(r"receiving mail (too quickly|at a rate)")


def _mailbox_is_busy(reply: Reply) -> Verdict | None:
    is_it = _TOO_QUICKLY.search(reply.text.casefold()) and not _is_too_early(_MAILBOX_BUSY, reply)
    return _MAILBOX_BUSY if is_it else None


def _detail(reply: Reply, kind: int) -> str:
    """``1.1`` of 5.1.1; "" where there is no enhanced code, or one that contradicts the basic code's class."""
    given, _dot, detail = (reply.enhanced or "").partition(".")
    return detail if given == str(kind) else ""


def _by_enhanced_code(reply: Reply, kind: int) -> Verdict | None:
    verdict = _ENHANCED[kind].get(_detail(reply, kind))
    return None if verdict is None or _is_too_early(verdict, reply) else verdict


def _is_too_early(verdict: Verdict, reply: Reply) -> bool:
    """At MAIL no recipient was named yet: an address or mailbox that is found bad there is the sender's."""
    of_mailbox = verdict.outcome is Outcome.FAIL_ADDRESS or verdict.reason.startswith("mailbox-")
    return of_mailbox and reply.phase is Phase.MAIL


# Words, for servers without enhanced codes and for codes that say little; the first row that is found counts

_RATES = (
    r"rate.?limit|frequency limited|too many (connections|messages)|sending (limit|quota)"
    r"|rcpt(s| attempts) is achieved the maximum",
    _RATE_LIMITED,
)
_FULL = (r"mailbox (is )?full|over ?quota|quota exceeded|exceeded .*quota", _MAILBOX_FULL)
_BLOCKLISTED = (
    r"client host .*blocked|blocked using|spamhaus|dnsbl",
    _defer("relay-blocklisted", Effect.BLOCK, Scope.RELAY),
)
# What Outlook, Proofpoint, Sina, Sohu and Barracuda say of the address that our relay came to them from.
_BLOCKED_THERE = (
    r"banned sending ip|their network is on our block list|ipcheck\.proofpoint|sina\.com\.cn/denyip|\bip reject"
    r"|your ip address is listed",
    _defer("relay-blocklisted", Effect.BLOCK, Scope.DOMAIN),
)
_LARGE = (
    r"message (is )?too (large|big|long)|message size exceeds|length of (data content|attach) is achieved",
    _TOO_LARGE,
)
_POLICY = _unwanted("policy")
_CONTENT_REFUSED = _unwanted("content-refused")
_TEMPORARY_WORDS = _compiled((r"gr[ae]y-?list", _defer("greylisted")), _RATES, _FULL)
_MAIL_WORDS = _compiled(
    (r"authentication (is )?required|must authenticate|need .*\bauth\b|log ?in first", _LOGIN_NEEDED),
    _RATES,
    _BLOCKLISTED,
    _BLOCKED_THERE,
    _LARGE,
)
_FINAL_WORDS = _compiled(
    # Postfix keeps what it has against a sender until RCPT, Exchange until the body is through.
    (
        r"sender address rejected|not owned by user|must equal authorized user|same as authorization user"
        r"|send as this sender",
        _SENDER_REFUSED,
    ),
    (
        r"relay access denied|relaying (is )?(denied|not allowed|not permitted)|unable to relay"
        r"|not permitted to relay|relay not permitted",
        _unwanted("relay-denied", Scope.RELAY),
    ),
    (r"\bspf\b", _defer("spf-refused", Effect.BLOCK, Scope.DOMAIN)),
    (r"\bdmarc\b", _defer("dmarc-refused", Effect.BLOCK, Scope.DOMAIN)),
    # Spamhaus's list of domains: one that stands in the letter. Its other lists are of networks.
    (r"\bspamhaus dbl\b", _CONTENT_REFUSED),
    _BLOCKLISTED,
    _BLOCKED_THERE,
    _RATES,
    _LARGE,
    _FULL,
    (
        r"(user|mailbox|account|recipient)( is)? (unknown|not found|invalid)|user doesn't have"
        r"|(unknown|invalid|no such) (user|mailbox|account|recipient)|no mailbox here"
        r"|(user|mailbox|account|recipient|rcpt)( \S+)? (does not|doe?sn't) exist|user not exist"
        r"|(用户|邮箱|收件人|帐号|账号)不存在|(没有|无)(此|该)(用户|邮箱)",
        _bad_address("no-such-mailbox"),
    ),
    (
        r"(user|mailbox|account) (is |has been )?(disabled|suspended)|is now disabled with smtp service",
        _bad_address("mailbox-disabled"),
    ),
    (r"account (is not|isn't) allowed to receive", _bad_address("takes-no-mail")),
    (r"bad (recipient )?address syntax", _bad_address("bad-address")),
    # Of who sends, and how much, and not of what is in the letter.
    (r"behaviou?r spam|spam sender|client host rejected", _POLICY),
    (
        r"\bspam\b|\bvirus\b|content (was |is )?(rejected|refused|denied)|because its content|垃圾邮件",
        _CONTENT_REFUSED,
    ),
    (r"administrative prohibition|rejected (by|due to) .*polic(y|ies)", _POLICY),
)
# What X.3 to X.7 say of systems, dialogue and policies is not the address's fault, whatever the words.
_SUBJECTS_OF_ADDRESSES = {"", "0", "1", "2"}


def _by_words(reply: Reply, kind: int) -> Verdict | None:
    final = _MAIL_WORDS if reply.phase is Phase.MAIL else _FINAL_WORDS
    text = reply.text.casefold()
    blameable = _detail(reply, kind).partition(".")[0] in _SUBJECTS_OF_ADDRESSES
    for words, verdict in _TEMPORARY_WORDS if kind == 4 else final:
        found = words.search(text) and not _is_too_early(verdict, reply)
        if found and (blameable or verdict.outcome is not Outcome.FAIL_ADDRESS):
            return verdict
    return None


# Basic codes: what is left

_STORAGE_EXCEEDED = _unwanted("storage-exceeded")
_FINAL = {
    503: _defer("out-of-sequence", Effect.RECONNECT, Scope.RELAY),
    530: _LOGIN_NEEDED,
    552: _STORAGE_EXCEEDED,
}


def _by_code(reply: Reply, kind: int) -> Verdict:
    if kind == 4:
        return _defer("closing", Effect.RECONNECT, Scope.RELAY) if reply.code == 421 else _defer("temporary")
    if reply.code == 552 and reply.phase is Phase.RCPT:
        return _TOO_MANY_RECIPIENTS  # RFC 5321 4.5.3.1.10
    if reply.code in _FINAL and not (reply.code == 552 and _is_policy(reply, kind)):
        return _FINAL[reply.code]
    if reply.phase is Phase.MAIL:
        return _SENDER_REFUSED
    return _POLICY if _is_policy(reply, kind) else _unwanted("unknown")


def _is_policy(reply: Reply, kind: int) -> bool:
    """X.7 is of security and policies (RFC 3463 3.8), whatever basic code stands with it."""
    return _detail(reply, kind).startswith("7.")
