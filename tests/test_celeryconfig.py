"""celeryconfig.py keeps the promises that make Celery a bell and nothing more."""

from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from celery import Celery
from celery.app.defaults import NAMESPACES, flatten

FILE = Path(__file__).parent.parent / "celeryconfig.py"
VALUES = {name: value for name, value in run_path(str(FILE)).items() if not name.startswith("__")}


@pytest.fixture
def conf() -> Any:
    app = Celery("test")
    app.conf.update(VALUES)
    return app.conf


def test_every_name_is_a_setting_that_celery_knows() -> None:
    known = {str(setting[0]).lower() for setting in flatten(NAMESPACES)}
    assert set(VALUES) - known == set()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("accept_content", ["json"]),
        ("task_serializer", "json"),
        ("task_ignore_result", True),
        ("result_backend", None),
        ("task_acks_late", False),
        ("worker_pool", "threads"),
        ("worker_concurrency", 1),
        ("worker_prefetch_multiplier", 1),
        ("worker_enable_remote_control", False),
        ("broker_connection_retry_on_startup", True),
        ("timezone", "UTC"),
    ],
)
def test_promise(conf: Any, setting: str, value: object) -> None:
    assert conf[setting] == value


def test_the_broker_is_the_site_s_to_name() -> None:
    assert not {"broker_url", "broker_read_url", "broker_write_url"} & set(VALUES)


def test_no_message_waits_in_the_broker() -> None:
    """An eta or countdown outlives its visibility timeout and then rings many times over."""
    for entry in VALUES["beat_schedule"].values():
        assert set(entry["options"]) == {"expires"}
        assert entry["options"]["expires"] <= entry["schedule"]
        assert {"args", "kwargs"}.isdisjoint(entry)


def test_the_sweep_rings_every_half_minute() -> None:
    assert {entry["task"]: entry["schedule"] for entry in VALUES["beat_schedule"].values()} == {
        "distributor.sweep": 30.0,
        "distributor.deliver": 30.0,
    }
