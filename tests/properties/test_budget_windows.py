"""Limits hold while windows turn over, workers die between any two steps, and organisations share a Redis: I1 to I8.

The model: an exchange reserves, settles, becomes a row of the ledger, and the row is confirmed. Its worker may die
after each step; then its hold runs out, and the journal's row, of all that was held, comes in its place. A day's
counter, a rolling window of three parts, a number at a time and a bucket of tokens are for every exchange.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import redis
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.model.ids import ExchangeId
from extproc.model.limits import (
    Baseline,
    Bucket,
    Charge,
    Claim,
    Counter,
    Denied,
    LimitId,
    Rank,
    Reservation,
    Settlement,
    Shortage,
    Unit,
)
from tests.servers import Valkey

ORGANISATIONS = ("acme", "b")
DAY, ROLLING, AT_A_TIME = 1_000, 1_500, 4
TOKENS = 100_000
_FAR_S = 4e9


class Step(IntEnum):
    """How far an exchange came."""

    RESERVED = 1
    SETTLED = 2
    WRITTEN = 3
    CONFIRMED = 4


@dataclass(slots=True)
class Exchange:
    """One, as its worker remembers it."""

    id: ExchangeId
    organisation: str
    held: int
    amount: int
    parts: tuple[str, ...]
    """The parts that are charged: those of the windows in which it was reserved (I8)."""
    step: Step = Step.RESERVED
    is_dead: bool = False


@dataclass(slots=True)
class Books:
    """The ledger: amount and charged parts of each exchange, by organisation."""

    rows: dict[str, dict[ExchangeId, tuple[int, tuple[str, ...]]]] = field(
        default_factory=lambda: {name: {} for name in ORGANISATIONS}
    )

    def total(self, organisation: str, part: str) -> int:
        return sum(amount for amount, parts in self.rows[organisation].values() if part in parts)

    async def baselines(self, organisation: str, parts: Sequence[str]) -> dict[str, Baseline]:
        rows = self.rows[organisation]
        return {
            part: Baseline(
                self.total(organisation, part),
                tuple((rid, amount) for rid, (amount, charged) in rows.items() if part in charged),
            )
            for part in parts
        }


OPERATION = st.one_of(
    st.tuples(st.just("reserve"), st.integers(0, 1), st.integers(1, 400), st.integers(0, 100)),
    st.tuples(st.just("advance"), st.integers(0, 9)),
    st.tuples(st.just("again"), st.integers(0, 9)),
    st.tuples(st.just("die"), st.integers(0, 9)),
    st.tuples(st.just("void"), st.integers(0, 9)),
    st.tuples(st.just("turn"), st.integers(0, 2)),
    st.tuples(st.just("evict"), st.integers(0, 1), st.sampled_from(["day", "rolling", "p", "x", "flush"])),
)


@dataclass(slots=True)
class Story:
    """One history and what must be true of it."""

    raw: Redis
    budgets: RedisBudgets
    books: Books
    exchanges: list[Exchange] = field(default_factory=list)
    turn: int = 10
    is_faulty: bool = False

    def window(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (f"day{self.turn // 3}",), tuple(f"r{part}" for part in range(self.turn - 2, self.turn + 1))

    def claim(self, rid: str, organisation: str, amount: int) -> Claim:
        day, rolling = self.window()
        counters = (
            Counter(day[-1], day, Unit.MICRO_USD, DAY, True, amount, 0.0, _FAR_S, LimitId("day")),
            Counter(rolling[-1], rolling, Unit.MICRO_USD, ROLLING, True, amount, 0.0, _FAR_S, LimitId("rolling")),
        )
        bucket = Bucket("k", LimitId("rate"), None, TOKENS, AT_A_TIME, tokens=amount)
        return Claim(ExchangeId(rid), organisation, counters, (bucket,), 60.0)

    async def play(self, operation: tuple[object, ...]) -> None:
        match operation:
            case "reserve", int(which), int(amount), int(percent):
                await self.reserve(ORGANISATIONS[which], amount, percent)
            case "turn", int(by):
                self.turn += by
            case "evict", int(which), str(what):
                await self.evict(ORGANISATIONS[which], what)
            case str(name), int(index) if self.exchanges:
                await self.touch(name, self.exchanges[index % len(self.exchanges)])
        for organisation in ORGANISATIONS:
            await self.check(organisation)

    async def reserve(self, organisation: str, amount: int, percent: int) -> None:
        rid = ExchangeId(f"x{len(self.exchanges)}")
        asked = self.claim(rid, organisation, amount)
        match await self.budgets.reserve(lambda _: asked):
            case Reservation():
                parts = tuple(counter.parts[-1] for counter in asked.counters)
                self.exchanges.append(Exchange(rid, organisation, amount, amount * percent // 100, parts))
            case Denied(shortage, _, used, held, of):
                # I5: the limit that is named is truly exceeded.
                if shortage is Shortage.BUDGET:
                    assert used + held + amount > of
                else:
                    assert shortage is Shortage.CONCURRENCY
                    assert used >= of

    async def touch(self, name: str, exchange: Exchange) -> None:
        match name, exchange.step:
            case _ if exchange.is_dead:
                return
            case "advance", Step.RESERVED:
                await self.settle(exchange)
            case "advance", Step.SETTLED:
                self.write(exchange, exchange.amount)
            case "advance", Step.WRITTEN:
                await self.settle(exchange)
            case "again", Step.SETTLED | Step.WRITTEN | Step.CONFIRMED:
                # I3
                await self.settle(exchange)
                before = await self.shown(exchange.organisation)
                await self.settle(exchange)
                assert await self.shown(exchange.organisation) == before
                return
            case "void", Step.RESERVED:
                await self.budgets.void(exchange.organisation, exchange.id)
                exchange.is_dead = True
                return
            case "die", _:
                await self.die(exchange)
                return
            case _:
                return
        exchange.step = Step(exchange.step + 1)

    async def settle(self, exchange: Exchange, rank: Rank = Rank.DELIVERY) -> None:
        charges = tuple(Charge(part, exchange.amount) for part in exchange.parts)
        bill = Settlement(exchange.id, exchange.organisation, charges, ("k",), exchange.amount, rank)
        await self.budgets.settle(bill)

    def write(self, exchange: Exchange, amount: int) -> None:
        self.books.rows[exchange.organisation][exchange.id] = (amount, exchange.parts)

    async def die(self, exchange: Exchange) -> None:
        """Its worker is gone: the hold runs out, and another worker's journal ends what was not written."""
        exchange.is_dead = True
        await self.raw.zadd(f"b:{{{exchange.organisation}}}:x", {exchange.id: 1}, xx=True)
        await self.budgets.tidy(exchange.organisation)
        if exchange.step is Step.RESERVED:
            exchange.amount = exchange.held
            await self.settle(exchange, Rank.JOURNAL)
            self.write(exchange, exchange.held)
        elif exchange.step is Step.SETTLED:
            # What was settled is what was told to the ledger first: rows are spooled before Redis hears of them.
            self.write(exchange, exchange.amount)

    async def evict(self, organisation: str, what: str) -> None:
        self.is_faulty = True
        prefix = f"b:{{{organisation}}}:"
        day, rolling = self.window()
        match what:
            case "flush":
                await self.raw.flushall()
            case "day" | "rolling":
                await self.raw.delete(f"{prefix}c:{(day if what == 'day' else rolling)[-1]}")
            case _:
                await self.raw.delete(prefix + what)

    async def shown(self, organisation: str) -> list[tuple[int, int] | None]:
        day, rolling = self.window()
        return await self.budgets.show(organisation, [*day, *rolling])

    async def check(self, organisation: str) -> None:
        day, *rolling = await self.shown(organisation)
        # I1, and nothing is ever negative.
        for parts, limit in (([day], DAY), (rolling, ROLLING)):
            known = [each for each in parts if each is not None]
            assert all(used >= 0 and held >= 0 for used, held in known)
            if not self.is_faulty:
                assert sum(used + held for used, held in known) <= limit
        if not self.is_faulty:
            assert await self.raw.zcard(f"b:{{{organisation}}}:n:k") <= AT_A_TIME

    async def end(self) -> None:
        for exchange in self.exchanges:
            while not exchange.is_dead and exchange.step is not Step.CONFIRMED:
                await self.touch("advance", exchange)
            if exchange.id in self.books.rows[exchange.organisation]:
                rank = Rank.DELIVERY if exchange.step > Step.RESERVED else Rank.JOURNAL
                await self.settle(exchange, rank)
        for organisation in ORGANISATIONS:
            # Whatever is cold is loaded by who asks.
            parts = sorted(
                {part for each in self.exchanges if each.organisation == organisation for part in each.parts}
            )
            charges = tuple(Charge(part, 0) for part in parts)
            await self.budgets.settle(Settlement(ExchangeId("last"), organisation, charges, (), 0, Rank.DELIVERY))
            expected = [(self.books.total(organisation, part), 0) for part in parts]
            # I2 at every part of every window, I6, I8.
            assert await self.budgets.show(organisation, parts) == expected
            if not self.is_faulty:
                assert await self.raw.zcard(f"b:{{{organisation}}}:n:k") == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(OPERATION, min_size=5, max_size=50))
