"""One bulletin file → Bulletin. Nothing is guessed: what the file does not say is None, and a finding says so."""

import hashlib

from distributor.bulletin.decoding import MAX_BYTES, decode
from distributor.bulletin.findings import findings_of
from distributor.bulletin.layout import lay_out
from distributor.bulletin.model import Bulletin
from distributor.errors import InputError, RefusedError, Severity

__all__ = ["MAX_BYTES", "parse", "read"]


def read(content: bytes, file: str) -> Bulletin:
    """The bulletin in *content*, the bytes of *file* (which is only named); it is fit to be sent.

    Raises:
        InputError: it is no text, is larger than MAX_BYTES, or has no distribution list; every fault at once.
        RefusedError: it is marked 绝密, 机密 or 秘密.
    """
    bulletin = parse(content, file)
    errors = [finding for finding in bulletin.findings if finding.severity is Severity.ERROR]
    if secret := [finding for finding in errors if finding.code == "secret"]:
        raise RefusedError(secret)
    if errors:
        raise InputError(errors)
    return bulletin


def parse(content: bytes, file: str) -> Bulletin:
    """What *content* says, with everything that is wrong about it among the findings, errors too.

    Raises:
        InputError: it is no text, or larger than MAX_BYTES.
    """
    layout = lay_out(decode(content, file))
    head, imprint = layout.head, layout.imprint
    return Bulletin(
        file=file,
        sha256=hashlib.sha256(content).hexdigest(),
        masthead=head.masthead,
        number=head.number,
        total_number=head.total_number,
        year=head.year,
        publisher=head.publisher,
        date=layout.date,
        secrecy=layout.marking.name if layout.marking else None,
        signer=layout.signer[0],
        copies=imprint.copies,
        handler=imprint.handler,
        supplement=head.supplement,
        sections=layout.sections,
        routing=tuple(imprint.routing),
        findings=findings_of(layout, file),
    )
