"""Postfix itself as the relay, which offers PIPELINING and CHUNKING: it can only be started by root."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from distributor.delivery.model.channel import Phase
from distributor.settings import Relay
from tests.smtpd import LETTER, deliver, parcels

MAIN = """
compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/data
maillog_file = /dev/stdout
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
default_transport = discard
smtpd_peername_lookup = no
smtpd_recipient_restrictions =
    check_recipient_access inline:{{ {{gone@b.example = REJECT no such user}} }}, permit_mynetworks, reject
header_checks = regexp:{{ {{/^Subject: refused/ REJECT not this}} }}
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
discard unix - - n - - discard
postlog unix-dgram n - n - 1 postlogd
"""


@pytest.fixture
def postfix() -> Iterator[Relay]:
    """A Postfix of its own that throws away what it takes."""
    program = shutil.which("postfix") or shutil.which("postfix", path="/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("no Postfix on this machine, or not root")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)  # its daemons are other users
        for name in ("etc", "spool", "data"):
            (root / name).mkdir()
        shutil.chown(root / "data", "postfix")
        (root / "etc/main.cf").write_text(MAIN.format(root=root))
        (root / "etc/master.cf").write_text(MASTER.format(port=port))
        command = [program, "-c", str(root / "etc")]
        with open(root / "log", "wb") as log:
            running = subprocess.Popen([*command, "start-fg"], stdout=log, stderr=log, start_new_session=True)
            try:
                wait_for(port, root / "log")
                yield Relay("127.0.0.1", port, tls=False)
            finally:
                subprocess.run([*command, "stop"], stdout=log, stderr=log, check=True)
                running.wait()


def wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"Postfix does not answer: {log.read_text()}")


async def test_postfix_takes_bdat_and_what_it_refuses_costs_no_other(postfix: Relay) -> None:
    to = parcels("a@b.example", "gone@b.example", "b@b.example", "c@b.example", "d@b.example", "e@b.example")
    to[3] = to[3]._replace(message=LETTER.replace(b"Subject: ", b"Subject: refused "))
    to[4] = to[4]._replace(message=LETTER + b".\r\n" * 100_000)
    hand = await deliver(postfix, *to)
    phases = {address: (reply.phase, reply.code) for address, reply in hand.replies.items()}
    assert phases == {
        "a@b.example": (Phase.DOT, 250),
        "gone@b.example": (Phase.RCPT, 554),
        "b@b.example": (Phase.DOT, 250),
        "c@b.example": (Phase.DOT, 550),
        "d@b.example": (Phase.DOT, 250),
        "e@b.example": (Phase.DOT, 250),
    }
    # As said after BDAT; after DATA Postfix says no size.
    assert f"Ok: {len(LETTER)} bytes queued as" in hand.replies["e@b.example"].text
