"""What the large mail providers' own answers mean: provider_replies.tsv, one answer a row."""

import pkgutil
import re
from dataclasses import dataclass
from functools import cache

from distributor.delivery.model.channel import Phase, Reply
from distributor.delivery.model.verdicts import Effect, Outcome, Scope, Verdict

_PROVIDERS = {
    "163.com": "netease",
    "126.com": "netease",
    "yeah.net": "netease",
    "188.com": "netease",
    "netease.com": "netease",
    "qq.com": "qq",  # and exmail.qq.com
    "foxmail.com": "qq",
    "outlook.com": "microsoft",
    "hotmail.com": "microsoft",
    "live.com": "microsoft",
    "live.cn": "microsoft",
    "msn.com": "microsoft",
    "office365.com": "microsoft",
}
_SIGNATURES = (
    ("netease", re.compile(r"\b(?:HL|MI|DT|RP|WM):[A-Z]{3}\b|\b(?:163|126)\.com/|\bmail\.163\.com")),
    ("qq", re.compile(r"\bmail\.qq\.com|QQ邮箱")),
    ("microsoft", re.compile(r"\b(?:protection\.outlook|office365)\.com\b")),
)


def provider_of(relay: str, domain: str, text: str) -> str:
    """Who speaks: netease, qq, microsoft or "" for unknown.

    Told by the answer's own *text* first, since a relay passes on what others said and many domains are hosted; then
    by the host of *relay* (``host:port``), which speaks for itself; then by the recipient's *domain*.
    """
    for provider, signature in _SIGNATURES:
        if signature.search(text):
            return provider
    return _provider_of_host(relay.partition(":")[0]) or _provider_of_host(domain)


def _provider_of_host(host: str) -> str:
    labels = host.casefold().rstrip(".").split(".")
    return _PROVIDERS.get(".".join(labels[-2:]), "")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One row of provider_replies.tsv: an answer that *contains* some words, maybe under a code, from a step on."""

    provider: str
    code: int | None
    enhanced: str | None
    contains: str
    phase: Phase | None
    verdict: Verdict

    def matches(self, reply: Reply, kind: int) -> bool:
        """Whether this row speaks of *reply* (of class *kind*).

        A server may keep an answer back for a later step (as Postfix does, until RCPT) and give it another code of
        the same class; it never answers a step before its time, and a 4yz never means failure.
        """
        return (
            (self.code is None or self.code // 100 == kind)
            and (self.enhanced is None or self.enhanced == reply.enhanced)
            and (self.phase is None or _ORDER[reply.phase] >= _ORDER[self.phase])
            and (kind == 5 or self.verdict.outcome is Outcome.DEFER)
            and self.contains in reply.text.casefold()
        )


_ORDER = {phase: position for position, phase in enumerate(Phase)}
_HEADER = ("provider", "reply contains", "phase", "outcome", "effect", "scope", "meaning", "reason")
_REPLY = re.compile(r"(?:(?P<code>[45]\d\d)(?: |$))?(?:(?P<enhanced>[45]\.\d+\.\d+)(?: |$))?(?P<words>.*)")
_OUTCOME = re.compile(r"(?P<outcome>\w+)|defer after (?P<minutes>\d+) min|defer to (?P<day>next day)")
_SLUG = re.compile(r"[a-z]+(?:-[a-z]+)*")


def parse_patterns(table: str) -> tuple[Pattern, ...]:
    """The rows of a table like provider_replies.tsv, in its order.

    Raises:
        ValueError: a header, column, word or slug that is not as it must be, with its line.
    """
    header, *rows = table.splitlines()
    if tuple(header.split("\t")) != _HEADER:
        raise ValueError(f"line 1: the columns must be {_HEADER}")
    return tuple(_parse_row(row.split("\t"), line) for line, row in enumerate(rows, 2))


def _parse_row(cells: list[str], line: int) -> Pattern:
    if len(cells) != len(_HEADER) or not all(cells):
        raise ValueError(f"line {line}: {len(_HEADER)} filled cells are needed")
    provider, contains, phase, outcome, effect, scope, _meaning, reason = cells
    reply, wait = _REPLY.fullmatch(contains), _OUTCOME.fullmatch(outcome)
    if provider not in _PROVIDERS.values() or reply is None or wait is None or not _SLUG.fullmatch(reason):
        raise ValueError(f"line {line}: unknown provider, reply, outcome or a reason that is no slug")
    after = 24 * 3600 if wait["day"] else int(wait["minutes"]) * 60 if wait["minutes"] else None
    try:
        verdict = Verdict(Outcome(wait["outcome"] or "defer"), Effect(effect), Scope(scope), reason, after)
        step = None if phase == "any" else Phase(phase)
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from None
    code = int(reply["code"]) if reply["code"] else None
    return Pattern(provider, code, reply["enhanced"], reply["words"].casefold(), step, verdict)


@cache
def patterns() -> tuple[Pattern, ...]:
    """What the providers' answers mean."""
    table = pkgutil.get_data(__package__, "provider_replies.tsv")
    return parse_patterns((table or b"").decode("utf-8"))


def by_pattern(reply: Reply, kind: int, provider: str) -> Verdict | None:
    """The row that names this very code, else the first that has another code of its class."""
    rows = [row for row in patterns() if row.provider == provider and row.matches(reply, kind)]
    rows.sort(key=lambda row: row.code != reply.code)
    return rows[0].verdict if rows else None
