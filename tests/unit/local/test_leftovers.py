"""What the next start does about a stack that was killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from extproc.local import leftovers
from extproc.local.processes import ProcessId, me
from extproc.local.state import Record, StateDir, make_runtime_dir, remove_runtime_dir
from tests.unit.local.tiny import Reports


@contextmanager
def sleeper() -> Iterator[ProcessId]:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]) as process:
        found = ProcessId.of(process.pid)
        assert found is not None
        try:
            yield found
        finally:
            process.kill()


@pytest.fixture
def gone() -> ProcessId:
    with sleeper() as process:
        pass
    return process


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path)
    made.create()
    return made


async def test_parts_of_a_killed_supervisor_are_ended_and_its_runtime_directory_removed(
    state: StateDir, gone: ProcessId
) -> None:
    runtime_dir, reports = make_runtime_dir(), Reports()
    (runtime_dir / "valkey.sock").touch()
    with sleeper() as part:
        Record(supervisor=gone, runtime_dir=runtime_dir, parts={"valkey": part}).write(state.record)
        await leftovers.clear(state, reports)
        assert not part.is_alive()
    assert not runtime_dir.exists()
    assert not state.record.exists()
    assert reports.lines == [f"the last stack here was not stopped (pid {gone.pid}); cleaning up after it"]


async def test_a_process_that_only_has_a_parts_pid_is_left_alone(state: StateDir, gone: ProcessId) -> None:
    with sleeper() as other:
        recycled = replace(other, started_at_s=other.started_at_s - 3600)
        Record(supervisor=gone, runtime_dir=state.root, parts={"valkey": recycled}).write(state.record)
        await leftovers.clear(state, Reports())
        assert other.is_alive()


async def test_a_directory_that_is_no_runtime_directory_of_ours_stays(
    state: StateDir, gone: ProcessId, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    Record(supervisor=gone, runtime_dir=precious).write(state.record)
    await leftovers.clear(state, Reports())
    assert precious.exists()


async def test_nothing_is_touched_while_the_supervisor_lives(state: StateDir) -> None:
    runtime_dir, reports = make_runtime_dir(), Reports()
    try:
        with sleeper() as part:
            Record(supervisor=me(), runtime_dir=runtime_dir, parts={"valkey": part}).write(state.record)
            await leftovers.clear(state, reports)
            assert part.is_alive()
        assert runtime_dir.exists()
        assert reports.lines == []
    finally:
        remove_runtime_dir(runtime_dir)


async def test_a_first_start_has_nothing_to_clear_and_says_nothing(state: StateDir) -> None:
    reports = Reports()
    await leftovers.clear(state, reports)
    assert reports.lines == []
