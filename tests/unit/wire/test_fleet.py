"""The fleet with tiny programs in place of workers: real processes, real signals."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from extproc.wire.fleet import Fleet, FleetPlan
from tests.servers import eventually

# Binds its socket as a worker does, writes its pid, and ends on SIGTERM or when its standard input ends.
WORKER = """
import os, signal, socket, sys
path = sys.argv[1]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path + "." + str(os.getpid()))
os.rename(path + "." + str(os.getpid()), path)
with open(path + ".pids", "a") as file:
    file.write(str(os.getpid()) + chr(10))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
sys.stdin.read()
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fleet-") as name:
        yield Path(name)


def command(directory: Path, index: int) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", WORKER, str(directory / f"worker-{index}.sock"))


def pids(directory: Path, index: int) -> list[int]:
    path = directory / f"worker-{index}.sock.pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@asynccontextmanager
async def running(directory: Path, count: int = 2):  # noqa: ANN201 - an async context manager of a Fleet
    fleet = Fleet(FleetPlan(count, directory, lambda index: command(directory, index), drain_s=5.0))
    task = asyncio.create_task(fleet.run())
    await fleet.wait_ready()
    try:
        yield fleet
    finally:
        fleet.stop()
        await task


async def test_every_worker_runs_and_all_end_with_the_fleet(directory: Path) -> None:
    async with running(directory):
        started = pids(directory, 0) + pids(directory, 1)
        assert len(started) == 2
        assert all(is_alive(pid) for pid in started)
    assert not any(is_alive(pid) for pid in started)


async def test_a_killed_worker_is_started_again(directory: Path) -> None:
    async with running(directory):
        os.kill(pids(directory, 0)[0], signal.SIGKILL)
        await eventually(lambda: len(pids(directory, 0)) == 2, "the restart")
        assert len(pids(directory, 1)) == 1


async def test_a_roll_replaces_each_worker_once_and_starts_the_new_one_first(directory: Path) -> None:
    async with running(directory) as fleet:
        old = pids(directory, 0) + pids(directory, 1)
        fleet.roll()
        await eventually(lambda: len(pids(directory, 0)) == 2 and len(pids(directory, 1)) == 2, "the roll")
        await eventually(lambda: not any(is_alive(pid) for pid in old), "the old ones' end")
        assert is_alive(pids(directory, 0)[1])
        assert is_alive(pids(directory, 1)[1])


async def test_a_worker_that_does_not_drain_is_ended(directory: Path) -> None:
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WORKER.replace(
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))", ""
    )

    def start(index: int) -> tuple[str, ...]:
        return (sys.executable, "-I", "-c", stubborn, str(directory / f"worker-{index}.sock"))

    fleet = Fleet(FleetPlan(1, directory, start, drain_s=0.1, insist_s=0.1))
    task = asyncio.create_task(fleet.run())
    await fleet.wait_ready()
    fleet.stop()
    await task
    assert not is_alive(pids(directory, 0)[0])


def test_workers_end_when_their_supervisor_is_killed(directory: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from extproc.wire.fleet import Fleet, FleetPlan\n"
        "from tests.unit.wire.test_fleet import command\n"
        "directory = Path(sys.argv[1])\n"
        "asyncio.run(Fleet(FleetPlan(2, directory, lambda i: command(directory, i), 5.0)).run())\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program, str(directory)], cwd=Path(__file__).parents[3])

    async def wait() -> None:
        await eventually(lambda: bool(pids(directory, 0) and pids(directory, 1)), "the workers")
        supervisor.kill()
        supervisor.wait()
        workers = pids(directory, 0) + pids(directory, 1)
        await eventually(lambda: not any(is_alive(pid) for pid in workers), "the workers' end")

    asyncio.run(wait())
