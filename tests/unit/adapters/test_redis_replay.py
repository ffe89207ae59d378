"""A Redis that lost something is told again, once, by one of the workers; ``tests/faults`` fails over for real."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_replay import TELLING, TOLD, Replayer
from extproc.model.ids import ExchangeId
from extproc.model.limits import Baseline, Charge, Rank, Settlement
from extproc.model.refusals import Unavailable
from tests.servers import Valkey

ORG = "acme"
MARK = f"b:{{{ORG}}}:d:x"
COUNTER = f"b:{{{ORG}}}:c:c"


@dataclass(slots=True)
class Rows:
    """A ledger with these rows."""

    rows: list[Settlement] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    is_down: bool = False

    async def baselines(self, organisation: str, parts: Sequence[str]) -> dict[str, Baseline]:
        found = tuple((row.reservation, charge.amount) for row in self.rows for charge in row.charges)
        return {part: Baseline(sum(amount for _, amount in found), found) for part in parts}

    async def recent(self, since_s: float) -> Sequence[Settlement]:
        if self.is_down:
            raise Unavailable("postgres", "down")
        self.asked.append(since_s)
        return self.rows


@dataclass(slots=True)
class World:
    redis: Redis
    budgets: RedisBudgets
    ledger: Rows
    clock: MemoryClock
    unsent: list[Settlement] = field(default_factory=list)

    def replayer(self) -> Replayer:
        return Replayer(self.budgets, self.ledger, lambda: [ORG], lambda: self.unsent, self.clock)

    async def settled(self, rid: str, amount: int) -> Settlement:
        told = Settlement(ExchangeId(rid), ORG, (Charge("c", amount),), (), 0, Rank.DELIVERY)
        return Settlement(told.reservation, ORG, (await self.budgets.settle(told)).charges, (), 0, Rank.DELIVERY)

    async def pretend_restart(self, seconds_ago: float = 1.0) -> None:
        await self.redis.set(TOLD, json.dumps(["another", self.clock.now_s() - seconds_ago]))

    async def used(self) -> int | None:
        (found,) = await self.budgets.show(ORG, ["c"])
        return None if found is None else found[0]


@pytest.fixture
async def world(valkey_url: str) -> AsyncIterator[World]:
    async with open_redis(valkey_url) as redis:
        ledger, clock = Rows(), MemoryClock()
        yield World(redis, RedisBudgets(redis, ledger, clock), ledger, clock)


async def lose(world: World, amount: int) -> None:
    """As a failover does: the settlement is gone with its mark, and the counter is as old as it was."""
    await world.redis.delete(MARK)
    await world.redis.hincrby(COUNTER, "u", -amount)


async def test_what_was_lost_is_settled_again_and_what_was_not_is_not(world: World) -> None:
    world.ledger.rows = []
    replayer = world.replayer()
    assert await replayer.look()
    lost = await world.settled("x", 30)
    kept = await world.settled("y", 5)
    world.ledger.rows = [lost, kept]
    await lose(world, 30)
    await world.pretend_restart()
    assert await replayer.look()
    assert await world.used() == 35
    assert world.ledger.asked[-1] == pytest.approx(61.0)


async def test_a_server_that_was_told_is_left_alone_and_by_new_workers_too(world: World) -> None:
    await world.replayer().look()
    world.ledger.asked.clear()
    for replayer in (world.replayer(), world.replayer()):
        assert await replayer.look()
        assert await replayer.look()
    assert world.ledger.asked == []
    assert await world.redis.exists(TELLING) == 0


async def test_one_worker_tells_and_the_others_wait_until_it_did(world: World) -> None:
    await world.pretend_restart()
    await world.redis.set(TELLING, "another", px=30_000)
    replayer = world.replayer()
    assert not await replayer.look()
    await world.redis.delete(TELLING)
    assert await replayer.look()
    assert world.ledger.asked == [pytest.approx(61.0)]


async def test_what_the_ledger_does_not_have_yet_is_said_by_whoever_has_it(world: World) -> None:
    replayer = world.replayer()
    world.unsent = [await world.settled("x", 30)]
    await lose(world, 30)
    await world.pretend_restart()
    await world.redis.set(TELLING, "another", px=30_000)
    assert not await replayer.look()
    assert await world.used() == 30


async def test_after_too_long_or_nobody_knows_every_counter_begins_anew(world: World) -> None:
    world.ledger.rows = [await world.settled("x", 30)]
    for seconds_ago in (1_800.0, None):
        await world.redis.hset(COUNTER, "u", 7)
        if seconds_ago is None:
            await world.redis.set(TOLD, b"not readable")
        else:
            await world.pretend_restart(seconds_ago)
        assert await world.replayer().look()
        assert await world.used() is None
        await world.settled("x", 30)
        assert await world.used() == 30
    assert world.ledger.asked == []


async def test_what_a_killed_worker_left_in_the_ledger_is_charged_by_who_starts_next(world: World) -> None:
    world.ledger.rows = [Settlement(ExchangeId("x"), ORG, (Charge("c", 30, "g"),), (), 0, Rank.JOURNAL)]
    await world.redis.hset(COUNTER, mapping={"u": 0, "h": 0})
    world.ledger.is_down = True
    replayer = world.replayer()
    with pytest.raises(Unavailable):
        await replayer.begin()
    world.ledger.is_down = False
    await replayer.begin()
    assert await world.used() == 30
    await world.redis.hincrby(COUNTER, "u", 5)
    await replayer.begin()
    await world.replayer().begin()
    assert (await world.used(), world.ledger.asked) == (35, [120.0, 120.0])


async def test_without_the_ledger_it_is_tried_again_and_by_anybody(world: World) -> None:
    await world.pretend_restart()
    world.ledger.is_down = True
    with pytest.raises(Unavailable):
        await world.replayer().look()
    world.ledger.is_down = False
    assert await world.replayer().look()


async def test_a_restart_is_another_server(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as redis:
        functions = RedisBudgets(redis, Rows(), MemoryClock()).functions
        before = await functions.identity()
        assert await functions.identity() == before
        own_valkey.stop()
        own_valkey.start()
        assert await functions.identity() != before
