"""The benchmarks run, at their smallest: numbers come out and nothing stays behind. What they are is not tested."""

import json
import smtplib
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import PYTHON, free_port, listens, running, until
from tests.sites import ROOT


def test_the_smallest_run_gives_a_table() -> None:
    command = [sys.executable, "-m", "benchmarks", "--messages", "20", "--rounds", "1", "--json"]
    only = ["--only", "embedded", "smtplib"]
    ran = subprocess.run([*command, *only], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    results = json.loads(ran.stdout)
    assert [row["messages"] for row in results["messages"]] == [20, 2]
    assert all(row["messages/s"] > 0 and row["× smtplib"] > 0 for row in results["messages"])
    assert "× smtplib" in ran.stderr


def test_the_sink_of_our_own_takes_mail(tmp_path: Path) -> None:
    port = free_port()
    with running([PYTHON, "-m", "benchmarks.sink", str(port)], {}, tmp_path / "log"):
        until(lambda: listens(port), "the sink")
        with smtplib.SMTP("127.0.0.1", port) as server:
            refused = server.sendmail("a@sender.example", ["b@example.org"], "Subject: x\r\n\r\n.\r\n")
            assert server.has_extn("pipelining")
    assert refused == {}
    assert not listens(port)
