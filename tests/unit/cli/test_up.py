"""How ``up`` is refused before anything is started. ``e2e/test_local_stack`` brings stacks up."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from extproc.local.processes import me
from extproc.local.state import Record, StateDir, StateLock
from tests.unit.cli.scripted_admin import typed


@pytest.mark.parametrize(
    "words",
    [
        ("--provider", "openai"),
        ("--key-file", "key"),
        ("--provider-url", "http://127.0.0.1:1/v1"),
        ("--provider-url", "http://127.0.0.1:1/v1", "--key-file", "key"),
        ("--port", "65536"),
        ("--admin-port", "-1"),
    ],
)
def test_options_that_mean_nothing_together_are_wrong_use_and_leave_no_state(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    result = typed("up", "--state-dir", str(tmp_path / "state"), *words)
    assert result.exit_code == 2
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("provider", "content", "says"),
    [
        ("opnai", "sk-a", "provider 'opnai' is not known; known are: openai"),
        ("openai", "", "does not hold one key on one line"),
        ("openai", "sk-a sk-b", "does not hold one key on one line"),
    ],
)
def test_a_provider_that_cannot_be_added_is_said_before_anything_starts(
    tmp_path: Path, provider: str, content: str, says: str
) -> None:
    key = tmp_path / "key"
    key.write_text(content)
    state = tmp_path / "state"
    result = typed("up", "--state-dir", str(state), "--provider", provider, "--key-file", str(key))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("extproc up: ")
    assert says in result.stderr
    assert "sk-" not in result.stderr
    assert not state.exists()


def test_a_state_directory_in_use_is_one_line_and_stays_as_it_is(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.create()
    Record(supervisor=me(), runtime_dir=tmp_path).write(state.record)
    before = state.record.read_text()
    lock = StateLock(state)
    lock.acquire()
    try:
        result = typed("up", "--no-model", "--state-dir", str(tmp_path))
    finally:
        lock.release()
    assert result.exit_code == 1
    assert result.stderr.startswith(f"extproc up: a stack already runs in {tmp_path}: stop it with extproc down")
    assert result.stderr.count("\n") == 1
    assert state.record.read_text() == before


def test_a_port_in_use_is_one_line_that_names_the_option_and_nothing_stays_behind(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = typed("up", "--no-model", "--port", str(port), "--state-dir", str(tmp_path / "state"))
    assert result.exit_code == 1
    assert f"port {port} is in use" in result.stderr
    assert "--port" in result.stderr
    assert not (tmp_path / "state" / "stack.json").exists()


def test_a_state_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = typed("up", "--no-model", "--state-dir", str(tmp_path / "file" / "state"))
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("extproc up: ")


def test_a_detached_start_that_fails_repeats_why_and_has_its_exit_code(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-a sk-b")
    words = ("--state-dir", str(tmp_path / "state"), "--provider", "openai", "--key-file", str(key))
    done = subprocess.run(
        [sys.executable, "-m", "extproc", "up", "--detach", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "does not hold one key on one line" in done.stdout + done.stderr


_PROGRAM = """
import asyncio, os, signal
from extproc.cli.up import _until_told

async def work():
    try:
        os.kill(os.getpid(), signal.{first})
        await asyncio.sleep(60)
    finally:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(20):  # turns of the loop: enough to hear of it
            await asyncio.sleep(0)
        print("cleaned up")

asyncio.run(_until_told(work()))
"""


@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_in_order_and_a_second_one_does_not_hurry_it(first: str) -> None:
    assert first in signal.Signals.__members__
    program = _PROGRAM.format(first=first)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, env=os.environ
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "cleaned up\n", "")
