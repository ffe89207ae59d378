"""What the contract does not say: corrupt entries, bounds, lost moments, and Redis out of reach."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_cache import CacheCaps, RedisCache, floor_name, open_redis_cache
from extproc.adapters.redis_cache_store import CacheTimes
from extproc.adapters.redis_client import open_redis
from extproc.model.refusals import Unavailable
from tests.cache_entries import OTHER, PARTITION, make_entry
from tests.servers import Valkey, eventually

PATIENT = CacheTimes(20.0, 20.0, 0.0)
NOISE = random.Random(1).randbytes(5000)  # noqa: S311 - the same each time
KEY = "extproc:cache:{acme}:e:p1:id of a"


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    async with open_redis(valkey_url) as client:
        yield client


@pytest.fixture
async def cache(redis: Redis) -> AsyncIterator[RedisCache]:
    async with open_redis_cache(redis, MemoryClock(), CacheCaps(4096, 20_000), PATIENT, every_s=0.01) as opened:
        await eventually(lambda: opened.feed.is_ready, "the index being built")
        yield opened


async def heard(cache: RedisCache) -> None:
    """Its own word comes back to it: afterwards nothing is added anew that a test takes away."""
    await eventually(lambda: cache.feed._number >= cache.feed._told, "its own word")


@pytest.mark.parametrize("field", ["d", "v"])
async def test_a_corrupt_entry_is_a_miss_an_event_and_gone(cache: RedisCache, redis: Redis, field: str) -> None:
    entry = replace(make_entry("a"), text="how to reset it")
    await cache.put(entry, max_entries=10)
    await heard(cache)
    kept = await redis.hget(KEY, field)
    await redis.hset(KEY, field, kept[:-1] + bytes([kept[-1] ^ 1]))
    with capture_logs() as logs:
        assert await cache.get(PARTITION, entry.id) is None
    assert [log["event"] for log in logs] == ["cache_entry_corrupt"]
    assert entry.text not in str(logs)
    assert not await redis.exists(KEY)
    assert list(cache.nearest(PARTITION, entry.vector, 4)) == []


async def test_an_entry_that_lies_in_anothers_place_is_not_given_out(cache: RedisCache, redis: Redis) -> None:
    await cache.put(make_entry("a"), max_entries=10)
    await cache.put(make_entry("b"), max_entries=10)
    await redis.hset(KEY, mapping=await redis.hgetall(KEY.replace("of a", "of b")))
    assert await cache.get(PARTITION, make_entry("a").id) is None


async def test_what_redis_no_longer_has_leaves_the_index(cache: RedisCache, redis: Redis) -> None:
    entry = make_entry("a")
    await cache.put(entry, max_entries=10)
    await heard(cache)
    await redis.delete(KEY)
    assert len(cache.nearest(PARTITION, entry.vector, 4)) == 1
    assert await cache.get(PARTITION, entry.id) is None
    assert list(cache.nearest(PARTITION, entry.vector, 4)) == []


async def test_what_is_too_large_is_not_kept_and_who_waits_is_told(cache: RedisCache) -> None:
    entry = make_entry("a", answer=NOISE)
    assert await cache.begin(PARTITION, entry.id, 60.0)
    await cache.put(entry, max_entries=10)
    assert await cache.get(PARTITION, entry.id) is None
    assert await cache.wait(PARTITION, entry.id, 20.0) is None
    assert await cache.begin(PARTITION, entry.id, 60.0)


async def test_an_organisation_that_is_full_keeps_what_its_other_partitions_have(cache: RedisCache) -> None:
    large = NOISE[:3500]
    for number in range(5):
        await cache.put(make_entry(f"a{number}", answer=large, partition=OTHER), max_entries=10)
    with capture_logs() as logs:
        await cache.put(make_entry("b", answer=large), max_entries=10)
    assert [(log["event"], log["organisation"]) for log in logs] == [("cache_full", "acme")]
    assert await cache.get(PARTITION, make_entry("b").id) is None
    assert await cache.get(OTHER, make_entry("a0").id) is not None


async def test_a_purge_that_redis_lost_holds_and_is_told_to_it_anew(cache: RedisCache, redis: Redis) -> None:
    entry = make_entry("a")
    await cache.put(entry, max_entries=10)
    before = {key: await redis.dump(key) for key in await redis.keys("*")}
    assert await cache.purge("acme", owner="k1:u1", partition=None) == 1
    # Another server takes over that has everything but the last moments.
    await redis.flushall()
    for key, value in before.items():
        await redis.restore(key, 0, value)
    assert await redis.exists(KEY)
    assert await cache.get(PARTITION, entry.id) is None, "this worker remembers"
    async with open_redis_cache(redis, MemoryClock(), times=PATIENT, every_s=0.01) as other:
        rebuilds = cache.feed.rebuilds
        await other.put(make_entry("b"), max_entries=10)
        await eventually(lambda: cache.feed.rebuilds > rebuilds, "this worker noticing")
        assert await other.get(PARTITION, entry.id) is None, "and told Redis, which tells everybody"


async def test_two_in_one_worker_look_once_for_what_they_wait_for(cache: RedisCache, redis: Redis) -> None:
    entry = make_entry("a")
    assert await cache.begin(PARTITION, entry.id, 60.0)
    waiting = [asyncio.create_task(cache.wait(PARTITION, entry.id, 20.0)) for _ in range(20)]
    await asyncio.sleep(0)
    assert len(cache._watched) == 1
    waiting[0].cancel()
    await cache.put(entry, max_entries=10)
    assert await asyncio.gather(*waiting[1:]) == [entry] * 19
    assert cache._watched == {}


async def test_who_waits_while_redis_goes_away_goes_on(own_valkey: Valkey) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_redis(own_valkey.url))
        cache = await stack.enter_async_context(open_redis_cache(client, MemoryClock(), every_s=0.01))
        entry = make_entry("a")
        assert await cache.begin(PARTITION, entry.id, 60.0)
        waiting = asyncio.create_task(cache.wait(PARTITION, entry.id, 60.0))
        await asyncio.sleep(0)
        own_valkey.kill()
        assert await waiting is None
        for call in (
            cache.get(PARTITION, entry.id),
            cache.put(entry, max_entries=1),
            cache.begin(PARTITION, entry.id, 1.0),
            cache.count("acme"),
            cache.purge("acme", owner=None, partition=None),
        ):
            with pytest.raises(Unavailable):
                await call
        await cache.give_up(PARTITION, entry.id)


def test_what_is_forgotten_has_a_name() -> None:
    assert [floor_name(owner, part) for owner in (None, "k:u") for part in (None, PARTITION)] == [
        "*",
        "p:p1",
        "o:k:u",
        "o:k:u@p1",
    ]
