"""The letters of a peer: the text and HTML that ours sends, made with the email package for every recipient anew."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from html import escape
from pathlib import Path
from typing import Any

HOST, PORT = sys.argv[1], int(sys.argv[2])
LETTER: dict[str, Any] = json.loads(Path(sys.argv[3]).read_bytes())


def messages() -> Iterator[EmailMessage]:
    """One for each recipient."""
    for person in LETTER["recipients"]:
        message = EmailMessage()
        message["Date"] = formatdate()
        message["From"] = LETTER["sender"]
        message["To"] = person["email"]
        message["Reply-To"] = LETTER["reply_to"]
        message["Subject"] = _filled(LETTER["subject"], person)
        message["Message-ID"] = make_msgid(domain="association.example.org")
        message.set_content(_filled(LETTER["text"], person), cte="base64")
        escaped = {name: escape(value) for name, value in person.items()}
        message.add_alternative(_filled(LETTER["html"], escaped), subtype="html", cte="base64")
        yield message


def _filled(text: Mapping[str, list[str]], values: Mapping[str, str]) -> str:
    first, *literals = text["literals"]
    return first + "".join(values[name] + literal for name, literal in zip(text["fields"], literals, strict=True))


def now() -> tuple[float, float]:
    """Seconds of time and of CPU, to begin with."""
    return time.perf_counter(), time.process_time()


def tell(started: tuple[float, float]) -> None:
    """Print how much of both has passed since *started*."""
    seconds, cpu = (end - begin for begin, end in zip(started, now(), strict=True))
    json.dump({"seconds": seconds, "cpu": cpu}, sys.stdout)
