"""Remembered answers in Redis: what one call does, within a deadline. ``redis_cache`` makes a Memory of it.

    extproc:cache:{organisation}:e:<part>:<id>   hash: d data, v vector, o owner, w written (us), n size; has its TTL
                                 u:<part>        sorted set: id by use; the least goes first (LFU with dynamic ageing)
                                 x:<part>        sorted set: id and size by the end (ms)
                                 a:<part>:<id>   who asks this now; has its time
                                 p               sorted set: part by its last end (ms)
                                 m               hash: bytes, entries, and of each part where use began last
                                 f               hash: since when what is forgotten (us); 31 days
    extproc:{cache}:meta, :feed, :organisations  hash: epoch, number; stream; set

A ``part`` is a partition without its organisation. Redis itself is who decides: what is not there is not given out,
whatever an index says. An organisation's keys share a node of a Cluster. Times are Redis' own.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from extproc.model.cache import EntryId, Partition, Vector, organisation_of
from extproc.model.refusals import Unavailable

_DEPENDENCY = "redis"
PREFIX = "extproc:cache:"
FEED_KEYS = ("extproc:{cache}:meta", "extproc:{cache}:feed", "extproc:{cache}:organisations")
KEPT_MESSAGES = 4096
"""Who is further behind begins anew. With vectors of 384 numbers about 8 MB."""
MOST_TTL_S = 30 * 86_400.0
_FORGOTTEN_MS = 31 * 86_400_000
"""Longer than any entry lives: a purge that was cut short has hidden what it did not remove."""


@dataclass(frozen=True, slots=True)
class CacheTimes:
    """How long is waited for Redis."""

    look_s: float = 0.25
    """While a request waits."""
    work_s: float = 2.0
    """In the background."""
    rest_s: float = 1.0
    """After a call that was not answered in time no request waits for another one."""


@dataclass(frozen=True, slots=True)
class Found:
    """What lies under an id."""

    data: bytes
    vector: Vector
    owner: str
    written_us: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A stretch of the feed."""

    epoch: str
    number: int
    """Of the last message there is."""
    last: str
    """Id in the stream up to which this tells; the messages' own where there are some."""
    messages: Sequence[tuple[str, int, bytes, Vector]]
    """Id, number, what, and a vector."""


