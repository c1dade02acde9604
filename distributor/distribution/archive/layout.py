"""What is in an archive, a ZIP file (APPNOTE 6.3): names, limits, and the manifest.

issue.json         distributor.account/1: the issue, its numbers, what bulletin and attachments are called
letters.jsonl      the frozen letters (compiled: base64)
deliveries.jsonl   one line a delivery; served.jsonl: whom each serves; events.jsonl: what happened
omitted.jsonl      who was not written to
sources.json       templates and groups
bulletin.txt       the bulletin's bytes, under its own ending
attachments/0001   the attachments, in order
manifest.json      distributor.archive/1: size and SHA-256 of every other file; the last one
"""

import re

ACCOUNT = "distributor.account/1"
FORMAT = "distributor.archive/1"
ISSUE, SOURCES, MANIFEST = "issue.json", "sources.json", "manifest.json"
TABLES = ("letters", "deliveries", "served", "events", "omitted")
BULLETIN = re.compile(r"bulletin(\.[a-z0-9]{1,8})?")
ATTACHMENT = re.compile(r"attachments/[0-9]{4}(\.[a-z0-9]{1,8})?")
REQUIRED = frozenset({ISSUE, SOURCES, MANIFEST, *(f"{name}.jsonl" for name in TABLES)})

# Bytes. A line holds a compiled letter at most, with 20 MB of attachments in base64 twice over.
MOST_IN_LINE = 96 * 1024 * 1024
MOST_IN_SMALL = 16 * 1024 * 1024
MOST_FILES = 1000
# What is larger, and shrinks to less than one part in so many, is no account.
MOST_UNSUSPECTED = 1024**3
MOST_RATIO = 250


def is_known(name: str) -> bool:
    """Whether an archive may hold a file of this name: no other is ever looked at."""
    return name in REQUIRED or bool(BULLETIN.fullmatch(name) or ATTACHMENT.fullmatch(name))


def ending(filename: str) -> str:
    """``.txt``; "" where a file name has none that an archive's may have."""
    found = re.search(r"\.[a-z0-9]{1,8}\Z", filename.lower())
    return found[0] if found else ""
