"""Whatever Redis does, a call is right or Unavailable in time; after repair the counters are the ledger (F07, F08)."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis as blocking
import trustme
from redis.asyncio import Redis

from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_client import open_redis
from extproc.model.ids import ExchangeId
from extproc.model.limits import (
    Baseline,
    Charge,
    Claim,
    Counter,
    Denied,
    LimitId,
    Rank,
    Reservation,
    Settlement,
    Unit,
)
from extproc.model.refusals import Unavailable
from tests.servers import Valkey, wait_until
from tests.tcp_proxy import Proxy, run_proxy

ORG = "acme"
PARTS = ("org", "key")
LIMIT = 1_000_000
PATIENT_S = 30.0
DEADLINE_S = 0.5
"""What a busy machine may add to a deadline."""


@dataclass(slots=True)
class Books:
    """A ledger."""

    rows: dict[ExchangeId, int] = field(default_factory=dict)

    async def baselines(self, organisation: str, parts: Sequence[str]) -> dict[str, Baseline]:
        return {part: Baseline(sum(self.rows.values()), tuple(self.rows.items())) for part in parts}


def claim(rid: str, amount: int = 100, *, starts_at_s: float = 0.0, ends_at_s: float = 4e9) -> Claim:
    counters = (
        Counter(part, (part,), Unit.MICRO_USD, LIMIT, True, amount, starts_at_s, ends_at_s, LimitId(part))
        for part in PARTS
    )
    return Claim(ExchangeId(rid), ORG, tuple(counters), (), 60.0)


def bill(rid: str, amount: int) -> Settlement:
    return Settlement(ExchangeId(rid), ORG, tuple(Charge(part, amount) for part in PARTS), (), 0, Rank.DELIVERY)


@dataclass(slots=True)
class World:
    """Budgets behind a proxy, and a way around it."""

    server: Valkey
    proxy: Proxy
    redis: Redis
    budgets: RedisBudgets
    books: Books

    def wait_at_most(self, deadline_s: float) -> None:
        """For each call from now on."""
        functions = self.budgets.functions
        functions._deadline_s = functions.lanes._deadline_s = deadline_s

    def admin(self) -> blocking.Redis:
        return blocking.Redis.from_url(self.server.url)

    async def one(self, number: int) -> str:
        """A whole exchange, whose row reaches the ledger whatever happens: what became of its calls."""
        rid = f"x{number}"
        try:
            answer = await self.budgets.reserve(lambda _: claim(rid))
        except Unavailable:
            return "unavailable"
        assert isinstance(answer, Reservation)
        amount = 1 + number % 130
        self.books.rows[ExchangeId(rid)] = amount
        try:
            await self.budgets.settle(bill(rid, amount))
        except Unavailable:
            return "unsettled"
        return "served"

    async def repair(self) -> None:
        """As the ledger confirms its rows, and holds run out."""
        for rid, amount in self.books.rows.items():
            await self.budgets.settle(bill(rid, amount))
        for rid in [key.decode() for key in await self.redis.hkeys(f"b:{{{ORG}}}:p") if key != b"#"]:
            await self.budgets.void(ORG, ExchangeId(rid))
        # Whoever asks next loads what is cold.
        await self.budgets.reserve(lambda _: claim("last", 0))
        await self.budgets.void(ORG, ExchangeId("last"))

    async def check(self) -> None:
        await self.repair()
        assert await self.budgets.show(ORG, PARTS) == [(sum(self.books.rows.values()), 0)] * 2


@pytest.fixture
async def world(own_valkey: Valkey) -> AsyncIterator[World]:
    async with run_proxy(own_valkey.socket) as proxy, open_redis(proxy.url) as redis:
        books = Books()
        budgets = RedisBudgets(redis, books, MemoryClock(), deadline_s=PATIENT_S)
        await budgets.install()
        yield World(own_valkey, proxy, redis, budgets, books)


async def test_answers_that_are_cut_in_the_middle_are_asked_for_again_and_charge_once(world: World) -> None:
    for number in range(30):
        world.proxy.cuts = number % 2
        assert await world.one(number) == "served"
    assert world.proxy.cut_count == 15
    assert await world.budgets.show(ORG, PARTS) == [(sum(world.books.rows.values()), 0)] * 2


async def test_connections_that_break_all_the_time_lose_and_double_nothing(world: World) -> None:
    world.proxy.cuts = 15
    ends = [end for n in range(10) for end in await asyncio.gather(*(world.one(10 * n + k) for k in range(10)))]
    assert {"served", "unavailable"} <= set(ends)
    world.proxy.cuts = 0
    await world.check()


async def test_a_redis_that_takes_a_second_is_unavailable_in_half_of_one(world: World) -> None:
    # The proxy's second and the caller's half of one are counted by the same loop: if it stands still, both wait.
    world.proxy.slow_s = 1.0
    world.wait_at_most(DEADLINE_S)
    assert set(await asyncio.gather(*(world.one(number) for number in range(40)))) == {"unavailable"}
    world.proxy.slow_s = 0.0
    world.wait_at_most(PATIENT_S)
    assert await world.one(100) == "served"
    await world.check()


async def test_a_redis_that_swallows_answers_is_unavailable_and_charges_once(world: World) -> None:
    assert await world.one(1) == "served"
    world.proxy.is_silent = True
    world.books.rows[ExchangeId("silent")] = 50
    world.wait_at_most(DEADLINE_S)
    with pytest.raises(Unavailable):
        await world.budgets.settle(bill("silent", 50))
    world.proxy.is_silent = False
    world.wait_at_most(PATIENT_S)
    await world.check()


async def test_five_hundred_at_once_share_a_few_round_trips_and_none_takes_waiting_for_an_outage(world: World) -> None:
    await world.one(1_000)
    before = world.budgets.functions.lanes.round_trips
    assert set(await asyncio.gather(*(world.one(number) for number in range(500)))) == {"served"}
    # A thousand calls. Answers of one round trip may come in pieces, whose callers come back one after another.
    assert world.budgets.functions.lanes.round_trips - before <= 100
    with world.admin() as admin:
        assert admin.info("clients")["connected_clients"] <= 16 + 1
    await world.check()


async def test_answers_never_reach_another_caller_than_who_asked(world: World) -> None:
    """Half of the callers give up while their answer is on its way; the others must not get it."""
    await world.budgets.reserve(lambda _: claim("warm", 0))
    draw = random.Random(8)  # noqa: S311 - of a test

    async def ask(number: int) -> None:
        organisation = f"o{number}"
        asked = Claim(ExchangeId("x"), organisation, claim("x", number + 1).counters, (), 60.0)
        try:
            async with asyncio.timeout(draw.choice((0.003, 0.01, 10.0))):
                await world.budgets.reserve(lambda _: asked)
                found = await world.budgets.show(organisation, PARTS)
        except (TimeoutError, Unavailable):
            return
        assert found == [(0, number + 1)] * 2

    await asyncio.gather(*(ask(number) for number in range(300)))


async def test_a_replica_that_may_not_be_written_is_unavailable(world: World) -> None:
    with world.admin() as admin:
        admin.replicaof("127.0.0.1", 1)
        assert await world.one(1) == "unavailable"
        admin.replicaof("NO", "ONE")
    assert await world.one(2) == "served"
    await world.check()


async def test_a_redis_that_loads_an_old_file_is_unavailable_and_then_right(world: World) -> None:
    assert await world.one(1) == "served"
    with world.admin() as admin:
        admin.mset({f"filler:{number}": "x" for number in range(3_000)})
        admin.save()
    assert await world.one(2) == "served"
    world.server.kill()
    # Nine seconds, unless it is told to hurry.
    world.server.start("--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024", is_awaited=False)
    wait_until(lambda: _is_loading(world), "loading")
    assert await world.one(3) == "unavailable"
    with world.admin() as admin:
        admin.config_set("key-load-delay", 0)
    wait_until(world.server.answers, "Valkey answering")
    assert await world.one(4) == "served"
    await world.check()


def _is_loading(world: World) -> bool:
    try:
        with world.admin() as admin:
            admin.ping()
    except blocking.BusyLoadingError:
        return True
    except blocking.ConnectionError:
        return False
    return False


async def test_a_full_redis_is_unavailable_and_then_right(world: World) -> None:
    assert await world.one(1) == "served"
    with world.admin() as admin:
        admin.config_set("maxmemory", 1)
        assert await world.one(2) == "unavailable"
        world.books.rows[ExchangeId("late")] = 70
        with pytest.raises(Unavailable):
            await world.budgets.settle(bill("late", 70))
        admin.config_set("maxmemory", 0)
    assert await world.one(3) == "served"
    await world.check()


async def test_functions_that_vanish_come_back_for_all_callers_at_once(world: World) -> None:
    with world.admin() as admin:
        for round_ in range(3):
            admin.function_flush()
            assert set(await asyncio.gather(*(world.one(100 * round_ + n) for n in range(50)))) <= {
                "served",
                "unavailable",
            }
    assert await world.one(1_000) == "served"
    await world.check()


@pytest.mark.parametrize("evicted", range(7))
async def test_any_single_key_may_be_evicted(world: World, evicted: int) -> None:
    for number in range(3):
        await world.one(number)
    await world.budgets.reserve(lambda _: claim("held"))
    keys = sorted(await world.redis.keys(f"b:{{{ORG}}}:*"))
    assert len(keys) == 7
    await world.redis.delete(keys[evicted])
    await world.one(10)
    for rid, amount in world.books.rows.items():
        await world.budgets.settle(bill(rid, amount))
    # The hold runs out, whether or not its deadline was lost.
    await world.redis.zadd(f"b:{{{ORG}}}:x", {"held": 1}, xx=True)
    async with asyncio.timeout(60):
        while any(found is None or found[1] for found in await world.budgets.show(ORG, PARTS)):
            await world.budgets.tidy(ORG, hold_s=0.0)
    # A mark that is gone is the one loss that needs the ledger's word: what it marked is charged again.
    for part in PARTS:
        await world.budgets.recount(ORG, part, sum(world.books.rows.values()))
    await world.check()


@pytest.mark.parametrize("now_s", [0.0, 1e9, 4e9])
async def test_a_workers_clock_may_be_wrong_by_decades(world: World, now_s: float) -> None:
    world.budgets._clock = MemoryClock(now_s)

    def claim_at(moment_s: float) -> Claim:
        return claim("x", starts_at_s=moment_s // 60 * 60, ends_at_s=moment_s // 60 * 60 + 60)

    assert isinstance(await world.budgets.reserve(claim_at), Reservation)


async def test_a_window_that_is_never_the_servers_is_not_granted(world: World) -> None:
    with pytest.raises(Unavailable):
        await world.budgets.reserve(lambda _: claim("x", starts_at_s=0.0, ends_at_s=1.0))
    assert await world.budgets.show(ORG, PARTS) == [None, None]


async def test_over_tls_the_servers_certificate_is_checked(own_valkey: Valkey, tmp_path: Path) -> None:
    ca = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(tls)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    async with run_proxy(own_valkey.socket, tls) as proxy:
        async with open_redis(proxy.url, ca_file=tmp_path / "ca.pem") as redis:
            budgets = RedisBudgets(redis, Books(), MemoryClock())
            assert isinstance(await budgets.reserve(lambda _: claim("x")), Reservation)
        for ca_file in (tmp_path / "other.pem", None):
            async with open_redis(proxy.url, ca_file=ca_file) as redis:
                budgets = RedisBudgets(redis, Books(), MemoryClock())
                with pytest.raises(Unavailable):
                    await budgets.reserve(lambda _: claim("y"))


async def test_a_storm_of_cancelled_requests_holds_nothing_in_the_end(world: World) -> None:
    async def reserve_and_cancel(number: int) -> None:
        answer = await world.budgets.reserve(lambda _: claim(f"x{number}", 1_000))
        if not isinstance(answer, Denied):
            await world.budgets.void(ORG, ExchangeId(f"x{number}"))

    await asyncio.gather(*(reserve_and_cancel(number) for number in range(2_000)))
    assert await world.budgets.show(ORG, PARTS) == [(0, 0)] * 2
