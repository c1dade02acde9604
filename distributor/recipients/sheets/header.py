"""Which row of a sheet names the columns, and what its titles mean."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain

from distributor.errors import Finding, Severity
from distributor.i18n import _
from distributor.recipients.columns import COLUMNS, REQUIRED, TITLES
from distributor.recipients.faults import INVISIBLE, nearest
from distributor.recipients.sheets.addressing import ADDRESS, narrow
from distributor.recipients.sheets.cells import trimmed
from distributor.recipients.sheets.grid import Grid, Record, letters
from distributor.recipients.sheets.model import DEFAULT_NAME
from distributor.recipients.sheets.telling import shown

SEARCHED = 20
"""The header is among the first rows that are not blank, as many as this."""

# Besides those of an include. The order matters: of two columns for one field the one that is named first here counts.
_FURTHER = {
    "unit": "单位全称 收件单位 接收单位 发送单位 会员单位 成员单位 企业名称 企业 公司名称 公司 机构名称 机构 部门名称 "
    "部门 organisation organization institution company companyname unitname department",
    "name": "联系人姓名 收件人 收件人姓名 接收人 经办人 负责人 fullname contactname contactperson recipient",
    "email": "电子邮箱地址 电子邮件地址 邮箱地址 邮件地址 电邮 电子信箱 信箱 邮件 联系邮箱 收件邮箱 单位邮箱 工作邮箱 "
    "mail mailbox emailaddress mailaddress",
    "phone": "电话号码 联系方式 办公电话 固定电话 座机 手机号 手机号码 移动电话 "
    "telephone phonenumber mobile mobilephone",
    "role": "职务 岗位 职位 title position",
    "salutation": "称谓 尊称",
    "disabled": "disabledreason",
    "note": "说明 附注 notes remark remarks comment comments",
    "audience": "组别 群组 发送范围 分发范围 audience audiences group groups",
}
_NEEDED = ("unit", "email")
_SEVERAL = frozenset(["email", "phone", "note"])  # fields that may have more than one column
_SERIAL = frozenset(["", "序号", "编号", "no", "id", "#"])
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|〔[^〔〕]*〕")
_SIGNS = re.compile(rf"[\s:*_.\-'\"“”{INVISIBLE}]")
_WORDS = re.compile(r"[a-z]+|[^\x00-\x7f]+")


def _bare(title: str) -> str:
    """*title* without what it may have besides the word: spaces, signs, （必填）, width, case, a number at its end."""
    text = unicodedata.normalize("NFKC", title).casefold()
    return _SIGNS.sub("", _ASIDE.sub("", text) or text).rstrip("0123456789")


_FIELDS = {
    _bare(title): (field, position)
    for field, titles in COLUMNS.items()
    for position, title in enumerate([*titles, *_FURTHER[field].split()])
}


@lru_cache(maxsize=1024)
def field_of(title: str) -> tuple[str, int] | None:
    """The field that *title* stands for, and how far down the table its word is; 单位/Unit says it twice."""
    bare = _bare(title)
    if bare in _FIELDS:
        return _FIELDS[bare]
    words = [_FIELDS.get(word) for word in _WORDS.findall(bare)]
    fields = {word[0] for word in words if word is not None}
    return words[0] if len(fields) == 1 and None not in words else None


def meaning_of(title: str) -> str | None:
    """The field alone."""
    field = field_of(title)
    return field[0] if field is not None else None


@dataclass(frozen=True)
class Header:
    """The row *line* names the columns (0: it is understood); *columns* gives for each field where it stands."""

    line: int
    columns: Mapping[str, tuple[int, ...]]

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The columns that are read, from left to right."""
        return tuple(sorted(chain.from_iterable(self.columns.values())))

    @property
    def fields(self) -> frozenset[str]:
        """What the sheet speaks of. A line of text may name a phone, but says nothing by naming none."""
        return frozenset(self.columns if self.line else REQUIRED)


def find(records: Sequence[Record]) -> Record | None:
    """The row with the most titles among *records*, which are the first ones; it must have one for addresses."""
    candidates = [record for record in records if "email" in _fields(record) and not _has_address(record)]
    return max(candidates, key=lambda record: (not record.hidden, titles_in(record), -record.line), default=None)


def titles_in(record: Record) -> int:
    """How many fields the row *record* names."""
    return len(_fields(record))


def _titles(record: Record) -> dict[int, str]:
    """The texts of a row, with those that a merge gives it from above."""
    above = {column: text for column, (text, _line) in record.above.items() if text}
    return dict(sorted({**record.cells, **above}.items()))


