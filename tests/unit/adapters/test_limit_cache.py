"""What a worker knows of the limits in force, and how soon it knows better."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from extproc.adapters.limit_cache import LimitCache, LimitCachePolicy
from extproc.adapters.memory_limits import MemoryLimits, MemoryLimitWord
from extproc.adapters.postgres_limits import PostgresLimits, open_limit_feed
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_limit_word import RedisLimitWord
from extproc.model.keys import Deed
from extproc.model.limit_records import LimitChange, Source
from extproc.model.limits import Limit, LimitId, Rate, Scope
from extproc.model.refusals import Unavailable
from extproc.policy.limit_ports import LimitStore
from extproc.policy.reserve import Limits
from tests.servers import Postgres, Valkey, eventually

DEED = Deed("ada", "CHG-1")
QUICK = LimitCachePolicy(poll_s=0.01, most_back_off_s=0.01)
NEVER_POLLS = LimitCachePolicy(poll_s=3600, most_back_off_s=0.01)
ACME = Rate(LimitId("acme-rate"), Scope("acme"), 60)
ACME_2 = Rate(LimitId("acme-rate-2"), Scope("acme", team="search"), 6)
GLOBEX = Rate(LimitId("globex-rate"), Scope("globex"), 600)


async def declare(store: LimitStore, *limits: Limit) -> int:
    kept = {each.limit.id: each.version for each in (await store.read()).limits}
    changes = [LimitChange(limit.id, limit, Source.FILE, kept.get(limit.id, 0)) for limit in limits]
    return await store.change(changes, DEED)


async def remove(store: LimitStore, limit: Limit) -> int:
    kept = {each.limit.id: each.version for each in (await store.read()).limits}
    return await store.change([LimitChange(limit.id, None, Source.FILE, kept[limit.id])], DEED)


@dataclass
class World:
    limits: MemoryLimits = field(default_factory=MemoryLimits)
    word: MemoryLimitWord = field(default_factory=MemoryLimitWord)
    policy: LimitCachePolicy = QUICK

    def __post_init__(self) -> None:
        self.cache = LimitCache(self.limits, self.word, self.policy)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        await self.cache.load()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.cache.run())
            await eventually(lambda: self.word.listeners == 1, "the subscription")
            yield self
            task.cancel()

    async def comes_to(self, *limits: Limit) -> None:
        wanted = {each.scope.organisation: () for each in limits}
        for each in limits:
            wanted[each.scope.organisation] += (each,)

        def is_so() -> bool:
            return {name: kept for name, kept in self.cache.current().by_organisation.items() if kept} == wanted

        await eventually(is_so, f"the limits being {wanted}")


async def test_a_worker_that_cannot_read_the_limits_has_nothing_to_decide_by() -> None:
    world = World(MemoryLimits(is_down=True))
    with pytest.raises(Unavailable):
        await world.cache.load()


async def test_what_was_declared_before_the_start_is_in_force_once_loaded() -> None:
    world = World()
    version = await declare(world.limits, GLOBEX, ACME_2, ACME)
    await world.cache.load()
    # By id: every worker asks for them in the same order.
    assert world.cache.current() == Limits(version, {"acme": (ACME, ACME_2), "globex": (GLOBEX,)})


async def test_changes_are_noticed_by_the_poll_alone() -> None:
    async with World().running() as world:
        world.word.go_down()
        await declare(world.limits, ACME, GLOBEX)
        await world.comes_to(ACME, GLOBEX)
        await declare(world.limits, replace(ACME, concurrent=3))
        await world.comes_to(replace(ACME, concurrent=3), GLOBEX)
        await remove(world.limits, ACME)
        await world.comes_to(GLOBEX)


async def test_changes_are_noticed_by_the_word_alone() -> None:
    async with World(policy=NEVER_POLLS).running() as world:
        await world.word.publish(await declare(world.limits, ACME))
        await world.comes_to(ACME)


async def test_a_subscription_that_came_back_makes_the_feed_be_read() -> None:
    async with World(policy=NEVER_POLLS).running() as world:
        world.word.go_down()
        await eventually(lambda: world.word.listeners == 0, "the loss")
        await declare(world.limits, ACME)
        world.word.is_down = False
        await world.comes_to(ACME)


async def test_an_exchange_keeps_the_snapshot_it_began_with() -> None:
    async with World().running() as world:
        before = world.cache.current()
        await declare(world.limits, ACME)
        await world.comes_to(ACME)
        assert before == Limits()
        assert world.cache.current() is not before


async def test_while_the_store_is_away_the_last_set_stays_in_force() -> None:
    world = World()
    await declare(world.limits, ACME)
    with capture_logs() as lines:
        async with world.running():
            world.limits.is_down = True
            await eventually(lambda: any(line["event"] == "limits_not_following" for line in lines), "the log line")
            assert world.cache.current().by_organisation == {"acme": (ACME,)}
            world.limits.is_down = False
            await declare(world.limits, GLOBEX)
            await world.comes_to(ACME, GLOBEX)
    assert [line["dependency"] for line in lines if line["event"] == "limits_not_following"] == ["postgres"]


async def test_a_store_that_was_set_back_is_read_anew() -> None:
    world = World()
    await declare(world.limits, ACME, ACME_2, GLOBEX)
    async with world.running():
        for identity in (ACME_2.id, GLOBEX.id):
            del world.limits.stored[identity]
        await world.comes_to(ACME)


async def test_a_false_word_changes_nothing() -> None:
    world = World()
    await declare(world.limits, ACME)
    async with world.running():
        before = world.cache.current()
        await world.word.publish(10**9)
        await declare(world.limits, GLOBEX)
        await world.comes_to(ACME, GLOBEX)
        assert world.cache.current().index["acme"] is before.index["acme"]


async def test_on_real_servers_a_change_is_in_force_within_a_second_whichever_of_the_two_ways_is_lost(
    own_postgres: Postgres, own_valkey: Valkey
) -> None:
    dsn = own_postgres.dsn("migrated")
    async with (
        open_pool(dsn) as pool,
        open_limit_feed(dsn) as feed,
        open_redis(own_valkey.url) as redis,
        asyncio.TaskGroup() as group,
    ):
        store, word = PostgresLimits(pool), RedisLimitWord(redis)
        cache = LimitCache(feed, word)
        await cache.load()
        task = group.create_task(cache.run())
        await word.publish(await declare(store, ACME))
        await eventually(lambda: "acme" in cache.current().by_organisation, "the change")
        own_valkey.kill()
        await declare(store, GLOBEX)
        await eventually(lambda: "globex" in cache.current().by_organisation, "the change")
        own_postgres.kill()
        assert set(cache.current().by_organisation) == {"acme", "globex"}
        own_postgres.start()
        changed = replace(ACME, concurrent=7)
        await declare(store, changed)
        await eventually(lambda: cache.current().by_organisation["acme"] == (changed,), "the change")
        task.cancel()
