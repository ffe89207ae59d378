"""Counters are found in a real Redis, whatever they are called."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_money import MemoryLedger
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_counters import RedisCounters
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from tests.contracts.test_ledger import row


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    async with open_redis(valkey_url) as client:
        yield client


def counters_of(redis: Redis, ledger: MemoryLedger) -> RedisCounters:
    return RedisCounters(redis, RedisBudgets(redis, ledger, MemoryClock()))


async def test_every_live_counter_is_found_read_and_set(redis: Redis) -> None:
    ledger = MemoryLedger()
    await ledger.write([row("a", amount=5), row("b", amount=7, organisation="a*b")])
    counters = counters_of(redis, ledger)
    await counters.budgets.install()
    for each in await ledger.recent(60):
        await counters.budgets.settle(each)
    await redis.set("b:{acme}:x", "no counter")
    assert await counters.live(None) == (("a*b", "key"), ("a*b", "org"), ("acme", "key"), ("acme", "org"))
    assert await counters.live("a*b") == (("a*b", "key"), ("a*b", "org"))
    assert await counters.show("acme", ["org", "none"]) == [(5, 0), None]
    assert await counters.recount("acme", "org", 9) == ((5, 0), (9, 0))
    assert await counters.recount("acme", "none", 9) is None


async def test_who_may_not_scan_is_told_so(valkey_url: str, redis: Redis) -> None:
    await redis.execute_command("ACL", "SETUSER", "worker", "on", ">pw", "~b:*", "+fcall")
    try:
        async with open_redis(valkey_url.replace("unix://", "unix://worker@"), Secret("pw")) as worker:
            with pytest.raises(Unavailable, match="SCAN"):
                await counters_of(worker, MemoryLedger()).live(None)
    finally:
        await redis.execute_command("ACL", "DELUSER", "worker")


async def test_a_redis_that_is_away_is_unavailable() -> None:
    async with open_redis("redis://127.0.0.1:1/0") as away:
        with pytest.raises(Unavailable):
            await counters_of(away, MemoryLedger()).live("acme")
