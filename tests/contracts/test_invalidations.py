"""What the word that a key changed promises, in memory and over Redis alike."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis

from extproc.adapters.memory import MemoryInvalidations
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_invalidations import CHANNEL, RedisInvalidations
from extproc.model.ids import KeyId
from extproc.model.keys import KeyChange
from extproc.model.refusals import Unavailable
from extproc.policy.ports import Invalidations
from tests.servers import Valkey

CHANGES = [
    KeyChange(1, KeyId("key_" + "a" * 22), 1_800_000_000.125),
    KeyChange(2, KeyId("key_" + "b" * 22), None),
    KeyChange(2**53, KeyId("key_" + "c" * 22), 0.0),
]


@pytest.fixture(params=["memory", "redis"])
async def word(request: pytest.FixtureRequest, valkey_url: str) -> AsyncIterator[Invalidations]:
    if request.param == "memory":
        yield MemoryInvalidations()
        return
    async with open_redis(valkey_url) as client:
        yield RedisInvalidations(client)


async def take(changes: AsyncIterator[KeyChange], count: int) -> list[KeyChange]:
    async with asyncio.timeout(60):
        return [await anext(changes) for _ in range(count)]


async def test_whoever_is_subscribed_hears_everything_in_order(word: Invalidations) -> None:
    async with word.subscribe() as one, word.subscribe() as other:
        for change in CHANGES:
            await word.publish(change)
        assert await take(one, 3) == await take(other, 3) == CHANGES


async def test_nobody_listening_is_no_failure(word: Invalidations) -> None:
    await word.publish(CHANGES[0])
    async with word.subscribe() as changes:
        await word.publish(CHANGES[1])
        assert await take(changes, 1) == [CHANGES[1]]


async def test_what_is_no_change_is_skipped(valkey_url: str) -> None:
    async with open_redis(valkey_url) as client:
        word = RedisInvalidations(client)
        async with word.subscribe() as changes:
            rubbish = [b"", b"\xff", b"[]", b"{}", b"null", b'{"seq":{}}', b"[" * 100_000, b'{"seq":1,"key":"k"}']
            for data in rubbish:
                await client.publish(CHANNEL, data)
            await word.publish(CHANGES[0])
            assert await take(changes, 1) == [CHANGES[0]]


async def test_a_quiet_subscription_lives_on(valkey_url: str) -> None:
    async with open_redis(valkey_url) as client:
        word = RedisInvalidations(client)
        async with word.subscribe() as changes:
            waiting = asyncio.ensure_future(anext(changes))
            done, _ = await asyncio.wait({waiting}, timeout=2.5)
            assert not done
            await word.publish(CHANGES[0])
            async with asyncio.timeout(60):
                assert await waiting == CHANGES[0]


async def test_a_cut_connection_ends_the_subscription_and_is_not_mended_in_silence(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as client:
        word = RedisInvalidations(client)
        async with word.subscribe() as changes:
            with redis.Redis.from_url(own_valkey.url) as admin:
                admin.client_kill_filter(_type="pubsub")
            with pytest.raises(Unavailable):
                await take(changes, 1)


async def test_a_dead_redis_is_noticed_by_those_who_ask_and_those_who_listen(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as client:
        word = RedisInvalidations(client)
        async with word.subscribe() as changes:
            own_valkey.pause()
            with pytest.raises(Unavailable):
                await take(changes, 1)
            with pytest.raises(Unavailable):
                await word.publish(CHANGES[0])
        own_valkey.kill()
        with pytest.raises(Unavailable):
            async with word.subscribe():
                pass