def _fields(record: Record) -> dict[str, list[tuple[int, int]]]:
    """Field → the columns that stand for it, each with its word's place in the table."""
    found: dict[str, list[tuple[int, int]]] = {}
    for column, title in _titles(record).items():
        if (meaning := field_of(title)) is not None:
            found.setdefault(meaning[0], []).append((meaning[1], column))
    return found


def _has_address(record: Record) -> bool:
    return any("@" in text or "＠" in text for text in record.cells.values())


def understand(record: Record, grid: Grid, sample: Sequence[Record], *, has_unit: bool) -> tuple[Header, list[Finding]]:
    """What the titles in *record* mean, and what there is to say of them; errors among it mean the sheet is not read.

    *sample* are rows of the sheet. *has_unit*: the caller knows the unit of rows that name none.
    """
    fields = _fields(record)
    findings = [finding for field in fields for finding in _doubles(field, fields[field], record, grid)]
    if "unit" not in fields and not has_unit:
        findings.append(_missing("unit", grid, record.line))
    if "name" not in fields:
        message = _("there is no column {name}: every contact is called {default}")
        message = message.format(name=TITLES["name"], default=DEFAULT_NAME)
        findings.append(Finding(Severity.NOTE, "no-name", message, grid.place(record.line)))
    findings += _unread(record, grid, sample)
    return Header(record.line, {field: _chosen(field, places) for field, places in fields.items()}), findings


def _chosen(field: str, places: list[tuple[int, int]]) -> tuple[int, ...]:
    """The columns that count."""
    columns = tuple(column for _rank, column in places)
    return columns if field in _SEVERAL else (min(places)[1],)


def _doubles(field: str, places: list[tuple[int, int]], record: Record, grid: Grid) -> Iterator[Finding]:
    """Columns that mean the same as another one, and do not count."""
    best, first = min(places)
    titles = _titles(record)
    for rank, column in places:
        if column not in _chosen(field, places):
            texts = {"column": shown(titles[column]), "other": shown(titles[first])}
            if rank == best:
                message = _("the columns {other} and {column} mean the same").format(**texts)
                remedy = _("delete one of them, or its title")
                yield Finding(Severity.ERROR, "duplicate-column", message, grid.place(record.line, column), remedy)
            else:
                message = _("the column {column} is not read, since {other} means the same").format(**texts)
                yield Finding(Severity.WARNING, "duplicate-column", message, grid.place(record.line, column))


def _unread(record: Record, grid: Grid, sample: Sequence[Record]) -> Iterator[Finding]:
    """Columns whose title says nothing to us."""
    titles = _titles(record)
    for column in sorted({*titles, *(column for row in sample for column in row.cells)}):
        title = trimmed(titles.get(column, ""))
        if meaning_of(title) is not None:
            continue
        place = grid.place(record.line, column)
        if any(ADDRESS.search(narrow(row.cells.get(column, ""))) for row in sample):
            message = _("the column {column} holds addresses and is not read").format(
                column=shown(title) or letters(column)
            )
            remedy = _("call it {name} if letters are to go there").format(name=TITLES["email"])
            yield Finding(Severity.WARNING, "unread-addresses", message, place, remedy)
        elif _bare(title) not in _SERIAL:
            message = _("the column {column} is not read").format(column=shown(title))
            yield Finding(Severity.NOTE, "unknown-column", message, place, _did_you_mean(title))


def _did_you_mean(title: str) -> str | None:
    near = nearest(title, (known for titles in COLUMNS.values() for known in titles))
    return _("did you mean {names}?").format(names=" / ".join(near)) if near else None


def why_none(grid: Grid, sample: Sequence[Record]) -> Finding:
    """Why there is no header in a sheet that begins with *sample*."""
    for record in sample:
        if len(_fields(record)) > 1:
            return _missing("email", grid, record.line)
    for record in sample:
        for column, text in record.cells.items():
            if ADDRESS.search(narrow(text)):
                message = _("no row above says what the columns are, though here is an address")
                return Finding(Severity.ERROR, "no-header", message, grid.place(record.line, column), _remedy())
    message = _("no row names the columns of a list of recipients")
    return Finding(Severity.ERROR, "no-list", message, grid.place(), _remedy())


def _missing(field: str, grid: Grid, line: int) -> Finding:
    message = _("the column {name} is missing").format(name=TITLES[field])
    remedy = _remedy() if field != "unit" else _("add it, or say which unit all of them belong to: --unit NAME")
    return Finding(Severity.ERROR, "missing-column", message, grid.place(line), remedy)


def _remedy() -> str:
    columns = ",".join(TITLES.values())
    return _("name the columns in the first row; needed are {needed}, possible are {columns}").format(
        needed=",".join(TITLES[field] for field in _NEEDED), columns=columns
    )
