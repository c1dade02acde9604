"""CSS into style attributes, where mailboxes that drop style sheets still find it (premailer)."""

import logging


def inlined(page: str) -> str:
    """*page* with its style sheets inlined, except those marked ``data-premailer="ignore"`` (media rules).

    Raises:
        Exception: a page or style sheet that lxml, cssselect or premailer cannot make sense of.
    """
    from premailer import Premailer  # noqa: PLC0415  a seventh of a second, for those who render

    premailer = Premailer(
        allow_network=False,
        disable_validation=True,  # mso-* properties are no CSS, and wanted
        cssutils_logging_level=logging.CRITICAL,
    )
    return str(premailer.transform(page, pretty_print=False))
