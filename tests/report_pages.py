"""HTML reports for tests: of a few deliveries that ended in every way, and what a page says when it is read again."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

from distributor.delivery.model.records import DeliveryRecord, IssueRecord, IssueState, OmittedRecord, ServedRecord
from distributor.delivery.model.states import UNSETTLED, State
from distributor.report import html
from distributor.report.account import WORST_FIRST, Account
from distributor.report.html_facts import Charts, DomainTimes, Facts, Point
from tests import accounts

OPENED = dt.datetime(2026, 3, 5, 1, 0, tzinfo=dt.UTC)
ZONE = ZoneInfo("Asia/Shanghai")
ISSUE = IssueRecord(
    id=1, uid="u", masthead="园区工作简报", number=4, total_number=60, year=2026, sequence=1, file="60.txt",
    content_sha256="c" * 64, roster_sha256="r" * 64, templates_sha256="t" * 64, sender="office@sender.example",
    opened_at=OPENED, opened_by="li", host="desk.example", state=IssueState.OPEN, state_reason=None, state_by=None,
    again_reason=None, unresolved=(),
)  # fmt: skip
REFUSED = {"code": 550, "enhanced": "5.1.1", "reply": "User unknown", "reason": "no-such-mailbox", "phase": "rcpt"}
BUSY = {"code": 451, "reply": "later", "reason": "temporary", "phase": "rcpt"}
SILENT = {"reply": "connection reset", "reason": "no-answer", "phase": "dot"}
OMITTED = [
    OmittedRecord("送", "某科", "市甲局", "k@alpha.example.org", "disabled", "机构调整"),
    OmittedRecord("", "有关单位", None, None, "unresolved", ""),
]


def delivery(
    number: int, state: State = State.SENT, *, unit: str = "", group: str = "送", **said: Any
) -> DeliveryRecord:
    """Delivery *number*, settled so many seconds after the opening; what is put off is tried again a day later."""
    serves = said.pop("serves", (ServedRecord("有关部门", unit or f"单位{number}", "收文员", None),))
    moment = OPENED + dt.timedelta(seconds=number)
    usual: dict[str, Any] = {} if state in UNSETTLED else {"settled_at": moment}
    if state is State.DEFERRED:
        usual = {"next_attempt": moment + dt.timedelta(days=1)}
    if state is State.SENT:
        usual |= {"code": 250, "enhanced": "2.0.0", "reply": f"queued as {number}", "reason": "sent"}
    address = said.pop("address", f"office{number}@example.org")
    return DeliveryRecord(number, group, 0, "mail", address, state, 1, serves, **{**usual, **said})


def some() -> list[DeliveryRecord]:
    """Ten deliveries in three groups: six sent, two failed, one in doubt, one put off."""
    shared = (ServedRecord("有关部门", "市甲局", "收文员", "收文"), ServedRecord("有关部门", "市乙局", "收文员", None))
    return [
        delivery(1, group="报"),
        delivery(2, serves=shared),
        delivery(3, State.FAILED, unit="市丙局", **REFUSED),
        delivery(4),
        delivery(5, State.UNCERTAIN, unit="市丁局", **SILENT),
        delivery(6, group="发"),
        delivery(7, State.FAILED, unit="戊公司", group="发", **REFUSED),
        delivery(8, State.DEFERRED, unit="己公司", group="发", **BUSY),
        delivery(9, group="发"),
        delivery(10, group="发"),
    ]


def charts(records: Iterable[DeliveryRecord]) -> Charts:
    """Of letters sent one after the other; two domains."""
    sent = [each.settled_at for each in records if each.state is State.SENT and each.settled_at]
    points = (Point(OPENED, 0), *(Point(moment, number) for number, moment in enumerate(sent, 1)))
    slow, quick = dt.timedelta(minutes=31, seconds=5), dt.timedelta(seconds=2.5)
    slowest = (
        DomainTimes("slow.example.org", 4, slow / 2, slow),
        DomainTimes("quick.example.org", 2, quick, quick),
    )
    return Charts(points, slowest) if sent else Charts((), ())


def facts(records: Iterable[DeliveryRecord] = (), **changes: Any) -> Facts:
    taken_at = OPENED + dt.timedelta(hours=1)
    return Facts(**{"taken_at": taken_at, "zone": ZONE, "charts": charts(records), **changes})


def account_of(
    records: Sequence[DeliveryRecord], issue: IssueRecord = ISSUE, omitted: Sequence[OmittedRecord] = ()
) -> Account:
    """The account, its reasons in the order in which the ledger gives them."""
    account = accounts.plain(issue, records, omitted)
    order = sorted(account.reasons, key=lambda why: (WORST_FIRST.index(why[0]), -account.reasons[why]))
    return dataclasses.replace(account, reasons={why: account.reasons[why] for why in order})


def page(
    records: Sequence[DeliveryRecord],
    *,
    issue: IssueRecord = ISSUE,
    omitted: Sequence[OmittedRecord] = (),
    everybody: bool = False,
    **changes: Any,
) -> str:
    """The page of an issue of which that became."""
    account = account_of(records, issue, omitted)
    missing = [*account.not_sent, *account.replaced]
    return "".join(html.page(account, facts(records, **changes), missing, records if everybody else None))


@dataclass
class Element:
    """An element of a page. *content* are its elements and texts in their order."""

    tag: str
    attributes: dict[str, str]
    content: "list[Element | str]" = field(default_factory=list)

    def walk(self) -> "Iterator[Element]":
        yield self
        for each in self.content:
            if isinstance(each, Element):
                yield from each.walk()

    def all(self, tag: str, of_class: str = "") -> "list[Element]":
        """Those below it, in their order."""
        return [each for each in self.walk() if each.tag == tag and (not of_class or of_class in each.classes)]

    def one(self, identity: str) -> "Element":
        """The one with this id."""
        (found,) = (each for each in self.walk() if each.attributes.get("id") == identity)
        return found

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def text(self) -> str:
        """All of it, on one line."""
        parts = (each if isinstance(each, str) else f" {each.text} " for each in self.content)
        return " ".join("".join(parts).split())

    @property
    def raw(self) -> str:
        """The text of a style or script as it stands."""
        return "".join(each for each in self.content if isinstance(each, str))


class _Reader(HTMLParser):
    VOID = frozenset({"meta", "input", "wbr", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _value in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].content.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> closes something else, at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)


def read(text: str) -> Element:
    """What *text* says; every element must be closed where it belongs."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [reader.root]
    return reader.root


def rows(table: Element) -> list[list[str]]:
    """The texts of the cells of its body."""
    (body,) = table.all("tbody")[:1]
    return [[cell.text for cell in row.content if isinstance(cell, Element)] for row in body.all("tr")]
