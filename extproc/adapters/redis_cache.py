"""Memory and CacheDesk over Redis, with an index of vectors in this worker.

    put      Redis → this index → everybody told          a worker that dies in between is a miss for the others
    get      Redis, always: what it no longer has is no answer, and leaves the index
    purge    a moment in Redis, before which nothing is given out or taken → everybody told → removed bit by bit

Redis may lose its last moments when another server takes over. So what was forgotten is remembered in every worker that
heard of it, held against whatever is found, and told to Redis anew. Read next: ``redis_cache_store``, ``cache_feed``.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from extproc.adapters.cache_codec import EntryCorrupt, read_entry, write_entry
from extproc.adapters.cache_feed import CacheFeed
from extproc.adapters.cache_index import MOST_VECTORS, CacheIndex
from extproc.adapters.cache_owners import floors_of
from extproc.adapters.redis_cache_store import MOST_TTL_S, CacheTimes, Found, RedisCacheStore
from extproc.model.cache import Candidate, Entry, EntryId, Partition, Vector, organisation_of
from extproc.model.refusals import Unavailable
from extproc.policy.ports import Clock

_Key = tuple[Partition, EntryId]
_MOST_FLOORS = 10_000
_MOST_TOKENS = 10_000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.25
_EXPIRE_EVERY_S = 300.0
_REASSERT_EVERY_S = 10.0
_REASSERTED_S = 600.0
"""What was forgotten longer ago has reached every replica."""
_TIDY_CALLS = 10_000


@dataclass(frozen=True, slots=True)
class CacheCaps:
    """How much is kept."""

    most_entry_bytes: int = 256 * 1024
    """As it is kept, its vector included. What is larger is not kept."""
    most_organisation_bytes: int = 256 * 1024 * 1024
    """What is new takes the place of its partition's own; if that is not enough it is not kept."""
    most_vectors: int = MOST_VECTORS
    """In one worker."""


