"""This worker's vectors of all partitions, within a bound: the partitions that nobody asked for longest go first.

Most partitions are small, since every history of a conversation is one of its own. Read next: ``faiss_index``.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import structlog

from extproc.adapters.faiss_index import FLAT_MOST, PartitionIndex
from extproc.model.cache import Candidate, EntryId, Partition, Vector, organisation_of

MOST_VECTORS = 1_000_000
"""Of all partitions. With 384 numbers, one partition of so many takes about a gigabyte."""

_AT_ONCE = 100


class CacheIndex:
    """Use from one event loop. ``run`` must be running for large partitions to be quick."""

    def __init__(self, most_vectors: int = MOST_VECTORS, flat_most: int = FLAT_MOST) -> None:
        self._most_vectors = most_vectors
        self._flat_most = flat_most
        self._partitions: OrderedDict[Partition, PartitionIndex] = OrderedDict()
        self.count = 0
        """Vectors."""
        self._crowded: dict[Partition, PartitionIndex] = {}
        self._wake = asyncio.Event()

    def add(self, partition: Partition, entry: EntryId, vector: Vector, end_s: float) -> None:
        """Put it there, in place of what it had."""
        if not vector:
            self.remove(partition, entry)
            return
        index = self._partitions.get(partition)
        if index is None:
            index = self._partitions[partition] = PartitionIndex(len(vector) // 4, self._flat_most)
        before = len(index)
        index.add(entry, vector, end_s)
        self.count += len(index) - before
        if index.is_crowded and partition not in self._crowded:
            self._crowded[partition] = index
            self._wake.set()
        while self.count > self._most_vectors and len(self._partitions) > 1:
            # The one that is being filled is not the one that goes.
            oldest = next(each for each in self._partitions if each != partition)
            self._forget(oldest)

    def remove(self, partition: Partition, entry: EntryId) -> None:
        """It is not found any more."""
        index = self._partitions.get(partition)
        if index is None:
            return
        before = len(index)
        index.remove(entry)
        self.count += len(index) - before
        if len(index) == 0:
            self._forget(partition)

    def forget(self, organisation: str, partition: Partition | None) -> None:
        """Neither of them is found any more."""
        for each in list(self._partitions) if partition is None else [partition]:
            if organisation_of(each) == organisation:
                self._forget(each)

    def nearest(self, partition: Partition, vector: Vector, most: int) -> Sequence[Candidate]:
        """Best first."""
        index = self._partitions.get(partition)
        if index is None or not vector:
            return ()
        self._partitions.move_to_end(partition)
        return index.nearest(vector, most)

    def alike(self) -> "CacheIndex":
        """An empty one with the same bounds."""
        return CacheIndex(self._most_vectors, self._flat_most)

    def replace(self, other: "CacheIndex") -> None:
        """Be what the other is, which is of no use any more."""
        self._partitions, self.count = other._partitions, other.count  # noqa: SLF001 - of the same class
        self._crowded = {each: index for each, index in self._partitions.items() if index.is_crowded}
        self._wake.set()

    async def expire(self, now_s: float) -> None:
        """Remove what has run out, of everything, a few partitions at a time."""
        for number, partition in enumerate(list(self._partitions)):
            index = self._partitions.get(partition)
            if index is None:
                continue
            before = len(index)
            index.expire(now_s)
            self.count += len(index) - before
            if len(index) == 0:
                self._forget(partition)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def run(self) -> None:
        """Make lists of partitions that have become large, one after the other, until cancelled."""
        while True:
            if not self._crowded:
                self._wake.clear()
                await self._wake.wait()
                continue
            partition, index = self._crowded.popitem()
            if not index.is_crowded:
                continue
            make = index.begin_growth()
            try:
                made = await asyncio.to_thread(make)
            except Exception as error:  # noqa: BLE001 - a background task, and the library's errors have no common kind
                index.abandon_growth()
                structlog.get_logger("extproc.cache").error("cache_index_not_grown", reason=type(error).__name__)
                continue
            index.finish_growth(made)
            if index.is_crowded and self._partitions.get(partition) is index:
                self._crowded[partition] = index

    def _forget(self, partition: Partition) -> None:
        index = self._partitions.pop(partition, None)
        if index is not None:
            self.count -= len(index)
        self._crowded.pop(partition, None)
