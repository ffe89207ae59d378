"""Limits that are raised and lowered while requests are held to them, on real Postgres and Valkey."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from extproc.adapters.limit_cache import LimitCache
from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_money import MemoryLedger
from extproc.adapters.postgres_limits import PostgresLimits, open_limit_feed
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_limit_word import RedisLimitWord
from extproc.model.ids import ExchangeId, ModelName
from extproc.model.keys import Deed
from extproc.model.limit_records import LimitConflict
from extproc.model.limits import Budget, Denied, Estimate, LimitId, Reservation, Scope, Span, Unit, Window
from extproc.model.money import MicroUsd
from extproc.operations.limits import LimitDesk, apply_plan, make_plan
from extproc.policy.reserve import Asker, make_claim
from tests.samples import make_key
from tests.servers import eventually

DEED = Deed("ada", "CHG-1, approved by grace")
BUDGET = Budget(LimitId("b"), Scope("acme"), Unit.MICRO_USD, 10, Window(Span.MONTH))
ASKER = Asker(make_key(), ModelName("m"))


@dataclass
class World:
    desk: LimitDesk
    cache: LimitCache
    budgets: RedisBudgets
    numbers: itertools.count

    async def apply(self, *declared: Budget) -> None:
        await apply_plan(self.desk, make_plan(declared, await self.desk.store.read()), DEED)

    async def is_in_force(self, amount: int) -> None:
        def amounts() -> list[int]:
            return [limit.amount for limit in self.cache.current().by_organisation.get("acme", ())]

        await eventually(lambda: amounts() == [amount], "the change")

    async def ask(self) -> Reservation | Denied:
        limits, exchange = self.cache.current(), ExchangeId(f"x{next(self.numbers)}")
        estimate = Estimate(1, 1, MicroUsd(1))
        return await self.budgets.reserve(lambda now_s: make_claim(limits, ASKER, estimate, exchange, 600, now_s))


@asynccontextmanager
async def running(postgres_dsn: str, valkey_url: str) -> AsyncIterator[World]:
    async with (
        open_pool(postgres_dsn) as pool,
        open_limit_feed(postgres_dsn) as feed,
        open_redis(valkey_url) as redis,
        asyncio.TaskGroup() as group,
    ):
        word = RedisLimitWord(redis)
        cache = LimitCache(feed, word)
        await cache.load()
        task = group.create_task(cache.run())
        budgets = RedisBudgets(redis, MemoryLedger(), MemoryClock(time.time()), deadline_s=60)
        await budgets.install()
        yield World(LimitDesk(PostgresLimits(pool), word), cache, budgets, itertools.count())
        task.cancel()


async def test_a_budget_that_changes_under_load_is_kept_to_at_every_moment(postgres_dsn: str, valkey_url: str) -> None:
    async with running(postgres_dsn, valkey_url) as world:
        await world.apply(BUDGET)
        await world.is_in_force(10)
        admitted: list[Reservation] = []
        denied: list[Denied] = []
        is_over = asyncio.Event()

        async def load() -> None:
            while not is_over.is_set():
                answer = await world.ask()
                (admitted if isinstance(answer, Reservation) else denied).append(answer)  # type: ignore[arg-type]

        tasks = [asyncio.ensure_future(load()) for _ in range(6)]
        await eventually(lambda: len(denied) > 50, "the budget being used up")
        assert len(admitted) == 10
        await world.apply(replace(BUDGET, amount=25))
        await world.is_in_force(25)
        await eventually(lambda: len(admitted) == 25, "the raise being used up")
        await world.apply(replace(BUDGET, amount=5))
        await world.is_in_force(5)
        before = len(denied)
        # Those on their way were asked of the limits they began with; afterwards all are of the new ones.
        await eventually(lambda: len(denied) > before + 100, "requests after the change")
        is_over.set()
        await asyncio.gather(*tasks)
        assert len(admitted) == 25
        assert {each.limit for each in denied} == {"b"}
        assert (denied[-1].used + denied[-1].held, denied[-1].of) == (25, 5)


async def test_of_two_admins_who_change_limits_at_once_none_undoes_the_other_unseen(
    postgres_dsn: str, valkey_url: str
) -> None:
    async with running(postgres_dsn, valkey_url) as world:
        await world.apply(BUDGET)
        current = await world.desk.store.read()
        plans = [make_plan([replace(BUDGET, amount=amount)], current) for amount in (11, 12, 13, 14)]
        done = await asyncio.gather(*(apply_plan(world.desk, plan, DEED) for plan in plans), return_exceptions=True)
        assert sorted(isinstance(each, LimitConflict) for each in done) == [False, True, True, True]
        (winner,) = [
            amount for amount, each in zip((11, 12, 13, 14), done, strict=True) if not isinstance(each, Exception)
        ]
        await world.is_in_force(winner)
