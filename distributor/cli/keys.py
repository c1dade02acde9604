"""A key that is pressed while something is shown."""

import contextlib
import os
import select
import sys
from collections.abc import Callable, Iterator
from time import monotonic, sleep

# Waits for so many seconds; True: the key (a letter, in either case) was pressed.
Pressed = Callable[[str, float], bool]


@contextlib.contextmanager
def listening() -> Iterator[Pressed]:
    """Hear keys at once, without Return, where a person sits at the terminal; Ctrl-C stays what it is.

    Elsewhere, and where we run in the terminal's background, nobody presses any.
    """
    number = _terminal()
    if number is None:
        yield _nobody
        return
    import termios  # noqa: PLC0415  not on every system
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(number)
    try:
        tty.setcbreak(number)
        yield lambda key, seconds: _is_pressed(number, key, seconds)
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def _terminal() -> int | None:
    """The number of the terminal's file; None: there is none that is ours."""
    try:
        number = sys.stdin.fileno()
        is_ours = os.isatty(number) and os.tcgetpgrp(number) == os.getpgrp()
    except (AttributeError, OSError, ValueError):
        return None
    return number if is_ours else None


def _nobody(_key: str, seconds: float) -> bool:
    sleep(seconds)
    return False


def _is_pressed(number: int, key: str, seconds: float) -> bool:
    until = monotonic() + seconds
    while (left := until - monotonic()) > 0:
        ready, _write, _error = select.select([number], [], [], left)
        if not ready:
            return False
        pressed = os.read(number, 64).decode(errors="replace").lower()
        if not pressed:
            return _nobody(key, left)  # the terminal is gone; whoever holds it ends us
        if key in pressed:
            return True
    return False
