"""Keeps the parts running: starts them, restarts what crashes with back-off, stops all in reverse order.

Knows no part by name. ``stack`` decides what is started and when.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from extproc.local.child import Child
from extproc.local.part import Part
from extproc.local.problems import CannotStart, describe_os_error
from extproc.local.processes import ProcessId
from extproc.local.reporting import Reporter

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_CALM_S = 60.0
"""A part that ran this long before it crashed starts with the shortest pause again."""


class Supervisor:
    """The one owner of the child processes. Use from one event loop."""

    def __init__(self, log_dir: Path, reporter: Reporter, on_change: Callable[[dict[str, ProcessId]], None]) -> None:
        """``on_change`` is told of every new set of pids, before the part is ready."""
        self._log_dir = log_dir
        self._reporter = reporter
        self._on_change = on_change
        self._children: dict[str, Child] = {}
        self._parts: dict[str, Part] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def start(self, part: Part) -> None:
        """Start a part, wait until it is ready, and look after it from then on.

        Raises:
            CannotStart: it did not come up. It does not run then.
        """
        child = await self._bring_up(part)
        self._parts[part.name] = part
        keeper = asyncio.create_task(self._keep(part, child), name=f"looking after {part.name}")
        keeper.add_done_callback(self._report_lost)
        self._keepers[part.name] = keeper

    async def stop(self, *names: str) -> None:
        """Stop these parts, in this order. Errors of one do not spare the next."""
        for name in names:
            keeper = self._keepers.pop(name, None)
            if keeper is not None:
                keeper.cancel()
                await asyncio.wait({keeper})
            part = self._parts.pop(name, None)
            child = self._children.get(name)
            if child is None:
                continue
            if part is not None and child.identity.is_alive():
                try:
                    await part.before_stop()
                except (OSError, CannotStart, TimeoutError) as error:
                    self._reporter.say(f"{name} could not be drained: {error}")
            await child.stop()
            self._forget(name)

    @property
    def running(self) -> tuple[str, ...]:
        """The parts, in the order in which they were started."""
        return tuple(self._children)

    async def _bring_up(self, part: Part) -> Child:
        await part.prepare()
        child = await Child.start(part, self._log_dir)
        self._children[part.name] = child
        try:
            self._tell_change()
            await child.wait_ready()
            await part.finish_start()
        except BaseException:
            # Whatever stopped us, also a Ctrl-C: a part that is not looked after must not run.
            await asyncio.shield(child.stop())
            self._forget(part.name)
            raise
        return child

    def _forget(self, name: str) -> None:
        self._children.pop(name, None)
        self._tell_change()

    def _tell_change(self) -> None:
        try:
            self._on_change({name: child.identity for name, child in self._children.items()})
        except OSError as error:
            # A full disk must not keep a part from running, and least of all from being stopped.
            self._reporter.say(f"the record of what runs could not be written: {describe_os_error(error)}")

    def _report_lost(self, keeper: asyncio.Task[None]) -> None:
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._reporter.say(f"{keeper.get_name()} failed, nobody restarts it any more: {error!r}")

    async def _keep(self, part: Part, child: Child) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            started_s = time.monotonic()
            await child.wait_end()
            await child.stop()  # what it left behind
            if time.monotonic() - started_s > _CALM_S:
                pause_s = _FIRST_PAUSE_S
            self._reporter.say(f"{part.name} {child.describe_end()}; starting it again in {pause_s:g} s")
            while True:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                began_s = time.monotonic()
                try:
                    child = await self._bring_up(part)
                except (OSError, CannotStart) as error:
                    self._reporter.say(f"{error}; trying again in {pause_s:g} s")
                else:
                    self._reporter.say(f"{part.name} runs again after {time.monotonic() - began_s:.1f} s")
                    break
