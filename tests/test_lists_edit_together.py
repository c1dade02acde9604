"""A list that somebody saves while a command writes it, and a ledger that fails when the list is written already."""

from pathlib import Path
from typing import Any

import pytest

from distributor.distribution import editing
from distributor.distribution.editing import Act
from distributor.distribution.site import open_site
from distributor.errors import InputError, LedgerError
from distributor.recipients import edits
from distributor.recipients.draft import Draft
from distributor.recipients.store import Prepared
from tests.sites import Site
from tests.test_lists_edit import LIST, ROWS, edit


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    site = Site(tmp_path / "site", monkeypatch, capsys)
    (site.folder / "recipients.yaml").write_text(LIST, "utf-8")
    (site.folder / "m.csv").write_text(ROWS, "utf-8")
    return site


@pytest.mark.parametrize("by_hand", [LIST.replace("某科", "某处"), LIST + "units: {}\n"], ids=["otherwise", "broken"])
def test_a_list_that_is_saved_while_only_a_row_is_written(site: Site, by_hand: str) -> None:
    path = site.folder / "recipients.yaml"

    def change(draft: Draft) -> None:
        edits.add_contact(draft, "戊公司", {"name": "新", "email": "n@n.example.org"})
        path.write_text(by_hand, "utf-8")

    with open_site(str(site.folder)) as opened, pytest.raises(InputError, match="changed by somebody else"):
        editing.edit(opened, Act(change, "recipients add"), lambda _edited: None, at_once=True)
    assert path.read_text("utf-8") == by_hand
    assert (site.folder / "m.csv").read_text("utf-8") == ROWS


def test_a_file_that_is_saved_while_only_the_list_is_written(site: Site) -> None:
    """Else the history would call that a part of the command's change."""

    def change(draft: Draft) -> None:
        edits.set_salutation(draft, "市甲局", "甲局")
        (site.folder / "m.csv").write_text(ROWS + "庚公司,办公室,g@eta.example.com,,,,\n", "utf-8")

    with open_site(str(site.folder)) as opened, pytest.raises(InputError, match=r"m\.csv was changed by somebody else"):
        editing.edit(opened, Act(change, "recipients set"), lambda _edited: None, at_once=True)
    assert (site.folder / "recipients.yaml").read_text("utf-8") == LIST


def test_a_file_that_is_saved_before_the_change_is_recorded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    put = Prepared.put

    def put_and_be_late(prepared: Prepared) -> None:
        put(prepared)
        with (site.folder / "m.csv").open("a", encoding="utf-8") as file:
            file.write("庚公司,办公室,g@eta.example.com,,,,\n")

    site.run("recipients", "history")
    monkeypatch.setattr(Prepared, "put", put_and_be_late)
    ran = edit(site, "disable", "e@epsilon.example.com", "--reason", "搬迁")
    assert (ran.code, "the list was changed, but not its history" in ran.err) == (3, True)
    assert "搬迁" in (site.folder / "m.csv").read_text("utf-8")


def test_a_history_that_cannot_be_written_when_the_list_was(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = editing.record

    def record(*things: Any, how: str | None = None, **more: Any) -> Any:
        if how is not None:
            raise LedgerError("the disk is full")
        return recorded(*things, how=how, **more)

    monkeypatch.setattr(editing, "record", record)
    ran = edit(site, "disable", "a@alpha.example.org", "--reason", "搬迁")
    assert ran.code == 3
    assert "the list was changed, but not its history" in ran.err
    assert "the disk is full" in ran.err
    assert "搬迁" in (site.folder / "recipients.yaml").read_text("utf-8")
    monkeypatch.undo()
    site.setting(SITE=str(site.folder))
    assert "by hand" in site.run("recipients", "history", "--last", "1").out
