"""Declared limits in memory, as ``memory`` has other ports; ``tests/contracts/test_limits`` holds them to Postgres."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from extproc.adapters.memory import MemoryClock
from extproc.model.keys import AdminEntry, Deed
from extproc.model.limit_definition import write_limit
from extproc.model.limit_records import LimitChange, LimitConflict, LimitProblem, LimitSet, StoredLimit
from extproc.model.limits import Budget, Limit, LimitId, Unit
from extproc.model.refusals import Unavailable


@dataclass(slots=True, eq=False)
class MemoryLimits:
    """LimitStore and LimitFeed over one dictionary."""

    clock: MemoryClock = field(default_factory=MemoryClock)
    is_down: bool = False
    log: list[AdminEntry] = field(default_factory=list)
    stored: dict[LimitId, StoredLimit] = field(default_factory=dict)

    async def read(self) -> LimitSet:
        """See ``LimitStore``."""
        return await self.limits_since(None)

    async def history(self, identity: LimitId) -> tuple[AdminEntry, ...]:
        """See ``LimitStore``."""
        self._reach()
        return tuple(entry for entry in self.log if entry.subject == f"limit:{identity}")

    async def limits_since(self, version: int | None) -> LimitSet:
        """See ``LimitFeed``."""
        self._reach()
        head = self._head()
        is_whole = version is None or version > head
        after = 0 if version is None or is_whole else version
        found = (each for each in self.stored.values() if each.version > after)
        return LimitSet(head, tuple(sorted(found, key=lambda each: each.limit.id)), is_whole)

    async def change(self, changes: Sequence[LimitChange], deed: Deed, *, base: int | None = None) -> int:
        """See ``LimitStore``."""
        self._reach()
        if base is not None and base != self._head():
            raise LimitConflict("limits were changed by somebody else since this was planned")
        for change in changes:
            before = self.stored.get(change.id)
            if change.expected != (before.version if before is not None else 0):
                raise LimitConflict("limits were changed by somebody else since this was planned")
            if change.limit is None and before is None:
                raise LimitProblem(f"limit {change.id} does not exist; `extproc budgets list` shows those that do")
            if change.limit is not None and before is not None and _kept(before.limit) != _kept(change.limit):
                raise LimitProblem(f"limit {change.id} keeps its organisation and its unit")
        for change in changes:
            self._make(change, deed)
        return self._head()

    def _make(self, change: LimitChange, deed: Deed) -> None:
        before = self.stored.get(change.id)
        told = {"source": change.source.value}
        if change.limit is not None:
            told["definition"] = json.dumps(write_limit(change.limit), ensure_ascii=False)
        if before is not None and before.is_active:
            told["before"] = json.dumps(write_limit(before.limit), ensure_ascii=False)
        action = "limit.remove" if change.limit is None else "limit.set"
        seq, now_s = len(self.log) + 1, self.clock.now_s()
        self.log.append(AdminEntry(seq, now_s, deed, action, f"limit:{change.id}", tuple(sorted(told.items()))))
        limit = change.limit or (before.limit if before is not None else None)
        if limit is not None:
            self.stored[change.id] = StoredLimit(limit, change.source, seq, now_s, change.limit is not None)

    def _head(self) -> int:
        return max((each.version for each in self.stored.values()), default=0)

    def _reach(self) -> None:
        if self.is_down:
            raise Unavailable("postgres", "told to be down")


@dataclass(slots=True, eq=False)
class MemoryLimitWord:
    """LimitWord to whoever is subscribed in this process."""

    is_down: bool = False
    published: list[int] = field(default_factory=list)
    _listeners: set[asyncio.Queue[int | None]] = field(default_factory=set)

    @property
    def listeners(self) -> int:
        """How many are subscribed now."""
        return len(self._listeners)

    async def publish(self, version: int) -> None:
        """See ``LimitWord``."""
        self._reach()
        self.published.append(version)
        for queue in self._listeners:
            queue.put_nowait(version)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[int]]:
        """See ``LimitWord``."""
        self._reach()
        queue: asyncio.Queue[int | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield _drain(queue)
        finally:
            self._listeners.discard(queue)

    def go_down(self) -> None:
        """Cut every subscription and refuse new ones, until ``is_down`` is set back."""
        self.is_down = True
        for queue in self._listeners:
            queue.put_nowait(None)

    def _reach(self) -> None:
        if self.is_down:
            raise Unavailable("redis", "told to be down")


async def _drain(queue: asyncio.Queue[int | None]) -> AsyncIterator[int]:
    while (version := await queue.get()) is not None:
        yield version
    raise Unavailable("redis", "told to be down")


def _kept(limit: Limit) -> tuple[str, Unit | None]:
    return limit.scope.organisation, limit.unit if isinstance(limit, Budget) else None
