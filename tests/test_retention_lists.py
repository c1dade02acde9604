"""Retention of the list's history: who was on it is forgotten, what was done to it and when is not."""

from pathlib import Path
from typing import Any

import pytest

from tests import ledgers
from tests.sites import Site
from tests.test_retention import YEARS, prune

C = "c@gamma.example.com"


@pytest.fixture
def changed(site: Site) -> Site:
    """A list in which people were added, disabled, renamed and moved, three years ago."""
    site.run("recipients", "history")
    add = site.run("recipients", "add", "contact", "丙公司", "zhang@gamma.example.com", "--name", "张三", "--yes")
    assert add.code == 0
    assert site.run("recipients", "disable", C, "--reason", "李四退休", "--yes").code == 0
    with ledgers.opened(f"sqlite:///{site.folder / 'distributor.sqlite3'}") as ledger:
        ledgers.execute(ledger, f"UPDATE list_versions SET at = at - {YEARS}, noticed_at = noticed_at - {YEARS}")
    return site


def history(site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.run("recipients", "history", "--json").json["versions"]
    return found


def test_the_history_tells_no_names_any_more(changed: Site) -> None:
    before = history(changed)
    assert any("zhang@gamma.example.com" in str(version) for version in before)
    ran = prune(changed, "--yes", "--json")
    assert (ran.code, ran.json["list_versions"]) == (0, len(before))
    after = history(changed)
    kept = ("at", "who", "host", "sha256", "total")
    assert [[version[name] for name in kept] for version in after] == [
        [version[name] for name in kept] for version in before
    ]
    assert [[(c["kind"], c["action"], c["unit"]) for c in version["changes"]] for version in after] == [
        [(c["kind"], c["action"], c["unit"]) for c in version["changes"]] for version in before
    ]
    assert all(version["pruned_at"] for version in after)
    for text in ("zhang@", C, "张三", "李四"):
        assert text not in str(after)
    assert [version["how"] for version in after] == ["recipients disable", "recipients add contact", None]
    assert "names and addresses were pruned" in changed.run("recipients", "history").out


def test_nor_does_the_file_but_for_today_s_list(changed: Site) -> None:
    """What stands in the list today is no matter of the past."""
    assert changed.run("recipients", "remove", "contact", "zhang@gamma.example.com", "--yes").code == 0
    assert changed.run("recipients", "enable", C, "--yes").code == 0
    with ledgers.opened(f"sqlite:///{changed.folder / 'distributor.sqlite3'}") as ledger:
        ledgers.execute(ledger, "UPDATE list_versions SET at = 1, noticed_at = 1")
    assert prune(changed, "--yes").code == 0
    content = Path(changed.folder / "distributor.sqlite3").read_bytes()
    assert b"zhang@" not in content
    assert "李四".encode() not in content


def test_pruned_once_it_is_not_pruned_again(changed: Site) -> None:
    prune(changed, "--yes")
    assert prune(changed, "--dry-run", "--json").json["list_versions"] == 0


def test_a_younger_change_keeps_its_names(changed: Site) -> None:
    changed.run("recipients", "add", "contact", "丁公司", "wang@delta.example.com", "--name", "王五", "--yes")
    prune(changed, "--yes")
    newest = history(changed)[0]
    assert newest["pruned_at"] is None
    assert "wang@delta.example.com" in str(newest)
    assert history(changed)[1]["pruned_at"]
