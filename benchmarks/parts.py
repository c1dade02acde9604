"""What is measured: the same messages by all contenders, at a distance, the cost curve, and how commands start."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeAlias

from benchmarks import site
from benchmarks.contenders import BY_NAME, CONTENDERS, Contender, Sample, Task, ours
from benchmarks.processes import PYTHON, MissingError, far_away, run
from benchmarks.servers import Servers

Row: TypeAlias = dict[str, str | int | float | None]

ROUND_TRIP = 20
STARTS = 5
# Name, connections, messages: about four seconds each at the rates that the distance allows.
AT_A_DISTANCE = (("smtplib", 1, 40), ("nodemailer", 10, 800), ("embedded", 1, 150), ("embedded", 10, 1500))


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how much is measured. *say* is told what comes next."""

    folder: Path
    port: int
    servers: Servers
    messages: int
    rounds: int
    say: Callable[[str], None]
    _sites: dict[int, Path] = field(default_factory=dict)

    def task(self, messages: int, *, port: int | None = None, connections: int | None = None) -> Task:
        """One run's worth of work; sites of one size are made once."""
        where = self._sites.get(messages) or self._sites.setdefault(messages, self._new_site(messages))
        letters = where / "letters.json"
        return Task(self.folder, where, letters, messages, port or self.port, self.servers, connections)

    def _new_site(self, messages: int) -> Path:
        made = site.make(self.folder / f"site{messages}", messages)
        task = Task(self.folder, made, made / "letters.json", messages, self.port, self.servers)
        task.letters.write_bytes(run(ours("letter"), task.environment()).printed)
        return made


def messages(bench: Bench, names: Sequence[str]) -> list[Row]:
    """Every contender of *names* in turn, round after round; medians, and ratios to peers of the same round."""
    samples: dict[str, list[Sample]] = {}
    missing: dict[str, str] = {}
    chosen = [contender for contender in CONTENDERS if contender.name in names]
    for number in range(1, bench.rounds + 1):
        for contender in chosen:
            if contender.name not in missing:
                bench.say(f"round {number} of {bench.rounds}: {contender.text}")
                try:
                    sample = contender.send(bench.task(_share(bench, contender)))
                    samples.setdefault(contender.name, []).append(sample)
                except MissingError as error:
                    missing[contender.name] = str(error)
    for name, why in missing.items():
        bench.say(f"not measured: {BY_NAME[name].text}: {why}")
    return [_row(bench, contender, samples) for contender in chosen if contender.name in samples]


def _share(bench: Bench, contender: Contender) -> int:
    return max(1, bench.messages // contender.part)


def _row(bench: Bench, contender: Contender, samples: dict[str, list[Sample]]) -> Row:
    share = _share(bench, contender)
    mine = _rates(bench, contender.name, samples)
    row: Row = {"sender": contender.text, "messages": share, "messages/s": round(median(mine)),
                "from": round(min(mine)), "to": round(max(mine))}  # fmt: skip
    for peer in ("smtplib", "nodemailer", "smtp-source"):
        if peer in samples:
            others = _rates(bench, peer, samples)
            row[f"× {peer}"] = median(a / b for a, b in zip(mine, others, strict=True))
    row["CPU µs/message"] = _known([sample.cpu for sample in samples[contender.name]], 1e6 / share)
    row["peak MB"] = _known([sample.peak for sample in samples[contender.name]])
    return row


def _rates(bench: Bench, name: str, samples: dict[str, list[Sample]]) -> list[float]:
    return [_share(bench, BY_NAME[name]) / sample.seconds for sample in samples[name]]


def _known(values: Sequence[float | None], factor: float = 1.0) -> int | None:
    known = [value * factor for value in values if value is not None and not math.isnan(value)]
    return round(median(known)) if known else None


def distance(bench: Bench) -> list[Row]:
    """A relay 20 ms away: round trips decide. Ratios are to the peer with as many connections."""
    rows: list[Row] = []
    peers: dict[int, float] = {}
    with far_away(bench.port, ROUND_TRIP, bench.folder) as port:
        for name, connections, most in AT_A_DISTANCE:
            count, contender = min(most, bench.messages), BY_NAME[name]
            bench.say(f"{ROUND_TRIP} ms away, connections: {connections}: {contender.text}")
            with contextlib.suppress(MissingError):
                sample = contender.send(bench.task(count, port=port, connections=connections))
                rate = count / sample.seconds
                if name != "embedded":
                    peers[connections] = rate
                rows.append({"sender": contender.text, "connections": connections, "messages": count,
                             "messages/s": rate, "round trips/message": 1000 / rate * connections / ROUND_TRIP,
                             "× peer": rate / peers[connections] if connections in peers else None})  # fmt: skip
    return rows


def curve(bench: Bench, sizes: Sequence[int]) -> list[Row]:
    """What each step of an issue costs as its recipients grow."""
    rows: list[Row] = []
    for size in sizes:
        task = bench.task(size)
        command = [PYTHON, "-m", "distributor"]
        steps = {
            "open": ours("open"), "deliver": ours("deliver"), "status": [*command, "status"],
            "report --json": [*command, "report", "60", "--json"],
        }  # fmt: skip
        for name, words in steps.items():
            bench.say(f"{size:,} recipients: {name}")
            usage = run(words, task.environment())
            seconds = usage.told["seconds"] if words[2] == "benchmarks.ours" else usage.seconds
            rows.append({"recipients": size, "step": name, "seconds": seconds, "µs/recipient": seconds / size * 1e6,
                         "CPU s": usage.cpu, "peak MB": usage.peak and round(usage.peak)})  # fmt: skip
    return rows


def startup(bench: Bench) -> list[Row]:
    """What a command costs before it does anything of note; ten recipients."""
    task = bench.task(10)
    run(ours("open"), task.environment())
    rows: list[Row] = []
    for words in (["--help"], ["check", str(task.site / site.BULLETIN)], ["status"]):
        bench.say(f"distributor {words[0]}")
        usages = [run([PYTHON, "-m", "distributor", *words], task.environment()) for _each in range(STARTS)]
        rows.append({"command": f"distributor {words[0]}", "CPU ms": median(usage.cpu for usage in usages) * 1000,
                     "ms": median(usage.seconds for usage in usages) * 1000,
                     "peak MB": _known([usage.peak for usage in usages])})  # fmt: skip
    return rows


def all_parts(bench: Bench, only: Sequence[str], full: bool) -> Iterator[tuple[str, list[Row]]]:
    """The parts that *only* names, by it or by a contender's name (empty: all), one after another."""
    names = [name for name in BY_NAME if not only or "messages" in only or name in only]
    sizes = [bench.messages // 10, bench.messages, bench.messages * 10, *([bench.messages * 100] if full else [])]
    parts: dict[str, Callable[[], list[Row]]] = {
        "messages": lambda: messages(bench, names),
        "distance": lambda: distance(bench),
        "curve": lambda: curve(bench, sizes),
        "startup": lambda: startup(bench),
    }
    for name, measure in parts.items():
        if not only or name in only or (name == "messages" and names):
            yield name, measure()


PARTS = ("messages", "distance", "curve", "startup")
