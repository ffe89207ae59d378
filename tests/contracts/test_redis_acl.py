"""The users of docs/redis.md are enough for everything and nothing else: on Valkey 8, Redis 8, and 7 where it is."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
import redis as blocking
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_money import MemoryLedger
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.adapters.redis_cache import CacheCaps, RedisCache
from extproc.adapters.redis_cache_store import CacheTimes, RedisCacheStore
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_counters import RedisCounters
from extproc.adapters.redis_functions import VERSION, BudgetFunctions, library
from extproc.adapters.redis_health import RedisHealth, read_states
from extproc.adapters.redis_invalidations import RedisInvalidations
from extproc.adapters.redis_replay import Replayer
from extproc.adapters.redis_tally import RedisTally
from extproc.model.catalog import Catalog
from extproc.model.ids import ExchangeId, KeyId
from extproc.model.keys import KeyChange
from extproc.model.ledger import Adjustment
from extproc.model.limits import (
    Alert,
    Baseline,
    Bucket,
    Charge,
    Claim,
    Counter,
    LimitId,
    Rank,
    Reservation,
    Settlement,
    Unit,
)
from extproc.model.refusals import Unavailable
from extproc.operations.ledger import State, reconcile, repair
from tests.cache_entries import PARTITION, make_entry
from tests.redis_servers import Clustered
from tests.redis_users import INSTALLER, PASSWORD, RECONCILER, WORKER, add_users, remove_users, url_as
from tests.servers import Redis8, Valkey, short_directory, wait_until

ORG = "acme"


class DebianRedis(Valkey):
    """The ``redis-server`` of this machine."""

    def start(self, *options: str, is_awaited: bool = True) -> None:
        program = shutil.which("redis-server")
        assert program is not None
        self.spawn(
            *(program, "--port", "0", "--unixsocket", self.socket, "--dir", self.directory),
            *("--save", "", "--appendonly", "no", "--daemonize", "no", *options),
        )
        if is_awaited:
            wait_until(self._answers, "redis-server answering")


@pytest.fixture(scope="module")
def debian_redis() -> Iterator[Valkey]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine")
    with short_directory() as directory:
        server = DebianRedis(directory)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(params=["valkey_server", "redis8_server", "debian_redis"])
def served(request: pytest.FixtureRequest) -> Iterator[Valkey]:
    """A server with every user."""
    server: Valkey | Redis8 = request.getfixturevalue(request.param)
    with blocking.Redis.from_url(server.url) as admin:
        admin.flushall()
        admin.function_flush()
        add_users(admin)
        try:
            yield server
        finally:
            remove_users(admin)


@pytest.fixture
async def installer(served: Valkey) -> AsyncIterator[Redis]:
    async with open_redis(url_as(served, INSTALLER), PASSWORD) as redis:
        yield redis


@pytest.fixture
async def worker(served: Valkey) -> AsyncIterator[Redis]:
    async with open_redis(url_as(served, WORKER), PASSWORD) as redis:
        yield redis


@pytest.fixture
async def reconciler(served: Valkey) -> AsyncIterator[Redis]:
    async with open_redis(url_as(served, RECONCILER), PASSWORD) as redis:
        yield redis


class Books:
    """A ledger with one row."""

    async def baselines(self, organisation: str, parts: Sequence[str]) -> dict[str, Baseline]:
        return {part: Baseline(5, ((ExchangeId("old"), 5),)) for part in parts}

    async def recent(self, since_s: float) -> list[Settlement]:
        return [Settlement(ExchangeId("old"), ORG, (Charge("c", 5),), (), 0, Rank.DELIVERY)]


def claim(rid: str) -> Claim:
    counter = Counter("c", ("c",), Unit.MICRO_USD, 100, True, 10, 0.0, 4e9, LimitId("b"))
    return Claim(ExchangeId(rid), ORG, (counter,), (Bucket("k", LimitId("r"), 60, 600, 4, tokens=9),), 60.0)


async def play_budgets(budgets: RedisBudgets) -> None:
    for rid in ("x", "y", "z"):
        assert isinstance(await budgets.reserve(lambda _, rid=rid: claim(rid)), Reservation)
    alerts = (Alert(LimitId("b"), "c", 10, (80, 100), Unit.MICRO_USD),)
    told = Settlement(ExchangeId("x"), ORG, (Charge("c", 7),), ("k",), 3, Rank.DELIVERY, alerts)
    assert (await budgets.settle(told)).crossed
    for _ in range(2):
        await budgets.void(ORG, ExchangeId("y"))
    await budgets.functions.do("DEL", f"b:{{{ORG}}}:x")
    assert await budgets.tidy(ORG) == 0
    assert await budgets.extend(ORG, [ExchangeId("z")], 0.001) == 1
    async with asyncio.timeout(60):
        while not await budgets.tidy(ORG):
            await asyncio.sleep(0.005)
    assert await budgets.recount(ORG, "c", 12) == ((12, 0), (12, 0))
    assert await budgets.show(ORG, ["c"]) == [(12, 0)]
    await budgets.renew(ORG)


async def play_cache(worker: Redis) -> None:
    entry = make_entry("a")
    store = RedisCacheStore(worker, CacheTimes(20.0, 20.0, 0.0))
    cache = RedisCache(store, MemoryClock(), CacheCaps())
    assert await cache.begin(PARTITION, entry.id, 60.0)
    await cache.give_up(PARTITION, entry.id)
    for each in (entry, make_entry("b")):
        await cache.put(each, max_entries=1)
    while await cache.feed.step():
        pass
    assert await cache.get(PARTITION, make_entry("b").id) is not None
    assert [(name, count) for name, count, _ in await cache.count(None)] == [("acme", 1)]
    assert await cache.purge("acme", owner="k1:u1", partition=None) == 1
    await store.remove(PARTITION, entry.id)


async def test_everything_works_under_the_workers_user_once_the_functions_are_there(
    served: Valkey, installer: Redis, worker: Redis
) -> None:
    assert await BudgetFunctions(installer).install()
    budgets = RedisBudgets(worker, Books(), MemoryClock())
    assert not await budgets.install()
    await play_budgets(budgets)
    assert await Replayer(budgets, Books(), lambda: [ORG], list, MemoryClock()).look()

    health = RedisHealth(worker, MemoryClock(), lambda: Catalog("1", {}, {}, {}), random.random, lambda _: None)
    await health.sync()
    assert await read_states(worker) == {}

    tally = RedisTally(worker)
    tally._pending["answered"] = 1
    await tally._flush()
    assert sum((await tally.read()).values()) == 1

    word = RedisInvalidations(worker)
    change = KeyChange(1, KeyId("k"), None)
    async with asyncio.timeout(60), word.subscribe() as changes:
        await word.publish(change)
        assert await anext(changes) == change

    await play_cache(worker)

    with blocking.Redis.from_url(served.url) as admin:
        assert admin.acl_log() == []


async def test_the_users_are_enough_on_a_cluster(cluster: Clustered) -> None:
    admins = [node.client() for node in cluster.nodes]
    for admin in admins:
        admin.flushall()
        admin.function_flush()
    add_users(*admins)
    try:
        async with open_redis(cluster.url.replace("//", "//extproc-installer@"), PASSWORD) as installer:
            assert await BudgetFunctions(installer).install()
        async with open_redis(cluster.url.replace("//", "//extproc-worker@"), PASSWORD) as worker:
            budgets = RedisBudgets(worker, Books(), MemoryClock())
            assert not await budgets.install()
            await play_budgets(budgets)
            assert await Replayer(budgets, Books(), lambda: [ORG], list, MemoryClock()).look()
            await play_cache(worker)
        for admin in admins:
            assert admin.acl_log() == []
    finally:
        remove_users(*admins)
        for admin in admins:
            admin.close()


@pytest.mark.parametrize(
    "command",
    [
        "SET other 1",
        "GET other",
        "DEL other",
        "HGETALL other",
        "KEYS *",
        "SCAN 0",
        "FLUSHALL",
        "FLUSHDB",
        "FUNCTION FLUSH",
        "FUNCTION DELETE extproc_budget",
        "CONFIG GET *",
        "ACL LIST",
        "PUBLISH other x",
        "EVAL return(1) 0",
        "FCALL extproc_budget_show 1 other: c",
        "SORT other",
        "SHUTDOWN NOSAVE",
        "REPLICAOF NO ONE",
    ],
)
async def test_the_workers_user_may_do_nothing_else(installer: Redis, worker: Redis, command: str) -> None:
    await BudgetFunctions(installer).install()
    with pytest.raises(NoPermissionError):
        async with asyncio.timeout(60):
            await worker.execute_command(*command.split(" "))


async def test_reconciling_and_repairing_is_done_with_its_own_user(
    served: Valkey, installer: Redis, worker: Redis, reconciler: Redis
) -> None:
    await BudgetFunctions(installer).install()
    book = MemoryLedger()
    for part, amount in (("c", 7), ("cold", 3)):
        await book.adjust(
            Adjustment(f"adj_{part}-00000000", ORG, part, Unit.MICRO_USD, amount, "a test", "ada", "grace")
        )
    at_work = RedisBudgets(worker, book, MemoryClock())
    for rid in ("x", "y"):
        assert isinstance(await at_work.reserve(lambda _, rid=rid: claim(rid)), Reservation)
    with blocking.Redis.from_url(served.url) as admin:
        admin.hset(f"b:{{{ORG}}}:c:c", "u", 500)
        budgets = RedisBudgets(reconciler, book, MemoryClock())
        counters = RedisCounters(reconciler, budgets)
        found = await reconcile(book, counters, asyncio.sleep, pause_s=0.0)
        assert [(each.part, each.redis, each.state) for each in found.differences] == [("c", 500, State.DIFFERS)]
        assert (await repair(found, book, book, counters, budgets)).is_even
        assert admin.acl_log() == []
    assert await at_work.show(ORG, ["c"]) == [(7, 20)]


@pytest.mark.parametrize(
    "command",
    [
        "GET other",
        "GET extproc:budgets:told",
        "HGETALL other",
        "FLUSHALL",
        "FUNCTION FLUSH",
        "FUNCTION DELETE extproc_budget",
        "PUBLISH extproc:x y",
        "KEYS *",
        "CONFIG GET *",
        "EVAL return(1) 0",
        "ACL LIST",
        "SHUTDOWN NOSAVE",
    ],
)
async def test_the_reconcilers_user_may_do_nothing_else(installer: Redis, reconciler: Redis, command: str) -> None:
    await BudgetFunctions(installer).install()
    with pytest.raises(NoPermissionError):
        async with asyncio.timeout(60):
            await reconciler.execute_command(*command.split(" "))


@pytest.mark.parametrize(
    "command", ["GET b:{acme}:p", "FCALL extproc_budget_show 1 b:{acme}: c", "FLUSHALL", "FUNCTION FLUSH", "INFO"]
)
async def test_the_installer_may_touch_no_key(installer: Redis, command: str) -> None:
    await BudgetFunctions(installer).install()
    with pytest.raises(NoPermissionError):
        async with asyncio.timeout(60):
            await installer.execute_command(*command.split(" "))


async def test_a_worker_that_may_not_install_says_that_redis_is_unavailable(worker: Redis) -> None:
    budgets = RedisBudgets(worker, Books(), MemoryClock())
    for _ in range(2):
        with pytest.raises(Unavailable):
            await budgets.reserve(lambda _: claim("x"))


async def test_older_functions_are_replaced_newer_ones_kept_and_two_at_once_are_safe(
    installer: Redis, worker: Redis
) -> None:
    older = library().replace(f"-- Version {VERSION}.", f"-- Version {VERSION - 1}.")
    await installer.execute_command("FUNCTION LOAD", "REPLACE", older)
    answers = await asyncio.gather(*(BudgetFunctions(installer).install() for _ in range(2)))
    assert any(answers)
    budgets = RedisBudgets(worker, Books(), MemoryClock())
    assert not await budgets.install()
    await play_budgets(budgets)
    newer = library().replace(f"-- Version {VERSION}.", f"-- Version {VERSION + 1}.")
    await installer.execute_command("FUNCTION LOAD", "REPLACE", newer)
    assert not await BudgetFunctions(installer).install()
    (listed,) = await installer.execute_command("FUNCTION LIST", "WITHCODE")
    assert f"-- Version {VERSION + 1}." in str(listed)
