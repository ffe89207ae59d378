"""What one call does in Redis, beyond what the contract of the memory says."""

import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from extproc.adapters.redis_cache_store import CacheTimes, RedisCacheStore
from extproc.adapters.redis_client import open_redis
from extproc.model.cache import EntryId
from extproc.model.refusals import Unavailable
from tests.cache_entries import PARTITION
from tests.servers import Valkey

BASE = "extproc:cache:{acme}:"
KEPT = (b"data", b"vect", "k:u")
SIZE = 8
PATIENT = CacheTimes(20.0, 20.0, 0.0)


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    async with open_redis(valkey_url) as client:
        yield client


@pytest.fixture
def store(redis: Redis) -> RedisCacheStore:
    return RedisCacheStore(redis, PATIENT)


async def put(
    store: RedisCacheStore, name: str, *, ttl_s: float = 60.0, most: tuple[int, int] = (10, 10_000)
) -> tuple[str, list[str]]:
    outcome, gone = await store.put(PARTITION, EntryId(name), KEPT, (time.time() + 5, ttl_s), most)
    return outcome, list(gone)


async def sums(redis: Redis) -> tuple[int, int]:
    entries, size = await redis.hmget(BASE + "m", ["entries", "bytes"])
    return int(entries), int(size)


async def test_every_key_of_an_entry_ends_with_it(redis: Redis, store: RedisCacheStore) -> None:
    await put(store, "a")
    assert 0 < await redis.pttl(BASE + "e:p1:a") <= 60_000
    assert await sums(redis) == (1, SIZE)


async def test_sums_are_right_however_entries_go(redis: Redis, store: RedisCacheStore) -> None:
    for name in ("a", "b", "c", "a"):
        await put(store, name)
    assert await sums(redis) == (3, 3 * SIZE)
    assert await put(store, "d", most=(3, 10_000)) == ("kept", ["a"])
    await store.remove(PARTITION, EntryId("b"))
    await store.remove(PARTITION, EntryId("b"))
    assert await sums(redis) == (2, 2 * SIZE)


async def test_what_ran_out_is_counted_off_once_even_if_it_came_again(redis: Redis, store: RedisCacheStore) -> None:
    await put(store, "a", ttl_s=0.001)
    await put(store, "b", ttl_s=0.001)
    while await redis.exists(BASE + "e:p1:a", BASE + "e:p1:b"):
        pass
    await put(store, "a")
    assert await sums(redis) == (1, SIZE)
    assert await redis.zrange(BASE + "u:p1", 0, -1) == [b"a"]


async def test_a_partition_of_which_all_ran_out_leaves_nothing(redis: Redis, store: RedisCacheStore) -> None:
    await put(store, "a", ttl_s=0.001)
    while await redis.exists(BASE + "e:p1:a"):
        pass
    assert await store.tidy("acme", 0) == (1, 1, 0, 0)
    assert await store.tidy("acme", 0) == (0, 0, 0, 0)
    assert sorted(await redis.keys("*")) == [(BASE + "m").encode()]


async def test_an_organisation_has_a_bound_of_bytes(redis: Redis, store: RedisCacheStore) -> None:
    bound = (10, 2 * SIZE)
    for name in ("a", "b"):
        assert await put(store, name, most=bound) == ("kept", [])
    assert await put(store, "c", most=bound) == ("kept", ["a"])
    assert await put(store, "d", most=(10, SIZE - 1)) == ("full", ["b", "c"])
    assert await sums(redis) == (0, 0)


async def test_what_was_answered_before_it_was_forgotten_is_not_taken(store: RedisCacheStore) -> None:
    at_us = await store.forget("acme", "*")
    before = (at_us / 1e6 - 1, 60.0)
    assert await store.put(PARTITION, EntryId("a"), KEPT, before, (10, 10_000)) == ("forgotten", [])
    assert (await put(store, "a"))[0] == "kept"


