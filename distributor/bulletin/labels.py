"""Labels: a word at the start of a line, followed by a colon (送：, 抄送:, 责任编辑：). Which of them name readers?"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

# 报, 送, 发 and what offices form from them: 抄送, 呈报, 主送单位, 发送范围 …
_ROUTING = re.compile("[主抄呈分印下上转寄报发]?[报送发抄呈寄阅][送报发呈至达给阅致告]?(?:单位|机关|部门|范围|对象)?")
_STAFF = re.compile(
    ".*(?:编辑|编辑部|主编|责编|编委|编审|审核|审稿|审签|审定|审阅|终审|核稿|校对|校核|撰稿|供稿|统稿|组稿|拟稿|起草|执笔"
    "|打字|打印|排版|印制|印刷|制作|监制|设计|签发|签发人|承办人|经办人|印数|份数)"
    "|(?:编印|编发|编制|编报|印发|印制|发布|制发|发文|出刊|拟稿)(?:单位|机关|部门|处室|科室|时间|日期)?"
)
_CONTACT = re.compile(
    ".*(?:电话|手机|热线|传真|邮编|邮政编码|邮箱|信箱|邮件|网址|网站|地址|地点|时间|日期|公众号|微信|联系人|负责人|附件|附注"
    "|备注|注|说明|来源|主题词|关键词|编号|份号)|(?:主办|承办|协办|主管)(?:单位|机关|部门|处室|科室)?|[A-Za-z-]+"
)
_HAN = "[\u3400-\u9fff]"
_WORD = rf"{_HAN}(?:{_HAN}|[、/](?={_HAN})){{0,9}}|{_HAN}(?:\s{{1,8}}{_HAN}){{1,5}}|[A-Za-z-]{{1,10}}"
_LABEL = re.compile(rf"({_WORD})\s{{0,8}}[:：∶﹕︰]")
_LONGEST_UNKNOWN = 4


class LabelKind(StrEnum):
    """*routing* names readers, *staff* who made the bulletin; *contact* says whom to ask, when and where, and may as
    well be the end of a notice; *unknown* might be any."""

    ROUTING = "routing"
    STAFF = "staff"
    CONTACT = "contact"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Label:
    """*name* without blanks, and the *text* after its colon."""

    name: str
    kind: LabelKind
    text: str


def label_of(text: str) -> Label | None:
    """The label that the line *text* begins with.

    A word of more than four characters that is not known is no label, but begins a sentence (请及时抄送：). Labels that
    name two kinds of reader are one label (报、送：).
    """
    match = _LABEL.match(text)
    if match is None:
        return None
    name = "".join(match[1].split())
    kind = _kind(name)
    return Label(name, kind, text[match.end() :].strip()) if kind else None


@lru_cache(maxsize=256)
def _kind(name: str) -> LabelKind | None:
    # 印发 alone names readers; 印发机关 is who printed it.
    parts = re.split("[、/]", name)
    if all(_ROUTING.fullmatch(part) and not re.fullmatch("[印发](?:发|文)?(?:单位|机关|部门)", part) for part in parts):
        return LabelKind.ROUTING
    if len(parts) > 1:
        return None
    if _STAFF.fullmatch(name):
        return LabelKind.STAFF
    if _CONTACT.fullmatch(name):
        return LabelKind.CONTACT
    return LabelKind.UNKNOWN if len(name) <= _LONGEST_UNKNOWN and not name.startswith("请") else None
