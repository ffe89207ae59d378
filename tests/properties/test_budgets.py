"""Limits hold and lose nothing, whatever happens to Redis: DESIGN §6, invariants I1 to I8, on a real server.

The model: what was settled becomes a row of the ledger sooner or later, and after each row, and after each rollback of
Redis, the settlement is said again. Redis may forget counters, or everything, or its last moments.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import redis
from hypothesis import HealthCheck, example, given, settings
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

ORG = "acme"
LIMITS = {"org": 2_000, "team": 1_200, "project": 1_000, "key": 600, "user": 500}
FAR_S = 4_000_000_000.0


@dataclass(slots=True)
class Rows:
    """The ledger: what was committed, by reservation. Every counter is charged the same here."""

    rows: dict[ExchangeId, int] = field(default_factory=dict)
    loads: int = 0

    async def baselines(self, organisation: str, parts: Sequence[str]) -> dict[str, Baseline]:
        self.loads += 1
        return {part: Baseline(sum(self.rows.values()), tuple(self.rows.items())) for part in parts}


@dataclass(slots=True)
class Flight:
    """A reservation as the gateway remembers it."""

    id: ExchangeId
    held: int
    charged: int | None = None
    is_void: bool = False


def claim(rid: str, amount: int, limits: dict[str, int] = LIMITS, buckets: tuple[Bucket, ...] = ()) -> Claim:
    counters = tuple(
        Counter(name, (name,), Unit.MICRO_USD, limit, True, amount, 0.0, FAR_S, LimitId(name))
        for name, limit in limits.items()
    )
    return Claim(ExchangeId(rid), ORG, counters, buckets, 60.0)


def bill(rid: str, amount: int, rank: Rank = Rank.DELIVERY, limits: dict[str, int] = LIMITS) -> Settlement:
    return Settlement(ExchangeId(rid), ORG, tuple(Charge(name, amount) for name in limits), (), 0, rank)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(1, 300)),
        st.tuples(st.just("reserve again"), st.integers(0, 7)),
        st.tuples(st.just("settle"), st.integers(0, 7), st.integers(0, 130)),
        st.tuples(st.just("journal"), st.integers(0, 7)),
        st.tuples(st.just("void"), st.integers(0, 7)),
        st.tuples(st.just("expire"), st.integers(0, 7)),
        st.tuples(st.just("commit"), st.integers(0, 7)),
        st.tuples(st.just("flush")),
        st.tuples(st.just("evict"), st.sampled_from(list(LIMITS))),
        st.tuples(st.just("snapshot")),
        st.tuples(st.just("rollback")),
    ),
    min_size=5,
    max_size=60,
)


@dataclass(slots=True)
class Story:
    """One history and what must be true of it."""

    raw: Redis
    budgets: RedisBudgets
    ledger: Rows
    flights: list[Flight] = field(default_factory=list)
    unwritten: dict[ExchangeId, int] = field(default_factory=dict)
    """Settled, not yet rows."""
    snapshot: dict[bytes, bytes] | None = None
    is_faulty: bool = False

    async def play(self, operation: tuple[object, ...]) -> None:
        name, *arguments = operation
        match name, arguments:
            case "reserve", [int(amount)]:
                await self.reserve(amount)
            case "flush", []:
                await self.flush()
            case "snapshot", []:
                await self.remember()
            case "rollback", []:
                await self.rollback()
            case "evict", [str(counter)]:
                self.is_faulty = True
                await self.raw.delete(f"b:{{{ORG}}}:c:{counter}")
            case "commit", [int(index)] if self.unwritten:
                rid = list(self.unwritten)[index % len(self.unwritten)]
                await self.commit(rid)
            case str(), [int(index), *rest] if self.flights:
                await self.touch(name, self.flights[index % len(self.flights)], *rest)
        await self.check()

    async def reserve(self, amount: int) -> None:
        rid = ExchangeId(f"x{len(self.flights)}-{random.random()}")  # noqa: S311
        answer = await self.budgets.reserve(lambda _: claim(rid, amount))
        match answer:
            case Reservation():
                self.flights.append(Flight(rid, amount))
            case Denied(shortage, limit, used, held, of):
                # I5: the limit that is named is truly exceeded.
                assert (shortage, of) == (Shortage.BUDGET, LIMITS[limit])
                assert used + held + amount > of

    async def touch(self, name: str, flight: Flight, *rest: object) -> None:
        match name, rest:
            case "reserve again", ():
                before = await self.counters()
                is_known = await self.raw.hexists(f"b:{{{ORG}}}:p", flight.id)
                if is_known:
                    # I3: again is as good as once.
                    assert isinstance(await self.budgets.reserve(lambda _: claim(flight.id, flight.held)), Reservation)
                    assert await self.counters() == before
            case "settle", (int(percent),) if not flight.is_void:
                if flight.charged is None:
                    flight.charged = flight.held * percent // 100
                await self.charge(flight, Rank.DELIVERY)
            case "journal", () if flight.charged is None and not flight.is_void:
                # The journal's estimate first; the delivery's word comes later and corrects it.
                await self.budgets.settle(bill(flight.id, flight.held, Rank.JOURNAL))
                flight.charged = flight.held // 2
                await self.charge(flight, Rank.DELIVERY)
                settled = await self.counters()
                await self.budgets.settle(bill(flight.id, flight.held, Rank.JOURNAL))
                assert await self.counters() == settled
            case "void", () if flight.charged is None:
                flight.is_void = True
                await self.budgets.void(ORG, flight.id)
                before = await self.counters()
                await self.budgets.void(ORG, flight.id)
                assert await self.counters() == before
            case "expire", ():
                if await self.raw.zscore(f"b:{{{ORG}}}:x", flight.id) is not None:
                    await self.raw.zadd(f"b:{{{ORG}}}:x", {flight.id: 1})
                    await self.budgets.tidy(ORG)

    async def charge(self, flight: Flight, rank: Rank) -> None:
        assert flight.charged is not None
        if flight.id not in self.ledger.rows:
            self.unwritten[flight.id] = flight.charged
        await self.budgets.settle(bill(flight.id, flight.charged, rank))
        before = await self.counters()
        await self.budgets.settle(bill(flight.id, flight.charged, rank))
        assert await self.counters() == before

    async def commit(self, rid: ExchangeId) -> None:
        self.ledger.rows[rid] = self.unwritten.pop(rid)
        await self.budgets.settle(bill(rid, self.ledger.rows[rid]))

    async def flush(self) -> None:
        self.is_faulty = True
        await self.raw.flushall()

    async def remember(self) -> None:
        keys = [key async for key in self.raw.scan_iter(count=1000)]
        self.snapshot = {key: await self.raw.dump(key) for key in keys}

    async def rollback(self) -> None:
        """Redis is set back to what it was: its last moments are lost. What was settled of late is said again."""
        if self.snapshot is None:
            return
        self.is_faulty = True
        await self.raw.flushall()
        for key, value in self.snapshot.items():
            await self.raw.restore(key, 0, value)
        for rid, amount in {**self.ledger.rows, **self.unwritten}.items():
            await self.budgets.settle(bill(rid, amount))

    async def counters(self) -> list[tuple[int, int] | None]:
        return await self.budgets.show(ORG, list(LIMITS))

    async def check(self) -> None:
        for (name, limit), found in zip(LIMITS.items(), await self.counters(), strict=True):
            if found is None:
                continue
            used, held = found
            assert used >= 0, name
            overshoot = sum(max(0, each.charged - each.held) for each in self.flights if each.charged is not None)
            if not self.is_faulty:
                # I1; what a provider bills beyond what was held is charged all the same.
                assert held >= 0, name
                assert used + held <= limit + overshoot, name

    async def end(self) -> None:
        """Everything is written, everything still held is given up."""
        for rid in list(self.unwritten):
            await self.commit(rid)
        for rid, amount in self.ledger.rows.items():
            await self.budgets.settle(bill(rid, amount))
        for flight in self.flights:
            await self.budgets.void(ORG, flight.id)
        total = sum(self.ledger.rows.values())
        # A cold counter is loaded by whoever asks next.
        await self.budgets.reserve(lambda _: replace(claim("last", 0, dict.fromkeys(LIMITS, 10**12))))
        await self.budgets.void(ORG, ExchangeId("last"))
        for name, found in zip(LIMITS, await self.counters(), strict=True):
            assert found is not None
            # I2: the counter is the ledger, at every level; I6: nothing is held.
            assert found == (total, 0), name


def run(server: Valkey, tell: Callable[[Story], object]) -> None:
    async def go() -> None:
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
        async with open_redis(server.url) as raw:
            ledger = Rows()
            budgets = RedisBudgets(raw, ledger, MemoryClock())
            await budgets.install()
            await tell(Story(raw, budgets, ledger))  # type: ignore[misc]

    asyncio.run(go())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPERATIONS)
@example([("reserve", 100), ("evict", "org"), ("reserve", 100), ("settle", 0, 50)])
@example([("reserve", 100), ("settle", 0, 50), ("evict", "org"), ("reserve", 1), ("commit", 0)])
@example([("reserve", 100), ("settle", 0, 50), ("commit", 0), ("evict", "org"), ("reserve", 1), ("settle", 0, 50)])
@example([("reserve", 300), ("reserve", 200), ("reserve", 1)])
@example([("reserve", 100), ("journal", 0), ("flush",), ("reserve", 5), ("journal", 0)])
@example([("reserve", 100), ("expire", 0), ("settle", 0, 100)])
@example([("reserve", 100), ("snapshot",), ("settle", 0, 100), ("rollback",)])
def test_counters_equal_the_ledger_after_any_history(
    valkey_server: Valkey, operations: list[tuple[object, ...]]
) -> None:
    async def tell(story: Story) -> None:
        for operation in operations:
            await story.play(operation)
        await story.end()

    run(valkey_server, tell)
