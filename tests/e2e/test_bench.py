"""``make bench`` and ``make bench-config``, in their shortest form: every figure is there, and no process stays."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

BENCH = Path(__file__).resolve().parents[2] / "bench"


def processes_of(session: int) -> list[int]:
    found = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError):
            if os.getsid(pid) == session:
                found.append(pid)
    return found


def test_a_short_run_measures_both_sides_and_leaves_nothing_running() -> None:
    command = [sys.executable, str(BENCH / "run.py"), "--json", "--seconds", "2", "--rounds", "1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        output, errors = child.communicate(timeout=100)
    assert child.returncode == 0, errors
    value = json.loads(output)
    assert [(case["kind"], case["connections"]) for case in value["cases"]] == [
        *(("plain", 1), ("plain", 32)),
        *(("streamed", 1), ("streamed", 32)),
    ]
    for case in [*value["cases"], value["abuse"]]:
        assert all(case[figure]["ratio"] > 0 for figure in ("rate", "p50_ms", "p99_ms"))
    assert processes_of(child.pid) == []


def test_a_configuration_is_measured_from_its_text_to_the_change_under_traffic() -> None:
    command = [sys.executable, str(BENCH / "config.py"), "--json", "--size", "10"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        output, errors = child.communicate(timeout=170)
    assert child.returncode == 0, errors
    (row,) = json.loads(output)["rows"]
    assert row["deployments"] == 10
    assert min(row[f"{part}_s"] for part in ("check", "load", "render", "validate", "publish")) > 0
    swap = row["swap"]
    assert 0 < swap["taken_s"] <= swap["served_s"]
    assert swap["requests"] > 0
    assert swap["failed"] == 0
    assert processes_of(child.pid) == []
