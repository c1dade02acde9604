"""The program's own words in the reader's language (GNU gettext: English source strings, zh_CN catalog).

Letters are not translated here: they are in the language of their templates.
"""

import gettext as gettext_module
import os
from collections.abc import Mapping
from pathlib import Path

DOMAIN = "distributor"
LANGUAGES = ("en", "zh_CN")
CLICK = "click"
LOCALE_DIR = Path(__file__).parent / "locale"

_active: gettext_module.NullTranslations = gettext_module.NullTranslations()
_language = "en"


def language_from(explicit: str | None, environ: Mapping[str, str]) -> str:
    """One of LANGUAGES: *explicit* (``zh``, ``zh-CN`` and ``zh_CN.UTF-8`` all mean zh_CN), else the locale, else en."""
    names = [explicit] if explicit else [environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")]
    chosen = next((name for name in names if name), "en")
    return "zh_CN" if chosen.lower().startswith("zh") else "en"


def activate(explicit: str | None = None) -> str:
    """Choose the language of every later ``_()``; returns its name."""
    global _active, _language  # noqa: PLW0603  one process speaks one language
    _language = language = language_from(explicit, os.environ)
    _active = gettext_module.translation(DOMAIN, LOCALE_DIR, [language], fallback=True)
    # click asks Python's gettext for its own words (Usage, No such option …), in whatever domain is the process's.
    os.environ["LANGUAGE"] = language
    gettext_module.bindtextdomain(CLICK, LOCALE_DIR)
    gettext_module.textdomain(CLICK)
    return language


def writes_without_spaces() -> bool:
    """Whether sentences follow one another without a space, of characters twice as wide as Latin ones."""
    return _language == "zh_CN"


def language_tag() -> str:
    """The reader's language as documents name it (BCP 47)."""
    return _language.replace("_", "-")


def sentences(*parts: str) -> str:
    """Whole sentences, one after the other."""
    return ("" if writes_without_spaces() else " ").join(filter(None, parts))


def _(message: str) -> str:
    """The translation of *message*; fill placeholders afterwards: ``_("{n} letters").format(n=3)``."""
    return _active.gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form of the message for *n* things."""
    return _active.ngettext(singular, plural, n)
