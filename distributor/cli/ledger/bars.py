"""How far a long work on the ledger is, on a terminal."""

from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from distributor.cli import output


class Bar:
    """A context manager: a bar on stderr if that is a terminal, of *total* steps; *what* is counted."""

    def __init__(self, what: str, total: int | None = None) -> None:
        console = output.console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, total: int) -> None:
        """Now it is known how many steps there are."""
        self._bar.update(self._task, total=total)

    def advance(self, steps: int) -> None:
        """So many more are done."""
        self._bar.advance(self._task, steps)
