"""The standard library: one connection, an EmailMessage for each recipient, send_message."""

import smtplib
import time

from benchmarks.peers.letters import HOST, PORT, messages, tell

started = time.perf_counter()
with smtplib.SMTP(HOST, PORT) as server:
    for message in messages():
        server.send_message(message)
tell(started)