class RedisCache:
    """Use from one event loop; ``open_redis_cache`` makes one and runs it."""

    def __init__(self, store: RedisCacheStore, clock: Clock, caps: CacheCaps, *, every_s: float = 0.25) -> None:
        self._store = store
        self._clock = clock
        self._caps = caps
        self.index = CacheIndex(caps.most_vectors)
        self.feed = CacheFeed(store, self.index, self._remember_forgotten, self._reassert, every_s=every_s)
        self._floors: dict[tuple[str, str], int] = {}
        self._tokens: dict[_Key, str] = {}
        self._watched: dict[_Key, asyncio.Task[Entry | None]] = {}
        self._log = structlog.get_logger("extproc.cache")

    async def get(self, partition: Partition, entry: EntryId) -> Entry | None:
        """See ``Memory``."""
        found, _ = await self._store.get(partition, entry)
        if found is None:
            self.index.remove(partition, entry)
            return None
        return await self._read(partition, entry, found)

    def nearest(self, partition: Partition, vector: Vector, most: int) -> Sequence[Candidate]:
        """See ``Memory``."""
        return self.index.nearest(partition, vector, most) if self.feed.is_ready else ()

    async def put(self, entry: Entry, *, max_entries: int) -> None:
        """See ``Memory``."""
        data = write_entry(entry)
        ttl_s = min(entry.expires_at_s - self._clock.now_s(), MOST_TTL_S)
        if len(data) + len(entry.vector) > self._caps.most_entry_bytes or ttl_s <= 0 or max_entries < 1:
            await self.give_up(entry.partition, entry.id)
            return
        self._tokens.pop((entry.partition, entry.id), None)
        outcome, gone = await self._store.put(
            entry.partition,
            entry.id,
            (data, entry.vector, entry.owner),
            (entry.stored_at_s, ttl_s),
            (max_entries, self._caps.most_organisation_bytes),
        )
        for each in gone:
            self.index.remove(entry.partition, each)
        if outcome == "kept":
            self.index.add(entry.partition, entry.id, entry.vector, entry.expires_at_s)
            await self.feed.tell_put(entry, gone)
        elif outcome == "full":
            self._log.warning("cache_full", organisation=organisation_of(entry.partition))

    async def begin(self, partition: Partition, entry: EntryId, limit_s: float) -> bool:
        """See ``Memory``."""
        token = await self._store.begin(partition, entry, limit_s)
        if token is None:
            return False
        while len(self._tokens) >= _MOST_TOKENS:
            del self._tokens[next(iter(self._tokens))]  # its time is up long since
        self._tokens[partition, entry] = token
        return True

    async def wait(self, partition: Partition, entry: EntryId, limit_s: float) -> Entry | None:
        """See ``Memory``."""
        key = (partition, entry)
        watched = self._watched.get(key)
        if watched is None:
            # However many of this worker wait, one looks.
            watched = self._watched[key] = asyncio.create_task(self._watch(partition, entry))
            watched.add_done_callback(lambda _: self._watched.pop(key, None))
        await asyncio.wait({watched}, timeout=limit_s)
        return watched.result() if watched.done() and not watched.cancelled() else None

    async def give_up(self, partition: Partition, entry: EntryId) -> None:
        """See ``Memory``. Where Redis does not answer, who waits finds out when the time of ``begin`` is over."""
        token = self._tokens.pop((partition, entry), None)
        if token is not None:
            with contextlib.suppress(Unavailable):
                await self._store.cease(partition, entry, token)

    async def count(self, organisation: str | None) -> Sequence[tuple[str, int, int]]:
        """See ``CacheDesk``."""
        counts: list[tuple[str, int, int]] = []
        for each in await self._store.organisations() if organisation is None else [organisation]:
            start = entries = size = 0
            for _ in range(_TIDY_CALLS):
                seen, swept, entries, size = await self._store.tidy(each, start)
                if seen == 0:
                    break
                # What had run out leaves no gap behind: the same places are looked at until nothing more goes.
                start += 0 if swept else seen
            if entries:
                counts.append((each, entries, size))
        return counts

    async def purge(self, organisation: str, *, owner: str | None, partition: Partition | None) -> int:
        """See ``CacheDesk``."""
        if partition is not None and organisation_of(partition) != organisation:
            return 0
        floor = floor_name(owner, partition)
        at_us = await self._store.forget(organisation, floor)
        self._remember_forgotten(organisation, floor, at_us)
        await self.feed.tell_forget(organisation, floor, at_us, partition)
        if owner is None:
            self.index.forget(organisation, partition)
        count = 0
        for each in await self._partitions(organisation) if partition is None else [partition]:
            count += await self._drop(organisation, each, at_us, owner)
        return count

    async def expire(self) -> None:
        """Remove from the index what has run out, again and again, until cancelled."""
        while True:
            await asyncio.sleep(_EXPIRE_EVERY_S)
            await self.index.expire(self._clock.now_s())

    async def reassert(self) -> None:
        """Tell Redis again and again what was forgotten lately, until cancelled.

        A server that takes over may lack it, and may have got as many other messages since: no gap shows that.
        """
        while True:
            await asyncio.sleep(_REASSERT_EVERY_S)
            since_us = (self._clock.now_s() - _REASSERTED_S) * 1e6
            with contextlib.suppress(Unavailable):
                await self._reassert(since_us)

    def close(self) -> None:
        """Nobody waits any more."""
        for task in list(self._watched.values()):
            task.cancel()

    async def _watch(self, partition: Partition, entry: EntryId) -> Entry | None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                found, is_asked = await self._store.get(partition, entry)
                if found is not None:
                    return await self._read(partition, entry, found)
            except Unavailable:
                return None
            if not is_asked:
                return None
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)

    async def _read(self, partition: Partition, entry: EntryId, found: Found) -> Entry | None:
        part = partition.rpartition("/")[2]
        organisation = organisation_of(partition)
        for floor in (
            "*",
            f"p:{part}",
            *(f"o:{each}{at}" for each in floors_of(found.owner) for at in ("", f"@{part}")),
        ):
            if found.written_us <= self._floors.get((organisation, floor), 0):
                return None
        try:
            return read_entry(partition, entry, found.data, found.vector)
        except EntryCorrupt as trouble:
            self._log.error("cache_entry_corrupt", partition=partition, entry=entry, reason=str(trouble))
            self.index.remove(partition, entry)
            with contextlib.suppress(Unavailable):
                await self._store.remove(partition, entry)
            return None

    async def _partitions(self, organisation: str) -> list[Partition]:
        found: list[Partition] = []
        while some := await self._store.partitions(organisation, len(found), 1000):
            found += some
        return found

    async def _drop(self, organisation: str, partition: Partition, at_us: int, owner: str | None) -> int:
        start = count = 0
        while True:
            seen, kept, gone = await self._store.drop(partition, at_us, owner, start)
            start += kept
            count += len(gone)
            for each in gone:
                self.index.remove(partition, each)
            if gone and owner is not None:
                await self.feed.tell_drop(organisation, partition, gone)
            if seen == 0:
                return count

    def _remember_forgotten(self, organisation: str, floor: str, at_us: int) -> None:
        key = (organisation, floor)
        at_us = max(at_us, self._floors.pop(key, 0))
        while len(self._floors) >= _MOST_FLOORS:
            del self._floors[next(iter(self._floors))]
        self._floors[key] = at_us

    async def _reassert(self, since_us: float = 0.0) -> None:
        for (organisation, floor), at_us in list(self._floors.items()):
            if at_us >= since_us:
                await self._store.forget(organisation, floor, at_us)


def floor_name(owner: str | None, partition: Partition | None) -> str:
    """What is forgotten, as the hash of moments calls it."""
    part = "" if partition is None else partition.rpartition("/")[2]
    if owner is None:
        return f"p:{part}" if part else "*"
    return f"o:{owner}@{part}" if part else f"o:{owner}"


@contextlib.asynccontextmanager
async def open_redis_cache(
    redis: Redis,
    clock: Clock,
    caps: CacheCaps | None = None,
    times: CacheTimes | None = None,
    *,
    every_s: float = 0.25,
) -> AsyncIterator[RedisCache]:
    """The cache of one worker. It has no near answers until its index is built, which begins now.

    Args:
        redis: the client; not closed.
        clock: for ends.
        caps: how much is kept.
        times: how long is waited.
        every_s: how often it is looked for what others did.
    """
    cache = RedisCache(RedisCacheStore(redis, times or CacheTimes()), clock, caps or CacheCaps(), every_s=every_s)
    tasks = [
        asyncio.create_task(each) for each in (cache.feed.run(), cache.index.run(), cache.expire(), cache.reassert())
    ]
    try:
        yield cache
    finally:
        cache.close()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
