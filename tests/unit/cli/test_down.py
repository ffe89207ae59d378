"""``down`` with tiny programs for a supervisor and its parts. ``e2e/test_local_stack`` stops a real stack."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extproc.local.processes import ProcessId, me
from extproc.local.state import Record, StateDir
from tests.unit.cli.scripted_admin import typed

_UNTIL_TOLD = "import signal; print(flush=True); signal.sigwait({signal.SIGTERM}); raise SystemExit(0)"
_BLOCK = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}); "
# A part that is still busy for a moment when its supervisor has gone.
_SLOW = "import os, time; print(flush=True)\nwhile not os.path.exists({told!r}): time.sleep(0.01)\ntime.sleep(0.5)"


@contextmanager
def program(source: str) -> Iterator[ProcessId]:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", source], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = ProcessId.of(process.pid)
        assert found is not None
        try:
            yield found
        finally:
            process.kill()


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path)
    made.create()
    return made


def test_the_supervisor_is_told_to_stop_and_the_end_of_every_part_is_awaited(state: StateDir) -> None:
    told = state.root / "told"
    supervising = _UNTIL_TOLD.replace("raise", f"open({str(told)!r}, 'w').close(); raise")
    with program(_BLOCK + supervising) as supervisor, program(_SLOW.format(told=str(told))) as part:
        Record(supervisor=supervisor, runtime_dir=state.root, parts={"envoy": part}).write(state.record)
        result = typed("down", "--state-dir", str(state.root))
        assert (result.exit_code, result.stdout) == (0, f"stopped the stack in {state.root}\n")
        assert not supervisor.is_alive()
        assert not part.is_alive()


def test_no_stack_is_nothing_to_stop_and_no_failure(state: StateDir) -> None:
    result = typed("down", "--state-dir", str(state.root))
    assert (result.exit_code, result.stdout) == (0, f"no stack runs in {state.root}\n")


def test_a_process_that_only_has_the_pid_of_a_stack_is_left_alone(state: StateDir) -> None:
    with program(_BLOCK + _UNTIL_TOLD) as other:
        recycled = ProcessId(other.pid, other.started_at_s - 3600)
        Record(supervisor=recycled, runtime_dir=state.root).write(state.record)
        assert "no stack runs" in typed("down", "--state-dir", str(state.root)).stdout
        assert other.is_alive()


def test_a_record_that_was_cut_off_is_no_stack(state: StateDir) -> None:
    Record(supervisor=me(), runtime_dir=state.root).write(state.record)
    state.record.write_text(state.record.read_text()[:-20])
    result = typed("down", "--state-dir", str(state.root))
    assert (result.exit_code, result.stdout) == (0, f"no stack runs in {state.root}\n")
