"""An SMTP server that keeps nothing, for want of Postfix's: `python -m benchmarks.sink PORT`."""

import asyncio
import contextlib
import sys

EHLO = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000000\r\n"


async def _session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 sink.example ESMTP\r\n")
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            verb = (await reader.readuntil(b"\r\n"))[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            writer.write(EHLO if verb == b"EHLO" else b"221 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 OK\r\n")
            if verb == b"QUIT":
                break
    writer.close()


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_session, "127.0.0.1", port, limit=1 << 20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
