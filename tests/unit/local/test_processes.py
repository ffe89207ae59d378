import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace

from extproc.local.processes import ProcessId, end_all, me, wait_gone

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_a_process_is_known_by_its_pid_and_start_time() -> None:
    mine = me()
    assert mine.pid == os.getpid()
    assert mine.is_alive()
    assert ProcessId.of(mine.pid) == mine


def test_a_recycled_pid_is_not_taken_for_ours_and_not_signalled() -> None:
    with subprocess.Popen(SLEEP) as process:
        now = ProcessId.of(process.pid)
        assert now is not None
        before = replace(now, started_at_s=now.started_at_s - 60)
        assert not before.is_alive()
        before.signal(signal.SIGKILL)
        assert now.is_alive()
        process.kill()


def test_a_process_that_is_gone_is_not_alive_and_takes_no_signal() -> None:
    process = subprocess.Popen(SLEEP)
    found = ProcessId.of(process.pid)
    process.kill()
    process.wait()
    assert found is not None
    assert not found.is_alive()
    found.signal(signal.SIGTERM)
    assert found.descendants() == ()
    assert ProcessId.of(process.pid) is None


def test_a_zombie_does_not_count_as_running() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        found = ProcessId.of(process.pid)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert found is None or not found.is_alive()


def test_waiting_returns_what_still_runs_after_the_deadline() -> None:
    with subprocess.Popen(SLEEP) as process:
        found = ProcessId.of(process.pid)
        assert found is not None
        assert asyncio.run(wait_gone((found,), 0.05)) == (found,)
        asyncio.run(end_all((found,), signal.SIGTERM, 5))
        assert not found.is_alive()


def test_what_does_not_listen_is_killed() -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = ProcessId.of(process.pid)
        assert found is not None
        asyncio.run(end_all((found,), signal.SIGTERM, 0.2))
        assert not found.is_alive()
