"""Months, retention and what is asked of the ledger's tables; what merging promises is in tests/contracts."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime

import psycopg
import pytest

from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_pool import open_pool
from extproc.model.ids import ExchangeId
from extproc.model.ledger import LedgerRow
from extproc.model.refusals import Unavailable
from tests.contracts.test_ledger import row


@pytest.fixture
async def tables(postgres_dsn: str) -> AsyncIterator[LedgerTables]:
    async with open_pool(postgres_dsn) as pool:
        yield LedgerTables(pool)


def at(month: date, exchange: str, amount: int = 5) -> LedgerRow:
    began = datetime(month.year, month.month, 15, tzinfo=UTC).timestamp()
    return row(exchange, amount=amount, started_at_s=began, ended_at_s=began + 1)


def month_from_now(count: int) -> date:
    today = datetime.now(UTC).date()
    years, index = divmod(today.year * 12 + today.month - 1 + count, 12)
    return date(years, index + 1, 1)


def where(dsn: str) -> dict[str, str]:
    with psycopg.connect(dsn) as connection:
        return dict(connection.execute("select exchange, tableoid::regclass::text from ledger").fetchall())


def partitions(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        query = "select inhrelid::regclass::text from pg_inherits where inhparent = 'ledger'::regclass order by 1"
        return [name for (name,) in connection.execute(query)]


def name(month: date) -> str:
    return f"ledger_{month:%Y_%m}"


async def test_the_first_write_makes_this_month_and_the_next_two(tables: LedgerTables, postgres_dsn: str) -> None:
    assert partitions(postgres_dsn) == ["ledger_default"]
    await tables.write([at(month_from_now(0), "now")])
    expected = [name(month_from_now(count)) for count in range(3)]
    assert partitions(postgres_dsn) == sorted([*expected, "ledger_default"])
    assert where(postgres_dsn) == {"now": expected[0]}


async def test_a_row_of_a_month_without_a_partition_is_kept_and_moves_when_there_is_one(
    tables: LedgerTables, postgres_dsn: str
) -> None:
    past, future = month_from_now(-9), month_from_now(9)
    await tables.write([at(past, "late"), at(future, "early", 7)])
    assert where(postgres_dsn) == {"late": "ledger_default", "early": "ledger_default"}
    with psycopg.connect(postgres_dsn, autocommit=True) as owner:
        assert owner.execute("select ledger_add_month(%s)", (future,)).fetchone() == (True,)
    assert where(postgres_dsn) == {"late": "ledger_default", "early": name(future)}
    # Moved rows are rows as before: they are merged, kept, and counted once.
    (merged,) = await tables.write([at(future, "early", 9)])
    assert merged.micro_usd == 9
    assert (await tables.baselines("acme", ["org"]))["org"].used == 5 + 9
    with psycopg.connect(postgres_dsn, autocommit=True) as owner, pytest.raises(psycopg.errors.RaiseException):
        owner.execute("delete from ledger")


async def test_a_month_that_cannot_be_made_now_holds_nobody_up(tables: LedgerTables, postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as reader:
        reader.execute("select count(*) from ledger")
        await tables.write([at(month_from_now(0), "x")])
        assert where(postgres_dsn) == {"x": "ledger_default"}
    await tables.write([at(month_from_now(0), "y")])
    assert where(postgres_dsn) == dict.fromkeys(("x", "y"), name(month_from_now(0)))


async def test_retention_drops_whole_months_and_counters_nobody_charged_since(
    tables: LedgerTables, postgres_dsn: str
) -> None:
    old, kept = month_from_now(-5), month_from_now(0)
    await tables.write([at(old, "old"), at(kept, "kept")])
    with psycopg.connect(postgres_dsn, autocommit=True) as owner:
        owner.execute("select ledger_add_month(%s)", (old,))
        owner.execute("insert into ledger_totals values ('acme', 'year', 3, %s)", (old,))
        owner.execute("insert into ledger_totals values ('acme', 'stale', 3, now() - interval '401 days')")
    assert await tables.months() == (old, kept)
    assert await tables.retain(kept) == (name(old), "ledger_totals: 1 counters")
    assert await tables.months() == (kept,)
    assert await tables.counted("acme", ["year", "stale", "org"]) == {"year": 3, "org": 10}
    await tables.write([at(old, "again")])
    assert await tables.retain(kept) == ("ledger_default: 1 rows",)
    assert where(postgres_dsn) == {"kept": name(kept)}


async def test_writers_are_told_of_until_they_have_left_nothing(tables: LedgerTables) -> None:
    await tables.tell_writer("w1", 3)
    await tables.tell_writer("w1", 2)
    (found,) = await tables.writers()
    assert (found.id, found.unwritten) == ("w1", 2)
    assert 0 <= found.silent_s < 60
    await tables.forget_writer("w1")
    assert await tables.writers() == ()


async def test_billed_rows_are_found_by_request_id_and_by_time(tables: LedgerTables) -> None:
    rows = [
        replace(at(month_from_now(0), f"x{index}"), dialect=dialect, provider_request_id=request)
        for index, (dialect, request) in enumerate(
            [("openai", "r0"), ("openai", ""), ("azure", "r2"), ("openai", "r3")]
        )
    ]
    await tables.write(rows)
    assert [each.exchange for each in await tables.billed("openai", ["r3"], 0, 1)] == [ExchangeId("x3")]
    found = await tables.billed("openai", [], rows[0].started_at_s, rows[0].started_at_s + 1)
    assert {each.provider_request_id for each in found} == {"r0", "r3"}


async def test_a_database_without_the_schema_is_unavailable_and_says_what_to_do(empty_postgres_dsn: str) -> None:
    async with open_pool(empty_postgres_dsn) as pool:
        for asked in (LedgerTables(pool).write([row()]), LedgerTables(pool).writers()):
            with pytest.raises(Unavailable, match="extproc migrate"):
                await asked
