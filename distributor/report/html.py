"""An issue's account as one page: a file that needs no network, no script and no other file.

The page is written piece by piece, so that it costs no memory to list everybody.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from distributor.delivery.model.records import DeliveryRecord, ServedRecord
from distributor.delivery.model.states import HAS_IT
from distributor.i18n import _, language_tag
from distributor.recipients.model import GroupName
from distributor.report import html_figures as figures
from distributor.report import html_summary as summary
from distributor.report import html_views as views
from distributor.report.account import WORST_FIRST, Account
from distributor.report.html_facts import LISTED, Facts
from distributor.report.html_rows import contact_name, contact_rows, omitted_rows
from distributor.report.html_words import words
from distributor.report.states import state_word
from distributor.report.tables import one_line

_PIECES = 400  # of the template, written together


def page(
    account: Account,
    facts: Facts,
    not_sent: Iterable[DeliveryRecord],
    everybody: Iterable[DeliveryRecord] | None = None,
) -> Iterator[str]:
    """The page, in pieces. *not_sent* are those it lists, the first LISTED; *everybody*: list every delivery as well.

    Both are read while the page is written, *not_sent* first.
    """
    environment, texts, ref = _environment(), words(), account.issue.ref
    title = summary.title(account.issue)
    style = environment.get_template("page.css.j2").render(
        running=css_string(f"{title}  {texts['report']} {ref}"), attempts=css_string(texts["attempts"])
    )
    script = environment.get_template("page.js").render()
    stream = environment.get_template("page.html.j2").stream(
        lang=language_tag(),
        words=texts,
        style=Markup(style),  # noqa: S704  ours, and what came from outside went through css_string
        script=Markup(script),  # noqa: S704  ours
        policy=_policy(style, script),
        title=title,
        headline=summary.headline(account),
        breakdown=summary.breakdown(account.totals.letters),
        notices=summary.notices(account, facts.zone),
        about=views.about(account.issue, facts.zone),
        account=account,
        facts=facts,
        steps=views.steps(account),
        numbers=views.table(account, texts["all"]),
        shares=views.shares(account, texts["all"]),
        moments=views.moments(account, facts.zone),
        curve=views.curve(account, facts.charts, facts.zone),
        slowest=list(zip(facts.charts.slowest, figures.spans(facts.charts.slowest), strict=True)),
        missing=contact_rows(not_sent, facts, ref),
        more=_more(account, texts),
        everybody=None if everybody is None else contact_rows(everybody, facts, ref),
        omitted=list(omitted_rows(account.omitted, ref)),
        shared=[(record.address, _("; ").join(map(_served, record.serves))) for record in account.shared],
        group_order="|".join(GroupName),
        state_order="|".join(map(state_word, (*WORST_FIRST, *sorted(HAS_IT)))),
    )
    stream.enable_buffering(_PIECES)
    return stream


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("distributor.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": summary.figure,
        "clock": summary.clock,
        "duration": summary.duration,
        "line": one_line,
        "address": address,
        "commands": commands,
    }
    return environment


def address(text: str) -> Markup:
    """*text*, to be broken after the @ where it does not fit."""
    return Markup("@<wbr>").join(escape(part) for part in text.split("@"))


@lru_cache(maxsize=1000)
def commands(text: str) -> Markup:
    """*text* with what stands in `backquotes` as code, whose options are not broken at their hyphens."""
    return Markup("").join(_code(part) if odd % 2 else escape(part) for odd, part in enumerate(text.split("`")))


def _code(text: str) -> Markup:
    parts = (Markup("<span>%s</span>") % part if part.startswith("--") else escape(part) for part in text.split(" "))
    return Markup("<code>%s</code>") % Markup(" ").join(parts)


def css_string(text: str) -> Markup:
    """*text* as a string of a style sheet: whatever could end it, or the sheet, stands as its number."""
    safe = "".join(char if char.isalnum() or char == " " else f"\\{ord(char):x} " for char in text)
    return Markup(f'"{safe}"')  # noqa: S704  letters, digits, spaces and backslashes


def _policy(style: str, script: str) -> str:
    """Content Security Policy: this style, this script, and nothing else at all."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    policy = "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'"
    return policy.format(*hashes)


def _more(account: Account, texts: Mapping[str, str]) -> str:
    """That only the first are listed, where that is so."""
    total = account.not_sent_total + account.replaced_total
    return texts["more"].format(n=summary.figure(LISTED), total=summary.figure(total)) if total > LISTED else ""


def _served(served: ServedRecord) -> str:
    return f"{one_line(served.unit)} {contact_name(served)}"
