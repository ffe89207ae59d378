import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from extproc.local import state as state_module
from extproc.local.leftovers import clear
from extproc.local.problems import AlreadyRunning
from extproc.local.processes import ProcessId, me
from extproc.local.state import (
    Record,
    StateDir,
    StateLock,
    make_runtime_dir,
    remembered_key,
    remove_runtime_dir,
    running,
    write_private,
)
from tests.unit.local.tiny import Reports


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "state")
    made.create()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_state_directory_is_private_and_kept_out_of_version_control(state: StateDir) -> None:
    assert mode(state.root) == 0o700
    assert (state.root / ".gitignore").read_text() == "*\n"
    state.create()


def test_a_secret_file_is_private_from_its_first_byte_and_replaced_whole(state: StateDir) -> None:
    file = state.root / "secret"
    before = os.umask(0)
    try:
        write_private(file, "one")
        write_private(file, "two")
    finally:
        os.umask(before)
    assert mode(file) == 0o600
    assert file.read_text() == "two"
    assert [path.name for path in state.root.iterdir() if "secret" in path.name] == ["secret"]


def test_a_second_stack_on_the_same_state_is_refused_in_one_line(state: StateDir) -> None:
    first, second = StateLock(state), StateLock(state)
    first.acquire()
    with pytest.raises(AlreadyRunning, match=r"a stack already runs in .*extproc down") as refused:
        second.acquire()
    assert "\n" not in str(refused.value)
    first.release()
    second.acquire()
    second.release()


def test_the_lock_goes_with_a_killed_supervisor(state: StateDir) -> None:
    program = (
        "import sys, pathlib; from extproc.local.state import StateDir, StateLock; "
        "StateLock(StateDir(pathlib.Path(sys.argv[1]))).acquire(); print(flush=True); import time; time.sleep(600)"
    )
    # The lock object must stay referenced until the kill: it does, the program never returns.
    with subprocess.Popen([sys.executable, "-c", program, str(state.root)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(AlreadyRunning):
            StateLock(state).acquire()
        other.kill()
    lock = StateLock(state)
    lock.acquire()
    lock.release()


def test_a_record_is_read_as_it_was_written(state: StateDir) -> None:
    record = Record(me(), Path("/run/extproc-x"), "http://a/v1", "http://b", parts={"envoy": me()}, is_ready=True)
    record.write(state.record)
    assert Record.read(state.record) == record
    assert running(state) == record
    assert mode(state.record) == 0o600


def test_a_stale_record_is_not_a_running_stack(state: StateDir) -> None:
    gone = replace(me(), started_at_s=1.0)
    Record(gone, Path("/run/extproc-x")).write(state.record)
    assert running(state) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"supervisor": 1}'])
def test_a_record_cut_off_by_a_crash_is_no_record(state: StateDir, text: str) -> None:
    state.record.write_text(text)
    assert Record.read(state.record) is None
    assert running(state) is None


async def test_what_a_killed_stack_left_behind_is_cleared_and_said(state: StateDir) -> None:
    runtime = make_runtime_dir()
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])  # noqa: ASYNC220 - at once
    left = ProcessId.of(process.pid)
    assert left is not None
    recycled = replace(me(), started_at_s=1.0)
    Record(recycled, runtime, parts={"valkey": left, "envoy": recycled}).write(state.record)
    reports = Reports()
    await clear(state, reports)
    process.wait()
    assert not left.is_alive()
    assert not runtime.exists()
    assert not state.record.exists()
    assert len(reports.lines) == 1
    assert "was not stopped" in reports.lines[0]


def test_a_runtime_directory_is_private_and_short_enough_for_sockets() -> None:
    made = make_runtime_dir()
    try:
        assert mode(made) == 0o700
        assert len(os.fsencode(made / "pg" / ".s.PGSQL.5432.lock")) < 100
    finally:
        remove_runtime_dir(made)
    assert not made.exists()


def test_only_a_runtime_directory_is_ever_removed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    remove_runtime_dir(tmp_path / "precious")
    link = tmp_path / "extproc-link"
    link.symlink_to(tmp_path / "precious")
    remove_runtime_dir(link)
    assert (tmp_path / "precious").exists()


def test_a_remembered_key_is_read_and_never_shown_by_accident(state: StateDir) -> None:
    write_private(state.virtual_key, json.dumps({"id": "key_1", "key": "gk_local_x"}))
    known = remembered_key(state.virtual_key)
    assert known is not None
    assert known[1].reveal() == "gk_local_x"
    assert "gk_local" not in repr(known)
    state.virtual_key.write_text("{}")
    assert remembered_key(state.virtual_key) is None
    assert state_module.remembered_key(state.root / "none") is None
