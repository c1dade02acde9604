"""Cells that a spreadsheet would run as a formula: an apostrophe before them, and the way back.

OWASP, CSV Injection; full-width signs count as the narrow ones in East Asian settings. ``#`` stands among them because
a text such as ``#N/A`` would come back as an error. What is written comes back the same, whatever it is: a text that
begins with apostrophes before such a sign gets one more.
"""

_SIGNS = tuple("=+-@\t\r\n＝＋－＠#")


def inert(text: str) -> str:
    """*text* as a cell that no spreadsheet runs; one of spaces alone is none of those."""
    return f"'{text}" if text.lstrip("'").startswith(_SIGNS) and not text.isspace() else text


def restored(cell: str) -> str:
    """The text that inert() made *cell* from."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_SIGNS) else cell
