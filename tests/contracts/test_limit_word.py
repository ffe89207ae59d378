"""What telling workers of changed limits promises, in memory and over Redis alike."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from extproc.adapters.memory_limits import MemoryLimitWord
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_limit_word import RedisLimitWord
from extproc.policy.limit_ports import LimitWord


@pytest.fixture(params=["memory", "redis"])
async def word(request: pytest.FixtureRequest, valkey_url: str) -> AsyncIterator[LimitWord]:
    if request.param == "memory":
        yield MemoryLimitWord()
        return
    async with open_redis(valkey_url) as redis:
        yield RedisLimitWord(redis)


async def test_everybody_who_listens_hears_every_version_in_order(word: LimitWord) -> None:
    async with word.subscribe() as one, word.subscribe() as other, asyncio.timeout(60):
        for version in (1, 2, 3):
            await word.publish(version)
        assert [await anext(one) for _ in range(3)] == [await anext(other) for _ in range(3)] == [1, 2, 3]


async def test_nobody_listening_is_no_failure_and_nothing_is_kept_for_later(word: LimitWord) -> None:
    await word.publish(1)
    async with word.subscribe() as versions, asyncio.timeout(60):
        await word.publish(2)
        assert await anext(versions) == 2
