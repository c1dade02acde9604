"""Issues watched as they go: redrawn in place on a terminal, elsewhere a line for what has changed."""

import contextlib
from collections.abc import Callable, Iterator
from time import monotonic

import click
from rich.live import Live

from distributor.cli import accounts, keys, output
from distributor.cli.overview import line, page
from distributor.delivery.model.records import IssueRecord
from distributor.distribution.glance import Glance, Seen, glance
from distributor.distribution.site import Site
from distributor.errors import LedgerError
from distributor.report.standing import Standing

_LOOK_EVERY = 0.5
# A line for mere progress comes no more often, in seconds.
_LINE_EVERY = 5.0
# A ledger that restarts or is upgraded is waited for, in seconds.
_PATIENCE = 30.0
_MOVING = (Standing.SENDING, Standing.WAITING)
Show = Callable[[Glance], None]


def watch(site: Site, chosen: IssueRecord | None) -> int:
    """Show *chosen*, or all issues, until none of them moves, or a person has seen enough. Returns the exit code.

    It is that of *chosen*, or of those that moved while they were watched.
    """
    watched = _Watched(site, chosen)
    try:
        with _screen(site, chosen) as show, keys.listening() as pressed:
            while True:
                pause = watched.look(show)
                if not watched.moves or pressed("q", pause):
                    break
    except KeyboardInterrupt:
        pass
    return watched.outcome


class _Watched:
    """What was seen last, and which issues the exit code is about."""

    def __init__(self, site: Site, chosen: IssueRecord | None) -> None:
        self.site = site
        self.chosen = chosen
        self.seen: tuple[Seen, ...] = ()
        self.followed = set() if chosen is None else {chosen.id}
        self._seen_at = monotonic()

    def look(self, show: Show) -> float:
        """Look and *show* it; returns the seconds until the next look, so that looking costs little.

        Raises:
            LedgerError: it has been away for longer than _PATIENCE.
        """
        started = monotonic()
        try:
            found = glance(self.site, self.chosen)
        except LedgerError:
            if not self.seen or started - self._seen_at > _PATIENCE:
                raise
            return _LOOK_EVERY
        self._seen_at = monotonic()
        self.seen = found.seen
        self.followed |= {each.issue.id for each in found.seen if each.standing in _MOVING}
        show(found)
        return max(_LOOK_EVERY, 9 * (self._seen_at - started))

    @property
    def moves(self) -> bool:
        """Whether anything of what is watched goes, or will by itself."""
        return any(each.standing in _MOVING for each in self.seen)

    @property
    def outcome(self) -> int:
        """The exit code."""
        standings = {each.standing for each in self.seen if each.issue.id in self.followed}
        if standings.intersection(_MOVING):
            return accounts.STILL_WAITING
        return accounts.ALL_SENT if standings <= {Standing.COMPLETE} else accounts.NEEDS_DECISION


@contextlib.contextmanager
def _screen(site: Site, chosen: IssueRecord | None) -> Iterator[Show]:
    """How what is seen is shown."""
    console = output.console()
    if not console.is_terminal:
        yield _Lines(site, chosen).show
        return
    with Live(console=console, auto_refresh=False) as live:
        detailed = chosen is not None
        yield lambda found: live.update(page(found, site.settings, console, detailed=detailed), refresh=True)


class _Lines:
    """Writes a line for each issue that has changed: for its standing at once, for mere progress now and then.

    At first, for each that moves; for *chosen* in any case.
    """

    def __init__(self, site: Site, chosen: IssueRecord | None) -> None:
        self.site = site
        self._always = chosen is not None
        self._said: dict[int, tuple[float, Seen]] = {}

    def show(self, found: Glance) -> None:
        """Tell what has changed of *found*, oldest first."""
        for seen in reversed(found.seen):
            if self._is_worth_a_line(seen):
                click.echo(line(seen, self.site.settings))
                self._said[seen.issue.id] = (monotonic(), seen)
            else:
                self._said.setdefault(seen.issue.id, (0.0, seen))

    def _is_worth_a_line(self, seen: Seen) -> bool:
        if seen.issue.id not in self._said:
            return self._always or seen.standing in _MOVING
        at, before = self._said[seen.issue.id]
        if seen.standing is not before.standing:
            return True
        return seen.progress.states != before.progress.states and monotonic() - at >= _LINE_EVERY
