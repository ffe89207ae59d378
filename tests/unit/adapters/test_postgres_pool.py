"""The rule that nobody waits for Postgres longer than they meant to."""

import asyncio

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from extproc.adapters.postgres_pool import ask, check_dsn, open_pool
from extproc.model.keys import KeyProblem
from extproc.model.refusals import Unavailable
from tests.servers import Postgres, eventually


async def answer() -> int:
    return 7


async def fail(error: Exception) -> int:
    raise error


async def test_an_answer_in_time_is_given_as_it_is() -> None:
    assert await ask(60, answer()) == 7


async def test_a_wait_ends_at_its_limit_and_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    with pytest.raises(Unavailable, match=r"postgres unavailable: no answer in 0\.05 s"):
        await ask(0.05, asyncio.sleep(60))
    assert asyncio.all_tasks() == before


async def test_work_that_resists_cancellation_is_left_after_a_moment() -> None:
    let_go = asyncio.Event()

    async def stubborn() -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    try:
        async with asyncio.timeout(60):  # the work itself would never end
            with pytest.raises(Unavailable):
                await ask(0.05, stubborn())
    finally:
        let_go.set()
    await eventually(lambda: len(asyncio.all_tasks()) == 1, "the end of what was left")


async def test_whoever_gives_up_asking_takes_the_question_back() -> None:
    before = asyncio.all_tasks()
    asking = asyncio.create_task(ask(60, asyncio.sleep(60)))
    await eventually(lambda: len(asyncio.all_tasks() - before) == 2, "the question")
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (psycopg.errors.UndefinedTable("x"), "run `extproc migrate`"),
        (psycopg.errors.UndefinedColumn("x"), "run `extproc migrate`"),
        (psycopg.OperationalError("password hunter2"), "OperationalError"),
        (psycopg.InterfaceError("password hunter2"), "InterfaceError"),
        (psycopg.InternalError("password hunter2"), "InternalError"),
        (PoolTimeout("password hunter2"), "no connection"),
    ],
)
async def test_every_failure_of_postgres_is_unavailable_and_repeats_nothing_it_said(
    error: Exception, reason: str
) -> None:
    with pytest.raises(Unavailable) as told:
        await ask(60, fail(error))
    assert reason in str(told.value)
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("error", [KeyProblem("no"), psycopg.IntegrityError("no"), ZeroDivisionError()])
async def test_what_is_no_outage_is_passed_on(error: Exception) -> None:
    with pytest.raises(type(error)):
        await ask(60, fail(error))


@pytest.mark.parametrize("dsn", ["postgresql://[", "nonsense", "host=a badly=b"])
async def test_a_dsn_that_no_server_could_mean_is_refused_before_anything_is_tried(dsn: str) -> None:
    for attempt in (lambda: check_dsn(f"{dsn} password=hunter2"), lambda: open_pool(dsn).__aenter__()):
        with pytest.raises(Unavailable, match="the DSN is not") as told:
            await (attempt() or answer())
        assert "hunter2" not in str(told.value)
        assert told.value.__cause__ is None


async def test_a_pool_is_usable_at_once_and_holds_no_more_connections_than_told(postgres_dsn: str) -> None:
    async with open_pool(postgres_dsn, most_connections=2, most_waiting=64) as pool:

        async def hold() -> int:
            async with pool.connection() as connection:
                row = await (await connection.execute("select pg_backend_pid() from pg_sleep(0.02)")).fetchone()
                assert row is not None
                return int(row[0])

        backends = await asyncio.gather(*(ask(60, hold()) for _ in range(20)))
        assert 1 <= len(set(backends)) <= 2


async def test_who_comes_when_the_queue_is_full_is_told_so_at_once(postgres_dsn: str) -> None:
    async with open_pool(postgres_dsn, most_connections=1, most_waiting=1) as pool:
        async with pool.connection():
            waiting = asyncio.create_task(pool.getconn())
            await eventually(lambda: pool.get_stats()["requests_waiting"] == 1, "the queue")
            with pytest.raises(Unavailable, match="TooManyRequests"):
                await ask(60, pool.getconn())
        await pool.putconn(await waiting)


async def test_a_postgres_that_is_not_there_keeps_nobody_from_opening_or_closing_a_pool() -> None:
    async with asyncio.timeout(60), open_pool("postgresql:///x?host=/nowhere") as pool:
        with pytest.raises(Unavailable, match=r"no answer in 0\.1 s"):
            await ask(0.1, pool.getconn())


async def test_after_a_restart_of_postgres_the_first_asker_gets_an_answer(own_postgres: Postgres) -> None:
    async with open_pool(own_postgres.dsn(), most_connections=1) as pool:

        async def one() -> None:
            async with pool.connection() as connection:
                await connection.execute("select 1")

        await ask(60, one())
        own_postgres.stop()
        own_postgres.start()
        await ask(60, one())
