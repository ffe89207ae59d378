"""Processes by pid and start time, so that a recycled pid is never taken for one of ours.

Everything that signals a process of the stack from outside its supervisor goes through here.
"""

import asyncio
import os
import signal
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process of this machine, for good: pids are used again, a pid with its start time is not."""

    pid: int
    started_at_s: float
    """UTC seconds since the epoch, as the kernel counts them."""

    @staticmethod
    def of(pid: int) -> "ProcessId | None":
        """The process that has this pid now; None where there is none."""
        try:
            return ProcessId(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def is_alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        return self._process() is not None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it still runs."""
        process = self._process()
        if process is not None:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                return

    def descendants(self) -> tuple["ProcessId", ...]:
        """Its children and theirs, now."""
        process = self._process()
        if process is None:
            return ()
        try:
            found = process.children(recursive=True)
        except psutil.NoSuchProcess:
            return ()
        ids = [ProcessId.of(child.pid) for child in found]
        return tuple(child for child in ids if child is not None)

    def _process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started_at_s) < _START_TOLERANCE_S
            return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


_START_TOLERANCE_S = 1.0  # the kernel counts in ticks since boot; the boot time read beside it may be adjusted
_POLL_S = 0.02


def me() -> ProcessId:
    """The process that asks."""
    found = ProcessId.of(os.getpid())
    if found is None:
        raise ProcessLookupError(os.getpid())
    return found


async def wait_gone(processes: tuple[ProcessId, ...], deadline_s: float) -> tuple[ProcessId, ...]:
    """Wait until none of them runs; those that still do after the deadline are returned."""
    until = time.monotonic() + deadline_s
    left = tuple(process for process in processes if process.is_alive())
    while left and time.monotonic() < until:
        await asyncio.sleep(_POLL_S)
        left = tuple(process for process in left if process.is_alive())
    return left


async def end_all(processes: tuple[ProcessId, ...], first: signal.Signals, grace_s: float) -> None:
    """End processes that no supervisor looks after: ask, wait, then insist."""
    for process in processes:
        process.signal(first)
    for process in await wait_gone(processes, grace_s):
        process.signal(signal.SIGKILL)
    await wait_gone(processes, grace_s)
