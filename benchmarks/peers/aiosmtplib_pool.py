"""aiosmtplib with ten connections, an EmailMessage for each recipient."""

import asyncio
from collections.abc import Iterator
from email.message import EmailMessage

import aiosmtplib

from benchmarks.peers.letters import HOST, PORT, messages, now, tell

CONNECTIONS = 10


async def _session(waiting: Iterator[EmailMessage]) -> None:
    async with aiosmtplib.SMTP(hostname=HOST, port=PORT, start_tls=False) as server:
        for message in waiting:
            await server.send_message(message)


async def _all() -> None:
    waiting = messages()
    await asyncio.gather(*(_session(waiting) for _each in range(CONNECTIONS)))


started = now()
asyncio.run(_all())
tell(started)
