"""Rows reach Postgres or the disk without anybody waiting for either."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import psycopg

from extproc.adapters.ledger_spool import LedgerSpool, SpoolTrouble
from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_ledger import PostgresLedger
from extproc.adapters.postgres_pool import open_pool
from extproc.model.ledger import LedgerRow
from tests.contracts.test_ledger import row
from tests.servers import Postgres, eventually

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@contextlib.asynccontextmanager
async def running(ledger: PostgresLedger) -> AsyncIterator[None]:
    task = asyncio.create_task(ledger.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=20)


def written(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn) as connection:
        return dict(connection.execute("select exchange, micro_usd from ledger").fetchall())


def used(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        found = connection.execute("select amount from ledger_totals where part = 'org'").fetchone()
        return 0 if found is None else found[0]


class BrokenSpool(LedgerSpool):
    """A disk that takes nothing while it is told to."""

    is_broken = False

    def write(self, rows: Sequence[LedgerRow]) -> None:
        if self.is_broken:
            raise SpoolTrouble("told to")
        super().write(rows)


async def test_rows_arrive_in_batches_and_the_listener_hears_of_them_as_they_are(
    postgres_dsn: str, tmp_path: Path
) -> None:
    heard: list[LedgerRow] = []
    batches: list[int] = []

    def on_committed(rows: Sequence[LedgerRow]) -> None:
        heard.extend(rows)
        batches.append(len(rows))

    async with open_pool(postgres_dsn) as pool:
        ledger = PostgresLedger(LedgerTables(pool), LedgerSpool(tmp_path), on_committed, patience_s=5)
        async with running(ledger):
            for index in range(700):
                ledger.append(row(f"x{index % 350}", amount=index))
            assert await ledger.flush(20)
        assert {each.exchange: each.micro_usd for each in heard} == written(postgres_dsn)
        assert written(postgres_dsn) == {f"x{index}": index + 350 for index in range(350)}
        assert len(batches) < 20
        assert ledger.unwritten == 0
        assert (await ledger.baselines("acme", ["org"]))["org"].used == used(postgres_dsn)


async def test_while_postgres_is_away_rows_are_safe_on_the_disk_and_arrive_once_when_it_is_back(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    dsn = own_postgres.dsn("migrated")
    async with open_pool(dsn) as pool:
        ledger = PostgresLedger(LedgerTables(pool, limit_s=1.0), LedgerSpool(tmp_path))
        async with running(ledger):
            ledger.append(row("before", amount=1))
            assert await ledger.flush(10)
            await eventually(lambda: ledger.unwritten == 0, "the first row")
            own_postgres.stop()
            for index in range(50):
                ledger.append(row(f"during{index}", amount=1))
            assert await ledger.flush(10)
            assert ledger.unwritten == 50
            assert not ledger.is_full
            own_postgres.start()
            await eventually(lambda: ledger.unwritten == 0, "the replay", 30)
        assert len(written(dsn)) == used(dsn) == 51
    assert not list(tmp_path.glob("*.rows"))


async def test_a_postgres_that_hangs_keeps_no_row_waiting(own_postgres: Postgres, tmp_path: Path) -> None:
    dsn = own_postgres.dsn("migrated")
    async with open_pool(dsn) as pool:
        ledger = PostgresLedger(LedgerTables(pool, limit_s=1.0), LedgerSpool(tmp_path))
        async with running(ledger):
            own_postgres.pause()
            for index in range(20):
                ledger.append(row(f"x{index}", amount=1))
                assert await ledger.flush(1.0), index
            own_postgres.resume()
            await eventually(lambda: ledger.unwritten == 0, "the replay", 30)
        assert len(written(dsn)) == used(dsn) == 20


async def test_rows_go_to_postgres_when_the_disk_takes_nothing(postgres_dsn: str, tmp_path: Path) -> None:
    spool = BrokenSpool(tmp_path)
    spool.is_broken = True
    async with open_pool(postgres_dsn) as pool:
        ledger = PostgresLedger(LedgerTables(pool), spool, patience_s=0.0)
        async with running(ledger):
            for index in range(30):
                ledger.append(row(f"x{index}", amount=1))
            assert await ledger.flush(20)
        assert len(written(postgres_dsn)) == used(postgres_dsn) == 30


async def test_with_neither_postgres_nor_disk_it_is_full_and_what_it_holds_stays(tmp_path: Path) -> None:
    spool = BrokenSpool(tmp_path)
    spool.is_broken = True
    async with open_pool(NOWHERE) as pool:
        ledger = PostgresLedger(LedgerTables(pool, limit_s=0.2), spool, most_queued=100)
        async with running(ledger):
            ledger.append(row("x"))
            assert not await ledger.flush(0.5)
            await eventually(lambda: ledger.is_full, "being full")
            for index in range(200):
                ledger.append(row(f"x{index}"))
            assert ledger.unwritten == 100
            assert ledger.lost == 101
            spool.is_broken = False
            assert await ledger.flush(20)
            assert ledger.unwritten == 100
            assert not ledger.is_full


async def test_a_spool_that_is_nearly_full_lets_nothing_new_in(tmp_path: Path) -> None:
    async with open_pool(NOWHERE) as pool:
        ledger = PostgresLedger(LedgerTables(pool, limit_s=0.2), LedgerSpool(tmp_path, most_bytes=20_000))
        async with running(ledger):
            assert not ledger.is_full
            while not ledger.is_full:
                ledger.append(row(f"x{ledger.unwritten}"))
                assert await ledger.flush(10)
        assert ledger.lost == 0


async def test_stopping_leaves_nothing_in_memory_and_the_next_one_brings_what_is_on_the_disk(
    tmp_path: Path, postgres_dsn: str
) -> None:
    for name, dsn in (("away", NOWHERE), ("there", postgres_dsn)):
        spool = LedgerSpool(tmp_path)
        async with open_pool(dsn) as pool:
            ledger = PostgresLedger(LedgerTables(pool, limit_s=0.5), spool, every_s=60)
            async with running(ledger):
                for index in range(5):
                    ledger.append(row(f"{name}{index}", amount=1))
                await asyncio.sleep(0)
            assert await ledger.flush(0)
        spool.close()
    assert set(written(postgres_dsn)) == {f"there{index}" for index in range(5)}
    async with open_pool(postgres_dsn) as pool, running(PostgresLedger(LedgerTables(pool), LedgerSpool(tmp_path))):
        await eventually(lambda: used(postgres_dsn) == 10, "the heir's replay")
    assert len(written(postgres_dsn)) == 10


async def test_a_row_that_postgres_will_never_take_holds_up_no_other(postgres_dsn: str, tmp_path: Path) -> None:
    async with open_pool(postgres_dsn) as pool:
        ledger = PostgresLedger(LedgerTables(pool), LedgerSpool(tmp_path), patience_s=5)
        async with running(ledger):
            for index in range(20):
                ledger.append(row(f"x{index}", amount=1, model="odd \0" if index == 7 else "fine"))
            assert await ledger.flush(20)
        assert set(written(postgres_dsn)) == {f"x{index}" for index in range(20)} - {"x7"}
    assert b'"x7"' in next(tmp_path.glob("*.refused")).read_bytes()


async def test_a_row_that_can_be_written_nowhere_is_left_out_and_told_of(postgres_dsn: str, tmp_path: Path) -> None:
    async with open_pool(postgres_dsn) as pool:
        ledger = PostgresLedger(LedgerTables(pool), LedgerSpool(tmp_path))
        async with running(ledger):
            ledger.append(row("odd", ended_at_s=float("nan")))
            ledger.append(row("fine"))
            assert await ledger.flush(10)
        assert (set(written(postgres_dsn)), ledger.lost) == ({"fine"}, 1)


async def test_a_listener_that_fails_stops_nothing(postgres_dsn: str, tmp_path: Path) -> None:
    def on_committed(rows: Sequence[LedgerRow]) -> None:
        raise RuntimeError

    async with open_pool(postgres_dsn) as pool:
        ledger = PostgresLedger(LedgerTables(pool), LedgerSpool(tmp_path), on_committed, patience_s=5)
        async with running(ledger):
            ledger.append(row("x"))
            assert await ledger.flush(10)
            assert ledger.unwritten == 0
        assert set(written(postgres_dsn)) == {"x"}


async def test_it_tells_how_many_rows_are_not_in_postgres_yet(postgres_dsn: str, tmp_path: Path) -> None:
    async with open_pool(postgres_dsn) as pool:
        tables = LedgerTables(pool)
        spool = LedgerSpool(tmp_path)
        async with running(PostgresLedger(tables, spool)):
            found = ()
            while not found:
                found = await tables.writers()
                await asyncio.sleep(0.01)
            assert [(each.id, each.unwritten) for each in found] == [(spool.writer, 0)]
        assert await tables.writers() == ()
