"""Limits hold and lose nothing, whatever happens to Redis and to workers: I1 to I8 and I10, on both servers.

Each history is checked after every step. docs/redis.md has the invariants, ``budget_histories`` what can happen. I9
needs servers that are killed: ``tests/faults/test_redis_failover.py``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest
import redis
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_functions import library
from extproc.model.ids import ExchangeId
from extproc.model.limits import Bucket, Claim, LimitId, Rank, Reservation, Settlement
from tests.properties.budget_histories import Operation, World
from tests.properties.budget_model import Books, now_ms
from tests.redis_users import INSTALLER, PASSWORD, WORKER, add_users, remove_users, url_as
from tests.servers import Redis8, Valkey

ORDINARY = (
    st.tuples(st.just("reserve"), st.integers(0, 1), st.integers(1, 400), st.integers(0, 130)),
    st.tuples(st.sampled_from(["advance", "again", "estimate", "void", "beat", "adjust"]), st.integers(0, 9)),
    st.tuples(st.sampled_from(["die", "die untold"]), st.integers(0, 9)),
    st.tuples(st.just("turn"), st.integers(0, 2)),
)
FAULTS = (
    st.tuples(st.just("evict"), st.integers(0, 200)),
    st.sampled_from([("flush",), ("snapshot",), ("rollback",)]),
)
REST = st.just(("rest",))


@pytest.fixture(scope="module", params=["valkey_server", "redis8_server"])
def server(request: pytest.FixtureRequest) -> Iterator[Valkey | Redis8]:
    """A server with the documented users, under which all is played; it refused nothing."""
    found: Valkey | Redis8 = request.getfixturevalue(request.param)
    with redis.Redis.from_url(found.url) as admin:
        admin.function_flush()
        add_users(admin)
        with redis.Redis.from_url(url_as(found, INSTALLER), password=PASSWORD.reveal()) as installer:
            installer.function_load(library())
        try:
            yield found
            assert admin.acl_log() == []
        finally:
            remove_users(admin)


def run(server: Valkey, tell: Callable[[World], Awaitable[None]]) -> None:
    async def go() -> None:
        async with open_redis(url_as(server, WORKER), PASSWORD) as connection:
            books = Books()
            budgets = RedisBudgets(connection, books, MemoryClock())
            await tell(World(admin=admin, budgets=budgets, books=books, began_ms=now_ms(admin)))

    with redis.Redis.from_url(server.url) as admin:
        admin.flushall()
        asyncio.run(go())


def play(server: Valkey, operations: Sequence[Operation]) -> None:
    async def tell(world: World) -> None:
        for operation in operations:
            await world.play(operation)
        await world.end()

    run(server, tell)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(*ORDINARY, *ORDINARY, REST), min_size=5, max_size=50))
@example([("reserve", 0, 300, 100), ("reserve", 0, 200, 100), ("reserve", 0, 1, 1)])
@example([("reserve", 0, 300, 100)] * 4)
@example([("reserve", which % 2, 1, 100) for which in range(12)])
@example([("reserve", 0, 400, 100), ("reserve", 0, 400, 100), ("turn", 2), ("reserve", 0, 400, 9), ("turn", 2)])
@example([("reserve", 0, 100, 50), ("turn", 2), ("advance", 0), ("turn", 2), ("advance", 0), ("advance", 0)])
@example([("reserve", 0, 100, 50), ("estimate", 0), ("again", 0), ("advance", 0), ("again", 0)])
@example([("reserve", 0, 100, 50), ("advance", 0), ("again", 0), ("advance", 0), ("advance", 0), ("adjust", 0)])
@example([("reserve", 0, 100, 50), ("void", 0), ("again", 0), ("reserve", 1, 100, 50), ("void", 1)])
@example([("reserve", 0, 100, 50), ("beat", 0), ("beat", 0), ("rest",), ("beat", 0), ("advance", 0)])
@example([("reserve", 0, 100, 50), ("die", 0), ("reserve", 1, 100, 50), ("die untold", 1)])
@example([("reserve", 0, 100, 50), ("beat", 0), ("reserve", 0, 100, 50), ("beat", 1), ("void", 0)])
def test_without_faults_every_counter_is_known_exactly_after_every_step(
    server: Valkey, operations: list[Operation]
) -> None:
    play(server, operations)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(*ORDINARY, *ORDINARY, *FAULTS, REST), min_size=5, max_size=50))
@example([("reserve", 0, 100, 50), ("evict", 0), ("reserve", 0, 100, 50), ("advance", 0)])
@example([("reserve", 0, 100, 50), ("advance", 0), ("evict", 0), ("reserve", 0, 1, 1), ("advance", 0)])
@example([("reserve", 0, 100, 50), ("advance", 0), ("advance", 0), ("evict", 0), ("reserve", 0, 1, 1), ("again", 0)])
@example([("reserve", 0, 100, 50), ("estimate", 0), ("flush",), ("reserve", 0, 5, 1), ("advance", 0), ("rest",)])
@example([("reserve", 0, 100, 50), ("snapshot",), ("advance", 0), ("rollback",), ("rest",)])
@example([("reserve", 0, 300, 50), ("snapshot",), ("void", 0), ("rollback",), ("rest",)])
@example([("reserve", 0, 100, 50), ("turn", 2), ("advance", 0), ("advance", 0), ("evict", 0), ("advance", 0)])
def test_counters_equal_the_ledger_and_nothing_that_fits_is_refused_for_long_after_any_fault(
    server: Valkey, operations: list[Operation]
) -> None:
    play(server, operations)


@pytest.mark.parametrize("index", range(14))
def test_any_single_key_may_be_evicted_at_any_step(server: Valkey, index: int) -> None:
    """Not drawn at random: each key that Redis has, before each step of two exchanges."""
    story: list[Operation] = [
        *(("reserve", 0, 100, 50), ("reserve", 0, 90, 100), ("estimate", 1)),
        *(("advance", 0), ("turn", 1), ("advance", 0), ("advance", 1), ("advance", 0)),
    ]
    for at in range(1, len(story)):
        play(server, [*story[:at], ("evict", index), *story[at:], ("rest",)])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.lists(st.integers(1, 90), min_size=10, max_size=200))
def test_a_bucket_never_gives_more_than_it_holds_and_what_flowed_in_meanwhile(
    server: Valkey, requests: int, tokens: int, asked: list[int]
) -> None:
    """In any interval: between each two grants, not only since the beginning."""

    async def tell(world: World) -> None:
        grants: list[tuple[float, float, int]] = []
        for number, amount in enumerate(asked):
            bucket = Bucket("k", LimitId("rate"), requests * 60, tokens * 60, None, tokens=amount)
            claim = Claim(ExchangeId(f"x{number}"), "acme", (), (bucket,), 60.0)
            before_s = _seconds(world.admin.time())
            answer = await world.budgets.reserve(lambda _, claim=claim: claim)
            if isinstance(answer, Reservation):
                # Half of every other one comes back, twice said.
                used = amount - amount // 2 * (number % 2)
                for _ in range(2):
                    await world.budgets.settle(Settlement(claim.reservation, "acme", (), ("k",), used, Rank.DELIVERY))
                grants.append((before_s, _seconds(world.admin.time()), used))
        for first in range(len(grants)):
            for last in range(first, len(grants)):
                spent_s = grants[last][1] - grants[first][0] + 0.002
                within = grants[first : last + 1]
                assert len(within) <= requests * (60 + spent_s)
                most = max(tokens * 60, *(amount for *_, amount in within))
                assert sum(amount for *_, amount in within) <= most + tokens * spent_s

    run(server, tell)


def _seconds(time: tuple[int, int]) -> float:
    return time[0] + time[1] / 1e6
