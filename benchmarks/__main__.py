"""`python -m benchmarks`: measure, show, and with --write put the results into benchmarks/README.md."""

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import processes, tables
from benchmarks.contenders import BY_NAME
from benchmarks.parts import PARTS, Bench, Row, all_parts
from benchmarks.servers import Servers

WIDTH = 150


def main() -> None:
    """Measure what the command line asks for."""
    wish = _arguments()
    console = Console(stderr=wish.json, width=None if sys.stdout.isatty() else WIDTH)
    results: dict[str, list[Row]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="distributor-bench-") as folder,
        processes.sink(Path(folder)) as (port, sink),
        Servers() as servers,
    ):
        machine = tables.machine(sink)
        console.print(machine, soft_wrap=True)
        bench = Bench(Path(folder), port, servers, wish.messages, wish.rounds, _say)
        for name, rows in all_parts(bench, wish.only, wish.full):
            tables.show(name, rows, console)
            results[name] = rows
    if wish.json:
        json.dump({"machine": machine, **results}, sys.stdout, ensure_ascii=False, indent=1)
    if wish.write:
        tables.write(machine, results)


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--messages", type=_positive, default=10_000, help="in each run (default: 10,000)")
    parser.add_argument("--rounds", type=_positive, default=3, help="of all contenders, one after another (default: 3)")
    choices = [*PARTS, *BY_NAME]
    parser.add_argument("--only", nargs="+", default=[], choices=choices, metavar="NAME", help=", ".join(choices))
    parser.add_argument("--full", action="store_true", help="the cost curve up to 100 times the messages")
    parser.add_argument("--json", action="store_true", help="the results as JSON on stdout")
    parser.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md")
    wish = parser.parse_args()
    if wish.write and wish.only:
        parser.error("--write wants everything measured in one run, so not --only")
    return wish


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that every block ends
    try:
        main()
    except processes.BrokenError as error:
        sys.exit(str(error))