class RedisCacheStore:
    """See the module. Every method raises Unavailable where Redis does not answer in time."""

    def __init__(self, redis: Redis, times: CacheTimes) -> None:
        self.redis = redis
        self.times = times
        self._nonce = secrets.token_hex(8)
        self._deeds = redis.register_script(_script("redis_cache.lua"))
        self._feed = redis.register_script(_script("redis_cache_feed.lua"))
        self._rests_until_s = 0.0

    async def get(self, partition: Partition, entry: EntryId) -> tuple[Found | None, bool]:
        """What lies there, and whether somebody asks for it now."""
        said = await self._look(partition, "get", _part(partition), entry)
        if len(said) == 1:
            return None, bool(int(said[0]))
        _, data, vector, owner, written = said
        return Found(data, vector, owner.decode(), int(written)), False

    async def put(
        self,
        partition: Partition,
        entry: EntryId,
        kept: tuple[bytes, Vector, str],
        spans_s: tuple[float, float],
        most: tuple[int, int],
    ) -> tuple[str, list[EntryId]]:
        """Keep it: what became of it, and which others went.

        Args:
            partition: where.
            entry: as what.
            kept: data, vector, owner.
            spans_s: when it was stored, UTC seconds, and how long it lives.
            most: entries in the partition, and bytes of the organisation.
        """
        stored_us, ttl_ms = int(spans_s[0] * 1e6), int(spans_s[1] * 1000)
        said = await self._work(
            organisation_of(partition), "put", _part(partition), entry, *kept, stored_us, max(1, ttl_ms), *most
        )
        return said[0].decode(), [EntryId(each.decode()) for each in said[1:]]

    async def remove(self, partition: Partition, entry: EntryId) -> None:
        """Whatever it was."""
        await self._work(organisation_of(partition), "remove", _part(partition), entry)

    async def begin(self, partition: Partition, entry: EntryId, limit_s: float) -> str | None:
        """A token for who is the first to ask; None: somebody asks already."""
        token = secrets.token_hex(8)
        with_limit = self.redis.set(_lock(partition, entry), token, nx=True, px=max(1, int(limit_s * 1000)))
        return token if await self._bounded(with_limit, self.times.look_s) else None

    async def cease(self, partition: Partition, entry: EntryId, token: str) -> None:
        """Whoever had the token asks no more."""
        await self._work(organisation_of(partition), "cease", _part(partition), entry, token)

    async def forget(self, organisation: str, floor: str, at_us: int = 0) -> int:
        """Nothing of that from before is given out again; since when, 0 meaning now."""
        (at,) = await self._work(organisation, "forget", floor, at_us, _FORGOTTEN_MS)
        return int(at)

    async def drop(
        self, partition: Partition, floor_us: int, owner: str | None, start: int
    ) -> tuple[int, int, list[EntryId]]:
        """Remove a hundred of what is forgotten: how many were looked at, how many stay, which went."""
        seen, kept, *gone = await self._work(
            organisation_of(partition), "drop", _part(partition), floor_us, owner or "", start
        )
        return int(seen), int(kept), [EntryId(each.decode()) for each in gone]

    async def tidy(self, organisation: str, start: int) -> tuple[int, int, int, int]:
        """Count off what ran out in a hundred partitions: how many, how much it was; entries and bytes of all."""
        seen, swept, entries, size = await self._work(organisation, "tidy", start, start + 99)
        return int(seen), int(swept), int(entries), int(size)

    async def organisations(self) -> list[str]:
        """Whoever ever had an entry."""
        found = await self._bounded(self.redis.smembers(FEED_KEYS[2]), self.times.work_s)
        return sorted(each.decode() for each in found)

    async def partitions(self, organisation: str, start: int, most: int) -> list[Partition]:
        """Those of an organisation, ``most`` from ``start`` on."""
        asked = self.redis.zrange(_base(organisation) + "p", start, start + most - 1)
        found = await self._bounded(asked, self.times.work_s)
        return [Partition(f"{organisation}/{each.decode()}") for each in found]

    async def ends(self, partition: Partition, start: int, most: int) -> list[tuple[EntryId, float]]:
        """Entries with their ends, UTC seconds by Redis' clock."""
        key = f"{_base(organisation_of(partition))}x:{_part(partition)}"
        asked = self.redis.zrange(key, start, start + most - 1, withscores=True)
        found = await self._bounded(asked, self.times.work_s)
        return [(EntryId(member.decode().rpartition(":")[0]), score / 1000) for member, score in found]

    async def vectors(self, partition: Partition, entries: Sequence[EntryId]) -> list[Vector]:
        """Of each entry; empty for what is gone."""
        found: list[Vector] = await self._work(organisation_of(partition), "vectors", _part(partition), *entries)
        return found

    async def tell(self, organisation: str, what: bytes, vector: Vector) -> tuple[str, int]:
        """Tell every worker; the epoch and the message's number."""
        epoch, number = await self._bounded(
            self._feed(list(FEED_KEYS), ["tell", self._nonce, organisation, KEPT_MESSAGES, what, vector]),
            self.times.work_s,
        )
        return epoch.decode(), int(number)

    async def hear(self, since: str, most: int = 500) -> Heard:
        """What was told after that id; an empty one: where the feed is now."""
        epoch, number, last, rows = await self._bounded(
            self._feed(list(FEED_KEYS), ["hear", self._nonce, since, most]), self.times.work_s
        )
        messages = [(identity.decode(), int(each[1]), each[3], each[5]) for identity, each in rows]
        return Heard(epoch.decode(), int(number), last.decode(), messages)

    async def _look(self, partition: Partition, *said: Any) -> Any:
        if time.monotonic() < self._rests_until_s:
            raise Unavailable(_DEPENDENCY, "it did not answer a moment ago")
        try:
            call = self._deeds([_base(organisation_of(partition))], list(said))
            return await self._bounded(call, self.times.look_s)
        except Unavailable as trouble:
            # What Redis refuses it refuses at once, and of one key only.
            if not isinstance(trouble.__cause__, ResponseError):
                self._rests_until_s = time.monotonic() + self.times.rest_s
            raise

    async def _work(self, organisation: str, *said: Any) -> Any:
        return await self._bounded(self._deeds([_base(organisation)], list(said)), self.times.work_s)

    async def _bounded(self, call: Any, limit_s: float) -> Any:
        try:
            async with asyncio.timeout(limit_s):
                return await call
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(_DEPENDENCY, type(error).__name__) from error


def _base(organisation: str) -> str:
    return f"{PREFIX}{{{organisation}}}:"


def _part(partition: Partition) -> str:
    return partition.rpartition("/")[2]


def _lock(partition: Partition, entry: EntryId) -> str:
    return f"{_base(organisation_of(partition))}a:{_part(partition)}:{entry}"


def _script(name: str) -> str:
    return (resources.files("extproc.adapters") / name).read_text(encoding="utf-8")
