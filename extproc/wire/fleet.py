"""The worker processes of one host: started, watched, restarted, rolled, drained. Knows nothing of what they do.

A worker ends by itself when this process is gone: each holds the read end of a pipe whose other end only we have.

    SIGTERM, SIGINT   drain all, then end
    SIGHUP            rolling restart: one worker after the other, its successor serving before the next one leaves
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from extproc.model.seams import WORKER_SOCKET

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_CALM_S = 30.0
_READY_DEADLINE_S = 30.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """How many workers, how each is started, and how long each may take to drain; seconds."""

    count: int
    run_dir: Path
    command: Callable[[int], tuple[str, ...]]
    drain_s: float
    insist_s: float = 5.0
    """Beyond ``drain_s``, before a worker that does not end is killed."""


class Fleet:
    """Use from one event loop; ``run`` returns when everything has ended."""

    def __init__(self, plan: FleetPlan) -> None:
        self._plan = plan
        self._log = structlog.get_logger("extproc.fleet")
        self._stop = asyncio.Event()
        self._roll = asyncio.Event()
        self._leavers: set[asyncio.Task[int]] = set()
        self._current: dict[int, asyncio.subprocess.Process] = {}
        self._lifeline_read, self._lifeline_write = os.pipe()

    def stop(self) -> None:
        """Drain and end."""
        self._stop.set()

    def roll(self) -> None:
        """Replace every worker, one after the other."""
        self._roll.set()

    async def run(self) -> None:
        """Run the workers until ``stop``."""
        try:
            async with asyncio.TaskGroup() as group:
                keepers = [group.create_task(self._keep(index)) for index in range(self._plan.count)]
                roller = group.create_task(self._roll_on_request())
                await self._stop.wait()
                for task in (*keepers, roller):
                    task.cancel()
        finally:
            await self._drain()
            os.close(self._lifeline_write)
            os.close(self._lifeline_read)

    async def wait_ready(self) -> None:
        """Wait until every worker serves.

        Raises:
            TimeoutError: one does not.
        """
        for index in range(self._plan.count):
            await self._wait_socket(index, None)

    async def _keep(self, index: int) -> None:
        pause_s = _FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while True:
            process = self._current.get(index) or await self._spawn(index)
            started_s = loop.time()
            code = await process.wait()
            if self._current.get(index) is not process:
                continue  # it was rolled: its successor is already there
            self._current.pop(index)
            if loop.time() - started_s > _CALM_S:
                pause_s = _FIRST_PAUSE_S
            self._log.warning("worker_ended", worker=index, pid=process.pid, code=code, again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _roll_on_request(self) -> None:
        while True:
            await self._roll.wait()
            self._roll.clear()
            for index in range(self._plan.count):
                await self._replace(index)
            self._log.info("rolled", workers=self._plan.count)

    async def _replace(self, index: int) -> None:
        old = self._current.get(index)
        if old is None:
            return
        inode = self._inode(index)
        # The successor takes the socket over while the old one still serves; only then is the old one told to drain.
        await self._spawn(index)
        await self._wait_socket(index, inode)
        _signal(old, signal.SIGTERM)
        leaver = asyncio.create_task(self._see_off(old), name=f"drain worker {old.pid}")
        self._leavers.add(leaver)
        leaver.add_done_callback(self._leavers.discard)

    async def _spawn(self, index: int) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *self._plan.command(index), stdin=self._lifeline_read, start_new_session=True
        )
        self._current[index] = process
        self._log.info("worker_started", worker=index, pid=process.pid)
        return process

    async def _see_off(self, process: asyncio.subprocess.Process) -> int:
        """Wait for a worker that was told to drain; insist when it takes too long."""
        try:
            async with asyncio.timeout(self._plan.drain_s + self._plan.insist_s):
                return await process.wait()
        except TimeoutError:
            _signal(process, signal.SIGKILL)
            return await process.wait()

    async def _drain(self) -> None:
        for process in self._current.values():
            _signal(process, signal.SIGTERM)
        await asyncio.gather(*(self._see_off(process) for process in self._current.values()), *self._leavers)

    async def _wait_socket(self, index: int, old: int | None) -> None:
        async with asyncio.timeout(_READY_DEADLINE_S):
            while (inode := self._inode(index)) is None or inode == old:  # noqa: ASYNC110 - a file of another process
                await asyncio.sleep(_POLL_S)

    def _inode(self, index: int) -> int | None:
        try:
            return (self._plan.run_dir / WORKER_SOCKET.format(index=index)).stat().st_ino
        except FileNotFoundError:
            return None


def worker_command(index: int) -> tuple[str, ...]:
    """How a worker is started: this program again, for one worker."""
    return (sys.executable, "-m", "extproc", "serve", "--worker", str(index))


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        process.send_signal(number)
