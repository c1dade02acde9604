"""How far an issue is, while it is being sent: a bar for each group on a terminal, now and then a line elsewhere."""

from collections.abc import Mapping
from time import monotonic
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from distributor.cli import output
from distributor.delivery.ledger.queries import Progress
from distributor.delivery.model.states import UNSETTLED, State
from distributor.i18n import _
from distributor.report.states import state_word

TROUBLE = (State.UNCERTAIN, State.FAILED, State.BOUNCED, State.DEFERRED, State.CANCELLED)
_LINE_EVERY = 5.0


def trouble(by_state: Mapping[State, int]) -> str:
    """What is not as it should be, the worst first: ``1 uncertain, 2 failed``; "" for nothing."""
    present = (state for state in TROUBLE if by_state.get(state))
    return _(", ").join(_("{n} {state}").format(n=by_state[state], state=state_word(state)) for state in present)


def settled(by_state: Mapping[State, int]) -> int:
    """How many deliveries wait for nothing more."""
    return sum(count for state, count in by_state.items() if state not in UNSETTLED)


class Watch:
    """A context manager to be told each Progress; shows it on stderr."""

    def __init__(self) -> None:
        console = output.console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[trouble]}"),
        )
        self._bars = Bars(*columns, console=console) if console.is_terminal else None
        self._tasks: dict[str, TaskID] = {}
        self._line = ""
        self._line_at = 0.0

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        """Show *progress*; called from whichever thread looked at the ledger."""
        if self._bars:
            self._draw(self._bars, progress)
        else:
            self._say(progress)

    def _draw(self, bars: Bars, progress: Progress) -> None:
        for group, by_state in progress.states.items():
            if group not in self._tasks:
                self._tasks[group] = bars.add_task(group, total=sum(by_state.values()), trouble="")
            total, done = sum(by_state.values()), settled(by_state)
            bars.update(self._tasks[group], total=total, completed=done, trouble=trouble(by_state))

    def _say(self, progress: Progress) -> None:
        line = "; ".join(
            f"{group} {settled(by_state)}/{sum(by_state.values())}"
            + (f" ({bad})" if (bad := trouble(by_state)) else "")
            for group, by_state in progress.states.items()
        )
        if line != self._line and (monotonic() - self._line_at >= _LINE_EVERY or not progress.unsettled):
            self._line, self._line_at = line, monotonic()
            output.say(line)
