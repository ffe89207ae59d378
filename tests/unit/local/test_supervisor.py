"""The supervisor with real processes that are too small to be slow."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from extproc.local.problems import CannotStart
from extproc.local.processes import ProcessId
from extproc.local.supervisor import Supervisor
from tests.servers import eventually, wait_until
from tests.unit.local.tiny import DOOMED, PARENT, STUBBORN, Reports, part


class Stack:
    def __init__(self, directory: Path) -> None:
        self.reports = Reports()
        self.pids: dict[str, ProcessId] = {}
        self.supervisor = Supervisor(directory, self.reports, self._note)

    def _note(self, pids: dict[str, ProcessId]) -> None:
        self.pids = pids


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    made = Stack(tmp_path)
    yield made
    await made.supervisor.stop(*made.supervisor.running)


async def test_a_started_part_is_ready_and_its_pid_is_known(stack: Stack, tmp_path: Path) -> None:
    await stack.supervisor.start(part("one", tmp_path))
    assert (tmp_path / "one.ready").exists()
    assert stack.pids["one"].is_alive()
    assert stack.supervisor.running == ("one",)


async def test_stopping_ends_the_part_and_forgets_its_pid(stack: Stack, tmp_path: Path) -> None:
    await stack.supervisor.start(part("one", tmp_path))
    process = stack.pids["one"]
    await stack.supervisor.stop("one")
    assert not process.is_alive()
    assert stack.pids == {}


async def test_a_part_that_ends_at_once_is_reported_with_its_last_words(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"one ended with exit code 7: no room at the inn"):
        await stack.supervisor.start(part("one", tmp_path, DOOMED))
    assert stack.supervisor.running == ()


async def test_a_part_that_is_never_ready_is_stopped_and_reported(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="was not ready after 0 s"):
        await stack.supervisor.start(part("one", tmp_path, "import time; time.sleep(600)", start_deadline_s=0.2))
    assert stack.pids == {}


async def test_a_crashed_part_is_restarted_and_said_so_in_one_line(stack: Stack, tmp_path: Path) -> None:
    await stack.supervisor.start(part("one", tmp_path))
    first = stack.pids["one"]
    first.signal(signal.SIGKILL)
    await eventually(lambda: any("runs again" in line for line in stack.reports.lines), "the restart")
    assert stack.reports.lines[0] == "one was ended by SIGKILL; starting it again in 0.5 s"
    assert stack.pids["one"].is_alive()
    assert stack.pids["one"] != first


async def test_what_a_start_needs_is_done_again_after_a_crash(stack: Stack, tmp_path: Path) -> None:
    finished: list[str] = []

    async def finish() -> None:
        finished.append("unsealed")

    await stack.supervisor.start(part("one", tmp_path, finish_start=finish))
    stack.pids["one"].signal(signal.SIGKILL)
    await eventually(lambda: len(finished) == 2, "the second unsealing")


async def test_a_restart_that_fails_is_tried_again_later_each_time(stack: Stack, tmp_path: Path) -> None:
    count = tmp_path / "count"
    program = (
        "import pathlib, sys; "
        f"count = pathlib.Path({str(count)!r}); "
        "n = len(count.read_text()) if count.exists() else 0; count.write_text('x' * (n + 1)); "
        "n in (1,) and sys.exit('not yet'); "
        "pathlib.Path(sys.argv[1]).touch(); import time; time.sleep(600)"
    )
    await stack.supervisor.start(part("one", tmp_path, program))
    stack.pids["one"].signal(signal.SIGKILL)
    await eventually(lambda: any("runs again" in line for line in stack.reports.lines), "the second try")
    said = [line.split(";")[-1].strip() for line in stack.reports.lines]
    assert said[:2] == ["starting it again in 0.5 s", "trying again in 1 s"] or said[1].startswith("trying again in")


async def test_a_part_that_ignores_its_signal_is_killed(stack: Stack, tmp_path: Path) -> None:
    await stack.supervisor.start(part("one", tmp_path, STUBBORN, stop_deadline_s=0.2))
    process = stack.pids["one"]
    await stack.supervisor.stop("one")
    assert not process.is_alive()


async def test_parts_stop_in_the_order_given_each_drained_before_it_is_told(stack: Stack, tmp_path: Path) -> None:
    order: list[str] = []

    def note(name: str, other: str) -> object:
        async def drained() -> None:
            order.append(f"{name}, {other} {'alive' if other in stack.pids else 'gone'}")

        return drained

    await stack.supervisor.start(part("one", tmp_path, before_stop=note("one", "two")))
    await stack.supervisor.start(part("two", tmp_path, before_stop=note("two", "one")))
    await stack.supervisor.stop("two", "one")
    assert order == ["two, one alive", "one, two gone"]


async def test_a_drain_that_fails_does_not_spare_the_part(stack: Stack, tmp_path: Path) -> None:
    async def fail() -> None:
        raise ConnectionError("nobody there")

    await stack.supervisor.start(part("one", tmp_path, before_stop=fail))
    process = stack.pids["one"]
    await stack.supervisor.stop("one")
    assert not process.is_alive()
    assert stack.reports.lines == ["one could not be drained: nobody there"]


async def test_a_full_disk_keeps_no_part_from_starting_or_stopping(tmp_path: Path) -> None:
    reports = Reports()

    def full(pids: dict[str, ProcessId]) -> None:
        raise OSError(errno.ENOSPC, "no room", "stack.json")

    supervisor = Supervisor(tmp_path, reports, full)
    await supervisor.start(part("one", tmp_path))
    process = supervisor._children["one"].identity
    await supervisor.stop("one")
    assert not process.is_alive()
    assert reports.lines[0] == "the record of what runs could not be written: the disk is full (stack.json)"


async def test_children_of_a_part_go_with_it(stack: Stack, tmp_path: Path) -> None:
    await stack.supervisor.start(part("one", tmp_path, PARENT))
    children = stack.pids["one"].descendants()
    assert len(children) == 1
    await stack.supervisor.stop("one")
    assert not any(child.is_alive() for child in children)


async def test_a_cancelled_start_leaves_nothing_running(stack: Stack, tmp_path: Path) -> None:
    starting = asyncio.create_task(stack.supervisor.start(part("one", tmp_path, "import time; time.sleep(600)")))
    await eventually(lambda: "one" in stack.pids, "the process")
    process = stack.pids["one"]
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    assert not process.is_alive()


async def test_addresses_of_another_gateway_do_not_reach_a_part(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTPROC_REDIS_URL", "redis://elsewhere")
    await stack.supervisor.start(part("one", tmp_path))
    assert "EXTPROC_REDIS_URL" not in psutil.Process(stack.pids["one"].pid).environ()


_SUPERVISOR = """
import asyncio, pathlib, sys
sys.path.insert(0, {root!r})
from extproc.local.supervisor import Supervisor
from tests.unit.local.tiny import Reports, part

async def main():
    directory = pathlib.Path({directory!r})
    supervisor = Supervisor(directory, Reports(), lambda pids: None)
    await supervisor.start(part("one", directory))
    print(supervisor._children["one"].identity.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
def test_parts_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    program = _SUPERVISOR.format(root=os.fspath(Path(__file__).parents[3]), directory=os.fspath(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        child = ProcessId.of(int(supervisor.stdout.readline()))
        assert child is not None
        supervisor.kill()
    wait_until(lambda: not child.is_alive(), "the end of the orphan")
