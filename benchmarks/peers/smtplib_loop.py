"""The standard library: one connection, an EmailMessage for each recipient, send_message."""

import smtplib

from benchmarks.peers.letters import HOST, PORT, messages, now, tell

started = now()
with smtplib.SMTP(HOST, PORT) as server:
    for message in messages():
        server.send_message(message)
tell(started)
