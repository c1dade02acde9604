"""A new site, and whether every part of it is well."""

import re
import shlex
import stat
from pathlib import Path

import pytest
import redis

from distributor.delivery.model.flow import Limits, Rules, Way
from distributor.settings import load
from tests.sites import Site


def test_a_new_site_has_everything_that_is_a_person_s_to_edit(site: Site, tmp_path: Path) -> None:
    new = tmp_path / "new"
    ran = site.run("init", new)
    assert ran.code == 0, ran.err
    for name in (
        "recipients.yaml",
        "relays.yaml",
        "celeryconfig.py",
        "templates/base.html.j2",
        "examples/bulletin.txt",
        ".env",
    ):
        assert (new / name).is_file(), name
    assert stat.S_IMODE((new / ".env").stat().st_mode) == 0o600


def test_its_settings_are_all_comments_that_become_true_settings(site: Site, tmp_path: Path) -> None:
    site.run("init", tmp_path / "new")
    dotenv = tmp_path / "new/.env"
    assert load(tmp_path / "new", environ={}).relays == ()
    text = dotenv.read_text("utf-8").replace("#DISTRIBUTOR_", "DISTRIBUTOR_").replace("/path/to/ca.pem", str(dotenv))
    dotenv.write_text(text, "utf-8")
    settings = load(tmp_path / "new", environ={})
    assert [relay.user for relay in settings.relays] == ["user@example.org"]


@pytest.mark.parametrize("keys", [("relays", "destinations"), ("limits", "destinations")], ids=" ".join)
def test_its_relays_are_all_comments_that_become_true_relays(site: Site, tmp_path: Path, keys: tuple[str, ...]) -> None:
    """Either several relays, or limits of the one."""
    site.run("init", tmp_path / "new")
    file = tmp_path / "new/relays.yaml"
    assert load(tmp_path / "new", environ={}).rules == Rules((Way("outbox"),))
    _head, *sections = re.split(r"(?m)^#(?=[a-z]+:)", file.read_text("utf-8"))
    assert {section.partition(":")[0] for section in sections} == {"relays", "destinations", "limits"}
    chosen = [section for section in sections if section.partition(":")[0] in keys]
    file.write_text("\n".join(re.sub(r"(?m)^#(?! \S)", "", section) for section in chosen), "utf-8")
    rules = load(tmp_path / "new", environ={"MAIN_PASSWORD": "p"}).rules
    assert [way.name for way in rules.ways] == (["main", "second"] if "relays" in keys else ["outbox"])
    assert rules.ways[0].limits != Limits()
    assert [destination.name for destination in rules.destinations] == ["QQ"]


def test_its_example_can_be_sent_and_reaches_everybody_on_the_list(site: Site, tmp_path: Path) -> None:
    new = tmp_path / "new"
    site.run("init", new)
    ran = site.run("--site", new, "send", new / "examples/bulletin.txt", "--yes", "--json")
    assert ran.code == 0, ran.err
    units = {unit for group in ran.json["groups"] for unit in [group["units"]]}
    assert units == {12, 13}
    assert len(list((new / "outbox/new").iterdir())) == sum(group["letters"] for group in ran.json["groups"])


def test_nothing_is_overwritten(site: Site, tmp_path: Path) -> None:
    new = tmp_path / "new"
    site.run("init", new)
    (new / "recipients.yaml").write_text("mine", "utf-8")
    ran = site.run("init", new)
    assert ran.code == 2
    assert "recipients.yaml" in ran.err
    assert (new / "recipients.yaml").read_text("utf-8") == "mine"


def test_a_folder_that_cannot_be_made_is_told(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = site.run("init", tmp_path / "file" / "new")
    assert ran.code == 2
    assert "file" in ran.err


def test_what_comes_next_can_be_pasted_into_a_shell(site: Site, tmp_path: Path) -> None:
    ran = site.run("init", tmp_path / "园 区's")
    change, *commands = [line.strip() for line in ran.out.splitlines() if line.startswith("    ")]
    assert shlex.split(change) == ["cd", str(tmp_path / "园 区's")]
    assert [command.split()[1] for command in commands] == ["check", "preview", "doctor", "send"]


def test_a_relay_that_fails_is_told_with_the_step_in_words(site: Site) -> None:
    site.setting(RELAY="smtp://127.0.0.1:1", FROM="a@b.example.org")
    assert "127.0.0.1:1, when connecting: " in site.run("doctor").out


def health(site: Site) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for check in site.run("doctor", "--json").json["checks"]:
        found.setdefault(check["part"], []).append(check["health"])
    return found


def test_a_site_that_is_well_but_mails_nobody(site: Site) -> None:
    assert site.run("doctor").code == 0
    assert health(site)["relay"] == ["warning"]
    assert set(map(tuple, (found for part, found in health(site).items() if part != "relay"))) == {("ok",)}


def test_every_part_that_is_not_well_is_told_at_once(site: Site, tmp_path: Path) -> None:
    (site.folder / "recipients.yaml").write_text("groups: []\n", "utf-8")
    site.setting(
        RELAY="smtp://127.0.0.1:1", BROKER="redis://127.0.0.1:1/0", LEDGER=f"sqlite:///{tmp_path}/none/l.sqlite3"
    )
    ran = site.run("doctor")
    assert ran.code == 3
    parts = {part for part, found in health(site).items() if "error" in found}
    assert parts == {"recipient list", "templates", "ledger", "sender", "relay", "broker"}


def test_a_template_that_would_fail_is_found_before_the_bulletin_is(site: Site) -> None:
    (site.folder / "templates").unlink()
    (site.folder / "templates").mkdir()
    (site.folder / "templates/members.html.j2").write_text("{{ nobody }}", "utf-8")
    ran = site.run("doctor")
    assert ran.code == 3
    assert "members.html.j2" in ran.out


def test_settings_that_others_can_read(site: Site) -> None:
    (site.folder / ".env").touch(0o644)
    assert health(site)["settings"] == ["warning"]


@pytest.mark.parametrize(("policy", "verdict"), [("noeviction", "ok"), ("allkeys-lru", "warning")])
def test_a_redis_that_forgets_when_it_is_full(site: Site, redis_url: str, policy: str, verdict: str) -> None:
    site.setting(BROKER=redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", policy)
        try:
            assert health(site)["broker"] == [verdict]
        finally:
            client.config_set("maxmemory-policy", "noeviction")