@example([("reserve", 0, 100, 50), ("turn", 2), ("advance", 0), ("advance", 0), ("evict", 0, "day"), ("advance", 0)])
@example([("reserve", 0, 400, 100), ("reserve", 0, 400, 100), ("turn", 1), ("reserve", 0, 400, 9), ("turn", 2)])
@example([("reserve", 0, 100, 50), ("die", 0), ("reserve", 1, 100, 50), ("advance", 1), ("die", 1)])
@example([("reserve", 0, 100, 50), ("evict", 0, "p"), ("reserve", 0, 1, 50), ("advance", 0)])
@example([("reserve", 0, 100, 50), ("evict", 0, "x"), ("reserve", 0, 1, 50), ("advance", 0)])
@example([("reserve", which % 2, 1, 100) for which in range(12)])
def test_counters_equal_the_ledger_over_windows_deaths_and_organisations(
    valkey_server: Valkey, operations: list[tuple[object, ...]]
) -> None:
    async def tell() -> None:
        async with open_redis(valkey_server.url) as raw:
            books = Books()
            budgets = RedisBudgets(raw, books, MemoryClock())
            await budgets.install()
            story = Story(raw, budgets, books)
            for operation in operations:
                await story.play(operation)
            await story.end()

    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    asyncio.run(tell())


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.lists(st.integers(1, 90), min_size=10, max_size=200))
def test_a_bucket_never_gives_more_than_it_holds_and_what_flowed_in_meanwhile(
    valkey_server: Valkey, requests: int, tokens: int, asked: list[int]
) -> None:
    """In any interval: between each two grants, not only since the beginning."""

    async def tell() -> None:
        async with open_redis(valkey_server.url) as raw:
            budgets = RedisBudgets(raw, Books(), MemoryClock())
            await budgets.install()
            grants: list[tuple[float, float, int]] = []
            for number, amount in enumerate(asked):
                bucket = Bucket("k", LimitId("rate"), requests * 60, tokens * 60, None, tokens=amount)
                claim = Claim(ExchangeId(f"x{number}"), "acme", (), (bucket,), 60.0)
                before_s = _seconds(await raw.time())
                answer = await budgets.reserve(_always(claim))
                if isinstance(answer, Reservation):
                    # Half of every other one comes back, twice said.
                    used = amount - amount // 2 * (number % 2)
                    for _ in range(2):
                        await budgets.settle(Settlement(claim.reservation, "acme", (), ("k",), used, Rank.DELIVERY))
                    grants.append((before_s, _seconds(await raw.time()), used))
            for first in range(len(grants)):
                for last in range(first, len(grants)):
                    spent_s = grants[last][1] - grants[first][0] + 0.002
                    within = grants[first : last + 1]
                    assert len(within) <= requests * (60 + spent_s)
                    most = max(tokens * 60, *(amount for *_, amount in within))
                    assert sum(amount for *_, amount in within) <= most + tokens * spent_s

    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    asyncio.run(tell())


def _seconds(time: tuple[int, int]) -> float:
    return time[0] + time[1] / 1e6


def _always(claim: Claim) -> Callable[[float], Claim]:
    return lambda _: claim
