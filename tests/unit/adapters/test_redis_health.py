"""Health on a real Valkey that comes and goes. ``tests/contracts/test_health.py`` has what it promises otherwise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import redis as blocking_redis

from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_health import PREFIX, RedisHealth, read_states
from extproc.model.ids import DeploymentName
from extproc.model.refusals import Unavailable
from tests.contracts.health_fleet import MAIN, NAMES, attempt_of, catalog_of, context_of, exchange_of, open_fleet
from tests.servers import Valkey, eventually


@asynccontextmanager
async def worker(valkey: Valkey, clock: MemoryClock) -> AsyncIterator[RedisHealth]:
    async with open_redis(valkey.url) as redis:
        yield RedisHealth(redis, clock, lambda: catalog_of(*NAMES), lambda: 0.5, lambda _: None, every_s=0.01)


def fail(health: RedisHealth, *exchanges: str, deployment: DeploymentName = MAIN) -> None:
    for exchange in exchanges:
        health.attempted(attempt_of(exchange, "UF", deployment))


async def test_workers_hear_of_each_other_while_they_run_and_the_last_word_is_told(own_valkey: Valkey) -> None:
    clock = MemoryClock()
    async with worker(own_valkey, clock) as one, worker(own_valkey, clock) as two:
        runs = [asyncio.create_task(each.run()) for each in (one, two)]
        fail(one, "x1", "x2")
        await eventually(lambda: two.standing(MAIN).failures == 2, "the other worker hears")
        fail(two, "x3")
        await eventually(lambda: one.standing(MAIN).is_cooling(clock.now_s()), "the cooldown is heard of")
        fail(one, "x4")
        for run in runs:
            run.cancel()
        await asyncio.wait(runs)
        assert (await read_states(one.redis))[MAIN].failures == 4


async def test_without_redis_each_goes_on_with_what_it_sees_and_tells_it_later(own_valkey: Valkey) -> None:
    clock = MemoryClock()
    async with worker(own_valkey, clock) as one, worker(own_valkey, clock) as two:
        for each in (one, two):
            await each.sync()
        own_valkey.kill()
        fail(one, "x1", "x2", "x3")
        with pytest.raises(Unavailable):
            await one.sync()
        assert one.standing(MAIN).is_cooling(clock.now_s())
        assert not two.standing(MAIN).is_cooling(clock.now_s())
        own_valkey.start()
        await one.sync()
        await two.sync()
        assert two.standing(MAIN).is_cooling(clock.now_s())
        assert two.standing(MAIN).failures == 3


async def test_a_redis_that_lost_everything_is_told_of_the_cooldowns(own_valkey: Valkey) -> None:
    clock = MemoryClock()
    async with worker(own_valkey, clock) as one, worker(own_valkey, clock) as two:
        fail(one, "x1", "x2", "x3")
        await one.sync()
        await two.sync()
        with blocking_redis.Redis.from_url(own_valkey.url) as admin:
            admin.flushall()
            admin.script_flush()
        fail(two, "x4")
        for each in (two, one, two, one):
            await each.sync()
        for each in (one, two):
            assert each.standing(MAIN).is_cooling(clock.now_s())


async def test_what_is_under_way_elsewhere_is_unknown_after_some_silence(own_valkey: Valkey) -> None:
    clock = MemoryClock()
    async with worker(own_valkey, clock) as one:
        one.started(context_of("x1"), 5)
        await one.sync()
        own_valkey.kill()
        assert one.standing(MAIN).in_flight == 1
        clock.advance(6)
        assert one.standing(MAIN).in_flight == 0


async def test_much_that_is_pending_is_told_in_small_calls_and_all_of_it(own_valkey: Valkey) -> None:
    async with worker(own_valkey, MemoryClock()) as one:
        for number in range(1300):
            one.started(context_of(f"x{number}", MAIN), 5)
        await one.sync()
        assert one.pending == []
        assert (await read_states(one.redis))[MAIN].in_flight == 1300


@pytest.mark.parametrize("rubbish", [b"", b"\xff", b"[]", b"{}", b"null", b'{"f":{}}', b"[" * 100_000])
async def test_a_state_that_cannot_be_read_is_as_none(valkey_url: str, rubbish: bytes) -> None:
    async with open_fleet(valkey_url) as fleet:
        fleet.fail(fleet.one)
        await fleet.share()
        with blocking_redis.Redis.from_url(valkey_url) as admin:
            admin.hset(PREFIX + "states", "other", rubbish)
            admin.zadd(PREFIX + "changed", {"other": 1e6})
        await fleet.share()
        assert fleet.two.standing(MAIN).failures == 1
        redis = fleet.two
        assert isinstance(redis, RedisHealth)
        assert list(await read_states(redis.redis)) == [MAIN]


async def test_old_news_is_no_news(own_valkey: Valkey) -> None:
    clock = MemoryClock()
    async with worker(own_valkey, clock) as one:
        fail(one, "x1")
        clock.advance(61)
        await one.sync()
        assert await read_states(one.redis) == {}


async def test_a_redis_that_hangs_holds_nobody_up_for_long(own_valkey: Valkey) -> None:
    async with worker(own_valkey, MemoryClock()) as one:
        await one.sync()
        fail(one, "x1")
        own_valkey.pause()
        async with asyncio.timeout(60):
            with pytest.raises(Unavailable):
                await one.sync()
        own_valkey.resume()
        await one.sync()
        assert (await read_states(one.redis))[MAIN].failures == 1


async def test_every_key_has_the_prefix_and_an_end(valkey_url: str) -> None:
    async with open_fleet(valkey_url) as fleet:
        fleet.fail(fleet.one)
        context = fleet.new_context()
        fleet.one.started(context, 1)
        fleet.one.finished(exchange_of(context))
        await fleet.share()
        with blocking_redis.Redis.from_url(valkey_url) as admin:
            keys = list(admin.scan_iter())
            assert len(keys) == 5
            for key in keys:
                assert key.decode().startswith(PREFIX)
                assert 0 < admin.ttl(key) <= 7200
            assert admin.hlen(PREFIX + "seats") == 2
            fleet.clock.advance(700)
            fleet.fail(fleet.one, failure="invalid_request")
            fleet.clock.advance(700)
            await fleet.share()
            assert admin.hlen(PREFIX + "seats") == admin.zcard(PREFIX + "deadlines") == 0
            assert admin.hlen(PREFIX + "states") == admin.zcard(PREFIX + "changed") == 0
