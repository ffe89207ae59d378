"""The cache's memory within one process, for tests and for one worker alone. ``tests/contracts`` holds it to Redis'.

It compares every vector of a partition: right, and slow. Set ``is_down`` and it raises as its real counterpart does.
"""

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from extproc.adapters.cache_owners import is_owned
from extproc.model.cache import Candidate, Entry, EntryId, Partition, Vector, organisation_of
from extproc.model.refusals import Unavailable
from extproc.policy.ports import Clock

_Key = tuple[Partition, EntryId]


@dataclass(slots=True, eq=False)
class MemoryCache:
    """Memory and CacheDesk."""

    clock: Clock
    is_down: bool = False
    is_ready: bool = True
    """False: as while the index is being built."""
    _entries: dict[_Key, Entry] = field(default_factory=dict)
    _uses: dict[_Key, float] = field(default_factory=dict)
    _asking: dict[_Key, tuple[float, asyncio.Event]] = field(default_factory=dict)

    async def get(self, partition: Partition, entry: EntryId) -> Entry | None:
        """See ``Memory``."""
        self._reach()
        found = self._entries.get((partition, entry))
        if found is None or found.expires_at_s <= self.clock.now_s():
            return None
        self._uses[partition, entry] += 1
        return found

    def nearest(self, partition: Partition, vector: Vector, most: int) -> Sequence[Candidate]:
        """See ``Memory``."""
        if not self.is_ready or not vector:
            return ()
        now_s = self.clock.now_s()
        alike = [
            Candidate(each.id, _cosine(vector, each.vector))
            for each in self._entries.values()
            if each.partition == partition and len(each.vector) == len(vector) and each.expires_at_s > now_s
        ]
        return tuple(sorted(alike, key=lambda candidate: -candidate.similarity)[:most])

    async def put(self, entry: Entry, *, max_entries: int) -> None:
        """See ``Memory``."""
        self._reach()
        key = (entry.partition, entry.id)
        floor = 0.0
        if key not in self._entries:
            others = [each for each in self._entries if each[0] == entry.partition]
            for _ in range(max(0, len(others) + 1 - max_entries)):
                least = min(others, key=lambda each: self._uses[each])
                floor = self._uses.pop(least)
                del self._entries[least]
                others.remove(least)
        self._entries[key] = entry
        self._uses[key] = max(self._uses.get(key, 0.0), floor + 1)
        self._settle(key)

    async def begin(self, partition: Partition, entry: EntryId, limit_s: float) -> bool:
        """See ``Memory``."""
        self._reach()
        now_s = self.clock.now_s()
        until_s, _ = self._asking.get((partition, entry), (0.0, None))
        if now_s < until_s:
            return False
        self._settle((partition, entry))
        self._asking[partition, entry] = (now_s + limit_s, asyncio.Event())
        return True

    async def wait(self, partition: Partition, entry: EntryId, limit_s: float) -> Entry | None:
        """See ``Memory``."""
        asking = self._asking.get((partition, entry))
        if asking is not None:
            try:
                async with asyncio.timeout(limit_s):
                    await asking[1].wait()
            except TimeoutError:
                return None
        return None if self.is_down else await self.get(partition, entry)

    async def give_up(self, partition: Partition, entry: EntryId) -> None:
        """See ``Memory``."""
        self._settle((partition, entry))

    async def count(self, organisation: str | None) -> Sequence[tuple[str, int, int]]:
        """See ``CacheDesk``."""
        self._reach()
        now_s = self.clock.now_s()
        counts: dict[str, tuple[int, int]] = {}
        for entry in self._entries.values():
            whose = organisation_of(entry.partition)
            if entry.expires_at_s > now_s and organisation in {None, whose}:
                had, size = counts.get(whose, (0, 0))
                counts[whose] = (had + 1, size + len(entry.answer) + len(entry.vector) + len(entry.text))
        return [(whose, *found) for whose, found in sorted(counts.items())]

    async def purge(self, organisation: str, *, owner: str | None, partition: Partition | None) -> int:
        """See ``CacheDesk``."""
        self._reach()
        gone = [
            key
            for key, entry in self._entries.items()
            if organisation_of(entry.partition) == organisation
            and partition in {None, entry.partition}
            and is_owned(entry.owner, owner)
        ]
        now_s = self.clock.now_s()
        count = sum(self._entries.pop(key).expires_at_s > now_s for key in gone)
        for key in gone:
            del self._uses[key]
        return count

    def _settle(self, key: _Key) -> None:
        asking = self._asking.pop(key, None)
        if asking is not None:
            asking[1].set()

    def _reach(self) -> None:
        if self.is_down:
            raise Unavailable("redis")


def _cosine(one: Vector, other: Vector) -> float:
    values = f"<{len(one) // 4}f"
    pairs: zip[tuple[float, float]] = zip(struct.unpack(values, one), struct.unpack(values, other), strict=True)
    return sum(a * b for a, b in pairs)
