"""What templates and the texts of the list may name: the bulletin, in words ready to print.

Everything is there for every bulletin: what it does not state is "" (or None where it is a number), so that a template
need only ask whether it is true.
"""

from distributor.bulletin.model import UNNAMED, Bulletin

_PREHEADER = 120


def letter_context(bulletin: Bulletin) -> dict[str, object]:
    """The names and their values.

    *routing* has a pair for each line of the imprint: its label, and its names as one text. *preheader* is what
    mailboxes show beside the subject.
    """
    return {
        "masthead": bulletin.masthead or UNNAMED,
        "number": bulletin.number,
        "total_number": bulletin.total_number,
        "number_line": number_line(bulletin),
        "publisher": bulletin.publisher or "",
        "date": f"{bulletin.date.year}年{bulletin.date.month}月{bulletin.date.day}日" if bulletin.date else "",
        "secrecy": bulletin.secrecy or "",
        "signer": bulletin.signer or "",
        "sections": bulletin.sections,
        "titles": bulletin.titles,
        "preheader": _preheader(bulletin.titles),
        "routing": tuple((line.label, "、".join(name.name for name in line.names)) for line in bulletin.routing),
        "copies": bulletin.copies,
        "handler": bulletin.handler or "",
    }


def number_line(bulletin: Bulletin) -> str:
    """第4期（总第60期），增刊第1期, 总第3766期, or "" for a bulletin without a number."""
    number = f"第{bulletin.number}期" if bulletin.number is not None else ""
    total = f"总第{bulletin.total_number}期" if bulletin.total_number is not None else ""
    own = f"增刊{number}" if bulletin.supplement else number
    return f"{own}（{total}）" if own and total else own or total


def _preheader(titles: tuple[str, ...]) -> str:
    text = "；".join(titles)
    return text if len(text) <= _PREHEADER else f"{text[: _PREHEADER - 1]}…"
