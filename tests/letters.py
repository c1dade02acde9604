"""What the tests of letters share: a bulletin, a group, recipients, and the templates and list that a new site gets."""

import dataclasses
import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

from distributor.bulletin.model import Article, Bulletin, RoutedName, RoutingLine, Section
from distributor.errors import Place
from distributor.recipients import loader
from distributor.recipients.model import Group, GroupName, Roster
from distributor.render.model import MergeFields

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "bulletin.txt"
LIST = ROOT / "recipients.yaml"

TEMPLATES = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "templates").glob("*.j2"))}

RECIPIENTS = {
    GroupName.SUPERIORS: MergeFields("收文员", "市委办公室", "市委办公室", "收文", "office@city.example.org"),
    GroupName.DEPARTMENTS: MergeFields("收文员", "市商务局", "市商务局办公室", "收文", "office@commerce.example.org"),
    GroupName.MEMBERS: MergeFields("办公室", "海州经开区", "海州经开区管委会", "收文", "office@heda.example.org"),
}
ANYBODY = RECIPIENTS[GroupName.DEPARTMENTS]


@cache
def roster() -> Roster:
    """The example list."""
    return loader.load(LIST)


def bulletin(**changes: Any) -> Bulletin:
    """A short bulletin that states everything."""
    return dataclasses.replace(_BULLETIN, **changes)


def bare() -> Bulletin:
    """A bulletin that states nothing but one article."""
    nothing = dict.fromkeys(
        ("masthead", "number", "total_number", "year", "publisher", "date", "secrecy", "signer", "copies", "handler")
    )
    return bulletin(**nothing, routing=(), sections=(Section(None, (Article("无栏目的文章", ("正文。",), None, 1),)),))


def group(template: str = "letter.html.j2", **changes: Any) -> Group:
    """送, with texts that may be changed."""
    texts = {"subject": "{{ masthead }}", "greeting": "", "closing": "", "reply_to": None}
    place = Place("recipients.yaml", 7)
    return Group(GroupName.DEPARTMENTS, ("送",), template, **{**texts, **changes}, place=place)


_BULLETIN = Bulletin(
    file="61.txt",
    sha256="0" * 64,
    masthead="海州开发区工作简报",
    number=12,
    total_number=61,
    year=2026,
    publisher="海州市开发区协会",
    date=dt.date(2026, 6, 30),
    secrecy="内部资料",
    signer="林某",
    copies=40,
    handler="综合部",
    supplement=False,
    sections=(
        Section(
            "本市动态", (Article("第一篇", ("第一段。", "第二段。"), None, 9), Article("第二篇", ("正文。",), None, 15))
        ),
        Section("国内动态", (Article("第三篇", ("正文。",), "省开发区协作网", 21),)),
    ),
    routing=(
        RoutingLine("送", (RoutedName("市有关部门", 30), RoutedName("省商务厅驻海州办事处", 30)), 30),
        RoutingLine("发", (RoutedName("各开发区", 31),), 31),
    ),
)
