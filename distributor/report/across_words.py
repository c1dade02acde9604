"""The account of a period in sentences."""

from collections.abc import Iterator

from distributor.i18n import _, ngettext, sentences
from distributor.report.across import Failing, PeriodAccount, UnitTally
from distributor.report.reasons import explain_state
from distributor.report.tables import one_line

_NOT_SENT = ("failed", "bounced", "uncertain", "waiting", "withheld")


def headings() -> dict[str, str]:
    """What the numbers of a Tally are called."""
    return {
        "letters": _("letters"),
        "sent": _("sent"),
        "replaced": _("replaced"),
        "failed": _("failed"),
        "bounced": _("bounced"),
        "uncertain": _("uncertain"),
        "waiting": _("waiting"),
        "withheld": _("withheld"),
        "contacts": _("contacts"),
        "contacts_sent": _("contacts with it"),
        "disabled": _("(disabled)"),
    }


def summary(account: PeriodAccount) -> Iterator[str]:
    """What people ask first, in sentences."""
    if account.issues or not account.cancelled:
        yield _issues(account)
    if replaced := account.totals.replaced:
        text = ngettext(
            "{n} letter failed, and everybody whom it serves got one at another address.",
            "{n} letters failed, and everybody whom they serve got one at another address.",
            replaced,
        )
        yield text.format(n=replaced)
    if left_out := sum(each.left_out for each in account.issues):
        text = ngettext("{n} name of an imprint reached nobody.", "{n} names of the imprints reached nobody.", left_out)
        yield text.format(n=left_out)
    if cancelled := len(account.cancelled):
        text = ngettext(
            "{n} issue was cancelled and counts in no sum.", "{n} issues were cancelled and count in no sum.", cancelled
        )
        yield text.format(n=cancelled)
    if account.units:
        yield _units(account, len(account.units))


def _issues(account: PeriodAccount) -> str:
    issues, totals = len(account.issues), account.totals
    if not issues:
        return _("No issue was opened in {period}.").format(period=account.period.title)
    text = ngettext(
        "{bulletins}, {period}: {n} issue, {letters} letters, {sent} of them sent ({share}).",
        "{bulletins}, {period}: {n} issues, {letters} letters, {sent} of them sent ({share}).",
        issues,
    )
    return text.format(
        bulletins="".join(f"《{name}》" for name in account.mastheads), period=account.period.title, n=issues,
        letters=totals.letters, sent=totals.sent, share=percent(totals.sent, totals.letters),
    )  # fmt: skip


def _units(account: PeriodAccount, units: int) -> str:
    whole = sum(each.tally.letters > 0 and not each.tally.missed for each in account.units or ())
    nothing = len(account.nothing)
    text = ngettext(
        "{n} unit: {whole} with every letter, {some} with some, {nothing} with none.",
        "{n} units: {whole} with every letter, {some} with some, {nothing} with none.",
        units,
    )
    return text.format(n=units, whole=whole, some=units - whole - nothing, nothing=nothing)


def percent(part: int, whole: int) -> str:
    """``99.9 %``: rounded down, so that it is 100 only of everything; of nothing it is a dash."""
    return _("{n} %").format(n=1000 * part // whole / 10) if whole else "–"


def why_nothing(unit: UnitTally) -> str:
    """Why nothing was sent to *unit*."""
    if not unit.tally.letters:
        return _("all its contacts are disabled")
    words, numbers = headings(), unit.tally._asdict()
    present = (kind for kind in _NOT_SENT if numbers[kind])
    return _(", ").join(_("{n} {state}").format(n=numbers[kind], state=words[kind]) for kind in present)


def why_failing(failing: Failing) -> str:
    """Its reasons, the most frequent first; where there are several, how often each."""
    found: dict[str, int] = {}
    for (state, reason), letters in failing.reasons.items():
        sentence = explain_state(state, reason).sentence
        found[sentence] = found.get(sentence, 0) + letters
    if len(found) == 1:
        return next(iter(found))
    return sentences(*(f"{why} (×{found[why]})" for why in sorted(found, key=lambda why: -found[why])))


def last_answer(failing: Failing) -> str:
    """What the server said the last time, on one line; "" for nothing."""
    return one_line(" ".join(filter(None, (str(failing.code or ""), failing.enhanced, failing.reply))))
