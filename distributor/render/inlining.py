"""CSS into style attributes, where mailboxes that drop style sheets still find it (premailer). Nothing is fetched."""

import logging
from functools import cache, lru_cache
from typing import Any


def inlined(page: str) -> str:
    """*page* with its style sheets inlined, except those marked ``data-premailer="ignore"`` (media rules).

    Raises:
        Exception: a page or style sheet that lxml, cssselect or premailer cannot make sense of.
    """
    premailer = _offline_premailer()(
        allow_network=False,
        disable_validation=True,  # mso-* properties are no CSS, and wanted
        cssutils_logging_level=logging.CRITICAL,
    )
    return str(premailer.transform(page, pretty_print=False))


@cache
def _offline_premailer() -> Any:
    """Premailer that reads no other sheet. Its own allow_network minds <link> only: cssutils follows @import, to files
    as well."""
    from cssutils import CSSParser  # noqa: PLC0415  a seventh of a second, if needed
    from premailer import Premailer  # noqa: PLC0415

    parser = CSSParser(fetcher=_fetch_nothing)
    parsed = lru_cache(maxsize=16)(parser.parseString)

    class OfflinePremailer(Premailer):  # type: ignore[misc]
        def _parse_css_string(self, css_body: str, validate: bool = True) -> Any:
            return parsed(css_body, validate=validate)

    return OfflinePremailer


def _fetch_nothing(_url: str) -> tuple[None, bytes]:
    """An empty sheet, whatever was asked for (encoding, content)."""
    return None, b""
