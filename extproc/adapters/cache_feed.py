"""What every worker is told of remembered answers, and how this one's index follows.

    put      an entry, its vector, and which others went to make room
    drop     entries that went
    forget   everything of an organisation, a partition or an owner, from before a moment

Messages are numbered without gaps, in an epoch that a Redis that begins empty has not. Whoever misses one, because the
stream was cut, the connection was, or another server answers, begins anew: it reads every vector there is, in the
background, and goes on from where the feed was before. What the index lacks is a miss, and what it has too much is not
in Redis: it is never the index that says what is given out. Read next: ``redis_cache_store``.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from extproc.adapters.cache_index import CacheIndex
from extproc.adapters.redis_cache_store import Heard, RedisCacheStore
from extproc.model.cache import Entry, EntryId, Partition, Vector
from extproc.model.refusals import Unavailable

_AT_ONCE = 200
_MOST_HEARD = 500
_REST_S = 1.0


class CacheFeed:
    """``run`` must be running for the index to follow."""

    def __init__(
        self,
        store: RedisCacheStore,
        index: CacheIndex,
        forget: Callable[[str, str, int], None],
        reassert: Callable[[], Awaitable[None]],
        *,
        every_s: float = 0.25,
    ) -> None:
        """Set up; nothing is read yet.

        Args:
            store: where the feed is.
            index: what follows it.
            forget: hears of what an organisation forgot: the organisation, what, and since when (us).
            reassert: tells a Redis that may have forgotten it what was forgotten.
            every_s: the pause between two looks.
        """
        self._store = store
        self._index = index
        self._forget = forget
        self._reassert = reassert
        self._every_s = every_s
        self.is_ready = False
        """Whether the index has been whole once."""
        self.rebuilds = 0
        self._epoch = ""
        self._number = 0
        self._last = ""
        self._told = 0
        """Number of the last message of ours."""
        self._log = structlog.get_logger("extproc.cache")

    async def tell_put(self, entry: Entry, gone: Sequence[EntryId]) -> None:
        """Raises Unavailable where nobody was told: until they begin anew they only miss it."""
        said = {"t": "put", "p": entry.partition, "i": entry.id, "e": entry.expires_at_s, "g": list(gone)}
        await self._tell(entry.partition.rpartition("/")[0], said, entry.vector)

    async def tell_drop(self, organisation: str, partition: Partition, gone: Sequence[EntryId]) -> None:
        """See ``tell_put``."""
        await self._tell(organisation, {"t": "drop", "p": partition, "i": list(gone)})

    async def tell_forget(self, organisation: str, floor: str, at_us: int, partition: Partition | None) -> None:
        """Raises Unavailable where nobody was told."""
        await self._tell(organisation, {"t": "forget", "o": organisation, "f": floor, "a": at_us, "p": partition})

    async def run(self) -> None:
        """Follow until cancelled."""
        is_out = False
        while True:
            try:
                is_more = await self.step()
            except Unavailable as trouble:
                if not is_out:
                    self._log.warning("cache_feed_lost", reason=trouble.reason)
                is_out = True
                await asyncio.sleep(_REST_S)
                continue
            if is_out:
                self._log.info("cache_feed_back")
            is_out = False
            if not is_more:
                await asyncio.sleep(self._every_s)

    async def step(self) -> bool:
        """Take what was told since, or begin anew; whether there may be more at once.

        Raises:
            Unavailable: Redis did not answer in time.
        """
        if not self._last:
            await self._rebuild()
            return True
        heard = await self._store.hear(self._last, _MOST_HEARD)
        if not self._follows(heard):
            self._log.warning("cache_feed_gap", had=self._number, found=heard.number)
            self._last = ""
            return True
        for identity, number, said, vector in heard.messages:
            self._take(said, vector)
            self._last, self._number = identity, number
        return len(heard.messages) == _MOST_HEARD

    def _follows(self, heard: Heard) -> bool:
        numbers = [number for _, number, _, _ in heard.messages]
        if heard.epoch != self._epoch or heard.number < self._told:
            return False
        if numbers != list(range(self._number + 1, self._number + 1 + len(numbers))):
            return False
        # A server that lost the end of the stream is behind us; a stream that was cut has nothing for us.
        return len(numbers) == _MOST_HEARD or heard.number == self._number + len(numbers)

    async def _rebuild(self) -> None:
        now = await self._store.hear("")
        is_first = self.rebuilds == 0
        if not is_first:
            await self._reassert()
        fresh = self._index.alike()
        for organisation in await self._store.organisations():
            start = 0
            while partitions := await self._store.partitions(organisation, start, _AT_ONCE):
                start += len(partitions)
                for partition in partitions:
                    await self._read(partition, fresh)
        self._index.replace(fresh)
        self._epoch, self._number, self._last, self._told = now.epoch, now.number, now.last, now.number
        self.rebuilds += 1
        self.is_ready = True
        self._log.info("cache_index_built", vectors=fresh.count)

    async def _read(self, partition: Partition, fresh: CacheIndex) -> None:
        start = 0
        while found := await self._store.ends(partition, start, _AT_ONCE):
            start += len(found)
            vectors = await self._store.vectors(partition, [entry for entry, _ in found])
            for (entry, end_s), vector in zip(found, vectors, strict=True):
                if vector:
                    fresh.add(partition, entry, vector, end_s)

    def _take(self, said: bytes, vector: Vector) -> None:
        try:
            document = json.loads(said)
            self._apply(document, vector)
        except (ValueError, TypeError, KeyError, RecursionError):
            # Another version wrote it, or anybody who reaches Redis. The index may miss something.
            self._log.warning("cache_feed_unreadable", size_bytes=len(said))

    def _apply(self, said: dict[str, Any], vector: Vector) -> None:
        match said["t"]:
            case "put":
                partition = Partition(said["p"])
                for gone in said["g"]:
                    self._index.remove(partition, EntryId(gone))
                self._index.add(partition, EntryId(said["i"]), vector, float(said["e"]))
            case "drop":
                for gone in said["i"]:
                    self._index.remove(Partition(said["p"]), EntryId(gone))
            case "forget":
                self._forget(str(said["o"]), str(said["f"]), int(said["a"]))
                if said["f"] == "*" or said["f"].startswith("p:"):
                    self._index.forget(str(said["o"]), None if said["p"] is None else Partition(said["p"]))
            case _:
                pass

    async def _tell(self, organisation: str, said: dict[str, object], vector: Vector = b"") -> None:
        _, self._told = await self._store.tell(organisation, json.dumps(said, separators=(",", ":")).encode(), vector)
