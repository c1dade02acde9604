"""Rows as tables: for a terminal, and for benchmarks/README.md."""

import datetime as dt
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.parts import ROUND_TRIP, Row

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- results: written by python -m benchmarks --write -->", "<!-- end of results -->"
TITLES = {
    "messages": "The same messages to the same relay",
    "distance": f"A relay {ROUND_TRIP} ms away",
    "curve": "The cost of an issue by its recipients",
    "startup": "What a command costs to start",
}


def machine(sink: str) -> str:
    """Where and when this was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    load = f"load {os.getloadavg()[0]:.1f} at the beginning"
    return (
        f"{dt.datetime.now().astimezone().date()}: {os.cpu_count()} cores, {memory:.0f} GB, {system}, "
        f"Python {platform.python_version()}; relay: {sink}; {load}."
    )


def show(title: str, rows: Sequence[Row], console: Console) -> None:
    """A table on the terminal."""
    table = Table(title=TITLES[title], title_justify="left")
    for name in _columns(rows):
        table.add_column(name, justify="left" if _is_text(rows, name) else "right")
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in _columns(rows)))
    console.print(table)


def write(machine_line: str, results: dict[str, list[Row]]) -> None:
    """Put *results* in the place of the old ones in benchmarks/README.md."""
    before, _begin, rest = README.read_text("utf-8").partition(BEGIN)
    _old, end, after = rest.partition(END)
    tables = "\n".join(_markdown(name, rows) for name, rows in results.items())
    README.write_text(f"{before}{BEGIN}\n\n{machine_line}\n\n{tables}\n{end or END}{after}", "utf-8")


def _markdown(title: str, rows: Sequence[Row]) -> str:
    columns = _columns(rows)
    rulers = [":--" if _is_text(rows, name) else "--:" for name in columns]
    lines = [columns, rulers, *([_cell(row.get(name)) for name in columns] for row in rows)]
    return f"### {TITLES[title]}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _is_text(rows: Sequence[Row], name: str) -> bool:
    return isinstance(rows[0].get(name), str)


def _cell(value: str | int | float | None) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else value
