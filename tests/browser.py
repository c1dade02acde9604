"""A headless Chromium that tests look at letters with: the DevTools protocol over a pipe, no further package needed."""

import base64
import contextlib
import fcntl
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Chromium takes the protocol at file descriptors 3 and 4.
_PIPED = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
_OPTIONS = [
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run", "--disable-extensions",
]  # fmt: skip
_HIGH = 20  # out of the way of 3 and 4


class Page:
    """One page; *events* are what the browser told since it was opened."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = os.fdopen(commands, "wb", buffering=0)
        self._answers = os.fdopen(answers, "rb")
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        command |= {"sessionId": self._session} if self._session else {}
        self._commands.write(json.dumps(command).encode() + b"\0")
        answer = next(message for message in self._messages() if message.get("id") == number)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _messages(self) -> Iterator[dict[str, Any]]:
        """What the browser says; events are kept on the way."""
        while True:
            text = bytearray()
            while (byte := self._answers.read(1)) != b"\0":
                if not byte:
                    raise AssertionError("the browser has gone")
                text += byte
            message = json.loads(text)
            if "method" in message:
                self.events.append(message)
            yield message

    def open(self, file: Path, width: int, *, scheme: str = "light", medium: str = "screen") -> None:
        """Show *file* in a window exactly *width* pixels wide."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", media=medium, features=[feature])
        self.events.clear()
        self.call("Page.navigate", url=file.as_uri())
        if not self.told("Page.loadEventFired"):
            next(message for message in self._messages() if message.get("method") == "Page.loadEventFired")

    def told(self, method: str) -> list[dict[str, Any]]:
        """The parameters of the events of one kind."""
        return [event["params"] for event in self.events if event["method"] == method]

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"]["value"]

    def picture(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def close(self) -> None:
        self._session = None
        self.call("Browser.close")
        self._commands.close()
        self._answers.close()


@contextlib.contextmanager
def opened(chromium: Path, folder: Path) -> Iterator[Page]:
    """A browser with a fresh profile in *folder*, closed afterwards."""
    ours, theirs = _high_pipe(), _high_pipe()
    arguments = [str(ours[0]), str(theirs[1]), str(chromium), *_OPTIONS, f"--user-data-dir={folder}"]
    with subprocess.Popen(
        [sys.executable, "-c", _PIPED, *arguments], pass_fds=(ours[0], theirs[1]), stderr=subprocess.DEVNULL
    ) as process:
        os.close(ours[0])
        os.close(theirs[1])
        try:
            page = Page(ours[1], theirs[0])
            yield page
            page.close()
            process.wait(20)
        finally:
            process.kill()


def _high_pipe() -> tuple[int, int]:
    """A pipe's two ends (read, write) as descriptors that are not 3 or 4."""
    low = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _HIGH) for end in low)
    for end in low:
        os.close(end)
    return high[0], high[1]
