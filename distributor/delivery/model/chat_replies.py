"""What chat services' answers mean: chat_replies.tsv, one answer a row, each with the public source that says so.

These services answer 200 and say in the body whether they posted; so what counts is their own code (errcode of WeCom
and DingTalk, code of Feishu and Lark), `Reply.enhanced` here, and the HTTP status only where there is none. As with
mail, no answer is temporary, and an endpoint is blamed only where the answer says so plainly.
"""

import pkgutil
import re
from dataclasses import dataclass, replace
from functools import cache

from distributor.delivery.model.channel import Reply
from distributor.delivery.model.replies import decides
from distributor.delivery.model.verdicts import Effect, Outcome, Scope, Verdict
from distributor.endpoints import Kind

POSTED = "0"
UNKNOWN = "unknown-chat-reply"

_SENT = Verdict(Outcome.SENT, Effect.NONE, Scope.RECIPIENT, "sent")
_NO_ANSWER = Verdict(Outcome.DEFER, Effect.NONE, Scope.RECIPIENT, "no-answer")
_UNREACHABLE = Verdict(Outcome.DEFER, Effect.NONE, Scope.RELAY, "chat-unreachable")
# A code that nobody explained may pass by itself, and fails once it is too old; a refusal by HTTP does not (RFC 9110
# 15.5: the client is to be in error).
_UNKNOWN = Verdict(Outcome.DEFER, Effect.NONE, Scope.RECIPIENT, UNKNOWN)
_REFUSED = Verdict(Outcome.FAIL_MESSAGE, Effect.NONE, Scope.RECIPIENT, UNKNOWN)

# The services' own waits, as posting writes them behind an answer (RFC 9110 10.2.3).
_WAIT = re.compile(r"^Retry-After: (\d{1,5})$", re.MULTILINE | re.ASCII)


def classify(reply: Reply, kind: Kind) -> Verdict:
    """What *reply* means, said by a service of *kind*."""
    if reply.handed_over and not decides(reply):
        return _NO_ANSWER
    if reply.handed_over and reply.enhanced == POSTED and reply.code is not None and reply.code // 100 == 2:
        return _SENT
    for row in patterns():
        if row.matches(reply, kind):
            return _patient(row.verdict, reply)
    if reply.code is None or not decides(reply):
        return _UNREACHABLE
    return _REFUSED if reply.enhanced is None and reply.code // 100 == 4 else _UNKNOWN


def blames_endpoint(reason: str | None) -> bool:
    """Whether *reason*, a verdict's slug, says that the endpoint itself is no more: only then may it be suppressed."""
    return any(row.verdict.reason == reason and row.verdict.outcome is Outcome.FAIL_ADDRESS for row in patterns())


def _patient(verdict: Verdict, reply: Reply) -> Verdict:
    """*verdict*, with the wait that the service itself asks for where that is the longer one."""
    asked = _WAIT.search(reply.text)
    if verdict.effect is not Effect.SLOW or asked is None:
        return verdict
    return replace(verdict, after=max(verdict.after or 0, int(asked[1])))


@dataclass(frozen=True, slots=True)
class ChatPattern:
    """One row: an answer under *code* that *says* some words ("" for any), from *kind* (None for all)."""

    kind: Kind | None
    code: str
    says: str
    verdict: Verdict

    def matches(self, reply: Reply, kind: Kind) -> bool:
        """Whether this row speaks of *reply*, said by *kind*."""
        of_kind = self.kind in {None, kind} or (self.kind is Kind.FEISHU and kind is Kind.LARK)
        return of_kind and self.code == _code(reply) and self.says in reply.text.casefold()


def _code(reply: Reply) -> str:
    """The service's own code; where it said none, its HTTP status."""
    return reply.enhanced if reply.enhanced is not None else f"HTTP {reply.code}"


_HEADER = ("kind", "code", "says", "outcome", "effect", "scope", "meaning", "reason", "source")
_CODE = re.compile(r"-?\d+|HTTP \d{3}|[a-z]+(?:-[a-z]+)*")
_OUTCOME = re.compile(r"(?P<outcome>\w+)(?: after (?P<minutes>\d+) min)?")
_SLUG = re.compile(r"[a-z]+(?:-[a-z]+)*")


def parse_patterns(table: str) -> tuple[ChatPattern, ...]:
    """The rows of a table like chat_replies.tsv, in its order; the first that matches counts. ``-``: no words needed.

    Raises:
        ValueError: a header, column, word or slug that is not as it must be, with its line.
    """
    header, *rows = table.splitlines()
    if tuple(header.split("\t")) != _HEADER:
        raise ValueError(f"line 1: the columns must be {_HEADER}")
    return tuple(_parse_row(row.split("\t"), line) for line, row in enumerate(rows, 2))


def _parse_row(cells: list[str], line: int) -> ChatPattern:
    if len(cells) != len(_HEADER) or not all(cells):
        raise ValueError(f"line {line}: {len(_HEADER)} filled cells are needed")
    kind, code, says, outcome, effect, scope, _meaning, reason, _source = cells
    wait = _OUTCOME.fullmatch(outcome)
    if wait is None or not _CODE.fullmatch(code) or not _SLUG.fullmatch(reason):
        raise ValueError(f"line {line}: a code, outcome or reason that cannot be")
    after = int(wait["minutes"]) * 60 if wait["minutes"] else None
    try:
        verdict = Verdict(Outcome(wait["outcome"]), Effect(effect), Scope(scope), reason, after)
        return ChatPattern(None if kind == "any" else Kind(kind), code, "" if says == "-" else says.casefold(), verdict)
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from None


@cache
def patterns() -> tuple[ChatPattern, ...]:
    """What the services' answers mean."""
    table = pkgutil.get_data(__package__, "chat_replies.tsv")
    return parse_patterns((table or b"").decode("utf-8"))
