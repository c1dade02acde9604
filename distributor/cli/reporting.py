"""An account in each of the formats of `distributor report`, into a stream of bytes or text."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any

from distributor.cli import accounts
from distributor.cli.listing import show_chosen
from distributor.delivery.model.records import DeliveryRecord
from distributor.delivery.model.wanted import Wanted
from distributor.distribution.flows import Hindered
from distributor.distribution.site import Site
from distributor.report import tables
from distributor.report.account import Account
from distributor.report.states import state_word
from distributor.report.summary import Manner
from distributor.report.tables import Row


@dataclass(frozen=True, slots=True)
class Told:
    """What is told: the account, and the *deliveries* that are *wanted*, which can be read once.

    *listing*: somebody asked for them, beyond what an account lists by itself. *file* names where it goes, in errors.
    """

    site: Site
    account: Account
    hindered: Hindered
    deliveries: Iterator[DeliveryRecord]
    wanted: Wanted
    listing: bool
    as_of: dt.datetime
    file: str

    @property
    def manner(self) -> Manner:
        return Manner(state_word, self.site.settings.timezone, self.as_of)

    def rows(self) -> Iterator[Row]:
        """Contacts, then those who were not written to."""
        ref = self.account.issue.ref
        omitted = filter(self.wanted.takes_omitted, self.account.omitted)
        yield from tables.contact_rows(self.deliveries, ref, state_word, self.wanted)
        yield from tables.omitted_rows(omitted, ref)


Format = Callable[[Told, IO[bytes]], None]


def _json(told: Told, stream: IO[bytes]) -> None:
    document = accounts.document(told.account, told.hindered) | {"as_of": told.as_of.isoformat()}
    parts: dict[str, tables.Part] = {}
    if told.listing:
        listing = tables.Listing(told.deliveries, told.wanted, told.account.issue.ref)
        parts = {"deliveries": listing, "listed": listing.document}
    _write(stream, tables.json_text(document, **parts))


def _csv(told: Told, stream: IO[bytes]) -> None:
    _write(stream, tables.csv_text(chain([tables.heading()], told.rows()), told.site.settings.timezone))


def _md(told: Told, stream: IO[bytes]) -> None:
    from distributor.report.markdown import markdown  # noqa: PLC0415  one format of six

    _write(stream, markdown(told.account, told.rows(), told.manner, lacking=told.wanted.lacking))


def _xlsx(told: Told, stream: IO[bytes]) -> None:
    from distributor.report import workbook  # noqa: PLC0415  one format of six

    workbook.write(stream, told.account, told.rows(), told.manner, told.file)


def _html(told: Told, stream: IO[bytes]) -> None:
    from distributor.distribution.reporting_html import html_report  # noqa: PLC0415  one format of six

    with html_report(told.site, told.account.issue, everything=not told.wanted.lacking) as pieces:
        _write(stream, pieces)


def _write(stream: IO[bytes], pieces: Iterable[str]) -> None:
    for piece in pieces:
        stream.write(piece.encode("utf-8", "replace"))


FORMATS: dict[str, Format] = {"json": _json, "csv": _csv, "xlsx": _xlsx, "html": _html, "md": _md}
"""What goes into files and to other programs; the table is for people (show())."""


def show(told: Told, console: Any) -> None:
    """The account for people, on a terminal or in a text."""
    settings = told.site.settings
    if told.listing:
        accounts.show_summary(told.account, settings, console)
        show_chosen(told.account, told.deliveries, told.wanted, settings, console)
        return
    accounts.show(told.account, told.hindered, settings, console)
    if waiting := accounts.waiting(told.account, told.hindered, settings):
        console.print(waiting, style="bold", soft_wrap=True)
