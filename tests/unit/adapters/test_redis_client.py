"""The Redis client every adapter shares."""

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from extproc.adapters.redis_client import open_redis


async def test_more_callers_than_connections_wait_their_turn(valkey_url: str) -> None:
    async with open_redis(valkey_url, most_connections=2) as client, asyncio.timeout(60):
        assert all(await asyncio.gather(*(client.ping() for _ in range(300))))


async def test_it_writes_without_wait_for_which_swallows_cancellations(valkey_url: str) -> None:
    async with open_redis(valkey_url) as client, asyncio.timeout(60):
        await client.ping()
        connection = await client.connection_pool.get_connection()
        assert connection.socket_timeout is None
        await client.connection_pool.release(connection)


async def test_it_does_not_try_again_on_its_own() -> None:
    async with open_redis("unix:///nowhere/redis.sock") as client, asyncio.timeout(60):
        with pytest.raises(RedisConnectionError):
            await client.ping()
        assert client.connection_pool.connection_kwargs["retry"].get_retries() == 0
