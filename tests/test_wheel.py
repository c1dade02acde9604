"""A wheel holds all that a site needs, and works where there is no checkout."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
NOT_SOURCES = (".git", ".venv", ".demo", ".hypothesis", "*_cache", "__pycache__", "*.mo", "build", "dist", "outbox")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since the build compiles catalogs beside their sources while other tests read them."""
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(*NOT_SOURCES))
    return Path(next(WheelBuilder(str(source)).build(directory=str(folder))))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target"]
    subprocess.run([*pip, folder, wheel], check=True)
    return folder


def run(installed: Path, cwd: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Python on the installed wheel: PYTHONPATH comes before this environment's own editable distributor."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("DISTRIBUTOR_")}
    environ = {**own, "PYTHONPATH": str(installed), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )


def files_below(folder: Path) -> set[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in paths if path.suffix not in {".pyc", ".mo"}}


def test_the_package_is_there_with_its_data(wheel: Path) -> None:
    inside = {name.removeprefix("distributor/") for name in ZipFile(wheel).namelist()}
    assert files_below(ROOT / "distributor") - inside == set()
    assert {"locale/zh_CN/LC_MESSAGES/distributor.mo", "delivery/model/provider_replies.tsv"} <= inside


@pytest.mark.parametrize("folder", ["templates", "examples"])
def test_the_skeleton_of_a_site_is_there(wheel: Path, folder: str) -> None:
    inside = set(ZipFile(wheel).namelist())
    originals = files_below(ROOT / folder)
    assert originals
    assert {f"distributor/skeleton/{folder}/{name}" for name in originals} - inside == set()
    assert {"distributor/skeleton/recipients.yaml", "distributor/skeleton/celeryconfig.py"} <= inside


def test_nothing_else_is_installed(wheel: Path) -> None:
    tops = {Path(name).parts[0] for name in ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"distributor"}


def test_it_speaks_chinese(installed: Path, tmp_path: Path) -> None:
    code = "from distributor import i18n; i18n.activate('zh'); print(i18n._('write one of: {allowed}'))"
    said = run(installed, tmp_path, ["-c", code])
    assert said.stdout.strip() not in {"", "write one of: {allowed}"}


def test_a_new_site_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = run(installed, tmp_path, ["-c", "import distributor; print(distributor.__file__)"])
    assert where.stdout.startswith(str(installed))
    made = run(installed, tmp_path, ["-m", "distributor", "init", "site"])
    assert made.returncode == 0, made.stderr
    checked = run(installed, tmp_path, ["-m", "distributor", "--site", "site", "check", "site/examples/bulletin.txt"])
    assert checked.returncode == 0, checked.stdout + checked.stderr
