"""What ``Budgets`` promises, on Valkey 8, on Redis 8, behind Sentinel and on a Cluster.

Histories with faults are in ``tests/properties``.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from redis.asyncio import Redis

from extproc.adapters import redis_functions
from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.model.ids import ExchangeId
from extproc.model.limits import (
    Alert,
    Baseline,
    Bucket,
    Charge,
    Claim,
    Counter,
    Denied,
    Left,
    LimitId,
    Rank,
    Reservation,
    Settlement,
    Shortage,
    Unit,
)
from extproc.model.refusals import Unavailable
from tests.redis_servers import Clustered, Watched
from tests.servers import Redis8, Valkey

ORG = "acme"
FAR_S = 4_000_000_000.0


@dataclass(slots=True)
class Books:
    """A ledger with these sums."""

    sums: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_down: bool = False

    async def baselines(self, organisation: str, parts: Sequence[str]) -> dict[str, Baseline]:
        if self.is_down:
            raise Unavailable("postgres", "down")
        self.asked += parts
        return {part: Baseline(self.sums.get(part, 0)) for part in parts}


@dataclass(slots=True)
class World:
    """Budgets on a real server, and the server itself."""

    redis: Redis
    books: Books
    clock: MemoryClock
    budgets: RedisBudgets

    async def take(self, *counters: Counter, rid: str = "x", buckets: tuple[Bucket, ...] = ()) -> Reservation | Denied:
        asked = Claim(ExchangeId(rid), ORG, counters, buckets, 60.0)
        return await self.budgets.reserve(lambda _: asked)

    async def settle(self, *charges: Charge, rid: str = "x", **more: object) -> tuple[Charge, ...]:
        told = Settlement(ExchangeId(rid), ORG, charges, (), 0, Rank.DELIVERY)
        return (await self.budgets.settle(replace(told, **more))).charges  # type: ignore[arg-type]

    async def of(self, *parts: str) -> list[tuple[int, int] | None]:
        return await self.budgets.show(ORG, parts)


@pytest.fixture(params=["valkey_server", "redis8_server", "steady_sentinels", "cluster"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    server: Valkey | Redis8 | Watched | Clustered = request.getfixturevalue(request.param)
    url = server.url
    async with open_redis(url, most_connections=64) as redis:
        await redis.flushall()
        await redis.execute_command("FUNCTION FLUSH")
        books, clock = Books(), MemoryClock()
        budgets = RedisBudgets(redis, books, clock)
        await budgets.install()
        yield World(redis, books, clock, budgets)


def counter(part: str = "c", amount: int = 10, limit: int = 100, **more: object) -> Counter:
    made = Counter(
        id=part,
        parts=(part,),
        unit=Unit.MICRO_USD,
        limit=limit,
        is_hard=True,
        amount=amount,
        starts_at_s=0.0,
        ends_at_s=FAR_S,
        budget=LimitId(f"b-{part}"),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def bucket(name: str = "t", requests: int | None = None, tokens: int | None = None, **more: object) -> Bucket:
    made = Bucket(name, LimitId(f"r-{name}"), requests, tokens, None, tokens=1)
    return replace(made, **more)  # type: ignore[arg-type]


async def test_what_fits_is_held_and_what_is_left_is_told(world: World) -> None:
    granted = await world.take(counter("a", 10, 100), counter("b", 10, 20, unit=Unit.TOKENS))
    assert isinstance(granted, Reservation)
    assert granted.money_left == Left(LimitId("b-a"), 90, 100, FAR_S)
    assert granted.tokens_left == Left(LimitId("b-b"), 10, 20, FAR_S)
    assert await world.of("a", "b") == [(0, 10), (0, 10)]


async def test_a_denial_names_the_exceeded_limit_and_holds_nothing_anywhere(world: World) -> None:
    world.books.sums = {"b": 15}
    denied = await world.take(counter("a"), counter("b", limit=20), counter("c"), buckets=(bucket(requests=1),))
    assert isinstance(denied, Denied)
    assert (denied.shortage, denied.limit) == (Shortage.BUDGET, "b-b")
    assert (denied.used, denied.held, denied.of) == (15, 0, 20)
    assert await world.of("a", "b", "c") == [(0, 0), (15, 0), (0, 0)]
    assert isinstance(await world.take(rid="y", buckets=(bucket(requests=1),)), Reservation)


async def test_exactly_what_is_left_is_granted_and_one_more_is_not(world: World) -> None:
    assert isinstance(await world.take(counter(amount=100)), Reservation)
    assert isinstance(await world.take(counter(amount=1), rid="y"), Denied)


async def test_a_soft_budget_is_counted_and_denies_nobody(world: World) -> None:
    assert isinstance(await world.take(counter(amount=1000, is_hard=False)), Reservation)
    assert await world.of("c") == [(0, 1000)]


async def test_two_hundred_at_once_are_granted_exactly_as_many_as_fit(world: World) -> None:
    await world.take(counter(amount=0), rid="warm")
    answers = await asyncio.gather(*(world.take(counter(amount=40), rid=f"x{n}") for n in range(200)))
    assert sum(isinstance(answer, Reservation) for answer in answers) == 2
    assert await world.of("c") == [(0, 80)]


async def test_an_organisations_counters_are_its_own(world: World) -> None:
    await world.take(counter(amount=100))
    other = Claim(ExchangeId("x"), "other", (counter(amount=100),), (), 60.0)
    assert isinstance(await world.budgets.reserve(lambda _: other), Reservation)


async def test_settling_charges_what_was_used_and_releases_the_rest(world: World) -> None:
    await world.take(counter("a", 50), counter("b", 50))
    (a, b) = await world.settle(Charge("a", 20), Charge("b", 5))
    assert await world.of("a", "b") == [(20, 0), (5, 0)]
    assert a.generation
    assert b.generation


async def test_more_than_was_held_is_charged_all_the_same(world: World) -> None:
    await world.take(counter(amount=100))
    await world.settle(Charge("c", 130))
    assert await world.of("c") == [(130, 0)]
    assert isinstance(await world.take(counter(amount=0), rid="y"), Denied)


async def test_what_was_never_reserved_is_charged_too(world: World) -> None:
    await world.settle(Charge("c", 30))
    assert await world.of("c") == [(30, 0)]


async def test_of_two_settlements_of_a_rank_the_one_that_knows_of_more_attempts_counts(world: World) -> None:
    await world.take(counter(amount=100))
    await world.settle(Charge("c", 90))
    await world.settle(Charge("c", 40), freed=1)
    await world.settle(Charge("c", 90))
    assert await world.of("c") == [(40, 0)]


async def test_the_journals_settlement_hears_what_delivery_charged_and_not_what_the_journal_did(world: World) -> None:
    await world.take(counter(amount=100))
    await world.settle(Charge("c", 70), rank=Rank.JOURNAL, freed=1)
    stale = Settlement(ExchangeId("x"), ORG, (Charge("c", 100),), (), 0, Rank.JOURNAL)
    assert (await world.budgets.settle(stale)).outranked == ()
    await world.settle(Charge("c", 30))
    assert (await world.budgets.settle(stale)).outranked == (Charge("c", 30),)
    assert await world.of("c") == [(30, 0)]


async def test_a_reservation_that_was_resolved_is_not_made_again(world: World) -> None:
    await world.take(counter())
    await world.settle(Charge("c", 5))
    with pytest.raises(Unavailable):
        await world.take(counter())


async def test_a_settlement_long_after_its_mark_is_known_by_the_generation_it_was_applied_to(world: World) -> None:
    await world.take(counter())
    (charged,) = await world.settle(Charge("c", 5))
    await world.redis.delete(f"b:{{{ORG}}}:d:x")
    await world.settle(charged)
    assert await world.of("c") == [(5, 0)]
    # Loaded anew meanwhile, without this row: then it is charged.
    await world.redis.delete(f"b:{{{ORG}}}:d:x", f"b:{{{ORG}}}:c:c")
    await world.settle(charged)
    assert await world.of("c") == [(5, 0)]


async def test_a_cold_counter_is_loaded_once_and_nothing_is_guessed_without_the_ledger(world: World) -> None:
    world.books.sums = {"c": 95}
    assert isinstance(await world.take(counter()), Denied)
    assert isinstance(await world.take(counter(amount=5), rid="y"), Reservation)
    assert world.books.asked == ["c"]
    world.books.is_down = True
    with pytest.raises(Unavailable):
        await world.take(counter("new"), rid="z")
    assert isinstance(await world.take(counter(amount=0), rid="z"), Reservation)


async def test_a_rolling_window_adds_up_its_parts_and_charges_the_last(world: World) -> None:
    world.books.sums = {"r1": 30, "r2": 40}
    rolling = counter(amount=10, parts=("r1", "r2", "r3"))
    assert isinstance(await world.take(rolling), Reservation)
    assert await world.of("r1", "r2", "r3") == [(30, 0), (40, 0), (0, 10)]
    denied = await world.take(replace(rolling, amount=21), rid="y")
    assert isinstance(denied, Denied)
    assert (denied.used, denied.held) == (70, 10)
    later = replace(rolling, amount=40, parts=("r2", "r3", "r4"))
    assert isinstance(await world.take(later, rid="z"), Reservation)


async def test_a_claim_is_made_by_the_clock_of_redis(world: World) -> None:
    world.clock.time_s = 1_000.0
    moments: list[float] = []

    def claim_at(now_s: float) -> Claim:
        moments.append(now_s)
        day = counter(starts_at_s=now_s - 1, ends_at_s=now_s + 86_400)
        return Claim(ExchangeId("x"), ORG, (day,), (), 60.0)

    assert isinstance(await world.budgets.reserve(claim_at), Reservation)
    assert moments[0] == 1_000.0
    assert moments[-1] > 1_700_000_000
    moments.clear()
    await world.budgets.reserve(lambda now_s: replace(claim_at(now_s), reservation=ExchangeId("y")))
    assert moments[0] > 1_700_000_000


async def test_a_bucket_gives_so_many_requests_and_says_when_there_is_more(world: World) -> None:
    for number in range(3):
        granted = await world.take(rid=f"x{number}", buckets=(bucket(requests=3),))
        assert isinstance(granted, Reservation)
        assert granted.requests_left is not None
        assert granted.requests_left.amount == 2 - number
    denied = await world.take(rid="y", buckets=(bucket(requests=3),))
    assert isinstance(denied, Denied)
    assert (denied.shortage, denied.limit, denied.of) == (Shortage.REQUESTS, "r-t", 3)
    assert denied.retry_after_s is not None
    assert 15 < denied.retry_after_s <= 20


async def test_tokens_that_were_not_used_go_back_into_every_bucket_once(world: World) -> None:
    buckets = (bucket("a", tokens=None, tokens_per_minute=1000), bucket("b", tokens=None, tokens_per_minute=600))
    asked = tuple(replace(each, tokens=500) for each in buckets)
    assert isinstance(await world.take(buckets=asked), Reservation)
    denied = await world.take(rid="y", buckets=asked)
    assert isinstance(denied, Denied)
    assert (denied.shortage, denied.limit) == (Shortage.TOKENS, "r-b")
    for _ in range(2):
        await world.settle(buckets=("a", "b"), tokens=100)
    levels = [float(await world.redis.hget(f"b:{{{ORG}}}:t:{name}", "t")) for name in "ab"]
    assert levels == pytest.approx([900, 500], abs=20)


async def test_a_void_gives_back_hold_and_tokens_once_and_not_the_request(world: World) -> None:
    asked = replace(bucket(requests=5, tokens=None), tokens_per_minute=100, tokens=60)
    await world.take(counter(), buckets=(asked,))
    for _ in range(2):
        await world.budgets.void(ORG, ExchangeId("x"))
    assert await world.of("c") == [(0, 0)]
    level = await world.redis.hmget(f"b:{{{ORG}}}:t:t", "r", "t")
    assert [float(each) for each in level] == pytest.approx([4, 100], abs=2)


async def test_more_tokens_than_a_bucket_holds_go_when_it_is_full_and_leave_it_in_debt(world: World) -> None:
    huge = bucket(tokens=None, tokens_per_minute=100)
    assert isinstance(await world.take(buckets=(replace(huge, tokens=250),)), Reservation)
    denied = await world.take(rid="y", buckets=(replace(huge, tokens=1),))
    assert isinstance(denied, Denied)
    assert denied.retry_after_s is not None
    assert 80 < denied.retry_after_s <= 91


async def test_so_many_at_a_time_and_the_next_when_one_is_done(world: World) -> None:
    narrow = bucket(concurrent=2)
    for rid in ("x", "y"):
        assert isinstance(await world.take(rid=rid, buckets=(narrow,)), Reservation)
    denied = await world.take(rid="z", buckets=(narrow,))
    assert isinstance(denied, Denied)
    assert (denied.shortage, denied.used, denied.of) == (Shortage.CONCURRENCY, 2, 2)
    assert denied.retry_after_s is None
    await world.settle(rid="x", buckets=("t",))
    assert isinstance(await world.take(rid="z", buckets=(narrow,)), Reservation)
    await world.budgets.void(ORG, ExchangeId("y"))
    assert isinstance(await world.take(rid="w", buckets=(narrow,)), Reservation)


async def test_an_overdue_hold_is_given_up_and_a_late_settlement_still_charges(world: World) -> None:
    await world.take(counter(), buckets=(bucket(concurrent=1),))
    await world.redis.zadd(f"b:{{{ORG}}}:x", {"x": 1})
    assert await world.budgets.tidy(ORG) == 1
    assert await world.of("c") == [(0, 0)]
    assert isinstance(await world.take(rid="y", buckets=(bucket(concurrent=1),)), Reservation)
    await world.settle(Charge("c", 7))
    assert await world.of("c") == [(7, 0)]


async def test_a_long_stream_keeps_its_hold_while_it_is_extended(world: World) -> None:
    await world.take(counter())
    await world.redis.zadd(f"b:{{{ORG}}}:x", {"x": 1})
    assert await world.budgets.extend(ORG, [ExchangeId("x"), ExchangeId("gone")], 60.0) == 1
    assert await world.budgets.tidy(ORG) == 0
    assert await world.of("c") == [(0, 10)]


async def test_each_alert_is_told_once_and_the_highest_first(world: World) -> None:
    alerts = (Alert(LimitId("b"), "c", 100, (50, 80, 100), Unit.TOKENS),)
    crossed = []
    for number, amount in enumerate((40, 20, 25, 1, 30)):
        told = Settlement(ExchangeId(f"x{number}"), ORG, (Charge("c", amount),), (), 0, Rank.DELIVERY, alerts)
        crossed += [(each.percent, each.used, each.unit) for each in (await world.budgets.settle(told)).crossed]
    assert crossed == [(50, 60, "tokens"), (80, 85, "tokens"), (100, 116, "tokens")]


async def test_repair_sets_what_is_held_from_what_is_pending_and_used_from_the_ledger(world: World) -> None:
    await world.take(counter())
    await world.redis.hset(f"b:{{{ORG}}}:c:c", mapping={"u": 500, "h": 77})
    assert await world.budgets.recount(ORG, "c", 3) == ((500, 77), (3, 10))
    assert await world.budgets.recount(ORG, "c", None) == ((3, 10), (3, 10))
    assert await world.budgets.recount(ORG, "cold", None) is None


async def test_a_redis_without_our_functions_gets_them_and_newer_ones_are_kept(world: World) -> None:
    await world.redis.execute_command("FUNCTION FLUSH")
    assert isinstance(await world.take(counter()), Reservation)
    assert not await world.budgets.install()
    newer = redis_functions.library().replace(f"-- Version {redis_functions.VERSION}", "-- Version 99")
    await world.redis.execute_command("FUNCTION LOAD", "REPLACE", newer)
    assert not await world.budgets.install()


async def test_amounts_up_to_a_hundred_million_dollars_are_exact(world: World) -> None:
    big = 10**14 - 1
    assert isinstance(await world.take(counter(amount=big, limit=10**14)), Reservation)
    await world.settle(Charge("c", big))
    assert await world.of("c") == [(big, 0)]
    assert isinstance(await world.take(counter(amount=2, limit=10**14), rid="y"), Denied)
    assert isinstance(await world.take(counter(amount=1, limit=10**14), rid="z"), Reservation)


async def test_redis_away_or_slow_is_unavailable_within_the_deadline(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as redis:
        budgets = RedisBudgets(redis, Books(), MemoryClock(), deadline_s=0.2)
        await budgets.install()
        asked = Claim(ExchangeId("x"), ORG, (counter(),), (), 60.0)
        own_valkey.pause()
        with pytest.raises(Unavailable):
            await budgets.reserve(lambda _: asked)
        own_valkey.resume()
        own_valkey.stop()
        with pytest.raises(Unavailable):
            await budgets.settle(Settlement(ExchangeId("x"), ORG, (Charge("c", 1),), (), 0, Rank.DELIVERY))
