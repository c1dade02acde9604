"""Whatever stands in the files, `load` reads a list or says what is wrong with it; and large files are no trouble."""

import json
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distributor.errors import InputError
from distributor.recipients.include import open_include
from distributor.recipients.loader import load
from distributor.recipients.model import Roster
from distributor.recipients.resolve import resolve
from tests.test_recipients import VALID
from tests.test_recipients_include import HEADER, ROWS, WITH_INCLUDE

# One folder for all examples: each of them writes its own files first.
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

SNIPPETS = [
    "*a",
    "&a ",
    "!!int ",
    "<<: ",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "\t",
    "- ",
    "? ",
    '"',
    "'",
    "|\n",
    ">\n",
    "#",
    "---\n",
]
SNIPPETS += [
    "...\n",
    "%YAML 2.0\n",
    ",",
    "~",
    "null",
    "no",
    "007",
    "1e3",
    "\r",
    "\n",
    "\n\n",
    "\x00",
    "\u2028",
    "\ufeff",
]
SNIPPETS += [
    "：",
    "　",
    "＠",
    "@",
    "\x85",
    "\U0001f600",
    "groups:\n",
    "units: {}\n",
    "include: m.csv",
    "only: 送",
    "\\",
]


def check(folder: Path, data: bytes, rows: bytes = b"") -> None:
    """`load` raises nothing but InputError, with a place in one of the files; what it accepts can be resolved."""
    (folder / "recipients.yaml").write_bytes(data)
    (folder / "m.csv").write_bytes(rows)
    loaded = loaded_or_refused(folder / "recipients.yaml")
    if isinstance(loaded, InputError):
        places = [finding.place for finding in loaded.findings if finding.message.strip()]
        assert len(places) == len(loaded.findings) > 0
        assert {place and Path(place.file) for place in places} <= {folder / "recipients.yaml", folder / "m.csv"}
    else:
        check_resolved(loaded)


def loaded_or_refused(path: Path) -> Roster | InputError:
    try:
        return load(path)
    except InputError as error:
        return error


def check_resolved(roster: Roster) -> None:
    for audience in roster.audiences.values():
        group = audience.only or next(iter(roster.groups), None)
        if group in roster.groups and (labels := roster.groups[group].labels):
            resolution = resolve([(labels[0], audience.name, audience.place)], roster)
            assert all(candidate.key.count("@") == 1 for candidate in resolution.candidates())


@one_folder
@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_an_input_error(tmp_path: Path, data: bytes) -> None:
    check(tmp_path, data)


@one_folder
@given(st.text(max_size=100), st.lists(st.sampled_from(SNIPPETS), max_size=30).map("".join))
def test_any_text_is_a_list_or_an_input_error(tmp_path: Path, some: str, signs: str) -> None:
    check(tmp_path, (some + signs).encode(errors="surrogatepass"))


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """*text* with a few stretches deleted, doubled, moved or overwritten by signs that mean something."""
    for _time in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 60)))
        stretch = text[start:end]
        new = draw(st.sampled_from(["", stretch * 2, stretch[::-1], *SNIPPETS, stretch + draw(st.text(max_size=3))]))
        text = text[:start] + new + text[end:]
    return text


@settings(one_folder, max_examples=400)
@given(mutated(WITH_INCLUDE))
def test_any_mutation_of_a_list_is_a_list_or_an_input_error(tmp_path: Path, text: str) -> None:
    check(tmp_path, text.encode(errors="surrogatepass"), (HEADER + ROWS).encode())


@one_folder
@given(mutated(HEADER + ROWS), st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]))
def test_any_mutation_of_a_file_is_a_file_or_an_input_error(tmp_path: Path, text: str, encoding: str) -> None:
    check(tmp_path, WITH_INCLUDE.encode(), text.encode(encoding, errors="replace"))


@one_folder
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_a_file_or_an_input_error(tmp_path: Path, data: bytes, with_header: bool) -> None:
    check(tmp_path, WITH_INCLUDE.encode(), HEADER.encode() + data if with_header else data)


@one_folder
@given(mutated(HEADER + ROWS))
def test_a_file_counts_and_hashes_what_it_reads(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(text.encode(errors="replace"))
    try:
        include = open_include(path, "m.csv", {})
    except InputError:
        return
    assert sum(len(unit.contacts) for unit in include.read()) == include.contacts


@one_folder
@given(mutated(VALID))
def test_the_same_bytes_give_the_same_faults(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipients.yaml"
    path.write_bytes(text.encode(errors="replace"))
    first, second = loaded_or_refused(path), loaded_or_refused(path)
    assert str(first) == str(second)


# Size: in a process of its own, whose peak memory is that of loading and staging

MEASURED = """
import json, resource, sys
from pathlib import Path
from distributor.delivery.ledger.staging import Staging
from distributor.errors import Place
from distributor.recipients.loader import load
from distributor.recipients.resolve import resolve

def megabytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)

def staged(path):
    resolution = resolve([("发", "各会员单位", Place("60.txt", 1))], load(path))
    with Staging(resolution.candidates()) as staging:
        return sum(1 for _ in staging.recipients())

staged(Path(sys.argv[1]))
before = megabytes()
print(json.dumps([staged(Path(sys.argv[2])), megabytes() - before]))
"""


def large(folder: Path, count: int) -> Path:
    folder.mkdir()
    with (folder / "m.csv").open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for number in range(count):
            file.write(f"第{number // 2}公司,收文员{number % 2},office{number % 2}@c{number // 2}.example.org,收文\n")
    (folder / "recipients.yaml").write_text(WITH_INCLUDE.replace("units: [丙公司], ", ""), "utf-8")
    return folder / "recipients.yaml"


def test_a_hundred_thousand_contacts_take_little_memory(tmp_path: Path) -> None:
    """What it takes is the staging database's cache and its sorting; a million take hardly more."""
    few, many = large(tmp_path / "few", 10), large(tmp_path / "many", 100_000)
    command = [sys.executable, "-c", MEASURED, str(few), str(many)]
    staged, megabytes = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert staged == 100_000
    assert megabytes < 60
