"""Rules off the event loop: the ``RuleRunner`` port over processes.

Small texts are judged here and now: they take less than the way to another process. Larger ones go to one of a few
processes that are started beforehand. A rule that is stuck costs its process, which is replaced, and who asked gets no
answer. One organisation never has all processes: what it waits for, and how much of it may wait, is its own affair.
Read next: ``rule_process`` for one of them.

A send to a process that was stopped from outside can hold that process's thread for longer than its deadline; who waits
is told in time all the same.
"""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from extproc.adapters.rule_process import Job, RuleProcess
from extproc.adapters.rule_worker import Answer
from extproc.guard.rules import scan_leaves
from extproc.model.guard import Direction, Leaf, Scanned
from extproc.model.guard_policy import RuleSpec
from extproc.model.refusals import Unavailable

DEPENDENCY = "guard"
INLINE_CHARACTERS = 4096
"""Ordinary text of so much is a quarter of a millisecond; text made to be dear, four."""
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How much may run and wait."""

    processes: int = 2
    most_waiting: int = 32
    """Of one organisation, running ones included."""
    limit_s: float = 1.0
    """From question to answer, waiting included."""
    inline_characters: int = INLINE_CHARACTERS
    """Texts of no more than this together are judged on the event loop."""

    @property
    def most_running(self) -> int:
        """Of one organisation: all but one process, so that others need not wait for it."""
        return max(1, self.processes - 1)


@dataclass(slots=True, eq=False)
class _Waiter:
    job: Job
    answer: asyncio.Future[Answer | None]


@dataclass(slots=True, eq=False)
class RulePool:
    """Use from one event loop; ``open_rule_pool`` makes one."""

    size: PoolSize
    processes: tuple[RuleProcess, ...] = ()
    refused: int = 0
    """Questions that were not even queued."""
    _idle: list[RuleProcess] = field(default_factory=list)
    _waiting: dict[str, deque[_Waiter]] = field(default_factory=dict)
    """By organisation, those whose turn is next first."""
    _running: Counter[str] = field(default_factory=Counter)
    _held: Counter[str] = field(default_factory=Counter)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def replaced(self) -> int:
        """How many processes died or were stuck."""
        return sum(process.replaced for process in self.processes)

    async def run(
        self, organisation: str, specs: tuple[RuleSpec, ...], leaves: tuple[Leaf, ...], direction: Direction
    ) -> tuple[Scanned, ...]:
        """See ``RuleRunner``.

        Raises:
            Unavailable: no answer in time, the process died, or too much of this organisation's is waiting.
            RuntimeError: a rule has a bug. Its message names only the kind.
        """
        if sum(len(leaf.text) for leaf in leaves) <= self.size.inline_characters:
            return scan_leaves(specs, leaves, direction)
        if self._held[organisation] >= self.size.most_waiting:
            self.refused += 1
            raise Unavailable(DEPENDENCY, "too many texts of this organisation wait to be judged")
        self._held[organisation] += 1
        try:
            answer = await self._ask(organisation, specs, leaves, direction)
        finally:
            self._held[organisation] -= 1
            if not self._held[organisation]:
                del self._held[organisation]
        if isinstance(answer, str):
            raise RuntimeError(f"a rule failed: {answer}")  # noqa: TRY004 - what it is decides who is told
        return answer

    async def prepare(self, specs: Sequence[RuleSpec]) -> None:
        """Compile rules in every process before they are asked for; best effort, for a moment."""
        for spec in specs:
            scan_leaves((spec,), (), Direction.INPUT)
        questions = [self._ask(f"\0{index}", tuple(specs), (), Direction.INPUT) for index in range(len(self.processes))]
        await asyncio.gather(*questions, return_exceptions=True)

    async def _ask(
        self, organisation: str, specs: tuple[RuleSpec, ...], leaves: tuple[Leaf, ...], direction: Direction
    ) -> Answer:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer | None] = loop.create_future()
        done = partial(_from_thread, loop, self._finished, future)
        deadline_s = time.monotonic() + self.size.limit_s
        waiter = _Waiter(Job((specs, leaves, direction), deadline_s, done, organisation), future)
        self._waiting.setdefault(organisation, deque()).append(waiter)
        self._dispatch()
        try:
            async with asyncio.timeout(self.size.limit_s):
                answer = await future
        except TimeoutError:
            raise Unavailable(DEPENDENCY, "the rules did not end in time") from None
        finally:
            self._forget(waiter)
        if answer is None:
            raise Unavailable(DEPENDENCY, "the process that ran the rules is gone")
        return answer

    def _forget(self, waiter: _Waiter) -> None:
        """It waits no more, if it still did. What runs already ends by itself, at its deadline at the latest."""
        owner = waiter.job.owner
        queue = self._waiting.get(owner)
        if queue is not None:
            with contextlib.suppress(ValueError):
                queue.remove(waiter)
            if not queue:
                del self._waiting[owner]

    def _dispatch(self) -> None:
        while self._idle:
            waiter = self._next()
            if waiter is None:
                return
            self._running[waiter.job.owner] += 1
            self._idle.pop().take(waiter.job)

    def _next(self) -> _Waiter | None:
        for owner in self._waiting:
            if self._running[owner] < self.size.most_running:
                queue = self._waiting.pop(owner)
                waiter = queue.popleft()
                if queue:
                    self._waiting[owner] = queue  # at the end: the others are next
                return waiter
        return None

    def _finished(self, future: "asyncio.Future[Answer | None]", job: Job, answer: Answer | None) -> None:
        self._running[job.owner] -= 1
        if not self._running[job.owner]:
            del self._running[job.owner]
        if not future.done():
            future.set_result(answer)
        self._dispatch()

    def _is_idle(self, process: RuleProcess) -> None:
        self._idle.append(process)
        if len(self._idle) == len(self.processes):
            self._ready.set()
        self._dispatch()


@contextlib.asynccontextmanager
async def open_rule_pool(
    size: PoolSize | None = None, *, modules: Iterable[str] = (), start_s: float = _START_S
) -> AsyncIterator[RulePool]:
    """Processes that are ready to judge, ended on leaving.

    Args:
        size: how much may run and wait.
        modules: imported in each process before it is ready, beside the built-in rules.
        start_s: how long all of them together may take until they are ready.

    Raises:
        Unavailable: they did not start.
    """
    pool = RulePool(size or PoolSize())
    loop = asyncio.get_running_loop()
    tell = partial(_from_thread, loop, pool._is_idle)  # noqa: SLF001 - this file's own
    pool.processes = tuple(RuleProcess(tuple(modules), tell) for _ in range(pool.size.processes))
    for process in pool.processes:
        process.start()
    try:
        try:
            async with asyncio.timeout(start_s):
                await pool._ready.wait()  # noqa: SLF001 - same
        except TimeoutError:
            raise Unavailable(DEPENDENCY, "the processes that run rules do not start") from None
        yield pool
    finally:
        await asyncio.gather(*(asyncio.to_thread(process.close) for process in pool.processes))


def _from_thread(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(function, *arguments)