@pytest.mark.parametrize("floor", ["*", "p:p1", "o:k:u", "o:k:", "o::u", "o:k:@p1", "o::u@p1", "o:k:u@p1"])
async def test_what_is_forgotten_is_hidden_before_it_is_removed(store: RedisCacheStore, floor: str) -> None:
    await put(store, "a")
    await store.forget("acme", floor)
    assert await store.get(PARTITION, EntryId("a")) == (None, False)


@pytest.mark.parametrize("floor", ["p:p2", "o:l:", "o:k:v", "o::v", "o:", "o::", "o:k:@p2"])
async def test_what_others_forget_stays(store: RedisCacheStore, floor: str) -> None:
    await put(store, "a")
    await store.forget("acme", floor)
    found, _ = await store.get(PARTITION, EntryId("a"))
    assert found is not None
    assert (found.data, found.vector, found.owner) == KEPT


async def test_a_moment_only_moves_on_and_is_forgotten_after_a_month(redis: Redis, store: RedisCacheStore) -> None:
    later = await store.forget("acme", "o:k:")
    assert await store.forget("acme", "o:k:", later - 10) == later
    await redis.hset(BASE + "f", "o:old:", later - 32 * 86_400 * 1_000_000)
    await store.forget("acme", "*")
    assert set(await redis.hkeys(BASE + "f")) == {b"o:k:", b"*"}
    assert await redis.pttl(BASE + "f") > 30 * 86_400_000


async def test_messages_are_numbered_in_an_epoch(redis: Redis, store: RedisCacheStore) -> None:
    start = await store.hear("")
    assert (start.number, start.last, list(start.messages)) == (0, "0-0", [])
    for number in (1, 2, 3):
        assert await store.tell("acme", b"said", b"vec") == (start.epoch, number)
    heard = await store.hear(start.last, 2)
    assert [(number, said, vector) for _, number, said, vector in heard.messages] == [
        (1, b"said", b"vec"),
        (2, b"said", b"vec"),
    ]
    rest = await store.hear(heard.messages[-1][0])
    assert [number for _, number, _, _ in rest.messages] == [3]
    assert (await store.hear("")).last == rest.messages[0][0]
    assert await store.organisations() == ["acme"]
    await redis.flushall()
    assert (await RedisCacheStore(redis, PATIENT).hear("")).epoch != start.epoch


async def test_only_who_began_ends_it(store: RedisCacheStore) -> None:
    token = await store.begin(PARTITION, EntryId("a"), 60.0)
    assert token is not None
    await store.cease(PARTITION, EntryId("a"), "another")
    assert await store.get(PARTITION, EntryId("a")) == (None, True)
    await store.cease(PARTITION, EntryId("a"), token)
    assert await store.get(PARTITION, EntryId("a")) == (None, False)


async def test_a_redis_that_hangs_holds_up_one_request_and_not_every_one(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as client:
        store = RedisCacheStore(client, CacheTimes(look_s=0.1, work_s=0.1, rest_s=60.0))
        await store.tell("acme", b"", b"")
        own_valkey.pause()
        try:
            with pytest.raises(Unavailable, match="TimeoutError"):
                await store.get(PARTITION, EntryId("a"))
            with pytest.raises(Unavailable, match="a moment ago"):
                await store.get(PARTITION, EntryId("a"))
            with pytest.raises(Unavailable, match="TimeoutError"):
                await store.tell("acme", b"", b"")
        finally:
            own_valkey.resume()


async def test_a_key_that_is_something_else_spoils_only_itself(redis: Redis, store: RedisCacheStore) -> None:
    impatient = RedisCacheStore(redis, CacheTimes(20.0, 20.0, rest_s=60.0))
    await put(store, "a")
    await redis.set(BASE + "e:p1:b", "no hash")
    with pytest.raises(Unavailable):
        await impatient.get(PARTITION, EntryId("b"))
    assert (await impatient.get(PARTITION, EntryId("a")))[0] is not None
