"""`distributor ledger verify` on archives that were damaged, forged or made to harm: each fault is named."""

import hashlib
import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distributor import settings as configuration
from distributor.delivery.model.states import Event
from distributor.distribution.archive import layout, verifying
from distributor.distribution.archive.exporting import export
from distributor.distribution.archive.verifying import verify
from distributor.distribution.site import Site as OpenedSite
from distributor.errors import InputError
from tests import ledgers
from tests.sites import Site
from tests.test_retention import settle

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of a good archive."""
    folder = tmp_path_factory.mktemp("archive")
    with ledgers.opened(f"sqlite:///{folder / 'distributor.sqlite3'}") as database:
        issue = ledgers.open_small(database, 6, attachments=(("附件.txt", "text/plain", b"attached"),))
        settle(database, Event.ACCEPTED, Event.REFUSE, Event.LOSE, Event.DEFER)
        site = OpenedSite(configuration.load(folder, environ={}), database, ledgers.PERSON)
        export(site, issue, folder / "60.zip", lambda _rows: None)
    with ZipFile(folder / "60.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, files: Files, *, sealed: bool = True) -> Path:
    """An archive of *files*, with a manifest that fits them if it is to be *sealed*."""
    files = dict(files)
    if sealed:
        files.pop("manifest.json", None)
        told = {name: {"size": len(each), "sha256": hashlib.sha256(each).hexdigest()} for name, each in files.items()}
        files["manifest.json"] = json.dumps({"format": layout.FORMAT, "files": told}).encode()
    with ZipFile(path, "w", compression=ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def nothing(_steps: int) -> None:
    """No bar."""


def codes(path: Path) -> list[str]:
    try:
        verify(path, nothing, nothing)
    except InputError as error:
        return [finding.code for finding in error.findings]
    return []


def rows(files: Files, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files[f"{table}.jsonl"].splitlines()]


def with_rows(files: Files, table: str, changed: list[dict[str, Any]]) -> Files:
    return files | {f"{table}.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in changed)}


def test_the_good_one_is_good(whole: Files, tmp_path: Path) -> None:
    assert codes(write(tmp_path / "a.zip", whole, sealed=False)) == []
    assert codes(write(tmp_path / "b.zip", whole)) == []


# Changed after it was sealed


@pytest.mark.parametrize(
    "name", ["deliveries.jsonl", "events.jsonl", "bulletin.txt", "sources.json", "attachments/0001.txt"]
)
def test_a_changed_file_is_named(whole: Files, tmp_path: Path, name: str) -> None:
    changed = whole | {name: whole[name].replace(b"1", b"2", 1) if b"1" in whole[name] else whole[name] + b" "}
    path = write(tmp_path / "a.zip", changed, sealed=False)
    with pytest.raises(InputError) as refused:
        verify(path, nothing, nothing)
    assert refused.value.findings[0].code == "changed-file"
    assert str(refused.value.findings[0].place) == f"{path}/{name}"


def test_a_file_that_was_taken_out_or_put_in_is_named(whole: Files, tmp_path: Path) -> None:
    less = {name: content for name, content in whole.items() if not name.startswith("attachments/")}
    assert codes(write(tmp_path / "a.zip", less, sealed=False)) == ["missing-file", "attachments"]
    more = whole | {"attachments/0002.txt": b"?"}
    assert codes(write(tmp_path / "b.zip", more, sealed=False)) == ["not-in-manifest", "attachments"]
    without = {name: content for name, content in whole.items() if name != "events.jsonl"}
    assert codes(write(tmp_path / "c.zip", without)) == ["incomplete-archive"]


def test_every_bit_counts(whole: Files, tmp_path: Path) -> None:
    """Wherever a byte is turned over: it is found, or it is no part of what is read."""
    path = write(tmp_path / "a.zip", whole, sealed=False)
    good = path.read_bytes()
    with ZipFile(path) as archive:
        info = archive.getinfo("deliveries.jsonl")
    first = info.header_offset + 30 + len(info.filename)
    for place in range(first, first + info.compress_size, 7):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1 :])
        assert codes(path), place


@pytest.mark.parametrize("length", [0, 1, 22, 100, 1000])
def test_what_was_cut_off_is_damaged(whole: Files, tmp_path: Path, length: int) -> None:
    path = write(tmp_path / "a.zip", whole)
    path.write_bytes(path.read_bytes()[:length])
    assert codes(path) == ["damaged-archive"]


# Forged: sealed anew, and yet it does not agree with itself


def forged(files: Files, table: str, change: Callable[[list[dict[str, Any]]], Any]) -> Files:
    changed = rows(files, table)
    change(changed)
    return with_rows(files, table, changed)


def set_(place: int, **values: Any) -> Callable[[list[dict[str, Any]]], Any]:
    return lambda found: found[place].update(values)


@pytest.mark.parametrize(
    ("table", "change", "expected"),
    [
        ("deliveries", set_(1, state="sent"), {"wrong-state", "states"}),
        ("deliveries", set_(0, state="failed"), {"wrong-state", "states"}),
        ("deliveries", set_(5, state="sent"), {"wrong-state", "states"}),
        ("deliveries", set_(5, state="cancelled"), {"not-cancelled", "states"}),
        ("deliveries", set_(0, state="gone"), {"unknown-state", "states"}),
        ("deliveries", set_(0, tries=2), {"missing-events"}),
        ("deliveries", set_(0, letter_id=99), {"no-letter"}),
        ("deliveries", set_(0, id=99), {"malformed", "stray-row", "missing-events", "wrong-state", "not-served"}),
        ("deliveries", set_(0, id="1"), {"malformed"}),
        ("deliveries", set_(0, group_name="发"), {"states"}),
        ("deliveries", lambda found: found.pop(2), {"stray-row", "states", "total"}),
        ("deliveries", lambda found: found.append(found[-1]), {"malformed"}),
        ("deliveries", lambda found: found.clear(), {"stray-row", "states", "total"}),
        ("served", lambda found: found.pop(0), {"not-served"}),
        ("served", set_(0, position=1), {"not-served"}),
        ("served", set_(5, delivery_id=77), {"not-served", "stray-row"}),
        ("served", set_(5, delivery_id=None), {"not-served", "stray-row"}),
        ("served", set_(5, delivery_id=1.5), {"malformed"}),
        ("events", lambda found: found.pop(1), {"missing-events", "wrong-state"}),
        ("events", lambda found: found.pop(0), {"not-opened"}),
        ("events", set_(1, kind="refuse"), {"wrong-state"}),
        ("events", set_(4, delivery_id=50), {"missing-events", "wrong-state", "stray-row"}),
        ("letters", lambda found: found.clear(), {"no-letter"}),
    ],
)
def test_what_does_not_agree_is_named(
    whole: Files, tmp_path: Path, table: str, change: Callable[[list[dict[str, Any]]], Any], expected: set[str]
) -> None:
    assert set(codes(write(tmp_path / "a.zip", forged(whole, table, change)))) == expected


def test_a_fault_names_file_and_line(whole: Files, tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", forged(whole, "deliveries", set_(2, tries=5)))
    with pytest.raises(InputError) as refused:
        verify(path, nothing, nothing)
    (finding,) = refused.value.findings
    assert str(finding) == f"{path}/deliveries.jsonl:3: delivery 3: it has had 5 attempts, and events of 1"


def test_no_more_is_told_than_anybody_reads(whole: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "_MOST_TOLD", 3)
    path = write(tmp_path / "a.zip", forged(whole, "letters", lambda found: found.clear()))
    assert codes(path) == ["no-letter"] * 3 + ["more"]


HEADS = [
    {},
    {"issue": []},
    {"states": 5},
    {"states": {"送": 5}},
    {"attachments": {}},
    {"attachments": ["x"]},
    {"format": "x"},
]


@pytest.mark.parametrize("change", HEADS)
def test_a_strange_head_is_malformed(whole: Files, tmp_path: Path, change: dict[str, Any]) -> None:
    head = json.loads(whole["issue.json"])
    changed = {**head, **change} if change else {"format": layout.ACCOUNT}
    files = whole | {"issue.json": json.dumps(changed).encode()}
    assert codes(write(tmp_path / "a.zip", files)) == ["malformed"]


@pytest.mark.parametrize("line", [b"{", b"[]", b"1", b'"x"', b"\xff\xfe", b"[" * 100_000, b"null", b"{}"])
def test_a_line_that_is_no_row_is_malformed(whole: Files, tmp_path: Path, line: bytes) -> None:
    files = whole | {"deliveries.jsonl": whole["deliveries.jsonl"] + line + b"\n"}
    assert codes(write(tmp_path / "a.zip", files))[-1] == "malformed"


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers()), st.dictionaries(st.text(), st.none())
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_stands_in_a_row_nothing_raises(whole: Files, tmp_path: Path, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(layout.TABLES))
    changed = rows(whole, table)
    if changed:
        row = data.draw(st.sampled_from(changed))
        row[data.draw(st.sampled_from(sorted(row)))] = data.draw(VALUES)
    codes(write(tmp_path / "a.zip", with_rows(whole, table, changed)))


# Made to harm


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/cron.d/x",
        "/etc/passwd",
        "..\\x",
        "C:\\x",
        "attachments/../x",
        "issue.json/x",
        "x.jsonl",
        "attachments/1",
        "",
    ],
)
def test_foreign_names_are_refused_before_anything_is_read(whole: Files, tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.zip", {**whole, name or "manifest.json\n": b"x"})
    assert codes(path) == ["hostile-archive"]
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"], "nothing was unpacked"


def test_a_file_that_is_there_twice_is_refused(whole: Files, tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", whole)
    with ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("issue.json", b"{}")
    assert codes(path) == ["hostile-archive"]


def test_unknown_packing_and_encryption_are_refused(whole: Files, tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {name: each for name, each in whole.items() if name != "sources.json"})
    with ZipFile(path, "a") as archive:
        archive.writestr(ZipInfo("sources.json"), whole["sources.json"], ZIP_BZIP2)
    assert codes(path) == ["hostile-archive"]
    path = write(tmp_path / "b.zip", whole)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 8] |= 1
    path.write_bytes(bytes(content))
    assert codes(path) == ["hostile-archive"]


def test_a_bomb_is_refused_unread(whole: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MOST_UNSUSPECTED", 1024**2)
    path = write(tmp_path / "a.zip", whole | {"omitted.jsonl": b" " * 8 * 1024**2})
    monkeypatch.setattr(ZipFile, "open", None)
    assert codes(path) == ["hostile-archive"]


def test_files_that_share_their_bytes_are_refused(whole: Files, tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", whole | {"attachments/0002.txt": b"x" * 500, "attachments/0003.txt": b"x" * 500})
    content = bytearray(path.read_bytes())
    with ZipFile(path) as archive:
        first = archive.getinfo("attachments/0002.txt").header_offset
    place = content.rindex(b"attachments/0003.txt") - 46
    content[place + 42 : place + 46] = struct.pack("<L", first)
    path.write_bytes(bytes(content))
    assert codes(path) == ["hostile-archive"]


def test_a_size_that_lies_is_damage(whole: Files, tmp_path: Path) -> None:
    """A file that says it is small and is not: no more is read of it than it says."""
    path = write(tmp_path / "a.zip", whole)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"served.jsonl") - 46
    assert content[place : place + 4] == b"PK\x01\x02"
    content[place + 24 : place + 28] = struct.pack("<L", 10)
    path.write_bytes(bytes(content))
    assert codes(path) == ["damaged-archive"]


def test_an_endless_line_is_not_held(whole: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MOST_IN_LINE", 1000)
    path = write(tmp_path / "a.zip", whole | {"omitted.jsonl": b'{"a": "' + b"x" * 5000 + b'"}\n'})
    assert codes(path) == ["malformed"]


def test_a_manifest_that_fills_the_memory_is_refused(
    whole: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MOST_IN_SMALL", 100)
    assert codes(write(tmp_path / "a.zip", whole)) == ["hostile-archive"]


def test_thousands_of_files_are_refused(whole: Files, tmp_path: Path) -> None:
    more = {f"attachments/{number:04}": b"" for number in range(1, 1100)}
    assert codes(write(tmp_path / "a.zip", whole | more)) == ["hostile-archive"]


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_bytes_are_refused_in_one_sentence(whole: Files, tmp_path: Path, data: st.DataObject) -> None:
    good = bytearray(write(tmp_path / "a.zip", whole).read_bytes())
    for _each in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(good) - 1))
        good[place] = data.draw(st.integers(0, 255))
    (tmp_path / "b.zip").write_bytes(bytes(good))
    codes(tmp_path / "b.zip")


@pytest.mark.parametrize("content", [b"", b"no archive", zlib.compress(b"x"), io.BytesIO().getvalue()])
def test_what_is_no_archive_is_said_to_be_none(site: Site, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    ran = site.run("ledger", "verify", path, "--json")
    assert (ran.code, ran.json["findings"][0]["code"]) == (2, "damaged-archive")


@pytest.mark.parametrize("name", ["nowhere.zip", "."])
def test_a_file_that_cannot_be_read_is_one_sentence(site: Site, tmp_path: Path, name: str) -> None:
    ran = site.run("ledger", "verify", tmp_path / name, "--json")
    assert (ran.code, ran.json["findings"][0]["code"]) == (2, "unreadable-file")
