"""What remembers answers promises the same in memory, on Valkey, on Redis 8 and on a Cluster."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest
import redis

from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_cache import MemoryCache
from extproc.adapters.redis_cache import RedisCache, open_redis_cache
from extproc.adapters.redis_cache_store import CacheTimes
from extproc.adapters.redis_client import open_redis
from extproc.model.cache import EntryId, Partition
from tests.cache_entries import FOREIGN, OTHER, PARTITION, make_entry
from tests.redis_servers import Clustered
from tests.servers import Redis8, Valkey, eventually
from tests.tiny_encoder import vector_of

PATIENT = CacheTimes(look_s=20.0, work_s=20.0, rest_s=0.0)
LIMIT_S = 60.0


@dataclass
class World:
    """Two workers that share a memory; in memory they are one."""

    one: MemoryCache | RedisCache
    other: MemoryCache | RedisCache
    clock: MemoryClock


def _flushed(kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of what has been emptied."""
    if kind == "cluster":
        clustered: Clustered = request.getfixturevalue("cluster")
        for node in clustered.nodes:
            with node.client() as client:
                client.flushall()
        return clustered.url
    server: Valkey | Redis8 = request.getfixturevalue(f"{kind}_server")
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
    return server.url


@pytest.fixture(params=["memory", "valkey", "redis8", "cluster"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    clock = MemoryClock()
    if request.param == "memory":
        cache = MemoryCache(clock)
        yield World(cache, cache, clock)
        return
    url = _flushed(request.param, request)
    async with AsyncExitStack() as stack:
        caches = [
            await stack.enter_async_context(
                open_redis_cache(await stack.enter_async_context(open_redis(url)), clock, times=PATIENT, every_s=0.01)
            )
            for _ in range(2)
        ]
        await eventually(lambda: all(cache.feed.is_ready for cache in caches), "the indexes being built", LIMIT_S)
        yield World(caches[0], caches[1], clock)


async def soon(is_so: Callable[[], bool], what: str) -> None:
    await eventually(is_so, what, LIMIT_S)


def near(cache: MemoryCache | RedisCache, text: str, partition: Partition = PARTITION) -> list[EntryId]:
    return [each.id for each in cache.nearest(partition, vector_of(text), 4)]


async def test_what_is_kept_comes_back_as_it_was_on_every_worker(world: World) -> None:
    entry = make_entry("what is envoy", answer=b'{"a":"' + b"long " * 500 + b'"}')
    await world.one.put(entry, max_entries=10)
    assert await world.one.get(PARTITION, entry.id) == entry
    assert await world.other.get(PARTITION, entry.id) == entry
    assert await world.one.get(PARTITION, EntryId("another")) is None
    assert await world.one.get(OTHER, entry.id) is None
    assert await world.one.get(FOREIGN, entry.id) is None


async def test_what_is_like_it_is_found_in_its_partition_only_best_first(world: World) -> None:
    same, like, unlike = (make_entry(text) for text in ("a b c d", "a b c e", "v w x y"))
    for entry in (unlike, like, same, make_entry("a b c d", partition=OTHER)):
        await world.one.put(entry, max_entries=10)
    await soon(lambda: len(near(world.other, "a b c d")) == 3, "the other worker hearing of all")
    for cache in (world.one, world.other):
        first, second, *_ = cache.nearest(PARTITION, vector_of("a b c d"), 4)
        assert (first.id, second.id) == (same.id, like.id)
        assert first.similarity == pytest.approx(1.0, abs=1e-4)
        assert [each.id for each in cache.nearest(PARTITION, vector_of("a b c d"), 1)] == [same.id]
        assert list(cache.nearest(FOREIGN, vector_of("a b c d"), 4)) == []
        assert list(cache.nearest(PARTITION, b"", 4)) == []


async def test_what_has_no_vector_is_found_exactly_only(world: World) -> None:
    entry = replace(make_entry("a b"), vector=b"")
    await world.one.put(entry, max_entries=10)
    assert await world.other.get(PARTITION, entry.id) == entry
    assert near(world.one, "a b") == []


async def test_the_same_question_has_one_entry_the_latest(world: World) -> None:
    first = make_entry("a b")
    second = replace(first, answer=b"other", exchange="x2")
    await world.one.put(first, max_entries=10)
    await world.other.put(second, max_entries=10)
    assert await world.one.get(PARTITION, first.id) == second
    assert [(name, count) for name, count, _ in await world.one.count("acme")] == [("acme", 1)]


async def test_what_is_used_least_makes_room(world: World) -> None:
    for text in ("a", "b", "c"):
        await world.one.put(make_entry(text), max_entries=3)
        await world.one.get(PARTITION, make_entry(text).id)
    for text in ("a", "c"):
        await world.one.get(PARTITION, make_entry(text).id)
    await world.one.put(make_entry("d"), max_entries=3)
    found = {text: await world.one.get(PARTITION, make_entry(text).id) is not None for text in "abcd"}
    assert found == {"a": True, "b": False, "c": True, "d": True}
    await soon(lambda: "id of b" not in near(world.other, "b"), "the other worker hearing of what went")


async def test_what_was_used_long_ago_does_not_stay_for_ever(world: World) -> None:
    await world.one.put(make_entry("old"), max_entries=2)
    for _ in range(5):
        await world.one.get(PARTITION, make_entry("old").id)
    for number in range(12):
        await world.one.put(make_entry(f"new {number}"), max_entries=2)
    assert await world.one.get(PARTITION, make_entry("old").id) is None


async def test_partitions_make_room_for_their_own_only(world: World) -> None:
    await world.one.put(make_entry("a", partition=OTHER), max_entries=1)
    await world.one.put(make_entry("a"), max_entries=1)
    await world.one.put(make_entry("b"), max_entries=1)
    assert await world.one.get(OTHER, make_entry("a").id) is not None
    assert await world.one.get(PARTITION, make_entry("a").id) is None


async def test_one_asks_and_the_others_wait_for_what_it_gets(world: World) -> None:
    entry = make_entry("a b")
    assert await world.one.begin(PARTITION, entry.id, LIMIT_S)
    assert not await world.other.begin(PARTITION, entry.id, LIMIT_S)
    assert not await world.one.begin(PARTITION, entry.id, LIMIT_S)
    assert await world.other.begin(OTHER, entry.id, LIMIT_S)
    waiting = [asyncio.create_task(each.wait(PARTITION, entry.id, LIMIT_S)) for each in (world.one, world.other) * 5]
    await asyncio.sleep(0)
    await world.one.put(entry, max_entries=10)
    assert await asyncio.gather(*waiting) == [entry] * 10
    assert await world.other.begin(PARTITION, entry.id, LIMIT_S), "what was answered can be asked again"


async def test_who_waits_is_told_that_nothing_comes(world: World) -> None:
    entry = make_entry("a b")
    assert await world.one.begin(PARTITION, entry.id, LIMIT_S)
    waiting = asyncio.create_task(world.other.wait(PARTITION, entry.id, LIMIT_S))
    await asyncio.sleep(0)
    await world.one.give_up(PARTITION, entry.id)
    assert await waiting is None
    assert await world.other.begin(PARTITION, entry.id, LIMIT_S)


async def test_who_waits_for_nobody_or_too_long_goes_on(world: World) -> None:
    entry = make_entry("a b")
    assert await world.one.wait(PARTITION, entry.id, LIMIT_S) is None
    assert await world.one.begin(PARTITION, entry.id, LIMIT_S)
    assert await world.other.wait(PARTITION, entry.id, 0.05) is None


@pytest.mark.parametrize(
    ("owner", "stays"),
    [
        ("k1:u1", {"k1:u2", "k2:u1", "k2:"}),
        ("k1:", {"k2:u1", "k2:"}),
        (":u1", {"k1:u2", "k2:"}),
        (None, set()),
    ],
)
async def test_what_is_purged_is_gone_on_every_worker_and_nothing_else(
    world: World, owner: str | None, stays: set[str]
) -> None:
    owners = ("k1:u1", "k1:u2", "k2:u1", "k2:")
    for each in owners:
        await world.one.put(make_entry(f"of {each}", owner=each), max_entries=10)
        await world.one.put(make_entry(f"of {each}", owner=each, partition=FOREIGN), max_entries=10)
    await soon(lambda: len(near(world.other, "of")) == 4, "the other worker hearing of all")
    assert await world.one.purge("acme", owner=owner, partition=None) == 4 - len(stays)
    for cache in (world.one, world.other):
        found = {each for each in owners if await cache.get(PARTITION, make_entry(f"of {each}").id)}
        assert found == stays
        assert len([each for each in owners if await cache.get(FOREIGN, make_entry(f"of {each}").id)]) == 4
    await soon(lambda: len(near(world.other, "of")) == len(stays), "the other worker's index")
    await world.other.put(make_entry("of k1:u1"), max_entries=10)
    assert await world.one.get(PARTITION, make_entry("of k1:u1").id) is not None, "what comes later is kept"


async def test_one_partition_is_purged(world: World) -> None:
    for partition in (PARTITION, OTHER):
        for owner in ("k1:u1", "k2:u2"):
            await world.one.put(make_entry(f"of {owner}", partition=partition, owner=owner), max_entries=10)
    assert await world.one.purge("globex", owner=None, partition=PARTITION) == 0
    assert await world.one.purge("acme", owner="k1:u1", partition=PARTITION) == 1
    assert await world.other.get(PARTITION, make_entry("of k1:u1").id) is None
    assert await world.one.purge("acme", owner=None, partition=PARTITION) == 1
    assert await world.other.get(PARTITION, make_entry("of k2:u2").id) is None
    assert await world.other.get(OTHER, make_entry("of k1:u1").id) is not None


async def test_more_than_one_call_removes_is_purged(world: World) -> None:
    for number in range(230):
        owner = "k1:u1" if number % 3 else "k2:u2"
        await world.one.put(make_entry(f"text {number}", owner=owner), max_entries=1000)
    assert await world.other.purge("acme", owner="k1:u1", partition=None) == 153
    assert [(name, count) for name, count, _ in await world.one.count(None)] == [("acme", 77)]
    assert await world.other.purge("acme", owner=None, partition=None) == 77
    assert await world.one.count(None) == []


async def test_entries_and_bytes_are_counted_by_organisation(world: World) -> None:
    await world.one.put(make_entry("a", answer=b"x" * 300), max_entries=10)
    await world.one.put(make_entry("b"), max_entries=10)
    await world.one.put(make_entry("a", partition=FOREIGN), max_entries=10)
    counts = await world.other.count(None)
    assert [(name, count) for name, count, _ in counts] == [("acme", 2), ("globex", 1)]
    assert counts[0][2] > counts[1][2] > 0
    assert await world.other.count("globex") == [counts[1]]
    assert await world.other.count("nobody") == []


async def test_what_has_run_out_is_not_kept(world: World) -> None:
    await world.one.put(make_entry("a", ttl_s=-1.0), max_entries=10)
    assert await world.one.get(PARTITION, make_entry("a").id) is None
