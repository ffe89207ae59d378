"""A worker hears of everything, or begins anew: it never believes that it knows what it does not."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from extproc.adapters.cache_feed import CacheFeed
from extproc.adapters.cache_index import CacheIndex
from extproc.adapters.redis_cache_store import FEED_KEYS, KEPT_MESSAGES, CacheTimes, RedisCacheStore
from extproc.adapters.redis_client import open_redis
from extproc.model.cache import Partition
from extproc.model.refusals import Unavailable
from tests.cache_entries import FOREIGN, PARTITION, make_entry
from tests.servers import Valkey, eventually
from tests.tiny_encoder import vector_of


class Side:
    """One worker's feed, moved by hand."""

    def __init__(self, redis: Redis) -> None:
        self.store = RedisCacheStore(redis, CacheTimes(20.0, 20.0, 0.0))
        self.index = CacheIndex()
        self.forgotten: list[tuple[str, str, int]] = []
        self.reasserted = 0
        self.feed = CacheFeed(self.store, self.index, lambda *said: self.forgotten.append(said), self._reassert)

    async def _reassert(self) -> None:
        self.reasserted += 1

    async def put(self, text: str, partition: Partition = PARTITION) -> None:
        entry = make_entry(text, partition=partition)
        await self.store.put(
            partition, entry.id, (b"data", entry.vector, entry.owner), (entry.stored_at_s, 600.0), (9, 99_999)
        )
        await self.feed.tell_put(entry, [])

    async def follow(self) -> None:
        while await self.feed.step():
            pass

    def near(self, partition: Partition = PARTITION) -> set[str]:
        return {each.id.removeprefix("id of ") for each in self.index.nearest(partition, vector_of("x"), 99)}


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    async with open_redis(valkey_url) as client:
        yield client


async def test_a_new_worker_reads_everything_and_follows_from_there(redis: Redis) -> None:
    teller, hearer = Side(redis), Side(redis)
    await teller.put("a")
    await teller.put("b", FOREIGN)
    assert not hearer.feed.is_ready
    await hearer.follow()
    assert hearer.feed.is_ready
    assert (hearer.near(), hearer.near(FOREIGN)) == ({"a"}, {"b"})
    await teller.put("c")
    await hearer.follow()
    assert (hearer.near(), hearer.feed.rebuilds) == ({"a", "c"}, 1)


async def test_what_went_and_what_was_forgotten_is_heard_of(redis: Redis) -> None:
    teller, hearer = Side(redis), Side(redis)
    await hearer.follow()
    for text in ("a", "b", "c", "d"):
        await teller.put(text)
    await teller.put("e", FOREIGN)
    await hearer.follow()
    await teller.feed.tell_drop("acme", PARTITION, [make_entry("a").id])
    await teller.feed.tell_put(make_entry("f"), [make_entry("b").id])
    await hearer.follow()
    assert hearer.near() == {"c", "d", "f"}
    await teller.feed.tell_forget("acme", "o:k1:u1", 5, None)
    await hearer.follow()
    assert hearer.near() == {"c", "d", "f"}, "whose they are is known in Redis only"
    await teller.feed.tell_forget("acme", "*", 6, None)
    await hearer.follow()
    assert (hearer.near(), hearer.near(FOREIGN)) == (set(), {"e"})
    assert hearer.forgotten == [("acme", "o:k1:u1", 5), ("acme", "*", 6)]
    assert hearer.feed.rebuilds == 1


async def test_messages_more_than_one_look_takes_are_all_heard(redis: Redis) -> None:
    teller, hearer = Side(redis), Side(redis)
    await hearer.follow()
    for number in range(1001):
        await teller.feed.tell_put(make_entry(f"t{number % 7}"), [])
    await hearer.follow()
    assert (len(hearer.near()), hearer.feed.rebuilds) == (7, 1)


@pytest.mark.parametrize("loss", ["flushed", "trimmed", "a message", "its end", "the stream", "the meta"])
async def test_who_misses_something_begins_anew(redis: Redis, loss: str) -> None:
    teller, hearer = Side(redis), Side(redis)
    await teller.put("a")
    await hearer.follow()
    meta, stream, _ = FEED_KEYS
    match loss:
        case "flushed":
            await redis.flushall()
        case "trimmed":
            for _ in range(KEPT_MESSAGES + 500):
                await teller.store.tell("acme", b"{}", b"")
        case "a message":
            await teller.put("b")
            await teller.put("c")
            lost = (await redis.xrevrange(stream, count=2))[1][0]
            await redis.xdel(stream, lost)
        case "its end":
            # As of a server that takes over and lacks the last messages.
            await redis.hset(meta, "number", 0)
            await redis.delete(stream)
        case "the stream":
            await teller.put("b")
            await redis.delete(stream)
        case "the meta":
            await redis.delete(meta)
    await teller.put("z")
    await hearer.follow()
    assert hearer.feed.rebuilds == 2
    assert hearer.reasserted == 1, "what was forgotten is told to whoever answers now"
    assert "z" in hearer.near()
    assert ("a" in hearer.near()) == (loss != "flushed")


@pytest.mark.parametrize(
    "said", [b"", b"[]", b"{}", b'{"t":"put"}', b'{"t":"put","p":1,"i":2,"e":"x","g":[]}', b'{"t":"later"}', b"\xff"]
)
async def test_what_cannot_be_read_is_passed_over(redis: Redis, said: bytes) -> None:
    teller, hearer = Side(redis), Side(redis)
    await hearer.follow()
    await teller.store.tell("acme", said, b"")
    await teller.put("a")
    await hearer.follow()
    assert (hearer.near(), hearer.feed.rebuilds) == ({"a"}, 1)


async def test_it_goes_on_when_redis_is_back(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as client:
        teller, hearer = Side(client), Side(client)
        task = asyncio.create_task(hearer.feed.run())
        try:
            await eventually(lambda: hearer.feed.is_ready, "the first time")
            own_valkey.kill()
            with pytest.raises(Unavailable):
                await teller.put("lost")
            own_valkey.start()
            await teller.put("a")
            await eventually(lambda: hearer.near() == {"a"}, "the worker beginning anew")
        finally:
            task.cancel()
            await asyncio.wait({task})
