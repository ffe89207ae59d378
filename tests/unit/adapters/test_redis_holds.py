"""What is under way stays held; what nobody speaks for is given back."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from redis.asyncio import Redis

from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_holds import Holds
from extproc.model.ids import ExchangeId
from extproc.model.limits import Baseline, Claim, Counter, LimitId, Unit
from extproc.model.refusals import Unavailable
from tests.servers import Valkey

ORG = "acme"
HOLD_S = 0.3


class Nothing:
    """A ledger without rows."""

    async def baselines(self, organisation: str, parts: Sequence[str]) -> dict[str, Baseline]:
        return {part: Baseline(0) for part in parts}


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    async with open_redis(valkey_url) as client:
        yield client


@pytest.fixture
def budgets(redis: Redis) -> RedisBudgets:
    return RedisBudgets(redis, Nothing(), MemoryClock())


async def hold(budgets: RedisBudgets, rid: str) -> ExchangeId:
    counter = Counter("c", ("c",), Unit.MICRO_USD, 100, True, 10, 0.0, 4e9, LimitId("b"))
    claim = Claim(ExchangeId(rid), ORG, (counter,), (), HOLD_S)
    await budgets.reserve(lambda _: claim)
    return claim.reservation


async def test_what_is_under_way_outlives_its_hold_and_what_ended_does_not(budgets: RedisBudgets, redis: Redis) -> None:
    holds = Holds(budgets, lambda: [ORG], HOLD_S)
    for rid in ("long", "over", "orphan"):
        await hold(budgets, rid)
    holds.begin(ORG, ExchangeId("long"))
    holds.begin(ORG, ExchangeId("over"))
    holds.end(ExchangeId("over"))
    holds.end(ExchangeId("unknown"))
    running = asyncio.create_task(holds.run())
    try:
        async with asyncio.timeout(60):
            while await budgets.show(ORG, ["c"]) != [(0, 10)]:
                await asyncio.sleep(0.01)
            first = await redis.zscore(f"b:{{{ORG}}}:x", "long")
            while await redis.zscore(f"b:{{{ORG}}}:x", "long") == first:
                await asyncio.sleep(0.01)
        assert await budgets.show(ORG, ["c"]) == [(0, 10)]
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_more_than_a_batch_is_extended_and_given_back_whole(budgets: RedisBudgets, redis: Redis) -> None:
    holds = Holds(budgets, lambda: [ORG], HOLD_S)
    rids = await asyncio.gather(*(hold(budgets, f"x{number}") for number in range(10)))
    for rid in (*rids, *(ExchangeId(f"gone{number}") for number in range(1200))):
        holds.begin(ORG, rid)
    assert await holds.extend() == 10
    await redis.zadd(f"b:{{{ORG}}}:x", {f"y{number}": 1 for number in range(700)})
    assert await holds.tidy() == 700


async def test_a_hold_whose_deadline_was_evicted_is_given_back_in_the_end(budgets: RedisBudgets, redis: Redis) -> None:
    holds = Holds(budgets, lambda: [ORG], HOLD_S)
    await hold(budgets, "x")
    await redis.delete(f"b:{{{ORG}}}:x")
    assert await holds.tidy() == 0
    assert await redis.zcard(f"b:{{{ORG}}}:x") == 1
    async with asyncio.timeout(60):
        while not await holds.tidy():
            await asyncio.sleep(0.01)
    assert await budgets.show(ORG, ["c"]) == [(0, 0)]


async def test_an_outage_is_said_by_who_asks_and_survived_by_who_runs(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as redis:
        budgets = RedisBudgets(redis, Nothing(), MemoryClock(), deadline_s=0.2)
        holds = Holds(budgets, lambda: [ORG], HOLD_S)
        holds.begin(ORG, await hold(budgets, "x"))
        own_valkey.pause()
        with pytest.raises(Unavailable):
            await holds.extend()
        running = asyncio.create_task(holds.run())
        try:
            assert not (await asyncio.wait([running], timeout=HOLD_S))[0]
            own_valkey.resume()
            async with asyncio.timeout(60):
                while await redis.zcard(f"b:{{{ORG}}}:x") == 1 and await holds.extend() == 0:
                    await asyncio.sleep(0.01)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.wait([running])
