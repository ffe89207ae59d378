"""``make bench``, in its shortest form: every figure is there, and no process stays."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

PROGRAM = Path(__file__).resolve().parents[2] / "bench/run.py"


def processes_of(session: int) -> list[int]:
    found = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError):
            if os.getsid(pid) == session:
                found.append(pid)
    return found


def test_a_short_run_measures_both_sides_and_leaves_nothing_running() -> None:
    command = [sys.executable, str(PROGRAM), "--json", "--seconds", "2", "--rounds", "1"]
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
