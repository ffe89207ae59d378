"""Workers killed between any two steps of settling, and records in any order: the counter is what the ledger says."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from extproc.adapters.ledger_spool import LedgerSpool
from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_ledger import PostgresLedger
from extproc.adapters.postgres_pool import Pool, open_pool
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_replay import Replayer
from extproc.adapters.settler import Settler
from extproc.model.exchange import AttemptRecord, ExchangeContext, HeldCounter, Hold, Outcome
from extproc.model.ids import ExchangeId, OrganisationId
from extproc.model.limits import Claim, Counter, LimitId, Reservation, Unit
from tests.servers import Valkey
from tests.unit.policy.test_closing import CONTEXT, DELIVERED, FINISHED, MAIN

GRACE_S = 0.3
ANSWER, FIRST, SECOND = 190, 500, 1900
"""What the answer of the second deployment costs, and what either attempt is estimated at; micro-USD."""


class Clock:
    def now_s(self) -> float:
        return time.time()


@dataclass(slots=True)
class World:
    redis: Redis
    pool: Pool
    spools: Path
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    organisation: str = field(default_factory=lambda: f"o-{uuid.uuid4().hex[:12]}")

    def worker(self, *, charges: bool = True, writes: bool = True) -> Settler:
        """One that dies before it charges Redis, or before its rows are safe, where it does not."""
        tables = LedgerTables(self.pool)
        spool = LedgerSpool(self.spools / uuid.uuid4().hex)
        ledger = PostgresLedger(tables, spool, lambda rows: settler.committed(rows), every_s=0.01, patience_s=5.0)  # noqa: PLW0108 - made below
        settler = Settler(self.budgets(), ledger, Clock(), lambda *_: None, grace_s=GRACE_S)
        self.tasks += [asyncio.create_task(each()) for each in (*[settler.run] * charges, *[ledger.run] * writes)]
        return settler

    def budgets(self) -> RedisBudgets:
        return RedisBudgets(self.redis, LedgerTables(self.pool), Clock())

    async def start_another(self) -> None:
        """A worker that finds what the killed ones left."""
        await self.redis.delete("extproc:budgets:started")
        tables = LedgerTables(self.pool)
        await Replayer(self.budgets(), tables, lambda: [self.organisation], list, Clock()).begin()

    async def reserve(self) -> ExchangeContext:
        """An exchange of two deployments under way."""
        hold = Hold((HeldCounter("money", Unit.MICRO_USD, LimitId("money"), 10**9),), ())
        context = replace(
            CONTEXT,
            id=ExchangeId(uuid.uuid4().hex),
            organisation=OrganisationId(self.organisation),
            started_at_s=time.time(),
            hold=hold,
        )
        counter = Counter("money", ("money",), Unit.MICRO_USD, 10**9, True, FIRST + SECOND, 0.0, 4e9, LimitId("money"))
        claim = Claim(context.id, self.organisation, (counter,), (), 60.0)
        assert isinstance(await self.budgets().reserve(lambda _: claim), Reservation)
        return context

    async def await_charged(self, amount: int) -> None:
        """Counter and ledger say so, and nothing is held."""
        tables, budgets = LedgerTables(self.pool), self.budgets()
        found: tuple[object, ...] = ()
        for _ in range(200):
            counted = await tables.counted(self.organisation, ["money"])
            found = (counted.get("money", 0), await budgets.show(self.organisation, ["money"]))
            if found == (amount, [(amount, 0)]):
                return
            await asyncio.sleep(0.05)
        assert found == (amount, [(amount, 0)])


@pytest.fixture
async def world(own_valkey: Valkey, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_redis(own_valkey.url))
        pool = await stack.enter_async_context(open_pool(postgres_dsn))
        world = World(redis, pool, tmp_path)
        yield world
        for task in world.tasks:
            task.cancel()
        await asyncio.gather(*world.tasks, return_exceptions=True)


def answered(context: ExchangeContext) -> Callable[[Settler], None]:
    return lambda worker: worker.delivered(replace(DELIVERED, context=context))


def ended(context: ExchangeContext) -> Callable[[Settler], None]:
    record = replace(FINISHED, exchange=context.id, context=context, outcome=Outcome.ANSWERED, status=200, attempts=2)
    return lambda worker: worker.finished(record)


def unsent(context: ExchangeContext) -> Callable[[Settler], None]:
    return lambda worker: worker.attempted(AttemptRecord(context.id, MAIN, 0, "UF", 1))


def refused(context: ExchangeContext) -> Callable[[Settler], None]:
    record = replace(
        DELIVERED, context=context, deployment=MAIN, usage=None, is_complete=False, judged_bytes=0, status=503
    )
    return lambda worker: worker.delivered(record)


async def test_killed_after_redis_was_charged_and_before_the_row_was_safe(world: World) -> None:
    context = await world.reserve()
    killed = world.worker(writes=False)
    answered(context)(killed)
    await eventually_used(world, FIRST + ANSWER)
    ended(context)(world.worker())
    await world.await_charged(FIRST + ANSWER)


async def test_killed_after_the_row_was_safe_and_before_redis_was_charged(world: World) -> None:
    context = await world.reserve()
    killed = world.worker(charges=False)
    answered(context)(killed)
    await eventually_counted(world, FIRST + ANSWER)
    await world.start_another()
    await world.await_charged(FIRST + ANSWER)


async def test_killed_while_it_waited_for_delivery(world: World) -> None:
    context = await world.reserve()
    killed = world.worker(charges=False)
    ended(context)(killed)
    await eventually_counted(world, FIRST + SECOND)
    await world.start_another()
    await world.await_charged(FIRST + SECOND)


@pytest.mark.parametrize("seed", range(4))
async def test_records_in_any_order_at_any_worker_and_more_than_once_make_one_cost(world: World, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - of a test
    workers = [world.worker(), world.worker(), world.worker()]
    records: list[Callable[[Settler], None]] = []
    total = 0
    for _ in range(30):
        context = await world.reserve()
        told = [ended(context)]
        is_answered, is_free = draw.random() < 0.7, draw.random() < 0.5
        total += (ANSWER if is_answered else SECOND) + (0 if is_free else FIRST)
        if is_answered:
            told.append(answered(context))
        if is_free:
            told.append(draw.choice((unsent, refused))(context))
        records += told + draw.sample(told, draw.randint(0, len(told)))
    draw.shuffle(records)
    for record in records:
        record(draw.choice(workers))
        if draw.random() < 0.1:
            await asyncio.sleep(draw.choice((0.0, 0.02)))
    await world.await_charged(total)
    for worker in workers:
        # Behind all that waited: when it is charged, nothing of the others is still to come.
        ended(await world.reserve())(worker)
        total += FIRST + SECOND
    await world.await_charged(total)


async def eventually_used(world: World, amount: int) -> None:
    budgets = world.budgets()
    seen: list[object] = []

    async def look() -> None:
        while [(amount, 0)] not in seen:
            seen.append(await budgets.show(world.organisation, ["money"]))

    await asyncio.wait_for(look(), 10)


async def eventually_counted(world: World, amount: int) -> None:
    tables = LedgerTables(world.pool)

    async def look() -> None:
        while await tables.counted(world.organisation, ["money"]) != {"money": amount}:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(look(), 10)
